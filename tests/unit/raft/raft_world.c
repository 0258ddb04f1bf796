/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/raft/raft_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

static void violated(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void violated(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->violation[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    vsnprintf(world->violation, sizeof world->violation, format, arguments);
    va_end(arguments);
}

static void trace_line(void *context, const char *text)
{
    struct world *world = context;
    buffer_append(&world->trace, text, strlen(text));
    buffer_append(&world->trace, "\n", 1);
}

const char *world_trace(struct world *world)
{
    static char text[16384];
    size_t size = world->trace.size < sizeof text ? world->trace.size : sizeof text - 1;
    memcpy(text, world->trace.data ? world->trace.data : (const uint8_t *)"", size);
    text[size] = '\0';
    buffer_clear(&world->trace);
    return text;
}

/* --- A replica over its disk ---------------------------------------------------------- */

static void entry_free(struct world_entry *entry)
{
    free(entry->bytes);
    entry->bytes = NULL;
}

static void write_free(struct world_write *write)
{
    for (uint64_t i = write->write.first_index; i <= write->write.last_index; i++) {
        entry_free(&write->entries[i - write->write.first_index]);
    }
    free(write->entries);
}

static void disk_truncate(struct world_node *node, size_t count)
{
    while (node->entry_count > count) {
        entry_free(&node->entries[--node->entry_count]);
    }
}

static void disk_write(struct world_node *node, struct world_write *write)
{
    const struct raft_write *what = &write->write;
    if (what->has_reset) {
        disk_truncate(node, 0);
        node->base_index = what->reset_index;
        node->base_term = what->reset_term;
    }
    if (what->has_state) {
        node->state = what->state;
    }
    for (uint64_t i = what->first_index; i <= what->last_index; i++) {
        ASSERT(i > node->base_index && i <= node->base_index + node->entry_count + 1);
        disk_truncate(node, i - node->base_index - 1);
        ASSERT(node->entry_count < WORLD_ENTRIES_MAX);
        node->entries[node->entry_count++] = write->entries[i - what->first_index];
        write->entries[i - what->first_index].bytes = NULL;
    }
}

static void node_open(struct world *world, struct world_node *node)
{
    struct raft_trace trace = {.line = trace_line, .context = world};
    struct raft_options options = {
        .group_id = WORLD_GROUP,
        .replica_id = node->id,
        .seed = rng_next(&world->rng),
        .limits = world->limits,
        .trace = world->tracing ? &trace : NULL,
        .state = node->state,
        .applied_index = node->flushed.index,
        .applied_term = node->flushed.term,
        .members = node->flushed.members.version ? &node->flushed.members : NULL,
        .log_first = node->base_index + 1,
        .log_last = node->base_index + node->entry_count,
        .log_first_term = node->base_term,
    };
    node->applied = node->flushed;
    node->raft = raft_new(&options);
    uint64_t next;
    while ((next = raft_restore_next(node->raft)) != 0) {
        const struct world_entry *entry = &node->entries[next - node->base_index - 1];
        struct raft_entry back = {.index = next,
                                  .term = entry->term,
                                  .payload = slice_of(entry->bytes, entry->size)};
        ASSERT(raft_restore_entry(node->raft, &back) == STATUS_OK);
    }
    node->up = true;
    node->install = INSTALL_NONE;
    node->commit_seen = 0;
    node->lives++;
}

struct world *world_new(uint64_t seed, uint32_t voters, uint32_t joiners,
                        const struct raft_limits *limits)
{
    struct world *world = memory_zalloc(sizeof *world);
    struct raft_member member[WORLD_NODES_MAX];
    struct raft_members members;
    rng_init(&world->rng, seed);
    raft_limits_init(&world->limits);
    world->limits.snapshot_ticks = 20;
    world->limits.commit_hint_entries = 8;
    if (limits != NULL) {
        world->limits = *limits;
    }
    world->now = (struct moment){.monotonic_us = 1000000, .wall_ms = 1700000000000};
    world->tracing = limits == NULL || getenv("SOUK_RAFT_TRACE") != NULL;
    arena_init(&world->arena, NULL, 0, 0);
    for (uint32_t i = 0; i < voters; i++) {
        member[i] = (struct raft_member){
            .replica_id = i + 1, .node_id = i + 1, .role = RAFT_VOTER};
    }
    ASSERT(raft_members_make(&members, member, voters) == STATUS_OK);
    world->node_count = voters + joiners;
    for (size_t i = 0; i < world->node_count; i++) {
        struct world_node *node = &world->nodes[i];
        node->id = i + 1;
        if (i < voters) {
            node->flushed.members = members;
        }
        node_open(world, node);
    }
    return world;
}

static void node_forget(struct world_node *node)
{
    raft_free(node->raft);
    node->raft = NULL;
    for (size_t i = 0; i < node->pending_count; i++) {
        write_free(&node->pending[i]);
    }
    node->pending_count = 0;
    node->up = false;
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        node_forget(&world->nodes[i]);
        disk_truncate(&world->nodes[i], 0);
    }
    for (size_t i = 0; i < WORLD_MESSAGES_MAX; i++) {
        buffer_close(&world->messages[i].bytes);
    }
    buffer_close(&world->trace);
    arena_close(&world->arena);
    free(world);
}

struct world_node *world_node(struct world *world, uint64_t id)
{
    ASSERT(id >= 1 && id <= world->node_count);
    return &world->nodes[id - 1];
}

struct raft_status world_status(struct world *world, uint64_t id)
{
    struct raft_status status;
    raft_status(world_node(world, id)->raft, &status);
    return status;
}

/* --- What must hold ------------------------------------------------------------------- */

static uint64_t payload_hash(const struct raft_entry *entry)
{
    return hash64(entry->payload, entry->term);
}

/* From the core's memory or, when it is not there, from the disk. */
static bool node_entry(const struct world_node *node, uint64_t index,
                       struct raft_entry *out_entry)
{
    if (raft_entry(node->raft, index, out_entry)) {
        return true;
    }
    if (index <= node->base_index || index > node->base_index + node->entry_count ||
        raft_entry_term(node->raft, index) !=
            node->entries[index - node->base_index - 1].term) {
        return false;
    }
    const struct world_entry *entry = &node->entries[index - node->base_index - 1];
    *out_entry = (struct raft_entry){.index = index,
                                     .term = entry->term,
                                     .payload = slice_of(entry->bytes, entry->size)};
    return true;
}

static void watch_committed(struct world *world, struct world_node *node, uint64_t index)
{
    struct raft_entry entry;
    if (!node_entry(node, index, &entry)) {
        return; /* covered by its state */
    }
    struct world_truth *truth = &world->committed[index];
    ASSERT(index < WORLD_ENTRIES_MAX);
    if (truth->term == 0) {
        truth->term = entry.term;
        truth->hash = payload_hash(&entry);
        if (index > world->committed_last) {
            world->committed_last = index;
        }
    } else if (truth->term != entry.term || truth->hash != payload_hash(&entry)) {
        violated(world,
                 "state machine safety: %" PRIu64 " holds t%" PRIu64 " at %" PRIu64
                 ", t%" PRIu64 " was committed there",
                 node->id, entry.term, index, truth->term);
    }
}

static void watch_leader(struct world *world, struct world_node *node,
                         const struct raft_status *status)
{
    ASSERT(status->term < WORLD_TERMS_MAX);
    uint64_t *leader = &world->leader_of[status->term];
    world->leaders_seen++;
    if (*leader != 0 && *leader != node->id) {
        violated(world, "election safety: %" PRIu64 " and %" PRIu64 " lead t%" PRIu64,
                 *leader, node->id, status->term);
    }
    *leader = node->id;
    for (uint64_t i = status->log_first; i <= world->committed_last; i++) {
        const struct world_truth *truth = &world->committed[i];
        if (truth->term != 0 && truth->term < status->term &&
            raft_entry_term(node->raft, i) != truth->term) {
            violated(world,
                     "leader completeness: %" PRIu64 " leads t%" PRIu64
                     " without (%" PRIu64 ", t%" PRIu64 ")",
                     node->id, status->term, i, truth->term);
            return;
        }
    }
}

static void check_pair(struct world *world, struct world_node *a, struct world_node *b)
{
    struct raft_entry left, right;
    struct raft_status sa, sb;
    raft_status(a->raft, &sa);
    raft_status(b->raft, &sb);
    uint64_t first = sa.log_first > sb.log_first ? sa.log_first : sb.log_first;
    uint64_t i = sa.last_index < sb.last_index ? sa.last_index : sb.last_index;
    bool agree = false;
    for (; i >= first; i--) {
        if (!node_entry(a, i, &left) || !node_entry(b, i, &right)) {
            return;
        }
        bool same = left.term == right.term;
        agree = agree || same;
        if (agree && (!same || !slice_equal(left.payload, right.payload))) {
            violated(world,
                     "log matching: %" PRIu64 " and %" PRIu64 " differ at %" PRIu64,
                     a->id, b->id, i);
            return;
        }
    }
}

void world_check_logs(struct world *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        for (size_t j = i + 1; j < world->node_count; j++) {
            if (world->nodes[i].up && world->nodes[j].up) {
                check_pair(world, &world->nodes[i], &world->nodes[j]);
            }
        }
    }
}

