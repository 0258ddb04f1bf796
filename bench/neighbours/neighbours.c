/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel of a recommendation alone, on one thread: search, merge and rank, over
 * sessions read from a file (one per line, oldest first, items as numbers) or generated
 * from a seed with Zipf's law for the popularity of items. The newest
 * 5,000 sessions are held back: every prefix of them is a query, judged by the immediate
 * next item. Prints one JSON object.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shard/base/histogram.h"
#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/rank.h"

enum {
    HELD_BACK = 5000,
    SHOWN = 20,
    INLINE_BYTES = 4 << 20,
    ZIPF_ITEMS = 200000,
    ZIPF_SESSION_CLICKS = 4, /* on average */
    ZIPF_FOLLOWERS = 20,
};

/* A session: items[first, first + count) of the bench. */
struct line {
    size_t first;
    uint32_t count;
};

struct bench {
    uint64_t *items;
    size_t item_count;
    size_t item_capacity;
    struct line *lines;
    size_t line_count;
    size_t line_capacity;
    struct evidence *evidence;
    struct degree_table *degrees;
    struct recommend_query query;
    struct histogram ns;     /* wall */
    struct histogram cpu_ns; /* of this thread: what others take is not in it */
    uint64_t clicks;         /* in the evidence */
    uint64_t evaluations;
    uint64_t hits;
    double reciprocal;
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct line *add_line(struct bench *bench)
{
    memory_reserve((void **)&bench->lines, &bench->line_capacity, bench->line_count + 1,
                   sizeof *bench->lines);
    struct line *line = &bench->lines[bench->line_count++];
    *line = (struct line){.first = bench->item_count};
    return line;
}

static void add_item(struct bench *bench, struct line *line, uint64_t item)
{
    memory_reserve((void **)&bench->items, &bench->item_capacity, bench->item_count + 1,
                   sizeof *bench->items);
    bench->items[bench->item_count++] = hash_mix(item + 1);
    line->count++;
}

static void read_lines(struct bench *bench, FILE *file)
{
    char *text = NULL;
    size_t text_capacity = 0;
    while (getline(&text, &text_capacity, file) > 0) {
        struct line *line = add_line(bench);
        char *rest = text, *end;
        for (;;) {
            uint64_t item = strtoull(rest, &end, 10);
            if (end == rest) {
                break;
            }
            rest = end;
            add_item(bench, line, item);
        }
    }
    free(text);
}

/* Items by Zipf's law (exponent 1), sessions of 1 + a geometric number of clicks; half of
 * the clicks are one of few followers of the click before, so that sessions are alike. */
static void generate(struct bench *bench, uint64_t clicks, uint64_t seed)
{
    double *sums = memory_alloc(ZIPF_ITEMS * sizeof *sums);
    double sum = 0;
    struct rng rng;
    rng_init(&rng, seed);
    for (uint32_t i = 0; i < ZIPF_ITEMS; i++) {
        sum += 1.0 / (i + 1);
        sums[i] = sum;
    }
    while (bench->item_count < clicks) {
        struct line *line = add_line(bench);
        uint64_t item = 0;
        do {
            double drawn = (double)rng_below(&rng, UINT32_MAX) / UINT32_MAX;
            if (line->count > 0 && rng_below(&rng, 2) == 0) {
                uint64_t follower = hash_mix(item * ZIPF_FOLLOWERS +
                                             rng_below(&rng, ZIPF_FOLLOWERS) + seed);
                drawn = (double)(follower >> 32) / UINT32_MAX;
            }
            uint32_t low = 0, high = ZIPF_ITEMS - 1;
            while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (sums[middle] < drawn * sum) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            item = low;
            add_item(bench, line, item);
        } while (rng_below(&rng, ZIPF_SESSION_CLICKS) != 0);
    }
    free(sums);
}

static uint32_t distinct(const struct bench *bench, const struct line *line,
                         uint64_t *out_items)
{
    const uint64_t *items = bench->items + line->first;
    uint32_t count = 0;
    for (uint32_t i = line->count; i-- > 0;) {
        uint32_t n = 0;
        while (n < count && out_items[n] != items[i]) {
            n++;
        }
        if (n == count) {
            out_items[count++] = items[i];
        }
    }
    return count;
}

static void fill(struct bench *bench, uint32_t bucket_count)
{
    const struct evidence_options options = {.bucket_count = bucket_count};
    struct degree_delta delta;
    uint64_t items[4096];
    bench->evidence = evidence_new(&options);
    bench->degrees = degree_table_new();
    for (size_t i = 0; i + HELD_BACK < bench->line_count; i++) {
        const struct line *line = &bench->lines[i];
        if (line->count == 0 || line->count > 200) {
            continue; /* as the setting session_items_max */
        }
        const struct evidence_session session = {
            .session_hash = hash_mix(i + 1),
            .customer = {hash_mix(hash_mix(i + 1)), i},
            .end_ms = (int64_t)i * 1000,
            .items = items,
            .item_count = distinct(bench, line, items)};
        evidence_put(bench->evidence, &session);
        bench->clicks += line->count;
    }
    evidence_take_degrees(bench->evidence, 1, &delta);
    if (degree_table_apply(bench->degrees, 1, &delta) != STATUS_OK) {
        exit(1);
    }
    degree_delta_close(&delta);
}

static void ask(struct bench *bench, const uint64_t *clicks, uint32_t length,
                struct arena *arena)
{
    const struct recommend_rank_options options = {.count = SHOWN};
    struct recommend_partial partial, merged;
    const struct recommend_partial *partials = &partial;
    struct recommend_ranked ranked;
    struct recommend_query query = bench->query;
    query.clicks = clicks;
    query.click_count = length;
    uint64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t start = now_ns(CLOCK_MONOTONIC);
    if (recommend_search(bench->evidence, &query, arena, &partial) != STATUS_OK ||
        recommend_merge(&partials, 1, arena, &merged) != STATUS_OK ||
        recommend_rank(&merged, &query, bench->degrees, &options, arena, &ranked) !=
            STATUS_OK) {
        exit(1);
    }
    histogram_add(&bench->ns, now_ns(CLOCK_MONOTONIC) - start);
    histogram_add(&bench->cpu_ns, now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);
    bench->evaluations++;
    for (uint32_t i = 0; i < ranked.item_count; i++) {
        if (ranked.items[i].sku_hash == clicks[length]) {
            bench->hits++;
            bench->reciprocal += 1.0 / (double)(i + 1);
        }
    }
    arena_reset(arena);
}

static void run(struct bench *bench)
{
    struct arena arena;
    void *block = memory_alloc(INLINE_BYTES);
    arena_init(&arena, block, INLINE_BYTES, 0);
    histogram_init(&bench->ns);
    histogram_init(&bench->cpu_ns);
    size_t first = bench->line_count > HELD_BACK ? bench->line_count - HELD_BACK : 0;
    for (size_t i = first; i < bench->line_count; i++) {
        uint64_t *items = bench->items + bench->lines[i].first;
        uint32_t known = 0;
        /* As is usual: items that no evidence has are taken out of the queries. */
        for (uint32_t n = 0; n < bench->lines[i].count; n++) {
            if (evidence_degree(bench->evidence, items[n]) > 0) {
                items[known++] = items[n];
            }
        }
        for (uint32_t n = 1; n < known; n++) {
            ask(bench, items, n, &arena);
        }
    }
    arena_close(&arena);
    free(block);
}

static void report(const struct bench *bench, double load_s)
{
    struct evidence_counters counters = evidence_counters(bench->evidence);
    double count = (double)bench->evaluations;
    printf("{\"evaluations\":%" PRIu64 ",\"ops_s\":%.0f,\"mean_us\":%.2f,\"p50_us\":%.2f,"
           "\"p90_us\":%.2f,\"p99_us\":%.2f,\"cpu_mean_us\":%.2f,\"cpu_p90_us\":%.2f,"
           "\"hr20\":%.4f,\"mrr20\":%.4f,\"sessions\":%" PRIu64 ",\"postings\":%" PRIu64
           ",\"memory_bytes\":%" PRIu64 ",\"clicks\":%" PRIu64
           ",\"bytes_per_click\":%.1f,\"load_s\":%.2f}\n",
           bench->evaluations, count * 1e9 / (double)bench->ns.sum,
           (double)bench->ns.sum / count / 1e3,
           (double)histogram_quantile(&bench->ns, 0.5) / 1e3,
           (double)histogram_quantile(&bench->ns, 0.9) / 1e3,
           (double)histogram_quantile(&bench->ns, 0.99) / 1e3,
           (double)bench->cpu_ns.sum / count / 1e3,
           (double)histogram_quantile(&bench->cpu_ns, 0.9) / 1e3,
           (double)bench->hits / count, bench->reciprocal / count, counters.sessions,
           counters.postings, counters.memory_bytes, bench->clicks,
           (double)counters.memory_bytes / (double)bench->clicks, load_s);
}

static bool fill_lines(struct bench *bench, const char *source)
{
    uint64_t clicks, seed;
    if (sscanf(source, "zipf:%" SCNu64 ":%" SCNu64, &clicks, &seed) == 2) {
        generate(bench, clicks, seed);
        return true;
    }
    FILE *file = fopen(source, "r");
    if (file == NULL) {
        return false;
    }
    read_lines(bench, file);
    fclose(file);
    return true;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: bench_neighbours M K L V FILE|zipf:CLICKS:SEED\n");
        return 2;
    }
    uint32_t bucket_count = (uint32_t)strtoul(argv[4], NULL, 10);
    bench.query = (struct recommend_query){
        .candidates = (uint32_t)strtoul(argv[1], NULL, 10),
        .neighbours = (uint32_t)strtoul(argv[2], NULL, 10),
        .clicks_max = (uint32_t)strtoul(argv[3], NULL, 10),
        .bucket_count = bucket_count,
        .buckets = bucket_count == 64 ? UINT64_MAX : ((uint64_t)1 << bucket_count) - 1};
    if (recommend_query_check(&bench.query) != STATUS_OK ||
        !fill_lines(&bench, argv[5])) {
        fprintf(stderr, "bench_neighbours: cannot read %s, or bad numbers\n", argv[5]);
        return 2;
    }
    uint64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
    fill(&bench, bucket_count);
    double load_s = (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e9;
    run(&bench);
    report(&bench, load_s);
    free(bench.lines);
    free(bench.items);
    evidence_free(bench.evidence);
    degree_table_free(bench.degrees);
    return 0;
}
