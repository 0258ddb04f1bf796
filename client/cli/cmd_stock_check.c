/* SPDX-License-Identifier: Apache-2.0 */
/* souk stock check: could a hold take these lines now? */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "shard/base/memory.h"

enum {
    CHECK_LOCATIONS_MAX = 256,
};

/* The words that are taken apart, and what they say. */
struct check_words {
    char *copies[COMMAND_ARGUMENTS_MAX];
    struct souk_stock_check_line lines[COMMAND_ARGUMENTS_MAX];
    struct cli_list locations;
};

static void check_words_close(struct check_words *words)
{
    for (size_t i = 0; i < COMMAND_ARGUMENTS_MAX; i++) {
        free(words->copies[i]);
    }
    free(words->locations.copy);
}

static bool check_lines(struct cli *cli, struct check_words *words)
{
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        struct text_line line;
        words->copies[i] = memory_string(cli_argument(cli, i));
        if (!text_line_parse(words->copies[i], &line) || line.quantity <= 0) {
            cli_usage(cli, "a line is SKU[:QTY][@LOCATION], QTY from 1, not '%s'",
                      cli_argument(cli, i));
            return false;
        }
        words->lines[i] =
            (struct souk_stock_check_line){line.sku_id, line.quantity, line.location_id};
    }
    return true;
}

/* "52.52,13.40", taken apart in place. */
static bool check_place(char *text, struct souk_stock_check_request *request)
{
    char *comma = strchr(text, ',');
    if (comma == NULL) {
        return false;
    }
    *comma = '\0';
    return text_degrees(text, TEXT_LATITUDE_MAX, &request->latitude_e7) &&
           text_degrees(comma + 1, TEXT_LONGITUDE_MAX, &request->longitude_e7);
}

static bool check_near(struct cli *cli, struct souk_stock_check_request *request)
{
    const char *text = cli_option(cli, "near");
    char *copy;
    if (text == NULL) {
        return true;
    }
    copy = memory_string(text);
    request->nearest = check_place(copy, request);
    free(copy);
    if (!request->nearest) {
        cli_usage(cli,
                  "--near is LATITUDE,LONGITUDE in degrees with at most seven decimals, "
                  "as in 52.52,13.40, not '%s'",
                  text);
    }
    return request->nearest;
}

static json_t *check_row(const struct souk_stock_check_line *line,
                         const struct souk_stock_check_result *result)
{
    json_t *object = json_object();
    bool there = result->status.code == SOUK_OK;
    output_text(object, "sku_id", line->sku_id);
    output_number(object, "quantity", line->quantity);
    json_object_set_new(object, "ok", json_boolean(there));
    output_number(object, "requested", result->requested);
    output_number(object, "available", result->available);
    output_text(object, "location_id", result->location_id);
    output_number(object, "location_available", result->location_available);
    if (result->distance_m >= 0) {
        output_number(object, "distance_m", result->distance_m);
    }
    output_text(object, "reason", result->status.reason);
    return object;
}

static enum command_exit check_show(struct cli *cli, const struct check_words *words,
                                    struct souk_stock_check_reply *reply)
{
    static const struct output_column columns[] = {
        {"SKU", "sku_id", false},
        {"QTY", "quantity", true},
        {"OK", "ok", false},
        {"AVAILABLE", "available", true},
        {"FROM", "location_id", false},
        {"THERE", "location_available", true},
        {"METRES", "distance_m", true},
        {"WHY NOT", "reason", false},
        {NULL, NULL, false},
    };
    bool all = reply->all_available;
    json_t *rows = json_array(), *extra = json_object();
    for (size_t i = 0; i < reply->result_count; i++) {
        json_array_append_new(rows, check_row(&words->lines[i], &reply->results[i]));
    }
    json_object_set_new(extra, "all_available", json_boolean(all));
    output_rows(&cli->output, "lines", columns, rows, extra);
    souk_reply_free(reply);
    return all ? COMMAND_OK : COMMAND_FAILED;
}

enum command_exit cli_stock_check(struct cli *cli)
{
    struct check_words words = {.locations.count = 0};
    struct souk_stock_check_request request = {
        .lines = words.lines,
        .line_count = cli->line.argument_count,
        .channel = cli_option(cli, "channel"),
        .allow_backorder = cli_switch(cli, "backorder"),
        .location_ids = words.locations.items,
    };
    struct souk_stock_check_reply *reply = NULL;
    enum command_exit result = COMMAND_USAGE;
    if (check_lines(cli, &words) &&
        cli_option_list(cli, "location", 1, CHECK_LOCATIONS_MAX, &words.locations) &&
        check_near(cli, &request) && cli_client(cli) != NULL) {
        request.location_id_count = words.locations.count;
        result =
            souk_stock_check(cli->client, &request, NULL, &reply, &cli->error) == SOUK_OK
                ? check_show(cli, &words, reply)
                : cli_failed(cli);
    }
    check_words_close(&words);
    return result;
}
