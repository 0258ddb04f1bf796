/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of a log entry, the same for both kinds of shard:
 *
 *     version u8 | log time le64 (Unix ms) | command count le32 | count x (size varint,
 *     command bytes as of command.h)
 *
 * or, alone in its entry, the raising of the shard's feature level:
 *
 *     2 u8 | log time le64 | level le32
 *
 * (The core's own entries are empty, or begin with 0xfe.)
 *
 * Pure; the caller owns the buffers. Integrity is the log's business, so a payload that
 * does not parse is damage: CHECKSUM.
 */
#ifndef SOUK_SHARD_REPLICA_ENTRY_H
#define SOUK_SHARD_REPLICA_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/encode.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    ENTRY_VERSION = 1,
    ENTRY_LEVEL = 2, /* the first byte of one that raises the level */
    ENTRY_HEADER_BYTES = 13,
    ENTRY_COMMAND_OVERHEAD_BYTES = 10, /* at most, for one command's size */
};

/* Empties the payload and begins a new one, without commands. */
void entry_begin(struct buffer *payload, int64_t log_time_ms);
void entry_add(struct buffer *payload, struct slice command);

void entry_make_level(struct buffer *payload, int64_t log_time_ms, uint32_t level);
/* Whether it is one that raises the level. */
bool entry_is_level(struct slice payload);
/* CHECKSUM when malformed. */
MUST_USE enum status entry_read_level(struct slice payload, int64_t *out_log_time_ms,
                                      uint32_t *out_level);

struct entry_reader {
    struct reader reader;
    int64_t log_time_ms;
    uint32_t command_count;
    uint32_t commands_left;
};
/* CHECKSUM or VERSION; the payload stays borrowed by the reader. */
MUST_USE enum status entry_open(struct entry_reader *entry, struct slice payload);
/* The next command, borrowed from the payload; false at the end or when damaged. */
bool entry_next(struct entry_reader *entry, struct slice *out_command);
/* OK when every command was read and nothing is left over. */
MUST_USE enum status entry_finish(const struct entry_reader *entry);

#endif
