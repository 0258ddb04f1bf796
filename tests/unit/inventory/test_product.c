/* SPDX-License-Identifier: Apache-2.0 */
/* Products, and SKUs that are made only where none is. */
#include "shard/inventory/inventory_private.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static const struct slice sizes[] = {{(const uint8_t *)"S", 1},
                                     {(const uint8_t *)"M", 1}};
static const struct inventory_axis axes[] = {{{(const uint8_t *)"size", 4}, sizes, 2}};

static struct inventory_command product_command(const char *product_id, const char *name)
{
    struct inventory_command command = {.kind = INVENTORY_PRODUCT_UPSERT};
    command.product_upsert.product = (struct inventory_product){
        .product_id = S(product_id), .name = S(name), .axes = axes, .axis_count = 1};
    return command;
}

static const struct inventory_answer *read_product_of(struct world *world,
                                                      const char *product_id)
{
    return world_read(world, (struct inventory_query){.kind = INVENTORY_QUERY_PRODUCT,
                                                      .product_id = S(product_id)});
}

TEST(product, keeps_all_it_was_given_over_a_restart)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(world_apply(&world, product_command("P", "Shirt"))->status);
    EXPECT(world.last.created && world.last.has_product);
    world_reload(&world);
    EXPECT_OK(read_product_of(&world, "P")->status);
    EXPECT_SLICE(world.answer.products[0].name, S("Shirt"));
    EXPECT_EQ(world.answer.products[0].axes[0].value_count, 2);
    EXPECT_SLICE(world.answer.products[0].axes[0].values[1], S("M"));
    EXPECT(world.answer.products[0].etag == world.last.etag);
    EXPECT_STATUS(read_product_of(&world, "Q")->status, STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(product, writes_what_the_mask_names_and_only_over_the_etag_it_was_given)
{
    struct world world;
    struct inventory_command command = product_command("P", "Shirt");
    uint64_t etag;
    world_open(&world);
    command.product_upsert.etag = 7;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    command.product_upsert.etag = 0;
    EXPECT_OK(world_apply(&world, command)->status);
    etag = world.last.etag;
    command.product_upsert.product.name = S("lost");
    command.product_upsert.product.brand = S("Acme");
    command.product_upsert.update_mask = PRODUCT_FIELD_BRAND;
    command.product_upsert.etag = etag;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.created);
    EXPECT_SLICE(world.last.product.name, S("Shirt"));
    EXPECT_SLICE(world.last.product.brand, S("Acme"));
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ETAG_MISMATCH);
    command.product_upsert.etag = 0;
    command.product_upsert.update_mask = PRODUCT_FIELDS_NONE;
    etag = world.last.etag;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_SLICE(world.last.product.brand, S("Acme"));
    world_close(&world);
}

TEST(product, that_is_deleted_is_gone_and_may_come_again)
{
    struct world world;
    struct inventory_command delete = {.kind = INVENTORY_PRODUCT_DELETE};
    delete.product_delete.product_id = S("P");
    world_open(&world);
    EXPECT_STATUS(world_apply(&world, delete)->status, STATUS_NOT_FOUND);
    EXPECT_OK(world_apply(&world, product_command("P", "Shirt"))->status);
    world_flush(&world);
    EXPECT_OK(world_apply(&world, delete)->status);
    world_reload(&world);
    EXPECT_STATUS(read_product_of(&world, "P")->status, STATUS_NOT_FOUND);
    EXPECT_OK(world_apply(&world, product_command("P", "Again"))->status);
    EXPECT(world.last.created);
    world_close(&world);
}

TEST(product, a_request_to_generate_is_answered_with_the_form_that_it_first_saw)
{
    struct world world;
    struct inventory_command note = {.kind = INVENTORY_PRODUCT_GENERATE};
    uint64_t etag;
    note.product_generate =
        (struct inventory_product_generate){.product_id = S("P"), .payload = 5};
    world_open(&world);
    EXPECT_STATUS(world_apply(&world, note)->status, STATUS_NOT_FOUND);
    EXPECT_OK(world_apply(&world, product_command("P", "Shirt"))->status);
    etag = world.last.etag;
    world_identify(&world, &note);
    EXPECT_OK(world_apply(&world, note)->status);
    EXPECT(world.last.etag == etag && !world.last.replayed);
    EXPECT_OK(world_apply(&world, product_command("P", "Other"))->status);
    world_reload(&world);
    EXPECT_OK(world_apply(&world, note)->status);
    EXPECT(world.last.etag == etag && world.last.replayed);
    note.product_generate.payload = 6;
    note.identity.fingerprint = inventory_command_fingerprint(&note);
    EXPECT_STATUS(world_apply(&world, note)->status, STATUS_REQUEST_ID_REUSED);
    world_close(&world);
}

