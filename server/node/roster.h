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
 *
 * <dir>/joining: the nonce with which this node asks to join, from before it asks until
 * <dir>/cluster is there. Whoever dies in between asks with it again, and is the same node.
 *
 *     version u8 = 1 | checksum le64 (XXH3 of what follows) | nonce high le64, low le64
 */
#ifndef SOUK_SERVER_NODE_ROSTER_H
#define SOUK_SERVER_NODE_ROSTER_H

#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/placement/directory.h"
#include "shard/storage/file.h"

enum {
    ROSTER_VERSION = 1,
    ROSTER_BYTES_MAX = 8 << 20,
    ROSTER_NONCE_VERSION = 1,
    ROSTER_NONCE_BYTES = 25,
};
#define ROSTER_NAME       "cluster"
#define ROSTER_NONCE_NAME "joining"

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

void roster_encode_nonce(struct hash128 nonce, uint8_t out[static ROSTER_NONCE_BYTES]);
/* CHECKSUM, VERSION. */
MUST_USE enum status roster_decode_nonce(struct slice bytes, struct hash128 *out_nonce);
/* The nonce of the folder: the one it has, else `drawn`, which it has from now on, synced.
 * The folder is made when it is missing. CHECKSUM, VERSION, DISK_FULL, IO. */
MUST_USE enum status roster_keep_nonce(struct file_system *fs, const char *dir,
                                       struct hash128 drawn, struct hash128 *out_nonce);
/* Is fine when there is none. */
MUST_USE enum status roster_drop_nonce(struct file_system *fs, const char *dir);

#endif
