/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard_call on its way to another node and back:
 *
 *     request   version u8 | shard, kind, time left in us (0: no end): varints | the commands,
 *               or the query
 *     answer    version u8 | status by name: bytes | leader replica, leader node, appended,
 *               decided: varints | stamp | decided outcomes, or the answer
 *
 * The structs of shard/inventory, shard/customer and shard/recommend that a call may carry
 * are described field by field in call_bytes_sku.c and call_bytes_customer.c; a struct that
 * grows stops the build there, so that no field is forgotten on the way. Both ends of a
 * connection speak the same version (the first message says so).
 *
 * Decoding is total. Pure; any thread that owns the call.
 */
#ifndef SOUK_SERVER_HOST_CALL_BYTES_H
#define SOUK_SERVER_HOST_CALL_BYTES_H

#include "server/host/shard_call.h"
#include "shard/base/buffer.h"

enum {
    CALL_BYTES_VERSION = 1,
    CALL_COMMANDS_MAX = 100000, /* batch_max_items at most */
};

/* Can it be asked elsewhere? What looks at one replica cannot. */
bool call_bytes_can_go(const struct shard_call *call);
void call_encode_request(const struct shard_call *call, uint64_t now_us,
                         struct buffer *out);
/* Fills a fresh call, but for `arena` (given) and `done`; what it points at lies in its
 * arena, where the bytes are copied. CHECKSUM, VERSION, TOO_LARGE (arena). */
MUST_USE enum status call_decode_request(struct slice bytes, uint64_t now_us,
                                         struct shard_call *call);
/* A call that has ended. */
void call_encode_answer(const struct shard_call *call, struct buffer *out);
/* Into the call that was sent: its results and status. What fails here leaves the call as it was.
 * CHECKSUM, VERSION, TOO_LARGE (arena). */
MUST_USE enum status call_decode_answer(struct slice bytes, struct shard_call *call);

#endif
