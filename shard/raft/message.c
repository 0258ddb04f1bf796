/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/raft/message.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"

enum {
    MESSAGE_CHECKSUM_AT = 8,
    MESSAGE_COVERED_AT = 16, /* by the checksum; the size in front is checked by use */
    MESSAGE_GROUP_AT = 16,
    MESSAGE_HEADER_BYTES = 56,
    MESSAGE_ENTRY_BYTES = 12, /* before each payload */
};

/* The fields that travel, in their order on the wire. */
enum message_field {
    FIELD_INDEX = 1,
    FIELD_LOG_TERM = 2,
    FIELD_COMMIT = 4,
    FIELD_ROUND = 8,
    FIELD_HINT_INDEX = 16,
    FIELD_HINT_TERM = 32,
    FIELD_WALL = 64,
};

struct message_row {
    const char *name;
    unsigned fields;
    uint32_t flags; /* that it may carry */
};

static const struct message_row message_rows[RAFT_MESSAGE_KIND_END] = {
    [RAFT_PRE_VOTE] = {"PRE_VOTE", FIELD_INDEX | FIELD_LOG_TERM, 0},
    [RAFT_PRE_VOTE_REPLY] = {"PRE_VOTE_REPLY", 0, RAFT_FLAG_GRANTED},
    [RAFT_VOTE] = {"VOTE", FIELD_INDEX | FIELD_LOG_TERM, RAFT_FLAG_TRANSFER},
    [RAFT_VOTE_REPLY] = {"VOTE_REPLY", 0, RAFT_FLAG_GRANTED},
    [RAFT_APPEND] = {"APPEND", FIELD_INDEX | FIELD_LOG_TERM | FIELD_COMMIT | FIELD_ROUND,
                     0},
    [RAFT_APPEND_REPLY] = {"APPEND_REPLY",
                           FIELD_INDEX | FIELD_ROUND | FIELD_HINT_INDEX |
                               FIELD_HINT_TERM | FIELD_WALL,
                           RAFT_FLAG_REJECTED},
    [RAFT_HEARTBEAT] = {"HEARTBEAT", FIELD_COMMIT | FIELD_ROUND, 0},
    [RAFT_HEARTBEAT_REPLY] = {"HEARTBEAT_REPLY",
                              FIELD_INDEX | FIELD_ROUND | FIELD_HINT_INDEX | FIELD_WALL,
                              0},
    [RAFT_SNAPSHOT] = {"SNAPSHOT", FIELD_INDEX | FIELD_LOG_TERM, 0},
    [RAFT_TIMEOUT_NOW] = {"TIMEOUT_NOW", 0, 0},
};

static const struct message_row *message_row(enum raft_message_kind kind)
{
    ASSERT(kind > 0 && kind < RAFT_MESSAGE_KIND_END);
    return &message_rows[kind];
}

const char *raft_message_kind_name(enum raft_message_kind kind)
{
    return message_row(kind)->name;
}

static size_t message_fields_bytes(unsigned fields)
{
    return 8 * (size_t)__builtin_popcount(fields);
}

size_t raft_message_size(const struct raft_message *message)
{
    size_t size =
        MESSAGE_HEADER_BYTES + message_fields_bytes(message_row(message->kind)->fields);
    if (message->kind == RAFT_APPEND) {
        size += 4;
        for (uint32_t i = 0; i < message->entry_count; i++) {
            size += MESSAGE_ENTRY_BYTES + message->entries[i].payload.size;
        }
    } else if (message->kind == RAFT_SNAPSHOT) {
        struct buffer members;
        buffer_init(&members);
        raft_members_encode(message->members, &members);
        size += 4 + members.size + 4 + message->manifest.size;
        buffer_close(&members);
    }
    return size;
}

static uint8_t *message_store_fields(uint8_t *at, const struct raft_message *message,
                                     unsigned fields)
{
    const uint64_t values[] = {message->index,
                               message->log_term,
                               message->commit,
                               message->round,
                               message->hint_index,
                               message->hint_term,
                               (uint64_t)message->wall_ms};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (fields >> i & 1) {
            store_le64(at, values[i]);
            at += 8;
        }
    }
    return at;
}

