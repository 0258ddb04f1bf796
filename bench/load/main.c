/* SPDX-License-Identifier: Apache-2.0 */
/* souk-load: a load for a running Souk, and what it saw as one JSON object. */
#include <inttypes.h>
#include <stdio.h>

#include "bench/load/load.h"

static void print_latency(const struct histogram *latency, bool open)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {
        {"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}};
    for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        if (open && latency->count > 0) {
            printf(",\"%s\":%" PRIu64, quantiles[i].name,
                   histogram_quantile(latency, quantiles[i].quantile));
        } else {
            /* A closed loop slows down with the server, so its latency says little. */
            printf(",\"%s\":null", quantiles[i].name);
        }
    }
}

static void print_kinds(const struct load_cell *sum, double seconds, bool open)
{
    const char *comma = "";
    printf(",\"kinds\":{");
    for (unsigned i = 0; i < LOAD_KINDS; i++) {
        const struct load_counts *counts = &sum->kinds[i];
        if (counts->calls == 0 && counts->failed == 0) {
            continue;
        }
        printf("%s\"%s\":{\"ops\":%" PRIu64 ",\"ops_per_s\":%.1f,\"failed\":%" PRIu64,
               comma, load_kind_name((enum load_kind)i), counts->items,
               (double)counts->items / seconds, counts->failed);
        print_latency(&counts->latency_us, open);
        if (i == LOAD_RECOMMEND && counts->items > 0) {
            printf(",\"shown_mean\":%.2f", (double)counts->shown / (double)counts->items);
        }
        printf("}");
        comma = ",";
    }
    printf("},\"reasons\":{");
    comma = "";
    for (unsigned i = 0; i < LOAD_REASONS_MAX && sum->reasons[i].count > 0; i++) {
        printf("%s\"%s\":%" PRIu64, comma, sum->reasons[i].name, sum->reasons[i].count);
        comma = ",";
    }
    printf("}");
}

static void print_report(const struct load_options *options, const struct load_cell *sum,
                         const struct load_outcome *outcome)
{
    static struct histogram all;
    bool open = options->rate > 0;
    uint64_t items = 0, calls = 0, failed = 0;
    double cpu_s = outcome->client_cpu_s + outcome->server_cpu_s;
    histogram_init(&all);
    for (unsigned i = 0; i < LOAD_KINDS; i++) {
        items += sum->kinds[i].items;
        calls += sum->kinds[i].calls;
        failed += sum->kinds[i].failed;
        histogram_merge(&all, &sum->kinds[i].latency_us);
    }
    printf(
        "{\"loop\":\"%s\",\"clients\":%u,\"batch\":%u,\"seconds\":%.3f,\"ops\":%" PRIu64
        ",\"ops_per_s\":%.1f,\"calls\":%" PRIu64 ",\"failed\":%" PRIu64,
        open ? "open" : "closed", options->clients, options->batch, outcome->seconds,
        items, (double)items / outcome->seconds, calls, failed);
    print_latency(&all, open);
    printf(",\"late_us_max\":%" PRIu64
           ",\"client_cpu_s\":%.3f,\"server_cpu_s\":%.3f,\"cpu_us\":",
           outcome->late_us_max, outcome->client_cpu_s, outcome->server_cpu_s);
    if (items > 0) {
        printf("%.3f", cpu_s * 1e6 / (double)items);
    } else {
        printf("null");
    }
    print_kinds(sum, outcome->seconds, open);
    printf("}\n");
}

enum {
    MAIN_PROBE_MS = 1500,
    MAIN_UNREACHABLE = 4, /* as souk's exit codes */
};

/* Nobody there is said at once, not after an outage's patience. */
static bool main_reachable(struct load *load)
{
    struct souk_error error = SOUK_ERROR_INIT;
    struct souk_health_request request = {.service = NULL};
    struct souk_health_reply *reply = NULL;
    struct souk_call_options options = {.deadline_ms = MAIN_PROBE_MS, .attempts_max = 1};
    if (souk_health_check(load->client, &request, &options, &reply, &error) == SOUK_OK) {
        souk_reply_free(reply);
        return true;
    }
    fprintf(
        stderr,
        "souk-load: nothing answers at %s (%s)\n"
        "  try: souk demo   starts a node; or point --address (SOUK_ADDRESS) at one\n",
        load->options.address, error.message);
    souk_error_clear(&error);
    return false;
}

int main(int argc, char **argv)
{
    static struct load load;
    static struct load_cell sum;
    struct load_outcome outcome;
    struct souk_error error = SOUK_ERROR_INIT;
    struct souk_client_options client = {0};
    if (!load_options_parse(argc, argv, &load.options)) {
        return 2;
    }
    if (load.options.sessions != NULL &&
        !session_set_read(&load.sessions, load.options.sessions)) {
        return 2;
    }
    client.addresses = load.options.address;
    client.deadline_ms = load.options.deadline_ms;
    client.channels_per_address = load.options.channels;
    client.workers = load.options.workers;
    if (souk_client_open(&client, &load.client, &error) != SOUK_OK) {
        fprintf(stderr, "souk-load: %s\n", error.message);
        souk_error_clear(&error);
        return 1;
    }
    if (!main_reachable(&load)) {
        souk_client_close(load.client);
        return MAIN_UNREACHABLE;
    }
    if ((load.options.setup && !load_setup(&load)) || !load_run(&load, &outcome)) {
        return 1;
    }
    souk_client_close(load.client);
    load_stats_sum(&load.stats, &sum);
    print_report(&load.options, &sum, &outcome);
    load_stats_close(&load.stats);
    session_set_close(&load.sessions);
    return 0;
}
