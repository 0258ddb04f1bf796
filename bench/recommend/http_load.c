/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator for recommenders that speak HTTP, with the discipline of bench/load:
 * the same query sessions, replayed click by click on as many lanes; a closed loop, or an
 * open one on a schedule fixed in advance with latency counted from when each call was due.
 * A lane is one kept connection. One thread, one epoll.
 *
 *     http_load --port P --sessions FILE [--connections 64] [--rate R] [--seconds 5]
 *               [--warmup 1] [--seed 1] [--server PID]
 *
 * Asks `GET /v1/recommend?session_id=..&user_consent=true&item_id=..` (Serenade's) and takes
 * answers with a Content-Length whose body is a JSON array. Prints one JSON object with the
 * keys of souk-load.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/load_clock.h"
#include "bench/load/schedule.h"
#include "bench/load/session_set.h"
#include "shard/base/assert.h"
#include "shard/base/histogram.h"
#include "shard/base/memory.h"

enum {
    HTTP_CONNECTIONS_MAX = 4096,
    HTTP_REQUEST_BYTES = 512,
    HTTP_ANSWER_BYTES = 16384, /* 21 ids take about 200 */
    HTTP_EVENTS = 256,
    HTTP_DRAIN_US = 10000000,
    HTTP_OK = 200,
};

struct http_options {
    uint16_t port;
    const char *sessions;
    unsigned connections;
    double rate; /* 0: closed loop */
    double seconds;
    double warmup_s;
    uint64_t seed;
    pid_t server;
};

/* A lane. Free ones form a stack, so that an open loop plays one session to its end. */
struct http_connection {
    struct http_connection *next_free;
    struct session_lane lane;
    int fd; /* -1: not connected */
    bool busy;
    uint64_t due_us;
    size_t used;
    char answer[HTTP_ANSWER_BYTES + 1];
};

struct http_load {
    struct http_options options;
    struct session_set sessions;
    struct session_walk walk;
    struct http_connection *connections;
    struct http_connection *free;
    unsigned busy;
    int epoll;
    uint64_t measure_from_us;
    uint64_t measure_to_us;
    struct histogram latency_us;
    uint64_t answers; /* inside the measured time, as are the next ones */
    uint64_t failed;
    uint64_t shown;
    uint64_t late_us_max;
    bool measuring;
    double client_from_s, server_from_s;
};

_Noreturn static void http_die(const char *what)
{
    fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- Connections --------------------------------------------------------------------- */

static void http_connect(struct http_load *load, struct http_connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(load->options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        http_die("cannot connect");
    }
    if (setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        http_die("cannot prepare a connection");
    }
}

static void http_disconnect(struct http_connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

static void http_release(struct http_load *load, struct http_connection *connection)
{
    connection->busy = false;
    connection->next_free = load->free;
    load->free = connection;
    load->busy--;
}

static struct http_connection *http_take(struct http_load *load)
{
    struct http_connection *connection = load->free;
    load->free = connection->next_free;
    connection->busy = true;
    load->busy++;
    return connection;
}

/* --- One call ------------------------------------------------------------------------ */

/* The lane's next click. A request is far smaller than a socket's empty send buffer, so it
 * goes out whole. */
static void http_ask(struct http_load *load, struct http_connection *connection)
{
    struct session_click click = session_walk_next(&load->walk, &connection->lane);
    char request[HTTP_REQUEST_BYTES];
    int size = snprintf(request, sizeof request,
                        "GET /v1/recommend?session_id=%" PRIu64 "-%" PRIu64
                        "&user_consent=true&item_id=%s HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%u\r\n\r\n",
                        load->options.seed, click.session,
                        click.items[click.item_count - 1], load->options.port);
    ASSERT(size > 0 && size < HTTP_REQUEST_BYTES);
    connection->used = 0;
    if (connection->fd < 0) {
        http_connect(load, connection);
    }
    if (send(connection->fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
        /* The server may have closed it while it lay idle. */
        http_disconnect(connection);
        http_connect(load, connection);
        if (send(connection->fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
            http_die("cannot send");
        }
    }
}

/* The items of a JSON array of numbers. */
static unsigned http_items(const char *body)
{
    unsigned items = 0;
    bool in_number = false;
    for (; *body != '\0'; body++) {
        bool digit = *body >= '0' && *body <= '9';
        items += digit && !in_number;
        in_number = digit;
    }
    return items;
}

/* True when the answer is complete; *out_status is 0 for what is no answer. */
static bool http_answered(const struct http_connection *connection, unsigned *out_status,
                          unsigned *out_items)
{
    const char *body = strstr(connection->answer, "\r\n\r\n");
    const char *field = strcasestr(connection->answer, "\r\nContent-Length:");
    size_t size;
    if (body == NULL) {
        return false;
    }
    body += 4;
    if (field == NULL || field > body) {
        *out_status = 0;
        return true;
    }
    size = strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
    if (connection->used - (size_t)(body - connection->answer) < size) {
        return false;
    }
    if (sscanf(connection->answer, "HTTP/1.1 %u", out_status) != 1) {
        *out_status = 0;
    }
    *out_items = http_items(body);
    return true;
}

static void http_count(struct http_load *load, const struct http_connection *connection,
                       unsigned status, unsigned items)
{
    uint64_t now_us = load_now_us();
    if (now_us >= load->measure_from_us && now_us < load->measure_to_us) {
        load->answers += status == HTTP_OK;
        load->failed += status != HTTP_OK;
        load->shown += items;
    }
    if (connection->due_us >= load->measure_from_us &&
        connection->due_us < load->measure_to_us) {
        histogram_add(&load->latency_us, now_us - connection->due_us);
    }
}

static void http_finish(struct http_load *load, struct http_connection *connection,
                        unsigned status, unsigned items)
{
    uint64_t now_us = load_now_us();
    http_count(load, connection, status, items);
    if (load->options.rate > 0 || now_us >= load->measure_to_us) {
        http_release(load, connection);
        return;
    }
    connection->due_us = now_us;
    http_ask(load, connection);
}

static void http_readable(struct http_load *load, struct http_connection *connection)
{
    unsigned status = 0, items = 0;
    ssize_t got = recv(connection->fd, connection->answer + connection->used,
                       HTTP_ANSWER_BYTES - connection->used, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        http_disconnect(connection);
        if (connection->busy) {
            http_finish(load, connection, 0, 0);
        }
        return;
    }
    connection->used += (size_t)got;
    connection->answer[connection->used] = '\0';
    if (connection->used == HTTP_ANSWER_BYTES ||
        http_answered(connection, &status, &items)) {
        http_finish(load, connection, status, items);
    }
}

/* --- The loop ------------------------------------------------------------------------ */

static void http_begin_measuring(struct http_load *load)
{
    if (!load->measuring && load_now_us() >= load->measure_from_us) {
        load->client_from_s = load_cpu_self_s();
        load->server_from_s = load_cpu_of_s(&load->options.server, 1);
        load->measuring = true;
    }
}

/* Answers what comes in until then, or until the first event after it. */
static void http_wait(struct http_load *load, uint64_t until_us)
{
    struct epoll_event events[HTTP_EVENTS];
    uint64_t now_us = load_now_us();
    uint64_t left_us = until_us > now_us ? until_us - now_us : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left_us / 1000000),
                               .tv_nsec = (long)(left_us % 1000000) * 1000};
    int count = epoll_pwait2(load->epoll, events, HTTP_EVENTS, &timeout, NULL);
    if (count < 0 && errno != EINTR) {
        http_die("cannot wait");
    }
    for (int i = 0; i < count; i++) {
        http_readable(load, events[i].data.ptr);
    }
    http_begin_measuring(load);
}

static void http_run_closed(struct http_load *load)
{
    while (load->free != NULL) {
        struct http_connection *connection = http_take(load);
        connection->due_us = load_now_us();
        http_ask(load, connection);
    }
    while (load_now_us() < load->measure_to_us) {
        uint64_t next_us = load->measuring ? load->measure_to_us : load->measure_from_us;
        http_wait(load, next_us);
    }
}

/* A call that is late because every lane is busy counts as late. */
static void http_run_open(struct http_load *load, uint64_t start_us)
{
    struct schedule schedule;
    uint64_t due_us;
    schedule_init(&schedule, SCHEDULE_POISSON, load->options.rate, load->options.seed);
    for (due_us = start_us + schedule_next_us(&schedule); due_us < load->measure_to_us;
         due_us = start_us + schedule_next_us(&schedule)) {
        struct http_connection *connection;
        uint64_t now_us;
        do {
            http_wait(load, due_us);
        } while ((now_us = load_now_us()) < due_us);
        while (load->free == NULL) {
            http_wait(load, now_us + HTTP_DRAIN_US);
        }
        connection = http_take(load);
        connection->due_us = due_us;
        now_us = load_now_us();
        if (due_us >= load->measure_from_us && now_us > due_us &&
            now_us - due_us > load->late_us_max) {
            load->late_us_max = now_us - due_us;
        }
        http_ask(load, connection);
    }
    while (load_now_us() < load->measure_to_us) {
        http_wait(load, load->measure_to_us);
    }
}

static void http_run(struct http_load *load)
{
    uint64_t start_us = load_now_us(), drain_us;
    load->measure_from_us = start_us + (uint64_t)(load->options.warmup_s * 1e6);
    load->measure_to_us = load->measure_from_us + (uint64_t)(load->options.seconds * 1e6);
    if (load->options.rate > 0) {
        http_run_open(load, start_us);
    } else {
        http_run_closed(load);
    }
    load->client_from_s = load_cpu_self_s() - load->client_from_s;
    load->server_from_s = load_cpu_of_s(&load->options.server, 1) - load->server_from_s;
    drain_us = load_now_us() + HTTP_DRAIN_US;
    while (load->busy > 0 && load_now_us() < drain_us) {
        http_wait(load, drain_us);
    }
}

/* --- The program --------------------------------------------------------------------- */

static void http_print_latency(const struct http_load *load, const char *name,
                               double quantile)
{
    if (load->options.rate > 0 && load->latency_us.count > 0) {
        printf(",\"%s\":%" PRIu64, name, histogram_quantile(&load->latency_us, quantile));
    } else {
        printf(",\"%s\":null", name);
    }
}

static void http_report(const struct http_load *load)
{
    double answers = (double)load->answers;
    double cpu_s = load->client_from_s + load->server_from_s;
    printf("{\"loop\":\"%s\",\"clients\":%u,\"seconds\":%.3f,\"ops\":%" PRIu64
           ",\"ops_per_s\":%.1f,\"failed\":%" PRIu64,
           load->options.rate > 0 ? "open" : "closed", load->options.connections,
           load->options.seconds, load->answers, answers / load->options.seconds,
           load->failed + load->busy);
    http_print_latency(load, "p50_us", 0.5);
    http_print_latency(load, "p90_us", 0.9);
    http_print_latency(load, "p99_us", 0.99);
    printf(",\"late_us_max\":%" PRIu64 ",\"client_cpu_s\":%.3f,\"server_cpu_s\":%.3f",
           load->late_us_max, load->client_from_s, load->server_from_s);
    if (load->answers > 0) {
        printf(",\"cpu_us\":%.3f,\"shown_mean\":%.2f}\n", cpu_s * 1e6 / answers,
               (double)load->shown / answers);
    } else {
        printf(",\"cpu_us\":null,\"shown_mean\":null}\n");
    }
}

static bool http_parse(int argc, char **argv, struct http_options *options)
{
    static const struct option long_options[] = {
        {"port", required_argument, NULL, 'p'},
        {"sessions", required_argument, NULL, 'f'},
        {"connections", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"warmup", required_argument, NULL, 'w'},
        {"seed", required_argument, NULL, 'd'},
        {"server", required_argument, NULL, 'x'},
        {NULL, 0, NULL, 0},
    };
    int option;
    *options = (struct http_options){
        .connections = 64, .seconds = 5, .warmup_s = 1, .seed = 1, .server = 0};
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 'p':
            options->port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'f':
            options->sessions = optarg;
            break;
        case 'c':
            options->connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            options->rate = strtod(optarg, NULL);
            break;
        case 's':
            options->seconds = strtod(optarg, NULL);
            break;
        case 'w':
            options->warmup_s = strtod(optarg, NULL);
            break;
        case 'd':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'x':
            options->server = (pid_t)strtol(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return optind == argc && options->port > 0 && options->sessions != NULL &&
           options->connections > 0 && options->connections <= HTTP_CONNECTIONS_MAX &&
           options->rate >= 0 && options->seconds > 0 && options->warmup_s >= 0;
}

int main(int argc, char **argv)
{
    static struct http_load load;
    if (!http_parse(argc, argv, &load.options)) {
        fprintf(stderr, "usage: http_load --port P --sessions FILE [--connections N] "
                        "[--rate R] [--seconds S] [--warmup S] [--seed N] "
                        "[--server PID]\n");
        return 2;
    }
    if (!session_set_read(&load.sessions, load.options.sessions)) {
        return 2;
    }
    session_walk_init(&load.walk, &load.sessions, load.options.seed);
    histogram_init(&load.latency_us);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0) {
        http_die("cannot make an epoll");
    }
    load.busy = load.options.connections;
    load.connections = memory_zalloc(load.busy * sizeof(struct http_connection));
    for (unsigned i = 0; i < load.options.connections; i++) {
        http_connect(&load, &load.connections[i]);
        http_release(&load, &load.connections[i]);
    }
    http_run(&load);
    http_report(&load);
    for (unsigned i = 0; i < load.options.connections; i++) {
        if (load.connections[i].fd >= 0) {
            http_disconnect(&load.connections[i]);
        }
    }
    free(load.connections);
    session_set_close(&load.sessions);
    close(load.epoll);
    return 0;
}
