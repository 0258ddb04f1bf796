/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/atlas.h"

#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/storage/segment_format.h"
#include "tests/sim/judge.h"
#include "tests/sim/members.h"
#include "tests/sim/world.h"

enum {
    SEQUENCE_DIGITS = 16, /* of a segment's file name */
    HEXADECIMAL = 16,
};

/* --- Who is sound ---------------------------------------------------------------------- */

bool atlas_doubts(const struct sim_node *node, unsigned place)
{
    return node->seats[place].log_doubt || node->seats[place].flipped.size > 0;
}

bool atlas_sound(const struct sim_node *node, unsigned place)
{
    return seat_runs(&node->seats[place]) && !atlas_doubts(node, place);
}

/* Do all that run here, and all of them with nothing on its way, say the same members? */
static bool atlas_agree(struct sim_world *world, unsigned place,
                        struct raft_members *out_members)
{
    uint64_t version = 0;
    for (unsigned i = 0; i < world->node_count; i++) {
        const struct sim_node *node = &world->nodes[i];
        const struct sim_seat *seat = &node->seats[place];
        struct replica_status status;
        if (seat->stage == SIM_SEAT_EMPTY || seat->stage == SIM_SEAT_REMOVED) {
            continue;
        }
        if (!node->up || !atlas_sound(node, place)) {
            return false;
        }
        replica_status(host_replica(node->host, world->shards[place].shard_id), &status);
        if (status.failed != STATUS_OK || status.installing ||
            status.members.count == 0 ||
            status.members.version != status.members_applied ||
            (version != 0 && version != status.members.version)) {
            return false;
        }
        version = status.members.version;
        *out_members = status.members;
    }
    return version != 0;
}

/* May this node lose what it has, whatever the others do next? */
static bool atlas_allows(struct sim_world *world, const struct sim_node *victim)
{
    bool any = false;
    for (unsigned place = 0; place < world->shard_count; place++) {
        struct raft_members members;
        if (!seat_runs(&victim->seats[place])) {
            continue;
        }
        any = true;
        if (!atlas_agree(world, place, &members) ||
            members_sound(world, place, &members, victim) <
                raft_members_quorum(&members)) {
            return false;
        }
    }
    return any;
}

/* --- What a node finds ----------------------------------------------------------------- */

static void seat_settle(struct sim_seat *seat)
{
    seat->log_doubt = false;
    buffer_clear(&seat->flipped);
}

void atlas_found(struct sim_node *node, unsigned place)
{
    struct sim_seat *seat = &node->seats[place];
    node->world->counts.found++;
    seat_settle(seat);
    members_die(node, place);
}

bool atlas_log_lost(struct sim_node *node)
{
    bool doubted = false;
    for (unsigned place = 0; place < node->world->shard_count; place++) {
        doubted = doubted || node->seats[place].log_doubt;
    }
    if (!doubted) {
        return false;
    }
    for (unsigned place = 0; place < node->world->shard_count; place++) {
        if (seat_runs(&node->seats[place])) {
            atlas_found(node, place);
        }
    }
    crash_files_free(node->files);
    node->files = crash_files_new(0);
    node->logs_lost++;
    return true;
}

void atlas_opened(struct sim_node *node, unsigned place)
{
    struct sim_seat *seat = &node->seats[place];
    if (seat->flipped.size > 0 &&
        !memory_store_damaged(node->store, buffer_slice(&seat->flipped))) {
        node->world->counts.harmless++;
        buffer_clear(&seat->flipped);
    }
}

void atlas_started(struct sim_node *node)
{
    for (unsigned place = 0; place < node->world->shard_count; place++) {
        struct sim_seat *seat = &node->seats[place];
        node->world->counts.harmless += seat->log_doubt;
        seat->log_doubt = false;
    }
}

/* Whoever runs the cluster reads what lies there unread: the state row by row, the log by
 * a start. What was written anew meanwhile may still stand in an open snapshot. */
