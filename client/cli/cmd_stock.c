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
    static const char *const names[] = {"on_hand", "damaged", "quality_control",
                                        "incoming"};
    const char *bucket = cli_option(cli, "bucket");
    for (unsigned i = 0; bucket != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(bucket, names[i]) == 0) {
            *out_bucket = (enum souk_stock_bucket)(SOUK_BUCKET_ON_HAND + i);
            return true;
        }
    }
    if (bucket != NULL) {
        cli_usage(cli, "--bucket is on_hand, damaged, quality_control or incoming");
    }
    return bucket == NULL;
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
                           &request->backorder_limit)) {
        return false;
    }
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

static json_t *stock_movement(const struct souk_movement *movement)
{
    json_t *object = json_object();
    output_time(object, "time", movement->log_time_ms);
    output_text(object, "sku_id", movement->sku_id);
    output_text(object, "location_id", movement->location_id);
    output_text(object, "reason", output_reason_name(movement->reason));
    output_number(object, "on_hand_change",
                  movement->after.on_hand - movement->before.on_hand);
    output_number(object, "on_hand", movement->after.on_hand);
    output_number(object, "held_change", movement->after.held - movement->before.held);
    output_number(object, "held", movement->after.held);
    output_number(object, "committed", movement->after.committed);
    output_text(object, "reference", movement->reference);
    output_text(object, "hold_id", movement->hold_id);
    output_number(object, "shard_id", (int64_t)movement->shard_id);
    output_number(object, "log_index", (int64_t)movement->log_index);
    output_number(object, "log_sub", movement->log_sub);
    return object;
}

static bool stock_collect_movements(struct cli *cli, int64_t limit, json_t *rows)
{
    char token[1024] = "";
    do {
        struct souk_movement_list_request request = {.sku_id = cli_argument(cli, 0),
                                                     .location_id = cli_argument(cli, 1),
                                                     .page_token = token};
        struct souk_movement_list_reply *reply = NULL;
        int64_t left = limit - (int64_t)json_array_size(rows);
        request.page_size = left < CLI_PAGE_ROWS ? (int32_t)left : CLI_PAGE_ROWS;
        if (souk_movement_list(cli_client(cli), &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            return false;
        }
        for (size_t i = 0; i < reply->movement_count; i++) {
            json_array_append_new(rows, stock_movement(&reply->movements[i]));
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && (int64_t)json_array_size(rows) < limit);
    return true;
}

enum command_exit cli_stock_movements(struct cli *cli)
{
    static const struct output_column columns[] = {
        {"TIME", "time", false},
        {"LOCATION", "location_id", false},
        {"REASON", "reason", false},
        {"ON HAND", "on_hand", true},
        {"CHANGE", "on_hand_change", true},
        {"HELD", "held", true},
        {"COMMITTED", "committed", true},
        {"REFERENCE", "reference", false},
        {"HOLD", "hold_id", false},
        {NULL, NULL, false},
    };
    int64_t limit = INT64_MAX;
    json_t *rows;
    if (!cli_option_number(cli, "limit", 1, INT64_MAX, &limit) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    if (!stock_collect_movements(cli, limit, rows)) {
        json_decref(rows);
        return cli_failed(cli);
    }
    output_rows(&cli->output, "movements", columns, rows, NULL);
    return COMMAND_OK;
}
