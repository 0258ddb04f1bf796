/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot from one store into another, part by part. */
#include <stdio.h>

#include "shard/base/rng.h"
#include "shard/storage/snapshot_maker.h"
#include "shard/storage/snapshot_receiver.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

enum {
    SHARD = 7,
    ROWS = 600,
    CHUNK_BYTES = 2048,
    STEP_BYTES = 500,
    PART_BYTES = 300,
    REPLICA = 21,
};

static const struct snapshot_manifest head_of_shard = {
    .shard_id = SHARD,
    .table = KEY_TABLE_SKU,
    .range = {.start = 1000, .end = 0},
    .range_version = 3,
    .member_version = 4,
    .feature_level = 2,
    .index = 99,
    .term = 5,
    .log_time_ms = -12,
    .members = {.data = (const uint8_t *)"members", .size = 7},
};

static void put_state(struct store *store, uint64_t hash, unsigned row, const char *value)
{
    struct store_batch batch;
    struct buffer key;
    char id[16];
    buffer_init(&key);
    store_batch_init(&batch);
    snprintf(id, sizeof id, "%u", row);
    struct key_state parts = {
        .table = KEY_TABLE_SKU, .kind = 2, .hash = hash, .id = slice_from_string(id)};
    key_append_state(&key, &parts);
    store_batch_put(&batch, buffer_slice(&key), slice_from_string(value));
    EXPECT_OK(store_write(store, &batch));
    buffer_close(&key);
    store_batch_close(&batch);
}

static void put_order(struct store *store, uint64_t shard_id, uint64_t index)
{
    struct store_batch batch;
    struct buffer key;
    buffer_init(&key);
    store_batch_init(&batch);
    struct key_order parts = {.shard_id = shard_id, .index = index, .sub = 1};
    key_append_order(&key, &parts);
    store_batch_put(&batch, buffer_slice(&key), slice_from_string("ledger block"));
    EXPECT_OK(store_write(store, &batch));
    buffer_close(&key);
    store_batch_close(&batch);
}

/* Rows of the shard, of a neighbour below its range, and of another shard's log. */
static struct store *store_filled(void)
{
    struct store *store = memory_store_new();
    for (unsigned i = 0; i < ROWS; i++) {
        char value[64];
        snprintf(value, sizeof value, "value of row %u with some length", i);
        put_state(store, 1000 + i / 3, i, value);
        put_order(store, SHARD, i);
    }
    put_state(store, 999, 1, "neighbour");
    put_order(store, SHARD + 1, 1);
    return store;
}

static struct snapshot_maker *maker_open(struct store *store)
{
    struct store_snapshot *snapshot;
    EXPECT_OK(store_snapshot_open(store, &snapshot));
    struct snapshot_maker *maker =
        snapshot_maker_new(&snapshot, &head_of_shard, CHUNK_BYTES);
    bool done = false;
    for (unsigned steps = 0; !done; steps++) {
        EXPECT(steps < 10000);
        EXPECT_OK(snapshot_maker_step(maker, STEP_BYTES, &done));
    }
    return maker;
}

static struct slice maker_part(struct snapshot_maker *maker, struct snapshot_part part)
{
    struct slice all = snapshot_maker_manifest_bytes(maker);
    if (part.item != SNAPSHOT_ITEM_MANIFEST) {
        EXPECT_OK(snapshot_maker_chunk(maker, part.item, &all));
    }
    EXPECT(part.offset < all.size);
    size_t size = all.size - part.offset;
    return slice_of(all.data + part.offset, size < PART_BYTES ? size : PART_BYTES);
}

/* Keeps a whole chunk as a prepared file, as a replica does. */
static bool keep_chunk(struct snapshot_receiver *receiver, struct store *store)
{
    uint32_t chunk;
    struct slice rows;
    char name[SNAPSHOT_NAME_BYTES + 1];
    if (!snapshot_receiver_chunk(receiver, &chunk, &rows)) {
        return false;
    }
    struct store_batch batch;
    store_batch_init(&batch);
    store_batch_file_put(
        &batch,
        snapshot_chunk_name(
            REPLICA, snapshot_receiver_manifest(receiver)->chunks[chunk].checksum, name),
        rows);
    EXPECT_OK(store_write(store, &batch));
    store_batch_close(&batch);
    snapshot_receiver_kept(receiver);
    return true;
}

static bool tell_file(void *context, struct slice name)
{
    EXPECT(snapshot_receiver_has_file(context, name));
    return true;
}

static bool tell_file_of_another(void *context, struct slice name)
{
    (void)snapshot_receiver_has_file(context, name);
    return true;
}

