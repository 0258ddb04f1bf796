/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/inventory/command.h"

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/storage/key.h"

/* Separates fingerprints from all other hashes. Stored records depend on it. */
static const uint64_t COMMAND_FINGERPRINT_SEED = 0x736f756b66696e67u;

bool inventory_command_known(uint32_t kind)
{
    return (kind >= INVENTORY_SKU_UPSERT && kind <= INVENTORY_REQUEST_SEAL) ||
           (kind >= INVENTORY_STOCK_MOVE && kind <= INVENTORY_COUNT_CLOSE) ||
           kind == INVENTORY_ALIAS_RESERVE || kind == INVENTORY_ALIAS_SETTLE ||
           inventory_command_of_source((enum inventory_command_kind)kind) ||
           inventory_command_is_message((enum inventory_command_kind)kind);
}

uint64_t inventory_command_anchor(const struct inventory_command *command, uint64_t seed)
{
    switch (command->kind) {
    case INVENTORY_SKU_UPSERT:
        return key_hash(command->sku_upsert.sku.sku_id, seed);
    case INVENTORY_SKU_DELETE:
        return key_hash(command->sku_delete.sku_id, seed);
    case INVENTORY_LOCATION_UPSERT:
    case INVENTORY_LOCATION_COPY:
        return key_hash(command->location_upsert.location.location_id, seed);
    case INVENTORY_STOCK_ADJUST:
        return key_hash(command->stock_adjust.sku_id, seed);
    case INVENTORY_STOCK_SET:
        return key_hash(command->stock_set.sku_id, seed);
    case INVENTORY_STOCK_MOVE:
        return key_hash(command->stock_move.sku_id, seed);
    case INVENTORY_HOLD_CREATE:
        return command->hold_create.line_count > 0
                   ? key_hash(command->hold_create.lines[0].sku_id, seed)
                   : 0;
    case INVENTORY_HOLD_EXTEND:
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
        return command->hold_change.hold_id.anchor;
    case INVENTORY_ALIAS_RESERVE:
        return key_hash(command->alias_reserve.identifier, seed);
    case INVENTORY_ALIAS_SETTLE:
        return key_hash(command->alias_settle.identifier, seed);
    case INVENTORY_COUNT_SUBMIT:
        return command->count_submit.line_count > 0
                   ? key_hash(command->count_submit.lines[0].sku_id, seed)
                   : 0;
    case INVENTORY_COUNT_START:
    case INVENTORY_COUNT_CLOSE:
    case INVENTORY_TICK:
    case INVENTORY_REQUEST_SEAL:
    case INVENTORY_HOLD_PREPARE:
    case INVENTORY_HOLD_VOTE:
    case INVENTORY_HOLD_STATE:
    case INVENTORY_HOLD_ACK:
    case INVENTORY_HOLD_QUESTION:
        return command->identity.anchor;
    case INVENTORY_SOURCE_OPEN:
        return command->source_open.home_hash;
    case INVENTORY_SOURCE_THROUGH:
        return command->source_through.home_hash;
    case INVENTORY_SOURCE_UPDATE:
        return command->source_update.range.start;
    }
    return 0;
}

static void command_put_slices(struct buffer *out, const struct slice *slices,
                               uint32_t count)
{
    encode_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        encode_bytes(out, slices[i]);
    }
}

static void command_put_attributes(struct buffer *out,
                                   const struct inventory_attribute *attributes,
                                   uint32_t count)
{
    encode_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        encode_bytes(out, attributes[i].name);
        encode_u8(out, (uint8_t)attributes[i].kind);
        encode_bytes(out, attributes[i].text);
        encode_zigzag(out, attributes[i].number);
    }
}

static void command_put_money(struct buffer *out, const struct inventory_money *money)
{
    encode_bytes(out, slice_of(money->currency, sizeof money->currency));
    encode_zigzag(out, money->units);
    encode_zigzag(out, money->nanos);
}

