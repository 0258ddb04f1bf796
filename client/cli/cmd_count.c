/* SPDX-License-Identifier: Apache-2.0 */
/* souk stock count: a location is counted while it goes on selling. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "shard/base/arena.h"

enum {
    COUNT_BATCH = 1000, /* lines of one call */
    COUNT_LINE_BYTES_MAX = 4096,
};

enum command_exit cli_stock_count_start(struct cli *cli)
{
    struct souk_count_start_request request = {
        .request_id = cli_option(cli, "request-id"),
        .count_id = cli_argument(cli, 0),
        .location_id = cli_argument(cli, 1),
        .baseline =
            cli_switch(cli, "at-submit") ? SOUK_COUNT_FROM_SUBMIT : SOUK_COUNT_FROM_START,
    };
    struct souk_count_start_reply *reply = NULL;
    json_t *object;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_count_start(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    object = json_object();
    output_text(object, "count_id", reply->count_id);
    output_text(object, "location_id", reply->location_id);
    output_time(object, "start_time", reply->start_time_ms);
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return COMMAND_OK;
}

/* --- Submit --------------------------------------------------------------------------- */

/* Lines that wait for the next call. */
struct count_batch {
    struct cli *cli;
    struct arena arena; /* their texts */
    struct souk_counted_line lines[COUNT_BATCH];
    size_t count;
    uint64_t sent;
};

static bool count_send(struct count_batch *batch)
{
    struct cli *cli = batch->cli;
    struct souk_count_submit_request request = {
        .request_id = cli_option(cli, "request-id"),
        .count_id = cli_argument(cli, 0),
        .lines = batch->lines,
        .line_count = batch->count,
    };
    struct souk_count_submit_reply *reply = NULL;
    if (batch->count == 0) {
        return true;
    }
    if (souk_count_submit(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return false;
    }
    souk_reply_free(reply);
    batch->sent += batch->count;
    batch->count = 0;
    arena_reset(&batch->arena);
    return true;
}

/* Takes "MUG-RED=11" apart at the last `mark`; false: it is no such thing. */
static bool count_take(struct count_batch *batch, const char *text, char mark)
{
    const char *at = strrchr(text, mark);
    struct souk_counted_line *line = &batch->lines[batch->count];
    size_t size = at != NULL ? (size_t)(at - text) : 0;
    char *sku_id;
    if (size == 0 || !text_number(at + 1, &line->counted) || line->counted < 0) {
        return false;
    }
    sku_id = arena_alloc(&batch->arena, size + 1);
    memcpy(sku_id, text, size);
    sku_id[size] = '\0';
    line->sku_id = sku_id;
    batch->count++;
    return true;
}

static enum command_exit count_arguments(struct count_batch *batch)
{
    struct cli *cli = batch->cli;
    for (size_t i = 1; i < cli->line.argument_count; i++) {
        if (!count_take(batch, cli_argument(cli, i), '=')) {
            return cli_usage(cli, "SKU=UNITS, units from 0, as in MUG-RED=11, not '%s'",
                             cli_argument(cli, i));
        }
    }
    return count_send(batch) ? COMMAND_OK : cli_failed(cli);
}

static enum command_exit count_lines(struct count_batch *batch, FILE *in,
                                     const char *name)
{
    char text[COUNT_LINE_BYTES_MAX];
    for (uint64_t number = 1; fgets(text, sizeof text, in) != NULL; number++) {
        text[strcspn(text, "\r\n")] = '\0';
        if (text[0] == '\0' || (number == 1 && strcmp(text, "sku_id,counted") == 0)) {
            continue;
        }
        if (!count_take(batch, text, ',')) {
            return cli_problem(batch->cli,
                               "%s: line %llu is not SKU,UNITS; the lines before the "
                               "last %zu are submitted, and may be again",
                               name, (unsigned long long)number, batch->count);
        }
        if (batch->count == COUNT_BATCH && !count_send(batch)) {
            return cli_failed(batch->cli);
        }
    }
    if (ferror(in)) {
        return cli_problem(batch->cli, "%s: cannot be read", name);
    }
    return count_send(batch) ? COMMAND_OK : cli_failed(batch->cli);
}

static enum command_exit count_file(struct count_batch *batch, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *in = standard ? stdin : fopen(name, "r");
    enum command_exit result;
    if (in == NULL) {
        return cli_problem(batch->cli, "%s: cannot be opened", name);
    }
    result = count_lines(batch, in, name);
    if (!standard) {
        fclose(in);
    }
    return result;
}

enum command_exit cli_stock_count_submit(struct cli *cli)
{
    const char *file = cli_option(cli, "file");
    struct count_batch *batch;
    enum command_exit result;
    json_t *object;
    if ((file != NULL) == (cli->line.argument_count > 1)) {
        return cli_usage(cli, "what was counted? SKU=UNITS, or --file FILE");
    }
    if (file != NULL && cli_option(cli, "request-id") != NULL) {
        return cli_usage(cli, "--request-id is of one call; a file may be several");
    }
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return cli_problem(cli, "out of memory");
    }
    batch->cli = cli;
    arena_init(&batch->arena, NULL, 0, 0);
    result = file != NULL ? count_file(batch, file) : count_arguments(batch);
    if (result == COMMAND_OK) {
        object = json_object();
        output_text(object, "count_id", cli_argument(cli, 0));
        output_number(object, "submitted", (int64_t)batch->sent);
        output_object(&cli->output, object);
    }
    arena_close(&batch->arena);
    free(batch);
    return result;
}

/* --- Close ---------------------------------------------------------------------------- */

enum command_exit cli_stock_count_close(struct cli *cli)
{
    struct souk_count_close_request request = {
        .request_id = cli_option(cli, "request-id"),
        .count_id = cli_argument(cli, 0),
        .discard = cli_switch(cli, "discard"),
    };
    struct souk_count_close_reply *reply = NULL;
    json_t *object;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_count_close(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    object = json_object();
    output_text(object, "count_id", cli_argument(cli, 0));
    output_text(object, "location_id", reply->location_id);
    output_time(object, "start_time", reply->start_time_ms);
    output_number(object, "lines", (int64_t)reply->lines);
    output_number(object, "changed", (int64_t)reply->changed);
    output_number(object, "units_found", reply->units_found);
    output_number(object, "units_lost", reply->units_lost);
    output_number(object, "missing", (int64_t)reply->missing);
    output_number(object, "cut", (int64_t)reply->cut);
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return COMMAND_OK;
}
