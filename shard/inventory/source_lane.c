/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row of a lane: version, varint epoch, varint incarnation, varint last, u8 home,
 * varint through, varint count, then of each refused item: varint distance from the one
 * before it (the first: from 0), u8 code of its status (result.c), u8 field.
 */
#include "shard/inventory/source_lane.h"

#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

enum {
    LANE_VERSION = 1,
};

void source_lanes_init(struct source_lanes *lanes)
{
    map_init(&lanes->lanes);
    list_init(&lanes->dirty);
}

void source_lanes_close(struct source_lanes *lanes)
{
    struct map_node *node = map_next(&lanes->lanes, NULL);
    while (node != NULL) {
        struct source_lane *lane = CONTAINER_OF(node, struct source_lane, node);
        node = map_next(&lanes->lanes, node);
        free(lane->failures);
        free(lane);
    }
    map_close(&lanes->lanes);
}

static bool lane_equal(const struct map_node *node, const void *key)
{
    const struct hash128 *id = key;
    const struct source_lane *lane = CONTAINER_OF(node, const struct source_lane, node);
    return lane->id.high == id->high && lane->id.low == id->low;
}

struct source_lane *source_lanes_find(const struct source_lanes *lanes, struct hash128 id)
{
    struct map_node *node = map_find(&lanes->lanes, id.low, lane_equal, &id);
    return node != NULL ? CONTAINER_OF(node, struct source_lane, node) : NULL;
}

struct source_lane *source_lanes_add(struct source_lanes *lanes, struct hash128 id)
{
    struct source_lane *lane = memory_zalloc(sizeof *lane);
    lane->id = id;
    list_init(&lane->dirty);
    map_insert(&lanes->lanes, &lane->node, id.low);
    return lane;
}

void source_lane_mark(struct source_lanes *lanes, struct source_lane *lane)
{
    list_remove(&lane->dirty);
    list_append(&lanes->dirty, &lane->dirty);
}

void source_lane_restart(struct source_lane *lane, uint64_t epoch)
{
    lane->epoch = epoch;
    lane->last = 0;
    lane->through = 0;
    lane->failure_count = 0;
}

static void lane_push(struct source_lane *lane, const struct source_failure *failure)
{
    void *failures = lane->failures;
    memory_reserve(&failures, &lane->failure_capacity, lane->failure_count + 1,
                   sizeof *failure);
    lane->failures = failures;
    lane->failures[lane->failure_count++] = *failure;
}

bool source_lane_settle(struct source_lane *lane, uint64_t sequence,
                        const struct source_failure *failure)
{
    ASSERT(sequence > lane->last);
    if (failure != NULL) {
        if (lane->failure_count >= SOURCE_FAILURES_MAX) {
            return false;
        }
        lane_push(lane, failure);
    }
    lane->last = sequence;
    return true;
}

/* How many refused items lie below this sequence. */
static uint32_t lane_below(const struct source_lane *lane, uint64_t sequence)
{
    uint32_t low = 0, high = lane->failure_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (lane->failures[middle].sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void source_lane_forget(struct source_lane *lane, uint64_t through)
{
    uint32_t gone =
        through < UINT64_MAX ? lane_below(lane, through + 1) : lane->failure_count;
    if (gone > 0) {
        memmove(lane->failures, lane->failures + gone,
                (lane->failure_count - gone) * sizeof *lane->failures);
        lane->failure_count -= gone;
    }
}

const struct source_failure *source_lane_failure(const struct source_lane *lane,
                                                 uint64_t sequence)
{
    uint32_t at = lane_below(lane, sequence);
    return at < lane->failure_count && lane->failures[at].sequence == sequence
               ? &lane->failures[at]
               : NULL;
}

/* --- Stored form ---------------------------------------------------------------------- */

void source_lane_encode(struct buffer *value, const struct source_lane *lane)
{
    uint64_t before = 0;
    encode_u8(value, LANE_VERSION);
    encode_varint(value, lane->epoch);
    encode_varint(value, lane->incarnation);
    encode_varint(value, lane->last);
    encode_u8(value, lane->home);
    encode_varint(value, lane->through);
    encode_varint(value, lane->failure_count);
    for (uint32_t i = 0; i < lane->failure_count; i++) {
        const struct source_failure *failure = &lane->failures[i];
        encode_varint(value, failure->sequence - before);
        encode_u8(value, result_code(failure->status));
        encode_u8(value, failure->field);
        before = failure->sequence;
    }
}

const struct source_lane *source_lanes_collect(struct source_lanes *lanes)
{
    struct list *node = list_pop(&lanes->dirty);
    return node != NULL ? LIST_ENTRY(node, const struct source_lane, dirty) : NULL;
}

static void lane_read_failures(struct reader *reader, struct source_lane *lane)
{
    uint64_t count = read_varint(reader);
    uint64_t before = 0;
    if (count > SOURCE_FAILURES_MAX) {
        reader_fail(reader);
    }
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        uint64_t step = read_varint(reader);
        struct source_failure failure = {.status = STATUS_INTERNAL};
        if (step == 0 || before > lane->last || step > lane->last - before ||
            !result_status(read_u8(reader), &failure.status)) {
            reader_fail(reader);
        }
        failure.field = read_u8(reader);
        if (failure.field > INVENTORY_FIELD_LAST) {
            reader_fail(reader);
        }
        failure.sequence = before += step;
        lane_push(lane, &failure);
    }
}

enum status source_lanes_load(struct source_lanes *lanes, struct hash128 id,
                              struct slice value)
{
    struct source_lane *lane;
    struct reader reader;
    uint8_t home;
    reader_init(&reader, value);
    if (value.size == 0 || source_lanes_find(lanes, id) != NULL) {
        return STATUS_CHECKSUM;
    }
    if (read_u8(&reader) != LANE_VERSION) {
        return STATUS_VERSION;
    }
    lane = source_lanes_add(lanes, id);
    lane->epoch = read_varint(&reader);
    lane->incarnation = read_varint(&reader);
    lane->last = read_varint(&reader);
    home = read_u8(&reader);
    lane->home = home != 0;
    lane->through = read_varint(&reader);
    lane_read_failures(&reader, lane);
    if (home > 1 || (!lane->home && lane->through != 0)) {
        return STATUS_CHECKSUM;
    }
    return reader_finish(&reader);
}
