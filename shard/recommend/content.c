/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"
#include "shard/recommend/content_private.h"

enum {
    TOKEN_SEED = 4,
};

uint64_t content_token(struct slice name, struct slice value)
{
    uint64_t hash = hash64(value, hash64(name, TOKEN_SEED));
    return hash == CONTENT_TOKEN_SKUS ? 1 : hash;
}

static bool sku_equal(const struct map_node *node, const void *key)
{
    const struct content_sku *sku = (const void *)node;
    return sku->sku_hash == *(const uint64_t *)key;
}

static struct content_sku *sku_find(const struct content_index *index, uint64_t sku_hash)
{
    return (void *)map_find(&index->sku_index, hash_mix(sku_hash), sku_equal, &sku_hash);
}

static bool token_equal(const struct map_node *node, const void *key)
{
    const struct content_token *token = (const void *)node;
    return token->hash == *(const uint64_t *)key;
}

const struct content_token *content_token_find(const struct content_index *index,
                                               uint64_t hash)
{
    return (const void *)map_find(&index->token_index, hash_mix(hash), token_equal,
                                  &hash);
}

static struct content_token *token_find_or_add(struct content_index *index, uint64_t hash)
{
    struct content_token *token =
        (void *)map_find(&index->token_index, hash_mix(hash), token_equal, &hash);
    if (token == NULL) {
        token = memory_zalloc(sizeof *token);
        token->hash = hash;
        map_insert(&index->token_index, &token->node, hash_mix(hash));
    }
    return token;
}

static int hash_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void token_add(struct content_index *index, struct content_sku *sku, uint32_t slot)
{
    struct content_token *token = token_find_or_add(index, sku->tokens[slot]);
    memory_reserve((void **)&token->entries, &token->capacity, token->count + 1,
                   sizeof *token->entries);
    ASSERT(token->count < UINT32_MAX);
    sku->places[slot] = (struct content_place){token, (uint32_t)token->count};
    token->entries[token->count++] = (struct content_entry){sku, slot};
    index->postings++;
    degree_log_note(&index->degree_log, token->hash, 0, 1);
}

/* The last entry moves into the gap. */
static void token_take(struct content_index *index, struct content_place place)
{
    struct content_token *token = place.token;
    struct content_entry moved = token->entries[--token->count];
    token->entries[place.place] = moved;
    moved.sku->places[moved.slot].place = place.place;
    index->postings--;
    degree_log_note(&index->degree_log, token->hash, 0, -1);
    if (token->count == 0) {
        map_remove(&index->token_index, &token->node);
        free(token->entries);
        free(token);
    }
}

static void sku_free(struct content_sku *sku)
{
    free(sku->places);
    free(sku->tokens);
    free(sku);
}

void content_remove(struct content_index *index, uint64_t sku_hash)
{
    struct content_sku *sku = sku_find(index, sku_hash);
    if (sku == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sku->token_count; i++) {
        token_take(index, sku->places[i]);
    }
    struct content_sku *last = index->skus[--index->sku_count];
    index->skus[sku->number] = last;
    last->number = sku->number;
    map_remove(&index->sku_index, &sku->node);
    degree_log_note(&index->degree_log, CONTENT_TOKEN_SKUS, 0, -1);
    sku_free(sku);
}

