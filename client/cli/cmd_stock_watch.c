/* SPDX-License-Identifier: Apache-2.0 */
/* souk stock watch: levels, then every change as it happens, until Ctrl-C. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "client/include/souk/stock_watch.h"
#include "shard/base/buffer.h"
#include "shard/base/memory.h"

enum {
    WATCH_LOCATIONS_MAX = 100,
    WATCH_LINE_BYTES = 512,
};

static const char *const watch_alerts[] = {
    NULL, "low_stock", "reorder_point", "back_in_stock", "shortfall", "hold_expired"};
enum {
    WATCH_ALERTS = sizeof watch_alerts / sizeof watch_alerts[0],
};

/* Callbacks come one at a time, on the library's thread. */
struct stock_watch {
    struct cli *cli;
    int64_t left;   /* changes to be shown */
    json_t *events; /* of -o json */
    struct buffer token;
    bool titled;
};

/* --- Showing ---------------------------------------------------------------------------- */

static json_t *watch_level_event(const struct souk_stock_level *level)
{
    json_t *event = output_level(level);
    json_object_set_new(event, "event", json_string("level"));
    return event;
}

static void watch_put_alerts(json_t *event, const char *key, uint32_t alerts)
{
    json_t *list = json_array();
    for (unsigned alert = 1; alert < WATCH_ALERTS; alert++) {
        if (alerts & 1u << alert) {
            json_array_append_new(list, json_string(watch_alerts[alert]));
        }
    }
    json_object_set_new(event, key, list);
}

static json_t *watch_change_event(const struct souk_stock_change *change)
{
    const struct souk_movement *movement = &change->movement;
    json_t *event = json_object();
    json_object_set_new(event, "event", json_string("change"));
    output_time(event, "time", movement->log_time_ms);
    output_text(event, "sku_id", movement->sku_id);
    output_text(event, "location_id", movement->location_id);
    output_text(event, "reason", output_reason_name(movement->reason));
    output_number(event, "on_hand_change",
                  movement->after.on_hand - movement->before.on_hand);
    output_number(event, "on_hand", movement->after.on_hand);
    output_number(event, "held", movement->after.held);
    output_number(event, "committed", movement->after.committed);
    output_number(event, "incoming", movement->after.incoming);
    output_text(event, "reference", movement->reference);
    output_text(event, "hold_id", movement->hold_id);
    watch_put_alerts(event, "alerts", change->alerts);
    if (movement->to_location_id[0] != '\0') {
        output_text(event, "to_location_id", movement->to_location_id);
        output_number(event, "to_on_hand_change",
                      movement->to_after.on_hand - movement->to_before.on_hand);
        output_number(event, "to_on_hand", movement->to_after.on_hand);
        output_number(event, "to_held", movement->to_after.held);
        output_number(event, "to_incoming", movement->to_after.incoming);
        watch_put_alerts(event, "to_alerts", change->to_alerts);
    }
    output_number(event, "shard_id", (int64_t)movement->shard_id);
    output_number(event, "log_index", (int64_t)movement->log_index);
    output_number(event, "log_sub", movement->log_sub);
    return event;
}

/* The members of one level in an event. */
struct watch_keys {
    const char *location_id, *on_hand, *change, *held, *alerts;
};
static const struct watch_keys watch_keys = {"location_id", "on_hand", "on_hand_change",
                                             "held", "alerts"};
static const struct watch_keys watch_to_keys = {
    "to_location_id", "to_on_hand", "to_on_hand_change", "to_held", "to_alerts"};

static void watch_line(const json_t *event, const struct watch_keys *keys)
{
    char alerts[WATCH_LINE_BYTES] = "";
    const json_t *change = json_object_get(event, keys->change);
    const json_t *list = json_object_get(event, keys->alerts);
    const char *time = json_string_value(json_object_get(event, "time"));
    const char *reason = json_string_value(json_object_get(event, "reason"));
    char sign[32] = "";
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t used = strlen(alerts);
        snprintf(alerts + used, sizeof alerts - used, " %s",
                 json_string_value(json_array_get(list, i)));
    }
    if (change != NULL) {
        snprintf(sign, sizeof sign, "%+lld", (long long)json_integer_value(change));
    }
    printf("%-24s  %-20s  %-12s  %9lld  %8s  %6lld  %-10s%s\n", time != NULL ? time : "",
           json_string_value(json_object_get(event, "sku_id")),
           json_string_value(json_object_get(event, keys->location_id)),
           (long long)json_integer_value(json_object_get(event, keys->on_hand)), sign,
           (long long)json_integer_value(json_object_get(event, keys->held)),
           reason != NULL ? reason : "", alerts);
}

