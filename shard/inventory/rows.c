/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored forms of the rows; each begins with ROW_VERSION. Encoders are canonical (equal
 * values, equal bytes: the digest hashes them), decoders are total: CHECKSUM for bytes that
 * no encoder writes, VERSION for a form of a later release.
 */
#include "shard/inventory/inventory_private.h"

static enum status rows_open(struct reader *reader, struct slice value)
{
    reader_init(reader, value);
    if (value.size == 0) {
        return STATUS_CHECKSUM;
    }
    return read_u8(reader) == ROW_VERSION ? STATUS_OK : STATUS_VERSION;
}

static uint32_t rows_get_u32(struct reader *reader)
{
    uint64_t value = read_varint(reader);
    if (value > UINT32_MAX) {
        reader_fail(reader);
        return 0;
    }
    return (uint32_t)value;
}

/* A quantity: never negative in any row. */
static int64_t rows_get_quantity(struct reader *reader)
{
    uint64_t value = read_varint(reader);
    if (value > INT64_MAX) {
        reader_fail(reader);
        return 0;
    }
    return (int64_t)value;
}

/* A count of items of at least one byte each. */
static uint32_t rows_get_count(struct reader *reader)
{
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader)) {
        reader_fail(reader);
        return 0;
    }
    return (uint32_t)count;
}

static void *rows_array(struct reader *reader, struct arena *arena, uint32_t count,
                        size_t item_size)
{
    void *items = count > 0 ? arena_zalloc(arena, count * item_size) : NULL;
    if (items == NULL && count > 0) {
        reader_fail(reader);
    }
    return items;
}

static void rows_put_slices(struct buffer *out, const struct slice *slices,
                            uint32_t count)
{
    encode_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        encode_bytes(out, slices[i]);
    }
}

static const struct slice *rows_get_slices(struct reader *reader, struct arena *arena,
                                           uint32_t *out_count)
{
    uint32_t count = rows_get_count(reader);
    struct slice *slices = rows_array(reader, arena, count, sizeof *slices);
    for (uint32_t i = 0; slices != NULL && i < count; i++) {
        slices[i] = read_bytes(reader);
    }
    *out_count = slices != NULL ? count : 0;
    return slices;
}

static void rows_put_attributes(struct buffer *out,
                                const struct inventory_attribute *attributes,
                                uint32_t count)
{
    encode_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        encode_bytes(out, attributes[i].name);
        encode_u8(out, (uint8_t)attributes[i].kind);
        if (attributes[i].kind == INVENTORY_ATTRIBUTE_TEXT) {
            encode_bytes(out, attributes[i].text);
        } else {
            encode_zigzag(out, attributes[i].number);
        }
    }
}

static const struct inventory_attribute *
rows_get_attributes(struct reader *reader, struct arena *arena, uint32_t *out_count)
{
    uint32_t count = rows_get_count(reader);
    struct inventory_attribute *items = rows_array(reader, arena, count, sizeof *items);
    for (uint32_t i = 0; items != NULL && i < count; i++) {
        items[i].name = read_bytes(reader);
        items[i].kind = (enum inventory_attribute_kind)read_u8(reader);
        if (items[i].kind == INVENTORY_ATTRIBUTE_TEXT) {
            items[i].text = read_bytes(reader);
        } else {
            items[i].number = read_zigzag(reader);
        }
        if (items[i].kind > INVENTORY_ATTRIBUTE_FLAG) {
            reader_fail(reader);
        }
    }
    *out_count = items != NULL ? count : 0;
    return items;
}

static void rows_put_money(struct buffer *out, const struct inventory_money *money)
{
    encode_u8(out, money->currency[0] != '\0');
    if (money->currency[0] != '\0') {
        for (int i = 0; i < 3; i++) {
            encode_u8(out, (uint8_t)money->currency[i]);
        }
        encode_zigzag(out, money->units);
        encode_zigzag(out, money->nanos);
    }
}

static void rows_get_money(struct reader *reader, struct inventory_money *out)
{
    int64_t nanos;
    *out = (struct inventory_money){.units = 0};
    switch (read_u8(reader)) {
    case 0:
        return;
    case 1:
        break;
    default:
        reader_fail(reader);
        return;
    }
    for (int i = 0; i < 3; i++) {
        out->currency[i] = (char)read_u8(reader);
    }
    out->units = read_zigzag(reader);
    nanos = read_zigzag(reader);
    if (nanos < INT32_MIN || nanos > INT32_MAX || out->currency[0] == '\0') {
        reader_fail(reader);
        return;
    }
    out->nanos = (int32_t)nanos;
}

