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
/* A batch has reached a node's disk; or nobody knows whether it has. */
void judge_stored(struct sim_history *history, const struct sim_node *node,
                  const struct log_batch *batch);
void judge_doubt(struct sim_history *history, const struct sim_node *node,
                 const struct log_batch *batch);
/* How far the replicas of a node that is up have come, and whom they count as members. */
void judge_progress(struct sim_history *history, const struct sim_node *node);
/* A replica has told another that it has its vote of a term. */
void judge_vote(struct sim_history *history, const struct sim_node *node,
                const struct raft_message *message);
void judge_leader(struct sim_history *history, const struct sim_node *node,
                  const struct replica_status *status);
/* It does not start from its disks, though no fault touched what they hold. */
void judge_broken(struct sim_history *history, const struct sim_node *node);
void judge_crash(struct sim_history *history, const struct sim_node *node);
/* The states of the replicas of a node that is up. */
void judge_states(struct sim_history *history, const struct sim_node *node);
void judge_state(struct sim_history *history, const struct sim_node *node,
                 const struct replica *replica, const struct replica_status *status);
void judge_fault(struct sim_history *history, const char *what, const char *target,
                 bool begins);
void judge_event(struct sim_history *history, struct history_event *event);

/* judge_ledger.c: rows as they were read, told in order at the end, with the numbers of
 * the requests that they name by hashes. */
void judge_request(struct sim_history *history, uint64_t request, bool spans);
void judge_ledger(struct sim_history *history, const struct inventory_movement *movements,
                  uint32_t count);
void judge_rows(struct sim_history *history);
void judge_forget(struct sim_history *history);
/* Nothing comes after it: the first violation found becomes the world's. */
void judge_finish(struct sim_history *history);

void judge_stream(struct sim_history *history, const struct history_stream *stream);
void judge_feed(struct sim_history *history, const struct history_feed *feed);

#endif
