/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/members.h"

#include "shard/base/assert.h"
#include "tests/sim/atlas.h"
#include "tests/sim/world.h"

/* A shard as its leader sees it. */
struct group {
    struct sim_world *world;
    unsigned place;
    uint64_t shard_id;
    struct sim_node *leader; /* NULL: nobody is known to lead */
    struct raft_members members;
    bool settled; /* no change is on its way */
};

/* --- Seats ----------------------------------------------------------------------------- */

/* Clients ask these nodes. */
static void seats_list(struct sim_world *world, unsigned place)
{
    struct sim_shard *shard = &world->shards[place];
    unsigned count = 0;
    for (unsigned i = 0; i < world->node_count; i++) {
        if (seat_runs(&world->nodes[i].seats[place])) {
            shard->members[count++] = i;
        }
    }
    if (count > 0) {
        shard->member_count = count;
    }
    world->members_busy[place] = true;
}

static void seat_set(struct sim_node *node, unsigned place, enum sim_seat_stage stage)
{
    node->seats[place].stage = stage;
    seats_list(node->world, place);
}

void members_init(struct sim_world *world)
{
    sim_stream_init(&world->members_rng, world->options.seed, SIM_STREAM_MEMBERS);
    for (unsigned place = 0; place < world->shard_count; place++) {
        for (unsigned i = 0; i < world->options.nodes; i++) {
            struct sim_seat *seat = &world->nodes[i].seats[place];
            seat->replica_id = node_replica_id(i, world->shards[place].shard_id, 0);
            seat->born = true;
            seat_set(&world->nodes[i], place, SIM_SEAT_MEMBER);
        }
        world->members_busy[place] = false;
    }
}

void members_die(struct sim_node *node, unsigned place)
{
    struct sim_seat *seat = &node->seats[place];
    bool goes = seat->stage == SIM_SEAT_REMOVED || seat->stage == SIM_SEAT_LEAVING;
    seat->due_us =
        node->world->now_us + rng_below(&node->world->members_rng, SIM_REBUILD_MOST_US);
    seat_set(node, place, goes ? SIM_SEAT_EMPTY : SIM_SEAT_DEAD);
}

/* Under a new id: empty if nobody sat here before, else in that one's place. */
static void seat_join(const struct group *group, struct sim_node *node)
{
    struct sim_seat *seat = &node->seats[group->place];
    ASSERT(!seat_runs(seat));
    seat->replica_id = node_replica_id(node->id, group->shard_id, ++seat->generation);
    seat->born = false;
    seat->replaces = seat->opened_id;
    seat->told = group->members;
    seat->healthy_voters =
        members_sound(group->world, group->place, &group->members, NULL);
    seat->returns_us = 0;
    seat->leaves_us = 0;
    seat->leaves_for = 0;
    seat->log_doubt = false; /* nothing of it is in what was written before */
    seat_set(node, group->place, SIM_SEAT_JOINING);
    if (node->up) {
        node_open_seat(node, group->place);
    }
}

/* --- Groups ---------------------------------------------------------------------------- */

static void group_look(struct sim_world *world, unsigned place, struct group *out_group)
{
    uint64_t replica_id = world->leaders[place].replica_id;
    struct sim_node *node =
        replica_id != 0 ? &world->nodes[node_of_replica(replica_id)] : NULL;
    *out_group = (struct group){
        .world = world, .place = place, .shard_id = world->shards[place].shard_id};
    if (node == NULL || !node->up || node->paused_until_us > world->now_us ||
        node->seats[place].replica_id != replica_id || !seat_runs(&node->seats[place])) {
        return;
    }
    struct replica_status status;
    replica_status(host_replica(node->host, out_group->shard_id), &status);
    if (status.role == RAFT_LEADER) {
        out_group->leader = node;
        out_group->members = status.members;
        out_group->settled = status.members.version == status.members_applied;
    }
}

