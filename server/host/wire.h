/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain structs to bytes and back by one description of each: a function that names the
 * fields in order writes them when `out` is set, and else reads them. So both directions
 * cannot differ. Inside server/host only.
 *
 * Reading is total, as shard/base/encode.h: the first failure sticks. What was read points
 * into the bytes and the arena. Writing changes nothing of what it is given.
 */
#ifndef SOUK_SERVER_HOST_WIRE_H
#define SOUK_SERVER_HOST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"

struct wire {
    struct buffer *out;  /* writing; NULL: reading */
    struct reader *in;   /* reading */
    struct arena *arena; /* reading: where arrays lie */
};

static inline bool wire_writes(const struct wire *wire)
{
    return wire->out != NULL;
}

static inline void wire_fail(struct wire *wire)
{
    if (!wire_writes(wire)) {
        reader_fail(wire->in);
    }
}

static inline void wire_u64(struct wire *wire, uint64_t *value)
{
    if (wire_writes(wire)) {
        encode_varint(wire->out, *value);
    } else {
        *value = read_varint(wire->in);
    }
}

static inline void wire_fixed(struct wire *wire, uint64_t *value)
{
    if (wire_writes(wire)) {
        encode_le64(wire->out, *value);
    } else {
        *value = read_le64(wire->in);
    }
}

static inline void wire_u32(struct wire *wire, uint32_t *value)
{
    uint64_t wide = *value;
    wire_u64(wire, &wide);
    if (wide > UINT32_MAX) {
        wire_fail(wire);
        wide = 0;
    }
    *value = (uint32_t)wide;
}

static inline void wire_u8(struct wire *wire, uint8_t *value)
{
    if (wire_writes(wire)) {
        encode_u8(wire->out, *value);
    } else {
        *value = read_u8(wire->in);
    }
}

static inline void wire_i64(struct wire *wire, int64_t *value)
{
    if (wire_writes(wire)) {
        encode_zigzag(wire->out, *value);
    } else {
        *value = read_zigzag(wire->in);
    }
}

static inline void wire_i32(struct wire *wire, int32_t *value)
{
    int64_t wide = *value;
    wire_i64(wire, &wide);
    if (wide < INT32_MIN || wide > INT32_MAX) {
        wire_fail(wire);
        wide = 0;
    }
    *value = (int32_t)wide;
}

static inline void wire_bool(struct wire *wire, bool *value)
{
    uint8_t byte = *value;
    wire_u8(wire, &byte);
    if (byte > 1) {
        wire_fail(wire);
    }
    *value = byte == 1;
}

/* An enum of at most `last`; callers cast through the temporary of WIRE_ENUM. */
static inline uint32_t wire_number(struct wire *wire, uint32_t value, uint32_t last)
{
    wire_u32(wire, &value);
    if (value > last) {
        wire_fail(wire);
        value = 0;
    }
    return value;
}
#define WIRE_ENUM(wire, field, type, last)                                               \
    ((field) = (enum type)wire_number((wire), (uint32_t)(field), (uint32_t)(last)))

static inline void wire_hash(struct wire *wire, struct hash128 *value)
{
    wire_fixed(wire, &value->high);
    wire_fixed(wire, &value->low);
}

static inline void wire_slice(struct wire *wire, struct slice *value)
{
    if (wire_writes(wire)) {
        encode_bytes(wire->out, *value);
    } else {
        *value = read_bytes(wire->in);
    }
}

/* How many items follow; each takes one byte at least. */
static inline uint64_t wire_count(struct wire *wire, uint64_t count)
{
    wire_u64(wire, &count);
    if (!wire_writes(wire) && count > reader_left(wire->in)) {
        wire_fail(wire);
        count = 0;
    }
    return count;
}

/* The items to go through: those there are, or new ones, zeroed. Never NULL unless there
 * are none. */
static inline void *wire_items(struct wire *wire, const void *items, uint32_t *count,
                               size_t size)
{
    *count = (uint32_t)wire_count(wire, *count);
    if (wire_writes(wire)) {
        return (void *)(uintptr_t)items;
    }
    void *fresh = *count > 0 ? arena_zalloc(wire->arena, *count * size) : NULL;
    if (fresh == NULL && *count > 0) {
        wire_fail(wire);
        *count = 0;
    }
    return fresh;
}

static inline const struct slice *wire_slices(struct wire *wire,
                                              const struct slice *slices, uint32_t *count)
{
    struct slice *items = wire_items(wire, slices, count, sizeof *items);
    for (uint32_t i = 0; i < *count; i++) {
        wire_slice(wire, &items[i]);
    }
    return items;
}

static inline const uint64_t *wire_hashes(struct wire *wire, const uint64_t *hashes,
                                          uint32_t *count)
{
    uint64_t *items = wire_items(wire, hashes, count, sizeof *items);
    for (uint32_t i = 0; i < *count; i++) {
        wire_fixed(wire, &items[i]);
    }
    return items;
}

#endif
