/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every stored form, byte by byte: a small fixed life of a shard is flushed and its rows
 * compared with golden/inventory/rows.txt ("<key> <value>" in hex, in key order). The same
 * file must load, in this release and in every later one.
 *
 * SOUK_GOLDEN_WRITE=1 writes the file anew: only for a format that never landed.
 */
#include "shard/base/encode.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

/* A file of rows, and the life that leaves them. */
struct golden_case {
    const char *path;
    void (*life)(struct world *world);
};

static void golden_life(struct world *world)
{
    const struct inventory_attribute attributes[] = {
        {.name = S("colour"), .kind = INVENTORY_ATTRIBUTE_TEXT, .text = S("red")},
        {.name = S("grams"), .kind = INVENTORY_ATTRIBUTE_NUMBER, .number = 350}};
    const struct slice categories[] = {S("Home"), S("Mugs")}, web = S("web");
    const struct slice gtin = S("4006381333931");
    const struct inventory_hold_line line = {.sku_id = S("MUG-1"), .quantity = 2};
    struct inventory_command command = world_sku_command("MUG-1");
    struct inventory_sku *sku = &command.sku_upsert.sku;
    struct inventory_hold_id id;
    sku->product_id = S("MUG");
    sku->name = S("Mug, red");
    sku->attributes = attributes;
    sku->attribute_count = 2;
    sku->categories = categories;
    sku->category_count = 2;
    sku->brand = S("Acme");
    sku->price = (struct inventory_money){"EUR", 12, 500000000};
    sku->options = attributes;
    sku->option_count = 1;
    sku->gtins = &gtin;
    sku->gtin_count = 1;
    EXPECT_OK(world_apply(world, command)->status);
    command = world_location_command("BER-1");
    command.location_upsert.location.name = S("Berlin");
    command.location_upsert.location.latitude_e7 = 525200000;
    command.location_upsert.location.longitude_e7 = -134050000;
    command.location_upsert.location.time_zone = S("Europe/Berlin");
    command.location_upsert.location.channels = &web;
    command.location_upsert.location.channel_count = 1;
    EXPECT_OK(world_apply(world, command)->status);
    EXPECT_OK(world_adjust(world, "MUG-1", "BER-1", 10)->status);
    command = world_hold_command(&line, 1);
    command.hold_create.owner = S("ann");
    command.hold_create.reference = S("cart 7");
    id = world_apply(world, command)->hold.hold_id;
    EXPECT_OK(world_change(world, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT_OK(world_change(world, INVENTORY_HOLD_FULFIL, id)->status);
    EXPECT_OK(world_apply(world, command)->status);
    EXPECT_STATUS(world_hold(world, "MUG-1", "BER-1", 100)->status,
                  STATUS_INSUFFICIENT_STOCK);
    command = world_adjust_command("MUG-1", "BER-1", 3);
    command.identity = (struct inventory_identity){.kind = INVENTORY_IDENTITY_IMPORT,
                                                   .import_id = {3, 4},
                                                   .line = 17,
                                                   .imports_max = 5};
    EXPECT_OK(world_apply(world, command)->status);
    world->now_ms += 1000;
    world_tick(world);
}

/* An open count, one line of it counted and one frozen; a move between locations. */
static void golden_life_of_counts(struct world *world)
{
    const struct inventory_count_line counted = {.sku_id = S("MUG-1"), .counted = 9};
    struct inventory_command command = {.kind = INVENTORY_COUNT_START};
    world_stock(world, "MUG-1", "BER-1", 10);
    world_stock(world, "TEA-1", "BER-1", 300);
    world_location(world, "HAM-1");
    command.count_start.count_id = S("INV-26");
    command.count_start.location_id = S("BER-1");
    EXPECT_OK(world_apply(world, command)->status);
    command = (struct inventory_command){.kind = INVENTORY_COUNT_SUBMIT};
    command.count_submit.count_id = S("INV-26");
    command.count_submit.lines = &counted;
    command.count_submit.line_count = 1;
    EXPECT_OK(world_apply(world, command)->status);
    command = (struct inventory_command){.kind = INVENTORY_STOCK_MOVE};
    command.stock_move = (struct inventory_stock_move){.sku_id = S("TEA-1"),
                                                       .location_id = S("BER-1"),
                                                       .bucket = STOCK_BUCKET_ON_HAND,
                                                       .to_location_id = S("HAM-1"),
                                                       .to_bucket = STOCK_BUCKET_DAMAGED,
                                                       .quantity = 200,
                                                       .reference = S("van 4")};
    EXPECT_OK(world_apply(world, command)->status);
}

/* The lane of a source with a refused update, and a level it told of with a time. */
static void golden_life_of_streams(struct world *world)
{
    const struct inventory_source_item items[] = {{.sequence = 3,
                                                   .sku_id = S("MUG-1"),
                                                   .location_id = S("BER-1"),
                                                   .absolute = true,
                                                   .bucket = STOCK_BUCKET_ON_HAND,
                                                   .quantity = 12,
                                                   .reason = STOCK_REASON_RECEIPT,
                                                   .occurred_ms = 1780000000000},
                                                  {.sequence = 5,
                                                   .sku_id = S("NONE"),
                                                   .location_id = S("BER-1"),
                                                   .bucket = STOCK_BUCKET_ON_HAND,
                                                   .quantity = 1}};
    struct inventory_command command = {.kind = INVENTORY_SOURCE_OPEN};
    const struct inventory_outcome *outcome;
    world_stock(world, "MUG-1", "BER-1", 10);
    command.source_open = (struct inventory_source_open){
        .source = {{0x5001, 0x5002}, 2, 0}, .home_hash = 1, .sources_max = 2};
    EXPECT_OK(world_apply(world, command)->status);
    command = (struct inventory_command){.kind = INVENTORY_SOURCE_UPDATE};
    command.source_update =
        (struct inventory_source_update){.source = {{0x5001, 0x5002}, 2, 1},
                                         .on_missing = INVENTORY_MISSING_REFUSE,
                                         .attributes_max = 64,
                                         .items = items,
                                         .item_count = 2};
    outcome = world_apply(world, command);
    EXPECT_OK(outcome->status);
    EXPECT_EQ(outcome->source.applied, 1);
    EXPECT_EQ(outcome->source.failure_count, 1);
}

static const struct golden_case golden_first = {"golden/inventory/rows.txt", golden_life};
static const struct golden_case golden_counts = {"golden/inventory/rows_counts.txt",
                                                 golden_life_of_counts};
static const struct golden_case golden_streams = {"golden/inventory/rows_streams.txt",
                                                  golden_life_of_streams};

static void put_hex(struct buffer *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", bytes.data[i]);
        buffer_append(out, digits, 2);
    }
}

static void print_rows(struct store *store, struct buffer *out)
{
    const struct store_scan scan = {.descending = false};
    struct store_cursor *cursor;
    EXPECT_OK(store_cursor_open(store, &scan, &cursor));
    for (; cursor->valid; store_cursor_next(cursor)) {
        put_hex(out, cursor->key);
        encode_u8(out, ' ');
        put_hex(out, cursor->value);
        encode_u8(out, '\n');
    }
    store_cursor_close(cursor);
}

static void read_golden(const struct golden_case *golden, struct buffer *out)
{
    char chunk[4096];
    size_t size;
    FILE *file = fopen(test_source(golden->path), "rb");
    EXPECT(file != NULL);
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0) {
        buffer_append(out, chunk, size);
    }
    fclose(file);
}

