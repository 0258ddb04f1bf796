/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/ledger_audit.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/arena.h"
#include "shard/base/hash.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"

enum {
    AUDIT_BUCKETS = 8,
};

static const char *const audit_names[AUDIT_BUCKETS] = {
    "on_hand",         "held",         "committed", "damaged",
    "quality_control", "safety_stock", "incoming",  "backorder_limit"};

struct audit_row {
    struct map_node node;
    const char *sku_id;
    const char *location_id;
    int64_t level[AUDIT_BUCKETS];
    int64_t sum[AUDIT_BUCKETS];
    size_t page; /* that it was read on; for one that was not: 0 */
    bool listed;
    bool fresh; /* its first movement is younger than the first page: not listed yet */
    bool moved;
};

struct audit_stamp {
    size_t page;
    uint64_t shard_id;
    uint64_t index;
};

/* A shard's positions at its first and its last page. */
struct audit_span {
    uint64_t shard_id;
    uint64_t first;
    uint64_t last;
};

struct ledger_audit {
    struct arena arena;
    struct map rows;
    struct audit_stamp *stamps; /* by page */
    size_t stamp_count;
    size_t stamp_capacity;
    struct audit_span *spans; /* one per shard */
    size_t span_count;
    size_t span_capacity;
    size_t *pages; /* the first stamp of each page */
    size_t page_count;
    size_t page_capacity;
    struct ledger_audit_totals totals;
    bool full;
};

struct ledger_audit *ledger_audit_new(void)
{
    struct ledger_audit *audit = memory_zalloc(sizeof *audit);
    arena_init(&audit->arena, NULL, 0, 0);
    map_init(&audit->rows);
    return audit;
}

void ledger_audit_free(struct ledger_audit *audit)
{
    if (audit != NULL) {
        map_close(&audit->rows);
        arena_close(&audit->arena);
        free(audit->stamps);
        free(audit->pages);
        free(audit->spans);
        free(audit);
    }
}

static void audit_buckets(const struct souk_stock_level *level,
                          int64_t out[AUDIT_BUCKETS])
{
    out[0] = level->on_hand;
    out[1] = level->held;
    out[2] = level->committed;
    out[3] = level->damaged;
    out[4] = level->quality_control;
    out[5] = level->safety_stock;
    out[6] = level->incoming;
    out[7] = level->backorder_limit;
}

/* --- Rows ------------------------------------------------------------------------------ */

struct audit_key {
    const char *sku_id;
    const char *location_id;
};

static bool audit_equal(const struct map_node *node, const void *key)
{
    const struct audit_row *row = CONTAINER_OF(node, const struct audit_row, node);
    const struct audit_key *wanted = key;
    return strcmp(row->sku_id, wanted->sku_id) == 0 &&
           strcmp(row->location_id, wanted->location_id) == 0;
}

static const char *audit_text(struct ledger_audit *audit, const char *text)
{
    struct slice copy = arena_slice(&audit->arena, slice_of(text, strlen(text) + 1));
    return (const char *)copy.data;
}

/* NULL: there are too many. */
static struct audit_row *audit_row(struct ledger_audit *audit, const char *sku_id,
                                   const char *location_id)
{
    const struct audit_key key = {sku_id, location_id};
    uint64_t hash =
        hash64(slice_from_string(sku_id), hash64(slice_from_string(location_id), 1));
    struct map_node *node = map_find(&audit->rows, hash, audit_equal, &key);
    struct audit_row *row;
    if (node != NULL) {
        return CONTAINER_OF(node, struct audit_row, node);
    }
    if (audit->rows.count == LEDGER_AUDIT_LEVELS_MAX) {
        audit->full = true;
        return NULL;
    }
    row = arena_zalloc(&audit->arena, sizeof *row);
    row->sku_id = audit_text(audit, sku_id);
    row->location_id = audit_text(audit, location_id);
    map_insert(&audit->rows, &row->node, hash);
    return row;
}

bool ledger_audit_full(const struct ledger_audit *audit)
{
    return audit->full;
}

/* --- Pages ----------------------------------------------------------------------------- */

static void audit_span_take(struct ledger_audit *audit, const struct souk_stamp *stamp)
{
    void *spans = audit->spans;
    for (size_t i = 0; i < audit->span_count; i++) {
        if (audit->spans[i].shard_id == stamp->shard_id) {
            audit->spans[i].last = stamp->log_index;
            return;
        }
    }
    memory_reserve(&spans, &audit->span_capacity, audit->span_count + 1,
                   sizeof *audit->spans);
    audit->spans = spans;
    audit->spans[audit->span_count++] =
        (struct audit_span){stamp->shard_id, stamp->log_index, stamp->log_index};
}

void ledger_audit_page(struct ledger_audit *audit, const struct souk_stamp *stamps,
                       size_t count)
{
    void *pages = audit->pages, *all = audit->stamps;
    memory_reserve(&pages, &audit->page_capacity, audit->page_count + 1,
                   sizeof *audit->pages);
    memory_reserve(&all, &audit->stamp_capacity, audit->stamp_count + count,
                   sizeof *audit->stamps);
    audit->pages = pages;
    audit->stamps = all;
    audit->pages[audit->page_count] = audit->stamp_count;
    for (size_t i = 0; i < count; i++) {
        audit->stamps[audit->stamp_count++] =
            (struct audit_stamp){.page = audit->page_count,
                                 .shard_id = stamps[i].shard_id,
                                 .index = stamps[i].log_index};
        audit_span_take(audit, &stamps[i]);
    }
    audit->page_count++;
}

