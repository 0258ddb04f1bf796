/* SPDX-License-Identifier: Apache-2.0 */
/* For every invariant: a sound history passes, and what breaks it is found. */
#include "tests/lib/test.h"
#include "tests/unit/sim_check/sample.h"

typedef bool spoil(struct history_event *event);

/* Spoils the first event that `change` takes; what it breaks has to be among what is
 * found. */
static void expect_found(spoil *change, enum check_invariant invariant)
{
    struct sample sample;
    struct check_verdict verdict;
    struct checker *checker;
    bool spoilt = false;
    sample_init(&sample, 5);
    sample_run(&sample, 2000, true);
    checker = sample_check(sample.events, sample.event_count, &verdict);
    EXPECT_EQ(verdict.violations_seen, 0);
    checker_free(checker);
    for (uint32_t i = 600; i < sample.event_count && !spoilt; i++) {
        spoilt = change(&sample.events[i]);
    }
    EXPECT(spoilt);
    checker = sample_check(sample.events, sample.event_count, &verdict);
    if (!sample_found(&verdict, invariant)) {
        test_fail(__FILE__, __LINE__, "%s is not found", check_invariant_name(invariant));
    }
    checker_free(checker);
    sample_close(&sample);
}

static bool spoil_read(struct history_event *event)
{
    if (event->type != HISTORY_OK || event->call.op != HISTORY_OP_READ_LEVEL) {
        return false;
    }
    event->call.buckets[HISTORY_ON_HAND]++;
    return true;
}

static bool spoil_grant(struct history_event *event)
{
    if (event->type != HISTORY_OK || event->call.status != STATUS_INSUFFICIENT_STOCK ||
        event->call.op != HISTORY_OP_ADJUST) {
        return false;
    }
    event->call.status = STATUS_OK;
    return true;
}

TEST(checks, linearizable_needs_reads_and_grants_that_an_order_explains)
{
    expect_found(spoil_read, CHECK_LINEARIZABLE);
    expect_found(spoil_grant, CHECK_LINEARIZABLE);
}

static bool spoil_row(struct history_event *event)
{
    if (event->type != HISTORY_MOVEMENT) {
        return false;
    }
    event->row.after[HISTORY_ON_HAND]++;
    return true;
}

static bool spoil_level(struct history_event *event)
{
    if (event->type != HISTORY_LEVEL) {
        return false;
    }
    event->row.after[HISTORY_HELD]++;
    return true;
}

static bool spoil_negative(struct history_event *event)
{
    if (event->type != HISTORY_MOVEMENT) {
        return false;
    }
    event->row.after[HISTORY_DAMAGED] = -1;
    return true;
}

static bool spoil_oversell(struct history_event *event)
{
    if (event->type != HISTORY_MOVEMENT || event->row.reason != 10) {
        return false;
    }
    event->row.after[HISTORY_HELD] += 1000;
    return true;
}

TEST(checks, the_ledger_adds_up_and_nothing_is_oversold)
{
    expect_found(spoil_row, CHECK_CONSERVATION);
    expect_found(spoil_level, CHECK_CONSERVATION);
    expect_found(spoil_negative, CHECK_OVERSOLD);
    expect_found(spoil_oversell, CHECK_OVERSOLD);
}

static bool spoil_lost(struct history_event *event)
{
    if (event->type != HISTORY_MOVEMENT || event->row.reason != 1) {
        return false;
    }
    event->row.request = 0;
    return true;
}

static bool spoil_twice(struct history_event *event)
{
    static uint64_t first;
    if (event->type != HISTORY_MOVEMENT || event->row.reason != 1) {
        return false;
    }
    if (first == 0 || event->row.request == first) {
        first = event->row.request;
        return false;
    }
    event->row.request = first;
    return true;
}

static bool spoil_stranger(struct history_event *event)
{
    if (event->type != HISTORY_MOVEMENT || event->row.reason != 1) {
        return false;
    }
    event->row.request = 123456789;
    return true;
}

TEST(checks, every_acknowledged_write_is_there_and_there_once)
{
    expect_found(spoil_lost, CHECK_LOST);
    expect_found(spoil_twice, CHECK_EXACTLY_ONCE);
    expect_found(spoil_stranger, CHECK_EXACTLY_ONCE);
}

static bool spoil_early(struct history_event *event)
{
    if (event->type != HISTORY_OK || event->call.hold_state != HISTORY_HOLD_EXPIRED) {
        return false;
    }
    event->call.end_ms = event->call.expire_ms - 1;
    return true;
}

static bool spoil_late(struct history_event *event)
{
    if (event->type != HISTORY_OK || event->call.hold_state != HISTORY_HOLD_EXPIRED) {
        return false;
    }
    event->call.hold_state = HISTORY_HOLD_HELD;
    return true;
}

