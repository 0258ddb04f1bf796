/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a world, told to the checkers of tests/sim/check in their own words. */
#ifndef SOUK_TESTS_SIM_JUDGE_H
#define SOUK_TESTS_SIM_JUDGE_H

#include "tests/sim/check/check.h"
#include "tests/sim/operation.h"
#include "tests/sim/world.h"

void judge_invoke(struct sim_history *history, const struct sim_operation *operation);
/* `result` NULL: given up. */
void judge_end(struct sim_history *history, const struct sim_operation *operation,
               const struct sim_result *result);
void judge_healed(struct sim_history *history);
/* A batch has reached a node's disk. */
void judge_stored(struct sim_history *history, const struct sim_node *node,
                  const struct log_batch *batch);
void judge_leader(struct sim_history *history, const struct sim_node *node,
                  const struct replica_status *status);
void judge_crash(struct sim_history *history, const struct sim_node *node);
void judge_digest(struct sim_history *history, const struct sim_node *node,
                  const struct replica_status *status, uint64_t digest);
/* A ledger row, those of each level in order; `request` 0: the shard's own. */
void judge_movement(struct sim_history *history, const struct history_row *row);
/* Nothing comes after it: the first violation found becomes the world's. */
void judge_finish(struct sim_history *history);

void judge_stream(struct sim_history *history, const struct history_stream *stream);
void judge_feed(struct sim_history *history, const struct history_feed *feed);

#endif
