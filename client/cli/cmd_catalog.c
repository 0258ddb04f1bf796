/* SPDX-License-Identifier: Apache-2.0 */
/* souk sku, souk customer. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"
#include "shard/base/memory.h"

enum {
    CATALOG_PATH_MAX = 32,
    CATALOG_ATTRIBUTES_MAX = 64,
    CATALOG_IDENTIFIERS_MAX = 64,
    CATALOG_EXPONENT_MAX = 9,
};

static const struct output_column catalog_sku_columns[] = {
    {"SKU", "sku_id", false},  {"NAME", "name", false},
    {"PRICE", "price", true},  {"", "currency", false},
    {"BRAND", "brand", false}, {"CATEGORY", "category_path", false},
    {"STATE", "state", false}, {NULL, NULL, false},
};

enum command_exit cli_sku_get(struct cli *cli)
{
    struct souk_sku_batch_get_request request = {
        .sku_ids = cli->line.arguments, .sku_id_count = cli->line.argument_count};
    struct souk_sku_get_request one = {.sku_id = cli_argument(cli, 0)};
    struct souk_sku_get_reply *reply = NULL;
    struct souk_sku_batch_get_reply *batch = NULL;
    enum command_exit result;
    json_t *rows, *missing;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (cli->line.argument_count == 1) {
        if (souk_sku_get(cli->client, &one, NULL, &reply, &cli->error) != SOUK_OK) {
            return cli_failed(cli);
        }
        output_object(&cli->output, output_sku(&reply->sku));
        souk_reply_free(reply);
        return COMMAND_OK;
    }
    if (souk_sku_batch_get(cli->client, &request, NULL, &batch, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    rows = json_array();
    missing = json_array();
    for (size_t i = 0; i < batch->sku_count; i++) {
        json_array_append_new(rows, output_sku(&batch->skus[i]));
    }
    for (size_t i = 0; i < batch->missing_count; i++) {
        json_array_append_new(missing, json_string(batch->missing_sku_ids[i]));
        fprintf(stderr, "souk: NOT_FOUND: no SKU '%s'\n", batch->missing_sku_ids[i]);
    }
    if (batch->missing_count > 0) {
        fprintf(stderr, "  try: souk sku list   shows what there is\n");
    }
    result = batch->missing_count > 0 ? COMMAND_FAILED : COMMAND_OK;
    output_rows(&cli->output, "skus", catalog_sku_columns, rows,
                json_pack("{s:o}", "missing", missing));
    souk_reply_free(batch);
    return result;
}

static bool catalog_collect_skus(struct cli *cli, int64_t limit, json_t *rows)
{
    char token[1024] = "";
    do {
        struct souk_sku_list_request request = {.page_token = token};
        struct souk_sku_list_reply *reply = NULL;
        int64_t left = limit - (int64_t)json_array_size(rows);
        request.page_size = left < CLI_PAGE_ROWS ? (int32_t)left : CLI_PAGE_ROWS;
        if (souk_sku_list(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
            return false;
        }
        for (size_t i = 0; i < reply->sku_count; i++) {
            json_array_append_new(rows, output_sku(&reply->skus[i]));
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && (int64_t)json_array_size(rows) < limit);
    return true;
}

enum command_exit cli_sku_list(struct cli *cli)
{
    int64_t limit = INT64_MAX;
    json_t *rows;
    if (!cli_option_number(cli, "limit", 1, INT64_MAX, &limit) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    if (!catalog_collect_skus(cli, limit, rows)) {
        json_decref(rows);
        return cli_failed(cli);
    }
    output_rows(&cli->output, "skus", catalog_sku_columns, rows, NULL);
    return COMMAND_OK;
}

static bool catalog_state(struct cli *cli, enum souk_sku_state *out_state)
{
    static const char *const names[] = {"draft", "active", "retired"};
    const char *state = cli_option(cli, "state");
    for (unsigned i = 0; state != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(state, names[i]) == 0) {
            *out_state = (enum souk_sku_state)(SOUK_SKU_DRAFT + i);
            return true;
        }
    }
    if (state != NULL) {
        cli_usage(cli, "--state is draft, active or retired, not '%s'", state);
    }
    return state == NULL;
}

/* Splits "Home/Kitchen/Mugs" in place. */
static size_t catalog_path(char *text, const char *out_path[])
{
    size_t count = 0;
    char *rest = text;
    while (rest != NULL && count < CATALOG_PATH_MAX) {
        char *part = strsep(&rest, "/");
        if (*part != '\0') {
            out_path[count++] = part;
        }
    }
    return count;
}

