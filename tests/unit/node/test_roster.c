/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/roster.h"

#include <stdio.h>

#include "server/node/cluster.h"
#include "tests/lib/test.h"

static const struct hash128 first = {.high = 0x0102030405060708,
                                     .low = 0x1112131415161718};
static const struct hash128 second = {.high = 3, .low = 4};

static void make_file(const char *dir, const char *name)
{
    EXPECT_OK(file_system_replace(file_system_posix(), dir, name, slice_of("", 0)));
}

TEST(roster, a_folder_keeps_the_nonce_that_it_first_joined_with)
{
    char dir[512];
    struct hash128 nonce = {0};
    struct file_system *fs = file_system_posix();
    snprintf(dir, sizeof dir, "%s/data", test_folder());
    EXPECT_OK(roster_drop_nonce(fs, dir));
    EXPECT_OK(roster_keep_nonce(fs, dir, first, &nonce));
    EXPECT_OK(roster_keep_nonce(fs, dir, second, &nonce));
    EXPECT(nonce.high == first.high && nonce.low == first.low);
    EXPECT_OK(roster_drop_nonce(fs, dir));
    EXPECT_OK(roster_keep_nonce(fs, dir, second, &nonce));
    EXPECT(nonce.high == second.high && nonce.low == second.low);
    make_file(dir, ROSTER_NONCE_NAME);
    EXPECT_STATUS(roster_keep_nonce(fs, dir, first, &nonce), STATUS_CHECKSUM);
}

TEST(roster, the_bytes_of_a_nonce_are_as_they_were_and_damage_is_refused)
{
    static const uint8_t golden[ROSTER_NONCE_BYTES] = {
        0x01, 0xec, 0xc6, 0x01, 0x40, 0x56, 0x1a, 0xd1, 0x32, 0x08, 0x07, 0x06, 0x05,
        0x04, 0x03, 0x02, 0x01, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11};
    uint8_t bytes[ROSTER_NONCE_BYTES];
    struct hash128 nonce = {0};
    roster_encode_nonce(first, bytes);
    EXPECT_SLICE(slice_of(bytes, sizeof bytes), slice_of(golden, sizeof golden));
    EXPECT_OK(roster_decode_nonce(slice_of(golden, sizeof golden), &nonce));
    EXPECT(nonce.high == first.high && nonce.low == first.low);
    for (size_t size = 0; size < sizeof bytes; size++) {
        EXPECT_STATUS(roster_decode_nonce(slice_of(bytes, size), &nonce),
                      STATUS_CHECKSUM);
    }
    bytes[ROSTER_NONCE_BYTES - 1] ^= 1;
    EXPECT_STATUS(roster_decode_nonce(slice_of(bytes, sizeof bytes), &nonce),
                  STATUS_CHECKSUM);
    bytes[0] = ROSTER_NONCE_VERSION + 1;
    EXPECT_STATUS(roster_decode_nonce(slice_of(bytes, sizeof bytes), &nonce),
                  STATUS_VERSION);
}

TEST(roster, a_folder_joins_until_it_knows_its_cluster)
{
    char dir[512];
    struct hash128 nonce;
    snprintf(dir, sizeof dir, "%s/data", test_folder());
    EXPECT(cluster_joining(dir));
    EXPECT_OK(roster_keep_nonce(file_system_posix(), dir, first, &nonce));
    EXPECT(cluster_joining(dir));
    make_file(dir, "identity");
    EXPECT(cluster_joining(dir));
    make_file(dir, ROSTER_NAME);
    EXPECT(!cluster_joining(dir));
    EXPECT_OK(roster_drop_nonce(file_system_posix(), dir));
    EXPECT(!cluster_joining(dir));
}

TEST(roster, a_store_of_its_own_does_not_join)
{
    char dir[512];
    snprintf(dir, sizeof dir, "%s/data", test_folder());
    EXPECT_OK(file_system_ensure_folder(file_system_posix(), dir));
    make_file(dir, "identity");
    EXPECT(!cluster_joining(dir));
}
