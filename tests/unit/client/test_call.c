/* SPDX-License-Identifier: Apache-2.0 */
#include "client/include/souk/stock.h"
#include "shard/base/identifier.h"
#include "tests/lib/test.h"
#include "tests/unit/client/fake_world.h"

struct heard {
    unsigned times;
    enum souk_code code;
    char reason[48];
    char request_id[65];
    bool outcome_unknown;
    bool replayed;
    uint32_t attempts;
    int64_t on_hand;
    char sku_id[32];
    char metadata[32];
    char violation[64];
};

static void hear(void *context, const struct souk_stock_level_reply *reply,
                 const struct souk_error *error)
{
    struct heard *heard = context;
    heard->times++;
    EXPECT((reply == NULL) != (error == NULL));
    if (reply != NULL) {
        heard->code = SOUK_OK;
        heard->on_hand = reply->level.on_hand;
        heard->replayed = reply->answer.replayed;
        heard->attempts = reply->answer.attempts;
        snprintf(heard->sku_id, sizeof heard->sku_id, "%s", reply->level.sku_id);
        return;
    }
    heard->code = error->code;
    heard->attempts = error->attempts;
    heard->outcome_unknown = error->outcome_unknown;
    snprintf(heard->reason, sizeof heard->reason, "%s", error->reason);
    snprintf(heard->request_id, sizeof heard->request_id, "%s", error->request_id);
    if (souk_error_metadata(error, "available") != NULL) {
        snprintf(heard->metadata, sizeof heard->metadata, "%s",
                 souk_error_metadata(error, "available"));
    }
    if (error->violation_count > 0) {
        snprintf(heard->violation, sizeof heard->violation, "%s",
                 error->violations[0].field);
    }
}

static struct heard adjust(struct fake_world *world, uint32_t attempts_max,
                           const char *request_id,
                           const struct souk_call_options *options)
{
    struct souk_client *client = fake_client(world, attempts_max);
    struct souk_stock_adjust_request request = {.request_id = request_id,
                                                .sku_id = "MUG-RED",
                                                .location_id = "berlin",
                                                .quantity = 5};
    struct heard heard = {.code = SOUK_UNKNOWN};
    souk_stock_adjust_start(client, &request, options, hear, &heard);
    fake_world_run(world);
    EXPECT_EQ(heard.times, 1);
    souk_client_close(client);
    return heard;
}

