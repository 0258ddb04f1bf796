/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planted faults that prove the tests can fail. They exist only in builds with
 * SOUK_MUTANTS (never a release); one is picked by the environment variable SOUK_MUTANT.
 *     X(identifier, "what the fault does")
 */
#ifndef SOUK_SHARD_BASE_MUTANT_H
#define SOUK_SHARD_BASE_MUTANT_H

#include <stdbool.h>

/* clang-format off */
#define MUTANT_TABLE(X)                                                                 \
    X(no_decrement,      "a hold does not lower what is available")                     \
    X(no_expiry,         "a hold never expires")                                        \
    X(stock_unchecked,   "a recommendation shows items without asking for their stock") \
    X(clicks_ignored,    "the recorded session of who asks is not looked at")           \
    X(erase_incomplete,  "sessions that end stay evidence")                             \
    X(lost_after_kill,   "the log is not synced and the segment tail is dropped at start") \
    X(fsync_skipped,     "the log is written and not synced")                           \
    X(requests_unloaded, "request ids are not remembered across a restart")             \
    X(refusal_forgotten, "a refusal is not remembered under its request id")            \
    X(retry_unknown,     "an outcome is remembered under another request id")           \
    X(hold_freed_twice,  "a release gives its units back twice")                        \
    X(read_without_tick, "a read of a due hold does not wait for the log")              \
    X(applied_ahead,     "the stored applied index is one ahead of its rows")           \
    X(raft_matching_off_by_one, "a follower does not compare its last entry with the leader's") \
    X(raft_ack_phantom,  "a follower acknowledges its own last index, above prev + n")  \
    X(raft_ack_stale_suffix, "an empty append is acknowledged with the own last index") \
    X(raft_leader_counts_early, "a leader counts itself before its disk did")           \
    X(raft_vote_unpersisted, "a vote is given before it is on the disk")                \
    X(raft_non_voter_counted, "votes and acknowledgements of learners count")           \
    X(raft_older_term_counted, "an entry of an older term is committed by counting")    \
    X(raft_read_without_quorum, "a leader reads without asking a quorum")               \
    X(snapshot_no_requests, "a snapshot lacks the memory of request ids")               \
    X(snapshot_no_members,  "a snapshot lacks the members of its shard")                \
    X(ingest_no_marker,  "a snapshot is installed without a marker in the log")         \
    X(feed_entry_skipped, "the feed leaves out the first movement of an entry with several") \
    X(lane_prev_ignored,  "a shard takes a stream's item whatever should come before it")
/* clang-format on */

enum mutant {
#define MUTANT_ENUM(identifier, text) MUTANT_##identifier,
    MUTANT_TABLE(MUTANT_ENUM)
#undef MUTANT_ENUM
    MUTANT_COUNT,
};

#ifdef SOUK_MUTANTS
/* Picks the planted fault; false when there is none of that name. Before threads start.
 */
bool mutant_pick(const char *name);
bool mutant_active(enum mutant mutant);
#define MUTANT(identifier) mutant_active(MUTANT_##identifier)
#else
#define MUTANT(identifier) false
#endif

#endif
