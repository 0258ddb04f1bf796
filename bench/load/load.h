/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load over libsouk: closed loop (every answer starts the next operation) or open loop
 * (a schedule starts them). An operation lives in a slot, made before the measurement, so
 * that the generator allocates nothing while it measures.
 */
#ifndef SOUK_BENCH_LOAD_LOAD_H
#define SOUK_BENCH_LOAD_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <souk/souk.h>

#include "bench/load/load_clock.h"
#include "bench/load/load_options.h"
#include "bench/load/load_stats.h"
#include "bench/load/session_set.h"
#include "shard/base/identifier.h"
#include "shard/base/list.h"

enum {
    LOAD_SKU_BYTES = 24,
    LOAD_SESSION_ITEMS = 3, /* of a recommendation without --sessions */
    LOAD_VISITOR_BYTES = 48,
};

struct load;

/* BatchRecommend over the client's stream: slots that are ready are sent by a thread of its
 * own, since sending may wait and callbacks may not; answers come in the order of sending. */
struct load_stream {
    struct souk_recommend_stream *stream; /* NULL: recommendations are unary */
    pthread_t sender;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list ready; /* under lock, like the next two; oldest first */
    struct list sent;
    bool closing;
};

/* Owned by the thread that runs its operation; by nobody while it is free. */
struct load_slot {
    struct load *load;
    struct load_slot *next_free;
    struct list link; /* in a load_stream */
    unsigned index;
    struct rng rng;
    enum load_kind kind;
    unsigned items;
    unsigned failed; /* of them */
    unsigned shown;  /* items recommended in all of them */
    uint64_t due_us; /* where its latency starts */
    char (
        *sku_ids)[LOAD_SKU_BYTES]; /* LOAD_SESSION_ITEMS per item, for recommendations */
    const char **sku_pointers;
    char (*request_ids)[UUID_TEXT_BYTES + 1];
    struct souk_hold_line *lines;
    struct souk_hold_create_request *holds;
    struct souk_stock_adjust_request *adjustments;
    struct session_lane *lanes; /* the sessions it plays, one per item of a message */
    struct souk_event *events;
    struct souk_recommend_request *questions;
    char (*visitor_ids)[LOAD_VISITOR_BYTES];
};

struct load {
    struct load_options options;
    struct souk_client *client;
    struct key_choice choice;
    struct session_set sessions; /* count 0: none were given */
    struct session_walk walk;
    struct load_stream recommendations;
    struct load_slot *slots;
    struct load_stats stats;
    uint64_t measure_from_us; /* monotonic */
    uint64_t measure_to_us;
    atomic_bool broken; /* an operation could not even be sent */
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct load_slot *free; /* under lock */
    unsigned free_count;    /* under lock */
};

struct load_outcome {
    double seconds;
    double client_cpu_s;
    double server_cpu_s;
    uint64_t late_us_max; /* open loop: how late the generator itself was */
};

/* Makes location, SKUs, stock and events; false after a message on stderr. */
bool load_setup(struct load *load);
/* Runs the whole load; false after a message on stderr. */
bool load_run(struct load *load, struct load_outcome *out_outcome);

/* "sku-000042" */
void load_sku_id(uint64_t key, char out_text[LOAD_SKU_BYTES]);

/* Picks keys and ids and sends; load_finish is called once, from any thread. */
void load_operation_start(struct load_slot *slot);
/* `error` is NULL when the call was answered; slot->failed of its items were refused. */
void load_finish(struct load_slot *slot, const struct souk_error *error);
/* Notes why an item failed. */
void load_slot_fail(struct load_slot *slot, const char *reason);
/* Chooses `count` items: SKUs, and ids for writes. */
void load_pick(struct load_slot *slot, unsigned count);
/* An item that was refused fails; one that was not is fine. */
void load_count_item(struct load_slot *slot, const struct souk_item_status *status);

void load_recommend_start(struct load_slot *slot);
/* The stream, if the mix asks for one; false after a message on stderr. */
bool load_stream_open(struct load *load);
/* Every slot has been finished. */
void load_stream_close(struct load *load);

#endif
