/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is handed to a replica and handed back: proposals (commands to log and apply) and
 * reads, with their outcomes and answers as tagged unions over the kinds of shard.
 *
 * Everything here is plain memory of the submitter, lent to the replica from
 * replica_propose or replica_read until the replica gives it back as done.
 */
#ifndef SOUK_SHARD_REPLICA_WORK_H
#define SOUK_SHARD_REPLICA_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/list.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/customer/customer.h"
#include "shard/inventory/outcome.h"
#include "shard/inventory/query.h"
#include "shard/placement/directory.h"
#include "shard/raft/raft.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/sources.h"

/* Numbered as souk.v1.ShardTable. */
enum replica_kind {
    REPLICA_SKU = 1,
    REPLICA_CUSTOMER = 2,
    REPLICA_DIRECTORY = 3,
};

/* Which state of which shard something was read from or decided in. */
struct replica_stamp {
    uint64_t shard_id;
    uint64_t range_epoch;
    uint64_t log_index;
    int64_t log_time_ms; /* Unix milliseconds of log time */
};

/* What became of one command. `status` repeats the status inside. */
struct replica_outcome {
    enum status status;
    enum replica_kind kind;
    union {
        struct inventory_outcome inventory; /* REPLICA_SKU */
        struct customer_outcome customer;   /* REPLICA_CUSTOMER */
        struct directory_outcome directory; /* REPLICA_DIRECTORY */
    };
};

enum replica_query_kind {
    REPLICA_QUERY_STATUS = 1,     /* any shard: struct replica_status */
    REPLICA_QUERY_INVENTORY = 2,  /* SKU shards: struct inventory_query */
    REPLICA_QUERY_PROFILE = 3,    /* customer shards, as all below: customer_get */
    REPLICA_QUERY_CONTEXT = 4,    /* customer_context, at the shard's bounded clock, and
                                  * customer_actions when some are asked for */
    REPLICA_QUERY_HISTORY = 5,    /* customer_history; reads the store */
    REPLICA_QUERY_SEARCH = 6,     /* partial sums of this shard, of several sources */
    REPLICA_QUERY_SKU_SEARCH = 7, /* SKU shards, as below: content and arrivals */
    REPLICA_QUERY_TOKENS = 8,     /* attribute tokens of SKUs */
    /* The directory group's, as applied here, from whoever is asked, as STATUS: who wants
     * the newest asks again. */
    REPLICA_QUERY_DIRECTORY = 32,
    /* A hash over the state at one index, from whichever replica is asked: it waits until
     * that index is applied. NOT_FOUND: it has passed. Walks the whole state. */
    REPLICA_QUERY_DIGEST = 33,
};

/* Where a replica stands; also what operators see of a shard. */
struct replica_status {
    uint64_t shard_id;
    enum replica_kind kind;
    uint64_t last_index;    /* appended, perhaps not yet durable */
    uint64_t durable_index; /* of it, durable here */
    uint64_t commit_index;
    uint64_t applied_index;
    uint64_t flushed_index; /* survives without the log */
    int64_t log_time_ms;    /* of the applied entry */
    uint64_t dirty_bytes;   /* waiting for the next flush, about */
    uint64_t commands_applied;
    uint64_t commands_replayed; /* answered from the memory of request ids */
    enum raft_role role;
    uint64_t term;
    uint64_t replica_id;
    uint64_t leader_replica_id;  /* 0: not known */
    uint32_t feature_level;      /* of the shard, as applied */
    bool installing;             /* a snapshot takes the place of its state */
    enum status failed;          /* not OK: it stopped, and has to be rebuilt */
    uint64_t messages_dropped;   /* damaged, foreign, of removed or unknown replicas */
    struct raft_members members; /* the newest in its log: those that count */
    uint64_t members_applied;    /* version of those applied; another while one changes */
    struct raft_follower followers[RAFT_MEMBERS_MAX]; /* of a leader: how far they are */
    uint32_t follower_count;
    uint64_t directory_version; /* REPLICA_DIRECTORY */
    uint64_t evidence_bytes;    /* of memory_bytes below: what recommendations read */
    union {
        struct inventory_counters inventory; /* REPLICA_SKU */
        struct customer_counters customer;   /* REPLICA_CUSTOMER */
    };
    struct evidence_counters evidence; /* REPLICA_CUSTOMER; its bytes are in customer's */
};

