/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/placement.h"

#include <stddef.h>

#include "shard/base/assert.h"

#define PLACEMENT_SOURCE_COUNT(...)                                                      \
    (sizeof((struct placement_source[]){__VA_ARGS__}) / sizeof(struct placement_source))

static const struct placement placements[] = {
#define PLACEMENT_ROW(id, text, switches, ...)                                           \
    [PLACEMENT_##id] = {.name = text,                                                    \
                        .exclusions = (switches),                                        \
                        .sources = {__VA_ARGS__},                                        \
                        .source_count = PLACEMENT_SOURCE_COUNT(__VA_ARGS__)},
    PLACEMENT_TABLE(PLACEMENT_ROW)
#undef PLACEMENT_ROW
};

static const struct source_row {
    const char *text;
    enum recommend_needs needs;
} sources[] = {
#define SOURCE_ROW(id, what, need)                                                       \
    [RECOMMEND_SOURCE_##id] = {what, RECOMMEND_NEEDS_##need},
    RECOMMEND_SOURCE_TABLE(SOURCE_ROW)
#undef SOURCE_ROW
};

const struct placement *placement_at(enum placement_name name)
{
    ASSERT(name < PLACEMENTS);
    return &placements[name];
}

const struct placement *placement_find(struct slice name)
{
    if (name.size == 0) {
        return &placements[PLACEMENT_SESSION];
    }
    for (size_t i = 0; i < PLACEMENTS; i++) {
        if (slice_equal(name, slice_from_string(placements[i].name))) {
            return &placements[i];
        }
    }
    return NULL;
}

const char *recommend_source_text(enum recommend_source source)
{
    ASSERT(source < RECOMMEND_SOURCES);
    return sources[source].text;
}

enum recommend_needs recommend_source_needs(enum recommend_source source)
{
    ASSERT(source < RECOMMEND_SOURCES);
    return sources[source].needs;
}
