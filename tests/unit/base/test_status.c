/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/status.h"

#include "tests/lib/test.h"

TEST(status, every_name_leads_back_to_its_status)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        enum status found = STATUS_COUNT;
        EXPECT(status_from_name(status_name((enum status)i), &found));
        EXPECT_EQ(found, i);
        EXPECT(strlen(status_text((enum status)i)) > 3);
        EXPECT(strcmp(status_code_name(status_code((enum status)i)), "UNKNOWN") != 0);
    }
}

TEST(status, unknown_names_and_codes_are_told)
{
    enum status found = STATUS_IO;
    EXPECT(!status_from_name("NO_SUCH_REASON", &found));
    EXPECT(!status_from_name("", &found));
    EXPECT_EQ(found, STATUS_IO);
    EXPECT_STRING(status_code_name((enum status_code)99), "UNKNOWN");
    EXPECT_STRING(status_code_name(STATUS_CODE_UNAUTHENTICATED), "UNAUTHENTICATED");
}

TEST(status, only_ok_has_the_code_ok_and_only_transient_ones_repeat_the_same_call)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        enum status_code code = status_code((enum status)i);
        EXPECT_EQ(code == STATUS_CODE_OK, i == STATUS_OK);
        if (code == STATUS_CODE_UNAVAILABLE) {
            EXPECT_EQ(status_retry((enum status)i), STATUS_RETRY_SAME);
        }
        if (code == STATUS_CODE_INVALID_ARGUMENT || code == STATUS_CODE_NOT_FOUND) {
            EXPECT_EQ(status_retry((enum status)i), STATUS_RETRY_NEVER);
        }
    }
}

static enum status try_it(enum status first)
{
    TRY(first);
    return STATUS_NOT_FOUND;
}

TEST(status, try_leaves_at_the_first_failure)
{
    EXPECT_STATUS(try_it(STATUS_IO), STATUS_IO);
    EXPECT_STATUS(try_it(STATUS_OK), STATUS_NOT_FOUND);
}

TEST(status, a_problem_is_cut_to_its_room)
{
    struct problem problem;
    char text[1000];
    memset(text, 'f', sizeof text);
    text[sizeof text - 1] = '\0';
    EXPECT_STATUS(problem_set(&problem, STATUS_INVALID, text, "%s", text),
                  STATUS_INVALID);
    EXPECT_EQ(strlen(problem.field), sizeof problem.field - 1);
    EXPECT_EQ(strlen(problem.message), sizeof problem.message - 1);
    EXPECT_STATUS(problem_set(&problem, STATUS_QUOTA, NULL, "%d holds", 3), STATUS_QUOTA);
    EXPECT_STRING(problem.field, "");
    EXPECT_STRING(problem.message, "3 holds");
}
