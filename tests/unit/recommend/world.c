/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/recommend/world.h"

#include "tests/lib/test.h"

static int world_shard(const struct world *world, uint64_t customer_high)
{
    uint32_t bucket = evidence_bucket(customer_high, world->bucket_count);
    for (int i = 0; i < world->shard_count; i++) {
        if (world->masks[i] >> bucket & 1) {
            return i;
        }
    }
    test_fail(__FILE__, __LINE__, "bucket %u has no shard", bucket);
}

void world_open(struct world *world, int shard_count,
                const struct evidence_options *options)
{
    *world = (struct world){.shard_count = shard_count};
    world->degrees = degree_table_new();
    for (int i = 0; i < shard_count; i++) {
        world->shards[i] = evidence_new(options);
    }
    world->bucket_count = evidence_bucket_count(world->shards[0]);
    for (uint32_t b = 0; b < world->bucket_count; b++) {
        uint32_t shard = b * (uint32_t)shard_count / world->bucket_count;
        world->masks[shard] |= (uint64_t)1 << b;
    }
}

void world_close(struct world *world)
{
    for (int i = 0; i < world->shard_count; i++) {
        evidence_free(world->shards[i]);
    }
    degree_table_free(world->degrees);
}

void world_put(struct world *world, const struct evidence_session *session)
{
    evidence_put(world->shards[world_shard(world, session->customer.high)], session);
}

void world_remove(struct world *world, uint64_t customer_high, uint64_t session_hash)
{
    evidence_remove(world->shards[world_shard(world, customer_high)], session_hash);
}

void world_publish(struct world *world)
{
    world->version++;
    for (int i = 0; i < world->shard_count; i++) {
        struct degree_delta delta, copy;
        struct buffer bytes;
        buffer_init(&bytes);
        evidence_take_degrees(world->shards[i], world->version, &delta);
        degree_delta_encode(&delta, &bytes);
        EXPECT_OK(degree_delta_decode(buffer_slice(&bytes), &copy));
        EXPECT_OK(degree_table_apply(world->degrees, (uint64_t)i + 1, &copy));
        degree_delta_close(&delta);
        degree_delta_close(&copy);
        buffer_close(&bytes);
    }
}

void world_ask(struct world *world, const struct recommend_query *query,
               const struct recommend_rank_options *options, struct arena *arena,
               struct recommend_ranked *out)
{
    struct recommend_partial partials[WORLD_SHARDS_MAX];
    const struct recommend_partial *pointers[WORLD_SHARDS_MAX];
    struct recommend_partial merged;
    for (int i = 0; i < world->shard_count; i++) {
        struct recommend_query part = *query, asked;
        struct recommend_partial found;
        struct buffer bytes;
        buffer_init(&bytes);
        part.buckets = world->masks[i];
        recommend_query_encode(&part, &bytes);
        EXPECT_OK(recommend_query_decode(buffer_slice(&bytes), arena, &asked));
        EXPECT_OK(recommend_search(world->shards[i], &asked, arena, &found));
        buffer_clear(&bytes);
        recommend_partial_encode(&found, &bytes);
        EXPECT_OK(recommend_partial_decode(buffer_slice(&bytes), arena, &partials[i]));
        buffer_close(&bytes);
        pointers[i] = &partials[i];
    }
    EXPECT_OK(recommend_merge(pointers, (size_t)world->shard_count, arena, &merged));
    EXPECT_OK(recommend_rank(&merged, query, world->degrees, options, arena, out));
}

void world_expect_same(const struct recommend_ranked *a, const struct recommend_ranked *b,
                       uint64_t seed)
{
    if (a->item_count != b->item_count) {
        test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items and %u", seed,
                  a->item_count, b->item_count);
    }
    for (uint32_t i = 0; i < a->item_count; i++) {
        const struct recommend_ranked_item *x = &a->items[i], *y = &b->items[i];
        EXPECT(x->sku_hash == y->sku_hash);
        EXPECT(memcmp(&x->score, &y->score, sizeof x->score) == 0);
        EXPECT_EQ(x->reason_count, y->reason_count);
        for (uint32_t r = 0; r < x->reason_count; r++) {
            EXPECT_EQ(x->reasons[r].kind, y->reasons[r].kind);
            EXPECT(x->reasons[r].related_sku_hash == y->reasons[r].related_sku_hash);
            EXPECT_EQ(x->reasons[r].evidence_count, y->reasons[r].evidence_count);
            EXPECT(memcmp(&x->reasons[r].weight, &y->reasons[r].weight, sizeof(double)) ==
                   0);
        }
    }
}
