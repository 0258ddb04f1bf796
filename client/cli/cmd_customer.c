/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of what is stored of somebody, and its erasure. */
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"

/* --- Export --------------------------------------------------------------------------- */

static const struct output_column customer_columns[] = {
    {"TIME", "time", false},     {"KIND", "kind", false},
    {"SKU", "sku_id", false},    {"QUANTITY", "quantity", true},
    {"PRICE", "price", true},    {"SESSION", "session_id", false},
    {"DETAIL", "detail", false}, {"LOCATION", "location_id", false},
    {NULL, NULL, false},
};

/* On a thread of the library, while the main thread waits. */
struct customer_copy {
    struct cli *cli;
    json_t *profile; /* NULL: none */
    uint64_t event_count;
    json_t *rows; /* NULL: every line goes out as it comes */
    bool broken;  /* nobody reads what is written */
};

static void customer_line(struct customer_copy *copy, json_t *object)
{
    FILE *data = copy->cli->output.data;
    json_dumpf(object, data, JSON_COMPACT);
    fputc('\n', data);
    json_decref(object);
    copy->broken = copy->broken || ferror(data) != 0;
}

static json_t *customer_head(const struct souk_customer_export_part *part)
{
    json_t *head = json_object();
    if (part->customer != NULL) {
        json_object_set_new(head, "customer", output_customer(part->customer));
    }
    output_number(head, "event_count", (int64_t)part->event_count);
    return head;
}

static json_t *customer_event(const struct souk_exported_event *exported)
{
    const struct souk_event *event = &exported->event;
    json_t *object = json_object();
    output_time(object, "time", event->occurred_time_ms);
    output_text(object, "kind", output_event_name(event->kind));
    output_text(object, "sku_id", event->sku_id);
    output_number(object, "quantity", event->quantity);
    output_money(object, "price", &event->price);
    output_text(object, "session_id", event->session_id);
    output_text(object, "detail", event->detail);
    output_text(object, "location_id", event->location_id);
    output_text(object, "event_id", event->event_id);
    output_time(object, "record_time", exported->record_time_ms);
    if (exported->import_line != 0) {
        output_number(object, "import_line", (int64_t)exported->import_line);
    }
    return object;
}

static bool customer_part(void *context, const struct souk_customer_export_part *part)
{
    struct customer_copy *copy = context;
    if (part->first && copy->rows == NULL) {
        customer_line(copy, customer_head(part));
    } else if (part->first) {
        copy->profile = customer_head(part);
    }
    for (size_t i = 0; i < part->events_here && !copy->broken; i++) {
        json_t *row = customer_event(&part->events[i]);
        if (copy->rows == NULL) {
            customer_line(copy, row);
        } else {
            json_array_append_new(copy->rows, row);
        }
    }
    return !copy->broken;
}

static void customer_show(struct cli *cli, struct customer_copy *copy)
{
    json_t *profile = json_object_get(copy->profile, "customer");
    if (cli->output.format == OUTPUT_TABLE && profile != NULL) {
        output_object(&cli->output, json_incref(profile));
    }
    if (cli->output.format != OUTPUT_TABLE || json_array_size(copy->rows) > 0) {
        output_rows(&cli->output, "events", customer_columns, copy->rows, copy->profile);
    } else {
        json_decref(copy->rows);
        json_decref(copy->profile);
    }
}

enum command_exit cli_customer_export(struct cli *cli)
{
    bool visitor = cli_switch(cli, "visitor");
    struct souk_customer_export_request request = {
        .customer_id = visitor ? NULL : cli_argument(cli, 0),
        .visitor_id = visitor ? cli_argument(cli, 0) : NULL,
    };
    /* As long as it takes, unless somebody said how long. */
    struct souk_call_options options = {
        .deadline_ms = cli_option(cli, "deadline") != NULL ? cli->deadline_ms : 0};
    struct customer_copy copy = {.cli = cli};
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    copy.rows = cli->output.format == OUTPUT_JSONL ? NULL : json_array();
    if (souk_customer_export(cli->client, &request, &options, customer_part, &copy,
                             &cli->error) != SOUK_OK) {
        json_decref(copy.rows);
        json_decref(copy.profile);
        return cli_failed(cli);
    }
    if (copy.rows != NULL) {
        customer_show(cli, &copy);
    }
    return COMMAND_OK;
}

