/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/arena.h"

#include "shard/base/rng.h"
#include "tests/lib/test.h"

TEST(arena, pieces_are_aligned_and_do_not_overlap)
{
    _Alignas(16) uint8_t block[64];
    struct arena arena;
    struct rng rng;
    uint8_t *pieces[200];
    size_t sizes[200];
    rng_init(&rng, 1);
    arena_init(&arena, block, sizeof block, 0);
    for (unsigned i = 0; i < 200; i++) {
        sizes[i] = rng_below(&rng, i % 20 == 0 ? 9000 : 60);
        pieces[i] = arena_alloc(&arena, sizes[i]);
        EXPECT(pieces[i] != NULL && (uintptr_t)pieces[i] % 16 == 0);
        memset(pieces[i], (int)i, sizes[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            EXPECT_EQ(pieces[i][at], (uint8_t)i);
        }
    }
    arena_close(&arena);
}

TEST(arena, takes_from_the_inline_block_first_and_again_after_reset)
{
    _Alignas(16) uint8_t block[256];
    struct arena arena;
    void *first;
    arena_init(&arena, block, sizeof block, 0);
    first = arena_alloc(&arena, 100);
    EXPECT(first == block);
    EXPECT(arena_alloc(&arena, 4000) != NULL);
    arena_reset(&arena);
    EXPECT(arena_alloc(&arena, 100) == first);
    EXPECT_EQ(arena.used_bytes, 100);
    arena_close(&arena);
}

TEST(arena, an_unaligned_or_tiny_inline_block_is_harmless)
{
    _Alignas(16) uint8_t block[64];
    for (size_t skip = 0; skip < 17; skip++) {
        for (size_t size = 0; size < 40; size++) {
            struct arena arena;
            uint8_t *piece;
            arena_init(&arena, block + skip, size, 0);
            piece = arena_zalloc(&arena, 24);
            EXPECT(piece != NULL && (uintptr_t)piece % 16 == 0);
            arena_close(&arena);
        }
    }
}

TEST(arena, answers_null_past_its_limit_and_keeps_what_it_gave)
{
    struct arena arena;
    char *kept;
    arena_init(&arena, NULL, 0, 100);
    kept = arena_string(&arena, "kept");
    EXPECT(arena_alloc(&arena, 96) == NULL);
    EXPECT(arena_zalloc(&arena, 200) == NULL);
    EXPECT(arena_slice(&arena, slice_of(kept, SIZE_MAX)).data == NULL);
    EXPECT(arena_alloc(&arena, 95) != NULL);
    EXPECT_STRING(kept, "kept");
    arena_close(&arena);
}

TEST(arena, sizes_near_the_end_of_size_t_are_refused_without_a_limit)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    for (size_t below = 0; below < 31; below++) {
        EXPECT(arena_alloc(&arena, SIZE_MAX - below) == NULL);
    }
    arena_close(&arena);
}

TEST(arena, copies_are_independent_of_their_source)
{
    struct arena arena;
    char source[] = "stock";
    struct slice copy;
    arena_init(&arena, NULL, 0, 0);
    copy = arena_slice(&arena, slice_of(source, 5));
    source[0] = 'x';
    EXPECT_SLICE(copy, slice_from_string("stock"));
    EXPECT_EQ(arena_slice(&arena, slice_of(NULL, 0)).size, 0);
    arena_close(&arena);
    arena_close(NULL);
}
