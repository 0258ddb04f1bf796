/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/intake.h"

#include "server/service/reply.h"
#include "tests/lib/test.h"

struct intake_world {
    struct settings settings;
    struct arena arena;
    struct problem problem;
};

static void intake_world_init(struct intake_world *world)
{
    settings_init(&world->settings);
    arena_init(&world->arena, NULL, 0, 0);
}

static char intake_id[] = "mug-1";
static char intake_text[] = "text";

static enum status take_hold(struct intake_world *world, int64_t quantity, size_t lines,
                             struct inventory_hold_create *out)
{
    Souk__V1__CreateHoldRequest request = SOUK__V1__CREATE_HOLD_REQUEST__INIT;
    Souk__V1__HoldLine line = SOUK__V1__HOLD_LINE__INIT;
    Souk__V1__HoldLine **pointers =
        arena_alloc(&world->arena, (lines + 1) * sizeof *pointers);
    line.sku_id = intake_id;
    line.quantity = quantity;
    for (size_t i = 0; i < lines; i++) {
        pointers[i] = &line;
    }
    request.lines = pointers;
    request.n_lines = lines;
    return intake_hold(&request, &world->settings, &world->arena, out, &world->problem);
}

TEST(intake, a_hold_without_a_ttl_gets_the_default)
{
    struct intake_world world;
    struct inventory_hold_create hold, other;
    intake_world_init(&world);
    EXPECT_OK(take_hold(&world, 2, 1, &hold));
    EXPECT_EQ(hold.ttl_ms, 900000);
    EXPECT_EQ(hold.ttl_kind, HOLD_TTL_DEFAULT);
    EXPECT_EQ(hold.mode, HOLD_MODE_ALL_OR_NOTHING);
    EXPECT_EQ(hold.lines[0].quantity, 2);
    EXPECT_OK(take_hold(&world, 2, 1, &other));
    EXPECT(hold.nonce != other.nonce);
    world.settings.hold_ttl_max_s = 60;
    EXPECT_OK(take_hold(&world, 2, 1, &hold));
    EXPECT_EQ(hold.ttl_ms, 60000);
    arena_close(&world.arena);
}

TEST(intake, a_hold_has_1_to_200_lines_of_positive_quantities)
{
    struct intake_world world;
    struct inventory_hold_create hold;
    intake_world_init(&world);
    EXPECT_OK(take_hold(&world, 1, 200, &hold));
    EXPECT_STATUS(take_hold(&world, 1, 201, &hold), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "lines");
    EXPECT_STATUS(take_hold(&world, 1, 0, &hold), STATUS_INVALID);
    EXPECT_STATUS(take_hold(&world, 0, 1, &hold), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "lines[0].quantity");
    EXPECT_STATUS(take_hold(&world, INT64_MIN, 1, &hold), STATUS_INVALID);
    arena_close(&world.arena);
}

TEST(intake, an_update_mask_names_the_fields_to_write)
{
    struct intake_world world;
    struct inventory_sku_upsert upsert;
    Souk__V1__Sku sku = SOUK__V1__SKU__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char name[] = "name", brand[] = "brand", colour[] = "colour", id[] = "sku_id";
    char *paths[] = {name, brand};
    intake_world_init(&world);
    sku.sku_id = intake_id;
    EXPECT_OK(
        intake_sku(&sku, NULL, &world.settings, &world.arena, &upsert, &world.problem));
    EXPECT_EQ(upsert.update_mask, SKU_FIELDS_ALL);
    mask.paths = paths;
    mask.n_paths = 2;
    EXPECT_OK(
        intake_sku(&sku, &mask, &world.settings, &world.arena, &upsert, &world.problem));
    EXPECT_EQ(upsert.update_mask, SKU_FIELD_NAME | SKU_FIELD_BRAND);
    mask.n_paths = 0;
    EXPECT_OK(
        intake_sku(&sku, &mask, &world.settings, &world.arena, &upsert, &world.problem));
    EXPECT_EQ(upsert.update_mask, SKU_FIELDS_NONE);
    mask.n_paths = 1;
    paths[0] = id;
    EXPECT_OK(
        intake_sku(&sku, &mask, &world.settings, &world.arena, &upsert, &world.problem));
    EXPECT_EQ(upsert.update_mask, SKU_FIELDS_NONE);
    mask.n_paths = 2;
    EXPECT_OK(
        intake_sku(&sku, &mask, &world.settings, &world.arena, &upsert, &world.problem));
    EXPECT_EQ(upsert.update_mask, SKU_FIELD_BRAND);
    paths[1] = colour;
    EXPECT_STATUS(
        intake_sku(&sku, &mask, &world.settings, &world.arena, &upsert, &world.problem),
        STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "update_mask");
    EXPECT_STATUS(
        intake_sku(NULL, NULL, &world.settings, &world.arena, &upsert, &world.problem),
        STATUS_INVALID);
    arena_close(&world.arena);
}

