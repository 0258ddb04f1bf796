/* SPDX-License-Identifier: Apache-2.0 */
/* bytes -> struct inventory_command: the mirror of command_sku_encode.c. */
#include "shard/inventory/inventory.h"
#include "shard/replica/command_private.h"

static void decode_identity(const PB(SkuCommand) * in, struct inventory_identity *out)
{
    out->anchor = in->anchor;
    const PB(CommandIdentity) *identity = in->identity;
    if (identity == NULL) {
        return;
    }
    out->kind = (enum inventory_identity_kind)identity->kind;
    struct hash128 id = {0};
    if (identity->id != NULL) {
        id = (struct hash128){.high = identity->id->high, .low = identity->id->low};
    }
    if (out->kind == INVENTORY_IDENTITY_IMPORT) {
        out->import_id = id;
    } else {
        out->request_id = id;
    }
    out->fingerprint = identity->fingerprint;
    out->request_ms = identity->request_ms;
    out->attempt = identity->attempt;
    out->line = identity->line;
    out->prev_line = identity->prev_line;
    out->imports_max = identity->imports_max;
    out->imports_refused_max = identity->imports_refused_max;
}

static enum status decode_money(const PB(CommandMoney) * in, struct inventory_money *out)
{
    if (in == NULL) {
        return STATUS_OK;
    }
    if (in->currency.len >= sizeof out->currency) {
        return STATUS_CHECKSUM;
    }
    for (size_t i = 0; i < in->currency.len; i++) {
        out->currency[i] = (char)in->currency.data[i];
    }
    out->units = in->units;
    out->nanos = in->nanos;
    return STATUS_OK;
}

static enum status decode_attributes(PB(CommandAttribute) *const *in, size_t count,
                                     uint32_t count_max, struct arena *arena,
                                     const struct inventory_attribute **out)
{
    if (count > count_max) {
        return STATUS_TOO_LARGE;
    }
    struct inventory_attribute *items = command_array(arena, count, sizeof *items);
    if (items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct inventory_attribute){
            .name = command_slice(in[i]->name),
            .kind = (enum inventory_attribute_kind)in[i]->kind,
            .text = command_slice(in[i]->text),
            .number = in[i]->number,
        };
    }
    *out = items;
    return STATUS_OK;
}

static enum status decode_slices(const ProtobufCBinaryData *in, size_t count,
                                 uint32_t count_max, struct arena *arena,
                                 const struct slice **out)
{
    if (count > count_max) {
        return STATUS_TOO_LARGE;
    }
    *out = command_slice_array(in, count, arena);
    return *out != NULL ? STATUS_OK : STATUS_TOO_LARGE;
}

static enum status decode_sku_upsert(const PB(SkuUpsert) * in, struct arena *arena,
                                     struct inventory_sku_upsert *out)
{
    struct inventory_sku *sku = &out->sku;
    TRY(decode_attributes(in->attributes, in->n_attributes, INVENTORY_ATTRIBUTES_MAX,
                          arena, &sku->attributes));
    TRY(decode_attributes(in->options, in->n_options, INVENTORY_OPTIONS_MAX, arena,
                          &sku->options));
    TRY(decode_slices(in->categories, in->n_categories, INVENTORY_CATEGORY_DEPTH_MAX,
                      arena, &sku->categories));
    TRY(decode_slices(in->gtins, in->n_gtins, INVENTORY_GTINS_MAX, arena, &sku->gtins));
    TRY(decode_slices(in->aliases, in->n_aliases, INVENTORY_ALIASES_MAX, arena,
                      &sku->aliases));
    TRY(decode_money(in->price, &sku->price));
    TRY(decode_money(in->cost, &sku->cost));
    sku->sku_id = command_slice(in->sku_id);
    sku->product_id = command_slice(in->product_id);
    sku->name = command_slice(in->name);
    sku->state = (enum sku_state)in->state;
    sku->attribute_count = (uint32_t)in->n_attributes;
    sku->category_count = (uint32_t)in->n_categories;
    sku->brand = command_slice(in->brand);
    sku->unit = command_slice(in->unit);
    sku->unit_exponent = in->unit_exponent;
    sku->option_count = (uint32_t)in->n_options;
    sku->gtin_count = (uint32_t)in->n_gtins;
    sku->alias_count = (uint32_t)in->n_aliases;
    out->taken = command_slice(in->taken);
    out->claim = in->claim != 0;
    TRY(decode_slices(in->reserved, in->n_reserved,
                      INVENTORY_GTINS_MAX + INVENTORY_ALIASES_MAX, arena,
                      &out->reserved));
    out->reserved_count = (uint32_t)in->n_reserved;
    out->update_mask = in->update_mask;
    out->etag = in->etag;
    out->attributes_max = in->attributes_max;
    return STATUS_OK;
}

