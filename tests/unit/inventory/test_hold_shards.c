/* SPDX-License-Identifier: Apache-2.0 */
/* Holds over several shards: their life, and every failure between its steps. */
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/buffer.h"
#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/shards.h"

enum {
    UNITS = 10,
};

/* A hold over all shards, carried to its end. */
static struct inventory_hold_id held(struct shards *shards, int64_t quantity)
{
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command = shards_hold_command(shards, 0, quantity, lines);
    const struct inventory_outcome *outcome = shards_apply(shards, &command);
    struct inventory_hold_id id;
    EXPECT_OK(outcome->status);
    EXPECT(outcome->pending);
    id = outcome->hold.hold_id;
    shards_carry(shards);
    return id;
}

static const struct inventory_hold *seen(struct shards *shards,
                                         struct inventory_hold_id id)
{
    const struct inventory_answer *answer =
        world_read(&shards->worlds[0],
                   (struct inventory_query){.kind = INVENTORY_QUERY_HOLD, .hold_id = id});
    EXPECT_OK(answer->status);
    return &answer->holds[0];
}

TEST(hold_shards, a_hold_over_three_shards_walks_through_commit_and_fulfil)
{
    struct shards shards;
    struct inventory_hold_id id;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    id = held(&shards, 4);
    shards_expect(&shards, 4, 0, UNITS);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_HELD);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT(seen(&shards, id)->unsettled);
    shards_carry(&shards);
    EXPECT(!seen(&shards, id)->unsettled);
    shards_expect(&shards, 0, 4, UNITS);
    EXPECT(shards_change(&shards, INVENTORY_HOLD_FULFIL, id)->pending);
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS - 4);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_FULFILLED);
    EXPECT(!seen(&shards, id)->unsettled);
    shards_close(&shards);
}

TEST(hold_shards, the_answer_names_where_each_line_lies_and_is_replayed_so)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    const struct inventory_outcome *outcome;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    EXPECT(shards_apply(&shards, &command)->pending);
    EXPECT(shards_apply(&shards, &command)->pending); /* asked again meanwhile */
    EXPECT(shards.worlds[0].last.replayed);
    shards_carry(&shards);
    outcome = shards_outcome(&shards, &command)->outcome;
    for (int again = 0; again < 2; again++) {
        EXPECT_OK(outcome->status);
        EXPECT(!outcome->pending && outcome->created);
        EXPECT_EQ(outcome->hold.state, HOLD_STATE_HELD);
        EXPECT_EQ(outcome->hold.line_count, 2);
        for (uint32_t i = 0; i < 2; i++) {
            EXPECT_SLICE(outcome->hold.lines[i].sku_id, lines[i].sku_id);
            EXPECT_SLICE(outcome->hold.lines[i].location_id, S("L1"));
            EXPECT_EQ(outcome->hold.lines[i].granted, 4);
        }
        outcome = shards_apply(&shards, &command);
        EXPECT(outcome->replayed);
    }
    shards_close(&shards);
}

TEST(hold_shards, release_cancel_extend_and_expiry_reach_every_shard)
{
    struct shards shards;
    struct inventory_hold_id id;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    id = held(&shards, 4);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_RELEASE, id)->status);
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS);
    id = held(&shards, 4);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_CANCEL, id)->status);
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS);
    id = held(&shards, 4);
    shards_later(&shards, WORLD_TTL_MS / 2);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_EXTEND, id)->status);
    shards_carry(&shards);
    shards_later(&shards, WORLD_TTL_MS - 1);
    world_tick(&shards.worlds[0]);
    shards_carry(&shards);
    shards_expect(&shards, 4, 0, UNITS);
    shards_later(&shards, 1);
    world_tick(&shards.worlds[0]);
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_EXPIRED);
    EXPECT_STATUS(shards_change(&shards, INVENTORY_HOLD_COMMIT, id)->status,
                  STATUS_HOLD_EXPIRED);
    shards_close(&shards);
}

