/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

/* What a hold has in its one level: held, committed, on_hand. */
static void expect_buckets(struct world *world, int64_t held, int64_t committed,
                           int64_t on_hand)
{
    EXPECT_EQ(world_bucket(world, "A", STOCK_BUCKET_HELD), held);
    EXPECT_EQ(world_bucket(world, "A", STOCK_BUCKET_COMMITTED), committed);
    EXPECT_EQ(world_bucket(world, "A", STOCK_BUCKET_ON_HAND), on_hand);
}

TEST(hold, takes_units_from_what_is_available)
{
    struct world world;
    struct inventory_hold hold;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_hold(&world, "A", "L1", 4)->status);
    hold = world.last.hold;
    EXPECT_EQ(hold.state, HOLD_STATE_HELD);
    EXPECT_EQ(hold.line_count, 1);
    EXPECT_EQ(hold.lines[0].granted, 4);
    EXPECT_EQ(hold.expire_ms, WORLD_START_MS + WORLD_TTL_MS);
    expect_buckets(&world, 4, 0, 10);
    EXPECT_EQ(world_level(&world, "A", "L1").available, 6);
    world_close(&world);
}

TEST(hold, the_last_unit_goes_to_one_only)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    EXPECT_OK(world_hold(&world, "A", NULL, 1)->status);
    EXPECT_STATUS(world_hold(&world, "A", NULL, 1)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortage_count, 1);
    EXPECT_EQ(world.last.shortages[0].requested, 1);
    EXPECT_EQ(world.last.shortages[0].available, 0);
    expect_buckets(&world, 1, 0, 1);
    world_close(&world);
}

TEST(hold, walks_through_commit_and_fulfil)
{
    struct world world;
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    id = world_hold(&world, "A", "L1", 4)->hold.hold_id;
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT_EQ(world.last.hold.state, HOLD_STATE_COMMITTED);
    expect_buckets(&world, 0, 4, 10);
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_FULFIL, id)->status);
    EXPECT_EQ(world.last.hold.state, HOLD_STATE_FULFILLED);
    expect_buckets(&world, 0, 0, 6);
    world_close(&world);
}

TEST(hold, commit_twice_with_new_request_ids_gives_the_same_answer)
{
    struct world world;
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    id = world_hold(&world, "A", "L1", 4)->hold.hold_id;
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT(!world.last.replayed);
    EXPECT_EQ(world.last.hold.state, HOLD_STATE_COMMITTED);
    expect_buckets(&world, 0, 4, 10);
    world_close(&world);
}

/* Brings a fresh hold of 4 into the state by legal calls. */
static struct inventory_hold_id hold_in(struct world *world, enum hold_state state)
{
    struct inventory_hold_id id = world_hold(world, "A", "L1", 4)->hold.hold_id;
    EXPECT_OK(world->last.status);
    if (state == HOLD_STATE_RELEASED) {
        EXPECT_OK(world_change(world, INVENTORY_HOLD_RELEASE, id)->status);
    } else if (state == HOLD_STATE_EXPIRED) {
        world->now_ms += WORLD_TTL_MS;
        world_tick(world);
    } else if (state != HOLD_STATE_HELD) {
        EXPECT_OK(world_change(world, INVENTORY_HOLD_COMMIT, id)->status);
    }
    if (state == HOLD_STATE_FULFILLED) {
        EXPECT_OK(world_change(world, INVENTORY_HOLD_FULFIL, id)->status);
    } else if (state == HOLD_STATE_CANCELLED) {
        EXPECT_OK(world_change(world, INVENTORY_HOLD_CANCEL, id)->status);
    }
    return id;
}

