/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of short random schedules: loss, repeats, reordering, partitions, power cuts
 * that lose what was not synced, members that come and go, snapshots. What must hold is
 * watched by raft_world.h; afterwards everything heals and must make progress.
 *
 * SOUK_RAFT_SEEDS=FIRST-LAST chooses the seeds. In a build with SOUK_MUTANTS,
 * SOUK_MUTANT=NAME plants a fault, and the test must then fail.
 */
#include <inttypes.h>

#include "shard/base/mutant.h"
#include "tests/lib/test.h"
#include "tests/unit/raft/raft_world.h"

enum {
    SEEDS_FIRST = 1,
    SEEDS_LAST = 6000,
    ACTIONS = 1200,
    HEAL_ROUNDS = 400,
};

struct schedule {
    struct world *world;
    struct rng rng;
    bool calm_disk; /* writes end soon */
    uint64_t loss;  /* of 100 messages */
    bool members;   /* change */
    bool turbulent; /* leaders fall again and again */
};

static uint64_t draw(struct schedule *schedule, uint64_t bound)
{
    return rng_below(&schedule->rng, bound);
}

static uint64_t any_node(struct schedule *schedule)
{
    return 1 + draw(schedule, schedule->world->node_count);
}

/* Any that believes to lead. */
static uint64_t some_leader(struct schedule *schedule)
{
    uint64_t start = any_node(schedule);
    size_t count = schedule->world->node_count;
    for (size_t i = 0; i < count; i++) {
        uint64_t id = 1 + (start + i) % count;
        if (world_node(schedule->world, id)->up &&
            world_status(schedule->world, id).role == RAFT_LEADER) {
            return id;
        }
    }
    return start;
}

static void act_message(struct schedule *schedule)
{
    struct world *world = schedule->world;
    if (world->message_count == 0) {
        return;
    }
    /* Mostly near the front, so that order is broken now and then. */
    size_t at = draw(schedule, 3) > 0 ? 0 : draw(schedule, world->message_count);
    if (draw(schedule, 100) < schedule->loss) {
        world_lose(world, at);
    } else if (draw(schedule, 100) < 4) {
        world_repeat(world, at);
    } else {
        world_deliver(world, at);
    }
}

static void act_power(struct schedule *schedule)
{
    uint64_t id = any_node(schedule);
    struct world_node *node = world_node(schedule->world, id);
    if (!node->up) {
        world_restart(schedule->world, id);
    } else if (draw(schedule, 2) == 0) {
        world_crash(schedule->world, id, draw(schedule, node->pending_count + 1));
        if (draw(schedule, 3) > 0) {
            world_restart(schedule->world, id);
        }
    }
}

static void act_cut(struct schedule *schedule)
{
    struct world *world = schedule->world;
    switch (draw(schedule, 4)) {
    case 0:
        world_cut(world, any_node(schedule), true);
        break;
    case 1: /* one way only */
        world->cut[any_node(schedule) - 1][any_node(schedule) - 1] = true;
        break;
    default:
        memset(world->cut, 0, sizeof world->cut);
    }
}

static void act_members(struct schedule *schedule)
{
    enum raft_change_kind kinds[] = {RAFT_ADD_LEARNER, RAFT_PROMOTE, RAFT_PROMOTE,
                                     RAFT_ADD_LEARNER, RAFT_DEMOTE,  RAFT_REMOVE};
    if (schedule->members) {
        (void)world_change(schedule->world, some_leader(schedule),
                           kinds[draw(schedule, 6)], any_node(schedule));
    }
}

/* A stretch without faults of its own, so that schedules get somewhere. */
static void act_burst(struct schedule *schedule)
{
    struct world *world = schedule->world;
    uint64_t left = 5 + draw(schedule, 40);
    for (; left > 0; left--) {
        if (world->message_count > 0) {
            world_deliver(world, 0);
        }
        for (uint64_t id = 1; id <= world->node_count; id++) {
            if (schedule->calm_disk || draw(schedule, 3) == 0) {
                world_sync(world, id);
            }
        }
        if (left % 8 == 0) {
            world_tick(world, any_node(schedule), 1);
        }
    }
}

static void act_restart(struct schedule *schedule, uint64_t id)
{
    struct world_node *node = world_node(schedule->world, id);
    if (node->up) {
        world_crash(schedule->world, id, draw(schedule, node->pending_count + 1));
    }
    world_restart(schedule->world, id);
}

/* Nobody hears of the leader any more: the others stand against each other, and one of
 * them loses power while they do. */
