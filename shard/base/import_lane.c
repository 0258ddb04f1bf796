/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/import_lane.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/memory.h"

enum {
    LANE_VERSION = 1,
    BLOCK_VERSION = 1,
};

/* Refused lines, ascending. Out of its lane once the last one is taken, and then only in
 * the list of what is to be written. */
struct import_block {
    struct list dirty;
    struct hash128 import_id;
    uint64_t base; /* the first line that was ever in it */
    uint32_t count;
    size_t capacity;
    uint64_t *lines;
};

struct import_lane {
    struct map_node node;
    struct list dirty;
    struct hash128 import_id;
    uint64_t last;
    struct import_block **blocks; /* by base */
    size_t block_count;
    size_t block_capacity;
};

/* Where a refused line stands. */
struct import_place {
    size_t block;
    uint32_t index;
};

void import_lanes_init(struct import_lanes *lanes)
{
    memset(lanes, 0, sizeof *lanes);
    map_init(&lanes->lanes);
    list_init(&lanes->dirty);
    list_init(&lanes->dirty_blocks);
}

static void block_free(struct import_block *block)
{
    list_remove(&block->dirty);
    free(block->lines);
    free(block);
}

void import_lanes_close(struct import_lanes *lanes)
{
    struct map_node *node = map_next(&lanes->lanes, NULL);
    struct list *gone;
    while (node != NULL) {
        struct import_lane *lane = CONTAINER_OF(node, struct import_lane, node);
        node = map_next(&lanes->lanes, node);
        for (size_t i = 0; i < lane->block_count; i++) {
            block_free(lane->blocks[i]);
        }
        free(lane->blocks);
        free(lane);
    }
    while ((gone = list_pop(&lanes->dirty_blocks)) != NULL) {
        block_free(LIST_ENTRY(gone, struct import_block, dirty));
    }
    map_close(&lanes->lanes);
}

static bool lane_equal(const struct map_node *node, const void *key)
{
    const struct hash128 *id = key;
    const struct import_lane *lane = CONTAINER_OF(node, const struct import_lane, node);
    return lane->import_id.high == id->high && lane->import_id.low == id->low;
}

static struct import_lane *lane_find(const struct import_lanes *lanes, struct hash128 id)
{
    struct map_node *node = map_find(&lanes->lanes, id.low, lane_equal, &id);
    return node != NULL ? CONTAINER_OF(node, struct import_lane, node) : NULL;
}

static struct import_lane *lane_add(struct import_lanes *lanes, struct hash128 id)
{
    struct import_lane *lane = memory_zalloc(sizeof *lane);
    lane->import_id = id;
    list_init(&lane->dirty);
    map_insert(&lanes->lanes, &lane->node, id.low);
    return lane;
}

/* --- Refused lines ------------------------------------------------------------------- */