void ledger_audit_level(struct ledger_audit *audit, const struct souk_stock_level *level)
{
    struct audit_row *row = audit_row(audit, level->sku_id, level->location_id);
    if (row != NULL) {
        audit_buckets(level, row->level);
        row->listed = true;
        row->page = audit->page_count > 0 ? audit->page_count - 1 : 0;
        audit->totals.levels++;
    }
}

/* Where the shard stood when the page was read; 0 when it was not asked for it. */
static uint64_t audit_page_index(const struct ledger_audit *audit, size_t page,
                                 uint64_t shard_id)
{
    for (size_t i = page < audit->page_count ? audit->pages[page] : audit->stamp_count;
         i < audit->stamp_count && audit->stamps[i].page == page; i++) {
        if (audit->stamps[i].shard_id == shard_id) {
            return audit->stamps[i].index;
        }
    }
    return 0;
}

static struct audit_span audit_span_of(const struct ledger_audit *audit,
                                       uint64_t shard_id)
{
    for (size_t i = 0; i < audit->span_count; i++) {
        if (audit->spans[i].shard_id == shard_id) {
            return audit->spans[i];
        }
    }
    return (struct audit_span){.shard_id = shard_id};
}

/* --- Movements ------------------------------------------------------------------------- */

/* One level's part of a movement. */
struct audit_change {
    const struct souk_movement *movement;
    const char *location_id;
    const struct souk_stock_level *before;
    const struct souk_stock_level *after;
};

static void audit_change(struct ledger_audit *audit, const struct audit_change *change)
{
    const struct souk_movement *movement = change->movement;
    struct audit_row *row = audit_row(audit, movement->sku_id, change->location_id);
    int64_t before[AUDIT_BUCKETS], after[AUDIT_BUCKETS];
    uint64_t index;
    if (row == NULL) {
        return;
    }
    if (row->listed) {
        index = audit_page_index(audit, row->page, movement->shard_id);
    } else {
        struct audit_span span = audit_span_of(audit, movement->shard_id);
        index = span.last;
        row->fresh = row->fresh || (!row->moved && movement->log_index > span.first);
    }
    row->moved = true;
    if (movement->log_index > index) {
        return; /* after the level was read */
    }
    audit_buckets(change->before, before);
    audit_buckets(change->after, after);
    audit->totals.broken += memcmp(before, row->sum, sizeof before) != 0;
    for (int i = 0; i < AUDIT_BUCKETS; i++) {
        uint64_t sum = (uint64_t)row->sum[i] + (uint64_t)after[i] - (uint64_t)before[i];
        row->sum[i] = (int64_t)sum;
    }
}

void ledger_audit_movement(struct ledger_audit *audit,
                           const struct souk_movement *movement)
{
    audit->totals.movements++;
    audit_change(audit, &(struct audit_change){movement, movement->location_id,
                                               &movement->before, &movement->after});
    if (movement->to_location_id[0] != '\0') {
        audit_change(audit,
                     &(struct audit_change){movement, movement->to_location_id,
                                            &movement->to_before, &movement->to_after});
    }
}

/* --- The verdict ----------------------------------------------------------------------- */

static bool audit_differs(const struct audit_row *row)
{
    if (!row->listed && row->fresh) {
        return false; /* made while the pages were read */
    }
    return memcmp(row->level, row->sum, sizeof row->sum) != 0;
}

static int audit_compare(const void *a, const void *b)
{
    const struct audit_row *left = *(const struct audit_row *const *)a;
    const struct audit_row *right = *(const struct audit_row *const *)b;
    int order = strcmp(left->sku_id, right->sku_id);
    return order != 0 ? order : strcmp(left->location_id, right->location_id);
}

void ledger_audit_finish(struct ledger_audit *audit, ledger_audit_report *report,
                         void *context, struct ledger_audit_totals *out_totals)
{
    const struct audit_row **drifted = NULL;
    size_t count = 0, capacity = 0;
    for (const struct map_node *node = map_next(&audit->rows, NULL); node != NULL;
         node = map_next(&audit->rows, node)) {
        const struct audit_row *row = CONTAINER_OF(node, const struct audit_row, node);
        if (audit_differs(row)) {
            void *rows = drifted;
            memory_reserve(&rows, &capacity, count + 1, sizeof *drifted);
            drifted = rows;
            drifted[count++] = row;
        }
    }
    if (count > 0) {
        qsort(drifted, count, sizeof *drifted, audit_compare);
    }
    for (size_t i = 0; i < count; i++) {
        for (int bucket = 0; bucket < AUDIT_BUCKETS; bucket++) {
            if (drifted[i]->level[bucket] != drifted[i]->sum[bucket]) {
                report(context,
                       &(struct ledger_drift){.sku_id = drifted[i]->sku_id,
                                              .location_id = drifted[i]->location_id,
                                              .bucket = audit_names[bucket],
                                              .level = drifted[i]->level[bucket],
                                              .ledger = drifted[i]->sum[bucket]});
            }
        }
    }
    free(drifted);
    *out_totals = audit->totals;
}