void content_put(struct content_index *index, uint64_t sku_hash, const uint64_t *tokens,
                 uint32_t token_count)
{
    struct content_sku *sku = memory_zalloc(sizeof *sku);
    uint64_t *sorted = memory_alloc(((size_t)token_count + 1) * sizeof *sorted);
    uint32_t kept = 0;
    if (token_count > 0) {
        memcpy(sorted, tokens, token_count * sizeof *sorted);
        qsort(sorted, token_count, sizeof *sorted, hash_compare);
    }
    for (uint32_t i = 0; i < token_count && kept < CONTENT_TOKENS_MAX; i++) {
        if (sorted[i] != CONTENT_TOKEN_SKUS &&
            (kept == 0 || sorted[kept - 1] != sorted[i])) {
            sorted[kept++] = sorted[i];
        }
    }
    const struct content_sku *before = sku_find(index, sku_hash);
    if (before != NULL && before->token_count == kept &&
        (kept == 0 || memcmp(before->tokens, sorted, kept * sizeof *sorted) == 0)) {
        free(sorted); /* a SKU is written far more often than its attributes change */
        free(sku);
        return;
    }
    content_remove(index, sku_hash);
    sku->sku_hash = sku_hash;
    sku->token_count = kept;
    sku->tokens = memory_realloc(sorted, ((size_t)kept + 1) * sizeof *sorted);
    sku->places = memory_alloc(((size_t)kept + 1) * sizeof *sku->places);
    sku->number = (uint32_t)index->sku_count;
    ASSERT(index->sku_count < UINT32_MAX);
    memory_reserve((void **)&index->skus, &index->sku_capacity, index->sku_count + 1,
                   sizeof *index->skus);
    index->skus[index->sku_count++] = sku;
    map_insert(&index->sku_index, &sku->node, hash_mix(sku_hash));
    degree_log_note(&index->degree_log, CONTENT_TOKEN_SKUS, 0, 1);
    for (uint32_t i = 0; i < kept; i++) {
        token_add(index, sku, i);
    }
}

const uint64_t *content_tokens(const struct content_index *index, uint64_t sku_hash,
                               uint32_t *out_count)
{
    const struct content_sku *sku = sku_find(index, sku_hash);
    *out_count = sku ? sku->token_count : 0;
    return sku ? sku->tokens : NULL;
}

void content_take_degrees(struct content_index *index, uint64_t version,
                          struct degree_delta *out_delta)
{
    degree_log_take(&index->degree_log, version, out_delta);
}

bool content_degrees_changed(const struct content_index *index)
{
    return index->degree_log.count > 0;
}

void content_take_all_degrees(struct content_index *index, uint64_t version,
                              struct degree_delta *out_delta)
{
    const struct map_node *node = NULL;
    degree_log_restart(&index->degree_log);
    while ((node = map_next(&index->token_index, node)) != NULL) {
        const struct content_token *token = (const void *)node;
        degree_log_note(&index->degree_log, token->hash, 0, (int64_t)token->count);
    }
    degree_log_note(&index->degree_log, CONTENT_TOKEN_SKUS, 0, (int64_t)index->sku_count);
    content_take_degrees(index, version, out_delta);
}

struct content_index *content_new(void)
{
    struct content_index *index = memory_zalloc(sizeof *index);
    map_init(&index->sku_index);
    map_init(&index->token_index);
    degree_log_init(&index->degree_log);
    return index;
}

void content_free(struct content_index *index)
{
    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < index->sku_count; i++) {
        sku_free(index->skus[i]);
    }
    struct map_node *node = map_next(&index->token_index, NULL);
    while (node != NULL) {
        struct map_node *next = map_next(&index->token_index, node);
        struct content_token *token = (void *)node;
        free(token->entries);
        free(token);
        node = next;
    }
    map_close(&index->sku_index);
    map_close(&index->token_index);
    degree_log_close(&index->degree_log);
    free(index->skus);
    free(index);
}

uint64_t content_count(const struct content_index *index)
{
    return index->sku_count;
}

uint64_t content_memory_bytes(const struct content_index *index)
{
    return index->sku_count * (sizeof(struct content_sku) + 2 * sizeof(void *)) +
           index->token_index.count *
               (sizeof(struct content_token) + sizeof(struct map_node *)) +
           index->postings * (sizeof(struct content_place) + sizeof(uint64_t) +
                              sizeof(struct content_entry));
}

uint64_t content_digest(const struct content_index *index)
{
    uint64_t digest = index->postings;
    for (size_t i = 0; i < index->sku_count; i++) {
        const struct content_sku *sku = index->skus[i];
        uint64_t chain = hash_mix(sku->sku_hash);
        for (uint32_t n = 0; n < sku->token_count; n++) {
            const struct content_place *place = &sku->places[n];
            ASSERT(place->token->entries[place->place].sku == sku);
            chain = hash_mix(chain ^ sku->tokens[n]);
        }
        digest += chain;
    }
    return digest;
}
