/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The building blocks of every stored format: fixed integers in either order, LEB128
 * varints, zigzag, length-prefixed bytes.
 *
 * Reading is total: a reader never passes its end, and the first failure sticks, so a
 * decoder reads all its fields and asks once, at the end, with reader_finish.
 */
#ifndef SOUK_SHARD_BASE_ENCODE_H
#define SOUK_SHARD_BASE_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

void encode_u8(struct buffer *buffer, uint8_t value);
void encode_le32(struct buffer *buffer, uint32_t value);
void encode_le64(struct buffer *buffer, uint64_t value);
void encode_be64(struct buffer *buffer, uint64_t value); /* keys: bytewise order */
void encode_varint(struct buffer *buffer, uint64_t value);
void encode_zigzag(struct buffer *buffer, int64_t value);
void encode_bytes(struct buffer *buffer, struct slice bytes); /* varint size, bytes */

void store_le32(uint8_t *out, uint32_t value);
void store_le64(uint8_t *out, uint64_t value);
void store_be64(uint8_t *out, uint64_t value);
uint32_t load_le32(const uint8_t *bytes);
uint64_t load_le64(const uint8_t *bytes);
uint64_t load_be64(const uint8_t *bytes);

struct reader {
    const uint8_t *next;
    const uint8_t *end;
    bool failed;
};

void reader_init(struct reader *reader, struct slice bytes);
/* Each answers 0 (or an empty slice) once the reader has failed. */
uint8_t read_u8(struct reader *reader);
uint32_t read_le32(struct reader *reader);
uint64_t read_le64(struct reader *reader);
uint64_t read_be64(struct reader *reader);
uint64_t read_varint(struct reader *reader);
int64_t read_zigzag(struct reader *reader);
struct slice read_bytes(struct reader *reader);            /* borrows from the input */
struct slice read_raw(struct reader *reader, size_t size); /* borrows from the input */
size_t reader_left(const struct reader *reader);
void reader_fail(struct reader *reader);
/* OK when nothing failed and nothing is left over; CHECKSUM else. */
MUST_USE enum status reader_finish(const struct reader *reader);

#endif
