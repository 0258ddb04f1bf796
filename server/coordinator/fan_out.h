/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to many shards and back: items grouped by the shard that owns them, in their
 * own order within a group, so that an answer finds its place by the group's positions.
 *
 * Pure; any thread. Everything lies in the caller's arena.
 */
#ifndef SOUK_SERVER_COORDINATOR_FAN_OUT_H
#define SOUK_SERVER_COORDINATOR_FAN_OUT_H

#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/status.h"

/* The items of one shard. */
struct fan_group {
    unsigned shard;        /* the place in the map */
    const uint32_t *items; /* positions in the request, ascending */
    unsigned count;
};

struct fan_groups {
    struct fan_group *groups; /* by shard; only shards that own an item */
    unsigned count;
};

/* `shards[i]` is the place of item i's owner, below `shard_count`. TOO_LARGE past the
 * arena's limit. */
MUST_USE enum status fan_groups_make(struct arena *arena, const unsigned *shards,
                                     unsigned item_count, unsigned shard_count,
                                     struct fan_groups *out_groups);

#endif
