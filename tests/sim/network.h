/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a simulated world: packets between nodes, and between clients and nodes,
 * that come late, twice, in another order, or not at all.
 *
 * An address is a node (from 0) or a client (from SIM_CLIENT_BASE). Every ordered pair of
 * addresses is a line of its own, so cuts may be one-way.
 */
#ifndef SOUK_TESTS_SIM_NETWORK_H
#define SOUK_TESTS_SIM_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/rng.h"
#include "tests/sim/event.h"
#include "tests/sim/operation.h"

enum {
    SIM_NODES_MAX = 9,
    SIM_CLIENTS_MAX = 16,
    SIM_CLIENT_BASE = SIM_NODES_MAX,
    SIM_ADDRESSES = SIM_CLIENT_BASE + SIM_CLIENTS_MAX,
    SIM_DELAY_LEAST_US = 150,
    SIM_DELAY_MOST_US = 2000,
    SIM_DELAY_TAIL_US = 60000, /* one packet in a hundred comes up to so late */
};

enum sim_packet_kind {
    SIM_PACKET_REQUEST, /* client to node: an operation */
    SIM_PACKET_REPLY,   /* node to client */
    SIM_PACKET_ASK,     /* node to node: part of a recommendation */
    SIM_PACKET_ANSWER,  /* back */
    SIM_PACKET_PEER,    /* node to node: bytes between members of a group */
    SIM_PACKET_PARCEL,  /* node to node: what a shard tells another */
};

struct node_call;
struct node_flow;

struct sim_packet {
    struct sim_packet *next; /* in the free list */
    uint32_t references;
    enum sim_packet_kind kind;
    uint32_t from;
    uint32_t to;
    uint64_t attempt; /* REQUEST, REPLY: the client's, names the try */
    union {
        struct sim_request request;
        struct sim_result result;
        struct {
            struct node_flow *flow; /* ASK and ANSWER: held while on the way */
            const void *ask;
        } part;
        struct {
            uint64_t shard_id, from_replica_id, to_replica_id;
        } peer;
    };
    struct node_call *call; /* ANSWER, REPLY: whose memory the answer is; or NULL */
    struct buffer bytes;    /* REQUEST: the command, the page token; PEER: the message */
};

/* Of one ordered pair. */
struct sim_line {
    bool cut;
    uint16_t lose_permille;
    uint16_t repeat_permille;
    uint32_t slow_us; /* added to the delay, up to as much again */
};

struct sim_network {
    struct sim_heap *heap;
    struct rng rng;
    struct sim_line lines[SIM_ADDRESSES][SIM_ADDRESSES];
    uint64_t deaf_until_us[SIM_ADDRESSES]; /* to other nodes, and they to it */
    struct sim_packet *free;
    uint64_t sent;
    uint64_t lost;
    uint64_t repeated;
    void (*drop)(struct sim_packet *packet); /* lets go of what a packet holds */
};

void network_init(struct sim_network *network, struct sim_heap *heap, uint64_t seed,
                  void (*drop)(struct sim_packet *packet));
void network_close(struct sim_network *network);
/* All lines as on a good day, but for losses and repeats of so many per 1,000. */
void network_heal(struct sim_network *network, uint16_t lose_permille,
                  uint16_t repeat_permille);

struct sim_packet *network_packet(struct sim_network *network, enum sim_packet_kind kind,
                                  uint32_t from, uint32_t to);
/* The packet is the network's now. It arrives as SIM_EVENT_PACKET, never, or twice;
 * whoever takes the event calls network_release. */
void network_send(struct sim_network *network, uint64_t now_us,
                  struct sim_packet *packet);
void network_release(struct sim_network *network, struct sim_packet *packet);

#endif
