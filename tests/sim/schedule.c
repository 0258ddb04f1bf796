/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/schedule.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/chance.h"
#include "tests/sim/plot.h"

enum {
    LINE_BYTES = 256,
    NAME_BYTES = 32,
    LEAST_LENGTH_US = 100000,
};

static const struct {
    const char *name;
    unsigned profile;
    uint64_t longest_us;
} fault_table[SIM_FAULT_KINDS] = {
#define FAULT_ROW(id, text, profile, longest)                                            \
    {text, SIM_PROFILE_##profile, (uint64_t)(longest)*1000},
    SIM_FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

static const struct {
    const char *name;
    enum sim_profile profile;
} profile_table[] = {
    {"calm", SIM_PROFILE_CALM}, {"crash", SIM_PROFILE_CRASH}, {"net", SIM_PROFILE_NET},
    {"disk", SIM_PROFILE_DISK}, {"all", SIM_PROFILE_ALL},
};

const char *sim_fault_name(enum sim_fault_kind kind)
{
    return fault_table[kind].name;
}

bool sim_profile_parse(const char *name, enum sim_profile *out_profile)
{
    for (size_t i = 0; i < sizeof profile_table / sizeof profile_table[0]; i++) {
        if (strcmp(profile_table[i].name, name) == 0) {
            *out_profile = profile_table[i].profile;
            return true;
        }
    }
    return false;
}

const char *sim_profile_name(enum sim_profile profile)
{
    for (size_t i = 0; i < sizeof profile_table / sizeof profile_table[0]; i++) {
        if (profile_table[i].profile == profile) {
            return profile_table[i].name;
        }
    }
    return "?";
}

void schedule_init(struct sim_schedule *schedule)
{
    memset(schedule, 0, sizeof *schedule);
}

void schedule_close(struct sim_schedule *schedule)
{
    free(schedule->faults);
    memset(schedule, 0, sizeof *schedule);
}

void schedule_add(struct sim_schedule *schedule, const struct sim_fault *fault)
{
    void *faults = schedule->faults;
    memory_reserve(&faults, &schedule->capacity, schedule->count + 1, sizeof *fault);
    schedule->faults = faults;
    schedule->faults[schedule->count++] = *fault;
}

void schedule_copy(struct sim_schedule *to, const struct sim_schedule *from)
{
    *to = (struct sim_schedule){.seed = from->seed,
                                .profile = from->profile,
                                .nodes = from->nodes,
                                .minutes = from->minutes};
    for (size_t i = 0; i < from->count; i++) {
        schedule_add(to, &from->faults[i]);
    }
}

static enum sim_fault_kind draw_kind(struct rng *rng, enum sim_profile profile)
{
    for (;;) {
        enum sim_fault_kind kind = (enum sim_fault_kind)rng_below(rng, SIM_FAULT_KINDS);
        if ((fault_table[kind].profile & profile) != 0) {
            return kind;
        }
    }
}

void schedule_draw(struct sim_schedule *schedule, uint64_t seed, enum sim_profile profile,
                   unsigned nodes, uint64_t minutes)
{
    struct rng rng;
    uint64_t end_us = minutes * 60000000;
    *schedule = (struct sim_schedule){
        .seed = seed, .profile = profile, .nodes = nodes, .minutes = minutes};
    sim_stream_init(&rng, seed, SIM_STREAM_NEMESIS);
    uint64_t at_us = 0;
    while (profile != SIM_PROFILE_CALM && schedule->count < SIM_FAULTS_MAX) {
        at_us += sim_wait(&rng, SIM_FAULT_MEAN_US);
        struct sim_fault fault = {.at_us = at_us / 1000 * 1000,
                                  .kind = draw_kind(&rng, profile),
                                  .target = (uint32_t)rng_below(&rng, nodes)};
        uint64_t longest_us = fault_table[fault.kind].longest_us;
        fault.length_us =
            longest_us == 0
                ? 0
                : sim_between(&rng, LEAST_LENGTH_US, longest_us) / 1000 * 1000;
        fault.detail = rng_next(&rng);
        if (at_us >= end_us) {
            break;
        }
        schedule_add(schedule, &fault);
    }
    plot_draw(schedule);
}

/* --- As text --------------------------------------------------------------------------- */

void schedule_write(const struct sim_schedule *schedule, FILE *file)
{
    fprintf(file, "world seed=%" PRIu64 " profile=%s nodes=%u minutes=%" PRIu64 "\n",
            schedule->seed, sim_profile_name(schedule->profile), schedule->nodes,
            schedule->minutes);
    for (size_t i = 0; i < schedule->count; i++) {
        const struct sim_fault *fault = &schedule->faults[i];
        fprintf(file, "%" PRIu64 " %s %u %" PRIu64 " %" PRIu64 "\n", fault->at_us / 1000,
                sim_fault_name(fault->kind), fault->target, fault->length_us / 1000,
                fault->detail);
    }
}

static bool read_world(struct sim_schedule *schedule, const char *line)
{
    char profile[NAME_BYTES];
    return sscanf(line, "world seed=%" SCNu64 " profile=%31s nodes=%u minutes=%" SCNu64,
                  &schedule->seed, profile, &schedule->nodes, &schedule->minutes) == 4 &&
           sim_profile_parse(profile, &schedule->profile);
}

static bool read_fault(struct sim_schedule *schedule, const char *line)
{
    char name[NAME_BYTES];
    struct sim_fault fault = {0};
    if (schedule->count == SIM_FAULTS_MAX ||
        sscanf(line, "%" SCNu64 " %31s %u %" SCNu64 " %" SCNu64, &fault.at_us, name,
               &fault.target, &fault.length_us, &fault.detail) != 5) {
        return false;
    }
    unsigned kind = 0;
    while (kind < SIM_FAULT_KINDS && strcmp(fault_table[kind].name, name) != 0) {
        kind++;
    }
    if (kind == SIM_FAULT_KINDS || fault.target >= schedule->nodes) {
        return false;
    }
    fault.kind = (enum sim_fault_kind)kind;
    fault.at_us *= 1000;
    fault.length_us *= 1000;
    schedule_add(schedule, &fault);
    return true;
}

enum status schedule_read(struct sim_schedule *schedule, FILE *file,
                          struct problem *problem)
{
    char line[LINE_BYTES];
    bool begun = false;
    schedule_init(schedule);
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        bool good = begun ? read_fault(schedule, line) : read_world(schedule, line);
        begun = true;
        if (!good) {
            return problem_set(problem, STATUS_INVALID, "schedule",
                               "line %u is not `at_ms kind target length_ms detail`",
                               number);
        }
    }
    return begun ? STATUS_OK
                 : problem_set(problem, STATUS_INVALID, "schedule", "no line `world`");
}
