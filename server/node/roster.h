/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <dir>/cluster: what a node of a cluster knows at its start, before it has heard anybody:
 * the directory as it last saw it (who lives where, which replicas are its own) and the
 * port on which the others know it. A copy: the truth is the directory group's.
 *
 *     version u8 = 1 | checksum le64 (XXH3 of what follows) | peer port varint |
 *     directory: bytes (directory_encode)
 *
 * A store of one node has no such file.
 */
#ifndef SOUK_SERVER_NODE_ROSTER_H
#define SOUK_SERVER_NODE_ROSTER_H

#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/placement/directory.h"
#include "shard/storage/file.h"

enum {
    ROSTER_VERSION = 1,
    ROSTER_BYTES_MAX = 8 << 20,
};
#define ROSTER_NAME "cluster"

void roster_encode(uint16_t peer_port, const struct directory *directory,
                   struct buffer *out);
/* CHECKSUM, VERSION. The directory is initialised, and replaced. */
MUST_USE enum status roster_decode(struct slice bytes, uint16_t *out_peer_port,
                                   struct directory *out_directory);
/* NOT_FOUND: there is none. */
MUST_USE enum status roster_read(struct file_system *fs, const char *dir,
                                 uint16_t *out_peer_port,
                                 struct directory *out_directory);
/* Atomically, and synced. */
MUST_USE enum status roster_write(struct file_system *fs, const char *dir,
                                  uint16_t peer_port, const struct directory *directory);

#endif
