/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One made-up log, applied: prints the digest after every thousandth entry, a hash over
 * all outcomes, and every row of the state at the end in hex. compilers.sh builds it with
 * several compilers and compares what they print; two replicas need not run one binary.
 */
#include <inttypes.h>
#include <stdio.h>

#include "shard/base/rng.h"
#include "shard/inventory/inventory.h"
#include "shard/storage/store.h"
#include "tests/lib/memory_store.h"

enum {
    ENTRIES = 20000,
    SKUS = 8,
    PLACES = 3,
    HOLDS = 64,
    START_MS = 1700000000,
};

struct log_maker {
    struct rng rng;
    struct arena arena;
    struct inventory_hold_id holds[HOLDS];
    uint64_t hold_count, requests;
    int64_t now_ms;
};

static uint64_t pick(struct log_maker *maker, uint64_t bound)
{
    return rng_below(&maker->rng, bound);
}

static struct slice pick_name(struct log_maker *maker, char letter, uint64_t count)
{
    const char text[2] = {letter, (char)('0' + pick(maker, count))};
    return arena_slice(&maker->arena, slice_of(text, sizeof text));
}

static int64_t pick_units(struct log_maker *maker)
{
    return pick(maker, 40) ? 1 + (int64_t)pick(maker, 9)
                           : INT64_MAX - (int64_t)pick(maker, 3);
}

static void make_stock(struct log_maker *maker, struct inventory_command *command)
{
    struct slice sku = pick_name(maker, 'S', SKUS), at = pick_name(maker, 'L', PLACES);
    switch (pick(maker, 4)) {
    case 0:
        command->kind = INVENTORY_STOCK_SET;
        command->stock_set.sku_id = sku;
        command->stock_set.location_id = at;
        command->stock_set.mask = 2u << pick(maker, 6);
        for (unsigned i = 1; i < STOCK_BUCKET_HELD; i++) {
            command->stock_set.buckets[i] = pick_units(maker);
        }
        return;
    case 1:
        command->kind = INVENTORY_STOCK_MOVE;
        command->stock_move = (struct inventory_stock_move){
            .sku_id = sku,
            .location_id = at,
            .bucket = (enum stock_bucket)(1 + pick(maker, 4)),
            .to_location_id = pick_name(maker, 'L', PLACES),
            .to_bucket = (enum stock_bucket)(1 + pick(maker, 4)),
            .quantity = pick_units(maker)};
        return;
    default:
        command->kind = INVENTORY_STOCK_ADJUST;
        command->stock_adjust = (struct inventory_stock_adjust){
            .sku_id = sku,
            .location_id = at,
            .bucket = (enum stock_bucket)(1 + pick(maker, 6)),
            .delta = pick_units(maker) * (pick(maker, 3) ? 1 : -1)};
        return;
    }
}

static void make_count(struct log_maker *maker, struct inventory_command *command)
{
    struct slice count_id = pick_name(maker, 'C', 2);
    struct inventory_count_line *line = arena_zalloc(&maker->arena, sizeof *line);
    command->kind = (enum inventory_command_kind)(INVENTORY_COUNT_START + pick(maker, 3));
    if (command->kind == INVENTORY_COUNT_START) {
        command->count_start.count_id = count_id;
        command->count_start.location_id = pick_name(maker, 'L', PLACES);
        command->count_start.at_submit = pick(maker, 2);
    } else if (command->kind == INVENTORY_COUNT_SUBMIT) {
        line->sku_id = pick_name(maker, 'S', SKUS);
        line->counted = (int64_t)pick(maker, 30);
        command->count_submit.count_id = count_id;
        command->count_submit.lines = line;
        command->count_submit.line_count = 1;
    } else {
        command->count_close.count_id = count_id;
    }
}

static void make_hold(struct log_maker *maker, struct inventory_command *command)
{
    struct inventory_hold_line *lines = arena_zalloc(&maker->arena, 2 * sizeof *lines);
    if (pick(maker, 2) && maker->hold_count > 0) {
        command->kind =
            (enum inventory_command_kind)(INVENTORY_HOLD_EXTEND + pick(maker, 5));
        command->hold_change.hold_id = maker->holds[pick(
            maker, maker->hold_count < HOLDS ? maker->hold_count : HOLDS)];
        command->hold_change.ttl_kind = HOLD_TTL_DURATION;
        command->hold_change.ttl_ms = 1 + (int64_t)pick(maker, 9000);
        command->hold_change.life_max_ms = 60000;
        return;
    }
    for (int i = 0; i < 2; i++) {
        lines[i].sku_id = pick_name(maker, 'S', SKUS);
        lines[i].location_id =
            pick(maker, 2) ? pick_name(maker, 'L', PLACES) : slice_of(NULL, 0);
        lines[i].quantity = 1 + (int64_t)pick(maker, 5);
    }
    command->kind = INVENTORY_HOLD_CREATE;
    command->hold_create =
        (struct inventory_hold_create){.lines = lines,
                                       .line_count = 1 + (uint32_t)pick(maker, 2),
                                       .mode = (enum hold_mode)(1 + pick(maker, 2)),
                                       .owner = pick_name(maker, 'O', 3),
                                       .allow_backorder = pick(maker, 3) == 0,
                                       .ttl_kind = HOLD_TTL_DURATION,
                                       .ttl_ms = 1 + (int64_t)pick(maker, 5000),
                                       .life_max_ms = 60000,
                                       .owner_holds_max = 10,
                                       .lines_max = 2,
                                       .nonce = pick(maker, 1 << 20)};
}

