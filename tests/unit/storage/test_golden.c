/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes written by the first version, read by every later one. What is read must mean the
 * same for ever; what is written now must be these bytes as long as the version is 1.
 * SOUK_GOLDEN=write lays the files down anew: only together with a new version.
 */
#include <stdio.h>

#include "shard/storage/folder.h"
#include "shard/storage/meta_row.h"
#include "shard/storage/segment_format.h"
#include "shard/storage/segment_log.h"
#include "shard/storage/snapshot_format.h"
#include "tests/lib/crash_files.h"
#include "tests/lib/test.h"

enum {
    GOLDEN_SEGMENT_BYTES = 4 * SEGMENT_BLOCK_BYTES,
};

static void golden_path(const char *name, char *path, size_t size)
{
    char below[200];
    snprintf(below, sizeof below, "golden/storage/%s", name);
    snprintf(path, size, "%s", test_source(below));
}

static void golden_read(const char *name, struct buffer *out)
{
    char path[600];
    FILE *file;
    int byte;
    golden_path(name, path, sizeof path);
    file = fopen(path, "rb");
    if (file == NULL) {
        test_fail(__FILE__, __LINE__, "%s is missing", path);
    }
    buffer_clear(out);
    while ((byte = fgetc(file)) != EOF) {
        *buffer_extend(out, 1) = (uint8_t)byte;
    }
    fclose(file);
}

/* Compares what is written now with what was written then. */
static void golden_expect(const char *name, struct slice bytes)
{
    const char *mode = getenv("SOUK_GOLDEN");
    struct buffer golden;
    char path[600];
    buffer_init(&golden);
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *file;
        golden_path(name, path, sizeof path);
        file = fopen(path, "wb");
        EXPECT(file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
        fclose(file);
    }
    golden_read(name, &golden);
    if (!slice_equal(buffer_slice(&golden), bytes)) {
        test_fail(__FILE__, __LINE__, "%s is no longer written as it was", name);
    }
    buffer_close(&golden);
}

static enum status golden_open(struct crash_files *files, struct log_store **out_log)
{
    const struct segment_log_options options = {.fs = crash_files_system(files),
                                                .folder = "/log",
                                                .segment_bytes = GOLDEN_SEGMENT_BYTES,
                                                .fresh_log_id = 0x0123456789abcdef};
    return segment_log_open(&options, NULL, out_log);
}

static void golden_fill(struct log_store *log)
{
    struct log_batch batch;
    log_batch_init(&batch);
    for (uint64_t index = 1; index <= 4; index++) {
        log_batch_add_entry(&batch, 11, index, 1, slice_from_string("eleven"));
    }
    log_batch_add_state(&batch, 11, 1, 2, 3);
    log_batch_add_entry(&batch, 12, 1, 1, slice_from_string("twelve"));
    log_batch_add_note(&batch, 12, slice_from_string("note"));
    log_batch_add_entry(&batch, 13, 1, 1, slice_from_string("thirteen"));
    EXPECT_OK(log_store_append(log, &batch));
    log_batch_clear(&batch);
    log_batch_add_entry(&batch, 11, 3, 2, slice_from_string("other"));
    log_batch_add_reset(&batch, 12, 500, 7);
    log_batch_add_forget(&batch, 13);
    EXPECT_OK(log_store_append(log, &batch));
    log_batch_close(&batch);
}

static bool golden_visit(void *context, const struct log_entry *entry)
{
    struct buffer *read = context;
    buffer_append_slice(read, entry->payload);
    *buffer_extend(read, 1) = (uint8_t)('0' + entry->term);
    return true;
}

