/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored rows of an import's lane: the last line in eight bytes, the block's base in
 * eight more, then the block. What is taken is written again, a line longer, and read back
 * the same.
 */
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/import_lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash128 import_id = {.high = 1, .low = 2};

static void expect_refusal(enum status status)
{
    ASSERT(status == STATUS_CHECKSUM || status == STATUS_VERSION);
}

/* Everything that changed, into fresh lanes: blocks that did not are known from before. */
static void write_again(struct import_lanes *lanes, uint64_t base, struct slice block)
{
    struct import_lanes again;
    struct import_change change;
    struct buffer value;
    bool rewritten = false;
    import_lanes_init(&again);
    buffer_init(&value);
    while (import_lanes_collect(lanes, &change, &value)) {
        struct slice bytes = buffer_slice(&value);
        if (!change.of_block) {
            ASSERT(import_lanes_load(&again, change.import_id, bytes) == STATUS_OK);
            continue;
        }
        rewritten = change.base == base;
        if (!rewritten) {
            ASSERT(import_lanes_load_block(&again, import_id, base, block) == STATUS_OK);
        }
        ASSERT(import_lanes_load_block(&again, import_id, change.base, bytes) ==
               STATUS_OK);
    }
    ASSERT(import_lanes_digest(&again) == import_lanes_digest(lanes));
    buffer_close(&value);
    import_lanes_close(&again);
}

static void fuzz_lane(struct slice value)
{
    struct import_lanes lanes;
    enum status status;
    import_lanes_init(&lanes);
    status = import_lanes_load(&lanes, import_id, value);
    if (status != STATUS_OK) {
        expect_refusal(status);
    }
    import_lanes_close(&lanes);
}

static void fuzz_block(uint64_t last, uint64_t base, struct slice value)
{
    const struct import_line line = {.import_id = import_id,
                                     .line = last + 1,
                                     .imports_max = 1,
                                     .refused_max = UINT32_MAX};
    struct import_lanes lanes;
    struct buffer lane;
    enum status status;
    import_lanes_init(&lanes);
    buffer_init(&lane);
    encode_u8(&lane, 1);
    encode_varint(&lane, last);
    ASSERT(import_lanes_load(&lanes, import_id, buffer_slice(&lane)) == STATUS_OK);
    status = import_lanes_load_block(&lanes, import_id, base, value);
    if (status == STATUS_OK) {
        ASSERT(import_lanes_settle(&lanes, &line, false));
        write_again(&lanes, base, value);
    } else {
        expect_refusal(status);
    }
    buffer_close(&lane);
    import_lanes_close(&lanes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader;
    uint64_t last, base;
    reader_init(&reader, slice_of(data, size));
    last = read_le64(&reader);
    base = read_le64(&reader);
    if (!reader.failed && last < UINT64_MAX) {
        fuzz_block(last, base, read_raw(&reader, reader_left(&reader)));
    }
    fuzz_lane(slice_of(data, size));
    return 0;
}
