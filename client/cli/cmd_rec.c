/* SPDX-License-Identifier: Apache-2.0 */
/* souk rec, and what it shares with souk rec rank. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/rec.h"
#include "shard/base/memory.h"

enum {
    REC_COUNT_DEFAULT = 10,
};
_Static_assert(REC_IDS_MAX <= CLI_LIST_MAX, "a list holds all ids of a question");

/* --- Options ----------------------------------------------------------------------- */

bool rec_locations_known(struct cli *cli, const struct cli_list *locations)
{
    for (size_t i = 0; i < locations->count; i++) {
        const struct souk_location_get_request request = {.location_id =
                                                              locations->items[i]};
        struct souk_location_get_reply *reply = NULL;
        if (souk_location_get(cli->client, &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            return false;
        }
        souk_reply_free(reply);
    }
    return true;
}

bool rec_stock_option(struct cli *cli, enum souk_stock_mode *out_mode)
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

/* "brand:2"; `copy` is to be freed. */
static bool rec_diversity_option(struct cli *cli, struct souk_recommend_request *request,
                                 char **copy)
{
    const char *text = cli_option(cli, "diversity");
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    int64_t most;
    if (text == NULL) {
        return true;
    }
    if (colon == NULL || colon == text || !text_number(colon + 1, &most) || most < 1 ||
        most > REC_ITEMS_MAX) {
        cli_usage(cli,
                  "--diversity is FIELD:N, at most N (1 to %d) items of one value, such "
                  "as brand:2, category:1 or attributes.colour:2",
                  REC_ITEMS_MAX);
        return false;
    }
    *copy = memory_string(text);
    (*copy)[colon - text] = '\0';
    request->diversity_attribute = *copy;
    request->diversity_items_max = (uint32_t)most;
    return true;
}

bool rec_actor_option(struct cli *cli, const char **customer, const char **visitor)
{
    unsigned named = 0;
    const char *argument =
        strcmp(cli->line.command->path, "rec") == 0 ? cli_argument(cli, 0) : NULL;
    const char *option = cli_option(cli, "customer");
    *customer = argument != NULL ? argument : option;
    *visitor = cli_option(cli, "visitor");
    named = (unsigned)(argument != NULL) + (option != NULL) + (*visitor != NULL);
    if (named > 1) {
        cli_usage(cli, "one of CUSTOMER, --customer and --visitor, not several");
    }
    return named <= 1;
}

/* --- Answers ----------------------------------------------------------------------- */

/* Distinct SKUs that the best reasons mention. */
static size_t rec_mentioned(const struct souk_recommended_item *const *items,
                            size_t count, const char *out_ids[REC_ITEMS_MAX])
{
    size_t found = 0;
    for (size_t i = 0; i < count && found < REC_ITEMS_MAX; i++) {
        const struct souk_reason *reason = rec_best_reason(items[i]);
        size_t k = 0;
        if (reason == NULL || reason->related_sku_id[0] == '\0') {
            continue;
        }
        while (k < found && strcmp(out_ids[k], reason->related_sku_id) != 0) {
            k++;
        }
        if (k == found) {
            out_ids[found++] = reason->related_sku_id;
        }
    }
    return found;
}

void rec_names_read(struct cli *cli, const struct souk_recommended_item *const *items,
                    size_t count, struct rec_named *out)
{
    struct souk_sku_batch_get_request request = {.sku_ids = out->wanted};
    memset(out, 0, sizeof *out);
    request.sku_id_count = rec_mentioned(items, count, out->wanted);
    out->names.sku_ids = out->ids;
    out->names.names = out->texts;
    /* Without names, ids do. */
    if (request.sku_id_count == 0 ||
        souk_sku_batch_get(cli->client, &request, NULL, &out->reply, NULL) != SOUK_OK) {
        return;
    }
    for (size_t i = 0; i < out->reply->sku_count && i < REC_ITEMS_MAX; i++) {
        out->ids[i] = out->reply->skus[i].sku_id;
        out->texts[i] = out->reply->skus[i].name;
        out->names.count = i + 1;
    }
}

void rec_names_free(struct rec_named *named)
{
    souk_reply_free(named->reply);
}

static json_t *rec_rows(struct cli *cli, const struct souk_recommended_item *items,
                        size_t count, const char *instead)
{
    const struct souk_recommended_item **pointers =
        memory_alloc((count + 1) * sizeof *pointers);
    struct rec_named *named = memory_alloc(sizeof *named);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &items[i];
    }
    rec_names_read(cli, pointers, count, named);
    named->names.instead = instead;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(rows, rec_item_json(&items[i], &named->names));
    }
    rec_names_free(named);
    free(named);
    free(pointers);
    return rows;
}

