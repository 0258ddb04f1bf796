/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/peer/peers_private.h"
#include "server/runtime/system_clock.h"
#include "server/runtime/thread.h"
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

uint64_t peers_settings_digest(const struct settings *settings)
{
    struct buffer bytes;
    buffer_init(&bytes);
    encode_zigzag(&bytes, settings->request_id_memory_max_bytes);
    encode_zigzag(&bytes, settings->session_gap_s);
    encode_zigzag(&bytes, settings->session_items_max);
    encode_zigzag(&bytes, settings->virtual_buckets);
    encode_zigzag(&bytes, settings->bucket_sessions_max);
    encode_bytes(&bytes, slice_from_string(settings->walk_kinds));
    uint64_t digest = hash64(buffer_slice(&bytes), 0);
    buffer_close(&bytes);
    return digest;
}

/* --- What a turn has sent ------------------------------------------------------------ */

struct peers_sent {
    void (*flush)(void *object);
    void *object;
};

static _Thread_local struct peers_sent peers_sent[PEERS_MARKS_MAX];
static _Thread_local size_t peers_sent_count;

static void peers_flush(void *context)
{
    (void)context;
    for (size_t i = 0; i < peers_sent_count; i++) {
        peers_sent[i].flush(peers_sent[i].object);
    }
    peers_sent_count = 0;
}

void peers_mark(void *object, void (*flush)(void *object))
{
    if (peers_sent_count == PEERS_MARKS_MAX) {
        peers_flush(NULL);
    }
    peers_sent[peers_sent_count++] = (struct peers_sent){flush, object};
}

static void peers_flush_link(void *object)
{
    link_flush(object);
}

static void peers_mark_link(struct peer_link *link)
{
    for (size_t i = 0; i < peers_sent_count; i++) {
        if (peers_sent[i].object == link) {
            return;
        }
    }
    peers_mark(link, peers_flush_link);
}

/* --- Routes -------------------------------------------------------------------------- */

static struct peer_link *peers_link_of_node(const struct peers *peers, uint64_t node_id)
{
    for (size_t i = 0; i < peers->link_count; i++) {
        if (link_node_id(peers->links[i]) == node_id) {
            return peers->links[i];
        }
    }
    return NULL;
}

