/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers that one loop remembers, newest last: as many and as large as its limits
 * allow, then the oldest go. An answer's id is a UUIDv7 (RFC 9562) whose last four bytes
 * say, under a key, which loop gave it and where in the ring it lies, so that looking one
 * up costs a comparison and no index.
 *
 * Answers of an actor that is forgotten go at once, and those that were being worked on
 * then are not taken in afterwards.
 *
 * Pure; time and chance are arguments. Owner: the loop's thread; answer_id_* any thread.
 */
#ifndef SOUK_SERVER_SERVICE_ANSWER_RING_H
#define SOUK_SERVER_SERVICE_ANSWER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/hash.h"
#include "shard/base/identifier.h"
#include "shard/base/rng.h"

enum {
    ANSWER_LOOPS_MAX = 64,
    ANSWER_RING_MAX = 1 << 24, /* answers of one loop */
    /* Actors forgotten of late that are known by name; of those before, every answer that
     * is older than the last of them is refused. */
    ANSWER_FORGOTTEN_MAX = 16,
};

/* As the 16 bytes of the UUID, big-endian. */
struct answer_id {
    uint64_t high;
    uint64_t low;
};

/* The head of a remembered answer; one block of memory, which starts with it. */
struct answer_head {
    struct answer_id id;
    bool has_actor;
    struct hash128 actor; /* whose data the answer may hold */
    uint64_t start_us;    /* monotonic: when work on it began */
    uint64_t end_us;
    size_t bytes; /* of the block */
};

struct answer_slot {
    struct answer_head *head; /* NULL: forgotten */
    struct hash128 actor;
    bool has_actor;
};

struct answer_ring_options {
    uint64_t answers_max; /* 0: none is kept */
    uint64_t bytes_max;
    uint64_t key; /* of the ids */
    unsigned loop;
};

struct answer_ring {
    struct answer_ring_options options;
    struct answer_slot *slots;
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t oldest;   /* sequence numbers: [oldest, next) are in the ring */
    uint64_t next;
    uint64_t bytes;
    struct {
        struct hash128 actor;
        uint64_t at_us;
    } forgotten[ANSWER_FORGOTTEN_MAX];
    uint64_t forgotten_count; /* ever */
    uint64_t forgotten_us;    /* of the newest that is not in the list any more */
};

void answer_ring_init(struct answer_ring *ring,
                      const struct answer_ring_options *options);
void answer_ring_close(struct answer_ring *ring);
/* An id for the answer that is put next. */
struct answer_id answer_ring_name(const struct answer_ring *ring, struct rng *rng,
                                  int64_t wall_ms);
/* False when nothing is kept, so that nobody has to take an answer down. */
bool answer_ring_keeps(const struct answer_ring *ring);
/* Takes the answer (from memory.h), named just now. */
void answer_ring_put(struct answer_ring *ring, struct answer_head *head);
/* Borrowed until the next put or forget; NULL: never given here, or forgotten. */
const struct answer_head *answer_ring_find(const struct answer_ring *ring,
                                           const struct answer_id *id);
void answer_ring_forget(struct answer_ring *ring, struct hash128 actor, uint64_t now_us);
/* The oldest that is still here; NULL: none is. */
const struct answer_head *answer_ring_oldest(const struct answer_ring *ring);

/* 36 characters and a NUL; and back: false when it is no UUID. */
void answer_id_format(const struct answer_id *id, char out_text[UUID_TEXT_BYTES + 1]);
bool answer_id_parse(struct slice text, struct answer_id *out_id);
/* Which loop gave it, 0 .. ANSWER_LOOPS_MAX - 1; anything for a foreign id. */
unsigned answer_id_loop(const struct answer_id *id, uint64_t key);

#endif