TEST(hold_shards, one_short_line_holds_nothing_and_names_its_place)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    const struct inventory_outcome *outcome;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    lines[2].quantity = UNITS + 1;
    command.hold_create.lines = lines;
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_carry(&shards);
    outcome = shards_outcome(&shards, &command)->outcome;
    EXPECT_STATUS(outcome->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(outcome->shortage_count, 1);
    EXPECT_EQ(outcome->shortages[0].line, 2);
    EXPECT_EQ(outcome->shortages[0].requested, UNITS + 1);
    EXPECT_EQ(outcome->shortages[0].available, UNITS);
    shards_expect(&shards, 0, 0, UNITS);
    /* The truth is not replaced by a higher attempt. */
    command.identity.attempt = 1;
    EXPECT_STATUS(shards_apply(&shards, &command)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT(shards.worlds[0].last.replayed);
    shards_close(&shards);
}

TEST(hold_shards, an_unknown_sku_elsewhere_is_told_with_its_place)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    const struct inventory_outcome *outcome;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    lines[1].location_id = S("NOWHERE");
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_carry(&shards);
    outcome = shards_outcome(&shards, &command)->outcome;
    EXPECT_STATUS(outcome->status, STATUS_NOT_FOUND);
    EXPECT_EQ(outcome->field, INVENTORY_FIELD_LOCATION_ID);
    EXPECT_EQ(outcome->line, 1);
    shards_close(&shards);
}

TEST(hold_shards, what_is_not_decided_in_time_is_aborted_and_given_back)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_pull(&shards);
    shards.parcel_count = 1; /* one line hears of it, the other never does */
    shards_deliver(&shards, 0);
    shards_drop(&shards, 0);
    shards_later(&shards, SHARDS_PREPARE_MS);
    world_tick(&shards.worlds[0]);
    EXPECT_STATUS(shards_outcome(&shards, &command)->outcome->status, STATUS_QUORUM_LOST);
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS);
    /* A higher attempt takes the place of what passes. */
    command.identity.attempt = 1;
    command.hold_create.nonce++;
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_carry(&shards);
    EXPECT_OK(shards_outcome(&shards, &command)->outcome->status);
    shards_expect(&shards, 4, 0, UNITS);
    shards_close(&shards);
}

TEST(hold_shards, a_sealed_abort_is_not_replaced)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command, seal;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_later(&shards, SHARDS_PREPARE_MS);
    world_tick(&shards.worlds[0]);
    seal = (struct inventory_command){.kind = INVENTORY_REQUEST_SEAL,
                                      .identity = command.identity};
    EXPECT_STATUS(shards_apply(&shards, &seal)->status, STATUS_QUORUM_LOST);
    command.identity.attempt = 1;
    EXPECT_STATUS(shards_apply(&shards, &command)->status, STATUS_QUORUM_LOST);
    EXPECT(shards.worlds[0].last.replayed);
    shards_die(&shards, 0);
    command.identity.attempt = 2;
    EXPECT_STATUS(shards_apply(&shards, &command)->status, STATUS_QUORUM_LOST);
    shards_close(&shards);
}

TEST(hold_shards, expiry_before_the_last_vote_ends_it_unborn)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    command.hold_create.ttl_ms = 100;
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_pull(&shards);
    shards_deliver(&shards, 0);
    shards_drop(&shards, 0);
    shards_later(&shards, 100);
    shards_carry(&shards); /* the vote comes too late */
    EXPECT_STATUS(shards_outcome(&shards, &command)->outcome->status,
                  STATUS_HOLD_EXPIRED);
    shards_expect(&shards, 0, 0, UNITS);
    shards_close(&shards);
}