/* --- An update ------------------------------------------------------------------------ */

static void take_write(struct world_node *node, const struct raft_write *write)
{
    if (write->sequence == 0) {
        return;
    }
    ASSERT(node->pending_count < WORLD_PENDING_MAX);
    struct world_write *pending = &node->pending[node->pending_count++];
    pending->write = *write;
    size_t count = write->last_index + 1 > write->first_index
                       ? write->last_index + 1 - write->first_index
                       : 0;
    pending->entries = memory_zalloc(count * sizeof *pending->entries + 1);
    for (size_t i = 0; i < count; i++) {
        struct raft_entry entry;
        ASSERT(raft_entry(node->raft, write->first_index + i, &entry));
        pending->entries[i] = (struct world_entry){
            .term = entry.term,
            .bytes =
                memory_copy(entry.payload.data ? entry.payload.data : (const uint8_t *)"",
                            entry.payload.size + (entry.payload.size == 0)),
            .size = entry.payload.size};
    }
}

static void take_messages(struct world *world, const struct raft_update *update)
{
    for (size_t i = 0; i < update->message_count; i++) {
        const struct raft_message *message = &update->messages[i];
        if (world->message_count == WORLD_MESSAGES_MAX) {
            world_lose(world, 0);
        }
        struct world_message *queued = &world->messages[world->message_count++];
        queued->from = message->from;
        queued->to = message->to;
        queued->kind = message->kind;
        buffer_clear(&queued->bytes);
        raft_message_encode(message, &queued->bytes);
        ASSERT(queued->bytes.size == raft_message_size(message));
    }
}

