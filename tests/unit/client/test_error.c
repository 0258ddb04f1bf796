/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/error.h"
#include "tests/lib/test.h"

TEST(error, owns_what_it_holds)
{
    char key[] = "lines[0].available", value[] = "3", field[] = "lines[0].quantity";
    struct rpc_detail detail = {key, value};
    struct rpc_violation violation = {field, "too many"};
    struct rpc_status status = {.status = STATUS_INSUFFICIENT_STOCK,
                                .code = STATUS_CODE_FAILED_PRECONDITION,
                                .message = "2 of 3",
                                .reason = "INSUFFICIENT_STOCK",
                                .details = &detail,
                                .detail_count = 1,
                                .violations = &violation,
                                .violation_count = 1,
                                .retry_after_ms = 70};
    struct souk_error error;
    error_from_status(&status, &error);
    memset(key, 'x', sizeof key - 1);
    memset(value, 'x', sizeof value - 1);
    memset(field, 'x', sizeof field - 1);
    EXPECT_STRING(souk_error_metadata(&error, "lines[0].available"), "3");
    EXPECT(souk_error_metadata(&error, "nothing") == NULL);
    EXPECT_STRING(error.violations[0].field, "lines[0].quantity");
    EXPECT_STRING(error.message, "2 of 3");
    EXPECT_EQ(error.retry_after_ms, 70);
    souk_error_clear(&error);
    EXPECT_EQ(error.metadata_count, 0);
}

TEST(error, cuts_a_message_that_is_too_long)
{
    char long_message[2000];
    struct rpc_status status = {.status = STATUS_INTERNAL,
                                .code = STATUS_CODE_INTERNAL,
                                .message = long_message,
                                .reason = ""};
    struct souk_error error;
    memset(long_message, 'm', sizeof long_message - 1);
    long_message[sizeof long_message - 1] = '\0';
    error_from_status(&status, &error);
    EXPECT_EQ(strlen(error.message), sizeof error.message - 1);
    souk_error_clear(&error);
}

TEST(error, names_every_code)
{
    EXPECT_STRING(souk_code_name(SOUK_OK), "OK");
    EXPECT_STRING(souk_code_name(SOUK_FAILED_PRECONDITION), "FAILED_PRECONDITION");
    EXPECT_STRING(souk_code_name((enum souk_code)99), "UNKNOWN");
}

TEST(error, may_be_left_out)
{
    EXPECT_EQ(error_set(NULL, STATUS_INVALID, "field", "no"), SOUK_INVALID_ARGUMENT);
    souk_error_clear(NULL);
}
