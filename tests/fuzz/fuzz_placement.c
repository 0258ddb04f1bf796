/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is taken or refused with its place named; what is taken can be asked for. */
#include "shard/recommend/placement.h"

#include "shard/base/assert.h"
#include "shard/recommend/blend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_sound(const struct placement *placement)
{
    uint32_t tier = 0, seen = 0;
    ASSERT(placement->name != NULL);
    ASSERT(placement->source_count >= 1);
    ASSERT(placement->source_count <= PLACEMENT_SOURCES_MAX);
    for (uint32_t i = 0; i < placement->source_count; i++) {
        const struct placement_source *source = &placement->sources[i];
        ASSERT(source->source < RECOMMEND_SOURCES);
        ASSERT(source->weight >= 1 && source->weight <= BLEND_WEIGHT_MAX);
        ASSERT(source->tier == tier || (i > 0 && source->tier == tier + 1));
        ASSERT((seen >> source->source & 1) == 0);
        ASSERT((seen >> RECOMMEND_SOURCE_POPULAR & 1) == 0 || source->tier == tier);
        seen |= 1u << source->source;
        tier = source->tier;
    }
    ASSERT(seen >> RECOMMEND_SOURCE_POPULAR & 1);
    ASSERT(tier < BLEND_TIERS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct placement_table table;
    struct problem problem;
    placement_table_init(&table);
    if (placement_parse(slice_of(data, size), &table, &problem) != STATUS_OK) {
        ASSERT(problem.status == STATUS_INVALID);
        ASSERT(memchr(problem.message, '\0', sizeof problem.message) != NULL);
        return 0;
    }
    for (size_t i = 0; i < PLACEMENTS; i++) {
        const char *name = placement_at((enum placement_name)i)->name;
        fuzz_sound(placement_table_find(&table, slice_from_string(name)));
    }
    return 0;
}
