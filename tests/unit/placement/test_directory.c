/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/placement/directory.h"
#include "tests/lib/test.h"

struct world {
    struct directory directory;
    struct arena arena;
    struct directory_outcome outcome;
};

static const struct directory_place first_places[] = {
    {.shard_id = 1, .replica_id = 1},
    {.shard_id = 2, .replica_id = 2},
    {.shard_id = DIRECTORY_SHARD_ID, .replica_id = DIRECTORY_SHARD_ID},
};

static void world_open(struct world *world)
{
    directory_init(&world->directory);
    arena_init(&world->arena, NULL, 0, 0);
}

static void world_close(struct world *world)
{
    directory_close(&world->directory);
    arena_close(&world->arena);
}

static enum status tell(struct world *world, struct directory_command command)
{
    directory_apply(&world->directory, &command, &world->arena, &world->outcome);
    return world->outcome.status;
}

static enum status begin(struct world *world, uint64_t node_id)
{
    return tell(world, (struct directory_command){
                           .kind = DIRECTORY_INIT,
                           .node_id = node_id,
                           .peer_address = slice_from_string("127.0.0.1:1"),
                           .client_address = slice_from_string("127.0.0.1:2"),
                           .places = first_places,
                           .place_count = 3});
}

static enum status join(struct world *world, uint64_t nonce)
{
    return tell(world, (struct directory_command){
                           .kind = DIRECTORY_JOIN,
                           .nonce = {.high = 7, .low = nonce},
                           .peer_address = slice_from_string("127.0.0.1:3"),
                           .client_address = slice_from_string("127.0.0.1:4")});
}

static enum status change(struct world *world, enum directory_command_kind kind,
                          uint64_t shard_id, uint64_t node_id)
{
    return tell(world, (struct directory_command){
                           .kind = kind, .shard_id = shard_id, .node_id = node_id});
}

TEST(directory, nobody_joins_before_there_is_a_cluster)
{
    struct world world;
    world_open(&world);
    EXPECT_STATUS(join(&world, 1), STATUS_NOT_FOUND);
    EXPECT_EQ(world.directory.version, 0);
    world_close(&world);
}

TEST(directory, a_store_becomes_a_cluster_once)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    EXPECT_OK(begin(&world, 1));
    EXPECT_EQ(world.directory.version, 1);
    EXPECT_STATUS(begin(&world, 2), STATUS_ALREADY_EXISTS);
    EXPECT_OK(join(&world, 1));
    EXPECT_STATUS(begin(&world, 1), STATUS_ALREADY_EXISTS);
    world_close(&world);
}

TEST(directory, who_joins_gets_ids_that_nobody_had_and_again_the_same)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    EXPECT_OK(join(&world, 1));
    EXPECT_EQ(world.outcome.node_id, 2);
    EXPECT_EQ(world.directory.place_count, 6);
    uint64_t version = world.directory.version;
    EXPECT_OK(join(&world, 1));
    EXPECT_EQ(world.outcome.node_id, 2);
    EXPECT_EQ(world.directory.version, version);
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_NODE, 0, 2));
    EXPECT(directory_node_removed(&world.directory, 2));
    EXPECT(!directory_node_removed(&world.directory, 3));
    EXPECT_OK(join(&world, 2));
    EXPECT_EQ(world.outcome.node_id, 3);
    for (size_t i = 0; i < world.directory.place_count; i++) {
        for (size_t k = 0; k < i; k++) {
            EXPECT(world.directory.places[i].replica_id !=
                   world.directory.places[k].replica_id);
        }
    }
    world_close(&world);
}

TEST(directory, no_shard_is_left_without_a_replica)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_NODE, 0, 1), STATUS_INVALID);
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_REPLICA, 1, 1), STATUS_INVALID);
    EXPECT_OK(join(&world, 1));
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_REPLICA, 1, 1));
    EXPECT_EQ(world.outcome.replica_id, 1);
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_NODE, 0, 2), STATUS_INVALID);
    world_close(&world);
}

/* Whoever lost the answer asks again, and so does the way to the leader by itself. */
TEST(directory, what_is_so_already_is_done_and_changes_nothing)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    EXPECT_OK(join(&world, 1));
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_REPLICA, 1, 1));
    EXPECT_OK(change(&world, DIRECTORY_ADD_REPLICA, 1, 1));
    uint64_t added = world.outcome.replica_id;
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_REPLICA, 2, 1));
    uint64_t version = world.directory.version;
    EXPECT_OK(change(&world, DIRECTORY_ADD_REPLICA, 1, 1));
    EXPECT_EQ(world.outcome.replica_id, added);
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_REPLICA, 2, 1));
    EXPECT_EQ(world.outcome.replica_id, 2);
    EXPECT_EQ(world.directory.version, version);
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_REPLICA, 9, 1), STATUS_NOT_FOUND);
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_REPLICA, 2, 9), STATUS_NOT_FOUND);

    EXPECT_OK(change(&world, DIRECTORY_ADD_REPLICA, 2, 1));
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_NODE, 0, 2));
    version = world.directory.version;
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_NODE, 0, 2));
    EXPECT_EQ(world.directory.version, version);
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_NODE, 0, 3), STATUS_NOT_FOUND);
    EXPECT_STATUS(change(&world, DIRECTORY_ADD_REPLICA, 1, 2), STATUS_NOT_FOUND);
    world_close(&world);
}

