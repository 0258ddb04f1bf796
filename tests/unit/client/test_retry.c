/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/retry.h"
#include "tests/lib/test.h"

enum {
    SEED = 7,
    SECOND_US = 1000000,
};

static struct retry_attempt attempt(enum status status)
{
    return (struct retry_attempt){
        .attempts = 1,
        .attempts_max = 5,
        .status = status,
        .code = status_code(status),
        .now_us = 100 * SECOND_US,
        .deadline_us = 110 * SECOND_US,
    };
}

static bool wanted(struct retry_attempt given, uint64_t *out_start_us)
{
    struct rng rng;
    rng_init(&rng, SEED);
    return retry_wanted(&given, &rng, out_start_us);
}

TEST(retry, repeats_what_the_status_table_calls_repeatable)
{
    uint64_t start_us = 0;
    EXPECT(wanted(attempt(STATUS_OVERLOADED), &start_us));
    EXPECT(wanted(attempt(STATUS_DRAINING), &start_us));
    EXPECT(wanted(attempt(STATUS_STOCK_CONTENDED), &start_us));
    EXPECT(wanted(attempt(STATUS_OUTCOME_UNKNOWN), &start_us));
}

TEST(retry, leaves_decided_refusals_alone)
{
    uint64_t start_us = 0;
    EXPECT(!wanted(attempt(STATUS_INSUFFICIENT_STOCK), &start_us));
    EXPECT(!wanted(attempt(STATUS_NOT_FOUND), &start_us));
    EXPECT(!wanted(attempt(STATUS_TOO_LARGE), &start_us));
    EXPECT(!wanted(attempt(STATUS_ETAG_MISMATCH), &start_us));
}

TEST(retry, repeats_unavailable_also_for_a_reason_it_has_no_word_for)
{
    struct retry_attempt given = attempt(STATUS_INTERNAL);
    uint64_t start_us = 0;
    given.code = STATUS_CODE_UNAVAILABLE;
    EXPECT(wanted(given, &start_us));
}

TEST(retry, stops_at_the_number_of_attempts)
{
    struct retry_attempt given = attempt(STATUS_OVERLOADED);
    uint64_t start_us = 0;
    given.attempts = 5;
    EXPECT(!wanted(given, &start_us));
}

TEST(retry, never_starts_past_the_deadline)
{
    struct retry_attempt given = attempt(STATUS_OVERLOADED);
    uint64_t start_us = 0;
    given.deadline_us = given.now_us + 1000;
    EXPECT(!wanted(given, &start_us));
    given.deadline_us = given.now_us + 3 * SECOND_US;
    given.retry_after_ms = 3000;
    EXPECT(!wanted(given, &start_us));
}

TEST(retry, waits_at_least_as_long_as_the_server_asks)
{
    struct retry_attempt given = attempt(STATUS_OVERLOADED);
    uint64_t start_us = 0;
    given.retry_after_ms = 700;
    EXPECT(wanted(given, &start_us));
    EXPECT(start_us >= given.now_us + 700000);
    EXPECT(start_us <= given.now_us + 700000 + RETRY_PAUSE_FIRST_MS * 1000);
}

TEST(retry, pauses_grow_to_a_ceiling_and_differ)
{
    struct rng rng;
    uint32_t most[12] = {0}, least[12];
    rng_init(&rng, SEED);
    for (uint32_t attempts = 1; attempts < 12; attempts++) {
        least[attempts] = UINT32_MAX;
        for (int i = 0; i < 1000; i++) {
            uint32_t pause_ms = retry_pause_ms(attempts, &rng);
            most[attempts] = pause_ms > most[attempts] ? pause_ms : most[attempts];
            least[attempts] = pause_ms < least[attempts] ? pause_ms : least[attempts];
        }
        EXPECT(least[attempts] >= RETRY_PAUSE_FLOOR_MS);
        EXPECT(most[attempts] <= RETRY_PAUSE_MOST_MS);
        EXPECT(most[attempts] > 2 * least[attempts]);
    }
    EXPECT(most[1] <= RETRY_PAUSE_FIRST_MS);
    EXPECT(most[11] > RETRY_PAUSE_MOST_MS / 2);
}
