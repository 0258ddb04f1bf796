/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of souk-load. */
#ifndef SOUK_BENCH_LOAD_LOAD_OPTIONS_H
#define SOUK_BENCH_LOAD_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "bench/load/key_choice.h"
#include "bench/load/mix.h"
#include "bench/load/schedule.h"

enum {
    LOAD_CLIENTS_MAX = 65536,
    LOAD_BATCH_MAX = 1000,
    LOAD_SERVERS_MAX = 16,
    LOAD_KEYS_MAX = 100000000,
    LOAD_COUNT_MAX = 500,
};

struct load_options {
    const char *address;
    const char *location; /* where the stock lies */
    double rate;          /* messages per second of an open loop; 0: closed loop */
    enum schedule_kind arrivals;
    unsigned clients; /* closed: that many always under way; open: at most */
    double seconds;   /* measured, after the warm-up */
    double warmup_s;
    uint64_t keys;
    enum key_choice_kind choice;
    double theta;
    struct mix mix;
    unsigned batch; /* operations in one message */
    unsigned channels;
    unsigned workers;
    uint64_t seed;
    int64_t deadline_ms;
    int64_t ttl_ms;        /* of a hold */
    bool setup;            /* first make the location, the SKUs and their stock */
    uint64_t events;       /* and so many purchases, for recommendations */
    const char *sessions;  /* recommend asks with these, event records them */
    const char *placement; /* of a recommendation; NULL: the server's own */
    int32_t count;         /* of a recommendation */
    pid_t servers[LOAD_SERVERS_MAX]; /* whose CPU time is counted */
    unsigned server_count;
};

void load_options_usage(FILE *out);
/* False after saying on stderr what is wrong. */
bool load_options_parse(int argc, char **argv, struct load_options *out_options);

#endif
