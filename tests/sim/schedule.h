/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The faults of a world as a list: drawn from the seed beforehand, so that a failing list
 * can be shortened, written down, and played again.
 *
 * A schedule as text: `# ` comments, then `world seed=N profile=P nodes=N minutes=M`, then
 * one fault a line: `at_ms kind target length_ms detail`.
 */
#ifndef SOUK_TESTS_SIM_SCHEDULE_H
#define SOUK_TESTS_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shard/base/status.h"

enum sim_profile {
    SIM_PROFILE_CALM = 0,
    SIM_PROFILE_CRASH = 1,
    SIM_PROFILE_NET = 2,
    SIM_PROFILE_DISK = 4,
    SIM_PROFILE_ALL = 7,
};

/* X(NAME, "name", profile, longest ms): length 0 is a blow, the others last. */
#define SIM_FAULT_TABLE(X)                                                               \
    X(KILL, "kill", CRASH, 0)                                                            \
    X(POWER, "power", CRASH, 0)                                                          \
    X(DOWN, "down", CRASH, 6000)                                                         \
    X(PAUSE, "pause", CRASH, 4000)                                                       \
    X(SLOW_NODE, "slow_node", CRASH, 5000)                                               \
    X(CLOCK_JUMP, "clock_jump", CRASH, 0)                                                \
    X(CLOCK_DRIFT, "clock_drift", CRASH, 10000)                                          \
    X(TRANSFER, "transfer", CRASH, 0)                                                    \
    X(DEMOTE, "demote", CRASH, 8000)                                                     \
    X(LOSE, "lose", NET, 6000)                                                           \
    X(REPEAT, "repeat", NET, 6000)                                                       \
    X(SLOW_LINE, "slow_line", NET, 6000)                                                 \
    X(CUT_ONE_WAY, "cut_one_way", NET, 5000)                                             \
    X(CUT_PAIR, "cut_pair", NET, 5000)                                                   \
    X(PARTITION, "partition", NET, 5000)                                                 \
    X(ISOLATE, "isolate", NET, 4000)                                                     \
    X(CUT_CLIENTS, "cut_clients", NET, 4000)                                             \
    X(LOSE_ANSWERS, "lose_answers", NET, 5000)                                           \
    X(SLOW_DISK, "slow_disk", DISK, 5000)                                                \
    X(STORE_STALL, "store_stall", DISK, 0)                                               \
    X(STORE_ERROR, "store_error", DISK, 0)                                               \
    X(DISK_FULL, "disk_full", DISK, 4000)                                                \
    X(NO_SPACE, "no_space", DISK, 3000)                                                  \
    X(DISK_ERROR, "disk_error", DISK, 0)                                                 \
    X(CUT_AT_VOTE, "cut_at_vote", CRASH, 8000)                                           \
    X(LEADERS_FALL, "leaders_fall", CRASH, 8000)                                         \
    X(CUT_AT_INSTALL, "cut_at_install", DISK, 8000)                                      \
    X(FLUSH_OTHERS, "flush_others", DISK, 0)

enum sim_fault_kind {
#define SIM_FAULT_ENUM(name, text, profile, longest) SIM_FAULT_##name,
    SIM_FAULT_TABLE(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
    SIM_FAULT_KINDS,
};
const char *sim_fault_name(enum sim_fault_kind kind);

struct sim_fault {
    uint64_t at_us; /* since the faults began */
    enum sim_fault_kind kind;
    uint32_t target; /* a node */
    uint64_t length_us;
    uint64_t detail; /* chance for whatever the kind has to choose */
};

enum {
    SIM_FAULTS_MAX = 100000,
    SIM_FAULT_MEAN_US = 2200000, /* between two of them */
};

struct sim_schedule {
    uint64_t seed;
    enum sim_profile profile;
    unsigned nodes;
    uint64_t minutes;
    struct sim_fault *faults;
    size_t count;
    size_t capacity;
};

void schedule_init(struct sim_schedule *schedule);
void schedule_close(struct sim_schedule *schedule);
void schedule_add(struct sim_schedule *schedule, const struct sim_fault *fault);
void schedule_copy(struct sim_schedule *to, const struct sim_schedule *from);
/* Draws the list of a seed. */
void schedule_draw(struct sim_schedule *schedule, uint64_t seed, enum sim_profile profile,
                   unsigned nodes, uint64_t minutes);
void schedule_write(const struct sim_schedule *schedule, FILE *file);
/* INVALID: not such a file; `problem` names the line. */
MUST_USE enum status schedule_read(struct sim_schedule *schedule, FILE *file,
                                   struct problem *problem);
bool sim_profile_parse(const char *name, enum sim_profile *out_profile);
const char *sim_profile_name(enum sim_profile profile);

#endif
