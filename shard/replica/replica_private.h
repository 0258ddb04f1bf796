/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a replica, shared by its files; stays in this folder. */
#ifndef SOUK_SHARD_REPLICA_REPLICA_PRIVATE_H
#define SOUK_SHARD_REPLICA_REPLICA_PRIVATE_H

#include "shard/base/arena.h"
#include "shard/replica/log_time.h"
#include "shard/replica/machine.h"
#include "shard/replica/replica.h"
#include "shard/replica/solo_log.h"

enum {
    REPLICA_SCRATCH_INLINE_BYTES = 16 << 10,
};

/* Who waits for an entry that is appended and not applied yet. */
struct replica_entry {
    uint64_t index;
    uint32_t own_count;      /* commands at its front that nobody waits for: a TICK */
    uint32_t proposed_count; /* those of the oldest proposals, in order */
};

struct replica {
    struct replica_options options;
    struct machine *machine;
    struct solo_log log;
    struct log_time clock;
    struct replica_pressure pressure;

    /* Proposals in the order they came: first those with commands on their way, then,
     * from next_append on, those with commands to append. */
    struct list proposals;
    struct list *next_append; /* == &proposals when there is none */
    size_t proposal_count;
    size_t waiting_bytes;
    struct list done_proposals;

    /* Reads that need a TICK that is not appended yet, and those whose TICK is. */
    struct list untold_reads;
    struct list ticked_reads;
    size_t read_count;
    struct list done_reads;
    bool tick_due;       /* the machine wants one of its own */
    uint64_t tick_index; /* of the newest TICK appended */

    struct replica_entry entries[SOLO_LOG_RING]; /* by index % SOLO_LOG_RING */

    /* The applied state. */
    uint64_t applied_index;
    uint64_t applied_term;
    int64_t applied_log_ms;
    uint64_t state_index; /* the newest collected state batch was cut here */
    uint64_t flushed_index;
    bool descriptor_written;
    uint64_t commands_applied;
    uint64_t commands_replayed;
    /* As last told to the metrics. */
    uint64_t told_holds_open;
    uint64_t told_holds_expired;
    uint64_t told_events;

    struct arena scratch;
    _Alignas(16) uint8_t scratch_inline[REPLICA_SCRATCH_INLINE_BYTES];
    struct buffer key;
    struct buffer value;
};

/* Applies one entry; `known` is NULL during replay, where nobody waits. VERSION or
 * CHECKSUM: the replica must stop. */
enum status replica_apply_entry(struct replica *replica, const struct log_entry *entry,
                                const struct replica_entry *known);
struct replica_stamp replica_stamp(const struct replica *replica);
void replica_serve_read(struct replica *replica, struct moment now,
                        struct replica_read *read);
/* Brings the metrics of what the state holds up to date. */
void replica_tell_metrics(struct replica *replica);
/* Takes a proposal off and puts it among the done ones. */
void replica_end_proposal(struct replica *replica, struct replica_proposal *proposal,
                          enum status status);
void replica_end_read(struct replica *replica, struct replica_read *read,
                      enum status status);

#endif