static void act_rivals(struct schedule *schedule, uint64_t without)
{
    struct world *world = schedule->world;
    for (uint64_t id = 1; id <= world->node_count; id++) {
        if (id != without) {
            world_tick(world, id, 11 + (unsigned)draw(schedule, 9));
        }
    }
    for (uint64_t left = draw(schedule, 30); left > 0; left--) {
        if (world->message_count > 0) {
            world_deliver(world, draw(schedule, world->message_count));
        }
        if (draw(schedule, 2) == 0) {
            world_sync(world, any_node(schedule));
        }
        if (draw(schedule, 12) == 0) {
            act_restart(schedule, any_node(schedule));
        }
    }
}

/* Faults that hit who leads, with entries that only it has: away for a while, or out. */
static void act_leader(struct schedule *schedule)
{
    struct world *world = schedule->world;
    uint64_t id = some_leader(schedule);
    if (!world_node(world, id)->up) {
        world_restart(world, id);
        return;
    }
    for (uint64_t left = draw(schedule, 3); left > 0; left--) {
        (void)world_propose(world, id, "alone");
        if (draw(schedule, 2) == 0) {
            world_sync_all(world, id);
        }
    }
    if (draw(schedule, 2) == 0) {
        act_restart(schedule, id);
    } else {
        world_cut(world, id, true);
    }
    act_rivals(schedule, id);
    if (draw(schedule, 2) == 0) {
        memset(world->cut, 0, sizeof world->cut);
    }
}

/* What a host reports in its own time, and connections that break. */
static void act_host(struct schedule *schedule)
{
    struct world *world = schedule->world;
    uint64_t id = any_node(schedule);
    static const enum raft_event_kind kinds[] = {
        RAFT_EVENT_UNREACHABLE, RAFT_EVENT_SNAPSHOT_SENT, RAFT_EVENT_SNAPSHOT_LOST};
    struct raft_event event = {.kind = kinds[draw(schedule, 3)],
                               .replica_id = any_node(schedule)};
    switch (draw(schedule, 3)) {
    case 0:
        world_report(world, id);
        break;
    case 1:
        world_install(world, id, draw(schedule, 6) == 0);
        break;
    default:
        world_event(world, id, &event);
    }
}

static void act(struct schedule *schedule)
{
    struct world *world = schedule->world;
    uint64_t dice = draw(schedule, 1000);
    char payload[32];
    if (schedule->turbulent && draw(schedule, 30) == 0) {
        act_leader(schedule);
        return;
    }
    if (dice < 400) {
        act_message(schedule);
    } else if (dice < 440) {
        act_host(schedule);
    } else if (dice < 480) {
        act_burst(schedule);
    } else if (dice < 490) {
        act_leader(schedule);
    } else if (dice < (schedule->calm_disk ? 720 : 640)) {
        world_sync(world, any_node(schedule));
    } else if (dice < 850) {
        world_tick(world, any_node(schedule), 1 + (unsigned)draw(schedule, 3));
    } else if (dice < 910) {
        snprintf(payload, sizeof payload, "p%" PRIu64, world->proposals);
        (void)world_propose(world, some_leader(schedule), payload);
    } else if (dice < 935) {
        (void)world_read(world, some_leader(schedule));
    } else if (dice < 955) {
        act_power(schedule);
    } else if (dice < 965) {
        act_cut(schedule);
    } else if (dice < 980) {
        act_members(schedule);
    } else if (dice < 985) {
        (void)world_transfer(world, some_leader(schedule), any_node(schedule));
    } else if (dice < 992) {
        world_flush(world, any_node(schedule), draw(schedule, 8));
    } else {
        world_campaign(world, any_node(schedule));
    }
}

/* Everything is up and connected: a proposal must reach every member. */
static void heal(struct schedule *schedule)
{
    struct world *world = schedule->world;
    memset(world->cut, 0, sizeof world->cut);
    for (uint64_t id = 1; id <= world->node_count; id++) {
        if (!world_node(world, id)->up) {
            world_restart(world, id);
        }
    }
    uint64_t wanted = 0;
    world->slow_reports = world->slow_installs = false;
    for (unsigned round = 0; round < HEAL_ROUNDS && !world->violation[0]; round++) {
        for (uint64_t id = 1; id <= world->node_count; id++) {
            world_report(world, id);
            world_install(world, id, false);
            world_tick(world, id, 1);
        }
        world_settle(world);
        uint64_t leader = some_leader(schedule);
        struct raft_status status = world_status(world, leader);
        if (wanted == 0 ||
            round % 50 == 0) { /* the first may have gone to a leader of old */
            if (world_propose(world, leader, "last") == STATUS_OK) {
                wanted = world_status(world, leader).last_index;
            }
            continue;
        }
        bool all = status.role == RAFT_LEADER && status.commit >= wanted;
        const struct raft_members *members =
            raft_members(world_node(world, leader)->raft);
        for (uint32_t i = 0; i < members->count; i++) {
            struct world_node *node = world_node(world, members->member[i].replica_id);
            all = all && node->applied.index == world_node(world, leader)->applied.index;
        }
        if (all) {
            return;
        }
    }
    if (!world->violation[0]) {
        snprintf(world->violation, sizeof world->violation,
                 "no progress after everything healed");
    }
}

