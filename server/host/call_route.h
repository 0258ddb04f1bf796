/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a call goes next when an attempt has ended: to its submitter, to the node that
 * leads the shard, or, after a pause, to this node's own replica again, which will know
 * more by then. So a change of leaders within the deadline is not seen by who asked.
 *
 * An attempt may be repeated whatever became of it: reads change nothing, and every
 * command is decided once by its identity (the request id, the event id, a nonce). Calls
 * that came from another node are never sent on: their own node asks again.
 *
 * Pure: time is an argument.
 */
#ifndef SOUK_SERVER_HOST_CALL_ROUTE_H
#define SOUK_SERVER_HOST_CALL_ROUTE_H

#include "server/host/shard_call.h"

enum {
    CALL_PAUSE_FIRST_US = 5 * 1000, /* doubled with each attempt */
    CALL_PAUSE_MAX_US = 200 * 1000,
    /* A call that nobody waits for by a deadline gives up after so many. */
    CALL_ATTEMPTS_WITHOUT_DEADLINE = 20,
    CALL_MARGIN_US = 2 * 1000, /* left of the deadline for the way back */
};

enum call_next {
    CALL_NEXT_DONE,    /* to its submitter, behind call_route_end */
    CALL_NEXT_FORWARD, /* to node_id */
    CALL_NEXT_PAUSE,   /* ask this node's replica again at at_us */
};

struct call_step {
    enum call_next next;
    uint64_t node_id;
    uint64_t at_us;
};

/*
 * An attempt has ended as the call says: here, or at call->travel.sent_to. `node_id` is
 * this node. The call's status is changed when it is given up: QUORUM_LOST when no leader
 * was found in time, OUTCOME_UNKNOWN when an attempt may have been applied.
 */
struct call_step call_route_next(struct shard_call *call, uint64_t node_id,
                                 uint64_t now_us);

/*
 * A call goes back to its submitter, for whatever reason: a PROPOSE of which an earlier
 * attempt may have been applied is not refused for sure by what befell a later one. It is
 * OUTCOME_UNKNOWN, unless it is OK.
 */
void call_route_end(struct shard_call *call);

/* The answer of an attempt at another node came, and is not to be read (`status`): a
 * PROPOSE was taken there, OUTCOME_UNKNOWN. Another attempt may follow. */
void call_route_unread(struct shard_call *call, enum status status);

#endif
