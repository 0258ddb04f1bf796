/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/node.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "proto/rpc/rpc_server.h"
#include "server/admin/admin.h"
#include "server/node/cluster.h"
#include "server/node/disk.h"
#include "server/node/gauges.h"
#include "server/node/liveness.h"
#include "server/node/ports.h"
#include "server/runtime/runtime.h"
#include "server/runtime/system_clock.h"
#include "server/service/service.h"
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "shard/recommend/placement.h"
#include "shard/storage/folder.h"

enum {
    NODE_PATH_BYTES = 4096 + 256, /* a folder's, and a name in it */
};

struct node {
    struct settings settings;
    struct folder *folder;
    struct store *store;
    struct log_store *log;
    struct shard_map map;
    struct placement_table placements;
    struct cluster *cluster;
    bool joined; /* others know of it already: a start that fails leaves all in place */
    struct runtime *runtime;
    struct liveness *liveness;
    struct gauges *gauges;
    struct service *service;
    struct rpc_server *server;
    struct admin *admin;
    _Atomic bool ready;
};

const char *node_version(void)
{
    return SOUK_VERSION;
}

void node_setup_log(const struct settings *settings)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct log_options options = {
        .fd = STDERR_FILENO, .level = LOG_INFO, .wall_ms = system_clock_wall_ms};
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i], settings->log_level) == 0) {
            options.level = (enum log_level)i;
        }
    }
    options.format =
        strcmp(settings->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT;
    log_setup(&options);
}

/* --- The machine ------------------------------------------------------------------- */

static void node_check_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < NODE_FILES_WANTED) {
        log_event(LOG_WARN, "few open files allowed; raise the limit (ulimit -n)",
                  LOG_U64("allowed", limit.rlim_cur),
                  LOG_U64("wanted", NODE_FILES_WANTED));
    }
}

static void node_random(void *out, size_t size)
{
    ssize_t drawn = getrandom(out, size, 0);
    ASSERT(drawn == (ssize_t)size);
}

/* --- Storage ----------------------------------------------------------------------- */

/* A number that nobody chose is no contradiction to the folder's. */
static void node_check_shards(const struct settings *settings,
                              const struct folder_identity *identity)
{
    struct settings standard;
    settings_init(&standard);
    if ((settings->sku_shards != identity->sku_shards &&
         settings->sku_shards != standard.sku_shards) ||
        (settings->customer_shards != identity->customer_shards &&
         settings->customer_shards != standard.customer_shards)) {
        log_event(LOG_WARN, "the data folder keeps the shards it was made with",
                  LOG_U64("sku_shards", identity->sku_shards),
                  LOG_U64("customer_shards", identity->customer_shards));
    }
}

/* A bucket lies on one shard. Buckets are made anew from what is stored at every start,
 * so a folder takes any number of them that its shards divide. */
static enum status node_check_buckets(const struct settings *settings, int64_t shards,
                                      struct problem *problem)
{
    int64_t buckets = settings->virtual_buckets;
    if ((buckets & (buckets - 1)) != 0) {
        return problem_set(problem, STATUS_INVALID, "virtual_buckets",
                           "virtual_buckets is %lld; it has to be a power of two",
                           (long long)buckets);
    }
    if (buckets % shards != 0) {
        return problem_set(problem, STATUS_INVALID, "customer_shards",
                           "customer_shards is %lld; it has to divide virtual_buckets, "
                           "%lld",
                           (long long)shards, (long long)buckets);
    }
    return STATUS_OK;
}

/* A store of its own is not given up for another one. */
static enum status node_check_join(const struct node *node, struct problem *problem)
{
    if (node->settings.join[0] == '\0' || cluster_is_formed(node->cluster)) {
        return STATUS_OK;
    }
    return problem_set(problem, STATUS_INVALID, "join",
                       "%.200s holds a store of its own; join with an empty folder",
                       node->settings.dir);
}

