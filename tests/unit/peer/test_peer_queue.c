/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/peer_queue.h"

#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"

static enum status put(struct peer_queue *queue, uint64_t id, size_t size)
{
    uint8_t *bytes = memory_zalloc(size + 1);
    enum status status = peer_queue_put_call(queue, id, slice_of(bytes, size));
    free(bytes);
    return status;
}

/* Takes a frame, expects its ids to follow on `first`, and returns how many there were. */
static size_t take(struct peer_queue *queue, uint64_t first, size_t *out_bytes)
{
    struct buffer frame;
    struct reader reader;
    struct slice item;
    enum frame_kind kind;
    uint64_t id;
    size_t items = 0, seen = 0;
    buffer_init(&frame);
    if (peer_queue_take(queue, &frame, &items)) {
        EXPECT_OK(frame_open(buffer_slice(&frame), &reader, &kind));
        while (frame_next_call(&reader, &id, &item)) {
            EXPECT_EQ(id, first + seen);
            seen++;
        }
        EXPECT_OK(reader_finish(&reader));
        EXPECT_EQ(seen, items);
        peer_queue_taken(queue, items);
    }
    *out_bytes = frame.size;
    buffer_close(&frame);
    return items;
}

TEST(peer_queue, what_waits_leaves_in_order_in_frames_of_bounded_size)
{
    struct peer_queue queue;
    size_t bytes;
    uint64_t next = 1;
    peer_queue_init(&queue, FRAME_CALLS, 8 << 20);
    for (uint64_t id = 1; id <= 1000; id++) {
        EXPECT_OK(put(&queue, id, 1000));
    }
    while (queue.count > 0) {
        size_t items = take(&queue, next, &bytes);
        EXPECT(items > 0 && bytes <= FRAME_BYTES_MAX);
        next += items;
        if (next < 1000) {
            EXPECT(bytes > FRAME_BYTES_MAX - 2000); /* not one by one */
        }
    }
    EXPECT_EQ(next, 1001);
    EXPECT_EQ(take(&queue, next, &bytes), 0);
    peer_queue_close(&queue);
}

TEST(peer_queue, an_item_larger_than_a_frame_goes_alone)
{
    struct peer_queue queue;
    size_t bytes;
    peer_queue_init(&queue, FRAME_CALLS, 1 << 20);
    EXPECT_OK(put(&queue, 1, 10));
    EXPECT_OK(put(&queue, 2, FRAME_BYTES_MAX * 2));
    EXPECT_OK(put(&queue, 3, 10));
    EXPECT_EQ(take(&queue, 1, &bytes), 1);
    EXPECT_EQ(take(&queue, 2, &bytes), 1);
    EXPECT_EQ(take(&queue, 3, &bytes), 1);
    peer_queue_close(&queue);
}

TEST(peer_queue, a_full_one_refuses_and_keeps_what_it_has)
{
    struct peer_queue queue;
    size_t bytes;
    peer_queue_init(&queue, FRAME_CALLS, 3000);
    EXPECT_OK(put(&queue, 1, 1000));
    EXPECT_OK(put(&queue, 2, 1000));
    EXPECT_STATUS(put(&queue, 3, 1000), STATUS_OVERLOADED);
    EXPECT_OK(put(&queue, 3, 10));
    EXPECT_EQ(take(&queue, 1, &bytes), 3);
    EXPECT_EQ(peer_queue_bytes(&queue), 0);
    /* Room again, and one alone always finds some. */
    EXPECT_OK(put(&queue, 4, 5000));
    EXPECT_STATUS(put(&queue, 5, 10), STATUS_OVERLOADED);
    peer_queue_clear(&queue);
    EXPECT_EQ(take(&queue, 4, &bytes), 0);
    peer_queue_close(&queue);
}

TEST(peer_queue, what_was_not_sent_is_taken_again)
{
    struct peer_queue queue;
    struct buffer frame;
    size_t items, bytes;
    buffer_init(&frame);
    peer_queue_init(&queue, FRAME_CALLS, 3000);
    EXPECT_OK(put(&queue, 1, 10));
    EXPECT(peer_queue_take(&queue, &frame, &items));
    EXPECT_OK(put(&queue, 2, 10));
    EXPECT_EQ(take(&queue, 1, &bytes), 2);
    buffer_close(&frame);
    peer_queue_close(&queue);
}