static void take_apply(struct world *world, struct world_node *node,
                       const struct raft_update *update)
{
    for (uint64_t i = update->apply_first; i <= update->apply_last; i++) {
        struct raft_entry entry;
        ASSERT(i == node->applied.index + 1);
        if (!node_entry(node, i, &entry)) {
            violated(world, "%" PRIu64 " cannot read %" PRIu64 " to apply it", node->id,
                     i);
            return;
        }
        node->applied.index = i;
        node->applied.term = entry.term;
        node->applied.digest = hash64(entry.payload, node->applied.digest + entry.term);
        watch_committed(world, node, i);
    }
    ASSERT(raft_members_at(node->raft, node->applied.index, &node->applied.members));
}

static void take_reads(struct world *world, struct world_node *node,
                       const struct raft_update *update)
{
    for (size_t i = 0; i < update->read_count; i++) {
        const struct raft_read *read = &update->reads[i];
        if (read->status != STATUS_OK) {
            continue;
        }
        world->reads_confirmed++;
        if (read->index < world->read_floor[read->context]) {
            violated(world,
                     "stale read: %" PRIu64 " reads at %" PRIu64 ", %" PRIu64
                     " was committed before",
                     node->id, read->index, world->read_floor[read->context]);
        }
    }
}

static void answer_fetches(struct world *world, struct world_node *node,
                           const struct raft_update *update);
