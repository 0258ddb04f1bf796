/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/peer_queue.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

void peer_queue_init(struct peer_queue *queue, enum frame_kind kind, size_t max_bytes)
{
    memset(queue, 0, sizeof *queue);
    queue->kind = kind;
    queue->max_bytes = max_bytes;
    buffer_init(&queue->bytes);
}

void peer_queue_close(struct peer_queue *queue)
{
    buffer_close(&queue->bytes);
    free(queue->sizes);
    queue->sizes = NULL;
}

void peer_queue_clear(struct peer_queue *queue)
{
    buffer_clear(&queue->bytes);
    queue->head = 0;
    queue->first = 0;
    queue->count = 0;
}

size_t peer_queue_bytes(const struct peer_queue *queue)
{
    return queue->bytes.size - queue->head;
}

/* What is gone makes room once it is the larger part. */
static void peer_queue_tidy(struct peer_queue *queue)
{
    if (queue->count == 0) {
        peer_queue_clear(queue);
        return;
    }
    if (queue->head > queue->bytes.size / 2) {
        size_t left = queue->bytes.size - queue->head;
        memmove(queue->bytes.data, queue->bytes.data + queue->head, left);
        queue->bytes.size = left;
        queue->head = 0;
    }
    if (queue->first > queue->capacity / 2) {
        memmove(queue->sizes, queue->sizes + queue->first,
                queue->count * sizeof *queue->sizes);
        queue->first = 0;
    }
}

/* An item was written behind the others, from `before` on. */
static enum status peer_queue_keep(struct peer_queue *queue, size_t before)
{
    if (queue->count > 0 && peer_queue_bytes(queue) > queue->max_bytes) {
        queue->bytes.size = before;
        return STATUS_OVERLOADED;
    }
    memory_reserve((void **)&queue->sizes, &queue->capacity,
                   queue->first + queue->count + 1, sizeof *queue->sizes);
    queue->sizes[queue->first + queue->count++] = queue->bytes.size - before;
    return STATUS_OK;
}

enum status peer_queue_put_letter(struct peer_queue *queue,
                                  const struct host_message *message)
{
    size_t before = queue->bytes.size;
    ASSERT(queue->kind == FRAME_LETTERS);
    frame_add_letter(&queue->bytes, message);
    return peer_queue_keep(queue, before);
}

enum status peer_queue_put_call(struct peer_queue *queue, uint64_t id, struct slice bytes)
{
    size_t before = queue->bytes.size;
    ASSERT(queue->kind != FRAME_LETTERS);
    frame_add_call(&queue->bytes, id, bytes);
    return peer_queue_keep(queue, before);
}

bool peer_queue_take(const struct peer_queue *queue, struct buffer *frame,
                     size_t *out_items)
{
    size_t items = 0, bytes = 0;
    while (items < queue->count) {
        size_t size = queue->sizes[queue->first + items];
        if (items > 0 && bytes + size > FRAME_BYTES_MAX - FRAME_HEADER_BYTES) {
            break;
        }
        bytes += size;
        items++;
    }
    if (items == 0) {
        return false;
    }
    buffer_clear(frame);
    frame_begin(frame, queue->kind);
    buffer_append(frame, queue->bytes.data + queue->head, bytes);
    *out_items = items;
    return true;
}

void peer_queue_taken(struct peer_queue *queue, size_t items)
{
    ASSERT(items <= queue->count);
    for (size_t i = 0; i < items; i++) {
        queue->head += queue->sizes[queue->first + i];
    }
    queue->first += items;
    queue->count -= items;
    peer_queue_tidy(queue);
}
