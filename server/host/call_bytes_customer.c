/* SPDX-License-Identifier: Apache-2.0 */
/* What customer shards are asked and answer, field by field, and recommendations. */
#include "server/host/call_bytes_private.h"
#include "shard/recommend/sources.h"

WIRE_KNOWS(customer_attribute, 48);
WIRE_KNOWS(customer_profile, 64);
WIRE_KNOWS(customer_erasure, 40);
WIRE_KNOWS(customer_event, 168);
WIRE_KNOWS(customer_action, 24);
WIRE_KNOWS(customer_context, 40);
WIRE_KNOWS(customer_actions, 16);
WIRE_KNOWS(customer_history, 40);
WIRE_KNOWS(customer_event_outcome, 16);
WIRE_KNOWS(customer_outcome, 144);
WIRE_KNOWS(customer_counters, 56);
WIRE_KNOWS(evidence_counters, 40);
WIRE_KNOWS(replica_customer_query, 64);
WIRE_KNOWS(recommend_customer_search, 208);
WIRE_KNOWS(recommend_sku_search, 256);
WIRE_KNOWS(recommend_customer_found, 2192);
WIRE_KNOWS(recommend_sku_found, 96);
WIRE_KNOWS(recommend_tokens, 16);

enum {
    CUSTOMER_KIND_LAST = UINT8_MAX, /* event kinds are judged by who reads them */
};

void wire_customer_query(struct wire *wire, struct replica_customer_query *query)
{
    wire_hash(wire, &query->customer);
    wire_slice(wire, &query->session_id);
    wire_u32(wire, &query->clicks_max);
    wire_u32(wire, &query->actions_max);
    wire_bool(wire, &query->actions_without_clicks);
    wire_u64(wire, &query->before);
    wire_u32(wire, &query->count);
}

void wire_customer_profile(struct wire *wire, struct customer_profile *profile)
{
    wire_slice(wire, &profile->customer_id);
    struct customer_attribute *items =
        wire_items(wire, profile->attributes, &profile->attribute_count, sizeof *items);
    for (uint32_t i = 0; i < profile->attribute_count; i++) {
        wire_slice(wire, &items[i].name);
        WIRE_ENUM(wire, items[i].kind, customer_attribute_kind, CUSTOMER_ATTRIBUTE_FLAG);
        wire_slice(wire, &items[i].text);
        wire_i64(wire, &items[i].number);
    }
    profile->attributes = items;
    wire_bool(wire, &profile->personalization_withdrawn);
    wire_bool(wire, &profile->evidence_withdrawn);
    wire_fixed(wire, &profile->etag);
    wire_i64(wire, &profile->create_ms);
    wire_i64(wire, &profile->update_ms);
    wire_u64(wire, &profile->event_count);
}

void wire_customer_context(struct wire *wire, struct customer_context *context)
{
    wire_bool(wire, &context->known);
    wire_bool(wire, &context->personalization_withdrawn);
    wire_fixed(wire, &context->session_hash);
    context->clicks = wire_hashes(wire, context->clicks, &context->click_count);
    wire_i64(wire, &context->end_ms);
}

void wire_customer_actions(struct wire *wire, struct customer_actions *actions)
{
    struct customer_action *items =
        wire_items(wire, actions->actions, &actions->action_count, sizeof *items);
    for (uint32_t i = 0; i < actions->action_count; i++) {
        wire_fixed(wire, &items[i].sku_hash);
        wire_i64(wire, &items[i].at_ms);
        wire_u32(wire, &items[i].quantity);
        wire_u8(wire, &items[i].kind);
    }
    actions->actions = items;
}

static void wire_event(struct wire *wire, struct customer_event *event)
{
    wire_slice(wire, &event->event_id);
    wire_hash(wire, &event->customer);
    WIRE_ENUM(wire, event->kind, customer_event_kind, CUSTOMER_KIND_LAST);
    wire_fixed(wire, &event->sku_hash);
    wire_slice(wire, &event->sku_id);
    wire_i64(wire, &event->quantity);
    wire_currency(wire, event->price.currency);
    wire_i64(wire, &event->price.units);
    wire_i32(wire, &event->price.nanos);
    wire_i64(wire, &event->occurred_ms);
    wire_slice(wire, &event->session_id);
    wire_slice(wire, &event->detail);
    wire_slice(wire, &event->location_id);
    wire_u64(wire, &event->line);
    wire_u64(wire, &event->prev_line);
}

