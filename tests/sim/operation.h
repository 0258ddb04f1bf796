/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client of the simulated world asks, and what it is told: plain values, so that
 * they travel in packets and into the history without memory of their own. SKUs,
 * locations and customers are numbers; world.h has their names.
 */
#ifndef SOUK_TESTS_SIM_OPERATION_H
#define SOUK_TESTS_SIM_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/inventory/types.h"
#include "shard/replica/work.h"

/* X(NAME, "name in reports", writes) */
#define SIM_OPERATION_TABLE(X)                                                           \
    X(LOCATION, "location_upsert", true)                                                 \
    X(SKU, "sku_upsert", true)                                                           \
    X(ADJUST, "adjust", true)                                                            \
    X(SET, "set", true)                                                                  \
    X(MOVE, "move", true)                                                                \
    X(HOLD_CREATE, "hold_create", true)                                                  \
    X(HOLD_EXTEND, "hold_extend", true)                                                  \
    X(HOLD_COMMIT, "hold_commit", true)                                                  \
    X(HOLD_RELEASE, "hold_release", true)                                                \
    X(HOLD_FULFIL, "hold_fulfil", true)                                                  \
    X(HOLD_CANCEL, "hold_cancel", true)                                                  \
    X(EVENT, "event", true)                                                              \
    X(SOURCE, "source", true) /* an Ack of a stream */                                   \
    X(FEED, "feed", false)    /* a page of a watch */                                    \
    X(LEVEL, "level", false)                                                             \
    X(HOLD, "hold", false)                                                               \
    X(RECOMMEND, "recommend", false)                                                     \
    X(LEDGER, "ledger", false) /* a page; `location` is the place of the shard */        \
    X(MULTI_CREATE, "multi_create",                                                      \
      true) /* of holds over several shards, from here on */                             \
    X(MULTI_EXTEND, "multi_extend", true)                                                \
    X(MULTI_COMMIT, "multi_commit", true)                                                \
    X(MULTI_RELEASE, "multi_release", true)                                              \
    X(MULTI_FULFIL, "multi_fulfil", true)                                                \
    X(MULTI_CANCEL, "multi_cancel", true)

enum sim_operation_kind {
#define SIM_OPERATION_ENUM(name, text, writes) SIM_##name,
    SIM_OPERATION_TABLE(SIM_OPERATION_ENUM)
#undef SIM_OPERATION_ENUM
    SIM_OPERATION_KINDS,
};
const char *sim_operation_name(enum sim_operation_kind kind);
bool sim_operation_writes(enum sim_operation_kind kind);
/* About a hold over several shards? */
static inline bool sim_operation_spans(enum sim_operation_kind kind)
{
    return kind >= SIM_MULTI_CREATE;
}

enum {
    SIM_LINES_MAX = 3,
    SIM_ITEMS_MAX = 8, /* of a recommendation */
};

struct sim_hold_line {
    unsigned sku;
    unsigned location;
    int64_t quantity;
};

struct sim_operation {
    enum sim_operation_kind kind;
    unsigned client;
    uint64_t number;  /* counts the operations of the world */
    uint64_t request; /* id of a write; the same in all its tries, 0 for reads */
    /* The id was used for another payload before: it must be refused. */
    bool reused;
    /* The id and the payload were used before: the same answer must come again. */
    bool repeated;
    bool session; /* a read that any replica may answer, never older than was seen */
    unsigned sku;
    unsigned location;
    unsigned customer;
    unsigned to_location; /* MOVE: sound units from `location` to there */
    int64_t quantity;     /* ADJUST: the delta; SET: the value; MOVE: units */
    bool has_expected;
    int64_t expected; /* SET */
    struct sim_hold_line lines[SIM_LINES_MAX];
    unsigned line_count;
    enum hold_mode mode;
    int64_t ttl_ms;
    struct inventory_hold_id hold;
    int64_t request_ms;    /* wall time of the first try */
    uint64_t token;        /* reads: at least this log index of the shard */
    uint64_t invoked_us;   /* world time */
    uint64_t completed_us; /* likewise */
};

enum sim_request_kind {
    SIM_REQUEST_PROPOSE,
    SIM_REQUEST_READ,
    SIM_REQUEST_RECOMMEND,
    SIM_REQUEST_OUTCOME, /* what became of the command that travels with it */
    SIM_REQUEST_PARCEL,  /* of another shard: a command that nobody waits for */
};

/* One try of an operation, as it travels; the command's bytes travel beside. */
struct sim_request {
    enum sim_request_kind kind;
    enum sim_operation_kind operation;
    uint64_t shard_id;
    unsigned sku; /* READ */
    unsigned location;
    unsigned customer; /* RECOMMEND */
    struct inventory_hold_id hold;
    uint64_t token;
    bool session;
    uint64_t timeout_us;
};

struct sim_item {
    unsigned sku;
    int64_t available;
    uint64_t log_index;
};

/* What came back. */
struct sim_result {
    enum status status;
    bool decided;  /* in the log: the status is the command's outcome */
    bool appended; /* refused by nobody: may or may not be applied */
    bool replayed;
    bool pending;    /* a hold over several shards that is not decided yet */
    bool unsettled;  /* not applied by all its shards yet */
    uint64_t leader; /* node + 1 to try next; 0: not known */
    struct replica_stamp stamp;
    bool has_level;
    int64_t buckets[STOCK_BUCKET_COUNT];
    int64_t available;
    bool has_hold;
    struct inventory_hold_id hold;
    enum hold_state hold_state;
    int64_t create_ms;
    int64_t expire_ms;
    int64_t end_ms;
    int64_t granted[SIM_LINES_MAX];
    struct sim_item items[SIM_ITEMS_MAX];
    unsigned item_count;
};

#endif
