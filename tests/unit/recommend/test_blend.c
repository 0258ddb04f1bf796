/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "shard/base/rng.h"
#include "shard/recommend/blend.h"
#include "shard/recommend/placement.h"
#include "tests/lib/test.h"
#include "tests/unit/recommend/world.h"

enum {
    STORES = 10000,
    ITEMS = 12,
    LISTS = 5,
};

struct case_ {
    struct recommend_ranked_item items[LISTS][ITEMS];
    struct recommend_ranked ranked[LISTS];
    struct blend_list lists[LISTS];
    size_t list_count;
};

static void case_make(struct rng *rng, struct case_ *made)
{
    *made = (struct case_){.list_count = (size_t)rng_below(rng, LISTS + 1)};
    for (size_t l = 0; l < made->list_count; l++) {
        struct recommend_ranked *ranked = &made->ranked[l];
        double score = rng_below(rng, 5) == 0 ? 0.0 : 1.0 + rng_unit(rng) * 100;
        ranked->items = made->items[l];
        for (uint64_t sku = 1; sku <= ITEMS; sku++) {
            if (rng_below(rng, 2) == 0) {
                ranked->items[ranked->item_count++] = (struct recommend_ranked_item){
                    .sku_hash = (sku * 5) % 13,
                    .score = score,
                    .reasons = {{.kind = RECOMMEND_REASON_POPULAR,
                                 .related_sku_hash = l,
                                 .evidence_count = sku,
                                 .weight = 0.75},
                                {.kind = RECOMMEND_REASON_NEW, .weight = 0.25}},
                    .reason_count = 2};
                score *= rng_below(rng, 3) == 0 ? 1.0 : 0.7;
            }
        }
        made->lists[l] = (struct blend_list){.ranked = ranked,
                                             .weight = 1 + (uint32_t)rng_below(rng, 4),
                                             .tier = (uint32_t)rng_below(rng, 3)};
    }
}

struct wanted {
    uint64_t sku;
    uint32_t tier;
    uint64_t sum;
    double score;
    uint32_t lists;
};

static const struct recommend_ranked_item *find(const struct recommend_ranked *ranked,
                                                uint64_t sku)
{
    for (uint32_t i = 0; i < ranked->item_count; i++) {
        if (ranked->items[i].sku_hash == sku) {
            return &ranked->items[i];
        }
    }
    return NULL;
}

static int wanted_order(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    if (a->tier != b->tier) {
        return a->tier < b->tier ? -1 : 1;
    }
    if (a->sum != b->sum) {
        return a->sum > b->sum ? -1 : 1;
    }
    return a->sku < b->sku ? -1 : 1;
}

static int reference(const struct case_ *made, struct wanted *out)
{
    int count = 0;
    for (uint64_t sku = 0; sku <= 13; sku++) {
        struct wanted item = {.sku = sku, .tier = BLEND_TIERS};
        uint64_t weights = 0;
        for (size_t l = 0; l < made->list_count; l++) {
            if (find(&made->ranked[l], sku) && made->lists[l].tier < item.tier) {
                item.tier = made->lists[l].tier;
            }
        }
        for (size_t l = 0; l < made->list_count; l++) {
            const struct recommend_ranked_item *found = find(&made->ranked[l], sku);
            double highest = made->items[l][0].score;
            if (made->lists[l].tier != item.tier) {
                continue;
            }
            weights += made->lists[l].weight;
            if (found != NULL) {
                item.lists++;
                item.sum +=
                    highest > 0
                        ? made->lists[l].weight *
                              (uint64_t)llround(found->score / highest * 1048576.0)
                        : 0;
            }
        }
        if (item.tier < BLEND_TIERS) {
            item.score = ((double)(7 - item.tier) +
                          (double)item.sum / 1048576.0 / (double)weights) /
                         8;
            out[count++] = item;
        }
    }
    qsort(out, (size_t)count, sizeof *out, wanted_order);
    return count;
}

