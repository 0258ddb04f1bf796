/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/search.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/recommend/evidence_private.h"

enum {
    /* sim is a sum of distinct l - pos, at most 9 + 8 + ... + 1 */
    SIM_MAX = RECOMMEND_CLICKS_MAX * (RECOMMEND_CLICKS_MAX + 1) / 2,
    TABLE_SIZE_MIN = 64,
    PREFETCH_AHEAD = 8,
};

/* A session that holds query items. */
struct candidate {
    uint32_t session;
    uint16_t sim;
    uint16_t mask; /* bit i: it holds query item i */
};

struct search {
    const struct evidence *evidence;
    const struct recommend_query *query;
    struct arena *arena;
    struct recommend_items items;
    uint32_t item_number[RECOMMEND_CLICKS_MAX]; /* EVIDENCE_NONE: never seen */
    uint32_t candidates_max;                    /* per bucket */
    uint32_t neighbours_max;                    /* per bucket */
    struct candidate *candidates;               /* of the bucket at hand, newest first */
    struct candidate *neighbours;               /* of all buckets so far */
    uint32_t neighbour_count;
};

/* The list heads of a bucket, being merged newest first. */
struct cursor {
    const struct posting *next; /* the newest not yet taken */
    const struct posting *end;  /* before the oldest */
    uint32_t item;              /* query item */
};

void recommend_query_items(const struct recommend_query *query,
                           struct recommend_items *out_items)
{
    uint32_t length =
        query->click_count < query->clicks_max ? query->click_count : query->clicks_max;
    *out_items = (struct recommend_items){0};
    for (uint32_t pos = 0; pos < length; pos++) {
        uint64_t sku_hash = query->clicks[query->click_count - 1 - pos];
        uint32_t i = 0;
        while (i < out_items->count && out_items->sku_hash[i] != sku_hash) {
            i++;
        }
        if (i == out_items->count) {
            out_items->sku_hash[i] = sku_hash;
            out_items->weight[i] = length - pos;
            out_items->position[i] = pos;
            out_items->count++;
        }
    }
}

