/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/session_set.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test.h"

static bool read_text(struct session_set *set, const char *text)
{
    char path[] = "/tmp/souk-session-set-XXXXXX";
    int fd = mkstemp(path);
    bool taken;
    EXPECT(fd >= 0);
    EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    taken = session_set_read(set, path);
    unlink(path);
    return taken;
}

static void expect_click(const struct session_click *click, const char *wanted)
{
    char seen[256] = "";
    for (size_t i = 0; i < click->item_count; i++) {
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s",
                 i > 0 ? " " : "", click->items[i]);
    }
    EXPECT_STRING(seen, wanted);
}

TEST(session_set, reads_a_session_per_line_and_an_item_twice_in_a_row_once)
{
    struct session_set set;
    EXPECT(read_text(&set, "a b\tb c\r\n\n  \nd d\ne"));
    EXPECT(set.count == 3 && set.item_count == 5);
    EXPECT_STRING(set.items[set.starts[0] + 2], "c");
    EXPECT_STRING(set.items[set.starts[1]], "d");
    EXPECT(set.starts[2] == 4 && set.starts[3] == 5);
    session_set_close(&set);
}

TEST(session_set, what_holds_no_session_or_too_long_an_item_is_refused)
{
    struct session_set set;
    char long_item[SESSION_ITEM_MAX_BYTES + 3];
    FILE *quiet = freopen("/dev/null", "w", stderr);
    EXPECT(quiet != NULL);
    memset(long_item, 'x', sizeof long_item - 1);
    long_item[sizeof long_item - 1] = '\0';
    EXPECT(!read_text(&set, ""));
    EXPECT(!read_text(&set, "\n \n"));
    EXPECT(!read_text(&set, long_item));
    EXPECT(!session_set_read(&set, "/nonexistent/sessions"));
    EXPECT(set.text == NULL);
}

TEST(session_walk, a_lane_plays_a_session_to_its_end_beside_other_lanes)
{
    struct session_set set;
    struct session_walk walk;
    struct session_lane one = {.session = 0}, two = {.session = 0};
    struct session_click click;
    uint64_t first;
    EXPECT(read_text(&set, "a b c\na b c\na b c"));
    session_walk_init(&walk, &set, 7);
    click = session_walk_next(&walk, &one);
    first = click.session;
    expect_click(&click, "a");
    click = session_walk_next(&walk, &two);
    EXPECT(click.session == first + 1);
    expect_click(&click, "a");
    click = session_walk_next(&walk, &one);
    EXPECT(click.session == first);
    expect_click(&click, "a b");
    click = session_walk_next(&walk, &one);
    expect_click(&click, "a b c");
    click = session_walk_next(&walk, &one);
    EXPECT(click.session == first + 2);
    expect_click(&click, "a");
    click = session_walk_next(&walk, &two);
    EXPECT(click.session == first + 1);
    expect_click(&click, "a b");
    session_set_close(&set);
}

TEST(session_walk, asks_with_the_newest_items_of_a_long_session)
{
    struct session_set set;
    struct session_walk walk;
    struct session_lane lane = {.session = 0};
    struct session_click click;
    EXPECT(read_text(&set, "1 2 3 4 5 6 7 8 9 10 11"));
    session_walk_init(&walk, &set, 1);
    for (unsigned i = 0; i < 10; i++) {
        click = session_walk_next(&walk, &lane);
    }
    expect_click(&click, "2 3 4 5 6 7 8 9 10");
    click = session_walk_next(&walk, &lane);
    expect_click(&click, "3 4 5 6 7 8 9 10 11");
    click = session_walk_next(&walk, &lane);
    expect_click(&click, "1");
    session_set_close(&set);
}
