/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of one SKU shard: SKUs, locations, stock levels, holds, the ledger
 * and the memory of requests. Deterministic: the same entries in the same order make the
 * same state (inventory_digest) and the same outcomes on every replica. No clock, chance,
 * thread or float; apply never reads the disk. Design: inventory.md.
 *
 * Called by shard/replica on the loop that owns the shard; one thread at a time. Order:
 *
 *     inventory_new; inventory_load                     at start
 *     inventory_entry_begin; inventory_apply...; inventory_entry_end   per log entry
 *     inventory_collect(batch); ...; inventory_flushed  per flush, between entries
 *     inventory_read                                    any time between entries
 *
 * Entries at or below the index of the last flushed batch must not be applied again: the
 * replica writes its applied index into the same batch as inventory_collect.
 */
#ifndef SOUK_SHARD_INVENTORY_INVENTORY_H
#define SOUK_SHARD_INVENTORY_INVENTORY_H

#include "shard/base/arena.h"
#include "shard/inventory/command.h"
#include "shard/inventory/outcome.h"
#include "shard/inventory/query.h"
#include "shard/storage/key.h"

struct inventory;
struct store;
struct store_batch;

enum {
    /* Log time that a request id is remembered for at the least, and aimed at. */
    INVENTORY_REQUEST_KEEP_LEAST_MS = 10 * 60 * 1000,
    INVENTORY_REQUEST_KEEP_AIM_MS = 24 * 60 * 60 * 1000,
    /* An ended hold stays readable for this long, if fewer than that many ended since. */
    INVENTORY_ENDED_KEEP_MS = 24 * 60 * 60 * 1000,
    INVENTORY_ENDED_KEEP_MAX = 200000,
    /* Due holds that an entry expires beside those on the SKUs it touches. */
    INVENTORY_EXPIRE_PER_ENTRY_MAX = 1000,
    /* SKUs and holds that one TICK names. */
    INVENTORY_TICK_NAMES_MAX = 1000,
};

/* Told of the catalogue's SKUs as they are, on the shard's thread inside inventory_load
 * and inventory_apply. What is borrowed holds for the call. */
struct inventory_sink {
    void *context;
    /* New, or in the place of the SKU of this hash; whatever its state. */
    void (*sku_put)(void *context, uint64_t sku_hash, const struct inventory_sku *sku);
    /* It was put before, and is deleted. */
    void (*sku_remove)(void *context, uint64_t sku_hash);
};

struct inventory_options {
    uint64_t shard_id;
    struct key_range range;
    uint64_t hash_seed;  /* the cluster's, for hash64 of ids */
    struct store *store; /* borrowed; read by load, ledger queries and the audit only */
    uint64_t request_memory_max_bytes; /* judged before append only, never in apply */
    struct inventory_sink sink; /* its context outlives the inventory; NULL: nobody */
};

/* Where an entry stands in the shard's log, and its time. */
struct apply_position {
    uint64_t index;
    uint64_t term;
    int64_t log_ms; /* never below the entry before it; a lower one counts as equal */
};

struct inventory *inventory_new(const struct inventory_options *options);
void inventory_free(struct inventory *inventory);

/* Rebuilds memory from the rows in the store, into a fresh inventory. CHECKSUM or VERSION
 * when a row is damaged or too new: quarantine the replica. */
MUST_USE enum status inventory_load(struct inventory *inventory);

/* --- Apply ------------------------------------------------------------------------- */
void inventory_entry_begin(struct inventory *inventory,
                           const struct apply_position *position);
/* Decides one command. Never fails: a refusal is an outcome. EPOCH_CHANGED (a key outside
 * the range), MULTI_SHARD_HOLD, OVERLOADED (too many wait for one hold), REQUEST_ID_EXPIRED, REQUEST_ID_REUSED, QUANTITY_LIMIT of
 * imports and SEQUENCE_GAP are not remembered; every other outcome is, INVALID too. */
void inventory_apply(struct inventory *inventory, const struct inventory_command *command,
                     struct arena *arena, struct inventory_outcome *out);
