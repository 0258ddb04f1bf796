/* SPDX-License-Identifier: Apache-2.0 */
/* souk stock movements, souk stock audit: what became of every unit. */
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/ledger_audit.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

static json_t *ledger_movement(const struct souk_movement *movement)
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
    if (movement->to_location_id[0] != '\0') {
        output_text(object, "to_location_id", movement->to_location_id);
        output_number(object, "to_on_hand_change",
                      movement->to_after.on_hand - movement->to_before.on_hand);
        output_number(object, "to_on_hand", movement->to_after.on_hand);
    }
    output_number(object, "shard_id", (int64_t)movement->shard_id);
    output_number(object, "log_index", (int64_t)movement->log_index);
    output_number(object, "log_sub", movement->log_sub);
    return object;
}

/* --- Movements ------------------------------------------------------------------------ */

static bool ledger_time(struct cli *cli, const char *name, int64_t *out_ms)
{
    const char *text = cli_option(cli, name);
    if (text != NULL && !text_time_ms(text, out_ms)) {
        cli_usage(cli, "--%s is UTC like 2026-11-30 or 2026-11-30T08:26:00Z, not '%s'",
                  name, text);
        return false;
    }
    return true;
}

static bool ledger_wanted(struct cli *cli, struct souk_movement_list_request *request)
{
    const char *location = cli_option(cli, "location");
    request->sku_id = cli_argument(cli, 0);
    request->location_id = cli_argument(cli, 1);
    request->reference = cli_option(cli, "reference");
    if (location != NULL && request->location_id != NULL) {
        cli_usage(cli, "the location as an argument or as --location, not both");
        return false;
    }
    request->location_id = location != NULL ? location : request->location_id;
    return ledger_time(cli, "since", &request->start_time_ms) &&
           ledger_time(cli, "until", &request->end_time_ms);
}

