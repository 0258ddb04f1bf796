/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placements: which sources answer, with what weight, what is left out, and what fills
 * in when that is too little. One table; adding a placement or a source is one line.
 *
 * A line of the table names sources in tiers. All of tier 0 are asked and blended by
 * weight; a later tier only fills what is missing (blend.h). The last tier is always
 * POPULAR, so that no placement is empty while something is in stock.
 */
#ifndef SOUK_SHARD_RECOMMEND_PLACEMENT_H
#define SOUK_SHARD_RECOMMEND_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

/* X(NAME, "name", "what it is", needs) where needs is what an ask must bring. */
#define RECOMMEND_SOURCE_TABLE(X)                                                        \
    X(NEIGHBOURS, "neighbours", "sessions like this one", CLICKS)                        \
    X(WALK, "walk", "customers with the same items", SEEDS)                              \
    X(WALK_THEN, "walk-then", "what customers took next", SEEDS)                         \
    X(CONTENT, "content", "attributes in common", SEEDS)                                 \
    X(BUY_AGAIN, "buy-again", "the customer's own purchases", HISTORY)                   \
    X(RECENTLY_VIEWED, "recently-viewed", "the customer's own views", HISTORY)           \
    X(TRENDING, "trending", "what rises of late", NOTHING)                               \
    X(ARRIVALS, "arrivals", "what is new", NOTHING)                                      \
    X(POPULAR, "popular", "what most people take", NOTHING)

enum recommend_source {
#define RECOMMEND_SOURCE_ENUM(name, ...) RECOMMEND_SOURCE_##name,
    RECOMMEND_SOURCE_TABLE(RECOMMEND_SOURCE_ENUM)
#undef RECOMMEND_SOURCE_ENUM
    RECOMMEND_SOURCES,
};

enum recommend_needs {
    RECOMMEND_NEEDS_NOTHING,
    RECOMMEND_NEEDS_CLICKS,  /* of the session that goes on */
    RECOMMEND_NEEDS_SEEDS,   /* the clicks, else the newest of the customer's history */
    RECOMMEND_NEEDS_HISTORY, /* a customer who consents to personalization */
};

/* Exclusion switches of a placement; a call may add to them. */
enum {
    PLACEMENT_EXCLUDE_CURRENT = 1, /* not the newest click or seed */
    PLACEMENT_EXCLUDE_SEEN = 2,    /* none of the clicks or seeds */
};

