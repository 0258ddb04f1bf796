/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 writers against a server that is killed under them, and the check afterwards.
 *
 *     kill_writers prepare ADDRESS
 *     kill_writers write ADDRESS HISTORY SEED     until the server is gone
 *     kill_writers write ADDRESS HISTORY SEED MS  so long, whatever becomes of a server;
 *                                                 no call may fail for good
 *     kill_writers check ADDRESS HISTORY          after the restart
 *     kill_writers total ADDRESS HISTORY...       all rounds together
 *
 * A history line is written for every call that was sent: with the answer when there was
 * one ("ok"), without when there was none ("info": applied or not). `check` sends every
 * call again under its own request id: what was acknowledged must come back replayed with
 * the very same answer, what was not is applied now or was before. So `total` knows each
 * level to the unit: a lost write or one applied twice shows.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <souk/souk.h>

#include "shard/base/assert.h"
#include "shard/base/identifier.h"
#include "shard/base/memory.h"
#include "shard/base/rng.h"

enum {
    WRITERS = 64,
    SKUS = 32,
    UNITS_MAX = 5,
    LIFE_MS = 30000, /* a writer stops by itself when nobody kills the server */
    HOLD_TTL_MS = 3600 * 1000,
    ANSWER_BYTES = 64,
    FAILURES_SHOWN = 10,
};

static const int64_t opening_units = 1000000000;
static const char location_id[] = "crash-test";

struct operation {
    char kind; /* 'A'djust or 'H'old */
    unsigned sku;
    int64_t quantity;
    char request_id[UUID_TEXT_BYTES + 1];
    bool acknowledged;
    char answer[ANSWER_BYTES]; /* on_hand after it, or the hold's id */
};

struct history {
    struct operation *operations;
    size_t count;
    size_t capacity;
};

struct writer {
    struct souk_client *client;
    struct rng rng;
    struct history history;
    pthread_t thread;
    int64_t life_ms;
    bool steady; /* a failure is counted, and not the end */
    uint64_t failures;
    int64_t longest_ms;
};

struct checker {
    struct souk_client *client;
    const struct history *history;
    _Atomic size_t next;
    _Atomic unsigned failures;
    _Atomic uint64_t replayed;
    _Atomic uint64_t applied_now;
};

static const char *sku_name(unsigned sku, char out[16])
{
    snprintf(out, 16, "CRASH-%02u", sku % 100);
    return out;
}

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct souk_client *client_open(const char *address)
{
    const struct souk_client_options options = {.addresses = address};
    struct souk_client *client = NULL;
    struct souk_error error = {0};
    if (souk_client_open(&options, &client, &error) != SOUK_OK) {
        fprintf(stderr, "kill_writers: %s\n", error.message);
        exit(1);
    }
    return client;
}

static void expect_ok(enum souk_code code, const struct souk_error *error,
                      const char *what)
{
    if (code != SOUK_OK) {
        fprintf(stderr, "kill_writers: %s: %s: %s\n", what, souk_code_name(code),
                error->message);
        exit(1);
    }
}

/* --- One operation ------------------------------------------------------------------- */

/* Sends it and writes down the answer; `out_replayed` may be NULL. */
static enum souk_code operation_adjust(struct souk_client *client,
                                       const struct operation *operation,
                                       const struct souk_call_options *options,
                                       char *answer, bool *out_replayed)
{
    char sku[16];
    const struct souk_stock_adjust_request request = {
        .request_id = operation->request_id,
        .sku_id = sku_name(operation->sku, sku),
        .location_id = location_id,
        .quantity = operation->quantity,
        .reason = SOUK_REASON_RECEIPT,
    };
    struct souk_stock_level_reply *reply = NULL;
    enum souk_code code = souk_stock_adjust(client, &request, options, &reply, NULL);
    if (code == SOUK_OK) {
        snprintf(answer, ANSWER_BYTES, "%lld", (long long)reply->level.on_hand);
        *out_replayed = reply->answer.replayed;
        souk_reply_free(reply);
    }
    return code;
}