static const struct output_column rec_columns[] = {
    {"#", "rank", true},
    {"SKU", "sku_id", false},
    {"NAME", "name", false},
    {"PRICE", "price", true},
    {"IN STOCK", "available", true},
    {"BECAUSE", "because", false},
    {NULL, NULL, false},
};

void rec_show(struct cli *cli, const struct souk_recommended_item *items, size_t count,
              const char *instead, json_t *extra)
{
    output_rows(&cli->output, "items", rec_columns, rec_rows(cli, items, count, instead),
                extra);
}

/* Whether what was shown stands in for what its placement is about. */
static bool rec_all_fallback(const struct souk_recommend_reply *reply)
{
    bool all = reply->item_count > 0;
    for (size_t i = 0; i < reply->item_count; i++) {
        const struct souk_reason *reason = rec_best_reason(&reply->items[i]);
        all = all && reason != NULL && reason->fallback;
    }
    return all;
}

/* The explanation, where it was asked for, or where it says why nothing of somebody's own
 * was used; NULL otherwise. False: it was asked for and did not come. */
static bool rec_explain(struct cli *cli, const struct souk_recommend_request *request,
                        const struct souk_recommend_reply *reply,
                        struct souk_recommend_explain_reply **out_why)
{
    const struct souk_recommend_explain_request ask = {.answer_id = reply->answer_id};
    bool named = request->customer_id != NULL || request->visitor_id != NULL;
    bool asked = cli_switch(cli, "explain");
    *out_why = NULL;
    if (!asked && !(named && rec_all_fallback(reply))) {
        return true;
    }
    return souk_recommend_explain(cli->client, &ask, NULL, out_why,
                                  asked ? &cli->error : NULL) == SOUK_OK ||
           !asked;
}

/* Nothing at all was found, or nothing passed. */
static void rec_say_empty(const struct souk_recommend_reply *reply)
{
    if (reply->item_count == 0) {
        fprintf(stderr, "nothing to show; try: the same with --explain, which says what "
                        "was left out and why\n");
    }
}