TEST(hold_shards, crossed_carts_contend_and_one_of_them_gets_it)
{
    struct shards shards;
    struct inventory_hold_line first[SHARDS_MAX], second[SHARDS_MAX];
    struct inventory_command left, right;
    enum status l, r;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    left = shards_hold_command(&shards, 0, UNITS, first);
    right = shards_hold_command(&shards, 1, UNITS, second);
    EXPECT(shards_apply(&shards, &left)->pending);
    EXPECT(shards_apply(&shards, &right)->pending);
    shards_carry(&shards);
    l = shards_outcome(&shards, &left)->outcome->status;
    r = shards_outcome(&shards, &right)->outcome->status;
    EXPECT(l == STATUS_STOCK_CONTENDED || r == STATUS_STOCK_CONTENDED);
    EXPECT(l != STATUS_INSUFFICIENT_STOCK && r != STATUS_INSUFFICIENT_STOCK);
    if (l == STATUS_STOCK_CONTENDED) {
        left.identity.attempt = 1;
        (void)shards_apply(&shards, &left);
        shards_carry(&shards);
    }
    if (r == STATUS_STOCK_CONTENDED) {
        right.identity.attempt = 1;
        (void)shards_apply(&shards, &right);
        shards_carry(&shards);
    }
    l = shards_outcome(&shards, &left)->outcome->status;
    r = shards_outcome(&shards, &right)->outcome->status;
    EXPECT((l == STATUS_OK) + (r == STATUS_OK) == 1);
    EXPECT(l == STATUS_INSUFFICIENT_STOCK || r == STATUS_INSUFFICIENT_STOCK);
    shards_expect(&shards, UNITS, 0, UNITS);
    shards_close(&shards);
}

TEST(hold_shards, a_one_shard_hold_beside_undecided_units_is_contended)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, UNITS, lines);
    EXPECT(shards_apply(&shards, &command)->pending);
    EXPECT_STATUS(world_hold(&shards.worlds[0], shards_sku(&shards, 0), "L1", 1)->status,
                  STATUS_STOCK_CONTENDED);
    shards_carry(&shards);
    EXPECT_STATUS(world_hold(&shards.worlds[0], shards_sku(&shards, 0), "L1", 1)->status,
                  STATUS_INSUFFICIENT_STOCK);
    /* A line past its own expiry is undecided for whoever asks there. */
    shards_later(&shards, WORLD_TTL_MS);
    EXPECT_STATUS(world_hold(&shards.worlds[1], shards_sku(&shards, 1), "L1", 1)->status,
                  STATUS_STOCK_CONTENDED);
    shards_close(&shards);
}

TEST(hold_shards, a_line_past_its_expiry_counts_until_its_home_says_so)
{
    struct shards shards;
    struct inventory_hold_id id;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    id = held(&shards, 4);
    shards_later(&shards, WORLD_TTL_MS + 1000);
    world_tick(&shards.worlds[1]);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_HELD), 4);
    shards_pull(&shards);
    EXPECT_EQ(shards.parcel_count, 1);
    EXPECT_EQ(shards.parcels[0].kind, INVENTORY_HOLD_QUESTION);
    shards_carry(&shards);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_HELD), 0);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_EXPIRED);
    shards_close(&shards);
}

TEST(hold_shards, a_late_prepare_without_record_asks_and_goes)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    struct shards_parcel late;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_pull(&shards);
    late = shards.parcels[0];
    shards.parcel_count = 0;
    shards_later(&shards, SHARDS_PREPARE_MS);
    world_tick(&shards.worlds[0]);
    shards_carry(&shards); /* the record is gone: nobody had the line */
    shards.parcels[shards.parcel_count++] = late;
    shards_carry(&shards);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_HELD), 4);
    shards_later(&shards, 5000);
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS);
    shards_close(&shards);
}

