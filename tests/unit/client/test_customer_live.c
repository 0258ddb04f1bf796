/* SPDX-License-Identifier: Apache-2.0 */
#include "client/include/souk/souk.h"
#include "tests/lib/test.h"
#include "tests/unit/client/live_server.h"

struct reader {
    unsigned parts;
    unsigned parts_max; /* then it wants no more; 0: all */
    uint64_t events;
    bool in_order;
};

static bool reader_part(void *context, const struct souk_customer_export_part *part)
{
    struct reader *reader = context;
    if (reader->parts == 0) {
        EXPECT(part->first && part->events_here == 0);
        EXPECT(part->customer != NULL);
    } else {
        EXPECT(!part->first && part->customer == NULL);
    }
    for (size_t i = 0; i < part->events_here; i++) {
        const struct souk_exported_event *event = &part->events[i];
        reader->in_order = reader->in_order &&
                           event->event.quantity == (int64_t)reader->events &&
                           event->import_line == reader->events + 1;
        EXPECT(event->event.visitor_id == NULL && event->event.customer_id != NULL);
        reader->events++;
    }
    return ++reader->parts != reader->parts_max;
}

struct live {
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
};

static void live_open(struct live *live, uint32_t exported)
{
    struct souk_client_options options = {0};
    live_state_init(&live->state);
    live->state.exported = exported;
    live_server_start(&live->server, &live->state, 0);
    options.addresses = live->server.address;
    EXPECT_EQ(souk_client_open(&options, &live->client, NULL), SOUK_OK);
}

static void live_close(struct live *live)
{
    souk_client_close(live->client);
    live_server_stop(&live->server);
}

TEST(export, hands_on_the_profile_and_then_every_event_in_order)
{
    struct live live;
    struct reader reader = {.in_order = true};
    struct souk_customer_export_request request = {.customer_id = "C-1"};
    live_open(&live, 1000);
    EXPECT_EQ(
        souk_customer_export(live.client, &request, NULL, reader_part, &reader, NULL),
        SOUK_OK);
    EXPECT_EQ(reader.parts, 501);
    EXPECT_EQ(reader.events, 1000);
    EXPECT(reader.in_order);
    live_close(&live);
}

TEST(export, ends_when_its_reader_wants_no_more)
{
    struct live live;
    struct reader reader = {.in_order = true, .parts_max = 3};
    struct souk_customer_export_request request = {.customer_id = "C-1"};
    struct souk_error error = SOUK_ERROR_INIT;
    live_open(&live, 5000);
    EXPECT_EQ(
        souk_customer_export(live.client, &request, NULL, reader_part, &reader, &error),
        SOUK_CANCELLED);
    EXPECT_EQ(reader.parts, 3);
    souk_error_clear(&error);
    live_close(&live);
}

TEST(export, of_somebody_erased_meanwhile_fails_behind_what_came)
{
    struct live live;
    struct reader reader = {.in_order = true};
    struct souk_customer_export_request request = {.customer_id = "erased"};
    struct souk_error error = SOUK_ERROR_INIT;
    live_open(&live, 10);
    EXPECT_EQ(
        souk_customer_export(live.client, &request, NULL, reader_part, &reader, &error),
        SOUK_NOT_FOUND);
    EXPECT_EQ(reader.events, 2);
    EXPECT_STRING(error.violations[0].field, "customer_id");
    souk_error_clear(&error);
    live_close(&live);
}

TEST(export, tries_the_next_address_while_nothing_has_come)
{
    struct live live;
    struct reader reader = {.in_order = true};
    struct souk_customer_export_request request = {.customer_id = "C-1"};
    struct souk_client *client = NULL;
    struct souk_error error = SOUK_ERROR_INIT;
    char addresses[64];
    live_open(&live, 4);
    snprintf(addresses, sizeof addresses, "127.0.0.1:1,%s", live.server.address);
    struct souk_client_options options = {.addresses = addresses};
    EXPECT_EQ(souk_client_open(&options, &client, NULL), SOUK_OK);
    EXPECT_EQ(souk_customer_export(client, &request, NULL, reader_part, &reader, NULL),
              SOUK_OK);
    EXPECT_EQ(reader.events, 4);
    souk_client_close(client);
    options.addresses = "127.0.0.1:1";
    EXPECT_EQ(souk_client_open(&options, &client, NULL), SOUK_OK);
    EXPECT_EQ(souk_customer_export(client, &request, NULL, reader_part, &reader, &error),
              SOUK_UNAVAILABLE);
    EXPECT_EQ(error.attempts, 1);
    souk_error_clear(&error);
    souk_client_close(client);
    live_close(&live);
}

TEST(erase, hands_on_the_proof)
{
    struct live live;
    struct souk_customer_erase_request request = {.customer_id = "C-1"};
    struct souk_customer_erase_reply *reply = NULL;
    live_open(&live, 0);
    EXPECT_EQ(souk_customer_erase(live.client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->stamp.shard_id, 3);
    EXPECT_EQ(reply->stamp.log_index, 40);
    EXPECT_EQ(reply->events_removed, 2);
    EXPECT_EQ(reply->sessions_removed, 5);
    EXPECT(reply->profile_removed);
    EXPECT_EQ(reply->confirmation_count, 1);
    EXPECT_EQ(reply->confirmations[0].node_id, 9);
    EXPECT_EQ(reply->confirmations[0].log_index, 41);
    EXPECT_EQ(strlen(live.state.request_ids[0]), 36); /* a UUIDv7 was made up */
    souk_reply_free(reply);
    request =
        (struct souk_customer_erase_request){.visitor_id = "v", .request_id = "mine"};
    EXPECT_EQ(souk_customer_erase(live.client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->events_removed, 1);
    EXPECT_STRING(live.state.request_ids[0], "mine");
    souk_reply_free(reply);
    live_close(&live);
}
