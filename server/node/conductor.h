/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps a running node in step with the directory: it follows the directory group's
 * replica here and tells the peers and <dir>/cluster, it announces where this node is
 * reached, and for each group that this node leads it asks for the next change of members
 * (shard/placement/placement_step.h). Deciding is pure and elsewhere; this is timers.
 *
 * Lives on the loops: one timer on each. Started after the runtime, freed after it.
 */
#ifndef SOUK_SERVER_NODE_CONDUCTOR_H
#define SOUK_SERVER_NODE_CONDUCTOR_H

#include "server/peer/peers.h"
#include "server/runtime/runtime.h"

enum {
    CONDUCTOR_TICK_MS = 100,
    CONDUCTOR_ANNOUNCE_MS = 5000, /* deadline of one announcement */
    CONDUCTOR_LAG_MAX = 1000,     /* entries behind, of who may lead or vote */
};

struct conductor_options {
    struct runtime *runtime;
    uint64_t node_id;
    const struct directory *directory; /* as known at the start; copied */
    /* On a loop's thread: the directory is another one now. False: not yet, the old one
     * holds; it is asked again at the next tick. */
    bool (*changed)(void *context, const struct directory *directory);
    /* On a loop's thread, one at a time: groups here count on other nodes now. */
    void (*counted)(void *context, const struct peers_counted *counted);
    void *context;
};

struct conductor;

struct conductor *conductor_start(const struct conductor_options *options);
void conductor_free(struct conductor *conductor); /* NULL is fine */
/* Where this node is reached. Any thread; copied. */
void conductor_set_addresses(struct conductor *conductor, const char *peer_address,
                             const char *client_address);
/* Replaces `out` (initialised) by what is known now. Any thread. */
void conductor_directory(struct conductor *conductor, struct directory *out);

#endif
