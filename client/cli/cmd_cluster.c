/* SPDX-License-Identifier: Apache-2.0 */
/* souk cluster and souk shard: what changes who holds what. */
#include <errno.h>
#include <stdlib.h>

#include "client/cli/cli.h"

/* A node's or a shard's number; false: said what is wrong. */
static bool cluster_number(struct cli *cli, size_t index, const char *what,
                           uint64_t *out_number)
{
    const char *text = cli_argument(cli, index);
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number == 0) {
        (void)cli_usage(cli,
                        "%s is a number from 1, not '%s'; souk cluster status lists "
                        "them",
                        what, text);
        return false;
    }
    *out_number = number;
    return true;
}

enum command_exit cli_cluster_init(struct cli *cli)
{
    struct souk_cluster_init_request request = {0};
    struct souk_cluster_init_reply *reply = NULL;
    json_t *object;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_cluster_init(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    object = json_object();
    output_text(object, "cluster_id", reply->cluster_id);
    output_number(object, "node_id", (int64_t)reply->node_id);
    output_text(object, "peer_address", reply->peer_address);
    output_object(&cli->output, object);
    fprintf(stderr,
            "try: soukd --dir DIR --join %s     on each further node, with an "
            "empty DIR\n",
            reply->peer_address);
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_cluster_remove_node(struct cli *cli)
{
    struct souk_node_remove_request request;
    struct souk_node_remove_reply *reply = NULL;
    json_t *object;
    if (!cluster_number(cli, 0, "NODE", &request.node_id) || cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_node_remove(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    object = json_object();
    output_number(object, "node_id", (int64_t)request.node_id);
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return COMMAND_OK;
}

typedef enum souk_code cluster_replica_call(struct souk_client *client,
                                            const struct souk_replica_request *request,
                                            const struct souk_call_options *options,
                                            struct souk_replica_reply **out_reply,
                                            struct souk_error *out_error);

static enum command_exit shard_change(struct cli *cli, cluster_replica_call *change)
{
    struct souk_replica_request request = {0};
    struct souk_replica_reply *reply = NULL;
    json_t *object;
    if (!cluster_number(cli, 0, "SHARD", &request.shard_id) ||
        (cli->line.argument_count > 1 &&
         !cluster_number(cli, 1, "NODE", &request.node_id)) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (change(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    object = json_object();
    output_number(object, "shard_id", (int64_t)request.shard_id);
    if (request.node_id != 0) {
        output_number(object, "node_id", (int64_t)request.node_id);
    }
    if (reply->replica_id != 0) {
        output_number(object, "replica_id", (int64_t)reply->replica_id);
    }
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_shard_add_replica(struct cli *cli)
{
    return shard_change(cli, souk_replica_add);
}

enum command_exit cli_shard_remove_replica(struct cli *cli)
{
    return shard_change(cli, souk_replica_remove);
}

enum command_exit cli_shard_transfer(struct cli *cli)
{
    return shard_change(cli, souk_leader_transfer);
}

enum command_exit cli_shard_verify(struct cli *cli)
{
    static const struct output_column columns[] = {
        {"NODE", "node_id", true},   {"REPLICA", "replica_id", true},
        {"DIGEST", "digest", false}, {"WHY NOT", "reason", false},
        {NULL, NULL, false},
    };
    struct souk_shard_verify_request request;
    struct souk_shard_verify_reply *reply = NULL;
    enum command_exit result;
    json_t *rows, *extra;
    if (!cluster_number(cli, 0, "SHARD", &request.shard_id) || cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_shard_verify(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    rows = json_array();
    for (size_t i = 0; i < reply->replica_count; i++) {
        const struct souk_replica_digest *replica = &reply->replicas[i];
        json_t *row = json_object();
        char digest[17];
        output_number(row, "node_id", (int64_t)replica->node_id);
        output_number(row, "replica_id", (int64_t)replica->replica_id);
        snprintf(digest, sizeof digest, "%016llx", (unsigned long long)replica->digest);
        output_text(row, "digest", replica->reason[0] == '\0' ? digest : "");
        output_text(row, "reason", replica->reason);
        json_array_append_new(rows, row);
    }
    extra = json_object();
    output_number(extra, "shard_id", (int64_t)request.shard_id);
    output_number(extra, "log_index", (int64_t)reply->log_index);
    json_object_set_new(extra, "agree", json_boolean(reply->agree));
    output_rows(&cli->output, "replicas", columns, rows, extra);
    fprintf(stderr, "%s at index %llu of shard %llu\n",
            reply->agree ? "all replicas agree" : "the replicas do NOT agree",
            (unsigned long long)reply->log_index, (unsigned long long)request.shard_id);
    result = reply->agree ? COMMAND_OK : COMMAND_UNHEALTHY;
    souk_reply_free(reply);
    return result;
}
