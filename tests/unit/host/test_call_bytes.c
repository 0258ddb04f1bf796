/* SPDX-License-Identifier: Apache-2.0 */
#include "server/host/call_bytes.h"
#include "shard/recommend/sources.h"
#include "tests/lib/test.h"

enum {
    NOW_US = 1000,
};

/* Both ends of a way: a call here, and what the other node makes of it. */
struct world {
    struct arena here;
    struct arena there;
    struct shard_call call;
    struct shard_call served;
    struct buffer bytes;
};

static void world_open(struct world *world)
{
    memset(world, 0, sizeof *world);
    arena_init(&world->here, NULL, 0, 0);
    arena_init(&world->there, NULL, 0, 0);
    buffer_init(&world->bytes);
}

static void world_close(struct world *world)
{
    arena_close(&world->here);
    arena_close(&world->there);
    buffer_close(&world->bytes);
}

static void go(struct world *world)
{
    world->call.arena = &world->here;
    buffer_clear(&world->bytes);
    call_encode_request(&world->call, NOW_US, &world->bytes);
    world->served.arena = &world->there;
    EXPECT_OK(call_decode_request(buffer_slice(&world->bytes), 77, &world->served));
    EXPECT_EQ(world->served.shard_id, world->call.shard_id);
}

static void come_back(struct world *world)
{
    buffer_clear(&world->bytes);
    call_encode_answer(&world->served, &world->bytes);
    /* Wherever it breaks off, nothing is taken for an answer. */
    for (size_t size = 0; size < world->bytes.size; size++) {
        enum status before = world->call.status;
        EXPECT(call_decode_answer(slice_of(world->bytes.data, size), &world->call) !=
               STATUS_OK);
        EXPECT_STATUS(world->call.status, before);
    }
    EXPECT_OK(call_decode_answer(buffer_slice(&world->bytes), &world->call));
}

