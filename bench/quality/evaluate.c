/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a running node every question of a file (quality_queries.h) through libsouk, so
 * many at a time, judges the answers (quality_metrics.h) and prints the means as one JSON
 * object. An answer that fails or was not whole ends it: a mean over what happened to
 * come would flatter.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/quality/quality_metrics.h"
#include "bench/quality/quality_queries.h"
#include "client/include/souk/souk.h"
#include "shard/base/memory.h"

enum {
    EVALUATE_COUNT_MAX = 200,
    EVALUATE_WINDOW_MAX = 1024,
    EVALUATE_DEADLINE_MS = 60000,
};

struct options {
    const char *address;
    const char *placement;
    const char *places; /* a file: the place of the first target, one line per query */
    long count;
    long window;
    enum souk_stock_mode stock;
    bool exclude_current;
    bool exclude_seen;
};

struct evaluation {
    struct options options;
    struct souk_client *client;
    struct quality_queries queries;
    struct asked *asked; /* one per query */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long open;
    size_t short_lists;
    struct souk_error error; /* of the first call that failed */
    bool partial;
};

struct asked {
    struct evaluation *evaluation;
    const struct quality_query *query;
    struct quality quality;
};

static void evaluate_judge(struct asked *asked, const struct souk_recommend_reply *reply)
{
    const char *ranked[EVALUATE_COUNT_MAX];
    size_t count = 0;
    while (count < reply->item_count && count < EVALUATE_COUNT_MAX) {
        ranked[count] = reply->items[count].sku_id;
        count++;
    }
    asked->quality =
        quality_of(ranked, count, asked->query->targets.items,
                   asked->query->targets.count, (size_t)asked->evaluation->options.count);
}

static void evaluate_done(void *context, const struct souk_recommend_reply *reply,
                          const struct souk_error *error)
{
    struct asked *asked = context;
    struct evaluation *evaluation = asked->evaluation;
    if (reply != NULL) {
        evaluate_judge(asked, reply);
    }
    pthread_mutex_lock(&evaluation->mutex);
    if (reply == NULL && evaluation->error.code == SOUK_OK) {
        evaluation->error.code = error->code;
        memcpy(evaluation->error.message, error->message,
               sizeof evaluation->error.message);
    } else if (reply != NULL) {
        evaluation->partial = evaluation->partial || reply->coverage < 1.0;
        evaluation->short_lists += reply->item_count < (size_t)evaluation->options.count;
    }
    evaluation->open--;
    pthread_cond_signal(&evaluation->changed);
    pthread_mutex_unlock(&evaluation->mutex);
}

/* Waits until at most `open` are open; false when one failed. */
static bool evaluate_wait(struct evaluation *evaluation, long open)
{
    bool fine;
    pthread_mutex_lock(&evaluation->mutex);
    while (evaluation->open > open) {
        pthread_cond_wait(&evaluation->changed, &evaluation->mutex);
    }
    fine = evaluation->error.code == SOUK_OK && !evaluation->partial;
    pthread_mutex_unlock(&evaluation->mutex);
    return fine;
}

static void evaluate_ask(struct evaluation *evaluation, struct asked *asked)
{
    const struct options *options = &evaluation->options;
    const struct quality_query *query = asked->query;
    const struct souk_call_options call = {.deadline_ms = EVALUATE_DEADLINE_MS};
    const struct souk_recommend_request request = {
        .placement = options->placement,
        .customer_id = query->customer_id,
        .visitor_id = query->visitor_id,
        .session_items = query->session.items,
        .session_item_count = query->session.count,
        .cart = query->excluded.items,
        .cart_count = query->excluded.count,
        .count = (int32_t)options->count,
        .stock_mode = options->stock,
        .exclude_seen = options->exclude_seen,
        .exclude_current = options->exclude_current,
    };
    pthread_mutex_lock(&evaluation->mutex);
    evaluation->open++;
    pthread_mutex_unlock(&evaluation->mutex);
    souk_recommend_start(evaluation->client, &request, &call, evaluate_done, asked);
}

static bool evaluate_run(struct evaluation *evaluation)
{
    bool fine = true;
    evaluation->asked =
        memory_zalloc((evaluation->queries.count + 1) * sizeof *evaluation->asked);
    for (size_t i = 0; i < evaluation->queries.count && fine; i++) {
        struct asked *asked = &evaluation->asked[i];
        asked->evaluation = evaluation;
        asked->query = &evaluation->queries.queries[i];
        fine = evaluate_wait(evaluation, evaluation->options.window - 1);
        if (fine) {
            evaluate_ask(evaluation, asked);
        }
    }
    return evaluate_wait(evaluation, 0);
}

static bool evaluate_places(const struct evaluation *evaluation)
{
    const char *path = evaluation->options.places;
    FILE *file = path ? fopen(path, "w") : NULL;
    if (path == NULL) {
        return true;
    }
    if (file == NULL) {
        return false;
    }
    for (size_t i = 0; i < evaluation->queries.count; i++) {
        fprintf(file, "%" PRIu32 "\n", evaluation->asked[i].quality.place);
    }
    return fclose(file) == 0;
}