/* Expires up to INVENTORY_EXPIRE_PER_ENTRY_MAX due holds and closes the ledger block.
 * Also for entries without commands (an election's no-op). */
void inventory_entry_end(struct inventory *inventory);

/* --- Before append (the leader) ------------------------------------------------------
 */
/* OK, or OVERLOADED: the memory of request ids is full and nothing in it may go yet. Ask
 * for commands with a request id only. */
MUST_USE enum status inventory_room(const struct inventory *inventory);
/* When the next hold is due (Unix ms), INT64_MAX if none. */
int64_t inventory_next_due(const struct inventory *inventory);
/* Does the shard itself want a TICK at this bounded time: a hold is due, or the memory of
 * request ids is above three quarters and some may be forgotten? Fills a whole command.
 */
bool inventory_tick_wanted(const struct inventory *inventory, int64_t bounded_ms,
                           struct inventory_command *out_tick);
/* Does this read touch a hold that is due at the leader's bounded time, but not expired
 * yet? Then propose the TICK (its arrays live in the arena) and read after applying it.
 */
bool inventory_query_due(const struct inventory *inventory,
                         const struct inventory_query *query, int64_t bounded_ms,
                         struct arena *arena, struct inventory_command *out_tick);

/* --- Other shards (the leader) ---------------------------------------------------------
 */
/* Whether it leads. Who begins to tells everything again that is not acknowledged. */
void inventory_set_leads(struct inventory *inventory, bool leads);
struct inventory_moment {
    uint64_t monotonic_us;
    int64_t bounded_ms; /* the leader's bounded time */
};
/*
 * The next thing to tell another SKU shard, as a command for its log; identity.anchor is
 * the key that it goes to. It borrows until the next entry, and from the arena. False: none
 * now. It may be lost, repeated or late: what matters is told again until acknowledged.
 */
MUST_USE bool inventory_take_parcel(struct inventory *inventory,
                                    const struct inventory_moment *now,
                                    struct arena *arena,
                                    struct inventory_command *out_command);
/* Monotonic time at which to ask for parcels again; UINT64_MAX: never. */
uint64_t inventory_parcel_due_us(const struct inventory *inventory,
                                 const struct inventory_moment *now);
/* Would this OUTCOME query be answered now, and not only at its deadline? */
bool inventory_outcome_ripe(const struct inventory *inventory,
                            const struct inventory_query *query);

/* --- Read ----------------------------------------------------------------------------
 */
/* The answer's status is also returned. CHECKSUM, VERSION, IO only from ledger queries.
 */
enum status inventory_read(const struct inventory *inventory,
                           const struct inventory_query *query, struct arena *arena,
                           struct inventory_answer *out);
int64_t inventory_log_ms(const struct inventory *inventory);
/* Request times at or below this one are not remembered any more. */
int64_t inventory_request_floor_ms(const struct inventory *inventory);
/* A hash over the whole state; equal on replicas that applied the same entries, whatever
 * they flushed. Walks everything: for tests, snapshots and audits. */
uint64_t inventory_digest(const struct inventory *inventory);

struct inventory_audit_report {
    uint64_t movements;
    uint64_t levels;
    uint64_t mismatches;   /* levels that differ from the sum of their movements */
    uint64_t broken_links; /* movements whose predecessor is missing or another SKU's */
    struct slice sku_id;   /* of the first mismatch, in the arena */
    struct slice location_id;
};
/* Recomputes every level from the ledger, in the store and in memory. */
MUST_USE enum status inventory_audit(const struct inventory *inventory,
                                     struct arena *arena,
                                     struct inventory_audit_report *out_report);

/* --- Flush ---------------------------------------------------------------------------
 */
/* Puts everything that changed since the last collect into the batch. Between entries. */
void inventory_collect(struct inventory *inventory, struct store_batch *batch);
/* All batches collected at or below this index are in the store: what only waited to be
 * readable may leave memory. */
void inventory_flushed(struct inventory *inventory, uint64_t index);
/* Bytes that a collect would write now, about: the host's measure for an early flush. */
uint64_t inventory_dirty_bytes(const struct inventory *inventory);

#endif