TEST(blend, equals_the_plain_reference_on_10000_random_lists)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct wanted wanted[16];
        struct recommend_ranked ranked;
        struct arena arena;
        const struct recommend_rank_options options = {.count = RECOMMEND_COUNT_MAX};
        rng_init(&rng, seed);
        case_make(&rng, &made);
        for (size_t l = 0; l < made.list_count; l++) {
            made.ranked[l].items = made.items[l];
            made.lists[l].ranked = &made.ranked[l];
        }
        arena_init(&arena, NULL, 0, 0);
        EXPECT_OK(
            recommend_blend(made.lists, made.list_count, &options, &arena, &ranked));
        int count = reference(&made, wanted);
        if ((int)ranked.item_count != count) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, not %d", seed,
                      ranked.item_count, count);
        }
        for (int i = 0; i < count; i++) {
            const struct recommend_ranked_item *item = &ranked.items[i];
            double weight = 0;
            if (item->sku_hash != wanted[i].sku ||
                memcmp(&item->score, &wanted[i].score, sizeof(double)) != 0) {
                test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": place %d", seed, i);
            }
            EXPECT(i == 0 || item->score <= item[-1].score);
            for (uint32_t r = 0; r < item->reason_count; r++) {
                weight += item->reasons[r].weight;
            }
            EXPECT(fabs(weight - 1.0) < 1e-9);
            uint32_t reasons = wanted[i].lists * 2;
            EXPECT_EQ(item->reason_count,
                      reasons < RECOMMEND_REASONS_MAX ? reasons : RECOMMEND_REASONS_MAX);
        }
        arena_close(&arena);
    }
}

TEST(blend, what_fills_in_never_reorders_what_was_found)
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct rng rng;
        struct case_ made;
        struct recommend_ranked with, without;
        struct blend_list first[LISTS];
        size_t count = 0;
        struct arena arena;
        struct recommend_rank_options options = {.count = RECOMMEND_COUNT_MAX};
        rng_init(&rng, seed);
        case_make(&rng, &made);
        for (size_t l = 0; l < made.list_count; l++) {
            made.ranked[l].items = made.items[l];
            made.lists[l].ranked = &made.ranked[l];
            if (made.lists[l].tier == 0) {
                first[count++] = made.lists[l];
            }
        }
        arena_init(&arena, NULL, 0, 0);
        EXPECT_OK(recommend_blend(first, count, &options, &arena, &without));
        if (without.item_count > 0) {
            options.count = without.item_count;
            EXPECT_OK(
                recommend_blend(made.lists, made.list_count, &options, &arena, &with));
            world_expect_same(&with, &without, seed);
        }
        arena_close(&arena);
    }
}

TEST(blend, refuses_weights_and_tiers_out_of_bounds_and_leaves_out_what_it_is_told)
{
    struct recommend_ranked_item item = {.sku_hash = 4, .score = 2};
    const struct recommend_ranked ranked = {&item, 1};
    struct blend_list list = {&ranked, 1, 0};
    const uint64_t excluded = 4;
    struct recommend_rank_options options = {.count = 3};
    struct recommend_ranked out;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(recommend_blend(&list, 1, &options, &arena, &out));
    EXPECT(out.item_count == 1 && out.items[0].score >= 1.0);
    options.excluded = &excluded;
    options.excluded_count = 1;
    EXPECT_OK(recommend_blend(&list, 1, &options, &arena, &out));
    EXPECT_EQ(out.item_count, 0);
    EXPECT_OK(recommend_blend(NULL, 0, &options, &arena, &out));
    EXPECT_EQ(out.item_count, 0);
    list.weight = 0;
    EXPECT_STATUS(recommend_blend(&list, 1, &options, &arena, &out), STATUS_INVALID);
    list.weight = 1;
    list.tier = BLEND_TIERS;
    EXPECT_STATUS(recommend_blend(&list, 1, &options, &arena, &out), STATUS_INVALID);
    arena_close(&arena);
}

