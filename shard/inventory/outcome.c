/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/inventory/outcome.h"

#include <inttypes.h>
#include <stdio.h>

#include "shard/inventory/inventory_private.h"

/* Longer than any of ours, so that a line's path fits beside it. */
enum {
    OUTCOME_PATH_BYTES = 64,
};

bool inventory_outcome_again(enum status status)
{
    return status == STATUS_STOCK_CONTENDED || status == STATUS_QUOTA ||
           status == STATUS_QUORUM_LOST;
}

static void outcome_path(const struct inventory_outcome *outcome,
                         char out_path[OUTCOME_PATH_BYTES])
{
    const char *field = check_field_path(outcome->field);
    bool of_line =
        outcome->status == STATUS_SKU_NOT_ACTIVE || outcome->line > 0 ||
        (outcome->shortage_count > 0 && outcome->field == INVENTORY_FIELD_QUANTITY);
    if (of_line && field[0] != '\0') {
        snprintf(out_path, OUTCOME_PATH_BYTES, "lines[%u].%s", outcome->line, field);
    } else {
        snprintf(out_path, OUTCOME_PATH_BYTES, "%s", field);
    }
}

void inventory_outcome_problem(const struct inventory_outcome *outcome,
                               struct problem *out_problem)
{
    const struct inventory_shortage *shortage = &outcome->shortages[0];
    char path[OUTCOME_PATH_BYTES];
    outcome_path(outcome, path);
    if (outcome->status == STATUS_INSUFFICIENT_STOCK && outcome->shortage_count > 0) {
        problem_set(out_problem, outcome->status, path,
                    "requested %" PRId64 ", available %" PRId64, shortage->requested,
                    shortage->available);
    } else if (outcome->status == STATUS_STOCK_COMPARE_FAILED) {
        problem_set(out_problem, outcome->status, path, "on_hand is %" PRId64,
                    outcome->level.buckets[STOCK_BUCKET_ON_HAND]);
    } else if (outcome->status == STATUS_SEQUENCE_GAP) {
        problem_set(out_problem, outcome->status, path,
                    "an earlier line is missing; resume after line %" PRIu64,
                    outcome->expected_line);
    } else {
        problem_set(out_problem, outcome->status, path, "%s",
                    status_text(outcome->status));
    }
}