/* The id is always named: no mask at all would mean all fields. */
size_t cli_sku_mask(const struct command_line *line, const char *mask[CLI_SKU_MASK_MAX])
{
    static const char *const fields[][2] = {{"name", "name"},
                                            {"price", "price"},
                                            {"brand", "brand"},
                                            {"category", "category_path"},
                                            {"state", "state"},
                                            {"product", "product_id"},
                                            {"cost", "cost"},
                                            {"unit", "unit"},
                                            {"unit-exponent", "unit_exponent"},
                                            {"gtins", "gtins"},
                                            {"aliases", "aliases"}};
    size_t count = 0;
    mask[count++] = "sku_id";
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (command_option(line, fields[i][0]) != NULL) {
            mask[count++] = fields[i][1];
        }
    }
    if (line->argument_count > 1) {
        mask[count++] = "attributes";
    }
    return count;
}

static bool catalog_sku_fields(struct cli *cli, struct souk_sku *sku)
{
    int64_t exponent = 0;
    sku->product_id = cli_option(cli, "product");
    sku->unit = cli_option(cli, "unit");
    if (!cli_option_money(cli, "cost", &sku->cost) ||
        !cli_option_number(cli, "unit-exponent", 0, CATALOG_EXPONENT_MAX, &exponent)) {
        return false;
    }
    sku->unit_exponent = (uint32_t)exponent;
    sku->name = cli_option(cli, "name");
    sku->brand = cli_option(cli, "brand");
    sku->etag = cli_option(cli, "etag");
    return catalog_state(cli, &sku->state) && cli_option_money(cli, "price", &sku->price);
}

/* NAME=VALUE... behind the first argument. */
struct catalog_attributes {
    struct souk_attribute list[CATALOG_ATTRIBUTES_MAX];
    char *copies[CATALOG_ATTRIBUTES_MAX];
    size_t count;
};

/* False: said what is wrong. To be freed in any case. */
static bool catalog_attributes_read(struct cli *cli, struct catalog_attributes *out)
{
    out->count = cli->line.argument_count - 1;
    for (size_t i = 0; i < out->count; i++) {
        char *copy = memory_string(cli_argument(cli, i + 1));
        char *equals = strchr(copy, '=');
        out->copies[i] = copy;
        if (equals == NULL || equals == copy) {
            out->count = i + 1;
            cli_usage(cli, "an attribute is NAME=VALUE, not '%s'", copy);
            return false;
        }
        *equals = '\0';
        out->list[i] = (struct souk_attribute){.name = copy, .text = equals + 1};
    }
    return true;
}

static void catalog_attributes_free(struct catalog_attributes *attributes)
{
    for (size_t i = 0; i < attributes->count; i++) {
        free(attributes->copies[i]);
    }
}

