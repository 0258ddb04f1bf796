/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a customer shard. The first byte picks the decoder. What decodes must encode to
 * something that decodes to the same bytes again.
 */
#include "shard/base/assert.h"
#include "shard/customer/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_profile(struct slice value, struct arena *arena)
{
    struct customer_profile profile, again;
    struct buffer first, second;
    if (row_profile_decode(value, arena, &profile) != STATUS_OK) {
        return;
    }
    buffer_init(&first);
    buffer_init(&second);
    row_profile_encode(&first, &profile);
    ASSERT(row_profile_decode(buffer_slice(&first), arena, &again) == STATUS_OK);
    row_profile_encode(&second, &again);
    ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    buffer_close(&first);
    buffer_close(&second);
}

static void fuzz_events(struct slice value)
{
    struct row_events_reader reader;
    struct row_event event;
    struct buffer block, again;
    uint64_t count = 0;
    buffer_init(&block);
    buffer_init(&again);
    row_events_begin(&block);
    row_events_begin(&again);
    if (row_events_open(&reader, value) == STATUS_OK) {
        while (row_events_next(&reader, &event) == STATUS_OK) {
            row_events_add(&block, &event);
            count++;
        }
        ASSERT(row_events_open(&reader, buffer_slice(&block)) == STATUS_OK);
        while (row_events_next(&reader, &event) == STATUS_OK) {
            row_events_add(&again, &event);
            count--;
        }
        ASSERT(count == 0);
        ASSERT(slice_equal(buffer_slice(&block), buffer_slice(&again)));
    }
    buffer_close(&block);
    buffer_close(&again);
}

static void fuzz_request(struct slice value)
{
    struct row_request request, again;
    struct buffer bytes;
    if (row_request_decode(value, &request) != STATUS_OK) {
        return;
    }
    buffer_init(&bytes);
    row_request_encode(&bytes, &request);
    ASSERT(row_request_decode(buffer_slice(&bytes), &again) == STATUS_OK);
    ASSERT(again.status == request.status && again.etag == request.etag);
    ASSERT(again.erased.log_index == request.erased.log_index &&
           again.erased.events == request.erased.events);
    buffer_close(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct row_shard shard;
    if (size == 0) {
        return 0;
    }
    struct slice value = slice_of(data + 1, size - 1);
    arena_init(&arena, NULL, 0, 1 << 20);
    switch (data[0] % 5) {
    case 0:
        fuzz_profile(value, &arena);
        break;
    case 1:
        fuzz_events(value);
        break;
    case 2:
        fuzz_request(value);
        break;
    default:
        (void)!row_shard_decode(value, &shard);
    }
    arena_close(&arena);
    return 0;
}