static void golden_check(struct log_store *log)
{
    const struct log_read read = {.replica_id = 11, .from_index = 1, .max_bytes = 1000};
    struct log_bounds bounds;
    struct buffer bytes;
    buffer_init(&bytes);
    EXPECT_OK(log_store_read(log, &read, golden_visit, &bytes));
    EXPECT_SLICE(buffer_slice(&bytes), slice_from_string("eleven1eleven1other2"));
    EXPECT_OK(log_store_bounds(log, 11, &bounds));
    EXPECT_EQ(bounds.last_index, 3);
    EXPECT_EQ(bounds.term, 1);
    EXPECT_EQ(bounds.vote, 2);
    EXPECT_EQ(bounds.commit, 3);
    EXPECT(!bounds.damaged);
    EXPECT_OK(log_store_bounds(log, 12, &bounds));
    EXPECT_EQ(bounds.first_index, 501);
    EXPECT_EQ(bounds.first_term, 7);
    buffer_clear(&bytes);
    EXPECT_OK(log_store_note(log, 12, &bytes));
    EXPECT_SLICE(buffer_slice(&bytes), slice_from_string("note"));
    EXPECT_STATUS(log_store_bounds(log, 13, &bounds), STATUS_NOT_FOUND);
    buffer_close(&bytes);
}

TEST(golden, a_log_is_written_as_it_was)
{
    struct crash_files *files = crash_files_new(0);
    struct log_store *log = NULL;
    EXPECT_OK(golden_open(files, &log));
    golden_fill(log);
    golden_expect("log_identity.bin", crash_files_bytes(files, "/log/identity"));
    golden_expect("log_segment.bin",
                  crash_files_bytes(files, "/log/0000000000000001.segment"));
    golden_check(log);
    log_store_close(log);
    crash_files_free(files);
}

TEST(golden, the_log_of_the_first_version_opens_and_goes_on)
{
    struct crash_files *files = crash_files_new(0);
    struct log_store *log = NULL;
    struct log_batch batch;
    struct buffer bytes;
    buffer_init(&bytes);
    EXPECT_OK(file_system_make_folder(crash_files_system(files), "/log"));
    golden_read("log_identity.bin", &bytes);
    crash_files_set(files, "/log/identity", buffer_slice(&bytes));
    golden_read("log_segment.bin", &bytes);
    crash_files_set(files, "/log/0000000000000001.segment", buffer_slice(&bytes));
    buffer_close(&bytes);
    EXPECT_OK(golden_open(files, &log));
    golden_check(log);
    log_batch_init(&batch);
    log_batch_add_entry(&batch, 12, 501, 8, slice_from_string("more"));
    EXPECT_OK(log_store_append(log, &batch));
    log_batch_close(&batch);
    log_store_close(log);
    EXPECT_OK(golden_open(files, &log));
    golden_check(log);
    log_store_close(log);
    crash_files_free(files);
}

TEST(golden, the_identity_of_a_folder_is_what_it_was)
{
    const struct folder_identity identity = {.cluster_id = "cluster-id-byte",
                                             .hash_seed = 0x1122334455667788,
                                             .node_id = 5,
                                             .sku_shards = 1,
                                             .customer_shards = 4};
    struct folder_identity back;
    uint8_t bytes[FOLDER_IDENTITY_BYTES];
    struct buffer golden;
    folder_identity_encode(&identity, bytes);
    golden_expect("folder_identity.bin", slice_of(bytes, sizeof bytes));
    buffer_init(&golden);
    golden_read("folder_identity.bin", &golden);
    EXPECT_OK(folder_identity_decode(buffer_slice(&golden), &back));
    EXPECT(memcmp(back.cluster_id, identity.cluster_id, sizeof back.cluster_id) == 0);
    EXPECT(back.hash_seed == identity.hash_seed);
    EXPECT_EQ(back.node_id, 5);
    EXPECT_EQ(back.sku_shards, 1);
    EXPECT_EQ(back.customer_shards, 4);
    buffer_close(&golden);
}

