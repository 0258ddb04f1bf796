/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/rejects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test.h"

static char folder[64];
static char path[128];

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/souk-rejects-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/r.csv", folder);
}

static void teardown(void)
{
    unlink(path);
    EXPECT_EQ(rmdir(folder), 0);
}

static void put(const char *text)
{
    FILE *file = fopen(path, "w");
    EXPECT(file != NULL);
    fputs(text, file);
    fclose(file);
}

static const char *content(void)
{
    static char text[512];
    FILE *file = fopen(path, "r");
    size_t size;
    if (file == NULL) {
        return NULL;
    }
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

TEST(rejects, lie_in_the_order_of_lines)
{
    struct rejects rejects;
    setup();
    rejects_init(&rejects, path, "unused");
    EXPECT_EQ(rejects_open(&rejects), 0);
    rejects_add(&rejects, 9, "NOT_FOUND", "late");
    rejects_add(&rejects, 3, "INVALID", "early");
    EXPECT_EQ(rejects_close(&rejects, true), 0);
    EXPECT_STRING(content(), "line,reason,message\n3,\"INVALID\",\"early\"\n"
                             "9,\"NOT_FOUND\",\"late\"\n");
    EXPECT_EQ(rejects_close(&rejects, true), 0);
    teardown();
}

TEST(rejects, of_an_older_run_stay_until_a_whole_run_has_none)
{
    struct rejects rejects;
    setup();
    put("older\n");
    rejects_init(&rejects, path, "unused");
    EXPECT_EQ(rejects_close(&rejects, false), 0);
    EXPECT_STRING(content(), "older\n");
    EXPECT_EQ(rejects_open(&rejects), 0);
    EXPECT_EQ(rejects_close(&rejects, false), 0);
    EXPECT_STRING(content(), "older\n");
    rejects_init(&rejects, path, "unused");
    EXPECT_EQ(rejects_open(&rejects), 0);
    EXPECT_EQ(rejects_close(&rejects, true), 0);
    EXPECT(content() == NULL);
    teardown();
}

TEST(rejects, that_cannot_be_written_are_known_before_anything_is_sent)
{
    struct rejects rejects;
    rejects_init(&rejects, "/nonexistent/folder/r.csv", "unused");
    EXPECT_EQ(rejects_open(&rejects), ENOENT);
    EXPECT_EQ(rejects_close(&rejects, false), 0);
    rejects_init(&rejects, "/tmp", "unused");
    EXPECT_EQ(rejects_open(&rejects), EISDIR);
}
