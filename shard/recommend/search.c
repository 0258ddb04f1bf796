/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/search.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/recommend/evidence_private.h"

enum {
    /* sim is a sum of distinct l - pos, at most 9 + 8 + ... + 1 */
    SIM_MAX = RECOMMEND_CLICKS_MAX * (RECOMMEND_CLICKS_MAX + 1) / 2,
    TABLE_SIZE_MIN = 64,
    PREFETCH_CHUNKS = 4, /* buckets ahead */
    PREFETCH_ENTRIES = 2,
};

/* A session that holds query items. */
struct candidate {
    uint32_t session;
    uint16_t sim;
    uint16_t mask; /* bit i: it holds query item i */
};

struct search {
    const struct evidence *evidence;
    const struct session_pool *pool;
    uint64_t version; /* what is read; newer and dead sessions are left out */
    const struct recommend_query *query;
    struct arena *arena;
    struct recommend_items items;
    const struct evidence_item *item[RECOMMEND_CLICKS_MAX]; /* NULL: never seen */
    uint32_t bucket;                                        /* the one at hand */
    bool mixed;                   /* its lists may hold what this version does not see */
    uint32_t candidates_max;      /* per bucket */
    uint32_t neighbours_max;      /* per bucket */
    struct candidate *candidates; /* of the bucket at hand, newest first */
    struct candidate *neighbours; /* of all buckets so far */
    uint32_t neighbour_count;
};

