/* SPDX-License-Identifier: Apache-2.0 */
/* What trends and is popular at places, against plain loops over the standing sessions. */
#include <stdlib.h>
#include <string.h>

#include "shard/base/rng.h"
#include "shard/recommend/degrees_private.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/trending.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/golden.h"

enum {
    STORES = 10000,
    SESSIONS = 12,
    ITEMS = 6,
    PLACES = 3,
    BUCKETS = 4,
    BUCKET_SESSIONS = 2,
    PERIOD_NOW = 100,
};

struct visit {
    bool stands;
    struct evidence_session session;
    uint64_t items[ITEMS];
    struct evidence_place places[ITEMS * PLACES];
};

struct store {
    unsigned shard_count;
    struct evidence *shards[BUCKETS];
    struct degree_table *table;
    uint64_t version;
    struct visit visits[SESSIONS];
};

static unsigned shard_of(const struct store *store, const struct visit *visit)
{
    uint32_t bucket = evidence_bucket(visit->session.customer.high, BUCKETS);
    return bucket * store->shard_count / BUCKETS;
}

static void store_open(struct store *store, unsigned shard_count)
{
    const struct evidence_options options = {.bucket_count = BUCKETS,
                                             .bucket_sessions_max = BUCKET_SESSIONS};
    *store = (struct store){.shard_count = shard_count, .table = degree_table_new()};
    for (unsigned i = 0; i < shard_count; i++) {
        store->shards[i] = evidence_new(&options);
    }
}

static void store_close(struct store *store)
{
    for (unsigned i = 0; i < store->shard_count; i++) {
        evidence_free(store->shards[i]);
    }
    degree_table_free(store->table);
}

static void store_publish(struct store *store)
{
    store->version++;
    for (unsigned i = 0; i < store->shard_count; i++) {
        struct degree_delta delta, back;
        struct buffer bytes;
        if (!evidence_places_changed(store->shards[i])) {
            continue;
        }
        buffer_init(&bytes);
        evidence_take_places(store->shards[i], store->version, &delta);
        degree_delta_encode(&delta, &bytes);
        EXPECT_OK(degree_delta_decode(buffer_slice(&bytes), &back));
        EXPECT_OK(degree_table_apply(store->table, i + 1, &back));
        degree_delta_close(&back);
        degree_delta_close(&delta);
        buffer_close(&bytes);
    }
}

static void visit_make(struct rng *rng, struct visit *visit, uint64_t hash)
{
    *visit = (struct visit){
        .stands = rng_below(rng, 4) > 0,
        .session = {.session_hash = hash,
                    .customer = {hash_mix(hash), hash},
                    .end_ms = (PERIOD_NOW - 9 + (int64_t)rng_below(rng, 11)) *
                                  DEGREE_PERIOD_MS +
                              (int64_t)rng_below(rng, 3)}};
    for (uint64_t item = 1; item <= ITEMS; item++) {
        if (rng_below(rng, 2) && (item < ITEMS || visit->session.item_count > 0)) {
            continue;
        }
        visit->items[visit->session.item_count++] = item;
        for (uint64_t place = 1; place <= PLACES; place++) {
            if (rng_below(rng, 3) == 0) {
                visit->places[visit->session.place_count++] =
                    (struct evidence_place){place, item};
            }
        }
    }
}

/* The session is put, put anew or taken away. */
static void store_change(struct store *store, struct rng *rng)
{
    uint64_t hash = 1 + rng_below(rng, SESSIONS);
    struct visit *visit = &store->visits[hash - 1];
    visit_make(rng, visit, hash);
    visit->session.items = visit->items;
    visit->session.places = visit->places;
    struct evidence *shard = store->shards[shard_of(store, visit)];
    if (visit->stands) {
        evidence_put(shard, &visit->session);
    } else {
        evidence_remove(shard, hash);
    }
}

/* --- The plain reference ----------------------------------------------------------- */

static bool newer(const struct visit *a, const struct visit *b)
{
    return a->session.end_ms != b->session.end_ms
               ? a->session.end_ms > b->session.end_ms
               : a->session.session_hash > b->session.session_hash;
}

/* Among the newest of its bucket. */
static bool is_evidence(const struct store *store, const struct visit *visit)
{
    unsigned before = 0;
    for (unsigned i = 0; i < SESSIONS; i++) {
        const struct visit *other = &store->visits[i];
        before += other != visit && other->stands && newer(other, visit) &&
                  evidence_bucket(other->session.customer.high, BUCKETS) ==
                      evidence_bucket(visit->session.customer.high, BUCKETS);
    }
    return visit->stands && before < BUCKET_SESSIONS;
}