static struct peer_link *peers_link_of_replica(const struct peers *peers,
                                               uint64_t replica_id)
{
    size_t low = 0, high = peers->route_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (peers->routes[middle].replica_id < replica_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < peers->route_count && peers->routes[low].replica_id == replica_id
               ? peers->routes[low].link
               : NULL;
}

static int peers_route_compare(const void *a, const void *b)
{
    const struct peers_route *left = a, *right = b;
    return (left->replica_id > right->replica_id) -
           (left->replica_id < right->replica_id);
}

bool peers_counts(const struct peers_counted *counted, uint64_t node_id)
{
    for (size_t i = 0; i < counted->count; i++) {
        if (counted->node_ids[i] == node_id) {
            return true;
        }
    }
    return false;
}

/* A removed node stays while a group here counts on it, and until it is known whether one
 * does. */
static bool peers_node_stays(const struct peers *peers, uint64_t node_id)
{
    if (!directory_node_removed(&peers->directory, node_id) ||
        peers_counts(&peers->counted, node_id)) {
        return true;
    }
    if (peers->counted.version >= peers->directory.version) {
        return false;
    }
    for (size_t i = 0; i < peers->link_count; i++) {
        if (link_node_id(peers->links[i]) == node_id) {
            return !peers->released[i];
        }
    }
    return false;
}

static void peers_make_routes(struct peers *peers)
{
    const struct directory *directory = &peers->directory;
    free(peers->routes);
    peers->route_count = directory->place_count;
    peers->routes = memory_zalloc((peers->route_count + 1) * sizeof *peers->routes);
    for (size_t i = 0; i < peers->route_count; i++) {
        const struct directory_place *place = &directory->places[i];
        peers->routes[i].replica_id = place->replica_id;
        /* Who leaves is told so, as long as its node is there. */
        peers->routes[i].link = peers_node_stays(peers, place->node_id)
                                    ? peers_link_of_node(peers, place->node_id)
                                    : NULL;
    }
    qsort(peers->routes, peers->route_count, sizeof *peers->routes, peers_route_compare);
}

/* The place of its link; PEERS_LINKS_MAX: there is no room for another. */
static size_t peers_meet(struct peers *peers, uint64_t node_id)
{
    const struct link_options options = {.settings = peers->settings,
                                         .identity = &peers->identity,
                                         .client = peers->client,
                                         .runtime = peers->runtime,
                                         .node_id = node_id};
    for (size_t i = 0; i < peers->link_count; i++) {
        if (link_node_id(peers->links[i]) == node_id) {
            return i;
        }
    }
    if (peers->link_count == PEERS_LINKS_MAX) {
        return PEERS_LINKS_MAX;
    }
    peers->links[peers->link_count] = link_new(&options);
    return peers->link_count++;
}

/* A node that has moved says so in its greeting before it can change the directory, which
 * it may need this very link for. So only what is new in the directory counts. */
static void peers_meet_at(struct peers *peers, uint64_t node_id, const char *address)
{
    size_t at = peers_meet(peers, node_id);
    if (at == PEERS_LINKS_MAX || strcmp(peers->said[at], address) == 0) {
        return;
    }
    snprintf(peers->said[at], sizeof peers->said[at], "%s", address);
    link_set_address(peers->links[at], address);
}

static void peers_follow_directory(struct peers *peers)
{
    const struct directory *directory = &peers->directory;
    for (uint32_t i = 0; i < directory->node_count; i++) {
        if (directory->nodes[i].node_id != peers->identity.node_id) {
            peers_meet_at(peers, directory->nodes[i].node_id,
                          directory->nodes[i].peer_address);
        }
    }
    for (size_t i = 0; i < peers->link_count; i++) {
        bool stays = peers_node_stays(peers, link_node_id(peers->links[i]));
        if (!stays) {
            link_set_address(peers->links[i], ""); /* cut, and not opened again */
        }
        peers->released[i] = !stays;
    }
    peers_make_routes(peers);
}

void peers_set_directory(struct peers *peers, const struct directory *directory)
{
    pthread_rwlock_wrlock(&peers->lock);
    if (directory->version >= peers->directory.version) {
        directory_copy(&peers->directory, directory);
        if (peers->runtime != NULL && !peers->stopped) {
            peers_follow_directory(peers);
        }
    }
    pthread_rwlock_unlock(&peers->lock);
}

void peers_set_counted(struct peers *peers, const struct peers_counted *counted)
{
    pthread_rwlock_wrlock(&peers->lock);
    peers->counted = *counted;
    if (peers->runtime != NULL && !peers->stopped) {
        peers_follow_directory(peers);
    }
    pthread_rwlock_unlock(&peers->lock);
}

bool peers_connected(struct peers *peers, uint64_t node_id)
{
    pthread_rwlock_rdlock(&peers->lock);
    struct peer_link *link = peers_link_of_node(peers, node_id);
    bool connected =
        node_id == peers->identity.node_id || (link != NULL && link_connected(link));
    pthread_rwlock_unlock(&peers->lock);
    return connected;
}

/* --- The network of the runtime -------------------------------------------------------- */

static void peers_send(void *context, const struct host_message *message)
{
    struct peers *peers = context;
    pthread_rwlock_rdlock(&peers->lock);
    struct peer_link *link = peers_link_of_replica(peers, message->to_replica_id);
    pthread_rwlock_unlock(&peers->lock);
    if (link == NULL) {
        metric_add(METRIC_PEER_MESSAGES_SHED, 1);
        return;
    }
    link_send(link, message);
    peers_mark_link(link);
}

static enum status peers_forward(void *context, uint64_t node_id, struct shard_call *call)
{
    struct peers *peers = context;
    pthread_rwlock_rdlock(&peers->lock);
    struct peer_link *link = peers_link_of_node(peers, node_id);
    pthread_rwlock_unlock(&peers->lock);
    if (link == NULL || !atomic_load(&peers->open)) {
        return STATUS_UNREACHABLE;
    }
    TRY(link_forward(link, call, system_clock_monotonic_us()));
    peers_mark_link(link);
    return STATUS_OK;
}

/* --- Life ---------------------------------------------------------------------------- */

struct peers *peers_new(const struct settings *settings)
{
    struct peers *peers = memory_zalloc(sizeof *peers);
    peers->settings = settings;
    peers->network = (struct runtime_network){.send = peers_send,
                                              .flush = peers_flush,
                                              .forward = peers_forward,
                                              .context = peers};
    ASSERT(pthread_rwlock_init(&peers->lock, NULL) == 0);
    directory_init(&peers->directory);
    atomic_init(&peers->open, false);
    return peers;
}

void peers_register(struct peers *peers, struct rpc_server *server)
{
    peer_service_register(peers, server);
}

void peers_set_identity(struct peers *peers, const struct peers_identity *identity)
{
    ASSERT(!atomic_load(&peers->open));
    peers->identity = *identity;
}

const struct peers_identity *peers_identity(const struct peers *peers)
{
    return &peers->identity;
}

const struct runtime_network *peers_network(struct peers *peers)
{
    return &peers->network;
}

/* Links live until peers_free: what is done to them is done without the lock. */
static size_t peers_copy_links(const struct peers *peers, struct peer_link **out_links)
{
    memcpy(out_links, peers->links, peers->link_count * sizeof(struct peer_link *));
    return peers->link_count;
}

static void *peers_run(void *context)
{
    struct peers *peers = context;
    while (atomic_load(&peers->open)) {
        struct peer_link *links[PEERS_LINKS_MAX];
        pthread_rwlock_rdlock(&peers->lock);
        size_t count = peers_copy_links(peers, links);
        pthread_rwlock_unlock(&peers->lock);
        for (size_t i = 0; i < count; i++) {
            link_tick(links[i], system_clock_monotonic_us());
        }
        (void)thread_wait(&peers->wake, PEERS_TICK_MS);
    }
    return NULL;
}

void peers_start(struct peers *peers, struct runtime *runtime)
{
    ASSERT(!peers->started);
    peers->client = rpc_client_new();
    int failed = sem_init(&peers->wake, 0, 0);
    ASSERT(failed == 0);
    pthread_rwlock_wrlock(&peers->lock);
    peers->runtime = runtime;
    peers_follow_directory(peers);
    pthread_rwlock_unlock(&peers->lock);
    atomic_store(&peers->open, true);
    peers->started = true;
    thread_start(&peers->thread, "souk-peers", peers_run, peers);
}

void peers_stop(struct peers *peers)
{
    if (!peers->started || !atomic_load(&peers->open)) {
        return;
    }
    atomic_store(&peers->open, false);
    sem_post(&peers->wake);
    pthread_join(peers->thread, NULL);
    /* The runtime goes on for a while, and may hear of another directory. */
    struct peer_link *links[PEERS_LINKS_MAX];
    pthread_rwlock_wrlock(&peers->lock);
    peers->stopped = true;
    size_t count = peers_copy_links(peers, links);
    pthread_rwlock_unlock(&peers->lock);
    for (size_t i = 0; i < count; i++) {
        link_close(links[i]);
    }
}

void peers_free(struct peers *peers)
{
    if (peers == NULL) {
        return;
    }
    peers_stop(peers);
    for (size_t i = 0; i < peers->link_count; i++) {
        link_free(peers->links[i]);
    }
    if (peers->started) {
        rpc_client_free(peers->client);
        sem_destroy(&peers->wake);
    }
    free(peers->routes);
    directory_close(&peers->directory);
    pthread_rwlock_destroy(&peers->lock);
    free(peers);
}

/* --- Greetings ----------------------------------------------------------------------- */

static void peers_heard_of(struct peers *peers, const struct peers_greeting *greeting)
{
    size_t size = strlen(greeting->peer_address);
    if (size == 0 || size > DIRECTORY_ADDRESS_BYTES_MAX) {
        return;
    }
    pthread_rwlock_wrlock(&peers->lock);
    bool met = peers_link_of_node(peers, greeting->from_node_id) != NULL;
    /* One that was removed before this process began is in no directory that it has. */
    if (met || peers_counts(&peers->counted, greeting->from_node_id)) {
        if (peers->runtime != NULL && !peers->stopped) {
            size_t at = peers_meet(peers, greeting->from_node_id);
            if (at < PEERS_LINKS_MAX) {
                link_set_address(peers->links[at], greeting->peer_address);
            }
        }
        if (!met) {
            peers_make_routes(peers);
        }
    }
    pthread_rwlock_unlock(&peers->lock);
}

enum status peers_check_greeting(struct peers *peers,
                                 const struct peers_greeting *greeting,
                                 struct problem *problem)
{
    const struct peers_identity *identity = &peers->identity;
    if (greeting->version != PEERS_VERSION) {
        return problem_set(problem, STATUS_VERSION, "version",
                           "this node speaks version %d to other nodes, that one version "
                           "%u; upgrade the older one",
                           PEERS_VERSION, greeting->version);
    }
    if (!atomic_load(&peers->open)) {
        return problem_set(problem, STATUS_DRAINING, "",
                           "this node is starting or stopping; try again");
    }
    if (greeting->cluster_id.size != PEERS_CLUSTER_ID_BYTES ||
        memcmp(greeting->cluster_id.data, identity->cluster_id, PEERS_CLUSTER_ID_BYTES) !=
            0) {
        return problem_set(problem, STATUS_PERMISSION_DENIED, "cluster_id",
                           "this is a node of another cluster; check the addresses of "
                           "souk cluster status");
    }
    if (greeting->to_node_id != identity->node_id) {
        return problem_set(problem, STATUS_UNREACHABLE, "to_node_id",
                           "node %llu is looked for, and this is node %llu",
                           (unsigned long long)greeting->to_node_id,
                           (unsigned long long)identity->node_id);
    }
    if (greeting->settings_digest != identity->settings_digest) {
        return problem_set(
            problem, STATUS_INVALID, "settings_digest",
            "the nodes differ in a setting that decides what replicas store; make them "
            "equal: virtual_buckets, session_gap_s, session_items_max, "
            "bucket_sessions_max, walk_kinds, request_id_memory_max_bytes");
    }
    pthread_rwlock_rdlock(&peers->lock);
    bool stays = peers_node_stays(peers, greeting->from_node_id);
    pthread_rwlock_unlock(&peers->lock);
    if (!stays) {
        return problem_set(problem, STATUS_PERMISSION_DENIED, "from_node_id",
                           "node %llu was removed from this cluster; empty its data "
                           "folder and join again",
                           (unsigned long long)greeting->from_node_id);
    }
    if (greeting->lane >= PEER_LANES) {
        return problem_set(problem, STATUS_VERSION, "lane", "lane %u is not known here",
                           greeting->lane);
    }
    peers_heard_of(peers, greeting);
    return STATUS_OK;
}