static enum status node_open_folder(struct node *node, struct problem *problem)
{
    const struct settings *settings = &node->settings;
    struct folder_identity fresh = {.node_id = 1,
                                    .sku_shards = (uint32_t)settings->sku_shards,
                                    .customer_shards =
                                        (uint32_t)settings->customer_shards};
    if (settings->dir[0] == '\0') {
        return problem_set(problem, STATUS_INVALID, "dir",
                           "no data folder; name one with --dir DIR");
    }
    TRY(node_check_buckets(settings, settings->customer_shards, problem));
    placement_table_init(&node->placements);
    TRY(placement_parse(slice_from_string(settings->placements), &node->placements,
                        problem));
    node_random(fresh.cluster_id, sizeof fresh.cluster_id);
    node_random(&fresh.hash_seed, sizeof fresh.hash_seed);
    /* Whoever has been somebody does not join, but comes back as who it is. */
    if (settings->join[0] != '\0' && cluster_joining(settings->dir)) {
        TRY(cluster_join(node->cluster, &fresh, problem));
        node->joined = true;
    }
    TRY(folder_open(file_system_posix(), settings->dir, &fresh, problem, &node->folder));
    TRY(cluster_load(node->cluster, node->folder, problem));
    TRY(node_check_join(node, problem));
    node_check_shards(settings, folder_identity(node->folder));
    return node_check_buckets(settings, folder_identity(node->folder)->customer_shards,
                              problem);
}

/* --- Shards ------------------------------------------------------------------------ */

/* Equal ranges; ids count up, SKU shards first. */
static enum status node_add_shards(struct node *node, enum shard_map_table table,
                                   unsigned count, struct runtime_shard *shards,
                                   struct problem *problem)
{
    struct shard_range *ranges = memory_alloc(count * sizeof *ranges);
    unsigned before =
        table == SHARD_MAP_SKU ? 0 : shard_map_count(&node->map, SHARD_MAP_SKU);
    enum status status;
    for (unsigned i = 0; i < count; i++) {
        struct shard_range *range = &ranges[i];
        *range = (struct shard_range){.shard_id = before + i + 1,
                                      .start = shard_map_even_start(table, i, count),
                                      .end = shard_map_even_start(table, i + 1, count),
                                      .epoch = 1};
        shards[before + i] = (struct runtime_shard){
            .shard_id = range->shard_id,
            .kind = table == SHARD_MAP_SKU ? REPLICA_SKU : REPLICA_CUSTOMER,
            .replica_id = range->shard_id,
            .range = {.start = range->start, .end = range->end},
            .range_epoch = range->epoch};
    }
    status = shard_map_set(&node->map, table, ranges, count, problem);
    free(ranges);
    return status;
}

static struct hash128 node_cluster_id(const struct folder_identity *identity)
{
    return (struct hash128){.high = load_be64(identity->cluster_id),
                            .low = load_be64(identity->cluster_id + 8)};
}

static enum status node_start_runtime(struct node *node, struct problem *problem)
{
    const struct folder_identity *identity = folder_identity(node->folder);
    size_t count = identity->sku_shards + identity->customer_shards;
    struct runtime_shard *shards;
    enum status status;
    if (count >= RUNTIME_SHARDS_MAX) {
        return problem_set(problem, STATUS_INVALID, "sku_shards",
                           "%zu shards in all; a node takes %d", count,
                           RUNTIME_SHARDS_MAX - 1);
    }
    shards = memory_zalloc((count + 1) * sizeof *shards);
    shard_map_init(&node->map, 1, identity->hash_seed);
    node->map.virtual_buckets = (uint32_t)node->settings.virtual_buckets;
    status = node_add_shards(node, SHARD_MAP_SKU, identity->sku_shards, shards, problem);
    if (status == STATUS_OK) {
        status = node_add_shards(node, SHARD_MAP_CUSTOMER, identity->customer_shards,
                                 shards, problem);
    }
    if (status == STATUS_OK) {
        cluster_place(node->cluster, shards, &count);
        struct runtime_options options = {.settings = &node->settings,
                                          .store = node->store,
                                          .log = node->log,
                                          .shards = shards,
                                          .shard_count = count,
                                          .hash_seed = identity->hash_seed,
                                          .cluster_id = node_cluster_id(identity),
                                          .node_id = identity->node_id,
                                          .network = cluster_network(node->cluster),
                                          .disk_dir = folder_path(node->folder)};
        node_random(&options.seed, sizeof options.seed);
        status = runtime_start(&options, problem, &node->runtime);
    }
    free(shards);
    return status;
}