struct wanted {
    uint64_t item;
    int64_t score;
    int64_t evidence;
    int64_t most;
    uint64_t place;
};

static void wanted_add(const struct store *store, uint64_t place, bool popular,
                       struct wanted *out)
{
    int64_t all = 0, late = 0, recent = 0;
    for (unsigned i = 0; i < SESSIONS; i++) {
        const struct visit *visit = &store->visits[i];
        int64_t age = PERIOD_NOW - visit->session.end_ms / DEGREE_PERIOD_MS;
        for (uint32_t p = 0; p < visit->session.place_count; p++) {
            if (is_evidence(store, visit) && visit->places[p].place == place &&
                visit->places[p].sku_hash == out->item) {
                all++;
                late += age <= 6;
                recent += age <= 6 ? 1 << (age > 0 ? 6 - age : 6) : 0;
            }
        }
    }
    int64_t evidence = popular ? all : late;
    out->score += popular ? all + recent : recent * recent / (64 * (all + 8));
    out->evidence += evidence;
    if (evidence > out->most) {
        out->most = evidence;
        out->place = place;
    }
}

static int wanted_order(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

static uint32_t wanted_make(const struct store *store, const struct trending_query *query,
                            struct wanted *out)
{
    uint32_t count = 0;
    for (uint64_t item = 1; item <= ITEMS; item++) {
        out[count] = (struct wanted){.item = item};
        for (uint32_t t = 0; t < query->table_count; t++) {
            wanted_add(store, query->tables[t].place, query->popular, &out[count]);
        }
        count += out[count].score > 0;
    }
    qsort(out, count, sizeof *out, wanted_order);
    return count;
}

static void expect_wanted(const struct store *store, const struct trending_query *query,
                          const struct recommend_ranked *ranked, uint64_t seed)
{
    struct wanted wanted[ITEMS + 1];
    uint32_t count = wanted_make(store, query, wanted);
    if (ranked->item_count != count) {
        test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, wanted %u", seed,
                  ranked->item_count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct recommend_ranked_item *item = &ranked->items[i];
        if (item->sku_hash != wanted[i].item ||
            item->score != (double)wanted[i].score / (double)wanted[0].score ||
            item->reasons[0].evidence_count != (uint64_t)wanted[i].evidence ||
            item->reasons[0].place != wanted[i].place) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": rank %u differs", seed,
                      i + 1);
        }
        EXPECT_EQ(item->reasons[0].kind,
                  query->popular ? RECOMMEND_REASON_POPULAR : RECOMMEND_REASON_TRENDING);
    }
}

static struct trending_query query_make(const struct store *store, struct rng *rng)
{
    struct trending_query query = {.popular = rng_below(rng, 2),
                                   .now_ms = PERIOD_NOW * DEGREE_PERIOD_MS + 7};
    uint64_t first = rng_below(rng, PLACES + 1); /* the last one is named by nobody */
    query.table_count = 1 + (uint32_t)rng_below(rng, PLACES + 1);
    for (uint32_t t = 0; t < query.table_count; t++) {
        query.tables[t] =
            (struct trending_table){store->table, 1 + (first + t) % (PLACES + 1), 1};
    }
    return query;
}

TEST(places, what_trends_and_is_popular_there_equals_the_plain_reference_on_10000_stores)
{
    const struct recommend_rank_options options = {.count = RECOMMEND_COUNT_MAX};
    const unsigned shard_counts[] = {1, 2, 4};
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct trending *trending = trending_new();
        struct recommend_ranked ranked;
        struct arena arena;
        struct store store;
        struct rng rng;
        rng_init(&rng, seed);
        arena_init(&arena, NULL, 0, 0);
        store_open(&store, shard_counts[seed % 3]);
        for (unsigned step = 0; step < 2 * SESSIONS; step++) {
            store_change(&store, &rng);
            if (rng_below(&rng, 6) == 0 || step + 1 == 2 * SESSIONS) {
                const struct trending_query query = query_make(&store, &rng);
                store_publish(&store);
                EXPECT_OK(trending_rank(trending, &query, &options, &arena, &ranked));
                expect_wanted(&store, &query, &ranked, seed);
            }
        }
        store_close(&store);
        trending_free(trending);
        arena_close(&arena);
    }
}

/* --- Tables ------------------------------------------------------------------------ */

