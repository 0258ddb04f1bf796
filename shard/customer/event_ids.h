/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of event ids: each is remembered for CUSTOMER_EVENT_ID_KEEP_MS of log time,
 * exactly, so that a replica that rebuilt it from the stored events decides like one that
 * never stopped. A ring in log order, and an index of it; 24 + 8 bytes per id.
 *
 * The ids of one customer form a chain through the ring, newest first, so that all of
 * them can be forgotten without a look at anybody else's. The customer holds the head:
 * the sequence number of its newest id plus 1, or 0; a head that points at what has been
 * forgotten since is as good as 0. What is erased leaves a hole, and the holes go when
 * the ring is packed.
 */
#ifndef SOUK_SHARD_CUSTOMER_EVENT_IDS_H
#define SOUK_SHARD_CUSTOMER_EVENT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/hash.h"

struct event_ids {
    struct event_id_entry {
        struct hash128 id;
        uint32_t log_low; /* of its log time; the ring spans less than 2^32 ms */
        uint32_t before;  /* so many places before it lies the customer's last; 0: none */
    } * ring;
    size_t capacity; /* a power of two, or 0 */
    uint64_t first;  /* sequence number of the oldest; its place is the low bits */
    size_t count;    /* places in use, holes too */
    size_t living;   /* ids remembered */
    int64_t last_ms; /* log time of the newest */
    uint32_t *index; /* place + 1 by id, 0 free; twice the ring */
};

void event_ids_init(struct event_ids *ids);
void event_ids_close(struct event_ids *ids);
bool event_ids_has(const struct event_ids *ids, struct hash128 id);
/* The id must be absent, and its log time neither below the last one's nor more than 49
 * days above the oldest's. `head` is its customer's. */
void event_ids_add(struct event_ids *ids, struct hash128 id, int64_t log_ms,
                   uint64_t *head);
/* Forgets all that are older than `keep_from_ms`; the newest log time forgotten, or
 * INT64_MIN when none was. */
int64_t event_ids_forget(struct event_ids *ids, int64_t keep_from_ms);
/* Forgets the ids of one customer, whose head becomes 0. */
void event_ids_erase(struct event_ids *ids, uint64_t *head);
/* A hash over the content, whatever the order within one log time. */
uint64_t event_ids_digest(const struct event_ids *ids);

/* Whether the next id would make the ring grow while half of it is holes: then it is
 * packed first, and every head is told where its chain went. */
bool event_ids_want_packing(const struct event_ids *ids);
struct event_ids_moves {
    uint64_t first;
    size_t count;
    uint32_t *places; /* new place after `first` + 1, by the old one; 0 gone */
};
void event_ids_pack(struct event_ids *ids, struct event_ids_moves *out_moves);
uint64_t event_ids_moved(const struct event_ids_moves *moves, uint64_t head);
void event_ids_moves_close(struct event_ids_moves *moves);

#endif
