/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"

void *memory_alloc(size_t size)
{
    void *block = malloc(size ? size : 1);
    ASSERT(block != NULL);
    return block;
}

void *memory_zalloc(size_t size)
{
    void *block = calloc(1, size ? size : 1);
    ASSERT(block != NULL);
    return block;
}

void *memory_alloc_aligned(size_t alignment, size_t size)
{
    void *block;
    ASSERT(size > 0 && size % alignment == 0);
    block = aligned_alloc(alignment, size);
    ASSERT(block != NULL);
    return block;
}

void *memory_realloc(void *block, size_t size)
{
    void *grown = realloc(block, size ? size : 1);
    ASSERT(grown != NULL);
    return grown;
}

void *memory_copy(const void *data, size_t size)
{
    void *block = memory_alloc(size);
    if (size > 0) {
        memcpy(block, data, size);
    }
    return block;
}

char *memory_string(const char *string)
{
    return memory_copy(string, strlen(string) + 1);
}

void memory_reserve(void **array, size_t *capacity, size_t needed, size_t item_size)
{
    size_t wanted = *capacity ? *capacity : 8;
    if (needed <= *capacity) {
        return;
    }
    while (wanted < needed) {
        ASSERT(wanted <= SIZE_MAX / 2);
        wanted *= 2;
    }
    ASSERT(wanted <= SIZE_MAX / item_size);
    *array = memory_realloc(*array, wanted * item_size);
    *capacity = wanted;
}
