/* SPDX-License-Identifier: Apache-2.0 */
/* souk events. */
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"

enum {
    EVENTS_MAX = 200,
};

static bool events_options(struct cli *cli, struct souk_event *event)
{
    const char *time = cli_option(cli, "time");
    if (!output_event_parse(cli_argument(cli, 0), &event->kind)) {
        cli_usage(cli, "no kind of event is called '%s'", cli_argument(cli, 0));
        return false;
    }
    event->customer_id = cli_option(cli, "customer");
    event->visitor_id = cli_option(cli, "visitor");
    if ((event->customer_id == NULL) == (event->visitor_id == NULL)) {
        cli_usage(cli, "who was it? --customer or --visitor");
        return false;
    }
    if (time != NULL && !text_time_ms(time, &event->occurred_time_ms)) {
        cli_usage(cli, "--time is UTC like 2025-11-30T08:26:00Z, not '%s'", time);
        return false;
    }
    event->session_id = cli_option(cli, "session");
    event->detail = cli_option(cli, "detail");
    event->location_id = cli_option(cli, "location");
    event->quantity = 1;
    return cli_option_number(cli, "quantity", 1, INT64_MAX, &event->quantity);
}

static enum command_exit events_show(struct cli *cli,
                                     struct souk_event_record_reply *reply)
{
    json_t *object = json_object(), *failures = json_array();
    enum command_exit result = reply->failure_count > 0 ? COMMAND_FAILED : COMMAND_OK;
    output_number(object, "stored", reply->stored);
    output_number(object, "duplicates", reply->duplicates);
    for (size_t i = 0; i < reply->failure_count; i++) {
        const struct souk_event_failure *failure = &reply->failures[i];
        fprintf(stderr, "souk: event %u: %s: %s\n", failure->index,
                failure->status.reason, failure->status.message);
        json_array_append_new(failures,
                              json_pack("{s:i,s:s,s:s}", "index", (int)failure->index,
                                        "reason", failure->status.reason, "message",
                                        failure->status.message));
    }
    json_object_set_new(object, "failures", failures);
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return result;
}

enum command_exit cli_events_record(struct cli *cli)
{
    struct souk_event events[EVENTS_MAX];
    struct souk_event event = {.event_id = cli_option(cli, "event-id")};
    struct souk_event_record_request request = {.events = events};
    struct souk_event_record_reply *reply = NULL;
    if (!events_options(cli, &event)) {
        return COMMAND_USAGE;
    }
    if (event.event_id != NULL && cli->line.argument_count > 2) {
        return cli_usage(cli, "--event-id names a single event");
    }
    request.event_count = cli->line.argument_count > 1 ? cli->line.argument_count - 1 : 1;
    for (size_t i = 0; i < request.event_count; i++) {
        events[i] = event;
        events[i].sku_id = cli_argument(cli, i + 1);
    }
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_event_record(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    return events_show(cli, reply);
}
