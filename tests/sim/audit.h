/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a world by its ledger: what the clients were told has to be what the immutable
 * movements say, recomputed here without a line of the code under test.
 *
 * At once, from answers alone:
 *   recency       an answer is never older than what anybody was told before it was asked
 *   exactly_once  an id used again with another payload is refused, with the same one it
 *                 gets the same answer
 *   expiry        a hold that has passed its time by every node's clock is not HELD
 * At the end, from the ledger as read through the network:
 *   ledger        each level's movements form a chain from 0 to what is read
 *   lost          every write told done is there, in the entry that it was told
 *   exactly_once  and there once; nothing is there that nobody asked for, or was refused
 *   oversold      no bucket negative, no grant beyond what was available
 *   holds         each ends at most once, none early, none later than its time
 *   reads         every level read was the level's state at the position it was read at
 *   verified      every recommended item could be had at the position it was looked at
 */
#ifndef SOUK_TESTS_SIM_AUDIT_H
#define SOUK_TESTS_SIM_AUDIT_H

#include "tests/sim/operation.h"

struct sim_world;
struct sim_audit;

struct sim_audit *audit_new(struct sim_world *world);
void audit_free(struct sim_audit *audit);
void audit_invoke(struct sim_audit *audit, const struct sim_operation *operation);
void audit_end(struct sim_audit *audit, const struct sim_operation *operation,
               const struct sim_result *result);
void audit_ledger(struct sim_audit *audit, const struct inventory_movement *movements,
                  uint32_t count);
void audit_finish(struct sim_audit *audit);

#endif
