/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/hash.h"

#include "tests/lib/test.h"

TEST(hash, is_the_published_xxh3)
{
    struct hash128 empty = hash128(slice_of(NULL, 0), 0);
    EXPECT(hash64(slice_of(NULL, 0), 0) == 0x2d06800538d394c2u);
    EXPECT(empty.high == 0x99aa06d3014798d8u && empty.low == 0x6001c324468d497fu);
}

TEST(hash, depends_on_every_byte_and_on_the_seed)
{
    uint8_t bytes[64] = {0};
    uint64_t plain = hash64(slice_of(bytes, sizeof bytes), 7);
    EXPECT(hash64(slice_of(bytes, sizeof bytes), 8) != plain);
    EXPECT(hash64(slice_of(bytes, sizeof bytes - 1), 7) != plain);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        EXPECT(hash64(slice_of(bytes, sizeof bytes), 7) != plain);
        bytes[i] = 0;
    }
}

/* Undoes hash_mix step by step: what can be undone maps no two values to one. */
static uint64_t unmix(uint64_t value)
{
    value ^= value >> 31 ^ value >> 62;
    value *= 0x319642b2d24d8ec3u;
    value ^= value >> 27 ^ value >> 54;
    value *= 0x96de1b173f119089u;
    return value ^ value >> 30 ^ value >> 60;
}

TEST(hash, mixing_can_be_undone)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t step = 0; step < 100; step++) {
            uint64_t value = ((uint64_t)1 << bit) + step * 0x12345;
            EXPECT(unmix(hash_mix(value)) == value);
        }
    }
}
