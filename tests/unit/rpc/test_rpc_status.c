/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_status.h"

#include "tests/lib/test.h"

static void round_trip(const struct rpc_status *sent, struct arena *arena,
                       struct rpc_status *out_received)
{
    struct slice bytes = rpc_status_encode(sent, arena);
    EXPECT(bytes.size > 0 && bytes.size < RPC_STATUS_BYTES_MAX);
    rpc_status_decode(status_code(sent->status), slice_from_string("wire message"), bytes,
                      arena, out_received);
}

TEST(rpc_status, every_status_survives_the_wire)
{
    for (int i = 1; i < STATUS_COUNT; i++) {
        struct rpc_status sent = {.status = (enum status)i}, received;
        struct arena arena;
        arena_init(&arena, NULL, 0, 0);
        round_trip(&sent, &arena, &received);
        EXPECT_STATUS(received.status, sent.status);
        EXPECT_EQ(received.code, status_code(sent.status));
        EXPECT_STRING(received.reason, status_name(sent.status));
        arena_close(&arena);
    }
}

TEST(rpc_status, a_problem_names_its_field)
{
    struct problem problem;
    struct rpc_status sent, received;
    struct rpc_violation violation;
    struct arena arena;
    problem_set(&problem, STATUS_INVALID, "lines[3].quantity", "must be above 0");
    rpc_status_from_problem(&problem, &sent, &violation);
    arena_init(&arena, NULL, 0, 0);
    round_trip(&sent, &arena, &received);
    EXPECT_EQ(received.violation_count, 1);
    EXPECT_STRING(received.violations[0].field, "lines[3].quantity");
    EXPECT_STRING(received.violations[0].description, "must be above 0");
    arena_close(&arena);
}

TEST(rpc_status, overload_always_says_when_to_come_back)
{
    struct rpc_status sent = {.status = STATUS_OVERLOADED}, received;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    round_trip(&sent, &arena, &received);
    EXPECT_EQ(received.retry_after_ms, RPC_STATUS_RETRY_AFTER_MS);
    sent.retry_after_ms = 4294967295u;
    round_trip(&sent, &arena, &received);
    EXPECT(received.retry_after_ms >= 4294960000u);
    arena_close(&arena);
}

TEST(rpc_status, details_always_fit_and_the_reason_stays)
{
    struct rpc_violation violations[RPC_STATUS_DETAILS_MAX];
    struct rpc_detail details[RPC_STATUS_DETAILS_MAX];
    struct rpc_status sent = {.status = STATUS_INSUFFICIENT_STOCK,
                              .details = details,
                              .detail_count = RPC_STATUS_DETAILS_MAX,
                              .violations = violations,
                              .violation_count = RPC_STATUS_DETAILS_MAX};
    struct rpc_status received;
    struct arena arena;
    char text[300];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < RPC_STATUS_DETAILS_MAX; i++) {
        violations[i] = (struct rpc_violation){text, text};
        details[i] = (struct rpc_detail){"key", text};
    }
    arena_init(&arena, NULL, 0, 0);
    round_trip(&sent, &arena, &received);
    EXPECT_STATUS(received.status, STATUS_INSUFFICIENT_STOCK);
    EXPECT(received.detail_count > 0);
    arena_close(&arena);
}

TEST(rpc_status, a_long_message_is_cut_between_characters)
{
    char text[RPC_STATUS_MESSAGE_MAX + 16];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text + RPC_STATUS_MESSAGE_MAX - 1, "\xc3\xa9", 2);
    EXPECT_EQ(rpc_status_message_length(text), RPC_STATUS_MESSAGE_MAX - 1);
    memcpy(text + RPC_STATUS_MESSAGE_MAX - 2,
           "\xc3\xa9"
           "a",
           3);
    EXPECT_EQ(rpc_status_message_length(text), RPC_STATUS_MESSAGE_MAX);
    EXPECT_EQ(rpc_status_message_length("short"), 5);
}

TEST(rpc_status, details_that_are_damaged_leave_the_code)
{
    const uint8_t damaged[] = {0x1a, 50, 1, 2, 3};
    struct rpc_status received;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    rpc_status_decode(STATUS_CODE_NOT_FOUND, slice_from_string("gone"),
                      slice_of(damaged, sizeof damaged), &arena, &received);
    EXPECT_STATUS(received.status, STATUS_NOT_FOUND);
    EXPECT_STRING(received.message, "gone");
    EXPECT_STRING(received.reason, "");
    arena_close(&arena);
}

TEST(rpc_status, a_message_that_is_no_text_is_made_one)
{
    struct rpc_status status;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    rpc_status_decode(STATUS_CODE_NOT_FOUND, slice_from_string("no \xf7 here"),
                      slice_of(NULL, 0), &arena, &status);
    EXPECT_STRING(status.message, "no ? here");
    arena_close(&arena);
}

TEST(rpc_status, a_reason_that_contradicts_the_code_is_not_believed)
{
    struct rpc_status sent = {.status = STATUS_HOLD_EXPIRED}, received;
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 0, 0);
    bytes = rpc_status_encode(&sent, &arena);
    rpc_status_decode(STATUS_CODE_UNAVAILABLE, slice_of(NULL, 0), bytes, &arena,
                      &received);
    EXPECT_STATUS(received.status, STATUS_UNREACHABLE);
    EXPECT_STRING(received.reason, "HOLD_EXPIRED");
    arena_close(&arena);
}
