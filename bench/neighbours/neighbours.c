/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel of a recommendation alone, on one thread: search, merge and rank, over
 * sessions read from a file (one per line, oldest first, items as numbers). The newest
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
#include "shard/recommend/evidence.h"
#include "shard/recommend/rank.h"

enum {
    HELD_BACK = 5000,
    SHOWN = 20,
    INLINE_BYTES = 4 << 20,
};

struct line {
    uint64_t *items;
    uint32_t count;
};

struct bench {
    struct line *lines;
    size_t line_count;
    struct evidence *evidence;
    struct degree_table *degrees;
    struct recommend_query query;
    struct histogram ns;
    uint64_t evaluations;
    uint64_t hits;
    double reciprocal;
};

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void read_lines(struct bench *bench, FILE *file)
{
    char *text = NULL;
    size_t text_capacity = 0, capacity = 0;
    while (getline(&text, &text_capacity, file) > 0) {
        struct line line = {0};
        char *rest = text, *end;
        for (;;) {
            uint64_t item = strtoull(rest, &end, 10);
            if (end == rest) {
                break;
            }
            rest = end;
            line.items =
                memory_realloc(line.items, (line.count + 1) * sizeof *line.items);
            line.items[line.count++] = hash_mix(item + 1);
        }
        memory_reserve((void **)&bench->lines, &capacity, bench->line_count + 1,
                       sizeof *bench->lines);
        bench->lines[bench->line_count++] = line;
    }
    free(text);
}

static uint32_t distinct(const struct line *line, uint64_t *out_items)
{
    uint32_t count = 0;
    for (uint32_t i = line->count; i-- > 0;) {
        uint32_t n = 0;
        while (n < count && out_items[n] != line->items[i]) {
            n++;
        }
        if (n == count) {
            out_items[count++] = line->items[i];
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
            .item_count = distinct(line, items)};
        evidence_put(bench->evidence, &session);
    }
    evidence_take_degrees(bench->evidence, 1, &delta);
    if (degree_table_apply(bench->degrees, 1, &delta) != STATUS_OK) {
        exit(1);
    }
    degree_delta_close(&delta);
}

static void ask(struct bench *bench, const struct line *line, uint32_t length,
                struct arena *arena)
{
    const struct recommend_rank_options options = {.count = SHOWN};
    struct recommend_partial partial, merged;
    const struct recommend_partial *partials = &partial;
    struct recommend_ranked ranked;
    struct recommend_query query = bench->query;
    query.clicks = line->items;
    query.click_count = length;
    uint64_t start = now_ns();
    if (recommend_search(bench->evidence, &query, arena, &partial) != STATUS_OK ||
        recommend_merge(&partials, 1, arena, &merged) != STATUS_OK ||
        recommend_rank(&merged, &query, bench->degrees, &options, arena, &ranked) !=
            STATUS_OK) {
        exit(1);
    }
    histogram_add(&bench->ns, now_ns() - start);
    bench->evaluations++;
    for (uint32_t i = 0; i < ranked.item_count; i++) {
        if (ranked.items[i].sku_hash == line->items[length]) {
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
    size_t first = bench->line_count > HELD_BACK ? bench->line_count - HELD_BACK : 0;
    for (size_t i = first; i < bench->line_count; i++) {
        struct line known = {.items = bench->lines[i].items};
        /* As is usual: items that no evidence has are taken out of the queries. */
        for (uint32_t n = 0; n < bench->lines[i].count; n++) {
            if (evidence_degree(bench->evidence, bench->lines[i].items[n]) > 0) {
                known.items[known.count++] = bench->lines[i].items[n];
            }
        }
        for (uint32_t n = 1; n < known.count; n++) {
            ask(bench, &known, n, &arena);
        }
    }
    arena_close(&arena);
    free(block);
}

static void report(const struct bench *bench)
{
    struct evidence_counters counters = evidence_counters(bench->evidence);
    double count = (double)bench->evaluations;
    printf("{\"evaluations\":%" PRIu64 ",\"ops_s\":%.0f,\"mean_us\":%.2f,\"p50_us\":%.2f,"
           "\"p90_us\":%.2f,\"p99_us\":%.2f,\"hr20\":%.4f,\"mrr20\":%.4f,\"sessions\":"
           "%" PRIu64 ",\"postings\":%" PRIu64 ",\"memory_bytes\":%" PRIu64 "}\n",
           bench->evaluations, count * 1e9 / (double)bench->ns.sum,
           (double)bench->ns.sum / count / 1e3,
           (double)histogram_quantile(&bench->ns, 0.5) / 1e3,
           (double)histogram_quantile(&bench->ns, 0.9) / 1e3,
           (double)histogram_quantile(&bench->ns, 0.99) / 1e3,
           (double)bench->hits / count, bench->reciprocal / count, counters.sessions,
           counters.postings, counters.memory_bytes);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: bench_neighbours M K L V FILE\n");
        return 2;
    }
    uint32_t bucket_count = (uint32_t)strtoul(argv[4], NULL, 10);
    bench.query = (struct recommend_query){
        .candidates = (uint32_t)strtoul(argv[1], NULL, 10),
        .neighbours = (uint32_t)strtoul(argv[2], NULL, 10),
        .clicks_max = (uint32_t)strtoul(argv[3], NULL, 10),
        .bucket_count = bucket_count,
        .buckets = bucket_count == 64 ? UINT64_MAX : ((uint64_t)1 << bucket_count) - 1};
    FILE *file = fopen(argv[5], "r");
    if (file == NULL || recommend_query_check(&bench.query) != STATUS_OK) {
        fprintf(stderr, "bench_neighbours: cannot read %s, or bad numbers\n", argv[5]);
        return 2;
    }
    read_lines(&bench, file);
    fclose(file);
    fill(&bench, bucket_count);
    run(&bench);
    report(&bench);
    for (size_t i = 0; i < bench.line_count; i++) {
        free(bench.lines[i].items);
    }
    free(bench.lines);
    evidence_free(bench.evidence);
    degree_table_free(bench.degrees);
    return 0;
}
