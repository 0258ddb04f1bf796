/* SPDX-License-Identifier: Apache-2.0 */
/* souk rec rank, souk rec explain. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/rec.h"
#include "shard/base/memory.h"

/* --- souk rec explain -------------------------------------------------------------- */

static void rec_why_tables(struct cli *cli,
                           const struct souk_recommend_explain_reply *why)
{
    static const struct output_column sources[] = {
        {"SOURCE", "source", false},   {"TIER", "tier", true},
        {"WEIGHT", "weight", true},    {"ASKED", "asked", false},
        {"FOUND", "candidates", true}, {NULL, NULL, false}};
    static const struct output_column stages[] = {{"STAGE", "stage", false},
                                                  {"ROUNDS", "rounds", true},
                                                  {"TOOK us", "elapsed_us", true},
                                                  {"HAD us", "allowed_us", true},
                                                  {NULL, NULL, false}};
    json_t *object = rec_why_json(why);
    fprintf(cli->output.data, "\n");
    output_rows(&cli->output, "sources", sources,
                json_incref(json_object_get(object, "sources")), NULL);
    fprintf(cli->output.data, "\n");
    output_rows(&cli->output, "stages", stages,
                json_incref(json_object_get(object, "stages")), NULL);
    json_decref(object);
}

void rec_why_show(struct cli *cli, const struct souk_recommend_explain_reply *why)
{
    FILE *out = cli->output.data;
    char words[REC_WORDS_BYTES];
    if (cli->output.format == OUTPUT_JSONL) {
        output_object(&cli->output, json_pack("{s:o}", "why", rec_why_json(why)));
        return;
    }
    if (cli->output.format == OUTPUT_JSON) {
        return;
    }
    fprintf(out, "\nanswer      %s\nplacement   %s\n", why->answer_id, why->placement);
    rec_seed_words(why, words);
    fprintf(out, "found from  %s\n", words);
    fprintf(out, "history     %s\n", rec_personal_words(why->personal));
    rec_dropped_words(why, words);
    fprintf(out, "left out    %s\n", words);
    if (why->coverage < 1) {
        fprintf(out, "heard       %.1f%% of the key space\n", why->coverage * 100);
    }
    rec_why_tables(cli, why);
}

enum command_exit cli_rec_explain(struct cli *cli)
{
    const struct souk_recommend_explain_request request = {.answer_id =
                                                               cli_argument(cli, 0)};
    struct souk_recommend_explain_reply *why = NULL;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_recommend_explain(cli->client, &request, NULL, &why, &cli->error) !=
        SOUK_OK) {
        return cli_failed(cli);
    }
    rec_show(cli, why->items, why->item_count, rec_fallback_words(why->personal),
             rec_why_json(why));
    rec_why_show(cli, why);
    souk_reply_free(why);
    return COMMAND_OK;
}

/* --- souk rec rank ----------------------------------------------------------------- */

static void rec_rank_show(struct cli *cli, const struct souk_recommend_rank_reply *reply)
{
    static const struct output_column columns[] = {
        {"#", "rank", true},
        {"SKU", "sku_id", false},
        {"NAME", "name", false},
        {"SCORE", "score", true},
        {"IN STOCK", "available", true},
        {"CAN BE HAD", "sellable", false},
        {"BECAUSE", "because", false},
        {NULL, NULL, false},
    };
    const struct souk_recommended_item **items =
        memory_alloc((reply->item_count + 1) * sizeof *items);
    struct rec_named *named = memory_alloc(sizeof *named);
    json_t *rows = json_array(), *extra = json_object();
    for (size_t i = 0; i < reply->item_count; i++) {
        items[i] = &reply->items[i].item;
    }
    rec_names_read(cli, items, reply->item_count, named);
    for (size_t i = 0; i < reply->item_count; i++) {
        json_t *row = rec_item_json(items[i], &named->names);
        json_object_set_new(row, "sellable", json_boolean(reply->items[i].sellable));
        json_object_set_new(row, "found", json_boolean(reply->items[i].found));
        if (!reply->items[i].found) {
            output_text(row, "because", "there is no such SKU");
        }
        json_array_append_new(rows, row);
    }
    output_text(extra, "answer_id", reply->answer_id);
    json_object_set_new(extra, "coverage", json_real(reply->coverage));
    output_rows(&cli->output, "items", columns, rows, extra);
    rec_names_free(named);
    free(named);
    free(items);
}

/* Words with ids, each split at commas; `out_copies` are to be freed. */
static bool rec_rank_ids(struct cli *cli, const char **ids, size_t *out_count,
                         char **copies)
{
    *out_count = 0;
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        size_t count;
        copies[i] = memory_string(cli_argument(cli, i));
        if (!text_split(copies[i], ids + *out_count, REC_RANK_MAX - *out_count, &count)) {
            cli_usage(cli, "1 to %d SKUs, with commas or blanks between", REC_RANK_MAX);
            return false;
        }
        *out_count += count;
    }
    return true;
}

static enum command_exit rec_rank(struct cli *cli,
                                  struct souk_recommend_rank_request *request,
                                  const struct cli_list *locations)
{
    struct souk_recommend_rank_reply *reply = NULL;
    if (!rec_actor_option(cli, &request->customer_id, &request->visitor_id) ||
        !rec_stock_option(cli, &request->stock_mode) ||
        !cli_option_number(cli, "min-quantity", 1, INT64_MAX, &request->min_quantity) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (!rec_locations_known(cli, locations) ||
        souk_recommend_rank(cli->client, request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    rec_rank_show(cli, reply);
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_rec_rank(struct cli *cli)
{
    const char **ids = memory_zalloc(REC_RANK_MAX * sizeof *ids);
    char *copies[COMMAND_ARGUMENTS_MAX] = {NULL};
    struct cli_list session, seeds, locations;
    struct souk_recommend_rank_request request = {
        .placement = cli_option(cli, "placement"),
        .no_personalization = cli_switch(cli, "no-personalization"),
        .sku_ids = ids,
    };
    enum command_exit result = COMMAND_USAGE;
    bool fine = cli_option_list(cli, "session", 1, REC_IDS_MAX, &session);
    fine = cli_option_list(cli, "seed", 1, REC_SEEDS_MAX, &seeds) && fine;
    fine = cli_option_list(cli, "location", 1, REC_IDS_MAX, &locations) && fine;
    if (fine && rec_rank_ids(cli, ids, &request.sku_id_count, copies)) {
        request.session_items = session.items;
        request.session_item_count = session.count;
        request.seeds = seeds.items;
        request.seed_count = seeds.count;
        request.location_ids = locations.items;
        request.location_id_count = locations.count;
        result = rec_rank(cli, &request, &locations);
    }
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        free(copies[i]);
    }
    free(session.copy);
    free(seeds.copy);
    free(locations.copy);
    free(ids);
    return result;
}
