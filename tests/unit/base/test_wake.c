/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/wake.h"
#include "tests/lib/test.h"

static void count_wake(void *receiver)
{
    unsigned *count = receiver;
    (*count)++;
}

TEST(wake, a_wake_is_sent_at_once_while_none_are_held)
{
    unsigned count = 0;
    wake_send(count_wake, &count);
    EXPECT_EQ(count, 1);
    EXPECT(!wake_waits());
}

TEST(wake, held_wakes_are_sent_by_the_release)
{
    unsigned first = 0, second = 0;
    wake_hold();
    EXPECT(!wake_waits());
    wake_send(count_wake, &first);
    wake_send(count_wake, &second);
    EXPECT(wake_waits());
    EXPECT_EQ(first + second, 0);
    wake_release();
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 1);
    EXPECT(!wake_waits());
}

TEST(wake, what_finds_no_room_among_the_held_is_sent_at_once)
{
    unsigned count = 0;
    wake_hold();
    for (unsigned i = 0; i < WAKE_HELD_MAX + 2; i++) {
        wake_send(count_wake, &count);
    }
    EXPECT_EQ(count, 2);
    wake_release();
    EXPECT_EQ(count, WAKE_HELD_MAX + 2);
}
