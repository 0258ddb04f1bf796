/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PostgreSQL side of `bench/run store`: the same reservation, as somebody would build
 * it there. One server-side function per reserve, prepared once per connection; the row of
 * the hold is also its idempotency row; connections are kept. One thread drives all of
 * them without blocking, so the client costs as little as it can.
 *
 *     peer_postgres CONNINFO --connections 64 --keys 100000 --choice zipf --seconds 5
 *                   [--batch 50] [--seed 1]
 *
 * With --sessions FILE it is the PostgreSQL side of `bench/run recommend` instead: what was
 * also bought with the items of a session, by a table of pairs, of what is in stock.
 *
 * Prints one JSON line: {"ops","ops_per_s","seconds","refused","shown_mean","p50_us",
 * "p90_us","p99_us","cpu_s"} (closed loop; cpu_s is this client's own).
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <libpq-fe.h>

#include "bench/load/key_choice.h"
#include "bench/load/session_set.h"
#include "shard/base/histogram.h"
#include "shard/base/identifier.h"
#include "shard/base/memory.h"

enum {
    CONNECTIONS_MAX = 1024,
    BATCH_MAX = 1000,
    ARRAY_ITEM_BYTES = UUID_TEXT_BYTES + 2,
    SEEDS_BYTES = SESSION_WINDOW_ITEMS * (SESSION_ITEM_MAX_BYTES + 1) + 3,
};

static const char peer_also_bought[] =
    "SELECT p.other, sum(p.weight) FROM pairs p JOIN levels l ON l.sku = p.other "
    "WHERE p.sku = ANY($1::int[]) AND l.on_hand - l.held > 0 "
    "GROUP BY p.other ORDER BY 2 DESC, 1 LIMIT 20";

struct peer_options {
    const char *conninfo;
    unsigned connections;
    uint64_t keys;
    enum key_choice_kind choice;
    double seconds;
    unsigned batch;
    uint64_t seed;
    const char *sessions; /* NULL: reserve */
};

struct peer_connection {
    PGconn *connection;
    uint64_t started_us;
    struct session_lane lane;
};

struct peer {
    struct peer_options options;
    struct peer_connection *connections;
    struct pollfd *polls;
    struct key_choice choice;
    struct rng rng;
    struct histogram latency;
    char *ids; /* the array parameters of one batch, as text */
    char *skus;
    struct session_set sessions;
    struct session_walk walk;
    uint64_t shown;
    uint64_t calls;
    uint64_t refused;
};

static uint64_t peer_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

_Noreturn static void peer_die(const char *what, PGconn *connection)
{
    fprintf(stderr, "peer_postgres: %s: %s\n", what,
            connection ? PQerrorMessage(connection) : strerror(errno));
    exit(1);
}

static void peer_connect(struct peer *peer, unsigned i)
{
    const char *text = peer->options.sessions ? peer_also_bought
                       : peer->options.batch > 1
                           ? "SELECT reserve_many($1::uuid[], $2::int[], 1)"
                           : "SELECT reserve($1::uuid, $2::int, 1)";
    PGconn *connection = PQconnectdb(peer->options.conninfo);
    PGresult *result;
    if (PQstatus(connection) != CONNECTION_OK) {
        peer_die("cannot connect", connection);
    }
    result = PQprepare(connection, "ask", text, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        peer_die("cannot prepare", connection);
    }
    PQclear(result);
    if (PQsetnonblocking(connection, 1) != 0) {
        peer_die("cannot stop blocking", connection);
    }
    peer->connections[i].connection = connection;
    peer->polls[i] = (struct pollfd){.fd = PQsocket(connection), .events = POLLIN};
}

static int64_t peer_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Fills ids and skus: a plain value, or an array literal for a batch. */
static void peer_fill(struct peer *peer)
{
    unsigned batch = peer->options.batch;
    int64_t wall_ms = peer_wall_ms();
    char *id = peer->ids, *sku = peer->skus;
    for (unsigned i = 0; i < batch; i++) {
        char uuid[UUID_TEXT_BYTES + 1];
        const char *before = batch == 1 ? "" : i == 0 ? "{" : ",";
        uuid7_make(&peer->rng, wall_ms, uuid);
        id += sprintf(id, "%s%s", before, uuid);
        sku += sprintf(sku, "%s%llu", before,
                       (unsigned long long)key_choice_next(&peer->choice, &peer->rng));
    }
    if (batch > 1) {
        strcpy(id, "}");
        strcpy(sku, "}");
    }
}

/* "{1,2,3}", the items of the session so far. */
static void peer_seeds(struct peer *peer, struct session_lane *lane, char *out)
{
    struct session_click click = session_walk_next(&peer->walk, lane);
    for (size_t i = 0; i < click.item_count; i++) {
        out += sprintf(out, "%s%s", i == 0 ? "{" : ",", click.items[i]);
    }
    strcpy(out, "}");
}

static void peer_send(struct peer *peer, unsigned i)
{
    struct peer_connection *one = &peer->connections[i];
    char seeds[SEEDS_BYTES];
    const char *values[2] = {peer->ids, peer->skus};
    int value_count = 2;
    if (peer->options.sessions != NULL) {
        peer_seeds(peer, &one->lane, seeds);
        values[0] = seeds;
        value_count = 1;
    } else {
        peer_fill(peer);
    }
    one->started_us = peer_now_us();
    if (PQsendQueryPrepared(one->connection, "ask", value_count, values, NULL, NULL, 0) !=
        1) {
        peer_die("cannot send", one->connection);
    }
    while (PQflush(one->connection) == 1) {
        struct pollfd out = {.fd = peer->polls[i].fd, .events = POLLOUT};
        poll(&out, 1, -1);
    }
}

/* True when the call of this connection has been answered. */
static bool peer_receive(struct peer *peer, unsigned i)
{
    struct peer_connection *one = &peer->connections[i];
    PGresult *result;
    bool answered = false;
    if (PQconsumeInput(one->connection) != 1) {
        peer_die("connection lost", one->connection);
    }
    while (PQisBusy(one->connection) == 0 &&
           (result = PQgetResult(one->connection)) != NULL) {
        if (PQresultStatus(result) != PGRES_TUPLES_OK) {
            peer_die("it was refused", one->connection);
        }
        if (peer->options.sessions != NULL) {
            peer->shown += (uint64_t)PQntuples(result);
        } else {
            peer->refused += strtoull(PQgetvalue(result, 0, 0), NULL, 10);
        }
        PQclear(result);
        answered = true;
    }
    if (answered) {
        histogram_add(&peer->latency, peer_now_us() - one->started_us);
        peer->calls++;
    }
    return answered;
}

static double peer_run(struct peer *peer)
{
    uint64_t start_us = peer_now_us();
    uint64_t end_us = start_us + (uint64_t)(peer->options.seconds * 1e6);
    unsigned open = peer->options.connections;
    for (unsigned i = 0; i < open; i++) {
        peer_send(peer, i);
    }
    while (open > 0) {
        if (poll(peer->polls, peer->options.connections, 1000) < 0 && errno != EINTR) {
            peer_die("cannot poll", NULL);
        }
        for (unsigned i = 0; i < peer->options.connections; i++) {
            if (peer->polls[i].revents == 0 || !peer_receive(peer, i)) {
                continue;
            }
            if (peer_now_us() < end_us) {
                peer_send(peer, i);
            } else {
                peer->polls[i].fd = -1;
                open--;
            }
        }
    }
    return (double)(peer_now_us() - start_us) / 1e6;
}

static void peer_report(struct peer *peer, double seconds)
{
    struct rusage usage;
    double ops = (double)(peer->calls * peer->options.batch);
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"ops\":%.0f,\"ops_per_s\":%.1f,\"seconds\":%.3f,\"refused\":%llu,"
           "\"shown_mean\":%.2f,\"p50_us\":%llu,\"p90_us\":%llu,\"p99_us\":%llu,\"cpu_"
           "s\":%.3f}\n",
           ops, ops / seconds, seconds, (unsigned long long)peer->refused,
           peer->calls > 0 ? (double)peer->shown / (double)peer->calls : 0.0,
           (unsigned long long)histogram_quantile(&peer->latency, 0.5),
           (unsigned long long)histogram_quantile(&peer->latency, 0.9),
           (unsigned long long)histogram_quantile(&peer->latency, 0.99),
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static bool peer_parse(int argc, char **argv, struct peer_options *options)
{
    static const struct option long_options[] = {
        {"connections", required_argument, NULL, 'c'},
        {"keys", required_argument, NULL, 'k'},
        {"choice", required_argument, NULL, 'z'},
        {"seconds", required_argument, NULL, 's'},
        {"batch", required_argument, NULL, 'b'},
        {"seed", required_argument, NULL, 'r'},
        {"sessions", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    int option;
    *options = (struct peer_options){
        .connections = 64, .keys = 100000, .seconds = 5, .batch = 1, .seed = 1};
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'k':
            options->keys = strtoull(optarg, NULL, 10);
            break;
        case 'z':
            if (!key_choice_parse(optarg, &options->choice)) {
                return false;
            }
            break;
        case 's':
            options->seconds = strtod(optarg, NULL);
            break;
        case 'b':
            options->batch = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            options->sessions = optarg;
            break;
        default:
            return false;
        }
    }
    options->conninfo = optind < argc ? argv[optind] : NULL;
    return options->conninfo != NULL && options->connections > 0 &&
           options->connections <= CONNECTIONS_MAX && options->keys > 0 &&
           options->batch > 0 && options->batch <= BATCH_MAX && options->seconds > 0;
}

int main(int argc, char **argv)
{
    static struct peer peer;
    if (!peer_parse(argc, argv, &peer.options)) {
        fprintf(stderr,
                "usage: peer_postgres CONNINFO [--connections N] [--keys N] "
                "[--choice uniform|zipf|hot] [--seconds S] [--batch N] [--seed N] "
                "[--sessions FILE]\n");
        return 2;
    }
    if (peer.options.sessions != NULL) {
        if (!session_set_read(&peer.sessions, peer.options.sessions)) {
            return 2;
        }
        session_walk_init(&peer.walk, &peer.sessions, peer.options.seed);
    }
    key_choice_init(&peer.choice, peer.options.choice, peer.options.keys, 0.99);
    rng_init(&peer.rng, peer.options.seed);
    histogram_init(&peer.latency);
    peer.ids = memory_alloc((size_t)peer.options.batch * ARRAY_ITEM_BYTES + 3);
    peer.skus = memory_alloc((size_t)peer.options.batch * ARRAY_ITEM_BYTES + 3);
    peer.connections =
        memory_zalloc(peer.options.connections * sizeof(struct peer_connection));
    peer.polls = memory_zalloc(peer.options.connections * sizeof(struct pollfd));
    for (unsigned i = 0; i < peer.options.connections; i++) {
        peer_connect(&peer, i);
    }
    peer_report(&peer, peer_run(&peer));
    for (unsigned i = 0; i < peer.options.connections; i++) {
        PQfinish(peer.connections[i].connection);
    }
    free(peer.connections);
    free(peer.polls);
    free(peer.ids);
    free(peer.skus);
    session_set_close(&peer.sessions);
    return 0;
}
