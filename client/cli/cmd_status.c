/* SPDX-License-Identifier: Apache-2.0 */
/* souk status, version, completion, manual, and the programs that souk starts. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

static void status_totals(json_t *object, const struct souk_totals *totals)
{
    output_number(object, "skus", (int64_t)totals->skus);
    output_number(object, "levels", (int64_t)totals->levels);
    output_number(object, "customers", (int64_t)totals->customers);
    output_number(object, "events", (int64_t)totals->events);
    output_number(object, "movements", (int64_t)totals->movements);
    output_number(object, "units_on_hand", totals->units_on_hand);
    output_number(object, "holds_open", (int64_t)totals->holds_open);
}

static json_t *status_nodes(const struct souk_cluster_get_reply *reply)
{
    json_t *nodes = json_array();
    for (size_t i = 0; i < reply->node_count; i++) {
        const struct souk_node *node = &reply->nodes[i];
        json_t *object = json_object();
        output_number(object, "node_id", (int64_t)node->node_id);
        output_text(object, "address", node->address);
        output_text(object, "version", node->version);
        output_time(object, "start_time", node->start_time_ms);
        json_object_set_new(object, "ready", json_boolean(node->ready));
        json_array_append_new(nodes, object);
    }
    return nodes;
}

/* Memory of a customer shard for each event and customer in it, and its evidence. */
static void status_memory(json_t *object, const struct souk_shard *shard)
{
    const struct souk_evidence_totals *evidence = &shard->evidence;
    if (shard->table != SOUK_SHARD_TABLE_CUSTOMER) {
        return;
    }
    output_number(object, "sessions", (int64_t)evidence->sessions);
    output_number(object, "sessions_waiting", (int64_t)evidence->sessions_waiting);
    output_number(object, "postings", (int64_t)evidence->postings);
    output_number(object, "evidence_bytes", (int64_t)evidence->memory_bytes);
    if (shard->totals.events > 0) {
        output_number(object, "bytes_per_event",
                      (int64_t)(shard->memory_bytes / shard->totals.events));
    }
    if (shard->totals.customers > 0) {
        output_number(object, "bytes_per_customer",
                      (int64_t)(shard->memory_bytes / shard->totals.customers));
    }
}

static json_t *status_shards(const struct souk_cluster_get_reply *reply)
{
    static const char *const tables[] = {"unspecified", "sku", "customer"};
    json_t *shards = json_array();
    for (size_t i = 0; i < reply->shard_count; i++) {
        const struct souk_shard *shard = &reply->shards[i];
        char range[17];
        json_t *object = json_object();
        output_number(object, "shard_id", (int64_t)shard->shard_id);
        output_text(object, "table",
                    (unsigned)shard->table < 3 ? tables[shard->table] : "?");
        snprintf(range, sizeof range, "%016llx", (unsigned long long)shard->start_key);
        output_text(object, "start_key", range);
        snprintf(range, sizeof range, "%016llx", (unsigned long long)shard->end_key);
        output_text(object, "end_key", range);
        output_number(object, "leader_node_id", (int64_t)shard->leader_node_id);
        output_number(object, "applied_index", (int64_t)shard->applied_index);
        output_number(object, "flushed_index", (int64_t)shard->flushed_index);
        output_time(object, "log_time", shard->log_time_ms);
        output_number(object, "memory_bytes", (int64_t)shard->memory_bytes);
        status_totals(object, &shard->totals);
        status_memory(object, shard);
        json_array_append_new(shards, object);
    }
    return shards;
}

static void status_tables(struct cli *cli, json_t *nodes, json_t *shards)
{
    static const struct output_column node_columns[] = {
        {"NODE", "node_id", true},      {"ADDRESS", "address", false},
        {"READY", "ready", false},      {"VERSION", "version", false},
        {"SINCE", "start_time", false}, {NULL, NULL, false},
    };
    static const struct output_column shard_columns[] = {
        {"SHARD", "shard_id", true},
        {"TABLE", "table", false},
        {"LEADER", "leader_node_id", true},
        {"APPLIED", "applied_index", true},
        {"FLUSHED", "flushed_index", true},
        {"SKUS", "skus", true},
        {"LEVELS", "levels", true},
        {"CUSTOMERS", "customers", true},
        {"EVENTS", "events", true},
        {"MEMORY", "memory_bytes", true},
        {"EVIDENCE", "evidence_bytes", true},
        {"PER EVENT", "bytes_per_event", true},
        {"PER CUSTOMER", "bytes_per_customer", true},
        {NULL, NULL, false},
    };
    fputc('\n', cli->output.data);
    output_rows(&cli->output, "nodes", node_columns, nodes, NULL);
    fputc('\n', cli->output.data);
    output_rows(&cli->output, "shards", shard_columns, shards, NULL);
}

