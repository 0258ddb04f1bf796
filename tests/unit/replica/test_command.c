/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/buffer.h"
#include "shard/base/encode.h"
#include "tests/lib/test.h"
#include "tests/unit/replica/sample_command.h"

static struct slice encode_sku(unsigned kind, struct arena *arena)
{
    struct inventory_command command = sample_sku(kind);
    struct slice bytes;
    EXPECT_OK(command_encode_sku(&command, arena, &bytes));
    return bytes;
}

static struct slice encode_customer(unsigned kind, struct arena *arena)
{
    struct customer_command command = sample_customer(kind);
    struct slice bytes;
    EXPECT_OK(command_encode_customer(&command, arena, &bytes));
    return bytes;
}

static void add_golden_line(struct buffer *text, const char *table, unsigned kind,
                            struct slice bytes)
{
    char word[64];
    int size = snprintf(word, sizeof word, "%s-%u ", table, kind);
    buffer_append(text, word, (size_t)size);
    for (size_t i = 0; i < bytes.size; i++) {
        size = snprintf(word, sizeof word, "%02x", bytes.data[i]);
        buffer_append(text, word, (size_t)size);
    }
    buffer_append(text, "\n", 1);
}

static void read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL);
    uint8_t block[4096];
    size_t size;
    while ((size = fread(block, 1, sizeof block, file)) > 0) {
        buffer_append(out, block, size);
    }
    fclose(file);
}

TEST(command, has_the_bytes_that_were_once_stored)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct buffer now, golden;
    buffer_init(&now);
    buffer_init(&golden);
    for (unsigned kind = 1; kind <= SAMPLE_SKU_COMMANDS; kind++) {
        add_golden_line(&now, "sku", kind, encode_sku(kind, &arena));
    }
    for (unsigned kind = 1; kind <= SAMPLE_CUSTOMER_COMMANDS; kind++) {
        add_golden_line(&now, "customer", kind, encode_customer(kind, &arena));
    }
    const char *fresh = getenv("SOUK_GOLDEN_OUT");
    if (fresh != NULL) {
        FILE *file = fopen(fresh, "wb");
        EXPECT(file != NULL);
        EXPECT_EQ(fwrite(now.data, 1, now.size, file), now.size);
        fclose(file);
    }
    read_file(test_source("golden/replica/commands.hex"), &golden);
    EXPECT_SLICE(buffer_slice(&now), buffer_slice(&golden));
    buffer_close(&now);
    buffer_close(&golden);
    arena_close(&arena);
}

/* Field for field, so that a field that both directions forget is seen. */
static void expect_same_identity(const struct inventory_identity *a,
                                 const struct inventory_identity *b)
{
    EXPECT_EQ(a->kind, b->kind);
    EXPECT_EQ(a->anchor, b->anchor);
    EXPECT_EQ(a->request_id.high, b->request_id.high);
    EXPECT_EQ(a->request_id.low, b->request_id.low);
    EXPECT_EQ(a->fingerprint, b->fingerprint);
    EXPECT_EQ(a->request_ms, b->request_ms);
    EXPECT_EQ(a->attempt, b->attempt);
    EXPECT_EQ(a->import_id.high, b->import_id.high);
    EXPECT_EQ(a->import_id.low, b->import_id.low);
    EXPECT_EQ(a->line, b->line);
    EXPECT_EQ(a->prev_line, b->prev_line);
    EXPECT_EQ(a->imports_max, b->imports_max);
    EXPECT_EQ(a->imports_refused_max, b->imports_refused_max);
}

static void decode_sku_sample(unsigned kind, struct arena *arena,
                              struct inventory_command *out)
{
    struct slice bytes = encode_sku(kind, arena);
    EXPECT_OK(command_decode_sku(bytes, arena, out));
    EXPECT_EQ(out->kind, kind);
    struct inventory_command sample = sample_sku(kind);
    expect_same_identity(&out->identity, &sample.identity);
    if (kind != INVENTORY_TICK) {
        EXPECT_EQ(inventory_command_fingerprint(out),
                  inventory_command_fingerprint(&sample));
    }
    struct slice again;
    EXPECT_OK(command_encode_sku(out, arena, &again));
    EXPECT_SLICE(again, bytes);
}