static enum souk_code operation_hold(struct souk_client *client,
                                     const struct operation *operation,
                                     const struct souk_call_options *options,
                                     char *answer, bool *out_replayed)
{
    char sku[16];
    const struct souk_hold_line line = {
        .sku_id = sku_name(operation->sku, sku),
        .location_id = location_id,
        .quantity = operation->quantity,
    };
    const struct souk_hold_create_request request = {
        .request_id = operation->request_id,
        .lines = &line,
        .line_count = 1,
        .ttl_ms = HOLD_TTL_MS,
    };
    struct souk_hold_reply *reply = NULL;
    enum souk_code code = souk_hold_create(client, &request, options, &reply, NULL);
    if (code == SOUK_OK) {
        snprintf(answer, ANSWER_BYTES, "%s", reply->hold.hold_id);
        *out_replayed = reply->answer.replayed;
        souk_reply_free(reply);
    }
    return code;
}

static enum souk_code operation_send(struct souk_client *client,
                                     const struct operation *operation,
                                     const struct souk_call_options *options,
                                     char *answer, bool *out_replayed)
{
    return operation->kind == 'A'
               ? operation_adjust(client, operation, options, answer, out_replayed)
               : operation_hold(client, operation, options, answer, out_replayed);
}

/* --- History ------------------------------------------------------------------------- */

static struct operation *history_add(struct history *history)
{
    void *operations = history->operations;
    memory_reserve(&operations, &history->capacity, history->count + 1,
                   sizeof *history->operations);
    history->operations = operations;
    memset(&history->operations[history->count], 0, sizeof *history->operations);
    return &history->operations[history->count++];
}

static void history_read(struct history *history, const char *path)
{
    FILE *file = fopen(path, "r");
    struct operation one = {0};
    char state[8];
    ASSERT(file != NULL);
    while (fscanf(file, "%c %u %ld %36s %7s %63s\n", &one.kind, &one.sku, &one.quantity,
                  one.request_id, state, one.answer) == 6) {
        one.acknowledged = strcmp(state, "ok") == 0;
        *history_add(history) = one;
    }
    ASSERT(feof(file));
    fclose(file);
}

static void history_write(FILE *file, const struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct operation *one = &history->operations[i];
        fprintf(file, "%c %u %ld %s %s %s\n", one->kind, one->sku, one->quantity,
                one->request_id, one->acknowledged ? "ok" : "info",
                one->acknowledged ? one->answer : "-");
    }
}

/* --- Commands ------------------------------------------------------------------------ */

static int prepare(const char *address)
{
    struct souk_client *client = client_open(address);
    struct souk_error error = {0};
    const struct souk_location_upsert_request place = {
        .location = {.location_id = location_id, .name = "Crash test"}};
    struct souk_location_upsert_reply *placed = NULL;
    expect_ok(souk_location_upsert(client, &place, NULL, &placed, &error), &error,
              "location");
    souk_reply_free(placed);
    for (unsigned i = 0; i < SKUS; i++) {
        char sku[16];
        struct souk_sku_upsert_reply *made = NULL;
        struct souk_stock_level_reply *filled = NULL;
        const struct souk_sku_upsert_request upsert = {
            .sku = {.sku_id = sku_name(i, sku), .name = "Crash test"}};
        const struct souk_stock_adjust_request fill = {
            .sku_id = sku,
            .location_id = location_id,
            .quantity = opening_units,
            .reason = SOUK_REASON_RECEIPT,
        };
        expect_ok(souk_sku_upsert(client, &upsert, NULL, &made, &error), &error, "sku");
        souk_reply_free(made);
        expect_ok(souk_stock_adjust(client, &fill, NULL, &filled, &error), &error,
                  "stock");
        souk_reply_free(filled);
    }
    souk_client_close(client);
    return 0;
}

