/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts of a location. A count freezes what was on hand when it began, and closing it
 * posts by how much the counted units differ from that: what was sold or came in meanwhile
 * stays. Nothing is copied at the start; a level's number is taken down when it first
 * changes, or when it is counted, so a count of a million levels begins at once.
 *
 *     COUNT_START -> [COUNT_SUBMIT...] -> COUNT_CLOSE (posted, or discarded)
 *
 * Each shard keeps the part of its own SKUs; one count may be open at a location.
 */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

/* --- Rows in memory -------------------------------------------------------------------------- */

struct count_row *count_find(const struct inventory *inventory, struct slice count_id)
{
    struct table_node *node =
        table_find(&inventory->counts, state_hash(inventory, count_id), count_id);
    return node != NULL ? CONTAINER_OF(node, struct count_row, node) : NULL;
}

/* The id lies behind the struct. */
struct count_row *count_add(struct inventory *inventory, struct slice count_id,
                            struct location_row *location)
{
    struct count_row *count = memory_zalloc(sizeof *count + count_id.size);
    memcpy(count + 1, count_id.data, count_id.size);
    count->node.id = slice_of(count + 1, count_id.size);
    count->node.hash = state_hash(inventory, count_id);
    count->location = location;
    location->count = count;
    table_init(&count->lines, inventory->options.range.start,
               inventory->options.range.end - inventory->options.range.start);
    list_init(&count->dirty);
    table_insert(&inventory->counts, &count->node);
    inventory->row_bytes += sizeof *count + count_id.size;
    return count;
}

static struct count_line *count_line_find(const struct inventory *inventory,
                                          const struct count_row *count,
                                          struct slice sku_id)
{
    struct table_node *node =
        table_find(&count->lines, state_hash(inventory, sku_id), sku_id);
    return node != NULL ? CONTAINER_OF(node, struct count_line, node) : NULL;
}

struct count_line *count_line_add(struct inventory *inventory, struct count_row *count,
                                  struct slice sku_id)
{
    struct count_line *line = memory_zalloc(sizeof *line + sku_id.size);
    memcpy(line + 1, sku_id.data, sku_id.size);
    line->node.id = slice_of(line + 1, sku_id.size);
    line->node.hash = state_hash(inventory, sku_id);
    line->count = count;
    list_init(&line->dirty);
    table_insert(&count->lines, &line->node);
    inventory->row_bytes += sizeof *line + sku_id.size;
    return line;
}

/* Leaves the store as it is. */
static void count_free(struct inventory *inventory, struct count_row *count)
{
    struct table_node *node = table_next(&count->lines, NULL);
    while (node != NULL) {
        struct count_line *line = CONTAINER_OF(node, struct count_line, node);
        node = table_next(&count->lines, node);
        inventory->row_bytes -= sizeof *line + line->node.id.size;
        list_remove(&line->dirty);
        free(line);
    }
    inventory->row_bytes -= sizeof *count + count->node.id.size;
    table_close(&count->lines);
    list_remove(&count->dirty);
    free(count);
}

void count_free_all(struct inventory *inventory)
{
    struct table_node *node = table_next(&inventory->counts, NULL);
    while (node != NULL) {
        struct count_row *count = CONTAINER_OF(node, struct count_row, node);
        node = table_next(&inventory->counts, node);
        count_free(inventory, count);
    }
    table_close(&inventory->counts);
}

static void count_line_dirty(struct inventory *inventory, struct count_line *line)
{
    state_dirty(inventory, &inventory->dirty_count_lines, &line->dirty,
                line->node.id.size + line->count->node.id.size + 32);
}

/* Before on_hand of a level at a location that is being counted changes. */
void count_capture(struct inventory *inventory, const struct level_row *level)
{
    struct count_row *count = level->location->count;
    struct count_line *line;
    if (count->at_submit ||
        count_line_find(inventory, count, level->sku->node.id) != NULL) {
        return;
    }
    line = count_line_add(inventory, count, level->sku->node.id);
    line->baseline = level->buckets[STOCK_BUCKET_ON_HAND];
    count_line_dirty(inventory, line);
}

/* --- Start ------------------------------------------------------------------------------------ */

static void count_show(const struct count_row *count, struct arena *arena,
                       struct inventory_outcome *out)
{
    out->has_count = true;
    out->count.start_ms = count->start_ms;
    out->count.location_id = arena_slice(arena, count->location->node.id);
}

void count_start(struct inventory *inventory, const struct inventory_count_start *command,
                 struct arena *arena, struct inventory_outcome *out)
{
    struct location_row *location = state_location_find(inventory, command->location_id);
    struct count_row *count = count_find(inventory, command->count_id);
    if (location == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_LOCATION_ID);
        return;
    }
    if (count != NULL &&
        (count->location != location || count->at_submit != command->at_submit)) {
        outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_COUNT_ID);
        return;
    }
    if (count == NULL && location->count != NULL) {
        outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_LOCATION_ID);
        return;
    }
    if (count == NULL) {
        count = count_add(inventory, command->count_id, location);
        count->at_submit = command->at_submit;
        count->start_ms = inventory->log_ms;
        state_dirty(inventory, &inventory->dirty_counts, &count->dirty,
                    count->node.id.size + 64);
        out->created = true;
    }
    count_show(count, arena, out);
}