/* The reference is taken. */
static void watch_show(struct stock_watch *watch, json_t *event)
{
    if (watch->events != NULL) {
        json_array_append_new(watch->events, event);
        return;
    }
    if (watch->cli->output.format == OUTPUT_JSONL) {
        json_dumpf(event, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        if (!watch->titled) {
            printf("%-24s  %-20s  %-12s  %9s  %8s  %6s  %-10s %s\n", "TIME", "SKU",
                   "LOCATION", "ON HAND", "CHANGE", "HELD", "REASON", "ALERTS");
            watch->titled = true;
        }
        watch_line(event, &watch_keys);
        if (json_object_get(event, watch_to_keys.location_id) != NULL) {
            watch_line(event, &watch_to_keys); /* where a move ended */
        }
    }
    json_decref(event);
}

static bool watch_part(void *context, const struct souk_stock_watch_part *part)
{
    struct stock_watch *watch = context;
    for (size_t i = 0; i < part->level_count; i++) {
        watch_show(watch, watch_level_event(&part->levels[i]));
    }
    for (size_t i = 0; i < part->change_count && watch->left > 0; i++, watch->left--) {
        watch_show(watch, watch_change_event(&part->changes[i]));
    }
    fflush(stdout);
    if (watch->left > 0 && part->resume_token[0] != '\0') {
        buffer_clear(&watch->token); /* of a message that was shown whole */
        buffer_append(&watch->token, part->resume_token, strlen(part->resume_token) + 1);
    }
    return watch->left > 0 && !cli_interrupted();
}

static bool watch_pause(void *context)
{
    (void)context;
    return !cli_interrupted();
}

/* --- The command ------------------------------------------------------------------------ */

static bool watch_take_alerts(struct cli *cli, uint32_t *out_alerts)
{
    const char *option = cli_option(cli, "alerts");
    const char *names[WATCH_ALERTS];
    size_t count = 0;
    char *copy;
    bool known = true;
    if (option == NULL) {
        return true;
    }
    copy = memory_string(option);
    known = text_split(copy, names, WATCH_ALERTS, &count);
    for (size_t i = 0; known && i < count; i++) {
        unsigned alert = 1;
        while (alert < WATCH_ALERTS && strcmp(watch_alerts[alert], names[i]) != 0) {
            alert++;
        }
        known = alert < WATCH_ALERTS;
        *out_alerts |= known ? 1u << alert : 0;
    }
    free(copy);
    if (!known) {
        cli_usage(cli, "--alerts is low_stock, reorder_point, back_in_stock, shortfall, "
                       "hold_expired, or several with commas");
    }
    return known;
}

static bool watch_options(struct cli *cli, struct souk_stock_watch_request *request,
                          struct cli_list *locations)
{
    if (!cli_option_list(cli, "location", 1, WATCH_LOCATIONS_MAX, locations)) {
        return false;
    }
    request->sku_ids = cli->line.arguments;
    request->sku_id_count = cli->line.argument_count;
    request->location_ids = locations->items;
    request->location_id_count = locations->count;
    request->resume_token = cli_option(cli, "token");
    request->changes_only = cli_switch(cli, "changes-only");
    return cli_option_number(cli, "low-stock", INT64_MIN, INT64_MAX,
                             &request->low_stock) &&
           cli_option_number(cli, "reorder-point", 0, INT64_MAX,
                             &request->reorder_point) &&
           cli_option_duration(cli, "outage", &request->outage_max_ms) &&
           watch_take_alerts(cli, &request->alerts);
}

static enum command_exit watch_end(struct stock_watch *watch, enum souk_code code)
{
    struct cli *cli = watch->cli;
    const char *token = watch->token.size > 0 ? (const char *)watch->token.data : "";
    bool ended = code == SOUK_CANCELLED && (cli_interrupted() || watch->left == 0);
    const char *oldest = souk_error_metadata(&cli->error, "oldest_token");
    if (watch->events != NULL && (ended || json_array_size(watch->events) > 0)) {
        json_t *all = json_object();
        json_object_set(all, "events", watch->events);
        output_text(all, "resume_token", token);
        output_object(&cli->output, all);
    }
    if (token[0] != '\0' && watch->left > 0) {
        fprintf(stderr, "go on from here with: souk stock watch --token %s\n", token);
    }
    if (ended) {
        return COMMAND_OK;
    }
    if (oldest != NULL) {
        fprintf(stderr, "try: souk stock watch --token %s\n", oldest);
    }
    return cli_failed(cli);
}

enum command_exit cli_stock_watch(struct cli *cli)
{
    struct souk_stock_watch_request request = {.sku_ids = NULL};
    struct stock_watch watch = {.cli = cli, .left = INT64_MAX};
    struct cli_list locations = {.count = 0};
    enum command_exit result = COMMAND_USAGE;
    buffer_init(&watch.token);
    if (watch_options(cli, &request, &locations) &&
        cli_option_number(cli, "limit", 1, INT64_MAX, &watch.left) &&
        cli_client(cli) != NULL) {
        cli_catch_interrupts();
        watch.events = cli->output.format == OUTPUT_JSON ? json_array() : NULL;
        result = watch_end(&watch, souk_stock_watch(cli->client, &request, watch_part,
                                                    watch_pause, &watch, &cli->error));
        json_decref(watch.events);
    }
    buffer_close(&watch.token);
    free(locations.copy);
    return result;
}
