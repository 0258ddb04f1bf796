/* SPDX-License-Identifier: Apache-2.0 */
/* souk rec, souk events. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "shard/base/memory.h"

enum {
    REC_ITEMS_MAX = 200,
    REC_COUNT_DEFAULT = 10,
};

/* Lists of ids given with commas; `copy` is to be freed. */
struct rec_list {
    const char *items[REC_ITEMS_MAX];
    size_t count;
    char *copy;
};

static bool rec_list_option(struct cli *cli, const char *name, struct rec_list *list)
{
    const char *text = cli_option(cli, name);
    list->count = 0;
    list->copy = NULL;
    if (text == NULL) {
        return true;
    }
    list->copy = memory_string(text);
    if (!text_split(list->copy, list->items, REC_ITEMS_MAX, &list->count)) {
        cli_usage(cli, "--%s wants 1 to %d ids with commas", name, REC_ITEMS_MAX);
        return false;
    }
    return true;
}

static bool rec_stock_mode(struct cli *cli, enum souk_stock_mode *out_mode)
{
    static const char *const names[] = {"none", "indexed", "verified"};
    const char *mode = cli_option(cli, "stock");
    for (unsigned i = 0; mode != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(mode, names[i]) == 0) {
            *out_mode = (enum souk_stock_mode)(SOUK_STOCK_MODE_NONE + i);
            return true;
        }
    }
    if (mode != NULL) {
        cli_usage(cli, "--stock is verified, indexed or none, not '%s'", mode);
    }
    return mode == NULL;
}

static json_t *rec_reason(const struct souk_reason *reason)
{
    static const char *const kinds[] = {"unspecified", "session_neighbours", "popular"};
    json_t *object = json_object();
    output_text(object, "kind", (unsigned)reason->kind < 3 ? kinds[reason->kind] : "?");
    output_text(object, "related_sku_id", reason->related_sku_id);
    output_number(object, "evidence_count", (int64_t)reason->evidence_count);
    json_object_set_new(object, "weight", json_real(reason->weight));
    return object;
}

/* One reason in words: what a shop would print under the item. */
static void rec_because(json_t *object, const struct souk_recommended_item *item)
{
    const struct souk_reason *best = NULL;
    char text[256];
    for (size_t i = 0; i < item->reason_count; i++) {
        if (best == NULL || item->reasons[i].weight > best->weight) {
            best = &item->reasons[i];
        }
    }
    if (best == NULL) {
        return;
    }
    if (best->kind == SOUK_REASON_SESSION_NEIGHBOURS) {
        snprintf(text, sizeof text, "%llu session%s with %s had it",
                 (unsigned long long)best->evidence_count,
                 best->evidence_count == 1 ? "" : "s", best->related_sku_id);
    } else {
        snprintf(text, sizeof text, "popular of late (%llu)",
                 (unsigned long long)best->evidence_count);
    }
    output_text(object, "because", text);
}

static json_t *rec_item(const struct souk_recommended_item *item)
{
    json_t *object = json_object();
    json_t *reasons = json_array();
    output_number(object, "rank", item->rank);
    output_text(object, "sku_id", item->sku_id);
    output_text(object, "name", item->name);
    output_money(object, "price", &item->price);
    json_object_set_new(object, "score", json_real(item->score));
    if (item->has_stock) {
        output_number(object, "available", item->available);
        json_object_set_new(object, "stock",
                            json_pack("{s:I,s:{s:I,s:I,s:b}}", "available",
                                      (json_int_t)item->available, "stamp", "shard_id",
                                      (json_int_t)item->stock_stamp.shard_id, "log_index",
                                      (json_int_t)item->stock_stamp.log_index, "leader",
                                      item->stock_stamp.leader));
    }
    rec_because(object, item);
    for (size_t i = 0; i < item->reason_count; i++) {
        json_array_append_new(reasons, rec_reason(&item->reasons[i]));
    }
    json_object_set_new(object, "reasons", reasons);
    return object;
}

static enum command_exit rec_ask(struct cli *cli,
                                 const struct souk_recommend_request *request)
{
    static const struct output_column columns[] = {
        {"#", "rank", true},
        {"SKU", "sku_id", false},
        {"NAME", "name", false},
        {"PRICE", "price", true},
        {"IN STOCK", "available", true},
        {"BECAUSE", "because", false},
        {NULL, NULL, false},
    };
    struct souk_recommend_reply *reply = NULL;
    json_t *rows, *extra;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_recommend(cli->client, request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    rows = json_array();
    for (size_t i = 0; i < reply->item_count; i++) {
        json_array_append_new(rows, rec_item(&reply->items[i]));
    }
    extra = json_object();
    output_text(extra, "answer_id", reply->answer_id);
    json_object_set_new(extra, "coverage", json_real(reply->coverage));
    output_time(extra, "answer_time", reply->answer_time_ms);
    output_rows(&cli->output, "items", columns, rows, extra);
    souk_reply_free(reply);
    return COMMAND_OK;
}

bool cli_rec_excludes_current(const struct command_line *line)
{
    return command_option(line, "exclude-current") != NULL ||
           (command_option(line, "session") != NULL &&
            command_option(line, "include-current") == NULL);
}

enum command_exit cli_rec(struct cli *cli)
{
    struct rec_list session, cart, locations;
    int64_t count = REC_COUNT_DEFAULT;
    struct souk_recommend_request request = {
        .customer_id = cli_argument(cli, 0),
        .visitor_id = cli_option(cli, "visitor"),
        .exclude_seen = cli_switch(cli, "exclude-seen"),
        .exclude_current = cli_rec_excludes_current(&cli->line),
    };
    enum command_exit result = COMMAND_USAGE;
    bool fine = rec_list_option(cli, "session", &session);
    fine = rec_list_option(cli, "cart", &cart) && fine;
    fine = rec_list_option(cli, "location", &locations) && fine;
    fine = fine && cli_option_number(cli, "count", 1, REC_ITEMS_MAX, &count) &&
           cli_option_number(cli, "min-quantity", 1, INT64_MAX, &request.min_quantity) &&
           rec_stock_mode(cli, &request.stock_mode);
    if (fine && cli_switch(cli, "exclude-current") &&
        cli_switch(cli, "include-current")) {
        cli_usage(cli, "either --exclude-current or --include-current");
        fine = false;
    }
    if (fine && request.customer_id == NULL && request.visitor_id == NULL &&
        session.count == 0) {
        cli_usage(cli, "for whom? a CUSTOMER, --visitor, or --session SKU,SKU");
        fine = false;
    }
    if (fine) {
        request.count = (int32_t)count;
        request.session_items = session.items;
        request.session_item_count = session.count;
        request.cart = cart.items;
        request.cart_count = cart.count;
        request.location_ids = locations.items;
        request.location_id_count = locations.count;
        result = rec_ask(cli, &request);
    }
    free(session.copy);
    free(cart.copy);
    free(locations.copy);
    return result;
}

static bool rec_event_options(struct cli *cli, struct souk_event *event)
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
    event->quantity = 1;
    return cli_option_number(cli, "quantity", 1, INT64_MAX, &event->quantity);
}

static enum command_exit rec_events_show(struct cli *cli,
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
    struct souk_event events[REC_ITEMS_MAX];
    struct souk_event event = {.event_id = cli_option(cli, "event-id")};
    struct souk_event_record_request request = {.events = events};
    struct souk_event_record_reply *reply = NULL;
    if (!rec_event_options(cli, &event)) {
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
    return rec_events_show(cli, reply);
}