TEST(hold, every_call_in_every_state_has_its_own_answer)
{
    static const struct {
        enum hold_state state;
        enum status extend, commit, release, fulfil, cancel;
    } rows[] = {
        {HOLD_STATE_HELD, STATUS_OK, STATUS_OK, STATUS_OK, STATUS_HOLD_NOT_COMMITTED,
         STATUS_HOLD_NOT_COMMITTED},
        {HOLD_STATE_COMMITTED, STATUS_HOLD_ALREADY_COMMITTED, STATUS_OK,
         STATUS_HOLD_ALREADY_COMMITTED, STATUS_OK, STATUS_OK},
        {HOLD_STATE_FULFILLED, STATUS_HOLD_ALREADY_FULFILLED,
         STATUS_HOLD_ALREADY_FULFILLED, STATUS_HOLD_ALREADY_FULFILLED, STATUS_OK,
         STATUS_HOLD_ALREADY_FULFILLED},
        {HOLD_STATE_RELEASED, STATUS_HOLD_ALREADY_RELEASED, STATUS_HOLD_ALREADY_RELEASED,
         STATUS_OK, STATUS_HOLD_ALREADY_RELEASED, STATUS_HOLD_ALREADY_RELEASED},
        {HOLD_STATE_EXPIRED, STATUS_HOLD_EXPIRED, STATUS_HOLD_EXPIRED,
         STATUS_HOLD_EXPIRED, STATUS_HOLD_EXPIRED, STATUS_HOLD_EXPIRED},
        {HOLD_STATE_CANCELLED, STATUS_HOLD_ALREADY_CANCELLED,
         STATUS_HOLD_ALREADY_CANCELLED, STATUS_HOLD_ALREADY_CANCELLED,
         STATUS_HOLD_ALREADY_CANCELLED, STATUS_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const enum status wanted[] = {rows[i].extend, rows[i].commit, rows[i].release,
                                      rows[i].fulfil, rows[i].cancel};
        for (unsigned call = 0; call < 5; call++) {
            struct world world;
            struct inventory_hold_id id;
            world_open(&world);
            world_stock(&world, "A", "L1", 10);
            id = hold_in(&world, rows[i].state);
            EXPECT_STATUS(
                world_change(&world,
                             (enum inventory_command_kind)(INVENTORY_HOLD_EXTEND + call),
                             id)
                    ->status,
                wanted[call]);
            EXPECT(world.last.has_hold);
            world_close(&world);
        }
    }
}

TEST(hold, cancel_gives_committed_units_back)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    (void)hold_in(&world, HOLD_STATE_CANCELLED);
    expect_buckets(&world, 0, 0, 10);
    world_close(&world);
}

TEST(hold, a_commit_one_millisecond_before_expiry_wins_and_at_expiry_loses)
{
    for (int64_t offset = -1; offset <= 1; offset++) {
        struct world world;
        struct inventory_hold_id id;
        world_open(&world);
        world_stock(&world, "A", "L1", 10);
        id = world_hold(&world, "A", "L1", 4)->hold.hold_id;
        world.now_ms = world.last.hold.expire_ms + offset;
        EXPECT_STATUS(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status,
                      offset < 0 ? STATUS_OK : STATUS_HOLD_EXPIRED);
        expect_buckets(&world, 0, offset < 0 ? 4 : 0, 10);
        world.now_ms += WORLD_TTL_MS * 2;
        world_tick(&world);
        expect_buckets(&world, 0, offset < 0 ? 4 : 0, 10);
        EXPECT_STATUS(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status,
                      offset < 0 ? STATUS_OK : STATUS_HOLD_EXPIRED);
        world_close(&world);
    }
}

TEST(hold, expired_units_are_sold_by_the_next_command_on_their_sku)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    EXPECT_OK(world_hold(&world, "A", "L1", 1)->status);
    world.now_ms += WORLD_TTL_MS;
    EXPECT_OK(world_hold(&world, "A", "L1", 1)->status);
    expect_buckets(&world, 1, 0, 1);
    world_close(&world);
}

