/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list over all shards of a table, page by page.
 *
 * The ranges tile the hash space and each shard lists its own keys in hash order, so
 * asking one shard after the other, in the order of their ranges, is the merged order. A
 * page asks as many shards as it takes to fill it. The page token holds the start of the
 * range to go on with and that shard's own token.
 *
 *     list_walk_begin; while (list_walk_next(&walk, &ask)) { read; list_walk_answered; }
 *     list_walk_token
 *
 * Pure. One thread at a time; everything lies in the caller's arena.
 */
#ifndef SOUK_SERVER_COORDINATOR_LIST_WALK_H
#define SOUK_SERVER_COORDINATOR_LIST_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/page_token.h"
#include "server/coordinator/shard_map.h"

struct list_walk {
    const struct shard_map *map;
    struct page_query query;
    struct arena *arena;
    unsigned shard;     /* the place of the range to ask */
    unsigned shard_end; /* behind the last one */
    uint32_t wanted;    /* items still missing on the page */
    struct slice inner; /* that shard's token; empty at its beginning */
    bool done;          /* every shard has been listed to its end */
};

/* What to ask of which shard. */
struct list_ask {
    const struct shard_range *range;
    uint32_t page_size;
    struct slice page_token;
};

/* What a page is asked for. */
struct list_question {
    struct page_query query;
    uint32_t page_size;     /* above 0 */
    const uint64_t *only;   /* a key's hash: its owner alone; NULL: every SKU shard */
    const char *page_token; /* "" or NULL: from the beginning */
};

/* BAD_TOKEN. */
MUST_USE enum status list_walk_begin(struct list_walk *walk, const struct shard_map *map,
                                     const struct list_question *question,
                                     struct arena *arena, struct problem *problem);
/* False when the page is full or the list has ended. */
bool list_walk_next(const struct list_walk *walk, struct list_ask *out_ask);
/* The shard gave `count` items and its next token (empty: its end). */
void list_walk_answered(struct list_walk *walk, uint32_t count, struct slice next_token);
/* The text of next_page_token: "" at the list's end; NULL past the arena's limit. */
const char *list_walk_token(const struct list_walk *walk);

#endif
