/* SPDX-License-Identifier: Apache-2.0 */
#include "client/include/souk/souk.h"
#include "tests/lib/test.h"
#include "tests/unit/client/live_server.h"

enum {
    BATCH = 10,
};

struct acks {
    uint64_t through_line;
    uint64_t applied;
    uint64_t duplicates;
    uint64_t failures;
    uint64_t last_failure;
    uint32_t retries;
};

static void on_ack(void *context, const struct souk_import_ack *ack)
{
    struct acks *acks = context;
    acks->through_line = ack->through_line;
    acks->applied += ack->applied;
    acks->duplicates += ack->duplicates;
    acks->failures += ack->failure_count;
    if (ack->failure_count > 0) {
        acks->last_failure = ack->failures[ack->failure_count - 1].line;
    }
}

static void on_retry(void *context, const struct souk_error *error)
{
    (void)error;
    ((struct acks *)context)->retries++;
}

static struct souk_client *open_client(const char *address)
{
    struct souk_client_options options = {.addresses = address};
    struct souk_client *client = NULL;
    EXPECT_EQ(souk_client_open(&options, &client, NULL), SOUK_OK);
    return client;
}

/* The rows' strings are wiped after each send: the stream must have its own. */
static enum souk_code send_rows(struct souk_import *import, uint64_t first, uint64_t last)
{
    struct souk_import_row rows[BATCH];
    char ids[BATCH][16];
    for (uint64_t line = first; line <= last; line += BATCH) {
        size_t count = 0;
        enum souk_code code;
        memset(rows, 0, sizeof rows);
        for (; count < BATCH && line + count <= last; count++) {
            snprintf(ids[count], sizeof ids[count], "SKU-%" PRIu64, line + count);
            rows[count].line = line + count;
            rows[count].kind = SOUK_IMPORT_SKU;
            rows[count].record.sku.sku_id = ids[count];
        }
        code = souk_import_send(import, rows, count, NULL);
        memset(ids, 0xff, sizeof ids);
        if (code != SOUK_OK) {
            return code;
        }
    }
    return SOUK_OK;
}

static struct souk_import *open_import(struct souk_client *client, struct acks *acks)
{
    struct souk_import_options options = {.import_id = "sha256:00:skus",
                                          .on_ack = on_ack,
                                          .on_retry = on_retry,
                                          .context = acks,
                                          .outage_max_ms = 20000};
    struct souk_import *import = NULL;
    EXPECT_EQ(souk_import_open(client, &options, &import, NULL), SOUK_OK);
    return import;
}