static void command_put_sku(struct buffer *out,
                            const struct inventory_sku_upsert *command)
{
    const struct inventory_sku *sku = &command->sku;
    encode_bytes(out, sku->sku_id);
    encode_bytes(out, sku->product_id);
    encode_bytes(out, sku->name);
    encode_u8(out, (uint8_t)sku->state);
    command_put_attributes(out, sku->attributes, sku->attribute_count);
    command_put_slices(out, sku->categories, sku->category_count);
    encode_bytes(out, sku->brand);
    command_put_money(out, &sku->price);
    command_put_money(out, &sku->cost);
    encode_bytes(out, sku->unit);
    encode_varint(out, sku->unit_exponent);
    command_put_attributes(out, sku->options, sku->option_count);
    command_put_slices(out, sku->gtins, sku->gtin_count);
    encode_varint(out, command->update_mask);
    encode_le64(out, command->etag);
    if (sku->alias_count > 0) { /* fingerprints from before them had none */
        command_put_slices(out, sku->aliases, sku->alias_count);
    }
}

static void command_put_location(struct buffer *out,
                                 const struct inventory_location_upsert *command)
{
    const struct inventory_location *location = &command->location;
    encode_bytes(out, location->location_id);
    encode_bytes(out, location->name);
    encode_u8(out, (uint8_t)location->type);
    encode_bytes(out, location->address);
    encode_zigzag(out, location->latitude_e7);
    encode_zigzag(out, location->longitude_e7);
    encode_bytes(out, location->time_zone);
    command_put_slices(out, location->channels, location->channel_count);
    encode_le64(out, command->etag);
    if (command->update_mask != 0) { /* fingerprints from before it had none */
        encode_varint(out, command->update_mask);
    }
}

static void command_put_set(struct buffer *out, const struct inventory_stock_set *command)
{
    encode_bytes(out, command->sku_id);
    encode_bytes(out, command->location_id);
    encode_varint(out, command->mask);
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        encode_zigzag(out, command->mask & 1u << i ? command->buckets[i] : 0);
    }
    encode_u8(out, command->has_expected_on_hand);
    encode_zigzag(out, command->has_expected_on_hand ? command->expected_on_hand : 0);
    encode_le64(out, command->etag);
    encode_u8(out, (uint8_t)command->reason);
    encode_bytes(out, command->reference);
}

static void command_put_move(struct buffer *out,
                             const struct inventory_stock_move *command)
{
    encode_bytes(out, command->sku_id);
    encode_bytes(out, command->location_id);
    encode_u8(out, (uint8_t)command->bucket);
    encode_bytes(out, command->to_location_id);
    encode_u8(out, (uint8_t)command->to_bucket);
    encode_zigzag(out, command->quantity);
    encode_u8(out, (uint8_t)command->reason);
    encode_bytes(out, command->reference);
}

static void command_put_counted(struct buffer *out,
                                const struct inventory_count_submit *command)
{
    encode_bytes(out, command->count_id);
    encode_varint(out, command->line_count);
    for (uint32_t i = 0; i < command->line_count; i++) {
        encode_bytes(out, command->lines[i].sku_id);
        encode_zigzag(out, command->lines[i].counted);
    }
}

/* What the caller named, never a default of the server's. */
static void command_put_ttl(struct buffer *out, enum hold_ttl_kind kind, int64_t ttl_ms,
                            int64_t expire_ms)
{
    encode_u8(out, (uint8_t)kind);
    encode_zigzag(out, kind == HOLD_TTL_DURATION ? ttl_ms : 0);
    encode_zigzag(out, kind == HOLD_TTL_TIME ? expire_ms : 0);
}

static void command_put_create(struct buffer *out,
                               const struct inventory_hold_create *command)
{
    encode_varint(out, command->line_count);
    for (uint32_t i = 0; i < command->line_count; i++) {
        encode_bytes(out, command->lines[i].sku_id);
        encode_bytes(out, command->lines[i].location_id);
        encode_zigzag(out, command->lines[i].quantity);
    }
    encode_u8(out, (uint8_t)command->mode);
    encode_bytes(out, command->owner);
    encode_bytes(out, command->reference);
    encode_u8(out, command->allow_backorder);
    command_put_ttl(out, command->ttl_kind, command->ttl_ms, command->expire_ms);
}

