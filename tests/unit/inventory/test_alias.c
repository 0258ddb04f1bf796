/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases and GTINs at the shard that owns their hash. */
#include "shard/base/encode.h"
#include "shard/inventory/inventory_private.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static const struct inventory_outcome *
reserve(struct world *world, const char *identifier, const char *sku_id, uint64_t by)
{
    struct inventory_command command = {.kind = INVENTORY_ALIAS_RESERVE};
    command.alias_reserve = (struct inventory_alias_reserve){
        .identifier = S(identifier), .sku_id = S(sku_id), .by = by};
    return world_apply(world, command);
}

static void settle(struct world *world, const char *identifier, const char *sku_id,
                   uint64_t by, bool bound)
{
    struct inventory_command command = {.kind = INVENTORY_ALIAS_SETTLE};
    command.alias_settle = (struct inventory_alias_settle){
        .identifier = S(identifier), .sku_id = S(sku_id), .by = by, .bound = bound};
    EXPECT_OK(world_apply(world, command)->status);
}

/* Whose the identifier is; "" when nobody's. */
static struct slice holder(struct world *world, const char *identifier)
{
    const struct inventory_answer *answer =
        world_read(world, (struct inventory_query){.kind = INVENTORY_QUERY_IDENTIFIER,
                                                   .identifier = S(identifier)});
    EXPECT_OK(answer->status);
    return answer->has_alias ? answer->alias.sku_id : S("");
}

TEST(alias, one_that_is_reserved_is_refused_to_another_sku_and_names_the_first)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(reserve(&world, "OLD-7", "A", 1)->status);
    EXPECT(world.last.created);
    EXPECT_STATUS(reserve(&world, "OLD-7", "B", 2)->status, STATUS_ALREADY_EXISTS);
    EXPECT_SLICE(world.last.alias.sku_id, S("A"));
    EXPECT_OK(reserve(&world, "OLD-7", "A", 1)->status); /* its own may go on */
    EXPECT(!world.last.created);
    world_reload(&world);
    EXPECT_STATUS(reserve(&world, "OLD-7", "B", 2)->status, STATUS_ALREADY_EXISTS);
    EXPECT_SLICE(holder(&world, "OLD-7"), S("A"));
    EXPECT_SLICE(holder(&world, "OLD-8"), S(""));
    world_close(&world);
}

TEST(alias, a_refused_request_frees_what_it_alone_has_reserved)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(reserve(&world, "X", "A", 1)->status);
    settle(&world, "X", "A", 2, false); /* another request's refusal */
    settle(&world, "X", "B", 1, false); /* another SKU's */
    EXPECT_SLICE(holder(&world, "X"), S("A"));
    settle(&world, "X", "A", 1, false);
    EXPECT_SLICE(holder(&world, "X"), S(""));
    settle(&world, "X", "A", 1, false); /* once more: nothing there */
    EXPECT_OK(reserve(&world, "X", "B", 3)->status);
    world_reload(&world);
    EXPECT_SLICE(holder(&world, "X"), S("B"));
    world_close(&world);
}

TEST(alias, what_several_requests_count_on_is_freed_by_none)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(reserve(&world, "X", "A", 1)->status);
    EXPECT_OK(reserve(&world, "X", "A", 2)->status);
    settle(&world, "X", "A", 1, false);
    settle(&world, "X", "A", 2, false);
    EXPECT_OK(reserve(&world, "X", "A", 1)->status); /* nor once it comes again */
    settle(&world, "X", "A", 1, false);
    EXPECT_SLICE(holder(&world, "X"), S("A"));
    world_close(&world);
}