void rows_sku_encode(struct buffer *out, const struct inventory_sku *sku)
{
    encode_u8(out, ROW_VERSION);
    encode_u8(out, (uint8_t)sku->state);
    encode_le64(out, sku->etag);
    encode_zigzag(out, sku->create_ms);
    encode_zigzag(out, sku->update_ms);
    encode_bytes(out, sku->product_id);
    encode_bytes(out, sku->name);
    rows_put_attributes(out, sku->attributes, sku->attribute_count);
    rows_put_slices(out, sku->categories, sku->category_count);
    encode_bytes(out, sku->brand);
    rows_put_money(out, &sku->price);
    rows_put_money(out, &sku->cost);
    encode_bytes(out, sku->unit);
    encode_varint(out, sku->unit_exponent);
    rows_put_attributes(out, sku->options, sku->option_count);
    rows_put_slices(out, sku->gtins, sku->gtin_count);
    if (sku->alias_count > 0) { /* rows from before them end here */
        rows_put_slices(out, sku->aliases, sku->alias_count);
    }
}

enum status rows_sku_decode(struct slice value, struct arena *arena,
                            struct inventory_sku *out_sku)
{
    struct inventory_sku sku = {.state = SKU_STATE_UNSPECIFIED};
    struct reader reader;
    TRY(rows_open(&reader, value));
    sku.state = (enum sku_state)read_u8(&reader);
    sku.etag = read_le64(&reader);
    sku.create_ms = read_zigzag(&reader);
    sku.update_ms = read_zigzag(&reader);
    sku.product_id = read_bytes(&reader);
    sku.name = read_bytes(&reader);
    sku.attributes = rows_get_attributes(&reader, arena, &sku.attribute_count);
    sku.categories = rows_get_slices(&reader, arena, &sku.category_count);
    sku.brand = read_bytes(&reader);
    rows_get_money(&reader, &sku.price);
    rows_get_money(&reader, &sku.cost);
    sku.unit = read_bytes(&reader);
    sku.unit_exponent = rows_get_u32(&reader);
    sku.options = rows_get_attributes(&reader, arena, &sku.option_count);
    sku.gtins = rows_get_slices(&reader, arena, &sku.gtin_count);
    if (reader_left(&reader) > 0) {
        sku.aliases = rows_get_slices(&reader, arena, &sku.alias_count);
        if (sku.alias_count == 0) {
            reader_fail(&reader);
        }
    }
    if (sku.state < SKU_STATE_DRAFT || sku.state > SKU_STATE_RETIRED) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    *out_sku = sku;
    return STATUS_OK;
}

void rows_alias_encode(struct buffer *out, const struct inventory_alias *alias)
{
    encode_u8(out, ROW_VERSION);
    encode_u8(out, (uint8_t)alias->state);
    encode_le64(out, alias->by);
    encode_bytes(out, alias->sku_id);
}

enum status rows_alias_decode(struct slice value, struct inventory_alias *out_alias)
{
    struct inventory_alias alias = {.state = INVENTORY_ALIAS_RESERVED};
    struct reader reader;
    TRY(rows_open(&reader, value));
    alias.state = (enum inventory_alias_state)read_u8(&reader);
    alias.by = read_le64(&reader);
    alias.sku_id = read_bytes(&reader);
    if (alias.state < INVENTORY_ALIAS_RESERVED || alias.state > INVENTORY_ALIAS_BOUND ||
        (alias.state == INVENTORY_ALIAS_BOUND && alias.by != 0)) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    *out_alias = alias;
    return STATUS_OK;
}

void rows_location_encode(struct buffer *out, const struct inventory_location *location)
{
    encode_u8(out, ROW_VERSION);
    encode_u8(out, (uint8_t)location->type);
    encode_le64(out, location->etag);
    encode_varint(out, location->version);
    encode_zigzag(out, location->create_ms);
    encode_zigzag(out, location->update_ms);
    encode_bytes(out, location->name);
    encode_bytes(out, location->address);
    encode_le32(out, (uint32_t)location->latitude_e7);
    encode_le32(out, (uint32_t)location->longitude_e7);
    encode_bytes(out, location->time_zone);
    rows_put_slices(out, location->channels, location->channel_count);
}

enum status rows_location_decode(struct slice value, struct arena *arena,
                                 struct inventory_location *out_location)
{
    struct inventory_location location = {.type = LOCATION_TYPE_UNSPECIFIED};
    struct reader reader;
    TRY(rows_open(&reader, value));
    location.type = (enum location_type)read_u8(&reader);
    location.etag = read_le64(&reader);
    location.version = read_varint(&reader);
    location.create_ms = read_zigzag(&reader);
    location.update_ms = read_zigzag(&reader);
    location.name = read_bytes(&reader);
    location.address = read_bytes(&reader);
    location.latitude_e7 = (int32_t)read_le32(&reader);
    location.longitude_e7 = (int32_t)read_le32(&reader);
    location.time_zone = read_bytes(&reader);
    location.channels = rows_get_slices(&reader, arena, &location.channel_count);
    if (location.type > LOCATION_TYPE_TRANSIT) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    *out_location = location;
    return STATUS_OK;
}