TEST(blend, a_list_alone_comes_out_as_beside_an_empty_one)
{
    const struct recommend_ranked empty = {0};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct recommend_ranked_item items[60];
        struct recommend_ranked alone, beside, ranked = {.items = items};
        struct arena arena;
        struct rng rng;
        rng_init(&rng, seed);
        arena_init(&arena, NULL, 0, 0);
        ranked.item_count = (uint32_t)rng_below(&rng, 60);
        double score = (double)rng_below(&rng, 3);
        for (uint32_t i = 0; i < ranked.item_count; i++) {
            items[i] = (struct recommend_ranked_item){.sku_hash = rng_next(&rng),
                                                      .score = score};
            items[i].reason_count = (uint32_t)rng_below(&rng, RECOMMEND_REASONS_MAX + 1);
            for (uint32_t r = 0; r < items[i].reason_count; r++) {
                items[i].reasons[r] =
                    (struct recommend_reason){RECOMMEND_REASON_NEIGHBOURS,
                                              rng_below(&rng, 5), r, 0, rng_unit(&rng)};
            }
            /* Equal scores, near ones that scaling makes equal, and others. */
            score *= (double[]){1.0, 1.0 - 0x1.0p-30, 0.9}[rng_below(&rng, 3)];
        }
        const struct blend_list lists[] = {{&ranked, 3, 2}, {&empty, 1, 3}};
        const struct recommend_rank_options options = {
            .count = 1 + (uint32_t)rng_below(&rng, 60)};
        EXPECT_OK(recommend_blend(lists, 1, &options, &arena, &alone));
        EXPECT_OK(recommend_blend(lists, 2, &options, &arena, &beside));
        EXPECT_EQ(alone.item_count, beside.item_count);
        for (uint32_t i = 0; i < alone.item_count; i++) {
            const struct recommend_ranked_item *a = &alone.items[i];
            const struct recommend_ranked_item *b = &beside.items[i];
            EXPECT_EQ(a->sku_hash, b->sku_hash);
            EXPECT(a->score == b->score);
            EXPECT_EQ(a->tier, 2);
            EXPECT_EQ(a->reason_count, b->reason_count);
            EXPECT(memcmp(a->reasons, b->reasons, a->reason_count * sizeof *a->reasons) ==
                   0);
        }
        arena_close(&arena);
    }
}

TEST(placement, each_is_found_by_its_name_and_ends_with_the_popular)
{
    static const char *const names[] = {
        "for-you",         "session",         "also-bought",
        "bought-together", "similar",         "buy-again",
        "trending",        "recently-viewed", "new"};
    EXPECT_EQ(PLACEMENTS, sizeof names / sizeof *names);
    for (int i = 0; i < PLACEMENTS; i++) {
        const struct placement *placement = placement_find(slice_from_string(names[i]));
        EXPECT(placement == placement_at((enum placement_name)i));
        EXPECT(placement->source_count <= BLEND_LISTS_MAX);
        const struct placement_source *last =
            &placement->sources[placement->source_count - 1];
        EXPECT_EQ(last->source, RECOMMEND_SOURCE_POPULAR);
        EXPECT_EQ(placement->sources[0].tier, 0);
        for (uint32_t s = 0; s < placement->source_count; s++) {
            const struct placement_source *source = &placement->sources[s];
            uint32_t before = s > 0 ? source[-1].tier : 0;
            EXPECT(source->tier == before || source->tier == before + 1);
            EXPECT(source->tier < BLEND_TIERS);
            EXPECT(source->weight >= 1 && source->weight <= BLEND_WEIGHT_MAX);
            EXPECT(recommend_source_text(source->source)[0] != '\0');
            EXPECT(recommend_source_needs(source->source) <= RECOMMEND_NEEDS_HISTORY);
        }
        EXPECT_EQ(recommend_source_needs(last->source), RECOMMEND_NEEDS_NOTHING);
    }
    EXPECT(placement_find(slice_from_string("")) == placement_at(PLACEMENT_SESSION));
    EXPECT(placement_find(slice_from_string("session ")) == NULL);
}