static void make_command(struct log_maker *maker, struct inventory_command *command)
{
    uint64_t kind = pick(maker, 20);
    *command = (struct inventory_command){.kind = INVENTORY_SKU_UPSERT};
    if (kind == 0) {
        command->sku_upsert.sku.sku_id = pick_name(maker, 'S', SKUS);
        command->sku_upsert.sku.name = slice_from_string("thing");
    } else if (kind == 1) {
        command->kind = INVENTORY_LOCATION_UPSERT;
        command->location_upsert.location.location_id = pick_name(maker, 'L', PLACES);
    } else if (kind < 9) {
        make_stock(maker, command);
    } else if (kind < 12) {
        make_count(maker, command);
    } else {
        make_hold(maker, command);
    }
    maker->requests++;
    command->identity = (struct inventory_identity){
        .kind = INVENTORY_IDENTITY_REQUEST,
        .anchor = inventory_command_anchor(command, 9),
        .request_id = hash128(slice_of(&maker->requests, sizeof maker->requests), 5),
        .fingerprint = inventory_command_fingerprint(command),
        .request_ms = maker->now_ms};
}

static uint64_t outcome_mix(uint64_t hash, const struct inventory_outcome *outcome)
{
    hash = hash_mix(hash ^ (uint64_t)outcome->status);
    hash = hash_mix(hash ^ outcome->etag);
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT && outcome->has_level; i++) {
        hash = hash_mix(hash ^ (uint64_t)outcome->level.buckets[i]);
    }
    hash = hash_mix(hash ^ outcome->hold.hold_id.unique);
    return hash_mix(hash ^ (uint64_t)outcome->count.lost);
}

static void print_hex(struct slice bytes, char end)
{
    for (size_t i = 0; i < bytes.size; i++) {
        printf("%02x", bytes.data[i]);
    }
    putchar(end);
}

static int print_rows(struct store *store)
{
    const struct store_scan scan = {.descending = false};
    struct store_cursor *cursor;
    if (store_cursor_open(store, &scan, &cursor) != STATUS_OK) {
        return 1;
    }
    for (; cursor->valid; store_cursor_next(cursor)) {
        print_hex(cursor->key, ' ');
        print_hex(cursor->value, '\n');
    }
    store_cursor_close(cursor);
    return 0;
}

static void apply_one(struct inventory *inventory, struct log_maker *maker,
                      uint64_t index, uint64_t *outcomes)
{
    struct inventory_command command;
    struct inventory_outcome outcome;
    maker->now_ms += (int64_t)pick(maker, 200);
    make_command(maker, &command);
    inventory_entry_begin(inventory, &(struct apply_position){index, 1, maker->now_ms});
    inventory_apply(inventory, &command, &maker->arena, &outcome);
    inventory_entry_end(inventory);
    *outcomes = outcome_mix(*outcomes, &outcome);
    if (command.kind == INVENTORY_HOLD_CREATE && outcome.status == STATUS_OK) {
        maker->holds[maker->hold_count++ % HOLDS] = outcome.hold.hold_id;
    }
    arena_reset(&maker->arena);
}

int main(void)
{
    struct store *store = memory_store_new();
    const struct inventory_options options = {.shard_id = 3,
                                              .hash_seed = 9,
                                              .store = store,
                                              .request_memory_max_bytes = 1 << 30};
    struct inventory *inventory = inventory_new(&options);
    struct log_maker maker = {.now_ms = START_MS};
    struct store_batch batch;
    uint64_t outcomes = 0;
    int failed;
    rng_init(&maker.rng, 2026);
    arena_init(&maker.arena, NULL, 0, 0);
    for (uint64_t index = 1; index <= ENTRIES; index++) {
        apply_one(inventory, &maker, index, &outcomes);
        if (index % 1000 == 0) {
            printf("%" PRIu64 " %016" PRIx64 "\n", index, inventory_digest(inventory));
        }
    }
    printf("outcomes %016" PRIx64 ", holds %" PRIu64 "\n", outcomes, maker.hold_count);
    store_batch_init(&batch);
    inventory_collect(inventory, &batch);
    failed = store_write(store, &batch) != STATUS_OK || print_rows(store) != 0;
    store_batch_close(&batch);
    inventory_free(inventory);
    store_close(store);
    arena_close(&maker.arena);
    return failed;
}
