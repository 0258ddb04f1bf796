/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/sku_codes.h"

#include "tests/lib/test.h"

#define S(literal) slice_from_string(literal)

struct codes_world {
    struct arena arena;
    struct slice sizes[3], colours[2];
    struct inventory_axis axes[2];
    struct inventory_product product;
    struct sku_codes codes;
    struct problem problem;
};

static void codes_open(struct codes_world *world)
{
    *world = (struct codes_world){.sizes = {S("S"), S("M"), S("X L")},
                                  .colours = {S("red"), S("wei\xc3\x9f")}};
    arena_init(&world->arena, NULL, 0, 0);
    world->axes[0] = (struct inventory_axis){S("size"), world->sizes, 3};
    world->axes[1] = (struct inventory_axis){S("colour"), world->colours, 2};
    world->product = (struct inventory_product){
        .product_id = S("SH"), .name = S("Shirt"), .axes = world->axes, .axis_count = 2};
}

static enum status codes_make(struct codes_world *world, const char *text)
{
    return sku_codes_make(&world->product, S(text), 1000, &world->arena, &world->codes,
                          &world->problem);
}

TEST(sku_codes, go_through_the_axes_the_last_one_fastest)
{
    struct codes_world world;
    codes_open(&world);
    EXPECT_OK(codes_make(&world, ""));
    EXPECT_EQ(world.codes.count, 6);
    EXPECT_SLICE(world.codes.codes[0].sku_id, S("SH-S-red"));
    EXPECT_SLICE(world.codes.codes[1].sku_id, S("SH-S-wei-"));
    EXPECT_SLICE(world.codes.codes[4].sku_id, S("SH-X-L-red"));
    EXPECT_SLICE(world.codes.codes[4].name, S("Shirt, X L, red"));
    EXPECT_EQ(world.codes.codes[5].option_count, 2);
    EXPECT_SLICE(world.codes.codes[5].options[0].text, S("X L"));
    arena_close(&world.arena);
}

TEST(sku_codes, take_the_first_characters_of_a_value)
{
    struct codes_world world;
    codes_open(&world);
    EXPECT_OK(codes_make(&world, "{product}.{colour:4}_{size:1}~x"));
    EXPECT_SLICE(world.codes.codes[1].sku_id, S("SH.wei-_S~x"));
    EXPECT_SLICE(world.codes.codes[4].sku_id, S("SH.red_X~x"));
    arena_close(&world.arena);
}

TEST(sku_codes, name_an_axis_whose_own_name_has_a_colon)
{
    struct codes_world world;
    codes_open(&world);
    world.axes[0].name = S("size:2");
    EXPECT_OK(codes_make(&world, "{size:2}{colour}"));
    EXPECT_SLICE(world.codes.codes[4].sku_id, S("X-Lred"));
    EXPECT_OK(codes_make(&world, "{size:2:1}{colour}"));
    EXPECT_SLICE(world.codes.codes[4].sku_id, S("Xred"));
    arena_close(&world.arena);
}

TEST(sku_codes, two_of_one_code_are_named)
{
    struct codes_world world;
    codes_open(&world);
    EXPECT_STATUS(codes_make(&world, "{product}-{size}"), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "code_template");
    EXPECT(strstr(world.problem.message, "'SH-M' would be both 'Shirt, M, red'") != NULL);
    arena_close(&world.arena);
}

TEST(sku_codes, templates_that_say_nothing_are_refused)
{
    static const char *const wrong[] = {
        "{product}-{weight}", "{size",    "{}",         "{size:}",
        "{size:0}{colour}",   "{size:x}", "{size:999}", "{:1}"};
    struct codes_world world;
    codes_open(&world);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT_STATUS(codes_make(&world, wrong[i]), STATUS_INVALID);
        EXPECT_STRING(world.problem.field, "code_template");
    }
    arena_close(&world.arena);
}

TEST(sku_codes, more_than_may_be_made_at_once_are_refused_before_they_are_made)
{
    struct codes_world world;
    struct slice values[1000];
    struct inventory_axis many[INVENTORY_AXES_MAX];
    codes_open(&world);
    for (size_t i = 0; i < 1000; i++) {
        values[i] = S("x");
    }
    for (size_t i = 0; i < INVENTORY_AXES_MAX; i++) {
        many[i] = (struct inventory_axis){S("a"), values, 1000};
    }
    world.product.axes = many;
    world.product.axis_count = INVENTORY_AXES_MAX;
    EXPECT_STATUS(codes_make(&world, ""), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "product_id");
    world.product.axis_count = 0;
    EXPECT_STATUS(codes_make(&world, ""), STATUS_INVALID);
    arena_close(&world.arena);
}
