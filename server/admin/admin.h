/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP door of a node, for its operator: read only, bound to 127.0.0.1, bounded in
 * connections, and deaf to requests that were sent to another host name (so that no web
 * page can reach it through a browser by a name of its own).
 *
 *     GET /metrics        Prometheus text of METRIC_TABLE
 *     GET /health/live    200 while the node's loops turn
 *     GET /health/ready   200 while calls are served, else 503; GET /health is the same
 *
 * 403 for a foreign Host, 405 for any method but GET and HEAD, 404 for any other path.
 * Runs on one thread of its own; the functions here belong to the program's thread.
 */
#ifndef SOUK_SERVER_ADMIN_ADMIN_H
#define SOUK_SERVER_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/status.h"

struct admin;

enum {
    ADMIN_CONNECTIONS_MAX = 32,
    ADMIN_CONNECTION_BYTES_MAX = 16 * 1024, /* of one request's line and headers */
    ADMIN_IDLE_S = 10,                      /* then a connection is closed */
};

/* Asked on the admin thread. */
struct admin_options {
    uint16_t port; /* 0: the system chooses, see admin_port */
    bool (*live)(void *user);
    bool (*ready)(void *user);
    void *user;
};

/* UNREACHABLE when the port cannot be bound. */
MUST_USE enum status admin_start(const struct admin_options *options,
                                 struct problem *problem, struct admin **out_admin);
uint16_t admin_port(const struct admin *admin);
void admin_stop(struct admin *admin); /* NULL is fine */

#endif