static const uint8_t *message_load_fields(const uint8_t *at, struct raft_message *message,
                                          unsigned fields)
{
    uint64_t wall = 0;
    uint64_t *const values[] = {&message->index,
                                &message->log_term,
                                &message->commit,
                                &message->round,
                                &message->hint_index,
                                &message->hint_term,
                                &wall};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (fields >> i & 1) {
            *values[i] = load_le64(at);
            at += 8;
        }
    }
    message->wall_ms = (int64_t)wall;
    return at;
}

static uint8_t *message_store_bytes(uint8_t *at, struct slice bytes)
{
    store_le32(at, (uint32_t)bytes.size);
    if (bytes.size > 0) {
        memcpy(at + 4, bytes.data, bytes.size);
    }
    return at + 4 + bytes.size;
}

static uint8_t *message_store_body(uint8_t *at, const struct raft_message *message)
{
    if (message->kind == RAFT_APPEND) {
        store_le32(at, message->entry_count);
        at += 4;
        for (uint32_t i = 0; i < message->entry_count; i++) {
            store_le64(at, message->entries[i].term);
            at = message_store_bytes(at + 8, message->entries[i].payload);
        }
    } else if (message->kind == RAFT_SNAPSHOT) {
        struct buffer members;
        buffer_init(&members);
        raft_members_encode(message->members, &members);
        at = message_store_bytes(at, buffer_slice(&members));
        at = message_store_bytes(at, message->manifest);
        buffer_close(&members);
    }
    return at;
}

void raft_message_encode(const struct raft_message *message, struct buffer *out)
{
    const struct message_row *row = message_row(message->kind);
    size_t size = raft_message_size(message);
    ASSERT(size <= RAFT_MESSAGE_BYTES_MAX);
    uint8_t *start = buffer_extend(out, size);
    start[0] = RAFT_MESSAGE_VERSION;
    start[1] = (uint8_t)message->kind;
    start[2] = (uint8_t)message->flags;
    start[3] = 0;
    store_le32(start + 4, (uint32_t)size);
    store_le64(start + 16, message->group_id);
    store_le64(start + 24, message->from);
    store_le64(start + 32, message->to);
    store_le64(start + 40, message->term);
    store_le64(start + 48, message->members_version);
    uint8_t *at =
        message_store_fields(start + MESSAGE_HEADER_BYTES, message, row->fields);
    at = message_store_body(at, message);
    ASSERT(at == start + size);
    struct slice covered =
        slice_of(start + MESSAGE_COVERED_AT, size - MESSAGE_COVERED_AT);
    store_le64(start + MESSAGE_CHECKSUM_AT, hash64(covered, load_le64(start)));
}

static enum status message_decode_entries(struct reader *reader, struct arena *arena,
                                          struct raft_message *message)
{
    uint32_t count = read_le32(reader);
    if (reader->failed || count > reader_left(reader) / MESSAGE_ENTRY_BYTES) {
        return STATUS_CHECKSUM;
    }
    if (count > RAFT_MESSAGE_ENTRIES_MAX) {
        return STATUS_TOO_LARGE;
    }
    message->entry_count = count;
    if (count == 0) {
        return STATUS_OK;
    }
    struct raft_entry *entries = arena_alloc(arena, count * sizeof *entries);
    if (entries == NULL) {
        return STATUS_TOO_LARGE;
    }
    uint64_t least_term = message->log_term;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_entry *entry = &entries[i];
        entry->index = message->index + 1 + i;
        entry->term = read_le64(reader);
        entry->payload = read_raw(reader, read_le32(reader));
        /* Terms never go back along a log, nor pass the leader's. */
        if (reader->failed || entry->term < least_term || entry->term > message->term) {
            return STATUS_CHECKSUM;
        }
        least_term = entry->term;
    }
    message->entries = entries;
    return STATUS_OK;
}