uint32_t members_sound(const struct sim_world *world, unsigned place,
                       const struct raft_members *members, const struct sim_node *without)
{
    uint32_t sound = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct raft_member *member = &members->member[i];
        const struct sim_node *node = &world->nodes[node_of_replica(member->replica_id)];
        sound += member->role == RAFT_VOTER && node != without &&
                 node->seats[place].replica_id == member->replica_id &&
                 atlas_sound(node, place);
    }
    return sound;
}

/* True: it has begun. */
static bool group_change(const struct group *group, enum raft_change_kind kind,
                         uint64_t replica_id)
{
    const struct raft_change change = {
        .kind = kind,
        .replica_id = replica_id,
        .node_id = kind == RAFT_ADD_LEARNER ? node_of_replica(replica_id) + 1 : 0};
    struct raft_members after;
    if (raft_members_change(&group->members, &change, &after) != STATUS_OK ||
        members_sound(group->world, group->place, &after, NULL) <
            raft_members_quorum(&after)) {
        return false;
    }
    struct sim_node *leader = group->leader;
    enum status status =
        host_change_members(leader->host, node_now(leader), group->shard_id, &change);
    node_post(leader);
    node_wake(leader);
    return status == STATUS_OK;
}

/* --- One look -------------------------------------------------------------------------- */

/* What has come about since, as far as it is applied. */
static void seat_follow(const struct group *group, struct sim_node *node)
{
    struct sim_world *world = group->world;
    struct sim_seat *seat = &node->seats[group->place];
    const struct raft_member *member =
        raft_members_find(&group->members, seat->replica_id);
    if (seat->stage == SIM_SEAT_JOINING && member != NULL && member->role == RAFT_VOTER) {
        world->counts.joined++;
        seat_set(node, group->place, SIM_SEAT_MEMBER);
    } else if (seat->stage == SIM_SEAT_LEAVING && member == NULL) {
        world->counts.removed++;
        seat->due_us =
            world->now_us + rng_below(&world->members_rng, SIM_REMOVED_MOST_US);
        seat_set(node, group->place, SIM_SEAT_REMOVED);
    } else if (seat->stage == SIM_SEAT_DEAD && seat->due_us <= world->now_us &&
               members_sound(world, group->place, &group->members, NULL) >=
                   raft_members_quorum(&group->members)) {
        world->counts.rebuilt++;
        seat_join(group, node);
    } else if (seat->stage == SIM_SEAT_EMPTY && seat->returns_us != 0 &&
               seat->returns_us <= world->now_us) {
        seat_join(group, node);
    }
}

/* What the clock says, whoever leads. */
static void seat_pass_time(struct sim_node *node, unsigned place)
{
    struct sim_world *world = node->world;
    struct sim_seat *seat = &node->seats[place];
    if (seat->stage == SIM_SEAT_REMOVED && seat->due_us <= world->now_us) {
        seat_set(node, place, SIM_SEAT_EMPTY);
        node_die(node, SIM_DEATH_KILL); /* it starts without it */
    } else if (seat->leaves_us != 0 && seat->leaves_us <= world->now_us &&
               seat->stage == SIM_SEAT_MEMBER) {
        seat->leaves_us = 0;
        seat_set(node, place, SIM_SEAT_LEAVING);
    } else if (seat->leaves_for != 0 && seat->stage == SIM_SEAT_MEMBER) {
        enum sim_seat_stage other = world->nodes[seat->leaves_for - 1].seats[place].stage;
        if (other != SIM_SEAT_JOINING && other != SIM_SEAT_DEAD) {
            seat->leaves_for = 0;
            seat_set(node, place,
                     other == SIM_SEAT_MEMBER ? SIM_SEAT_LEAVING : SIM_SEAT_MEMBER);
        }
    }
}