TEST(call, answers_once_and_fills_in_a_request_id_and_a_deadline)
{
    struct fake_world *world = fake_world_new(1);
    struct souk_client *client = fake_client(world, 6);
    struct souk_stock_adjust_request request = {.sku_id = "MUG-RED", .quantity = 5};
    struct souk_stock_level_reply *reply = NULL;
    int64_t time_ms = 0;
    EXPECT_EQ(souk_stock_adjust(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->level.on_hand, 41);
    EXPECT_STRING(reply->level.sku_id, "MUG-RED");
    EXPECT(uuid7_time_ms(slice_from_string(world->attempts[0].request_id), &time_ms));
    EXPECT_EQ(time_ms, 1764547200000);
    EXPECT_EQ(world->attempts[0].timeout_ms, 10000);
    souk_reply_free(reply);
    souk_client_close(client);
    fake_world_free(world);
}

TEST(call, repeats_under_the_same_request_id_until_it_succeeds)
{
    struct fake_world *world = fake_world_new(1);
    struct heard heard;
    world->script[0] = STATUS_UNREACHABLE;
    world->script[1] = STATUS_OVERLOADED;
    world->script[2] = STATUS_OUTCOME_UNKNOWN;
    world->script_count = 3;
    world->replayed = true;
    heard = adjust(world, 6, NULL, NULL);
    EXPECT_EQ(heard.code, SOUK_OK);
    EXPECT_EQ(heard.attempts, 4);
    EXPECT(heard.replayed);
    for (unsigned i = 1; i < 4; i++) {
        EXPECT_STRING(world->attempts[i].request_id, world->attempts[0].request_id);
        EXPECT(world->attempts[i].at_us > world->attempts[i - 1].at_us);
    }
    fake_world_free(world);
}

TEST(call, keeps_the_callers_own_request_id)
{
    struct fake_world *world = fake_world_new(1);
    world->script[0] = STATUS_UNREACHABLE;
    world->script_count = 1;
    adjust(world, 6, "order-771", NULL);
    EXPECT_STRING(world->attempts[0].request_id, "order-771");
    EXPECT_STRING(world->attempts[1].request_id, "order-771");
    fake_world_free(world);
}

TEST(call, gives_up_after_its_attempts_and_says_the_outcome_is_unknown)
{
    struct fake_world *world = fake_world_new(1);
    struct heard heard;
    for (unsigned i = 0; i < 10; i++) {
        world->script[i] = STATUS_UNREACHABLE;
    }
    world->script_count = 10;
    heard = adjust(world, 3, NULL, NULL);
    EXPECT_EQ(heard.code, SOUK_UNAVAILABLE);
    EXPECT_EQ(heard.attempts, 3);
    EXPECT(heard.outcome_unknown);
    EXPECT_STRING(heard.request_id, world->attempts[0].request_id);
    fake_world_free(world);
}

TEST(call, that_never_left_is_unavailable_and_not_unknown)
{
    struct fake_world *world = fake_world_new(1);
    struct heard heard;
    for (unsigned i = 0; i < 10; i++) {
        world->script[i] = STATUS_UNREACHABLE;
    }
    world->script_count = 10;
    world->unsent = true;
    heard = adjust(world, 3, NULL, NULL);
    EXPECT_EQ(heard.code, SOUK_UNAVAILABLE);
    EXPECT_EQ(heard.attempts, 3);
    EXPECT(!heard.outcome_unknown);
    EXPECT(strcmp(heard.reason, "OUTCOME_UNKNOWN") != 0);
    fake_world_free(world);
}

TEST(call, does_not_repeat_a_refusal_and_hands_on_what_came_with_it)
{
    struct fake_world *world = fake_world_new(1);
    struct heard heard;
    world->script[0] = STATUS_INSUFFICIENT_STOCK;
    world->script_count = 1;
    world->detail = (struct rpc_detail){"available", "3"};
    world->violation = (struct rpc_violation){"lines[0].quantity", "5 wanted"};
    heard = adjust(world, 6, NULL, NULL);
    EXPECT_EQ(heard.code, SOUK_FAILED_PRECONDITION);
    EXPECT_EQ(heard.attempts, 1);
    EXPECT(!heard.outcome_unknown);
    EXPECT_STRING(heard.reason, "INSUFFICIENT_STOCK");
    EXPECT_STRING(heard.metadata, "3");
    EXPECT_STRING(heard.violation, "lines[0].quantity");
    fake_world_free(world);
}

TEST(call, honours_the_servers_delay)
{
    struct fake_world *world = fake_world_new(1);
    world->script[0] = STATUS_OVERLOADED;
    world->script_count = 1;
    world->retry_after_ms = 800;
    adjust(world, 6, NULL, NULL);
    EXPECT(world->attempts[1].at_us - world->attempts[0].at_us >= 800000);
    fake_world_free(world);
}

TEST(call, gives_each_attempt_only_what_is_left_of_the_deadline)
{
    struct fake_world *world = fake_world_new(1);
    struct souk_call_options options = {.deadline_ms = 3000};
    struct heard heard;
    for (unsigned i = 0; i < 10; i++) {
        world->script[i] = STATUS_OUTCOME_UNKNOWN;
    }
    world->script_count = 10;
    world->took_us = 1000000;
    heard = adjust(world, 10, NULL, &options);
    EXPECT_EQ(heard.code, SOUK_DEADLINE_EXCEEDED);
    EXPECT(heard.outcome_unknown);
    EXPECT(world->attempt_count <= 3);
    EXPECT_EQ(world->attempts[0].timeout_ms, 3000);
    EXPECT(world->attempts[1].timeout_ms < 2000);
    fake_world_free(world);
}

TEST(call, tries_again_when_one_attempts_own_deadline_passes)
{
    struct fake_world *world = fake_world_new(1);
    struct souk_call_options options = {.deadline_ms = 9000, .attempt_deadline_ms = 500};
    struct heard heard;
    world->script[0] = STATUS_OUTCOME_UNKNOWN;
    world->script_count = 1;
    heard = adjust(world, 6, NULL, &options);
    EXPECT_EQ(heard.code, SOUK_OK);
    EXPECT_EQ(world->attempts[0].timeout_ms, 500);
    EXPECT_EQ(world->attempts[1].timeout_ms, 500);
    fake_world_free(world);
}

TEST(call, goes_to_the_next_address_and_stays_with_the_one_that_answers)
{
    struct fake_world *world = fake_world_new(3);
    struct souk_client *client = fake_client(world, 6);
    struct souk_stock_adjust_request request = {.sku_id = "MUG-RED", .quantity = 1};
    struct heard heard = {0};
    world->script[0] = STATUS_UNREACHABLE;
    world->script_count = 1;
    souk_stock_adjust_start(client, &request, NULL, hear, &heard);
    fake_world_run(world);
    souk_stock_adjust_start(client, &request, NULL, hear, &heard);
    fake_world_run(world);
    EXPECT_EQ(heard.times, 2);
    EXPECT_EQ(world->attempts[0].channel, 0);
    EXPECT_EQ(world->attempts[1].channel, 1);
    EXPECT_EQ(world->attempts[2].channel, 1);
    souk_client_close(client);
    fake_world_free(world);
}

TEST(call, ends_cancelled_when_the_client_closes_during_a_pause)
{
    struct fake_world *world = fake_world_new(1);
    struct souk_client *client = fake_client(world, 6);
    struct souk_stock_adjust_request request = {.sku_id = "MUG-RED", .quantity = 1};
    struct heard heard = {0};
    world->script[0] = STATUS_UNREACHABLE;
    world->script_count = 1;
    souk_stock_adjust_start(client, &request, NULL, hear, &heard);
    EXPECT_EQ(heard.times, 0);
    souk_client_close(client);
    EXPECT_EQ(heard.times, 1);
    EXPECT_EQ(heard.code, SOUK_CANCELLED);
    fake_world_free(world);
}
