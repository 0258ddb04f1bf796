/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files in which public sets of histories come, read record by record in bounded
 * memory (a line, or a JSON entry, of at most 4 MiB and 1,048,576 items):
 *
 *     SET_SESSION_LINES   "item item ...": one session, chronological (Diginetica,
 *                         YOOCHOOSE 1/64)
 *     SET_SESSION_CLICKS  first line SessionId, ItemId, Time (any order, tabs), then one
 *                         click per line; Time in Unix seconds (Serenade, RSC15)
 *     SET_HISTORIES       "user item item ...", chronological (LightGCN, S3-Rec)
 *     SET_BASKET_LINES    "name,name,...": one basket (Groceries)
 *     SET_BASKET_JSON     {"user": [[-1], [item, ...], ..., [-1]]}: a customer's baskets
 *                         (Ta-Feng); [-1] marks the ends and is no basket
 */
#ifndef SOUK_CLIENT_CLI_SET_READER_H
#define SOUK_CLIENT_CLI_SET_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum set_format {
    SET_SESSION_LINES,
    SET_SESSION_CLICKS,
    SET_HISTORIES,
    SET_BASKET_LINES,
    SET_BASKET_JSON,
};

enum {
    SET_ITEMS_MAX = 1 << 20, /* of one record */
};

struct set_item {
    const char *text;
    uint32_t basket; /* which of the record, from 0 */
};

/* Borrowed during the callback. */
struct set_record {
    enum set_format format;
    uint64_t line;     /* of the file, or the entry of a JSON file; from 1 */
    const char *owner; /* NULL: the record is nobody's */
    const struct set_item *items;
    uint32_t item_count;
    uint32_t basket_count; /* 1 but for SET_BASKET_JSON */
    int64_t time_ms;       /* SET_SESSION_CLICKS */
};

/* False ends the reading with CANCELLED. */
struct set_callbacks {
    bool (*record)(void *context, const struct set_record *record);
    bool (*bad)(void *context, uint64_t line, const char *reason);
    bool (*blank)(void *context, uint64_t line); /* an empty line */
    void *context;
};

struct set_reader;

/*
 * With `detect`, the content may make SET_SESSION_CLICKS of SET_SESSION_LINES, and
 * SET_BASKET_JSON of SET_BASKET_LINES.
 */
struct set_reader *set_reader_new(enum set_format format, bool detect,
                                  const struct set_callbacks *callbacks);
void set_reader_free(struct set_reader *reader);
/* CANCELLED; INVALID when the file cannot be told apart into records. */
MUST_USE enum status set_reader_feed(struct set_reader *reader, struct slice piece,
                                     struct problem *problem);
MUST_USE enum status set_reader_finish(struct set_reader *reader,
                                       struct problem *problem);
/* What is being read, once a callback was called. */
enum set_format set_reader_format(const struct set_reader *reader);

#endif
