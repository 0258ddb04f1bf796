/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consensus core alone, on one thread: three nodes with one replica of every group
 * each, in one process. Messages are encoded into a frame for each pair of nodes and
 * decoded out of it; the disk is memory, and a write is durable at its node's next turn.
 * In one turn a node takes everything that has come for a group in one step, as a host
 * does. Prints one JSON object.
 *
 *     bench_raft commits GROUPS PROPOSALS SECONDS   so many proposals of each group are
 *                                                   always open, an entry each
 *     bench_raft idle GROUPS SECONDS                heartbeats alone; simulated seconds
 *     bench_raft behind ENTRIES                     a follower that was away catches up
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shard/base/arena.h"
#include "shard/base/memory.h"
#include "shard/raft/raft.h"

enum {
    NODES = 3,
    EVENTS_MAX = 64, /* of one group in one turn */
    OPEN_MAX = 32,
    PAYLOAD_BYTES = 100,
    DISK_RING_BYTES = 32 << 10,
    TICK_US = 100000,
    FETCH_ENTRIES_MAX = 16384,
};

struct disk_entry {
    uint64_t term;
    uint8_t *bytes;
    size_t size;
};

/* What a log in memory keeps: the newest bytes, or, where followers are to be served,
 * everything. */
struct disk {
    bool keeps;
    uint8_t ring[DISK_RING_BYTES];
    size_t at;
    struct disk_entry *entries; /* index 1 at 0 */
    size_t entry_count;
    size_t entry_capacity;
};

struct member {
    struct raft *raft;
    struct disk disk;
    struct raft_event events[EVENTS_MAX];
    size_t event_count;
    uint64_t sequence; /* written, not told */
    uint64_t told;
    uint64_t applied;
    uint64_t open; /* proposals */
    bool leads;
    struct raft_message messages[EVENTS_MAX];
    size_t message_count;
    struct raft_fetch fetch; /* to be answered; first 0 = none */
};

struct node {
    uint64_t id;
    bool up;
    struct member *members;
    struct buffer inbox[NODES]; /* from each */
    struct arena arena;
    struct raft_entry fetched[FETCH_ENTRIES_MAX];
};