/* One change that is due for this member; whether it has begun. */
static bool member_mend(const struct group *group, const struct raft_member *member)
{
    struct sim_world *world = group->world;
    const struct sim_node *node = &world->nodes[node_of_replica(member->replica_id)];
    const struct sim_seat *seat = &node->seats[group->place];
    bool gone = seat->replica_id != member->replica_id || !seat_runs(seat);
    if (gone || seat->stage == SIM_SEAT_LEAVING || seat->stage == SIM_SEAT_REMOVED) {
        return group_change(group, RAFT_REMOVE, member->replica_id);
    }
    return member->role == RAFT_LEARNER && seat->demoted_us <= world->now_us &&
           atlas_sound(node, group->place) &&
           group_change(group, RAFT_PROMOTE, member->replica_id);
}

/* Asks for the first change, from a place that chance picks, which can begin now. */
static void group_mend(const struct group *group)
{
    struct sim_world *world = group->world;
    const struct raft_members *members = &group->members;
    unsigned all = world->node_count + members->count;
    unsigned first = (unsigned)rng_below(&world->members_rng, all);
    for (unsigned i = 0; i < all; i++) {
        unsigned at = (first + i) % all;
        if (at >= world->node_count) {
            if (member_mend(group, &members->member[at - world->node_count])) {
                return;
            }
            continue;
        }
        const struct sim_seat *seat = &world->nodes[at].seats[group->place];
        if (seat->stage == SIM_SEAT_JOINING &&
            raft_members_find(members, seat->replica_id) == NULL &&
            group_change(group, RAFT_ADD_LEARNER, seat->replica_id)) {
            return;
        }
    }
}

/* Are the members those who sit where they belong? */
static bool group_at_rest(const struct group *group)
{
    uint32_t seated = 0;
    for (unsigned i = 0; i < group->world->node_count; i++) {
        const struct sim_seat *seat = &group->world->nodes[i].seats[group->place];
        bool waits = seat->returns_us != 0 || seat->leaves_us != 0 || seat->leaves_for;
        if (waits || (seat->stage != SIM_SEAT_EMPTY && seat->stage != SIM_SEAT_MEMBER)) {
            return false;
        }
        seated += seat->stage == SIM_SEAT_MEMBER &&
                  raft_members_is_voter(&group->members, seat->replica_id);
    }
    return group->settled && seated == group->members.count;
}

bool members_settled(struct sim_world *world, unsigned place)
{
    struct group group;
    group_look(world, place, &group);
    return group.leader != NULL && group_at_rest(&group);
}

static void shard_look(struct sim_world *world, unsigned place)
{
    struct group group;
    for (unsigned i = 0; i < world->node_count; i++) {
        seat_pass_time(&world->nodes[i], place);
    }
    group_look(world, place, &group);
    if (group.leader == NULL || !group.settled) {
        return;
    }
    for (unsigned i = 0; i < world->node_count && group.leader->up; i++) {
        seat_follow(&group, &world->nodes[i]);
    }
    if (!group.leader->up) {
        return; /* a new replica's disk failed it */
    }
    if (group_at_rest(&group)) {
        world->members_busy[place] = false;
    } else {
        group_mend(&group);
    }
}

void members_tick(struct sim_world *world)
{
    for (unsigned place = 0; place < world->shard_count; place++) {
        if (world->members_busy[place]) {
            shard_look(world, place);
        }
    }
    atlas_tick(world);
    world_plan(world, world->now_us + SIM_MEMBERS_TICK_US, SIM_EVENT_MEMBERS, 0, 0, NULL);
}

/* --- Faults ---------------------------------------------------------------------------- */

static bool struck(const struct sim_world *world, const struct sim_fault *fault,
                   unsigned place)
{
    uint64_t chosen = fault->detail % world->shard_count;
    return place == chosen || (fault->detail >> (8 + place) & 1) != 0;
}

/* A node where nobody sits and nobody is to come back, from the target on; NULL. */
static struct sim_node *empty_node(struct sim_world *world, unsigned place, unsigned from)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[(from + i) % world->node_count];
        if (node->seats[place].stage == SIM_SEAT_EMPTY &&
            node->seats[place].returns_us == 0) {
            return node;
        }
    }
    return NULL;
}

