/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of one bucket with the oldest, or the newest, at the top: which of them are
 * evidence and which wait behind the limit (evidence.c). A record knows its place, and is
 * in one heap at a time. Owner: the loop that owns the shard.
 */
#ifndef SOUK_SHARD_RECOMMEND_SESSION_HEAP_H
#define SOUK_SHARD_RECOMMEND_SESSION_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/recommend/session_pool.h"

struct session_heap {
    uint32_t *sessions;
    size_t count;
    size_t capacity;
    bool newest_first;
};

void session_heap_close(struct session_heap *heap);
void session_heap_push(struct session_heap *heap, const struct session_pool *pool,
                       uint32_t session);
void session_heap_remove(struct session_heap *heap, const struct session_pool *pool,
                         uint32_t session);
/* The heap holds it. */
bool session_heap_holds(const struct session_heap *heap,
                        const struct session_record *record, uint32_t session);
/* By (end, session hash). */
bool session_newer(const struct session_record *a, const struct session_record *b);

#endif
