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

static enum status greets_from(struct world *world, uint64_t node_id, const char *address)
{
    const struct peers_greeting greeting = {
        .version = PEERS_VERSION,
        .cluster_id = slice_of(world->peers->identity.cluster_id, PEERS_CLUSTER_ID_BYTES),
        .from_node_id = node_id,
        .to_node_id = 1,
        .peer_address = address};
    struct problem problem;
    return peers_check_greeting(world->peers, &greeting, &problem);
}

static enum status greets(struct world *world, uint64_t node_id)
{
    return greets_from(world, node_id, "127.0.0.1:1");
}

/* Replicas on another node that messages find their way to. */
static size_t routed(const struct world *world)
{
    size_t count = 0;
    for (size_t i = 0; i < world->peers->route_count; i++) {
        count += world->peers->routes[i].link != NULL;
    }
    return count;
}

static void counted(struct world *world, size_t count, uint64_t node_id)
{
    peers_set_counted(world->peers,
                      &(struct peers_counted){.version = world->directory.version,
                                              .count = count,
                                              .node_ids = {node_id}});
}

static void remove_node(struct world *world, uint64_t node_id)
{
    tell(world,
         &(struct directory_command){.kind = DIRECTORY_REMOVE_NODE, .node_id = node_id});
}

TEST(peers, a_removed_node_stays_until_no_group_counts_on_it)
{
    struct world world;
    world_open(&world);
    join(&world, 1);
    counted(&world, 0, 0);
    EXPECT_EQ(routed(&world), 1);
    remove_node(&world, 2); /* nobody has looked yet whether a group needs it */
    EXPECT_EQ(routed(&world), 1);
    EXPECT_OK(greets(&world, 2));
    counted(&world, 1, 2);
    EXPECT_EQ(routed(&world), 1);
    EXPECT_OK(greets(&world, 2));
    counted(&world, 0, 0);
    EXPECT_EQ(routed(&world), 0);
    EXPECT_STATUS(greets(&world, 2), STATUS_PERMISSION_DENIED);
    join(&world, 2); /* another directory brings it not back */
    EXPECT_EQ(routed(&world), 1);
    EXPECT_STATUS(greets(&world, 2), STATUS_PERMISSION_DENIED);
    world_close(&world);
}

TEST(peers, a_node_removed_before_the_start_is_met_while_a_group_counts_on_it)
{
    struct world world;
    world_open(&world);
    peers_stop(world.peers);
    peers_free(world.peers);
    world.peers = peers_new(&world.settings);
    peers_set_identity(world.peers, &(struct peers_identity){.node_id = 1});
    join(&world, 1);
    remove_node(&world, 2);
    peers_start(world.peers, (struct runtime *)&world.runtime);
    EXPECT_STATUS(greets(&world, 2), STATUS_PERMISSION_DENIED);
    counted(&world, 1, 2);
    EXPECT_EQ(routed(&world), 0);
    EXPECT_OK(greets(&world, 2)); /* and says where it is */
    EXPECT_EQ(routed(&world), 1);
    world_close(&world);
}

TEST(peers, a_node_that_moved_is_where_it_says_until_the_directory_says_something_new)
{
    struct world world;
    world_open(&world);
    join(&world, 1);
    EXPECT_OK(greets_from(&world, 2, "127.0.0.1:2"));
    EXPECT(link_is_at(world.peers->links[0], "127.0.0.1:2"));
    counted(&world, 0, 0);
    join(&world, 2); /* of the directory, where the node is as it was */
    EXPECT(link_is_at(world.peers->links[0], "127.0.0.1:2"));
    tell(&world,
         &(struct directory_command){.kind = DIRECTORY_ANNOUNCE,
                                     .node_id = 2,
                                     .peer_address = slice_from_string("127.0.0.1:3"),
                                     .client_address = slice_from_string("127.0.0.1:1")});
    EXPECT(link_is_at(world.peers->links[0], "127.0.0.1:3"));
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
