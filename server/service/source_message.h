/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of a stream of stock updates: cut by shard into commands as it comes, and told
 * in an Ack once its batch is decided. Lies in the arena of the message taken from the
 * stream, and goes with it.
 */
#ifndef SOUK_SERVER_SERVICE_SOURCE_MESSAGE_H
#define SOUK_SERVER_SERVICE_SOURCE_MESSAGE_H

#include <stdatomic.h>

#include "proto/rpc/rpc_stream.h"
#include "proto/souk/v1/stock.pb-c.h"
#include "server/coordinator/source_flow.h"
#include "server/runtime/runtime.h"
#include "server/service/reply.h"
#include "shard/inventory/command.h"

struct service;
struct source_message;

enum {
    /* How far ahead of this node's clock an update may say it happened: one from afar
     * would supersede all that follow. */
    SOURCE_AHEAD_MS = 10 * 60 * 1000,
};

/* Where the stream stands as its messages come, one after the other: the worker's. */
struct source_intake {
    struct service *service;
    struct inventory_source source;
    enum inventory_missing on_missing;
    bool stop;
    uint64_t next;    /* the sequence expected */
    uint64_t *chains; /* per shard: the last sequence cut for it */
    _Atomic(uint64_t) logged;
};

/* What of a message goes to one shard. */
struct source_piece {
    struct source_part part;
    struct source_message *message;
    struct runtime_task back;
    struct shard_call call;
    struct slice command;
    struct replica_outcome outcome;
    struct arena arena; /* of the outcome: another thread's than ours */
};

struct source_message {
    struct source_batch batch;
    struct runtime_task arrive;
    void *run;
    struct rpc_taken *taken;
    const Souk__V1__StockUpdateBatch *updates; /* NULL: a barrier */
    struct source_piece *pieces;
};

/*
 * Takes updates into commands: their sequences follow on, those known before are left out.
 * SEQUENCE_GAP, INVALID, TOO_LARGE: the stream has to end. An update that is wrong in itself
 * goes on as one that its shard refuses, so that it has its place in the order.
 */
MUST_USE enum status source_message_take(struct source_intake *intake,
                                         struct source_message *message,
                                         const Souk__V1__StockUpdateBatch *updates,
                                         struct problem *problem);
/* Ready to be submitted, also again. */
void source_piece_ready(struct source_piece *piece);
/* What the shard said, for the flow. */
void source_piece_answer(const struct source_piece *piece, struct source_answer *out);
void source_message_free(struct source_message *message);

/* Adds the message to an acknowledgement: its counts, and its failures up to a sequence.
 * `out_last`: the problem of the last failure added, when there is one. */
void source_message_ack(const struct source_message *message, uint64_t up_to,
                        struct reply *reply, Souk__V1__StockStreamAck *ack,
                        struct problem *out_last);

#endif
