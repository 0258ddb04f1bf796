/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every decoder of a stored form or of a page token: the first byte picks one. It may
 * refuse (CHECKSUM, VERSION, BAD_TOKEN) but never crash; what it takes must encode to
 * something that it takes again, byte for byte the same.
 */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_refusal(enum status status)
{
    ASSERT(status == STATUS_CHECKSUM || status == STATUS_VERSION);
}

/* Encodes twice through a decode: the second form must equal the first. */
#define FUZZ_ROUND(type, decode, encode, ...)                                            \
    do {                                                                                 \
        type value, again;                                                               \
        struct buffer first, second;                                                     \
        enum status status = decode(input __VA_ARGS__, &value);                          \
        if (status != STATUS_OK) {                                                       \
            expect_refusal(status);                                                      \
            break;                                                                       \
        }                                                                                \
        buffer_init(&first);                                                             \
        buffer_init(&second);                                                            \
        encode(&first, &value);                                                          \
        ASSERT(decode(buffer_slice(&first) __VA_ARGS__, &again) == STATUS_OK);           \
        encode(&second, &again);                                                         \
        ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));                \
        buffer_close(&first);                                                            \
        buffer_close(&second);                                                           \
    } while (0)

/* As FUZZ_ROUND; a home is whoever's decoded it. */
static void fuzz_hold(struct slice input, struct arena *arena)
{
    struct stored_hold value = {.home = NULL}, again = {.home = NULL};
    struct buffer first, second;
    enum status status = rows_hold_decode(input, arena, &value);
    if (status != STATUS_OK) {
        expect_refusal(status);
        return;
    }
    buffer_init(&first);
    buffer_init(&second);
    rows_hold_encode(&first, &value);
    ASSERT(rows_hold_decode(buffer_slice(&first), arena, &again) == STATUS_OK);
    rows_hold_encode(&second, &again);
    ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    hold_home_free(value.home);
    hold_home_free(again.home);
    buffer_close(&first);
    buffer_close(&second);
}

static void fuzz_part(struct slice input, struct arena *arena)
{
    struct stored_part stored;
    enum status status = rows_part_decode(input, arena, &stored);
    if (status != STATUS_OK) {
        expect_refusal(status);
        return;
    }
    ASSERT(stored.line_count > 0 && stored.part->line_count == stored.line_count);
    free(stored.part);
}

static void fuzz_ledger(struct slice input)
{
    const struct key_order key = {.shard_id = 7, .index = 1000};
    struct ledger_reader reader;
    struct inventory_movement movement;
    enum status status = ledger_reader_init(&reader, &key, input);
    while (status == STATUS_OK) {
        status = ledger_reader_next(&reader, &movement);
        for (unsigned i = 1; status == STATUS_OK && i < STOCK_BUCKET_COUNT; i++) {
            ASSERT(movement.before[i] >= 0 && movement.after[i] >= 0);
        }
    }
    if (status != STATUS_NOT_FOUND) {
        expect_refusal(status);
    }
}

static void fuzz_requests(struct inventory *inventory, struct slice input)
{
    enum status status = requests_part_load(inventory, 0, 0, input);
    if (status != STATUS_OK) {
        expect_refusal(status);
    }
    requests_drop(inventory, INT64_MAX);
}

static void fuzz_result(struct inventory *inventory, struct slice input,
                        struct arena *arena)
{
    const struct inventory_hold_line lines[2] = {{.quantity = 1}, {.quantity = 2}};
    struct inventory_command command = {.kind = INVENTORY_REQUEST_SEAL};
    struct inventory_outcome outcome = {.status = STATUS_OK};
    if (input.size > 0) {
        command.kind =
            (enum inventory_command_kind)(1 + input.data[0] % INVENTORY_REQUEST_SEAL);
        input = slice_of(input.data + 1, input.size - 1);
    }
    if (command.kind == INVENTORY_HOLD_CREATE) {
        command.hold_create.lines = lines;
        command.hold_create.line_count = 2;
    }
    if (result_decode(inventory, input, &command, arena, &outcome) == STATUS_OK) {
        struct problem problem;
        inventory_outcome_problem(&outcome, &problem);
    }
}

