/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for the consensus core: replicas, the messages between them under the
 * caller's control, and a disk for each that loses what was not synced. Every message is
 * encoded and decoded on its way. Each replica applies its entries to a state machine that
 * is a running digest; what survives a crash of it is what was flushed.
 *
 * The world watches what must hold whatever happens (paper, figure 3): election safety,
 * log matching, leader completeness, state machine safety; and that no confirmed read is
 * stale. `violation` tells the first one broken.
 */
#ifndef SOUK_TESTS_UNIT_RAFT_RAFT_WORLD_H
#define SOUK_TESTS_UNIT_RAFT_RAFT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/rng.h"
#include "shard/raft/raft.h"

enum {
    WORLD_NODES_MAX = 7,
    WORLD_MESSAGES_MAX = 512,
    WORLD_ENTRIES_MAX = 4096,
    WORLD_TERMS_MAX = 4096,
    WORLD_PENDING_MAX = 64,
    WORLD_READS_MAX = 8192,
    WORLD_GROUP = 9,
};

struct world_entry {
    uint64_t term;
    uint8_t *bytes; /* owned */
    size_t size;
};

struct world_write {
    struct raft_write write;
    struct world_entry *entries; /* [first_index, last_index] */
};

/* What a state machine is made of; a snapshot is a copy. */
struct world_state {
    uint64_t index;
    uint64_t term;
    uint64_t digest;
    struct raft_members members;
};

struct world_node {
    uint64_t id;
    bool up;
    struct raft *raft;
    uint64_t lives;
    /* The disk: entries (base, last], entries[i] is index base + 1 + i. */
    struct raft_hard_state state;
    uint64_t base_index;
    uint64_t base_term;
    struct world_entry entries[WORLD_ENTRIES_MAX];
    size_t entry_count;
    struct world_write pending[WORLD_PENDING_MAX];
    size_t pending_count;
    struct world_state flushed;
    /* In memory. */
    struct world_state applied;
    uint64_t commit_seen;
    /* A snapshot that was offered, when the world installs slowly. */
    struct world_state offered;
    enum {
        INSTALL_NONE,
        INSTALL_OFFERED,
        INSTALL_BEGUN
    } install;
    struct raft_update update; /* the last one */
    uint64_t dropped_from;     /* the last that an update told */
    int64_t clock_skew_ms;
};

struct world_message {
    uint64_t from, to;
    enum raft_message_kind kind;
    struct buffer bytes;
};

struct world_truth {
    uint64_t term;
    uint64_t hash;
};

struct world {
    struct rng rng;
    struct moment now;
    struct raft_limits limits;
    struct world_node nodes[WORLD_NODES_MAX];
    size_t node_count;
    struct world_message messages[WORLD_MESSAGES_MAX];
    size_t message_count;
    bool cut[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* from, to */
    struct arena arena;
    struct buffer trace;
    bool tracing;
    bool slow_reports;  /* APPLIED when world_report is called, not at once */
    bool slow_installs; /* a step of an install when world_install is called */

    /* What was seen, for the invariants. */
    struct world_truth committed[WORLD_ENTRIES_MAX]; /* by index */
    uint64_t committed_last;
    uint64_t leader_of[WORLD_TERMS_MAX];
    uint64_t read_floor[WORLD_READS_MAX]; /* committed_last when the read was asked */
    uint64_t reads_asked;
    uint64_t reads_confirmed;
    uint64_t leaders_seen;
    uint64_t proposals;
    char violation[256]; /* empty: none */
};

/* `voters` replicas, 1 to voters, make a new group; further ones start as joiners that
 * know no members. NULL: usual limits, and a trace. */
struct world *world_new(uint64_t seed, uint32_t voters, uint32_t joiners,
                        const struct raft_limits *limits);
void world_free(struct world *world);
struct world_node *world_node(struct world *world, uint64_t id);
struct raft_status world_status(struct world *world, uint64_t id);

/* One event into a replica; false when it is down. Status and index are the event's. */
bool world_event(struct world *world, uint64_t id, struct raft_event *event);
void world_tick(struct world *world, uint64_t id, unsigned times);
enum status world_propose(struct world *world, uint64_t id, const char *payload);
enum status world_change(struct world *world, uint64_t id, enum raft_change_kind kind,
                         uint64_t replica_id);
enum status world_transfer(struct world *world, uint64_t id, uint64_t to);
enum status world_read(struct world *world, uint64_t id);
void world_campaign(struct world *world, uint64_t id);

/* The oldest write of a replica becomes durable, and it hears of it. */
bool world_sync(struct world *world, uint64_t id);
void world_sync_all(struct world *world, uint64_t id);
/* Delivers one message of the queue (dropped where the way is cut). */
void world_deliver(struct world *world, size_t at);
/* Takes it off without delivering; a copy stays when `repeat` delivers it besides. */
void world_lose(struct world *world, size_t at);
void world_repeat(struct world *world, size_t at);
/* Drops all messages of a kind; 0 = all. */
void world_lose_all(struct world *world, enum raft_message_kind kind);
/* Delivers and syncs until nothing is left to do. */
void world_settle(struct world *world);
/* Delivers one message of this kind, the oldest; false when there is none. */
bool world_deliver_kind(struct world *world, enum raft_message_kind kind, uint64_t to);

/* The state machine reports how far it is. */
void world_report(struct world *world, uint64_t id);
/* The next step of an install, or, when `failing`, its end. */
void world_install(struct world *world, uint64_t id, bool failing);

/* Power off: the first `kept` writes on their way reach the disk. */
void world_crash(struct world *world, uint64_t id, size_t kept);
void world_restart(struct world *world, uint64_t id);
void world_cut(struct world *world, uint64_t id, bool cut); /* from all others */
/* The state of a replica is flushed, and its log is let go of but for `kept` entries. */
void world_flush(struct world *world, uint64_t id, uint64_t kept);

/* The trace since the last call, lines ending in \n; valid until the next event. */
const char *world_trace(struct world *world);
/* Compares whole logs two by two. */
void world_check_logs(struct world *world);

#endif