static void *writer_run(void *context)
{
    struct writer *writer = context;
    const struct souk_call_options options = {.attempts_max = writer->steady ? 5 : 1};
    int64_t began_ms = now_ms(CLOCK_MONOTONIC);
    int64_t end_ms = began_ms + writer->life_ms;
    enum souk_code code = SOUK_OK;
    while ((code == SOUK_OK || writer->steady) && began_ms < end_ms) {
        bool replayed = false;
        struct operation *one = history_add(&writer->history);
        one->kind = rng_below(&writer->rng, 2) ? 'A' : 'H';
        one->sku = (unsigned)rng_below(&writer->rng, SKUS);
        one->quantity = (int64_t)rng_below(&writer->rng, UNITS_MAX) + 1;
        uuid7_make(&writer->rng, now_ms(CLOCK_REALTIME), one->request_id);
        code = operation_send(writer->client, one, &options, one->answer, &replayed);
        one->acknowledged = code == SOUK_OK;
        ASSERT(!replayed || writer->steady);
        writer->failures += code != SOUK_OK;
        int64_t took_ms = now_ms(CLOCK_MONOTONIC) - began_ms;
        writer->longest_ms = took_ms > writer->longest_ms ? took_ms : writer->longest_ms;
        began_ms += took_ms;
    }
    return NULL;
}

static int write_all(const char *address, const char *path, const char *seed,
                     const char *life_ms)
{
    static struct writer writers[WRITERS];
    struct souk_client *client = client_open(address);
    FILE *file = fopen(path, "w");
    size_t sent = 0, acknowledged = 0;
    uint64_t failures = 0;
    int64_t longest_ms = 0;
    ASSERT(file != NULL);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i].client = client;
        writers[i].steady = life_ms != NULL;
        writers[i].life_ms = life_ms != NULL ? strtol(life_ms, NULL, 10) : LIFE_MS;
        rng_init(&writers[i].rng, strtoull(seed, NULL, 10) * WRITERS + i);
        ASSERT(pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]) == 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        const struct history *history = &writers[i].history;
        pthread_join(writers[i].thread, NULL);
        history_write(file, history);
        failures += writers[i].failures;
        longest_ms =
            writers[i].longest_ms > longest_ms ? writers[i].longest_ms : longest_ms;
        sent += history->count;
        for (size_t k = 0; k < history->count; k++) {
            acknowledged += history->operations[k].acknowledged;
        }
        free(writers[i].history.operations);
    }
    ASSERT(fclose(file) == 0);
    souk_client_close(client);
    printf("sent %zu, acknowledged %zu, longest call %lld ms\n", sent, acknowledged,
           (long long)longest_ms);
    if (life_ms != NULL && failures > 0) {
        fprintf(stderr, "kill_writers: %llu calls failed for good\n",
                (unsigned long long)failures);
        return 1;
    }
    return acknowledged > 0 ? 0 : 1;
}

static void checker_fail(struct checker *checker, const struct operation *one,
                         const char *why, const char *answer)
{
    if (atomic_fetch_add(&checker->failures, 1) < FAILURES_SHOWN) {
        fprintf(stderr, "kill_writers: %s: %c SKU %u of %ld, request %s: was %s, is %s\n",
                why, one->kind, one->sku, one->quantity, one->request_id,
                one->acknowledged ? one->answer : "unanswered", answer);
    }
}

static void *checker_run(void *context)
{
    struct checker *checker = context;
    size_t i;
    while ((i = atomic_fetch_add(&checker->next, 1)) < checker->history->count) {
        const struct operation *one = &checker->history->operations[i];
        char answer[ANSWER_BYTES] = "";
        bool replayed = false;
        enum souk_code code =
            operation_send(checker->client, one, NULL, answer, &replayed);
        if (code != SOUK_OK) {
            checker_fail(checker, one, "refused", souk_code_name(code));
        } else if (one->acknowledged && !replayed) {
            checker_fail(checker, one, "an acknowledged write was lost", answer);
        } else if (one->acknowledged && strcmp(one->answer, answer) != 0) {
            checker_fail(checker, one, "another answer for the same request", answer);
        }
        atomic_fetch_add(replayed ? &checker->replayed : &checker->applied_now, 1);
    }
    return NULL;
}