TEST(hold_shards, a_question_about_an_undecided_hold_aborts_it)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    unsigned questions = 0;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    command.hold_create.prepare_ms = 60000;
    EXPECT(shards_apply(&shards, &command)->pending);
    shards_pull(&shards);
    shards_deliver(&shards, 0); /* its vote is lost, and so is the other line */
    shards_pull(&shards);
    shards.parcel_count = 0;
    shards_later(&shards, 5000);
    shards_pull(&shards);
    for (unsigned i = 0; i < shards.parcel_count; i++) {
        if (shards.parcels[i].kind == INVENTORY_HOLD_QUESTION) {
            questions++;
            shards_deliver(&shards, i);
        }
    }
    EXPECT_EQ(questions, 1);
    EXPECT_STATUS(shards_outcome(&shards, &command)->outcome->status, STATUS_QUORUM_LOST);
    shards_carry(&shards);
    shards_later(&shards, 5000); /* the line whose beginning came behind the end asks */
    shards_carry(&shards);
    shards_expect(&shards, 0, 0, UNITS);
    EXPECT_EQ(shards_unsettled(&shards), 0);
    shards_close(&shards);
}

TEST(hold_shards, a_line_that_ended_is_not_taken_up_again)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    struct inventory_hold_id id;
    struct shards_parcel late;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    id = shards_apply(&shards, &command)->hold.hold_id;
    shards_pull(&shards);
    late = shards.parcels[0];
    shards_carry(&shards);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_RELEASE, id)->status);
    shards_carry(&shards);
    for (int again = 0; again < 2; again++) {
        shards.parcels[shards.parcel_count++] = late;
        shards_deliver(&shards, 0);
        shards_drop(&shards, 0);
        shards_expect(&shards, 0, 0, UNITS);
        shards_die(&shards, 1);
    }
    shards_close(&shards);
}

TEST(hold_shards, a_prepare_at_or_below_the_floor_is_refused)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command, tick = {.kind = INVENTORY_TICK};
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    (void)shards_apply(&shards, &command);
    shards_pull(&shards);
    tick.identity.kind = INVENTORY_IDENTITY_REQUEST; /* unused */
    shards.worlds[1].now_ms += 2 * INVENTORY_REQUEST_KEEP_AIM_MS;
    (void)world_apply(&shards.worlds[1], tick);
    EXPECT(inventory_request_floor_ms(shards.worlds[1].inventory) >=
           command.identity.request_ms);
    shards_carry(&shards);
    EXPECT_STATUS(shards_outcome(&shards, &command)->outcome->status,
                  STATUS_REQUEST_ID_EXPIRED);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_HELD), 0);
    shards_close(&shards);
}

/* The line's stock was counted down after it was sold: SHORT. */
static struct inventory_hold_id short_hold(struct shards *shards)
{
    struct inventory_hold_id id = held(shards, 4);
    EXPECT_OK(shards_change(shards, INVENTORY_HOLD_COMMIT, id)->status);
    shards_carry(shards);
    EXPECT_OK(
        world_apply(&shards->worlds[1], world_set_command(shards_sku(shards, 1), "L1", 3))
            ->status);
    return id;
}

TEST(hold_shards, a_short_line_leaves_the_hold_committed_until_it_has_units)
{
    struct shards shards;
    struct inventory_hold_id id;
    struct inventory_command fulfil;
    const struct inventory_outcome *outcome;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    id = short_hold(&shards);
    fulfil = world_change_command(INVENTORY_HOLD_FULFIL, id);
    EXPECT(shards_apply(&shards, &fulfil)->pending);
    shards_carry(&shards);
    outcome = shards_outcome(&shards, &fulfil)->outcome;
    EXPECT_STATUS(outcome->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(outcome->shortage_count, 1);
    EXPECT_EQ(outcome->shortages[0].line, 1);
    EXPECT_EQ(outcome->shortages[0].available, 3);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_COMMITTED);
    EXPECT_EQ(shards_unsettled(&shards), 0);
    EXPECT_EQ(shards_bucket(&shards, 0, STOCK_BUCKET_ON_HAND), UNITS - 4);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_COMMITTED), 4);
    EXPECT_OK(world_adjust(&shards.worlds[1], shards_sku(&shards, 1), "L1", 1)->status);
    EXPECT(shards_change(&shards, INVENTORY_HOLD_FULFIL, id)->pending);
    shards_carry(&shards);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_FULFILLED);
    EXPECT_EQ(shards_bucket(&shards, 0, STOCK_BUCKET_ON_HAND), UNITS - 4);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_ON_HAND), 0);
    shards_close(&shards);
}

