/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other nodes of the cluster: links to them, and the peer service through which they
 * reach this one. It knows from the directory who lives where, carries what replicas and
 * calls have to say, and decides nothing.
 *
 *     peers_new                       before the runtime
 *     peers_register(server)          the peer port's server, before it starts
 *     runtime_start(peers_network)    replicas may speak; nobody is connected
 *     peers_start(runtime)            from here on others are heard, and called
 *     peers_stop                      all calls under way are given back
 *     runtime_stop; server stopped; peers_free
 *
 * Threads: one of its own, which connects again and looks for late calls; functions are for
 * any thread unless said else.
 */
#ifndef SOUK_SERVER_PEER_PEERS_H
#define SOUK_SERVER_PEER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/runtime/runtime.h"
#include "shard/base/hash.h"
#include "shard/base/setting.h"
#include "shard/placement/directory.h"

struct peers;
struct rpc_server;

enum {
    PEERS_VERSION = 1, /* of what nodes say to each other; others are refused */
    PEERS_CLUSTER_ID_BYTES = 16,
    PEERS_COUNTED_MAX = 64, /* nodes removed, and not gone yet */
    PEERS_TICK_MS = 50,
    PEERS_JOIN_TRY_MS = 5000, /* one try of joining */
    /* Of the peer port's server: a frame may hold one entry, or one answer, of any size. */
    PEERS_MESSAGE_BYTES_MAX = 64 << 20,
    PEERS_ARENA_BYTES_MAX = 192 << 20,
    PEERS_STREAM_BYTES_MAX = 1 << 20, /* packed and handed to the transport, per lane */
};

/* Who this node is. */
struct peers_identity {
    uint8_t cluster_id[PEERS_CLUSTER_ID_BYTES];
    uint64_t hash_seed;
    uint64_t node_id;
    uint32_t sku_shards;
    uint32_t customer_shards;
    uint64_t settings_digest; /* peers_settings_digest */
    char peer_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
};

/* Of the settings that decide what replicas store: equal on all nodes. */
uint64_t peers_settings_digest(const struct settings *settings);

struct peers *peers_new(const struct settings *settings);
void peers_register(struct peers *peers, struct rpc_server *server);
/* Once it is known, before peers_start. Copied. */
void peers_set_identity(struct peers *peers, const struct peers_identity *identity);
const struct peers_identity *peers_identity(const struct peers *peers);
/* Borrowed. Its functions are for loops' threads. */
const struct runtime_network *peers_network(struct peers *peers);
void peers_start(struct peers *peers, struct runtime *runtime);
void peers_stop(struct peers *peers);
void peers_free(struct peers *peers); /* NULL is fine */

/* Who lives where, as far as it is known now: new nodes are connected, and those that are
 * gone are left once no group counts on them. Copied. */
void peers_set_directory(struct peers *peers, const struct directory *directory);

/*
 * Nodes that the directory does not have any more, and that groups of this node still have
 * a replica on: without them such a group may have no quorum, not even to let them go. They
 * stay connected until they are not counted. Copied.
 */
struct peers_counted {
    uint64_t version; /* of the directory, that this holds for; 0: nothing is known */
    size_t count;
    uint64_t node_ids[PEERS_COUNTED_MAX];
};
void peers_set_counted(struct peers *peers, const struct peers_counted *counted);
bool peers_counts(const struct peers_counted *counted, uint64_t node_id);
/* Is the node connected? This node is. */
bool peers_connected(struct peers *peers, uint64_t node_id);

/*
 * For a node with an empty data folder: asks the node at `address` to be taken into its
 * cluster. Blocks for at most PEERS_JOIN_TRY_MS. The identity gets all but the address;
 * `out_directory` is initialised. The same nonce gets the same answer.
 * UNREACHABLE, NOT_FOUND (no cluster there), INVALID, VERSION, QUANTITY_LIMIT.
 */
struct peers_joining {
    const char *address;
    struct hash128 nonce;
    const char *peer_address; /* of this node */
    const char *client_address;
    uint64_t settings_digest;
};
MUST_USE enum status peers_join(const struct peers_joining *joining,
                                struct peers_identity *out_identity,
                                struct directory *out_directory, struct problem *problem);

#endif
