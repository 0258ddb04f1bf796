/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/customer/session.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/base/memory.h"
#include "shard/customer/types.h"

enum {
    SESSION_SEED_ID = 1,
    SESSION_SEED_EXPLICIT = 2,
    SESSION_SEED_IMPLICIT = 3,
};

int session_event_compare(const struct session_event *a, const struct session_event *b)
{
    if (a->occurred_ms != b->occurred_ms) {
        return a->occurred_ms < b->occurred_ms ? -1 : 1;
    }
    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->explicit_hash != b->explicit_hash) {
        return a->explicit_hash < b->explicit_hash ? -1 : 1;
    }
    return a->quantity < b->quantity ? -1 : a->quantity > b->quantity;
}

static bool kind_clicks(uint8_t kind)
{
    return kind == CUSTOMER_EVENT_VIEW || kind == CUSTOMER_EVENT_CART_ADD ||
           kind == CUSTOMER_EVENT_WISHLIST || kind == CUSTOMER_EVENT_PURCHASE ||
           kind == CUSTOMER_EVENT_CLICK;
}

bool session_event_counts(uint8_t kind)
{
    return kind_clicks(kind) || kind == CUSTOMER_EVENT_CART_REMOVE ||
           kind == CUSTOMER_EVENT_RETURN;
}

uint64_t session_explicit_hash(struct slice session_id)
{
    uint64_t hash = session_id.size ? hash64(session_id, SESSION_SEED_ID) : 0;
    return session_id.size > 0 && hash == 0 ? 1 : hash;
}

static uint64_t session_hash_of(struct hash128 customer, uint64_t value, uint64_t seed)
{
    uint8_t bytes[24];
    store_le64(bytes, customer.high);
    store_le64(bytes + 8, customer.low);
    store_le64(bytes + 16, value);
    uint64_t hash = hash64(slice_of(bytes, sizeof bytes), seed);
    return hash ? hash : 1;
}

uint64_t session_hash_explicit(struct hash128 customer, uint64_t explicit_hash)
{
    return session_hash_of(customer, explicit_hash, SESSION_SEED_EXPLICIT);
}

uint64_t session_hash_implicit(struct hash128 customer, int64_t first_ms)
{
    return session_hash_of(customer, (uint64_t)first_ms, SESSION_SEED_IMPLICIT);
}

void session_cut_init(struct session_cut *cut)
{
    *cut = (struct session_cut){0};
}

void session_cut_close(struct session_cut *cut)
{
    if (cut != NULL) {
        free(cut->clicks);
        free(cut->sessions);
        free(cut->taken);
        session_cut_init(cut);
    }
}

/* A CART_REMOVE or RETURN takes back what stands newest before it. */
static void take_back(struct session_cut *cut, const struct session_event *events,
                      uint32_t place)
{
    bool is_return = events[place].kind == CUSTOMER_EVENT_RETURN;
    uint8_t wanted = is_return ? CUSTOMER_EVENT_PURCHASE : CUSTOMER_EVENT_CART_ADD;
    uint32_t left = is_return ? events[place].quantity : 1;
    for (uint32_t i = place; i-- > 0 && left > 0;) {
        const struct session_event *event = &events[i];
        if (event->kind != wanted || event->sku_hash != events[place].sku_hash) {
            continue;
        }
        uint32_t standing = event->quantity - cut->taken[i];
        if (standing == 0) {
            continue;
        }
        uint32_t units = is_return && left < standing ? left : standing;
        cut->taken[i] += units;
        left = is_return ? left - units : 0;
    }
}

static void cut_take_back(struct session_cut *cut, const struct session_event *events,
                          uint32_t event_count)
{
    memory_reserve((void **)&cut->taken, &cut->taken_capacity, event_count,
                   sizeof *cut->taken);
    if (event_count > 0) {
        memset(cut->taken, 0, event_count * sizeof *cut->taken);
    }
    for (uint32_t i = 0; i < event_count; i++) {
        if (events[i].kind == CUSTOMER_EVENT_CART_REMOVE ||
            events[i].kind == CUSTOMER_EVENT_RETURN) {
            take_back(cut, events, i);
        }
    }
}

static uint32_t cut_session_add(struct session_cut *cut, uint64_t session_hash)
{
    memory_reserve((void **)&cut->sessions, &cut->session_capacity,
                   (size_t)cut->session_count + 1, sizeof *cut->sessions);
    cut->sessions[cut->session_count] =
        (struct session_part){.session_hash = session_hash};
    return cut->session_count++;
}

