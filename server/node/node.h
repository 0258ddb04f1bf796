/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node: data folder, log, state, loops, services and doors, put together from settings,
 * started in order and stopped in reverse.
 *
 * Belongs to the program's main thread.
 */
#ifndef SOUK_SERVER_NODE_NODE_H
#define SOUK_SERVER_NODE_NODE_H

#include <stdint.h>

#include "shard/base/setting.h"
#include "shard/base/status.h"

enum {
    NODE_FILES_WANTED = 4096, /* open files below which a warning is logged */
    NODE_DRAIN_MS = 200,      /* refusing with DRAINING before the door closes */
    NODE_LIVE_TICK_MS = 1000,
    NODE_LIVE_SILENCE_MS = 10000, /* of a loop, before the node counts as not live */
};

struct node;

/* Where log lines go and which; before anything else. */
void node_setup_log(const struct settings *settings);
/* The settings are copied. On failure nothing runs, and the problem says what to do. */
MUST_USE enum status node_start(const struct settings *settings, struct problem *problem,
                                struct node **out_node);
uint16_t node_client_port(const struct node *node);
uint16_t node_admin_port(const struct node *node);
/*
 * Health turns NOT_SERVING, no new calls are taken, calls in progress have stop_grace_ms,
 * everything is flushed and closed. NULL is fine.
 */
void node_stop(struct node *node);

/* "0.1.0" */
const char *node_version(void);

#endif
