/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/customer/reference.h"

#include <stdlib.h>
#include <string.h>

enum {
    REFERENCE_EVENTS_MAX = 600,
};

struct ref {
    const struct customer_event *event;
    int64_t units; /* left standing */
    int session;   /* -1: no click */
};

static bool is_click(const struct customer_event *event)
{
    const enum customer_event_kind clicks[] = {
        CUSTOMER_EVENT_VIEW, CUSTOMER_EVENT_CART_ADD, CUSTOMER_EVENT_WISHLIST,
        CUSTOMER_EVENT_PURCHASE, CUSTOMER_EVENT_CLICK};
    for (unsigned i = 0; i < sizeof clicks / sizeof clicks[0]; i++) {
        if (event->kind == clicks[i]) {
            return true;
        }
    }
    return false;
}

static int64_t units_of(const struct customer_event *event)
{
    return event->quantity > 0 ? event->quantity : 1;
}

static int by_time(const void *left, const void *right)
{
    const struct customer_event *a = ((const struct ref *)left)->event;
    const struct customer_event *b = ((const struct ref *)right)->event;
    if (a->occurred_ms != b->occurred_ms) {
        return a->occurred_ms < b->occurred_ms ? -1 : 1;
    }
    uint64_t x = a->line ? a->line : hash64(a->event_id, 0);
    uint64_t y = b->line ? b->line : hash64(b->event_id, 0);
    return x < y ? -1 : x > y;
}

static void take_back(struct ref *refs, int place)
{
    const struct customer_event *by = refs[place].event;
    if (by->kind == CUSTOMER_EVENT_CART_REMOVE) {
        for (int i = place - 1; i >= 0; i--) {
            if (refs[i].event->kind == CUSTOMER_EVENT_CART_ADD && refs[i].units > 0 &&
                refs[i].event->sku_hash == by->sku_hash) {
                refs[i].units = 0;
                return;
            }
        }
    }
    if (by->kind == CUSTOMER_EVENT_RETURN) {
        for (int64_t unit = 0; unit < units_of(by); unit++) {
            for (int i = place - 1; i >= 0; i--) {
                if (refs[i].event->kind == CUSTOMER_EVENT_PURCHASE && refs[i].units > 0 &&
                    refs[i].event->sku_hash == by->sku_hash) {
                    refs[i].units--;
                    break;
                }
            }
        }
    }
}

static void add_place(const struct customer_event *event, struct evidence_place *places,
                      uint32_t *count)
{
    uint64_t place = hash_place(event->location_id, 0);
    for (uint32_t n = 0; n < *count; n++) {
        if (places[n].place == place && places[n].sku_hash == event->sku_hash) {
            return;
        }
    }
    places[(*count)++] = (struct evidence_place){place, event->sku_hash};
}

static void put_session(const struct ref *refs, int count, int session,
                        uint64_t session_hash, uint32_t items_max,
                        struct evidence *evidence)
{
    uint64_t items[REFERENCE_EVENTS_MAX];
    struct evidence_place places[REFERENCE_EVENTS_MAX];
    struct evidence_session put = {
        .session_hash = session_hash, .items = items, .places = places};
    for (int i = 0; i < count; i++) {
        bool seen = false;
        if (refs[i].session != session) {
            continue;
        }
        for (uint32_t n = 0; n < put.item_count; n++) {
            seen = seen || items[n] == refs[i].event->sku_hash;
        }
        if (!seen) {
            items[put.item_count++] = refs[i].event->sku_hash;
        }
        if (refs[i].event->location_id.size > 0) {
            add_place(refs[i].event, places, &put.place_count);
        }
        put.customer = refs[i].event->customer;
        put.end_ms = refs[i].event->occurred_ms;
    }
    if (put.item_count <= items_max) {
        evidence_put(evidence, &put);
    }
}

void reference_sessions(const struct customer_event *events, int event_count,
                        int64_t gap_ms, uint32_t items_max, struct evidence *evidence)
{
    struct ref refs[REFERENCE_EVENTS_MAX];
    int64_t last_ms = 0;
    int open = -1;
    for (int i = 0; i < event_count; i++) {
        refs[i] = (struct ref){&events[i], units_of(&events[i]), -1};
    }
    qsort(refs, (size_t)event_count, sizeof *refs, by_time);
    for (int i = 0; i < event_count; i++) {
        take_back(refs, i);
    }
    for (int i = 0; i < event_count; i++) {
        const struct customer_event *event = refs[i].event;
        if (!is_click(event) || refs[i].units == 0) {
            continue;
        }
        refs[i].session = i;
        if (event->session_id.size > 0) {
            for (int n = 0; n < i; n++) {
                if (refs[n].session >= 0 &&
                    slice_equal(refs[n].event->session_id, event->session_id)) {
                    refs[i].session = refs[n].session;
                }
            }
        } else {
            refs[i].session =
                open >= 0 && event->occurred_ms - last_ms <= gap_ms ? open : i;
            open = refs[i].session;
            last_ms = event->occurred_ms;
        }
    }
    for (int i = 0; i < event_count; i++) {
        const struct customer_event *event = refs[i].event;
        if (refs[i].session == i) {
            uint64_t hash =
                event->session_id.size > 0
                    ? session_hash_explicit(event->customer,
                                            session_explicit_hash(event->session_id))
                    : session_hash_implicit(event->customer, event->occurred_ms);
            put_session(refs, event_count, i, hash, items_max, evidence);
        }
    }
}
