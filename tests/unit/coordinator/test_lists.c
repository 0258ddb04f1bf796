/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/answer_order.h"
#include "server/coordinator/fan_out.h"
#include "server/coordinator/import_flow.h"
#include "server/coordinator/list_walk.h"

#include "shard/base/encode.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"

TEST(fan_out, items_keep_their_order_within_a_shard)
{
    struct arena arena;
    struct fan_groups groups;
    unsigned shards[500], seen[500] = {0};
    struct rng rng;
    rng_init(&rng, 5);
    arena_init(&arena, NULL, 0, 0);
    for (unsigned i = 0; i < 500; i++) {
        shards[i] = (unsigned)rng_below(&rng, 7);
    }
    EXPECT_OK(fan_groups_make(&arena, shards, 500, 9, &groups));
    EXPECT_EQ(groups.count, 7);
    for (unsigned g = 0; g < groups.count; g++) {
        const struct fan_group *group = &groups.groups[g];
        for (unsigned i = 0; i < group->count; i++) {
            EXPECT_EQ(shards[group->items[i]], group->shard);
            EXPECT(i == 0 || group->items[i] > group->items[i - 1]);
            seen[group->items[i]]++;
        }
    }
    for (unsigned i = 0; i < 500; i++) {
        EXPECT_EQ(seen[i], 1);
    }
    arena_close(&arena);
}

TEST(fan_out, no_items_make_no_groups)
{
    struct arena arena;
    struct fan_groups groups;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(fan_groups_make(&arena, NULL, 0, 3, &groups));
    EXPECT_EQ(groups.count, 0);
    arena_close(&arena);
}

/* --- Lists over shards: a fake shard holds numbers, its token is the next number. ------ */

enum {
    LIST_SHARDS = 3,
};

struct list_fake {
    struct shard_map map;
    unsigned items[LIST_SHARDS];
};

static void list_fake_init(struct list_fake *fake)
{
    struct shard_range ranges[LIST_SHARDS];
    struct problem problem;
    shard_map_init(&fake->map, 1, 99);
    for (unsigned i = 0; i < LIST_SHARDS; i++) {
        ranges[i] = (struct shard_range){
            .shard_id = i + 10,
            .start = shard_map_even_start(SHARD_MAP_SKU, i, LIST_SHARDS),
            .end = shard_map_even_start(SHARD_MAP_SKU, i + 1, LIST_SHARDS)};
    }
    EXPECT_OK(shard_map_set(&fake->map, SHARD_MAP_SKU, ranges, LIST_SHARDS, &problem));
}

/* One page; appends (shard, item) pairs and returns the next token. */
static const char *list_fake_page(const struct list_fake *fake, uint32_t page_size,
                                  const char *token, struct arena *arena,
                                  unsigned *out_pairs, unsigned *pair_count)
{
    const struct list_question question = {
        .query = {PAGE_LIST_SKUS, 0, 99}, .page_size = page_size, .page_token = token};
    struct list_walk walk;
    struct list_ask ask;
    struct problem problem;
    unsigned before = *pair_count;
    EXPECT_OK(list_walk_begin(&walk, &fake->map, &question, arena, &problem));
    while (list_walk_next(&walk, &ask)) {
        unsigned shard = (unsigned)(ask.range->shard_id - 10);
        unsigned next =
            ask.page_token.size ? (unsigned)load_be64(ask.page_token.data) : 0;
        uint32_t given = 0;
        uint8_t *inner = arena_alloc(arena, 8);
        while (next < fake->items[shard] && given < ask.page_size) {
            out_pairs[(*pair_count)++] = shard * 1000 + next++;
            given++;
        }
        store_be64(inner, next);
        list_walk_answered(&walk, given,
                           slice_of(inner, next < fake->items[shard] ? 8 : 0));
    }
    EXPECT(*pair_count - before <= page_size);
    return list_walk_token(&walk);
}

TEST(list_walk, pages_of_any_size_show_every_item_once_in_order)
{
    for (uint32_t page_size = 1; page_size <= 30; page_size++) {
        struct list_fake fake = {.items = {7, 0, 12}};
        struct arena arena;
        unsigned pairs[64], count = 0, pages = 0;
        const char *token = "";
        arena_init(&arena, NULL, 0, 0);
        list_fake_init(&fake);
        do {
            token = list_fake_page(&fake, page_size, token, &arena, pairs, &count);
            EXPECT(pages++ < 40);
        } while (token[0] != '\0');
        EXPECT_EQ(count, 19);
        for (unsigned i = 1; i < count; i++) {
            EXPECT(pairs[i] > pairs[i - 1]);
        }
        shard_map_close(&fake.map);
        arena_close(&arena);
    }
}