struct bench {
    struct node nodes[NODES];
    size_t group_count;
    unsigned open; /* proposals per group */
    struct moment now;
    uint64_t commits;
    uint64_t messages;
    uint64_t message_bytes;
    struct slice payloads[OPEN_MAX];
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

static void disk_add(struct disk *disk, const struct raft_entry *entry)
{
    if (!disk->keeps) {
        size_t size = entry->payload.size + 24;
        if (disk->at + size > sizeof disk->ring) {
            disk->at = 0;
        }
        memcpy(disk->ring + disk->at, &entry->index, 8);
        memcpy(disk->ring + disk->at + 8, &entry->term, 8);
        if (entry->payload.size > 0) {
            memcpy(disk->ring + disk->at + 24, entry->payload.data, entry->payload.size);
        }
        disk->at += size;
        return;
    }
    while (disk->entry_count >= entry->index) {
        free(disk->entries[--disk->entry_count].bytes);
    }
    memory_reserve((void **)&disk->entries, &disk->entry_capacity, disk->entry_count + 1,
                   sizeof *disk->entries);
    struct disk_entry *kept = &disk->entries[disk->entry_count++];
    *kept = (struct disk_entry){.term = entry->term, .size = entry->payload.size};
    kept->bytes = memory_alloc(kept->size + 1);
    if (kept->size > 0) {
        memcpy(kept->bytes, entry->payload.data, kept->size);
    }
}

static void open_member(struct bench *bench, struct node *node, size_t group, bool keeps)
{
    struct raft_member member[NODES];
    struct raft_members members;
    for (uint32_t i = 0; i < NODES; i++) {
        member[i] = (struct raft_member){i + 1, i + 1, RAFT_VOTER};
    }
    if (raft_members_make(&members, member, NODES) != STATUS_OK) {
        abort();
    }
    struct raft_options options = {.group_id = group + 1,
                                   .replica_id = node->id,
                                   .seed = group * NODES + node->id,
                                   .members = &members,
                                   .log_first = 1};
    raft_limits_init(&options.limits);
    node->members[group].raft = raft_new(&options);
    node->members[group].disk.keeps = keeps;
    (void)bench;
}

/* --- One turn of a node --------------------------------------------------------------- */

static struct raft_event *add_event(struct member *member, enum raft_event_kind kind)
{
    struct raft_event *event = &member->events[member->event_count++];
    event->kind = kind;
    return event;
}

static void take_frame(struct node *node, struct buffer *frame)
{
    struct slice left = buffer_slice(frame);
    while (left.size > 0) {
        size_t size = raft_message_first(left);
        struct member *member = &node->members[raft_message_group(left) - 1];
        if (member->message_count < EVENTS_MAX - 8) { /* else it is lost */
            struct raft_message *message = &member->messages[member->message_count++];
            if (raft_message_decode(slice_of(left.data, size), &node->arena, message) !=
                STATUS_OK) {
                abort();
            }
            add_event(member, RAFT_EVENT_MESSAGE)->message = message;
        }
        left = slice_of(left.data + size, left.size - size);
    }
}

static void put_messages(struct bench *bench, struct node *node,
                         const struct raft_update *update)
{
    for (size_t i = 0; i < update->message_count; i++) {
        const struct raft_message *message = &update->messages[i];
        struct node *to = &bench->nodes[message->to - 1];
        if (to->up) {
            size_t before = to->inbox[node->id - 1].size;
            raft_message_encode(message, &to->inbox[node->id - 1]);
            bench->message_bytes += to->inbox[node->id - 1].size - before;
        }
        bench->messages++;
    }
}

static void put_write(struct member *member, const struct raft_write *write)
{
    struct raft_entry entry;
    if (write->sequence == 0) {
        return;
    }
    member->sequence = write->sequence;
    for (uint64_t i = write->first_index; i <= write->last_index; i++) {
        if (!raft_entry(member->raft, i, &entry)) {
            abort();
        }
        disk_add(&member->disk, &entry);
    }
}

/* "Applies": looks at each entry, and counts what was proposed here. */
static void apply(struct bench *bench, struct member *member,
                  const struct raft_update *update)
{
    struct raft_entry entry;
    for (uint64_t i = update->apply_first; i <= update->apply_last; i++) {
        if (raft_entry(member->raft, i, &entry) &&
            raft_payload_kind(entry.payload) == RAFT_ENTRY_COMMAND && member->leads) {
            member->open--;
            bench->commits++;
        }
        member->applied = i;
    }
}

static void answer_fetch(struct node *node, struct member *member)
{
    struct raft_fetch *fetch = &member->fetch;
    size_t bytes = 0;
    uint32_t count = 0;
    for (uint64_t i = fetch->first; i <= fetch->last && count < FETCH_ENTRIES_MAX; i++) {
        const struct disk_entry *kept = &member->disk.entries[i - 1];
        bytes += kept->size;
        if (count > 0 && bytes > fetch->max_bytes) {
            break;
        }
        node->fetched[count++] = (struct raft_entry){
            .index = i, .term = kept->term, .payload = slice_of(kept->bytes, kept->size)};
    }
    add_event(member, RAFT_EVENT_FETCHED)->fetched =
        (struct raft_fetched){.replica_id = fetch->replica_id,
                              .first = fetch->first,
                              .status = STATUS_OK,
                              .entries = node->fetched,
                              .count = count};
    fetch->first = 0;
}

static void add_own_events(struct bench *bench, struct node *node, struct member *member)
{
    if (member->sequence > member->told) {
        member->told = member->sequence;
        add_event(member, RAFT_EVENT_WRITTEN)->written_sequence = member->told;
    }
    if (member->fetch.first != 0) {
        answer_fetch(node, member);
    }
    if (member->leads) {
        for (; member->open < bench->open; member->open++) {
            add_event(member, RAFT_EVENT_PROPOSE)->propose =
                (struct raft_propose){&bench->payloads[member->open % OPEN_MAX], 1};
        }
    }
}

static void step(struct bench *bench, struct node *node, struct member *member)
{
    struct raft_update update;
    struct raft_status status;
    if (member->event_count == 0) {
        return;
    }
    raft_step(member->raft, bench->now, member->events, member->event_count, &update);
    member->event_count = 0;
    member->message_count = 0;
    if (update.changed & RAFT_CHANGED_ROLE) {
        raft_status(member->raft, &status);
        member->leads = status.role == RAFT_LEADER;
        member->open = 0;
    }
    put_messages(bench, node, &update);
    put_write(member, &update.write);
    if (update.fetch_count > 0) {
        member->fetch = update.fetches[0];
    }
    if (update.apply_last >= update.apply_first) {
        apply(bench, member, &update);
        add_event(member, RAFT_EVENT_APPLIED)->through_index = member->applied;
    }
}

static void turn(struct bench *bench, struct node *node, bool tick)
{
    struct buffer frames[NODES];
    if (!node->up) {
        return;
    }
    arena_reset(&node->arena);
    for (size_t i = 0; i < NODES; i++) {
        frames[i] = node->inbox[i];
        take_frame(node, &frames[i]);
    }
    for (size_t i = 0; i < bench->group_count; i++) {
        add_own_events(bench, node, &node->members[i]);
        if (tick) {
            add_event(&node->members[i], RAFT_EVENT_TICK);
        }
        step(bench, node, &node->members[i]);
    }
    for (size_t i = 0; i < NODES; i++) {
        buffer_clear(&node->inbox[i]);
    }
}

static void turns(struct bench *bench, bool tick)
{
    for (size_t i = 0; i < NODES; i++) {
        turn(bench, &bench->nodes[i], tick);
    }
}

static void start(struct bench *bench, size_t group_count, bool keeps)
{
    static uint8_t payload[PAYLOAD_BYTES] = {1};
    bench->group_count = group_count;
    bench->now = (struct moment){.monotonic_us = 1, .wall_ms = 1700000000000};
    for (size_t i = 0; i < OPEN_MAX; i++) {
        bench->payloads[i] = slice_of(payload, sizeof payload);
    }
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &bench->nodes[i];
        node->id = i + 1;
        node->up = true;
        node->members = memory_zalloc(group_count * sizeof *node->members);
        arena_init(&node->arena, memory_alloc(1 << 20), 1 << 20, 0);
        for (size_t group = 0; group < group_count; group++) {
            open_member(bench, node, group, keeps);
        }
    }
    for (size_t group = 0; group < group_count; group++) {
        add_event(&bench->nodes[group % NODES].members[group], RAFT_EVENT_CAMPAIGN);
    }
    for (unsigned i = 0; i < 20; i++) {
        turns(bench, false);
    }
    bench->commits = bench->messages = bench->message_bytes = 0;
}