/* In the order of the file, so that the same answers give the same digits. */
static void evaluate_print(const struct evaluation *evaluation, double seconds)
{
    struct quality sum = {0};
    double count = (double)evaluation->queries.count;
    for (size_t i = 0; i < evaluation->queries.count; i++) {
        const struct quality *quality = &evaluation->asked[i].quality;
        sum.hit += quality->hit;
        sum.reciprocal += quality->reciprocal;
        sum.recall += quality->recall;
        sum.ndcg += quality->ndcg;
    }
    printf("{\"evaluations\": %zu, \"hr\": %.6f, \"mrr\": %.6f, \"recall\": %.6f, "
           "\"ndcg\": %.6f, \"short_lists\": %zu, \"seconds\": %.3f, "
           "\"answers_per_s\": %.1f}\n",
           evaluation->queries.count, sum.hit / count, sum.reciprocal / count,
           sum.recall / count, sum.ndcg / count, evaluation->short_lists, seconds,
           count / seconds);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int evaluate(struct evaluation *evaluation)
{
    const struct souk_client_options options = {.addresses = evaluation->options.address};
    double start_s;
    bool fine;
    if (souk_client_open(&options, &evaluation->client, &evaluation->error) != SOUK_OK) {
        fprintf(stderr, "%s\n", evaluation->error.message);
        return 1;
    }
    start_s = now_s();
    fine = evaluate_run(evaluation);
    if (!fine) {
        fprintf(stderr, "%s: %s\n", souk_code_name(evaluation->error.code),
                evaluation->partial ? "an answer was not whole"
                                    : evaluation->error.message);
    } else if (!evaluate_places(evaluation)) {
        fprintf(stderr, "%s cannot be written\n", evaluation->options.places);
        fine = false;
    } else {
        evaluate_print(evaluation, now_s() - start_s);
    }
    souk_client_close(evaluation->client);
    return fine ? 0 : 1;
}

static bool number_in(const char *text, long most, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    return *end == '\0' && *text != '\0' && *out >= 1 && *out <= most;
}

static bool stock_named(const char *name, enum souk_stock_mode *out)
{
    static const char *const names[] = {"none", "indexed", "verified"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum souk_stock_mode)(SOUK_STOCK_MODE_NONE + i);
            return true;
        }
    }
    return false;
}

static bool options_read(struct options *options, int argc, char *argv[])
{
    static const struct option table[] = {{"address", required_argument, NULL, 'a'},
                                          {"placement", required_argument, NULL, 'p'},
                                          {"places", required_argument, NULL, 'f'},
                                          {"count", required_argument, NULL, 'k'},
                                          {"window", required_argument, NULL, 'w'},
                                          {"stock", required_argument, NULL, 's'},
                                          {"exclude-current", no_argument, NULL, 'c'},
                                          {"exclude-seen", no_argument, NULL, 'e'},
                                          {NULL, 0, NULL, 0}};
    bool fine = true;
    int name;
    *options = (struct options){.placement = "session",
                                .count = 20,
                                .window = 64,
                                .stock = SOUK_STOCK_MODE_VERIFIED};
    while (fine && (name = getopt_long(argc, argv, "", table, NULL)) != -1) {
        options->address = name == 'a' ? optarg : options->address;
        options->placement = name == 'p' ? optarg : options->placement;
        options->places = name == 'f' ? optarg : options->places;
        options->exclude_current = options->exclude_current || name == 'c';
        options->exclude_seen = options->exclude_seen || name == 'e';
        fine =
            name != '?' &&
            (name != 'k' || number_in(optarg, EVALUATE_COUNT_MAX, &options->count)) &&
            (name != 'w' || number_in(optarg, EVALUATE_WINDOW_MAX, &options->window)) &&
            (name != 's' || stock_named(optarg, &options->stock));
    }
    return fine && optind == argc - 1;
}

int main(int argc, char *argv[])
{
    struct evaluation evaluation = {.open = 0};
    FILE *file;
    size_t line = 0;
    int result = 1;
    if (!options_read(&evaluation.options, argc, argv)) {
        fprintf(stderr, "bench_evaluate [--address A] [--placement P] [--count K] "
                        "[--window N] [--stock none|indexed|verified]\n"
                        "    [--exclude-current] [--exclude-seen] [--places FILE] "
                        "QUERIES\n");
        return 2;
    }
    file = fopen(argv[optind], "r");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be read\n", argv[optind]);
        return 1;
    }
    pthread_mutex_init(&evaluation.mutex, NULL);
    pthread_cond_init(&evaluation.changed, NULL);
    if (!quality_queries_read(&evaluation.queries, file, &line)) {
        fprintf(stderr, "%s: line %zu is no question\n", argv[optind], line);
    } else if (evaluation.queries.count == 0) {
        fprintf(stderr, "%s asks nothing\n", argv[optind]);
    } else {
        result = evaluate(&evaluation);
    }
    fclose(file);
    free(evaluation.asked);
    quality_queries_free(&evaluation.queries);
    pthread_cond_destroy(&evaluation.changed);
    pthread_mutex_destroy(&evaluation.mutex);
    return result;
}
