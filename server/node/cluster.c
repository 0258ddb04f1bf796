/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/cluster.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "proto/rpc/rpc_server.h"
#include "server/node/conductor.h"
#include "server/node/ports.h"
#include "server/node/roster.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"

struct cluster {
    const struct settings *settings;
    const struct folder *folder;
    struct peers *peers;
    struct runtime *runtime;
    struct conductor *conductor;
    struct directory directory; /* as known at the start */
    struct peers_identity identity;
    pthread_mutex_t lock; /* of the peer port and of ports.json */
    struct rpc_server *server;
    uint16_t peer_port; /* bound, or that of the last time; 0: none */
    uint16_t client_port;
    uint16_t admin_port;
    bool talking; /* peers_start was called */
    bool behind;  /* a directory was heard that found no room; the directory's loop's */
};

struct cluster *cluster_new(const struct settings *settings)
{
    struct cluster *cluster = memory_zalloc(sizeof *cluster);
    cluster->settings = settings;
    cluster->peers = peers_new(settings);
    directory_init(&cluster->directory);
    ASSERT(pthread_mutex_init(&cluster->lock, NULL) == 0);
    return cluster;
}

void cluster_free(struct cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    conductor_free(cluster->conductor);
    rpc_server_free(cluster->server);
    peers_free(cluster->peers);
    directory_close(&cluster->directory);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}

/* --- The peer port ------------------------------------------------------------------- */

static bool cluster_is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "localhost") == 0 ||
           strcmp(address, "[::1]") == 0;
}

static enum status cluster_bind(struct cluster *cluster, uint16_t port,
                                struct problem *problem)
{
    struct rpc_server_options options;
    rpc_server_options_init(&options);
    options.address = cluster->settings->peer_listen;
    options.port = port;
    options.message_max_bytes = PEERS_MESSAGE_BYTES_MAX;
    options.arena_max_bytes = PEERS_ARENA_BYTES_MAX;
    options.queue_max_bytes = PEERS_STREAM_BYTES_MAX;
    options.reflection = false;
    cluster->server = rpc_server_new(&options);
    peers_register(cluster->peers, cluster->server);
    enum status status = rpc_server_start(cluster->server, problem);
    if (status != STATUS_OK) {
        rpc_server_free(cluster->server);
        cluster->server = NULL;
        return status;
    }
    cluster->peer_port = rpc_server_port(cluster->server);
    snprintf(cluster->identity.peer_address, sizeof cluster->identity.peer_address,
             "%.200s:%u", cluster->settings->peer_listen, cluster->peer_port);
    return STATUS_OK;
}

/* The port of the settings; else the one of the last time, so that the others find this
 * node again; else any. */
static enum status cluster_open_port(struct cluster *cluster, struct problem *problem)
{
    const struct settings *settings = cluster->settings;
    if (cluster->server != NULL) {
        return STATUS_OK;
    }
    if (!cluster_is_loopback(settings->peer_listen)) {
        return problem_set(problem, STATUS_INVALID, "peer_listen",
                           "peer_listen is %.100s: nodes speak plain text, and that on "
                           "loopback only",
                           settings->peer_listen);
    }
    uint16_t wanted =
        settings->peer_port != 0 ? (uint16_t)settings->peer_port : cluster->peer_port;
    enum status status = cluster_bind(cluster, wanted, problem);
    if (status != STATUS_OK && settings->peer_port == 0 && wanted != 0) {
        status = cluster_bind(cluster, 0, problem);
    }
    if (status != STATUS_OK) {
        return problem_set(problem, STATUS_UNREACHABLE, "peer_port",
                           "cannot listen on %.100s:%u for other nodes: it is in use, or "
                           "not an address of this machine; choose with --peer-listen "
                           "and --peer-port (0: any)",
                           settings->peer_listen, wanted);
    }
    return STATUS_OK;
}

/* --- Joining ------------------------------------------------------------------------- */

static bool cluster_waits_for(enum status status)
{
    return status == STATUS_UNREACHABLE || status == STATUS_DRAINING ||
           status == STATUS_QUORUM_LOST || status == STATUS_OUTCOME_UNKNOWN;
}