static enum status decode_location(const PB(LocationUpsert) * in, struct arena *arena,
                                   struct inventory_location_upsert *out)
{
    struct inventory_location *location = &out->location;
    TRY(decode_slices(in->channels, in->n_channels, INVENTORY_CHANNELS_MAX, arena,
                      &location->channels));
    location->channel_count = (uint32_t)in->n_channels;
    location->location_id = command_slice(in->location_id);
    location->name = command_slice(in->name);
    location->type = (enum location_type)in->type;
    location->address = command_slice(in->address);
    location->latitude_e7 = in->latitude_e7;
    location->longitude_e7 = in->longitude_e7;
    location->time_zone = command_slice(in->time_zone);
    location->version = in->version;
    location->etag = in->location_etag;
    location->create_ms = in->create_ms;
    location->update_ms = in->update_ms;
    out->etag = in->etag;
    out->update_mask = in->update_mask;
    return STATUS_OK;
}

static void decode_stock_adjust(const PB(StockAdjust) * in,
                                struct inventory_stock_adjust *out)
{
    out->sku_id = command_slice(in->sku_id);
    out->location_id = command_slice(in->location_id);
    out->bucket = (enum stock_bucket)in->bucket;
    out->delta = in->delta;
    out->reason = (enum stock_reason)in->reason;
    out->reference = command_slice(in->reference);
    out->etag = in->etag;
}

static enum status decode_stock_set(const PB(StockSet) * in,
                                    struct inventory_stock_set *out)
{
    if (in->n_buckets > STOCK_BUCKET_COUNT) {
        return STATUS_TOO_LARGE;
    }
    out->sku_id = command_slice(in->sku_id);
    out->location_id = command_slice(in->location_id);
    out->mask = in->mask;
    for (size_t i = 0; i < in->n_buckets; i++) {
        out->buckets[i] = in->buckets[i];
    }
    out->has_expected_on_hand = in->has_expected_on_hand;
    out->expected_on_hand = in->expected_on_hand;
    out->etag = in->etag;
    out->reason = (enum stock_reason)in->reason;
    out->reference = command_slice(in->reference);
    return STATUS_OK;
}

static void decode_stock_move(const PB(StockMove) * in, struct inventory_stock_move *out)
{
    out->sku_id = command_slice(in->sku_id);
    out->location_id = command_slice(in->location_id);
    out->bucket = (enum stock_bucket)in->bucket;
    out->to_location_id = command_slice(in->to_location_id);
    out->to_bucket = (enum stock_bucket)in->to_bucket;
    out->quantity = in->quantity;
    out->reason = (enum stock_reason)in->reason;
    out->reference = command_slice(in->reference);
}

