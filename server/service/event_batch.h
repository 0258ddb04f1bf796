/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some events on their way to the customer shards that own their actors: checked one by
 * one, one command per shard, each event with its own outcome.
 */
#ifndef SOUK_SERVER_SERVICE_EVENT_BATCH_H
#define SOUK_SERVER_SERVICE_EVENT_BATCH_H

#include <stdatomic.h>

#include "proto/souk/v1/event.pb-c.h"
#include "server/coordinator/fan_out.h"
#include "server/host/shard_call.h"
#include "server/service/reply.h"

struct service;
struct event_batch;

struct event_part {
    struct event_batch *batch;
    struct shard_call call;
    struct arena own_arena;
    struct fan_group group; /* of accepted events */
    struct slice command;
    struct replica_outcome outcome;
};

struct event_batch {
    struct service *service;
    struct arena *arena;
    uint32_t count;
    const struct problem **refused; /* per event, or NULL */
    uint32_t *places;               /* of the accepted events, in the request */
    uint32_t accepted;
    struct event_part *parts;
    unsigned part_count;
    _Atomic unsigned open;
    void (*finish)(struct event_batch *batch);
    void *user;
};

/* What a batch did, as its responses tell it. */
struct event_totals {
    uint32_t stored;
    uint32_t duplicates;
    Souk__V1__EventFailure **failures;
    size_t failure_count;
};

/* INVALID: not 1 to event_batch_max events. TOO_LARGE. */
MUST_USE enum status event_batch_make(struct event_batch *batch, struct service *service,
                                      Souk__V1__Event **events, size_t count,
                                      struct arena *arena, struct problem *problem);
/* `finish` runs once, on a shard's loop, or here when nothing was to be asked. */
void event_batch_submit(struct event_batch *batch, uint64_t deadline_us,
                        void (*finish)(struct event_batch *batch));
/* OK when at least one shard was reached, or none had to be; else how they refused. */
enum status event_batch_status(const struct event_batch *batch);
void event_batch_totals(const struct event_batch *batch, struct reply *reply,
                        struct event_totals *out);
/* Gives the parts' memory back; the rest is the arena's. */
void event_batch_close(struct event_batch *batch);

#endif
