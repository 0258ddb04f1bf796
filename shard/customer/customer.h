/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of one customer shard: profiles, consent, events, sessions and the
 * memory of event ids, requests and imports. Deterministic: the same entries in the same
 * order make the same state (customer_digest) and the same outcomes on every replica. No
 * clock, chance, thread or float; apply never reads the disk. Design: recommender.md.
 *
 * Called by shard/replica on the loop that owns the shard; one thread at a time. Order:
 *
 *     customer_new(options, sink); customer_load           at start
 *     customer_entry_begin; customer_apply...; customer_entry_end   per log entry
 *     customer_collect(batch); ...; customer_flushed       per flush, between entries
 *     customer_get, customer_history, customer_read_context any time between entries
 *
 * Sessions are a pure function of a customer's sorted events (session.h). Whenever they
 * change, the sink is told, during customer_load too, so what listens (shard/recommend)
 * always equals a rebuild from scratch.
 *
 * Entries at or below the index of the last flushed batch must not be applied again: the
 * replica writes its applied index into the same batch as customer_collect.
 */
#ifndef SOUK_SHARD_CUSTOMER_CUSTOMER_H
#define SOUK_SHARD_CUSTOMER_CUSTOMER_H

#include "shard/base/arena.h"
#include "shard/customer/command.h"
#include "shard/customer/session.h"

struct customer_shard;
struct store;
struct store_batch;

enum {
    /* Log time for which a repeated event_id is a duplicate. */
    CUSTOMER_EVENT_ID_KEEP_MS = 7 * 24 * 60 * 60 * 1000,
    /* Log time that a request id is remembered for. */
    CUSTOMER_REQUEST_KEEP_MS = 24 * 60 * 60 * 1000,
    CUSTOMER_REQUEST_KEEP_LEAST_MS = 10 * 60 * 1000,
    /* Newest events of one customer that make sessions; older ones stay in the history. */
    CUSTOMER_EVIDENCE_EVENTS_MAX = 1024,
    /* What an occurred time may differ from log time by. */
    CUSTOMER_CLOCK_AHEAD_MS = 5 * 60 * 1000,
    CUSTOMER_CLOCK_BEHIND_DAYS = 3653, /* ten years */
};

struct customer_options {
    uint64_t shard_id;
    struct customer_range range;
    uint64_t hash_seed;  /* the cluster's */
    struct store *store; /* borrowed; read by load and history only */
    /* All of these decide outcomes: equal on all replicas of a shard. */
    int64_t session_gap_ms;     /* setting session_gap_s */
    uint32_t session_items_max; /* distinct items; longer sessions are no evidence */
    uint64_t event_ids_max;     /* event ids remembered; 0: CUSTOMER_EVENT_IDS_DEFAULT */
    uint64_t requests_max;      /* requests remembered; 0: CUSTOMER_REQUESTS_DEFAULT */
    uint64_t memory_events_max; /* evidence events held in memory; 0: the default */
};

enum {
    CUSTOMER_EVENT_IDS_DEFAULT = 16 * 1000 * 1000,     /* at 32 bytes each */
    CUSTOMER_REQUESTS_DEFAULT = 1000 * 1000,           /* at 128 bytes each */
    CUSTOMER_MEMORY_EVENTS_DEFAULT = 64 * 1000 * 1000, /* at 40 bytes each */
};

/* The sink is copied; its context must outlive the shard. */
struct customer_shard *customer_new(const struct customer_options *options,
                                    const struct customer_sink *sink);
void customer_free(struct customer_shard *shard);

/* Rebuilds memory from the rows of the range in the store, into a fresh shard, and tells
 * the sink every session. CHECKSUM or VERSION when a row is damaged or too new. */
MUST_USE enum status customer_load(struct customer_shard *shard);

/* --- Apply ------------------------------------------------------------------------- */

/* `log_ms` never lies below that of the entry before; a lower one counts as equal. */
void customer_entry_begin(struct customer_shard *shard, uint64_t index, int64_t log_ms);

struct customer_event_outcome {
    /* OK: stored, or a duplicate. INVALID, EPOCH_CHANGED (another shard's customer),
     * REQUEST_ID_EXPIRED (a UUIDv7 event_id at or below the floor), OVERLOADED (a memory
     * limit; try again later), SEQUENCE_GAP, QUANTITY_LIMIT (too many imports,
     * or refused lines: the line was not decided). */
    enum status status;
    bool duplicate;         /* seen before; nothing was done now */
    uint64_t expected_line; /* SEQUENCE_GAP: the lane's last line; resume after it */
};

struct customer_outcome {
    /* RECORD: OK, the events speak for themselves. UPSERT: OK, INVALID, ETAG_MISMATCH,
     * EPOCH_CHANGED, REQUEST_ID_REUSED, REQUEST_ID_EXPIRED, OVERLOADED, SEQUENCE_GAP,
     * QUANTITY_LIMIT, CANCELLED (sealed before). REQUEST_SEAL: the remembered outcome
     * with `replayed`, or CANCELLED: never applied, and never will be. ERASE: OK, also for
     * a customer nobody knows, EPOCH_CHANGED, and what request ids end with. */
    enum status status;
    bool replayed;
    bool duplicate; /* an import line applied before */
    bool created;   /* UPSERT: the profile is new */
    uint64_t expected_line;
    /* UPSERT and ETAG_MISMATCH; in the arena. Empty in a replay of one who was erased. */
    struct customer_profile profile;
    struct customer_erasure erased;        /* ERASE; a replay repeats it */
    struct customer_event_outcome *events; /* RECORD; in the arena, one per event */
    uint32_t event_count;
    uint32_t stored;
    uint32_t duplicates;
};

