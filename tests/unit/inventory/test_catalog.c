/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static struct inventory_sku read_sku(struct world *world, const char *sku_id)
{
    const struct slice id = S(sku_id);
    const struct inventory_answer *answer = world_read(
        world, (struct inventory_query){
                   .kind = INVENTORY_QUERY_SKU, .sku_ids = &id, .sku_count = 1});
    EXPECT_OK(answer->status);
    return answer->skus[0];
}

TEST(catalog, a_sku_keeps_all_it_was_given_over_a_restart)
{
    struct world world;
    const struct inventory_attribute attributes[] = {
        {.name = S("colour"), .kind = INVENTORY_ATTRIBUTE_TEXT, .text = S("red")},
        {.name = S("grams"), .kind = INVENTORY_ATTRIBUTE_NUMBER, .number = -5},
        {.name = S("fair"), .kind = INVENTORY_ATTRIBUTE_FLAG, .number = 1}};
    const struct slice categories[] = {S("Home"), S("Mugs")};
    const struct slice gtins[] = {S("4006381333931")};
    struct inventory_command command = world_sku_command("A");
    struct inventory_sku *sku = &command.sku_upsert.sku, got;
    sku->attributes = attributes;
    sku->attribute_count = 3;
    sku->categories = categories;
    sku->category_count = 2;
    sku->gtins = gtins;
    sku->gtin_count = 1;
    sku->brand = S("Acme");
    sku->price = (struct inventory_money){"EUR", 12, 990000000};
    sku->unit = S("kg");
    sku->unit_exponent = 3;
    sku->state = SKU_STATE_DRAFT;
    world_open(&world);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.created && world.last.has_sku);
    world_reload(&world);
    got = read_sku(&world, "A");
    EXPECT_EQ(got.state, SKU_STATE_DRAFT);
    EXPECT_EQ(got.attribute_count, 3);
    EXPECT_SLICE(got.attributes[0].text, S("red"));
    EXPECT_EQ(got.attributes[1].number, -5);
    EXPECT_SLICE(got.categories[1], S("Mugs"));
    EXPECT_SLICE(got.gtins[0], S("4006381333931"));
    EXPECT_STRING(got.price.currency, "EUR");
    EXPECT_EQ(got.price.nanos, 990000000);
    EXPECT_EQ(got.unit_exponent, 3);
    EXPECT(got.etag == world.last.etag);
    world_close(&world);
}

TEST(catalog, an_update_mask_writes_only_what_it_names)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    world_open(&world);
    command.sku_upsert.sku.brand = S("Acme");
    EXPECT_OK(world_apply(&world, command)->status);
    command.sku_upsert.sku.brand = S("Other");
    command.sku_upsert.sku.name = S("New name");
    command.sku_upsert.sku.state = SKU_STATE_RETIRED;
    command.sku_upsert.update_mask = SKU_FIELD_NAME;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.created);
    EXPECT_SLICE(read_sku(&world, "A").brand, S("Acme"));
    EXPECT_SLICE(read_sku(&world, "A").name, S("New name"));
    EXPECT_EQ(read_sku(&world, "A").state, SKU_STATE_ACTIVE);
    world_close(&world);
}

TEST(catalog, a_mask_that_names_no_field_changes_nothing_and_creates_what_is_missing)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    struct inventory_sku before, after;
    world_open(&world);
    command.sku_upsert.sku.brand = S("Acme");
    command.sku_upsert.sku.price = (struct inventory_money){"EUR", 12, 0};
    EXPECT_OK(world_apply(&world, command)->status);
    before = read_sku(&world, "A");
    command = world_sku_command("A");
    command.sku_upsert.sku.name = S("");
    command.sku_upsert.update_mask = SKU_FIELDS_NONE;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.has_sku && !world.last.created);
    EXPECT(world.last.etag == before.etag);
    EXPECT_SLICE(world.last.sku.brand, S("Acme"));
    after = read_sku(&world, "A");
    EXPECT_SLICE(after.brand, S("Acme"));
    EXPECT_EQ(after.price.units, 12);
    EXPECT(after.etag == before.etag);
    command.sku_upsert.sku.sku_id = S("B");
    command.sku_upsert.sku.name = S("not asked for");
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.created);
    EXPECT_EQ(read_sku(&world, "B").name.size, 0);
    EXPECT_EQ(read_sku(&world, "B").state, SKU_STATE_ACTIVE);
    command.sku_upsert.update_mask = SKU_FIELDS_NONE | SKU_FIELD_NAME;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    world_close(&world);
}

