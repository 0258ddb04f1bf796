/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of one import stream, chained per shard.
 *
 * Each shard keeps, per import and for ever, the last line it decided, and which up to
 * there it refused (shard/base/import_lane.h). So that it can tell a row it has from a row
 * it missed, every row names the row before it that this stream sent to the same shard (0
 * at the stream's beginning). The shard decides a row when that is not above its last
 * line, skips it when the row itself is not above it, unless it was refused then, and
 * answers SEQUENCE_GAP otherwise.
 *
 * When a part of the stream is lost on its way, what follows is refused by that shard. The
 * caller opens a new stream and sends again from the last acknowledged line: its chains
 * begin at 0, and what had been taken is skipped.
 *
 * Pure. One thread at a time: its user's, or under its user's lock.
 */
#ifndef SOUK_SERVER_COORDINATOR_IMPORT_FLOW_H
#define SOUK_SERVER_COORDINATOR_IMPORT_FLOW_H

#include <stdint.h>

#include "shard/base/status.h"

struct import_flow {
    uint64_t last_line; /* of the newest row taken from the stream */
    uint64_t *chains;   /* per shard: the last line sent to it */
    unsigned shard_count;
};

void import_flow_init(struct import_flow *flow, unsigned shard_count);
void import_flow_close(struct import_flow *flow);

/* INVALID unless the line is greater than the one before it. `row` is its place in the
 * message, for the problem's field. Remembers the line when OK. */
MUST_USE enum status import_flow_line(struct import_flow *flow, unsigned row,
                                      uint64_t line, struct problem *problem);
/* Sends the line to a shard; returns the line before it on that shard, or 0. */
uint64_t import_flow_chain(struct import_flow *flow, unsigned shard, uint64_t line);

#endif
