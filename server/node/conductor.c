/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/conductor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/runtime/system_clock.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "shard/placement/placement_step.h"
#include "shard/replica/command.h"

enum {
    MILLISECOND_US = 1000,
};

struct conductor_loop {
    struct conductor *conductor;
    unsigned loop;
    struct runtime_task task;
    struct runtime_timer timer;
    struct peers_counted counted; /* of this loop's groups; the lock's */
};

struct conductor {
    struct conductor_options options;
    struct conductor_loop *loops;
    pthread_mutex_t lock; /* of what follows */
    struct directory directory;
    struct peers_counted counted; /* of all loops */
    char peer_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    char client_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];

    /* Reading the directory: the thread of its loop's. */
    struct shard_call read;
    struct replica_query query;
    struct replica_answer answer;
    struct arena read_arena;
    bool reading;
    /* Announcing: as well. */
    struct shard_call announce;
    struct slice command;
    struct replica_outcome outcome;
    struct arena announce_arena;
    bool announcing;
};

/* --- The directory ------------------------------------------------------------------- */

static void conductor_read_done(struct shard_call *call)
{
    struct conductor *conductor = CONTAINER_OF(call, struct conductor, read);
    struct directory fresh;
    directory_init(&fresh);
    enum status status = call->status == STATUS_OK
                             ? directory_decode(conductor->answer.directory, &fresh)
                             : call->status;
    conductor->reading = false;
    if (status == STATUS_OK) {
        ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
        bool newer = fresh.version > conductor->directory.version;
        pthread_mutex_unlock(&conductor->lock);
        if (newer && conductor->options.changed(conductor->options.context, &fresh)) {
            ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
            directory_copy(&conductor->directory, &fresh);
            pthread_mutex_unlock(&conductor->lock);
        }
    }
    directory_close(&fresh);
    arena_reset(&conductor->read_arena);
}

static void conductor_read(struct conductor *conductor)
{
    conductor->reading = true;
    conductor->query = (struct replica_query){.kind = REPLICA_QUERY_DIRECTORY};
    shard_call_init_read(&conductor->read, DIRECTORY_SHARD_ID, &conductor->query,
                         &conductor->answer);
    conductor->read.arena = &conductor->read_arena;
    conductor->read.done = conductor_read_done;
    if (runtime_submit(conductor->options.runtime, &conductor->read) != STATUS_OK) {
        conductor->reading = false; /* the next tick asks again */
    }
}

static uint64_t conductor_version(struct conductor *conductor)
{
    ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
    uint64_t version = conductor->directory.version;
    pthread_mutex_unlock(&conductor->lock);
    return version;
}

/* --- Where this node is -------------------------------------------------------------- */

static void conductor_announced(struct shard_call *call)
{
    struct conductor *conductor = CONTAINER_OF(call, struct conductor, announce);
    conductor->announcing = false; /* the directory will say, or the next tick again */
    arena_reset(&conductor->announce_arena);
}

/* What is to be announced; false when the directory says so already. */
static bool conductor_moved(struct conductor *conductor, struct directory_command *out)
{
    bool moved = false;
    ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
    const struct directory_node *known =
        directory_find_node(&conductor->directory, conductor->options.node_id);
    if (known != NULL && conductor->peer_address[0] != '\0' &&
        conductor->client_address[0] != '\0') {
        moved = strcmp(known->peer_address, conductor->peer_address) != 0 ||
                strcmp(known->client_address, conductor->client_address) != 0;
    }
    if (moved) {
        *out = (struct directory_command){
            .kind = DIRECTORY_ANNOUNCE,
            .node_id = conductor->options.node_id,
            .peer_address = arena_slice(&conductor->announce_arena,
                                        slice_from_string(conductor->peer_address)),
            .client_address = arena_slice(&conductor->announce_arena,
                                          slice_from_string(conductor->client_address))};
    }
    pthread_mutex_unlock(&conductor->lock);
    return moved;
}

static void conductor_announce(struct conductor *conductor, struct moment now)
{
    struct directory_command command;
    if (conductor->announcing || !conductor_moved(conductor, &command) ||
        command_encode_directory(&command, &conductor->announce_arena,
                                 &conductor->command) != STATUS_OK) {
        return;
    }
    conductor->announcing = true;
    shard_call_init_propose(&conductor->announce, DIRECTORY_SHARD_ID, &conductor->command,
                            1, &conductor->outcome);
    conductor->announce.arena = &conductor->announce_arena;
    conductor->announce.deadline_us =
        now.monotonic_us + CONDUCTOR_ANNOUNCE_MS * MILLISECOND_US;
    conductor->announce.done = conductor_announced;
    if (runtime_submit(conductor->options.runtime, &conductor->announce) != STATUS_OK) {
        conductor_announced(&conductor->announce);
    }
}

