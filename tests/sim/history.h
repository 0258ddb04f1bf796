/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened in a simulated world, as seen from outside: every operation before it is
 * sent and after it is answered, every fault, and at the end what everybody can read. It
 * goes to a file, one JSON line an event, and to the checkers.
 */
#ifndef SOUK_TESTS_SIM_HISTORY_H
#define SOUK_TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shard/base/map.h"
#include "tests/sim/operation.h"

enum {
    SIM_WHY_BYTES = 512,
    SIM_INVARIANT_BYTES = 40,
};

struct checker;
struct judge_row;
struct sim_world;

struct sim_violation {
    bool found;
    char invariant[SIM_INVARIANT_BYTES];
    char why[SIM_WHY_BYTES];
    uint64_t at_us;
};

struct sim_history {
    struct sim_world *world;
    FILE *file;              /* may be NULL */
    struct checker *checker; /* tests/sim/check */
    struct map requests;     /* judge_ledger.c: hash of an id -> its number */
    struct judge_row *rows;  /* likewise: of the ledger, as they were read */
    size_t row_count;
    size_t row_capacity;
    struct sim_violation violation; /* the first */
    uint64_t unknown;               /* searches that ran out */
    uint64_t searches;
};

void history_init(struct sim_history *history, struct sim_world *world, FILE *file);
void history_close(struct sim_history *history);
void history_invoke(struct sim_history *history, const struct sim_operation *operation);
/* `result` NULL: given up, the outcome is not known. */
void history_end(struct sim_history *history, const struct sim_operation *operation,
                 const struct sim_result *result);
void history_fault(struct sim_history *history, const char *what, const char *target,
                   bool begins);
/* A page of what a shard remembers of all movements, in the reading phase. */
void history_ledger(struct sim_history *history,
                    const struct inventory_movement *movements, uint32_t count);
/* The clients have stopped and the world is whole: judges the end. */
void history_finish(struct sim_history *history);

#endif