static enum status message_decode_snapshot(struct reader *reader, struct arena *arena,
                                           struct raft_message *message)
{
    struct slice encoded = read_raw(reader, read_le32(reader));
    message->manifest = read_raw(reader, read_le32(reader));
    if (reader->failed) {
        return STATUS_CHECKSUM;
    }
    struct raft_members *members = arena_alloc(arena, sizeof *members);
    if (members == NULL || message->manifest.size > RAFT_MANIFEST_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    TRY(raft_members_decode(encoded, members));
    message->members = members;
    return STATUS_OK;
}

/* No index may come near the end of its range, so that sums never wrap. */
static bool message_in_bounds(const struct raft_message *message)
{
    const uint64_t most = UINT64_MAX / 4;
    return message->group_id != 0 && message->from != 0 && message->to != 0 &&
           message->term < most && message->index < most &&
           message->log_term <= message->term && message->commit < most &&
           message->round < most && message->hint_index < most;
}

static enum status message_check(struct slice bytes)
{
    if (bytes.size > RAFT_MESSAGE_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (bytes.size < MESSAGE_HEADER_BYTES || load_le32(bytes.data + 4) != bytes.size) {
        return STATUS_CHECKSUM;
    }
    if (bytes.data[0] != RAFT_MESSAGE_VERSION) {
        return STATUS_VERSION;
    }
    struct slice covered =
        slice_of(bytes.data + MESSAGE_COVERED_AT, bytes.size - MESSAGE_COVERED_AT);
    if (load_le64(bytes.data + MESSAGE_CHECKSUM_AT) !=
        hash64(covered, load_le64(bytes.data))) {
        return STATUS_CHECKSUM;
    }
    if (bytes.data[1] == 0 || bytes.data[1] >= RAFT_MESSAGE_KIND_END) {
        return STATUS_VERSION;
    }
    return STATUS_OK;
}

enum status raft_message_decode(struct slice bytes, struct arena *arena,
                                struct raft_message *out_message)
{
    TRY(message_check(bytes));
    struct raft_message message = {
        .kind = (enum raft_message_kind)bytes.data[1],
        .flags = bytes.data[2],
        .group_id = load_le64(bytes.data + 16),
        .from = load_le64(bytes.data + 24),
        .to = load_le64(bytes.data + 32),
        .term = load_le64(bytes.data + 40),
        .members_version = load_le64(bytes.data + 48),
    };
    const struct message_row *row = &message_rows[message.kind];
    size_t fields = message_fields_bytes(row->fields);
    if (bytes.size < MESSAGE_HEADER_BYTES + fields || bytes.data[3] != 0 ||
        (message.flags & ~row->flags) != 0) {
        return STATUS_CHECKSUM;
    }
    message_load_fields(bytes.data + MESSAGE_HEADER_BYTES, &message, row->fields);
    if (!message_in_bounds(&message)) {
        return STATUS_CHECKSUM;
    }
    struct reader reader;
    reader_init(&reader, slice_of(bytes.data + MESSAGE_HEADER_BYTES + fields,
                                  bytes.size - MESSAGE_HEADER_BYTES - fields));
    if (message.kind == RAFT_APPEND) {
        TRY(message_decode_entries(&reader, arena, &message));
    } else if (message.kind == RAFT_SNAPSHOT) {
        TRY(message_decode_snapshot(&reader, arena, &message));
    }
    TRY(reader_finish(&reader));
    *out_message = message;
    return STATUS_OK;
}

uint64_t raft_message_group(struct slice bytes)
{
    return bytes.size < MESSAGE_HEADER_BYTES ? 0
                                             : load_le64(bytes.data + MESSAGE_GROUP_AT);
}

size_t raft_message_first(struct slice bytes)
{
    if (bytes.size < MESSAGE_HEADER_BYTES) {
        return 0;
    }
    size_t size = load_le32(bytes.data + 4);
    return size < MESSAGE_HEADER_BYTES || size > bytes.size ? 0 : size;
}