TEST(call_bytes, commands_go_and_outcomes_come_back)
{
    struct world world;
    world_open(&world);
    const struct slice commands[] = {slice_from_string("one"), slice_from_string("two")};
    struct replica_outcome outcomes[2];
    shard_call_init_propose(&world.call, 5, commands, 2, outcomes);
    world.call.deadline_us = NOW_US + 500;
    go(&world);
    EXPECT_EQ(world.served.command_count, 2);
    EXPECT_SLICE(world.served.commands[1], commands[1]);
    EXPECT_EQ(world.served.deadline_us, 77 + 500); /* the time left, by another clock */

    struct inventory_hold_line line = {.sku_id = slice_from_string("MUG"),
                                       .location_id = slice_from_string("berlin"),
                                       .quantity = 3,
                                       .granted = 2};
    memset(world.served.outcomes, 0, 2 * sizeof *world.served.outcomes);
    world.served.outcomes[0] = (struct replica_outcome){
        .kind = REPLICA_SKU,
        .inventory = {.replayed = true,
                      .has_hold = true,
                      .etag = UINT64_MAX,
                      .hold = {.hold_id = {1, 2},
                               .state = HOLD_STATE_HELD,
                               .owner = slice_from_string("cart"),
                               .lines = &line,
                               .line_count = 1,
                               .expire_ms = -5}}};
    world.served.outcomes[1] = (struct replica_outcome){
        .status = STATUS_INSUFFICIENT_STOCK,
        .kind = REPLICA_SKU,
        .inventory = {.status = STATUS_INSUFFICIENT_STOCK,
                      .shortages = {{.line = 0, .requested = 9, .available = 1}},
                      .shortage_count = 1}};
    world.served.appended_count = 2;
    world.served.decided_count = 2;
    world.served.stamp = (struct replica_stamp){5, 1, 99, 1234};
    come_back(&world);
    EXPECT_STATUS(world.call.status, STATUS_OK);
    EXPECT_EQ(world.call.decided_count, 2);
    EXPECT_EQ(world.call.stamp.log_index, 99);
    const struct inventory_outcome *first = &outcomes[0].inventory;
    EXPECT(first->replayed && first->has_hold && !first->has_level);
    EXPECT_EQ(first->etag, UINT64_MAX);
    EXPECT_EQ(first->hold.expire_ms, -5);
    EXPECT_SLICE(first->hold.lines[0].location_id, line.location_id);
    EXPECT_EQ(first->hold.lines[0].granted, 2);
    EXPECT_STATUS(outcomes[1].status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(outcomes[1].inventory.shortages[0].requested, 9);
    world_close(&world);
}

TEST(call_bytes, a_refusal_brings_who_leads)
{
    struct world world;
    world_open(&world);
    const struct slice command = slice_from_string("one");
    struct replica_outcome outcome;
    shard_call_init_propose(&world.call, 5, &command, 1, &outcome);
    go(&world);
    EXPECT_EQ(world.served.deadline_us, 0);
    world.served.status = STATUS_NOT_LEADER;
    world.served.leader_replica_id = 1000001;
    world.served.leader_node_id = 2;
    come_back(&world);
    EXPECT_STATUS(world.call.status, STATUS_NOT_LEADER);
    EXPECT_EQ(world.call.leader_node_id, 2);
    EXPECT_EQ(world.call.decided_count, 0);
    world_close(&world);
}

TEST(call_bytes, a_question_about_stock_and_its_answer)
{
    struct world world;
    world_open(&world);
    const struct slice ids[] = {slice_from_string("MUG"), slice_from_string("POT")};
    const struct slice place = slice_from_string("berlin");
    struct replica_query query = {.kind = REPLICA_QUERY_INVENTORY,
                                  .inventory = {.kind = INVENTORY_QUERY_LEVEL_BATCH,
                                                .sku_ids = ids,
                                                .sku_count = 2,
                                                .location_ids = &place,
                                                .location_count = 1,
                                                .page_size = 7}};
    struct replica_answer answer;
    shard_call_init_read(&world.call, 1, &query, &answer);
    go(&world);
    EXPECT_EQ(world.served.query->inventory.kind, INVENTORY_QUERY_LEVEL_BATCH);
    EXPECT_SLICE(world.served.query->inventory.sku_ids[1], ids[1]);
    EXPECT_EQ(world.served.query->inventory.page_size, 7);
    struct inventory_level level = {.sku_id = ids[0],
                                    .location_id = place,
                                    .buckets = {[STOCK_BUCKET_ON_HAND] = 12},
                                    .available = INT64_MAX};
    world.served.answer->inventory.levels = &level;
    world.served.answer->inventory.level_count = 1;
    world.served.answer->inventory.missing = &ids[1];
    world.served.answer->inventory.missing_count = 1;
    come_back(&world);
    EXPECT_EQ(answer.inventory.level_count, 1);
    EXPECT_EQ(answer.inventory.levels[0].buckets[STOCK_BUCKET_ON_HAND], 12);
    EXPECT_EQ(answer.inventory.levels[0].available, INT64_MAX);
    EXPECT_SLICE(answer.inventory.missing[0], ids[1]);
    world_close(&world);
}

TEST(call_bytes, a_context_with_clicks_and_actions)
{
    struct world world;
    world_open(&world);
    struct replica_query query = {.kind = REPLICA_QUERY_CONTEXT,
                                  .customer = {.customer = {3, 4},
                                               .session_id = slice_from_string("s"),
                                               .clicks_max = 9,
                                               .actions_max = 20,
                                               .actions_without_clicks = true}};
    struct replica_answer answer;
    shard_call_init_read(&world.call, 2, &query, &answer);
    go(&world);
    EXPECT_EQ(world.served.query->customer.customer.low, 4);
    EXPECT(world.served.query->customer.actions_without_clicks);
    const uint64_t clicks[] = {11, UINT64_MAX};
    const struct customer_action actions[] = {{.sku_hash = 5, .at_ms = 6, .quantity = 7}};
    world.served.answer->context = (struct customer_context){
        .known = true, .clicks = clicks, .click_count = 2, .end_ms = 8};
    world.served.answer->actions = (struct customer_actions){actions, 1};
    come_back(&world);
    EXPECT(answer.context.known);
    EXPECT_EQ(answer.context.clicks[1], UINT64_MAX);
    EXPECT_EQ(answer.actions.actions[0].quantity, 7);
    world_close(&world);
}

TEST(call_bytes, a_search_and_what_was_found)
{
    struct world world;
    world_open(&world);
    const uint64_t clicks[] = {1, 2};
    struct recommend_customer_search search = {.sources = 1u
                                                          << RECOMMEND_SOURCE_NEIGHBOURS,
                                               .neighbours = {.clicks = clicks,
                                                              .click_count = 2,
                                                              .clicks_max = 9,
                                                              .candidates = 100,
                                                              .neighbours = 50,
                                                              .bucket_count = 64,
                                                              .buckets = UINT64_MAX}};
    struct replica_query query = {.kind = REPLICA_QUERY_SEARCH,
                                  .customer_search = &search};
    struct replica_answer answer;
    shard_call_init_read(&world.call, 2, &query, &answer);
    go(&world);
    EXPECT_EQ(world.served.query->customer_search->neighbours.clicks[1], 2);
    struct recommend_customer_found found = {
        .sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS,
        .neighbours = {
            .version = 12, .bucket_count = 64, .buckets = UINT64_MAX, .related = 2}};
    world.served.answer->customer_found = &found;
    come_back(&world);
    EXPECT_EQ(answer.customer_found->neighbours.version, 12);
    EXPECT_EQ(answer.customer_found->neighbours.related, 2);
    world_close(&world);
}

TEST(call_bytes, fewer_tokens_than_were_asked_for_are_no_answer)
{
    struct world world;
    world_open(&world);
    const uint64_t hashes[] = {1, 2};
    const uint64_t tokens[] = {7};
    const struct recommend_tokens found[] = {{tokens, 1}, {NULL, 0}};
    struct replica_query query = {.kind = REPLICA_QUERY_TOKENS, .tokens = {hashes, 2}};
    struct replica_answer answer;
    shard_call_init_read(&world.call, 1, &query, &answer);
    go(&world);
    world.served.answer->tokens = found;
    come_back(&world);
    EXPECT_EQ(answer.tokens[0].tokens[0], 7);
    EXPECT_EQ(answer.tokens[1].token_count, 0);
    query.tokens.sku_hash_count = 1;
    EXPECT(call_decode_answer(buffer_slice(&world.bytes), &world.call) != STATUS_OK);
    world_close(&world);
}

TEST(call_bytes, a_request_that_breaks_off_or_is_of_later_is_refused)
{
    struct world world;
    world_open(&world);
    const struct slice command = slice_from_string("one");
    struct replica_outcome outcome;
    shard_call_init_propose(&world.call, 5, &command, 1, &outcome);
    call_encode_request(&world.call, NOW_US, &world.bytes);
    for (size_t size = 0; size < world.bytes.size; size++) {
        world.served.arena = &world.there;
        EXPECT(call_decode_request(slice_of(world.bytes.data, size), 0, &world.served) !=
               STATUS_OK);
    }
    world.bytes.data[0]++;
    world.served.arena = &world.there;
    EXPECT_STATUS(call_decode_request(buffer_slice(&world.bytes), 0, &world.served),
                  STATUS_VERSION);
    world_close(&world);
}

TEST(call_bytes, what_looks_at_one_replica_stays_here)
{
    struct replica_query query = {.kind = REPLICA_QUERY_DIRECTORY};
    struct replica_answer answer;
    struct shard_call call;
    shard_call_init_read(&call, 1, &query, &answer);
    EXPECT(!call_bytes_can_go(&call));
    query.kind = REPLICA_QUERY_PROFILE;
    EXPECT(call_bytes_can_go(&call));
}