TEST(command, of_every_kind_comes_back_as_it_went)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    for (unsigned kind = 1; kind <= SAMPLE_SKU_COMMANDS; kind++) {
        struct inventory_command back;
        decode_sku_sample(kind, &arena, &back);
    }
    for (unsigned kind = 1; kind <= SAMPLE_CUSTOMER_COMMANDS; kind++) {
        struct slice bytes = encode_customer(kind, &arena), again;
        struct customer_command back;
        EXPECT_OK(command_decode_customer(bytes, &arena, &back));
        EXPECT_EQ(back.kind, kind);
        EXPECT_OK(command_encode_customer(&back, &arena, &again));
        EXPECT_SLICE(again, bytes);
    }
    arena_close(&arena);
}

static void expect_money(struct inventory_money a, struct inventory_money b)
{
    EXPECT_STRING(a.currency, b.currency);
    EXPECT_EQ(a.units, b.units);
    EXPECT_EQ(a.nanos, b.nanos);
}

TEST(command, keeps_every_field_of_a_sku)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct inventory_command back, sample = sample_sku(INVENTORY_SKU_UPSERT);
    decode_sku_sample(INVENTORY_SKU_UPSERT, &arena, &back);
    const struct inventory_sku *a = &back.sku_upsert.sku, *b = &sample.sku_upsert.sku;
    EXPECT_SLICE(a->sku_id, b->sku_id);
    EXPECT_SLICE(a->product_id, b->product_id);
    EXPECT_SLICE(a->name, b->name);
    EXPECT_EQ(a->state, b->state);
    EXPECT_EQ(a->attribute_count, 2);
    EXPECT_SLICE(a->attributes[0].text, b->attributes[0].text);
    EXPECT_EQ(a->attributes[1].number, -17);
    EXPECT_EQ(a->category_count, 2);
    EXPECT_SLICE(a->categories[1], b->categories[1]);
    EXPECT_SLICE(a->brand, b->brand);
    expect_money(a->price, b->price);
    expect_money(a->cost, b->cost);
    EXPECT_SLICE(a->unit, b->unit);
    EXPECT_EQ(a->unit_exponent, 3);
    EXPECT_EQ(a->option_count, 1);
    EXPECT_SLICE(a->options[0].name, b->options[0].name);
    EXPECT_EQ(a->gtin_count, 1);
    EXPECT_SLICE(a->gtins[0], b->gtins[0]);
    EXPECT_EQ(back.sku_upsert.update_mask, sample.sku_upsert.update_mask);
    EXPECT_EQ(back.sku_upsert.etag, 77);
    EXPECT_EQ(back.sku_upsert.attributes_max, 64);
    arena_close(&arena);
}

TEST(command, keeps_every_field_of_a_hold_and_of_what_changes_it)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct inventory_command back;
    decode_sku_sample(INVENTORY_HOLD_CREATE, &arena, &back);
    const struct inventory_hold_create *hold = &back.hold_create;
    EXPECT_EQ(hold->line_count, 2);
    EXPECT_EQ(hold->lines[0].quantity, 2);
    EXPECT_EQ(hold->lines[1].location_id.size, 0);
    EXPECT_EQ(hold->mode, HOLD_MODE_BEST_EFFORT);
    EXPECT(hold->allow_backorder);
    EXPECT_EQ(hold->ttl_kind, HOLD_TTL_DURATION);
    EXPECT_EQ(hold->ttl_ms, 900000);
    EXPECT_EQ(hold->expire_ms, 1780000900000);
    EXPECT_EQ(hold->life_max_ms, 86400000);
    EXPECT_EQ(hold->owner_holds_max, 10000);
    EXPECT_EQ(hold->lines_max, 200);
    EXPECT_EQ(hold->nonce, 0x1122334455667788);
    decode_sku_sample(INVENTORY_HOLD_EXTEND, &arena, &back);
    EXPECT_EQ(back.hold_change.hold_id.anchor, 0xa1);
    EXPECT_EQ(back.hold_change.hold_id.unique, 0xb2);
    EXPECT_EQ(back.hold_change.ttl_kind, HOLD_TTL_TIME);
    EXPECT_EQ(back.hold_change.ttl_ms, 1);
    EXPECT_EQ(back.hold_change.expire_ms, 1780000900001);
    EXPECT_EQ(back.hold_change.life_max_ms, 86400001);
    decode_sku_sample(INVENTORY_TICK, &arena, &back);
    EXPECT_EQ(back.tick.sku_count, 2);
    EXPECT(back.tick.sku_hashes[1] == UINT64_MAX);
    EXPECT_EQ(back.tick.hold_count, 1);
    EXPECT_EQ(back.tick.holds[0].unique, 4);
    EXPECT_EQ(back.tick.floor_ms, 1779999999999);
    arena_close(&arena);
}

