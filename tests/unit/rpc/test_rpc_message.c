/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_message.h"

#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo.grpc-c.h"

typedef Souk__Test__V1__EchoRequest echo_request;

static const ProtobufCMessageDescriptor *const ECHO =
    &souk__test__v1__echo_request__descriptor;

TEST(rpc_message, text_is_utf8_without_nul)
{
    const char *good[] = {"",
                          "plain",
                          "exactly8",
                          "nine char",
                          "\xc3\xa9t\xc3\xa9",
                          "\xe2\x82\xac",
                          "\xf0\x9f\x8d\x8b",
                          "\xed\x9f\xbf",
                          "\xf4\x8f\xbf\xbf",
                          "abcdefgh\xc3\xa9ijklmnop"};
    const char *bad[] = {
        "\x80",         "\xc0\xaf",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80",
        "\xc3",         "abcdefgh\xff",     "\xe2\x82",         "abcdefg\xc3"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        EXPECT(rpc_message_text_valid(slice_from_string(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(!rpc_message_text_valid(slice_from_string(bad[i])));
    }
    EXPECT(!rpc_message_text_valid(slice_of("abcdefgh\0abcdefg", 16)));
    EXPECT(!rpc_message_text_valid(slice_of("ab\0", 3)));
    EXPECT(rpc_message_text_valid(slice_of(NULL, 0)));
}

TEST(rpc_message, optional_fields_have_presence)
{
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    ProtobufCMessage *message;
    uint8_t bytes[64];
    struct arena arena;
    size_t size;
    request._repeat_case = SOUK__TEST__V1__ECHO_REQUEST___REPEAT_REPEAT;
    size = souk__test__v1__echo_request__pack(&request, bytes);
    EXPECT_EQ(size, 2); /* present, and 0 */
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(
        rpc_message_unpack(ECHO, slice_of(bytes, size), true, &arena, &message, NULL));
    EXPECT_EQ(((echo_request *)message)->_repeat_case,
              SOUK__TEST__V1__ECHO_REQUEST___REPEAT_REPEAT);
    EXPECT_OK(rpc_message_unpack(ECHO, slice_of(NULL, 0), true, &arena, &message, NULL));
    EXPECT_EQ(((echo_request *)message)->_repeat_case,
              SOUK__TEST__V1__ECHO_REQUEST___REPEAT__NOT_SET);
    arena_close(&arena);
}

TEST(rpc_message, unknown_fields_are_kept_and_unknown_enums_refused_on_demand)
{
    const uint8_t later_field[] = {0xfa, 0x01, 2, 0xff, 0xff};
    const uint8_t color[] = {0x10, 9};
    const uint8_t packed[] = {0x1a, 4, 0x22, 2, 1, 9};
    struct problem problem;
    EXPECT_OK(rpc_message_check(ECHO, slice_of(later_field, sizeof later_field), true,
                                &problem));
    EXPECT_OK(rpc_message_check(ECHO, slice_of(color, sizeof color), false, &problem));
    EXPECT_STATUS(rpc_message_check(ECHO, slice_of(color, sizeof color), true, &problem),
                  STATUS_INVALID);
    EXPECT_STRING(problem.field, "color");
    EXPECT_STATUS(
        rpc_message_check(ECHO, slice_of(packed, sizeof packed), true, &problem),
        STATUS_INVALID);
    EXPECT_STRING(problem.field, "tree.colors");
}

TEST(rpc_message, a_text_with_nul_is_named_by_its_whole_path)
{
    /* tree { children { } children { text: "a\0" } } */
    const uint8_t nested[] = {0x1a, 8, 0x1a, 0, 0x1a, 4, 0x12, 2, 'a', 0};
    struct problem problem;
    EXPECT_STATUS(
        rpc_message_check(ECHO, slice_of(nested, sizeof nested), true, &problem),
        STATUS_INVALID);
    EXPECT_STRING(problem.field, "tree.children[1].text");
    EXPECT_STRING(problem.message, "text is UTF-8 without NUL");
}

TEST(rpc_message, groups_field_zero_and_endless_varints_are_invalid)
{
    const uint8_t group[] = {0x0b, 0x0c}, zero[] = {0x00, 0x00};
    const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff};
    EXPECT_STATUS(rpc_message_check(ECHO, slice_of(group, sizeof group), true, NULL),
                  STATUS_INVALID);
    EXPECT_STATUS(rpc_message_check(ECHO, slice_of(zero, sizeof zero), true, NULL),
                  STATUS_INVALID);
    EXPECT_STATUS(rpc_message_check(ECHO, slice_of(endless, sizeof endless), true, NULL),
                  STATUS_INVALID);
}

TEST(rpc_message, random_damage_is_survived)
{
    const uint64_t seed = 20240611;
    struct rng rng;
    Souk__Test__V1__Node inner = SOUK__TEST__V1__NODE__INIT,
                         tree = SOUK__TEST__V1__NODE__INIT;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    uint8_t bytes[256];
    size_t size, accepted = 0;
    inner.text = (char[]){"inner"};
    tree.text = (char[]){"outer"};
    tree.child = &inner;
    request.text = (char[]){"a text of some length"};
    request.tree = &tree;
    size = souk__test__v1__echo_request__pack(&request, bytes);
    EXPECT(size < sizeof bytes);
    rng_init(&rng, seed);
    for (int i = 0; i < 20000; i++) {
        uint8_t damaged[256];
        struct arena arena;
        ProtobufCMessage *message;
        memcpy(damaged, bytes, size);
        damaged[rng_below(&rng, size)] = (uint8_t)rng_next(&rng);
        damaged[rng_below(&rng, size)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        arena_init(&arena, NULL, 0, 65536);
        accepted += rpc_message_unpack(ECHO, slice_of(damaged, size), true, &arena,
                                       &message, NULL) == STATUS_OK;
        arena_close(&arena);
    }
    if (accepted == 0 || accepted == 20000) {
        test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %zu accepted", seed, accepted);
    }
}
