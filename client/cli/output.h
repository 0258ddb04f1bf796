/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command found, in three views of one JSON value: a table for people, one JSON
 * object for scripts, one line per row for pipes. Data goes to `data` (stdout) and
 * nothing else does; talk goes to stderr.
 */
#ifndef SOUK_CLIENT_CLI_OUTPUT_H
#define SOUK_CLIENT_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "client/include/souk/souk.h"

enum output_format {
    OUTPUT_TABLE,
    OUTPUT_JSON,
    OUTPUT_JSONL,
};

struct output {
    enum output_format format;
    FILE *data;
};

/* A column of the table view: its title, and the key of the row it shows. */
struct output_column {
    const char *title;
    const char *key;
    bool right;
};

bool output_format_parse(const char *text, enum output_format *out_format);

/*
 * Rows under a name: {"levels": [...]}. `extra` (may be NULL) is merged into the JSON
 * object. Both references are taken. Columns end with a zeroed one.
 */
void output_rows(struct output *output, const char *name,
                 const struct output_column *columns, json_t *rows, json_t *extra);
/* One thing; the table view has a line per member. The reference is taken. */
void output_object(struct output *output, json_t *object);

/* Building blocks: members are left out when empty. */
void output_text(json_t *object, const char *key, const char *text);
void output_time(json_t *object, const char *key, int64_t time_ms);
void output_money(json_t *object, const char *key, const struct souk_money *money);
/* Always there. */
void output_number(json_t *object, const char *key, int64_t number);

json_t *output_sku(const struct souk_sku *sku);
json_t *output_location(const struct souk_location *location);
json_t *output_level(const struct souk_stock_level *level);
json_t *output_hold(const struct souk_hold *hold);
json_t *output_customer(const struct souk_customer *customer);

/* "receipt" for SOUK_REASON_RECEIPT and so on; static storage. */
const char *output_reason_name(enum souk_stock_reason reason);
bool output_reason_parse(const char *name, enum souk_stock_reason *out_reason);
/* "on_hand" and so on, up to `last`: SOUK_BUCKET_INCOMING is the last that holds units. */
bool output_bucket_parse(const char *name, enum souk_stock_bucket last,
                         enum souk_stock_bucket *out_bucket);
/* "held" and so on. */
bool output_hold_state_parse(const char *name, enum souk_hold_state *out_state);
const char *output_event_name(enum souk_event_kind kind);
bool output_event_parse(const char *name, enum souk_event_kind *out_kind);

#endif
