/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes with one owner. Growth is bounded by the caller's own limits. */
#ifndef SOUK_SHARD_BASE_BUFFER_H
#define SOUK_SHARD_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void buffer_init(struct buffer *buffer);
void buffer_close(struct buffer *buffer);
/* Forgets the content and keeps the memory. */
void buffer_clear(struct buffer *buffer);
/* Appends `size` uninitialised bytes and returns where they start. */
uint8_t *buffer_extend(struct buffer *buffer, size_t size);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_append_slice(struct buffer *buffer, struct slice slice);
struct slice buffer_slice(const struct buffer *buffer);
/* Hands the bytes over: the caller frees them, the buffer is empty. */
uint8_t *buffer_release(struct buffer *buffer, size_t *out_size);

#endif
