/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/walk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/histories_private.h"
#include "shard/recommend/shared.h"

enum {
    TABLE_SIZE_MIN = 64,
    PREFETCH_AHEAD = 16,
    PREFETCH_HELD_AHEAD = 12, /* less is done with each of these */
    SORT_BUCKET_MAX =
        16, /* votes; hashes that lie closer together are sorted another way */
};

enum status walk_query_check(const struct walk_query *query)
{
    bool power_of_two = query->bucket_count > 0 &&
                        query->bucket_count <= EVIDENCE_BUCKETS_MAX &&
                        (query->bucket_count & (query->bucket_count - 1)) == 0;
    if (!power_of_two || query->seed_count > WALK_SEEDS_MAX || query->customers < 1 ||
        query->customers > WALK_CUSTOMERS_MAX ||
        query->power_quarters > WALK_POWER_QUARTERS_MAX ||
        query->window > WALK_WINDOW_MAX) {
        return STATUS_INVALID;
    }
    if (query->bucket_count < 64 && query->buckets >> query->bucket_count != 0) {
        return STATUS_INVALID;
    }
    for (uint32_t i = 0; i < query->seed_count; i++) {
        for (uint32_t n = 0; n < i; n++) {
            if (query->seeds[n] == query->seeds[i]) {
                return STATUS_INVALID;
            }
        }
    }
    return STATUS_OK;
}

/* --- The table of powers ---------------------------------------------------------------- */

/* Two roots of 2^124 / n^quarters, each kept to more than 40 bits, and one rounding. */
int64_t walk_weight(uint32_t held_count, uint32_t power_quarters)
{
    enum {
        ROOT_BITS = 63 /* of the second root at n = 1 */
    };
    shared_wide value = (shared_wide)1 << 124;
    ASSERT(held_count > 0 && held_count <= HISTORIES_ACTIONS_MAX);
    ASSERT(power_quarters <= WALK_POWER_QUARTERS_MAX);
    for (uint32_t i = 0; i < power_quarters; i++) {
        value /= held_count;
    }
    uint64_t root = shared_root((shared_wide)shared_root(value) << 64);
    unsigned drop = ROOT_BITS - WALK_WEIGHT_BITS;
    return (int64_t)((root + ((uint64_t)1 << (drop - 1))) >> drop);
}

static int64_t weights[WALK_POWER_QUARTERS_MAX + 1][HISTORIES_ACTIONS_MAX + 1];

static void weights_make(void)
{
    for (uint32_t quarters = 0; quarters <= WALK_POWER_QUARTERS_MAX; quarters++) {
        for (uint32_t held = 1; held <= HISTORIES_ACTIONS_MAX; held++) {
            weights[quarters][held] = walk_weight(held, quarters);
        }
    }
}

/* walk_weight of one power, by what is held. */
static const int64_t *walk_weights(uint32_t power_quarters)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, weights_make);
    return weights[power_quarters];
}

/* No sum of one search can leave int64. */
_Static_assert((int64_t)(WALK_CUSTOMERS_MAX + EVIDENCE_BUCKETS_MAX) * WALK_WINDOW_MAX <
                   INT64_MAX >> WALK_WEIGHT_BITS,
               "sums fit");

/* --- One seed ---------------------------------------------------------------------------- */

struct walk_row {
    int64_t sum;
    uint32_t item; /* number */
    uint32_t evidence;
};

struct walk {
    const struct histories *histories;
    const struct walk_query *query;
    struct arena *arena;
    const struct history_customer **visited; /* of the seed at hand */
    uint32_t visited_count;
    const struct history_customer *excluded;
    uint32_t *table; /* row + 1 by item, 0 free; cleared for each seed */
    uint64_t table_capacity;
    uint64_t table_mask;
    struct walk_row *rows;
    uint32_t row_count;
    uint32_t *seen; /* directed: by row, the visit that counted it last */
    uint32_t visit;
    const int64_t *weights; /* by |H_u| */
};

/* The newest of each bucket asked for. Customers lie all over memory, so none is looked at
 * before all are known: then many can be on their way at once. */
static void walk_visit(struct walk *walk, const struct history_item *seed)
{
    const struct walk_query *query = walk->query;
    uint32_t most = (query->customers + query->bucket_count - 1) / query->bucket_count;
    walk->visited_count = 0;
    for (uint64_t left = query->buckets & seed->buckets; left != 0; left &= left - 1) {
        const struct history_list *list =
            histories_item_list(seed, (uint32_t)__builtin_ctzll(left));
        uint32_t taken = 0;
        if ((left & (left - 1)) != 0) {
            __builtin_prefetch(&list[1].entries[list[1].count - 1]);
        }
        for (uint32_t i = list->count; i > 0 && taken < most; i--) {
            if (list->entries[i - 1].customer != walk->excluded) {
                walk->visited[walk->visited_count++] = list->entries[i - 1].customer;
                taken++;
            }
        }
    }
}