TEST(product, a_variant_that_is_there_stays_and_another_sku_in_its_place_is_refused)
{
    struct world world;
    const struct inventory_attribute size = {
        .name = S("size"), .kind = INVENTORY_ATTRIBUTE_TEXT, .text = S("M")};
    struct inventory_command command = world_sku_command("P-M");
    struct inventory_sku *sku = &command.sku_upsert.sku;
    command.sku_upsert.if_absent = true;
    sku->product_id = S("P");
    sku->options = &size;
    sku->option_count = 1;
    sku->name = S("first");
    world_open(&world);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.created);
    sku->name = S("second");
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.created);
    EXPECT_SLICE(world.last.sku.name, S("first"));
    sku->product_id = S("Q");
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ALREADY_EXISTS);
    sku->product_id = S("P");
    sku->option_count = 0;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ALREADY_EXISTS);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_SKU_ID);
    world_close(&world);
}

TEST(product, codes_tell_skus_aliases_and_free_ones_apart)
{
    struct world world;
    struct inventory_command reserve = {.kind = INVENTORY_ALIAS_RESERVE};
    const struct slice ids[] = {S("free"), S("A"), S("alias")};
    reserve.alias_reserve = (struct inventory_alias_reserve){
        .identifier = S("alias"), .sku_id = S("A"), .by = 1};
    world_open(&world);
    world_sku(&world, "A");
    EXPECT_OK(world_apply(&world, reserve)->status);
    EXPECT_OK(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_CODES,
                                                          .sku_ids = ids,
                                                          .sku_count = 3})
                  ->status);
    EXPECT(world.answer.sku_count == 1 && world.answer.taken_count == 1);
    EXPECT(world.answer.missing_count == 1);
    EXPECT_SLICE(world.answer.taken[0], S("alias"));
    EXPECT_SLICE(world.answer.missing[0], S("free"));
    world_close(&world);
}

TEST(product, what_is_malformed_is_refused)
{
    struct world world;
    struct inventory_command command = product_command("P", "Shirt");
    struct inventory_axis twice[] = {axes[0], axes[0]};
    struct inventory_axis empty = {.name = S("size")};
    world_open(&world);
    command.product_upsert.product.axes = twice;
    command.product_upsert.product.axis_count = 2;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command.product_upsert.product.axes = &empty;
    command.product_upsert.product.axis_count = 1;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = product_command("a b", "Shirt");
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = product_command("P", "\xff");
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = product_command("P", "Shirt");
    command.product_upsert.update_mask = PRODUCT_FIELDS_NONE << 1;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    EXPECT_STATUS(read_product_of(&world, "P")->status, STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(product, its_row_is_written_as_it_always_was)
{
    static const uint8_t golden[] = {1,   8,   7,   6,   5, 4,   3,   2,   1,  4,
                                     6,   1,   'T', 1,   1, 'C', 1,   'B', 1,  4,
                                     's', 'i', 'z', 'e', 2, 1,   'S', 1,   'M'};
    const struct slice category = S("C");
    const struct inventory_product product = {.product_id = S("P"),
                                              .name = S("T"),
                                              .categories = &category,
                                              .category_count = 1,
                                              .brand = S("B"),
                                              .axes = axes,
                                              .axis_count = 1,
                                              .etag = 0x0102030405060708,
                                              .create_ms = 2,
                                              .update_ms = 3};
    struct inventory_product back;
    struct arena arena;
    struct buffer row;
    arena_init(&arena, NULL, 0, 0);
    buffer_init(&row);
    rows_product_encode(&row, &product);
    EXPECT_SLICE(buffer_slice(&row), slice_of(golden, sizeof golden));
    for (size_t size = 0; size < row.size; size++) {
        EXPECT(rows_product_decode(slice_of(row.data, size), &arena, &back) != STATUS_OK);
    }
    EXPECT_OK(rows_product_decode(buffer_slice(&row), &arena, &back));
    EXPECT_SLICE(back.axes[0].values[1], S("M"));
    buffer_close(&row);
    arena_close(&arena);
}
