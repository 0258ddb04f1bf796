/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator for work that ends at once: a request, a decoded entry. Blocks are
 * freed together; a named limit stops hostile input. Not for two threads at a time.
 */
#ifndef SOUK_SHARD_BASE_ARENA_H
#define SOUK_SHARD_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"

struct arena_block;

struct arena {
    uint8_t *next;
    uint8_t *end;
    struct arena_block *blocks; /* newest first */
    uint8_t *inline_start;      /* caller's own first block, or NULL */
    size_t inline_size;
    size_t used_bytes;  /* asked for so far */
    size_t limit_bytes; /* arena_alloc answers NULL past it */
};

/* `inline_block` (may be NULL) is used first and stays the caller's. limit 0 = none. */
void arena_init(struct arena *arena, void *inline_block, size_t inline_size,
                size_t limit_bytes);
void arena_close(struct arena *arena);
/* Frees everything but keeps the inline block, ready for the next request. */
void arena_reset(struct arena *arena);

/* 16-byte aligned, not zeroed; NULL only past the limit. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
/* NULL only past the limit. The string copy is NUL-terminated. */
void *arena_copy(struct arena *arena, const void *data, size_t size);
char *arena_string(struct arena *arena, const char *string);
/* A copy living in the arena; {NULL, 0} past the limit. */
struct slice arena_slice(struct arena *arena, struct slice slice);

#endif
