/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do the replicas of a shard agree? Each is asked for the hash of its state at one index a
 * little ahead of the log, so that all can answer at the very same one, while the shard
 * works; and in case it rests, the log is led there by entries that change nothing. When an
 * index was passed before a replica was asked, it is asked for a later one.
 *
 * All calls are about one shard, so everything after the first happens on its loop.
 */
#include "server/service/cluster_change.h"
#include "server/service/edge.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/replica/command.h"

enum {
    VERIFY_AHEAD_FIRST = 16, /* entries; times 8 with each round */
    VERIFY_ROUNDS_MAX = 4,
};

struct verify_replica {
    struct verify *verify;
    struct shard_call call;
    struct replica_query query;
    struct replica_answer answer;
    struct raft_member member;
};

struct verify {
    struct edge edge;
    uint64_t shard_id;
    uint64_t index;
    unsigned round;
    unsigned open;          /* calls under way */
    struct shard_call call; /* status, then ticks */
    struct replica_query query;
    struct replica_answer answer;
    struct slice tick;
    struct replica_outcome outcome;
    struct verify_replica replicas[RAFT_MEMBERS_MAX];
    uint32_t count;
};

static void verify_begin(struct verify *verify);

static void verify_submit(struct verify *verify, struct shard_call *call,
                          shard_call_done *done)
{
    call->arena = verify->edge.arena;
    call->deadline_us = verify->edge.deadline_us;
    call->done = done;
    verify->open++;
    enum status status = runtime_submit(verify->edge.service->runtime, call);
    if (status != STATUS_OK) {
        call->status = status;
        done(call);
    }
}

/* --- The end ------------------------------------------------------------------------- */

static Souk__V1__ReplicaDigest *verify_digest(const struct verify_replica *replica,
                                              struct reply *reply)
{
    Souk__V1__ReplicaDigest *digest = reply_alloc(reply, sizeof *digest);
    if (digest == NULL) {
        return NULL;
    }
    souk__v1__replica_digest__init(digest);
    digest->replica_id = replica->member.replica_id;
    digest->node_id = replica->member.node_id;
    if (replica->call.status == STATUS_OK) {
        digest->digest = replica->answer.digest;
    } else {
        digest->reason =
            reply_text(reply, slice_from_string(status_name(replica->call.status)));
    }
    return digest;
}

static void verify_reply(struct verify *verify)
{
    struct reply reply = {.arena = verify->edge.arena};
    Souk__V1__VerifyShardResponse response = SOUK__V1__VERIFY_SHARD_RESPONSE__INIT;
    response.log_index = verify->index;
    response.agree = true;
    response.replicas =
        reply_alloc(&reply, (verify->count + 1) * sizeof *response.replicas);
    for (uint32_t i = 0; i < verify->count && !reply.failed; i++) {
        const struct verify_replica *replica = &verify->replicas[i];
        response.replicas[response.n_replicas++] = verify_digest(replica, &reply);
        response.agree = response.agree && replica->call.status == STATUS_OK &&
                         replica->answer.digest == verify->replicas[0].answer.digest;
    }
    if (reply.failed) {
        edge_fail_memory(&verify->edge);
        return;
    }
    souk__v1__cluster_service__verify_shard__reply(verify->edge.rpc, &response);
}

static void verify_ended(struct verify *verify)
{
    bool passed = false;
    if (--verify->open > 0) {
        return;
    }
    for (uint32_t i = 0; i < verify->count; i++) {
        passed = passed || verify->replicas[i].call.status == STATUS_NOT_FOUND;
    }
    if (passed && ++verify->round < VERIFY_ROUNDS_MAX) {
        verify_begin(verify);
    } else {
        verify_reply(verify);
    }
}

/* --- One round ------------------------------------------------------------------------- */

static void verify_replica_done(struct shard_call *call)
{
    verify_ended(CONTAINER_OF(call, struct verify_replica, call)->verify);
}

static void verify_ticked(struct shard_call *call)
{
    struct verify *verify = CONTAINER_OF(call, struct verify, call);
    if (call->status == STATUS_OK && call->stamp.log_index < verify->index) {
        verify->open--;
        shard_call_init_propose(&verify->call, verify->shard_id, &verify->tick, 1,
                                &verify->outcome);
        verify_submit(verify, &verify->call, verify_ticked);
        return;
    }
    verify_ended(verify);
}

static enum status verify_encode_tick(struct verify *verify, enum replica_kind kind)
{
    const struct inventory_command sku = {.kind = INVENTORY_TICK};
    const struct customer_command customer = {.kind = CUSTOMER_TICK};
    const struct directory_command directory = {.kind = DIRECTORY_TICK};
    struct arena *arena = verify->edge.arena;
    switch (kind) {
    case REPLICA_SKU:
        return command_encode_sku(&sku, arena, &verify->tick);
    case REPLICA_CUSTOMER:
        return command_encode_customer(&customer, arena, &verify->tick);
    case REPLICA_DIRECTORY:
        return command_encode_directory(&directory, arena, &verify->tick);
    }
    return STATUS_INVALID;
}

static void verify_ask(struct verify *verify, const struct raft_members *members)
{
    verify->count = members->count;
    for (uint32_t i = 0; i < members->count; i++) {
        struct verify_replica *replica = &verify->replicas[i];
        replica->verify = verify;
        replica->member = members->member[i];
        replica->query = (struct replica_query){.kind = REPLICA_QUERY_DIGEST,
                                                .digest_index = verify->index};
        shard_call_init_read(&replica->call, verify->shard_id, &replica->query,
                             &replica->answer);
        replica->call.at_node = members->member[i].node_id;
    }
    verify->open = 1; /* so that it does not end while it is being submitted */
    for (uint32_t i = 0; i < members->count; i++) {
        verify_submit(verify, &verify->replicas[i].call, verify_replica_done);
    }
    shard_call_init_propose(&verify->call, verify->shard_id, &verify->tick, 1,
                            &verify->outcome);
    verify_submit(verify, &verify->call, verify_ticked);
    verify_ended(verify);
}

static void verify_known(struct shard_call *call)
{
    struct verify *verify = CONTAINER_OF(call, struct verify, call);
    const struct replica_status *status = &verify->answer.replica;
    uint64_t ahead = VERIFY_AHEAD_FIRST;
    for (unsigned i = 0; i < verify->round; i++) {
        ahead *= 8;
    }
    if (call->status != STATUS_OK) {
        edge_fail_status(&verify->edge, call->status);
        return;
    }
    const struct raft_members members = status->members;
    verify->index = status->last_index + ahead;
    if (verify_encode_tick(verify, status->kind) != STATUS_OK) {
        edge_fail_memory(&verify->edge);
        return;
    }
    verify_ask(verify, &members);
}

static void verify_begin(struct verify *verify)
{
    verify->query =
        (struct replica_query){.kind = REPLICA_QUERY_STATUS, .at_leader = true};
    shard_call_init_read(&verify->call, verify->shard_id, &verify->query,
                         &verify->answer);
    verify_submit(verify, &verify->call, verify_known);
}

void cluster_verify(struct rpc_call *rpc, const Souk__V1__VerifyShardRequest *request,
                    void *context)
{
    struct edge edge;
    struct verify *verify;
    if (!edge_begin(&edge, context, rpc)) {
        return;
    }
    verify = arena_zalloc(edge.arena, sizeof *verify);
    if (verify == NULL) {
        edge_fail_memory(&edge);
        return;
    }
    verify->edge = edge;
    verify->shard_id = request->shard_id;
    verify_begin(verify);
}
