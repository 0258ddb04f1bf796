/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/plot.h"

#include <string.h>

#include "tests/sim/chance.h"

enum {
    SECOND_US = 1000000,
};

void variant_draw(uint64_t seed, enum sim_profile profile,
                  struct sim_variant *out_variant)
{
    static const uint32_t ticks_ms[] = {10, 10, 20, 50};
    static const size_t message_bytes[] = {1, 1, 500, 0}; /* 1: an entry each */
    struct rng rng;
    sim_stream_init(&rng, seed, SIM_STREAM_VARIANT);
    memset(out_variant, 0, sizeof *out_variant);
    if (profile == SIM_PROFILE_ALL && sim_percent(&rng, SIM_STORMY_PERCENT)) {
        out_variant->stormy = true;
        out_variant->raft_tick_ms = ticks_ms[rng_below(&rng, 4)];
        out_variant->raft_message_bytes = message_bytes[rng_below(&rng, 4)];
    }
}

/* --- Plots ----------------------------------------------------------------------------- */

struct plot {
    struct sim_schedule *schedule;
    struct rng rng;
    uint64_t at_us;
    uint64_t end_us; /* of the faults */
};

static void plot_add(struct plot *plot, enum sim_fault_kind kind, unsigned target,
                     uint64_t after_us, uint64_t length_us)
{
    struct sim_fault fault = {.at_us = (plot->at_us + after_us) / 1000 * 1000,
                              .kind = kind,
                              .target = target % plot->schedule->nodes,
                              .length_us = length_us / 1000 * 1000,
                              .detail = rng_next(&plot->rng)};
    if (fault.at_us < plot->end_us && plot->schedule->count < SIM_FAULTS_MAX) {
        schedule_add(plot->schedule, &fault);
    }
}

static unsigned plot_node(struct plot *plot)
{
    return (unsigned)rng_below(&plot->rng, plot->schedule->nodes);
}

/* Whoever leads falls before all others have heard what it has to say, and comes back with
 * entries that nobody else has (the paper's figure 8). */
static void plot_succession(struct plot *plot)
{
    plot_add(plot, SIM_FAULT_LEADERS_FALL, plot_node(plot), 0,
             sim_between(&plot->rng, 3 * SECOND_US, 8 * SECOND_US));
}

/* Candidates that do not hear of each other ask those who lose power as they answer. */
static void plot_votes(struct plot *plot)
{
    uint64_t length_us = sim_between(&plot->rng, 2 * SECOND_US, 6 * SECOND_US);
    plot_succession(plot);
    for (unsigned node = 0; node < plot->schedule->nodes; node++) {
        plot_add(plot, SIM_FAULT_CUT_AT_VOTE, node, 0, length_us);
        if (sim_percent(&plot->rng, 30)) {
            plot_add(plot, SIM_FAULT_SLOW_LINE, node, 0, length_us);
        }
    }
}

/* One is away while the members change and the logs are cut, and is struck as it catches
 * up, and again once it has. */
static void plot_left_behind(struct plot *plot)
{
    unsigned target = plot_node(plot);
    uint64_t away_us = sim_between(&plot->rng, SECOND_US, 4 * SECOND_US);
    uint64_t back_us = away_us + SECOND_US / 2;
    plot_add(plot, SIM_FAULT_DOWN, target, 0, back_us);
    plot_add(plot, SIM_FAULT_DEMOTE, target + 1, away_us / 2, 8 * SECOND_US);
    plot_add(plot, SIM_FAULT_FLUSH_OTHERS, target, away_us, 0);
    plot_add(plot, SIM_FAULT_FLUSH_OTHERS, target, back_us, 0);
    if (sim_percent(&plot->rng, 50)) {
        plot_add(plot, SIM_FAULT_CUT_AT_INSTALL, target, back_us, 4 * SECOND_US);
    }
    plot_add(plot, SIM_FAULT_KILL, target,
             back_us + sim_between(&plot->rng, SECOND_US, 3 * SECOND_US), 0);
}

/* Some only follow, and partitions leave them with the leader. */
static void plot_learners(struct plot *plot)
{
    unsigned target = plot_node(plot);
    uint64_t length_us = sim_between(&plot->rng, 6 * SECOND_US, 10 * SECOND_US);
    for (unsigned i = 0; i < (plot->schedule->nodes - 1) / 2; i++) {
        plot_add(plot, SIM_FAULT_DEMOTE, target + i, i * SECOND_US / 4, length_us);
    }
    for (uint64_t at_us = SECOND_US; at_us < length_us; at_us += 2 * SECOND_US) {
        plot_add(plot, SIM_FAULT_PARTITION, plot_node(plot), at_us,
                 sim_between(&plot->rng, SECOND_US / 2, 2 * SECOND_US));
    }
}

void plot_draw(struct sim_schedule *schedule)
{
    static void (*const plots[])(struct plot *) = {plot_succession, plot_votes,
                                                   plot_left_behind, plot_learners};
    struct sim_variant variant;
    struct plot plot = {.schedule = schedule, .end_us = schedule->minutes * 60000000};
    variant_draw(schedule->seed, schedule->profile, &variant);
    if (!variant.stormy) {
        return;
    }
    sim_stream_init(&plot.rng, schedule->seed, SIM_STREAM_PLOT);
    for (;;) {
        plot.at_us += sim_wait(&plot.rng, SIM_PLOT_MEAN_US);
        if (plot.at_us >= plot.end_us) {
            return;
        }
        plots[rng_below(&plot.rng, sizeof plots / sizeof plots[0])](&plot);
    }
}
