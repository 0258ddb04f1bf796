/* SPDX-License-Identifier: Apache-2.0 */
/* souk-sim: worlds from seeds. The only file here that looks at a real clock. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shard/base/memory.h"
#include "shard/base/mutant.h"
#include "tests/sim/report.h"
#include "tests/sim/shrink.h"

enum {
    EXIT_VIOLATION = 1,
    EXIT_USAGE = 2,
    EXIT_UNKNOWN = 3,
    PATH_BYTES = 256,
};

struct arguments {
    struct sim_report report;
    struct sim_options options;
    bool json;
    const char *history;
    const char *replay;
    const char *failures; /* folder for shrunk schedules */
    uint64_t hours;       /* qualifying ones to reach; 0: the seeds say when it ends */
};

static const char usage[] =
    "usage: souk-sim [--seeds A-B] [--profile calm|crash|net|disk|all] [--nodes N]\n"
    "                [--minutes M] [--mutant NAME] [--json] [--history FILE]\n"
    "                [--replay FILE] [--failures DIR] [--list-mutants] [--help]\n"
    "                [--hours H [--seeds A | --seeds-from-clock]]\n"
    "\n"
    "Runs a whole cluster for M simulated minutes of faults from each seed, and judges\n"
    "what its clients were told. A failing schedule is shortened and written to DIR "
    "(.).\n"
    "With --hours it goes on from seed A until H simulated hours qualify: 100,000 "
    "operations,\n1,000 faults, 20 changes of leaders, at most 1% unknown searches. An "
    "interrupt ends\nafter the present world, with the report of what was done.\n"
    "Exit: 0 clean, 1 violation, 2 usage, 3 a search ran out.\n";

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != 0 || value < least || value > most) {
        return false;
    }
    *out = value;
    return true;
}

static bool seeds(const char *text, struct sim_report *report)
{
    char first[24];
    const char *dash = strchr(text, '-');
    size_t length = dash != NULL ? (size_t)(dash - text) : strlen(text);
    if (length >= sizeof first) {
        return false;
    }
    memcpy(first, text, length);
    first[length] = 0;
    return number(first, 1, UINT64_MAX - 1, &report->first_seed) &&
           number(dash != NULL ? dash + 1 : first, report->first_seed, UINT64_MAX - 1,
                  &report->last_seed);
}

static bool pick_mutant(const char *name)
{
#ifdef SOUK_MUTANTS
    if (mutant_pick(name)) {
        return true;
    }
    fprintf(stderr, "souk-sim: no mutant %s; --list-mutants names them\n", name);
#else
    fprintf(stderr, "souk-sim: %s: this build has no mutants (preset mutants has)\n",
            name);
#endif
    return false;
}

static void list_mutants(void)
{
#define LIST_MUTANT(identifier, text) printf("%-24s %s\n", #identifier, text);
    MUTANT_TABLE(LIST_MUTANT)
#undef LIST_MUTANT
}

static bool argument(struct arguments *arguments, const char *name, const char *value)
{
    struct sim_report *report = &arguments->report;
    uint64_t nodes;
    if (strcmp(name, "--seeds") == 0) {
        return seeds(value, report);
    } else if (strcmp(name, "--profile") == 0) {
        return sim_profile_parse(value, &report->profile);
    } else if (strcmp(name, "--nodes") == 0 && number(value, 1, SIM_NODES_MAX, &nodes)) {
        report->nodes = (unsigned)nodes;
        return true;
    } else if (strcmp(name, "--minutes") == 0) {
        return number(value, 1, 100000, &report->minutes);
    } else if (strcmp(name, "--hours") == 0) {
        return number(value, 1, 1000000, &arguments->hours);
    } else if (strcmp(name, "--mutant") == 0) {
        report->mutant = value;
        return pick_mutant(value);
    } else if (strcmp(name, "--history") == 0) {
        arguments->history = value;
        return true;
    } else if (strcmp(name, "--replay") == 0) {
        arguments->replay = value;
        return true;
    } else if (strcmp(name, "--failures") == 0) {
        arguments->failures = value;
        return true;
    }
    return false;
}

