/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C-core starts one write for each batch, and each write goes through the whole network
 * stack: for small messages that is the dearest part of a call, for the reader as much as
 * for the writer. A corked socket collects them. C-core does not tell a call's socket, so
 * it is looked for among this process's by the peer's address, which it does tell.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/rpc/rpc_private.h"
#include "shard/base/hash.h"

enum {
    RPC_SOCKET_AGAIN_US = 10000000, /* a peer's sockets are looked for again after */
    /* A search asks for every descriptor of the process. A worker searches at most once in
     * this time, and spends at most one part in so many on it, whoever connects. */
    RPC_SOCKET_SEARCH_GAP_US = 10000,
    RPC_SOCKET_SEARCH_SHARE = 100,
    PORT_DIGITS = 5,
};

/* --- Addresses ------------------------------------------------------------------------- */

/* IPv4 is mapped, as in a socket that listens on [::]. */
static void address_map(const struct in_addr *from, struct rpc_peer_address *out)
{
    memset(out->bytes, 0, sizeof out->bytes);
    out->bytes[10] = out->bytes[11] = 0xff;
    memcpy(out->bytes + 12, from, sizeof *from);
}

static bool address_of_socket(int fd, struct rpc_peer_address *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } name;
    socklen_t size = sizeof name;
    if (getpeername(fd, &name.any, &size) != 0) {
        return false;
    }
    if (name.any.sa_family == AF_INET) {
        address_map(&name.v4.sin_addr, out);
        out->port = ntohs(name.v4.sin_port);
        return true;
    }
    if (name.any.sa_family == AF_INET6) {
        memcpy(out->bytes, &name.v6.sin6_addr, sizeof out->bytes);
        out->port = ntohs(name.v6.sin6_port);
        return true;
    }
    return false;
}

static bool address_same(const struct rpc_peer_address *a,
                         const struct rpc_peer_address *b)
{
    return a->port == b->port && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool rpc_socket_parse_peer(const char *peer, struct rpc_peer_address *out)
{
    char host[RPC_PEER_BYTES];
    const char *colon = strrchr(peer, ':');
    const char *first = peer + 5; /* "ipv4:" or "ipv6:" */
    bool v6 = strncmp(peer, "ipv6:", 5) == 0;
    struct in_addr v4;
    unsigned long port;
    size_t length;
    if ((!v6 && strncmp(peer, "ipv4:", 5) != 0) || colon < first ||
        !isdigit((unsigned char)colon[1]) || strlen(colon + 1) > PORT_DIGITS) {
        return false;
    }
    port = strtoul(colon + 1, NULL, 10);
    length = (size_t)(colon - first);
    if (v6 && length > 6 && strncmp(first, "%5B", 3) == 0) { /* [::1], as in a URI */
        first += 3;
        length -= 6;
    } else if (v6 && length > 2 && *first == '[') {
        first++;
        length -= 2;
    }
    if (port == 0 || port > UINT16_MAX || length >= sizeof host) {
        return false;
    }
    memcpy(host, first, length);
    host[length] = '\0';
    out->port = (uint16_t)port;
    if (v6) {
        return inet_pton(AF_INET6, host, out->bytes) == 1;
    }
    if (inet_pton(AF_INET, host, &v4) != 1) {
        return false;
    }
    address_map(&v4, out);
    return true;
}

/* --- Finding --------------------------------------------------------------------------- */

static void socket_search(struct rpc_socket *socket)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    socket->fd_count = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL &&
           socket->fd_count < RPC_SOCKET_FDS_MAX) {
        struct rpc_peer_address address;
        int fd = atoi(entry->d_name);
        if (isdigit((unsigned char)entry->d_name[0]) && address_of_socket(fd, &address) &&
            address_same(&address, &socket->address)) {
            socket->fds[socket->fd_count++] = fd;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* Numbers of closed sockets belong to others soon. */
static void socket_drop_closed(struct rpc_socket *socket)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < socket->fd_count; i++) {
        struct rpc_peer_address address;
        if (address_of_socket(socket->fds[i], &address) &&
            address_same(&address, &socket->address)) {
            socket->fds[kept++] = socket->fds[i];
        }
    }
    if (kept == 0 && socket->fd_count > 0) {
        socket->search_us = 0; /* a new connection, maybe */
    }
    socket->fd_count = kept;
}

struct rpc_socket *rpc_socket_find(struct rpc_worker *worker, const char *peer)
{
    size_t length = strlen(peer);
    struct rpc_socket *socket =
        &worker->sockets[hash64(slice_of(peer, length), 0) % RPC_SOCKETS_MAX];
    if (strcmp(socket->peer, peer) == 0) {
        return socket;
    }
    if (socket->waiting > 0 || length >= sizeof socket->peer) {
        return NULL;
    }
    memcpy(socket->peer, peer, length + 1);
    socket->fd_count = 0;
    socket->search_us =
        rpc_socket_parse_peer(peer, &socket->address) ? worker->now_us : INT64_MAX;
    return socket;
}

/* --- Corking --------------------------------------------------------------------------- */

static void socket_set(const struct rpc_socket *socket, int corked)
{
    for (unsigned i = 0; i < socket->fd_count; i++) {
        (void)setsockopt(socket->fds[i], IPPROTO_TCP, TCP_CORK, &corked, sizeof corked);
    }
}

void rpc_socket_cork(struct rpc_worker *worker, struct rpc_socket *socket)
{
    socket_drop_closed(socket);
    if (worker->now_us >= socket->search_us &&
        worker->now_us >= worker->socket_search_us) {
        int64_t gap_us;
        socket_search(socket);
        gap_us = (rpc_now_us() - worker->now_us) * RPC_SOCKET_SEARCH_SHARE;
        gap_us = gap_us > RPC_SOCKET_SEARCH_GAP_US ? gap_us : RPC_SOCKET_SEARCH_GAP_US;
        worker->socket_search_us = worker->now_us + gap_us;
        socket->search_us = worker->now_us + RPC_SOCKET_AGAIN_US;
    }
    socket_set(socket, 1);
}

void rpc_socket_uncork(struct rpc_socket *socket)
{
    socket_set(socket, 0);
}
