/* SPDX-License-Identifier: Apache-2.0 */
/* The checker of holds over several shards sees every way in which one may be torn. */
#include <string.h>

#include "tests/lib/test.h"
#include "tests/sim/check/check.h"

enum {
    HOLD = 10,
    COMMIT = 11,
    RELEASE = 12,
    EXPIRE = 13,
    FULFIL = 14,
    CANCEL = 15,
    STOCK = 1, /* a receipt */
    UNITS = 2,
    EVENTS_MAX = 64,
};

/* SKU 0 on shard 1, the home; SKU 1 on shard 2. One row an index. */
struct torn {
    struct history_event events[EVENTS_MAX];
    uint32_t count;
    uint64_t index[2];
    int64_t levels[2][HISTORY_BUCKETS];
    uint64_t number;
};

static const struct history_hold_id the_hold = {7, 8};

static struct history_event *torn_event(struct torn *torn, enum history_type type)
{
    struct history_event *event = &torn->events[torn->count++];
    EXPECT(torn->count < EVENTS_MAX);
    memset(event, 0, sizeof *event);
    event->type = type;
    event->at_us = torn->count;
    return event;
}

static void torn_move(int64_t level[HISTORY_BUCKETS], uint32_t reason)
{
    level[HISTORY_ON_HAND] += reason == STOCK ? 10 : reason == FULFIL ? -UNITS : 0;
    level[HISTORY_HELD] += reason == HOLD ? UNITS
                           : reason == COMMIT || reason == RELEASE || reason == EXPIRE
                               ? -UNITS
                               : 0;
    level[HISTORY_COMMITTED] += reason == COMMIT                       ? UNITS
                                : reason == FULFIL || reason == CANCEL ? -UNITS
                                                                       : 0;
}

/* A row of the SKU's ledger; the home's first one was made by the request. */
static void row(struct torn *torn, uint32_t sku, uint32_t reason, uint64_t request)
{
    struct history_event *event = torn_event(torn, HISTORY_MOVEMENT);
    event->row = (struct history_row){.shard = sku + 1,
                                      .index = ++torn->index[sku],
                                      .sku = sku,
                                      .reason = reason,
                                      .multi_request = request,
                                      .log_ms = 1000};
    memcpy(event->row.before, torn->levels[sku], sizeof event->row.before);
    torn_move(torn->levels[sku], reason);
    memcpy(event->row.after, torn->levels[sku], sizeof event->row.after);
    if (reason != STOCK) {
        event->row.hold = the_hold;
    }
}

static void told(struct torn *torn, enum history_op op, uint64_t request,
                 enum status status)
{
    struct history_call call = {
        .number = ++torn->number,
        .op = op,
        .request = request,
        .line_count = 2,
        .lines = {{.sku = 0, .quantity = UNITS}, {.sku = 1, .quantity = UNITS}}};
    torn_event(torn, HISTORY_INVOKE)->call = call;
    call.status = status;
    call.has_hold = status == STATUS_OK;
    call.hold = the_hold;
    torn_event(torn, HISTORY_OK)->call = call;
}

static void begin(struct torn *torn)
{
    memset(torn, 0, sizeof *torn);
}

static void taken(struct torn *torn)
{
    for (uint32_t sku = 0; sku < 2; sku++) {
        row(torn, sku, STOCK, 0);
        row(torn, sku, HOLD, sku == 0 ? 5 : 0);
    }
}

static bool caught(struct torn *torn)
{
    struct checker *checker = checker_new(NULL);
    struct check_verdict verdict;
    bool found = false;
    for (uint32_t i = 0; i < torn->count; i++) {
        checker_event(checker, &torn->events[i]);
    }
    checker_verdict(checker, &verdict);
    for (uint32_t i = 0; i < verdict.violation_count; i++) {
        found = found || verdict.violations[i].invariant == CHECK_MULTI;
        if (verdict.violations[i].invariant == CHECK_HISTORY) {
            test_fail(__FILE__, __LINE__, "%s", verdict.violations[i].text);
        }
    }
    checker_free(checker);
    return found;
}

