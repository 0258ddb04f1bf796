/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/placement/placement_step.h"

static bool is_leaving(const struct directory *directory,
                       const struct placement_member *member)
{
    const struct directory_place *place =
        directory_find_replica(directory, member->replica_id);
    return place != NULL && place->leaving;
}

static const struct placement_member *find_member(const struct placement_group *group,
                                                  uint64_t replica_id)
{
    for (uint32_t i = 0; i < group->member_count; i++) {
        if (group->members[i].replica_id == replica_id) {
            return &group->members[i];
        }
    }
    return NULL;
}

static struct placement_step step_of(enum placement_action action,
                                     const struct placement_member *member)
{
    return (struct placement_step){
        .action = action, .replica_id = member->replica_id, .node_id = member->node_id};
}

static struct placement_step next_promotion(const struct directory *directory,
                                            const struct placement_group *group)
{
    uint32_t voters = 0;
    for (uint32_t i = 0; i < group->member_count; i++) {
        voters += group->members[i].voter;
    }
    for (uint32_t i = 0; i < group->member_count; i++) {
        const struct placement_member *member = &group->members[i];
        if (!member->voter && member->active && member->caught_up &&
            voters < PLACEMENT_VOTERS_MAX && !is_leaving(directory, member)) {
            return step_of(PLACEMENT_PROMOTE, member);
        }
    }
    return (struct placement_step){.action = PLACEMENT_NOTHING};
}

/* Would the voters that are heard from be a quorum without this one? */
static bool can_go(const struct placement_group *group,
                   const struct placement_member *leaves)
{
    uint32_t voters = 0, active = 0;
    if (!leaves->voter) {
        return true;
    }
    for (uint32_t i = 0; i < group->member_count; i++) {
        const struct placement_member *member = &group->members[i];
        if (member->voter && member != leaves) {
            voters++;
            active += member->active;
        }
    }
    return voters > 0 && active >= voters / 2 + 1;
}

static struct placement_step next_farewell(const struct directory *directory,
                                           const struct placement_group *group)
{
    for (uint32_t i = 0; i < group->member_count; i++) {
        const struct placement_member *member = &group->members[i];
        if (!is_leaving(directory, member) || !can_go(group, member)) {
            continue;
        }
        if (member->replica_id != group->leader_replica_id) {
            if (member->counted && member->active) {
                continue;
            }
            return step_of(PLACEMENT_REMOVE, member);
        }
        for (uint32_t k = 0; k < group->member_count; k++) {
            const struct placement_member *other = &group->members[k];
            if (other != member && other->voter && other->active && other->caught_up &&
                !is_leaving(directory, other)) {
                return step_of(PLACEMENT_TRANSFER, other);
            }
        }
    }
    return (struct placement_step){.action = PLACEMENT_NOTHING};
}

static struct placement_step next_arrival(const struct directory *directory,
                                          const struct placement_group *group)
{
    size_t first, count = directory_shard_places(directory, group->shard_id, &first);
    for (size_t i = first; i < first + count; i++) {
        const struct directory_place *place = &directory->places[i];
        if (!place->leaving && group->member_count < PLACEMENT_MEMBERS_MAX &&
            find_member(group, place->replica_id) == NULL) {
            return (struct placement_step){.action = PLACEMENT_ADD_LEARNER,
                                           .replica_id = place->replica_id,
                                           .node_id = place->node_id};
        }
    }
    return (struct placement_step){.action = PLACEMENT_NOTHING};
}

/* Votes come before farewells: a replacement counts before what it replaces goes. */
struct placement_step placement_next(const struct directory *directory,
                                     const struct placement_group *group)
{
    struct placement_step step = next_promotion(directory, group);
    if (step.action == PLACEMENT_NOTHING) {
        step = next_farewell(directory, group);
    }
    if (step.action == PLACEMENT_NOTHING) {
        step = next_arrival(directory, group);
    }
    return step;
}