/* --- Doors ------------------------------------------------------------------------- */

static bool node_is_ready(void *user)
{
    const struct node *node = user;
    return atomic_load(&node->ready);
}

static bool node_is_live(void *user)
{
    const struct node *node = user;
    return liveness_good(node->liveness, system_clock_monotonic_us());
}

static enum status node_begin_cluster(void *user, char *out_peer_address, size_t size,
                                      struct problem *problem)
{
    const struct node *node = user;
    return cluster_begin(node->cluster, out_peer_address, size, problem);
}

static bool node_is_connected(void *user, uint64_t node_id)
{
    const struct node *node = user;
    return cluster_connected(node->cluster, node_id);
}

static void node_make_service(struct node *node)
{
    const struct folder_identity *identity = folder_identity(node->folder);
    struct service_options options = {.settings = &node->settings,
                                      .map = &node->map,
                                      .placements = &node->placements,
                                      .runtime = node->runtime,
                                      .node_id = identity->node_id,
                                      .version = node_version(),
                                      .start_ms = system_clock_wall_ms(),
                                      .ready = node_is_ready,
                                      .begin_cluster = node_begin_cluster,
                                      .connected = node_is_connected,
                                      .user = node};
    memcpy(options.cluster_id, identity->cluster_id, sizeof options.cluster_id);
    node->service = service_new(&options);
}

static enum status node_start_server(struct node *node, struct problem *problem)
{
    const struct settings *settings = &node->settings;
    struct rpc_server_options options;
    char address[sizeof settings->listen + 16];
    rpc_server_options_init(&options);
    options.address = settings->listen;
    options.port = (uint16_t)settings->port;
    options.workers = (unsigned)settings->rpc_workers;
    options.message_max_bytes = (uint32_t)settings->message_max_bytes;
    options.deadline_max_ms = (uint32_t)settings->deadline_max_ms;
    options.log = service_log_call;
    options.log_user = node->service;
    node->server = rpc_server_new(&options);
    service_register(node->service, node->server);
    if (rpc_server_start(node->server, problem) != STATUS_OK) {
        return problem_set(
            problem, STATUS_UNREACHABLE, "port",
            "cannot listen on %.100s:%u: it is in use, or not an address of "
            "this machine; choose with --listen and --port (0: any)",
            settings->listen, options.port);
    }
    snprintf(address, sizeof address, "%s:%u", settings->listen,
             rpc_server_port(node->server));
    service_set_address(node->service, address);
    return STATUS_OK;
}

static enum status node_start_doors(struct node *node, struct problem *problem)
{
    const struct admin_options admin = {.port = (uint16_t)node->settings.admin_port,
                                        .live = node_is_live,
                                        .ready = node_is_ready,
                                        .user = node};
    TRY(admin_start(&admin, problem, &node->admin));
    node_make_service(node);
    TRY(node_start_server(node, problem));
    TRY(cluster_serving(node->cluster, rpc_server_port(node->server),
                        admin_port(node->admin), problem));
    atomic_store(&node->ready, true);
    return STATUS_OK;
}

/* --- Life -------------------------------------------------------------------------- */

static enum status node_run(struct node *node, struct problem *problem)
{
    node_check_files();
    node->cluster = cluster_new(&node->settings);
    TRY(node_open_folder(node, problem));
    ports_remove(node->settings.dir);
    TRY(disk_open(node->folder, (uint64_t)node->settings.log_segment_bytes / 4096 * 4096,
                  problem, &node->store, &node->log));
    TRY(node_start_runtime(node, problem));
    TRY(cluster_run(node->cluster, node->runtime, problem));
    node->liveness = liveness_start(node->runtime);
    node->gauges = gauges_start(node->runtime, &node->map);
    return node_start_doors(node, problem);
}

