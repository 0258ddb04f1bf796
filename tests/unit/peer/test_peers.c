/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/peers.h"
#include "server/peer/peers_private.h"
#include "tests/lib/test.h"

/* Node 1 of a cluster, whose others are nowhere: port 1 takes no connection. The runtime is
 * only named: calls come back to it, and there are none. */
struct world {
    struct settings settings;
    struct peers *peers;
    struct directory directory;
    struct arena arena;
    int runtime;
};

static void tell(struct world *world, const struct directory_command *command)
{
    struct directory_outcome outcome;
    directory_apply(&world->directory, command, &world->arena, &outcome);
    EXPECT_OK(outcome.status);
    peers_set_directory(world->peers, &world->directory);
}

static void join(struct world *world, uint64_t nonce)
{
    tell(world,
         &(struct directory_command){.kind = DIRECTORY_JOIN,
                                     .nonce = {.low = nonce},
                                     .peer_address = slice_from_string("127.0.0.1:1"),
                                     .client_address = slice_from_string("127.0.0.1:1")});
}

static void world_open(struct world *world)
{
    static const struct directory_place place = {.shard_id = 1, .replica_id = 1};
    const struct peers_identity identity = {.node_id = 1};
    settings_init(&world->settings);
    world->peers = peers_new(&world->settings);
    peers_set_identity(world->peers, &identity);
    directory_init(&world->directory);
    arena_init(&world->arena, NULL, 0, 0);
    tell(world,
         &(struct directory_command){.kind = DIRECTORY_INIT,
                                     .node_id = 1,
                                     .peer_address = slice_from_string("127.0.0.1:1"),
                                     .client_address = slice_from_string("127.0.0.1:1"),
                                     .places = &place,
                                     .place_count = 1});
    peers_start(world->peers, (struct runtime *)&world->runtime);
}

static void world_close(struct world *world)
{
    peers_free(world->peers);
    directory_close(&world->directory);
    arena_close(&world->arena);
}

TEST(peers, who_is_in_the_directory_is_met)
{
    struct world world;
    world_open(&world);
    join(&world, 1);
    join(&world, 2);
    EXPECT_EQ(world.peers->link_count, 2);
    EXPECT(peers_connected(world.peers, 1));
    EXPECT(!peers_connected(world.peers, 2));
    world_close(&world);
}

TEST(peers, who_has_stopped_meets_nobody_any_more)
{
    struct world world;
    world_open(&world);
    join(&world, 1);
    peers_stop(world.peers);
    join(&world, 2); /* the runtime goes on for a while */
    EXPECT_EQ(world.peers->link_count, 1);
    world_close(&world);
}