TEST(list_walk, a_shard_that_finds_nothing_ends_the_page_early)
{
    struct list_fake fake = {.items = {0}};
    const uint64_t only = 5;
    struct list_question question = {
        .query = {PAGE_LIST_MOVEMENTS, 1, 99}, .page_size = 10, .only = &only};
    struct list_walk walk;
    struct list_ask ask;
    struct problem problem;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    list_fake_init(&fake);
    EXPECT_OK(list_walk_begin(&walk, &fake.map, &question, &arena, &problem));
    EXPECT(list_walk_next(&walk, &ask));
    EXPECT_EQ(ask.range->shard_id, 10);
    list_walk_answered(&walk, 0, slice_from_string("later"));
    EXPECT(!list_walk_next(&walk, &ask));
    const char *token = list_walk_token(&walk);
    EXPECT(token[0] != '\0');
    question.page_token = token;
    EXPECT_OK(list_walk_begin(&walk, &fake.map, &question, &arena, &problem));
    EXPECT(list_walk_next(&walk, &ask));
    EXPECT_SLICE(ask.page_token, slice_from_string("later"));
    list_walk_answered(&walk, 0, slice_of(NULL, 0));
    EXPECT(!list_walk_next(&walk, &ask));
    EXPECT_STRING(list_walk_token(&walk), "");
    shard_map_close(&fake.map);
    arena_close(&arena);
}

/* --- Streams --------------------------------------------------------------------------- */

TEST(answer_order, answers_leave_in_the_order_the_messages_came)
{
    struct answer_order order;
    int messages[3];
    uint64_t sequence[3];
    answer_order_init(&order, 3);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_OK(answer_order_begin(&order, &messages[i], &sequence[i]));
        EXPECT_EQ(sequence[i], i + 1);
    }
    answer_order_complete(&order, 2);
    answer_order_complete(&order, 3);
    EXPECT(answer_order_peek(&order) == NULL);
    answer_order_complete(&order, 1);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(answer_order_peek(&order) == &messages[i]);
        EXPECT(answer_order_pop(&order) == &messages[i]);
    }
    EXPECT(answer_order_pop(&order) == NULL);
}

TEST(answer_order, no_more_than_the_window_are_open)
{
    struct answer_order order;
    int message;
    uint64_t sequence;
    answer_order_init(&order, 100000);
    EXPECT_EQ(order.window, ANSWER_ORDER_WINDOW_MAX);
    for (unsigned i = 0; i < ANSWER_ORDER_WINDOW_MAX; i++) {
        EXPECT_OK(answer_order_begin(&order, &message, &sequence));
    }
    EXPECT_STATUS(answer_order_begin(&order, &message, &sequence), STATUS_OVERLOADED);
    answer_order_complete(&order, 1);
    EXPECT(answer_order_pop(&order) == &message);
    EXPECT_OK(answer_order_begin(&order, &message, &sequence));
    EXPECT_EQ(sequence, ANSWER_ORDER_WINDOW_MAX + 1);
}

TEST(import_flow, each_shard_has_a_chain_of_its_own)
{
    struct import_flow flow;
    import_flow_init(&flow, 3);
    EXPECT_EQ(import_flow_chain(&flow, 0, 1), 0);
    EXPECT_EQ(import_flow_chain(&flow, 2, 2), 0);
    EXPECT_EQ(import_flow_chain(&flow, 0, 5), 1);
    EXPECT_EQ(import_flow_chain(&flow, 2, 6), 2);
    EXPECT_EQ(import_flow_chain(&flow, 1, 7), 0);
    EXPECT_EQ(import_flow_chain(&flow, 0, 9), 5);
    import_flow_close(&flow);
}

TEST(import_flow, lines_have_to_grow)
{
    struct import_flow flow;
    struct problem problem;
    import_flow_init(&flow, 1);
    EXPECT_STATUS(import_flow_line(&flow, 0, 0, &problem), STATUS_INVALID);
    EXPECT_OK(import_flow_line(&flow, 0, 3, &problem));
    EXPECT_STATUS(import_flow_line(&flow, 1, 3, &problem), STATUS_INVALID);
    EXPECT_STRING(problem.field, "batch.rows[1].line");
    EXPECT_OK(import_flow_line(&flow, 2, UINT64_MAX, &problem));
    EXPECT_STATUS(import_flow_line(&flow, 3, UINT64_MAX, &problem), STATUS_INVALID);
    import_flow_close(&flow);
}
