/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every decoder of the storage on raw bytes: what it takes it must encode to the same
 * meaning again.
 */
#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/storage/folder.h"
#include "shard/storage/key.h"
#include "shard/storage/log_record.h"
#include "shard/storage/meta_row.h"
#include "shard/storage/segment_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_records(struct slice input)
{
    struct reader reader;
    struct log_record record;
    reader_init(&reader, input);
    while (reader_left(&reader) > 0 && log_record_decode(&reader, &record) == STATUS_OK) {
        struct buffer again;
        struct log_record back;
        struct reader second;
        buffer_init(&again);
        log_record_encode(&again, &record);
        reader_init(&second, buffer_slice(&again));
        ASSERT(log_record_decode(&second, &back) == STATUS_OK);
        ASSERT(back.kind == record.kind && back.index == record.index &&
               back.term == record.term && slice_equal(back.payload, record.payload));
        buffer_close(&again);
    }
}

static void fuzz_segment(struct slice input)
{
    struct segment_header header;
    uint64_t log_id;
    if (segment_identity_decode(input, &log_id) == STATUS_OK) {
        ASSERT(input.size >= 32);
    }
    if (segment_header_decode(input, 0, &header) == STATUS_OK &&
        segment_directory_valid(input, &header, 0)) {
        ASSERT(header.bytes <= input.size);
    }
}

static void fuzz_rows(struct slice input)
{
    struct folder_identity identity;
    struct meta_descriptor descriptor;
    struct meta_applied applied;
    uint8_t bytes[FOLDER_IDENTITY_BYTES];
    if (folder_identity_decode(input, &identity) == STATUS_OK) {
        folder_identity_encode(&identity, bytes);
        ASSERT(identity.node_id != 0);
    }
    if (meta_descriptor_decode(input, &descriptor) == STATUS_OK) {
        ASSERT(key_range_valid(descriptor.range));
    }
    if (meta_applied_decode(input, &applied) == STATUS_OK) {
        struct buffer again;
        struct meta_applied back;
        buffer_init(&again);
        meta_applied_encode(&again, &applied);
        ASSERT(meta_applied_decode(buffer_slice(&again), &back) == STATUS_OK);
        ASSERT(back.index == applied.index && back.log_time_ms == applied.log_time_ms);
        buffer_close(&again);
    }
}

static void fuzz_keys(struct slice input)
{
    struct key_state state;
    struct key_order order;
    struct key_meta meta;
    struct buffer again;
    buffer_init(&again);
    if (key_parse_state(input, &state)) {
        key_append_state(&again, &state);
        ASSERT(slice_equal(buffer_slice(&again), input));
    } else if (key_parse_order(input, &order)) {
        key_append_order(&again, &order);
        ASSERT(slice_equal(buffer_slice(&again), input));
    } else if (key_parse_meta(input, &meta)) {
        key_append_meta(&again, &meta);
        ASSERT(slice_equal(buffer_slice(&again), input));
    }
    buffer_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    fuzz_records(input);
    fuzz_segment(input);
    fuzz_rows(input);
    fuzz_keys(input);
    return 0;
}
