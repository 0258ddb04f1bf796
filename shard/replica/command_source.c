/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of streams, both ways: a mirror, one line per field. */
#include "shard/replica/command_private.h"

/* --- To bytes -------------------------------------------------------------------------- */

static PB(CommandSource) *
    encode_source(const struct inventory_source *in, struct arena *arena)
{
    PB(CommandSource) *out = arena_alloc(arena, sizeof *out);
    PB(Hash128) *id = arena_alloc(arena, sizeof *id);
    if (out == NULL || id == NULL) {
        return NULL;
    }
    souk__internal__v1__command_source__init(out);
    souk__internal__v1__hash128__init(id);
    id->high = in->id.high;
    id->low = in->id.low;
    out->id = id;
    out->epoch = in->epoch;
    out->incarnation = in->incarnation;
    return out;
}

static enum status encode_open(const struct inventory_source_open *in,
                               PB(SkuCommand) * command, struct arena *arena)
{
    PB(SourceOpen) *out = arena_alloc(arena, sizeof *out);
    if (out == NULL) {
        return STATUS_TOO_LARGE;
    }
    souk__internal__v1__source_open__init(out);
    command->source_open = out;
    out->source = encode_source(&in->source, arena);
    out->home_hash = in->home_hash;
    out->sources_max = in->sources_max;
    return out->source != NULL ? STATUS_OK : STATUS_TOO_LARGE;
}

static enum status encode_through(const struct inventory_source_through *in,
                                  PB(SkuCommand) * command, struct arena *arena)
{
    PB(SourceThrough) *out = arena_alloc(arena, sizeof *out);
    if (out == NULL) {
        return STATUS_TOO_LARGE;
    }
    souk__internal__v1__source_through__init(out);
    command->source_through = out;
    out->source = encode_source(&in->source, arena);
    out->home_hash = in->home_hash;
    out->through = in->through;
    return out->source != NULL ? STATUS_OK : STATUS_TOO_LARGE;
}

static void encode_item(const struct inventory_source_item *in, uint64_t before,
                        PB(CommandSourceItem) * out)
{
    souk__internal__v1__command_source_item__init(out);
    out->sequence_step = in->sequence - before;
    out->sku_id = command_bytes(in->sku_id);
    out->location_id = command_bytes(in->location_id);
    out->absolute = in->absolute;
    out->bucket = in->bucket;
    out->quantity = in->quantity;
    out->reason = in->reason;
    out->reference = command_bytes(in->reference);
    out->occurred_ms = in->occurred_ms;
}

static enum status encode_update(const struct inventory_source_update *in,
                                 PB(SkuCommand) * command, struct arena *arena)
{
    PB(SourceUpdate) *out = arena_alloc(arena, sizeof *out);
    PB(CommandSourceItem) *items = command_array(arena, in->item_count, sizeof *items);
    uint64_t before = in->prev;
    if (out == NULL || items == NULL) {
        return STATUS_TOO_LARGE;
    }
    souk__internal__v1__source_update__init(out);
    command->source_update = out;
    out->source = encode_source(&in->source, arena);
    out->range_start = in->range.start;
    out->range_end = in->range.end;
    out->prev = in->prev;
    out->through = in->through;
    out->on_missing = in->on_missing;
    out->stop = in->stop;
    out->attributes_max = in->attributes_max;
    out->n_items = in->item_count;
    out->items = command_array(arena, in->item_count, sizeof(void *));
    if (out->source == NULL || out->items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < in->item_count; i++) {
        encode_item(&in->items[i], before, &items[i]);
        before = in->items[i].sequence;
        out->items[i] = &items[i];
    }
    return STATUS_OK;
}

enum status command_encode_source(const struct inventory_command *in,
                                  PB(SkuCommand) * out, struct arena *arena)
{
    if (in->kind == INVENTORY_SOURCE_OPEN) {
        return encode_open(&in->source_open, out, arena);
    }
    if (in->kind == INVENTORY_SOURCE_THROUGH) {
        return encode_through(&in->source_through, out, arena);
    }
    return encode_update(&in->source_update, out, arena);
}

/* --- From bytes ------------------------------------------------------------------------ */

static void decode_source(const PB(CommandSource) * in, struct inventory_source *out)
{
    if (in == NULL) {
        return; /* all 0: nobody's */
    }
    if (in->id != NULL) {
        out->id = (struct hash128){.high = in->id->high, .low = in->id->low};
    }
    out->epoch = in->epoch;
    out->incarnation = in->incarnation;
}

static void decode_item(const PB(CommandSourceItem) * in, uint64_t before,
                        struct inventory_source_item *out)
{
    *out = (struct inventory_source_item){
        .sequence = before + in->sequence_step,
        .sku_id = command_slice(in->sku_id),
        .location_id = command_slice(in->location_id),
        .absolute = in->absolute,
        .bucket = (enum stock_bucket)in->bucket,
        .quantity = in->quantity,
        .reason = (enum stock_reason)in->reason,
        .reference = command_slice(in->reference),
        .occurred_ms = in->occurred_ms,
    };
}

static enum status decode_update(const PB(SourceUpdate) * in, struct arena *arena,
                                 struct inventory_source_update *out)
{
    struct inventory_source_item *items;
    uint64_t before = in->prev;
    if (in->n_items > INVENTORY_SOURCE_ITEMS_MAX) {
        return STATUS_TOO_LARGE;
    }
    items = command_array(arena, in->n_items, sizeof *items);
    if (items == NULL) {
        return STATUS_TOO_LARGE;
    }
    decode_source(in->source, &out->source);
    out->range.start = in->range_start;
    out->range.end = in->range_end;
    out->prev = in->prev;
    out->through = in->through;
    out->on_missing = (enum inventory_missing)in->on_missing;
    out->stop = in->stop;
    out->attributes_max = in->attributes_max;
    for (size_t i = 0; i < in->n_items; i++) {
        decode_item(in->items[i], before, &items[i]);
        before = items[i].sequence;
    }
    out->items = items;
    out->item_count = (uint32_t)in->n_items;
    return STATUS_OK;
}

enum status command_decode_source(const PB(SkuCommand) * in, struct arena *arena,
                                  struct inventory_command *out)
{
    if (out->kind == INVENTORY_SOURCE_OPEN) {
        decode_source(in->source_open->source, &out->source_open.source);
        out->source_open.home_hash = in->source_open->home_hash;
        out->source_open.sources_max = in->source_open->sources_max;
        return STATUS_OK;
    }
    if (out->kind == INVENTORY_SOURCE_THROUGH) {
        decode_source(in->source_through->source, &out->source_through.source);
        out->source_through.home_hash = in->source_through->home_hash;
        out->source_through.through = in->source_through->through;
        return STATUS_OK;
    }
    return decode_update(in->source_update, arena, &out->source_update);
}
