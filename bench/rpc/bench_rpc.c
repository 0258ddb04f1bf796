/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rpc/bench_rpc.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shard/base/assert.h"
#include "shard/base/histogram.h"

enum {
    WARM_UP_MS = 300,
    US_PER_S = 1000000,
    IN_FLIGHT_MAX = 4096,
};

static atomic_bool measuring;
static atomic_ullong answers;      /* inside the window */
static struct histogram latencies; /* written by the client's one thread */

uint64_t bench_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

void bench_answered(uint64_t took_us)
{
    if (atomic_load_explicit(&measuring, memory_order_relaxed)) {
        histogram_add(&latencies, took_us);
        atomic_fetch_add_explicit(&answers, 1, memory_order_relaxed);
    }
}

static uint64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void sleep_us(uint64_t microseconds)
{
    struct timespec time = {.tv_sec = (time_t)(microseconds / US_PER_S),
                            .tv_nsec = (long)(microseconds % US_PER_S) * 1000};
    nanosleep(&time, NULL);
}

/* --- The server's process -------------------------------------------------------------- */

struct pipes {
    int to_server[2];
    int from_server[2];
};

/* Answers the port, then its CPU time at each byte it is sent, until the pipe closes. */
static void serve_child(const struct pipes *pipes)
{
    uint64_t value = bench_server_start(0);
    char mark;
    ASSERT(write(pipes->from_server[1], &value, sizeof value) == sizeof value);
    while (read(pipes->to_server[0], &mark, 1) == 1) {
        value = cpu_us();
        ASSERT(write(pipes->from_server[1], &value, sizeof value) == sizeof value);
    }
    bench_server_stop();
}

static uint64_t ask(const struct pipes *pipes, bool mark)
{
    uint64_t value = 0;
    if (mark) {
        ASSERT(write(pipes->to_server[1], "m", 1) == 1);
    }
    ASSERT(read(pipes->from_server[0], &value, sizeof value) == sizeof value);
    return value;
}

static void serve_alone(const struct bench_options *options)
{
    sigset_t stop;
    int signal_number;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    printf("{\"port\": %u}\n", (unsigned)bench_server_start(options->port));
    fflush(stdout);
    sigwait(&stop, &signal_number);
    bench_server_stop();
}

/* --- The client's process -------------------------------------------------------------- */

static void report(const struct bench_options *options, double seconds,
                   uint64_t client_cpu_us, uint64_t server_cpu_us)
{
    double calls = (double)atomic_load(&answers);
    double each = calls > 0 ? 1.0 / calls : 0;
    printf("{\"mode\": \"%s\", \"seconds\": %.3f, \"calls\": %.0f, \"ops_s\": %.1f, "
           "\"client_cpu_us\": %.3f, \"server_cpu_us\": %.3f, \"cpu_us\": %.3f, "
           "\"p50_us\": %llu, \"p90_us\": %llu, \"p99_us\": %llu}\n",
           options->bidi ? "bidi" : "unary", seconds, calls, calls / seconds,
           (double)client_cpu_us * each, (double)server_cpu_us * each,
           (double)(client_cpu_us + server_cpu_us) * each,
           (unsigned long long)histogram_quantile(&latencies, 0.50),
           (unsigned long long)histogram_quantile(&latencies, 0.90),
           (unsigned long long)histogram_quantile(&latencies, 0.99));
}

static void measure(const struct bench_options *options, const char *target,
                    const struct pipes *pipes)
{
    uint64_t client_us, server_us = 0, start_us;
    double seconds;
    histogram_init(&latencies);
    bench_client_start(options, target);
    sleep_us(WARM_UP_MS * 1000);
    server_us = pipes ? ask(pipes, true) : 0;
    client_us = cpu_us();
    start_us = bench_now_us();
    atomic_store(&measuring, true);
    sleep_us((uint64_t)(options->seconds * US_PER_S));
    atomic_store(&measuring, false);
    seconds = (double)(bench_now_us() - start_us) / US_PER_S;
    client_us = cpu_us() - client_us;
    server_us = pipes ? ask(pipes, true) - server_us : 0;
    bench_client_stop();
    report(options, seconds, client_us, server_us);
}

static void measure_both(const struct bench_options *options)
{
    struct pipes pipes;
    char target[64];
    pid_t server;
    int ended;
    ASSERT(pipe(pipes.to_server) == 0 && pipe(pipes.from_server) == 0);
    server = fork(); /* before gRPC has started a thread */
    ASSERT(server >= 0);
    if (server == 0) {
        close(pipes.to_server[1]);
        close(pipes.from_server[0]);
        serve_child(&pipes);
        _exit(0);
    }
    close(pipes.to_server[0]);
    close(pipes.from_server[1]);
    snprintf(target, sizeof target, "127.0.0.1:%u", (unsigned)ask(&pipes, false));
    measure(options, target, &pipes);
    close(pipes.to_server[1]);
    waitpid(server, &ended, 0);
}

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || value < least || value > most) {
        fprintf(stderr, "bench_rpc: %s is not a number from %.0f to %.0f\n", text, least,
                most);
        exit(2);
    }
    return value;
}

static void read_options(struct bench_options *options, int count, char **words)
{
    *options =
        (struct bench_options){.seconds = 5, .in_flight = 64, .streams = 4, .size = 64};
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : "";
        i++;
        if (strcmp(word, "--serve") == 0) {
            options->serve = true;
            i--;
        } else if (strcmp(word, "--mode") == 0) {
            options->bidi = strcmp(value, "bidi") == 0;
        } else if (strcmp(word, "--target") == 0) {
            options->target = value;
        } else if (strcmp(word, "--port") == 0) {
            options->port = (uint16_t)number(value, 0, 65535);
        } else if (strcmp(word, "--seconds") == 0) {
            options->seconds = number(value, 0.1, 3600);
        } else if (strcmp(word, "--in-flight") == 0) {
            options->in_flight = (unsigned)number(value, 1, IN_FLIGHT_MAX);
        } else if (strcmp(word, "--streams") == 0) {
            options->streams = (unsigned)number(value, 1, IN_FLIGHT_MAX);
        } else if (strcmp(word, "--size") == 0) {
            options->size = (size_t)number(value, 0, BENCH_MESSAGE_MAX_BYTES / 2);
        } else {
            fprintf(stderr,
                    "usage: %s [--mode unary|bidi] [--seconds S] [--in-flight N]\n"
                    "       [--streams N] [--size BYTES] [--target HOST:PORT]\n"
                    "       %s --serve [--port N]\n",
                    words[0], words[0]);
            exit(2);
        }
    }
    if (options->in_flight < options->streams) {
        options->streams = options->in_flight;
    }
}

int main(int count, char **words)
{
    struct bench_options options;
    read_options(&options, count, words);
    if (options.serve) {
        serve_alone(&options);
    } else if (options.target != NULL) {
        measure(&options, options.target, NULL);
    } else {
        measure_both(&options);
    }
    return 0;
}
