/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node without threads and without gRPC: the host and its replicas over a segment log
 * on files that can crash and a state store that can crash, driven step by step, with
 * time made up. One SKU shard (WORLD_SKU_SHARD) and one customer shard
 * (WORLD_CUSTOMER_SHARD) own everything.
 *
 * For one thread. Helpers assert: what they cannot do is a defect of the test.
 */
#ifndef SOUK_TESTS_LIB_SHARD_WORLD_H
#define SOUK_TESTS_LIB_SHARD_WORLD_H

#include "server/host/shard_host.h"
#include "shard/base/rng.h"
#include "shard/replica/command.h"
#include "tests/lib/crash_files.h"
#include "tests/lib/memory_store.h"

enum {
    WORLD_SKU_SHARD = 1,
    WORLD_CUSTOMER_SHARD = 2,
    WORLD_SEGMENT_BYTES_DEFAULT = 256 << 10,
    WORLD_HASH_SEED = 7,
};

struct shard_world {
    struct settings settings;
    uint64_t segment_bytes;
    struct crash_files *files;
    struct store *store;
    struct log_store *log;
    struct shard_host *host;
    struct moment now;
    /* Batches that host_turn made and that are not written yet, oldest first. */
    struct log_batch batches[HOST_BATCHES_IN_FLIGHT_MAX];
    size_t batch_first;
    size_t batch_count;
    struct store_batch state;
    bool state_pending; /* `state` waits to be written to the store */
};

/* Fresh and booted; the time begins at an arbitrary moment of 2026. */
void world_open(struct shard_world *world);
void world_close(struct shard_world *world);

/* Opens log, host and replicas from what the disks hold. */
MUST_USE enum status world_boot(struct shard_world *world);
/* The process ends without a word: memory is gone, the disks keep what they have. */
void world_kill(struct shard_world *world);
/* As world_kill, and the disks lose what they may of what was not synced. */
void world_crash(struct shard_world *world, struct rng *rng);

void world_pass_ms(struct shard_world *world, uint64_t milliseconds);

/* The steps of a node, one by one. Each says whether it did anything. */
bool world_collect(struct shard_world *world);
/* The oldest batch, written and synced, then told to the host. */
bool world_write_log(struct shard_world *world);
bool world_collect_state(struct shard_world *world, bool force);
bool world_write_state(struct shard_world *world);
/* What the apply writer would find persisted; `flush` flushes the store before. */
void world_persist(struct shard_world *world, bool flush);
/* Hands the news of degrees to the host's tables, as a loop does before it finishes. */
void world_tell_degrees(struct shard_world *world);
/* Runs the `done` of calls that have ended. */
bool world_finish(struct shard_world *world);
/* All of these until nothing happens any more, state left out. */
void world_run(struct shard_world *world);

struct replica *world_replica(struct shard_world *world, uint64_t shard_id);
uint64_t world_digest(struct shard_world *world, uint64_t shard_id);

/* --- Calls ------------------------------------------------------------------------- */

enum {
    WORLD_COMMANDS_MAX = 16,
};

/* A call with room for what it needs. */
struct world_call {
    struct shard_call call;
    struct arena arena;
    struct slice commands[WORLD_COMMANDS_MAX];
    size_t command_count;
    struct replica_outcome outcomes[WORLD_COMMANDS_MAX];
    struct replica_query query;
    struct replica_answer answer;
    bool done;
    uint64_t order; /* the how manyeth `done` of the process */
};

void world_call_init(struct world_call *call);
void world_call_close(struct world_call *call);
/* Adds a command, copied. */
void world_call_add_sku(struct world_call *call, const struct inventory_command *command);
void world_call_add_customer(struct world_call *call,
                             const struct customer_command *command);
/* Hands it to the host: the commands added, or the query. Not done yet. */
void world_propose(struct shard_world *world, struct world_call *call, uint64_t shard_id);
void world_read(struct shard_world *world, struct world_call *call, uint64_t shard_id);

/* The command with a request identity made of `request` (0: none). */
struct inventory_command world_identify(struct shard_world *world,
                                        struct inventory_command command,
                                        uint64_t request);
/* Whole commands, identified so. */
struct inventory_command world_sku_upsert(struct shard_world *world, const char *sku_id,
                                          uint64_t request);
struct inventory_command world_location_upsert(struct shard_world *world,
                                               const char *location_id, uint64_t request);
struct inventory_command world_adjust(struct shard_world *world, const char *sku_id,
                                      int64_t delta, uint64_t request);
struct inventory_command world_hold(struct shard_world *world,
                                    const struct inventory_hold_line *line,
                                    int64_t ttl_ms, uint64_t request);
/* Commit, release and so on of a hold. */
struct inventory_command world_hold_change(struct shard_world *world,
                                           enum inventory_command_kind kind,
                                           struct inventory_hold_id id, uint64_t request);
struct customer_event world_event(const char *event_id, uint64_t customer,
                                  const char *sku_id, int64_t occurred_ms);

/* Proposes one command, runs the world and returns the outcome's status. */
enum status world_apply(struct shard_world *world,
                        const struct inventory_command *command,
                        struct inventory_outcome *out_outcome);
/* Upserts location "L" and the SKU, and sets its stock by an adjustment. */
void world_stock(struct shard_world *world, const char *sku_id, int64_t on_hand);
/* on_hand and available of a SKU at "L", by a query that is run to its end. */
struct inventory_level world_level(struct shard_world *world, const char *sku_id);

#endif