void wire_customer_history(struct wire *wire, struct customer_history *history)
{
    uint32_t count = history->event_count;
    wire_u64(wire, &history->before);
    struct customer_event *events =
        wire_items(wire, history->events, &history->event_count, sizeof *events);
    for (uint32_t i = 0; i < history->event_count; i++) {
        wire_event(wire, &events[i]);
    }
    history->events = events;
    int64_t *recorded = wire_items(wire, history->recorded_ms, &count, sizeof *recorded);
    for (uint32_t i = 0; i < count; i++) {
        wire_i64(wire, &recorded[i]);
    }
    if (count != history->event_count) {
        wire_fail(wire);
    }
    history->recorded_ms = recorded;
    wire_u64(wire, &history->next_before);
}

static void wire_event_outcomes(struct wire *wire, struct customer_outcome *outcome)
{
    struct customer_event_outcome *items =
        wire_items(wire, outcome->events, &outcome->event_count, sizeof *items);
    for (uint32_t i = 0; i < outcome->event_count; i++) {
        wire_status(wire, &items[i].status);
        wire_bool(wire, &items[i].duplicate);
        wire_u64(wire, &items[i].expected_line);
    }
    outcome->events = items;
}

void wire_customer_outcome(struct wire *wire, struct customer_outcome *outcome)
{
    wire_status(wire, &outcome->status);
    wire_bool(wire, &outcome->replayed);
    wire_bool(wire, &outcome->duplicate);
    wire_bool(wire, &outcome->created);
    wire_u64(wire, &outcome->expected_line);
    wire_customer_profile(wire, &outcome->profile);
    wire_u64(wire, &outcome->erased.log_index);
    wire_i64(wire, &outcome->erased.log_ms);
    wire_u64(wire, &outcome->erased.events);
    wire_u64(wire, &outcome->erased.sessions);
    wire_bool(wire, &outcome->erased.profile);
    wire_event_outcomes(wire, outcome);
    wire_u32(wire, &outcome->stored);
    wire_u32(wire, &outcome->duplicates);
}

void wire_customer_counters(struct wire *wire, struct customer_counters *counters)
{
    wire_u64(wire, &counters->customers);
    wire_u64(wire, &counters->profiles);
    wire_u64(wire, &counters->events);
    wire_u64(wire, &counters->events_erased);
    wire_u64(wire, &counters->memory_events);
    wire_u64(wire, &counters->sessions);
    wire_u64(wire, &counters->memory_bytes);
}

/* --- Recommendations ----------------------------------------------------------------- */

/* These have bytes of their own (shard/recommend): `encode` appends them, `decode` reads
 * them. A question that its own decoder refuses is no question. */
#define WIRE_OWN(wire, object, encode, decode)                                           \
    do {                                                                                 \
        if (wire_writes(wire)) {                                                         \
            struct buffer own_;                                                          \
            buffer_init(&own_);                                                          \
            encode((object), &own_);                                                     \
            encode_bytes((wire)->out, buffer_slice(&own_));                              \
            buffer_close(&own_);                                                         \
        } else if (decode(read_bytes((wire)->in), (wire)->arena, (object)) !=            \
                   STATUS_OK) {                                                          \
            wire_fail(wire);                                                             \
        }                                                                                \
    } while (0)

static bool has_source(uint32_t sources, enum recommend_source source)
{
    return (sources & 1u << source) != 0;
}

static void wire_customer_search(struct wire *wire,
                                 struct recommend_customer_search *search)
{
    wire_u32(wire, &search->sources);
    if (has_source(search->sources, RECOMMEND_SOURCE_NEIGHBOURS)) {
        WIRE_OWN(wire, &search->neighbours, recommend_query_encode,
                 recommend_query_decode);
    }
    if (has_source(search->sources, RECOMMEND_SOURCE_WALK)) {
        WIRE_OWN(wire, &search->walk, walk_query_encode, walk_query_decode);
    }
    if (has_source(search->sources, RECOMMEND_SOURCE_WALK_THEN)) {
        WIRE_OWN(wire, &search->walk_then, walk_query_encode, walk_query_decode);
    }
}