static void answer_snapshots(struct world *world, struct world_node *node,
                             const struct raft_update *update);
static void answer_install(struct world *world, struct world_node *node,
                           const struct raft_update *update);

static void step(struct world *world, struct world_node *node, struct raft_event *events,
                 size_t count)
{
    struct moment now = world->now;
    struct raft_status status;
    now.wall_ms += node->clock_skew_ms;
    raft_step(node->raft, now, events, count, &node->update);
    struct raft_update update = node->update;
    if (update.dropped_from != 0) {
        node->dropped_from = update.dropped_from;
    }
    take_write(node, &update.write);
    take_messages(world, &update);
    raft_status(node->raft, &status);
    if (status.role == RAFT_LEADER &&
        (update.changed & (RAFT_CHANGED_ROLE | RAFT_CHANGED_TERM))) {
        watch_leader(world, node, &status);
    }
    if (update.changed & RAFT_CHANGED_COMMIT) {
        for (uint64_t i = node->commit_seen + 1; i <= status.commit; i++) {
            watch_committed(world, node, i);
        }
        node->commit_seen = status.commit;
    }
    take_apply(world, node, &update);
    take_reads(world, node, &update);
    answer_fetches(world, node, &update);
    answer_snapshots(world, node, &update);
    answer_install(world, node, &update);
    if (!world->slow_reports && update.apply_last >= update.apply_first) {
        world_report(world, node->id);
    }
}

static void answer_fetches(struct world *world, struct world_node *node,
                           const struct raft_update *update)
{
    struct raft_fetch fetches[RAFT_MEMBERS_MAX];
    size_t count = update->fetch_count;
    memcpy(fetches, update->fetches, count * sizeof fetches[0]);
    for (size_t i = 0; i < count; i++) {
        struct raft_entry entries[64];
        struct raft_event event = {.kind = RAFT_EVENT_FETCHED};
        event.fetched = (struct raft_fetched){.replica_id = fetches[i].replica_id,
                                              .first = fetches[i].first,
                                              .entries = entries};
        for (uint64_t at = fetches[i].first; at <= fetches[i].last; at++) {
            uint64_t slot = at - node->base_index - 1;
            if (at <= node->base_index || slot >= node->entry_count ||
                event.fetched.count == 64) {
                break;
            }
            const struct world_entry *entry = &node->entries[slot];
            entries[event.fetched.count++] =
                (struct raft_entry){.index = at,
                                    .term = entry->term,
                                    .payload = slice_of(entry->bytes, entry->size)};
        }
        event.fetched.status = event.fetched.count > 0 ? STATUS_OK : STATUS_NOT_FOUND;
        step(world, node, &event, 1);
    }
}

/* The manifest is the state itself. */
static void answer_snapshots(struct world *world, struct world_node *node,
                             const struct raft_update *update)
{
    uint64_t wanted[RAFT_MEMBERS_MAX];
    size_t count = update->snapshot_count;
    memcpy(wanted, update->snapshots_wanted, count * sizeof wanted[0]);
    for (size_t i = 0; i < count; i++) {
        struct world_state state = node->applied;
        struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_READY};
        event.snapshot_ready =
            (struct raft_snapshot_ready){.replica_id = wanted[i],
                                         .index = state.index,
                                         .term = state.term,
                                         .members = &state.members,
                                         .manifest = slice_of(&state, sizeof state)};
        step(world, node, &event, 1);
    }
}

static void answer_install(struct world *world, struct world_node *node,
                           const struct raft_update *update)
{
    if (update->install == NULL) {
        return;
    }
    struct raft_install install = *update->install;
    struct world_state state;
    ASSERT(install.manifest.size == sizeof state);
    memcpy(&state, install.manifest.data, sizeof state);
    if (!raft_members_equal(&state.members, &install.members)) {
        violated(world, "a snapshot's members differ from its message's");
    }
    if (node->install == INSTALL_NONE) {
        node->offered = state;
        node->install = INSTALL_OFFERED;
    }
    if (!world->slow_installs) {
        world_install(world, node->id, false);
        world_install(world, node->id, false);
    }
}