TEST(catalog, a_new_sku_takes_only_the_fields_of_its_mask)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    world_open(&world);
    command.sku_upsert.sku.name = S("not asked for");
    command.sku_upsert.sku.brand = S("Acme");
    command.sku_upsert.update_mask = SKU_FIELD_BRAND;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.created);
    EXPECT_SLICE(read_sku(&world, "A").brand, S("Acme"));
    EXPECT_EQ(read_sku(&world, "A").name.size, 0);
    world_close(&world);
}

TEST(catalog, an_etag_guards_upsert_and_delete)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    struct inventory_command delete = {.kind = INVENTORY_SKU_DELETE};
    world_open(&world);
    command.sku_upsert.etag = 5;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    command.sku_upsert.etag = 0;
    command.sku_upsert.etag = world_apply(&world, command)->etag;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ETAG_MISMATCH);
    delete.sku_delete = (struct inventory_sku_delete){S("A"), command.sku_upsert.etag};
    EXPECT_STATUS(world_apply(&world, delete)->status, STATUS_ETAG_MISMATCH);
    delete.sku_delete.etag = 0;
    EXPECT_OK(world_apply(&world, delete)->status);
    EXPECT_STATUS(world_apply(&world, delete)->status, STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(catalog, a_sku_with_stock_or_holds_is_in_use)
{
    struct world world;
    struct inventory_command delete = {.kind = INVENTORY_SKU_DELETE};
    struct inventory_hold_id id;
    delete.sku_delete.sku_id = S("A");
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    EXPECT_STATUS(world_apply(&world, delete)->status, STATUS_SKU_IN_USE);
    id = world_hold(&world, "A", "L1", 1)->hold.hold_id;
    EXPECT_OK(world_adjust(&world, "A", "L1", -1)->status);
    EXPECT_STATUS(world_apply(&world, delete)->status, STATUS_SKU_IN_USE);
    world.now_ms += WORLD_TTL_MS; /* the delete itself expires the hold */
    EXPECT_OK(world_apply(&world, delete)->status);
    world_reload(&world);
    /* The ended hold still stands, though its SKU is gone. */
    EXPECT_OK(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_HOLD,
                                                          .hold_id = id})
                  ->status);
    EXPECT_SLICE(world.answer.holds[0].lines[0].sku_id, S("A"));
    EXPECT_SLICE(world.answer.holds[0].lines[0].location_id, S("L1"));
    world_sku(&world, "A"); /* the id may be used again */
    EXPECT_EQ(world_level(&world, "A", "L1").available, 0);
    world_close(&world);
}

TEST(catalog, what_a_deleted_sku_had_left_is_set_to_nothing_in_the_ledger)
{
    struct world world;
    struct inventory_command command = world_set_command("A", "L1", 0);
    struct inventory_command delete = {.kind = INVENTORY_SKU_DELETE};
    delete.sku_delete.sku_id = S("A");
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    command.stock_set.mask |= 1u << STOCK_BUCKET_SAFETY_STOCK;
    command.stock_set.buckets[STOCK_BUCKET_SAFETY_STOCK] = 3;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_OK(world_apply(&world, delete)->status);
    EXPECT_OK(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_LEDGER})
                  ->status);
    EXPECT_EQ(world.answer.movement_count, 3);
    EXPECT_EQ(world.answer.movements[2].reason, STOCK_REASON_DELETE);
    world_close(&world); /* audits */
}