/* X(NAME, "name in calls", exclusion switches, sources: { source, weight, tier }...) */
/* clang-format off */
#define PLACEMENT_TABLE(X)                                                               \
    X(FOR_YOU,         "for-you",         PLACEMENT_EXCLUDE_CURRENT,                     \
      {RECOMMEND_SOURCE_WALK, 4, 0}, {RECOMMEND_SOURCE_WALK_THEN, 2, 0},                 \
      {RECOMMEND_SOURCE_NEIGHBOURS, 4, 0}, {RECOMMEND_SOURCE_BUY_AGAIN, 1, 0},           \
      {RECOMMEND_SOURCE_CONTENT, 1, 1}, {RECOMMEND_SOURCE_TRENDING, 1, 2},               \
      {RECOMMEND_SOURCE_POPULAR, 1, 3})                                                  \
    X(SESSION,         "session",         0,                                             \
      {RECOMMEND_SOURCE_NEIGHBOURS, 1, 0}, {RECOMMEND_SOURCE_WALK, 1, 1},                \
      {RECOMMEND_SOURCE_CONTENT, 1, 2}, {RECOMMEND_SOURCE_POPULAR, 1, 3})                \
    X(ALSO_BOUGHT,     "also-bought",     PLACEMENT_EXCLUDE_SEEN,                        \
      {RECOMMEND_SOURCE_WALK, 1, 0}, {RECOMMEND_SOURCE_NEIGHBOURS, 1, 1},                \
      {RECOMMEND_SOURCE_CONTENT, 1, 2}, {RECOMMEND_SOURCE_POPULAR, 1, 3})                \
    X(BOUGHT_TOGETHER, "bought-together", PLACEMENT_EXCLUDE_SEEN,                        \
      {RECOMMEND_SOURCE_WALK_THEN, 1, 0}, {RECOMMEND_SOURCE_WALK, 1, 1},                 \
      {RECOMMEND_SOURCE_NEIGHBOURS, 1, 2}, {RECOMMEND_SOURCE_POPULAR, 1, 3})             \
    X(SIMILAR,         "similar",         PLACEMENT_EXCLUDE_SEEN,                        \
      {RECOMMEND_SOURCE_CONTENT, 2, 0}, {RECOMMEND_SOURCE_NEIGHBOURS, 1, 0},             \
      {RECOMMEND_SOURCE_WALK, 1, 1}, {RECOMMEND_SOURCE_POPULAR, 1, 2})                   \
    X(BUY_AGAIN,       "buy-again",       0,                                             \
      {RECOMMEND_SOURCE_BUY_AGAIN, 1, 0}, {RECOMMEND_SOURCE_WALK, 1, 1},                 \
      {RECOMMEND_SOURCE_POPULAR, 1, 2})                                                  \
    X(TRENDING,        "trending",        0,                                             \
      {RECOMMEND_SOURCE_TRENDING, 1, 0}, {RECOMMEND_SOURCE_POPULAR, 1, 1})               \
    X(RECENTLY_VIEWED, "recently-viewed", PLACEMENT_EXCLUDE_CURRENT,                     \
      {RECOMMEND_SOURCE_RECENTLY_VIEWED, 1, 0}, {RECOMMEND_SOURCE_TRENDING, 1, 1},       \
      {RECOMMEND_SOURCE_POPULAR, 1, 2})                                                  \
    X(NEW,             "new",             0,                                             \
      {RECOMMEND_SOURCE_ARRIVALS, 1, 0}, {RECOMMEND_SOURCE_TRENDING, 1, 1},              \
      {RECOMMEND_SOURCE_POPULAR, 1, 2})
/* clang-format on */

enum placement_name {
#define PLACEMENT_ENUM(name, ...) PLACEMENT_##name,
    PLACEMENT_TABLE(PLACEMENT_ENUM)
#undef PLACEMENT_ENUM
    PLACEMENTS,
};

enum {
    PLACEMENT_SOURCES_MAX = 8,
    PLACEMENT_WEIGHT_MAX = 1000, /* BLEND_WEIGHT_MAX */
};

struct placement_source {
    enum recommend_source source;
    uint32_t weight; /* within its tier; at least 1 */
    uint32_t tier;
};

struct placement {
    const char *name;
    uint32_t exclusions;
    struct placement_source sources[PLACEMENT_SOURCES_MAX]; /* tiers ascending */
    uint32_t source_count;
};

/* Static storage. */
const struct placement *placement_at(enum placement_name name);
/* By its name in calls; the default ("session") for an empty one; NULL when unknown. */
const struct placement *placement_find(struct slice name);
const char *recommend_source_name(enum recommend_source source);
const char *recommend_source_text(enum recommend_source source);
enum recommend_needs recommend_source_needs(enum recommend_source source);

/* The placements of a server: those above, but for what a setting says. */
struct placement_table {
    struct placement placements[PLACEMENTS];
};
void placement_table_init(struct placement_table *table);
/* As placement_find. */
const struct placement *placement_table_find(const struct placement_table *table,
                                             struct slice name);
/*
 * Overrides whole lines of the table, such as
 *
 *     for-you=!current,walk:4,walk-then:2/content/popular;session=neighbours
 *
 * ";" between placements; then a comma list of switches (!current, !seen) and sources,
 * "/" before the next tier. A weight is 1 .. PLACEMENT_WEIGHT_MAX, 1 when there is none.
 * Popular stands in the last tier, and is put behind as one when it is named nowhere.
 * INVALID: `problem` names the byte; the table is as it was.
 */
MUST_USE enum status placement_parse(struct slice text, struct placement_table *table,
                                     struct problem *problem);

#endif