static void rows_put_position(struct buffer *out, const struct ledger_position *position)
{
    encode_varint(out, position->shard_id);
    encode_varint(out, position->index);
    encode_varint(out, position->sub);
}

/* A level that no source has told of with a time keeps the first form. */
enum {
    LEVEL_VERSION_STAMPS = 2,
};

static void rows_put_stamps(struct buffer *out, const struct level_stamps *stamps)
{
    encode_u8(out, (uint8_t)stamps->count);
    for (uint32_t i = 0; i < stamps->count; i++) {
        encode_le64(out, stamps->stamps[i].source);
        encode_zigzag(out, stamps->stamps[i].occurred_ms);
    }
}

static void rows_get_stamps(struct reader *reader, struct level_stamps *out)
{
    out->count = read_u8(reader);
    if (out->count == 0 || out->count > LEVEL_STAMPS_MAX) {
        reader_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        out->stamps[i].source = read_le64(reader);
        out->stamps[i].occurred_ms = read_zigzag(reader);
    }
}

void rows_level_encode(struct buffer *out, const struct stored_level *level)
{
    bool stamped = level->stamps.count > 0;
    encode_u8(out, stamped ? LEVEL_VERSION_STAMPS : ROW_VERSION);
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        encode_varint(out, (uint64_t)level->buckets[i]);
    }
    encode_le64(out, level->etag);
    encode_zigzag(out, level->update_ms);
    encode_varint(out, level->movement_sequence);
    rows_put_position(out, &level->movement);
    if (stamped) {
        rows_put_stamps(out, &level->stamps);
    }
}

enum status rows_level_decode(struct slice value, struct stored_level *out_level)
{
    struct stored_level level = {.etag = 0};
    bool stamped = value.size > 0 && value.data[0] == LEVEL_VERSION_STAMPS;
    struct reader reader;
    if (stamped) {
        reader_init(&reader, value);
        (void)read_u8(&reader);
    } else {
        TRY(rows_open(&reader, value));
    }
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        level.buckets[i] = rows_get_quantity(&reader);
    }
    level.etag = read_le64(&reader);
    level.update_ms = read_zigzag(&reader);
    level.movement_sequence = read_varint(&reader);
    level.movement.shard_id = read_varint(&reader);
    level.movement.index = read_varint(&reader);
    level.movement.sub = rows_get_u32(&reader);
    if (stamped) {
        rows_get_stamps(&reader, &level.stamps);
    }
    TRY(reader_finish(&reader));
    *out_level = level;
    return STATUS_OK;
}

void rows_hold_encode(struct buffer *out, const struct stored_hold *stored)
{
    const struct inventory_hold *hold = &stored->hold;
    encode_u8(out, stored->home != NULL ? ROW_VERSION_HOME : ROW_VERSION);
    encode_u8(out, (uint8_t)hold->state);
    encode_u8(out, hold->allow_backorder);
    encode_varint(out, stored->sequence);
    encode_varint(out, stored->end_sequence);
    encode_zigzag(out, hold->create_ms);
    encode_zigzag(out, hold->expire_ms);
    encode_zigzag(out, hold->end_ms);
    encode_bytes(out, hold->owner);
    encode_bytes(out, hold->reference);
    encode_varint(out, hold->line_count);
    for (uint32_t i = 0; i < hold->line_count; i++) {
        encode_bytes(out, hold->lines[i].sku_id);
        encode_bytes(out, hold->lines[i].location_id);
        encode_varint(out, (uint64_t)hold->lines[i].quantity);
        encode_varint(out, (uint64_t)hold->lines[i].granted);
    }
    if (stored->home != NULL) {
        rows_home_encode(out, stored->home);
        for (uint32_t i = 0; i < hold->line_count; i++) {
            encode_u8(out, stored->remote[i]);
        }
    }
}

/* What a home adds: whether each line is remote, behind it. */
static enum status rows_get_home(struct reader *reader, struct arena *arena,
                                 struct stored_hold *stored)
{
    struct hold_home *home = rows_home_decode(reader, stored->hold.line_count);
    bool *remote = rows_array(reader, arena, stored->hold.line_count, sizeof *remote);
    for (uint32_t i = 0; remote != NULL && i < stored->hold.line_count; i++) {
        remote[i] = read_u8(reader) != 0;
    }
    if (home == NULL || reader_finish(reader) != STATUS_OK) {
        hold_home_free(home);
        return STATUS_CHECKSUM;
    }
    stored->home = home;
    stored->remote = remote;
    return STATUS_OK;
}