/* --- Erasure -------------------------------------------------------------------------- */

bool cli_confirms(FILE *in, FILE *talk, const char *question)
{
    char answer[16] = "";
    fprintf(talk, "%s [y/N] ", question);
    fflush(talk);
    if (fgets(answer, sizeof answer, in) == NULL) {
        fputc('\n', talk);
        return false;
    }
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 ||
           strcmp(answer, "yes") == 0;
}

/* COMMAND_OK: go on. */
static enum command_exit customer_erase_asked(struct cli *cli, bool visitor)
{
    char shown[TEXT_SHOWN_BYTES], question[TEXT_SHOWN_BYTES + 128];
    if (cli_switch(cli, "yes")) {
        return COMMAND_OK;
    }
    if (isatty(STDIN_FILENO) != 1) {
        return cli_usage(cli,
                         "nothing was erased: an erasure is for good, and there is no "
                         "terminal to confirm it on; the same command with --yes erases "
                         "without asking");
    }
    text_show(cli_argument(cli, 0), shown);
    snprintf(question, sizeof question, "Erase %s %s with profile and history, for good?",
             visitor ? "visitor" : "customer", shown);
    return cli_confirms(stdin, stderr, question) ? COMMAND_OK
                                                 : cli_problem(cli, "nothing was erased");
}

static json_t *customer_proof(const struct souk_customer_erase_reply *reply)
{
    json_t *proof = json_object();
    json_t *confirmations = json_array();
    output_number(proof, "events_removed", (int64_t)reply->events_removed);
    output_number(proof, "sessions_removed", (int64_t)reply->sessions_removed);
    json_object_set_new(proof, "profile_removed", json_boolean(reply->profile_removed));
    output_number(proof, "shard_id", (int64_t)reply->stamp.shard_id);
    output_number(proof, "log_index", (int64_t)reply->stamp.log_index);
    output_time(proof, "log_time", reply->stamp.log_time_ms);
    for (size_t i = 0; i < reply->confirmation_count; i++) {
        json_t *confirmation = json_object();
        output_number(confirmation, "node_id", (int64_t)reply->confirmations[i].node_id);
        output_number(confirmation, "log_index",
                      (int64_t)reply->confirmations[i].log_index);
        json_array_append_new(confirmations, confirmation);
    }
    json_object_set_new(proof, "confirmations", confirmations);
    if (reply->answer.replayed) {
        json_object_set_new(proof, "replayed", json_true());
    }
    return proof;
}

enum command_exit cli_customer_erase(struct cli *cli)
{
    bool visitor = cli_switch(cli, "visitor");
    struct souk_customer_erase_request request = {
        .request_id = cli_option(cli, "request-id"),
        .request_time_ms = cli->request_time_ms,
        .customer_id = visitor ? NULL : cli_argument(cli, 0),
        .visitor_id = visitor ? cli_argument(cli, 0) : NULL,
    };
    struct souk_customer_erase_reply *reply = NULL;
    enum command_exit asked = customer_erase_asked(cli, visitor);
    if (asked != COMMAND_OK) {
        return asked;
    }
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_customer_erase(cli->client, &request, NULL, &reply, &cli->error) !=
        SOUK_OK) {
        return cli_failed(cli);
    }
    if (reply->events_removed == 0 && !reply->profile_removed) {
        fprintf(stderr, "nothing was stored under this %s id%s\n",
                visitor ? "visitor" : "customer",
                visitor ? "" : "; a visitor's goes with --visitor");
    }
    output_object(&cli->output, customer_proof(reply));
    souk_reply_free(reply);
    return COMMAND_OK;
}
