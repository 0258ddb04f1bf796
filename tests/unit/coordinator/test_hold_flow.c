/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/hold_flow.h"
#include "tests/lib/test.h"

static enum hold_step heard(struct hold_flow *flow, enum status status)
{
    struct inventory_outcome outcome = {.status = status};
    hold_flow_heard(flow, &outcome);
    return flow->step;
}

static enum hold_step pending(struct hold_flow *flow)
{
    struct inventory_outcome outcome = {
        .status = STATUS_OK, .pending = true, .has_hold = true};
    hold_flow_heard(flow, &outcome);
    return flow->step;
}

static enum hold_step applied(struct hold_flow *flow, bool unsettled)
{
    struct inventory_outcome outcome = {.status = STATUS_OK, .has_hold = true};
    outcome.hold.unsettled = unsettled;
    hold_flow_heard(flow, &outcome);
    return flow->step;
}

TEST(hold_flow, what_is_decided_at_once_is_told_at_once)
{
    static const enum status told[] = {STATUS_OK, STATUS_INSUFFICIENT_STOCK, STATUS_QUOTA,
                                       STATUS_NOT_FOUND};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct hold_flow flow;
        hold_flow_init(&flow, INVENTORY_HOLD_CREATE);
        EXPECT_EQ(heard(&flow, told[i]), HOLD_STEP_DONE);
    }
}

TEST(hold_flow, what_is_pending_is_waited_for)
{
    struct hold_flow flow;
    hold_flow_init(&flow, INVENTORY_HOLD_CREATE);
    EXPECT_EQ(pending(&flow), HOLD_STEP_WAIT);
    EXPECT_EQ(heard(&flow, STATUS_OK), HOLD_STEP_DONE);
}

TEST(hold_flow, a_contended_hold_is_tried_three_more_times_and_then_sealed)
{
    struct hold_flow flow;
    hold_flow_init(&flow, INVENTORY_HOLD_CREATE);
    for (uint32_t i = 0; i < HOLD_FLOW_RETRIES_MAX; i++) {
        EXPECT_EQ(flow.attempt, i);
        EXPECT_EQ(pending(&flow), HOLD_STEP_WAIT);
        EXPECT_EQ(heard(&flow, STATUS_STOCK_CONTENDED), HOLD_STEP_PAUSE);
        hold_flow_paused(&flow);
        EXPECT_EQ(flow.step, HOLD_STEP_PROPOSE);
    }
    EXPECT_EQ(flow.attempt, HOLD_FLOW_RETRIES_MAX);
    EXPECT_EQ(heard(&flow, STATUS_STOCK_CONTENDED), HOLD_STEP_SEAL);
    EXPECT_EQ(heard(&flow, STATUS_STOCK_CONTENDED), HOLD_STEP_DONE);
}

TEST(hold_flow, a_hold_that_was_not_decided_in_time_is_sealed_before_it_is_told)
{
    struct hold_flow flow;
    hold_flow_init(&flow, INVENTORY_HOLD_CREATE);
    EXPECT_EQ(pending(&flow), HOLD_STEP_WAIT);
    EXPECT_EQ(heard(&flow, STATUS_QUORUM_LOST), HOLD_STEP_SEAL);
    EXPECT_EQ(heard(&flow, STATUS_QUORUM_LOST), HOLD_STEP_DONE);
}

TEST(hold_flow, a_change_waits_for_all_shards_and_a_creation_does_not)
{
    struct hold_flow flow;
    hold_flow_init(&flow, INVENTORY_HOLD_COMMIT);
    EXPECT_EQ(applied(&flow, true), HOLD_STEP_WAIT);
    EXPECT_EQ(applied(&flow, true), HOLD_STEP_DONE); /* the time was up */
    hold_flow_init(&flow, INVENTORY_HOLD_COMMIT);
    EXPECT_EQ(applied(&flow, false), HOLD_STEP_DONE);
    hold_flow_init(&flow, INVENTORY_HOLD_CREATE);
    EXPECT_EQ(applied(&flow, true), HOLD_STEP_DONE);
}

TEST(hold_flow, a_question_for_an_outcome_seals_what_was_pending)
{
    struct hold_flow flow;
    hold_flow_init(&flow, INVENTORY_REQUEST_SEAL);
    EXPECT_EQ(heard(&flow, STATUS_STOCK_CONTENDED), HOLD_STEP_DONE);
    hold_flow_init(&flow, INVENTORY_REQUEST_SEAL);
    EXPECT_EQ(pending(&flow), HOLD_STEP_WAIT);
    EXPECT_EQ(heard(&flow, STATUS_STOCK_CONTENDED), HOLD_STEP_SEAL);
    EXPECT_EQ(heard(&flow, STATUS_STOCK_CONTENDED), HOLD_STEP_DONE);
    hold_flow_init(&flow, INVENTORY_REQUEST_SEAL);
    EXPECT_EQ(applied(&flow, true), HOLD_STEP_DONE);
}

TEST(hold_flow, pauses_grow_and_differ)
{
    struct hold_flow flow;
    hold_flow_init(&flow, INVENTORY_HOLD_CREATE);
    for (flow.retries = 0; flow.retries < HOLD_FLOW_RETRIES_MAX; flow.retries++) {
        uint64_t most_us = (uint64_t)HOLD_FLOW_PAUSE_US << flow.retries;
        EXPECT(hold_flow_pause_us(&flow, 0) >= most_us / 4);
        EXPECT(hold_flow_pause_us(&flow, UINT64_MAX) <= most_us);
        EXPECT(hold_flow_pause_us(&flow, 1) != hold_flow_pause_us(&flow, 777));
    }
}

TEST(hold_flow, a_wait_ends_before_the_deadline)
{
    EXPECT_EQ(hold_flow_wait_until_us(1000, 0), 1000 + HOLD_FLOW_WAIT_US_MAX);
    EXPECT_EQ(hold_flow_wait_until_us(1000, 2000), 1800);
    EXPECT_EQ(hold_flow_wait_until_us(1000, 500), 1000);
}
