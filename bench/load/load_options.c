/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void load_options_usage(FILE *out)
{
    fputs(
        "usage: souk-load [--address HOST:PORT] [OPTION...]\n"
        "  --address A     of a node (SOUK_ADDRESS, else 127.0.0.1:7400)\n"
        "  --rate R        open loop: R messages/s on a schedule fixed in advance,\n"
        "                  latency counted from when each was due; without it a closed\n"
        "                  loop of --clients, whose latency is not told\n"
        "  --arrivals K    poisson (default) or even\n"
        "  --clients N     messages under way: always (closed), at most (open); 64\n"
        "  --seconds S     measured time, 5; --warmup S before it, 1\n"
        "  --mix M         reserve=9,adjust=1,read=80,recommend=10,event=5; reserve\n"
        "  --batch N       operations in one message, 1; recommend then asks by the "
        "stream\n"
        "                  BatchRecommend, N sessions at a time\n"
        "  --keys N        SKUs, 100000; --choice uniform|zipf|hot; --theta T, 0.99\n"
        "  --channels N    connections, 4; --workers N callback threads, 1\n"
        "  --setup         first make the location, the SKUs and their stock\n"
        "  --events N      and N purchases for recommendations\n"
        "  --sessions FILE a session a line: recommend asks with them, click by click,\n"
        "                  and event records them\n"
        "  --placement P   of a recommendation, --count N items, 20\n"
        "  --server PID    count its CPU time, too; may be repeated\n"
        "  --location L, --ttl-ms N, --deadline-ms N, --seed N\n"
        "Prints one JSON object.\n",
        out);
}

static bool parse_number(const char *text, double least, double most, double *out_value)
{
    char *end;
    double value;
    errno = 0;
    value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(value) || value < least ||
        value > most) {
        return false;
    }
    *out_value = value;
    return true;
}

enum {
    OPTION_ADDRESS = 1,
    OPTION_LOCATION,
    OPTION_ARRIVALS,
    OPTION_MIX,
    OPTION_CHOICE,
    OPTION_SETUP,
    OPTION_SERVER,
    OPTION_SESSIONS,
    OPTION_PLACEMENT,
    OPTION_HELP,
    OPTION_NUMBERS, /* from here on: the rows of load_numbers */
};

enum load_number {
    NUMBER_RATE,
    NUMBER_CLIENTS,
    NUMBER_SECONDS,
    NUMBER_WARMUP,
    NUMBER_BATCH,
    NUMBER_KEYS,
    NUMBER_THETA,
    NUMBER_CHANNELS,
    NUMBER_WORKERS,
    NUMBER_EVENTS,
    NUMBER_TTL,
    NUMBER_DEADLINE,
    NUMBER_SEED,
    NUMBER_RECOMMENDED,
    NUMBER_COUNT,
};

static const struct {
    const char *name;
    double value, least, most;
} load_numbers[NUMBER_COUNT] = {
    [NUMBER_RATE] = {"rate", 0, 0.001, 10000000},
    [NUMBER_CLIENTS] = {"clients", 64, 1, LOAD_CLIENTS_MAX},
    [NUMBER_SECONDS] = {"seconds", 5, 0.01, 1000000},
    [NUMBER_WARMUP] = {"warmup", 1, 0, 100000},
    [NUMBER_BATCH] = {"batch", 1, 1, LOAD_BATCH_MAX},
    [NUMBER_KEYS] = {"keys", 100000, 1, LOAD_KEYS_MAX},
    [NUMBER_THETA] = {"theta", 0.99, 0.01, 0.9999},
    [NUMBER_CHANNELS] = {"channels", 4, 1, 64},
    [NUMBER_WORKERS] = {"workers", 1, 1, 64},
    [NUMBER_EVENTS] = {"events", 0, 0, 1e9},
    [NUMBER_TTL] = {"ttl-ms", 900000, 1, 2592000000.0},
    [NUMBER_DEADLINE] = {"deadline-ms", 10000, 1, 3600000},
    [NUMBER_SEED] = {"seed", 1, 0, 9e15},
    [NUMBER_RECOMMENDED] = {"count", 20, 1, LOAD_COUNT_MAX},
};