static int check(const char *address, const char *path)
{
    struct history history = {0};
    struct checker checker = {.client = client_open(address), .history = &history};
    pthread_t threads[WRITERS];
    history_read(&history, path);
    for (unsigned i = 0; i < WRITERS; i++) {
        ASSERT(pthread_create(&threads[i], NULL, checker_run, &checker) == 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    souk_client_close(checker.client);
    free(history.operations);
    printf("replayed %llu, applied now %llu\n", (unsigned long long)checker.replayed,
           (unsigned long long)checker.applied_now);
    return checker.failures == 0 ? 0 : 1;
}

static int64_t movements_of(struct souk_client *client, const char *sku)
{
    struct souk_movement_list_request request = {.sku_id = sku, .page_size = 1000};
    char token[1024] = "";
    int64_t count = 0;
    do {
        struct souk_movement_list_reply *reply = NULL;
        struct souk_error error = {0};
        request.page_token = token;
        expect_ok(souk_movement_list(client, &request, NULL, &reply, &error), &error,
                  "movements");
        count += (int64_t)reply->movement_count;
        snprintf(token, sizeof token, "%s",
                 reply->next_page_token ? reply->next_page_token : "");
        souk_reply_free(reply);
    } while (token[0] != '\0');
    return count;
}

static int total(const char *address, char **paths)
{
    struct souk_client *client = client_open(address);
    struct history history = {0};
    int64_t on_hand[SKUS], held[SKUS] = {0}, movements[SKUS];
    unsigned failures = 0;
    for (unsigned i = 0; i < SKUS; i++) {
        on_hand[i] = opening_units;
        movements[i] = 1;
    }
    for (; *paths != NULL; paths++) {
        history_read(&history, *paths);
    }
    for (size_t i = 0; i < history.count; i++) {
        const struct operation *one = &history.operations[i];
        *(one->kind == 'A' ? &on_hand[one->sku] : &held[one->sku]) += one->quantity;
        movements[one->sku]++;
    }
    for (unsigned i = 0; i < SKUS; i++) {
        char sku[16];
        struct souk_stock_level_reply *reply = NULL;
        struct souk_error error = {0};
        const struct souk_stock_get_request request = {.sku_id = sku_name(i, sku),
                                                       .location_id = location_id};
        int64_t moved = movements_of(client, sku);
        expect_ok(souk_stock_get(client, &request, NULL, &reply, &error), &error,
                  "level");
        if (reply->level.on_hand != on_hand[i] || reply->level.held != held[i] ||
            moved != movements[i]) {
            fprintf(stderr,
                    "kill_writers: %s has on_hand %ld, held %ld, %ld movements; the "
                    "history says %ld, %ld, %ld\n",
                    sku, reply->level.on_hand, reply->level.held, moved, on_hand[i],
                    held[i], movements[i]);
            failures++;
        }
        souk_reply_free(reply);
    }
    souk_client_close(client);
    printf("%zu calls over %d SKUs: %u levels wrong\n", history.count, SKUS, failures);
    free(history.operations);
    return failures == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "prepare") == 0) {
        return prepare(argv[2]);
    }
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "write") == 0) {
        return write_all(argv[2], argv[3], argv[4], argc == 6 ? argv[5] : NULL);
    }
    if (argc == 4 && strcmp(argv[1], "check") == 0) {
        return check(argv[2], argv[3]);
    }
    if (argc >= 4 && strcmp(argv[1], "total") == 0) {
        return total(argv[2], argv + 3);
    }
    fprintf(stderr, "usage: kill_writers prepare|write|check|total ADDRESS ...\n");
    return 2;
}