static enum status decode_count_submit(const PB(CountSubmit) * in, struct arena *arena,
                                       struct inventory_count_submit *out)
{
    if (in->n_lines > INVENTORY_COUNT_SUBMIT_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct inventory_count_line *lines = command_array(arena, in->n_lines, sizeof *lines);
    if (lines == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_lines; i++) {
        lines[i].sku_id = command_slice(in->lines[i]->sku_id);
        lines[i].counted = in->lines[i]->counted;
    }
    out->count_id = command_slice(in->count_id);
    out->lines = lines;
    out->line_count = (uint32_t)in->n_lines;
    return STATUS_OK;
}

static enum status decode_hold_create(const PB(HoldCreate) * in, struct arena *arena,
                                      struct inventory_hold_create *out)
{
    if (in->n_lines > INVENTORY_HOLD_LINES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct inventory_hold_line *lines = command_array(arena, in->n_lines, sizeof *lines);
    if (lines == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_lines; i++) {
        lines[i] = (struct inventory_hold_line){
            .sku_id = command_slice(in->lines[i]->sku_id),
            .location_id = command_slice(in->lines[i]->location_id),
            .quantity = in->lines[i]->quantity,
        };
    }
    out->lines = lines;
    out->line_count = (uint32_t)in->n_lines;
    out->mode = (enum hold_mode)in->mode;
    out->owner = command_slice(in->owner);
    out->reference = command_slice(in->reference);
    out->allow_backorder = in->allow_backorder;
    out->ttl_kind = (enum hold_ttl_kind)in->ttl_kind;
    out->ttl_ms = in->ttl_ms;
    out->expire_ms = in->expire_ms;
    out->life_max_ms = in->life_max_ms;
    out->owner_holds_max = in->owner_holds_max;
    out->lines_max = in->lines_max;
    out->nonce = in->nonce;
    out->prepare_ms = in->prepare_ms;
    return STATUS_OK;
}

static enum status decode_message_lists(const PB(HoldMessage) * in, struct arena *arena,
                                        struct inventory_hold_message *out)
{
    if (in->n_lines > INVENTORY_HOLD_LINES_MAX ||
        in->n_shortages > INVENTORY_SHORTAGES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct inventory_message_line *lines =
        command_array(arena, in->n_lines, sizeof *lines);
    struct inventory_shortage *shortages =
        command_array(arena, in->n_shortages, sizeof *shortages);
    if (lines == NULL || shortages == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_lines; i++) {
        lines[i] = (struct inventory_message_line){
            .place = in->lines[i]->place,
            .location_id = command_slice(in->lines[i]->location_id),
            .quantity = in->lines[i]->quantity,
        };
    }
    for (size_t i = 0; i < in->n_shortages; i++) {
        shortages[i] = (struct inventory_shortage){
            .line = in->shortages[i]->place,
            .requested = in->shortages[i]->requested,
            .available = in->shortages[i]->available,
        };
    }
    out->lines = lines;
    out->line_count = (uint32_t)in->n_lines;
    out->shortages = shortages;
    out->shortage_count = (uint32_t)in->n_shortages;
    return STATUS_OK;
}

static enum status decode_hold_message(const PB(HoldMessage) * in, struct arena *arena,
                                       struct inventory_hold_message *out)
{
    if (in->hold_id != NULL) {
        out->hold_id.anchor = in->hold_id->anchor;
        out->hold_id.unique = in->hold_id->unique;
    }
    if (in->request_id != NULL) {
        out->request_id.high = in->request_id->high;
        out->request_id.low = in->request_id->low;
    }
    out->sku_hash = in->sku_hash;
    out->version = in->version;
    out->state = (enum hold_state)in->state;
    out->expire_ms = in->expire_ms;
    out->fulfil = in->fulfil;
    out->code = in->code;
    out->field = in->field;
    out->line = in->line;
    out->report = (enum hold_report)in->report;
    out->sku_id = command_slice(in->sku_id);
    out->reference = command_slice(in->reference);
    out->allow_backorder = in->allow_backorder;
    out->request_ms = in->request_ms;
    out->attempt = in->attempt;
    return decode_message_lists(in, arena, out);
}

static void decode_hold_change(const PB(HoldChange) * in,
                               struct inventory_hold_change *out)
{
    if (in->hold_id != NULL) {
        out->hold_id.anchor = in->hold_id->anchor;
        out->hold_id.unique = in->hold_id->unique;
    }
    out->owner = command_slice(in->owner);
    out->ttl_kind = (enum hold_ttl_kind)in->ttl_kind;
    out->ttl_ms = in->ttl_ms;
    out->expire_ms = in->expire_ms;
    out->life_max_ms = in->life_max_ms;
}

static enum status decode_tick(const PB(Tick) * in, struct arena *arena,
                               struct inventory_tick *out)
{
    if (in->n_sku_hashes > INVENTORY_TICK_NAMES_MAX ||
        in->n_holds > INVENTORY_TICK_NAMES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct inventory_hold_id *holds = command_array(arena, in->n_holds, sizeof *holds);
    if (holds == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_holds; i++) {
        holds[i].anchor = in->holds[i]->anchor;
        holds[i].unique = in->holds[i]->unique;
    }
    out->sku_hashes = in->sku_hashes; /* unpacked into the same arena */
    out->sku_count = (uint32_t)in->n_sku_hashes;
    out->holds = holds;
    out->hold_count = (uint32_t)in->n_holds;
    out->floor_ms = in->floor_ms;
    return STATUS_OK;
}

static void decode_alias(const PB(SkuCommand) * in, struct inventory_command *out)
{
    if (out->kind == INVENTORY_ALIAS_RESERVE) {
        out->alias_reserve = (struct inventory_alias_reserve){
            .identifier = command_slice(in->alias_reserve->identifier),
            .sku_id = command_slice(in->alias_reserve->sku_id),
            .by = in->alias_reserve->by};
        return;
    }
    out->alias_settle = (struct inventory_alias_settle){
        .identifier = command_slice(in->alias_settle->identifier),
        .sku_id = command_slice(in->alias_settle->sku_id),
        .by = in->alias_settle->by,
        .bound = in->alias_settle->bound != 0};
}

static enum status decode_payload(const PB(SkuCommand) * in, struct arena *arena,
                                  struct inventory_command *out)
{
    switch (out->kind) {
    case INVENTORY_SKU_UPSERT:
        return decode_sku_upsert(in->sku_upsert, arena, &out->sku_upsert);
    case INVENTORY_SKU_DELETE:
        out->sku_delete.sku_id = command_slice(in->sku_delete->sku_id);
        out->sku_delete.etag = in->sku_delete->etag;
        return STATUS_OK;
    case INVENTORY_LOCATION_UPSERT:
    case INVENTORY_LOCATION_COPY:
        return decode_location(in->location_upsert, arena, &out->location_upsert);
    case INVENTORY_ALIAS_RESERVE:
    case INVENTORY_ALIAS_SETTLE:
        decode_alias(in, out);
        return STATUS_OK;
    case INVENTORY_STOCK_ADJUST:
        decode_stock_adjust(in->stock_adjust, &out->stock_adjust);
        return STATUS_OK;
    case INVENTORY_STOCK_SET:
        return decode_stock_set(in->stock_set, &out->stock_set);
    case INVENTORY_STOCK_MOVE:
        decode_stock_move(in->stock_move, &out->stock_move);
        return STATUS_OK;
    case INVENTORY_COUNT_START:
        out->count_start.count_id = command_slice(in->count_start->count_id);
        out->count_start.location_id = command_slice(in->count_start->location_id);
        out->count_start.at_submit = in->count_start->at_submit;
        return STATUS_OK;
    case INVENTORY_COUNT_SUBMIT:
        return decode_count_submit(in->count_submit, arena, &out->count_submit);
    case INVENTORY_COUNT_CLOSE:
        out->count_close.count_id = command_slice(in->count_close->count_id);
        out->count_close.discard = in->count_close->discard;
        return STATUS_OK;
    case INVENTORY_HOLD_CREATE:
        return decode_hold_create(in->hold_create, arena, &out->hold_create);
    case INVENTORY_HOLD_EXTEND:
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
        decode_hold_change(in->hold_commit, &out->hold_change);
        return STATUS_OK;
    case INVENTORY_HOLD_PREPARE:
    case INVENTORY_HOLD_VOTE:
    case INVENTORY_HOLD_STATE:
    case INVENTORY_HOLD_ACK:
    case INVENTORY_HOLD_QUESTION:
        return decode_hold_message(in->hold_prepare, arena, &out->hold_message);
    case INVENTORY_TICK:
        return decode_tick(in->tick, arena, &out->tick);
    case INVENTORY_REQUEST_SEAL:
        return STATUS_OK;
    case INVENTORY_SOURCE_OPEN:
    case INVENTORY_SOURCE_UPDATE:
    case INVENTORY_SOURCE_THROUGH:
        return command_decode_source(in, arena, out);
    default:
        return STATUS_VERSION;
    }
}

enum status command_decode_sku(struct slice bytes, struct arena *arena,
                               struct inventory_command *out_command)
{
    ProtobufCMessage *message;
    TRY(command_unpack(&souk__internal__v1__sku_command__descriptor, bytes, arena,
                       &message));
    const PB(SkuCommand) *in = (const PB(SkuCommand) *)(const void *)message;
    if (in->command_case == SOUK__INTERNAL__V1__SKU_COMMAND__COMMAND__NOT_SET) {
        return STATUS_VERSION; /* a kind that this version does not know */
    }
    memset(out_command, 0, sizeof *out_command);
    out_command->kind = (enum inventory_command_kind)((uint32_t)in->command_case -
                                                      (uint32_t)COMMAND_KIND_FIELD_BASE);
    decode_identity(in, &out_command->identity);
    return decode_payload(in, arena, out_command);
}
