/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch of independent commands: each item is checked, decided and answered by itself.
 * Refused items are never proposed; the others go to their shards in one proposal each.
 */
#ifndef SOUK_SERVER_SERVICE_BATCH_H
#define SOUK_SERVER_SERVICE_BATCH_H

#include "server/service/edge.h"

struct batch_item {
    struct problem *problem;               /* how it was refused here; NULL: proposed */
    enum status status;                    /* of its shard's call, when not OK */
    const struct replica_outcome *outcome; /* what was decided; NULL: it was not */
};

struct batch {
    struct edge_many *many;
    void *user; /* the caller's */
    uint32_t count;
    uint32_t proposed; /* items taken so far, and their command and owner: */
    struct slice *commands;
    unsigned *shards;
    uint32_t *places; /* which item they are */
    struct batch_item *items;
};

/* INVALID: not 1 to batch_max_items. `count` items, none taken yet. */
MUST_USE enum status batch_begin(struct batch **out_batch, struct edge_many *many,
                                 size_t count, struct problem *problem);
/* Item `place` is proposed to the shard. */
void batch_take(struct batch *batch, uint32_t place, struct slice command,
                unsigned shard);
/* Item `place` is refused. */
void batch_refuse(struct batch *batch, uint32_t place, const struct problem *problem);
/* Proposes; `finish` finds many->user to be the batch. */
void batch_submit(struct batch *batch, void (*finish)(struct edge_many *many));
/* In finish: gives each item its outcome. */
void batch_collect(struct batch *batch);
/* How an item ended: OK, or a filled problem. `names` of its request. */
enum status batch_item_problem(const struct batch_item *item,
                               const struct refusal_names *names, struct problem *out);

#endif
