/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "shard/base/memory.h"

static enum command_exit hold_show(struct cli *cli, enum souk_code code,
                                   struct souk_hold_reply *reply)
{
    json_t *hold;
    if (code != SOUK_OK) {
        return cli_failed(cli);
    }
    hold = output_hold(&reply->hold);
    if (reply->answer.replayed) {
        json_object_set_new(hold, "replayed", json_true());
    }
    if (reply->pending_shard_count > 0) {
        json_t *shards = json_array();
        for (size_t i = 0; i < reply->pending_shard_count; i++) {
            json_array_append_new(shards,
                                  json_integer((json_int_t)reply->pending_shards[i]));
        }
        json_object_set_new(hold, "pending_shards", shards);
    }
    output_object(&cli->output, hold);
    souk_reply_free(reply);
    return COMMAND_OK;
}

/* Takes the words apart in `copies`, which the lines borrow. */
static bool hold_lines(struct cli *cli, char *copies[], struct souk_hold_line *lines)
{
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        struct text_line line;
        copies[i] = memory_string(cli_argument(cli, i));
        if (!text_line_parse(copies[i], &line)) {
            cli_usage(cli, "a line is SKU[:QTY][@LOCATION], not '%s'",
                      cli_argument(cli, i));
            return false;
        }
        if (line.quantity <= 0) {
            cli_usage(cli, "QTY of '%s' is a whole number from 1, as in MUG-RED:2",
                      cli_argument(cli, i));
            return false;
        }
        lines[i] =
            (struct souk_hold_line){line.sku_id, line.location_id, line.quantity, 0};
    }
    return true;
}

/* A SKU that nobody knows and that looks like one with a quantity. */
static void hold_say_quantity(const struct cli *cli, enum souk_code code,
                              const struct souk_hold_line *lines)
{
    for (size_t i = 0; code == SOUK_NOT_FOUND && i < cli->line.argument_count; i++) {
        if (strchr(lines[i].sku_id, ':') != NULL) {
            fprintf(stderr,
                    "souk: '%s' was taken for a SKU id whole: QTY behind a ':' is digits "
                    "alone, as in MUG-RED:2\n",
                    lines[i].sku_id);
        }
    }
}

enum command_exit cli_hold_create(struct cli *cli)
{
    char *copies[SOUK_HOLD_LINES_MAX] = {NULL};
    struct souk_hold_line lines[SOUK_HOLD_LINES_MAX];
    struct souk_hold_create_request request = {
        .request_id = cli_option(cli, "request-id"),
        .request_time_ms = cli->request_time_ms,
        .lines = lines,
        .line_count = cli->line.argument_count,
        .mode = cli_switch(cli, "best-effort") ? SOUK_HOLD_BEST_EFFORT
                                               : SOUK_HOLD_ALL_OR_NOTHING,
        .owner = cli_option(cli, "owner"),
        .reference = cli_option(cli, "reference"),
        .allow_backorder = cli_switch(cli, "backorder"),
    };
    struct souk_hold_reply *reply = NULL;
    enum command_exit result = COMMAND_USAGE;
    if (hold_lines(cli, copies, lines) &&
        cli_option_duration(cli, "ttl", &request.ttl_ms) && cli_client(cli) != NULL) {
        enum souk_code code =
            souk_hold_create(cli->client, &request, NULL, &reply, &cli->error);
        hold_say_quantity(cli, code, lines);
        result = hold_show(cli, code, reply);
    }
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        free(copies[i]);
    }
    return result;
}

enum command_exit cli_hold_get(struct cli *cli)
{
    struct souk_hold_get_request request = {.hold_id = cli_argument(cli, 0)};
    struct souk_hold_reply *reply = NULL;
    enum souk_code code;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    code = souk_hold_get(cli->client, &request, NULL, &reply, &cli->error);
    return hold_show(cli, code, reply);
}

enum {
    HOLD_STATES_OPEN = 1u << SOUK_HOLD_HELD | 1u << SOUK_HOLD_COMMITTED,
    HOLD_STATES_MAX = 8,
};

