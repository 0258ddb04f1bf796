/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/customer/customer_private.h"
#include "shard/storage/key.h"
#include "shard/storage/store.h"

/* --- The session that goes on ---------------------------------------------------------- */

/* UINT32_MAX when none does. */
static uint32_t session_current(const struct session_cut *cut, struct hash128 customer,
                                struct slice session_id)
{
    uint64_t wanted = session_hash_explicit(customer, session_explicit_hash(session_id));
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < cut->session_count; i++) {
        if (session_id.size > 0 && cut->sessions[i].session_hash != wanted) {
            continue;
        }
        if (found == UINT32_MAX ||
            cut->sessions[i].end_ms >= cut->sessions[found].end_ms) {
            found = i;
        }
    }
    return found;
}

static void context_clicks(const struct customer_row *row, const struct session_cut *cut,
                           uint32_t session, uint32_t clicks_max, struct arena *arena,
                           struct customer_context *context)
{
    const struct session_part *part = &cut->sessions[session];
    uint32_t count = part->click_count < clicks_max ? part->click_count : clicks_max;
    uint64_t *clicks = arena_alloc(arena, count * sizeof *clicks);
    context->session_hash = part->session_hash;
    context->end_ms = part->end_ms;
    if (clicks == NULL) {
        return; /* the request's arena is full: an answer without seeds */
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = part->click_first + part->click_count - count + i;
        clicks[i] = row->events[cut->clicks[place].event].sku_hash;
    }
    context->clicks = clicks;
    context->click_count = count;
}

void customer_read_context(const struct customer_shard *shard,
                           const struct customer_context_query *query,
                           struct arena *arena, struct customer_context *out_context)
{
    struct customer_context context = {0};
    struct session_rules rules;
    struct session_cut cut;
    const struct customer_row *row = customer_find(shard, query->customer);
    *out_context = context;
    if (row == NULL) {
        return;
    }
    context.known = true;
    context.personalization_withdrawn = row->personalization_withdrawn;
    customer_rules(shard, &rules);
    session_cut_init(&cut);
    session_cut_make(&cut, row->id, row->events, row->event_kept, &rules);
    uint32_t session = session_current(&cut, row->id, query->session_id);
    if (session != UINT32_MAX && !context.personalization_withdrawn &&
        (query->session_id.size > 0 ||
         query->now_ms - cut.sessions[session].end_ms <= rules.gap_ms)) {
        context_clicks(row, &cut, session, query->clicks_max, arena, &context);
    }
    session_cut_close(&cut);
    *out_context = context;
}

enum status customer_actions(const struct customer_shard *shard, struct hash128 customer,
                             struct arena *arena, struct customer_actions *out_actions)
{
    struct session_rules rules;
    struct session_cut cut;
    const struct customer_row *row = customer_find(shard, customer);
    *out_actions = (struct customer_actions){0};
    if (row == NULL || row->personalization_withdrawn) {
        return STATUS_OK;
    }
    struct customer_action *actions =
        arena_alloc(arena, row->event_kept * sizeof *actions);
    if (actions == NULL) {
        return STATUS_TOO_LARGE;
    }
    customer_rules(shard, &rules);
    session_cut_init(&cut);
    session_cut_make(&cut, row->id, row->events, row->event_kept, &rules);
    out_actions->action_count =
        session_cut_actions(&cut, row->events, row->event_kept, actions);
    out_actions->actions = actions;
    session_cut_close(&cut);
    return STATUS_OK;
}

/* --- History ----------------------------------------------------------------------------- */

struct history {
    struct customer_event *events; /* newest first */
    int64_t *recorded_ms;
    uint32_t count;
    uint32_t count_max;
    uint64_t before; /* ordinals below it are wanted */
    struct hash128 customer;
    struct arena *arena;
};