enum status recommend_query_check(const struct recommend_query *query)
{
    bool power_of_two = query->bucket_count > 0 &&
                        query->bucket_count <= EVIDENCE_BUCKETS_MAX &&
                        (query->bucket_count & (query->bucket_count - 1)) == 0;
    if (!power_of_two || query->clicks_max < 1 ||
        query->clicks_max > RECOMMEND_CLICKS_MAX || query->candidates < 1 ||
        query->candidates > RECOMMEND_SESSIONS_MAX || query->neighbours < 1 ||
        query->neighbours > RECOMMEND_SESSIONS_MAX) {
        return STATUS_INVALID;
    }
    if (query->bucket_count < 64 && query->buckets >> query->bucket_count != 0) {
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static bool search_excludes(const struct search *search, uint32_t session)
{
    const struct evidence_slot *slot = &search->evidence->slots[session];
    const struct recommend_query *query = search->query;
    if (query->exclude_session != 0 && slot->session_hash == query->exclude_session) {
        return true;
    }
    return query->exclude_customer && slot->customer.high == query->customer.high &&
           slot->customer.low == query->customer.low;
}

/* Only the bucket of the asker can hold what is to be left out. */
static bool search_must_exclude(const struct search *search, uint32_t bucket)
{
    const struct recommend_query *query = search->query;
    if (query->exclude_session != 0) {
        return true;
    }
    return query->exclude_customer &&
           bucket == evidence_bucket(query->customer.high, query->bucket_count);
}

static uint32_t cursors_open(const struct search *search, uint32_t bucket,
                             struct cursor cursors[RECOMMEND_CLICKS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < search->items.count; i++) {
        const struct posting_list *list = NULL;
        if (search->item_number[i] != EVIDENCE_NONE) {
            list = evidence_item_list(&search->evidence->items[search->item_number[i]],
                                      bucket);
        }
        if (list != NULL && list->count > 0) {
            cursors[count++] = (struct cursor){.next = list->entries + list->count - 1,
                                               .end = list->entries - 1,
                                               .item = i};
        }
    }
    return count;
}

static const struct posting *cursors_newest(const struct search *search,
                                            const struct cursor *cursors, uint32_t count)
{
    const struct posting *newest = cursors[0].next;
    for (uint32_t i = 1; i < count; i++) {
        if (cursors[i].next->session != newest->session &&
            posting_compare(search->evidence, cursors[i].next, newest) > 0) {
            newest = cursors[i].next;
        }
    }
    return newest;
}

/* One list is left: no more merging. */
static uint32_t list_candidates(struct search *search, const struct cursor *cursor,
                                bool exclude, uint32_t count)
{
    const struct candidate alike = {.mask = (uint16_t)(1u << cursor->item),
                                    .sim = (uint16_t)search->items.weight[cursor->item]};
    for (const struct posting *next = cursor->next;
         next != cursor->end && count < search->candidates_max; next--) {
        if (!exclude || !search_excludes(search, next->session)) {
            search->candidates[count] = alike;
            search->candidates[count++].session = next->session;
        }
    }
    return count;
}

/* The lists lie apart in memory: asks for those of a later bucket early. */
static void bucket_prefetch(const struct search *search, uint32_t bucket)
{
    for (uint32_t i = 0; i < search->items.count && bucket < EVIDENCE_BUCKETS_MAX; i++) {
        const struct posting_list *list = NULL;
        if (search->item_number[i] != EVIDENCE_NONE) {
            list = evidence_item_list(&search->evidence->items[search->item_number[i]],
                                      bucket);
        }
        if (list != NULL && list->count > 0) {
            __builtin_prefetch(list->entries + list->count - 1);
        }
    }
}

/* The newest candidates_max sessions of the bucket that hold a query item. */
static uint32_t bucket_candidates(struct search *search, uint32_t bucket)
{
    struct cursor cursors[RECOMMEND_CLICKS_MAX];
    uint32_t open = cursors_open(search, bucket, cursors);
    bucket_prefetch(search, bucket + 2);
    bool exclude = search_must_exclude(search, bucket);
    uint32_t count = 0;
    while (open > 1 && count < search->candidates_max) {
        uint32_t session = cursors_newest(search, cursors, open)->session;
        struct candidate candidate = {.session = session};
        uint32_t i = 0;
        while (i < open) {
            struct cursor *cursor = &cursors[i];
            if (cursor->next->session == session) {
                candidate.mask |= (uint16_t)(1u << cursor->item);
                candidate.sim =
                    (uint16_t)(candidate.sim + search->items.weight[cursor->item]);
                cursor->next--;
            }
            if (cursor->next == cursor->end) {
                *cursor = cursors[--open];
            } else {
                i++;
            }
        }
        if (!exclude || !search_excludes(search, session)) {
            search->candidates[count++] = candidate;
        }
    }
    return open == 1 ? list_candidates(search, &cursors[0], exclude, count) : count;
}

/* The neighbours_max highest sim; candidates come newest first, so ties fall to the
 * newer by taking the first. sim is small, so counting replaces sorting. */
static void bucket_neighbours(struct search *search, uint32_t count)
{
    uint32_t with_sim[SIM_MAX + 1] = {0};
    uint32_t least = SIM_MAX, above = 0, ties;
    if (count > search->neighbours_max) {
        for (uint32_t i = 0; i < count; i++) {
            with_sim[search->candidates[i].sim]++;
        }
        while (above + with_sim[least] <= search->neighbours_max) {
            above += with_sim[least--];
        }
        ties = search->neighbours_max - above;
    } else {
        least = 0;
        ties = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct candidate *candidate = &search->candidates[i];
        bool tie = candidate->sim == least;
        if (candidate->sim > least || (tie && ties > 0)) {
            ties -= tie;
            search->neighbours[search->neighbour_count++] = *candidate;
            __builtin_prefetch(&search->evidence->slots[candidate->session]);
        }
    }
}

/* --- Sums per item ------------------------------------------------------------------- */

struct sums {
    uint32_t *table; /* row + 1 by item number, 0 free */
    uint32_t table_mask;
    uint32_t *rows; /* item numbers */
    uint32_t row_count;
    uint32_t related;
    /* Per row and query item: the sum of lambda in the upper half, the number of
     * neighbours in the lower, so that one addition counts both. */
    uint64_t *cells;
};

static uint32_t sums_row(struct sums *sums, uint32_t item)
{
    uint32_t place = (item * 0x9e3779b1u) & sums->table_mask;
    while (sums->table[place] != 0) {
        uint32_t row = sums->table[place] - 1;
        if (sums->rows[row] == item) {
            return row;
        }
        place = (place + 1) & sums->table_mask;
    }
    uint32_t row = sums->row_count++;
    size_t first = (size_t)row * sums->related;
    sums->table[place] = row + 1;
    sums->rows[row] = item;
    for (uint32_t q = 0; q < sums->related; q++) {
        sums->cells[first + q] = 0;
    }
    return row;
}

static bool sums_init(struct sums *sums, const struct search *search)
{
    const struct evidence *evidence = search->evidence;
    uint64_t rows = 0;
    uint64_t size = TABLE_SIZE_MIN;
    for (uint32_t i = 0; i < search->neighbour_count; i++) {
        rows += evidence->slots[search->neighbours[i].session].item_count;
    }
    rows = rows < evidence->item_count ? rows : evidence->item_count;
    while (size < rows * 2) {
        size *= 2;
    }
    *sums =
        (struct sums){.table_mask = (uint32_t)(size - 1), .related = search->items.count};
    size_t cells = (size_t)rows * sums->related;
    sums->table = arena_zalloc(search->arena, (size_t)size * sizeof *sums->table);
    sums->rows = arena_alloc(search->arena, (size_t)rows * sizeof *sums->rows);
    sums->cells = arena_alloc(search->arena, cells * sizeof *sums->cells);
    return sums->table != NULL && sums->rows != NULL && sums->cells != NULL;
}

/* No half can overflow: 10 - p and the number of neighbours are bounded. */
_Static_assert((int64_t)(RECOMMEND_SESSIONS_MAX + EVIDENCE_BUCKETS_MAX) * 10 < UINT32_MAX,
               "a cell's halves fit");

static void sums_add(struct sums *sums, const struct search *search,
                     const struct candidate *neighbour)
{
    const struct evidence *evidence = search->evidence;
    const struct evidence_slot *slot = &evidence->slots[neighbour->session];
    const uint32_t *items = &evidence->pool.words[slot->items];
    /* Query items are numbered newest first: the lowest bit is the newest. */
    uint32_t newest = (uint32_t)__builtin_ctz(neighbour->mask);
    uint64_t lambda = 10 - (search->items.position[newest] + 1);
    uint64_t both = lambda << 32 | 1;
    for (uint32_t n = 0; n < slot->item_count; n++) {
        size_t first = (size_t)sums_row(sums, items[n]) * sums->related;
        for (uint32_t mask = neighbour->mask; mask != 0; mask &= mask - 1) {
            sums->cells[first + (uint32_t)__builtin_ctz(mask)] += both;
        }
    }
}

static bool sums_unpack(const struct sums *sums, const struct search *search,
                        struct recommend_partial *out)
{
    size_t cells = (size_t)sums->row_count * sums->related;
    out->items = arena_alloc(search->arena, sums->row_count * sizeof *out->items);
    out->parts = arena_alloc(search->arena, cells * sizeof *out->parts);
    out->evidence = arena_alloc(search->arena, cells * sizeof *out->evidence);
    if (out->items == NULL || out->parts == NULL || out->evidence == NULL) {
        return false;
    }
    size_t cell = 0;
    for (uint32_t row = 0; row < sums->row_count; row++) {
        out->items[row] = search->evidence->items[sums->rows[row]].sku_hash;
        for (uint32_t q = 0; q < sums->related; q++, cell++) {
            out->parts[cell] =
                (int64_t)((sums->cells[cell] >> 32) * search->items.weight[q]);
            out->evidence[cell] = (uint32_t)sums->cells[cell];
        }
    }
    out->item_count = sums->row_count;
    return true;
}

static enum status search_sum(struct search *search, struct recommend_partial *out)
{
    struct sums sums;
    const struct evidence *evidence = search->evidence;
    if (!sums_init(&sums, search)) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < search->neighbour_count; i++) {
        if (i + PREFETCH_AHEAD < search->neighbour_count) {
            uint32_t ahead = search->neighbours[i + PREFETCH_AHEAD].session;
            __builtin_prefetch(&evidence->pool.words[evidence->slots[ahead].items]);
        }
        sums_add(&sums, search, &search->neighbours[i]);
    }
    if (!sums_unpack(&sums, search, out)) {
        return STATUS_TOO_LARGE;
    }
    out->neighbours = search->neighbour_count;
    return STATUS_OK;
}

/* Room for candidates and neighbours, no more than there are sessions. */
static bool search_init(struct search *search)
{
    uint64_t sessions = search->evidence->sessions;
    uint64_t candidates = search->candidates_max;
    uint64_t neighbours = (uint64_t)search->neighbours_max *
                          (uint64_t)__builtin_popcountll(search->query->buckets);
    candidates = candidates < sessions ? candidates : sessions;
    neighbours = neighbours < sessions ? neighbours : sessions;
    search->candidates =
        arena_alloc(search->arena, (size_t)candidates * sizeof *search->candidates);
    search->neighbours =
        arena_alloc(search->arena, (size_t)neighbours * sizeof *search->neighbours);
    return search->candidates != NULL && search->neighbours != NULL;
}

enum status recommend_search(const struct evidence *evidence,
                             const struct recommend_query *query, struct arena *arena,
                             struct recommend_partial *out_partial)
{
    struct search search = {.evidence = evidence, .query = query, .arena = arena};
    struct recommend_partial partial = {0};
    TRY(recommend_query_check(query));
    if (query->bucket_count != evidence->options.bucket_count) {
        return STATUS_INVALID;
    }
    uint32_t v = query->bucket_count;
    search.candidates_max = (query->candidates + v - 1) / v;
    search.neighbours_max = (query->neighbours + v - 1) / v;
    recommend_query_items(query, &search.items);
    for (uint32_t i = 0; i < search.items.count; i++) {
        search.item_number[i] = evidence_item_find(evidence, search.items.sku_hash[i]);
    }
    if (!search_init(&search)) {
        return STATUS_TOO_LARGE;
    }
    for (uint64_t left = query->buckets; left != 0; left &= left - 1) {
        bucket_neighbours(&search,
                          bucket_candidates(&search, (uint32_t)__builtin_ctzll(left)));
    }
    partial.bucket_count = v;
    partial.buckets = query->buckets;
    partial.related = search.items.count;
    TRY(search_sum(&search, &partial));
    *out_partial = partial;
    return STATUS_OK;
}