/* Once for a folder: who asks again is the same. */
static enum status cluster_draw_nonce(const char *dir, struct hash128 *out_nonce,
                                      struct problem *problem)
{
    struct hash128 drawn;
    ssize_t size = getrandom(&drawn, sizeof drawn, 0);
    ASSERT(size == (ssize_t)sizeof drawn);
    enum status status = roster_keep_nonce(file_system_posix(), dir, drawn, out_nonce);
    if (status != STATUS_OK) {
        return problem_set(problem, status, "dir",
                           "%.200s/%s cannot be written, or is damaged; the folder above "
                           "has to be there, and this one writable or empty",
                           dir, ROSTER_NONCE_NAME);
    }
    return STATUS_OK;
}

bool cluster_joining(const char *dir)
{
    static const char *const names[] = {"identity", ROSTER_NAME, ROSTER_NONCE_NAME};
    bool has[3];
    for (size_t i = 0; i < 3; i++) {
        char path[FILE_PATH_BYTES_MAX];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        has[i] = access(path, F_OK) == 0;
    }
    return !has[0] || (has[2] && !has[1]);
}

enum status cluster_join(struct cluster *cluster, struct folder_identity *out_identity,
                         struct problem *problem)
{
    const struct settings *settings = cluster->settings;
    const struct timespec pause = {.tv_sec = CLUSTER_JOIN_PAUSE_MS / 1000};
    char client_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    struct peers_joining joining = {.address = settings->join,
                                    .client_address = client_address,
                                    .settings_digest = peers_settings_digest(settings)};
    TRY(cluster_open_port(cluster, problem));
    char peer_address[sizeof cluster->identity.peer_address];
    memcpy(peer_address, cluster->identity.peer_address, sizeof peer_address);
    joining.peer_address = peer_address;
    /* A port that the system will choose is announced once it is known. */
    snprintf(client_address, sizeof client_address, "%.200s:%lld", settings->listen,
             (long long)settings->port);
    TRY(cluster_draw_nonce(settings->dir, &joining.nonce, problem));
    enum status status = STATUS_UNREACHABLE;
    for (unsigned i = 0; i < CLUSTER_JOIN_TRIES && cluster_waits_for(status); i++) {
        if (i > 0) {
            log_event(LOG_INFO, "waiting to join", LOG_STRING("address", settings->join),
                      LOG_STRING("why", problem->message));
            nanosleep(&pause, NULL);
        }
        status = peers_join(&joining, &cluster->identity, &cluster->directory, problem);
    }
    TRY(status);
    memcpy(cluster->identity.peer_address, peer_address, sizeof peer_address);
    *out_identity =
        (struct folder_identity){.hash_seed = cluster->identity.hash_seed,
                                 .node_id = cluster->identity.node_id,
                                 .sku_shards = cluster->identity.sku_shards,
                                 .customer_shards = cluster->identity.customer_shards};
    memcpy(out_identity->cluster_id, cluster->identity.cluster_id,
           sizeof out_identity->cluster_id);
    log_event(LOG_INFO, "joined a cluster", LOG_U64("node", out_identity->node_id));
    return STATUS_OK;
}

/* The directory is behind a join, and this folder knows it from here on. */
static enum status cluster_joined(struct cluster *cluster, const struct folder *folder,
                                  struct problem *problem)
{
    const struct folder_identity *identity = folder_identity(folder);
    if (cluster->identity.node_id != identity->node_id ||
        memcmp(cluster->identity.cluster_id, identity->cluster_id,
               PEERS_CLUSTER_ID_BYTES) != 0) {
        return problem_set(problem, STATUS_INVALID, "dir",
                           "%.200s is node %llu, which is not in that cluster any more; "
                           "empty the folder and join again",
                           folder_path(folder), (unsigned long long)identity->node_id);
    }
    enum status status = roster_write(file_system_posix(), folder_path(folder),
                                      cluster->peer_port, &cluster->directory);
    if (status != STATUS_OK) {
        return problem_set(problem, status, "dir",
                           "%.200s/%s cannot be written; start this node again once it "
                           "can, as it was started now",
                           folder_path(folder), ROSTER_NAME);
    }
    return STATUS_OK;
}