TEST(hold, an_entry_expires_a_thousand_others_and_first_those_it_touches)
{
    struct world world;
    struct inventory_counters counters;
    world_open(&world);
    world_stock(&world, "A", "L1", 5000);
    world_stock(&world, "B", "L1", 1);
    for (int i = 0; i < 1500; i++) {
        EXPECT_OK(world_hold(&world, "A", "L1", 1)->status);
    }
    EXPECT_OK(world_hold(&world, "B", "L1", 1)->status); /* the last one due */
    world.now_ms += WORLD_TTL_MS;
    EXPECT_OK(world_hold(&world, "B", "L1", 1)->status);
    counters =
        world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_COUNTERS})
            ->counters;
    EXPECT_EQ(counters.holds_expired, 1001);
    EXPECT_EQ(counters.holds_open, 501);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_HELD), 500);
    world_tick(&world);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_HELD), 0);
    world_close(&world);
}

TEST(hold, extend_lengthens_never_shortens_and_stops_at_the_longest_life)
{
    struct world world;
    struct inventory_hold_id id;
    struct inventory_command command;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    id = world_hold(&world, "A", "L1", 1)->hold.hold_id;
    world.now_ms += 1000;
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_EXTEND, id)->status);
    EXPECT_EQ(world.last.hold.expire_ms, WORLD_START_MS + 1000 + WORLD_TTL_MS);
    command = world_change_command(INVENTORY_HOLD_EXTEND, id);
    command.hold_change.ttl_ms = 5;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.hold.expire_ms, WORLD_START_MS + 1000 + WORLD_TTL_MS);
    command.hold_change.ttl_ms = WORLD_LIFE_MS;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.hold.expire_ms, WORLD_START_MS + WORLD_LIFE_MS);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_QUANTITY_LIMIT);
    world.now_ms = WORLD_START_MS + WORLD_LIFE_MS - 1;
    world_tick(&world);
    expect_buckets(&world, 1, 0, 1);
    world.now_ms++;
    world_tick(&world);
    expect_buckets(&world, 0, 0, 1);
    world_close(&world);
}

TEST(hold, a_ttl_of_nothing_below_nothing_or_ten_years_is_invalid)
{
    const int64_t ttls[] = {0, -1, INT64_MIN, INT64_MAX, 315360000000};
    struct world world;
    const struct inventory_hold_line line = {.sku_id = S("A"), .quantity = 1};
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
        struct inventory_command command = world_hold_command(&line, 1);
        command.hold_create.ttl_ms = ttls[i];
        EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
        EXPECT_EQ(world.last.field, INVENTORY_FIELD_TTL);
        command.hold_create.ttl_kind = HOLD_TTL_TIME;
        command.hold_create.expire_ms = ttls[i];
        EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    }
    expect_buckets(&world, 0, 0, 1);
    world_close(&world);
}

TEST(hold, the_same_sku_twice_is_summed_before_the_check)
{
    struct world world;
    const struct inventory_hold_line lines[] = {
        {.sku_id = S("A"), .location_id = S("L1"), .quantity = 3},
        {.sku_id = S("A"), .location_id = S("L1"), .quantity = 3},
    };
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    EXPECT_STATUS(world_apply(&world, world_hold_command(lines, 2))->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].requested, 6);
    EXPECT_EQ(world.last.shortages[0].available, 5);
    expect_buckets(&world, 0, 0, 5);
    EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    EXPECT_OK(world_apply(&world, world_hold_command(lines, 2))->status);
    expect_buckets(&world, 6, 0, 6);
    world_close(&world);
}

TEST(hold, all_or_nothing_leaves_no_trace_when_one_line_is_short)
{
    struct world world;
    const struct inventory_hold_line lines[] = {
        {.sku_id = S("A"), .quantity = 3},
        {.sku_id = S("B"), .quantity = 9},
    };
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    world_stock(&world, "B", "L1", 5);
    EXPECT_STATUS(world_apply(&world, world_hold_command(lines, 2))->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.line, 1);
    EXPECT(!world.last.has_hold);
    expect_buckets(&world, 0, 0, 5);
    EXPECT_EQ(world_bucket(&world, "B", STOCK_BUCKET_HELD), 0);
    world_close(&world);
}