TEST(places, that_nobody_names_any_more_leave_the_table)
{
    struct degree_table *table = degree_table_new();
    struct degree_change changes[2] = {{.place = 0, .sku_hash = 7, .change = 1}};
    size_t count;
    for (uint64_t i = 1; i <= 100000; i++) {
        /* One comes, the one before it goes: what a limit on sessions leaves behind. */
        struct degree_delta delta = {
            .from_version = i - 1, .version = i, .changes = changes};
        changes[0] = (struct degree_change){.place = i - 1, .sku_hash = 7, .change = -1};
        changes[1] = (struct degree_change){.place = i, .sku_hash = 7, .change = 1};
        delta.change_count = i > 1 ? 2 : 1;
        delta.changes = i > 1 ? changes : changes + 1;
        EXPECT_OK(degree_table_apply(table, 1, &delta));
        EXPECT(degree_table_stamp(table, i) == i);
    }
    EXPECT(table->sum.capacity <= 256 && table->places.capacity <= 256);
    EXPECT(table->shards[0].rows.capacity <= 256);
    EXPECT(degree_table_shard_bytes(table, 1) > 2 * 64 * sizeof(struct degree_row));
    EXPECT(degree_table_shard_bytes(table, 1) < 100 * 1000);
    EXPECT_EQ(degree_table_shard_bytes(table, 2), 0);
    const uint64_t *items = degree_table_place_items(table, 100000, &count);
    EXPECT(count == 1 && items[0] == 7);
    (void)degree_table_place_items(table, 5, &count);
    EXPECT_EQ(count, 0);
    EXPECT_EQ(degree_table_stamp(table, 5), 0);
    EXPECT_EQ(degree_table_items(table, 7), 0); /* without a place there is none */
    degree_table_drop(table, 1);
    EXPECT(degree_table_stamp(table, 100000) > 100000);
    degree_table_free(table);
}

TEST(places, keep_as_many_lists_as_the_limit_says_and_each_stays_right)
{
    struct degree_table *table = degree_table_new();
    struct trending *trending = trending_new();
    const struct recommend_rank_options options = {.count = 3};
    struct recommend_ranked ranked;
    struct degree_change changes[2 * TRENDING_LISTS_MAX];
    struct degree_delta delta = {.version = 1, .changes = changes};
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    for (uint64_t place = 1; place <= 2 * TRENDING_LISTS_MAX; place++) {
        changes[delta.change_count++] = (struct degree_change){
            .place = place, .sku_hash = 1000 + place, .period = PERIOD_NOW, .change = 2};
    }
    EXPECT_OK(degree_table_apply(table, 1, &delta));
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t place = 1; place <= 2 * TRENDING_LISTS_MAX; place++) {
            const struct trending_query query = {.tables = {{table, place, 1}},
                                                 .table_count = 1,
                                                 .now_ms = PERIOD_NOW * DEGREE_PERIOD_MS};
            EXPECT_OK(trending_rank(trending, &query, &options, &arena, &ranked));
            EXPECT(ranked.item_count == 1 && ranked.items[0].sku_hash == 1000 + place);
            EXPECT_EQ(ranked.items[0].reasons[0].place, place);
            EXPECT_EQ(ranked.items[0].reasons[0].evidence_count, 2 + round);
        }
        for (size_t i = 0; i < delta.change_count; i++) {
            changes[i].change = 1;
        }
        delta.from_version = delta.version++;
        EXPECT_OK(degree_table_apply(table, 1, &delta));
    }
    arena_close(&arena);
    trending_free(trending);
    degree_table_free(table);
}

TEST(places, have_degrees_whose_bytes_are_the_golden_ones)
{
    struct degree_change changes[] = {{1, 9, -2, 3}, {1, 10, 5, -1}, {2, 3, 5, 1}};
    const struct degree_delta delta = {
        .whole = true, .version = 900, .changes = changes, .change_count = 3};
    struct degree_delta back;
    struct buffer bytes;
    buffer_init(&bytes);
    degree_delta_encode(&delta, &bytes);
    golden_expect("golden/recommend/degrees_places.bin", buffer_slice(&bytes));
    EXPECT_OK(degree_delta_decode(buffer_slice(&bytes), &back));
    EXPECT(back.change_count == 3 && memcmp(back.changes, changes, sizeof changes) == 0);
    degree_delta_close(&back);
    changes[2].place = 1; /* out of order */
    buffer_clear(&bytes);
    degree_delta_encode(&delta, &bytes);
    EXPECT_STATUS(degree_delta_decode(buffer_slice(&bytes), &back), STATUS_CHECKSUM);
    bytes.data[0] = DEGREE_DELTA_VERSION_PLACES + 1;
    EXPECT_STATUS(degree_delta_decode(buffer_slice(&bytes), &back), STATUS_VERSION);
    buffer_close(&bytes);
}
