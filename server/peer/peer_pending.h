/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that were sent to another node and are not back: found by the id that their answer
 * brings, and given back when none came in time. Pure; one owner at a time.
 */
#ifndef SOUK_SERVER_PEER_PEER_PENDING_H
#define SOUK_SERVER_PEER_PEER_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "server/host/shard_call.h"
#include "shard/base/heap.h"
#include "shard/base/map.h"

struct peer_pending {
    struct map by_id;
    struct heap by_due;
    uint64_t next_id;
    size_t count;
};

void peer_pending_init(struct peer_pending *pending);
/* Nothing may be pending. */
void peer_pending_close(struct peer_pending *pending);
/* The id that its answer will bring. */
uint64_t peer_pending_add(struct peer_pending *pending, struct shard_call *call,
                          uint64_t due_us);
/* NULL: it was given back already, or never sent. */
struct shard_call *peer_pending_take(struct peer_pending *pending, uint64_t id);
/* One that is due at this time; UINT64_MAX: any. NULL when there is none. */
struct shard_call *peer_pending_take_late(struct peer_pending *pending, uint64_t now_us);

#endif