/* --- Groups -------------------------------------------------------------------------- */

static void conductor_see_group(const struct replica_status *status,
                                struct placement_group *out)
{
    *out = (struct placement_group){.shard_id = status->shard_id,
                                    .leader_replica_id = status->replica_id};
    for (uint32_t i = 0; i < status->members.count; i++) {
        const struct raft_member *member = &status->members.member[i];
        struct placement_member *seen = &out->members[out->member_count++];
        *seen = (struct placement_member){.replica_id = member->replica_id,
                                          .node_id = member->node_id,
                                          .voter = member->role == RAFT_VOTER};
        seen->active = seen->caught_up = member->replica_id == status->replica_id;
        for (uint32_t k = 0; k < status->follower_count; k++) {
            const struct raft_follower *follower = &status->followers[k];
            if (follower->replica_id == member->replica_id) {
                seen->active = follower->active;
                seen->caught_up =
                    follower->state == RAFT_REPLICATE &&
                    follower->match + CONDUCTOR_LAG_MAX >= status->commit_index;
            }
        }
    }
}

/* --- Nodes that were removed ---------------------------------------------------------- */

static void conductor_count(const struct directory *directory,
                            const struct replica *replica, struct peers_counted *counted)
{
    struct replica_status status;
    replica_status(replica, &status);
    for (uint32_t i = 0; i < status.members.count; i++) {
        uint64_t node_id = status.members.member[i].node_id;
        if (!directory_node_removed(directory, node_id) ||
            peers_counts(counted, node_id) || counted->count == PEERS_COUNTED_MAX) {
            continue;
        }
        /* A replica that was itself sent away does not hear how its group goes on. */
        const struct directory_place *place =
            directory_find_replica(directory, status.replica_id);
        if (place == NULL || !place->leaving) {
            counted->node_ids[counted->count++] = node_id;
        }
    }
}

/* The directory's own group does not count: it lets a node go last, so that the node hears
 * what its other groups are to do. */
static void conductor_count_loop(struct conductor_loop *self,
                                 const struct shard_host *host)
{
    struct conductor *conductor = self->conductor;
    self->counted = (struct peers_counted){.version = conductor->directory.version};
    for (size_t i = 0; i < host_replica_count(host); i++) {
        const struct replica *replica = host_replica_at(host, i);
        if (replica_shard_id(replica) != DIRECTORY_SHARD_ID) {
            conductor_count(&conductor->directory, replica, &self->counted);
        }
    }
}

static void conductor_count_all(struct conductor_loop *self,
                                const struct shard_host *host)
{
    struct conductor *conductor = self->conductor;
    unsigned loops = runtime_loop_count(conductor->options.runtime);
    struct peers_counted all;
    ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
    conductor_count_loop(self, host);
    all = (struct peers_counted){.version = conductor->directory.version};
    for (unsigned i = 0; i < loops; i++) {
        const struct peers_counted *one = &conductor->loops[i].counted;
        all.version = one->version < all.version ? one->version : all.version;
        for (size_t k = 0; k < one->count && all.count < PEERS_COUNTED_MAX; k++) {
            if (!peers_counts(&all, one->node_ids[k])) {
                all.node_ids[all.count++] = one->node_ids[k];
            }
        }
    }
    if (memcmp(&all, &conductor->counted, sizeof all) != 0) {
        conductor->counted = all;
        conductor->options.counted(conductor->options.context, &all);
    }
    pthread_mutex_unlock(&conductor->lock);
}

static bool conductor_counts(const struct conductor *conductor, uint64_t node_id)
{
    return directory_node_removed(&conductor->directory, node_id) &&
           (conductor->counted.version < conductor->directory.version ||
            peers_counts(&conductor->counted, node_id));
}

static enum status conductor_take_step(struct shard_host *host, struct moment now,
                                       uint64_t shard_id,
                                       const struct placement_step *step)
{
    struct raft_change change = {.replica_id = step->replica_id,
                                 .node_id = step->node_id};
    switch (step->action) {
    case PLACEMENT_NOTHING:
        return STATUS_OK;
    case PLACEMENT_TRANSFER:
        return host_transfer(host, now, shard_id, step->replica_id);
    case PLACEMENT_ADD_LEARNER:
        change.kind = RAFT_ADD_LEARNER;
        break;
    case PLACEMENT_PROMOTE:
        change.kind = RAFT_PROMOTE;
        break;
    case PLACEMENT_REMOVE:
        change.kind = RAFT_REMOVE;
        break;
    }
    return host_change_members(host, now, shard_id, &change);
}