TEST(command, keeps_every_field_of_stock_and_places)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct inventory_command back;
    decode_sku_sample(INVENTORY_STOCK_ADJUST, &arena, &back);
    EXPECT_EQ(back.stock_adjust.bucket, STOCK_BUCKET_DAMAGED);
    EXPECT_EQ(back.stock_adjust.delta, -5);
    EXPECT_EQ(back.stock_adjust.reason, STOCK_REASON_DAMAGE);
    EXPECT_EQ(back.stock_adjust.etag, 79);
    decode_sku_sample(INVENTORY_STOCK_SET, &arena, &back);
    EXPECT_EQ(back.stock_set.buckets[STOCK_BUCKET_ON_HAND], 120);
    EXPECT_EQ(back.stock_set.buckets[STOCK_BUCKET_SAFETY_STOCK], 6);
    EXPECT(back.stock_set.has_expected_on_hand);
    EXPECT_EQ(back.stock_set.expected_on_hand, 119);
    EXPECT_EQ(back.stock_set.etag, 80);
    decode_sku_sample(INVENTORY_LOCATION_COPY, &arena, &back);
    const struct inventory_location *place = &back.location_upsert.location;
    EXPECT_EQ(place->latitude_e7, 525170000);
    EXPECT_EQ(place->longitude_e7, -133889000);
    EXPECT_EQ(place->channel_count, 2);
    EXPECT_EQ(place->version, 9);
    EXPECT_EQ(place->etag, 10);
    EXPECT_EQ(place->create_ms, 1780000000001);
    EXPECT_EQ(place->update_ms, 1780000000002);
    EXPECT_EQ(back.location_upsert.etag, 11);
    arena_close(&arena);
}

static void expect_hex(struct slice bytes, const char *hex)
{
    char text[512];
    EXPECT(2 * bytes.size < sizeof text);
    for (size_t i = 0; i < bytes.size; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    }
    EXPECT_STRING(text, hex);
}

TEST(command, of_the_catalogue_has_the_bytes_that_were_once_stored)
{
    struct arena arena;
    struct inventory_command back;
    arena_init(&arena, NULL, 0, 0);
    expect_hex(encode_sku(INVENTORY_ALIAS_RESERVE, &arena),
               "018205190a054f4c442d3712074d55472d524544194433000000000000");
    expect_hex(encode_sku(INVENTORY_ALIAS_SETTLE, &arena),
               "018a051b0a054f4c442d3712074d55472d5245441944330000000000002001");
    decode_sku_sample(INVENTORY_ALIAS_RESERVE, &arena, &back);
    EXPECT_SLICE(back.alias_reserve.identifier, slice_from_string("OLD-7"));
    EXPECT_SLICE(back.alias_reserve.sku_id, slice_from_string("MUG-RED"));
    EXPECT_EQ(back.alias_reserve.by, 0x3344);
    decode_sku_sample(INVENTORY_ALIAS_SETTLE, &arena, &back);
    EXPECT_SLICE(back.alias_settle.identifier, slice_from_string("OLD-7"));
    EXPECT(back.alias_settle.bound && back.alias_settle.by == 0x3344);
    arena_close(&arena);
}

TEST(command, carries_aliases_and_the_one_that_is_taken)
{
    const struct slice aliases[] = {slice_from_string("OLD-7"), slice_from_string("P/9")};
    struct inventory_command sku = sample_sku(INVENTORY_SKU_UPSERT), back;
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 0, 0);
    sku.sku_upsert.sku.aliases = aliases;
    sku.sku_upsert.sku.alias_count = 2;
    sku.sku_upsert.taken = aliases[1];
    sku.sku_upsert.claim = true;
    sku.sku_upsert.reserved = aliases;
    sku.sku_upsert.reserved_count = 1;
    EXPECT_OK(command_encode_sku(&sku, &arena, &bytes));
    EXPECT_OK(command_decode_sku(bytes, &arena, &back));
    EXPECT_EQ(back.sku_upsert.sku.alias_count, 2);
    EXPECT_SLICE(back.sku_upsert.sku.aliases[0], aliases[0]);
    EXPECT_SLICE(back.sku_upsert.taken, aliases[1]);
    EXPECT(back.sku_upsert.claim && back.sku_upsert.reserved_count == 1);
    EXPECT_SLICE(back.sku_upsert.reserved[0], aliases[0]);
    arena_close(&arena);
}

