/* SPDX-License-Identifier: Apache-2.0 */
/* souk stock count: a location is counted while it goes on selling. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/import_file.h"
#include "client/cli/text.h"
#include "shard/base/arena.h"
#include "shard/base/memory.h"

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
    struct souk_counted_line lines[SOUK_BATCH_MAX];
    size_t count;
    uint64_t sent;
    const char *file;         /* where they come from, for what is said of it */
    enum command_exit result; /* of the row that ended the reading */
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

/* False: that is no SKU, or no count of one. */
static bool count_add(struct count_batch *batch, struct slice sku_id, const char *units)
{
    struct souk_counted_line *line = &batch->lines[batch->count];
    char *copy;
    if (sku_id.size == 0 || sku_id.size > SOUK_ID_BYTES_MAX ||
        !text_number(units, &line->counted) || line->counted < 0) {
        return false;
    }
    copy = arena_alloc(&batch->arena, sku_id.size + 1);
    memcpy(copy, sku_id.data, sku_id.size);
    copy[sku_id.size] = '\0';
    line->sku_id = copy;
    batch->count++;
    return true;
}

/* "MUG-RED=11" */
static bool count_argument(struct count_batch *batch, const char *text)
{
    const char *at = strrchr(text, '=');
    return at != NULL && count_add(batch, slice_of(text, (size_t)(at - text)), at + 1);
}

static enum command_exit count_arguments(struct count_batch *batch)
{
    struct cli *cli = batch->cli;
    for (size_t i = 1; i < cli->line.argument_count; i++) {
        if (!count_argument(batch, cli_argument(cli, i))) {
            return cli_usage(cli, "SKU=UNITS, units from 0, as in MUG-RED=11, not '%s'",
                             cli_argument(cli, i));
        }
    }
    return count_send(batch) ? COMMAND_OK : cli_failed(cli);
}

static bool count_bad(void *context, uint64_t line, const char *reason)
{
    struct count_batch *batch = context;
    batch->result =
        cli_problem(batch->cli,
                    "%s: line %llu is not SKU,UNITS%s%s; the lines before the last %zu "
                    "are submitted, and may be again",
                    batch->file, (unsigned long long)line, reason != NULL ? ": " : "",
                    reason != NULL ? reason : "", batch->count);
    return false;
}

static bool count_row(void *context, const struct csv_row *row)
{
    struct count_batch *batch = context;
    if (row->line == 1 && row->count == 2 && strcmp(row->fields[0], "sku_id") == 0 &&
        strcmp(row->fields[1], "counted") == 0) {
        return true;
    }
    if (row->count != 2 ||
        !count_add(batch, slice_from_string(row->fields[0]), row->fields[1])) {
        return count_bad(batch, row->line, NULL);
    }
    if (batch->count == SOUK_BATCH_MAX && !count_send(batch)) {
        batch->result = cli_failed(batch->cli);
        return false;
    }
    return true;
}

static enum command_exit count_file(struct count_batch *batch)
{
    const struct csv_callbacks callbacks = {
        .row = count_row, .bad = count_bad, .context = batch};
    const char *path = strcmp(batch->file, "-") == 0 ? NULL : batch->file;
    struct problem problem = {.message = ""};
    enum status status = import_file_read(path, &callbacks, NULL, &problem);
    if (status == STATUS_CANCELLED) {
        return batch->result;
    }
    if (status != STATUS_OK) {
        return cli_problem(batch->cli, "%s: %s", batch->file, problem.message);
    }
    return count_send(batch) ? COMMAND_OK : cli_failed(batch->cli);
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
    batch = memory_zalloc(sizeof *batch);
    batch->cli = cli;
    batch->file = file;
    arena_init(&batch->arena, NULL, 0, 0);
    result = file != NULL ? count_file(batch) : count_arguments(batch);
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