TEST(hold_shards, cancel_during_a_fulfilment_covers_what_has_not_left)
{
    struct shards shards;
    struct inventory_hold_id id;
    struct inventory_command fulfil, cancel;
    shards_open(&shards, 3);
    shards_stock(&shards, UNITS);
    id = short_hold(&shards);
    fulfil = world_change_command(INVENTORY_HOLD_FULFIL, id);
    cancel = world_change_command(INVENTORY_HOLD_CANCEL, id);
    EXPECT(shards_apply(&shards, &fulfil)->pending);
    EXPECT(shards_apply(&shards, &cancel)->pending);
    shards_carry(&shards);
    EXPECT_STATUS(shards_outcome(&shards, &fulfil)->outcome->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_OK(shards_outcome(&shards, &cancel)->outcome->status);
    EXPECT_EQ(seen(&shards, id)->state, HOLD_STATE_CANCELLED);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_COMMITTED), 0);
    EXPECT_EQ(shards_bucket(&shards, 1, STOCK_BUCKET_ON_HAND), 3);
    EXPECT_EQ(shards_bucket(&shards, 2, STOCK_BUCKET_ON_HAND), UNITS - 4);
    shards_close(&shards);
}

TEST(hold_shards, cancel_during_a_fulfilment_that_succeeds_comes_too_late)
{
    struct shards shards;
    struct inventory_hold_id id;
    struct inventory_command cancel;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    id = held(&shards, 4);
    EXPECT_OK(shards_change(&shards, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT(shards_change(&shards, INVENTORY_HOLD_FULFIL, id)->pending);
    cancel = world_change_command(INVENTORY_HOLD_CANCEL, id);
    EXPECT(shards_apply(&shards, &cancel)->pending);
    shards_carry(&shards);
    EXPECT_STATUS(shards_outcome(&shards, &cancel)->outcome->status,
                  STATUS_HOLD_ALREADY_FULFILLED);
    shards_expect(&shards, 0, 0, UNITS - 4);
    shards_close(&shards);
}

TEST(hold_shards, best_effort_and_old_commands_over_shards_are_refused)
{
    struct shards shards;
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    shards_open(&shards, 2);
    shards_stock(&shards, UNITS);
    command = shards_hold_command(&shards, 0, 4, lines);
    command.hold_create.mode = HOLD_MODE_BEST_EFFORT;
    EXPECT_STATUS(shards_apply(&shards, &command)->status, STATUS_MULTI_SHARD_HOLD);
    command = shards_hold_command(&shards, 0, 4, lines);
    command.hold_create.prepare_ms = 0;
    EXPECT_STATUS(shards_apply(&shards, &command)->status, STATUS_MULTI_SHARD_HOLD);
    shards_expect(&shards, 0, 0, UNITS);
    shards_close(&shards);
}

/* --- Every failure between the steps ---------------------------------------------------- */

/* Whatever happened, time and whole messages bring every shard to the same end. */
static void come_clean(struct shards *shards)
{
    for (int i = 0; i < 40; i++) {
        shards_later(shards, 5000);
        for (unsigned shard = 0; shard < shards->count; shard++) {
            world_tick(&shards->worlds[shard]);
        }
        shards_carry(shards);
    }
}

/* What all shards have to have of a hold of 4: one of the ways that it may end. */
static void expect_one_end(struct shards *shards)
{
    int64_t on_hand = shards_bucket(shards, 0, STOCK_BUCKET_ON_HAND);
    int64_t committed = shards_bucket(shards, 0, STOCK_BUCKET_COMMITTED);
    EXPECT(on_hand == UNITS || (on_hand == UNITS - 4 && committed == 0));
    EXPECT(committed == 0 || committed == 4);
    shards_expect(shards, 0, committed, on_hand);
}

struct chances {
    struct rng rng;
    unsigned lose, repeat, die; /* percent */
};

/* Parcels arrive in any order, some twice, some never; shards die in between. */
static void stumble(struct shards *shards, struct chances *chances, int steps)
{
    while (steps-- > 0) {
        shards_pull(shards);
        if (rng_below(&chances->rng, 100) < chances->die) {
            shards_die(shards, (unsigned)rng_below(&chances->rng, shards->count));
        }
        if (shards->parcel_count == 0) {
            shards_later(shards, 1 + (int64_t)rng_below(&chances->rng, 400));
            continue;
        }
        unsigned at = (unsigned)rng_below(&chances->rng, shards->parcel_count);
        if (rng_below(&chances->rng, 100) >= chances->lose) {
            shards_deliver(shards, at);
        }
        if (rng_below(&chances->rng, 100) >= chances->repeat) {
            shards_drop(shards, at);
        }
    }
}

static void live(struct shards *shards, struct chances *chances)
{
    static const enum inventory_command_kind kinds[] = {
        INVENTORY_HOLD_EXTEND, INVENTORY_HOLD_COMMIT, INVENTORY_HOLD_RELEASE,
        INVENTORY_HOLD_FULFIL, INVENTORY_HOLD_CANCEL, INVENTORY_HOLD_COMMIT};
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command = shards_hold_command(shards, 0, 4, lines);
    struct inventory_hold_id id = shards_apply(shards, &command)->hold.hold_id;
    for (int i = 0; i < 6; i++) {
        stumble(shards, chances, (int)rng_below(&chances->rng, 14));
        (void)shards_change(shards, kinds[rng_below(&chances->rng, 6)], id);
        if (rng_below(&chances->rng, 4) == 0) { /* a retry by who lost the answer */
            command.identity.attempt++;
            command.hold_create.nonce++;
            const struct inventory_outcome *again = shards_apply(shards, &command);
            id = again->has_hold ? again->hold.hold_id : id;
        }
    }
    stumble(shards, chances, 20);
}

TEST(hold_shards, loss_repeats_disorder_and_deaths_leave_one_end_on_all_shards)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct shards *shards = memory_zalloc(sizeof *shards);
        struct chances chances = {.lose = (unsigned)(seed % 3) * 20,
                                  .repeat = (unsigned)(seed % 5) * 15,
                                  .die = 10};
        rng_init(&chances.rng, seed);
        shards_open(shards, 3);
        shards_stock(shards, UNITS);
        live(shards, &chances);
        shards->parcel_count = 0;
        come_clean(shards);
        expect_one_end(shards);
        EXPECT_EQ(shards_unsettled(shards), 0);
        shards_close(shards);
        free(shards);
    }
}