static void atlas_patrol(struct sim_node *node)
{
    bool doubted = false;
    for (unsigned place = 0; place < node->world->shard_count; place++) {
        const struct sim_seat *seat = &node->seats[place];
        doubted = doubted || atlas_doubts(node, place);
        if (seat_runs(seat) && seat->flipped.size > 0 &&
            memory_store_damaged(node->store, buffer_slice(&seat->flipped))) {
            atlas_found(node, place);
        }
    }
    if (doubted) {
        node_die(node, SIM_DEATH_KILL);
    }
}

/* --- Damage ---------------------------------------------------------------------------- */

static void atlas_wipe(struct sim_node *node, uint64_t detail)
{
    bool log = detail % 3 != 1;
    bool state = detail % 3 != 0;
    node_die(node, SIM_DEATH_POWER);
    if (log) {
        crash_files_free(node->files);
        node->files = crash_files_new(0);
        node->logs_lost++;
    }
    if (state) {
        store_close(node->store);
        node->store = memory_store_new();
    }
    for (unsigned place = 0; place < node->world->shard_count; place++) {
        seat_settle(&node->seats[place]);
        if (seat_runs(&node->seats[place])) {
            members_die(node, place);
        }
    }
}

/* The batches of a log, as they lie in its files. */
struct atlas_batches {
    struct sim_node *node;
    uint64_t log_id;
    uint64_t detail;
    uint64_t last;   /* number of the newest batch */
    uint64_t count;  /* of those before it */
    uint64_t wanted; /* which of those; UINT64_MAX: only count */
    char path[FILE_PATH_BYTES_MAX];
    uint64_t byte; /* of the path's, that is hit */
};

static void atlas_take_batch(struct atlas_batches *batches, const char *path,
                             uint64_t offset, const struct segment_header *header)
{
    if (header->number >= batches->last) {
        return;
    }
    if (batches->count++ == batches->wanted) {
        snprintf(batches->path, sizeof batches->path, "%s", path);
        batches->byte = offset + (batches->detail >> 8) % header->bytes;
    }
}

/* Headers of a spare file's earlier life name another sequence. */
static bool atlas_visit_segment(void *context, const char *name)
{
    struct atlas_batches *batches = context;
    char path[FILE_PATH_BYTES_MAX];
    char *end;
    uint64_t sequence = strtoull(name, &end, HEXADECIMAL);
    if (end != name + SEQUENCE_DIGITS) {
        return true;
    }
    snprintf(path, sizeof path, "/log/%s", name);
    struct slice bytes = crash_files_bytes(batches->node->files, path);
    for (uint64_t at = 0; at + SEGMENT_BLOCK_BYTES <= bytes.size;
         at += SEGMENT_BLOCK_BYTES) {
        struct segment_header header;
        struct slice block = slice_of(bytes.data + at, bytes.size - at);
        if (segment_header_decode(block, batches->log_id, &header) != STATUS_OK ||
            header.sequence != sequence || header.offset != at) {
            continue;
        }
        if (batches->wanted == UINT64_MAX) {
            batches->last = header.number > batches->last ? header.number : batches->last;
            batches->count++;
        } else {
            atlas_take_batch(batches, path, at, &header);
        }
    }
    return true;
}

static bool atlas_flip_log(struct sim_node *node, uint64_t detail)
{
    struct atlas_batches batches = {.node = node,
                                    .log_id = node_log_id(node),
                                    .detail = detail,
                                    .wanted = UINT64_MAX};
    struct file_system *fs = crash_files_system(node->files);
    if (file_system_list(fs, "/log", atlas_visit_segment, &batches) != STATUS_OK ||
        batches.count < 2) {
        return false;
    }
    batches.wanted = detail % (batches.count - 1);
    batches.count = 0;
    enum status status = file_system_list(fs, "/log", atlas_visit_segment, &batches);
    if (status != STATUS_OK || batches.path[0] == 0 ||
        !crash_files_flip(node->files, batches.path, batches.byte,
                          (unsigned)(detail >> 40))) {
        return false;
    }
    for (unsigned place = 0; place < node->world->shard_count; place++) {
        node->seats[place].log_doubt = seat_runs(&node->seats[place]);
        node->seats[place].doubt_us = node->world->now_us;
    }
    return true;
}

