/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the leader of a group does next so that its members become those that the directory
 * names: one change at a time, asked again and again. Pure; any thread.
 */
#ifndef SOUK_SHARD_PLACEMENT_PLACEMENT_STEP_H
#define SOUK_SHARD_PLACEMENT_PLACEMENT_STEP_H

#include "shard/placement/directory.h"

enum {
    PLACEMENT_MEMBERS_MAX = 16,
    PLACEMENT_VOTERS_MAX = 7, /* of one shard; further replicas stay learners */
};

struct placement_member {
    uint64_t replica_id;
    uint64_t node_id;
    bool voter;
    bool active;    /* heard from within an election timeout; the leader itself is */
    bool caught_up; /* lags by little enough to vote, or to lead */
    bool counted;   /* other groups count on its node still: it goes from them first */
};

/* A group as its leader sees it. */
struct placement_group {
    uint64_t shard_id;
    uint64_t leader_replica_id;
    struct placement_member members[PLACEMENT_MEMBERS_MAX];
    uint32_t member_count;
};

enum placement_action {
    PLACEMENT_NOTHING,
    PLACEMENT_ADD_LEARNER,
    PLACEMENT_PROMOTE,
    PLACEMENT_REMOVE,
    PLACEMENT_TRANSFER, /* lead no more: to this replica */
};

struct placement_step {
    enum placement_action action;
    uint64_t replica_id;
    uint64_t node_id;
};

struct placement_step placement_next(const struct directory *directory,
                                     const struct placement_group *group);

#endif
