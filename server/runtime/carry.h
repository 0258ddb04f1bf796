/* SPDX-License-Identifier: Apache-2.0 */
/* Carries what shards tell each other between the loops of a node. Any thread. */
#ifndef SOUK_SERVER_RUNTIME_CARRY_H
#define SOUK_SERVER_RUNTIME_CARRY_H

#include "server/runtime/runtime.h"

/* Proposes the command to the shard; the bytes are copied. It may be dropped. */
void runtime_carry(struct runtime *runtime, uint64_t shard_id, struct slice command);

#endif