/* --- The cases ------------------------------------------------------------------------ */

static void run_commits(struct bench *bench, size_t groups, unsigned open, double seconds)
{
    start(bench, groups, false);
    bench->open = open < OPEN_MAX ? open : OPEN_MAX;
    uint64_t begun = clock_us(CLOCK_MONOTONIC), tick = begun;
    uint64_t cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID), now = begun;
    while ((double)(now - begun) < seconds * 1e6) {
        bool due = now - tick >= TICK_US;
        if (due) {
            tick = now;
        }
        bench->now.monotonic_us = now;
        turns(bench, due);
        now = clock_us(CLOCK_MONOTONIC);
    }
    cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double commits = (double)bench->commits;
    printf("{\"commits_s\":%.0f,\"commits_cpu_s\":%.0f,\"cpu_us\":%.3f,"
           "\"messages\":%.3f,\"bytes\":%.1f}\n",
           commits / ((double)(now - begun) / 1e6), commits / ((double)cpu / 1e6),
           (double)cpu / commits, (double)bench->messages / commits,
           (double)bench->message_bytes / commits);
}

static void run_idle(struct bench *bench, size_t groups, double seconds)
{
    start(bench, groups, false);
    unsigned ticks = (unsigned)(seconds * 1e6 / TICK_US);
    uint64_t cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < ticks; i++) {
        bench->now.monotonic_us += TICK_US;
        bench->now.wall_ms += TICK_US / 1000;
        turns(bench, true);
        turns(bench, false);
    }
    cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"messages_s\":%.0f,\"bytes_s\":%.0f,\"cpu_us_s\":%.1f}\n",
           (double)bench->messages / seconds, (double)bench->message_bytes / seconds,
           (double)cpu / seconds);
}

static void run_behind(struct bench *bench, uint64_t entries)
{
    start(bench, 1, true);
    struct node *away = &bench->nodes[2];
    away->up = false;
    bench->open = OPEN_MAX;
    while (bench->commits < entries) {
        turns(bench, false);
    }
    bench->open = 0;
    for (unsigned i = 0; i < 100; i++) {
        turns(bench, i % 4 == 0);
    }
    struct raft_status leader, follower;
    raft_status(bench->nodes[0].members[0].raft, &leader);
    away->up = true;
    uint64_t cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID), begun = clock_us(CLOCK_MONOTONIC);
    uint64_t messages = bench->messages, rounds = 0;
    do {
        turns(bench, rounds % 100 == 0);
        raft_status(away->members[0].raft, &follower);
        rounds++;
    } while (follower.applied < leader.last_index);
    printf("{\"entries\":%" PRIu64 ",\"seconds\":%.3f,\"cpu_us\":%.3f,"
           "\"messages\":%" PRIu64 "}\n",
           entries, (double)(clock_us(CLOCK_MONOTONIC) - begun) / 1e6,
           (double)(clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)entries,
           bench->messages - messages);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    if (argc == 5 && strcmp(argv[1], "commits") == 0) {
        run_commits(&bench, strtoul(argv[2], NULL, 10),
                    (unsigned)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
    } else if (argc == 4 && strcmp(argv[1], "idle") == 0) {
        run_idle(&bench, strtoul(argv[2], NULL, 10), strtod(argv[3], NULL));
    } else if (argc == 3 && strcmp(argv[1], "behind") == 0) {
        run_behind(&bench, strtoull(argv[2], NULL, 10));
    } else {
        fprintf(stderr, "usage: bench_raft commits GROUPS PROPOSALS SECONDS | idle "
                        "GROUPS SECONDS | behind ENTRIES\n");
        return 2;
    }
    return 0;
}
