/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a shard keeps of each source: a warehouse system that streams its movements.
 *
 * Items of a source come in growing sequences, each command naming the item before it in
 * the same key range. A lane is the newest opening (epoch, incarnation), the last item that
 * was decided, and which of them were refused beyond what is through everywhere:
 *
 *     item > last, prev <= last   to be decided, then last = item
 *     item > last, prev > last    what is between is missing
 *     item <= last                decided before; if refused, told so again
 *
 * The lane of a source's home, too, keeps `through`: every shard has decided all items up to
 * there. It is never ahead of them, and may be behind.
 *
 * Pure and deterministic; limits come with the commands. One thread.
 */
#ifndef SOUK_SHARD_INVENTORY_SOURCE_LANE_H
#define SOUK_SHARD_INVENTORY_SOURCE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/base/list.h"
#include "shard/base/map.h"
#include "shard/base/status.h"

enum {
    /* Refused items that a lane remembers; the stream's coordinator logs `through` long
     * before. One more is not decided. */
    SOURCE_FAILURES_MAX = 65536,
    SOURCE_LANE_BYTES_ABOUT = 64, /* of a row, for the measure of a flush */
};

struct source_failure {
    uint64_t sequence;
    enum status status;
    uint8_t field;
};

struct source_lane {
    struct map_node node;
    struct list dirty;
    struct hash128 id;
    uint64_t epoch;
    uint64_t incarnation;
    uint64_t last;
    bool home; /* the source was opened here first */
    uint64_t through;
    struct source_failure *failures; /* ascending, above what is through */
    uint32_t failure_count;
    size_t failure_capacity;
};

struct source_lanes {
    struct map lanes;
    struct list dirty;
};

void source_lanes_init(struct source_lanes *lanes);
void source_lanes_close(struct source_lanes *lanes);
/* NULL when there is none. */
struct source_lane *source_lanes_find(const struct source_lanes *lanes,
                                      struct hash128 id);
/* Empty, of epoch 0. The id must be absent. */
struct source_lane *source_lanes_add(struct source_lanes *lanes, struct hash128 id);
/* It is to be written with the next flush; after every change. */
void source_lane_mark(struct source_lanes *lanes, struct source_lane *lane);

/* A new epoch: nothing of the old one counts any more. */
void source_lane_restart(struct source_lane *lane, uint64_t epoch);
/* The item is decided. False: it is refused, and there is no room to remember it;
 * nothing has changed. */
bool source_lane_settle(struct source_lane *lane, uint64_t sequence,
                        const struct source_failure *failure);
/* What was refused up to here is through, and forgotten. */
void source_lane_forget(struct source_lane *lane, uint64_t through);
/* NULL: it was not refused, or is forgotten. */
const struct source_failure *source_lane_failure(const struct source_lane *lane,
                                                 uint64_t sequence);

/* --- Stored form: a row per lane ------------------------------------------------------ */
void source_lane_encode(struct buffer *value, const struct source_lane *lane);
/* The next lane to be written, NULL: no more. */
const struct source_lane *source_lanes_collect(struct source_lanes *lanes);
/* CHECKSUM, VERSION. */
MUST_USE enum status source_lanes_load(struct source_lanes *lanes, struct hash128 id,
                                       struct slice value);

#endif
