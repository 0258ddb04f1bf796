/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/crash_model.h"
#include "tests/lib/test.h"

enum {
    SEEDS = 2500,
    SEEDS_WITH_FAULT = 200,
};

static struct crash_plan plan(uint64_t seed)
{
    return (struct crash_plan){
        .seed = seed,
        .writers = 4 + (unsigned)(seed % 5),
        .things = 20,
        .crashes = 3,
        .lose_power = true,
        .segment_bytes = seed % 2 == 0 ? 64 << 10 : 256 << 10,
        .flush_percent = seed % 3 == 0 ? 0 : 60,
    };
}

static void expect_sound(const struct crash_plan *plan, struct crash_report *total)
{
    struct crash_report report;
    crash_run(plan, &report);
    if (!report.sound) {
        test_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)plan->seed,
                  report.why);
    }
    total->things += report.things;
    total->asked_again += report.asked_again;
    total->replayed += report.replayed;
    total->crashes += report.crashes;
}

TEST(crash, loses_no_answered_write_and_does_none_twice)
{
    struct crash_report total = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct crash_plan power = plan(seed);
        expect_sound(&power, &total);
    }
    /* The test would prove nothing if nobody had to ask again, or nothing had survived
     * unanswered. */
    EXPECT(total.crashes > SEEDS * 3);
    EXPECT(total.asked_again > SEEDS);
    EXPECT(total.replayed > SEEDS / 4);
    fprintf(stderr,
            "%u seeds: %llu things, %u crashes, %llu asked again, %llu replayed\n",
            (unsigned)SEEDS, (unsigned long long)total.things, total.crashes,
            (unsigned long long)total.asked_again, (unsigned long long)total.replayed);
}

TEST(crash, of_the_process_alone_loses_only_the_state_not_yet_written)
{
    struct crash_report total = {0};
    for (uint64_t seed = 1; seed <= SEEDS_WITH_FAULT; seed++) {
        struct crash_plan kill = plan(seed);
        kill.lose_power = false;
        expect_sound(&kill, &total);
    }
    EXPECT(total.asked_again > SEEDS_WITH_FAULT);
}

TEST(crash, is_noticed_when_the_log_is_not_synced)
{
    unsigned noticed = 0;
    for (uint64_t seed = 1; seed <= SEEDS_WITH_FAULT; seed++) {
        struct crash_plan faulty = plan(seed);
        faulty.ignore_syncs = true;
        struct crash_report report;
        crash_run(&faulty, &report);
        noticed += !report.sound;
    }
    fprintf(stderr, "without the sync: %u of %u seeds are red\n", noticed,
            (unsigned)SEEDS_WITH_FAULT);
    EXPECT(noticed > SEEDS_WITH_FAULT / 2);
}
