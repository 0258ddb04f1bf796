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

/* X(NAME, "what it is", needs) where needs is what an ask must bring. */
#define RECOMMEND_SOURCE_TABLE(X)                                                        \
    X(NEIGHBOURS, "sessions like this one", CLICKS)                                      \
    X(WALK, "customers with the same items", SEEDS)                                      \
    X(WALK_THEN, "what customers took next", SEEDS)                                      \
    X(CONTENT, "attributes in common", SEEDS)                                            \
    X(BUY_AGAIN, "the customer's own purchases", HISTORY)                                \
    X(RECENTLY_VIEWED, "the customer's own views", HISTORY)                              \
    X(TRENDING, "what rises of late", NOTHING)                                           \
    X(ARRIVALS, "what is new", NOTHING)                                                  \
    X(POPULAR, "what most people take", NOTHING)

enum recommend_source {
#define RECOMMEND_SOURCE_ENUM(name, text, needs) RECOMMEND_SOURCE_##name,
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
const char *recommend_source_text(enum recommend_source source);
enum recommend_needs recommend_source_needs(enum recommend_source source);

#endif
