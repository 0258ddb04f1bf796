/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a watcher of stock goes on: for each shard that it watches, the place in its ledger
 * that comes next. Opaque text with a check; of this cluster alone.
 *
 * Pure. Any thread.
 */
#ifndef SOUK_SERVER_COORDINATOR_WATCH_TOKEN_H
#define SOUK_SERVER_COORDINATOR_WATCH_TOKEN_H

#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/status.h"
#include "shard/inventory/types.h"

enum {
    WATCH_TOKEN_SHARDS_MAX = 1024,
    WATCH_TOKEN_TEXT_BYTES_MAX = 64 * 1024,
};

/* NULL past the arena's limit. */
char *watch_token_make(uint64_t incarnation, const struct ledger_position *places,
                       unsigned count, struct arena *arena);
/* BAD_TOKEN when it is none of this cluster. The places lie in the arena. */
MUST_USE enum status watch_token_read(const char *text, uint64_t incarnation,
                                      struct arena *arena,
                                      const struct ledger_position **out_places,
                                      unsigned *out_count, struct problem *problem);

#endif
