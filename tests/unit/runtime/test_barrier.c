/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/barrier.h"
#include "server/runtime/system_clock.h"
#include "tests/lib/test.h"
#include "tests/unit/runtime/runtime_world.h"

enum {
    LOOPS = 3,
    CUSTOMER_SHARD = 3,
};

/* A loop that stands still until it is let go. */
struct holder {
    struct runtime_task task;
    sem_t held;
    sem_t go;
};

static void holder_run(struct runtime_task *task, struct moment now)
{
    struct holder *holder = CONTAINER_OF(task, struct holder, task);
    (void)now;
    sem_post(&holder->held);
    sem_wait(&holder->go);
}

struct erasing {
    struct runtime_call call;
    struct runtime_barrier barrier;
    struct runtime_barrier_stop stops[LOOPS];
    sem_t decided;
    sem_t passed;
    int64_t total; /* that the last loop ranks by */
    unsigned loop; /* the last */
};

static void erasing_passed(struct runtime_barrier *barrier)
{
    struct erasing *erasing = CONTAINER_OF(barrier, struct erasing, barrier);
    struct runtime *runtime = erasing->call.world->runtime;
    for (unsigned loop = 0; loop < LOOPS; loop++) {
        if (runtime_on_loop(runtime, loop)) {
            erasing->loop = loop;
            erasing->total = degree_table_total(
                runtime_degrees(runtime, loop, RECOMMEND_DEGREES_SESSIONS));
        }
    }
    sem_post(&erasing->passed);
}

static void erasing_done(struct shard_call *call)
{
    struct erasing *erasing = CONTAINER_OF(call, struct erasing, call.call);
    runtime_barrier_start(erasing->call.world->runtime, &erasing->barrier, erasing->stops,
                          erasing_passed);
    sem_post(&erasing->decided);
}

static void propose(struct runtime_world *world, struct runtime_call *call,
                    const struct customer_command *command)
{
    EXPECT_OK(command_encode_customer(command, &call->arena, &call->command));
    EXPECT_OK(runtime_submit(world->runtime, &call->call));
}

static void record(struct runtime_world *world)
{
    struct customer_event event = {
        .event_id = slice_from_string("e-1"),
        .customer = {9, 9},
        .kind = CUSTOMER_EVENT_PURCHASE,
        .sku_hash = 42,
        .sku_id = slice_from_string("A"),
        .occurred_ms = system_clock_wall_ms(),
    };
    const struct customer_command command = {
        .kind = CUSTOMER_RECORD, .record = {.events = &event, .event_count = 1}};
    struct runtime_call call;
    runtime_call_init(world, &call);
    runtime_call_location(&call, CUSTOMER_SHARD, 1); /* for its `done` */
    propose(world, &call, &command);
    runtime_call_wait(&call);
    EXPECT_EQ(call.outcome.customer.stored, 1);
    runtime_call_close(&call);
}

TEST(barrier, lets_nobody_through_before_every_loop_ranks_without_the_erased)
{
    static struct runtime_world world;
    struct holder holder = {.task.run = holder_run};
    static struct erasing erasing;
    runtime_world_open(&world, LOOPS, 2, true);
    runtime_world_start(&world);
    record(&world);
    sem_init(&holder.held, 0, 0);
    sem_init(&holder.go, 0, 0);
    sem_init(&erasing.decided, 0, 0);
    sem_init(&erasing.passed, 0, 0);
    runtime_post(world.runtime, 0, &holder.task);
    sem_wait(&holder.held);
    struct customer_command command = {.kind = CUSTOMER_ERASE,
                                       .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                                                    .anchor = 9,
                                                    .request_id = {1, 1},
                                                    .request_ms = system_clock_wall_ms()},
                                       .erase = {.customer = {9, 9}}};
    runtime_call_init(&world, &erasing.call);
    runtime_call_location(&erasing.call, CUSTOMER_SHARD, 1);
    erasing.call.call.done = erasing_done;
    propose(&world, &erasing.call, &command);
    sem_wait(&erasing.decided);
    EXPECT_EQ(erasing.call.outcome.customer.erased.events, 1);
    runtime_world_settle(&world, 1);
    runtime_world_settle(&world, 2);
    EXPECT(sem_trywait(&erasing.passed) != 0);
    sem_post(&holder.go);
    sem_wait(&erasing.passed);
    EXPECT_EQ(erasing.loop, 0);
    EXPECT_EQ(erasing.total, 0);
    runtime_world_stop(&world);
    runtime_call_close(&erasing.call);
    runtime_world_close(&world);
}