void world_install(struct world *world, uint64_t id, bool failing)
{
    struct world_node *node = world_node(world, id);
    struct world_state *offered = &node->offered;
    struct raft_event event = {.kind = RAFT_EVENT_INSTALL_FAILED};
    if (!node->up || node->install == INSTALL_NONE) {
        return;
    }
    if (failing || (node->install == INSTALL_OFFERED &&
                    !raft_install_wanted(node->raft, offered->index, offered->term))) {
        node->install = INSTALL_NONE;
    } else if (node->install == INSTALL_OFFERED) {
        node->install = INSTALL_BEGUN;
        event.kind = RAFT_EVENT_INSTALL_BEGUN;
    } else {
        node->install = INSTALL_NONE;
        node->flushed = node->applied = *offered;
        event.kind = RAFT_EVENT_INSTALL_DONE;
        event.installed = (struct raft_installed){
            .index = offered->index, .term = offered->term, .members = &offered->members};
    }
    step(world, node, &event, 1);
}

void world_report(struct world *world, uint64_t id)
{
    struct world_node *node = world_node(world, id);
    struct raft_event event = {.kind = RAFT_EVENT_APPLIED,
                               .through_index = node->applied.index};
    if (node->up) {
        step(world, node, &event, 1);
    }
}

/* --- Events --------------------------------------------------------------------------- */

bool world_event(struct world *world, uint64_t id, struct raft_event *event)
{
    struct world_node *node = world_node(world, id);
    if (!node->up) {
        event->status = STATUS_UNREACHABLE;
        return false;
    }
    step(world, node, event, 1);
    return true;
}

void world_tick(struct world *world, uint64_t id, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct raft_event event = {.kind = RAFT_EVENT_TICK};
        world->now.monotonic_us += 100000;
        world->now.wall_ms += 100;
        world_event(world, id, &event);
    }
}

enum status world_propose(struct world *world, uint64_t id, const char *payload)
{
    struct slice bytes = slice_from_string(payload);
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
    event.propose = (struct raft_propose){.payloads = &bytes, .count = 1};
    world_event(world, id, &event);
    world->proposals += event.status == STATUS_OK;
    return event.status;
}

enum status world_change(struct world *world, uint64_t id, enum raft_change_kind kind,
                         uint64_t replica_id)
{
    struct raft_event event = {.kind = RAFT_EVENT_CHANGE_MEMBERS};
    event.change_members.change = (struct raft_change){
        .kind = kind, .replica_id = replica_id, .node_id = replica_id};
    world_event(world, id, &event);
    return event.status;
}

enum status world_transfer(struct world *world, uint64_t id, uint64_t to)
{
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .transfer = {to}};
    world_event(world, id, &event);
    return event.status;
}

enum status world_read(struct world *world, uint64_t id)
{
    struct raft_event event = {.kind = RAFT_EVENT_READ,
                               .read = {world->reads_asked % WORLD_READS_MAX}};
    world->read_floor[world->reads_asked++ % WORLD_READS_MAX] = world->committed_last;
    world_event(world, id, &event);
    return event.status;
}

void world_campaign(struct world *world, uint64_t id)
{
    struct raft_event event = {.kind = RAFT_EVENT_CAMPAIGN};
    world_event(world, id, &event);
}

bool world_sync(struct world *world, uint64_t id)
{
    struct world_node *node = world_node(world, id);
    if (!node->up || node->pending_count == 0) {
        return false;
    }
    struct world_write write = node->pending[0];
    node->pending_count--;
    memmove(node->pending, node->pending + 1, node->pending_count * sizeof write);
    disk_write(node, &write);
    write_free(&write);
    struct raft_event event = {.kind = RAFT_EVENT_WRITTEN,
                               .written_sequence = write.write.sequence};
    return world_event(world, id, &event);
}

void world_sync_all(struct world *world, uint64_t id)
{
    while (world_sync(world, id)) {
    }
}

/* --- Messages ------------------------------------------------------------------------- */