TEST(catalog, too_many_or_malformed_attributes_are_invalid)
{
    struct world world;
    struct inventory_attribute attributes[3] = {
        {.name = S("a"), .kind = INVENTORY_ATTRIBUTE_NUMBER},
        {.name = S("b"), .kind = INVENTORY_ATTRIBUTE_NUMBER},
        {.name = S("a"), .kind = INVENTORY_ATTRIBUTE_NUMBER}};
    struct inventory_command command = world_sku_command("A");
    world_open(&world);
    command.sku_upsert.sku.attributes = attributes;
    command.sku_upsert.sku.attribute_count = 3;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID); /* a twice */
    command.sku_upsert.sku.attribute_count = 2;
    command.sku_upsert.attributes_max = 1;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command.sku_upsert.attributes_max = 2;
    attributes[1].kind = (enum inventory_attribute_kind)9;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    attributes[1].kind = INVENTORY_ATTRIBUTE_FLAG;
    command.sku_upsert.sku.price = (struct inventory_money){"eur", 1, 0};
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command.sku_upsert.sku.price = (struct inventory_money){"EUR", 1, 0};
    EXPECT_OK(world_apply(&world, command)->status);
    world_close(&world);
}

TEST(catalog, a_location_counts_its_versions_and_a_copy_takes_only_higher_ones)
{
    struct world world;
    struct inventory_command command = world_location_command("L1");
    const struct slice channels[] = {S("web"), S("store")};
    struct inventory_location location;
    world_open(&world);
    command.location_upsert.location.channels = channels;
    command.location_upsert.location.channel_count = 2;
    command.location_upsert.location.latitude_e7 = 525200000;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.location.version, 2);
    EXPECT_SLICE(world.last.location.channels[1], S("store"));
    location = world.last.location;
    location.version = 9;
    command = (struct inventory_command){.kind = INVENTORY_LOCATION_COPY};
    command.location_upsert.location = location;
    EXPECT_OK(world_apply(&world, command)->status); /* this is its home: ignored */
    EXPECT_EQ(world.last.location.version, 2);
    world_close(&world);
}

TEST(catalog, a_mask_writes_of_a_location_what_it_names)
{
    struct world world;
    struct inventory_command command = {.kind = INVENTORY_LOCATION_UPSERT};
    struct inventory_location *place = &command.location_upsert.location;
    const struct slice web = S("web");
    world_open(&world);
    *place = (struct inventory_location){.location_id = S("L1"),
                                         .name = S("Lisbon"),
                                         .latitude_e7 = 387223000,
                                         .longitude_e7 = -91393000,
                                         .time_zone = S("Europe/Lisbon"),
                                         .channels = &web,
                                         .channel_count = 1};
    command.location_upsert.update_mask = LOCATION_FIELD_NAME | LOCATION_FIELD_CHANNELS;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.created && world.last.location.latitude_e7 == 0);
    EXPECT_EQ(world.last.location.type, LOCATION_TYPE_WAREHOUSE); /* as none is named */
    place->name = S("");
    command.location_upsert.update_mask = LOCATION_FIELD_COORDINATES;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_SLICE(world.last.location.name, S("Lisbon"));
    EXPECT_EQ(world.last.location.longitude_e7, -91393000);
    EXPECT_EQ(world.last.location.channel_count, 1);
    EXPECT_EQ(world.last.location.time_zone.size, 0);
    EXPECT_EQ(world.last.location.version, 2);
    command.location_upsert.update_mask = LOCATION_FIELDS_NONE;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.location.version, 2); /* nothing named, nothing written */
    command.location_upsert.update_mask = LOCATION_FIELDS_NONE << 1;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command.location_upsert.update_mask = 0;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.location.name.size, 0); /* without a mask it is written whole */
    EXPECT_SLICE(world.last.location.time_zone, S("Europe/Lisbon"));
    world_reload(&world);
    world_close(&world);
}

