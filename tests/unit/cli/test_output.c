/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output.h"
#include "tests/lib/test.h"

static const struct output_column columns[] = {
    {"SKU", "sku_id", false}, {"AVAILABLE", "available", true},
    {"TAGS", "tags", false},  {"NOTE", "note", false},
    {NULL, NULL, false},
};

static json_t *rows(void)
{
    return json_pack("[{s:s,s:i,s:[s,s]},{s:s,s:i,s:s}]", "sku_id", "MUG-RED",
                     "available", 12, "tags", "red", "mug", "sku_id", "TEA", "available",
                     -3, "note",
                     "Stra\xc3\x9f"
                     "e \"7\"");
}

/* Compares with a golden file; SOUK_GOLDEN=write writes it instead. */
static void expect_golden(const char *name, const char *text)
{
    char path[512], golden[4096] = "";
    FILE *file;
    snprintf(path, sizeof path, "%s", test_source("golden/cli/"));
    snprintf(path + strlen(path), sizeof path - strlen(path), "%s", name);
    if (getenv("SOUK_GOLDEN") != NULL) {
        file = fopen(path, "w");
        EXPECT(file != NULL);
        fputs(text, file);
        fclose(file);
    }
    file = fopen(path, "r");
    EXPECT(file != NULL);
    golden[fread(golden, 1, sizeof golden - 1, file)] = '\0';
    fclose(file);
    EXPECT_STRING(text, golden);
}

static char *rendered(enum output_format format, bool many)
{
    char *text = NULL;
    size_t size = 0;
    struct output output = {.format = format, .data = open_memstream(&text, &size)};
    if (many) {
        output_rows(&output, "levels", columns, rows(),
                    json_pack("{s:s}", "next", "page"));
    } else {
        output_object(&output, json_pack("{s:s,s:i,s:b}", "hold_id", "h-1", "units", 3,
                                         "ready", 1));
    }
    fclose(output.data);
    return text;
}

TEST(output, rows_as_a_table_as_json_and_as_lines)
{
    static const char *const names[] = {"rows.table", "rows.json", "rows.jsonl"};
    for (unsigned i = 0; i < 3; i++) {
        char *text = rendered((enum output_format)i, true);
        expect_golden(names[i], text);
        free(text);
    }
}

TEST(output, one_object_in_all_views)
{
    static const char *const names[] = {"object.table", "object.json", "object.jsonl"};
    for (unsigned i = 0; i < 3; i++) {
        char *text = rendered((enum output_format)i, false);
        expect_golden(names[i], text);
        free(text);
    }
}

TEST(output, json_is_one_value_that_reads_back)
{
    char *text = rendered(OUTPUT_JSON, true);
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    EXPECT(value != NULL);
    EXPECT_EQ(json_array_size(json_object_get(value, "levels")), 2);
    EXPECT_STRING(json_string_value(json_object_get(value, "next")), "page");
    json_decref(value);
    free(text);
}

TEST(output, leaves_out_what_is_empty)
{
    json_t *sku = output_sku(&(struct souk_sku){.sku_id = "A", .name = ""});
    EXPECT(json_object_get(sku, "name") == NULL);
    EXPECT(json_object_get(sku, "price") == NULL);
    EXPECT_STRING(json_string_value(json_object_get(sku, "sku_id")), "A");
    json_decref(sku);
}

TEST(output, formats_and_names_parse_strictly)
{
    enum output_format format;
    enum souk_stock_reason reason;
    enum souk_event_kind kind;
    EXPECT(output_format_parse("jsonl", &format) && format == OUTPUT_JSONL);
    EXPECT(!output_format_parse("yaml", &format));
    EXPECT(output_reason_parse("receipt", &reason) && reason == SOUK_REASON_RECEIPT);
    EXPECT(!output_reason_parse("hold", &reason));
    EXPECT(output_event_parse("cart_add", &kind) && kind == SOUK_EVENT_CART_ADD);
    EXPECT(!output_event_parse("unspecified", &kind));
    EXPECT_STRING(output_reason_name(SOUK_REASON_CANCEL), "cancel");
    EXPECT_STRING(output_event_name(SOUK_EVENT_STORE_VISIT), "store_visit");
}