/* --- Submit ----------------------------------------------------------------------------------- */

/* Every SKU is here and known, and the count stays within its limit. */
static bool count_may_submit(struct inventory *inventory, const struct count_row *count,
                             const struct inventory_count_submit *command,
                             struct inventory_outcome *out)
{
    uint32_t lines = count->submitted;
    for (uint32_t i = 0; i < command->line_count; i++) {
        struct slice sku_id = command->lines[i].sku_id;
        const struct count_line *line = count_line_find(inventory, count, sku_id);
        out->line = i;
        if (!state_owns(inventory, state_hash(inventory, sku_id))) {
            outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_SKU_ID);
            return false;
        }
        if (state_sku_find(inventory, sku_id) == NULL) {
            outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID);
            return false;
        }
        lines += line == NULL || !line->submitted;
    }
    out->line = 0;
    if (lines > INVENTORY_COUNT_LINES_MAX) {
        outcome_refuse(out, STATUS_QUANTITY_LIMIT, INVENTORY_FIELD_COUNT_ID);
        return false;
    }
    return true;
}

static void count_submit_line(struct inventory *inventory, struct count_row *count,
                              const struct inventory_count_line *counted)
{
    struct count_line *line = count_line_find(inventory, count, counted->sku_id);
    bool known = line != NULL;
    if (!known) {
        line = count_line_add(inventory, count, counted->sku_id);
    }
    if (!known || count->at_submit) {
        const struct sku_row *sku = state_sku_find(inventory, counted->sku_id);
        const struct level_row *level = state_level_find(sku, count->location->node.id);
        line->baseline = level != NULL ? level->buckets[STOCK_BUCKET_ON_HAND] : 0;
    }
    count->submitted += !line->submitted;
    line->submitted = true;
    line->counted = counted->counted;
    count_line_dirty(inventory, line);
}

void count_submit(struct inventory *inventory,
                  const struct inventory_count_submit *command, struct arena *arena,
                  struct inventory_outcome *out)
{
    struct count_row *count = count_find(inventory, command->count_id);
    if (count == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_COUNT_ID);
        return;
    }
    if (!count_may_submit(inventory, count, command, out)) {
        return;
    }
    for (uint32_t i = 0; i < command->line_count; i++) {
        count_submit_line(inventory, count, &command->lines[i]);
    }
    count_show(count, arena, out);
    out->count.lines = count->submitted;
}

/* --- Close ------------------------------------------------------------------------------------ */

static int64_t count_sum(int64_t sum, wide more)
{
    return level_clip((wide)sum + more);
}

/* on_hand changes by counted - baseline, whatever it has become meanwhile; but no bucket is
 * negative, and none passes an int64. */
static void count_post_line(struct inventory *inventory, const struct count_row *count,
                            const struct count_line *line,
                            struct inventory_count_totals *totals)
{
    const struct level_change change = {.reason = STOCK_REASON_COUNT,
                                        .reference = count->node.id};
    struct sku_row *sku = state_sku_find(inventory, line->node.id);
    struct level_row *level;
    int64_t buckets[STOCK_BUCKET_COUNT] = {0};
    wide delta = (wide)line->counted - line->baseline, after;
    totals->lines++;
    if (sku == NULL) {
        totals->missing++;
        return;
    }
    if (delta == 0) {
        return;
    }
    level = state_level_find(sku, count->location->node.id);
    if (level != NULL) {
        memcpy(buckets, level->buckets, sizeof buckets);
    }
    after = buckets[STOCK_BUCKET_ON_HAND] + delta;
    if (after < 0 || after > INT64_MAX) {
        totals->cut++;
        after = after < 0 ? 0 : INT64_MAX;
    }
    delta = after - buckets[STOCK_BUCKET_ON_HAND];
    if (delta == 0) {
        return;
    }
    buckets[STOCK_BUCKET_ON_HAND] = (int64_t)after;
    if (level == NULL) {
        struct stock_target target = {.sku = sku, .location = count->location};
        stock_level_make(inventory, &target);
        level = target.level;
    }
    level_write(inventory, level, buckets, &change);
    totals->changed++;
    totals->found = count_sum(totals->found, delta > 0 ? delta : 0);
    totals->lost = count_sum(totals->lost, delta < 0 ? -delta : 0);
}

void count_close(struct inventory *inventory, const struct inventory_count_close *command,
                 struct arena *arena, struct inventory_outcome *out)
{
    struct count_row *count = count_find(inventory, command->count_id);
    if (count == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_COUNT_ID);
        return;
    }
    count_show(count, arena, out);
    count->location->count = NULL;
    flush_delete_count(inventory, count);
    for (const struct table_node *node = table_next(&count->lines, NULL);
         node != NULL && !command->discard; node = table_next(&count->lines, node)) {
        const struct count_line *line = CONTAINER_OF(node, const struct count_line, node);
        if (line->submitted) {
            count_post_line(inventory, count, line, &out->count);
        }
    }
    table_remove(&inventory->counts, &count->node);
    count_free(inventory, count);
}