static void command_put(struct buffer *out, const struct inventory_command *command)
{
    switch (command->kind) {
    case INVENTORY_SKU_UPSERT:
        command_put_sku(out, &command->sku_upsert);
        break;
    case INVENTORY_SKU_DELETE:
        encode_bytes(out, command->sku_delete.sku_id);
        encode_le64(out, command->sku_delete.etag);
        break;
    case INVENTORY_LOCATION_UPSERT:
    case INVENTORY_LOCATION_COPY:
        command_put_location(out, &command->location_upsert);
        break;
    case INVENTORY_STOCK_ADJUST:
        encode_bytes(out, command->stock_adjust.sku_id);
        encode_bytes(out, command->stock_adjust.location_id);
        encode_u8(out, (uint8_t)command->stock_adjust.bucket);
        encode_zigzag(out, command->stock_adjust.delta);
        encode_u8(out, (uint8_t)command->stock_adjust.reason);
        encode_bytes(out, command->stock_adjust.reference);
        encode_le64(out, command->stock_adjust.etag);
        break;
    case INVENTORY_STOCK_SET:
        command_put_set(out, &command->stock_set);
        break;
    case INVENTORY_STOCK_MOVE:
        command_put_move(out, &command->stock_move);
        break;
    case INVENTORY_COUNT_START:
        encode_bytes(out, command->count_start.count_id);
        encode_bytes(out, command->count_start.location_id);
        encode_u8(out, command->count_start.at_submit);
        break;
    case INVENTORY_COUNT_SUBMIT:
        command_put_counted(out, &command->count_submit);
        break;
    case INVENTORY_COUNT_CLOSE:
        encode_bytes(out, command->count_close.count_id);
        encode_u8(out, command->count_close.discard);
        break;
    case INVENTORY_HOLD_CREATE:
        command_put_create(out, &command->hold_create);
        break;
    case INVENTORY_HOLD_EXTEND:
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
        encode_le64(out, command->hold_change.hold_id.anchor);
        encode_le64(out, command->hold_change.hold_id.unique);
        encode_bytes(out, command->hold_change.owner);
        command_put_ttl(out, command->hold_change.ttl_kind, command->hold_change.ttl_ms,
                        command->hold_change.expire_ms);
        break;
    case INVENTORY_ALIAS_RESERVE: /* not remembered */
    case INVENTORY_ALIAS_SETTLE:
    case INVENTORY_TICK:
    case INVENTORY_REQUEST_SEAL:
    case INVENTORY_SOURCE_OPEN:
    case INVENTORY_SOURCE_UPDATE:
    case INVENTORY_SOURCE_THROUGH:
    case INVENTORY_HOLD_PREPARE:
    case INVENTORY_HOLD_VOTE:
    case INVENTORY_HOLD_STATE:
    case INVENTORY_HOLD_ACK:
    case INVENTORY_HOLD_QUESTION:
        break; /* without identity, and so never remembered */
    }
}

uint64_t inventory_command_fingerprint(const struct inventory_command *command)
{
    struct buffer canonical;
    uint64_t fingerprint;
    buffer_init(&canonical);
    encode_u8(&canonical, (uint8_t)command->kind);
    command_put(&canonical, command);
    fingerprint = hash64(buffer_slice(&canonical), COMMAND_FINGERPRINT_SEED);
    buffer_close(&canonical);
    return fingerprint;
}

uint64_t inventory_alias_by(const struct inventory_command *upsert)
{
    const struct hash128 id = upsert->identity.kind == INVENTORY_IDENTITY_IMPORT
                                  ? upsert->identity.import_id
                                  : upsert->identity.request_id;
    uint64_t by = hash_mix(id.high ^ hash_mix(id.low ^ upsert->identity.line));
    by = hash_mix(by ^ inventory_command_fingerprint(upsert));
    return by != 0 ? by : 1;
}
