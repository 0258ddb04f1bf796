/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_close(struct buffer *buffer)
{
    if (buffer != NULL) {
        free(buffer->data);
        buffer_init(buffer);
    }
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

uint8_t *buffer_extend(struct buffer *buffer, size_t size)
{
    void *data = buffer->data;
    uint8_t *start;
    ASSERT(size <= SIZE_MAX - buffer->size);
    if (buffer->size + size == 0) {
        return buffer->data; /* may be NULL, to which nothing may be added, not even 0 */
    }
    memory_reserve(&data, &buffer->capacity, buffer->size + size, 1);
    buffer->data = data;
    start = buffer->data + buffer->size;
    buffer->size += size;
    return start;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(buffer_extend(buffer, size), data, size);
    }
}

void buffer_append_slice(struct buffer *buffer, struct slice slice)
{
    buffer_append(buffer, slice.data, slice.size);
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->data, buffer->size);
}

uint8_t *buffer_release(struct buffer *buffer, size_t *out_size)
{
    uint8_t *data = buffer->data;
    *out_size = buffer->size;
    buffer_init(buffer);
    return data;
}