TEST(hold, best_effort_grants_what_there_is_and_at_least_one_unit)
{
    struct world world;
    const struct inventory_hold_line lines[] = {
        {.sku_id = S("A"), .quantity = 3},
        {.sku_id = S("B"), .quantity = 9},
    };
    struct inventory_command command = world_hold_command(lines, 2);
    command.hold_create.mode = HOLD_MODE_BEST_EFFORT;
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    world_stock(&world, "B", "L1", 5);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.hold.lines[0].granted, 3);
    EXPECT_EQ(world.last.hold.lines[1].granted, 5);
    EXPECT_EQ(world.last.hold.lines[1].quantity, 9);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.hold.lines[0].granted, 2);
    EXPECT_EQ(world.last.hold.lines[1].granted, 0);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortage_count, 2);
    world_close(&world);
}

TEST(hold, goes_where_most_is_and_ties_go_to_the_smaller_location)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L2", 5);
    world_stock(&world, "A", "L1", 5);
    world_stock(&world, "A", "L3", 7);
    EXPECT_SLICE(world_hold(&world, "A", NULL, 3)->hold.lines[0].location_id, S("L3"));
    EXPECT_SLICE(world_hold(&world, "A", NULL, 3)->hold.lines[0].location_id, S("L1"));
    EXPECT_SLICE(world_hold(&world, "A", NULL, 3)->hold.lines[0].location_id, S("L2"));
    EXPECT_STATUS(world_hold(&world, "A", NULL, 5)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].available, 4);
    world_close(&world);
}

TEST(hold, a_line_with_a_location_claims_before_one_without)
{
    struct world world;
    const struct inventory_hold_line lines[] = {
        {.sku_id = S("A"), .quantity = 4},
        {.sku_id = S("A"), .location_id = S("L1"), .quantity = 5},
    };
    world_open(&world);
    world_stock(&world, "A", "L1", 6);
    world_stock(&world, "A", "L2", 4);
    EXPECT_OK(world_apply(&world, world_hold_command(lines, 2))->status);
    EXPECT_SLICE(world.last.hold.lines[0].location_id, S("L2"));
    world_close(&world);
}

TEST(hold, backorder_room_counts_only_when_asked_for)
{
    struct world world;
    const struct inventory_hold_line line = {.sku_id = S("A"), .quantity = 8};
    struct inventory_command command = world_set_command("A", "L1", 5);
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    command.stock_set.mask |= 1u << STOCK_BUCKET_BACKORDER_LIMIT;
    command.stock_set.buckets[STOCK_BUCKET_BACKORDER_LIMIT] = 3;
    EXPECT_OK(world_apply(&world, command)->status);
    command = world_hold_command(&line, 1);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INSUFFICIENT_STOCK);
    command.hold_create.allow_backorder = true;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world_level(&world, "A", "L1").available, -3);
    EXPECT_EQ(world_level(&world, "A", "L1").shortfall, 0);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INSUFFICIENT_STOCK);
    world_close(&world);
}

TEST(hold, fulfil_needs_the_units_on_the_shelf)
{
    struct world world;
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 4);
    id = hold_in(&world, HOLD_STATE_COMMITTED);
    EXPECT_OK(world_apply(&world, world_set_command("A", "L1", 3))->status);
    EXPECT_EQ(world.last.level.shortfall, 1);
    EXPECT_STATUS(world_change(&world, INVENTORY_HOLD_FULFIL, id)->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].requested, 4);
    EXPECT_EQ(world.last.shortages[0].available, 3);
    EXPECT_EQ(world.last.hold.state, HOLD_STATE_COMMITTED);
    EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_FULFIL, id)->status);
    expect_buckets(&world, 0, 0, 0);
    world_close(&world);
}