/* Which parcel is delivered as number `death` is followed by the death of a shard. */
static bool walk_with_death(unsigned death, unsigned shard, bool lost)
{
    struct shards *shards = memory_zalloc(sizeof *shards);
    static const enum inventory_command_kind kinds[] = {INVENTORY_HOLD_COMMIT,
                                                        INVENTORY_HOLD_FULFIL};
    struct inventory_hold_line lines[SHARDS_MAX];
    unsigned delivered = 0;
    shards_open(shards, 3);
    shards_stock(shards, UNITS);
    struct inventory_command command = shards_hold_command(shards, 0, 4, lines);
    struct inventory_hold_id id = shards_apply(shards, &command)->hold.hold_id;
    for (unsigned step = 0; step < 3; step++) {
        shards_pull(shards);
        while (shards->parcel_count > 0) {
            shards_deliver(shards, 0);
            shards_drop(shards, 0);
            if (delivered++ == death) {
                shards_die(shards, shard);
                shards->parcel_count = lost ? 0 : shards->parcel_count;
            }
            shards_pull(shards);
        }
        shards_later(shards, 300); /* what was lost is told again */
        shards_carry(shards);
        if (step < 2) {
            EXPECT_OK(shards_change(shards, kinds[step], id)->status);
        }
    }
    shards_expect(shards, 0, 0, UNITS - 4);
    EXPECT_EQ(seen(shards, id)->state, HOLD_STATE_FULFILLED);
    EXPECT(!seen(shards, id)->unsettled);
    shards_close(shards);
    free(shards);
    return delivered > death;
}

