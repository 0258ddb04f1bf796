#include "tests/lib/test.h"
#include "tests/unit/raft/raft_world.h"
TEST(raft, three_elect_and_commit)
{
    struct world *world = world_new(1, 3, 0, NULL);
    world_campaign(world, 1);
    world_settle(world);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    world_tick(world, 1, 1);
    world_settle(world);
    printf("%s", world_trace(world));
    EXPECT_EQ(world_node(world, 3)->applied.index, 2);
    world_free(world);
}
