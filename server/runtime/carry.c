/* SPDX-License-Identifier: Apache-2.0 */
/* What shards of this node tell each other: proposed where it goes, nobody waits. */
#include "server/runtime/carry.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

struct carried {
    struct shard_call call;
    struct slice command; /* behind the struct */
    struct replica_outcome outcome;
};

static void carry_done(struct shard_call *call)
{
    free(CONTAINER_OF(call, struct carried, call));
}

void runtime_carry(struct runtime *runtime, uint64_t shard_id, struct slice command)
{
    struct carried *carried = memory_zalloc(sizeof *carried + command.size);
    memcpy(carried + 1, command.data, command.size);
    carried->command = slice_of(carried + 1, command.size);
    shard_call_init_propose(&carried->call, shard_id, &carried->command, 1,
                            &carried->outcome);
    carried->call.done = carry_done;
    /* A full queue, or the end: whoever tells it tells it again. */
    if (runtime_submit(runtime, &carried->call) != STATUS_OK) {
        free(carried);
    }
}
