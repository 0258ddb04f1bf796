/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/customer/customer_private.h"

enum {
    EVENTS_CAPACITY_MIN = 4,
};

void customer_rules(const struct customer_shard *shard, struct session_rules *out_rules)
{
    *out_rules = (struct session_rules){.gap_ms = shard->options.session_gap_ms,
                                        .items_max = shard->options.session_items_max};
}

struct session_event customer_session_event(const struct customer_event *event)
{
    int64_t quantity = event->quantity > 0 ? event->quantity : 1;
    return (struct session_event){
        .occurred_ms = event->occurred_ms,
        .order = event->line != 0 ? event->line : hash64(event->event_id, 0),
        .sku_hash = event->sku_hash,
        .explicit_hash = session_explicit_hash(event->session_id),
        .quantity = quantity < UINT32_MAX ? (uint32_t)quantity : UINT32_MAX,
        .kind = (uint8_t)event->kind,
    };
}

static void events_grow(struct customer_shard *shard, struct customer_row *row)
{
    uint32_t capacity =
        row->event_capacity ? row->event_capacity * 2 : EVENTS_CAPACITY_MIN;
    row->events = memory_realloc(row->events, capacity * sizeof *row->events);
    if (row->places != NULL) {
        row->places = memory_realloc(row->places, capacity * sizeof *row->places);
        shard->places += capacity - row->event_capacity;
    }
    row->event_capacity = capacity;
}

/* Most customers name no location: they have no array of places. */
static void places_begin(struct customer_shard *shard, struct customer_row *row)
{
    if (row->places == NULL) {
        row->places = memory_zalloc(row->event_capacity * sizeof *row->places);
        shard->places += row->event_capacity;
    }
}

/* Moves what lies in [from, from + count) by one. */
static void events_move(struct customer_row *row, uint32_t to, uint32_t from,
                        uint32_t count)
{
    memmove(&row->events[to], &row->events[from], count * sizeof *row->events);
    if (row->places != NULL) {
        memmove(&row->places[to], &row->places[from], count * sizeof *row->places);
    }
}

static void events_put(struct customer_row *row, uint32_t at,
                       const struct session_event *event, uint64_t place)
{
    row->events[at] = *event;
    if (row->places != NULL) {
        row->places[at] = place;
    }
}

void customer_keep_event(struct customer_shard *shard, struct customer_row *row,
                         const struct customer_event *event)
{
    struct session_event kept = customer_session_event(event);
    uint64_t place = event->location_id.size > 0
                         ? hash_place(event->location_id, shard->options.hash_seed)
                         : 0;
    uint32_t at = row->event_kept;
    for (; at > 0; at--) {
        int order = session_event_compare(&row->events[at - 1], &kept);
        uint64_t before = row->places != NULL ? row->places[at - 1] : 0;
        if (order < 0 || (order == 0 && before <= place)) {
            break;
        }
    }
    if (row->event_kept == CUSTOMER_EVIDENCE_EVENTS_MAX) {
        if (at == 0) {
            return; /* older than all that are kept */
        }
        if (place != 0) {
            places_begin(shard, row);
        }
        events_move(row, 0, 1, at - 1);
        events_put(row, at - 1, &kept, place);
        return;
    }
    if (row->event_kept == row->event_capacity) {
        events_grow(shard, row);
    }
    if (place != 0) {
        places_begin(shard, row);
    }
    events_move(row, at + 1, at, row->event_kept - at);
    events_put(row, at, &kept, place);
    row->event_kept++;
    shard->memory_events++;
}

static int told_compare(const void *left, const void *right)
{
    const struct told_session *a = left, *b = right;
    return a->session_hash < b->session_hash ? -1 : a->session_hash > b->session_hash;
}

static const struct told_session *told_find(const struct customer_row *row,
                                            uint64_t session_hash)
{
    const struct told_session key = {.session_hash = session_hash};
    return row->told_count == 0 ? NULL
                                : bsearch(&key, row->told, row->told_count,
                                          sizeof *row->told, told_compare);
}