static enum command_exit rec_ask(struct cli *cli,
                                 const struct souk_recommend_request *request)
{
    struct souk_recommend_reply *reply = NULL;
    struct souk_recommend_explain_reply *why = NULL;
    bool explain = cli_switch(cli, "explain");
    json_t *extra;
    if (souk_recommend(cli->client, request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    if (!rec_explain(cli, request, reply, &why)) {
        souk_reply_free(reply);
        return cli_failed(cli);
    }
    extra = json_object();
    output_text(extra, "answer_id", reply->answer_id);
    json_object_set_new(extra, "coverage", json_real(reply->coverage));
    output_time(extra, "answer_time", reply->answer_time_ms);
    if (explain) {
        json_object_set_new(extra, "why", rec_why_json(why));
    }
    rec_show(cli, reply->items, reply->item_count,
             why != NULL ? rec_fallback_words(why->personal) : NULL, extra);
    if (explain) {
        rec_why_show(cli, why);
    } else {
        rec_say_empty(reply);
    }
    souk_reply_free(why);
    souk_reply_free(reply);
    return COMMAND_OK;
}

/* --- souk rec ---------------------------------------------------------------------- */

bool cli_rec_excludes_current(const struct command_line *line)
{
    return command_option(line, "exclude-current") != NULL ||
           ((command_option(line, "session") != NULL ||
             command_option(line, "seed") != NULL) &&
            command_option(line, "include-current") == NULL);
}

const char *cli_rec_placement(const struct souk_recommend_request *request)
{
    bool named = request->customer_id != NULL || request->visitor_id != NULL;
    bool at_hand = request->session_item_count > 0 || request->seed_count > 0;
    return request->placement == NULL && named && !at_hand ? "for-you"
                                                           : request->placement;
}

struct rec_lists {
    struct cli_list session, seeds, cart, locations;
    char *diversity;
};

static bool rec_options(struct cli *cli, struct rec_lists *lists,
                        struct souk_recommend_request *request)
{
    int64_t count = REC_COUNT_DEFAULT;
    bool fine = cli_option_list(cli, "session", 1, REC_IDS_MAX, &lists->session);
    fine = cli_option_list(cli, "seed", 1, REC_SEEDS_MAX, &lists->seeds) && fine;
    fine = cli_option_list(cli, "cart", 1, REC_IDS_MAX, &lists->cart) && fine;
    fine = cli_option_list(cli, "location", 1, REC_IDS_MAX, &lists->locations) && fine;
    fine = fine && rec_diversity_option(cli, request, &lists->diversity) &&
           rec_actor_option(cli, &request->customer_id, &request->visitor_id) &&
           cli_option_number(cli, "count", 1, REC_ITEMS_MAX, &count) &&
           cli_option_number(cli, "min-quantity", 1, INT64_MAX, &request->min_quantity) &&
           rec_stock_option(cli, &request->stock_mode);
    request->count = (int32_t)count;
    request->session_items = lists->session.items;
    request->session_item_count = lists->session.count;
    request->seeds = lists->seeds.items;
    request->seed_count = lists->seeds.count;
    request->cart = lists->cart.items;
    request->cart_count = lists->cart.count;
    request->location_ids = lists->locations.items;
    request->location_id_count = lists->locations.count;
    return fine;
}

static bool rec_options_fit(struct cli *cli, const struct souk_recommend_request *request)
{
    if (cli_switch(cli, "exclude-current") && cli_switch(cli, "include-current")) {
        cli_usage(cli, "either --exclude-current or --include-current");
        return false;
    }
    if (request->customer_id == NULL && request->visitor_id == NULL &&
        request->session_item_count == 0 && request->seed_count == 0 &&
        request->placement == NULL) {
        cli_usage(cli,
                  "for whom, or from what? a CUSTOMER, --visitor, --session SKU,SKU, "
                  "--seed SKU, or a --placement that needs none, such as trending");
        return false;
    }
    return true;
}

enum command_exit cli_rec(struct cli *cli)
{
    struct rec_lists *lists = memory_zalloc(sizeof *lists);
    struct souk_recommend_request request = {
        .placement = cli_option(cli, "placement"),
        .filter = cli_option(cli, "filter"),
        .exclude_seen = cli_switch(cli, "exclude-seen"),
        .exclude_current = cli_rec_excludes_current(&cli->line),
        .no_personalization = cli_switch(cli, "no-personalization"),
    };
    enum command_exit result = COMMAND_USAGE;
    if (rec_options(cli, lists, &request) && rec_options_fit(cli, &request) &&
        cli_client(cli) != NULL) {
        request.placement = cli_rec_placement(&request);
        result = rec_locations_known(cli, &lists->locations) ? rec_ask(cli, &request)
                                                             : cli_failed(cli);
    }
    free(lists->session.copy);
    free(lists->seeds.copy);
    free(lists->cart.copy);
    free(lists->locations.copy);
    free(lists->diversity);
    free(lists);
    return result;
}