TEST(intake, a_foreign_etag_is_a_mismatch)
{
    struct intake_world world;
    struct inventory_sku_upsert upsert;
    Souk__V1__Sku sku = SOUK__V1__SKU__INIT;
    intake_world_init(&world);
    sku.sku_id = intake_id;
    sku.etag = intake_text;
    EXPECT_STATUS(
        intake_sku(&sku, NULL, &world.settings, &world.arena, &upsert, &world.problem),
        STATUS_ETAG_MISMATCH);
    arena_close(&world.arena);
}

TEST(intake, a_set_that_writes_nothing_is_refused)
{
    struct intake_world world;
    struct inventory_stock_set set;
    Souk__V1__SetStockRequest request = SOUK__V1__SET_STOCK_REQUEST__INIT;
    intake_world_init(&world);
    request.sku_id = intake_id;
    request.location_id = intake_id;
    EXPECT_STATUS(intake_set(&request, &set, &world.problem), STATUS_INVALID);
    request.on_hand_change_case = SOUK__V1__SET_STOCK_REQUEST__ON_HAND_CHANGE_ON_HAND;
    EXPECT_OK(intake_set(&request, &set, &world.problem));
    EXPECT_EQ(set.mask, 1u << STOCK_BUCKET_ON_HAND);
    request.on_hand = -1;
    EXPECT_STATUS(intake_set(&request, &set, &world.problem), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "on_hand");
    arena_close(&world.arena);
}

TEST(intake, reasons_of_the_server_are_not_a_callers)
{
    struct intake_world world;
    struct inventory_stock_adjust adjust;
    Souk__V1__StockAdjustment message = SOUK__V1__STOCK_ADJUSTMENT__INIT;
    intake_world_init(&world);
    message.sku_id = intake_id;
    message.location_id = intake_id;
    message.quantity = 1;
    EXPECT_OK(intake_adjustment(&message, &adjust, &world.problem));
    EXPECT_EQ(adjust.bucket, STOCK_BUCKET_ON_HAND);
    message.reason = SOUK__V1__STOCK_REASON__STOCK_REASON_HOLD;
    EXPECT_STATUS(intake_adjustment(&message, &adjust, &world.problem), STATUS_INVALID);
    message.reason = SOUK__V1__STOCK_REASON__STOCK_REASON_RECEIPT;
    message.quantity = INT64_MIN;
    EXPECT_STATUS(intake_adjustment(&message, &adjust, &world.problem), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "adjustment.quantity");
    message.quantity = INT64_MIN + 1;
    EXPECT_OK(intake_adjustment(&message, &adjust, &world.problem));
    message.quantity = 0;
    EXPECT_STATUS(intake_adjustment(&message, &adjust, &world.problem), STATUS_INVALID);
    EXPECT_STRING(world.problem.field, "adjustment.quantity");
    EXPECT_STATUS(intake_adjustment(NULL, &adjust, &world.problem), STATUS_INVALID);
    arena_close(&world.arena);
}

TEST(reply, a_sku_returns_as_it_came)
{
    struct intake_world world;
    struct inventory_sku_upsert upsert;
    Souk__V1__Sku sku = SOUK__V1__SKU__INIT;
    Souk__V1__Attribute number = SOUK__V1__ATTRIBUTE__INIT;
    Souk__V1__Attribute *attributes[] = {&number};
    Souk__V1__Money price = SOUK__V1__MONEY__INIT;
    char currency[] = "EUR";
    struct reply reply;
    intake_world_init(&world);
    sku.sku_id = intake_id;
    sku.name = intake_text;
    number.name = intake_text;
    number.value_case = SOUK__V1__ATTRIBUTE__VALUE_NUMBER;
    number.number = -5;
    sku.attributes = attributes;
    sku.n_attributes = 1;
    price.currency = currency;
    price.units = 7;
    sku.price = &price;
    EXPECT_OK(
        intake_sku(&sku, NULL, &world.settings, &world.arena, &upsert, &world.problem));
    reply = (struct reply){.arena = &world.arena};
    const Souk__V1__Sku *back = reply_sku(&reply, &upsert.sku);
    EXPECT(!reply.failed);
    EXPECT_STRING(back->sku_id, "mug-1");
    EXPECT_STRING(back->name, "text");
    EXPECT_EQ(back->n_attributes, 1);
    EXPECT_EQ(back->attributes[0]->number, -5);
    EXPECT_EQ(back->price->units, 7);
    EXPECT(back->cost == NULL);
    arena_close(&world.arena);
}

TEST(reply, times_before_1970_keep_their_milliseconds)
{
    struct arena arena;
    struct reply reply = {.arena = &arena};
    arena_init(&arena, NULL, 0, 0);
    const Google__Protobuf__Timestamp *time = reply_time(&reply, -1);
    EXPECT_EQ(time->seconds, -1);
    EXPECT_EQ(time->nanos, 999000000);
    EXPECT(reply_time(&reply, 0) == NULL);
    arena_close(&arena);
}

TEST(reply, one_that_runs_out_of_memory_says_so)
{
    struct arena arena;
    struct reply reply = {.arena = &arena};
    struct inventory_sku sku = {.sku_id = slice_from_string("some-sku-id")};
    arena_init(&arena, NULL, 0, 256);
    for (unsigned i = 0; i < 10; i++) {
        (void)reply_sku(&reply, &sku);
    }
    EXPECT(reply.failed);
    arena_close(&arena);
}
