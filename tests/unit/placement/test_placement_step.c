/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/placement/placement_step.h"
#include "tests/lib/test.h"

enum {
    SHARD = 1,
};

/* Replica n of the shard lives on node n. */
static void place(struct directory *directory, uint64_t replica, bool leaving)
{
    static struct directory_place places[8];
    directory->places = places;
    places[directory->place_count++] = (struct directory_place){
        .shard_id = SHARD, .replica_id = replica, .node_id = replica, .leaving = leaving};
}

static struct placement_group group_of(uint32_t voters)
{
    struct placement_group group = {.shard_id = SHARD, .leader_replica_id = 1};
    for (uint32_t i = 0; i < voters; i++) {
        group.members[group.member_count++] =
            (struct placement_member){.replica_id = i + 1,
                                      .node_id = i + 1,
                                      .voter = true,
                                      .active = true,
                                      .caught_up = true};
    }
    return group;
}

static struct directory directory_of(uint32_t places)
{
    struct directory directory = {.version = 1};
    for (uint32_t i = 1; i <= places; i++) {
        place(&directory, i, false);
    }
    return directory;
}

TEST(placement_step, members_that_are_as_they_shall_be_are_left_alone)
{
    struct directory directory = directory_of(3);
    struct placement_group group = group_of(3);
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_NOTHING);
}

TEST(placement_step, a_new_replica_learns_first_and_votes_when_it_has_caught_up)
{
    struct directory directory = directory_of(2);
    struct placement_group group = group_of(1);
    struct placement_step step = placement_next(&directory, &group);
    EXPECT_EQ(step.action, PLACEMENT_ADD_LEARNER);
    EXPECT_EQ(step.replica_id, 2);
    EXPECT_EQ(step.node_id, 2);
    group.members[group.member_count++] =
        (struct placement_member){.replica_id = 2, .node_id = 2};
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_NOTHING);
    group.members[1].active = true;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_NOTHING);
    group.members[1].caught_up = true;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_PROMOTE);
}

TEST(placement_step, a_member_that_the_directory_does_not_know_is_kept)
{
    struct directory directory = directory_of(2); /* an old copy */
    struct placement_group group = group_of(3);
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_NOTHING);
}

TEST(placement_step, who_leaves_goes_only_while_the_others_are_a_quorum)
{
    struct directory directory = directory_of(2);
    place(&directory, 3, true);
    struct placement_group group = group_of(3);
    group.members[2].active = false;
    struct placement_step step = placement_next(&directory, &group);
    EXPECT_EQ(step.action, PLACEMENT_REMOVE);
    EXPECT_EQ(step.replica_id, 3);
    group.members[1].active = false;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_NOTHING);
}

TEST(placement_step, a_replacement_votes_before_the_old_one_goes)
{
    struct directory directory = directory_of(2);
    place(&directory, 3, true);
    place(&directory, 4, false);
    struct placement_group group = group_of(3);
    group.members[group.member_count++] = (struct placement_member){
        .replica_id = 4, .node_id = 4, .active = true, .caught_up = true};
    struct placement_step step = placement_next(&directory, &group);
    EXPECT_EQ(step.action, PLACEMENT_PROMOTE);
    EXPECT_EQ(step.replica_id, 4);
}

TEST(placement_step, a_leader_that_leaves_hands_over_first)
{
    struct directory directory = {.version = 1};
    place(&directory, 1, true);
    place(&directory, 2, false);
    place(&directory, 3, false);
    struct placement_group group = group_of(3);
    group.members[1].caught_up = false;
    struct placement_step step = placement_next(&directory, &group);
    EXPECT_EQ(step.action, PLACEMENT_TRANSFER);
    EXPECT_EQ(step.replica_id, 3);
}

/* The directory's group sets this: whoever has left it hears of nothing any more. */
TEST(placement_step, a_node_that_others_count_on_goes_later_unless_it_is_silent)
{
    struct directory directory = directory_of(2);
    place(&directory, 3, true);
    place(&directory, 4, false);
    struct placement_group group = group_of(3);
    group.members[2].counted = true;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_ADD_LEARNER);
    group.members[2].active = false;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_REMOVE);
    group.members[2].active = true;
    group.members[2].counted = false;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_REMOVE);
}

TEST(placement_step, a_leader_that_others_count_on_hands_over_all_the_same)
{
    struct directory directory = {.version = 1};
    place(&directory, 1, true);
    place(&directory, 2, false);
    struct placement_group group = group_of(2);
    group.members[0].counted = true;
    EXPECT_EQ(placement_next(&directory, &group).action, PLACEMENT_TRANSFER);
}
