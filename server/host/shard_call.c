/* SPDX-License-Identifier: Apache-2.0 */
#include "server/host/shard_call.h"

enum {
    /* What a call costs beside its commands: the structs and the answer. */
    SHARD_CALL_FIXED_BYTES = 512,
};

void shard_call_init_propose(struct shard_call *call, uint64_t shard_id,
                             const struct slice *commands, size_t command_count,
                             struct replica_outcome *outcomes)
{
    memset(call, 0, sizeof *call);
    list_init(&call->link);
    call->shard_id = shard_id;
    call->kind = SHARD_CALL_PROPOSE;
    call->commands = commands;
    call->command_count = command_count;
    call->outcomes = outcomes;
}

void shard_call_init_read(struct shard_call *call, uint64_t shard_id,
                          const struct replica_query *query,
                          struct replica_answer *answer)
{
    memset(call, 0, sizeof *call);
    list_init(&call->link);
    call->shard_id = shard_id;
    call->kind = SHARD_CALL_READ;
    call->query = query;
    call->answer = answer;
}

void shard_call_init_transfer(struct shard_call *call, uint64_t shard_id,
                              uint64_t replica_id)
{
    memset(call, 0, sizeof *call);
    list_init(&call->link);
    call->shard_id = shard_id;
    call->kind = SHARD_CALL_TRANSFER;
    call->transfer_to = replica_id;
}

size_t shard_call_bytes(const struct shard_call *call)
{
    size_t bytes = SHARD_CALL_FIXED_BYTES;
    for (size_t i = 0; call->kind == SHARD_CALL_PROPOSE && i < call->command_count; i++) {
        bytes += call->commands[i].size;
    }
    return bytes;
}