TEST(import_stream, every_row_is_acknowledged_and_a_second_run_is_all_duplicates)
{
    struct live_state state;
    struct live_server server;
    struct acks acks = {0}, again = {0};
    struct souk_client *client;
    struct souk_import *import;
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    import = open_import(client, &acks);
    EXPECT_EQ(send_rows(import, 1, 995), SOUK_OK);
    EXPECT_EQ(souk_import_drain(import, NULL), SOUK_OK);
    souk_import_close(import);
    EXPECT_EQ(acks.applied, 995);
    EXPECT_EQ(acks.through_line, 995);
    import = open_import(client, &again);
    EXPECT_EQ(send_rows(import, 1, 995), SOUK_OK);
    EXPECT_EQ(souk_import_drain(import, NULL), SOUK_OK);
    souk_import_close(import);
    EXPECT_EQ(again.applied, 0);
    EXPECT_EQ(again.duplicates, 995);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(import_stream, goes_on_where_a_broken_connection_left_off)
{
    struct live_state state;
    struct live_server server;
    struct acks acks = {0};
    struct souk_client *client;
    struct souk_import *import;
    live_state_init(&state);
    state.break_after = 7;
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    import = open_import(client, &acks);
    EXPECT_EQ(send_rows(import, 1, 300), SOUK_OK);
    EXPECT_EQ(souk_import_drain(import, NULL), SOUK_OK);
    souk_import_close(import);
    EXPECT_EQ(acks.applied + acks.duplicates, 300);
    EXPECT(acks.duplicates > 0);
    EXPECT(acks.retries >= 1);
    souk_client_close(client);
    live_server_stop(&server);
    EXPECT_EQ(state.applied, 300);
}

TEST(import_stream, goes_on_when_the_server_stops_and_comes_back)
{
    struct live_state state;
    struct live_server server;
    struct acks acks = {0};
    struct souk_client *client;
    struct souk_import *import;
    uint16_t port;
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    port = rpc_server_port(server.rpc);
    client = open_client(server.address);
    import = open_import(client, &acks);
    EXPECT_EQ(send_rows(import, 1, 200), SOUK_OK);
    live_server_stop(&server);
    live_server_start(&server, &state, port);
    EXPECT_EQ(send_rows(import, 201, 400), SOUK_OK);
    EXPECT_EQ(souk_import_drain(import, NULL), SOUK_OK);
    souk_import_close(import);
    souk_client_close(client);
    live_server_stop(&server);
    EXPECT_EQ(state.applied, 400);
    EXPECT_EQ(state.last_line, 400);
}

TEST(import_stream, tells_refused_rows_by_line)
{
    struct live_state state;
    struct live_server server;
    struct acks acks = {0};
    struct souk_client *client;
    struct souk_import *import;
    live_state_init(&state);
    state.refuse_odd = true;
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    import = open_import(client, &acks);
    EXPECT_EQ(send_rows(import, 1, 100), SOUK_OK);
    EXPECT_EQ(souk_import_drain(import, NULL), SOUK_OK);
    souk_import_close(import);
    EXPECT_EQ(acks.applied, 50);
    EXPECT_EQ(acks.failures, 50);
    EXPECT_EQ(acks.last_failure, 99);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(import_stream, a_refused_import_ends_at_once)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_import_options options = {.import_id = "x"};
    struct souk_import *import = NULL;
    struct souk_error error = {0};
    live_state_init(&state);
    state.refuse_import = true;
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    EXPECT_EQ(souk_import_open(client, &options, &import, &error), SOUK_INVALID_ARGUMENT);
    EXPECT_STRING(error.message, "not this one");
    souk_error_clear(&error);
    options.import_id = "";
    EXPECT_EQ(souk_import_open(client, &options, &import, NULL), SOUK_INVALID_ARGUMENT);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(import_stream, gives_up_after_an_outage_that_lasts_too_long)
{
    struct souk_client *client = open_client("127.0.0.1:1");
    struct souk_import_options options = {.import_id = "x", .outage_max_ms = 300};
    struct souk_import *import = NULL;
    struct souk_error error = {0};
    enum souk_code code = souk_import_open(client, &options, &import, &error);
    EXPECT(code == SOUK_UNAVAILABLE || code == SOUK_DEADLINE_EXCEEDED);
    souk_error_clear(&error);
    souk_client_close(client);
}

TEST(import_stream, refuses_text_that_is_not_utf8)
{
    struct live_state state;
    struct live_server server;
    struct acks acks = {0};
    struct souk_client *client;
    struct souk_import *import;
    struct souk_import_row row = {.line = 1,
                                  .kind = SOUK_IMPORT_SKU,
                                  .record.sku = {.sku_id = "A", .name = "\xff"}};
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    import = open_import(client, &acks);
    EXPECT_EQ(souk_import_send(import, &row, 1, NULL), SOUK_INVALID_ARGUMENT);
    souk_import_close(import);
    souk_client_close(client);
    live_server_stop(&server);
}

TEST(event_stream, delivers_and_gives_ids_to_events_without)
{
    struct live_state state;
    struct live_server server;
    struct souk_client *client;
    struct souk_event_stream *stream = NULL;
    struct souk_event events[3] = {{.customer_id = "C-1", .kind = SOUK_EVENT_VIEW},
                                   {.visitor_id = "V-1", .kind = SOUK_EVENT_VIEW},
                                   {.event_id = "E-1", .customer_id = "C-1"}};
    live_state_init(&state);
    live_server_start(&server, &state, 0);
    client = open_client(server.address);
    EXPECT_EQ(souk_event_stream_open(client, NULL, &stream, NULL), SOUK_OK);
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(souk_event_stream_send(stream, events, 3, NULL), SOUK_OK);
    }
    EXPECT_EQ(souk_event_stream_drain(stream, NULL), SOUK_OK);
    souk_event_stream_close(stream);
    souk_client_close(client);
    live_server_stop(&server);
    EXPECT_EQ(state.events, 300);
}