static uint8_t hex_digit(uint8_t c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* One field of the file as bytes; moves past it and its separator. */
static void parse_hex(struct slice *text, struct buffer *out)
{
    buffer_clear(out);
    while (text->size >= 2 && text->data[0] != ' ' && text->data[0] != '\n') {
        encode_u8(out,
                  (uint8_t)(hex_digit(text->data[0]) << 4 | hex_digit(text->data[1])));
        *text = slice_of(text->data + 2, text->size - 2);
    }
    *text = slice_of(text->data + 1, text->size - 1);
}

static void expect_written(const struct golden_case *wanted)
{
    struct world world;
    struct buffer rows, golden;
    buffer_init(&rows);
    buffer_init(&golden);
    world_open(&world);
    wanted->life(&world);
    world_flush(&world);
    print_rows(world.store, &rows);
    if (getenv("SOUK_GOLDEN_WRITE") != NULL) {
        FILE *file = fopen(test_source(wanted->path), "wb");
        EXPECT(file != NULL);
        EXPECT(fwrite(rows.data, 1, rows.size, file) == rows.size);
        fclose(file);
    }
    read_golden(wanted, &golden);
    EXPECT_SLICE(buffer_slice(&rows), buffer_slice(&golden));
    buffer_close(&rows);
    buffer_close(&golden);
    world_close(&world);
}

static void expect_loaded(const struct golden_case *wanted, int64_t available)
{
    struct world world, lived;
    struct buffer golden, key, value;
    struct store_batch batch;
    struct slice text;
    buffer_init(&golden);
    buffer_init(&key);
    buffer_init(&value);
    store_batch_init(&batch);
    world_open(&world);
    world_open(&lived);
    read_golden(wanted, &golden);
    text = buffer_slice(&golden);
    while (text.size > 0) {
        parse_hex(&text, &key);
        parse_hex(&text, &value);
        store_batch_put(&batch, buffer_slice(&key), buffer_slice(&value));
    }
    EXPECT_OK(store_write(world.store, &batch));
    EXPECT_OK(inventory_load(world.inventory));
    wanted->life(&lived);
    EXPECT(inventory_digest(world.inventory) == inventory_digest(lived.inventory));
    EXPECT_EQ(world_level(&world, "MUG-1", "BER-1").available, available);
    buffer_close(&golden);
    buffer_close(&key);
    buffer_close(&value);
    store_batch_close(&batch);
    world_close(&world);
    world_close(&lived);
}

TEST(golden, rows_are_written_as_they_always_were)
{
    expect_written(&golden_first);
}

TEST(golden, rows_of_counts_and_moves_are_written_as_they_always_were)
{
    expect_written(&golden_counts);
}

TEST(golden, rows_of_streams_are_written_as_they_always_were)
{
    expect_written(&golden_streams);
}

TEST(golden, rows_of_streams_load)
{
    expect_loaded(&golden_streams, 12);
}

TEST(golden, rows_of_the_first_release_load)
{
    expect_loaded(&golden_first, 9);
}

TEST(golden, rows_of_counts_and_moves_load)
{
    expect_loaded(&golden_counts, 10);
}

TEST(golden, anchors_and_fingerprints_never_change)
{
    const struct inventory_hold_line line = {
        .sku_id = S("MUG-1"), .location_id = S("BER-1"), .quantity = 2};
    struct inventory_command command = world_hold_command(&line, 1);
    char text[INVENTORY_ETAG_TEXT_BYTES + 1];
    inventory_etag_format(inventory_command_anchor(&command, 42), text);
    EXPECT_STRING(text, "041d7ae3a02d5b9d");
    inventory_etag_format(inventory_command_fingerprint(&command), text);
    EXPECT_STRING(text, "8df5755558d0d3fa");
    command = world_sku_command("MUG-1");
    inventory_etag_format(inventory_command_fingerprint(&command), text);
    EXPECT_STRING(text, "fae4a9a13fc9d613");
}
