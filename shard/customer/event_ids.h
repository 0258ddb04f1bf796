/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of event ids: each is remembered for CUSTOMER_EVENT_ID_KEEP_MS of log time,
 * exactly, so that a replica that rebuilt it from the stored events decides like one that
 * never stopped. A ring in log order, and an index of it; 24 + 8 bytes per id.
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
        int64_t log_ms;
    } * ring;
    size_t capacity; /* a power of two, or 0 */
    size_t first;    /* place of the oldest */
    size_t count;
    uint32_t *index; /* place + 1 by id, 0 free; twice the ring */
};

void event_ids_init(struct event_ids *ids);
void event_ids_close(struct event_ids *ids);
bool event_ids_has(const struct event_ids *ids, struct hash128 id);
/* The id must be absent and its log time not below the last one's. */
void event_ids_add(struct event_ids *ids, struct hash128 id, int64_t log_ms);
/* Forgets all that are older than `keep_from_ms`; the newest log time forgotten, or
 * INT64_MIN when none was. */
int64_t event_ids_forget(struct event_ids *ids, int64_t keep_from_ms);
/* A hash over the content, whatever the order within one log time. */
uint64_t event_ids_digest(const struct event_ids *ids);

#endif
