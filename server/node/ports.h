/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <dir>/ports.json: where this node can be reached, {"client": N, "peer": N, "admin": N};
 * peer is null while the node has no peer port.
 * It appears whole when the node serves and goes when it stops, so who waits for it finds
 * ports that answer.
 */
#ifndef SOUK_SERVER_NODE_PORTS_H
#define SOUK_SERVER_NODE_PORTS_H

#include <stdint.h>

#include "shard/base/status.h"

MUST_USE enum status ports_write(const char *dir, uint16_t client, uint16_t peer,
                                 uint16_t admin, struct problem *problem);
/* Harmless when there is none. */
void ports_remove(const char *dir);

#endif
