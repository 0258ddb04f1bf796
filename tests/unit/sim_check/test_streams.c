/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of streams and watches: sound histories pass, what breaks them is found. */
#include <string.h>

#include "tests/lib/test.h"
#include "tests/sim/check/check.h"

enum {
    UPDATES = 40,
};

struct told {
    struct checker *checker;
    uint64_t now_us;
};

static void stream(struct told *told, enum history_stream_kind kind, uint64_t sequence)
{
    struct history_event event = {.type = HISTORY_STREAM,
                                  .at_us = ++told->now_us,
                                  .stream = {.kind = kind,
                                             .source = 1,
                                             .epoch = 2,
                                             .sequence = sequence,
                                             .shard = 1 + sequence % 2,
                                             .index = sequence * 3,
                                             .wanted = 4,
                                             .added = 4}};
    checker_event(told->checker, &event);
}

static void feed(struct told *told, enum history_feed_kind kind, uint64_t index,
                 uint32_t sub)
{
    struct history_event event = {
        .type = HISTORY_FEED,
        .at_us = ++told->now_us,
        .feed = {.kind = kind, .watch = 3, .shard = 2, .index = index, .sub = sub}};
    checker_event(told->checker, &event);
}

/* Sent and acknowledged but for the last few; then the ledger, without one, or with one
 * twice; 0: as it should be. */
static void tell_stream(struct told *told, uint64_t missing, uint64_t twice)
{
    stream(told, HISTORY_STREAM_SENT, UPDATES);
    stream(told, HISTORY_STREAM_ACKED, UPDATES - 5);
    for (uint64_t at = 1; at <= UPDATES; at++) {
        if (at != missing) {
            stream(told, HISTORY_STREAM_ROW, at);
        }
        if (at == twice) {
            stream(told, HISTORY_STREAM_ROW, at);
        }
    }
}

static void expect_end(struct told *told, enum check_invariant invariant)
{
    struct check_verdict verdict;
    checker_verdict(told->checker, &verdict);
    if (invariant == CHECK_INVARIANTS) {
        EXPECT_EQ(verdict.violations_seen, 0);
    } else {
        EXPECT(verdict.violation_count > 0);
        EXPECT_EQ(verdict.violations[0].invariant, invariant);
    }
    checker_free(told->checker);
}

TEST(streams, a_sound_one_passes_with_or_without_what_was_never_acknowledged)
{
    struct told told = {.checker = checker_new(NULL)};
    tell_stream(&told, 0, 0);
    expect_end(&told, CHECK_INVARIANTS);
    told.checker = checker_new(NULL);
    tell_stream(&told, UPDATES - 2, 0);
    expect_end(&told, CHECK_INVARIANTS);
}

TEST(streams, an_acknowledged_update_that_is_not_there_is_lost)
{
    struct told told = {.checker = checker_new(NULL)};
    tell_stream(&told, 7, 0);
    expect_end(&told, CHECK_LOST);
}

TEST(streams, an_update_that_is_there_twice_is_found)
{
    struct told told = {.checker = checker_new(NULL)};
    tell_stream(&told, 0, 7);
    expect_end(&told, CHECK_STREAMS);
}

TEST(streams, an_update_that_nobody_sent_is_found)
{
    struct told told = {.checker = checker_new(NULL)};
    tell_stream(&told, 0, 0);
    stream(&told, HISTORY_STREAM_ROW, UPDATES + 1);
    expect_end(&told, CHECK_STREAMS);
    told.checker = checker_new(NULL);
    stream(&told, HISTORY_STREAM_SENT, 3);
    stream(&told, HISTORY_STREAM_ACKED, 4);
    expect_end(&told, CHECK_STREAMS);
}

TEST(streams, updates_of_a_shard_that_change_places_are_found)
{
    struct told told = {.checker = checker_new(NULL)};
    stream(&told, HISTORY_STREAM_SENT, 5);
    stream(&told, HISTORY_STREAM_ROW, 3);
    stream(&told, HISTORY_STREAM_ROW, 1);
    expect_end(&told, CHECK_STREAMS);
}

TEST(feed, a_watch_that_is_told_everything_since_it_began_passes)
{
    struct told told = {.checker = checker_new(NULL)};
    feed(&told, HISTORY_FEED_FROM, 5, 1);
    feed(&told, HISTORY_FEED_SEEN, 5, 1);
    feed(&told, HISTORY_FEED_SEEN, 9, 0);
    feed(&told, HISTORY_FEED_UPTO, 10, 0);
    for (uint64_t index = 1; index < 14; index += 4) {
        feed(&told, HISTORY_FEED_ROW, index, 0);
        if (index == 5) {
            feed(&told, HISTORY_FEED_ROW, index, 1);
        }
    }
    expect_end(&told, CHECK_INVARIANTS);
}

TEST(feed, a_row_that_a_watch_was_not_told_is_found)
{
    struct told told = {.checker = checker_new(NULL)};
    feed(&told, HISTORY_FEED_FROM, 1, 0);
    feed(&told, HISTORY_FEED_SEEN, 5, 0);
    feed(&told, HISTORY_FEED_UPTO, 10, 0);
    feed(&told, HISTORY_FEED_ROW, 5, 0);
    feed(&told, HISTORY_FEED_ROW, 5, 1);
    expect_end(&told, CHECK_FEED);
}

TEST(feed, what_is_told_and_not_there_or_out_of_order_is_found)
{
    struct told told = {.checker = checker_new(NULL)};
    feed(&told, HISTORY_FEED_FROM, 1, 0);
    feed(&told, HISTORY_FEED_SEEN, 5, 0);
    feed(&told, HISTORY_FEED_SEEN, 6, 0);
    feed(&told, HISTORY_FEED_UPTO, 10, 0);
    feed(&told, HISTORY_FEED_ROW, 5, 0);
    expect_end(&told, CHECK_FEED);
    told.checker = checker_new(NULL);
    feed(&told, HISTORY_FEED_FROM, 1, 0);
    feed(&told, HISTORY_FEED_SEEN, 6, 0);
    feed(&told, HISTORY_FEED_SEEN, 5, 0);
    expect_end(&told, CHECK_FEED);
}
