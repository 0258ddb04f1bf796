/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as answers: everything copied, so that an answer outlives the row. */
#include "shard/inventory/inventory_private.h"

enum status view_sku(const struct sku_row *sku, struct arena *arena,
                     struct inventory_sku *out)
{
    struct slice document =
        arena_slice(arena, slice_of(sku->document, sku->document_size));
    TRY(rows_sku_decode(document, arena, out));
    out->sku_id = arena_slice(arena, sku->node.id);
    return STATUS_OK;
}

void view_location(const struct location_row *row, struct arena *arena,
                   struct inventory_location *out)
{
    const struct inventory_location *view = row->view;
    struct slice *channels =
        arena_zalloc(arena, (view->channel_count + 1) * sizeof *channels);
    *out = *view;
    out->location_id = arena_slice(arena, view->location_id);
    out->name = arena_slice(arena, view->name);
    out->address = arena_slice(arena, view->address);
    out->time_zone = arena_slice(arena, view->time_zone);
    for (uint32_t i = 0; channels != NULL && i < view->channel_count; i++) {
        channels[i] = arena_slice(arena, view->channels[i]);
    }
    out->channels = channels;
    out->channel_count = channels != NULL ? view->channel_count : 0;
}

struct inventory_alias view_alias(const struct alias_row *row)
{
    return (struct inventory_alias){.identifier = row->node.id,
                                    .sku_id = row->sku_id,
                                    .state = row->state,
                                    .by = row->by};
}

/* By how much the promises exceed what is there to keep them; without promises none. */
wide view_shortfall(const int64_t buckets[STOCK_BUCKET_COUNT])
{
    wide promised = (wide)buckets[STOCK_BUCKET_HELD] + buckets[STOCK_BUCKET_COMMITTED];
    wide shortfall =
        promised -
        ((wide)buckets[STOCK_BUCKET_ON_HAND] - buckets[STOCK_BUCKET_DAMAGED] -
         buckets[STOCK_BUCKET_QUALITY_CONTROL] + buckets[STOCK_BUCKET_BACKORDER_LIMIT]);
    return promised > 0 && shortfall > 0 ? shortfall : 0;
}

void view_level(const struct level_row *level, struct arena *arena,
                struct inventory_level *out)
{
    out->sku_id = arena_slice(arena, level->sku->node.id);
    out->location_id = arena_slice(arena, level->location->node.id);
    memcpy(out->buckets, level->buckets, sizeof out->buckets);
    out->available = level_clip(level_available(level->buckets));
    out->shortfall = level_clip(view_shortfall(level->buckets));
    out->etag = level->etag;
    out->update_ms = level->update_ms;
}

void view_hold(const struct hold_row *hold, struct arena *arena,
               struct inventory_hold *out)
{
    struct inventory_hold_line *lines =
        arena_zalloc(arena, (hold->line_count + 1) * sizeof *lines);
    *out = (struct inventory_hold){
        .hold_id = hold->id,
        .state = hold->state,
        .owner = arena_slice(arena, hold->owner->id),
        .reference = arena_slice(arena, hold->reference),
        .lines = lines,
        .line_count = lines != NULL ? hold->line_count : 0,
        .allow_backorder = hold->allow_backorder,
        .create_ms = hold->create_ms,
        .expire_ms = hold->expire_ms,
        .end_ms = hold->end_ms,
        .unsettled = !hold_home_settled(hold),
    };
    for (uint32_t i = 0; i < out->line_count; i++) {
        const struct hold_line_row *row = &hold->lines[i];
        lines[i].sku_id = arena_slice(arena, row->sku->node.id);
        if (row->remote) {
            lines[i].location_id = arena_slice(arena, row->location);
        } else if (row->level != NULL) {
            lines[i].location_id = arena_slice(arena, row->level->location->node.id);
        }
        lines[i].quantity = row->quantity;
        lines[i].granted = row->granted;
    }
}