/* Decides one command. Never fails: a refusal is an outcome. The arena has no limit. */
void customer_apply(struct customer_shard *shard, const struct customer_command *command,
                    struct arena *arena, struct customer_outcome *out);
/* Derives the sessions of all customers that the entry touched and tells the sink; those
 * of erased ones leave, and so do the customers. */
void customer_entry_end(struct customer_shard *shard);

/* The occurred time as it is stored: within [log time - 10 years, log time + 5 min]; a
 * line of an import is history, not a clock, and may go back to 1970. */
int64_t customer_clamp_ms(int64_t occurred_ms, int64_t log_ms, bool imported);

/* --- Before append (the leader) ------------------------------------------------------
 */
/* OK, or OVERLOADED: so many more events (or a request, for 0) find no memory now. */
MUST_USE enum status customer_room(const struct customer_shard *shard,
                                   uint32_t event_count);

/* --- Read ----------------------------------------------------------------------------
 */
/* The profile, its slices copied into the arena. NOT_FOUND without a profile row,
 * TOO_LARGE past the arena's limit. */
MUST_USE enum status customer_get(const struct customer_shard *shard,
                                  struct hash128 customer, struct arena *arena,
                                  struct customer_profile *out_profile);

/* What a recommendation needs of the customer who asks. */
struct customer_context {
    bool known;                     /* has events or a profile */
    bool personalization_withdrawn; /* then there are no clicks */
    uint64_t session_hash;          /* of the session that goes on; 0 none */
    const uint64_t *clicks; /* its items, oldest first, with repeats; newest last */
    uint32_t click_count;   /* at most the `clicks_max` asked for: the newest */
    int64_t end_ms;         /* of its newest click */
};
struct customer_context_query {
    struct hash128 customer;
    struct slice session_id; /* may be empty */
    int64_t now_ms;          /* log time, or the leader's bounded clock */
    uint32_t clicks_max;
};
/* The session goes on if it is named by session_id, or, with an empty one, if it is the
 * newest and its pause up to now_ms is no longer than the gap. Nothing known is an answer
 * too. The clicks live in the arena. */
void customer_read_context(const struct customer_shard *shard,
                           const struct customer_context_query *query,
                           struct arena *arena, struct customer_context *out_context);
/* The customer's own standing actions, oldest first: what personal sources read. */
struct customer_actions {
    const struct customer_action *actions; /* in the arena */
    uint32_t action_count;                 /* at most CUSTOMER_EVIDENCE_EVENTS_MAX */
};
/* None when the customer is unknown or withdrew personalization; withdrawn evidence does
 * not matter: they are the customer's own. TOO_LARGE past the arena's limit. */
MUST_USE enum status customer_actions(const struct customer_shard *shard,
                                      struct hash128 customer, struct arena *arena,
                                      struct customer_actions *out_actions);

struct customer_history {
    uint64_t before; /* the ordinal that it begins below, at most the one asked for */
    const struct customer_event *events; /* newest recorded first; in the arena */
    uint32_t event_count;
    const int64_t *recorded_ms; /* of each, in log time */
    uint64_t next_before;       /* ask with this for older ones; 0: there are none */
};
/* Up to `count` (CUSTOMER_HISTORY_MAX) events recorded before the ordinal `before` (0:
 * from the newest). Reads the store. NOT_FOUND, CHECKSUM, VERSION, IO. */
MUST_USE enum status customer_history(const struct customer_shard *shard,
                                      struct hash128 customer, uint64_t before,
                                      uint32_t count, struct arena *arena,
                                      struct customer_history *out_history);

/* The SKU id behind a hash that some event named; false when none did. Borrowed from the
 * shard, until it is freed. */
bool customer_sku_id(const struct customer_shard *shard, uint64_t sku_hash,
                     struct slice *out_sku_id);

struct customer_counters {
    uint64_t customers; /* with a profile or an event */
    uint64_t profiles;
    uint64_t events; /* stored, of all kinds */
    uint64_t
        events_erased; /* since this shard was opened; with `events` it never falls */
    uint64_t memory_events; /* of these, held in memory for sessions */
    uint64_t sessions;      /* told to the sink and standing */
    uint64_t memory_bytes;  /* about */
};
struct customer_counters customer_counters(const struct customer_shard *shard);

uint64_t customer_index(const struct customer_shard *shard); /* last entry begun */
int64_t customer_log_ms(const struct customer_shard *shard);
/* UUIDv7 event ids at or below this time are refused: they may have been forgotten. */
int64_t customer_event_floor_ms(const struct customer_shard *shard);
int64_t customer_request_floor_ms(const struct customer_shard *shard);
/* A hash over the whole state; equal on replicas that applied the same entries, whatever
 * they flushed. Walks everything: for tests, snapshots and audits. */
uint64_t customer_digest(const struct customer_shard *shard);

/* --- Flush ---------------------------------------------------------------------------
 */
/* Puts everything that changed since the last collect into the batch. Between entries. */
void customer_collect(struct customer_shard *shard, struct store_batch *batch);
/* All batches collected at or below this index are in the store: event blocks that only
 * waited to be readable leave memory. */
void customer_flushed(struct customer_shard *shard, uint64_t index);
/* Bytes that a collect would write now, about: the host's measure for an early flush. */
uint64_t customer_dirty_bytes(const struct customer_shard *shard);

#endif