enum command_exit cli_status(struct cli *cli)
{
    struct souk_cluster_get_request request = {0};
    struct souk_cluster_get_reply *reply = NULL;
    enum command_exit result = COMMAND_OK;
    json_t *object;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_cluster_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    for (size_t i = 0; i < reply->node_count; i++) {
        result = reply->nodes[i].ready ? result : COMMAND_UNHEALTHY;
    }
    object = json_object();
    output_text(object, "cluster_id", reply->cluster_id);
    status_totals(object, &reply->totals);
    if (cli->output.format == OUTPUT_TABLE) {
        output_object(&cli->output, object);
        status_tables(cli, status_nodes(reply), status_shards(reply));
    } else {
        json_object_set_new(object, "nodes", status_nodes(reply));
        json_object_set_new(object, "shards", status_shards(reply));
        output_object(&cli->output, object);
    }
    souk_reply_free(reply);
    return result;
}

enum command_exit cli_version(struct cli *cli)
{
    if (cli->output.format == OUTPUT_TABLE) {
        fprintf(cli->output.data, "souk %s\n", souk_version());
    } else {
        output_object(&cli->output, json_pack("{s:s}", "version", souk_version()));
    }
    return COMMAND_OK;
}

enum command_exit cli_help(struct cli *cli)
{
    const char *words[COMMAND_ARGUMENTS_MAX + 2] = {"souk"};
    struct command_line line;
    char message[256];
    size_t count = cli->line.argument_count;
    memcpy(words + 1, cli->line.arguments, count * sizeof words[0]);
    words[count + 1] = "--help";
    if (!command_parse(command_table(), (int)count + 2, (char **)(uintptr_t)words, &line,
                       message, sizeof message)) {
        return cli_usage(cli, "%s", message);
    }
    if (line.argument_count > 0) {
        return cli_usage(cli, "no command '%s %s'", line.command->path,
                         line.arguments[0]);
    }
    command_help(command_table(), line.command, cli->output.data);
    return COMMAND_OK;
}

enum command_exit cli_completion(struct cli *cli)
{
    command_completion(command_table(), cli->output.data);
    return COMMAND_OK;
}

enum command_exit cli_manual(struct cli *cli)
{
    command_manual(command_table(), souk_version(), cli->output.data);
    return COMMAND_OK;
}

/* The folder that holds this program. */
static bool status_own_folder(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    char *slash;
    if (length <= 0) {
        return false;
    }
    out[length] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Becomes another program; returns only when that fails. */
static enum command_exit status_become(struct cli *cli, const char *path,
                                       const char *first[], size_t first_count)
{
    const char *words[COMMAND_ARGUMENTS_MAX + 16];
    size_t count = 0;
    words[count++] = path;
    for (size_t i = 0; i < first_count; i++) {
        words[count++] = first[i];
    }
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        words[count++] = cli->line.arguments[i];
    }
    words[count] = NULL;
    fflush(NULL);
    execv(path, (char *const *)(uintptr_t)words);
    return cli_problem(cli, "cannot run %s: %s", path, strerror(errno));
}

enum command_exit cli_demo(struct cli *cli)
{
    static const char *const places[] = {"../share/souk/demo", "../../../deploy/demo"};
    static const char *const passed[] = {"once",  "data",   "dir",
                                         "nodes", "events", "seed"};
    const char *first[12];
    char options[6][PATH_MAX + 16];
    char folder[PATH_MAX], path[PATH_MAX + 32];
    const char *given = getenv("SOUK_DEMO"); /* where the script lies, if elsewhere */
    size_t count = 0;
    if (!status_own_folder(folder, sizeof folder)) {
        return cli_problem(cli, "cannot find the folder of this program");
    }
    first[count++] = "--bin";
    first[count++] = folder;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        const char *value = cli_option(cli, passed[i]);
        if (value != NULL) {
            snprintf(options[i], sizeof options[i], "--%s%s%s", passed[i],
                     value[0] ? "=" : "", value);
            first[count++] = options[i];
        }
    }
    for (size_t i = 0; given == NULL && i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, places[i]);
        if (access(path, X_OK) == 0) {
            return status_become(cli, path, first, count);
        }
    }
    if (given != NULL) {
        return status_become(cli, given, first, count);
    }
    return cli_problem(cli,
                       "the demo is neither at share/souk/demo nor in a source tree "
                       "around %s; run deploy/demo of a source tree",
                       folder);
}

enum command_exit cli_bench(struct cli *cli)
{
    char folder[PATH_MAX], path[PATH_MAX + 32];
    const char *first[] = {"--address", cli->address};
    if (!status_own_folder(folder, sizeof folder)) {
        return cli_problem(cli, "cannot find the folder of this program");
    }
    snprintf(path, sizeof path, "%s/souk-load", folder);
    if (access(path, X_OK) != 0) {
        return cli_problem(cli,
                           "the load program is not there: %s. In a source tree: cmake "
                           "--build --preset release --target souk-load; an installed "
                           "souk has it from cmake --install build/release",
                           path);
    }
    return status_become(cli, path, first, cli_switch(cli, "address") ? 2 : 0);
}
