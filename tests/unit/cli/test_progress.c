/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/progress.h"
#include "tests/lib/test.h"

TEST(progress, shows_rate_and_time_left)
{
    struct progress progress;
    char line[PROGRESS_LINE_BYTES];
    progress_init(&progress, stderr, false);
    progress_begin(&progress, "events", 100000, 1000000);
    progress_line(&progress, 50000, 2000000, line);
    EXPECT_STRING(line, "events     50% 50000 rows, 50000 rows/s, 0:01 left");
}

TEST(progress, draws_a_bar_on_a_terminal)
{
    struct progress progress;
    char line[PROGRESS_LINE_BYTES];
    progress_init(&progress, stderr, true);
    progress_begin(&progress, "skus", 200, 0);
    progress_line(&progress, 50, 1000000, line);
    EXPECT_STRING(line, "skus      [######..................]  25% 50 rows, 50 rows/s, "
                        "0:03 left");
}

TEST(progress, survives_nothing_to_do_and_more_than_expected)
{
    struct progress progress;
    char line[PROGRESS_LINE_BYTES];
    progress_init(&progress, stderr, false);
    progress_begin(&progress, "skus", 0, 5);
    progress_line(&progress, 0, 5, line);
    EXPECT(strstr(line, "100%") != NULL);
    progress_begin(&progress, "skus", 10, 0);
    progress_line(&progress, 20, 1000000, line);
    EXPECT(strstr(line, "100% 20 rows") != NULL);
}

TEST(progress, writes_a_plain_line_only_every_few_seconds)
{
    struct progress progress;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    progress_init(&progress, out, false);
    progress_begin(&progress, "events", 1000, 0);
    for (uint64_t now_us = 0; now_us <= 12000000; now_us += 10000) {
        progress_update(&progress, now_us / 12000, now_us);
    }
    progress_end(&progress, 1000, 12000000);
    fclose(out);
    EXPECT_EQ((text[size - 1] == '\n') + 2, 3);
    size = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        size++;
    }
    EXPECT_EQ(size, 3);
    free(text);
}