TEST(golden, rows_and_keys_are_what_they_were)
{
    const struct meta_descriptor descriptor = {.shard_id = 3,
                                               .replica_id = 300,
                                               .table = KEY_TABLE_SKU,
                                               .feature_level = 1,
                                               .range = {UINT64_C(1) << 63, 0},
                                               .range_version = 2,
                                               .member_version = 9};
    const struct meta_applied applied = {
        .index = 70000, .term = 7, .log_time_ms = 1700000000123};
    struct meta_descriptor descriptor_back;
    struct meta_applied applied_back;
    struct buffer bytes;
    buffer_init(&bytes);
    meta_descriptor_encode(&bytes, &descriptor);
    golden_expect("meta_descriptor.bin", buffer_slice(&bytes));
    golden_read("meta_descriptor.bin", &bytes);
    EXPECT_OK(meta_descriptor_decode(buffer_slice(&bytes), &descriptor_back));
    EXPECT_EQ(descriptor_back.replica_id, 300);
    EXPECT(descriptor_back.range.start == UINT64_C(1) << 63);
    buffer_clear(&bytes);
    meta_applied_encode(&bytes, &applied);
    golden_expect("meta_applied.bin", buffer_slice(&bytes));
    golden_read("meta_applied.bin", &bytes);
    EXPECT_OK(meta_applied_decode(buffer_slice(&bytes), &applied_back));
    EXPECT_EQ(applied_back.index, 70000);
    EXPECT_EQ(applied_back.log_time_ms, 1700000000123);
    buffer_clear(&bytes);
    key_append_state(&bytes,
                     &(struct key_state){.table = KEY_TABLE_SKU,
                                         .kind = 4,
                                         .hash = key_hash(slice_from_string("SKU-1"), 99),
                                         .id = slice_from_string("SKU-1")});
    key_append_order(&bytes, &(struct key_order){1, 2, 3});
    key_append_meta(&bytes, &(struct key_meta){1, META_APPLIED});
    golden_expect("keys.bin", buffer_slice(&bytes));
    buffer_close(&bytes);
}

TEST(golden, a_snapshot_s_manifest_and_head_are_what_they_were)
{
    struct buffer bytes, key;
    buffer_init(&bytes);
    buffer_init(&key);
    key_append_order(&key, &(struct key_order){3, 70, 1});
    struct snapshot_chunk chunks[] = {
        {.bytes = 1000, .checksum = {1, 2}, .start = buffer_slice(&key)}};
    const struct snapshot_manifest manifest = {
        .shard_id = 3,
        .table = KEY_TABLE_SKU,
        .range = {UINT64_C(1) << 62, UINT64_C(1) << 63},
        .range_version = 2,
        .member_version = 9,
        .feature_level = 1,
        .index = 70000,
        .term = 7,
        .log_time_ms = 1700000000123,
        .members = slice_from_string("members"),
        .chunks = chunks,
        .chunk_count = 1,
    };
    struct snapshot_manifest back;
    snapshot_manifest_encode(&bytes, &manifest);
    golden_expect("snapshot_manifest.bin", buffer_slice(&bytes));
    golden_read("snapshot_manifest.bin", &bytes);
    EXPECT_OK(snapshot_manifest_decode(buffer_slice(&bytes), &back));
    EXPECT_EQ(back.log_time_ms, 1700000000123);
    EXPECT_EQ(back.chunk_count, 1);
    EXPECT_SLICE(back.chunks[0].start, buffer_slice(&key));
    snapshot_manifest_close(&back);
    const struct snapshot_head head = {
        .index = 70000, .term = 7, .manifest_bytes = 300, .manifest_checksum = {3, 4}};
    struct snapshot_head head_back;
    buffer_clear(&bytes);
    snapshot_head_encode(&bytes, &head);
    golden_expect("snapshot_head.bin", buffer_slice(&bytes));
    EXPECT_OK(snapshot_head_decode(buffer_slice(&bytes), &head_back));
    EXPECT_EQ(head_back.manifest_checksum.low, 4);
    buffer_close(&bytes);
    buffer_close(&key);
}