static void check_digests(struct world *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        for (size_t j = i + 1; j < world->node_count; j++) {
            const struct world_state *a = &world->nodes[i].applied,
                                     *b = &world->nodes[j].applied;
            if (a->index == b->index && a->digest != b->digest && !world->violation[0]) {
                snprintf(world->violation, sizeof world->violation,
                         "states of %zu and %zu differ at %" PRIu64, i + 1, j + 1,
                         a->index);
            }
        }
    }
}

/* Small ones bring out what large ones hide: an entry a message, none kept in memory. */
static struct raft_limits drawn_limits(struct schedule *schedule)
{
    static const size_t messages[] = {1, 80, 255 << 10}, tails[] = {0, 200, 64 << 10};
    static const uint32_t flights[] = {1, 4, RAFT_IN_FLIGHT_MESSAGES_MAX};
    struct raft_limits limits;
    raft_limits_init(&limits);
    limits.snapshot_ticks = 20;
    limits.commit_hint_entries = 1 + (uint32_t)draw(schedule, 20);
    limits.message_bytes_max = messages[draw(schedule, 3)];
    limits.tail_bytes = tails[draw(schedule, 3)];
    limits.in_flight_messages = flights[draw(schedule, 3)];
    limits.unapplied_entries_max = draw(schedule, 4) == 0 ? 6 : 16384;
    return limits;
}

struct totals {
    uint64_t leaders, reads, committed;
};

/* True: clean. */
static bool run(uint64_t seed, struct totals *totals)
{
    struct schedule schedule = {0};
    static const uint32_t shapes[][2] = {{3, 0}, {3, 2}, {2, 1}, {5, 0}, {3, 2}, {1, 2}};
    rng_init(&schedule.rng, seed * 7919);
    uint64_t shape = draw(&schedule, 6);
    struct raft_limits limits = drawn_limits(&schedule);
    struct world *world = world_new(seed, shapes[shape][0], shapes[shape][1], &limits);
    schedule.world = world;
    schedule.calm_disk = draw(&schedule, 2);
    schedule.loss = draw(&schedule, 3) * 8;
    schedule.members = draw(&schedule, 3) > 0;
    schedule.turbulent = draw(&schedule, 2);
    world->slow_reports = draw(&schedule, 2);
    world->slow_installs = draw(&schedule, 2);
    for (unsigned i = 0; i < ACTIONS && !world->violation[0]; i++) {
        act(&schedule);
        if (i % 50 == 49) {
            world_check_logs(world);
        }
    }
    if (!world->violation[0]) {
        heal(&schedule);
    }
    world_check_logs(world);
    check_digests(world);
    totals->leaders += world->leaders_seen;
    totals->reads += world->reads_confirmed;
    totals->committed += world->committed_last;
    bool clean = world->violation[0] == '\0';
    if (!clean) {
        printf("seed %" PRIu64 ": %s\n", seed, world->violation);
    }
    if (world->tracing) {
        printf("%.*s", (int)world->trace.size, (const char *)world->trace.data);
    }
    world_free(world);
    return clean;
}

TEST(schedules, keep_what_raft_promises_and_heal)
{
    uint64_t first = SEEDS_FIRST, last = SEEDS_LAST;
    struct totals totals = {0};
    const char *seeds = getenv("SOUK_RAFT_SEEDS");
    if (seeds != NULL) {
        EXPECT(sscanf(seeds, "%" SCNu64 "-%" SCNu64, &first, &last) == 2);
    }
#ifdef SOUK_MUTANTS
    if (getenv("SOUK_MUTANT") != NULL) {
        EXPECT(mutant_pick(getenv("SOUK_MUTANT")));
    }
#endif
    for (uint64_t seed = first; seed <= last; seed++) {
        if (!run(seed, &totals)) {
            test_fail(__FILE__, __LINE__,
                      "seed %" PRIu64 "; SOUK_RAFT_SEEDS=%" PRIu64 "-%" PRIu64
                      " SOUK_RAFT_TRACE=1 shows it",
                      seed, seed, seed);
        }
    }
    /* A schedule in which nothing happens would prove nothing. */
    EXPECT(totals.leaders >= (last - first + 1) * 2);
    EXPECT(totals.committed >= (last - first + 1) * 20);
    EXPECT(totals.reads >= (last - first + 1) * 5);
    printf("%" PRIu64 " leaders, %" PRIu64 " entries committed, %" PRIu64 " reads\n",
           totals.leaders, totals.committed, totals.reads);
}