TEST(alias, one_that_is_bound_is_never_pointed_elsewhere)
{
    struct world world;
    struct inventory_command delete = {.kind = INVENTORY_SKU_DELETE};
    world_open(&world);
    world_sku(&world, "A");
    EXPECT_OK(reserve(&world, "X", "A", 1)->status);
    settle(&world, "X", "A", 1, true);
    settle(&world, "X", "A", 1, false); /* too late */
    EXPECT_STATUS(reserve(&world, "X", "B", 2)->status, STATUS_ALREADY_EXISTS);
    delete.sku_delete.sku_id = S("A");
    EXPECT_OK(world_apply(&world, delete)->status);
    world_reload(&world);
    EXPECT_STATUS(reserve(&world, "X", "B", 2)->status, STATUS_ALREADY_EXISTS);
    EXPECT_OK(reserve(&world, "X", "A", 3)->status);
    EXPECT_EQ(world.last.alias.state, INVENTORY_ALIAS_BOUND);
    world_close(&world);
}

TEST(alias, ids_of_skus_and_aliases_are_one_space_of_names)
{
    struct world world;
    world_open(&world);
    world_sku(&world, "A");
    EXPECT_STATUS(reserve(&world, "A", "B", 1)->status, STATUS_ALREADY_EXISTS);
    EXPECT_SLICE(world.last.alias.sku_id, S("A"));
    EXPECT_OK(reserve(&world, "C", "A", 1)->status);
    EXPECT_STATUS(world_apply(&world, world_sku_command("C"))->status,
                  STATUS_ALREADY_EXISTS);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_SKU_ID);
    settle(&world, "C", "A", 1, false);
    EXPECT_OK(world_apply(&world, world_sku_command("C"))->status);
    world_close(&world);
}

TEST(alias, a_sku_refused_for_one_that_is_taken_is_refused_alike_when_asked_again)
{
    struct world world;
    struct inventory_command command = world_sku_command("B");
    const struct slice aliases[] = {S("X")};
    command.sku_upsert.sku.aliases = aliases;
    command.sku_upsert.sku.alias_count = 1;
    command.sku_upsert.taken = S("X");
    world_open(&world);
    world_identify(&world, &command);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ALREADY_EXISTS);
    EXPECT(!world.last.replayed && world.last.field == INVENTORY_FIELD_IDENTIFIER);
    command.sku_upsert.taken = S(""); /* free by now, which this request is not told */
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ALREADY_EXISTS);
    EXPECT(world.last.replayed && world.last.field == INVENTORY_FIELD_IDENTIFIER);
    world_identify(&world, &command); /* another request is */
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_SLICE(world.last.sku.aliases[0], S("X"));
    world_reload(&world);
    world_close(&world);
}

TEST(alias, a_sku_binds_those_of_its_own_shard_in_the_same_step)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    const struct slice gtins[] = {S("036000291452")}, aliases[] = {S("OLD")};
    struct inventory_sku_upsert *upsert = &command.sku_upsert;
    upsert->sku.gtins = gtins;
    upsert->sku.gtin_count = 1;
    upsert->sku.aliases = aliases;
    upsert->sku.alias_count = 1;
    world_open(&world);
    EXPECT_OK(world_apply(&world, command)->status); /* as logs from before claims */
    EXPECT_SLICE(holder(&world, "OLD"), S(""));
    upsert->claim = true;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_SLICE(holder(&world, "OLD"), S("A"));
    EXPECT_SLICE(holder(&world, "00036000291452"), S("A"));
    EXPECT_EQ(world.answer.alias.state, INVENTORY_ALIAS_BOUND);
    upsert->sku.sku_id = S("B");
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ALREADY_EXISTS);
    EXPECT(world.last.has_alias && world.last.field == INVENTORY_FIELD_IDENTIFIER);
    EXPECT_SLICE(world.last.alias.sku_id, S("A"));
    EXPECT_SLICE(world.last.alias.identifier, S("00036000291452"));
    upsert->update_mask = SKU_FIELD_NAME; /* which writes neither */
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.sku.alias_count, 0);
    world_reload(&world);
    EXPECT_SLICE(holder(&world, "OLD"), S("A"));
    world_close(&world);
}

