/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event of a history, as the checkers take it. Plain values, nothing owned. Numbers of
 * states, buckets and reasons are those of souk.v1; they are written down again here
 * because checkers include nothing of what they check.
 */
#ifndef SOUK_TESTS_SIM_CHECK_EVENT_H
#define SOUK_TESTS_SIM_CHECK_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/status.h"

enum {
    HISTORY_LINES_MAX = 4,
    HISTORY_ITEMS_MAX = 8,
    HISTORY_BUCKETS = 9, /* indexed by enum history_bucket */
    HISTORY_NAME_BYTES = 32,
    HISTORY_NOWHERE = 0xffff, /* a line without a location: the shard picks */
};

enum history_bucket {
    HISTORY_ON_HAND = 1,
    HISTORY_DAMAGED = 2,
    HISTORY_QUALITY_CONTROL = 3,
    HISTORY_INCOMING = 4,
    HISTORY_SAFETY_STOCK = 5,
    HISTORY_BACKORDER_LIMIT = 6,
    HISTORY_HELD = 7,
    HISTORY_COMMITTED = 8,
};

enum history_hold_state {
    HISTORY_HOLD_HELD = 1,
    HISTORY_HOLD_COMMITTED = 2,
    HISTORY_HOLD_FULFILLED = 3,
    HISTORY_HOLD_RELEASED = 4,
    HISTORY_HOLD_EXPIRED = 5,
    HISTORY_HOLD_CANCELLED = 6,
};

/* X(NAME, "name in a file") */
#define HISTORY_TYPE_TABLE(X)                                                            \
    X(INVOKE, "inv")      /* before an operation is sent */                              \
    X(OK, "ok")           /* answered; `status` may be a refusal decided in the log */   \
    X(FAIL, "fail")       /* certainly not applied */                                    \
    X(INFO, "info")       /* outcome unknown; open to the end */                         \
    X(NEMESIS, "nemesis") /* a fault begins or ends */                                   \
    X(HEALED, "healed")   /* no fault from here on; progress is due */                   \
    X(ENTRY, "entry")     /* a replica applied an entry */                               \
    X(STORED, "stored")   /* a replica's log holds an entry, durably */                  \
    X(DIGEST, "digest")   /* the state of a replica at an applied index */               \
    X(LEADER, "leader")   /* a replica became leader of a term */                        \
    X(HARD, "hard")       /* durable term and vote of a replica */                       \
    X(COMMIT, "commit")   /* commit index of a replica rose to `index` */                \
    X(APPLIED, "applied") /* a replica has applied its log through `index` */            \
    X(RESET, "reset")     /* a replica's log was emptied; it goes on behind `index` */   \
    X(DOUBT, "doubt")     /* what its log holds from `index` on is not known */          \
    X(VOTE, "vote")       /* a replica told `vote` that it has its vote of the term */   \
    X(MEMBERS, "members") /* who belongs to the shard, as a replica has it */            \
    X(BROKEN, "broken") /* it cannot start from what its disks have, which are whole */  \
    X(CRASH, "crash")   /* a replica lost what was in memory */                          \
    X(LEVEL, "level")   /* at the end: a level as it stands on a replica */              \
    X(MOVEMENT, "movement") /* at the end: a ledger row, each SKU's in order */          \
    X(STREAM, "stream")     /* of a warehouse system's stream */                         \
    X(FEED, "feed")         /* of a watch, and at the end what it should have seen */

enum history_type {
#define HISTORY_TYPE_ENUM(name, text) HISTORY_##name,
    HISTORY_TYPE_TABLE(HISTORY_TYPE_ENUM)
#undef HISTORY_TYPE_ENUM
    HISTORY_TYPES,
};

#define HISTORY_OP_TABLE(X)                                                              \
    X(ADJUST, "adjust")                                                                  \
    X(SET, "set")                                                                        \
    X(MOVE, "move") /* sound units, from one location of the SKU to another */           \
    X(HOLD_CREATE, "hold_create")                                                        \
    X(HOLD_EXTEND, "hold_extend")                                                        \
    X(HOLD_COMMIT, "hold_commit")                                                        \
    X(HOLD_RELEASE, "hold_release")                                                      \
    X(HOLD_FULFIL, "hold_fulfil")                                                        \
    X(HOLD_CANCEL, "hold_cancel")                                                        \
    X(READ_LEVEL, "level")                                                               \
    X(READ_HOLD, "hold")                                                                 \
    X(RECOMMEND, "recommend")                                                            \
    X(MULTI_CREATE, "multi_create") /* of a hold over several shards, as all below */    \
    X(MULTI_EXTEND, "multi_extend")                                                      \
    X(MULTI_COMMIT, "multi_commit")                                                      \
    X(MULTI_RELEASE, "multi_release")                                                    \
    X(MULTI_FULFIL, "multi_fulfil")                                                      \
    X(MULTI_CANCEL, "multi_cancel")                                                      \
    X(OTHER, "other") /* no stock: counted for progress and request ids alone */

enum history_op {
#define HISTORY_OP_ENUM(name, text) HISTORY_OP_##name,
    HISTORY_OP_TABLE(HISTORY_OP_ENUM)
#undef HISTORY_OP_ENUM
    HISTORY_OPS,
};

