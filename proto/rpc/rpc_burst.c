/* SPDX-License-Identifier: Apache-2.0 */
/* Unary answers and calls of one worker that leave together, each connection's in as few
 * packets as they need. */
#include "proto/rpc/rpc_private.h"

enum {
    RPC_BURST_CORK_MIN = 3, /* of one socket; corking costs two system calls */
};

void rpc_burst_add(struct rpc_worker *worker, struct rpc_departure *departure,
                   const char *peer)
{
    departure->socket = peer[0] != '\0' ? rpc_socket_find(worker, peer) : NULL;
    if (departure->socket != NULL) {
        departure->socket->waiting++;
    }
    list_append(&worker->departures, &departure->node);
}

/* The sockets worth it, corked; answers their number. */
static unsigned burst_cork(struct rpc_worker *worker, struct rpc_socket **out_corked)
{
    unsigned count = 0;
    for (const struct list *node = worker->departures.next; node != &worker->departures;
         node = node->next) {
        struct rpc_socket *socket =
            LIST_ENTRY(node, const struct rpc_departure, node)->socket;
        if (socket == NULL || socket->waiting == 0) {
            continue; /* looked at already */
        }
        if (socket->waiting >= RPC_BURST_CORK_MIN) {
            rpc_socket_cork(worker, socket);
            out_corked[count++] = socket;
        }
        socket->waiting = 0;
    }
    return count;
}

void rpc_burst_leave(struct rpc_worker *worker)
{
    struct rpc_socket *corked[RPC_SOCKETS_MAX];
    unsigned count = burst_cork(worker, corked);
    while (!list_empty(&worker->departures)) {
        struct rpc_departure *departure =
            LIST_ENTRY(worker->departures.next, struct rpc_departure, node);
        list_remove(&departure->node);
        departure->start(departure); /* it may be gone now */
    }
    for (unsigned i = 0; i < count; i++) {
        rpc_socket_uncork(corked[i]);
    }
}
