/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire bytes to messages, for input that may be hostile. protobuf-c alone recurses as
 * deep as the input asks, grows 80-fold, and accepts strings that are not UTF-8 or hide a
 * NUL; here the bytes are checked against the descriptor first, and the unpacked message
 * lies in an arena with a limit. Any thread.
 *
 * Source of the format: protobuf.dev/programming-guides/encoding.
 */
#ifndef SOUK_PROTO_RPC_RPC_MESSAGE_H
#define SOUK_PROTO_RPC_RPC_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "shard/base/arena.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    RPC_MESSAGE_DEPTH_MAX = 32,               /* messages inside messages */
    RPC_MESSAGE_STACK_BYTES_MAX = 256 * 1024, /* what protobuf-c may use of the stack */
    RPC_MESSAGE_ARENA_BYTES_MAX = 16 << 20,   /* default limit of a message's arena */
};

/*
 * Unpacks into the arena, whose limit bounds the result. INVALID with the field and the
 * reason in `problem` (may be NULL) for malformed bytes, strings that are not UTF-8 or
 * hold a NUL, nesting past RPC_MESSAGE_DEPTH_MAX, and, with `known_enums_only`, numbers
 * that the enum does not name; TOO_LARGE when the arena's limit is reached.
 */
MUST_USE enum status rpc_message_unpack(const ProtobufCMessageDescriptor *descriptor,
                                        struct slice bytes, bool known_enums_only,
                                        struct arena *arena,
                                        ProtobufCMessage **out_message,
                                        struct problem *problem);

/* The check alone, as made before unpacking. */
MUST_USE enum status rpc_message_check(const ProtobufCMessageDescriptor *descriptor,
                                       struct slice bytes, bool known_enums_only,
                                       struct problem *problem);

/* UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool rpc_message_text_valid(struct slice text);

#endif
