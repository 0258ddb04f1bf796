/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/peer_pending.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

struct peer_pending_call {
    struct map_node node;
    struct heap_node due;
    uint64_t id;
    uint64_t due_us;
    struct shard_call *call;
};

static struct peer_pending_call *pending_of_due(const struct heap_node *node)
{
    return CONTAINER_OF(node, struct peer_pending_call, due);
}

static bool pending_less(const struct heap_node *a, const struct heap_node *b)
{
    return pending_of_due(a)->due_us < pending_of_due(b)->due_us;
}

static bool pending_equal(const struct map_node *node, const void *key)
{
    const uint64_t *id = key;
    return CONTAINER_OF(node, struct peer_pending_call, node)->id == *id;
}

void peer_pending_init(struct peer_pending *pending)
{
    map_init(&pending->by_id);
    heap_init(&pending->by_due, pending_less);
    pending->next_id = 0;
    pending->count = 0;
}

void peer_pending_close(struct peer_pending *pending)
{
    ASSERT(pending->count == 0);
    map_close(&pending->by_id);
    heap_close(&pending->by_due);
}

uint64_t peer_pending_add(struct peer_pending *pending, struct shard_call *call,
                          uint64_t due_us)
{
    struct peer_pending_call *one = memory_zalloc(sizeof *one);
    one->id = ++pending->next_id;
    one->due_us = due_us;
    one->call = call;
    map_insert(&pending->by_id, &one->node, hash_mix(one->id));
    heap_push(&pending->by_due, &one->due);
    pending->count++;
    return one->id;
}

static struct shard_call *pending_give(struct peer_pending *pending,
                                       struct peer_pending_call *one)
{
    struct shard_call *call = one->call;
    map_remove(&pending->by_id, &one->node);
    heap_remove(&pending->by_due, &one->due);
    pending->count--;
    free(one);
    return call;
}

struct shard_call *peer_pending_take(struct peer_pending *pending, uint64_t id)
{
    struct map_node *node = map_find(&pending->by_id, hash_mix(id), pending_equal, &id);
    return node == NULL
               ? NULL
               : pending_give(pending,
                              CONTAINER_OF(node, struct peer_pending_call, node));
}

struct shard_call *peer_pending_take_late(struct peer_pending *pending, uint64_t now_us)
{
    const struct heap_node *node = heap_peek(&pending->by_due);
    if (node == NULL || pending_of_due(node)->due_us > now_us) {
        return NULL;
    }
    return pending_give(pending, pending_of_due(node));
}
