/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share; stays in it. */
#ifndef SOUK_SERVER_PEER_PEERS_PRIVATE_H
#define SOUK_SERVER_PEER_PEERS_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "server/peer/link.h"
#include "server/peer/peers.h"

enum {
    PEERS_LINKS_MAX =
        64, /* nodes ever met by this process; those that left stay closed */
    PEERS_MARKS_MAX = 80, /* what one turn of a loop may have sent something to */
};

/* Which replica lives where. */
struct peers_route {
    uint64_t replica_id;
    struct peer_link *link; /* NULL: on this node, or on none any more */
};

struct peers {
    const struct settings *settings;
    struct peers_identity identity;
    struct runtime_network network;
    struct runtime *runtime; /* set by peers_start */
    struct rpc_client *client;
    _Atomic(bool) open; /* between peers_start and peers_stop */

    pthread_rwlock_t lock; /* of what follows */
    struct directory directory;
    struct peers_route *routes; /* ascending */
    size_t route_count;
    struct peer_link *links[PEERS_LINKS_MAX];
    size_t link_count;
    bool released[PEERS_LINKS_MAX]; /* that link: cut, its node was removed */
    /* Where the directory said last that its node is. */
    char said[PEERS_LINKS_MAX][DIRECTORY_ADDRESS_BYTES_MAX + 1];
    struct peers_counted counted;
    bool stopped; /* by peers_stop: nobody is met any more */

    pthread_t thread;
    sem_t wake;
    bool started;
};

/* The service of the peer port. */
void peer_service_register(struct peers *peers, struct rpc_server *server);

/* Something was queued on a loop's thread that is to be sent at the end of its turn. The
 * object is released by `flush`. */
void peers_mark(void *object, void (*flush)(void *object));

/* Is this another node's greeting that may be answered? `problem` says why not. */
struct peers_greeting {
    uint32_t version;
    struct slice cluster_id;
    uint64_t from_node_id;
    uint64_t to_node_id;
    uint32_t lane;
    const char *peer_address;
    uint64_t settings_digest;
};
MUST_USE enum status peers_check_greeting(struct peers *peers,
                                          const struct peers_greeting *greeting,
                                          struct problem *problem);

#endif
