/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/report.h"

#include <inttypes.h>
#include <string.h>

#include "tests/sim/check/history_file.h"

#ifndef SOUK_COMMIT
#define SOUK_COMMIT "unknown"
#endif

enum {
    /* Of an hour that counts. */
    HOUR_OPERATIONS = 100000,
    HOUR_FAULTS = 1000,
    HOUR_LEADER_CHANGES = 20,
    HOUR_UNKNOWN_PERCENT = 1, /* of searches */
};
#define HOUR_US UINT64_C(3600000000)

static double hours(uint64_t virtual_us)
{
    return (double)virtual_us / 3600e6;
}

static uint64_t faults_of(const struct sim_counts *counts)
{
    uint64_t sum = 0;
    for (unsigned kind = 0; kind < SIM_FAULT_KINDS; kind++) {
        sum += counts->faults[kind];
    }
    return sum;
}

static bool hour_qualifies(const struct sim_hour *hour)
{
    return hour->operations >= HOUR_OPERATIONS && hour->faults >= HOUR_FAULTS &&
           hour->leader_changes >= HOUR_LEADER_CHANGES && hour->violations == 0 &&
           hour->unknown * 100 <= hour->searches * HOUR_UNKNOWN_PERCENT;
}

/* What lasts longer than the hour is left out of the next: an hour is at least one. */
static void report_hour(struct sim_report *report, const struct sim_world *world)
{
    const struct sim_counts *from = &world->counts;
    struct sim_hour *hour = &report->hour;
    hour->virtual_us += from->virtual_us;
    hour->operations += from->ok + from->fail + from->info;
    hour->faults += faults_of(from);
    hour->leader_changes += from->leader_changes;
    hour->searches += world->history.searches;
    hour->unknown += world->history.unknown;
    hour->violations += world->history.violation.found;
    if (hour->virtual_us >= HOUR_US) {
        report->full_hours++;
        report->qualifying_hours += hour_qualifies(hour);
        *hour = (struct sim_hour){0};
    }
}

void report_add(struct sim_report *report, const struct sim_world *world)
{
    const struct sim_counts *from = &world->counts;
    struct sim_counts *to = &report->counts;
    double lasts = hours(from->virtual_us);
    to->events += from->events;
    to->ok += from->ok;
    to->fail += from->fail;
    to->info += from->info;
    to->leader_changes += from->leader_changes;
    to->boots += from->boots;
    to->tries += from->tries;
    to->virtual_us += from->virtual_us;
    for (unsigned i = 0; i < SIM_OPERATION_KINDS; i++) {
        to->operations[i] += from->operations[i];
    }
    for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
        to->faults[i] += from->faults[i];
    }
    report->worlds++;
    report->thin_worlds +=
        (double)(from->ok + from->fail + from->info) < lasts * HOUR_OPERATIONS ||
        (world->options.profile == SIM_PROFILE_ALL &&
         (double)faults_of(from) < lasts * HOUR_FAULTS);
    report->unknown += world->history.unknown;
    report->searches += world->history.searches;
    report_hour(report, world);
}

void report_violation(struct sim_report *report, uint64_t seed,
                      const struct sim_violation *violation, const char *replay)
{
    if (report->violation_count < SIM_REPORTED_MAX) {
        report->violations[report->violation_count].seed = seed;
        report->violations[report->violation_count].violation = *violation;
        snprintf(report->violations[report->violation_count].replay, SIM_REPLAY_BYTES,
                 "%s", replay);
    }
    report->violation_count++;
}

static void json_violations(const struct sim_report *report, FILE *file)
{
    for (uint64_t i = 0; i < report->violation_count && i < SIM_REPORTED_MAX; i++) {
        const struct sim_violation *violation = &report->violations[i].violation;
        fprintf(file, "%s{\"seed\":%" PRIu64 ",\"invariant\":", i > 0 ? "," : "",
                report->violations[i].seed);
        history_write_text(file, violation->invariant);
        fprintf(file, ",\"at_ms\":%" PRIu64 ",\"why\":", violation->at_us / 1000);
        history_write_text(file, violation->why);
        fputs(",\"replay\":", file);
        history_write_text(file, report->violations[i].replay);
        fputc('}', file);
    }
}