static enum status cluster_drop_nonce(const struct folder *folder,
                                      struct problem *problem)
{
    enum status status = roster_drop_nonce(file_system_posix(), folder_path(folder));
    if (status != STATUS_OK) {
        return problem_set(problem, status, "dir", "%.200s/%s cannot be removed",
                           folder_path(folder), ROSTER_NONCE_NAME);
    }
    return STATUS_OK;
}

static enum status cluster_read(struct cluster *cluster, const struct folder *folder,
                                struct problem *problem)
{
    const char *dir = folder_path(folder);
    uint16_t port = 0;
    enum status status =
        roster_read(file_system_posix(), dir, &port, &cluster->directory);
    if (status == STATUS_NOT_FOUND && cluster->identity.node_id == 1) {
        return cluster_drop_nonce(folder, problem); /* one node's alone */
    }
    if (status == STATUS_NOT_FOUND && cluster_joining(dir)) {
        return problem_set(problem, status, "join",
                           "%.200s has not joined to the end; start it with --join again",
                           dir);
    }
    if (status != STATUS_OK) {
        return problem_set(problem, status, "dir",
                           "%.200s/%s is missing or damaged: this node does not know its "
                           "replicas; empty the folder and join again",
                           dir, ROSTER_NAME);
    }
    cluster->peer_port = port;
    return cluster_drop_nonce(folder, problem);
}

enum status cluster_load(struct cluster *cluster, const struct folder *folder,
                         struct problem *problem)
{
    const struct folder_identity *identity = folder_identity(folder);
    char address[sizeof cluster->identity.peer_address];
    cluster->folder = folder;
    bool joined = cluster->directory.version > 0; /* just now */
    if (joined) {
        TRY(cluster_joined(cluster, folder, problem));
    }
    memcpy(address, cluster->identity.peer_address, sizeof address);
    cluster->identity = (struct peers_identity){
        .hash_seed = identity->hash_seed,
        .node_id = identity->node_id,
        .sku_shards = identity->sku_shards,
        .customer_shards = identity->customer_shards,
        .settings_digest = peers_settings_digest(cluster->settings)};
    memcpy(cluster->identity.cluster_id, identity->cluster_id, PEERS_CLUSTER_ID_BYTES);
    memcpy(cluster->identity.peer_address, address, sizeof address);
    return joined ? cluster_drop_nonce(folder, problem)
                  : cluster_read(cluster, folder, problem);
}

/* --- Replicas ------------------------------------------------------------------------ */

static const struct directory_place *cluster_own_place(const struct cluster *cluster,
                                                       uint64_t shard_id)
{
    size_t first;
    size_t count = directory_shard_places(&cluster->directory, shard_id, &first);
    for (size_t i = first; i < first + count; i++) {
        const struct directory_place *place = &cluster->directory.places[i];
        if (place->node_id == cluster->identity.node_id && !place->leaving) {
            return place;
        }
    }
    return NULL;
}

void cluster_place(const struct cluster *cluster, struct runtime_shard *shards,
                   size_t *shard_count)
{
    size_t kept = 0;
    shards[(*shard_count)++] = (struct runtime_shard){.shard_id = DIRECTORY_SHARD_ID,
                                                      .kind = REPLICA_DIRECTORY,
                                                      .replica_id = DIRECTORY_SHARD_ID,
                                                      .range_epoch = 1};
    if (cluster->directory.version == 0) {
        return;
    }
    for (size_t i = 0; i < *shard_count; i++) {
        const struct directory_place *place =
            cluster_own_place(cluster, shards[i].shard_id);
        if (place == NULL) {
            continue;
        }
        shards[i].joins = place->replica_id > DIRECTORY_SHARD_ID;
        shards[i].replica_id = place->replica_id;
        shards[kept++] = shards[i];
    }
    *shard_count = kept;
}

const struct runtime_network *cluster_network(const struct cluster *cluster)
{
    return peers_network(cluster->peers);
}

/* --- Running ------------------------------------------------------------------------- */

static void cluster_talk(struct cluster *cluster)
{
    if (!cluster->talking) {
        cluster->talking = true;
        peers_set_identity(cluster->peers, &cluster->identity);
        peers_start(cluster->peers, cluster->runtime);
    }
}