TEST(multi_holds, a_whole_life_on_both_shards_is_sound)
{
    struct torn torn;
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_OK);
    told(&torn, HISTORY_OP_MULTI_COMMIT, 6, STATUS_OK);
    told(&torn, HISTORY_OP_MULTI_FULFIL, 7, STATUS_OK);
    taken(&torn);
    for (uint32_t sku = 0; sku < 2; sku++) {
        row(&torn, sku, COMMIT, 0);
        row(&torn, sku, FULFIL, 0);
    }
    EXPECT(!caught(&torn));
}

TEST(multi_holds, sold_here_and_expired_there_is_caught)
{
    struct torn torn;
    begin(&torn);
    taken(&torn);
    row(&torn, 0, COMMIT, 0);
    row(&torn, 1, EXPIRE, 0);
    EXPECT(caught(&torn));
}

TEST(multi_holds, released_here_and_expired_there_is_caught)
{
    struct torn torn;
    begin(&torn);
    taken(&torn);
    row(&torn, 0, RELEASE, 0);
    row(&torn, 1, EXPIRE, 0);
    EXPECT(caught(&torn));
}

TEST(multi_holds, a_commit_that_reached_one_shard_only_is_caught)
{
    struct torn torn;
    begin(&torn);
    taken(&torn);
    row(&torn, 0, COMMIT, 0);
    EXPECT(caught(&torn));
}

TEST(multi_holds, a_line_taken_or_shipped_twice_is_caught)
{
    struct torn torn;
    begin(&torn);
    taken(&torn);
    row(&torn, 1, HOLD, 0);
    EXPECT(caught(&torn));
    begin(&torn);
    taken(&torn);
    for (uint32_t sku = 0; sku < 2; sku++) {
        row(&torn, sku, COMMIT, 0);
        row(&torn, sku, FULFIL, 0);
    }
    row(&torn, 1, COMMIT, 0);
    row(&torn, 1, FULFIL, 0);
    EXPECT(caught(&torn));
}

TEST(multi_holds, what_was_told_done_has_its_rows_at_every_line)
{
    struct torn torn;
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_OK);
    row(&torn, 0, STOCK, 0);
    row(&torn, 0, HOLD, 5);
    row(&torn, 1, STOCK, 0);
    EXPECT(caught(&torn));
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_OK);
    told(&torn, HISTORY_OP_MULTI_RELEASE, 6, STATUS_OK);
    taken(&torn);
    row(&torn, 0, RELEASE, 0);
    EXPECT(caught(&torn));
}

TEST(multi_holds, a_refused_request_keeps_nothing)
{
    struct torn torn;
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_STOCK_CONTENDED);
    taken(&torn);
    row(&torn, 0, RELEASE, 0);
    row(&torn, 1, RELEASE, 0);
    EXPECT(!caught(&torn));
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_STOCK_CONTENDED);
    taken(&torn);
    row(&torn, 0, COMMIT, 0);
    row(&torn, 1, COMMIT, 0);
    EXPECT(caught(&torn));
}

TEST(multi_holds, a_cancel_beside_what_has_left_is_sound)
{
    struct torn torn;
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_OK);
    told(&torn, HISTORY_OP_MULTI_CANCEL, 6, STATUS_OK);
    taken(&torn);
    row(&torn, 0, COMMIT, 0);
    row(&torn, 1, COMMIT, 0);
    row(&torn, 0, FULFIL, 0);
    row(&torn, 1, CANCEL, 0);
    EXPECT(!caught(&torn));
}

TEST(multi_holds, a_request_has_one_answer)
{
    struct torn torn;
    struct checker *checker = checker_new(NULL);
    begin(&torn);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_INSUFFICIENT_STOCK);
    told(&torn, HISTORY_OP_MULTI_CREATE, 5, STATUS_OK);
    for (uint32_t i = 0; i < torn.count; i++) {
        checker_event(checker, &torn.events[i]);
    }
    EXPECT_EQ(checker_violations(checker), 1);
    checker_free(checker);
}