TEST(hold, another_owners_hold_is_not_found)
{
    struct world world;
    const struct inventory_hold_line line = {.sku_id = S("A"), .quantity = 1};
    struct inventory_command command = world_hold_command(&line, 1);
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 4);
    command.hold_create.owner = S("ann");
    id = world_apply(&world, command)->hold.hold_id;
    command = world_change_command(INVENTORY_HOLD_RELEASE, id);
    command.hold_change.owner = S("bob");
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    EXPECT(!world.last.has_hold);
    command.hold_change.owner = S("ann");
    EXPECT_OK(world_apply(&world, command)->status);
    id.unique++;
    EXPECT_STATUS(world_change(&world, INVENTORY_HOLD_RELEASE, id)->status,
                  STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(hold, an_owner_has_a_quota_that_a_higher_attempt_may_try_again)
{
    struct world world;
    const struct inventory_hold_line line = {.sku_id = S("A"), .quantity = 1};
    struct inventory_command command = world_hold_command(&line, 1);
    struct inventory_hold_id id = {0, 0};
    world_open(&world);
    world_stock(&world, "A", "L1", 9);
    command.hold_create.owner = S("ann");
    for (int i = 0; i < 3; i++) {
        id = world_apply(&world, command)->hold.hold_id;
    }
    world_identify(&world, &command);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_QUOTA);
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_RELEASE, id)->status);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_QUOTA);
    EXPECT(world.last.replayed);
    command.identity.attempt = 1;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.replayed);
    command.identity.attempt = 0;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.replayed);
    world_close(&world);
}

TEST(hold, only_active_skus_are_held_and_unknown_things_are_not_found)
{
    struct world world;
    struct inventory_command command = world_sku_command("A");
    world_open(&world);
    world_stock(&world, "A", "L1", 4);
    command.sku_upsert.sku.state = SKU_STATE_RETIRED;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_STATUS(world_hold(&world, "A", "L1", 1)->status, STATUS_SKU_NOT_ACTIVE);
    EXPECT_STATUS(world_hold(&world, "B", "L1", 1)->status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_SKU_ID);
    world_sku(&world, "B");
    EXPECT_STATUS(world_hold(&world, "B", "nowhere", 1)->status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_LOCATION_ID);
    world_close(&world);
}

TEST(hold, ended_holds_are_readable_for_a_day_of_log_time)
{
    struct world world;
    struct inventory_query query = {.kind = INVENTORY_QUERY_HOLD};
    world_open(&world);
    world_stock(&world, "A", "L1", 4);
    query.hold_id = hold_in(&world, HOLD_STATE_RELEASED);
    world.now_ms += INVENTORY_ENDED_KEEP_MS - 1;
    world_tick(&world);
    EXPECT_OK(world_read(&world, query)->status);
    world_reload(&world);
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.holds[0].state, HOLD_STATE_RELEASED);
    world.now_ms++;
    world_tick(&world);
    EXPECT_STATUS(world_read(&world, query)->status, STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(hold, ids_are_text_and_back_and_nothing_else_parses)
{
    struct inventory_hold_id id = {0x0123456789abcdefu, 0xfedcba9876543210u}, back;
    char text[INVENTORY_HOLD_ID_TEXT_BYTES + 1];
    inventory_hold_id_format(id, text);
    EXPECT_STRING(text, "0123456789abcdef-fedcba9876543210");
    EXPECT_OK(inventory_hold_id_parse(S(text), &back));
    EXPECT(back.anchor == id.anchor && back.unique == id.unique);
    EXPECT_STATUS(inventory_hold_id_parse(S(""), &back), STATUS_NOT_FOUND);
    EXPECT_STATUS(inventory_hold_id_parse(S("0123456789ABCDEF-fedcba9876543210"), &back),
                  STATUS_NOT_FOUND);
}
