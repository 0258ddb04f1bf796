/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches while the evidence changes. A script of changes is run twice: alone, noting the
 * answers after every change, and then with readers on other threads. Each of their
 * answers must be the one noted for the version they read, which must lie between what had
 * returned before they began and what had begun when they ended.
 */
#include <pthread.h>

#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/recommend/world.h"

enum {
    READERS = 3,
    CHANGES = 6000,
    SESSIONS = 900, /* enough per item for tables and for chunks that split */
    ITEMS = 5,
    QUERIES = 3,
    BUCKETS = 2,
    READS_LEAST = 50,
};

struct script {
    struct rng rng;
    uint64_t step;
    int64_t clock_ms;
};

static void script_step(struct script *script, struct evidence *evidence)
{
    struct rng *rng = &script->rng;
    uint64_t hash = hash_mix(1 + rng_below(rng, SESSIONS));
    uint64_t items[4];
    struct evidence_session session = {
        .session_hash = hash, .customer = {hash_mix(hash), hash}, .items = items};
    script->step++;
    script->clock_ms += (int64_t)rng_below(rng, 3);
    if (script->step > SESSIONS && rng_below(rng, 4) == 0) {
        evidence_remove(evidence, hash);
        return;
    }
    uint64_t late = rng_below(rng, 4) == 0 ? rng_below(rng, 4000) : 0;
    session.end_ms = script->clock_ms - (int64_t)late;
    session.item_count = 1 + (uint32_t)rng_below(rng, 4);
    for (uint32_t i = 0; i < session.item_count; i++) {
        uint64_t draw = rng_below(rng, ITEMS * ITEMS);
        items[i] = 100 + draw % (1 + draw / ITEMS); /* some are more popular */
    }
    evidence_put(evidence, &session);
}

static const uint64_t clicks[QUERIES][3] = {
    {100, 101, 100}, {103, 102, 104}, {104, 7, 7}};

static struct recommend_query query_of(unsigned which)
{
    return (struct recommend_query){.clicks = clicks[which],
                                    .click_count = 3,
                                    .clicks_max = 9,
                                    .candidates = which == 0 ? 40 : 1000,
                                    .neighbours = 30,
                                    .bucket_count = BUCKETS,
                                    .buckets = 3};
}

/* Items of a partial come in no order. */
static uint64_t answer_hash(const struct recommend_partial *partial)
{
    uint64_t sum = partial->neighbours + 1;
    for (uint32_t i = 0; i < partial->item_count; i++) {
        uint64_t row = hash_mix(partial->items[i]);
        for (uint32_t q = 0; q < partial->related; q++) {
            size_t cell = (size_t)i * partial->related + q;
            row = hash_mix(row ^ (uint64_t)partial->parts[cell]);
            row = hash_mix(row ^ partial->evidence[cell]);
        }
        sum += row;
    }
    return sum;
}

struct readers {
    struct evidence *evidence;
    uint64_t (*wanted)[QUERIES]; /* by version */
    _Atomic uint64_t returned;   /* version after the last change that returned */
    _Atomic bool stop;
    _Atomic uint64_t wrong_answers;
    _Atomic uint64_t wrong_versions;
    _Atomic uint64_t reads;
};

static uint64_t read_once(struct readers *readers, unsigned which, struct arena *arena)
{
    struct evidence_view view;
    struct recommend_partial partial;
    struct recommend_query query = query_of(which);
    uint64_t least = atomic_load(&readers->returned);
    if (!evidence_read_begin(readers->evidence, &view)) {
        return 0;
    }
    enum status status = recommend_search_view(&view, &query, arena, &partial);
    uint64_t most = atomic_load(&readers->returned) + 1;
    bool good = status == STATUS_OK &&
                answer_hash(&partial) == readers->wanted[view.pin.version][which];
    bool in_time = view.pin.version >= least && view.pin.version <= most;
    evidence_read_end(&view);
    atomic_fetch_add(&readers->wrong_answers, !good);
    atomic_fetch_add(&readers->wrong_versions, !in_time);
    arena_reset(arena);
    return 1;
}

static void *read_always(void *argument)
{
    struct readers *readers = argument;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    for (unsigned i = 0; !atomic_load(&readers->stop); i++) {
        atomic_fetch_add(&readers->reads, read_once(readers, i % QUERIES, &arena));
    }
    arena_close(&arena);
    return NULL;
}

static void note_answers(struct evidence *evidence, uint64_t wanted[QUERIES],
                         struct arena *arena)
{
    for (unsigned q = 0; q < QUERIES; q++) {
        struct recommend_query query = query_of(q);
        struct recommend_partial partial;
        EXPECT_OK(recommend_search(evidence, &query, arena, &partial));
        wanted[q] = answer_hash(&partial);
        arena_reset(arena);
    }
}