static void conductor_tend(struct conductor *conductor, struct shard_host *host,
                           struct moment now, const struct replica *replica)
{
    static const char *const names[] = {"nothing", "add a learner", "give a vote",
                                        "remove", "hand over the lead"};
    struct replica_status status;
    struct placement_group group;
    replica_status(replica, &status);
    if (status.role != RAFT_LEADER) {
        return;
    }
    conductor_see_group(&status, &group);
    ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
    for (uint32_t i = 0; i < group.member_count; i++) {
        group.members[i].counted = group.shard_id == DIRECTORY_SHARD_ID &&
                                   conductor_counts(conductor, group.members[i].node_id);
    }
    struct placement_step step = placement_next(&conductor->directory, &group);
    pthread_mutex_unlock(&conductor->lock);
    if (step.action != PLACEMENT_NOTHING &&
        conductor_take_step(host, now, group.shard_id, &step) == STATUS_OK) {
        log_event(LOG_INFO, "members of a shard change", LOG_U64("shard", group.shard_id),
                  LOG_STRING("change", names[step.action]),
                  LOG_U64("replica", step.replica_id), LOG_U64("node", step.node_id));
    }
}

static void conductor_tick(struct runtime_timer *timer, struct moment now)
{
    struct conductor_loop *self = CONTAINER_OF(timer, struct conductor_loop, timer);
    struct conductor *conductor = self->conductor;
    struct shard_host *host = runtime_host(conductor->options.runtime, self->loop);
    uint64_t version = conductor_version(conductor);
    conductor_count_all(self, host);
    for (size_t i = 0; i < host_replica_count(host); i++) {
        const struct replica *replica = host_replica_at(host, i);
        if (replica_shard_id(replica) == DIRECTORY_SHARD_ID) {
            struct replica_status status;
            replica_status(replica, &status);
            if (status.directory_version > version && !conductor->reading) {
                conductor_read(conductor);
            }
            conductor_announce(conductor, now);
        }
        if (version > 0 && replica_leader(replica) == replica_id(replica)) {
            conductor_tend(conductor, host, now, replica);
        }
    }
    runtime_timer_set(conductor->options.runtime, self->loop, timer,
                      now.monotonic_us + CONDUCTOR_TICK_MS * MILLISECOND_US);
}

static void conductor_begin(struct runtime_task *task, struct moment now)
{
    struct conductor_loop *self = CONTAINER_OF(task, struct conductor_loop, task);
    runtime_timer_set(self->conductor->options.runtime, self->loop, &self->timer,
                      now.monotonic_us);
}

/* --- Life ---------------------------------------------------------------------------- */

struct conductor *conductor_start(const struct conductor_options *options)
{
    struct conductor *conductor = memory_zalloc(sizeof *conductor);
    unsigned count = runtime_loop_count(options->runtime);
    conductor->options = *options;
    ASSERT(pthread_mutex_init(&conductor->lock, NULL) == 0);
    directory_init(&conductor->directory);
    directory_copy(&conductor->directory, options->directory);
    arena_init(&conductor->read_arena, NULL, 0, 0);
    arena_init(&conductor->announce_arena, NULL, 0, 0);
    conductor->loops = memory_zalloc(count * sizeof *conductor->loops);
    for (unsigned i = 0; i < count; i++) {
        struct conductor_loop *self = &conductor->loops[i];
        self->conductor = conductor;
        self->loop = i;
        self->task.run = conductor_begin;
        self->timer.fire = conductor_tick;
        runtime_post(options->runtime, i, &self->task);
    }
    return conductor;
}

void conductor_free(struct conductor *conductor)
{
    if (conductor == NULL) {
        return;
    }
    directory_close(&conductor->directory);
    arena_close(&conductor->read_arena);
    arena_close(&conductor->announce_arena);
    pthread_mutex_destroy(&conductor->lock);
    free(conductor->loops);
    free(conductor);
}

void conductor_set_addresses(struct conductor *conductor, const char *peer_address,
                             const char *client_address)
{
    ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
    snprintf(conductor->peer_address, sizeof conductor->peer_address, "%s", peer_address);
    snprintf(conductor->client_address, sizeof conductor->client_address, "%s",
             client_address);
    pthread_mutex_unlock(&conductor->lock);
}

void conductor_directory(struct conductor *conductor, struct directory *out)
{
    ASSERT(pthread_mutex_lock(&conductor->lock) == 0);
    directory_copy(out, &conductor->directory);
    pthread_mutex_unlock(&conductor->lock);
}
