/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recommendation means, written a second time and plainly: every tier is worked
 * out in full over one shard of each kind, one list behind the other, then walked from
 * the top. No stages, no rounds, no sets; nothing is left out because it was not needed.
 */
#ifndef SOUK_TESTS_UNIT_COORDINATOR_FLOW_REFERENCE_H
#define SOUK_TESTS_UNIT_COORDINATOR_FLOW_REFERENCE_H

#include "tests/unit/coordinator/flow_world.h"

/* `world` has one shard of each kind; its context and actions are those of the asker. The
 * answer in canonical form. */
void reference_answer(struct world *world, const struct recommend_plan *plan,
                      struct buffer *out);

#endif
