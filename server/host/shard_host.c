/* SPDX-License-Identifier: Apache-2.0 */
#include "server/host/shard_host.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/heap.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

enum {
    MILLISECOND_US = 1000,
};

/* One replica of this host. */
struct host_shard {
    struct map_node node;  /* by shard id */
    struct heap_node tick; /* by next_tick_us */
    struct list active;    /* in host->active while it may have something to collect */
    struct list dirty;     /* in host->dirty while its state has changed */
    struct list flushing;  /* in host->flushing while its state is on its way */
    struct list talking;   /* in host->talking while it may have messages */
    struct replica *replica;
    uint64_t next_tick_us;
    uint64_t state_index; /* of the batch on its way */
};

/* What one log batch holds of one replica. */
struct host_part {
    struct host_shard *shard;
    uint64_t ticket;
};

struct host_batch {
    struct host_part *parts;
    size_t part_count;
    size_t part_capacity;
    size_t bytes;
};

struct shard_host {
    const struct settings *settings;
    struct host_shard **shards;
    size_t shard_count;
    size_t shard_capacity;
    struct map by_id;
    struct heap ticks;
    struct list active;
    struct list dirty;
    struct list flushing;
    struct list talking;
    struct list done; /* calls that have ended */
    size_t call_count;
    size_t queued_bytes;
    size_t parcels_next; /* where host_take_parcel goes on: shard by shard */
    size_t degrees_next; /* where host_take_degrees goes on: shard by shard, all kinds */
    struct degree_table *degrees[RECOMMEND_DEGREES_KINDS];
    struct trending *trending;

    struct host_batch batches[HOST_BATCHES_IN_FLIGHT_MAX]; /* a ring */
    size_t batch_first;
    size_t batch_count;

    struct moment now; /* the latest that was told */
    enum status failed;
    bool state_on_its_way;
    bool state_urgent;       /* something in `dirty` does not wait for the next flush */
    uint64_t dirty_since_us; /* when the oldest in `dirty` changed */
};

static bool host_tick_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct host_shard *left =
        (const void *)((const char *)a - offsetof(struct host_shard, tick));
    const struct host_shard *right =
        (const void *)((const char *)b - offsetof(struct host_shard, tick));
    return left->next_tick_us < right->next_tick_us;
}

static bool host_id_equal(const struct map_node *node, const void *key)
{
    (void)node; /* hash_mix is a bijection: equal hashes are equal ids */
    (void)key;
    return true;
}

struct shard_host *host_new(const struct settings *settings)
{
    struct shard_host *host = memory_zalloc(sizeof *host);
    host->settings = settings;
    map_init(&host->by_id);
    heap_init(&host->ticks, host_tick_less);
    list_init(&host->active);
    list_init(&host->dirty);
    list_init(&host->flushing);
    list_init(&host->talking);
    list_init(&host->done);
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        host->degrees[kind] = degree_table_new();
    }
    host->trending = trending_new();
    return host;
}

void host_free(struct shard_host *host)
{
    if (host == NULL) {
        return;
    }
    for (size_t i = 0; i < host->shard_count; i++) {
        replica_close(host->shards[i]->replica);
        free(host->shards[i]);
    }
    for (size_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        free(host->batches[i].parts);
    }
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        degree_table_free(host->degrees[kind]);
    }
    trending_free(host->trending);
    free(host->shards);
    map_close(&host->by_id);
    heap_close(&host->ticks);
    free(host);
}

static struct host_shard *host_find(const struct shard_host *host, uint64_t shard_id)
{
    struct map_node *node =
        map_find(&host->by_id, hash_mix(shard_id), host_id_equal, NULL);
    return node != NULL ? CONTAINER_OF(node, struct host_shard, node) : NULL;
}

static void host_activate(struct shard_host *host, struct host_shard *shard)
{
    if (list_empty(&shard->active)) {
        list_append(&host->active, &shard->active);
    }
}

static void host_note_dirty(struct shard_host *host, struct host_shard *shard,
                            struct moment now)
{
    host->state_urgent = host->state_urgent || replica_state_urgent(shard->replica);
    if (!list_empty(&shard->dirty) || !replica_state_dirty(shard->replica)) {
        return;
    }
    if (list_empty(&host->dirty)) {
        host->dirty_since_us = now.monotonic_us;
    }
    list_append(&host->dirty, &shard->dirty);
}

