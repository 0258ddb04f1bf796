/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a caller has seen: for each shard it wrote to or read from, the log index. Handed
 * out as the trailer `souk-session-bin`; a read that brings it back sees at least that.
 *
 * Any thread.
 */
#ifndef SOUK_SERVER_COORDINATOR_SESSION_TOKEN_H
#define SOUK_SERVER_COORDINATOR_SESSION_TOKEN_H

#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    SESSION_TOKEN_SHARDS_MAX = 64, /* the oldest seen are dropped: read at the leader */
    SESSION_TOKEN_BYTES_MAX = 1400,
};

struct session_mark {
    uint64_t shard_id;
    uint64_t index;
};

struct session_token {
    uint64_t incarnation; /* of the cluster; another one's tokens are refused */
    uint64_t map_version;
    unsigned count;
    struct session_mark marks[SESSION_TOKEN_SHARDS_MAX]; /* by shard id, each once */
};

void session_token_init(struct session_token *token, uint64_t incarnation,
                        uint64_t map_version);
/* Raises a shard's index, never lowers it. Beyond SESSION_TOKEN_SHARDS_MAX shards it is
 * left out, which costs freshness at followers only. */
void session_token_add(struct session_token *token, uint64_t shard_id, uint64_t index);
/* 0 when the token says nothing of the shard. */
uint64_t session_token_index(const struct session_token *token, uint64_t shard_id);

/* Empty past the arena's limit. */
struct slice session_token_encode(const struct session_token *token, struct arena *arena);
/* BAD_TOKEN when it is not one, or of another incarnation, or of a newer map. */
MUST_USE enum status session_token_decode(struct slice bytes, uint64_t incarnation,
                                          uint64_t map_version,
                                          struct session_token *out_token,
                                          struct problem *problem);

#endif