/* The list heads of a bucket, being merged newest first. */
struct cursor {
    struct posting_cursor at; /* the newest not yet taken */
    uint32_t item;            /* query item */
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
    const struct session_record *record = session_pool_at(search->pool, session);
    const struct recommend_query *query = search->query;
    if (query->exclude_session != 0 && record->session_hash == query->exclude_session) {
        return true;
    }
    return query->exclude_customer && record->customer.high == query->customer.high &&
           record->customer.low == query->customer.low;
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

/* After lists were loaded: did a session come in since this version? */
static bool bucket_has_newer(const struct search *search)
{
    return atomic_load_explicit(&search->evidence->buckets[search->bucket].newest_birth,
                                memory_order_relaxed) > search->version;
}

static bool cursor_visible(const struct search *search, const struct cursor *cursor)
{
    return session_visible(session_pool_at(search->pool, cursor->at.next->session),
                           search->version);
}

/* Passes what is not seen; false when nothing is left. */
static bool cursor_sift(const struct search *search, struct cursor *cursor)
{
    while (!cursor_visible(search, cursor)) {
        if (!posting_cursor_step(&cursor->at)) {
            return false;
        }
    }
    return true;
}

static bool cursor_step(struct search *search, struct cursor *cursor)
{
    if (--cursor->at.next == cursor->at.end) {
        cursor->at.next++;
        if (!posting_cursor_step(&cursor->at)) {
            return false;
        }
        search->mixed = search->mixed || bucket_has_newer(search);
    }
    return !search->mixed || cursor_sift(search, cursor);
}

static uint32_t cursors_open(struct search *search,
                             struct cursor cursors[RECOMMEND_CLICKS_MAX])
{
    const struct evidence_bucket_state *bucket =
        &search->evidence->buckets[search->bucket];
    uint32_t count = 0, kept = 0;
    /* The dead first: if there were none, those of this version are in no list loaded
     * from here on. */
    search->mixed = atomic_load_explicit(&bucket->buried, memory_order_acquire) > 0;
    for (uint32_t i = 0; i < search->items.count; i++) {
        cursors[count].item = i;
        count += search->item[i] != NULL &&
                 posting_cursor_open(&cursors[count].at,
                                     postings_head(&search->item[i]->postings),
                                     search->bucket);
    }
    search->mixed = search->mixed || bucket_has_newer(search);
    for (uint32_t i = 0; search->mixed && i < count; i++) {
        if (cursor_sift(search, &cursors[i])) {
            cursors[kept++] = cursors[i];
        }
    }
    return search->mixed ? kept : count;
}

static const struct posting *cursors_newest(const struct search *search,
                                            const struct cursor *cursors, uint32_t count)
{
    const struct posting *newest = cursors[0].at.next;
    for (uint32_t i = 1; i < count; i++) {
        const struct posting *next = cursors[i].at.next;
        if (next->session != newest->session &&
            posting_compare(search->pool, next, newest) > 0) {
            newest = next;
        }
    }
    return newest;
}

/* One list is left: no more merging. */
static uint32_t list_candidates(struct search *search, struct cursor *cursor,
                                bool exclude, uint32_t count)
{
    const struct candidate alike = {.mask = (uint16_t)(1u << cursor->item),
                                    .sim = (uint16_t)search->items.weight[cursor->item]};
    bool more = true;
    while (more && count < search->candidates_max) {
        uint32_t session = cursor->at.next->session;
        if (!exclude || !search_excludes(search, session)) {
            search->candidates[count] = alike;
            search->candidates[count++].session = session;
        }
        more = cursor_step(search, cursor);
    }
    return count;
}

/* The lists lie apart in memory: asks for those of later buckets early, the chunk first
 * and what is newest in it when the chunk is there. Only a hint: what changes meanwhile
 * costs a miss. */
static void bucket_prefetch(const struct search *search, uint32_t bucket)
{
    uint32_t bucket_count = search->query->bucket_count;
    for (uint32_t i = 0; i < search->items.count; i++) {
        const struct posting_head *head =
            search->item[i] != NULL ? postings_head(&search->item[i]->postings) : NULL;
        if (head == NULL || !head->is_table) {
            continue;
        }
        const struct posting_table *table = (const void *)head;
        if (bucket + PREFETCH_CHUNKS < bucket_count) {
            __builtin_prefetch(posting_table_newest(table, bucket + PREFETCH_CHUNKS));
        }
        if (bucket + PREFETCH_ENTRIES < bucket_count) {
            const struct posting_chunk *chunk =
                posting_table_newest(table, bucket + PREFETCH_ENTRIES);
            if (chunk != NULL) {
                __builtin_prefetch(posting_chunk_newest(chunk));
            }
        }
    }
}

/* The newest candidates_max sessions of the bucket that hold a query item. */
static uint32_t bucket_candidates(struct search *search, uint32_t bucket)
{
    struct cursor cursors[RECOMMEND_CLICKS_MAX];
    search->bucket = bucket;
    uint32_t open = cursors_open(search, cursors);
    bucket_prefetch(search, bucket);
    bool exclude = search_must_exclude(search, bucket);
    uint32_t count = 0;
    while (open > 1 && count < search->candidates_max) {
        uint32_t session = cursors_newest(search, cursors, open)->session;
        struct candidate candidate = {.session = session};
        uint32_t i = 0;
        while (i < open) {
            struct cursor *cursor = &cursors[i];
            if (cursor->at.next->session != session) {
                i++;
                continue;
            }
            candidate.mask |= (uint16_t)(1u << cursor->item);
            candidate.sim =
                (uint16_t)(candidate.sim + search->items.weight[cursor->item]);
            if (cursor_step(search, cursor)) {
                i++;
            } else {
                *cursor = cursors[--open];
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
            __builtin_prefetch(session_pool_at(search->pool, candidate->session));
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
    uint64_t rows = 0;
    uint64_t size = TABLE_SIZE_MIN;
    for (uint32_t i = 0; i < search->neighbour_count; i++) {
        rows += session_pool_at(search->pool, search->neighbours[i].session)->item_count;
    }
    uint64_t items = item_index_count(&search->evidence->items);
    rows = rows < items ? rows : items;
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
    const struct session_record *record =
        session_pool_at(search->pool, neighbour->session);
    /* Query items are numbered newest first: the lowest bit is the newest. */
    uint32_t newest = (uint32_t)__builtin_ctz(neighbour->mask);
    uint64_t lambda = 10 - (search->items.position[newest] + 1);
    uint64_t both = lambda << 32 | 1;
    for (uint32_t n = 0; n < record->item_count; n++) {
        size_t first = (size_t)sums_row(sums, record->items[n]) * sums->related;
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
        out->items[row] =
            item_index_at(&search->evidence->items, sums->rows[row])->sku_hash;
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
    if (!sums_init(&sums, search)) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < search->neighbour_count; i++) {
        sums_add(&sums, search, &search->neighbours[i]);
    }
    if (!sums_unpack(&sums, search, out)) {
        return STATUS_TOO_LARGE;
    }
    out->neighbours = search->neighbour_count;
    return STATUS_OK;
}

static bool search_init(struct search *search)
{
    size_t candidates = search->candidates_max;
    size_t neighbours = (size_t)search->neighbours_max *
                        (size_t)__builtin_popcountll(search->query->buckets);
    search->candidates =
        arena_alloc(search->arena, candidates * sizeof *search->candidates);
    search->neighbours =
        arena_alloc(search->arena, neighbours * sizeof *search->neighbours);
    return search->candidates != NULL && search->neighbours != NULL;
}

static enum status search_run(const struct evidence *evidence, uint64_t version,
                              const struct recommend_query *query, struct arena *arena,
                              struct recommend_partial *out_partial)
{
    struct search search = {.evidence = evidence,
                            .pool = &evidence->pool,
                            .version = version,
                            .query = query,
                            .arena = arena};
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
        uint32_t item = item_index_find(&evidence->items, search.items.sku_hash[i]);
        search.item[i] = item != ITEM_NONE ? item_index_at(&evidence->items, item) : NULL;
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

uint64_t recommend_search_work(const struct evidence *evidence,
                               const struct recommend_query *query)
{
    struct recommend_items items;
    uint64_t work = 0;
    if (recommend_query_check(query) != STATUS_OK) {
        return 0;
    }
    recommend_query_items(query, &items);
    for (uint32_t i = 0; i < items.count; i++) {
        uint64_t held = evidence_degree(evidence, items.sku_hash[i]);
        work += held < query->candidates ? held : query->candidates;
    }
    return work;
}

enum status recommend_search(const struct evidence *evidence,
                             const struct recommend_query *query, struct arena *arena,
                             struct recommend_partial *out_partial)
{
    return search_run(evidence, evidence_version(evidence), query, arena, out_partial);
}

enum status recommend_search_view(const struct evidence_view *view,
                                  const struct recommend_query *query,
                                  struct arena *arena,
                                  struct recommend_partial *out_partial)
{
    return search_run(view->evidence, view->pin.version, query, arena, out_partial);
}