/* What a call to the replica may have left to do. */
static void host_follow(struct shard_host *host, struct host_shard *shard)
{
    if (replica_ready(shard->replica)) {
        host_activate(host, shard);
    }
    if (replica_has_message(shard->replica) && list_empty(&shard->talking)) {
        list_append(&host->talking, &shard->talking);
    }
    if (host->failed == STATUS_OK) {
        host->failed = replica_failed(shard->replica);
    }
}

static void host_reckon_tick(struct host_shard *shard, struct shard_host *host,
                             struct moment now)
{
    shard->next_tick_us = replica_next_tick_us(shard->replica, now);
    heap_update(&host->ticks, &shard->tick);
}

enum status host_add(struct shard_host *host, struct replica **replica)
{
    uint64_t shard_id = replica_shard_id(*replica);
    if (host_find(host, shard_id) != NULL) {
        return STATUS_ALREADY_EXISTS;
    }
    struct host_shard *shard = memory_zalloc(sizeof *shard);
    shard->replica = *replica;
    *replica = NULL;
    list_init(&shard->active);
    list_init(&shard->dirty);
    list_init(&shard->flushing);
    list_init(&shard->talking);
    memory_reserve((void **)&host->shards, &host->shard_capacity, host->shard_count + 1,
                   sizeof(struct host_shard *));
    host->shards[host->shard_count++] = shard;
    map_insert(&host->by_id, &shard->node, hash_mix(shard_id));
    heap_push(&host->ticks, &shard->tick); /* due at once: time 0 */
    /* What a replay applied is not in the store yet. */
    host_note_dirty(host, shard, (struct moment){0});
    host_follow(host, shard);
    return STATUS_OK;
}

size_t host_replica_count(const struct shard_host *host)
{
    return host->shard_count;
}

struct replica *host_replica(const struct shard_host *host, uint64_t shard_id)
{
    struct host_shard *shard = host_find(host, shard_id);
    return shard != NULL ? shard->replica : NULL;
}

struct replica *host_replica_at(const struct shard_host *host, size_t index)
{
    ASSERT(index < host->shard_count);
    return host->shards[index]->replica;
}

void host_set_pressure(struct shard_host *host, struct replica_pressure pressure)
{
    for (size_t i = 0; i < host->shard_count; i++) {
        replica_set_pressure(host->shards[i]->replica, pressure);
    }
}

/* --- Calls ------------------------------------------------------------------------- */

static void host_end_call(struct shard_host *host, struct shard_call *call)
{
    struct host_shard *shard =
        call->status == STATUS_NOT_LEADER ? host_find(host, call->shard_id) : NULL;
    call->leader_replica_id = 0;
    if (shard != NULL) {
        call->leader_replica_id = replica_leader(shard->replica);
    }
    list_append(&host->done, &call->link);
}

/* Takes back what a replica has finished. */
static void host_harvest(struct shard_host *host, struct host_shard *shard)
{
    struct replica_proposal *proposal;
    while ((proposal = replica_done_proposal(shard->replica)) != NULL) {
        struct shard_call *call =
            CONTAINER_OF(proposal, struct shard_call, work.proposal);
        call->status = proposal->status;
        call->stamp = proposal->stamp;
        call->appended_count = proposal->appended_count;
        call->decided_count = proposal->decided_count;
        host_end_call(host, call);
    }
    struct replica_read *read;
    while ((read = replica_done_read(shard->replica)) != NULL) {
        struct shard_call *call = CONTAINER_OF(read, struct shard_call, work.read);
        call->status = read->status;
        call->stamp = read->stamp;
        host_end_call(host, call);
    }
}

static enum status host_propose(struct shard_host *host, struct host_shard *shard,
                                struct shard_call *call)
{
    if (host->queued_bytes > (size_t)host->settings->proposal_queue_max_bytes) {
        return STATUS_OVERLOADED;
    }
    call->work.proposal = (struct replica_proposal){
        .commands = call->commands,
        .command_count = call->command_count,
        .outcomes = call->outcomes,
        .arena = call->arena,
        .deadline_us = call->deadline_us,
    };
    return replica_propose(shard->replica, &call->work.proposal);
}

/* The degree tables of all loops, as far as they are the shard's: each loop has its own. */
static void host_add_tables(const struct shard_host *host, uint64_t shard_id,
                            struct replica_status *status)
{
    uint64_t loops = (uint64_t)host->settings->shard_loops;
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        uint64_t bytes = loops * degree_table_shard_bytes(host->degrees[kind], shard_id);
        status->evidence_bytes += bytes;
        if (kind == RECOMMEND_DEGREES_TOKENS) {
            status->inventory.memory_bytes += bytes;
        } else {
            status->customer.memory_bytes += bytes;
        }
    }
}