/* Returns -1, or the code to end with. */
static int parse(struct arguments *arguments, int count, char **values)
{
    *arguments = (struct arguments){.failures = "."};
    arguments->report = (struct sim_report){.first_seed = 1,
                                            .last_seed = 100,
                                            .profile = SIM_PROFILE_ALL,
                                            .nodes = 3,
                                            .minutes = 1};
    for (int i = 1; i < count; i++) {
        if (strcmp(values[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        } else if (strcmp(values[i], "--list-mutants") == 0) {
            list_mutants();
            return EXIT_SUCCESS;
        } else if (strcmp(values[i], "--seeds-from-clock") == 0) {
            arguments->report.first_seed = (uint64_t)seconds_of(CLOCK_REALTIME) * 1000000;
            arguments->report.last_seed = arguments->report.first_seed + 99;
        } else if (strcmp(values[i], "--json") == 0) {
            arguments->json = true;
        } else if (i + 1 < count && argument(arguments, values[i], values[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "souk-sim: %s: not understood\n%s", values[i], usage);
            return EXIT_USAGE;
        }
    }
    return -1;
}

/* Shortens what failed and writes it down; the command that plays it again. */
static void write_failure(const struct arguments *arguments,
                          const struct sim_options *options,
                          const struct sim_world *world, char *out_replay)
{
    char path[PATH_BYTES];
    struct sim_schedule schedule;
    const struct sim_violation *violation = &world->history.violation;
    schedule_copy(&schedule, &world->schedule);
    schedule.seed = options->seed;
    schedule.profile = options->profile;
    schedule.nodes = options->nodes;
    schedule.minutes = options->minutes;
    (void)shrink(options, violation->invariant, &schedule);
    snprintf(path, sizeof path, "%s/sim-%s-%" PRIu64 ".txt", arguments->failures,
             sim_profile_name(options->profile), options->seed);
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "# %s: %s\n", violation->invariant, violation->why);
        schedule_write(&schedule, file);
        fclose(file);
        snprintf(out_replay, SIM_REPLAY_BYTES, "souk-sim --replay %s", path);
    } else {
        perror(path);
    }
    schedule_close(&schedule);
}

/* One world; false when it was violated. */
static bool run_seed(struct arguments *arguments, const struct sim_options *options)
{
    struct sim_world *world = memory_zalloc(sizeof *world);
    struct sim_report *report = &arguments->report;
    world_run(world, options);
    report_add(report, world);
    bool sound = !world->history.violation.found;
    if (!sound) {
        char replay[SIM_REPLAY_BYTES];
        snprintf(replay, sizeof replay,
                 "souk-sim --seeds %" PRIu64 "-%" PRIu64
                 " --profile %s --nodes %u --minutes %" PRIu64 "%s%s",
                 options->seed, options->seed, sim_profile_name(options->profile),
                 options->nodes, options->minutes, report->mutant ? " --mutant " : "",
                 report->mutant ? report->mutant : "");
        if (report->mutant == NULL && options->schedule == NULL) {
            write_failure(arguments, options, world, replay);
        }
        report_violation(report, options->seed, &world->history.violation, replay);
    }
    world_close(world);
    free(world);
    return sound;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Towards hours: how many there are, and when the rest will be. */
static void show_hours(const struct arguments *arguments, double started, double *shown)
{
    const struct sim_report *report = &arguments->report;
    double now = seconds_of(CLOCK_MONOTONIC);
    double done =
        (double)report->qualifying_hours + (double)report->hour.virtual_us / 3600e6;
    if (now - *shown < 1.0 || done <= 0) {
        return;
    }
    *shown = now;
    fprintf(stderr, "%s%.2f of %" PRIu64 " hours, %" PRIu64 " violations, %.0f s left%s",
            isatty(STDERR_FILENO) ? "\r" : "", done, arguments->hours,
            report->violation_count,
            (now - started) / done * ((double)arguments->hours - done),
            isatty(STDERR_FILENO) ? "  " : "\n");
}

static void show_progress(const struct sim_report *report, uint64_t seed, double *shown)
{
    double now = seconds_of(CLOCK_MONOTONIC);
    if (now - *shown >= 1.0 || seed == report->last_seed) {
        *shown = now;
        fprintf(stderr, "%sseed %" PRIu64 " of %" PRIu64 ", %" PRIu64 " violations%s",
                isatty(STDERR_FILENO) ? "\r" : "", seed, report->last_seed,
                report->violation_count,
                isatty(STDERR_FILENO) && seed != report->last_seed ? "" : "\n");
    }
}

static bool more_seeds(const struct arguments *arguments, uint64_t seed)
{
    const struct sim_report *report = &arguments->report;
    if (interrupted) {
        return false;
    }
    return arguments->hours > 0 ? report->qualifying_hours < arguments->hours
                                : seed <= report->last_seed;
}

static void run_seeds(struct arguments *arguments)
{
    struct sim_report *report = &arguments->report;
    double started = seconds_of(CLOCK_MONOTONIC), shown = started;
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    fprintf(stderr, "seeds from %" PRIu64 "\n", report->first_seed);
    for (uint64_t seed = report->first_seed; more_seeds(arguments, seed); seed++) {
        struct sim_options options = arguments->options;
        options.seed = seed;
        bool sound = run_seed(arguments, &options);
        if (arguments->hours > 0) {
            report->last_seed = seed;
            show_hours(arguments, started, &shown);
        } else {
            show_progress(report, seed, &shown);
        }
        if (!sound && report->mutant != NULL) {
            report->caught_at_seed = seed;
            return;
        }
    }
}

static int replay(struct arguments *arguments)
{
    struct sim_schedule schedule;
    struct problem problem = {0};
    struct sim_report *report = &arguments->report;
    FILE *file = fopen(arguments->replay, "r");
    if (file == NULL) {
        perror(arguments->replay);
        return EXIT_USAGE;
    }
    enum status status = schedule_read(&schedule, file, &problem);
    fclose(file);
    if (status != STATUS_OK) {
        fprintf(stderr, "souk-sim: %s: %s\n", arguments->replay, problem.message);
        schedule_close(&schedule);
        return EXIT_USAGE;
    }
    report->first_seed = report->last_seed = schedule.seed;
    report->profile = schedule.profile;
    report->nodes = schedule.nodes;
    report->minutes = schedule.minutes;
    struct sim_options options = arguments->options;
    options.seed = schedule.seed;
    options.profile = schedule.profile;
    options.nodes = schedule.nodes;
    options.minutes = schedule.minutes;
    options.schedule = &schedule;
    (void)run_seed(arguments, &options);
    schedule_close(&schedule);
    return -1;
}

int main(int count, char **values)
{
    struct arguments arguments;
    int code = parse(&arguments, count, values);
    if (code >= 0) {
        return code;
    }
    struct sim_report *report = &arguments.report;
    arguments.options = (struct sim_options){
        .profile = report->profile, .nodes = report->nodes, .minutes = report->minutes};
    if (arguments.history != NULL) {
        arguments.options.history = fopen(arguments.history, "w");
        if (arguments.options.history == NULL) {
            perror(arguments.history);
            return EXIT_USAGE;
        }
    }
    double started = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (arguments.replay != NULL) {
        code = replay(&arguments);
    } else {
        run_seeds(&arguments);
    }
    if (arguments.options.history != NULL && fclose(arguments.options.history) != 0) {
        perror(arguments.history);
        return EXIT_USAGE;
    }
    if (code >= 0) {
        return code;
    }
    double seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - started;
    if (arguments.json) {
        report_json(report, seconds, stdout);
    }
    report_text(report, seconds, arguments.json ? stderr : stdout);
    return report->violation_count > 0 ? EXIT_VIOLATION
           : report->unknown > 0       ? EXIT_UNKNOWN
                                       : EXIT_SUCCESS;
}
