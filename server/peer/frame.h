/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What travels in one message of a lane: messages of replicas, calls, or answers to calls,
 * as many as there were, up to a size.
 *
 *     version u8 = 1 | kind u8 | items to the end
 *     LETTERS            shard, from replica, to replica: varints | bytes
 *     CALLS, ANSWERS     id: varint | bytes (server/host/call_bytes.h)
 *
 * Reading is total, and what an item says is judged by whoever it is for. Pure.
 */
#ifndef SOUK_SERVER_PEER_FRAME_H
#define SOUK_SERVER_PEER_FRAME_H

#include <stdint.h>

#include "server/host/shard_host.h"
#include "shard/base/buffer.h"
#include "shard/base/encode.h"

enum {
    FRAME_VERSION = 1,
    FRAME_HEADER_BYTES = 2,
    /* A frame with several items; one that is larger goes alone. */
    FRAME_BYTES_MAX = 256 << 10,
};

/* On the wire: a number, once landed, never changes. */
enum frame_kind {
    FRAME_LETTERS = 1,
    FRAME_CALLS = 2,
    FRAME_ANSWERS = 3,
};

void frame_begin(struct buffer *out, enum frame_kind kind);
void frame_add_letter(struct buffer *out, const struct host_message *message);
void frame_add_call(struct buffer *out, uint64_t id, struct slice bytes);

/* CHECKSUM: no frame. VERSION: of a later version, or a kind unknown here. */
MUST_USE enum status frame_open(struct slice bytes, struct reader *out_reader,
                                enum frame_kind *out_kind);
/* The next item, borrowed from the frame; false at its end, or where it breaks off (then
 * reader_finish says so). */
MUST_USE bool frame_next_letter(struct reader *reader, struct host_message *out_message);
MUST_USE bool frame_next_call(struct reader *reader, uint64_t *out_id,
                              struct slice *out_bytes);

#endif
