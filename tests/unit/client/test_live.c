/* SPDX-License-Identifier: Apache-2.0 */
#include <semaphore.h>
#include <stdatomic.h>

#include "client/include/souk/souk.h"
#include "tests/lib/test.h"
#include "tests/unit/client/live_server.h"

static struct souk_client *open_client(const char *addresses)
{
    struct souk_client_options options = {.addresses = addresses};
    struct souk_client *client = NULL;
    EXPECT_EQ(souk_client_open(&options, &client, NULL), SOUK_OK);
    return client;
}

TEST(live, calls_a_real_server_and_reads_its_trailers)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_stock_adjust_request request = {
        .sku_id = "MUG-RED", .location_id = "berlin", .quantity = 7};
    struct souk_stock_level_reply *reply = NULL;
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    EXPECT_EQ(souk_stock_adjust(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->level.on_hand, 7);
    EXPECT_STRING(reply->level.location_id, "berlin");
    EXPECT(reply->answer.replayed);
    EXPECT_EQ(reply->answer.session_token_size, 5);
    souk_reply_free(reply);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(live, repeats_an_overloaded_call_under_one_request_id)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_stock_adjust_request request = {.sku_id = "MUG-RED", .quantity = 7};
    struct souk_stock_level_reply *reply = NULL;
    live_state_init(&state);
    state.busy = 2;
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    EXPECT_EQ(souk_stock_adjust(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->answer.attempts, 3);
    souk_reply_free(reply);
    souk_client_close(client);
    live_server_stop(&server);
    EXPECT_EQ(state.adjusts, 3);
    EXPECT_STRING(state.request_ids[0], state.request_ids[2]);
}

TEST(live, hands_on_reason_fields_and_metadata_of_a_refusal)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_stock_get_request request = {.sku_id = "NONE", .location_id = "berlin"};
    struct souk_stock_level_reply *reply = NULL;
    struct souk_error error = {0};
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    EXPECT_EQ(souk_stock_get(client, &request, NULL, &reply, &error), SOUK_NOT_FOUND);
    EXPECT(reply == NULL);
    EXPECT_STRING(error.reason, "NOT_FOUND");
    EXPECT_STRING(error.message, "nothing here");
    EXPECT_STRING(souk_error_metadata(&error, "sku_id"), "NONE");
    EXPECT_STRING(error.violations[0].field, "sku_id");
    souk_error_clear(&error);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(live, finds_the_address_that_is_served)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_health_request request = {0};
    struct souk_health_reply *reply = NULL;
    char addresses[64];
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    snprintf(addresses, sizeof addresses, "127.0.0.1:1,%s", server.address);
    client = open_client(addresses);
    EXPECT_EQ(souk_health_check(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT(reply->serving);
    souk_reply_free(reply);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(live, says_unavailable_when_nobody_serves)
{
    struct souk_client *client = open_client("127.0.0.1:1");
    struct souk_health_request request = {0};
    struct souk_health_reply *reply = NULL;
    struct souk_call_options options = {.attempts_max = 2};
    struct souk_error error = {0};
    EXPECT_EQ(souk_health_check(client, &request, &options, &reply, &error),
              SOUK_UNAVAILABLE);
    EXPECT_EQ(error.attempts, 2);
    souk_error_clear(&error);
    souk_client_close(client);
}

struct many {
    sem_t left;
    atomic_uint good;
};

static void many_done(void *context, const struct souk_stock_level_reply *reply,
                      const struct souk_error *error)
{
    struct many *many = context;
    (void)error;
    if (reply != NULL && reply->level.on_hand == 3) {
        atomic_fetch_add(&many->good, 1);
    }
    sem_post(&many->left);
}

TEST(live, callback_calls_overlap_over_several_channels_and_workers)
{
    enum {
        CALLS = 500
    };
    struct live_state state;
    struct live_server server;
    struct souk_client_options options = {.channels_per_address = 4, .workers = 2};
    struct souk_client *client = NULL;
    struct souk_stock_adjust_request request = {.sku_id = "MUG-RED", .quantity = 3};
    struct many many;
    sem_init(&many.left, 0, 0);
    atomic_init(&many.good, 0);
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    options.addresses = server.address;
    EXPECT_EQ(souk_client_open(&options, &client, NULL), SOUK_OK);
    for (int i = 0; i < CALLS; i++) {
        souk_stock_adjust_start(client, &request, NULL, many_done, &many);
    }
    for (int i = 0; i < CALLS; i++) {
        while (sem_wait(&many.left) != 0) {
        }
    }
    EXPECT_EQ(atomic_load(&many.good), CALLS);
    souk_client_close(client);
    live_server_stop(&server);
    sem_destroy(&many.left);
}

TEST(live, closing_the_client_ends_open_calls_once)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_stock_adjust_request request = {.sku_id = "MUG-RED", .quantity = 3};
    struct many many;
    int posts = 0;
    sem_init(&many.left, 0, 0);
    atomic_init(&many.good, 0);
    live_state_init(&state);
    state.busy = 1000;
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    for (int i = 0; i < 50; i++) {
        souk_stock_adjust_start(client, &request, NULL, many_done, &many);
    }
    souk_client_close(client);
    sem_getvalue(&many.left, &posts);
    EXPECT_EQ(posts, 50);
    live_server_stop(&server);
    sem_destroy(&many.left);
}

TEST(live, refuses_options_that_make_no_sense)
{
    struct souk_client *client = NULL;
    struct souk_error error = {0};
    EXPECT_EQ(
        souk_client_open(&(struct souk_client_options){.addresses = ""}, &client, &error),
        SOUK_INVALID_ARGUMENT);
    EXPECT_STRING(error.violations[0].field, "addresses");
    souk_error_clear(&error);
    EXPECT_EQ(
        souk_client_open(&(struct souk_client_options){.deadline_ms = -1}, &client, NULL),
        SOUK_INVALID_ARGUMENT);
    souk_client_close(NULL);
    souk_reply_free(NULL);
}
