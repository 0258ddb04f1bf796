/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call on its way through the shards and back. Everything lies in the call's arena; the
 * handler fills an edge, submits it and touches it no more; `finish` runs on the loop of
 * the shard that answered (last) and replies.
 *
 *     edge_one    one shard: one command, or one question
 *     edge_many   several shards at once: batches
 *     edge_list   a list, one shard after the other
 *
 * Refusals never reach `finish`: they are answered, with details, and logged here.
 */
#ifndef SOUK_SERVER_SERVICE_EDGE_H
#define SOUK_SERVER_SERVICE_EDGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/rpc/rpc_call.h"
#include "proto/souk/v1/common.pb-c.h"
#include "server/coordinator/fan_out.h"
#include "server/coordinator/list_walk.h"
#include "server/coordinator/session_token.h"
#include "server/host/shard_call.h"
#include "server/service/check.h"
#include "server/service/refusal.h"
#include "shard/inventory/command.h"

struct service;

struct edge {
    struct service *service;
    struct rpc_call *rpc;
    struct arena *arena;
    const char *request_id;     /* "" for reads */
    uint64_t deadline_us;       /* monotonic */
    struct session_token *seen; /* what the caller has seen; NULL when it said nothing */
};

/* Reads the request header souk-session-bin too. When it is refused, the call has been
 * answered and the edge is gone. */
MUST_USE bool edge_begin(struct edge *edge, struct service *service,
                         struct rpc_call *rpc);
/* Takes the read options; BAD_TOKEN and INVALID. `read` may be NULL: strong. */
MUST_USE enum status edge_read_options(struct edge *edge,
                                       const Souk__V1__ReadOptions *read,
                                       struct problem *problem);
/* Answers the call with a refusal, and logs it. */
void edge_fail(struct edge *edge, const struct problem *problem);
/* The same for a status alone. */
void edge_fail_status(struct edge *edge, enum status status);
/* The same for a command that was decided so: shortages, current values, replay. */
void edge_fail_outcome(struct edge *edge, const struct inventory_outcome *outcome,
                       const struct refusal_names *names);
/* The same for a refusal that may be a remembered one. */
void edge_fail_again(struct edge *edge, const struct problem *problem, bool replayed);
/* The same for what a customer shard decided. */
void edge_fail_decided(struct edge *edge, enum status status, bool replayed);
/* The request is too large for what is left of the call's memory. */
void edge_fail_memory(struct edge *edge);
/* The trailers of an answer: what the caller has seen by now, and whether it is a replay.
 */
void edge_trailers(struct edge *edge, const struct replica_stamp *stamps, unsigned count,
                   bool replayed);
/* BAD_TOKEN when the caller has seen more of a shard than the shard has (a token of a
 * state that was lost, or forged). */
MUST_USE enum status edge_check_seen(const struct edge *edge,
                                     const struct replica_stamp *stamp,
                                     struct problem *problem);

struct edge_one;
typedef void edge_finish(struct edge_one *one);

struct edge_one {
    struct edge edge;
    struct shard_call call;
    edge_finish *finish;
    edge_finish *refused; /* of a decided refusal, in place of answering it; or NULL */
    const void *request;  /* the message, typed by its service */
    const struct inventory_command *asked; /* whose outcome is awaited; NULL: another */
    struct slice named; /* the hold's or customer's id as the caller wrote it */
    struct slice command;
    struct replica_outcome *outcome;
    struct replica_query query;
    struct replica_answer answer;
    void *user; /* of whoever goes on in several steps */
};

/* NULL when the call has been answered already. */
struct edge_one *edge_one_new(struct service *service, struct rpc_call *rpc,
                              const void *request);
/* Fills the identity from a request's id and time. */
MUST_USE enum status edge_identity(struct edge *edge, const char *request_id,
                                   const Google__Protobuf__Timestamp *request_time,
                                   struct inventory_identity *out,
                                   struct problem *problem);
/* Checks, addresses and encodes a SKU command. OK: `out_shard` owns it. */
MUST_USE enum status edge_encode_sku(struct edge *edge, struct inventory_command *command,
                                     struct slice *out_bytes, unsigned *out_shard,
                                     struct problem *problem);
