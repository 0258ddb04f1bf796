/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "client/cli/import_retail.h"
#include "client/cli/text.h"
#include "shard/base/identifier.h"

bool retail_columns_find(const struct csv_row *header, struct retail_columns *out)
{
    const struct {
        const char *name;
        int *place;
    } columns[] = {
        {"InvoiceNo", &out->invoice},       {"StockCode", &out->code},
        {"Description", &out->description}, {"Quantity", &out->quantity},
        {"InvoiceDate", &out->date},        {"UnitPrice", &out->price},
        {"CustomerID", &out->customer},     {"Country", &out->country},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        *columns[i].place = -1;
        for (size_t j = 0; j < header->count; j++) {
            if (strcmp(header->fields[j], columns[i].name) == 0) {
                *columns[i].place = (int)j;
            }
        }
        if (*columns[i].place < 0) {
            return false;
        }
    }
    return true;
}

static const char *retail_field(const struct csv_row *row, int place)
{
    return (size_t)place < row->count ? row->fields[place] : "";
}

/* Five digits first, or one of the goods with a name of letters. */
static bool retail_is_goods(const char *code)
{
    return strspn(code, "0123456789") >= 5 || strncmp(code, "GIFT_", 5) == 0 ||
           strncmp(code, "DCGS", 4) == 0 || strcmp(code, "PADS") == 0;
}

static bool retail_upper(const char *text, char *out, size_t size)
{
    size_t length = strlen(text);
    if (length == 0 || length >= size) {
        return false;
    }
    for (size_t i = 0; i <= length; i++) {
        out[i] = (char)toupper((unsigned char)text[i]);
    }
    return true;
}

/* "17850.0" and "17850" are one customer. */
static bool retail_customer(const char *text, char *out, size_t size)
{
    size_t length = strlen(text);
    if (length > 2 && strcmp(text + length - 2, ".0") == 0) {
        length -= 2;
    }
    if (length >= size) {
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return length == 0 || identifier_valid(slice_of(out, length));
}

static enum retail_outcome retail_bad(struct retail_line *out, const char *why)
{
    out->why = why;
    return RETAIL_BAD;
}

static enum retail_outcome retail_skip(struct retail_line *out, const char *why)
{
    out->why = why;
    return RETAIL_SKIP;
}

static enum retail_outcome retail_judge(struct retail_line *line)
{
    bool cancelled = line->invoice[0] == 'C';
    bool known = line->customer_id[0] != '\0';
    bool free = line->price.units == 0 && line->price.nanos == 0;
    if (line->price.units < 0 || line->price.nanos < 0) {
        return retail_skip(line, "adjustment of an account");
    }
    if (!retail_is_goods(line->sku_id)) {
        return retail_skip(line, "service, fee or sample");
    }
    if (line->quantity < 0 && !cancelled) {
        return retail_skip(line, "stock correction");
    }
    if (free && !known) {
        return retail_skip(line, "stock correction");
    }
    if (!identifier_valid(slice_from_string(line->sku_id))) {
        return retail_bad(line, "StockCode: not an id");
    }
    if (cancelled && !known) {
        return retail_skip(line, "cancellation without a customer");
    }
    if (line->quantity < 0) {
        line->quantity = -line->quantity;
        return RETAIL_RETURN;
    }
    return RETAIL_SALE;
}

enum retail_outcome retail_line_read(const struct retail_columns *columns,
                                     const struct csv_row *row, struct retail_line *out)
{
    memset(out, 0, sizeof *out);
    out->description = retail_field(row, columns->description);
    out->country = retail_field(row, columns->country);
    if (!retail_upper(retail_field(row, columns->code), out->sku_id,
                      sizeof out->sku_id)) {
        return retail_bad(out, "StockCode: 1 to 31 characters");
    }
    if (!retail_upper(retail_field(row, columns->invoice), out->invoice,
                      sizeof out->invoice) ||
        !identifier_valid(slice_from_string(out->invoice))) {
        return retail_bad(out, "InvoiceNo: not an id");
    }
    if (!retail_customer(retail_field(row, columns->customer), out->customer_id,
                         sizeof out->customer_id)) {
        return retail_bad(out, "CustomerID: not an id");
    }
    if (!text_number(retail_field(row, columns->quantity), &out->quantity) ||
        out->quantity == 0 || out->quantity == INT64_MIN) {
        return retail_bad(out, "Quantity: not a whole number other than 0");
    }
    if (!text_time_ms(retail_field(row, columns->date), &out->time_ms)) {
        return retail_bad(out, "InvoiceDate: not like 2010-12-01 08:26:00");
    }
    if (!text_money(retail_field(row, columns->price), &out->price)) {
        return retail_bad(out, "UnitPrice: not an amount");
    }
    memcpy(out->price.currency, "GBP", 4);
    if (!text_clean(slice_from_string(out->description)) ||
        !text_clean(slice_from_string(out->country))) {
        return retail_bad(out, "Description or Country: not clean UTF-8");
    }
    return retail_judge(out);
}
