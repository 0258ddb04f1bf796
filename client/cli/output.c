/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output.h"

#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/text.h"
#include "shard/base/assert.h"
#include "shard/base/buffer.h"

enum {
    OUTPUT_CELL_BYTES = 512,
    OUTPUT_JSON_FLAGS = JSON_REAL_PRECISION(9),
};

bool output_format_parse(const char *text, enum output_format *out_format)
{
    static const char *const names[] = {"table", "json", "jsonl"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out_format = (enum output_format)i;
            return true;
        }
    }
    return false;
}

static void output_json(struct output *output, const json_t *value, size_t flags)
{
    json_dumpf(value, output->data, OUTPUT_JSON_FLAGS | flags);
    fputc('\n', output->data);
}

static void output_cell(const json_t *value, struct buffer *out);

static void output_cell_members(const json_t *value, struct buffer *out)
{
    const char *key;
    json_t *member, *container = json_incref((json_t *)(uintptr_t)value);
    bool first = true;
    json_object_foreach(container, key, member)
    {
        if (!first) {
            buffer_append(out, " ", 1);
        }
        first = false;
        buffer_append(out, key, strlen(key));
        buffer_append(out, "=", 1);
        output_cell(member, out);
    }
    json_decref(container);
}

/* A value as people read it: no quotes, lists with commas. */
static void output_cell(const json_t *value, struct buffer *out)
{
    char text[OUTPUT_CELL_BYTES] = "";
    if (json_is_string(value)) {
        buffer_append(out, json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(text, sizeof text, "%.4g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(text, sizeof text, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0) {
                buffer_append(out, ", ", 2);
            }
            output_cell(json_array_get(value, i), out);
        }
    } else if (json_is_object(value)) {
        output_cell_members(value, out);
    }
    buffer_append(out, text, strlen(text));
}

static void output_line_set(struct libscols_line *line, size_t column,
                            const json_t *value)
{
    struct buffer cell;
    buffer_init(&cell);
    output_cell(value, &cell);
    buffer_append(&cell, "", 1);
    ASSERT(scols_line_set_data(line, column, (const char *)cell.data) == 0);
    buffer_close(&cell);
}

static struct libscols_table *output_table_new(struct output *output)
{
    struct libscols_table *table;
    /* Names are UTF-8 whatever the locale says, and smartcols would spell out what the
     * locale cannot print. */
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX == 1) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
    table = scols_new_table();
    ASSERT(table != NULL);
    scols_table_set_stream(table, output->data);
    return table;
}

static void output_table(struct output *output, const struct output_column *columns,
                         const json_t *rows)
{
    struct libscols_table *table = output_table_new(output);
    size_t count = 0;
    for (; columns[count].title != NULL; count++) {
        int flags = columns[count].right ? SCOLS_FL_RIGHT : 0;
        ASSERT(scols_table_new_column(table, columns[count].title, 0, flags) != NULL);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        ASSERT(line != NULL);
        for (size_t j = 0; j < count; j++) {
            output_line_set(line, j,
                            json_object_get(json_array_get(rows, i), columns[j].key));
        }
    }
    scols_print_table(table);
    scols_unref_table(table);
}

void output_rows(struct output *output, const char *name,
                 const struct output_column *columns, json_t *rows, json_t *extra)
{
    if (output->format == OUTPUT_JSON) {
        json_t *object = json_object();
        json_object_set(object, name, rows);
        if (extra != NULL) {
            json_object_update(object, extra);
        }
        output_json(output, object, 0);
        json_decref(object);
    } else if (output->format == OUTPUT_JSONL) {
        for (size_t i = 0; i < json_array_size(rows); i++) {
            output_json(output, json_array_get(rows, i), JSON_COMPACT);
        }
    } else if (json_array_size(rows) == 0) {
        fprintf(stderr, "no %s\n", name);
    } else {
        output_table(output, columns, rows);
    }
    json_decref(rows);
    json_decref(extra);
}

static void output_object_table(struct output *output, json_t *object)
{
    struct libscols_table *table = output_table_new(output);
    const char *key;
    json_t *value;
    scols_table_enable_noheadings(table, 1);
    ASSERT(scols_table_new_column(table, "", 0, 0) != NULL);
    ASSERT(scols_table_new_column(table, "", 0, 0) != NULL);
    json_object_foreach(object, key, value)
    {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        ASSERT(line != NULL && scols_line_set_data(line, 0, key) == 0);
        output_line_set(line, 1, value);
    }
    scols_print_table(table);
    scols_unref_table(table);
}

void output_object(struct output *output, json_t *object)
{
    if (output->format == OUTPUT_TABLE) {
        output_object_table(output, object);
    } else {
        output_json(output, object, output->format == OUTPUT_JSONL ? JSON_COMPACT : 0);
    }
    json_decref(object);
}