/* Takes what is wanted of one block, whose bytes live in the arena. */
static enum status history_block(struct history *history, uint64_t ordinal,
                                 struct slice bytes)
{
    struct row_events_reader reader;
    struct row_event event;
    enum status status;
    uint64_t count = 0;
    TRY(row_events_open(&reader, bytes));
    while ((status = row_events_next(&reader, &event)) == STATUS_OK) {
        count++;
    }
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    uint64_t end = ordinal + count < history->before ? ordinal + count : history->before;
    uint64_t room = history->count_max - history->count;
    uint64_t first = end > ordinal && end - ordinal > room ? end - room : ordinal;
    TRY(row_events_open(&reader, bytes));
    for (uint64_t n = ordinal; n < end; n++) {
        TRY(row_events_next(&reader, &event));
        if (n >= first) {
            uint32_t place = history->count + (uint32_t)(end - 1 - n);
            history->events[place] = event.event;
            history->events[place].customer = history->customer;
            history->recorded_ms[place] = event.log_ms;
        }
    }
    if (end > first) {
        history->count += (uint32_t)(end - first);
        history->before = first;
    }
    return STATUS_OK;
}

static enum status history_copy_block(struct history *history, uint64_t ordinal,
                                      struct slice bytes)
{
    if (ordinal >= history->before || history->count == history->count_max) {
        return STATUS_OK;
    }
    struct slice copy = arena_slice(history->arena, bytes);
    if (copy.data == NULL) {
        return STATUS_TOO_LARGE;
    }
    return history_block(history, ordinal, copy);
}

/* Blocks that are older than all in memory, newest first. */
static enum status history_stored(const struct customer_shard *shard,
                                  struct history *history, uint64_t below)
{
    struct buffer start, end;
    struct store_cursor *cursor = NULL;
    struct key_state key;
    buffer_init(&start);
    buffer_init(&end);
    row_key_events(&start, history->customer, 0);
    row_key_events(&end, history->customer,
                   below < history->before ? below : history->before);
    struct store_scan scan = {
        .start = buffer_slice(&start), .end = buffer_slice(&end), .descending = true};
    enum status status = store_cursor_open(shard->options.store, &scan, &cursor);
    while (status == STATUS_OK && cursor->valid && history->count < history->count_max) {
        if (!key_parse_state(cursor->key, &key) || key.id.size != 16) {
            status = STATUS_CHECKSUM;
            break;
        }
        status = history_copy_block(history, load_be64(key.id.data + 8), cursor->value);
        if (status == STATUS_OK) {
            store_cursor_next(cursor);
        }
    }
    if (status == STATUS_OK && !cursor->valid) {
        status = cursor->status;
    }
    store_cursor_close(cursor);
    buffer_close(&start);
    buffer_close(&end);
    return status;
}

enum status customer_history(const struct customer_shard *shard, struct hash128 customer,
                             uint64_t before, uint32_t count, struct arena *arena,
                             struct customer_history *out_history)
{
    const struct customer_row *row = customer_find(shard, customer);
    struct history history = {.customer = customer, .arena = arena};
    if (row == NULL) {
        return STATUS_NOT_FOUND;
    }
    history.count_max = count < CUSTOMER_HISTORY_MAX ? count : CUSTOMER_HISTORY_MAX;
    history.before = before > 0 && before < row->event_count ? before : row->event_count;
    history.events = arena_alloc(arena, history.count_max * sizeof *history.events);
    history.recorded_ms =
        arena_alloc(arena, history.count_max * sizeof *history.recorded_ms);
    if (history.events == NULL || history.recorded_ms == NULL) {
        return STATUS_TOO_LARGE;
    }
    out_history->before = history.before;
    uint64_t oldest_in_memory = row->event_count;
    for (struct list *node = row->blocks.previous; node != &row->blocks;
         node = node->previous) {
        const struct event_block *block = LIST_ENTRY(node, struct event_block, blocks);
        oldest_in_memory = block->ordinal;
        TRY(history_copy_block(&history, block->ordinal, buffer_slice(&block->bytes)));
    }
    if (oldest_in_memory > 0 && history.count < history.count_max) {
        TRY(history_stored(shard, &history, oldest_in_memory));
    }
    out_history->events = history.events;
    out_history->recorded_ms = history.recorded_ms;
    out_history->event_count = history.count;
    out_history->next_before = history.before;
    return STATUS_OK;
}
