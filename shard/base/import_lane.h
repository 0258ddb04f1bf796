/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lines of each import a shard has taken, remembered without expiry.
 *
 * Lines of an import come to a shard in growing order, each naming the one before it. A
 * lane keeps the highest line that was decided, and of the lines up to there those that
 * were refused: a line of these is decided anew whenever it comes again, all others are
 * duplicates. So a line takes effect at most once, and one that was refused takes effect
 * as soon as it is sent with its cause gone.
 *
 *     line > last, prev <= last   APPLY, then settle: last = line; refused: remembered
 *     line > last, prev > last    GAP: what is between is missing
 *     line <= last, refused       APPLY, then settle: taken: forgotten; refused: as it was
 *     line <= last, else          DUPLICATE
 *
 * Refused lines lie in blocks, in order; new ones only ever come behind all others, so
 * that a flush writes the newest block and those that lost a line. A refused line that
 * finds the memory of the shard full is not settled: the lane stays where it was, and
 * what follows is a GAP. Nothing is lost, and memory has a limit.
 *
 * Pure and deterministic: limits come with the line. Called by the state machines of both
 * tables; one thread at a time.
 */
#ifndef SOUK_SHARD_BASE_IMPORT_LANE_H
#define SOUK_SHARD_BASE_IMPORT_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/base/list.h"
#include "shard/base/map.h"
#include "shard/base/status.h"

enum {
    IMPORT_BLOCK_LINES_MAX = 512,
    IMPORT_BLOCK_ID_BYTES = 24, /* be64 of the import id's halves and of the base */
};

struct import_lanes {
    struct map lanes;
    struct list dirty;
    struct list dirty_blocks;
    uint64_t refused_count; /* lines, over all lanes */
};

struct import_line {
    struct hash128 import_id;
    uint64_t line; /* above 0 */
    uint64_t prev_line;
    uint32_t imports_max;
    /* Refused lines of this shard that may be remembered. 0, in commands of older logs:
     * a refused line is settled and forgotten, as it was then. */
    uint32_t refused_max;
};

enum import_verdict {
    IMPORT_APPLY,
    IMPORT_DUPLICATE,
    IMPORT_GAP,
    IMPORT_TOO_MANY, /* a new import, and imports_max are known */
};

void import_lanes_init(struct import_lanes *lanes);
void import_lanes_close(struct import_lanes *lanes);

/* `*out_last`: the highest line that was decided, 0 for none. */
enum import_verdict import_lanes_judge(const struct import_lanes *lanes,
                                       const struct import_line *line,
                                       uint64_t *out_last);
/* After a verdict of APPLY, with what was decided. False: refused, and no room to remember
 * it; nothing has changed. */
bool import_lanes_settle(struct import_lanes *lanes, const struct import_line *line,
                         bool taken);

/* --- Stored form: a row per lane, and one per block of refused lines ------------------ */

struct import_change {
    struct hash128 import_id;
    bool of_block;
    uint64_t base; /* of_block: names it within its lane */
    bool gone;     /* of_block: the row is to be deleted */
};
/* The next row to be written, its value in `value` (cleared first); false: no more. */
bool import_lanes_collect(struct import_lanes *lanes, struct import_change *out_change,
                          struct buffer *value);
/* Rows of the store, lanes before blocks, blocks in the order of their base. CHECKSUM,
 * VERSION; CHECKSUM also when a block does not fit its lane. */
MUST_USE enum status import_lanes_load(struct import_lanes *lanes,
                                       struct hash128 import_id, struct slice value);
MUST_USE enum status import_lanes_load_block(struct import_lanes *lanes,
                                             struct hash128 import_id, uint64_t base,
                                             struct slice value);

/* Equal for equal content, however it came about. */
uint64_t import_lanes_digest(const struct import_lanes *lanes);

#endif
