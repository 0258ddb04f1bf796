/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of an import stream on its way: its rows become commands, one proposal per
 * shard, each row with its own outcome.
 *
 * With several SKU shards a location has to stand on all of them before a row behind it
 * may name it: such a message goes in segments, each ending with locations whose copies
 * are sent before the next one begins, and messages go one at a time.
 */
#ifndef SOUK_SERVER_SERVICE_IMPORT_MESSAGE_H
#define SOUK_SERVER_SERVICE_IMPORT_MESSAGE_H

#include <stdatomic.h>

#include "proto/souk/v1/import.pb-c.h"
#include "server/coordinator/import_flow.h"
#include "server/host/shard_call.h"
#include "server/service/reply.h"
#include "shard/base/hash.h"
#include "shard/customer/command.h"
#include "shard/inventory/command.h"

struct service;
struct import_message;

/* A command for a shard: one SKU row, one customer row, or a run of events. */
struct import_command {
    struct import_command *next;
    struct slice bytes;
    uint32_t *rows; /* places in the message */
    uint32_t row_count;
};

/* What goes to one shard in this segment. */
struct import_part {
    struct import_message *message;
    struct shard_call call;
    struct arena own_arena;
    struct import_command *first;
    struct import_command **last;
    uint32_t command_count;
    struct slice *bytes;
    struct replica_outcome *outcomes;
    /* The run of events being gathered. */
    struct customer_event *events;
    uint32_t *event_rows;
    uint32_t event_count;
};

struct import_message {
    struct service *service;
    struct arena *arena;
    struct import_flow *flow; /* the stream's; under one thread at a time */
    struct hash128 import_id;
    const Souk__V1__ImportBatch *batch;
    uint32_t next_row;
    uint64_t through_line;
    uint32_t applied;
    uint32_t duplicates;
    struct problem **refused; /* per row, or NULL */
    enum status failed;       /* the stream has to end */

    struct import_part *parts; /* SKU shards, then customer shards */
    unsigned part_count;
    uint32_t *locations; /* rows of this segment whose copies are to be sent */
    uint32_t location_count;
    struct import_part *copies;
    unsigned copy_count;
    _Atomic unsigned open;
    void (*finish)(struct import_message *message);
    void *user;
};

/* INVALID: too many rows, or lines that do not grow; the stream has to end. Takes the
 * lines of all rows, so that the next message goes on behind them. */
MUST_USE enum status import_message_begin(struct import_message *message,
                                          struct problem *problem);
/* `finish` runs once, on a shard's loop or here. */
void import_message_run(struct import_message *message,
                        void (*finish)(struct import_message *message));
/* Fills the acknowledgement. */
void import_message_ack(const struct import_message *message, struct reply *reply,
                        Souk__V1__ImportAck *ack);

#endif
