/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "client/cli/next_step.h"
#include "tests/lib/test.h"

static char step[NEXT_STEP_BYTES];

/* The step after `words` were refused with this. */
static const char *after(const char *words, enum souk_code code, const char *reason,
                         const char *field)
{
    static char copy[512];
    char *argv[16], message[256], *rest = copy;
    struct souk_field_violation violation = {field, ""};
    struct souk_error error = {.code = code};
    struct command_line line;
    int argc = 0;
    snprintf(copy, sizeof copy, "souk %s", words);
    while (rest != NULL && argc < 16) {
        argv[argc++] = strsep(&rest, " ");
    }
    snprintf(error.reason, sizeof error.reason, "%s", reason);
    error.violations = &violation;
    error.violation_count = field[0] != '\0';
    EXPECT(command_parse(command_table(), argc, argv, &line, message, sizeof message));
    next_step(&line, &error, step);
    return step;
}

TEST(next_step, fills_in_what_was_typed)
{
    EXPECT_STRING(after("hold create MUG-RED:2@berlin TEA:3", SOUK_FAILED_PRECONDITION,
                        "INSUFFICIENT_STOCK", "lines[1]"),
                  "souk stock list --sku TEA   shows where units are");
    EXPECT_STRING(after("stock adjust MUG-RED berlin -5", SOUK_FAILED_PRECONDITION,
                        "INSUFFICIENT_STOCK", ""),
                  "souk stock list --sku MUG-RED   shows where units are");
    EXPECT_STRING(after("stock set MUG-RED berlin 5 --expect 4", SOUK_ABORTED,
                        "STOCK_COMPARE_FAILED", ""),
                  "souk stock get MUG-RED berlin   reads the level as it is now");
    EXPECT_STRING(
        after("hold fulfil H1", SOUK_FAILED_PRECONDITION, "HOLD_NOT_COMMITTED", ""),
        "souk hold commit H1   comes first");
}

TEST(next_step, names_the_list_of_what_is_missing)
{
    EXPECT_STRING(after("hold create A:1@berlin", SOUK_NOT_FOUND, "NOT_FOUND",
                        "lines[0].location_id"),
                  "souk location list");
    EXPECT_STRING(after("stock get A berlin", SOUK_NOT_FOUND, "NOT_FOUND", "location_id"),
                  "souk location list");
    EXPECT_STRING(after("hold commit H1", SOUK_NOT_FOUND, "NOT_FOUND", "hold_id"),
                  "souk hold list --owner OWNER");
    EXPECT_STRING(after("hold extend H1 15m", SOUK_NOT_FOUND, "NOT_FOUND", ""),
                  "souk hold list --owner OWNER");
    EXPECT(
        strstr(after("hold create A:1", SOUK_NOT_FOUND, "NOT_FOUND", "lines[0].sku_id"),
               "souk sku put A makes one") != NULL);
}

TEST(next_step, of_an_import_without_a_server_is_to_run_it_again)
{
    EXPECT(strstr(after("import stock f.csv", SOUK_UNAVAILABLE, "", ""), "--outage") !=
           NULL);
    EXPECT(strstr(step, "not taken twice") != NULL);
}

TEST(next_step, is_there_for_every_failure)
{
    EXPECT_STRING(after("stock get a/b", SOUK_INVALID_ARGUMENT, "INVALID", "sku_id"),
                  "souk stock get --help   shows what it takes");
    for (int code = SOUK_CANCELLED; code <= SOUK_UNAUTHENTICATED; code++) {
        EXPECT(after("sku list", (enum souk_code)code, "", "")[0] != '\0');
    }
}

TEST(next_step, is_cut_where_an_id_is_too_long_to_be_one)
{
    char words[512], long_id[300];
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    snprintf(words, sizeof words, "stock get %s", long_id);
    EXPECT(strstr(after(words, SOUK_NOT_FOUND, "", "sku_id"), "souk sku put SKU") !=
           NULL);
}