static enum status host_read(struct shard_host *host, struct host_shard *shard,
                             struct moment now, struct shard_call *call)
{
    if (call->deadline_us != 0 && now.monotonic_us > call->deadline_us) {
        return STATUS_OUTCOME_UNKNOWN;
    }
    call->work.read = (struct replica_read){
        .query = call->query,
        .answer = call->answer,
        .arena = call->arena,
        .tokens = host->degrees[RECOMMEND_DEGREES_TOKENS],
        .deadline_us = call->deadline_us,
    };
    replica_read(shard->replica, now, &call->work.read);
    if (call->query->kind == REPLICA_QUERY_STATUS) {
        host_add_tables(host, call->shard_id, &call->answer->replica);
    }
    return STATUS_OK;
}

void host_submit(struct shard_host *host, struct moment now, struct shard_call *call)
{
    host->call_count++;
    call->appended_count = 0;
    call->decided_count = 0;
    call->queued_bytes = shard_call_bytes(call);
    host->queued_bytes += call->queued_bytes;
    struct host_shard *shard = host_find(host, call->shard_id);
    enum status status = STATUS_EPOCH_CHANGED;
    if (shard != NULL) {
        status = call->kind == SHARD_CALL_PROPOSE ? host_propose(host, shard, call)
                                                  : host_read(host, shard, now, call);
    }
    if (status == STATUS_OVERLOADED) {
        metric_add(METRIC_PROPOSALS_OVERLOADED, 1);
    }
    if (status != STATUS_OK) {
        call->status = status;
        host_end_call(host, call);
        return;
    }
    host_harvest(host, shard);
    host_follow(host, shard);
}

size_t host_finish(struct shard_host *host)
{
    size_t bytes = 0;
    struct list *link;
    while ((link = list_pop(&host->done)) != NULL) {
        struct shard_call *call = LIST_ENTRY(link, struct shard_call, link);
        host->queued_bytes -= call->queued_bytes;
        host->call_count--;
        bytes += call->queued_bytes;
        call->done(call); /* the memory is the submitter's from here on */
    }
    return bytes;
}

bool host_take_degrees(struct shard_host *host, struct host_news *out_news)
{
    while (host->degrees_next < host->shard_count * RECOMMEND_DEGREES_KINDS) {
        size_t place = host->degrees_next++;
        struct replica *replica = host->shards[place / RECOMMEND_DEGREES_KINDS]->replica;
        enum recommend_degrees kind =
            (enum recommend_degrees)(place % RECOMMEND_DEGREES_KINDS);
        if (replica_take_degrees(replica, kind, &out_news->delta)) {
            out_news->kind = kind;
            out_news->shard_id = replica_shard_id(replica);
            return true;
        }
    }
    host->degrees_next = 0;
    return false;
}

void host_tell_degrees(struct shard_host *host, const struct host_news *news)
{
    enum status status =
        degree_table_apply(host->degrees[news->kind], news->shard_id, &news->delta);
    ASSERT(status == STATUS_OK); /* one source, in order, within the limit of shards */
}

struct degree_table *host_degrees(struct shard_host *host, enum recommend_degrees kind)
{
    ASSERT(kind < RECOMMEND_DEGREES_KINDS);
    return host->degrees[kind];
}

struct trending *host_trending(struct shard_host *host)
{
    return host->trending;
}

/* --- Log --------------------------------------------------------------------------- */

static void host_tick(struct shard_host *host, struct moment now)
{
    for (;;) {
        struct heap_node *node = heap_peek(&host->ticks);
        if (node == NULL) {
            return;
        }
        struct host_shard *shard = CONTAINER_OF(node, struct host_shard, tick);
        if (shard->next_tick_us > now.monotonic_us) {
            return;
        }
        replica_tick(shard->replica, now);
        host_harvest(host, shard);
        host_note_dirty(host, shard, now);
        host_follow(host, shard);
        /* At least a step away, so that this loop ends whatever the replica says. */
        uint64_t next_us = replica_next_tick_us(shard->replica, now);
        uint64_t least_us = now.monotonic_us + MILLISECOND_US;
        shard->next_tick_us = next_us > least_us ? next_us : least_us;
        heap_update(&host->ticks, &shard->tick);
    }
}

static void host_batch_add(struct host_batch *batch, struct host_shard *shard,
                           uint64_t ticket)
{
    memory_reserve((void **)&batch->parts, &batch->part_capacity, batch->part_count + 1,
                   sizeof(struct host_part));
    batch->parts[batch->part_count++] =
        (struct host_part){.shard = shard, .ticket = ticket};
}

