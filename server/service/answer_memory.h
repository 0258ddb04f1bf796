/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers that this node remembers, one ring per loop: an answer is taken in on the
 * loop that gave it, looked up there, and forgotten there, so that nothing is locked.
 */
#ifndef SOUK_SERVER_SERVICE_ANSWER_MEMORY_H
#define SOUK_SERVER_SERVICE_ANSWER_MEMORY_H

#include "server/runtime/runtime.h"
#include "server/service/answer_ring.h"
#include "shard/base/setting.h"

struct answer_memory;

/* Limits are the settings answers_kept and answers_kept_max_bytes, shared by the loops. */
struct answer_memory *answer_memory_new(struct runtime *runtime,
                                        const struct settings *settings, uint64_t key);
/* Once no loop runs any more. NULL is fine. */
void answer_memory_free(struct answer_memory *memory);

/* For that loop's thread alone. */
struct answer_ring *answer_memory_ring(struct answer_memory *memory, unsigned loop);
/* Whose ring an id lies in. False: no answer of this node has it. */
bool answer_memory_loop(const struct answer_memory *memory, const struct answer_id *id,
                        unsigned *out_loop);

/*
 * Forgets every answer given to the actor, those being worked on included: for a customer
 * who is erased. Any thread. `done` (may be NULL) runs once all loops have, on the last of
 * them: from then on no answer to the actor can be explained.
 */
typedef void answer_forgotten(void *user, struct moment now);
void answer_memory_forget(struct answer_memory *memory, struct hash128 actor,
                          answer_forgotten *done, void *user);

#endif