/* Parts until all is here, or so many were taken; returns how many. */
static unsigned receive(struct snapshot_receiver *receiver, struct snapshot_maker *maker,
                        struct store *store, unsigned parts_max)
{
    struct snapshot_part part;
    unsigned parts = 0;
    while (parts < parts_max && snapshot_receiver_wants(receiver, &part)) {
        bool had_manifest = snapshot_receiver_manifest(receiver) != NULL;
        EXPECT_OK(snapshot_receiver_take(receiver, part, maker_part(maker, part)));
        if (!had_manifest && snapshot_receiver_manifest(receiver) != NULL) {
            EXPECT_OK(store_file_list(store, tell_file_of_another, receiver));
        }
        (void)keep_chunk(receiver, store);
        parts++;
    }
    return parts;
}

static void install(struct snapshot_receiver *receiver, struct store *store)
{
    const struct snapshot_manifest *manifest = snapshot_receiver_manifest(receiver);
    struct store_batch batch;
    store_batch_init(&batch);
    for (uint32_t i = 0; i < manifest->chunk_count; i++) {
        char name[SNAPSHOT_NAME_BYTES + 1];
        store_batch_file_ingest(
            &batch, snapshot_chunk_name(REPLICA, manifest->chunks[i].checksum, name));
    }
    EXPECT_OK(store_write(store, &batch));
    store_batch_close(&batch);
}

TEST(snapshot, carries_the_rows_of_its_shard_and_no_others)
{
    struct store *from = store_filled();
    struct store *to = memory_store_new();
    struct snapshot_maker *maker = maker_open(from);
    struct snapshot_head head = snapshot_maker_head(maker);
    struct snapshot_receiver *receiver = snapshot_receiver_new(&head, REPLICA);
    (void)receive(receiver, maker, to, UINT32_MAX);
    EXPECT(snapshot_receiver_complete(receiver));
    const struct snapshot_manifest *manifest = snapshot_receiver_manifest(receiver);
    EXPECT_EQ(manifest->index, 99);
    EXPECT_EQ(manifest->feature_level, 2);
    EXPECT_SLICE(manifest->members, slice_from_string("members"));
    EXPECT(manifest->chunk_count > 10);
    for (uint32_t i = 0; i < manifest->chunk_count; i++) {
        EXPECT(manifest->chunks[i].bytes <=
               CHUNK_BYTES * (SNAPSHOT_CHUNK_FACTOR_MAX + 1));
    }
    install(receiver, to);
    EXPECT_EQ(memory_store_count(to), 2 * ROWS);
    /* What is left of the first store without the others' rows is the same. */
    struct store_batch batch;
    store_batch_init(&batch);
    struct buffer start, end;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_order(SHARD + 1, 0, 0, &start, &end);
    store_batch_delete_range(&batch, buffer_slice(&start), buffer_slice(&end));
    key_bounds_range(KEY_TABLE_SKU, (struct key_range){0, 1000}, &start, &end);
    store_batch_delete_range(&batch, buffer_slice(&start), buffer_slice(&end));
    EXPECT_OK(store_write(from, &batch));
    EXPECT(memory_store_sum(from) == memory_store_sum(to));
    buffer_close(&start);
    buffer_close(&end);
    store_batch_close(&batch);
    snapshot_receiver_free(receiver);
    snapshot_maker_free(maker);
    store_close(from);
    store_close(to);
}

TEST(snapshot, shows_the_moment_it_was_taken_however_late_a_chunk_is_asked_for)
{
    struct store *from = store_filled();
    struct snapshot_maker *maker = maker_open(from);
    struct slice rows;
    EXPECT_OK(snapshot_maker_chunk(maker, 1, &rows));
    struct hash128 before = hash128(rows, 0);
    for (unsigned i = 0; i < ROWS; i++) {
        put_state(from, 1000 + i / 3, i, "changed");
    }
    EXPECT_OK(snapshot_maker_chunk(maker, 0, &rows));
    EXPECT_OK(snapshot_maker_chunk(maker, 1, &rows));
    EXPECT(hash128(rows, 0).low == before.low);
    EXPECT_STATUS(
        snapshot_maker_chunk(maker, snapshot_maker_manifest(maker)->chunk_count, &rows),
        STATUS_NOT_FOUND);
    snapshot_maker_free(maker);
    store_close(from);
}

TEST(snapshot, goes_on_where_it_was_when_the_receiver_starts_again)
{
    struct store *from = store_filled();
    struct store *to = memory_store_new();
    struct snapshot_maker *maker = maker_open(from);
    struct snapshot_head head = snapshot_maker_head(maker);
    struct snapshot_receiver *receiver = snapshot_receiver_new(&head, REPLICA);
    unsigned all = receive(receiver, maker, to, UINT32_MAX);
    snapshot_receiver_free(receiver);
    store_close(to);
    to = memory_store_new();
    unsigned parts = 0;
    for (unsigned lives = 0;; lives++) {
        EXPECT(lives < 100);
        receiver = snapshot_receiver_new(&head, REPLICA);
        parts += receive(receiver, maker, to, 60);
        bool complete = snapshot_receiver_complete(receiver);
        snapshot_receiver_free(receiver);
        if (complete) {
            EXPECT(lives > 0);
            break;
        }
    }
    /* Each life asks for the manifest again, and at most for one chunk that it lost. */
    EXPECT(parts < 2 * all);
    snapshot_maker_free(maker);
    store_close(from);
    store_close(to);
}