static bool spoil_freed_twice(struct history_event *event)
{
    if (event->type != HISTORY_MOVEMENT || event->row.reason != 12) {
        return false;
    }
    event->row.after[HISTORY_HELD] -= 1;
    return true;
}

TEST(checks, holds_end_once_and_in_time)
{
    expect_found(spoil_early, CHECK_HOLDS);
    expect_found(spoil_late, CHECK_HOLDS);
    expect_found(spoil_freed_twice, CHECK_HOLDS);
}

static bool spoil_stale(struct history_event *event)
{
    if (event->type != HISTORY_OK || event->call.op != HISTORY_OP_READ_LEVEL) {
        return false;
    }
    event->call.index = 2;
    return true;
}

static bool spoil_session(struct history_event *event)
{
    event->call.session = true;
    return spoil_stale(event);
}

static bool spoil_time(struct history_event *event)
{
    if (event->type != HISTORY_OK) {
        return false;
    }
    event->call.log_ms -= 1000;
    return true;
}

TEST(checks, answers_never_go_back)
{
    expect_found(spoil_stale, CHECK_SESSION);
    expect_found(spoil_session, CHECK_SESSION);
    expect_found(spoil_time, CHECK_SESSION);
}

/* --- Raft -------------------------------------------------------------------------------- */

static struct history_event seen(enum history_type type, uint64_t replica, uint64_t index,
                                 uint64_t term, uint64_t hash)
{
    struct history_event event = {.type = type, .at_us = 1};
    event.replica = (struct history_replica){.replica = replica,
                                             .shard = 1,
                                             .index = index,
                                             .term = term,
                                             .hash = hash,
                                             .vote = hash,
                                             .last_index = index};
    return event;
}

static bool found_in(const struct history_event *events, uint32_t count,
                     enum check_invariant invariant)
{
    struct check_verdict verdict;
    struct checker *checker = sample_check(events, count, &verdict);
    bool found = sample_found(&verdict, invariant);
    EXPECT(found || verdict.violations_seen == 0);
    checker_free(checker);
    return found;
}

TEST(checks, raft_is_safe)
{
    struct history_event good[] = {
        seen(HISTORY_HARD, 1, 0, 1, 1),   seen(HISTORY_LEADER, 1, 0, 1, 0),
        seen(HISTORY_STORED, 1, 1, 1, 9), seen(HISTORY_STORED, 2, 1, 1, 9),
        seen(HISTORY_COMMIT, 1, 1, 1, 0), seen(HISTORY_ENTRY, 1, 1, 1, 9),
        seen(HISTORY_ENTRY, 2, 1, 1, 9),  seen(HISTORY_DIGEST, 1, 1, 1, 4),
        seen(HISTORY_DIGEST, 2, 1, 1, 4), seen(HISTORY_LEADER, 2, 1, 2, 0),
        seen(HISTORY_CRASH, 1, 0, 0, 0),  seen(HISTORY_ENTRY, 1, 1, 1, 9)};
    struct history_event bad;
    EXPECT(!found_in(good, 12, CHECK_RAFT));
#define EXPECT_BAD(place_, event_, invariant_)                                           \
    do {                                                                                 \
        bad = good[place_];                                                              \
        good[place_] = event_;                                                           \
        EXPECT(found_in(good, 12, invariant_));                                          \
        good[place_] = bad;                                                              \
    } while (0)
    EXPECT_BAD(9, seen(HISTORY_LEADER, 2, 1, 1, 0), CHECK_RAFT); /* two leaders */
    EXPECT_BAD(9, seen(HISTORY_LEADER, 3, 0, 2, 0), CHECK_RAFT); /* lacks index 1 */
    EXPECT_BAD(3, seen(HISTORY_STORED, 2, 1, 1, 8), CHECK_RAFT); /* log matching */
    EXPECT_BAD(11, seen(HISTORY_HARD, 1, 0, 1, 2), CHECK_RAFT);  /* votes twice */
    EXPECT_BAD(11, seen(HISTORY_HARD, 1, 0, 0, 0), CHECK_RAFT);  /* term falls */
    EXPECT_BAD(6, seen(HISTORY_ENTRY, 2, 1, 1, 8), CHECK_AGREEMENT);
    EXPECT_BAD(8, seen(HISTORY_DIGEST, 2, 1, 1, 5), CHECK_AGREEMENT);
    EXPECT_BAD(10, seen(HISTORY_COMMIT, 1, 0, 1, 0), CHECK_RAFT); /* commit falls */
}

