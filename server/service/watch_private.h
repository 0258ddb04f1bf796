/* SPDX-License-Identifier: Apache-2.0 */
/* Between watch_run.c, which drives, and watch_message.c, which tells; stays there. */
#ifndef SOUK_SERVER_SERVICE_WATCH_PRIVATE_H
#define SOUK_SERVER_SERVICE_WATCH_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/runtime/runtime.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "server/service/watch_run.h"
#include "shard/base/buffer.h"

enum {
    WATCH_SKUS_MAX = 1000,
    WATCH_LOCATIONS_MAX = 100,
    WATCH_PAGE_CHANGES = 500,
    WATCH_PAGE_LEVELS = 500,
    WATCH_PAGE_SKUS = 50, /* of a snapshot of named SKUs, each at all its locations */
};

enum watch_phase {
    WATCH_SNAPSHOT,
    WATCH_TAIL,
    WATCH_CHANGES,
};

struct watch;

/* The shard's loop's. */
struct watch_part {
    struct watch *watch;
    unsigned place; /* among the parts */
    unsigned loop;
    uint64_t shard_id;
    enum watch_phase phase;
    struct slice *sku_ids; /* of this shard; none: all */
    uint64_t *sku_hashes;  /* ascending */
    uint32_t sku_count;
    uint32_t sku_next;       /* of the snapshot */
    struct buffer list_next; /* page token of the snapshot of all */
    bool listing;            /* it is not the first page */
    uint64_t first_index;    /* of the snapshot's first page; 0: none yet */
    struct ledger_position next;
    bool busy;       /* the shard is asked */
    bool again;      /* something moved since */
    bool moved;      /* something may have moved since the last page */
    bool owes_ready; /* all parts are ready, and it has not been told */
    bool stopped;
    struct shard_call call;
    struct replica_query query;
    struct replica_answer answer;
    struct arena arena;
    struct runtime_watcher watcher;
    struct runtime_task starting;
    struct runtime_task going;
    struct runtime_task stopping;
    _Atomic(bool) going_posted;
};

struct watch {
    struct service *service;
    struct rpc_stream *stream;
    struct watch_part *parts;
    unsigned part_count;
    struct slice *location_ids;
    uint32_t location_count;
    bool changes_only;
    uint32_t alerts; /* wanted; 0: every change */
    struct inventory_thresholds thresholds;
    struct runtime_timer timer; /* of the first part's loop */

    pthread_mutex_t mutex; /* of what follows, and of the order of sending */
    unsigned refs;         /* the stream's, and one per part */
    bool finished;
    unsigned parts_unready;         /* in SNAPSHOT or TAIL */
    struct ledger_position *places; /* of all that is queued, one per part */
    uint64_t sent_us;
    uint64_t blocked_us; /* since when a message finds no room; 0: it does */
};

/* --- watch_message.c: under the mutex --------------------------------------------------- */

/* Ends the stream; with the token, once there is one. */
void watch_finish(struct watch *watch, const struct problem *problem);
/* RESUME_POINT_COMPACTED, with the oldest token that this part knows. */
void watch_finish_compacted(struct watch *watch, const struct watch_part *part,
                            struct ledger_position oldest);
/* OK, OVERLOADED (comes again), CANCELLED. */
enum status watch_send_levels(struct watch *watch, struct watch_part *part);
enum status watch_send_changes(struct watch *watch, struct watch_part *part,
                               struct ledger_position next);
/* All parts are ready: from here on there is a token. */
enum status watch_send_ready(struct watch *watch);
enum status watch_send_heartbeat(struct watch *watch);

#endif