static bool ledger_collect(struct cli *cli, struct souk_movement_list_request *request,
                           int64_t limit, json_t *rows)
{
    char token[1024] = "";
    do {
        struct souk_movement_list_reply *reply = NULL;
        int64_t left = limit - (int64_t)json_array_size(rows);
        request->page_token = token;
        request->page_size = left < CLI_PAGE_ROWS ? (int32_t)left : CLI_PAGE_ROWS;
        if (souk_movement_list(cli->client, request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            return false;
        }
        for (size_t i = 0; i < reply->movement_count; i++) {
            json_array_append_new(rows, ledger_movement(&reply->movements[i]));
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
        {"SKU", "sku_id", false},
        {"LOCATION", "location_id", false},
        {"REASON", "reason", false},
        {"ON HAND", "on_hand", true},
        {"CHANGE", "on_hand_change", true},
        {"HELD", "held", true},
        {"COMMITTED", "committed", true},
        {"TO", "to_location_id", false},
        {"REFERENCE", "reference", false},
        {"HOLD", "hold_id", false},
        {NULL, NULL, false},
    };
    struct souk_movement_list_request request = {.sku_id = NULL};
    int64_t limit = INT64_MAX;
    json_t *rows;
    if (!cli_option_number(cli, "limit", 1, INT64_MAX, &limit) ||
        !ledger_wanted(cli, &request) || cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    if (!ledger_collect(cli, &request, limit, rows)) {
        json_decref(rows);
        return cli_failed(cli);
    }
    output_rows(&cli->output, "movements", columns, rows, NULL);
    return COMMAND_OK;
}

/* --- The audit ------------------------------------------------------------------------ */

struct audit_run {
    struct cli *cli;
    struct ledger_audit *audit;
    struct progress progress;
    uint64_t done;
};

static void audit_step(struct audit_run *run, size_t rows)
{
    run->done += rows;
    progress_update(&run->progress, run->done, progress_now_us());
}

static bool audit_levels(struct audit_run *run)
{
    struct cli *cli = run->cli;
    char token[1024] = "";
    do {
        struct souk_stock_list_request request = {.page_size = CLI_PAGE_ROWS,
                                                  .page_token = token};
        struct souk_stock_list_reply *reply = NULL;
        if (souk_stock_list(cli->client, &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            return false;
        }
        ledger_audit_page(run->audit, reply->stamps, reply->stamp_count);
        for (size_t i = 0; i < reply->level_count; i++) {
            ledger_audit_level(run->audit, &reply->levels[i]);
        }
        audit_step(run, reply->level_count);
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && !ledger_audit_full(run->audit));
    return true;
}

static bool audit_movements(struct audit_run *run)
{
    struct cli *cli = run->cli;
    char token[1024] = "";
    do {
        struct souk_movement_list_request request = {.page_size = CLI_PAGE_ROWS,
                                                     .page_token = token};
        struct souk_movement_list_reply *reply = NULL;
        if (souk_movement_list(cli->client, &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            return false;
        }
        for (size_t i = 0; i < reply->movement_count; i++) {
            ledger_audit_movement(run->audit, &reply->movements[i]);
        }
        audit_step(run, reply->movement_count);
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && !ledger_audit_full(run->audit));
    return true;
}

static void audit_drift(void *context, const struct ledger_drift *drift)
{
    json_t *object = json_object();
    output_text(object, "sku_id", drift->sku_id);
    output_text(object, "location_id", drift->location_id);
    output_text(object, "bucket", drift->bucket);
    output_number(object, "level", drift->level);
    output_number(object, "ledger", drift->ledger);
    json_array_append_new(context, object);
}

static enum command_exit audit_show(struct audit_run *run)
{
    static const struct output_column columns[] = {
        {"SKU", "sku_id", false},    {"LOCATION", "location_id", false},
        {"BUCKET", "bucket", false}, {"LEVEL", "level", true},
        {"LEDGER", "ledger", true},  {NULL, NULL, false},
    };
    struct output *output = &run->cli->output;
    json_t *rows = json_array(), *extra = json_object();
    struct ledger_audit_totals totals;
    size_t drifted;
    ledger_audit_finish(run->audit, audit_drift, rows, &totals);
    output_number(extra, "levels", (int64_t)totals.levels);
    output_number(extra, "movements", (int64_t)totals.movements);
    output_number(extra, "broken_links", (int64_t)totals.broken);
    drifted = json_array_size(rows);
    fprintf(stderr, "%llu levels, %llu movements: %s\n",
            (unsigned long long)totals.levels, (unsigned long long)totals.movements,
            drifted == 0 && totals.broken == 0
                ? "every bucket is the sum of its movements"
                : "levels and ledger differ");
    if (drifted > 0 || output->format != OUTPUT_TABLE) {
        output_rows(output, "drift", columns, rows, extra);
    } else {
        json_decref(rows);
        json_decref(extra);
    }
    if (totals.broken > 0) {
        fprintf(stderr, "%llu movements do not begin where the one before them ended\n",
                (unsigned long long)totals.broken);
    }
    return drifted == 0 && totals.broken == 0 ? COMMAND_OK : COMMAND_UNHEALTHY;
}

static uint64_t audit_size(struct cli *cli)
{
    struct souk_cluster_get_request request = {.reserved = 0};
    struct souk_cluster_get_reply *reply = NULL;
    struct souk_error error;
    uint64_t rows = 0; /* not known: the bar is full at once, no more */
    if (souk_cluster_get(cli->client, &request, NULL, &reply, &error) == SOUK_OK) {
        rows = reply->totals.levels + reply->totals.movements;
        souk_reply_free(reply);
    }
    return rows;
}

enum command_exit cli_stock_audit(struct cli *cli)
{
    struct audit_run run = {.cli = cli};
    enum command_exit result;
    bool read;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    run.audit = ledger_audit_new();
    progress_init(&run.progress, stderr, isatty(STDERR_FILENO) == 1);
    progress_begin(&run.progress, "audit", audit_size(cli), progress_now_us());
    read = audit_levels(&run) && audit_movements(&run);
    progress_end(&run.progress, run.done, progress_now_us());
    if (!read) {
        result = cli_failed(cli);
    } else if (ledger_audit_full(run.audit)) {
        result = cli_problem(cli, "more than %d levels: too many for one audit",
                             LEDGER_AUDIT_LEVELS_MAX);
    } else {
        result = audit_show(&run);
    }
    ledger_audit_free(run.audit);
    return result;
}
