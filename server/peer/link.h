/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to one other node: a channel and its lanes, each a stream with a bounded queue
 * of its own, opened again by itself (with a growing pause) whenever it ends. The wire part
 * is here; what waits and in which portions is peer_queue's and peer_pending's.
 *
 * While a lane is closed its messages are dropped (replicas say them again) and calls are
 * UNREACHABLE (they are asked again); nothing ever waits for a node that is gone.
 *
 * Threads: any; a lock for each link. Callbacks of streams come on the client's thread.
 */
#ifndef SOUK_SERVER_PEER_LINK_H
#define SOUK_SERVER_PEER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/rpc/rpc_channel.h"
#include "server/peer/peers.h"
#include "server/runtime/runtime.h"

/* On the wire: a number, once landed, never changes. */
enum peer_lane {
    PEER_LANE_CONTROL = 0,  /* votes, heartbeats, replies, ReadIndex */
    PEER_LANE_ENTRIES = 1,  /* appends */
    PEER_LANE_SNAPSHOT = 2, /* parts of snapshots, as fast as their receiver asks */
    PEER_LANE_CALLS = 3,    /* calls there, answers back */
    PEER_LANES = 4,
};

enum {
    LINK_RETRY_FIRST_US = 100 * 1000,
    LINK_RETRY_MAX_US = 2000 * 1000,
};

struct link_options {
    const struct settings *settings;
    const struct peers_identity *identity; /* of this node; outlives the link */
    struct rpc_client *client;
    struct runtime *runtime;
    uint64_t node_id; /* the other one */
};

struct peer_link;

struct peer_link *link_new(const struct link_options *options);
/* After link_close. */
void link_free(struct peer_link *link);
/* Cuts the streams and waits for their end, gives pending calls back UNREACHABLE, and
 * opens nothing any more. Not on the client's thread. */
void link_close(struct peer_link *link);
uint64_t link_node_id(const struct peer_link *link);
/* Where the node is reached from now on. */
void link_set_address(struct peer_link *link, const char *address);
bool link_is_at(struct peer_link *link, const char *address);

/* Opens what is closed and due, gives late calls back; about every 50 ms. */
void link_tick(struct peer_link *link, uint64_t now_us);
/* Both only queue; link_flush sends. */
void link_send(struct peer_link *link, const struct host_message *message);
/* UNREACHABLE, OVERLOADED. */
MUST_USE enum status link_forward(struct peer_link *link, struct shard_call *call,
                                  uint64_t now_us);
void link_flush(struct peer_link *link);
/* All lanes are open, and were welcomed. */
bool link_connected(struct peer_link *link);

#endif
