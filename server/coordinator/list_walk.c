/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/list_walk.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"

enum {
    LIST_WALK_HASH_BYTES = 8,
};

enum status list_walk_begin(struct list_walk *walk, const struct shard_map *map,
                            const struct list_question *question, struct arena *arena,
                            struct problem *problem)
{
    const char *page_token = question->page_token;
    struct slice key = {0};
    ASSERT(question->page_size > 0);
    *walk = (struct list_walk){.map = map,
                               .query = question->query,
                               .arena = arena,
                               .shard_end = shard_map_count(map, SHARD_MAP_SKU),
                               .wanted = question->page_size};
    if (question->only != NULL) {
        walk->shard = shard_map_find(map, SHARD_MAP_SKU, *question->only);
        walk->shard_end = walk->shard + 1;
    }
    if (page_token == NULL || page_token[0] == '\0') {
        return STATUS_OK;
    }
    TRY(page_token_read(&question->query, page_token, arena, &key, problem));
    if (key.size < LIST_WALK_HASH_BYTES) {
        return problem_set(problem, STATUS_BAD_TOKEN, "page_token",
                           "leave page_token empty to begin anew");
    }
    if (question->only == NULL) {
        walk->shard = shard_map_find(map, SHARD_MAP_SKU, load_be64(key.data));
    }
    walk->inner =
        slice_of(key.data + LIST_WALK_HASH_BYTES, key.size - LIST_WALK_HASH_BYTES);
    return STATUS_OK;
}

bool list_walk_next(const struct list_walk *walk, struct list_ask *out_ask)
{
    if (walk->done || walk->wanted == 0) {
        return false;
    }
    out_ask->range = shard_map_range(walk->map, SHARD_MAP_SKU, walk->shard);
    out_ask->page_size = walk->wanted;
    out_ask->page_token = walk->inner;
    return true;
}

void list_walk_answered(struct list_walk *walk, uint32_t count, struct slice next_token)
{
    ASSERT(!walk->done);
    ASSERT(count <= walk->wanted);
    walk->wanted -= count;
    walk->inner = next_token;
    if (next_token.size > 0) {
        /* A shard that looked at much and found nothing (a filter) ends the page early, so
         * that no page takes for ever. */
        walk->wanted = count == 0 ? 0 : walk->wanted;
        return;
    }
    walk->shard++;
    walk->done = walk->shard == walk->shard_end;
}

const char *list_walk_token(const struct list_walk *walk)
{
    uint8_t key[PAGE_TOKEN_KEY_BYTES_MAX];
    if (walk->done) {
        return "";
    }
    ASSERT(walk->inner.size <= sizeof key - LIST_WALK_HASH_BYTES);
    store_be64(key, shard_map_range(walk->map, SHARD_MAP_SKU, walk->shard)->start);
    if (walk->inner.size > 0) {
        memcpy(key + LIST_WALK_HASH_BYTES, walk->inner.data, walk->inner.size);
    }
    return page_token_make(&walk->query,
                           slice_of(key, LIST_WALK_HASH_BYTES + walk->inner.size),
                           walk->arena);
}