bool host_turn(struct shard_host *host, struct moment now, struct log_batch *batch)
{
    log_batch_clear(batch);
    host->now = now;
    host_tick(host, now);
    if (host->batch_count == HOST_BATCHES_IN_FLIGHT_MAX) {
        return false;
    }
    size_t place = (host->batch_first + host->batch_count) % HOST_BATCHES_IN_FLIGHT_MAX;
    struct host_batch *made = &host->batches[place];
    made->part_count = 0;
    struct list again; /* has more than one entry's worth: goes on next turn */
    list_init(&again);
    while (!list_empty(&host->active) &&
           log_batch_bytes(batch) < HOST_LOG_BATCH_BYTES_MAX) {
        struct host_shard *shard =
            LIST_ENTRY(list_pop(&host->active), struct host_shard, active);
        uint64_t ticket = replica_collect(shard->replica, now, batch);
        if (ticket != 0) {
            host_batch_add(made, shard, ticket);
        }
        host_harvest(host, shard);
        if (replica_ready(shard->replica)) {
            list_append(&again, &shard->active);
        }
        host_follow(host, shard);
        host_reckon_tick(shard, host, now);
    }
    list_splice(&host->active, &again);
    made->bytes = log_batch_bytes(batch);
    if (made->part_count == 0) {
        return false;
    }
    host->batch_count++;
    return true;
}

enum status host_batch_written(struct shard_host *host, struct moment now)
{
    ASSERT(host->batch_count > 0);
    host->now = now;
    struct host_batch *batch = &host->batches[host->batch_first];
    host->batch_first = (host->batch_first + 1) % HOST_BATCHES_IN_FLIGHT_MAX;
    host->batch_count--;
    for (size_t i = 0; i < batch->part_count; i++) {
        struct host_shard *shard = batch->parts[i].shard;
        TRY(replica_written(shard->replica, now, batch->parts[i].ticket));
        host_harvest(host, shard);
        host_note_dirty(host, shard, now);
        host_follow(host, shard);
        host_reckon_tick(shard, host, now);
    }
    return host->failed;
}

enum status host_failed(const struct shard_host *host)
{
    return host->failed;
}

/* --- Messages ---------------------------------------------------------------------- */

bool host_take_message(struct shard_host *host, struct host_message *out_message)
{
    while (!list_empty(&host->talking)) {
        struct host_shard *shard =
            LIST_ENTRY(host->talking.next, struct host_shard, talking);
        struct replica_outgoing outgoing;
        if (replica_take_message(shard->replica, &outgoing)) {
            *out_message = (struct host_message){
                .shard_id = replica_shard_id(shard->replica),
                .from_replica_id = replica_id(shard->replica),
                .to_replica_id = outgoing.to_replica_id,
                .bytes = outgoing.bytes,
            };
            return true;
        }
        list_remove(&shard->talking);
    }
    return false;
}

bool host_take_parcel(struct shard_host *host, struct moment now,
                      struct host_parcel *out_parcel)
{
    for (; host->parcels_next < host->shard_count; host->parcels_next++) {
        struct host_shard *shard = host->shards[host->parcels_next];
        if (replica_take_parcel(shard->replica, now, &out_parcel->parcel)) {
            out_parcel->kind = replica_kind(shard->replica);
            host_reckon_tick(shard, host, now);
            return true;
        }
    }
    host->parcels_next = 0;
    return false;
}

void host_receive(struct shard_host *host, struct moment now,
                  const struct host_message *message)
{
    struct host_shard *shard = host_find(host, message->shard_id);
    host->now = now;
    if (shard == NULL) {
        metric_add(METRIC_PEER_MESSAGES_DROPPED, 1);
        return;
    }
    const struct replica_message one = {.from_replica_id = message->from_replica_id,
                                        .bytes = message->bytes};
    replica_step(shard->replica, now, &one, 1);
    host_harvest(host, shard);
    host_note_dirty(host, shard, now);
    host_follow(host, shard);
    host_reckon_tick(shard, host, now);
}

enum status host_change_members(struct shard_host *host, struct moment now,
                                uint64_t shard_id, const struct raft_change *change)
{
    struct host_shard *shard = host_find(host, shard_id);
    if (shard == NULL) {
        return STATUS_EPOCH_CHANGED;
    }
    enum status status = replica_change_members(shard->replica, now, change);
    host_follow(host, shard);
    return status;
}

