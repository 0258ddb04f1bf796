/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state behind customer.h, as its own files see it.
 *
 *     apply.c     events and profiles        memory.c   requests, SKU ids
 *     derive.c    sessions and the sink      shard.c    life, load, counters, digest
 *     flush.c     collect and flushed        read.c     what can be asked
 *     erase.c     what is left of a customer who goes: nothing
 */
#ifndef SOUK_SHARD_CUSTOMER_CUSTOMER_PRIVATE_H
#define SOUK_SHARD_CUSTOMER_CUSTOMER_PRIVATE_H

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/import_lane.h"
#include "shard/base/list.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"
#include "shard/customer/customer.h"
#include "shard/customer/event_ids.h"
#include "shard/customer/row.h"

enum {
    EVENT_BLOCK_BYTES_MAX = 256 * 1024, /* then the next one begins */
};

/* Events that the store does not have yet, or is not known to have. */
struct event_block {
    struct list blocks; /* of its customer, oldest first */
    struct list flying; /* of the shard, once collected */
    uint64_t ordinal;   /* of its first event */
    uint64_t index;     /* of the collect that took it; 0 not yet taken */
    struct buffer bytes;
};

/* A session that the sink has been told of. */
struct told_session {
    uint64_t session_hash;
    uint64_t content; /* hash of its end and items */
};

struct customer_row {
    struct map_node node;
    struct hash128 id;
    struct list touched; /* by the entry at hand; its sessions must be derived */
    struct list dirty;
    struct list blocks;
    uint8_t *profile; /* as stored; NULL without a profile row */
    size_t profile_size;
    bool profile_dirty;
    bool stored;       /* a collect has taken something of it, or it was loaded */
    uint64_t ids_head; /* of its chain in the memory of event ids */
    bool personalization_withdrawn;
    bool evidence_withdrawn;
    uint64_t etag;
    uint64_t event_count;
    struct session_event *events; /* sorted; the newest of those that count */
    uint64_t *places; /* of each of them (hash_place); NULL: none names a location */
    uint32_t event_kept;
    uint32_t event_capacity;
    uint32_t told_count;
    struct told_session *told; /* by session_hash */
    uint64_t told_history;     /* hash of the actions told; 0: none */
};

/* A customer whose stored rows the next collect deletes. */
struct erased_row {
    struct list list;
    struct hash128 id;
};

struct request_row {
    struct map_node node;
    struct list order; /* oldest first; or among those to be deleted */
    struct list dirty;
    struct hash128 id;
    uint64_t anchor;
    bool stored; /* a collect has taken it */
    struct row_request row;
};

struct sku_name {
    struct map_node node;
    uint32_t size;
    uint8_t bytes[];
};

struct customer_shard {
    struct customer_options options;
    struct customer_sink sink;
    struct map customers;
    struct import_lanes lanes;
    struct map requests;
    struct map sku_names;
    struct list request_order;
    struct list request_gone; /* forgotten, their rows still in the store */
    struct list touched;
    struct list dirty;
    struct list erased;
    struct list dirty_requests;
    struct list flying; /* blocks collected and not known to be stored, in that order */
    struct event_ids ids;
    struct session_cut cut; /* scratch */
    uint64_t *items;        /* scratch of derive: the items of one session */
    size_t item_capacity;
    struct session_here *here; /* scratch of derive: the places of one session */
    size_t here_capacity;
    struct told_session *told; /* scratch of derive */
    size_t told_capacity;
    struct customer_action *actions; /* scratch of derive */
    size_t action_capacity;
    uint64_t index;
    int64_t log_ms;
    int64_t event_floor_ms;
    int64_t request_floor_ms;
    uint32_t etag_count; /* minted in this entry */
    bool open;           /* between entry_begin and entry_end */
    bool shard_dirty;
    uint64_t profiles;
    uint64_t events;
    uint64_t events_erased; /* since the shard was made */
    uint64_t memory_events;
    uint64_t places; /* places in rows, those not filled included */
    uint64_t sessions;
    uint64_t dirty_bytes;
    uint64_t name_bytes;
};

/* memory.c */
struct customer_row *customer_find(const struct customer_shard *shard,
                                   struct hash128 customer);
struct customer_row *customer_find_or_add(struct customer_shard *shard,
                                          struct hash128 customer);
void customer_mark_dirty(struct customer_shard *shard, struct customer_row *row);
/* The identity of an event, apart for each customer: what one customer sends can never
 * make another's event a duplicate, whichever shards they share. */
struct hash128 customer_event_identity(struct hash128 customer, struct slice event_id);
/* Remembers it for its customer; it must be absent. */
void customer_remember_event(struct customer_shard *shard, struct customer_row *row,
                             struct hash128 identity, int64_t log_ms);
void customer_name_sku(struct customer_shard *shard, uint64_t sku_hash,
                       struct slice sku_id);
struct request_row *customer_request_find(const struct customer_shard *shard,
                                          struct hash128 request_id);
struct request_row *customer_request_add(struct customer_shard *shard,
                                         struct hash128 request_id, uint64_t anchor,
                                         const struct row_request *row);
/* Everything a row owns but its place in the map. */
void customer_row_clear(struct customer_row *row);
/* Frees a row that nothing points at any more. */
void customer_row_drop(struct customer_shard *shard, struct customer_row *row);
/* Lets go of what is older than log time allows. */
void customer_forget(struct customer_shard *shard);
void customer_memory_close(struct customer_shard *shard);

/* derive.c */
/* Puts an event in its sorted place; the oldest leaves beyond the limit. */
void customer_keep_event(struct customer_shard *shard, struct customer_row *row,
                         const struct customer_event *event);
struct session_event customer_session_event(const struct customer_event *event);
/* Compares the customer's sessions with what the sink was told, and tells it. */
void customer_derive(struct customer_shard *shard, struct customer_row *row);
void customer_rules(const struct customer_shard *shard, struct session_rules *out_rules);

/* erase.c */
/* Empties the row but for what the sink was told, which leaves at the end of the entry. */
void customer_erase_row(struct customer_shard *shard, struct customer_row *row);

/* flush.c */
void customer_block_add(struct customer_shard *shard, struct customer_row *row,
                        const struct row_event *event);

#endif