void report_json(const struct sim_report *report, double seconds, FILE *file)
{
    const struct sim_counts *counts = &report->counts;
    fprintf(file,
            "{\"commit\":\"%s\",\"seeds\":[%" PRIu64 ",%" PRIu64
            "],\"profile\":\"%s\",\"nodes\":%u,\"minutes\":%" PRIu64
            ",\"sim_hours\":%.4f,\"pace\":%.1f,\"cpu_seconds\":%.2f,\"events\":%" PRIu64
            ",\"ops\":{\"ok\":%" PRIu64 ",\"fail\":%" PRIu64 ",\"info\":%" PRIu64
            "},\"tries\":%" PRIu64 ",\"boots\":%" PRIu64 ",\"leader_changes\":%" PRIu64
            ",\"worlds\":%" PRIu64 ",\"thin_worlds\":%" PRIu64 ",\"full_hours\":%" PRIu64
            ",\"qualifying_hours\":%" PRIu64 ",\"operations\":{",
            SOUK_COMMIT, report->first_seed, report->last_seed,
            sim_profile_name(report->profile), report->nodes, report->minutes,
            hours(counts->virtual_us),
            seconds > 0 ? (double)counts->virtual_us / 1e6 / seconds : 0, seconds,
            counts->events, counts->ok, counts->fail, counts->info, counts->tries,
            counts->boots, counts->leader_changes, report->worlds, report->thin_worlds,
            report->full_hours, report->qualifying_hours);
    for (unsigned i = 0; i < SIM_OPERATION_KINDS; i++) {
        fprintf(file, "%s\"%s\":%" PRIu64, i > 0 ? "," : "",
                sim_operation_name((enum sim_operation_kind)i), counts->operations[i]);
    }
    fputs("},\"faults\":{", file);
    for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
        fprintf(file, "%s\"%s\":%" PRIu64, i > 0 ? "," : "",
                sim_fault_name((enum sim_fault_kind)i), counts->faults[i]);
    }
    fprintf(file, "},\"searches\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"violations\":[",
            report->searches, report->unknown);
    json_violations(report, file);
    fputs("],\"mutant\":", file);
    if (report->mutant != NULL) {
        history_write_text(file, report->mutant);
    } else {
        fputs("null", file);
    }
    if (report->caught_at_seed != 0) {
        fprintf(file, ",\"caught_at_seed\":%" PRIu64 "}\n", report->caught_at_seed);
    } else {
        fputs(",\"caught_at_seed\":null}\n", file);
    }
}

void report_text(const struct sim_report *report, double seconds, FILE *file)
{
    const struct sim_counts *counts = &report->counts;
    for (uint64_t i = 0; i < report->violation_count && i < SIM_REPORTED_MAX; i++) {
        const struct sim_violation *violation = &report->violations[i].violation;
        fprintf(file,
                "violation: seed %" PRIu64 ", %s at %" PRIu64 " ms: %s\n  replay: %s\n",
                report->violations[i].seed, violation->invariant, violation->at_us / 1000,
                violation->why, report->violations[i].replay);
    }
    fprintf(file,
            "%" PRIu64
            " worlds, %.3f simulated hours at %.0f times real time on one core, %" PRIu64
            " operations (%" PRIu64 " unknown), %" PRIu64 " faults, %" PRIu64
            " leader changes, %" PRIu64 " violations, %" PRIu64 " of %" PRIu64
            " full hours qualify\n",
            report->worlds, hours(counts->virtual_us),
            seconds > 0 ? (double)counts->virtual_us / 1e6 / seconds : 0,
            counts->ok + counts->fail + counts->info, counts->info, faults_of(counts),
            counts->leader_changes, report->violation_count, report->qualifying_hours,
            report->full_hours);
}
