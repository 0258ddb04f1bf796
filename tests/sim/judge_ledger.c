/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/judge.h"

enum {
    NOBODYS_REQUEST = 0x7fffffff, /* no operation has this number */
};

struct judge_row {
    struct history_row row;
    struct hash128 request; /* 0: the shard's own */
};

struct judge_name {
    struct map_node node;
    struct hash128 hash;
    uint64_t request;
    bool spans; /* of a hold over several shards */
};

static bool name_equal(const struct map_node *node, const void *key)
{
    const struct judge_name *name = CONTAINER_OF(node, const struct judge_name, node);
    const struct hash128 *hash = key;
    return name->hash.high == hash->high && name->hash.low == hash->low;
}

static const struct judge_name *name_find(const struct sim_history *history,
                                          struct hash128 hash)
{
    struct map_node *node = map_find(&history->requests, hash.low, name_equal, &hash);
    return node != NULL ? CONTAINER_OF(node, struct judge_name, node) : NULL;
}

void judge_request(struct sim_history *history, uint64_t request, bool spans)
{
    struct hash128 hash = world_request_id(request);
    if (request == 0 || name_find(history, hash) != NULL) {
        return;
    }
    struct judge_name *name = memory_zalloc(sizeof *name);
    name->hash = hash;
    name->request = request;
    name->spans = spans;
    map_insert(&history->requests, &name->node, hash.low);
}

void judge_forget(struct sim_history *history)
{
    struct map_node *node = map_next(&history->requests, NULL);
    while (node != NULL) {
        struct map_node *next = map_next(&history->requests, node);
        free(CONTAINER_OF(node, struct judge_name, node));
        node = next;
    }
    map_close(&history->requests);
    free(history->rows);
    history->rows = NULL;
    history->row_count = 0;
}

/* Names are a letter and a number. */
static uint32_t name_number(struct slice name)
{
    uint32_t number = 0;
    for (size_t i = 1; i < name.size; i++) {
        number = number * 10 + (uint32_t)(name.data[i] - '0');
    }
    return number;
}

/* What a movement does to one level; that from one location to another has two. */
static void ledger_leg(struct sim_history *history, const struct inventory_movement *from,
                       struct slice location_id, const int64_t *before,
                       const int64_t *after)
{
    struct judge_row *to;
    void *rows = history->rows;
    memory_reserve(&rows, &history->row_capacity, history->row_count + 1,
                   sizeof *history->rows);
    history->rows = rows;
    to = &history->rows[history->row_count++];
    *to = (struct judge_row){
        .row = {.shard = from->position.shard_id,
                .index = from->position.index,
                .sub = from->position.sub,
                .sku = name_number(from->sku_id),
                .location = name_number(location_id),
                .reason = (uint32_t)from->reason,
                .hold = {from->hold_id.anchor, from->hold_id.unique},
                .log_ms = from->log_ms},
        .request = {.high = from->request_high, .low = from->request_low}};
    memcpy(to->row.before, before, sizeof to->row.before);
    memcpy(to->row.after, after, sizeof to->row.after);
}

void judge_ledger(struct sim_history *history, const struct inventory_movement *movements,
                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct inventory_movement *from = &movements[i];
        ledger_leg(history, from, from->location_id, from->before, from->after);
        if (from->to.location_id.size > 0) {
            ledger_leg(history, from, from->to.location_id, from->to.before,
                       from->to.after);
        }
    }
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_rows(const void *a, const void *b)
{
    const struct history_row *left = &((const struct judge_row *)a)->row;
    const struct history_row *right = &((const struct judge_row *)b)->row;
    int order = compare_u64(left->sku, right->sku);
    order = order != 0 ? order : compare_u64(left->location, right->location);
    order = order != 0 ? order : compare_u64(left->index, right->index);
    return order != 0 ? order : compare_u64(left->sub, right->sub);
}

void judge_rows(struct sim_history *history)
{
    if (history->row_count == 0) {
        return;
    }
    qsort(history->rows, history->row_count, sizeof *history->rows, compare_rows);
    for (size_t i = 0; i < history->row_count && !history->violation.found; i++) {
        struct history_event event = {.type = HISTORY_MOVEMENT,
                                      .row = history->rows[i].row};
        struct hash128 hash = history->rows[i].request;
        if ((hash.high | hash.low) != 0) {
            const struct judge_name *name = name_find(history, hash);
            event.row.request = name != NULL ? name->request : NOBODYS_REQUEST;
            if (name != NULL && name->spans) {
                event.row.multi_request = name->request;
                event.row.request = 0;
            }
        }
        judge_event(history, &event);
    }
}
