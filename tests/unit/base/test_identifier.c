/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/identifier.h"

#include "tests/lib/test.h"

static bool valid(const char *id)
{
    return identifier_valid(slice_from_string(id));
}

TEST(identifier, takes_the_named_characters_and_no_other_byte)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._~:-";
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t id[] = {'a', (uint8_t)byte};
        bool wanted = byte != 0 && strchr(allowed, (int)byte) != NULL;
        EXPECT_EQ(identifier_valid(slice_of(id, sizeof id)), wanted);
    }
}

TEST(identifier, is_1_to_128_bytes_and_no_folder)
{
    char id[130];
    memset(id, 'a', sizeof id);
    EXPECT(!valid(""));
    EXPECT(!identifier_valid(slice_of(NULL, 0)));
    EXPECT(identifier_valid(slice_of(id, 1)));
    EXPECT(identifier_valid(slice_of(id, 128)));
    EXPECT(!identifier_valid(slice_of(id, 129)));
    EXPECT(!valid(".") && !valid("..") && valid("...") && valid(".a"));
    EXPECT(!valid("../etc/passwd") && !valid("a\r\nb") && !valid("a b"));
}

TEST(identifier, request_ids_are_short_printable_ascii)
{
    char id[66];
    memset(id, '~', sizeof id);
    EXPECT(request_id_valid(slice_of(id, 64)));
    EXPECT(!request_id_valid(slice_of(id, 65)));
    EXPECT(!request_id_valid(slice_of(id, 0)));
    EXPECT(request_id_valid(slice_from_string("order/1#2|!")));
    EXPECT(!request_id_valid(slice_from_string("a b")));
    EXPECT(!request_id_valid(slice_from_string("a\177")));
    EXPECT(!request_id_valid(slice_from_string("\xc3\xa9")));
}

TEST(identifier, a_made_uuid7_tells_its_time)
{
    static const int64_t times[] = {0, 1, 1700000000000, 0xffffffffffff};
    struct rng rng;
    rng_init(&rng, 5);
    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
        char text[UUID_TEXT_BYTES + 1];
        int64_t told = -1;
        uuid7_make(&rng, times[i], text);
        EXPECT_EQ(strlen(text), UUID_TEXT_BYTES);
        EXPECT(uuid7_time_ms(slice_from_string(text), &told));
        EXPECT_EQ(told, times[i]);
        EXPECT(request_id_valid(slice_from_string(text)));
        EXPECT(identifier_valid(slice_from_string(text)));
    }
}

TEST(identifier, the_example_of_rfc_9562_is_understood)
{
    int64_t told = 0;
    EXPECT(
        uuid7_time_ms(slice_from_string("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &told));
    EXPECT_EQ(told, 1645557742000);
}

TEST(identifier, what_is_no_uuid7_is_refused)
{
    static const char *const others[] = {
        "",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F0",
        "017F22E2-79B0-4CC3-98C4-DC0C0C07398F", /* version 4 */
        "017F22E2-79B0-7CC3-C8C4-DC0C0C07398F", /* another variant */
        "017F22E2-79B0-7CC3-18C4-DC0C0C07398F",
        "017F22E2079B0-7CC3-98C4-DC0C0C07398F",
        "017F22E2-79B0-7CC3-98C4-DC0C0C0739 F",
        "-17F22E2-79B0-7CC3-98C4-DC0C0C07398F",
    };
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        int64_t told = 42;
        EXPECT(!uuid7_time_ms(slice_from_string(others[i]), &told));
        EXPECT_EQ(told, 42);
    }
}

TEST(identifier, uuid7s_of_one_millisecond_differ)
{
    struct rng rng;
    char last[UUID_TEXT_BYTES + 1] = "";
    rng_init(&rng, 6);
    for (unsigned i = 0; i < 1000; i++) {
        char text[UUID_TEXT_BYTES + 1];
        uuid7_make(&rng, 1700000000000, text);
        EXPECT(strcmp(text, last) != 0);
        memcpy(last, text, sizeof last);
    }
}
