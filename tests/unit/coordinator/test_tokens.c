/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/page_token.h"
#include "server/coordinator/session_token.h"
#include "server/coordinator/watch_token.h"

#include "shard/base/rng.h"
#include "tests/lib/test.h"

static const struct page_query query = {PAGE_LIST_SKUS, 77, 0x1234};

TEST(page_token, a_key_returns_as_it_went)
{
    struct arena arena;
    struct rng rng;
    arena_init(&arena, NULL, 0, 0);
    rng_init(&rng, 1);
    for (size_t size = 0; size <= PAGE_TOKEN_KEY_BYTES_MAX; size++) {
        uint8_t key[PAGE_TOKEN_KEY_BYTES_MAX];
        struct slice back;
        struct problem problem;
        for (size_t i = 0; i < size; i++) {
            key[i] = (uint8_t)rng_next(&rng);
        }
        char *text = page_token_make(&query, slice_of(key, size), &arena);
        EXPECT(strlen(text) <= PAGE_TOKEN_TEXT_BYTES_MAX);
        EXPECT_EQ(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789-_"),
                  strlen(text));
        EXPECT_OK(page_token_read(&query, text, &arena, &back, &problem));
        EXPECT_SLICE(back, slice_of(key, size));
    }
    arena_close(&arena);
}

TEST(page_token, another_question_list_or_cluster_is_refused)
{
    struct arena arena;
    struct slice back;
    struct problem problem;
    const struct page_query others[] = {{PAGE_LIST_HOLDS, 77, 0x1234},
                                        {PAGE_LIST_SKUS, 78, 0x1234},
                                        {PAGE_LIST_SKUS, 77, 0x1235}};
    arena_init(&arena, NULL, 0, 0);
    char *text = page_token_make(&query, slice_from_string("key"), &arena);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_STATUS(page_token_read(&others[i], text, &arena, &back, &problem),
                      STATUS_BAD_TOKEN);
        EXPECT_STRING(problem.field, "page_token");
    }
    arena_close(&arena);
}

TEST(page_token, a_changed_or_cut_character_is_refused)
{
    struct arena arena;
    struct slice back;
    struct problem problem;
    arena_init(&arena, NULL, 0, 0);
    char *text = page_token_make(&query, slice_from_string("some key"), &arena);
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        EXPECT_STATUS(page_token_read(&query, text, &arena, &back, &problem),
                      STATUS_BAD_TOKEN);
        text[i] = '\0';
        EXPECT_STATUS(page_token_read(&query, text, &arena, &back, &problem),
                      STATUS_BAD_TOKEN);
        text[i] = '*';
        EXPECT_STATUS(page_token_read(&query, text, &arena, &back, &problem),
                      STATUS_BAD_TOKEN);
        text[i] = was;
    }
    EXPECT_OK(page_token_read(&query, text, &arena, &back, &problem));
    arena_close(&arena);
}

TEST(session_token, marks_are_kept_by_shard_and_only_rise)
{
    struct session_token token, back;
    struct problem problem;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    session_token_init(&token, 42, 3);
    session_token_add(&token, 9, 100);
    session_token_add(&token, 2, 7);
    session_token_add(&token, 9, 50);
    session_token_add(&token, 2, 8);
    struct slice bytes = session_token_encode(&token, &arena);
    EXPECT_OK(session_token_decode(bytes, 42, 3, &back, &problem));
    EXPECT_EQ(back.count, 2);
    EXPECT_EQ(session_token_index(&back, 9), 100);
    EXPECT_EQ(session_token_index(&back, 2), 8);
    EXPECT_EQ(session_token_index(&back, 3), 0);
    arena_close(&arena);
}

TEST(session_token, another_incarnation_or_a_newer_map_is_refused)
{
    struct session_token token, back;
    struct problem problem;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    session_token_init(&token, 42, 3);
    session_token_add(&token, 1, 1);
    struct slice bytes = session_token_encode(&token, &arena);
    EXPECT_STATUS(session_token_decode(bytes, 43, 3, &back, &problem), STATUS_BAD_TOKEN);
    EXPECT_STATUS(session_token_decode(bytes, 42, 2, &back, &problem), STATUS_BAD_TOKEN);
    EXPECT_OK(session_token_decode(bytes, 42, 4, &back, &problem));
    arena_close(&arena);
}

TEST(session_token, damage_anywhere_is_refused)
{
    struct session_token token, back;
    struct problem problem;
    struct arena arena;
    uint8_t copy[SESSION_TOKEN_BYTES_MAX];
    arena_init(&arena, NULL, 0, 0);
    session_token_init(&token, 42, 3);
    for (unsigned i = 0; i < 2 * SESSION_TOKEN_SHARDS_MAX; i++) {
        session_token_add(&token, i * 3, UINT64_MAX - i);
    }
    EXPECT_EQ(token.count, SESSION_TOKEN_SHARDS_MAX);
    struct slice bytes = session_token_encode(&token, &arena);
    EXPECT(bytes.size <= SESSION_TOKEN_BYTES_MAX);
    EXPECT_OK(session_token_decode(bytes, 42, 3, &back, &problem));
    for (size_t i = 0; i < bytes.size; i++) {
        memcpy(copy, bytes.data, bytes.size);
        copy[i] ^= 0x10;
        EXPECT_STATUS(
            session_token_decode(slice_of(copy, bytes.size), 42, 3, &back, &problem),
            STATUS_BAD_TOKEN);
        EXPECT_STATUS(
            session_token_decode(slice_of(bytes.data, i), 42, 3, &back, &problem),
            STATUS_BAD_TOKEN);
    }
    arena_close(&arena);
}

static const struct ledger_position watched[] = {{3, 1, 0}, {9, 4000000, 17}};

TEST(watch_token, brings_back_the_places_and_looks_as_ever)
{
    const struct ledger_position *places;
    struct problem problem;
    struct arena arena;
    unsigned count;
    arena_init(&arena, NULL, 0, 0);
    char *text = watch_token_make(42, watched, 2, &arena);
    EXPECT_STRING(text, "AQIDAQAJgJL0ARGsUDzoI3wzxQ");
    EXPECT_OK(watch_token_read(text, 42, &arena, &places, &count, &problem));
    EXPECT_EQ(count, 2);
    EXPECT_EQ(places[1].shard_id, 9);
    EXPECT_EQ(places[1].index, 4000000);
    EXPECT_EQ(places[1].sub, 17);
    EXPECT_STATUS(watch_token_read(text, 43, &arena, &places, &count, &problem),
                  STATUS_BAD_TOKEN);
    arena_close(&arena);
}

TEST(watch_token, damage_anywhere_is_refused)
{
    const struct ledger_position *places;
    struct problem problem;
    struct arena arena;
    unsigned count;
    arena_init(&arena, NULL, 0, 0);
    char *text = watch_token_make(42, watched, 2, &arena);
    for (size_t i = 0; text[i] != '\0'; i++) {
        char *copy = arena_string(&arena, text);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        EXPECT_STATUS(watch_token_read(copy, 42, &arena, &places, &count, &problem),
                      STATUS_BAD_TOKEN);
        copy[i] = '\0';
        EXPECT_STATUS(watch_token_read(copy, 42, &arena, &places, &count, &problem),
                      STATUS_BAD_TOKEN);
    }
    arena_close(&arena);
}
