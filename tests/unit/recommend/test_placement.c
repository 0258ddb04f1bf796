/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/placement.h"

#include "shard/recommend/blend.h"
#include "tests/lib/test.h"

static enum status parse(const char *text, struct placement_table *table,
                         struct problem *problem)
{
    placement_table_init(table);
    return placement_parse(slice_from_string(text), table, problem);
}

static const struct placement *find(const struct placement_table *table, const char *name)
{
    return placement_table_find(table, slice_from_string(name));
}

static void expect_source(const struct placement *placement, uint32_t place,
                          enum recommend_source source, uint32_t weight, uint32_t tier)
{
    EXPECT(place < placement->source_count);
    EXPECT_EQ(placement->sources[place].source, source);
    EXPECT_EQ(placement->sources[place].weight, weight);
    EXPECT_EQ(placement->sources[place].tier, tier);
}

static void expect_sound(const struct placement *placement)
{
    uint32_t tier = 0;
    EXPECT(placement->source_count >= 1);
    EXPECT(placement->source_count <= PLACEMENT_SOURCES_MAX);
    bool popular = false;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        const struct placement_source *source = &placement->sources[i];
        EXPECT(source->tier == tier || (i > 0 && source->tier == tier + 1));
        EXPECT(source->weight >= 1 && source->weight <= BLEND_WEIGHT_MAX);
        tier = source->tier;
        popular = popular || source->source == RECOMMEND_SOURCE_POPULAR;
    }
    EXPECT(popular && tier < BLEND_TIERS);
}

TEST(placement, every_built_in_one_ends_in_what_is_popular)
{
    for (size_t i = 0; i < PLACEMENTS; i++) {
        const struct placement *placement = placement_at((enum placement_name)i);
        expect_sound(placement);
        EXPECT_EQ(placement->sources[placement->source_count - 1].source,
                  RECOMMEND_SOURCE_POPULAR);
        EXPECT(placement_find(slice_from_string(placement->name)) == placement);
    }
    EXPECT(placement_find(slice_of(NULL, 0)) == placement_at(PLACEMENT_SESSION));
    EXPECT(placement_find(slice_from_string("sessions")) == NULL);
}

TEST(placement, no_text_changes_nothing)
{
    struct placement_table table;
    struct problem problem;
    EXPECT_OK(parse("", &table, &problem));
    for (size_t i = 0; i < PLACEMENTS; i++) {
        const struct placement *own = placement_at((enum placement_name)i);
        const struct placement *found = find(&table, own->name);
        EXPECT_EQ(found->exclusions, own->exclusions);
        EXPECT_EQ(found->source_count, own->source_count);
        EXPECT(memcmp(found->sources, own->sources, sizeof own->sources) == 0);
    }
}

TEST(placement, a_line_is_overridden_whole_and_the_others_stay)
{
    struct placement_table table;
    struct problem problem;
    EXPECT_OK(parse("for-you=!current,!seen,walk:4,walk-then:2/content:1/popular:7;"
                    "session=neighbours:1000",
                    &table, &problem));
    const struct placement *placement = find(&table, "for-you");
    EXPECT_EQ(placement->exclusions, PLACEMENT_EXCLUDE_CURRENT | PLACEMENT_EXCLUDE_SEEN);
    EXPECT_EQ(placement->source_count, 4);
    expect_source(placement, 0, RECOMMEND_SOURCE_WALK, 4, 0);
    expect_source(placement, 1, RECOMMEND_SOURCE_WALK_THEN, 2, 0);
    expect_source(placement, 2, RECOMMEND_SOURCE_CONTENT, 1, 1);
    expect_source(placement, 3, RECOMMEND_SOURCE_POPULAR, 7, 2);
    /* The default is found under no name, too; popular was put behind. */
    placement = placement_table_find(&table, slice_of(NULL, 0));
    EXPECT_STRING(placement->name, "session");
    EXPECT_EQ(placement->exclusions, 0);
    EXPECT_EQ(placement->source_count, 2);
    expect_source(placement, 0, RECOMMEND_SOURCE_NEIGHBOURS, 1000, 0);
    expect_source(placement, 1, RECOMMEND_SOURCE_POPULAR, 1, 1);
    EXPECT_EQ(find(&table, "similar")->source_count,
              placement_at(PLACEMENT_SIMILAR)->source_count);
}

TEST(placement, every_source_can_be_named)
{
    for (enum recommend_source source = 0; source < RECOMMEND_SOURCES; source++) {
        char text[64];
        struct placement_table table;
        struct problem problem;
        snprintf(text, sizeof text, "new=%s", recommend_source_name(source));
        EXPECT_OK(parse(text, &table, &problem));
        expect_source(find(&table, "new"), 0, source, 1, 0);
        expect_sound(find(&table, "new"));
    }
}

TEST(placement, what_cannot_be_read_is_named_with_its_place_and_changes_nothing)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"home=walk", "byte 0: there is no placement 'home'"},
        {"=walk", "byte 0: there is no placement ''"},
        {"new", "byte 3: '=' is missing behind 'new'"},
        {"new=", "byte 4: there is no source ''"},
        {"new=wak:1", "byte 4: there is no source 'wak'"},
        {"new=walk:0", "byte 9: a weight is 1 to 1000, not '0'"},
        {"new=walk:1001", "byte 9: a weight is 1 to 1000, not '1001'"},
        {"new=walk:99999999999999999999", "a weight is 1 to 1000"},
        {"new=walk:", "byte 9: a weight is 1 to 1000, not ''"},
        {"new=walk:1x", "a weight is 1 to 1000, not '1x'"},
        {"new=walk:-1", "a weight is 1 to 1000, not '-1'"},
        {"new=walk,", "byte 9: there is no source ''"},
        {"new=walk/", "byte 9: there is no source ''"},
        {"new=walk//content", "byte 9: there is no source ''"},
        {"new=walk,walk", "byte 9: named twice: source 'walk'"},
        {"new=popular/walk", "popular stands in the last tier, unlike in 'new'"},
        {"new=!all,walk", "byte 5: the switches are !current and !seen, not 'all'"},
        {"new=!seen", "no source is named for 'new'"},
        {"new=walk;new=content", "byte 9: named twice: placement 'new'"},
        {"new=walk:1:2", "';' is missing before ':2'"},
        {"new=walk;;", "byte 9: there is no placement ''"},
        {"new=walk/walk-then/neighbours/content/buy-again/recently-viewed/trending/"
         "arrivals",
         "more than 8 sources, with popular at the end"},
        {"new=walk/walk-then/neighbours/content/buy-again/recently-viewed/trending/"
         "arrivals/popular",
         "more than 8 sources: from 'popular'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct placement_table table;
        struct problem problem;
        EXPECT_STATUS(parse(cases[i].text, &table, &problem), STATUS_INVALID);
        EXPECT_STRING(problem.field, "placements");
        if (strstr(problem.message, cases[i].says) == NULL) {
            test_fail(__FILE__, __LINE__, "'%s': %s", cases[i].text, problem.message);
        }
        expect_source(find(&table, "new"), 0, RECOMMEND_SOURCE_ARRIVALS, 1, 0);
    }
}