static bool parse_server(const char *text, struct load_options *options)
{
    double pid;
    if (options->server_count >= LOAD_SERVERS_MAX || !parse_number(text, 1, 1e9, &pid)) {
        return false;
    }
    options->servers[options->server_count++] = (pid_t)pid;
    return true;
}

static bool parse_one(int option, struct load_options *options, double *numbers)
{
    switch (option) {
    case OPTION_ADDRESS:
        options->address = optarg;
        return true;
    case OPTION_LOCATION:
        options->location = optarg;
        return true;
    case OPTION_ARRIVALS:
        return schedule_parse(optarg, &options->arrivals);
    case OPTION_MIX:
        return mix_parse(optarg, &options->mix);
    case OPTION_CHOICE:
        return key_choice_parse(optarg, &options->choice);
    case OPTION_SETUP:
        options->setup = true;
        return true;
    case OPTION_SERVER:
        return parse_server(optarg, options);
    case OPTION_SESSIONS:
        options->sessions = optarg;
        return true;
    case OPTION_PLACEMENT:
        options->placement = optarg;
        return true;
    case OPTION_HELP:
        load_options_usage(stdout);
        exit(0);
    default: {
        unsigned number = (unsigned)option - OPTION_NUMBERS;
        return number < NUMBER_COUNT &&
               parse_number(optarg, load_numbers[number].least, load_numbers[number].most,
                            &numbers[number]);
    }
    }
}

static void take_numbers(struct load_options *options, const double *numbers)
{
    options->rate = numbers[NUMBER_RATE];
    options->clients = (unsigned)numbers[NUMBER_CLIENTS];
    options->seconds = numbers[NUMBER_SECONDS];
    options->warmup_s = numbers[NUMBER_WARMUP];
    options->batch = (unsigned)numbers[NUMBER_BATCH];
    options->keys = (uint64_t)numbers[NUMBER_KEYS];
    options->theta = numbers[NUMBER_THETA];
    options->channels = (unsigned)numbers[NUMBER_CHANNELS];
    options->workers = (unsigned)numbers[NUMBER_WORKERS];
    options->events = (uint64_t)numbers[NUMBER_EVENTS];
    options->ttl_ms = (int64_t)numbers[NUMBER_TTL];
    options->deadline_ms = (int64_t)numbers[NUMBER_DEADLINE];
    options->seed = (uint64_t)numbers[NUMBER_SEED];
    options->count = (int32_t)numbers[NUMBER_RECOMMENDED];
}

bool load_options_parse(int argc, char **argv, struct load_options *out_options)
{
    struct option table[OPTION_NUMBERS + NUMBER_COUNT] = {
        {"address", required_argument, NULL, OPTION_ADDRESS},
        {"location", required_argument, NULL, OPTION_LOCATION},
        {"arrivals", required_argument, NULL, OPTION_ARRIVALS},
        {"mix", required_argument, NULL, OPTION_MIX},
        {"choice", required_argument, NULL, OPTION_CHOICE},
        {"setup", no_argument, NULL, OPTION_SETUP},
        {"server", required_argument, NULL, OPTION_SERVER},
        {"sessions", required_argument, NULL, OPTION_SESSIONS},
        {"placement", required_argument, NULL, OPTION_PLACEMENT},
        {"help", no_argument, NULL, OPTION_HELP},
    };
    const char *environment = getenv("SOUK_ADDRESS");
    struct load_options options = {
        .address = environment && environment[0] ? environment : "127.0.0.1:7400",
        .location = "load"};
    double numbers[NUMBER_COUNT];
    int option, index = 0;
    optind = 0; /* getopt keeps its place between calls */
    options.mix.weights[LOAD_RESERVE] = options.mix.total = 1;
    for (unsigned i = 0; i < NUMBER_COUNT; i++) {
        table[OPTION_HELP + i] = (struct option){load_numbers[i].name, required_argument,
                                                 NULL, OPTION_NUMBERS + (int)i};
        numbers[i] = load_numbers[i].value;
    }
    while ((option = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (option == '?') {
            return false;
        }
        if (!parse_one(option, &options, numbers)) {
            fprintf(stderr, "souk-load: --%s does not take '%s'; see --help\n",
                    table[index].name, optarg ? optarg : "");
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "souk-load: unexpected argument '%s'; see --help\n",
                argv[optind]);
        return false;
    }
    take_numbers(&options, numbers);
    *out_options = options;
    return true;
}