static void fuzz_token(struct inventory *inventory, struct slice input)
{
    struct buffer bytes;
    struct page_token token;
    buffer_init(&bytes);
    buffer_append_slice(&bytes, input);
    /* With a true check too, else nothing ever gets past it. */
    encode_le32(&bytes, (uint32_t)hash64(input, inventory->options.hash_seed));
    for (int round = 0; round < 2; round++) {
        struct slice tried = round == 0 ? input : buffer_slice(&bytes);
        for (int kind = INVENTORY_QUERY_SKU; kind <= INVENTORY_QUERY_COUNTERS; kind++) {
            const struct slice sku = slice_from_string("A");
            const struct inventory_query query = {.kind = (enum inventory_query_kind)kind,
                                                  .sku_ids = &sku,
                                                  .sku_count =
                                                      kind == INVENTORY_QUERY_MOVEMENTS,
                                                  .page_token = tried};
            struct inventory_answer answer;
            struct arena arena;
            arena_init(&arena, NULL, 0, 0);
            (void)token_decode(inventory, tried, query.kind, &token);
            (void)inventory_read(inventory, &query, &arena, &answer);
            arena_close(&arena);
        }
    }
    buffer_close(&bytes);
}

static void fuzz_source(struct slice input)
{
    struct source_lanes lanes, again;
    struct buffer first, second;
    source_lanes_init(&lanes);
    source_lanes_init(&again);
    buffer_init(&first);
    buffer_init(&second);
    enum status status = source_lanes_load(&lanes, (struct hash128){1, 2}, input);
    if (status != STATUS_OK) {
        expect_refusal(status);
    } else {
        source_lane_encode(&first, source_lanes_find(&lanes, (struct hash128){1, 2}));
        ASSERT(source_lanes_load(&again, (struct hash128){1, 2}, buffer_slice(&first)) ==
               STATUS_OK);
        source_lane_encode(&second, source_lanes_find(&again, (struct hash128){1, 2}));
        ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    }
    buffer_close(&first);
    buffer_close(&second);
    source_lanes_close(&lanes);
    source_lanes_close(&again);
}

static void fuzz_texts(struct slice input)
{
    struct inventory_hold_id id;
    uint64_t etag;
    char text[INVENTORY_HOLD_ID_TEXT_BYTES + 1];
    if (inventory_hold_id_parse(input, &id) == STATUS_OK) {
        inventory_hold_id_format(id, text);
        ASSERT(slice_equal(slice_from_string(text), input));
    }
    if (inventory_etag_parse(input, &etag) == STATUS_OK && etag != 0) {
        inventory_etag_format(etag, text);
        ASSERT(slice_equal(slice_from_string(text), input));
    }
}

static void fuzz_counts(struct slice input)
{
    FUZZ_ROUND(struct stored_count, rows_count_decode, rows_count_encode, );
    FUZZ_ROUND(struct stored_count_line, rows_count_line_decode,
               rows_count_line_encode, );
}

#define FUZZ_ARENA , &arena

enum {
    FUZZ_COUNTS = 255, /* of the first byte; the rest go by what 12 leaves over */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct inventory_options options = {.shard_id = 7, .hash_seed = 42};
    struct inventory *inventory;
    struct slice input;
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    input = slice_of(data + 1, size - 1);
    arena_init(&arena, NULL, 0, 0);
    inventory = inventory_new(&options);
    if (data[0] == FUZZ_COUNTS) {
        fuzz_counts(input);
    }
    switch (data[0] % 12) {
    case 0:
        FUZZ_ROUND(struct inventory_sku, rows_sku_decode, rows_sku_encode, FUZZ_ARENA);
        break;
    case 1:
        FUZZ_ROUND(struct inventory_location, rows_location_decode, rows_location_encode,
                   FUZZ_ARENA);
        break;
    case 2:
        FUZZ_ROUND(struct stored_level, rows_level_decode, rows_level_encode, );
        break;
    case 3:
        fuzz_hold(input, &arena);
        break;
    case 4:
        FUZZ_ROUND(struct stored_shard, rows_shard_decode, rows_shard_encode, );
        break;
    case 5:
        fuzz_ledger(input);
        break;
    case 6:
        fuzz_texts(input);
        break;
    case 7:
        fuzz_requests(inventory, input);
        break;
    case 8:
        fuzz_result(inventory, input, &arena);
        break;
    case 9:
        fuzz_token(inventory, input);
        break;
    case 10:
        fuzz_source(input);
        break;
    default:
        fuzz_part(input, &arena);
        break;
    }
    inventory_free(inventory);
    arena_close(&arena);
    return 0;
}
