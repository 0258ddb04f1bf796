/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"

enum {
    ARENA_ALIGNMENT = 16,
    ARENA_BLOCK_BYTES = 4096,        /* the first; each next one is larger, */
    ARENA_BLOCK_GROWTH = 4,          /* by this, */
    ARENA_BLOCK_BYTES_MAX = 1 << 16, /* so that large work takes few blocks */
};

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(ARENA_ALIGNMENT) uint8_t bytes[];
};

void arena_init(struct arena *arena, void *inline_block, size_t inline_size,
                size_t limit_bytes)
{
    uintptr_t start = (uintptr_t)inline_block;
    size_t skip = (ARENA_ALIGNMENT - start % ARENA_ALIGNMENT) % ARENA_ALIGNMENT;
    *arena = (struct arena){.limit_bytes = limit_bytes ? limit_bytes : SIZE_MAX};
    if (inline_block != NULL && inline_size > skip) {
        arena->inline_start = (uint8_t *)inline_block + skip;
        arena->inline_size = inline_size - skip;
        arena->next = arena->inline_start;
        arena->end = arena->next + arena->inline_size;
    }
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
    arena->next = arena->inline_start;
    arena->end = arena->inline_start ? arena->inline_start + arena->inline_size : NULL;
    arena->used_bytes = 0;
}

void arena_close(struct arena *arena)
{
    if (arena != NULL) {
        arena_reset(arena);
    }
}

static void arena_grow(struct arena *arena, size_t size)
{
    size_t usual = arena->blocks != NULL ? arena->blocks->size * ARENA_BLOCK_GROWTH
                                         : ARENA_BLOCK_BYTES;
    struct arena_block *block;
    size_t capacity;
    usual = usual < ARENA_BLOCK_BYTES_MAX ? usual : ARENA_BLOCK_BYTES_MAX;
    capacity = size > usual ? size : usual;
    block = memory_alloc(sizeof *block + capacity);
    block->older = arena->blocks;
    block->size = capacity;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->end = block->bytes + capacity;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded;
    void *piece;
    if (size > arena->limit_bytes || arena->used_bytes > arena->limit_bytes - size) {
        return NULL;
    }
    rounded = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (rounded < size || rounded > SIZE_MAX - sizeof(struct arena_block)) {
        return NULL;
    }
    if (arena->next == NULL || (size_t)(arena->end - arena->next) < rounded) {
        arena_grow(arena, rounded);
    }
    piece = arena->next;
    arena->next += rounded;
    arena->used_bytes += size;
    return piece;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *piece = arena_alloc(arena, size);
    return piece ? memset(piece, 0, size) : NULL;
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *piece = arena_alloc(arena, size);
    if (piece != NULL && size > 0) {
        memcpy(piece, data, size);
    }
    return piece;
}

char *arena_string(struct arena *arena, const char *string)
{
    return arena_copy(arena, string, strlen(string) + 1);
}

struct slice arena_slice(struct arena *arena, struct slice slice)
{
    void *piece = arena_copy(arena, slice.data, slice.size);
    return piece ? slice_of(piece, slice.size) : slice_of(NULL, 0);
}
