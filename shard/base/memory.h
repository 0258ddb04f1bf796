/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that does not fail: out of memory ends the process, as it would inside gRPC
 * and RocksDB anyway. Freed with free().
 */
#ifndef SOUK_SHARD_BASE_MEMORY_H
#define SOUK_SHARD_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *memory_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *memory_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* `alignment` is a power of two, and `size` a multiple of it. */
void *memory_alloc_aligned(size_t alignment, size_t size)
    __attribute__((malloc, returns_nonnull));
void *memory_realloc(void *block, size_t size) __attribute__((returns_nonnull));
void *memory_copy(const void *data, size_t size) __attribute__((malloc, returns_nonnull));
char *memory_string(const char *string) __attribute__((malloc, returns_nonnull));

/* Grows `*array` of `item_size` items so that `needed` fit; doubles, never shrinks. */
void memory_reserve(void **array, size_t *capacity, size_t needed, size_t item_size);

#define CONTAINER_OF(pointer, type, member)                                              \
    ((type *)((uintptr_t)(pointer)-offsetof(type, member)))

#endif
