/* SPDX-License-Identifier: Apache-2.0 */
/* Whole histories: what the sink is told, and what a customer's own sources read. */
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/world.h"

enum {
    MINUTE = 60 * 1000,
    SEEDS = 200,
    EVENTS = 60,
};

static void expect_actions(struct world *world, uint64_t customer,
                           const struct customer_action *wanted, uint32_t count)
{
    struct customer_actions actions;
    const struct hash128 id = {hash_mix(customer), customer};
    EXPECT_OK(customer_actions(world->shard, id, &world->arena, &actions));
    EXPECT_EQ(actions.action_count, count);
    for (uint32_t i = 0; i < count; i++) {
        EXPECT(actions.actions[i].sku_hash == wanted[i].sku_hash);
        EXPECT_EQ(actions.actions[i].at_ms, wanted[i].at_ms);
        EXPECT_EQ(actions.actions[i].quantity, wanted[i].quantity);
        EXPECT_EQ(actions.actions[i].kind, wanted[i].kind);
    }
}

static struct customer_event record(struct world *world, enum customer_event_kind kind,
                                    unsigned item, int64_t quantity)
{
    struct customer_event event = event_make(&world->arena, 1, kind, item, world->log_ms);
    event.quantity = quantity;
    EXPECT_OK(world_event(world, &event).status);
    world->log_ms += MINUTE;
    return event;
}

TEST(actions, are_what_still_stands_oldest_first)
{
    struct world world;
    world_open(&world);
    struct customer_event view = record(&world, CUSTOMER_EVENT_VIEW, 1, 0);
    struct customer_event bought = record(&world, CUSTOMER_EVENT_PURCHASE, 2, 3);
    (void)record(&world, CUSTOMER_EVENT_CART_ADD, 3, 1);
    (void)record(&world, CUSTOMER_EVENT_RETURN, 2, 2);
    (void)record(&world, CUSTOMER_EVENT_CART_REMOVE, 3, 1);
    (void)record(&world, CUSTOMER_EVENT_IMPRESSION, 4, 1);
    const struct customer_action wanted[] = {
        {view.sku_hash, view.occurred_ms, 1, CUSTOMER_EVENT_VIEW},
        {bought.sku_hash, bought.occurred_ms, 1, CUSTOMER_EVENT_PURCHASE}};
    expect_actions(&world, 1, wanted, 2);
    expect_actions(&world, 2, NULL, 0);
    EXPECT_EQ(histories_counters(world.histories).postings, 2);
    uint64_t told = world.histories_told;
    (void)record(&world, CUSTOMER_EVENT_IMPRESSION, 5, 1);
    EXPECT_EQ(world.histories_told, told); /* nothing changed, nothing told */
    world_reload(&world);
    expect_actions(&world, 1, wanted, 2);
    world_close(&world);
}

static void withdraw(struct world *world, uint64_t request, bool personalization,
                     bool evidence)
{
    struct customer_command command = {
        .kind = CUSTOMER_UPSERT,
        .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                     .request_id = {request, 1},
                     .request_ms = world->log_ms},
        .upsert = {.customer = {hash_mix(1), 1},
                   .profile = {.customer_id = slice_from_string("c1"),
                               .personalization_withdrawn = personalization,
                               .evidence_withdrawn = evidence},
                   .attributes_max = 64}};
    command.identity.fingerprint = customer_upsert_fingerprint(&command.upsert);
    EXPECT_OK(world_apply(world, &command).status);
}

TEST(actions, withdrawn_evidence_leaves_the_histories_and_withdrawn_personalization_reads)
{
    struct world world;
    world_open(&world);
    uint64_t nobody = histories_digest(world.histories);
    struct customer_event bought = record(&world, CUSTOMER_EVENT_PURCHASE, 2, 1);
    const struct customer_action wanted = {bought.sku_hash, bought.occurred_ms, 1,
                                           CUSTOMER_EVENT_PURCHASE};
    uint64_t somebody = histories_digest(world.histories);
    withdraw(&world, 1, false, true);
    EXPECT(histories_digest(world.histories) == nobody);
    expect_actions(&world, 1, &wanted, 1);
    withdraw(&world, 2, true, false);
    EXPECT(histories_digest(world.histories) == somebody);
    expect_actions(&world, 1, NULL, 0);
    world_reload(&world);
    expect_actions(&world, 1, NULL, 0);
    world_close(&world);
}

TEST(actions, histories_do_not_depend_on_the_order_in_which_events_came)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world one, other;
        struct rng rng;
        struct customer_event events[EVENTS];
        rng_init(&rng, seed);
        world_open(&one);
        world_open(&other);
        for (unsigned i = 0; i < EVENTS; i++) {
            static const enum customer_event_kind kinds[] = {
                CUSTOMER_EVENT_VIEW, CUSTOMER_EVENT_CART_ADD, CUSTOMER_EVENT_CART_REMOVE,
                CUSTOMER_EVENT_PURCHASE, CUSTOMER_EVENT_RETURN};
            events[i] =
                event_make(&one.arena, 1 + rng_below(&rng, 3), kinds[rng_below(&rng, 5)],
                           (unsigned)rng_below(&rng, 5),
                           one.log_ms - (int64_t)rng_below(&rng, 9) * MINUTE);
            EXPECT_OK(world_event(&one, &events[i]).status);
        }
        for (unsigned i = EVENTS; i-- > 0;) {
            EXPECT_OK(world_event(&other, &events[i]).status);
        }
        if (histories_digest(one.histories) != histories_digest(other.histories)) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64, seed);
        }
        world_reload(&one);
        world_close(&one);
        world_close(&other);
    }
}
