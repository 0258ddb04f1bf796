/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/answer_memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

struct answer_memory {
    struct runtime *runtime;
    uint64_t key;
    unsigned loop_count;
    struct answer_ring rings[];
};

/* What each loop may keep of a limit of the node; the first ones take the rest. */
static uint64_t answer_share(int64_t limit, unsigned loops, unsigned loop)
{
    return (uint64_t)limit / loops + (loop < (uint64_t)limit % loops);
}

struct answer_memory *answer_memory_new(struct runtime *runtime,
                                        const struct settings *settings, uint64_t key)
{
    unsigned loops = runtime_loop_count(runtime);
    struct answer_memory *memory =
        memory_zalloc(sizeof *memory + loops * sizeof memory->rings[0]);
    ASSERT(loops <= ANSWER_LOOPS_MAX);
    memory->runtime = runtime;
    memory->key = key;
    memory->loop_count = loops;
    for (unsigned i = 0; i < loops; i++) {
        const struct answer_ring_options options = {
            .answers_max = answer_share(settings->answers_kept, loops, i),
            .bytes_max = answer_share(settings->answers_kept_max_bytes, loops, i),
            .key = key,
            .loop = i};
        answer_ring_init(&memory->rings[i], &options);
    }
    return memory;
}

void answer_memory_free(struct answer_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    for (unsigned i = 0; i < memory->loop_count; i++) {
        answer_ring_close(&memory->rings[i]);
    }
    free(memory);
}

struct answer_ring *answer_memory_ring(struct answer_memory *memory, unsigned loop)
{
    ASSERT(loop < memory->loop_count);
    return &memory->rings[loop];
}

bool answer_memory_loop(const struct answer_memory *memory, const struct answer_id *id,
                        unsigned *out_loop)
{
    *out_loop = answer_id_loop(id, memory->key);
    return *out_loop < memory->loop_count;
}

/* --- Forgetting -------------------------------------------------------------------- */

struct answer_forget;

struct answer_forget_part {
    struct answer_forget *whole;
    struct runtime_task task;
};

/* Freed by the last loop. */
struct answer_forget {
    struct answer_memory *memory;
    struct hash128 actor;
    answer_forgotten *done;
    void *user;
    atomic_uint open;
    struct answer_forget_part parts[];
};

static void answer_forget_run(struct runtime_task *task, struct moment now)
{
    struct answer_forget_part *part = CONTAINER_OF(task, struct answer_forget_part, task);
    struct answer_forget *whole = part->whole;
    size_t loop = (size_t)(part - whole->parts);
    answer_ring_forget(&whole->memory->rings[loop], whole->actor, now.monotonic_us);
    if (atomic_fetch_sub_explicit(&whole->open, 1, memory_order_acq_rel) == 1) {
        if (whole->done != NULL) {
            whole->done(whole->user, now);
        }
        free(whole);
    }
}

void answer_memory_forget(struct answer_memory *memory, struct hash128 actor,
                          answer_forgotten *done, void *user)
{
    struct answer_forget *whole =
        memory_zalloc(sizeof *whole + memory->loop_count * sizeof whole->parts[0]);
    unsigned loops = memory->loop_count;
    whole->memory = memory;
    whole->actor = actor;
    whole->done = done;
    whole->user = user;
    atomic_init(&whole->open, loops);
    for (unsigned i = 0; i < loops; i++) {
        whole->parts[i].whole = whole;
        whole->parts[i].task.run = answer_forget_run;
        runtime_post(memory->runtime, i, &whole->parts[i].task);
    }
}
