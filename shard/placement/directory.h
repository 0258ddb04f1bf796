/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a cluster: its nodes, and which replica of which shard lives on which of
 * them. The state machine of the directory group (shard/replica/machine_directory.c); every
 * node has a copy.
 *
 * Deterministic and plain: the same commands in the same order make the same bytes. Owner:
 * whoever holds it; readers of one copy may be many.
 */
#ifndef SOUK_SHARD_PLACEMENT_DIRECTORY_H
#define SOUK_SHARD_PLACEMENT_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    DIRECTORY_VERSION = 1,        /* of the bytes */
    DIRECTORY_SHARD_ID = 1000000, /* the group's own; other shards count from 1 */
    DIRECTORY_NODES_MAX = 16,     /* as many as a group has members */
    DIRECTORY_ADDRESS_BYTES_MAX = 255,
    DIRECTORY_PLACES_MAX = 65536,
};

struct directory_node {
    uint64_t node_id;
    struct hash128 nonce; /* of its joining */
    char peer_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    char client_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
};

/* One replica that shall be, or shall go. */
struct directory_place {
    uint64_t shard_id;
    uint64_t replica_id;
    uint64_t node_id;
    bool leaving;
};

struct directory {
    uint64_t version; /* counts changes; 0: there is no cluster yet */
    uint64_t next_node_id;
    uint64_t next_replica_id;
    uint32_t node_count;
    struct directory_node nodes[DIRECTORY_NODES_MAX]; /* ascending by id */
    struct directory_place *places;                   /* by shard, then replica */
    size_t place_count;
    size_t place_capacity;
};

void directory_init(struct directory *directory);
void directory_close(struct directory *directory);
/* Replaces `to` by a copy. */
void directory_copy(struct directory *to, const struct directory *from);

/* Numbered as the oneof of souk.internal.v1.DirectoryCommand, less 10. */
enum directory_command_kind {
    /* The store becomes a cluster: its one node and the replicas it has. */
    DIRECTORY_INIT = 1,
    /* A node joins; it gets an id, and a replica of every shard. */
    DIRECTORY_JOIN = 2,
    /* A node is reached elsewhere now. */
    DIRECTORY_ANNOUNCE = 3,
    DIRECTORY_ADD_REPLICA = 4,
    DIRECTORY_REMOVE_REPLICA = 5,
    /* With all its replicas. */
    DIRECTORY_REMOVE_NODE = 6,
    /* Changes nothing; marks a place in the log. */
    DIRECTORY_TICK = 7,
};

struct directory_command {
    enum directory_command_kind kind;
    uint64_t node_id;          /* INIT, ANNOUNCE, *_REPLICA, REMOVE_NODE */
    uint64_t shard_id;         /* *_REPLICA */
    struct hash128 nonce;      /* JOIN */
    struct slice peer_address; /* INIT, JOIN, ANNOUNCE */
    struct slice client_address;
    const struct directory_place *places; /* INIT: shard and replica ids count */
    size_t place_count;
};

struct directory_outcome {
    /*
     * INIT            ALREADY_EXISTS: there is a cluster, of another first node
     * JOIN            NOT_FOUND: there is no cluster; QUANTITY_LIMIT
     * ANNOUNCE        NOT_FOUND: no such node (any more)
     * ADD_REPLICA     NOT_FOUND: no such node, or shard; QUANTITY_LIMIT
     * REMOVE_REPLICA  NOT_FOUND: there never was one; INVALID: it is the last one, or the directory's, which
     *                 every node has
     * REMOVE_NODE     NOT_FOUND: there never was one; INVALID: a shard would be left with none
     * What is so already is OK, changes nothing, and names the same replica.
     * Any of them     INVALID: an address that is empty, too long or not one line
     */
    enum status status;
    uint64_t node_id;    /* JOIN: the new one's */
    uint64_t replica_id; /* *_REPLICA: of the replica named */
    struct slice bytes;  /* the directory behind it, directory_decode; in the arena */
};

void directory_apply(struct directory *directory, const struct directory_command *command,
                     struct arena *arena, struct directory_outcome *out);

/* NULL when there is none. */
const struct directory_node *directory_find_node(const struct directory *directory,
                                                 uint64_t node_id);
/* The places of a shard are [*out_first, *out_first + count). */
size_t directory_shard_places(const struct directory *directory, uint64_t shard_id,
                              size_t *out_first);
const struct directory_place *directory_find_replica(const struct directory *directory,
                                                     uint64_t replica_id);
/* Was this id once a node's of this cluster, and is no longer? */
bool directory_node_removed(const struct directory *directory, uint64_t node_id);

/*
 * version u8 = 1 | version, next node, next replica, nodes: varints | per node: id varint,
 * nonce le64 le64, peer and client address: bytes | places: varint | per place: shard,
 * replica, node: varints, flags u8 (1 leaving)
 */
void directory_encode(const struct directory *directory, struct buffer *out);
/* Replaces `out_directory` (initialised). CHECKSUM, VERSION. */
MUST_USE enum status directory_decode(struct slice bytes,
                                      struct directory *out_directory);
uint64_t directory_digest(const struct directory *directory);

#endif
