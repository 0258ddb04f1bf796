/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed bytes: valid until the call that handed them over returns, unless said else.
 */
#ifndef SOUK_SHARD_BASE_SLICE_H
#define SOUK_SHARD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

static inline struct slice slice_from_string(const char *string)
{
    return slice_of(string, string ? strlen(string) : 0);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Bytewise order, shorter first among equal prefixes. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

#endif
