/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record of a set becomes: whose it is, which SKU each item is, when it happened.
 * Pure: the same file and options give the same events, so an import can be resumed.
 *
 * Times that a file lacks are made up backwards from `end_ms`, so that what stands later
 * in the file, or later in a customer's history, is newer:
 *     session lines    the newest item of line n of N at end - (N - n + 1) * step, the
 *                      others of the line one second apart before it
 *     basket lines     all items of line n of N at end - (N - n + 1) * step
 *     histories        item i of c (from 0) at end - (c - i) * step
 *     JSON baskets     all items of basket i of c at end - (c - i) * step
 * Nothing is older than the first millisecond of 1970; equal times stand in file order.
 */
#ifndef SOUK_CLIENT_CLI_SET_PLAN_H
#define SOUK_CLIENT_CLI_SET_PLAN_H

#include "client/cli/set_reader.h"
#include "client/include/souk/event.h"
#include "shard/base/identifier.h"

enum {
    SET_CLICK_APART_MS = 1000,
    SET_NAME_BYTES_MAX = 1024,
};

struct set_plan {
    enum souk_event_kind kind;
    const char *prefix; /* of visitors' ids */
    int64_t end_ms;
    int64_t step_ms;
    int64_t hold_out; /* last items of a history, or last baskets, that are left out */
    uint64_t last_line;
};

/* Who did it. */
struct set_actor {
    bool visitor; /* else a customer */
    char id[IDENTIFIER_BYTES_MAX + 1];
    char session_id[IDENTIFIER_BYTES_MAX + 1]; /* empty: sessions follow from pauses */
};

struct set_sku {
    char sku_id[IDENTIFIER_BYTES_MAX + 1];
    char name[SET_NAME_BYTES_MAX + 1];
};

/* NULL, or why the record is wrong (a literal). */
const char *set_plan_actor(const struct set_plan *plan, const struct set_record *record,
                           struct set_actor *out);
/*
 * NULL, or why the item is wrong (a literal). Ids stand as they are, but for basket lines,
 * whose items are names: there what no id may hold becomes '-'. A negative number is no
 * item: sets use it to mark ends.
 */
const char *set_plan_sku(const struct set_record *record, uint32_t item,
                         struct set_sku *out);
int64_t set_plan_time_ms(const struct set_plan *plan, const struct set_record *record,
                         uint32_t item);
bool set_plan_held_out(const struct set_plan *plan, const struct set_record *record,
                       uint32_t item);

#endif