/* Newest sessions first: a customer goes on with what was just done. */
static uint32_t cut_session_find(const struct session_cut *cut, uint64_t session_hash)
{
    for (uint32_t i = cut->session_count; i-- > 0;) {
        if (cut->sessions[i].session_hash == session_hash) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* By session, and oldest first within: a counting sort keeps the order. */
static void cut_group(struct session_cut *cut)
{
    uint32_t first = 0;
    memory_reserve((void **)&cut->clicks, &cut->click_capacity,
                   (size_t)cut->click_count * 2, sizeof *cut->clicks);
    struct session_click *unsorted = &cut->clicks[cut->click_count];
    if (cut->click_count > 0) {
        memcpy(unsorted, cut->clicks, cut->click_count * sizeof *unsorted);
    }
    for (uint32_t i = 0; i < cut->session_count; i++) {
        cut->sessions[i].click_first = first;
        first += cut->sessions[i].click_count;
        cut->sessions[i].click_count = 0;
    }
    for (uint32_t i = 0; i < cut->click_count; i++) {
        struct session_part *session = &cut->sessions[unsorted[i].session];
        cut->clicks[session->click_first + session->click_count++] = unsorted[i];
    }
}

void session_cut_make(struct session_cut *cut, struct hash128 customer,
                      const struct session_event *events, uint32_t event_count,
                      const struct session_rules *rules)
{
    uint32_t implicit = UINT32_MAX; /* the session that a pause has not ended yet */
    cut->click_count = 0;
    cut->session_count = 0;
    cut_take_back(cut, events, event_count);
    memory_reserve((void **)&cut->clicks, &cut->click_capacity, event_count,
                   sizeof *cut->clicks);
    for (uint32_t i = 0; i < event_count; i++) {
        const struct session_event *event = &events[i];
        uint32_t session;
        if (!kind_clicks(event->kind) || cut->taken[i] >= event->quantity) {
            continue;
        }
        if (event->explicit_hash != 0) {
            uint64_t hash = session_hash_explicit(customer, event->explicit_hash);
            session = cut_session_find(cut, hash);
            session = session == UINT32_MAX ? cut_session_add(cut, hash) : session;
        } else {
            if (implicit == UINT32_MAX ||
                event->occurred_ms - cut->sessions[implicit].end_ms > rules->gap_ms) {
                implicit = cut_session_add(
                    cut, session_hash_implicit(customer, event->occurred_ms));
            }
            session = implicit;
        }
        cut->sessions[session].click_count++;
        cut->sessions[session].end_ms = event->occurred_ms;
        cut->clicks[cut->click_count++] = (struct session_click){i, session};
    }
    cut_group(cut);
}

uint32_t session_cut_actions(const struct session_cut *cut,
                             const struct session_event *events, uint32_t event_count,
                             struct customer_action *out_actions)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        if (kind_clicks(events[i].kind) && cut->taken[i] < events[i].quantity) {
            out_actions[count++] =
                (struct customer_action){.sku_hash = events[i].sku_hash,
                                         .at_ms = events[i].occurred_ms,
                                         .quantity = events[i].quantity - cut->taken[i],
                                         .kind = events[i].kind};
        }
    }
    return count;
}

struct newest {
    uint64_t sku_hash;
    uint32_t place;
};

static int newest_compare(const void *left, const void *right)
{
    const struct newest *a = left, *b = right;
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    return a->place > b->place ? -1 : a->place < b->place;
}

static int place_compare(const void *left, const void *right)
{
    const struct newest *a = left, *b = right;
    return a->place > b->place ? -1 : a->place < b->place;
}

/* Long sessions: sort by item, keep the newest of each, sort back. */
static uint32_t items_by_sorting(const struct session_click *clicks, uint32_t click_count,
                                 const struct session_event *events, uint64_t *out_items)
{
    struct newest *all = memory_alloc(click_count * sizeof *all);
    uint32_t count = 0;
    for (uint32_t i = 0; i < click_count; i++) {
        all[i] = (struct newest){events[clicks[i].event].sku_hash, i};
    }
    qsort(all, click_count, sizeof *all, newest_compare);
    for (uint32_t i = 0; i < click_count; i++) {
        if (count == 0 || all[count - 1].sku_hash != all[i].sku_hash) {
            all[count++] = all[i];
        }
    }
    qsort(all, count, sizeof *all, place_compare);
    for (uint32_t i = 0; i < count; i++) {
        out_items[i] = all[i].sku_hash;
    }
    free(all);
    return count;
}

uint32_t session_cut_items(const struct session_cut *cut, uint32_t session,
                           const struct session_event *events, uint64_t *out_items)
{
    enum {
        CLICKS_SEARCHED_MAX = 32
    };
    const struct session_part *part = &cut->sessions[session];
    const struct session_click *clicks = &cut->clicks[part->click_first];
    uint32_t count = 0;
    if (part->click_count > CLICKS_SEARCHED_MAX) {
        return items_by_sorting(clicks, part->click_count, events, out_items);
    }
    for (uint32_t i = part->click_count; i-- > 0;) {
        uint64_t sku_hash = events[clicks[i].event].sku_hash;
        uint32_t n = 0;
        while (n < count && out_items[n] != sku_hash) {
            n++;
        }
        if (n == count) {
            out_items[count++] = sku_hash;
        }
    }
    return count;
}

static int here_compare(const void *left, const void *right)
{
    const struct session_here *a = left, *b = right;
    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

uint32_t session_cut_here(const struct session_cut *cut, uint32_t session,
                          const struct session_event *events, const uint64_t *places,
                          struct session_here *out_here)
{
    const struct session_part *part = &cut->sessions[session];
    const struct session_click *clicks = &cut->clicks[part->click_first];
    uint32_t count = 0, kept = 0;
    for (uint32_t i = 0; i < part->click_count; i++) {
        if (places[clicks[i].event] != 0) {
            out_here[count++] = (struct session_here){places[clicks[i].event],
                                                      events[clicks[i].event].sku_hash};
        }
    }
    if (count > 1) {
        qsort(out_here, count, sizeof *out_here, here_compare);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || here_compare(&out_here[kept - 1], &out_here[i]) != 0) {
            out_here[kept++] = out_here[i];
        }
    }
    return kept;
}