static bool lane_refused_find(const struct import_lane *lane, uint64_t line,
                              struct import_place *out)
{
    size_t low = 0, high = lane->block_count;
    const struct import_block *block;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lane->blocks[middle]->base <= line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    out->block = low - 1;
    block = lane->blocks[out->block];
    low = 0;
    high = block->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (block->lines[middle] < line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    out->index = (uint32_t)low;
    return low < block->count && block->lines[low] == line;
}

static struct import_block *lane_block_add(struct import_lane *lane, uint64_t base)
{
    struct import_block *block = memory_zalloc(sizeof *block);
    block->import_id = lane->import_id;
    block->base = base;
    list_init(&block->dirty);
    memory_reserve((void **)&lane->blocks, &lane->block_capacity, lane->block_count + 1,
                   sizeof(struct import_block *));
    lane->blocks[lane->block_count++] = block;
    return block;
}

static void block_mark(struct import_lanes *lanes, struct import_block *block)
{
    list_remove(&block->dirty);
    list_append(&lanes->dirty_blocks, &block->dirty);
}

static void lane_refused_add(struct import_lanes *lanes, struct import_lane *lane,
                             uint64_t line)
{
    struct import_block *block =
        lane->block_count > 0 ? lane->blocks[lane->block_count - 1] : NULL;
    if (block == NULL || block->count == IMPORT_BLOCK_LINES_MAX) {
        block = lane_block_add(lane, line);
    }
    ASSERT(block->count == 0 || block->lines[block->count - 1] < line);
    memory_reserve((void **)&block->lines, &block->capacity, block->count + 1,
                   sizeof *block->lines);
    block->lines[block->count++] = line;
    lanes->refused_count++;
    block_mark(lanes, block);
}

static void lane_refused_remove(struct import_lanes *lanes, struct import_lane *lane,
                                const struct import_place *place)
{
    struct import_block *block = lane->blocks[place->block];
    uint64_t *line = &block->lines[place->index];
    memmove(line, line + 1, (block->count - place->index - 1) * sizeof *line);
    block->count--;
    ASSERT(lanes->refused_count > 0);
    lanes->refused_count--;
    block_mark(lanes, block);
    if (block->count == 0) {
        struct import_block **gone = &lane->blocks[place->block];
        memmove(gone, gone + 1,
                (lane->block_count - place->block - 1) * sizeof(struct import_block *));
        lane->block_count--;
    }
}

/* --- Deciding ------------------------------------------------------------------------ */

enum import_verdict import_lanes_judge(const struct import_lanes *lanes,
                                       const struct import_line *line, uint64_t *out_last)
{
    const struct import_lane *lane = lane_find(lanes, line->import_id);
    struct import_place place;
    *out_last = lane != NULL ? lane->last : 0;
    if (line->line <= *out_last) {
        return lane_refused_find(lane, line->line, &place) ? IMPORT_APPLY
                                                           : IMPORT_DUPLICATE;
    }
    if (line->prev_line > *out_last) {
        return IMPORT_GAP;
    }
    return lane == NULL && lanes->lanes.count >= line->imports_max ? IMPORT_TOO_MANY
                                                                   : IMPORT_APPLY;
}

bool import_lanes_settle(struct import_lanes *lanes, const struct import_line *line,
                         bool taken)
{
    struct import_lane *lane = lane_find(lanes, line->import_id);
    struct import_place place;
    if (lane != NULL && line->line <= lane->last) {
        bool found = lane_refused_find(lane, line->line, &place);
        ASSERT(found);
        if (taken) {
            lane_refused_remove(lanes, lane, &place);
        }
        return true;
    }
    if (!taken && line->refused_max > 0 && lanes->refused_count >= line->refused_max) {
        return false;
    }
    if (lane == NULL) {
        lane = lane_add(lanes, line->import_id);
    }
    lane->last = line->line;
    list_remove(&lane->dirty);
    list_append(&lanes->dirty, &lane->dirty);
    if (!taken && line->refused_max > 0) {
        lane_refused_add(lanes, lane, line->line);
    }
    return true;
}

/* --- Stored form --------------------------------------------------------------------- */

static void lane_encode(struct buffer *value, const struct import_lane *lane)
{
    encode_u8(value, LANE_VERSION);
    encode_varint(value, lane->last);
}

static void block_encode(struct buffer *value, const struct import_block *block)
{
    uint64_t before = block->base;
    encode_u8(value, BLOCK_VERSION);
    encode_varint(value, block->count);
    for (uint32_t i = 0; i < block->count; i++) {
        encode_varint(value, block->lines[i] - before);
        before = block->lines[i];
    }
}

bool import_lanes_collect(struct import_lanes *lanes, struct import_change *out_change,
                          struct buffer *value)
{
    struct list *node = list_pop(&lanes->dirty);
    buffer_clear(value);
    if (node != NULL) {
        const struct import_lane *lane = LIST_ENTRY(node, struct import_lane, dirty);
        *out_change = (struct import_change){.import_id = lane->import_id};
        lane_encode(value, lane);
        return true;
    }
    node = list_pop(&lanes->dirty_blocks);
    if (node != NULL) {
        struct import_block *block = LIST_ENTRY(node, struct import_block, dirty);
        *out_change = (struct import_change){.import_id = block->import_id,
                                             .of_block = true,
                                             .base = block->base,
                                             .gone = block->count == 0};
        if (block->count > 0) {
            block_encode(value, block);
        } else {
            block_free(block);
        }
        return true;
    }
    return false;
}

static enum status value_open(struct reader *reader, struct slice value)
{
    reader_init(reader, value);
    if (reader_left(reader) == 0) {
        return STATUS_CHECKSUM;
    }
    return read_u8(reader) == LANE_VERSION ? STATUS_OK : STATUS_VERSION;
}

enum status import_lanes_load(struct import_lanes *lanes, struct hash128 import_id,
                              struct slice value)
{
    struct reader reader;
    uint64_t last;
    TRY(value_open(&reader, value));
    last = read_varint(&reader);
    TRY(reader_finish(&reader));
    if (lane_find(lanes, import_id) != NULL) {
        return STATUS_CHECKSUM;
    }
    lane_add(lanes, import_id)->last = last;
    return STATUS_OK;
}

/* The next line of a block, above the one before it and no higher than the lane's last. */
static uint64_t block_read_line(struct reader *reader, uint64_t before, bool first,
                                uint64_t last)
{
    uint64_t step = read_varint(reader);
    if (before > last || step > last - before || (step == 0 && !first)) {
        reader_fail(reader);
        return before;
    }
    return before + step;
}

enum status import_lanes_load_block(struct import_lanes *lanes, struct hash128 import_id,
                                    uint64_t base, struct slice value)
{
    struct import_lane *lane = lane_find(lanes, import_id);
    uint64_t lines[IMPORT_BLOCK_LINES_MAX];
    uint64_t before = base, count;
    const struct import_block *newest;
    struct import_block *block;
    struct reader reader;
    TRY(value_open(&reader, value));
    count = read_varint(&reader);
    if (lane == NULL || base == 0 || count == 0 || count > IMPORT_BLOCK_LINES_MAX) {
        return STATUS_CHECKSUM;
    }
    for (uint64_t i = 0; i < count; i++) {
        lines[i] = before = block_read_line(&reader, before, i == 0, lane->last);
    }
    TRY(reader_finish(&reader));
    newest = lane->block_count > 0 ? lane->blocks[lane->block_count - 1] : NULL;
    if (newest != NULL && newest->lines[newest->count - 1] >= base) {
        return STATUS_CHECKSUM;
    }
    block = lane_block_add(lane, base);
    memory_reserve((void **)&block->lines, &block->capacity, (size_t)count,
                   sizeof *block->lines);
    memcpy(block->lines, lines, (size_t)count * sizeof *lines);
    block->count = (uint32_t)count;
    lanes->refused_count += count;
    return STATUS_OK;
}

/* Sums, so that the order of the map does not matter. */
uint64_t import_lanes_digest(const struct import_lanes *lanes)
{
    uint64_t digest = 0;
    for (const struct map_node *node = map_next(&lanes->lanes, NULL); node != NULL;
         node = map_next(&lanes->lanes, node)) {
        const struct import_lane *lane =
            CONTAINER_OF(node, const struct import_lane, node);
        uint64_t id = lane->import_id.high ^ hash_mix(lane->import_id.low);
        digest += hash_mix(id ^ hash_mix(lane->last));
        for (size_t b = 0; b < lane->block_count; b++) {
            for (uint32_t i = 0; i < lane->blocks[b]->count; i++) {
                digest += hash_mix(hash_mix(id + 1) ^ lane->blocks[b]->lines[i]);
            }
        }
    }
    return digest;
}