/* Without one a node would not hear of anything any more. */
TEST(directory, every_node_keeps_its_replica_of_the_directory)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    EXPECT_OK(join(&world, 1));
    uint64_t version = world.directory.version;
    EXPECT_STATUS(change(&world, DIRECTORY_REMOVE_REPLICA, DIRECTORY_SHARD_ID, 2),
                  STATUS_INVALID);
    EXPECT_EQ(world.directory.version, version);
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_NODE, 0, 2));
    world_close(&world);
}

TEST(directory, a_replica_comes_back_under_another_id)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    EXPECT_OK(join(&world, 1));
    EXPECT_STATUS(change(&world, DIRECTORY_ADD_REPLICA, 9, 1), STATUS_NOT_FOUND);
    EXPECT_STATUS(change(&world, DIRECTORY_ADD_REPLICA, 1, 9), STATUS_NOT_FOUND);
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_REPLICA, 1, 1));
    EXPECT_OK(change(&world, DIRECTORY_ADD_REPLICA, 1, 1));
    EXPECT(world.outcome.replica_id > DIRECTORY_SHARD_ID);
    EXPECT(directory_find_replica(&world.directory, 1)->leaving);
    world_close(&world);
}

TEST(directory, an_address_that_is_none_is_refused)
{
    struct world world;
    char longest[DIRECTORY_ADDRESS_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    const struct slice bad[] = {slice_of("", 0), slice_of("a b", 3), slice_of("a\n", 2),
                                slice_of(longest, sizeof longest)};
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(
            tell(&world,
                 (struct directory_command){.kind = DIRECTORY_ANNOUNCE,
                                            .node_id = 1,
                                            .peer_address = bad[i],
                                            .client_address = slice_from_string("a:1")}),
            STATUS_INVALID);
    }
    EXPECT_EQ(world.directory.version, 1);
    world_close(&world);
}

TEST(directory, a_seventeenth_node_is_one_too_many)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(begin(&world, 1));
    for (uint64_t i = 1; i < DIRECTORY_NODES_MAX; i++) {
        EXPECT_OK(join(&world, i));
    }
    EXPECT_STATUS(join(&world, 99), STATUS_QUANTITY_LIMIT);
    world_close(&world);
}

TEST(directory, its_bytes_are_read_back_and_damage_is_refused)
{
    struct world world;
    struct directory read;
    struct buffer bytes;
    world_open(&world);
    buffer_init(&bytes);
    directory_init(&read);
    EXPECT_OK(begin(&world, 1));
    EXPECT_OK(join(&world, 1));
    EXPECT_OK(change(&world, DIRECTORY_REMOVE_REPLICA, 1, 1));
    directory_encode(&world.directory, &bytes);
    EXPECT_SLICE(world.outcome.bytes, buffer_slice(&bytes));
    EXPECT_OK(directory_decode(buffer_slice(&bytes), &read));
    EXPECT_EQ(directory_digest(&read), directory_digest(&world.directory));
    EXPECT(directory_find_replica(&read, 1)->leaving);
    for (size_t size = 0; size < bytes.size; size++) {
        EXPECT(directory_decode(slice_of(bytes.data, size), &read) != STATUS_OK);
    }
    bytes.data[0] = DIRECTORY_VERSION + 1;
    EXPECT_STATUS(directory_decode(buffer_slice(&bytes), &read), STATUS_VERSION);
    directory_close(&read);
    buffer_close(&bytes);
    world_close(&world);
}

TEST(directory, its_bytes_are_those_of_the_first_day)
{
    static const uint8_t golden[] = {
        1,   1,   2,   0xc1, 0x84, 0x3d, 1,    1,    0,    0,    0,    0,   0,
        0,   0,   0,   0,    0,    0,    0,    0,    0,    0,    0,    11,  '1',
        '2', '7', '.', '0',  '.',  '0',  '.',  '1',  ':',  '1',  11,   '1', '2',
        '7', '.', '0', '.',  '0',  '.',  '1',  ':',  '2',  3,    1,    1,   1,
        0,   2,   2,   1,    0,    0xc0, 0x84, 0x3d, 0xc0, 0x84, 0x3d, 1,   0};
    struct world world;
    struct directory read;
    world_open(&world);
    directory_init(&read);
    EXPECT_OK(begin(&world, 1));
    EXPECT_SLICE(world.outcome.bytes, slice_of(golden, sizeof golden));
    EXPECT_OK(directory_decode(slice_of(golden, sizeof golden), &read));
    EXPECT_STRING(read.nodes[0].client_address, "127.0.0.1:2");
    directory_close(&read);
    world_close(&world);
}
