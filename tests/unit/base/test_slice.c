/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/slice.h"

#include "tests/lib/test.h"

static int order(const char *a, const char *b)
{
    int compared = slice_compare(slice_from_string(a), slice_from_string(b));
    return (compared > 0) - (compared < 0);
}

TEST(slice, compares_bytewise_and_shorter_first)
{
    EXPECT_EQ(order("a", "b"), -1);
    EXPECT_EQ(order("a", "aa"), -1);
    EXPECT_EQ(order("ab", "aa"), 1);
    EXPECT_EQ(order("\xff", "a"), 1);
    EXPECT_EQ(order("", ""), 0);
    EXPECT_EQ(order("", "a"), -1);
}

TEST(slice, empty_ones_are_equal_whatever_they_point_at)
{
    EXPECT(slice_equal(slice_of(NULL, 0), slice_of("x", 0)));
    EXPECT(slice_equal(slice_from_string(NULL), slice_from_string("")));
    EXPECT(!slice_equal(slice_of("x", 1), slice_of(NULL, 0)));
    EXPECT_EQ(slice_compare(slice_of(NULL, 0), slice_of("x", 0)), 0);
}

TEST(slice, a_nul_is_a_byte_like_others)
{
    EXPECT(!slice_equal(slice_of("a\0b", 3), slice_of("a\0c", 3)));
    EXPECT(slice_equal(slice_of("a\0b", 3), slice_of("a\0b", 3)));
}
