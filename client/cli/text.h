/* SPDX-License-Identifier: Apache-2.0 */
/* What people type and files hold, read strictly: a value is taken whole or refused. */
#ifndef SOUK_CLIENT_CLI_TEXT_H
#define SOUK_CLIENT_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/include/souk/common.h"
#include "shard/base/slice.h"

enum {
    TEXT_TIME_BYTES = 32,
    TEXT_MONEY_BYTES = 40,
    TEXT_SHOWN_BYTES = 64,
    TEXT_ADVICE_BYTES = 1024,
    TEXT_LATITUDE_MAX = 90, /* degrees */
    TEXT_LONGITUDE_MAX = 180,
};

/* A whole number with an optional sign, within int64. */
bool text_number(const char *text, int64_t *out_number);
/* "15m", "1h30m", "90s", "500ms", "2d"; a bare number counts seconds. Above 0. */
bool text_duration_ms(const char *text, int64_t *out_ms);
/* "2.55", "-0.5", "12"; at most nine decimals. The currency is not touched. */
bool text_money(const char *text, struct souk_money *out_money);
/* Degrees, "52.5200066": times 10^7, within +-degrees_max; at most seven decimals. */
bool text_degrees(const char *text, int degrees_max, int32_t *out_e7);
/* "2010-12-01", "2010-12-01 08:26:00", "2010-12-01T08:26:00.5Z": UTC. */
bool text_time_ms(const char *text, int64_t *out_time_ms);

/* "2010-12-01T08:26:00Z", with milliseconds when there are some; "" for 0. */
void text_time_format(int64_t time_ms, char out[TEXT_TIME_BYTES]);
/* "2.55"; at least two decimals, "" without a currency. */
void text_money_format(const struct souk_money *money, char out[TEXT_MONEY_BYTES]);

/* Any bytes, made fit for a message: what does not print is \xNN, what is long is cut. */
void text_show(const char *text, char out[TEXT_SHOWN_BYTES]);

/* A server's sentence with the commands of this program for the calls that it names. */
void text_advice(const char *message, char out[TEXT_ADVICE_BYTES]);

/* UTF-8 (RFC 3629) without control characters. */
bool text_clean(struct slice text);

/*
 * SKU[:QTY][@LOCATION], taken apart in place. A SKU id may itself hold ':'; only a last
 * part of digits is a quantity, so such an id is written with ":1" behind it.
 */
struct text_line {
    const char *sku_id;
    const char *location_id; /* NULL when absent */
    int64_t quantity;        /* 1 when absent */
};
bool text_line_parse(char *text, struct text_line *out_line);

/* Splits at commas in place; false when an item is empty or there are more than max. */
bool text_split(char *text, const char **out_items, size_t max, size_t *out_count);

#endif