TEST(catalog, copies_stand_in_a_shard_that_is_not_the_home)
{
    struct world world;
    struct inventory_command copy = {.kind = INVENTORY_LOCATION_COPY};
    uint64_t hash = key_hash(S("L1"), 42);
    struct key_range range = {0, hash};
    if (hash >> 63 == 0) {
        range = (struct key_range){hash + 1, 0};
    }
    copy.location_upsert.location.location_id = S("L1");
    copy.location_upsert.location.version = 3;
    copy.location_upsert.location.name = S("third");
    world_open_range(&world, range);
    EXPECT_OK(world_apply(&world, copy)->status);
    copy.location_upsert.location.version = 2;
    copy.location_upsert.location.name = S("second");
    EXPECT_OK(world_apply(&world, copy)->status);
    EXPECT_SLICE(world.last.location.name, S("third"));
    world_reload(&world);
    EXPECT_OK(world_read(&world,
                         (struct inventory_query){.kind = INVENTORY_QUERY_LOCATION_LIST})
                  ->status);
    EXPECT_EQ(world.answer.location_count, 1);
    world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_LOCATION_LIST,
                                                .homes_only = true});
    EXPECT_EQ(world.answer.location_count, 0);
    world_close(&world);
}

/* What a sink heard of one SKU last. */
struct heard {
    uint64_t puts;
    uint64_t removes;
    uint64_t sku_hash;
    enum sku_state state;
    uint32_t attribute_count;
    int64_t create_ms;
    bool named;
};

static void hear_put(void *context, uint64_t sku_hash, const struct inventory_sku *sku)
{
    struct heard *heard = context;
    heard->puts++;
    heard->sku_hash = sku_hash;
    heard->state = sku->state;
    heard->attribute_count = sku->attribute_count;
    heard->create_ms = sku->create_ms;
    heard->named = slice_equal(sku->sku_id, S("A"));
}

static void hear_remove(void *context, uint64_t sku_hash)
{
    struct heard *heard = context;
    heard->removes++;
    EXPECT_EQ(heard->sku_hash, sku_hash);
}

TEST(catalog, a_sink_hears_each_sku_as_it_is_and_again_at_a_load)
{
    struct world world;
    struct heard heard = {0};
    const struct inventory_attribute colour = {
        .name = S("colour"), .kind = INVENTORY_ATTRIBUTE_TEXT, .text = S("red")};
    struct inventory_command command = world_sku_command("A");
    struct inventory_command delete = {.kind = INVENTORY_SKU_DELETE};
    world_open(&world);
    world.options.sink = (struct inventory_sink){&heard, hear_put, hear_remove};
    world_reload(&world);
    command.sku_upsert.sku.attributes = &colour;
    command.sku_upsert.sku.attribute_count = 1;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(heard.puts == 1 && heard.named && heard.state == SKU_STATE_ACTIVE);
    EXPECT_EQ(heard.sku_hash, key_hash(S("A"), world.options.hash_seed));
    world_location(&world, "L");
    EXPECT_OK(world_adjust(&world, "A", "L", 1)->status);
    EXPECT_OK(world_adjust(&world, "A", "L", -1)->status);
    EXPECT_EQ(heard.puts, 1);                         /* stock is nothing to hear of */
    command.sku_upsert.update_mask = SKU_FIELD_STATE; /* all else comes along */
    command.sku_upsert.sku.state = SKU_STATE_RETIRED;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(heard.state, SKU_STATE_RETIRED);
    EXPECT_EQ(heard.attribute_count, 1);
    int64_t create_ms = heard.create_ms;
    heard = (struct heard){0};
    world_reload(&world);
    EXPECT(heard.puts == 1 && heard.named && heard.state == SKU_STATE_RETIRED);
    EXPECT_EQ(heard.create_ms, create_ms);
    delete.sku_delete.sku_id = S("A");
    EXPECT_OK(world_apply(&world, delete)->status);
    EXPECT_EQ(heard.removes, 1);
    world_close(&world);
}