/* How much all that are visited hold. */
static uint64_t walk_held(const struct walk *walk)
{
    uint64_t held = 0;
    for (uint32_t i = 0; i < walk->visited_count; i++) {
        if (walk->visited_count - i > PREFETCH_AHEAD) {
            __builtin_prefetch(walk->visited[i + PREFETCH_AHEAD]);
        }
        held += walk->visited[i]->held_count;
    }
    return held;
}

static uint32_t *walk_slot(const struct walk *walk, uint32_t item)
{
    uint64_t place = (item * UINT64_C(0x9e3779b97f4a7c15) >> 32) & walk->table_mask;
    while (walk->table[place] != 0 && walk->rows[walk->table[place] - 1].item != item) {
        place = (place + 1) & walk->table_mask;
    }
    return &walk->table[place];
}

static uint32_t walk_row(struct walk *walk, uint32_t item)
{
    uint32_t *slot = walk_slot(walk, item);
    if (*slot == 0) {
        walk->rows[walk->row_count++] = (struct walk_row){.item = item};
        *slot = walk->row_count;
    }
    return *slot - 1;
}

static void walk_add(struct walk *walk, uint32_t row, int64_t weight)
{
    walk->rows[row].sum += weight;
    walk->rows[row].evidence++;
}

static void walk_hold(struct walk *walk, const struct history_customer *customer,
                      uint32_t seed, int64_t weight)
{
    for (uint32_t i = 0; i < customer->held_count; i++) {
        if (customer->items[i] != seed) {
            walk_add(walk, walk_row(walk, customer->items[i]), weight);
        }
    }
}

/* Near distances first: an item counts at its least. */
static void walk_follow(struct walk *walk, const struct history_customer *customer,
                        uint32_t seed, int64_t weight)
{
    for (uint32_t distance = 1; distance <= walk->query->window; distance++) {
        int64_t part = weight * (int64_t)(walk->query->window + 1 - distance);
        for (uint32_t i = 0; i + distance < customer->step_count; i++) {
            if (customer->steps[i] != seed || customer->steps[i + distance] == seed) {
                continue;
            }
            uint32_t row = walk_row(walk, customer->steps[i + distance]);
            if (walk->rows[row].evidence == 0 || walk->seen[row] != walk->visit) {
                walk->seen[row] = walk->visit;
                walk_add(walk, row, part);
            }
        }
    }
}

