/* SPDX-License-Identifier: Apache-2.0 */
#include "server/host/call_bytes.h"

#include "server/host/call_bytes_private.h"
#include "shard/base/assert.h"

WIRE_KNOWS(replica_query, 272);
WIRE_KNOWS(replica_status, 1352);
WIRE_KNOWS(replica_stamp, 32);
WIRE_KNOWS(raft_follower, 40);
WIRE_KNOWS(raft_members, 400);

enum {
    CURRENCY_BYTES = 3,
    ROLE_LAST = 15, /* of enum raft_role: judged by who shows it */
};

/* By name, so that a table that grows in the middle says the same. */
void wire_status(struct wire *wire, enum status *status)
{
    struct slice name = {0};
    char text[64];
    if (wire_writes(wire)) {
        name = slice_from_string(status_name(*status));
    }
    wire_slice(wire, &name);
    if (wire_writes(wire)) {
        return;
    }
    *status = STATUS_INTERNAL;
    if (name.size == 0 || name.size >= sizeof text) {
        wire_fail(wire);
        return;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    if (!status_from_name(text, status)) {
        wire_fail(wire);
    }
}

void wire_currency(struct wire *wire, char currency[4])
{
    struct slice text = {0};
    if (wire_writes(wire)) {
        text = slice_from_string(currency);
    }
    wire_slice(wire, &text);
    if (wire_writes(wire)) {
        return;
    }
    if (text.size > CURRENCY_BYTES) {
        wire_fail(wire);
        return;
    }
    memset(currency, 0, CURRENCY_BYTES + 1);
    if (text.size > 0) {
        memcpy(currency, text.data, text.size);
    }
}

static void wire_stamp(struct wire *wire, struct replica_stamp *stamp)
{
    wire_u64(wire, &stamp->shard_id);
    wire_u64(wire, &stamp->range_epoch);
    wire_u64(wire, &stamp->log_index);
    wire_i64(wire, &stamp->log_time_ms);
}

static void wire_members(struct wire *wire, struct raft_members *members)
{
    wire_u64(wire, &members->version);
    wire_u32(wire, &members->count);
    if (members->count > RAFT_MEMBERS_MAX) {
        wire_fail(wire);
        members->count = 0;
    }
    for (uint32_t i = 0; i < members->count; i++) {
        wire_u64(wire, &members->member[i].replica_id);
        wire_u64(wire, &members->member[i].node_id);
        WIRE_ENUM(wire, members->member[i].role, raft_member_role, RAFT_VOTER);
    }
}

static void wire_followers(struct wire *wire, struct replica_status *status)
{
    wire_u32(wire, &status->follower_count);
    if (status->follower_count > RAFT_MEMBERS_MAX) {
        wire_fail(wire);
        status->follower_count = 0;
    }
    for (uint32_t i = 0; i < status->follower_count; i++) {
        struct raft_follower *follower = &status->followers[i];
        wire_u64(wire, &follower->replica_id);
        wire_bool(wire, &follower->voter);
        wire_bool(wire, &follower->active);
        WIRE_ENUM(wire, follower->state, raft_progress_state, RAFT_SNAPSHOT_NEEDED);
        wire_u64(wire, &follower->match);
        wire_u64(wire, &follower->next);
        wire_u32(wire, &follower->in_flight);
    }
}

void wire_status_answer(struct wire *wire, struct replica_status *status)
{
    wire_u64(wire, &status->shard_id);
    WIRE_ENUM(wire, status->kind, replica_kind, REPLICA_DIRECTORY);
    wire_u64(wire, &status->last_index);
    wire_u64(wire, &status->durable_index);
    wire_u64(wire, &status->commit_index);
    wire_u64(wire, &status->applied_index);
    wire_u64(wire, &status->flushed_index);
    wire_i64(wire, &status->log_time_ms);
    wire_u64(wire, &status->dirty_bytes);
    wire_u64(wire, &status->commands_applied);
    wire_u64(wire, &status->commands_replayed);
    WIRE_ENUM(wire, status->role, raft_role, ROLE_LAST);
    wire_u64(wire, &status->term);
    wire_u64(wire, &status->replica_id);
    wire_u64(wire, &status->leader_replica_id);
    wire_u32(wire, &status->feature_level);
    wire_bool(wire, &status->installing);
    wire_status(wire, &status->failed);
    wire_u64(wire, &status->messages_dropped);
    wire_members(wire, &status->members);
    wire_u64(wire, &status->members_applied);
    wire_followers(wire, status);
    wire_u64(wire, &status->directory_version);
    wire_u64(wire, &status->evidence_bytes);
    if (status->kind == REPLICA_SKU) {
        wire_inventory_counters(wire, &status->inventory);
    } else if (status->kind == REPLICA_CUSTOMER) {
        wire_customer_counters(wire, &status->customer);
    }
    wire_u64(wire, &status->evidence.sessions);
    wire_u64(wire, &status->evidence.waiting);
    wire_u64(wire, &status->evidence.items);
    wire_u64(wire, &status->evidence.postings);
    wire_u64(wire, &status->evidence.memory_bytes);
}

/* --- Questions and answers ----------------------------------------------------------- */

static void wire_query(struct wire *wire, struct replica_query *query)
{
    WIRE_ENUM(wire, query->kind, replica_query_kind, REPLICA_QUERY_DIGEST);
    wire_bool(wire, &query->at_leader);
    switch (query->kind) {
    case REPLICA_QUERY_STATUS:
        break;
    case REPLICA_QUERY_INVENTORY:
        wire_inventory_query(wire, &query->inventory);
        break;
    case REPLICA_QUERY_PROFILE:
    case REPLICA_QUERY_CONTEXT:
    case REPLICA_QUERY_HISTORY:
        wire_customer_query(wire, &query->customer);
        break;
    case REPLICA_QUERY_SEARCH:
    case REPLICA_QUERY_SKU_SEARCH:
    case REPLICA_QUERY_TOKENS:
        wire_search(wire, query);
        break;
    case REPLICA_QUERY_DIGEST:
        wire_u64(wire, &query->digest_index);
        break;
    case REPLICA_QUERY_DIRECTORY:
    default:
        wire_fail(wire);
        break;
    }
}

static void wire_answer_of(struct wire *wire, const struct replica_query *query,
                           struct replica_answer *answer)
{
    switch (query->kind) {
    case REPLICA_QUERY_STATUS:
        wire_status_answer(wire, &answer->replica);
        break;
    case REPLICA_QUERY_INVENTORY:
        wire_inventory_answer(wire, &answer->inventory);
        break;
    case REPLICA_QUERY_PROFILE:
        wire_customer_profile(wire, &answer->profile);
        break;
    case REPLICA_QUERY_CONTEXT:
        wire_customer_context(wire, &answer->context);
        wire_customer_actions(wire, &answer->actions);
        break;
    case REPLICA_QUERY_HISTORY:
        wire_customer_history(wire, &answer->history);
        break;
    case REPLICA_QUERY_SEARCH:
    case REPLICA_QUERY_SKU_SEARCH:
    case REPLICA_QUERY_TOKENS:
        wire_found(wire, query, answer);
        break;
    case REPLICA_QUERY_DIGEST:
        wire_fixed(wire, &answer->digest);
        break;
    case REPLICA_QUERY_DIRECTORY:
    default:
        wire_fail(wire);
        break;
    }
}

/* Of INVENTORY the answer is there whatever its status, of others when it is OK. */
static void wire_answer(struct wire *wire, const struct replica_query *query,
                        struct replica_answer *answer)
{
    bool has;
    wire_status(wire, &answer->status);
    has = answer->status == STATUS_OK || query->kind == REPLICA_QUERY_INVENTORY;
    if (has) {
        wire_answer_of(wire, query, answer);
    }
}

static void wire_outcome(struct wire *wire, struct replica_outcome *outcome)
{
    wire_status(wire, &outcome->status);
    WIRE_ENUM(wire, outcome->kind, replica_kind, REPLICA_DIRECTORY);
    switch (outcome->kind) {
    case REPLICA_SKU:
        wire_inventory_outcome(wire, &outcome->inventory);
        break;
    case REPLICA_CUSTOMER:
        wire_customer_outcome(wire, &outcome->customer);
        break;
    case REPLICA_DIRECTORY:
        wire_status(wire, &outcome->directory.status);
        wire_u64(wire, &outcome->directory.node_id);
        wire_u64(wire, &outcome->directory.replica_id);
        wire_slice(wire, &outcome->directory.bytes);
        break;
    default:
        wire_fail(wire);
        break;
    }
}

/* --- Requests ------------------------------------------------------------------------ */

bool call_bytes_can_go(const struct shard_call *call)
{
    return call->kind == SHARD_CALL_PROPOSE || call->kind == SHARD_CALL_TRANSFER ||
           (call->kind == SHARD_CALL_READ &&
            call->query->kind != REPLICA_QUERY_DIRECTORY);
}

void call_encode_request(const struct shard_call *call, uint64_t now_us,
                         struct buffer *out)
{
    struct wire wire = {.out = out};
    uint64_t left_us = 0;
    if (call->deadline_us != 0) {
        left_us = call->deadline_us > now_us ? call->deadline_us - now_us : 1;
    }
    encode_u8(out, CALL_BYTES_VERSION);
    encode_varint(out, call->shard_id);
    encode_varint(out, call->kind);
    encode_varint(out, left_us);
    switch (call->kind) {
    case SHARD_CALL_PROPOSE:
        encode_varint(out, call->command_count);
        for (size_t i = 0; i < call->command_count; i++) {
            encode_bytes(out, call->commands[i]);
        }
        break;
    case SHARD_CALL_READ: {
        struct replica_query query = *call->query;
        wire_query(&wire, &query);
        break;
    }
    case SHARD_CALL_TRANSFER:
        encode_varint(out, call->transfer_to);
        break;
    }
}

static enum status decode_commands(struct wire *wire, struct shard_call *call)
{
    uint64_t count = wire_count(wire, 0);
    if (wire->in->failed || count == 0 || count > CALL_COMMANDS_MAX) {
        return STATUS_CHECKSUM;
    }
    struct slice *commands = arena_alloc(wire->arena, count * sizeof *commands);
    struct replica_outcome *outcomes = arena_alloc(wire->arena, count * sizeof *outcomes);
    if (commands == NULL || outcomes == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint64_t i = 0; i < count; i++) {
        commands[i] = read_bytes(wire->in);
    }
    shard_call_init_propose(call, call->shard_id, commands, (size_t)count, outcomes);
    return STATUS_OK;
}

static enum status decode_query(struct wire *wire, struct shard_call *call)
{
    struct replica_query *query = arena_zalloc(wire->arena, sizeof *query);
    struct replica_answer *answer = arena_zalloc(wire->arena, sizeof *answer);
    if (query == NULL || answer == NULL) {
        return STATUS_TOO_LARGE;
    }
    wire_query(wire, query);
    shard_call_init_read(call, call->shard_id, query, answer);
    return STATUS_OK;
}

static enum status decode_body(struct wire *wire, uint64_t kind, struct shard_call *call)
{
    switch (kind) {
    case SHARD_CALL_PROPOSE:
        return decode_commands(wire, call);
    case SHARD_CALL_READ:
        return decode_query(wire, call);
    case SHARD_CALL_TRANSFER:
        shard_call_init_transfer(call, call->shard_id, read_varint(wire->in));
        return STATUS_OK;
    default:
        return STATUS_VERSION;
    }
}

enum status call_decode_request(struct slice bytes, uint64_t now_us,
                                struct shard_call *call)
{
    struct arena *arena = call->arena;
    struct slice copy = arena_slice(arena, bytes);
    struct reader reader;
    struct wire wire = {.in = &reader, .arena = arena};
    if (copy.size != bytes.size) {
        return STATUS_TOO_LARGE;
    }
    reader_init(&reader, copy);
    uint8_t version = read_u8(&reader);
    if (!reader.failed && version != CALL_BYTES_VERSION) {
        return STATUS_VERSION;
    }
    call->shard_id = read_varint(&reader);
    uint64_t kind = read_varint(&reader);
    uint64_t left_us = read_varint(&reader);
    if (reader.failed) {
        return STATUS_CHECKSUM;
    }
    TRY(decode_body(&wire, kind, call));
    TRY(reader_finish(&reader));
    call->arena = arena;
    call->deadline_us = left_us == 0 ? 0 : now_us + left_us;
    return STATUS_OK;
}

/* --- Answers ------------------------------------------------------------------------- */

static bool answers_read(const struct shard_call *call)
{
    return call->kind == SHARD_CALL_READ &&
           (call->status == STATUS_OK || call->status == call->answer->status);
}

void call_encode_answer(const struct shard_call *call, struct buffer *out)
{
    struct wire wire = {.out = out};
    enum status status = call->status;
    struct replica_stamp stamp = call->stamp;
    bool answered = answers_read(call);
    encode_u8(out, CALL_BYTES_VERSION);
    wire_status(&wire, &status);
    encode_varint(out, call->leader_replica_id);
    encode_varint(out, call->leader_node_id);
    encode_varint(out, call->appended_count);
    encode_varint(out, call->decided_count);
    wire_stamp(&wire, &stamp);
    for (size_t i = 0; i < call->decided_count; i++) {
        wire_outcome(&wire, &call->outcomes[i]);
    }
    wire_bool(&wire, &answered);
    if (answered) {
        wire_answer(&wire, call->query, call->answer);
    }
}

/* Outcomes and answer go straight to the submitter's, which nobody reads before the call
 * is done; the rest is kept until all has been read. */
static enum status decode_results(struct wire *wire, struct shard_call *call,
                                  uint64_t decided)
{
    bool answered = false;
    if (decided > (call->kind == SHARD_CALL_PROPOSE ? call->command_count : 0)) {
        return STATUS_CHECKSUM;
    }
    for (uint64_t i = 0; i < decided && !wire->in->failed; i++) {
        memset(&call->outcomes[i], 0, sizeof call->outcomes[i]);
        wire_outcome(wire, &call->outcomes[i]);
    }
    wire_bool(wire, &answered);
    if (answered && call->kind != SHARD_CALL_READ) {
        return STATUS_CHECKSUM;
    }
    if (answered) {
        memset(call->answer, 0, sizeof *call->answer);
        wire_answer(wire, call->query, call->answer);
    }
    return reader_finish(wire->in);
}

enum status call_decode_answer(struct slice bytes, struct shard_call *call)
{
    struct slice copy = arena_slice(call->arena, bytes);
    struct reader reader;
    struct wire wire = {.in = &reader, .arena = call->arena};
    enum status status = STATUS_INTERNAL;
    struct replica_stamp stamp = {0};
    if (copy.size != bytes.size) {
        return STATUS_TOO_LARGE;
    }
    reader_init(&reader, copy);
    uint8_t version = read_u8(&reader);
    if (!reader.failed && version != CALL_BYTES_VERSION) {
        return STATUS_VERSION;
    }
    wire_status(&wire, &status);
    uint64_t leader_replica_id = read_varint(&reader);
    uint64_t leader_node_id = read_varint(&reader);
    uint64_t appended = read_varint(&reader);
    uint64_t decided = read_varint(&reader);
    wire_stamp(&wire, &stamp);
    if (reader.failed) {
        return STATUS_CHECKSUM;
    }
    TRY(decode_results(&wire, call, decided));
    call->status = status;
    call->leader_replica_id = leader_replica_id;
    call->leader_node_id = leader_node_id;
    call->appended_count = (size_t)appended;
    call->decided_count = (size_t)decided;
    call->stamp = stamp;
    return STATUS_OK;
}
