/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/stream_rows.h"

#include <stdio.h>
#include <string.h>

#include "client/cli/output.h"
#include "client/cli/text.h"
#include "shard/base/identifier.h"

static const char *const stream_columns[STREAM_COLUMNS] = {
    "sku_id", "location_id", "delta",     "quantity",
    "bucket", "reason",      "reference", "time"};

enum status stream_rows_header(struct stream_rows *rows, const struct csv_row *row,
                               struct problem *problem)
{
    char shown[TEXT_SHOWN_BYTES];
    for (int column = 0; column < STREAM_COLUMNS; column++) {
        rows->places[column] = -1;
    }
    rows->header_seen = true;
    for (size_t i = 0; i < row->count; i++) {
        int column = 0;
        while (column < STREAM_COLUMNS &&
               strcmp(stream_columns[column], row->fields[i]) != 0) {
            column++;
        }
        if (column == STREAM_COLUMNS || rows->places[column] >= 0) {
            text_show(row->fields[i], shown);
            return problem_set(problem, STATUS_INVALID, "",
                               "the first line names the columns, and '%s' is none, or "
                               "there twice; see souk stock stream --help",
                               shown);
        }
        rows->places[column] = (int)i;
    }
    if (rows->places[STREAM_SKU_ID] < 0 || rows->places[STREAM_LOCATION_ID] < 0 ||
        (rows->places[STREAM_DELTA] < 0 && rows->places[STREAM_QUANTITY] < 0)) {
        return problem_set(problem, STATUS_INVALID, "",
                           "the first line has to name sku_id, location_id, and delta or "
                           "quantity; see souk stock stream --help");
    }
    return STATUS_OK;
}

/* A column's text, NULL when absent or empty. */
static const char *stream_field(const struct stream_rows *rows, const struct csv_row *row,
                                enum stream_column column)
{
    int place = rows->places[column];
    return place >= 0 && (size_t)place < row->count && row->fields[place][0] != '\0'
               ? row->fields[place]
               : NULL;
}

static bool stream_bad(struct stream_rows *rows, enum stream_column column,
                       const char *what)
{
    snprintf(rows->message, sizeof rows->message, "%s: %s", stream_columns[column], what);
    return false;
}

static bool stream_id(struct stream_rows *rows, const struct csv_row *row,
                      enum stream_column column, struct arena *arena, const char **out)
{
    const char *id = stream_field(rows, row, column);
    if (id == NULL || !identifier_valid(slice_from_string(id))) {
        return stream_bad(rows, column,
                          id == NULL ? "is missing"
                                     : "an id is 1-128 of A-Z a-z 0-9 . _ ~ : -");
    }
    *out = arena_string(arena, id);
    return true;
}

static bool stream_change(struct stream_rows *rows, const struct csv_row *row,
                          struct souk_stock_update *out)
{
    const char *delta = stream_field(rows, row, STREAM_DELTA);
    const char *quantity = stream_field(rows, row, STREAM_QUANTITY);
    if ((delta == NULL) == (quantity == NULL)) {
        return stream_bad(
            rows, rows->places[STREAM_DELTA] < 0 ? STREAM_QUANTITY : STREAM_DELTA,
            delta == NULL ? "is missing" : "a row has a delta or a quantity, not both");
    }
    out->absolute = quantity != NULL;
    if (delta != NULL && (!text_number(delta, &out->quantity) || out->quantity == 0)) {
        return stream_bad(rows, STREAM_DELTA, "a whole number other than 0, +5 or -2");
    }
    if (quantity != NULL &&
        (!text_number(quantity, &out->quantity) || out->quantity < 0)) {
        return stream_bad(rows, STREAM_QUANTITY, "a whole number from 0");
    }
    return true;
}

static bool stream_words(struct stream_rows *rows, const struct csv_row *row,
                         struct arena *arena, struct souk_stock_update *out)
{
    const char *bucket = stream_field(rows, row, STREAM_BUCKET);
    const char *reason = stream_field(rows, row, STREAM_REASON);
    const char *reference = stream_field(rows, row, STREAM_REFERENCE);
    const char *time = stream_field(rows, row, STREAM_TIME);
    out->bucket = SOUK_BUCKET_ON_HAND;
    if (bucket != NULL &&
        !output_bucket_parse(bucket, SOUK_BUCKET_INCOMING, &out->bucket)) {
        return stream_bad(rows, STREAM_BUCKET,
                          "on_hand, damaged, quality_control or incoming");
    }
    if (reason != NULL && !output_reason_parse(reason, &out->reason)) {
        return stream_bad(rows, STREAM_REASON,
                          "receipt, sale, return, damage, loss, found, count, correction "
                          "or import");
    }
    if (reference != NULL &&
        (strlen(reference) > 128 || !text_clean(slice_from_string(reference)))) {
        return stream_bad(rows, STREAM_REFERENCE,
                          "at most 128 bytes of UTF-8 without control characters");
    }
    if (time != NULL && !text_time_ms(time, &out->occurred_time_ms)) {
        return stream_bad(rows, STREAM_TIME, "a time in UTC like 2026-05-01T08:26:00Z");
    }
    out->reference = reference != NULL ? arena_string(arena, reference) : NULL;
    return true;
}

bool stream_rows_update(struct stream_rows *rows, const struct csv_row *row,
                        struct arena *arena, struct souk_stock_update *out)
{
    *out = (struct souk_stock_update){.quantity = 0};
    if (stream_id(rows, row, STREAM_SKU_ID, arena, &out->sku_id) &&
        stream_id(rows, row, STREAM_LOCATION_ID, arena, &out->location_id) &&
        stream_change(rows, row, out) && stream_words(rows, row, arena, out)) {
        return true;
    }
    *out = (struct souk_stock_update){.quantity = 0};
    return false;
}
