/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec of log commands: a plain command struct <-> one version byte and the bytes of
 * souk.internal.v1.SkuCommand, CustomerCommand or DirectoryCommand.
 *
 * Encoding happens on the thread that validated the request, so that a shard's loop only
 * strings bytes together; every replica decodes the same bytes at apply. Any thread; the
 * arena is the caller's.
 *
 * A decoder takes anything: CHECKSUM for bytes that are no command, VERSION for a version
 * or a kind of command unknown here, TOO_LARGE when counts or sizes pass the caps below.
 * It does not judge the content: that is apply's business.
 */
#ifndef SOUK_SHARD_REPLICA_COMMAND_H
#define SOUK_SHARD_REPLICA_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/customer/command.h"
#include "shard/inventory/command.h"
#include "shard/placement/directory.h"

enum {
    COMMAND_VERSION = 1,
    /* Memory that unpacking may take: this much and so many times the size of the bytes.
     * Legitimate commands take up to 16 times. */
    COMMAND_DECODE_BYTES_FREE = 16 << 10,
    COMMAND_DECODE_BYTES_FACTOR = 32,
};

/* The bytes live in the arena. TOO_LARGE past its limit. */
MUST_USE enum status command_encode_sku(const struct inventory_command *command,
                                        struct arena *arena, struct slice *out_bytes);
MUST_USE enum status command_encode_customer(const struct customer_command *command,
                                             struct arena *arena,
                                             struct slice *out_bytes);

MUST_USE enum status command_encode_directory(const struct directory_command *command,
                                              struct arena *arena,
                                              struct slice *out_bytes);

/* What the command points at lives in the arena; nothing borrows from `bytes`. */
MUST_USE enum status command_decode_sku(struct slice bytes, struct arena *arena,
                                        struct inventory_command *out_command);
MUST_USE enum status command_decode_customer(struct slice bytes, struct arena *arena,
                                             struct customer_command *out_command);

MUST_USE enum status command_decode_directory(struct slice bytes, struct arena *arena,
                                              struct directory_command *out_command);

/* What a leader wants to know before it appends, without unpacking. */
struct command_peek {
    uint32_t kind; /* inventory_, customer_ or directory_command_kind */
    bool has_anchor;
    uint64_t anchor;      /* the key that has to lie in the shard's range */
    struct slice payload; /* the message of the kind, borrowed */
};
/* CHECKSUM, VERSION. */
MUST_USE enum status command_peek(struct slice bytes, struct command_peek *out_peek);
/* Events in the payload of a CUSTOMER_RECORD. */
uint32_t command_peek_events(struct slice payload);

#endif