struct history_hold_id {
    uint64_t anchor, unique; /* {0, 0}: none */
};

struct history_hold_line {
    uint32_t sku, location;
    int64_t quantity;
    int64_t granted; /* in answers */
};

static inline bool history_op_spans(enum history_op op)
{
    return op >= HISTORY_OP_MULTI_CREATE && op <= HISTORY_OP_MULTI_CANCEL;
}

struct history_item {
    uint32_t sku;
    int64_t available;
    uint64_t index; /* of the SKU's shard, that it was verified at; 0: not told */
};

/* INVOKE, OK, FAIL, INFO. An answer repeats client, number, op, request and sku. */
struct history_call {
    uint32_t client;
    uint64_t number; /* of the operation; pairs an answer with its question */
    enum history_op op;
    uint64_t request; /* request id of a write, the same in each try; 0: none */
    uint64_t payload; /* OTHER alone: hash of what was asked */
    bool session;     /* a read that may be stale, but not below what the client saw */
    uint32_t sku, location;
    enum history_bucket bucket; /* ADJUST, SET; 0 counts as ON_HAND */
    uint32_t to_location;       /* MOVE */
    int64_t quantity;           /* ADJUST: the delta; SET: the value; MOVE: units */
    bool has_expected;
    int64_t expected; /* SET: on hand before */
    bool best_effort;
    int64_t ttl_ms;
    int64_t past_ms; /* READ_HOLD: whatever expires by then has to be over; 0: not told */
    struct history_hold_line lines[HISTORY_LINES_MAX]; /* HOLD_CREATE; in answers with
                                                          locations and grants */
    uint32_t line_count;
    struct history_hold_id hold; /* asked for; in answers the one told */
    /* answers */
    enum status status;
    bool replayed;
    uint64_t shard, index; /* where it was decided or read; index 0: not told */
    int64_t log_ms;        /* log time there */
    bool has_level;
    int64_t buckets[HISTORY_BUCKETS];
    bool has_hold;
    enum history_hold_state hold_state;
    int64_t create_ms, expire_ms, end_ms;
    struct history_item items[HISTORY_ITEMS_MAX]; /* VERIFIED ones of RECOMMEND */
    uint32_t item_count;
};

/* ENTRY to CRASH. */
struct history_replica {
    uint32_t node;
    uint64_t replica, shard;
    uint64_t index, term;
    uint64_t previous_term; /* ENTRY, STORED: of index - 1; 0: not told */
    uint64_t hash;          /* ENTRY, STORED: of the payload; DIGEST: of the state */
    uint64_t vote;          /* HARD, VOTE: replica id; 0: none */
    uint64_t last_index;    /* LEADER, MEMBERS: of its log */
    /* MEMBERS: the version of the newest in its log; `index` is what it has applied, `hash`
     * of the members themselves. */
    uint64_t version;
};

/* LEVEL, MOVEMENT. */
struct history_row {
    uint64_t
        replica; /* LEVEL: read on this one; MOVEMENT: rows of one replica are enough */
    uint64_t shard, index;
    uint32_t sub;
    uint32_t sku, location;
    uint32_t reason;        /* souk.v1 stock reasons */
    uint64_t request;       /* the name that calls have for it; 0: the shard's own */
    uint64_t multi_request; /* the same, of a MULTI call; `request` is 0 then */
    struct history_hold_id hold;
    int64_t log_ms;
    int64_t before[HISTORY_BUCKETS];
    int64_t after[HISTORY_BUCKETS]; /* LEVEL: as it stands */
};

/* STREAM. */
enum history_stream_kind {
    HISTORY_STREAM_SENT,  /* updates up to `sequence` have been sent, at least once */
    HISTORY_STREAM_ACKED, /* the system was told that all up to `sequence` are taken */
    HISTORY_STREAM_ROW, /* at the end: a ledger row of an update, each shard's in order */
};
struct history_stream {
    enum history_stream_kind kind;
    uint32_t source;
    uint64_t epoch;
    uint64_t sequence;
    uint64_t shard, index; /* ROW */
    uint32_t sub;
    int64_t wanted; /* ROW: what the update was to add */
    int64_t added;
};

/* FEED: a place in a shard's ledger. */
enum history_feed_kind {
    HISTORY_FEED_FROM, /* the watch begins to look here */
    HISTORY_FEED_SEEN, /* it was told of the row here */
    HISTORY_FEED_UPTO, /* it was told of everything before here */
    HISTORY_FEED_ROW,  /* at the end: there is a row here, each shard's in order */
};
struct history_feed {
    enum history_feed_kind kind;
    uint32_t watch; /* not of ROW */
    uint64_t shard, index;
    uint32_t sub;
};

struct history_fault {
    char name[HISTORY_NAME_BYTES]; /* NUL-terminated */
    char target[HISTORY_NAME_BYTES];
    bool begins;
};

struct history_event {
    enum history_type type;
    uint64_t at_us; /* world time, never decreasing */
    union {
        struct history_call call;
        struct history_replica replica;
        struct history_row row;
        struct history_stream stream;
        struct history_feed feed;
        struct history_fault fault;
    };
};

#endif