/* edge_encode_sku and edge_submit_command. */
void edge_propose_sku(struct edge_one *one, struct inventory_command *command,
                      edge_finish *finish);
/* Proposes one->command to the shard. */
void edge_submit_command(struct edge_one *one, uint64_t shard_id, edge_finish *finish);
/* Answers with the decided refusal in one->outcome. */
void edge_refuse(struct edge_one *one);
/* Asks one->query of the owner of a key. */
void edge_ask(struct edge_one *one, enum shard_map_table table, uint64_t hash,
              edge_finish *finish);

/* --- Several shards ---------------------------------------------------------------- */

struct edge_many;
struct reply;

struct edge_part {
    struct edge_many *many;
    struct shard_call call;
    struct arena own_arena; /* unused when there is one part */
    struct fan_group group;
    struct slice *commands;
    struct replica_outcome *outcomes;
    struct replica_query query;
    struct replica_answer answer;
};

struct edge_many {
    struct edge edge;
    const void *request;
    void (*finish)(struct edge_many *many);
    struct edge_part *parts;
    unsigned part_count;
    _Atomic unsigned open;
    void *user;
};

struct edge_many *edge_many_new(struct service *service, struct rpc_call *rpc,
                                const void *request);
/* Goes on with a call that was begun. NULL when it has been answered. */
struct edge_many *edge_many_from(struct edge *edge, const void *request);
/* Makes the parts of the groups, empty. False past the arena's limit. */
MUST_USE bool edge_many_parts(struct edge_many *many, const struct fan_groups *groups,
                              enum shard_map_table table);
/* Submits all parts; `finish` runs when the last has ended, whatever its status. */
void edge_many_submit(struct edge_many *many, void (*finish)(struct edge_many *many));
/* A batch of questions about SKUs: one part per owner, whose query names its SKUs (in the
 * order of the request) and wants its kind. INVALID: not 1 to batch_max_items ids. */
MUST_USE enum status edge_many_by_sku(struct edge_many *many, const char *field,
                                      char *const *sku_ids, size_t count,
                                      struct problem *problem);
/* Whether every part was read. When not, the call has been answered. */
MUST_USE bool edge_many_read_ok(struct edge_many *many);
/* The stamp of each part. */
Souk__V1__ReadStamp **edge_many_stamps(const struct edge_many *many, struct reply *reply,
                                       size_t *out_count);
void edge_many_trailers(struct edge_many *many);
/* After the reply: gives the parts' memory back. The edge is gone. */
void edge_many_done(struct edge_many *many);

/* --- Lists -------------------------------------------------------------------------- */

struct edge_page {
    struct edge_page *next;
    struct replica_stamp stamp;
    struct inventory_answer answer;
};

struct edge_list {
    struct edge edge;
    struct list_walk walk;
    struct shard_call call;
    struct replica_query query; /* filled by the service, but for the page */
    struct replica_answer answer;
    uint32_t (*count)(const struct inventory_answer *answer);
    void (*finish)(struct edge_list *list);
    const void *request;
    struct edge_page *first;
    struct edge_page **last;
    unsigned page_count;
    uint32_t item_count;
};

struct edge_list *edge_list_new(struct service *service, struct rpc_call *rpc,
                                const void *request);
/* What a list was asked, beside list->query. */
struct edge_listing {
    enum page_list list;
    uint64_t fingerprint; /* of the question's own arguments */
    int32_t page_size;
    const char *page_token;
    const uint64_t *only; /* the one key whose owner is asked; NULL: all SKU shards */
    const Souk__V1__ReadOptions *read;
    uint32_t (*count)(const struct inventory_answer *answer);
    void (*finish)(struct edge_list *list);
};
void edge_list_start(struct edge_list *list, const struct edge_listing *listing);
/* Parts of a list's reply. */
Souk__V1__ReadStamp **edge_list_stamps(const struct edge_list *list, struct reply *reply,
                                       size_t *out_count);
char *edge_list_token(const struct edge_list *list, struct reply *reply);
void edge_list_trailers(struct edge_list *list);

#endif