static int vote_compare(const void *left, const void *right)
{
    const struct walk_vote *a = left, *b = right;
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

/* Puts votes into `out` by hash. Hashes are spread evenly, so their top bits all but sort
 * them; false, and nothing useful in `out`, when these are not. */
static bool votes_spread(const struct walk_vote *votes, uint32_t count, uint32_t *starts,
                         unsigned bits, struct walk_vote *out)
{
    unsigned shift = 64 - bits;
    memset(starts, 0, (((size_t)1 << bits) + 1) * sizeof *starts);
    for (uint32_t i = 0; i < count; i++) {
        if (++starts[(votes[i].sku_hash >> shift) + 1] > SORT_BUCKET_MAX) {
            return false;
        }
    }
    for (uint64_t bucket = 1; bucket <= (uint64_t)1 << bits; bucket++) {
        starts[bucket] += starts[bucket - 1];
    }
    for (uint32_t i = 0; i < count; i++) {
        out[starts[votes[i].sku_hash >> shift]++] = votes[i];
    }
    for (uint32_t i = 1; i < count; i++) {
        struct walk_vote moved = out[i];
        uint32_t place = i;
        for (; place > 0 && out[place - 1].sku_hash > moved.sku_hash; place--) {
            out[place] = out[place - 1];
        }
        out[place] = moved;
    }
    return true;
}

static enum status votes_sort(struct arena *arena, struct walk_votes *votes)
{
    unsigned bits = 1;
    while (bits < 32 && (uint64_t)1 << bits < votes->count) {
        bits++;
    }
    uint32_t *starts = arena_alloc(arena, (((size_t)1 << bits) + 1) * sizeof *starts);
    struct walk_vote *sorted = arena_alloc(arena, votes->count * sizeof *sorted);
    if (starts == NULL || sorted == NULL) {
        return STATUS_TOO_LARGE;
    }
    if (votes_spread(votes->votes, votes->count, starts, bits, sorted)) {
        votes->votes = sorted;
    } else {
        qsort(votes->votes, votes->count, sizeof *votes->votes, vote_compare);
    }
    return STATUS_OK;
}

static enum status walk_unpack(const struct walk *walk, struct walk_votes *out)
{
    out->votes = arena_alloc(walk->arena, walk->row_count * sizeof *out->votes);
    if (out->votes == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < walk->row_count; i++) {
        const struct walk_row *row = &walk->rows[i];
        out->votes[i] =
            (struct walk_vote){.sku_hash = walk->histories->sku_hashes[row->item],
                               .sum = row->sum,
                               .evidence = row->evidence};
    }
    out->count = walk->row_count;
    return out->count > 1 ? votes_sort(walk->arena, out) : STATUS_OK;
}

/* Room for `rows` items of one seed at a load of at most a half. */
static enum status walk_reserve(struct walk *walk, uint64_t rows)
{
    uint64_t size = TABLE_SIZE_MIN;
    while (size < rows * 2) {
        size *= 2;
    }
    walk->table_mask = size - 1;
    walk->row_count = 0;
    if (size <= walk->table_capacity) {
        memset(walk->table, 0, (size_t)size * sizeof *walk->table);
        return STATUS_OK;
    }
    walk->table_capacity = size;
    walk->table = arena_zalloc(walk->arena, (size_t)size * sizeof *walk->table);
    walk->rows = arena_alloc(walk->arena, (size_t)size / 2 * sizeof *walk->rows);
    walk->seen = NULL;
    if (walk->query->window > 0) {
        walk->seen = arena_alloc(walk->arena, (size_t)size / 2 * sizeof *walk->seen);
    }
    return walk->table == NULL || walk->rows == NULL ||
                   (walk->seen == NULL && walk->query->window > 0)
               ? STATUS_TOO_LARGE
               : STATUS_OK;
}

/* What a walk reads of a customer beside the row itself. */
static void walk_prefetch(const struct walk *walk, uint32_t place)
{
    const struct history_customer *customer =
        place < walk->visited_count ? walk->visited[place] : NULL;
    if (customer != NULL && walk->query->window > 0) {
        __builtin_prefetch(customer->steps);
    } else if (customer != NULL && customer->items != customer->few) {
        __builtin_prefetch(customer->items);
    }
}

static enum status walk_seed(struct walk *walk, uint64_t sku_hash, struct walk_votes *out)
{
    const struct history_item *seed = histories_item_find(walk->histories, sku_hash);
    *out = (struct walk_votes){0};
    if (seed == NULL || seed->degree == 0) {
        return STATUS_OK;
    }
    walk_visit(walk, seed);
    uint64_t held = walk_held(walk);
    TRY(walk_reserve(
        walk, held < walk->histories->item_count ? held : walk->histories->item_count));
    walk->visit = 0;
    for (uint32_t i = 0; i < walk->visited_count; i++) {
        const struct history_customer *customer = walk->visited[i];
        int64_t weight = walk->weights[customer->held_count];
        walk_prefetch(walk, i + PREFETCH_HELD_AHEAD);
        walk->visit++;
        if (walk->query->window > 0) {
            walk_follow(walk, customer, seed->number, weight);
        } else {
            walk_hold(walk, customer, seed->number, weight);
        }
    }
    return walk_unpack(walk, out);
}

enum status walk_search(const struct histories *histories, const struct walk_query *query,
                        struct arena *arena, struct walk_partial *out_partial)
{
    TRY(walk_query_check(query));
    if (query->bucket_count != histories->options.bucket_count) {
        return STATUS_INVALID;
    }
    uint64_t visited =
        (uint64_t)query->customers + query->bucket_count; /* ceil per bucket */
    visited = visited < histories->customers.count ? visited : histories->customers.count;
    struct walk *walk = arena_zalloc(arena, sizeof *walk);
    if (walk == NULL) {
        return STATUS_TOO_LARGE;
    }
    walk->histories = histories;
    walk->query = query;
    walk->arena = arena;
    walk->weights = walk_weights(query->power_quarters);
    if (query->exclude_customer) {
        walk->excluded = histories_customer_find(histories, query->customer);
    }
    walk->visited = arena_alloc(arena, (size_t)visited * sizeof *walk->visited);
    if (walk->visited == NULL) {
        return STATUS_TOO_LARGE;
    }
    struct walk_partial partial = {.bucket_count = query->bucket_count,
                                   .buckets = query->buckets,
                                   .seed_count = query->seed_count};
    for (uint32_t i = 0; i < query->seed_count; i++) {
        TRY(walk_seed(walk, query->seeds[i], &partial.seeds[i]));
    }
    *out_partial = partial;
    return STATUS_OK;
}
