/* SPDX-License-Identifier: Apache-2.0 */
/* A history comes back from a file as it went in, and is judged alike. */
#include "tests/lib/test.h"
#include "tests/sim/check/history_file.h"
#include "tests/unit/sim_check/sample.h"

static uint64_t judge_file(FILE *file, enum status *out_status)
{
    struct history_event event;
    struct problem problem = {0};
    struct check_verdict verdict;
    struct checker *checker = checker_new(NULL);
    uint64_t line = 0;
    rewind(file);
    while ((*out_status = history_read(file, &line, &event, &problem)) == STATUS_OK) {
        checker_event(checker, &event);
    }
    checker_verdict(checker, &verdict);
    uint64_t seen = verdict.violations_seen;
    checker_free(checker);
    return seen;
}

TEST(history_file, gives_back_every_event_and_shows_what_was_planted)
{
    struct sample sample;
    enum status status;
    FILE *file = tmpfile();
    FILE *again = tmpfile();
    struct history_event event;
    struct problem problem = {0};
    uint64_t line = 0;
    sample_init(&sample, 5);
    sample_run(&sample, 500, true);
    for (uint32_t i = 0; i < sample.event_count; i++) {
        history_write(file, &sample.events[i]);
    }
    rewind(file);
    while (history_read(file, &line, &event, &problem) == STATUS_OK) {
        history_write(again, &event);
    }
    EXPECT_EQ(line, sample.event_count);
    rewind(file);
    rewind(again);
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file)) {
        if (fgetc(again) != byte) {
            test_fail(__FILE__, __LINE__, "byte %ld differs", ftell(again));
            break;
        }
    }
    EXPECT_EQ(judge_file(file, &status), 0);
    EXPECT_EQ(status, STATUS_NOT_FOUND);
    rewind(again);
    for (uint32_t i = 0, spoilt = 0; i < sample.event_count; i++) {
        struct history_event *changed = &sample.events[i];
        if (spoilt == 0 && i > 200 && changed->type == HISTORY_OK &&
            changed->call.op == HISTORY_OP_READ_LEVEL) {
            changed->call.buckets[HISTORY_ON_HAND]++;
            spoilt = 1;
        }
        history_write(again, changed);
    }
    EXPECT(judge_file(again, &status) > 0);
    fclose(file);
    fclose(again);
    sample_close(&sample);
}

TEST(history_file, refuses_what_is_no_event_and_passes_over_unknown_keys)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"at_us\":1}",
        "{\"at_us\":1,\"type\":\"no\"}",
        "{\"at_us\":-1,\"type\":\"inv\"}",
        "{\"at_us\":1,\"type\":\"inv\",\"process\":4294967296}",
        "{\"at_us\":1,\"type\":\"inv\",\"sku\":\"x\"}",
        "{\"at_us\":1,\"type\":\"inv\"} more",
        "{\"at_us\":1,\"type\":\"ok\",\"buckets\":[1,2]}",
        "{\"at_us\":1,\"type\":\"inv\",\"f\":\"adj",
    };
    struct history_event event;
    struct problem problem = {0};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_EQ(history_parse(bad[i], &event, &problem), STATUS_INVALID);
    }
    EXPECT_OK(history_parse("{\"at_us\":7,\"type\":\"nemesis\",\"f\":\"kill\",\"later\":"
                            "{\"a\":[1,\"}\"]},\"begins\":true}\n",
                            &event, &problem));
    EXPECT(event.at_us == 7 && event.fault.begins);
    EXPECT(strcmp(event.fault.name, "kill") == 0);
}

TEST(history_file, texts_are_strings_of_json_whatever_they_hold)
{
    char said[64] = "";
    FILE *file = tmpfile();
    history_write_text(file, "a \"b\" \\ c\n\x01\x1f \xc3\xa9");
    rewind(file);
    EXPECT(fgets(said, sizeof said, file) != NULL);
    EXPECT_STRING(said, "\"a \\\"b\\\" \\\\ c\\u000a\\u0001\\u001f \xc3\xa9\"");
    fclose(file);
}