/* On a loop's thread. Without the file the node would not know at its next start which
 * replicas are its own: until there is room for it the old directory holds, and a disk that
 * fails stops the node. */
static bool cluster_changed(void *context, const struct directory *directory)
{
    struct cluster *cluster = context;
    enum status status = roster_write(file_system_posix(), folder_path(cluster->folder),
                                      cluster->peer_port, directory);
    if (status == STATUS_DISK_FULL || status == STATUS_OVERLOADED) {
        if (!cluster->behind) {
            cluster->behind = true; /* said once, not at every tick */
            log_event(LOG_WARN, "no room for the file cluster: changes of it wait",
                      LOG_STRING("dir", folder_path(cluster->folder)),
                      LOG_U64("version", directory->version), LOG_STATUS(status));
        }
        return false;
    }
    if (status != STATUS_OK) {
        runtime_give_up("cluster", "the file cluster was not written", status);
    }
    cluster->behind = false;
    peers_set_directory(cluster->peers, directory);
    log_event(LOG_INFO, "the cluster has changed", LOG_U64("version", directory->version),
              LOG_U64("nodes", directory->node_count));
    return true;
}

/* On a loop's thread. */
static void cluster_counted(void *context, const struct peers_counted *counted)
{
    const struct cluster *cluster = context;
    peers_set_counted(cluster->peers, counted);
}

enum status cluster_run(struct cluster *cluster, struct runtime *runtime,
                        struct problem *problem)
{
    cluster->runtime = runtime;
    if (cluster->directory.version > 0) {
        TRY(cluster_open_port(cluster, problem));
        cluster_talk(cluster);
        peers_set_directory(cluster->peers, &cluster->directory);
    }
    const struct conductor_options options = {.runtime = runtime,
                                              .node_id = cluster->identity.node_id,
                                              .directory = &cluster->directory,
                                              .changed = cluster_changed,
                                              .counted = cluster_counted,
                                              .context = cluster};
    cluster->conductor = conductor_start(&options);
    return STATUS_OK;
}

static enum status cluster_tell(struct cluster *cluster, struct problem *problem)
{
    char client_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    uint16_t peer_port = cluster->server != NULL ? cluster->peer_port : 0;
    TRY(ports_write(cluster->settings->dir, cluster->client_port, peer_port,
                    cluster->admin_port, problem));
    if (cluster->server != NULL) {
        snprintf(client_address, sizeof client_address, "%.200s:%u",
                 cluster->settings->listen, cluster->client_port);
        conductor_set_addresses(cluster->conductor, cluster->identity.peer_address,
                                client_address);
    }
    return STATUS_OK;
}

enum status cluster_serving(struct cluster *cluster, uint16_t client_port,
                            uint16_t admin_port, struct problem *problem)
{
    ASSERT(pthread_mutex_lock(&cluster->lock) == 0);
    cluster->client_port = client_port;
    cluster->admin_port = admin_port;
    enum status status = cluster_tell(cluster, problem);
    pthread_mutex_unlock(&cluster->lock);
    return status;
}

enum status cluster_begin(struct cluster *cluster, char *out_peer_address, size_t size,
                          struct problem *problem)
{
    ASSERT(pthread_mutex_lock(&cluster->lock) == 0);
    enum status status = cluster_open_port(cluster, problem);
    if (status == STATUS_OK) {
        cluster_talk(cluster);
        status = cluster_tell(cluster, problem);
        snprintf(out_peer_address, size, "%s", cluster->identity.peer_address);
    }
    pthread_mutex_unlock(&cluster->lock);
    return status;
}

bool cluster_is_formed(const struct cluster *cluster)
{
    return cluster->directory.version > 0;
}

bool cluster_connected(struct cluster *cluster, uint64_t node_id)
{
    return peers_connected(cluster->peers, node_id);
}

void cluster_leave(struct cluster *cluster)
{
    if (cluster->talking) {
        peers_stop(cluster->peers);
    }
    if (cluster->server != NULL) {
        rpc_server_stop(cluster->server, 0);
    }
}
