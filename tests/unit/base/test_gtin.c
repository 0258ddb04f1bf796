/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/gtin.h"

#include "tests/lib/test.h"

static bool valid(const char *text)
{
    return gtin_valid(slice_from_string(text));
}

TEST(gtin, takes_the_four_lengths_with_the_right_last_digit)
{
    EXPECT(valid("73513537"));       /* GTIN-8 */
    EXPECT(valid("036000291452"));   /* GTIN-12 */
    EXPECT(valid("4006381333931"));  /* GTIN-13 */
    EXPECT(valid("10614141543219")); /* GTIN-14 */
    EXPECT(valid("00000000"));
}

TEST(gtin, refuses_other_lengths_letters_and_every_wrong_last_digit)
{
    char text[] = "4006381333930";
    EXPECT(!valid(""));
    EXPECT(!valid("7351353"));
    EXPECT(!valid("735135370"));
    EXPECT(!valid("0360002914"));
    EXPECT(!valid("106141415432190"));
    EXPECT(!valid("400638133393l"));
    EXPECT(!valid("-73513537"));
    for (char digit = '0'; digit <= '9'; digit++) {
        text[12] = digit;
        EXPECT_EQ(valid(text), digit == '1');
    }
}

TEST(gtin, a_digit_that_is_wrong_is_always_seen)
{
    char text[] = "4006381333931";
    for (size_t place = 0; place < 13; place++) {
        char right = text[place];
        for (char digit = '0'; digit <= '9'; digit++) {
            text[place] = digit;
            EXPECT_EQ(valid(text), digit == right);
        }
        text[place] = right;
    }
}

TEST(gtin, shorter_ones_are_the_longer_with_zeros_before)
{
    char digits[GTIN_DIGITS_MAX + 1];
    EXPECT(gtin_canonical(slice_from_string("036000291452"), digits));
    EXPECT_STRING(digits, "00036000291452");
    EXPECT(gtin_canonical(slice_from_string("0036000291452"), digits));
    EXPECT_STRING(digits, "00036000291452");
    EXPECT(gtin_canonical(slice_from_string("73513537"), digits));
    EXPECT_STRING(digits, "00000073513537");
    EXPECT(!gtin_canonical(slice_from_string("73513538"), digits));
    EXPECT_STRING(digits, "00000073513537");
}