static void node_discard_files(const char *folder)
{
    char path[NODE_PATH_BYTES];
    DIR *listing = opendir(folder);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path); /* "." and ".." are no files */
    }
    if (listing != NULL) {
        closedir(listing);
    }
    (void)rmdir(folder);
}

/* What a start made and then could not serve: the next one finds all as it was. `fresh`:
 * the data in it is this start's own, and nobody was ever told of it. */
static void node_discard(const char *dir, bool made, bool fresh)
{
    static const char *const files[] = {"identity", "log_identity", "ports.json",
                                        "cluster", "LOCK"};
    char path[NODE_PATH_BYTES];
    if (fresh) {
        snprintf(path, sizeof path, "%s/log", dir);
        node_discard_files(path);
        snprintf(path, sizeof path, "%s/state", dir);
        node_discard_files(path);
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            snprintf(path, sizeof path, "%s/%s", dir, files[i]);
            (void)unlink(path);
        }
    }
    if (made) {
        (void)rmdir(dir); /* only if nothing is in it */
    }
}

enum status node_start(const struct settings *settings, struct problem *problem,
                       struct node **out_node)
{
    struct node *node = memory_zalloc(sizeof *node);
    enum status status;
    bool made;
    node->settings = *settings;
    made = access(settings->dir, F_OK) != 0;
    status = node_run(node, problem);
    if (status != STATUS_OK) {
        bool fresh =
            node->folder != NULL && folder_is_fresh(node->folder) && !node->joined;
        bool joined = node->joined;
        node_stop(node);
        node_discard(settings->dir, made && !joined, fresh);
        return status;
    }
    log_event(LOG_INFO, "serving", LOG_STRING("listen", settings->listen),
              LOG_U64("port", node_client_port(node)),
              LOG_U64("admin_port", node_admin_port(node)),
              LOG_STRING("dir", settings->dir), LOG_STRING("version", node_version()));
    *out_node = node;
    return STATUS_OK;
}

uint16_t node_client_port(const struct node *node)
{
    return rpc_server_port(node->server);
}

uint16_t node_admin_port(const struct node *node)
{
    return admin_port(node->admin);
}

/* Calls that are on their way while the door closes learn DRAINING; behind a closed door
 * they would only see their stream cut. */
static void node_drain(struct node *node)
{
    int64_t wait_ms = node->settings.stop_grace_ms < NODE_DRAIN_MS
                          ? node->settings.stop_grace_ms
                          : NODE_DRAIN_MS;
    const struct timespec wait = {.tv_nsec = (long)wait_ms * 1000000};
    rpc_server_drain(node->server);
    nanosleep(&wait, NULL);
}

void node_stop(struct node *node)
{
    if (node == NULL) {
        return;
    }
    atomic_store(&node->ready, false);
    if (node->server != NULL) {
        node_drain(node);
        rpc_server_stop(node->server, (uint32_t)node->settings.stop_grace_ms);
    }
    /* Calls that the grace did not see end are still inside: their answers are dropped. */
    if (node->cluster != NULL) {
        cluster_leave(node->cluster);
    }
    if (node->runtime != NULL) {
        liveness_stop(node->liveness);
        gauges_stop(node->gauges);
        runtime_stop(node->runtime);
    }
    admin_stop(node->admin);
    liveness_free(node->liveness);
    gauges_free(node->gauges);
    rpc_server_free(node->server);
    service_free(node->service);
    cluster_free(node->cluster);
    log_store_close(node->log);
    store_close(node->store);
    shard_map_close(&node->map);
    if (node->folder != NULL) {
        ports_remove(node->settings.dir);
    }
    folder_close(node->folder);
    free(node);
}
