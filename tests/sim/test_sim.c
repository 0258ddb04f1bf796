/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

static struct sim_world *run(struct sim_options options)
{
    struct sim_world *world = memory_zalloc(sizeof *world);
    world_run(world, &options);
    return world;
}

static void run_close(struct sim_world *world)
{
    world_close(world);
    free(world);
}

TEST(sim_event, comes_in_the_order_of_time_and_of_planning)
{
    struct sim_heap heap;
    struct sim_event event;
    sim_heap_init(&heap);
    for (uint32_t i = 0; i < 1000; i++) {
        sim_heap_push(&heap, (struct sim_event){.at_us = i * 7919 % 10, .target = i});
    }
    uint64_t at_us = 0, sequence = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        EXPECT(sim_heap_pop(&heap, &event));
        EXPECT(event.at_us > at_us ||
               (event.at_us == at_us && event.sequence > sequence));
        at_us = event.at_us;
        sequence = event.sequence;
    }
    EXPECT(!sim_heap_pop(&heap, &event));
    sim_heap_close(&heap);
}

TEST(sim_clock, tells_when_it_will_have_reached_a_time)
{
    struct sim_clock clock = {.anchor_us = 5000, .monotonic_us = 77, .drift_ppm = -20000};
    for (uint64_t monotonic_us = 77; monotonic_us < 5000000; monotonic_us += 12345) {
        uint64_t when = sim_clock_when(&clock, monotonic_us);
        EXPECT(sim_clock_read(&clock, when).monotonic_us >= monotonic_us);
        EXPECT(sim_clock_read(&clock, when).monotonic_us <= monotonic_us + 2);
    }
    sim_clock_set(&clock, 9000, -5000000, 300);
    EXPECT_EQ(sim_clock_read(&clock, 9000).monotonic_us, 77 + 4000 * 98 / 100);
    EXPECT(sim_clock_read(&clock, 9000).wall_ms < SIM_WALL_START_MS - 4000);
}

TEST(sim_schedule, reads_back_what_it_wrote_and_names_a_bad_line)
{
    struct sim_schedule drawn, read;
    struct problem problem = {0};
    schedule_draw(&drawn, 42, SIM_PROFILE_ALL, 3, 2);
    EXPECT(drawn.count > 10);
    FILE *file = tmpfile();
    schedule_write(&drawn, file);
    rewind(file);
    EXPECT_OK(schedule_read(&read, file, &problem));
    EXPECT_EQ(read.count, drawn.count);
    for (size_t i = 0; i < read.count; i++) {
        EXPECT_EQ(read.faults[i].at_us, drawn.faults[i].at_us);
        EXPECT_EQ(read.faults[i].kind, drawn.faults[i].kind);
        EXPECT_EQ(read.faults[i].length_us, drawn.faults[i].length_us);
        EXPECT_EQ(read.faults[i].detail, drawn.faults[i].detail);
    }
    schedule_close(&read);
    fputs("5 no_such_fault 0 0 0\n", file);
    rewind(file);
    EXPECT_EQ(schedule_read(&read, file, &problem), STATUS_INVALID);
    EXPECT(strstr(problem.message, "line") != NULL);
    schedule_close(&read);
    schedule_close(&drawn);
    fclose(file);
}

TEST(sim_world, is_sound_under_all_faults_and_uses_every_kind_of_operation)
{
    uint64_t operations[SIM_OPERATION_KINDS] = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_world *world = run((struct sim_options){
            .seed = seed, .profile = SIM_PROFILE_ALL, .nodes = 3, .minutes = 1});
        EXPECT(!world->history.violation.found);
        EXPECT_EQ(world->phase, SIM_PHASE_OVER);
        EXPECT(world->counts.ok > 500);
        for (unsigned i = 0; i < SIM_OPERATION_KINDS; i++) {
            operations[i] += world->counts.operations[i];
        }
        run_close(world);
    }
    for (unsigned i = 0; i < SIM_OPERATION_KINDS; i++) {
        EXPECT(operations[i] > 0);
    }
}

TEST(sim_world, changes_members_and_rebuilds_what_its_checksums_refuse)
{
    struct sim_counts sum = {0};
    for (uint64_t seed = 101; seed <= 110; seed++) {
        struct sim_world *world = run((struct sim_options){
            .seed = seed, .profile = SIM_PROFILE_ALL, .nodes = 3, .minutes = 1});
        EXPECT(!world->history.violation.found);
        EXPECT_EQ(world->node_count, 4);
        sum.joined += world->counts.joined;
        sum.removed += world->counts.removed;
        sum.rebuilt += world->counts.rebuilt;
        sum.found += world->counts.found;
        sum.harmless += world->counts.harmless;
        sum.dropped += world->counts.dropped;
        run_close(world);
    }
    EXPECT(sum.joined > 10);
    EXPECT(sum.removed > 10);
    EXPECT(sum.rebuilt > 10);
    EXPECT(sum.found > 5);
    EXPECT(sum.harmless > 0);
    EXPECT(sum.dropped > 0);
}

TEST(sim_world, happens_alike_from_the_same_seed_and_otherwise_from_another)
{
    struct sim_options options = {
        .seed = 3, .profile = SIM_PROFILE_ALL, .nodes = 3, .minutes = 1};
    struct sim_world *first = run(options);
    struct sim_world *second = run(options);
    options.seed = 4;
    struct sim_world *third = run(options);
    EXPECT_EQ(first->counts.events, second->counts.events);
    EXPECT_EQ(first->now_us, second->now_us);
    EXPECT(first->counts.events != third->counts.events);
    run_close(first);
    run_close(second);
    run_close(third);
}

TEST(sim_world, plays_a_schedule_that_was_written_down)
{
    struct sim_options options = {
        .seed = 5, .profile = SIM_PROFILE_ALL, .nodes = 3, .minutes = 1};
    struct sim_world *drawn = run(options);
    options.schedule = &drawn->schedule;
    struct sim_world *played = run(options);
    EXPECT_EQ(drawn->counts.events, played->counts.events);
    EXPECT_EQ(drawn->counts.ok, played->counts.ok);
    run_close(played);
    run_close(drawn);
}