static uint64_t session_content(const struct customer_session *session)
{
    uint64_t items =
        hash64(slice_of(session->items, session->item_count * sizeof *session->items), 0);
    if (session->place_count > 0) {
        items = hash64(
            slice_of(session->places, session->place_count * sizeof *session->places),
            items);
    }
    return hash_mix(items ^ (uint64_t)session->end_ms);
}

/* Tells of one session if it is new or changed; notes it in the scratch. */
static uint32_t derive_session(struct customer_shard *shard, struct customer_row *row,
                               uint32_t place, uint32_t told_count)
{
    const struct session_part *part = &shard->cut.sessions[place];
    struct customer_session session = {
        .session_hash = part->session_hash, .customer = row->id, .end_ms = part->end_ms};
    memory_reserve((void **)&shard->items, &shard->item_capacity, part->click_count,
                   sizeof *shard->items);
    session.item_count = session_cut_items(&shard->cut, place, row->events, shard->items);
    session.items = shard->items;
    if (session.item_count > shard->options.session_items_max) {
        return told_count;
    }
    if (row->places != NULL) {
        memory_reserve((void **)&shard->here, &shard->here_capacity, part->click_count,
                       sizeof *shard->here);
        session.place_count =
            session_cut_here(&shard->cut, place, row->events, row->places, shard->here);
        session.places = shard->here;
    }
    uint64_t content = session_content(&session);
    const struct told_session *told = told_find(row, session.session_hash);
    if (told == NULL || told->content != content) {
        shard->sink.session_put(shard->sink.context, &session);
        shard->sessions += told == NULL;
    }
    memory_reserve((void **)&shard->told, &shard->told_capacity, (size_t)told_count + 1,
                   sizeof *shard->told);
    shard->told[told_count] = (struct told_session){session.session_hash, content};
    return told_count + 1;
}

static uint64_t actions_content(const struct customer_action *actions, uint32_t count)
{
    uint64_t content = count;
    for (uint32_t i = 0; i < count; i++) {
        content = hash_mix(content ^ actions[i].sku_hash);
        content = hash_mix(content ^ (uint64_t)actions[i].at_ms);
        content =
            hash_mix(content ^ ((uint64_t)actions[i].quantity << 8) ^ actions[i].kind);
    }
    return content != 0 || count == 0 ? content : 1;
}

/* Tells the whole history, when it differs from what was told. */
static void derive_history(struct customer_shard *shard, struct customer_row *row)
{
    uint32_t count = 0;
    if (shard->sink.history_put == NULL) {
        return;
    }
    if (!row->evidence_withdrawn) {
        memory_reserve((void **)&shard->actions, &shard->action_capacity,
                       shard->cut.click_count, sizeof *shard->actions);
        count = session_cut_actions(&shard->cut, row->events, row->event_kept,
                                    shard->actions);
    }
    uint64_t content = actions_content(shard->actions, count);
    if (content != row->told_history) {
        shard->sink.history_put(shard->sink.context, row->id, shard->actions, count);
        row->told_history = content;
    }
}

void customer_derive(struct customer_shard *shard, struct customer_row *row)
{
    struct session_rules rules;
    uint32_t count = 0, seen = 0;
    customer_rules(shard, &rules);
    session_cut_make(&shard->cut, row->id, row->events, row->event_kept, &rules);
    derive_history(shard, row);
    for (uint32_t i = 0; i < shard->cut.session_count && !row->evidence_withdrawn; i++) {
        count = derive_session(shard, row, i, count);
    }
    if (count > 0) {
        qsort(shard->told, count, sizeof *shard->told, told_compare);
    }
    for (uint32_t i = 0; i < row->told_count; i++) {
        while (seen < count && told_compare(&shard->told[seen], &row->told[i]) < 0) {
            seen++;
        }
        if (seen == count ||
            shard->told[seen].session_hash != row->told[i].session_hash) {
            shard->sink.session_remove(shard->sink.context, row->id,
                                       row->told[i].session_hash);
            shard->sessions--;
        }
    }
    if (count == 0) {
        free(row->told);
        row->told = NULL;
    } else {
        row->told = memory_realloc(row->told, count * sizeof *row->told);
        memcpy(row->told, shard->told, count * sizeof *row->told);
    }
    row->told_count = count;
}
