/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit of work between the edges and a shard: some commands to log and apply, or one
 * question to answer from applied state.
 *
 * Life: the submitter fills it (shard_call_init_propose / _init_read), hands it over
 * (runtime_submit, or host_submit in a simulation) and touches neither it nor anything it
 * points at until `done` runs. `done` runs exactly once, on the thread of the shard's
 * loop; from then on everything is the submitter's again. It must not block and must not
 * call back into the host; submitting further calls through the runtime is allowed.
 *
 * Order: calls of one submitting thread to one shard are proposed in the order of their
 * submission. A read is answered from what is applied when the shard gets to it, so a
 * read that has to see a write is submitted after that write is done.
 *
 * Endings of a PROPOSE, in `status`:
 *   OK               each command was decided; see outcomes[i]
 *   NOT_LEADER, OVERLOADED, DISK_FULL, EPOCH_CHANGED, TOO_LARGE, DRAINING, and
 *   OUTCOME_UNKNOWN with `appended_count` 0: nothing was logged and nothing ever will be
 *                    (REFUSED)
 *   OUTCOME_UNKNOWN with `appended_count` > 0: outcomes[0, decided_count) stand, the rest
 *                    may or may not be applied; ask again with the same ids (DROPPED)
 * A call whose deadline passes before it is proposed ends OUTCOME_UNKNOWN with
 * appended_count 0: nothing was logged.
 */
#ifndef SOUK_SERVER_HOST_SHARD_CALL_H
#define SOUK_SERVER_HOST_SHARD_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/heap.h"
#include "shard/base/list.h"
#include "shard/base/mailbox.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/replica/work.h"

enum shard_call_kind {
    SHARD_CALL_PROPOSE,
    SHARD_CALL_READ,
    SHARD_CALL_TRANSFER, /* leadership, to another replica; OK: begun */
};

struct shard_call;
typedef void shard_call_done(struct shard_call *call);

struct shard_call {
    /* Theirs who hold the call at the moment: the submitter before and after. */
    struct mailbox_node node;
    struct list link;

    /* In. */
    uint64_t shard_id;
    enum shard_call_kind kind;
    uint64_t deadline_us; /* monotonic; not proposed, not served past it; 0: none */
    struct arena *arena;  /* bytes of outcomes and answers; the host's until done */
    shard_call_done *done;

    /* In: the node whose replica is asked; 0: whichever leads. */
    uint64_t at_node;

    /* In, PROPOSE: encoded by shard/replica/command.h, for the shard's table. */
    const struct slice *commands;
    size_t command_count; /* at least 1 */
    /* Out, PROPOSE: the caller's array of command_count. */
    struct replica_outcome *outcomes;
    size_t appended_count; /* commands that reached the log */
    size_t decided_count;  /* outcomes that stand */

    /* In, READ. */
    const struct replica_query *query;
    /* Out, READ: the caller's. */
    struct replica_answer *answer;

    /* In, TRANSFER: a replica id; 0: whoever is most up to date. */
    uint64_t transfer_to;

    /* Out. */
    enum status status;
    struct replica_stamp stamp; /* of the last decided command, or of the state read */
    uint64_t leader_replica_id; /* NOT_LEADER: whom to ask; 0: not known */
    uint64_t leader_node_id;    /* and where it lives */

    /* The host's. */
    union {
        struct replica_proposal proposal;
        struct replica_read read;
        struct {
            struct replica_search begun;
            void *home; /* whose answer it is */
        } search;       /* one that runs beside the loop */
    } work;
    size_t queued_bytes;

    /* On its way between nodes; theirs who route it (call_route.h). */
    struct call_travel {
        shard_call_done *done;  /* the submitter's, while `done` is the router's */
        void *home;             /* the loop that it belongs to */
        struct heap_node waits; /* for its next attempt */
        uint64_t due_us;
        uint64_t sent_to; /* the node that the last answer came from; 0: this one */
        uint32_t attempts;
        bool from_elsewhere; /* it came from another node, and goes to no third */
        bool perhaps_done;   /* an attempt ended without telling */
    } travel;
};

/* Fills what both kinds need and clears the rest. `arena`, `commands`, `outcomes` stay
 * the caller's. */
void shard_call_init_propose(struct shard_call *call, uint64_t shard_id,
                             const struct slice *commands, size_t command_count,
                             struct replica_outcome *outcomes);
void shard_call_init_read(struct shard_call *call, uint64_t shard_id,
                          const struct replica_query *query,
                          struct replica_answer *answer);
void shard_call_init_transfer(struct shard_call *call, uint64_t shard_id,
                              uint64_t replica_id);
/* What the call weighs against proposal_queue_max_bytes. */
size_t shard_call_bytes(const struct shard_call *call);

#endif