TEST(checks, a_leader_without_what_was_applied_is_found_by_logs_alone)
{
    struct history_event good[] = {
        seen(HISTORY_STORED, 1, 1, 1, 9), seen(HISTORY_STORED, 2, 1, 1, 9),
        seen(HISTORY_STORED, 3, 1, 2, 7), seen(HISTORY_APPLIED, 1, 1, 0, 0),
        seen(HISTORY_LEADER, 2, 1, 3, 0)};
    EXPECT(!found_in(good, 5, CHECK_RAFT));
    good[4] = seen(HISTORY_LEADER, 3, 1, 3, 0); /* has another entry there */
    EXPECT(found_in(good, 5, CHECK_RAFT));
    good[2] = seen(HISTORY_DOUBT, 3, 1, 0, 0); /* who knows what it has */
    EXPECT(!found_in(good, 5, CHECK_RAFT));
}

TEST(checks, a_vote_is_told_to_one_candidate_of_a_term)
{
    struct history_event events[] = {
        seen(HISTORY_VOTE, 1, 0, 4, 0), seen(HISTORY_VOTE, 1, 0, 4, 0),
        seen(HISTORY_VOTE, 1, 0, 5, 0), seen(HISTORY_VOTE, 2, 0, 5, 0)};
    for (unsigned i = 0; i < 4; i++) {
        events[i].replica.vote = i < 2 ? 2 : 3;
    }
    EXPECT(!found_in(events, 4, CHECK_RAFT));
    events[1].replica.vote = 3;
    EXPECT(found_in(events, 4, CHECK_RAFT));
}

TEST(checks, members_are_those_of_the_log_that_was_applied)
{
    struct history_event events[] = {
        seen(HISTORY_MEMBERS, 1, 5, 0, 1), seen(HISTORY_MEMBERS, 1, 9, 0, 2),
        seen(HISTORY_MEMBERS, 2, 8, 0, 1), seen(HISTORY_MEMBERS, 2, 9, 0, 2)};
    for (unsigned i = 0; i < 4; i++) {
        events[i].replica.version = i % 2 + 1;
        events[i].replica.last_index = events[i].replica.index;
    }
    EXPECT(!found_in(events, 4, CHECK_AGREEMENT));
    events[3].replica.hash = 3; /* others of the same version */
    EXPECT(found_in(events, 4, CHECK_AGREEMENT));
    events[3].replica.version = 1; /* an older version, restored from somewhere */
    EXPECT(found_in(events, 4, CHECK_AGREEMENT));
}

/* --- Request ids, progress, verified items ------------------------------------------------ */

static void ask(struct history_event out[2], uint64_t at_us, uint64_t request,
                int64_t quantity, enum status status)
{
    out[0] = (struct history_event){.type = HISTORY_INVOKE, .at_us = at_us};
    out[0].call = (struct history_call){.number = at_us,
                                        .op = HISTORY_OP_OTHER,
                                        .request = request,
                                        .quantity = quantity};
    out[1] = out[0];
    out[1].type = HISTORY_OK;
    out[1].call.status = status;
    out[1].call.index = at_us;
}

TEST(checks, a_request_id_used_again_is_refused_or_answered_the_same)
{
    struct history_event events[4];
    ask(events, 1, 7, 1, STATUS_OK);
    ask(events + 2, 2, 7, 2, STATUS_REQUEST_ID_REUSED);
    EXPECT(!found_in(events, 4, CHECK_EXACTLY_ONCE));
    ask(events + 2, 2, 7, 2, STATUS_OK);
    EXPECT(found_in(events, 4, CHECK_EXACTLY_ONCE));
    ask(events + 2, 2, 7, 1, STATUS_OK); /* decided again */
    EXPECT(found_in(events, 4, CHECK_EXACTLY_ONCE));
    events[3].call.replayed = true;
    EXPECT(!found_in(events, 4, CHECK_EXACTLY_ONCE));
    ask(events + 2, 2, 7, 1, STATUS_NOT_FOUND);
    EXPECT(found_in(events, 4, CHECK_EXACTLY_ONCE));
}

TEST(checks, a_healed_world_gets_on_and_verified_items_have_stock)
{
    struct history_event events[3] = {{.type = HISTORY_HEALED, .at_us = 1}};
    ask(events + 1, 2, 7, 1, STATUS_OK);
    EXPECT(!found_in(events, 3, CHECK_PROGRESS));
    events[2].at_us = 61000002;
    EXPECT(found_in(events, 3, CHECK_PROGRESS));
    events[2].at_us = 3;
    events[1].call.op = events[2].call.op = HISTORY_OP_RECOMMEND;
    events[2].call.item_count = 1;
    EXPECT(found_in(events, 3, CHECK_VERIFIED));
}
