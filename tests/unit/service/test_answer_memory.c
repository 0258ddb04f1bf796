/* SPDX-License-Identifier: Apache-2.0 */
/* Answers remembered on real loops: where an id leads, and that an actor is forgotten
 * everywhere before it is said so. */
#include <semaphore.h>

#include "server/service/answer_memory.h"
#include "shard/base/memory.h"
#include "tests/lib/test.h"
#include "tests/unit/runtime/runtime_world.h"

enum {
    LOOPS = 3,
    ANSWERS = 30,
};

struct memory_world {
    struct runtime_world runtime;
    struct answer_memory *memory;
    sem_t ready;
};

/* What a loop is asked to do. */
struct memory_task {
    struct runtime_task task;
    struct memory_world *world;
    unsigned loop;
    uint64_t who;
    struct answer_id ids[ANSWERS];
    unsigned known;
};

static void memory_give(struct runtime_task *task, struct moment now)
{
    struct memory_task *mine = CONTAINER_OF(task, struct memory_task, task);
    struct answer_ring *ring = answer_memory_ring(mine->world->memory, mine->loop);
    struct rng rng;
    rng_init(&rng, mine->loop + 1);
    for (unsigned i = 0; i < ANSWERS; i++) {
        struct answer_head *head = memory_zalloc(200);
        mine->ids[i] = answer_ring_name(ring, &rng, 1764547200000);
        *head = (struct answer_head){.id = mine->ids[i],
                                     .has_actor = true,
                                     .actor = {mine->who, i % 2},
                                     .start_us = now.monotonic_us,
                                     .bytes = 200};
        answer_ring_put(ring, head);
    }
    sem_post(&mine->world->ready);
}

static void memory_count(struct runtime_task *task, struct moment now)
{
    struct memory_task *mine = CONTAINER_OF(task, struct memory_task, task);
    struct answer_ring *ring = answer_memory_ring(mine->world->memory, mine->loop);
    (void)now;
    mine->known = 0;
    for (unsigned i = 0; i < ANSWERS; i++) {
        mine->known += answer_ring_find(ring, &mine->ids[i]) != NULL;
    }
    sem_post(&mine->world->ready);
}

static void memory_run(struct memory_task *tasks,
                       void (*run)(struct runtime_task *task, struct moment now))
{
    for (unsigned i = 0; i < LOOPS; i++) {
        tasks[i].task.run = run;
        runtime_post(tasks[i].world->runtime.runtime, i, &tasks[i].task);
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        sem_wait(&tasks[i].world->ready);
    }
}

static void memory_done(void *user, struct moment now)
{
    (void)now;
    sem_post(&((struct memory_world *)user)->ready);
}

TEST(answer_memory, forgets_an_actor_on_every_loop_before_it_says_so)
{
    struct memory_world world;
    struct memory_task tasks[LOOPS];
    unsigned loop;
    runtime_world_open(&world.runtime, LOOPS, 1, 1);
    runtime_world_start(&world.runtime);
    sem_init(&world.ready, 0, 0);
    world.memory = answer_memory_new(world.runtime.runtime, &world.runtime.settings, 99);
    for (unsigned i = 0; i < LOOPS; i++) {
        tasks[i] = (struct memory_task){.world = &world, .loop = i, .who = 7};
    }
    memory_run(tasks, memory_give);
    memory_run(tasks, memory_count);
    for (unsigned i = 0; i < LOOPS; i++) {
        EXPECT_EQ(tasks[i].known, ANSWERS);
        for (unsigned k = 0; k < ANSWERS; k++) {
            EXPECT(answer_memory_loop(world.memory, &tasks[i].ids[k], &loop));
            EXPECT_EQ(loop, i);
        }
    }
    answer_memory_forget(world.memory, (struct hash128){7, 1}, memory_done, &world);
    sem_wait(&world.ready);
    memory_run(tasks, memory_count);
    for (unsigned i = 0; i < LOOPS; i++) {
        EXPECT_EQ(tasks[i].known, ANSWERS / 2);
    }
    answer_memory_forget(world.memory, (struct hash128){7, 0}, NULL, NULL);
    memory_run(tasks, memory_count); /* behind it on every loop */
    for (unsigned i = 0; i < LOOPS; i++) {
        EXPECT_EQ(tasks[i].known, 0);
    }
    runtime_world_stop(&world.runtime);
    answer_memory_free(world.memory);
    runtime_world_close(&world.runtime);
    sem_destroy(&world.ready);
}

TEST(answer_memory, shares_its_limits_among_the_loops)
{
    struct memory_world world;
    uint64_t answers = 0, bytes = 0;
    runtime_world_open(&world.runtime, LOOPS, 1, 1);
    world.runtime.settings.answers_kept = 100;
    world.runtime.settings.answers_kept_max_bytes = 1000;
    runtime_world_start(&world.runtime);
    world.memory = answer_memory_new(world.runtime.runtime, &world.runtime.settings, 99);
    for (unsigned i = 0; i < LOOPS; i++) {
        answers += answer_memory_ring(world.memory, i)->options.answers_max;
        bytes += answer_memory_ring(world.memory, i)->options.bytes_max;
    }
    EXPECT_EQ(answers, 100);
    EXPECT_EQ(bytes, 1000);
    runtime_world_stop(&world.runtime);
    answer_memory_free(world.memory);
    runtime_world_close(&world.runtime);
}