static enum command_exit catalog_sku_put(struct cli *cli,
                                         const struct souk_sku_upsert_request *request)
{
    struct souk_sku_upsert_reply *reply = NULL;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_sku_upsert(cli->client, request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    output_object(&cli->output, output_sku(&reply->sku));
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_sku_put(struct cli *cli)
{
    const char *path[CATALOG_PATH_MAX];
    const char *mask[CLI_SKU_MASK_MAX];
    struct souk_sku_upsert_request request = {.request_id = cli_option(cli, "request-id"),
                                              .request_time_ms = cli->request_time_ms,
                                              .sku.sku_id = cli_argument(cli, 0),
                                              .sku.category_path = path,
                                              .update_mask = mask};
    struct catalog_attributes attributes;
    struct cli_list gtins = {.count = 0}, aliases = {.count = 0};
    char *category = NULL;
    enum command_exit result = COMMAND_USAGE;
    if (catalog_attributes_read(cli, &attributes) &&
        cli_option_list(cli, "gtins", 0, CATALOG_IDENTIFIERS_MAX, &gtins) &&
        cli_option_list(cli, "aliases", 0, CATALOG_IDENTIFIERS_MAX, &aliases) &&
        catalog_sku_fields(cli, &request.sku)) {
        request.update_mask_count = cli_sku_mask(&cli->line, mask);
        request.sku.attributes = attributes.list;
        request.sku.attribute_count = attributes.count;
        request.sku.gtins = gtins.items;
        request.sku.gtin_count = gtins.count;
        request.sku.aliases = aliases.items;
        request.sku.alias_count = aliases.count;
        if (cli_switch(cli, "category")) {
            category = memory_string(cli_option(cli, "category"));
            request.sku.category_count = catalog_path(category, path);
        }
        result = catalog_sku_put(cli, &request);
    }
    free(category);
    free(gtins.copy);
    free(aliases.copy);
    catalog_attributes_free(&attributes);
    return result;
}

enum command_exit cli_sku_resolve(struct cli *cli)
{
    static const char *const kinds[] = {"unspecified", "sku_id", "gtin", "alias"};
    struct souk_identifier_resolve_request request = {.identifier = cli_argument(cli, 0)};
    struct souk_identifier_resolve_reply *reply = NULL;
    json_t *object;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_identifier_resolve(cli->client, &request, NULL, &reply, &cli->error) !=
        SOUK_OK) {
        return cli_failed(cli);
    }
    object = output_sku(&reply->sku);
    output_text(object, "found_as", (unsigned)reply->kind < 4 ? kinds[reply->kind] : "?");
    if (reply->retired) {
        json_object_set_new(object, "retired", json_true());
    }
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_sku_delete(struct cli *cli)
{
    struct souk_sku_delete_request request = {.request_id = cli_option(cli, "request-id"),
                                              .request_time_ms = cli->request_time_ms,
                                              .sku_id = cli_argument(cli, 0),
                                              .etag = cli_option(cli, "etag")};
    struct souk_sku_delete_reply *reply = NULL;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_sku_delete(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    souk_reply_free(reply);
    output_object(&cli->output, json_pack("{s:s}", "deleted", request.sku_id));
    return COMMAND_OK;
}

enum command_exit cli_customer_get(struct cli *cli)
{
    struct souk_customer_get_request request = {.customer_id = cli_argument(cli, 0)};
    struct souk_customer_get_reply *reply = NULL;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_customer_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    output_object(&cli->output, output_customer(&reply->customer));
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_customer_put(struct cli *cli)
{
    struct catalog_attributes attributes;
    struct souk_customer_upsert_request request = {
        .request_id = cli_option(cli, "request-id"),
        .request_time_ms = cli->request_time_ms,
        .customer = {
            .customer_id = cli_argument(cli, 0),
            .attributes = attributes.list,
            .consent_given = cli_switch(cli, "consent"),
            .personalization_withdrawn = cli_switch(cli, "no-personalization"),
            .evidence_withdrawn = cli_switch(cli, "no-evidence"),
        }};
    struct souk_customer_upsert_reply *reply = NULL;
    enum command_exit result = COMMAND_USAGE;
    if (catalog_attributes_read(cli, &attributes) && cli_client(cli) != NULL) {
        request.customer.attribute_count = attributes.count;
        if (souk_customer_upsert(cli->client, &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            result = cli_failed(cli);
        } else {
            output_object(&cli->output, output_customer(&reply->customer));
            souk_reply_free(reply);
            result = COMMAND_OK;
        }
    }
    catalog_attributes_free(&attributes);
    return result;
}
