/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a loop has to do with other nodes: messages of its replicas, in and out, and calls
 * that are decided elsewhere. Inside server/runtime only; the loop's thread.
 *
 * A call on its way keeps its weight in the loop's queue until its submitter has it back,
 * so a loop does not end before it.
 */
#ifndef SOUK_SERVER_RUNTIME_LOOP_TRAVEL_H
#define SOUK_SERVER_RUNTIME_LOOP_TRAVEL_H

#include "server/runtime/loop.h"

void loop_travel_init(struct loop *loop);
/* How many messages there were. While the loop stops they are dropped. */
size_t loop_take_letters(struct loop *loop, struct moment now);
void loop_send_letters(struct loop *loop);
/* Calls that came back, and those whose pause is over. */
void loop_take_travellers(struct loop *loop, struct moment now);
/* Sends a call that names another node's replica there; false: it names none. */
bool loop_travel_sends(struct loop *loop, struct shard_call *call);
/* When the next pause is over; UINT64_MAX: none is. */
uint64_t loop_travel_due_us(const struct loop *loop);

#endif