TEST(hold_shards, a_death_of_any_shard_after_any_step_changes_nothing)
{
    for (unsigned shard = 0; shard < 3; shard++) {
        unsigned steps = 0;
        while (walk_with_death(steps, shard, false)) {
            EXPECT(walk_with_death(steps, shard, true));
            steps++;
        }
        EXPECT(steps >= 12);
    }
}

/* --- Stored forms ------------------------------------------------------------------------- */

static const char golden_rows[] = "golden/inventory/rows_holds.txt";

/* Records and parts in all their states, and the tombstone of one. */
static void golden_life(struct shards *shards)
{
    struct inventory_hold_line lines[SHARDS_MAX];
    struct inventory_command command;
    struct inventory_hold_id id;
    shards_open(shards, 2);
    shards_stock(shards, 20);
    id = short_hold(shards); /* shard 1 has 3 */
    EXPECT(shards_change(shards, INVENTORY_HOLD_FULFIL, id)->pending);
    shards_carry(shards);
    EXPECT(shards_change(shards, INVENTORY_HOLD_FULFIL, id)->pending);
    EXPECT_OK(world_apply(&shards->worlds[1],
                          world_set_command(shards_sku(shards, 1), "L1", 50))
                  ->status);
    id = held(shards, 2);
    EXPECT_OK(shards_change(shards, INVENTORY_HOLD_RELEASE, id)->status);
    shards_carry(shards);
    (void)held(shards, 1);
    command = shards_hold_command(shards, 0, 3, lines);
    command.hold_create.reference = S("cart 9");
    EXPECT(shards_apply(shards, &command)->pending);
    shards_pull(shards);
    shards_deliver(shards, 0);
}

static void put_hex(struct buffer *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", bytes.data[i]);
        buffer_append(out, digits, 2);
    }
}

/* The rows of holds and parts of a shard. */
static void print_rows(struct world *world, struct buffer *out)
{
    const struct store_scan scan = {.descending = false};
    struct store_cursor *cursor;
    world_flush(world);
    EXPECT_OK(store_cursor_open(world->store, &scan, &cursor));
    for (; cursor->valid; store_cursor_next(cursor)) {
        struct key_state key;
        if (key_parse_state(cursor->key, &key) && (key.kind == 3 || key.kind == 60)) {
            put_hex(out, cursor->key);
            buffer_append(out, " ", 1);
            put_hex(out, cursor->value);
            buffer_append(out, "\n", 1);
        }
    }
    store_cursor_close(cursor);
}

TEST(hold_shards, records_and_parts_are_stored_as_they_always_were)
{
    struct shards *shards = memory_zalloc(sizeof *shards);
    struct buffer rows;
    char golden[16384];
    buffer_init(&rows);
    golden_life(shards);
    print_rows(&shards->worlds[0], &rows);
    print_rows(&shards->worlds[1], &rows);
    if (getenv("SOUK_GOLDEN_WRITE") != NULL) {
        FILE *out = fopen(test_source(golden_rows), "wb");
        EXPECT(out != NULL);
        EXPECT_EQ(fwrite(rows.data, 1, rows.size, out), rows.size);
        fclose(out);
    }
    FILE *file = fopen(test_source(golden_rows), "rb");
    EXPECT(file != NULL);
    size_t size = fread(golden, 1, sizeof golden, file);
    fclose(file);
    EXPECT_SLICE(buffer_slice(&rows), slice_of(golden, size));
    buffer_close(&rows);
    shards_close(shards);
    free(shards);
}
