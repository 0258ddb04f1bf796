/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"

static const struct output_column stock_columns[] = {
    {"SKU", "sku_id", false},
    {"LOCATION", "location_id", false},
    {"AVAILABLE", "available", true},
    {"ON HAND", "on_hand", true},
    {"HELD", "held", true},
    {"COMMITTED", "committed", true},
    {"SAFETY", "safety_stock", true},
    {"INCOMING", "incoming", true},
    {NULL, NULL, false},
};

/* Which levels are wanted. */
struct stock_choice {
    const char *sku_id;      /* NULL: all */
    const char *location_id; /* NULL: all */
    int64_t limit;
};

/* Page by page; the server finds those of a SKU, and the pages are sifted for a location. */
static bool stock_collect(struct cli *cli, const struct stock_choice *choice,
                          json_t *rows)
{
    int64_t limit = choice->limit;
    char token[1024] = "";
    do {
        struct souk_stock_list_request request = {
            .sku_id = choice->sku_id, .page_size = CLI_PAGE_ROWS, .page_token = token};
        struct souk_stock_list_reply *reply = NULL;
        int64_t left = limit - (int64_t)json_array_size(rows);
        if (choice->location_id == NULL && left < CLI_PAGE_ROWS) {
            request.page_size = (int32_t)left;
        }
        if (souk_stock_list(cli_client(cli), &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            return false;
        }
        for (size_t i = 0; i < reply->level_count; i++) {
            const struct souk_stock_level *level = &reply->levels[i];
            if ((choice->location_id == NULL ||
                 strcmp(level->location_id, choice->location_id) == 0) &&
                (int64_t)json_array_size(rows) < limit) {
                json_array_append_new(rows, output_level(level));
            }
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && (int64_t)json_array_size(rows) < limit);
    return true;
}

/* A location of which there is nothing may be one that nobody knows. */
static bool stock_location_known(struct cli *cli, const char *location_id)
{
    struct souk_location_get_request request = {.location_id = location_id};
    struct souk_location_get_reply *reply = NULL;
    if (souk_location_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return false;
    }
    souk_reply_free(reply);
    return true;
}

static enum command_exit stock_show_list(struct cli *cli,
                                         const struct stock_choice *choice)
{
    json_t *rows;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    if (!stock_collect(cli, choice, rows) ||
        (json_array_size(rows) == 0 && choice->location_id != NULL &&
         !stock_location_known(cli, choice->location_id))) {
        json_decref(rows);
        return cli_failed(cli);
    }
    output_rows(&cli->output, "levels", stock_columns, rows, NULL);
    return COMMAND_OK;
}

static enum command_exit stock_show_level(struct cli *cli,
                                          struct souk_stock_level_reply *reply)
{
    json_t *level = output_level(&reply->level);
    if (reply->answer.replayed) {
        json_object_set_new(level, "replayed", json_true());
    }
    if (cli->output.format == OUTPUT_TABLE) {
        json_t *rows = json_array();
        json_array_append_new(rows, level);
        output_rows(&cli->output, "levels", stock_columns, rows, NULL);
    } else {
        output_object(&cli->output, level);
    }
    souk_reply_free(reply);
    return COMMAND_OK;
}

/* No level at all: either nobody knows the SKU, or nothing of it lies anywhere. */
static enum command_exit stock_show_sku(struct cli *cli, const char *sku_id)
{
    struct souk_sku_get_request request = {.sku_id = sku_id};
    struct souk_sku_get_reply *reply = NULL;
    const struct stock_choice choice = {sku_id, NULL, INT64_MAX};
    json_t *rows;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    if (!stock_collect(cli, &choice, rows)) {
        json_decref(rows);
        return cli_failed(cli);
    }
    if (json_array_size(rows) == 0) {
        if (souk_sku_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
            json_decref(rows);
            return cli_failed(cli);
        }
        souk_reply_free(reply);
        fprintf(
            stderr,
            "%s lies nowhere; try: souk stock adjust %s LOCATION +N --reason receipt\n",
            sku_id, sku_id);
    }
    output_rows(&cli->output, "levels", stock_columns, rows, NULL);
    return COMMAND_OK;
}

enum command_exit cli_stock_get(struct cli *cli)
{
    struct souk_stock_get_request request = {.sku_id = cli_argument(cli, 0),
                                             .location_id = cli_argument(cli, 1)};
    struct souk_stock_level_reply *reply = NULL;
    if (request.location_id == NULL) {
        return stock_show_sku(cli, request.sku_id);
    }
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_stock_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    return stock_show_level(cli, reply);
}

enum command_exit cli_stock_list(struct cli *cli)
{
    static const char *const names[] = {"sku", "location"};
    struct stock_choice choice = {cli_option(cli, "sku"), cli_option(cli, "location"),
                                  INT64_MAX};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (cli_switch(cli, names[i]) && cli_option(cli, names[i])[0] == '\0') {
            return cli_usage(cli, "--%s is empty; leave it out for all", names[i]);
        }
    }
    if (!cli_option_number(cli, "limit", 1, INT64_MAX, &choice.limit)) {
        return COMMAND_USAGE;
    }
    return stock_show_list(cli, &choice);
}

static bool stock_reason(struct cli *cli, enum souk_stock_reason *out_reason)
{
    const char *reason = cli_option(cli, "reason");
    if (reason != NULL && !output_reason_parse(reason, out_reason)) {
        cli_usage(cli,
                  "--reason is receipt, sale, return, damage, loss, found, count, "
                  "correction or import, not '%s'",
                  reason);
        return false;
    }
    return true;
}

static bool stock_bucket(struct cli *cli, enum souk_stock_bucket *out_bucket)
{
    const char *bucket = cli_option(cli, "bucket");
    if (bucket != NULL &&
        !output_bucket_parse(bucket, SOUK_BUCKET_BACKORDER_LIMIT, out_bucket)) {
        cli_usage(cli, "--bucket is on_hand, damaged, quality_control, incoming, "
                       "safety_stock or backorder_limit");
        return false;
    }
    return true;
}

enum command_exit cli_stock_adjust(struct cli *cli)
{
    struct souk_stock_adjust_request request = {
        .request_id = cli_option(cli, "request-id"),
        .request_time_ms = cli->request_time_ms,
        .sku_id = cli_argument(cli, 0),
        .location_id = cli_argument(cli, 1),
        .reference = cli_option(cli, "reference"),
    };
    struct souk_stock_level_reply *reply = NULL;
    if (!text_number(cli_argument(cli, 2), &request.quantity) || request.quantity == 0) {
        return cli_usage(cli,
                         "QUANTITY is a whole number with a sign, +5 or -2, not '%s'",
                         cli_argument(cli, 2));
    }
    if (!stock_reason(cli, &request.reason) || !stock_bucket(cli, &request.bucket) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_stock_adjust(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    return stock_show_level(cli, reply);
}

static bool stock_set_options(struct cli *cli, struct souk_stock_set_request *request)
{
    const char *on_hand = cli_argument(cli, 2);
    request->keep_on_hand = on_hand == NULL;
    if (on_hand != NULL &&
        (!text_number(on_hand, &request->on_hand) || request->on_hand < 0)) {
        cli_usage(cli, "ON-HAND is a whole number from 0, not '%s'", on_hand);
        return false;
    }
    if (!stock_reason(cli, &request->reason) ||
        !cli_option_number(cli, "expect", 0, INT64_MAX, &request->expected_on_hand) ||
        !cli_option_number(cli, "safety-stock", 0, INT64_MAX, &request->safety_stock) ||
        !cli_option_number(cli, "backorder-limit", 0, INT64_MAX,
                           &request->backorder_limit) ||
        !cli_option_number(cli, "damaged", 0, INT64_MAX, &request->damaged) ||
        !cli_option_number(cli, "quality-control", 0, INT64_MAX,
                           &request->quality_control) ||
        !cli_option_number(cli, "incoming", 0, INT64_MAX, &request->incoming)) {
        return false;
    }
    request->set_damaged = cli_switch(cli, "damaged");
    request->set_quality_control = cli_switch(cli, "quality-control");
    request->set_incoming = cli_switch(cli, "incoming");
    request->set_safety_stock = cli_switch(cli, "safety-stock");
    request->set_backorder_limit = cli_switch(cli, "backorder-limit");
    request->etag = cli_option(cli, "etag");
    if (cli_switch(cli, "expect") && request->etag != NULL) {
        cli_usage(cli, "--expect or --etag, not both");
        return false;
    }
    request->condition = cli_switch(cli, "expect") ? SOUK_STOCK_IF_ON_HAND
                         : request->etag != NULL   ? SOUK_STOCK_IF_ETAG
                                                   : SOUK_STOCK_UNCONDITIONAL;
    return true;
}

enum command_exit cli_stock_set(struct cli *cli)
{
    struct souk_stock_set_request request = {
        .request_id = cli_option(cli, "request-id"),
        .request_time_ms = cli->request_time_ms,
        .sku_id = cli_argument(cli, 0),
        .location_id = cli_argument(cli, 1),
        .reference = cli_option(cli, "reference"),
    };
    struct souk_stock_level_reply *reply = NULL;
    if (!stock_set_options(cli, &request) || cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_stock_set(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    return stock_show_level(cli, reply);
}

/* "berlin", or "berlin/damaged": a location and which of its units. */
struct stock_place {
    char location_id[256];
    enum souk_stock_bucket bucket;
};

static bool stock_place_parse(struct cli *cli, const char *text, struct stock_place *out)
{
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    *out = (struct stock_place){.bucket = SOUK_BUCKET_ON_HAND};
    if (size == 0 || size >= sizeof out->location_id ||
        (slash != NULL &&
         !output_bucket_parse(slash + 1, SOUK_BUCKET_INCOMING, &out->bucket))) {
        cli_usage(cli,
                  "'%s' is not LOCATION or LOCATION/BUCKET, the bucket being on_hand, "
                  "damaged, quality_control or incoming",
                  text);
        return false;
    }
    memcpy(out->location_id, text, size);
    return true;
}

enum command_exit cli_stock_move(struct cli *cli)
{
    struct souk_stock_move_request request = {
        .request_id = cli_option(cli, "request-id"),
        .sku_id = cli_argument(cli, 0),
        .reference = cli_option(cli, "reference"),
    };
    struct souk_stock_move_reply *reply = NULL;
    struct stock_place from, to;
    json_t *rows;
    if (!text_number(cli_argument(cli, 1), &request.quantity) || request.quantity <= 0) {
        return cli_usage(cli, "QUANTITY is a whole number above 0, not '%s'",
                         cli_argument(cli, 1));
    }
    if (!stock_place_parse(cli, cli_argument(cli, 2), &from) ||
        !stock_place_parse(cli, cli_argument(cli, 3), &to) ||
        !stock_reason(cli, &request.reason) || cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    request.from_location_id = from.location_id;
    request.from_bucket = from.bucket;
    request.to_location_id = to.location_id;
    request.to_bucket = to.bucket;
    if (souk_stock_move(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    rows = json_array();
    json_array_append_new(rows, output_level(&reply->from_level));
    if (strcmp(reply->from_level.location_id, reply->to_level.location_id) != 0) {
        json_array_append_new(rows, output_level(&reply->to_level));
    }
    output_rows(&cli->output, "levels", stock_columns, rows, NULL);
    souk_reply_free(reply);
    return COMMAND_OK;
}
