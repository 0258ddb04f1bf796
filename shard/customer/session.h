/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: a pure function of one customer's sorted events, and the narrow interface
 * through which their changes leave the customer shard.
 *
 * Events sort by (occurred time, order); `order` is the import line, or the hash of the
 * event_id, so nothing depends on arrival. VIEW, CART_ADD, WISHLIST, PURCHASE and CLICK
 * with an item are clicks; a CART_REMOVE takes back the newest standing CART_ADD of its
 * item before it, a RETURN as many units of the newest standing PURCHASEs before it as it
 * names (a purchase taken back whole is no click). All other events are history only.
 *
 * Clicks with an explicit session id form that session, whatever the pauses; the others
 * are cut where two neighbours lie more than the gap apart. A session with more distinct
 * items than session_items_max is no evidence.
 */
#ifndef SOUK_SHARD_CUSTOMER_SESSION_H
#define SOUK_SHARD_CUSTOMER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/hash.h"
#include "shard/customer/types.h"

/* An item at a place (hash_place) where it was clicked. */
struct session_here {
    uint64_t place;
    uint64_t sku_hash;
};

/* A session as evidence. Recency between sessions is (end_ms, session_hash). */
struct customer_session {
    uint64_t session_hash; /* unique among all sessions of the cluster, for practice */
    struct hash128 customer;
    int64_t end_ms;        /* of its newest click */
    const uint64_t *items; /* distinct SKU hashes, newest click first; borrowed */
    uint32_t item_count;   /* 1 .. session_items_max */
    /* Where its items were clicked, as far as events say; by place, then item; borrowed. */
    const struct session_here *places;
    uint32_t place_count;
};

/* Called on the shard's thread inside customer_entry_end and customer_load. */
struct customer_sink {
    void *context;
    /* New, or in the place of the session of this customer and session_hash. */
    void (*session_put)(void *context, const struct customer_session *session);
    /* It was put before, and is no evidence any more. */
    void (*session_remove)(void *context, struct hash128 customer, uint64_t session_hash);
    /* All standing actions of a customer, oldest first, in the place of what was told
     * before; none: there is no evidence any more. Told when they changed. May be NULL. */
    void (*history_put)(void *context, struct hash128 customer,
                        const struct customer_action *actions, uint32_t action_count);
};

/* One event as sessions see it, 40 bytes. */
struct session_event {
    int64_t occurred_ms;
    uint64_t order;
    uint64_t sku_hash;
    uint64_t explicit_hash; /* of the explicit session id; 0 none */
    uint32_t quantity;      /* at least 1, cut to 32 bits */
    uint8_t kind;           /* enum customer_event_kind */
};

/* The sorted order, total up to events that are alike in everything. */
int session_event_compare(const struct session_event *a, const struct session_event *b);
/* Whether events of this kind (with an item) take part at all. */
bool session_event_counts(uint8_t kind);
/* The hash of an explicit session id, and of a session. */
uint64_t session_explicit_hash(struct slice session_id);
uint64_t session_hash_explicit(struct hash128 customer, uint64_t explicit_hash);
uint64_t session_hash_implicit(struct hash128 customer, int64_t first_ms);

struct session_rules {
    int64_t gap_ms;
    uint32_t items_max;
};

/* All clicks of a customer, cut into sessions. Reused between customers. */
struct session_cut {
    struct session_click {
        uint32_t event;   /* index into the sorted events */
        uint32_t session; /* index into sessions */
    } * clicks;           /* sorted by session, oldest first within */
    struct session_part {
        uint64_t session_hash;
        uint32_t click_first;
        uint32_t click_count;
        int64_t end_ms;
    } * sessions;
    uint32_t click_count;
    uint32_t session_count;
    size_t click_capacity;
    size_t session_capacity;
    uint32_t *taken; /* scratch: units taken back, per event */
    size_t taken_capacity;
};

void session_cut_init(struct session_cut *cut);
void session_cut_close(struct session_cut *cut);
/* `events` are sorted. Sessions come in the order of their first click. */
void session_cut_make(struct session_cut *cut, struct hash128 customer,
                      const struct session_event *events, uint32_t event_count,
                      const struct session_rules *rules);
/* The standing actions of all sessions, in the order of the events, into `out_actions`
 * (which has room for click_count); returns how many. */
uint32_t session_cut_actions(const struct session_cut *cut,
                             const struct session_event *events, uint32_t event_count,
                             struct customer_action *out_actions);
/* The distinct items of one session, newest first, into `out_items` (which has room for
 * its click_count); returns how many. */
uint32_t session_cut_items(const struct session_cut *cut, uint32_t session,
                           const struct session_event *events, uint64_t *out_items);
/* The distinct (place, item) of one session, sorted; `places` has the place of each event,
 * 0: none. `out_here` has room for its click_count; returns how many. */
uint32_t session_cut_here(const struct session_cut *cut, uint32_t session,
                          const struct session_event *events, const uint64_t *places,
                          struct session_here *out_here);

#endif