static void wire_sku_search(struct wire *wire, struct recommend_sku_search *search)
{
    wire_u32(wire, &search->sources);
    if (has_source(search->sources, RECOMMEND_SOURCE_CONTENT)) {
        WIRE_OWN(wire, &search->content, content_query_encode, content_query_decode);
    }
    wire_u32(wire, &search->arrivals_pool);
}

void wire_search(struct wire *wire, struct replica_query *query)
{
    uint32_t one = 1;
    if (query->kind == REPLICA_QUERY_SEARCH) {
        struct recommend_customer_search *search =
            wire_items(wire, query->customer_search, &one, sizeof *search);
        if (search != NULL) {
            wire_customer_search(wire, search);
        }
        query->customer_search = search;
    } else if (query->kind == REPLICA_QUERY_SKU_SEARCH) {
        struct recommend_sku_search *search =
            wire_items(wire, query->sku_search, &one, sizeof *search);
        if (search != NULL) {
            wire_sku_search(wire, search);
        }
        query->sku_search = search;
    } else {
        query->tokens.sku_hashes =
            wire_hashes(wire, query->tokens.sku_hashes, &query->tokens.sku_hash_count);
    }
    if (one != 1) {
        wire_fail(wire);
    }
}

static void wire_customer_found(struct wire *wire, struct recommend_customer_found *found)
{
    wire_u32(wire, &found->sources);
    if (has_source(found->sources, RECOMMEND_SOURCE_NEIGHBOURS)) {
        WIRE_OWN(wire, &found->neighbours, recommend_partial_encode,
                 recommend_partial_decode);
    }
    if (has_source(found->sources, RECOMMEND_SOURCE_WALK)) {
        WIRE_OWN(wire, &found->walk, walk_partial_encode, walk_partial_decode);
    }
    if (has_source(found->sources, RECOMMEND_SOURCE_WALK_THEN)) {
        WIRE_OWN(wire, &found->walk_then, walk_partial_encode, walk_partial_decode);
    }
}

static void wire_sku_found(struct wire *wire, struct recommend_sku_found *found)
{
    wire_u32(wire, &found->sources);
    if (has_source(found->sources, RECOMMEND_SOURCE_CONTENT)) {
        WIRE_OWN(wire, &found->content, recommend_partial_encode,
                 recommend_partial_decode);
    }
    if (has_source(found->sources, RECOMMEND_SOURCE_ARRIVALS)) {
        WIRE_OWN(wire, &found->arrivals, arrivals_list_encode, arrivals_list_decode);
    }
}

/* One per SKU asked for. */
static void wire_tokens(struct wire *wire, struct replica_answer *answer,
                        uint32_t sku_count)
{
    uint32_t count = sku_count;
    struct recommend_tokens *items =
        wire_items(wire, answer->tokens, &count, sizeof *items);
    for (uint32_t i = 0; i < count; i++) {
        items[i].tokens = wire_hashes(wire, items[i].tokens, &items[i].token_count);
    }
    if (count != sku_count) {
        wire_fail(wire); /* the asker would look behind them */
    }
    answer->tokens = items;
}

void wire_found(struct wire *wire, const struct replica_query *query,
                struct replica_answer *answer)
{
    uint32_t one = 1;
    if (query->kind == REPLICA_QUERY_SEARCH) {
        struct recommend_customer_found *found =
            wire_items(wire, answer->customer_found, &one, sizeof *found);
        if (found != NULL) {
            wire_customer_found(wire, found);
        }
        answer->customer_found = found;
    } else if (query->kind == REPLICA_QUERY_SKU_SEARCH) {
        struct recommend_sku_found *found =
            wire_items(wire, answer->sku_found, &one, sizeof *found);
        if (found != NULL) {
            wire_sku_found(wire, found);
        }
        answer->sku_found = found;
    } else {
        wire_tokens(wire, answer, query->tokens.sku_hash_count);
    }
    if (one != 1) {
        wire_fail(wire);
    }
}