TEST(alias, a_sku_needs_those_of_other_shards_to_be_reserved)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    uint64_t home = key_hash(S("A"), 42);
    const struct slice aliases[] = {S("X")};
    struct key_range range = {home, home + 1};
    command.sku_upsert.sku.aliases = aliases;
    command.sku_upsert.sku.alias_count = 1;
    command.sku_upsert.claim = true;
    world_open_range(&world, range);
    world_identify(&world, &command);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_EPOCH_CHANGED);
    command.sku_upsert.reserved = aliases; /* the same request, sent on by a newer map */
    command.sku_upsert.reserved_count = 1;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.replayed && world.last.sku.alias_count == 1);
    world_close(&world);
}

TEST(alias, one_of_another_shards_range_is_not_decided_here)
{
    struct world world;
    uint64_t hash = key_hash(S("X"), 42);
    struct key_range range = {0, hash};
    if (hash >> 63 == 0) {
        range = (struct key_range){hash + 1, 0};
    }
    world_open_range(&world, range);
    EXPECT_STATUS(reserve(&world, "X", "A", 1)->status, STATUS_EPOCH_CHANGED);
    EXPECT_SLICE(holder(&world, "X"), S(""));
    world_close(&world);
}

TEST(alias, what_is_no_identifier_is_refused)
{
    struct world world;
    world_open(&world);
    EXPECT_STATUS(reserve(&world, "", "A", 1)->status, STATUS_INVALID);
    EXPECT_STATUS(reserve(&world, "X", "", 1)->status, STATUS_INVALID);
    EXPECT_STATUS(reserve(&world, "X", "a b", 1)->status, STATUS_INVALID);
    world_close(&world);
}

TEST(alias, its_row_is_written_as_it_always_was)
{
    static const uint8_t golden[] = {1, 1, 8, 7, 6, 5, 4, 3, 2, 1, 1, 'A'};
    const struct inventory_alias alias = {
        .sku_id = S("A"), .state = INVENTORY_ALIAS_RESERVED, .by = 0x0102030405060708};
    struct inventory_alias back;
    struct buffer row;
    buffer_init(&row);
    rows_alias_encode(&row, &alias);
    EXPECT_SLICE(buffer_slice(&row), slice_of(golden, sizeof golden));
    EXPECT_OK(rows_alias_decode(buffer_slice(&row), &back));
    EXPECT_SLICE(back.sku_id, S("A"));
    EXPECT(back.by == alias.by && back.state == alias.state);
    for (size_t size = 0; size < row.size; size++) {
        EXPECT(rows_alias_decode(slice_of(row.data, size), &back) != STATUS_OK);
    }
    row.data[0] = 2;
    EXPECT_STATUS(rows_alias_decode(buffer_slice(&row), &back), STATUS_VERSION);
    buffer_close(&row);
}

TEST(alias, a_skus_row_ends_as_before_unless_it_has_some)
{
    const struct slice aliases[] = {S("X"), S("Y")};
    struct inventory_sku sku = {.sku_id = S("A"), .state = SKU_STATE_ACTIVE}, back;
    struct arena arena;
    struct buffer row;
    size_t without;
    arena_init(&arena, NULL, 0, 0);
    buffer_init(&row);
    rows_sku_encode(&row, &sku);
    without = row.size;
    buffer_clear(&row);
    sku.aliases = aliases;
    sku.alias_count = 2;
    rows_sku_encode(&row, &sku);
    EXPECT_EQ(row.size, without + 5);
    EXPECT_OK(rows_sku_decode(buffer_slice(&row), &arena, &back));
    EXPECT_EQ(back.alias_count, 2);
    EXPECT_SLICE(back.aliases[1], S("Y"));
    EXPECT_OK(rows_sku_decode(slice_of(row.data, without), &arena, &back));
    EXPECT_EQ(back.alias_count, 0);
    row.data[without] = 0; /* none, though the list is there: no encoder writes this */
    EXPECT_STATUS(rows_sku_decode(slice_of(row.data, without + 1), &arena, &back),
                  STATUS_CHECKSUM);
    buffer_close(&row);
    arena_close(&arena);
}
