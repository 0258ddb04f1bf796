/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a node and the hand-overs between them.
 *
 *   rpc workers, anyone --runtime_submit--> shard loops (setting shard_loops)
 *   shard loops --log batch--> log writer (one) --synced--> shard loops
 *   shard loops --long search--> search workers (setting search_workers) --> shard loops
 *   shard loops --state batch--> apply writer (one) --written--> shard loops
 *
 * Each replica lives on exactly one loop; its struct shard_host is touched by that loop's
 * thread alone. The log writer merges the ready batches of all loops into one synced
 * write. The apply writer feeds the state store and may stall there: then proposals are
 * refused with OVERLOADED, and ticks go on. Any error of the log or the state store other
 * than OVERLOADED is fail-stop: one line is logged and the process ends at once with exit
 * code RUNTIME_EXIT_FAILED (74, EX_IOERR); nothing is retried, since a failed fsync has
 * already lost what it covered.
 *
 * All functions are for any thread unless said else.
 */
#ifndef SOUK_SERVER_RUNTIME_RUNTIME_H
#define SOUK_SERVER_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/host/shard_call.h"
#include "shard/base/clock.h"
#include "shard/base/heap.h"
#include "shard/base/mailbox.h"
#include "shard/base/setting.h"
#include "shard/base/status.h"
#include "shard/recommend/sources.h"
#include "shard/recommend/trending.h"
#include "shard/replica/replica.h"
#include "shard/storage/file.h"
#include "shard/storage/key.h"

enum {
    RUNTIME_EXIT_FAILED = 74,
    RUNTIME_SHARDS_MAX = 1088,
};

struct runtime;

struct runtime_shard {
    uint64_t shard_id;
    enum replica_kind kind;
    uint64_t replica_id; /* names it in the log; not 0 */
    struct key_range range;
    uint64_t range_epoch;
};

struct runtime_options {
    const struct settings *settings; /* outlives the runtime */
    struct store *store;             /* the caller closes both after runtime_stop */
    struct log_store *log;
    const struct runtime_shard *shards; /* copied */
    size_t shard_count;
    uint64_t hash_seed; /* of the cluster */
    /* Whose file system is watched for disk_full_percent; NULL: none is. */
    const char *disk_dir;
    struct file_system *files; /* asked for its space; NULL: the real one */
};

/*
 * Opens every replica (loads its state, replays its log) on the calling thread, then
 * starts the threads. On failure nothing runs and `problem` says what to do.
 */
MUST_USE enum status runtime_start(const struct runtime_options *options,
                                   struct problem *problem, struct runtime **out_runtime);
/*
 * Refuses new calls with DRAINING, finishes those in flight, writes all state, syncs it,
 * joins the threads and frees everything. The edges have stopped before.
 */
void runtime_stop(struct runtime *runtime);

/*
 * Hands a call to its shard. OK: call->done will run once, on the shard's loop. Anything
 * else: `done` never runs and the call is the submitter's at once:
 *   OVERLOADED     proposal_queue_max_bytes wait on that loop
 *   DRAINING       the runtime is stopping
 *   EPOCH_CHANGED  no such shard here
 */
MUST_USE enum status runtime_submit(struct runtime *runtime, struct shard_call *call);

/*
 * The degrees of all shards of this node, as searching and ranking need them: one table
 * per vector. Every loop has its own ones, kept up to date by the runtime; the changing
 * shard's loop before the answers of that turn go out, the others as soon as they turn:
 * borrowed, and for that loop's thread only.
 */
struct degree_table *runtime_degrees(struct runtime *runtime, unsigned loop,
                                     enum recommend_degrees kind);
/* What rises in a loop's tables; as runtime_degrees. */
struct trending *runtime_trending(struct runtime *runtime, unsigned loop);

/* Which shard of a table owns a key; false when none here does. */
bool runtime_owner(const struct runtime *runtime, enum replica_kind kind, uint64_t hash,
                   uint64_t *out_shard_id);
unsigned runtime_loop_count(const struct runtime *runtime);
/* Which loop owns a shard; false when it is not here. */
bool runtime_loop_of(const struct runtime *runtime, uint64_t shard_id,
                     unsigned *out_loop);
/* Whether the caller is that loop's thread. */
bool runtime_on_loop(const struct runtime *runtime, unsigned loop);

/* Work that lives on a loop: coordination, fan-in of several shard calls. */
struct runtime_task {
    struct mailbox_node node;
    void (*run)(struct runtime_task *task, struct moment now);
};
/*
 * Runs the task once on that loop's thread, in order of posting per posting thread. The
 * memory is the poster's again when `run` is entered (it may free it). Tasks posted
 * before runtime_stop are all run.
 */
void runtime_post(struct runtime *runtime, unsigned loop, struct runtime_task *task);

/* A timer of a loop; those that have not fired by runtime_stop never do. Embedded, zeroed before its first use. That loop's thread only. */
struct runtime_timer {
    struct heap_node node;
    uint64_t due_us;
    void (*fire)(struct runtime_timer *timer, struct moment now);
};
/* Fires once at or after `due_us` (monotonic); setting it again moves it. */
void runtime_timer_set(struct runtime *runtime, unsigned loop,
                       struct runtime_timer *timer, uint64_t due_us);
/* Harmless when not set. */
void runtime_timer_clear(struct runtime *runtime, unsigned loop,
                         struct runtime_timer *timer);

/* Told whenever its shard has applied something; at first at once. Embedded, zeroed before
 * its first use. That loop's thread only. */
struct runtime_watcher {
    struct list link;
    uint64_t shard_id;
    uint64_t seen_index; /* applied, as it was told last */
    void (*moved)(struct runtime_watcher *watcher, struct moment now);
};
void runtime_watch(struct runtime *runtime, unsigned loop,
                   struct runtime_watcher *watcher);
/* Harmless when it does not watch. Never inside any `moved`. */
void runtime_unwatch(struct runtime_watcher *watcher);

#endif
