/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/history.h"

#include <string.h>

#include "tests/sim/judge.h"
#include "tests/sim/world.h"

void history_init(struct sim_history *history, struct sim_world *world, FILE *file)
{
    memset(history, 0, sizeof *history);
    history->world = world;
    history->file = file;
    history->checker = checker_new(NULL);
    map_init(&history->requests);
}

void history_close(struct sim_history *history)
{
    checker_free(history->checker);
    history->checker = NULL;
    judge_forget(history);
}

void history_invoke(struct sim_history *history, const struct sim_operation *operation)
{
    judge_invoke(history, operation);
}

void history_end(struct sim_history *history, const struct sim_operation *operation,
                 const struct sim_result *result)
{
    judge_end(history, operation, result);
}

void history_fault(struct sim_history *history, const char *what, const char *target,
                   bool begins)
{
    judge_fault(history, what, target, begins);
}

void history_ledger(struct sim_history *history,
                    const struct inventory_movement *movements, uint32_t count)
{
    judge_ledger(history, movements, count);
}

void history_finish(struct sim_history *history)
{
    judge_rows(history);
    if (!history->violation.found) {
        judge_finish(history);
    }
}
