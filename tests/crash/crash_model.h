/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers on a node that loses power, and a plain account of what they were told.
 *
 * Every writer does one thing after another, each under an id of its own, and asks again
 * with the same id until it has an answer, across crashes. The account knows for each
 * thing whether it was answered; it never looks inside the node. From it follows what the
 * node must say after each restart:
 *
 *     answered things      <=  what the node has  <=  answered and asked things
 *     all things answered   =  what the node has, once everybody has an answer
 */
#ifndef SOUK_TESTS_CRASH_CRASH_MODEL_H
#define SOUK_TESTS_CRASH_CRASH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CRASH_WHY_BYTES = 256,
};

struct crash_plan {
    uint64_t seed;
    unsigned writers;       /* at most CRASH_WRITERS_MAX */
    unsigned things;        /* of each writer */
    unsigned crashes;       /* at random moments */
    bool lose_power;        /* else the process is killed and the disks keep all */
    bool ignore_syncs;      /* the planted fault: the log is never synced */
    uint64_t segment_bytes; /* of the log */
    unsigned flush_percent; /* of steps that write state */
};

struct crash_report {
    bool sound;
    char why[CRASH_WHY_BYTES]; /* when not sound */
    uint64_t things;
    uint64_t asked_again;
    uint64_t replayed; /* asked again, and had been done */
    unsigned crashes;
};

enum {
    CRASH_WRITERS_MAX = 16,
};

void crash_run(const struct crash_plan *plan, struct crash_report *out_report);

#endif