/* Of PROFILE, CONTEXT and HISTORY. */
struct replica_customer_query {
    struct hash128 customer;
    struct slice session_id;     /* CONTEXT */
    uint32_t clicks_max;         /* CONTEXT */
    uint32_t actions_max;        /* CONTEXT: the newest; 0: none are read */
    bool actions_without_clicks; /* CONTEXT: only if there are none */
    uint64_t before;             /* HISTORY */
    uint32_t count;              /* HISTORY */
};

enum {
    REPLICA_TOKENS_SKUS_MAX = RECOMMEND_COUNT_MAX, /* of one TOKENS query */
};

struct replica_tokens_query {
    const uint64_t *sku_hashes;
    uint32_t sku_hash_count; /* at most REPLICA_TOKENS_SKUS_MAX */
};

/* Searches are pointed at: they are large, and most queries are none. */
struct replica_query {
    enum replica_query_kind kind;
    bool at_leader; /* STATUS: as its leader sees it; NOT_LEADER anywhere else */
    union {
        struct inventory_query inventory;
        struct replica_customer_query customer;
        const struct recommend_customer_search *customer_search; /* SEARCH */
        const struct recommend_sku_search *sku_search;           /* SKU_SEARCH */
        struct replica_tokens_query tokens;
        uint64_t digest_index; /* DIGEST */
    };
};

/* `status` is that of the answer inside; the member of the query's kind is set when it is
 * OK (of INVENTORY always). A query for the other kind of shard is INVALID. */
struct replica_answer {
    enum status status;
    union {
        struct replica_status replica;
        struct inventory_answer inventory;
        struct customer_profile profile;
        struct {
            struct customer_context context;
            struct customer_actions actions; /* none unless asked for */
        };
        struct customer_history history;
        /* In the arena; versions inside are the applied index. */
        const struct recommend_customer_found *customer_found; /* SEARCH */
        const struct recommend_sku_found *sku_found;           /* SKU_SEARCH */
        const struct recommend_tokens *tokens; /* TOKENS: one per SKU, as asked */
        struct slice directory;                /* DIRECTORY: directory_decode */
        uint64_t digest;                       /* DIGEST */
    };
};

/*
 * Some commands, decided one by one and in order, normally in one log entry.
 *
 *   REFUSED  appended_count is 0: nothing was logged and nothing will be; NOT_LEADER:
 *            ask the replica that replica_status names
 *   APPLIED  status OK, every outcome stands
 *   DROPPED  status OUTCOME_UNKNOWN, outcomes[0, decided_count) stand, the rest may or
 *            may not be applied
 */
struct replica_proposal {
    struct list link;
    const struct slice *commands; /* command.h */
    size_t command_count;
    struct replica_outcome *outcomes; /* one per command */
    struct arena *arena;  /* for the bytes of the outcomes; NULL: they have none */
    uint64_t deadline_us; /* monotonic; not appended past it; 0: none */
    /* out */
    enum status status;
    struct replica_stamp stamp; /* of the last decided command */
    size_t appended_count;
    size_t decided_count;
};

struct replica_read {
    struct list link;
    const struct replica_query *query;
    struct replica_answer *answer;
    struct arena *arena;
    /* Degrees of attribute tokens over all shards (RECOMMEND_DEGREES_TOKENS), of the
     * thread that the replica runs on; NULL: there are none, and no content search. */
    const struct degree_table *tokens;
    uint64_t
        deadline_us; /* monotonic; a read that waits for a TICK ends at it; 0: none */
    /* out */
    enum status status; /* equals answer->status when the query was looked at */
    struct replica_stamp stamp;
    /* the replica's */
    uint64_t wait_index; /* to be applied first; while it asks, the question's number */
};

/* A SEARCH begun on the shard's thread, for any other one to run. */
struct replica_search {
    struct evidence_view view; /* the evidence as it stood then */
    struct recommend_query query;
    struct replica_stamp stamp;
    _Atomic(uint32_t) *readers;
};

#endif