/* A set of states: "all", or some with commas; the open ones when nothing is said. */
static bool hold_states_option(struct cli *cli, unsigned *out_states)
{
    const char *given = cli_option(cli, "state");
    const char *words[HOLD_STATES_MAX];
    size_t count = 0;
    char *copy;
    bool fine;
    *out_states = given == NULL ? HOLD_STATES_OPEN : 0;
    if (given == NULL || strcmp(given, "all") == 0) {
        *out_states = given == NULL ? HOLD_STATES_OPEN : ~0u;
        return true;
    }
    copy = memory_string(given);
    fine = text_split(copy, words, HOLD_STATES_MAX, &count);
    for (size_t i = 0; i < count && fine; i++) {
        enum souk_hold_state state = SOUK_HOLD_STATE_UNSPECIFIED;
        fine = output_hold_state_parse(words[i], &state);
        *out_states |= 1u << state;
    }
    free(copy);
    if (!fine) {
        cli_usage(cli,
                  "--state is all, or some of held, committed, fulfilled, released, "
                  "expired and cancelled with commas, not '%s'",
                  given);
    }
    return fine;
}

/* All pages are read: the server lists the holds of an owner in whatever state. */
static bool hold_collect(struct cli *cli, unsigned states, int64_t limit, json_t *rows)
{
    char token[1024] = "";
    do {
        struct souk_hold_list_request request = {.owner = cli_option(cli, "owner"),
                                                 .page_size = CLI_PAGE_ROWS,
                                                 .page_token = token};
        struct souk_hold_list_reply *reply = NULL;
        if (souk_hold_list(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
            return false;
        }
        for (size_t i = 0; i < reply->hold_count; i++) {
            const struct souk_hold *hold = &reply->holds[i];
            if ((states >> hold->state & 1u) != 0 &&
                (int64_t)json_array_size(rows) < limit) {
                json_array_append_new(rows, output_hold(hold));
            }
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && (int64_t)json_array_size(rows) < limit);
    return true;
}

enum command_exit cli_hold_list(struct cli *cli)
{
    static const struct output_column columns[] = {
        {"HOLD", "hold_id", false},        {"STATE", "state", false},
        {"OWNER", "owner", false},         {"LINES", "lines", false},
        {"EXPIRES", "expire_time", false}, {NULL, NULL, false},
    };
    int64_t limit = INT64_MAX;
    unsigned states;
    json_t *rows;
    if (!cli_switch(cli, "owner")) {
        return cli_usage(cli, "whose holds? --owner OWNER");
    }
    if (!hold_states_option(cli, &states) ||
        !cli_option_number(cli, "limit", 1, INT64_MAX, &limit) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    if (!hold_collect(cli, states, limit, rows)) {
        json_decref(rows);
        return cli_failed(cli);
    }
    output_rows(&cli->output, "holds", columns, rows, NULL);
    return COMMAND_OK;
}

enum command_exit cli_hold_extend(struct cli *cli)
{
    struct souk_hold_extend_request request = {.request_id =
                                                   cli_option(cli, "request-id"),
                                               .request_time_ms = cli->request_time_ms,
                                               .hold_id = cli_argument(cli, 0)};
    struct souk_hold_reply *reply = NULL;
    enum souk_code code;
    const char *ttl = cli_argument(cli, 1);
    if ((ttl == NULL) == !cli_switch(cli, "ttl")) {
        return cli_usage(cli, "until when? --ttl DURATION, once");
    }
    if (ttl != NULL && !text_duration_ms(ttl, &request.ttl_ms)) {
        return cli_usage(cli, "TTL is a duration like 90s, 15m or 1h30m, not '%s'", ttl);
    }
    if (!cli_option_duration(cli, "ttl", &request.ttl_ms) || cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    code = souk_hold_extend(cli->client, &request, NULL, &reply, &cli->error);
    return hold_show(cli, code, reply);
}

typedef enum souk_code hold_end_call(struct souk_client *client,
                                     const struct souk_hold_end_request *request,
                                     const struct souk_call_options *options,
                                     struct souk_hold_reply **out_reply,
                                     struct souk_error *out_error);

static enum command_exit hold_end(struct cli *cli, hold_end_call *end)
{
    struct souk_hold_end_request request = {.request_id = cli_option(cli, "request-id"),
                                            .request_time_ms = cli->request_time_ms,
                                            .hold_id = cli_argument(cli, 0)};
    struct souk_hold_reply *reply = NULL;
    enum souk_code code;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    code = end(cli->client, &request, NULL, &reply, &cli->error);
    return hold_show(cli, code, reply);
}

enum command_exit cli_hold_commit(struct cli *cli)
{
    return hold_end(cli, souk_hold_commit);
}

enum command_exit cli_hold_release(struct cli *cli)
{
    return hold_end(cli, souk_hold_release);
}

enum command_exit cli_hold_fulfil(struct cli *cli)
{
    return hold_end(cli, souk_hold_fulfil);
}

enum command_exit cli_hold_cancel(struct cli *cli)
{
    return hold_end(cli, souk_hold_cancel);
}