/* The place of the shard whose row it is; shard_count: nobody's here. */
static unsigned atlas_row_place(const struct sim_world *world, struct slice key)
{
    struct key_state state;
    struct key_order order;
    struct key_meta meta;
    unsigned place = 0;
    bool is_order = key_parse_order(key, &order);
    bool is_meta = !is_order && key_parse_meta(key, &meta);
    bool is_state = !is_order && !is_meta && key_parse_state(key, &state);
    for (; place < world->shard_count; place++) {
        const struct sim_shard *shard = &world->shards[place];
        enum key_table table =
            shard->kind == REPLICA_SKU ? KEY_TABLE_SKU : KEY_TABLE_CUSTOMER;
        if ((is_order && order.shard_id == shard->shard_id) ||
            (is_meta && meta.shard_id == shard->shard_id) ||
            (is_state && state.table == table &&
             key_range_contains(shard->range, state.hash))) {
            break;
        }
    }
    return place;
}

static bool atlas_flip_state(struct sim_node *node, uint64_t detail)
{
    static const char tables[] = {KEY_TABLE_META, KEY_TABLE_SKU, KEY_TABLE_CUSTOMER,
                                  KEY_TABLE_ORDER};
    struct buffer key;
    bool hit = false;
    buffer_init(&key);
    if (memory_store_pick(node->store, tables[detail % sizeof tables], detail >> 8,
                          &key)) {
        unsigned place = atlas_row_place(node->world, buffer_slice(&key));
        hit = place < node->world->shard_count && seat_runs(&node->seats[place]) &&
              node->seats[place].opened_id == node->seats[place].replica_id;
        if (hit) {
            struct sim_seat *seat = &node->seats[place];
            memory_store_flip(node->store, buffer_slice(&key));
            buffer_clear(&seat->flipped);
            buffer_append_slice(&seat->flipped, buffer_slice(&key));
            seat->doubt_us = node->world->now_us;
        }
    }
    buffer_close(&key);
    return hit;
}

/* --- Faults ---------------------------------------------------------------------------- */

static bool atlas_strike(struct sim_world *world, const struct sim_fault *fault)
{
    struct sim_node *node = &world->nodes[fault->target];
    bool done = true;
    if (!atlas_allows(world, node)) {
        return false;
    }
    if (fault->kind == SIM_FAULT_WIPE) {
        atlas_wipe(node, fault->detail);
    } else if (fault->kind == SIM_FAULT_FLIP_LOG) {
        done = atlas_flip_log(node, fault->detail);
    } else {
        done = atlas_flip_state(node, fault->detail);
    }
    /* Half of the flips are met at a start, the others by a node that goes on. */
    if (done && fault->detail >> 63 != 0) {
        node_die(node, fault->detail >> 62 & 1 ? SIM_DEATH_KILL : SIM_DEATH_POWER);
    }
    if (done) {
        char target[16];
        snprintf(target, sizeof target, "node%u", fault->target);
        judge_fault(&world->history, sim_fault_name(fault->kind), target, true);
        world->counts.faults[fault->kind]++;
    }
    return done;
}

void atlas_want(struct sim_world *world, const struct sim_fault *fault)
{
    struct sim_node *node = &world->nodes[fault->target];
    node->damage = atlas_strike(world, fault) ? NULL : fault;
}

void atlas_forget(struct sim_world *world, const struct sim_fault *fault)
{
    struct sim_node *node = &world->nodes[fault->target];
    if (node->damage == fault) {
        node->damage = NULL;
    }
}

void atlas_tick(struct sim_world *world)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[i];
        if (node->damage != NULL && atlas_strike(world, node->damage)) {
            node->damage = NULL;
        }
        for (unsigned place = 0; place < world->shard_count; place++) {
            if (world->phase == SIM_PHASE_FAULTS && node->up &&
                atlas_doubts(node, place) &&
                world->now_us >= node->seats[place].doubt_us + SIM_PATROL_US) {
                atlas_patrol(node);
            }
        }
    }
}

void atlas_heal(struct sim_world *world)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[i];
        bool doubted = false;
        node->damage = NULL;
        for (unsigned place = 0; place < world->shard_count; place++) {
            doubted = doubted || node->seats[place].log_doubt;
        }
        if (doubted) {
            node_die(node, SIM_DEATH_KILL);
        }
    }
}