TEST(snapshot, of_nearly_the_same_state_shares_most_chunks_with_the_one_before)
{
    struct store *from = store_filled();
    struct store *to = memory_store_new();
    struct snapshot_maker *maker = maker_open(from);
    struct snapshot_head head = snapshot_maker_head(maker);
    struct snapshot_receiver *receiver = snapshot_receiver_new(&head, REPLICA);
    (void)receive(receiver, maker, to, UINT32_MAX);
    EXPECT_OK(store_file_list(to, tell_file, receiver));
    snapshot_receiver_free(receiver);
    snapshot_maker_free(maker);
    size_t files = memory_store_file_count(to);
    put_state(from, 1100, 300, "other");
    put_state(from, 1100, 9999, "one more");
    put_order(from, SHARD, ROWS);
    maker = maker_open(from); /* the sender has started again, too */
    head = snapshot_maker_head(maker);
    receiver = snapshot_receiver_new(&head, REPLICA);
    (void)receive(receiver, maker, to, UINT32_MAX);
    EXPECT(snapshot_receiver_complete(receiver));
    EXPECT(memory_store_file_count(to) - files <= 4);
    EXPECT(memory_store_file_count(to) > files);
    snapshot_receiver_free(receiver);
    snapshot_maker_free(maker);
    store_close(from);
    store_close(to);
}

TEST(snapshot, damaged_on_its_way_is_refused_and_asked_for_again)
{
    struct store *from = store_filled();
    struct store *to = memory_store_new();
    struct snapshot_maker *maker = maker_open(from);
    struct snapshot_head head = snapshot_maker_head(maker);
    struct snapshot_receiver *receiver = snapshot_receiver_new(&head, REPLICA);
    struct rng rng;
    struct snapshot_part part;
    unsigned refused = 0;
    rng_init(&rng, 1);
    for (unsigned i = 0; snapshot_receiver_wants(receiver, &part); i++) {
        EXPECT(i < 100000);
        struct slice good = maker_part(maker, part);
        uint8_t bytes[PART_BYTES];
        memcpy(bytes, good.data, good.size);
        if (rng_below(&rng, 20) == 0) {
            bytes[rng_below(&rng, good.size)] ^= 1;
        }
        refused += snapshot_receiver_take(receiver, part, slice_of(bytes, good.size)) !=
                   STATUS_OK;
        /* Repeated and foreign parts change nothing. */
        EXPECT_OK(snapshot_receiver_take(receiver, part, good));
        part.item = 5000;
        EXPECT_OK(snapshot_receiver_take(receiver, part, good));
        (void)keep_chunk(receiver, to);
    }
    EXPECT(refused > 3);
    EXPECT(snapshot_receiver_complete(receiver));
    snapshot_receiver_free(receiver);
    snapshot_maker_free(maker);
    store_close(from);
    store_close(to);
}

TEST(snapshot, of_an_empty_shard_is_complete_with_its_manifest)
{
    struct store *from = memory_store_new();
    struct snapshot_maker *maker = maker_open(from);
    struct snapshot_head head = snapshot_maker_head(maker);
    struct snapshot_receiver *receiver = snapshot_receiver_new(&head, REPLICA);
    EXPECT_EQ(receive(receiver, maker, from, UINT32_MAX), 1);
    EXPECT(snapshot_receiver_complete(receiver));
    snapshot_receiver_free(receiver);
    snapshot_maker_free(maker);
    store_close(from);
}

TEST(snapshot, formats_refuse_what_is_cut_short_or_of_a_later_version)
{
    struct store *from = store_filled();
    struct snapshot_maker *maker = maker_open(from);
    struct slice bytes = snapshot_maker_manifest_bytes(maker);
    struct snapshot_manifest manifest;
    struct snapshot_head head = snapshot_maker_head(maker), again;
    struct buffer out;
    buffer_init(&out);
    EXPECT_OK(snapshot_manifest_decode(bytes, &manifest));
    EXPECT_EQ(manifest.log_time_ms, -12);
    snapshot_manifest_close(&manifest);
    for (size_t size = 0; size < bytes.size; size += 1 + size / 50) {
        EXPECT_STATUS(snapshot_manifest_decode(slice_of(bytes.data, size), &manifest),
                      STATUS_CHECKSUM);
    }
    snapshot_head_encode(&out, &head);
    EXPECT_OK(snapshot_head_decode(buffer_slice(&out), &again));
    EXPECT_EQ(again.index, head.index);
    EXPECT_STATUS(snapshot_head_decode(slice_of(out.data, out.size - 1), &again),
                  STATUS_CHECKSUM);
    out.data[0] = 2;
    EXPECT_STATUS(snapshot_head_decode(buffer_slice(&out), &again), STATUS_VERSION);
    buffer_close(&out);
    snapshot_maker_free(maker);
    store_close(from);
}