enum status host_transfer(struct shard_host *host, struct moment now, uint64_t shard_id,
                          uint64_t replica_id)
{
    struct host_shard *shard = host_find(host, shard_id);
    if (shard == NULL) {
        return STATUS_EPOCH_CHANGED;
    }
    enum status status = replica_transfer(shard->replica, now, replica_id);
    host_follow(host, shard);
    return status;
}

bool host_ready(const struct shard_host *host)
{
    return !list_empty(&host->active);
}

size_t host_ready_bytes(const struct shard_host *host)
{
    size_t bytes = 0;
    for (const struct list *link = host->active.next; link != &host->active;
         link = link->next) {
        const struct host_shard *shard = LIST_ENTRY(link, struct host_shard, active);
        bytes += replica_waiting_bytes(shard->replica);
    }
    return bytes;
}

size_t host_in_flight_bytes(const struct shard_host *host)
{
    size_t bytes = 0;
    for (size_t i = 0; i < host->batch_count; i++) {
        bytes +=
            host->batches[(host->batch_first + i) % HOST_BATCHES_IN_FLIGHT_MAX].bytes;
    }
    return bytes;
}

size_t host_batches_in_flight(const struct shard_host *host)
{
    return host->batch_count;
}

/* --- State ------------------------------------------------------------------------- */

uint64_t host_dirty_bytes(const struct shard_host *host)
{
    uint64_t bytes = 0;
    for (const struct list *link = host->dirty.next; link != &host->dirty;
         link = link->next) {
        const struct host_shard *shard = LIST_ENTRY(link, struct host_shard, dirty);
        bytes += replica_dirty_bytes(shard->replica);
    }
    return bytes;
}

static uint64_t host_state_due_us(const struct shard_host *host)
{
    return host->dirty_since_us +
           (uint64_t)host->settings->flush_interval_ms * MILLISECOND_US;
}

bool host_state_turn(struct shard_host *host, struct moment now, bool force,
                     struct store_batch *batch)
{
    if (host->state_on_its_way || list_empty(&host->dirty)) {
        return false;
    }
    if (!force && !host->state_urgent && now.monotonic_us < host_state_due_us(host) &&
        host_dirty_bytes(host) < HOST_DIRTY_BYTES_MAX) {
        return false;
    }
    store_batch_clear(batch);
    host->state_urgent = false;
    while (!list_empty(&host->dirty) &&
           store_batch_bytes(batch) < HOST_STATE_BATCH_BYTES_MAX) {
        struct host_shard *shard =
            LIST_ENTRY(list_pop(&host->dirty), struct host_shard, dirty);
        shard->state_index = replica_collect_state(shard->replica, batch);
        list_append(&host->flushing, &shard->flushing);
    }
    for (struct list *link = host->dirty.next; link != &host->dirty; link = link->next) {
        const struct host_shard *left = LIST_ENTRY(link, struct host_shard, dirty);
        host->state_urgent = host->state_urgent || replica_state_urgent(left->replica);
    }
    host->state_on_its_way = true;
    return true;
}

void host_state_written(struct shard_host *host)
{
    ASSERT(host->state_on_its_way);
    host->state_on_its_way = false;
    struct list *link;
    while ((link = list_pop(&host->flushing)) != NULL) {
        struct host_shard *shard = LIST_ENTRY(link, struct host_shard, flushing);
        replica_state_written(shard->replica, host->now, shard->state_index);
        host_harvest(host, shard);
        host_note_dirty(host, shard, host->now);
        host_follow(host, shard);
    }
}

void host_state_persisted(struct shard_host *host, uint64_t shard_id, uint64_t index)
{
    struct host_shard *shard = host_find(host, shard_id);
    if (shard != NULL) {
        replica_state_persisted(shard->replica, host->now, index);
        host_follow(host, shard);
    }
}

uint64_t host_next_due_us(const struct shard_host *host, struct moment now)
{
    uint64_t due_us = now.monotonic_us + REPLICA_TICK_IDLE_US;
    struct heap_node *node = heap_peek(&host->ticks);
    if (node != NULL) {
        const struct host_shard *shard = CONTAINER_OF(node, struct host_shard, tick);
        due_us = shard->next_tick_us < due_us ? shard->next_tick_us : due_us;
    }
    if (!list_empty(&host->dirty) && !host->state_on_its_way) {
        uint64_t state_us =
            host->state_urgent ? now.monotonic_us : host_state_due_us(host);
        due_us = state_us < due_us ? state_us : due_us;
    }
    return due_us;
}

size_t host_busy(const struct shard_host *host)
{
    return host->call_count + host->batch_count + host->state_on_its_way +
           !list_empty(&host->dirty) + !list_empty(&host->active);
}