static struct world_message queue_take(struct world *world, size_t at)
{
    struct world_message message = world->messages[at];
    world->message_count--;
    memmove(&world->messages[at], &world->messages[at + 1],
            (world->message_count - at) * sizeof message);
    /* The place behind the last keeps a buffer of its own. */
    buffer_init(&world->messages[world->message_count].bytes);
    return message;
}

static void hand_over(struct world *world, const struct world_message *message)
{
    struct raft_message decoded;
    if (world->cut[message->from - 1][message->to - 1] ||
        !world_node(world, message->to)->up) {
        return;
    }
    arena_reset(&world->arena);
    ASSERT(raft_message_decode(buffer_slice(&message->bytes), &world->arena, &decoded) ==
           STATUS_OK);
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &decoded};
    world_event(world, message->to, &event);
}

void world_deliver(struct world *world, size_t at)
{
    struct world_message message = queue_take(world, at);
    hand_over(world, &message);
    buffer_close(&message.bytes);
}

void world_repeat(struct world *world, size_t at)
{
    struct world_message copy = world->messages[at];
    buffer_init(&copy.bytes);
    buffer_append_slice(&copy.bytes, buffer_slice(&world->messages[at].bytes));
    hand_over(world, &copy);
    buffer_close(&copy.bytes);
}

void world_lose(struct world *world, size_t at)
{
    struct world_message message = queue_take(world, at);
    buffer_close(&message.bytes);
}

void world_lose_all(struct world *world, enum raft_message_kind kind)
{
    for (size_t i = world->message_count; i > 0; i--) {
        if (kind == 0 || world->messages[i - 1].kind == kind) {
            world_lose(world, i - 1);
        }
    }
}

bool world_deliver_kind(struct world *world, enum raft_message_kind kind, uint64_t to)
{
    for (size_t i = 0; i < world->message_count; i++) {
        if (world->messages[i].kind == kind && (to == 0 || world->messages[i].to == to)) {
            world_deliver(world, i);
            return true;
        }
    }
    return false;
}

void world_settle(struct world *world)
{
    for (unsigned round = 0; round < 10000; round++) {
        bool busy = false;
        if (world->message_count > 0) {
            world_deliver(world, 0);
            busy = true;
        }
        for (size_t i = 0; i < world->node_count; i++) {
            busy = world_sync(world, i + 1) || busy;
        }
        if (!busy) {
            return;
        }
    }
}

/* --- Faults --------------------------------------------------------------------------- */

void world_crash(struct world *world, uint64_t id, size_t kept)
{
    struct world_node *node = world_node(world, id);
    for (size_t i = 0; i < node->pending_count && i < kept; i++) {
        disk_write(node, &node->pending[i]);
    }
    node_forget(node);
}

void world_restart(struct world *world, uint64_t id)
{
    struct world_node *node = world_node(world, id);
    ASSERT(!node->up);
    node_open(world, node);
}

void world_cut(struct world *world, uint64_t id, bool cut)
{
    for (size_t i = 0; i < world->node_count; i++) {
        world->cut[id - 1][i] = cut;
        world->cut[i][id - 1] = cut;
    }
}

void world_flush(struct world *world, uint64_t id, uint64_t kept)
{
    struct world_node *node = world_node(world, id);
    if (!node->up) {
        return;
    }
    node->flushed = node->applied;
    uint64_t through = node->flushed.index > kept ? node->flushed.index - kept : 0;
    uint64_t last = node->base_index + node->entry_count;
    through = through < last ? through : last;
    if (through <= node->base_index || node->pending_count > 0) {
        return;
    }
    size_t gone = through - node->base_index;
    node->base_term = node->entries[gone - 1].term;
    for (size_t i = 0; i < gone; i++) {
        entry_free(&node->entries[i]);
    }
    node->entry_count -= gone;
    memmove(node->entries, node->entries + gone,
            node->entry_count * sizeof node->entries[0]);
    node->base_index = through;
    struct raft_event event = {.kind = RAFT_EVENT_COMPACTED, .through_index = through};
    world_event(world, id, &event);
}