static void run_script(uint64_t seed, uint32_t sessions_max)
{
    const struct evidence_options options = {.bucket_count = BUCKETS,
                                             .bucket_sessions_max = sessions_max};
    struct script script = {0};
    struct readers readers = {.evidence = evidence_new(&options)};
    struct evidence *alone = evidence_new(&options);
    struct arena arena;
    pthread_t threads[READERS];
    arena_init(&arena, NULL, 0, 0);
    readers.wanted = memory_zalloc((CHANGES + 10) * sizeof *readers.wanted);
    rng_init(&script.rng, seed);
    note_answers(alone, readers.wanted[evidence_version(alone)], &arena);
    for (unsigned i = 0; i < CHANGES; i++) {
        script_step(&script, alone);
        note_answers(alone, readers.wanted[evidence_version(alone)], &arena);
    }
    atomic_store(&readers.returned, evidence_version(readers.evidence));
    for (unsigned i = 0; i < READERS; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, read_always, &readers), 0);
    }
    script = (struct script){0};
    rng_init(&script.rng, seed);
    for (unsigned i = 0; i < CHANGES; i++) {
        script_step(&script, readers.evidence);
        atomic_store(&readers.returned, evidence_version(readers.evidence));
    }
    while (atomic_load(&readers.reads) < READS_LEAST) {
    }
    atomic_store(&readers.stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(atomic_load(&readers.wrong_answers), 0);
    EXPECT_EQ(atomic_load(&readers.wrong_versions), 0);
    EXPECT_EQ(evidence_version(alone), evidence_version(readers.evidence));
    EXPECT_EQ(evidence_digest(alone), evidence_digest(readers.evidence));
    arena_close(&arena);
    free(readers.wanted);
    evidence_free(alone);
    evidence_free(readers.evidence);
}

TEST(readers, every_answer_is_that_of_one_state_between_begin_and_end)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_script(seed, 0);
    }
}

TEST(readers, the_same_while_sessions_leave_and_return_by_the_limit)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_script(seed, 120);
    }
}

/* --- One thread, step by step -------------------------------------------------------- */

static uint64_t neighbours_seen(const struct evidence_view *view, struct arena *arena)
{
    static const uint64_t one[] = {100};
    const struct recommend_query query = {.clicks = one,
                                          .click_count = 1,
                                          .clicks_max = 1,
                                          .candidates = 1000,
                                          .neighbours = 1000,
                                          .bucket_count = BUCKETS,
                                          .buckets = 3};
    struct recommend_partial partial;
    EXPECT_OK(recommend_search_view(view, &query, arena, &partial));
    return partial.neighbours;
}

static uint64_t neighbours_now(struct evidence *evidence, struct arena *arena)
{
    struct evidence_view view;
    EXPECT(evidence_read_begin(evidence, &view));
    uint64_t count = neighbours_seen(&view, arena);
    evidence_read_end(&view);
    return count;
}

TEST(readers, a_removed_session_is_gone_from_every_search_that_begins_later)
{
    const struct evidence_options options = {.bucket_count = BUCKETS};
    struct evidence *evidence = evidence_new(&options);
    struct evidence_view before;
    struct arena arena;
    const uint64_t item = 100;
    uint64_t count = 0;
    arena_init(&arena, NULL, 0, 0);
    for (uint64_t i = 1; i <= 500; i++) {
        const struct evidence_session session = {.session_hash = i,
                                                 .customer = {hash_mix(i), i},
                                                 .end_ms = (int64_t)i,
                                                 .items = &item,
                                                 .item_count = 1};
        evidence_put(evidence, &session);
    }
    EXPECT(evidence_read_begin(evidence, &before));
    for (uint64_t i = 1; i <= 500; i++, count++) {
        EXPECT_EQ(neighbours_now(evidence, &arena), 500 - count);
        evidence_remove(evidence, i);
    }
    EXPECT_EQ(neighbours_now(evidence, &arena), 0);
    EXPECT_EQ(neighbours_seen(&before, &arena), 500); /* it began before them all */
    uint64_t held_bytes = evidence_counters(evidence).memory_bytes;
    evidence_read_end(&before);
    evidence_remove(evidence, 1);
    const struct evidence_session last = {
        .session_hash = 1, .customer = {1, 1}, .items = &item, .item_count = 1};
    evidence_put(evidence, &last); /* any change looks who still reads */
    EXPECT(evidence_counters(evidence).memory_bytes < held_bytes);
    EXPECT_EQ(neighbours_now(evidence, &arena), 1);
    arena_close(&arena);
    evidence_free(evidence);
}