TEST(command, carries_the_mask_of_a_location)
{
    struct inventory_command place = sample_sku(INVENTORY_LOCATION_UPSERT), back;
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 0, 0);
    place.location_upsert.update_mask = LOCATION_FIELD_NAME | LOCATION_FIELD_CHANNELS;
    EXPECT_OK(command_encode_sku(&place, &arena, &bytes));
    EXPECT_OK(command_decode_sku(bytes, &arena, &back));
    EXPECT_EQ(back.location_upsert.update_mask,
              LOCATION_FIELD_NAME | LOCATION_FIELD_CHANNELS);
    arena_close(&arena);
}

TEST(command, carries_how_many_refused_lines_of_imports_are_remembered)
{
    struct inventory_command stock = sample_sku(INVENTORY_STOCK_SET), stock_back;
    struct customer_command record = sample_customer(CUSTOMER_RECORD), record_back;
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 0, 0);
    stock.identity.imports_refused_max = 4000000;
    record.identity.imports_refused_max = 4000000;
    EXPECT_OK(command_encode_sku(&stock, &arena, &bytes));
    EXPECT_OK(command_decode_sku(bytes, &arena, &stock_back));
    EXPECT_EQ(stock_back.identity.imports_refused_max, 4000000);
    EXPECT_OK(command_encode_customer(&record, &arena, &bytes));
    EXPECT_OK(command_decode_customer(bytes, &arena, &record_back));
    EXPECT_EQ(record_back.identity.imports_refused_max, 4000000);
    arena_close(&arena);
}

TEST(command, keeps_every_field_of_events_and_profiles)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct customer_command back, sample = sample_customer(CUSTOMER_RECORD);
    EXPECT_OK(
        command_decode_customer(encode_customer(CUSTOMER_RECORD, &arena), &arena, &back));
    EXPECT_EQ(back.identity.import_id.low, 0x52);
    EXPECT_EQ(back.identity.imports_max, 100);
    EXPECT_EQ(back.record.event_count, 2);
    const struct customer_event *a = &back.record.events[0];
    const struct customer_event *b = &sample.record.events[0];
    EXPECT_SLICE(a->event_id, b->event_id);
    EXPECT_EQ(a->customer.high, 0x41);
    EXPECT_EQ(a->customer.low, 0x42);
    EXPECT_EQ(a->kind, CUSTOMER_EVENT_PURCHASE);
    EXPECT_EQ(a->sku_hash, 0x43);
    EXPECT_SLICE(a->sku_id, b->sku_id);
    EXPECT_EQ(a->quantity, -2);
    EXPECT_STRING(a->price.currency, "EUR");
    EXPECT_EQ(a->price.nanos, 500000000);
    EXPECT_EQ(a->occurred_ms, b->occurred_ms);
    EXPECT_SLICE(a->session_id, b->session_id);
    EXPECT_SLICE(a->detail, b->detail);
    EXPECT_EQ(a->line, 12);
    EXPECT_EQ(a->prev_line, 11);
    EXPECT_STRING(back.record.events[1].price.currency, "");
    EXPECT_OK(
        command_decode_customer(encode_customer(CUSTOMER_UPSERT, &arena), &arena, &back));
    EXPECT_EQ(back.upsert.customer.low, 0x72);
    EXPECT_EQ(back.upsert.profile.attribute_count, 2);
    EXPECT(back.upsert.profile.personalization_withdrawn);
    EXPECT(back.upsert.profile.evidence_withdrawn);
    EXPECT(!back.upsert.consent_kept);
    struct slice bytes;
    back.upsert.consent_kept = true;
    EXPECT_OK(command_encode_customer(&back, &arena, &bytes));
    EXPECT_OK(command_decode_customer(bytes, &arena, &back));
    EXPECT(back.upsert.consent_kept);
    EXPECT_EQ(back.upsert.etag, 81);
    EXPECT_EQ(back.upsert.attributes_max, 32);
    EXPECT_EQ(back.identity.request_ms, 1780000000005);
    EXPECT_OK(
        command_decode_customer(encode_customer(CUSTOMER_ERASE, &arena), &arena, &back));
    EXPECT_EQ(back.erase.customer.high, 0x71);
    EXPECT_EQ(back.erase.customer.low, 0x72);
    EXPECT_EQ(back.identity.request_id.high, 0x62);
    arena_close(&arena);
}