enum status rows_hold_decode(struct slice value, struct arena *arena,
                             struct stored_hold *out_hold)
{
    struct stored_hold stored = {.sequence = 0};
    struct inventory_hold *hold = &stored.hold;
    struct inventory_hold_line *lines;
    struct reader reader;
    uint8_t backorder;
    bool of_home = value.size > 0 && value.data[0] == ROW_VERSION_HOME;
    enum hold_state last = of_home ? HOLD_STATE_ABORTED : HOLD_STATE_CANCELLED;
    if (of_home) {
        reader_init(&reader, value);
        (void)read_u8(&reader);
    } else {
        TRY(rows_open(&reader, value));
    }
    hold->state = (enum hold_state)read_u8(&reader);
    backorder = read_u8(&reader);
    hold->allow_backorder = backorder != 0;
    stored.sequence = read_varint(&reader);
    stored.end_sequence = read_varint(&reader);
    hold->create_ms = read_zigzag(&reader);
    hold->expire_ms = read_zigzag(&reader);
    hold->end_ms = read_zigzag(&reader);
    hold->owner = read_bytes(&reader);
    hold->reference = read_bytes(&reader);
    hold->line_count = rows_get_count(&reader);
    lines = rows_array(&reader, arena, hold->line_count, sizeof *lines);
    for (uint32_t i = 0; lines != NULL && i < hold->line_count; i++) {
        lines[i].sku_id = read_bytes(&reader);
        lines[i].location_id = read_bytes(&reader);
        lines[i].quantity = rows_get_quantity(&reader);
        lines[i].granted = rows_get_quantity(&reader);
        if (lines[i].granted > lines[i].quantity) {
            reader_fail(&reader);
        }
    }
    hold->lines = lines;
    if (hold->state < HOLD_STATE_HELD || hold->state > last || backorder > 1 ||
        hold->create_ms < 0 || hold->expire_ms < 0 || hold->end_ms < 0) {
        return STATUS_CHECKSUM;
    }
    if (of_home) {
        TRY(rows_get_home(&reader, arena, &stored));
    } else {
        TRY(reader_finish(&reader));
    }
    *out_hold = stored;
    return STATUS_OK;
}

void rows_count_encode(struct buffer *out, const struct stored_count *count)
{
    encode_u8(out, ROW_VERSION);
    encode_bytes(out, count->location_id);
    encode_u8(out, count->at_submit);
    encode_zigzag(out, count->start_ms);
}

enum status rows_count_decode(struct slice value, struct stored_count *out_count)
{
    struct stored_count count;
    struct reader reader;
    uint8_t at_submit;
    TRY(rows_open(&reader, value));
    count.location_id = read_bytes(&reader);
    at_submit = read_u8(&reader);
    count.at_submit = at_submit != 0;
    count.start_ms = read_zigzag(&reader);
    if (at_submit > 1 || count.start_ms < 0) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    *out_count = count;
    return STATUS_OK;
}

void rows_count_line_encode(struct buffer *out, const struct stored_count_line *line)
{
    encode_u8(out, ROW_VERSION);
    encode_varint(out, (uint64_t)line->baseline);
    encode_u8(out, line->submitted);
    if (line->submitted) {
        encode_varint(out, (uint64_t)line->counted);
    }
}

enum status rows_count_line_decode(struct slice value, struct stored_count_line *out_line)
{
    struct stored_count_line line;
    struct reader reader;
    uint8_t submitted;
    TRY(rows_open(&reader, value));
    line.baseline = rows_get_quantity(&reader);
    submitted = read_u8(&reader);
    line.submitted = submitted != 0;
    line.counted = line.submitted ? rows_get_quantity(&reader) : 0;
    if (submitted > 1) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    *out_line = line;
    return STATUS_OK;
}

void rows_shard_encode(struct buffer *out, const struct stored_shard *shard)
{
    encode_u8(out, ROW_VERSION);
    encode_zigzag(out, shard->log_ms);
    encode_zigzag(out, shard->floor_ms);
    encode_varint(out, shard->hold_sequence);
    encode_varint(out, shard->end_sequence);
    encode_varint(out, shard->holds_expired);
    encode_varint(out, shard->movement_count);
    encode_varint(out, shard->chunk_next);
}

enum status rows_shard_decode(struct slice value, struct stored_shard *out_shard)
{
    struct stored_shard shard = {.log_ms = 0};
    struct reader reader;
    TRY(rows_open(&reader, value));
    shard.log_ms = read_zigzag(&reader);
    shard.floor_ms = read_zigzag(&reader);
    shard.hold_sequence = read_varint(&reader);
    shard.end_sequence = read_varint(&reader);
    shard.holds_expired = read_varint(&reader);
    shard.movement_count = read_varint(&reader);
    shard.chunk_next = read_varint(&reader);
    if (shard.log_ms < 0 || shard.floor_ms < 0) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    *out_shard = shard;
    return STATUS_OK;
}
