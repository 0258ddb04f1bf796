/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/arrivals.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"
#include "shard/recommend/shared.h"

enum {
    NEWEST_MAX = 4 * ARRIVALS_POOL_MAX,
    ARRIVAL_BYTES_MIN = 9,
};

struct arrival_row {
    struct map_node node;
    struct arrival arrival;
};

/* All SKUs, and the newest of them sorted. The list is a prefix of the whole order; when
 * removals leave fewer than a pool in a cut list, it is made anew. */
struct arrivals {
    struct map rows;
    struct arrival *newest; /* NEWEST_MAX + 1 */
    uint32_t newest_count;
    bool cut; /* there are older ones outside */
};

/* < 0 when a comes first. */
static int arrival_compare(const void *left, const void *right)
{
    const struct arrival *a = left, *b = right;
    if (a->create_ms != b->create_ms) {
        return a->create_ms > b->create_ms ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

static bool row_equal(const struct map_node *node, const void *key)
{
    const struct arrival_row *row = (const void *)node;
    return row->arrival.sku_hash == *(const uint64_t *)key;
}

static struct arrival_row *row_find(const struct arrivals *arrivals, uint64_t sku_hash)
{
    return (void *)map_find(&arrivals->rows, hash_mix(sku_hash), row_equal, &sku_hash);
}

struct arrivals *arrivals_new(void)
{
    struct arrivals *arrivals = memory_zalloc(sizeof *arrivals);
    map_init(&arrivals->rows);
    arrivals->newest = memory_alloc((NEWEST_MAX + 1) * sizeof *arrivals->newest);
    return arrivals;
}

void arrivals_free(struct arrivals *arrivals)
{
    if (arrivals == NULL) {
        return;
    }
    struct map_node *node = map_next(&arrivals->rows, NULL);
    while (node != NULL) {
        struct map_node *next = map_next(&arrivals->rows, node);
        free(node);
        node = next;
    }
    map_close(&arrivals->rows);
    free(arrivals->newest);
    free(arrivals);
}

uint64_t arrivals_count(const struct arrivals *arrivals)
{
    return arrivals->rows.count;
}

uint64_t arrivals_memory_bytes(const struct arrivals *arrivals)
{
    return arrivals->rows.count * (sizeof(struct arrival_row) + sizeof(void *)) +
           (NEWEST_MAX + 1) * sizeof *arrivals->newest;
}

uint64_t arrivals_digest(const struct arrivals *arrivals)
{
    uint64_t digest = 0;
    const struct map_node *node = NULL;
    while ((node = map_next(&arrivals->rows, node)) != NULL) {
        const struct arrival_row *row = (const void *)node;
        digest +=
            hash_mix(hash_mix(row->arrival.sku_hash) ^ (uint64_t)row->arrival.create_ms);
    }
    return digest;
}

static uint32_t newest_place(const struct arrivals *arrivals, const struct arrival *item)
{
    uint32_t low = 0, high = arrivals->newest_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (arrival_compare(&arrivals->newest[middle], item) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void newest_add(struct arrivals *arrivals, const struct arrival *item)
{
    uint32_t place = newest_place(arrivals, item);
    if (place == arrivals->newest_count && arrivals->cut) {
        return; /* older than what the list knows the order of */
    }
    memmove(&arrivals->newest[place + 1], &arrivals->newest[place],
            (arrivals->newest_count - place) * sizeof *item);
    arrivals->newest[place] = *item;
    arrivals->newest_count++;
    if (arrivals->newest_count > NEWEST_MAX) {
        arrivals->newest_count = NEWEST_MAX;
        arrivals->cut = true;
    }
}

static void newest_take(struct arrivals *arrivals, const struct arrival *item)
{
    uint32_t place = newest_place(arrivals, item);
    if (place < arrivals->newest_count &&
        arrivals->newest[place].sku_hash == item->sku_hash) {
        arrivals->newest_count--;
        memmove(&arrivals->newest[place], &arrivals->newest[place + 1],
                (arrivals->newest_count - place) * sizeof *item);
    }
}

void arrivals_put(struct arrivals *arrivals, uint64_t sku_hash, int64_t create_ms)
{
    struct arrival_row *row = row_find(arrivals, sku_hash);
    if (row == NULL) {
        row = memory_zalloc(sizeof *row);
        map_insert(&arrivals->rows, &row->node, hash_mix(sku_hash));
    } else {
        newest_take(arrivals, &row->arrival);
    }
    row->arrival = (struct arrival){sku_hash, create_ms};
    newest_add(arrivals, &row->arrival);
}

void arrivals_remove(struct arrivals *arrivals, uint64_t sku_hash)
{
    struct arrival_row *row = row_find(arrivals, sku_hash);
    if (row != NULL) {
        newest_take(arrivals, &row->arrival);
        map_remove(&arrivals->rows, &row->node);
        free(row);
    }
}

/* Walks all SKUs; it takes NEWEST_MAX - ARRIVALS_POOL_MAX removals to get here. */
static void newest_refill(struct arrivals *arrivals)
{
    const struct map_node *node = NULL;
    size_t count = 0;
    struct arrival *all = memory_alloc((arrivals->rows.count + 1) * sizeof *all);
    while ((node = map_next(&arrivals->rows, node)) != NULL) {
        all[count++] = ((const struct arrival_row *)(const void *)node)->arrival;
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, arrival_compare);
    }
    arrivals->cut = count > NEWEST_MAX;
    arrivals->newest_count = arrivals->cut ? NEWEST_MAX : (uint32_t)count;
    memcpy(arrivals->newest, all, arrivals->newest_count * sizeof *all);
    free(all);
}

enum status arrivals_newest(struct arrivals *arrivals, uint32_t pool, struct arena *arena,
                            struct arrivals_list *out_list)
{
    if (pool < 1 || pool > ARRIVALS_POOL_MAX) {
        return STATUS_INVALID;
    }
    if (arrivals->cut && arrivals->newest_count < pool) {
        newest_refill(arrivals);
    }
    uint32_t count = arrivals->newest_count < pool ? arrivals->newest_count : pool;
    struct arrival *items = arena_alloc(arena, count * sizeof *items);
    if (items == NULL) {
        return STATUS_TOO_LARGE;
    }
    if (count > 0) {
        memcpy(items, arrivals->newest, count * sizeof *items);
    }
    *out_list = (struct arrivals_list){items, count};
    return STATUS_OK;
}

/* version, varint n, n * { le64 sku, zigzag create_ms } */
void arrivals_list_encode(const struct arrivals_list *list, struct buffer *out)
{
    encode_u8(out, ARRIVALS_VERSION);
    encode_varint(out, list->item_count);
    for (uint32_t i = 0; i < list->item_count; i++) {
        encode_le64(out, list->items[i].sku_hash);
        encode_zigzag(out, list->items[i].create_ms);
    }
}

enum status arrivals_list_decode(struct slice bytes, struct arena *arena,
                                 struct arrivals_list *out_list)
{
    struct reader reader;
    struct arrivals_list list = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > ARRIVALS_VERSION) {
        return STATUS_VERSION;
    }
    uint64_t count = read_varint(&reader);
    if (version != ARRIVALS_VERSION || reader.failed || count > ARRIVALS_POOL_MAX ||
        count > reader_left(&reader) / ARRIVAL_BYTES_MIN) {
        return STATUS_CHECKSUM;
    }
    list.item_count = (uint32_t)count;
    list.items = arena_alloc(arena, (size_t)count * sizeof *list.items);
    if (list.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < list.item_count; i++) {
        list.items[i].sku_hash = read_le64(&reader);
        list.items[i].create_ms = read_zigzag(&reader);
        if (i > 0 && arrival_compare(&list.items[i - 1], &list.items[i]) >= 0) {
            reader_fail(&reader);
        }
    }
    TRY(reader_finish(&reader));
    *out_list = list;
    return STATUS_OK;
}

enum status arrivals_merge(const struct arrivals_list *lists, size_t list_count,
                           uint32_t pool, struct arena *arena,
                           struct arrivals_list *out_list)
{
    size_t total = 0;
    if (pool < 1 || pool > ARRIVALS_POOL_MAX) {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < list_count; i++) {
        total += lists[i].item_count;
    }
    struct arrivals_list merged = {.items =
                                       arena_alloc(arena, total * sizeof *merged.items)};
    if (merged.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < list_count; i++) {
        for (uint32_t n = 0; n < lists[i].item_count; n++) {
            merged.items[count++] = lists[i].items[n];
        }
    }
    if (count > 0) {
        qsort(merged.items, count, sizeof *merged.items, arrival_compare);
    }
    for (size_t i = 0; i < count && kept < pool; i++) {
        /* A hedged answer names the same SKUs twice. */
        if (kept == 0 ||
            arrival_compare(&merged.items[kept - 1], &merged.items[i]) != 0) {
            merged.items[kept++] = merged.items[i];
        }
    }
    merged.item_count = (uint32_t)kept;
    *out_list = merged;
    return STATUS_OK;
}

/* --- Rank ------------------------------------------------------------------------------ */

struct drawn {
    uint64_t lot;
    uint32_t place;
};

static int drawn_compare(const void *left, const void *right)
{
    const struct drawn *a = left, *b = right;
    if (a->lot != b->lot) {
        return a->lot < b->lot ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static bool arrival_shown(const struct arrival *arrival,
                          const struct arrivals_options *options)
{
    return arrival->create_ms >= options->from_ms &&
           !shared_excluded(&options->rank, arrival->sku_hash);
}

static void arrival_add(struct recommend_ranked *ranked, uint64_t sku_hash, uint32_t most)
{
    struct recommend_ranked_item *item = &ranked->items[ranked->item_count];
    *item = (struct recommend_ranked_item){
        .sku_hash = sku_hash,
        .score = (double)(most - ranked->item_count) / (double)most,
        .reasons = {{.kind = RECOMMEND_REASON_NEW, .evidence_count = 1, .weight = 1.0}},
        .reason_count = 1};
    ranked->item_count++;
}

enum status arrivals_rank(const struct arrivals_list *pool,
                          const struct arrivals_options *options, struct arena *arena,
                          struct recommend_ranked *out_ranked)
{
    uint32_t most = options->rank.count, rest = 0, place = 0;
    struct recommend_ranked ranked = {0};
    if (most < 1 || most > RECOMMEND_COUNT_MAX || options->explored > most) {
        return STATUS_INVALID;
    }
    ranked.items = arena_alloc(arena, most * sizeof *ranked.items);
    struct drawn *lots = arena_alloc(arena, pool->item_count * sizeof *lots);
    if (ranked.items == NULL || lots == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (; place < pool->item_count && ranked.item_count < most - options->explored;
         place++) {
        if (arrival_shown(&pool->items[place], options)) {
            arrival_add(&ranked, pool->items[place].sku_hash, most);
        }
    }
    for (; place < pool->item_count; place++) {
        if (arrival_shown(&pool->items[place], options)) {
            uint64_t lot =
                hash_mix(pool->items[place].sku_hash ^ hash_mix(options->seed));
            lots[rest++] = (struct drawn){lot, place};
        }
    }
    if (rest > 0) {
        qsort(lots, rest, sizeof *lots, drawn_compare);
    }
    for (uint32_t i = 0; i < rest && ranked.item_count < most; i++) {
        arrival_add(&ranked, pool->items[lots[i].place].sku_hash, most);
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