static bool strike_remove(struct group *group, const struct sim_fault *fault)
{
    struct sim_node *node = &group->world->nodes[fault->target];
    struct sim_seat *seat = &node->seats[group->place];
    if (seat->stage != SIM_SEAT_MEMBER || group->world->node_count < 2) {
        return false;
    }
    seat->returns_us = group->world->now_us + fault->length_us;
    seat_set(node, group->place, SIM_SEAT_LEAVING);
    return true;
}

static bool strike_join(struct group *group, const struct sim_fault *fault)
{
    struct sim_node *node = empty_node(group->world, group->place, fault->target);
    if (node == NULL || group->leader == NULL) {
        return false;
    }
    seat_join(group, node);
    if (fault->length_us > 0) {
        node->seats[group->place].leaves_us = group->world->now_us + fault->length_us;
    }
    return true;
}

static bool strike_move(struct group *group, const struct sim_fault *fault)
{
    struct sim_world *world = group->world;
    struct sim_node *to = empty_node(world, group->place, fault->target);
    struct sim_node *from = &world->nodes[fault->target];
    for (unsigned i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[(fault->target + i) % world->node_count];
        if (node->seats[group->place].stage == SIM_SEAT_MEMBER) {
            from = node;
            break;
        }
    }
    if (to == NULL || group->leader == NULL ||
        from->seats[group->place].stage != SIM_SEAT_MEMBER) {
        return false;
    }
    from->seats[group->place].leaves_for = to->id + 1;
    seat_join(group, to);
    return true;
}

/* To, or of, the target's replica; a leader that cannot now says so, and that is it. */
static void strike_ask(struct group *group, const struct sim_fault *fault,
                       enum raft_change_kind change)
{
    struct sim_node *leader = group->leader;
    struct sim_seat *seat = &group->world->nodes[fault->target].seats[group->place];
    if (leader == NULL || group->world->node_count < 2 || seat->replica_id == 0) {
        return;
    }
    if (fault->kind == SIM_FAULT_TRANSFER) {
        (void)!host_transfer(leader->host, node_now(leader), group->shard_id,
                             seat->replica_id);
        node_post(leader);
        node_wake(leader);
    } else if (group_change(group, change, seat->replica_id) && change == RAFT_DEMOTE) {
        seat->demoted_us = group->world->now_us + fault->length_us + SIM_MEMBERS_TICK_US;
        group->world->members_busy[group->place] = true;
    }
}

bool members_strike(struct sim_world *world, const struct sim_fault *fault)
{
    bool done = false;
    for (unsigned place = 0; place < world->shard_count; place++) {
        struct group group;
        group_look(world, place, &group);
        if (fault->kind == SIM_FAULT_TRANSFER || fault->kind == SIM_FAULT_DEMOTE) {
            strike_ask(&group, fault, RAFT_DEMOTE);
            done = true;
        } else if (!struck(world, fault, place)) {
            continue;
        } else if (fault->kind == SIM_FAULT_REMOVE) {
            done |= strike_remove(&group, fault);
        } else if (fault->kind == SIM_FAULT_JOIN) {
            done |= strike_join(&group, fault);
        } else {
            done |= strike_move(&group, fault);
        }
    }
    return done;
}

void members_relent(struct sim_world *world, const struct sim_fault *fault)
{
    for (unsigned place = 0; place < world->shard_count; place++) {
        struct group group;
        group_look(world, place, &group);
        if (fault->kind == SIM_FAULT_DEMOTE) {
            strike_ask(&group, fault, RAFT_PROMOTE);
        }
    }
}

void members_heal(struct sim_world *world)
{
    for (unsigned place = 0; place < world->shard_count; place++) {
        for (unsigned i = 0; i < world->node_count; i++) {
            struct sim_seat *seat = &world->nodes[i].seats[place];
            uint64_t now_us = world->now_us;
            seat->demoted_us = 0;
            seat->leaves_us = 0;
            seat->leaves_for = 0;
            seat->returns_us = seat->returns_us > now_us ? now_us : seat->returns_us;
            seat->due_us = seat->due_us > now_us ? now_us : seat->due_us;
        }
        world->members_busy[place] = true;
    }
}
