/* SPDX-License-Identifier: Apache-2.0 */
/* The search for an order of operations, beside one that tries every order there is. */
#include <time.h>

#include "tests/lib/test.h"
#include "tests/sim/check/sku_model.h"
#include "tests/unit/sim_check/sample.h"

enum {
    BRUTE_CALLS = 8,
};

struct brute_call {
    struct history_call asked, told;
    uint32_t begin, end;
    bool open;
};

/* Every order of every subset of the open ones: no cache, no cut, no cleverness. */
static bool brute_orders(const struct brute_call *calls, unsigned count, unsigned done,
                         const struct sku_state *state)
{
    _Alignas(16) char bytes[sizeof *state + (BRUTE_CALLS + 1) * sizeof state->holds[0]];
    struct sku_state *after = (void *)bytes;
    bool all = true;
    for (unsigned i = 0; i < count; i++) {
        all = all && ((done >> i & 1) || calls[i].open);
    }
    if (all) {
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        bool may = !(done >> i & 1);
        for (unsigned j = 0; j < count; j++) {
            may = may &&
                  ((done >> j & 1) || calls[j].open || calls[j].end > calls[i].begin);
        }
        memcpy(after, state, sku_state_bytes(state->hold_count));
        if (may &&
            (calls[i].open ? sku_model_open(after, 0, &calls[i].asked, 0)
                           : sku_model_told(after, 0, &calls[i].asked, &calls[i].told)) &&
            brute_orders(calls, count, done | 1u << i, after)) {
            return true;
        }
    }
    return false;
}

static bool brute_linearizable(const struct history_event *events, uint32_t count)
{
    struct brute_call calls[BRUTE_CALLS];
    struct sku_state state;
    unsigned call_count = 0;
    memset(&state, 0, sizeof state);
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].type == HISTORY_INVOKE) {
            calls[call_count++] = (struct brute_call){
                .asked = events[i].call, .begin = i, .end = UINT32_MAX, .open = true};
            continue;
        }
        for (unsigned j = 0; j < call_count; j++) {
            if (calls[j].asked.number == events[i].call.number &&
                events[i].type == HISTORY_OK) {
                calls[j].told = events[i].call;
                calls[j].end = i;
                calls[j].open = false;
            }
        }
    }
    return brute_orders(calls, call_count, 0, &state);
}

/* Holds without end, so that log time plays no part, and no stamps. */
static void small_history(struct sample *sample, uint64_t seed)
{
    sample_init(sample, seed);
    sample->stamps = false;
    sample->skus = 1;
    sample->clients = 3;
    sample->lost_of = seed % 3 == 0 ? 5 : 0;
    sample_run(sample, BRUTE_CALLS, false);
    for (uint32_t i = 0; i < sample->event_count; i++) {
        struct history_call *call = &sample->events[i].call;
        call->ttl_ms = 0;
        if (call->has_hold) {
            call->expire_ms = INT64_MAX / 2;
        }
    }
}

static void perturb(struct sample *sample)
{
    struct history_call *call;
    unsigned tries = 0;
    do {
        call = &sample->events[rng_below(&sample->rng, sample->event_count)].call;
    } while (!call->has_level && ++tries < 50);
    if (call->has_level) {
        call->buckets[HISTORY_ON_HAND] += (int64_t)rng_below(&sample->rng, 9) - 4;
    }
}

TEST(linear, finds_what_trying_every_order_finds)
{
    unsigned wrong = 0, right = 0;
    for (uint64_t seed = 1; seed <= 6000; seed++) {
        struct sample sample;
        struct check_verdict verdict;
        struct checker *checker;
        bool wanted;
        small_history(&sample, seed);
        if (seed % 2 == 0) {
            perturb(&sample);
        }
        wanted = brute_linearizable(sample.events, sample.event_count);
        checker = sample_check(sample.events, sample.event_count, &verdict);
        if (sample_found(&verdict, CHECK_LINEARIZABLE) == wanted ||
            verdict.unknown != 0) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": linearizable %d", seed,
                      wanted);
        }
        wrong += !wanted;
        right += wanted;
        checker_free(checker);
        sample_close(&sample);
    }
    printf("linearizable %u, not %u\n", right, wrong);
    EXPECT(right > 1000 && wrong > 300);
}

TEST(linear, a_valid_history_never_alarms_whatever_answers_are_lost)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sample sample;
        struct check_verdict verdict;
        struct checker *checker;
        sample_init(&sample, seed);
        sample.lost_of = seed % 2 == 0 ? 60 : 0;
        sample_run(&sample, 1500, true);
        checker = sample_check(sample.events, sample.event_count, &verdict);
        if (verdict.violations_seen != 0) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %s: %s", seed,
                      check_invariant_name(verdict.violations[0].invariant),
                      verdict.violations[0].text);
        }
        EXPECT(verdict.searches > 20);
        EXPECT_EQ(verdict.unknown, 0);
        EXPECT_EQ(verdict.forgotten, 0);
        checker_free(checker);
        sample_close(&sample);
    }
}

TEST(linear, all_checkers_keep_up_with_a_simulated_world)
{
    struct sample sample;
    struct check_verdict verdict;
    struct checker *checker;
    clock_t begin;
    double seconds;
    sample_init(&sample, 1);
    sample.lost_of = 1000;
    sample_run(&sample, 60000, true);
    begin = clock();
    checker = sample_check(sample.events, sample.event_count, &verdict);
    seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("%" PRIu64 " operations, %.0f a second; %" PRIu64 " states, %" PRIu64
           " unknown of %" PRIu64 " searches\n",
           verdict.calls, (double)verdict.calls / seconds, verdict.states,
           verdict.unknown, verdict.searches);
    EXPECT_EQ(verdict.violations_seen, 0);
    checker_free(checker);
    sample_close(&sample);
}
