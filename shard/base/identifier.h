/* SPDX-License-Identifier: Apache-2.0 */
/* What an id of the public API may look like, and request ids with their time. */
#ifndef SOUK_SHARD_BASE_IDENTIFIER_H
#define SOUK_SHARD_BASE_IDENTIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/rng.h"
#include "shard/base/slice.h"

enum {
    IDENTIFIER_BYTES_MAX = 128,
    REQUEST_ID_BYTES_MAX = 64,
    UUID_TEXT_BYTES = 36,
};

/* 1-128 of [A-Za-z0-9._~:-], and neither "." nor "..". */
bool identifier_valid(struct slice id);

/* Printable ASCII without blanks, 1-64 characters. */
bool request_id_valid(struct slice id);

/* The Unix milliseconds inside a UUIDv7 (RFC 9562); false when it is not one. */
bool uuid7_time_ms(struct slice id, int64_t *out_time_ms);

/* Writes a fresh UUIDv7 and a NUL. */
void uuid7_make(struct rng *rng, int64_t wall_ms, char out_text[UUID_TEXT_BYTES + 1]);

#endif