TEST(command, keeps_where_an_event_happened_in_a_field_that_older_logs_lack)
{
    struct customer_event event = {.event_id = slice_from_string("e"),
                                   .kind = CUSTOMER_EVENT_VIEW,
                                   .location_id = slice_from_string("rotterdam")};
    struct customer_command back,
        command = {.kind = CUSTOMER_RECORD, .record = {&event, 1}};
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(command_encode_customer(&command, &arena, &bytes));
    /* Field 13, nine bytes: the last of the event. */
    EXPECT(memcmp(bytes.data + bytes.size - 11, "\x6a\x09rotterdam", 11) == 0);
    EXPECT_OK(command_decode_customer(bytes, &arena, &back));
    EXPECT_SLICE(back.record.events[0].location_id, event.location_id);
    EXPECT_OK(
        command_decode_customer(encode_customer(CUSTOMER_RECORD, &arena), &arena, &back));
    EXPECT_EQ(back.record.events[0].location_id.size, 0);
    arena_close(&arena);
}

TEST(command, of_another_version_or_kind_is_named_as_such)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct inventory_command command;
    struct command_peek peek;
    uint8_t future[] = {COMMAND_VERSION + 1, 0};
    EXPECT_STATUS(command_decode_sku(slice_of(future, 2), &arena, &command),
                  STATUS_VERSION);
    EXPECT_STATUS(command_peek(slice_of(future, 2), &peek), STATUS_VERSION);
    /* Field 99, an empty message: a kind that does not exist yet. */
    uint8_t unknown[] = {COMMAND_VERSION, 0x9a, 0x06, 0x00};
    EXPECT_STATUS(command_decode_sku(slice_of(unknown, 4), &arena, &command),
                  STATUS_VERSION);
    EXPECT_STATUS(command_decode_sku(slice_of(NULL, 0), &arena, &command),
                  STATUS_CHECKSUM);
    uint8_t broken[] = {COMMAND_VERSION, 0xff};
    EXPECT_STATUS(command_decode_sku(slice_of(broken, 2), &arena, &command),
                  STATUS_CHECKSUM);
    arena_close(&arena);
}

TEST(command, is_peeked_at_without_unpacking)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct command_peek peek;
    EXPECT_OK(command_peek(encode_sku(INVENTORY_HOLD_RELEASE, &arena), &peek));
    EXPECT_EQ(peek.kind, INVENTORY_HOLD_RELEASE);
    EXPECT(peek.has_anchor);
    EXPECT_EQ(peek.anchor, 0x0102030405060708);
    EXPECT_OK(command_peek(encode_sku(INVENTORY_TICK, &arena), &peek));
    EXPECT_EQ(peek.kind, INVENTORY_TICK);
    EXPECT(!peek.has_anchor);
    EXPECT_OK(command_peek(encode_customer(CUSTOMER_RECORD, &arena), &peek));
    EXPECT_EQ(peek.kind, CUSTOMER_RECORD);
    EXPECT_EQ(command_peek_events(peek.payload), 2);
    arena_close(&arena);
}

TEST(command, of_many_empty_parts_is_stopped_by_the_cap_on_memory)
{
    enum {
        PARTS = 100000
    };
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct buffer lines, bytes;
    buffer_init(&lines);
    buffer_init(&bytes);
    for (unsigned i = 0; i < PARTS; i++) {
        encode_u8(&lines, 0x0a); /* HoldCreate.lines, empty */
        encode_u8(&lines, 0);
    }
    encode_u8(&bytes, COMMAND_VERSION);
    encode_varint(&bytes, 17 << 3 | 2);
    encode_bytes(&bytes, buffer_slice(&lines));
    struct inventory_command command;
    EXPECT_STATUS(command_decode_sku(buffer_slice(&bytes), &arena, &command),
                  STATUS_TOO_LARGE);
    EXPECT(arena.used_bytes <=
           bytes.size * COMMAND_DECODE_BYTES_FACTOR + COMMAND_DECODE_BYTES_FREE);
    buffer_close(&lines);
    buffer_close(&bytes);
    arena_close(&arena);
}

TEST(command, past_the_limit_of_its_arena_is_too_large)
{
    struct arena arena;
    struct inventory_command command = sample_sku(INVENTORY_HOLD_CREATE);
    struct slice bytes;
    arena_init(&arena, NULL, 0, 64);
    EXPECT_STATUS(command_encode_sku(&command, &arena, &bytes), STATUS_TOO_LARGE);
    arena_close(&arena);
}
