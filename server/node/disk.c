/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/disk.h"

#include <stdio.h>
#include <sys/random.h>

#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/storage/key.h"
#include "shard/storage/meta_row.h"
#include "shard/storage/segment_log.h"
#include "shard/storage/store_rocks.h"

struct disk {
    const struct folder *folder;
    struct problem *problem;
    bool accept_loss; /* the operator knows that the log is gone */
    bool had_state;
    uint64_t known_log_id; /* 0: none was ever written down */
};

static enum status disk_look(struct disk *disk)
{
    enum status status;
    TRY(folder_has(disk->folder, DISK_ACCEPT_NAME, &disk->accept_loss));
    TRY(folder_has(disk->folder, "state/CURRENT", &disk->had_state));
    status = folder_read_log_id(disk->folder, &disk->known_log_id);
    if (status == STATUS_CHECKSUM || status == STATUS_VERSION) {
        return problem_set(disk->problem, status, "dir",
                           "the file log_identity in %.120s cannot be read; copy it from "
                           "log/identity, or restore the folder from a backup",
                           folder_path(disk->folder));
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- The log ----------------------------------------------------------------------- */

static enum status disk_log_gone(const struct disk *disk)
{
    return problem_set(disk->problem, STATUS_NOT_FOUND, "dir",
                       "the log in %.90s is gone; mount or put it back. To lose what it "
                       "alone held, make the file " DISK_ACCEPT_NAME
                       " beside it and start "
                       "again",
                       folder_log_path(disk->folder));
}

/* Whether the state goes beyond an empty log: some shard has applied something. */
static enum status disk_state_used(const struct disk *disk, struct store *store,
                                   bool *out_used)
{
    const struct folder_identity *identity = folder_identity(disk->folder);
    uint64_t count = (uint64_t)identity->sku_shards + identity->customer_shards;
    struct buffer key, value;
    enum status status = STATUS_NOT_FOUND;
    buffer_init(&key);
    buffer_init(&value);
    for (uint64_t i = 1; i <= count && status == STATUS_NOT_FOUND; i++) {
        const struct key_meta parts = {.shard_id = i, .kind = META_APPLIED};
        buffer_clear(&key);
        key_append_meta(&key, &parts);
        status = store_get(store, NULL, buffer_slice(&key), &value);
    }
    buffer_close(&key);
    buffer_close(&value);
    *out_used = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* A folder from before log_identity was written: only its state can say that there was a
 * log. */
static enum status disk_check_unknown_log(const struct disk *disk, struct store **store)
{
    const struct store_rocks_options options = {.folder =
                                                    folder_state_path(disk->folder)};
    uint64_t log_id;
    bool used;
    if (disk->known_log_id != 0 || disk->accept_loss || !disk->had_state ||
        segment_log_read_id(file_system_posix(), folder_log_path(disk->folder),
                            &log_id) != STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    TRY(store_rocks_open(&options, disk->problem, store));
    TRY(disk_state_used(disk, *store, &used));
    return used ? disk_log_gone(disk) : STATUS_OK;
}

static enum status disk_log_problem(const struct disk *disk, enum status status)
{
    const char *path = folder_log_path(disk->folder);
    if (status == STATUS_NOT_FOUND) {
        return disk_log_gone(disk);
    }
    if (status == STATUS_INVALID) {
        return problem_set(disk->problem, status, "dir",
                           "the log in %.120s is not this folder's; put its own back",
                           path);
    }
    return problem_set(disk->problem, status, "dir",
                       "the log in %.120s cannot be opened: %s; restore the data folder "
                       "from a backup",
                       path, status_text(status));
}

static void disk_report(const struct disk *disk, const struct segment_log_report *report)
{
    if (report->bytes_cut > 0) {
        log_event(LOG_WARN, "the log's torn end was repaired",
                  LOG_U64("bytes_cut", report->bytes_cut));
    }
    if (report->groups_damaged > 0) {
        char file[32] = "unknown";
        if (report->damage_segment != 0) {
            snprintf(file, sizeof file, "%016llx.segment",
                     (unsigned long long)report->damage_segment);
        }
        log_event(LOG_ERROR,
                  "the log is damaged; restore the data folder from a backup, with one "
                  "node nothing else holds the data",
                  LOG_STRING("folder", folder_log_path(disk->folder)),
                  LOG_STRING("file", file), LOG_U64("offset", report->damage_offset),
                  LOG_U64("shards_damaged", report->groups_damaged));
    }
}

/* The loss is written down before the new log is made, so that a start that ends between
 * the two does not meet a log that it does not know. */
static enum status disk_accept_loss(struct disk *disk, uint64_t fresh_log_id)
{
    log_event(LOG_WARN,
              "the log is gone; a new one is made, as " DISK_ACCEPT_NAME " says",
              LOG_STRING("folder", folder_log_path(disk->folder)));
    disk->known_log_id = fresh_log_id;
    return folder_set_log_id(disk->folder, fresh_log_id);
}

static enum status disk_open_log(struct disk *disk, uint64_t segment_bytes,
                                 struct log_store **out_log)
{
    struct segment_log_options options = {.fs = file_system_posix(),
                                          .folder = folder_log_path(disk->folder),
                                          .segment_bytes = segment_bytes,
                                          .known_log_id = disk->known_log_id};
    struct segment_log_report report = {0};
    enum status status;
    uint64_t found;
    ssize_t drawn = getrandom(&options.fresh_log_id, sizeof options.fresh_log_id, 0);
    ASSERT(drawn == (ssize_t)sizeof options.fresh_log_id);
    options.fresh_log_id |= 1; /* 0 means none */
    if (disk->accept_loss &&
        segment_log_read_id(options.fs, options.folder, &found) == STATUS_NOT_FOUND) {
        TRY(disk_accept_loss(disk, options.fresh_log_id));
        options.known_log_id = 0;
    }
    status = segment_log_open(&options, &report, out_log);
    if (status != STATUS_OK) {
        return disk_log_problem(disk, status);
    }
    disk_report(disk, &report);
    return report.log_id == disk->known_log_id
               ? STATUS_OK
               : folder_set_log_id(disk->folder, report.log_id);
}

/* --- The state --------------------------------------------------------------------- */

struct disk_walk {
    struct log_store *log;
    enum status status;
    uint64_t cut_replica; /* its oldest entries are recycled; 0 when none is */
    uint64_t first_index; /* of that one */
    uint64_t entries;
};

static bool disk_visit(void *context, uint64_t replica_id)
{
    struct disk_walk *walk = context;
    struct log_bounds bounds;
    walk->status = log_store_bounds(walk->log, replica_id, &bounds);
    if (walk->status != STATUS_OK) {
        return false;
    }
    walk->entries += bounds.last_index;
    if (bounds.first_index > 1) {
        walk->cut_replica = replica_id;
        walk->first_index = bounds.first_index;
    }
    return walk->cut_replica == 0;
}

/* Without the state everything has to stand in the log, from the first entry on. */
static enum status disk_check_lost_state(const struct disk *disk, struct log_store *log)
{
    struct disk_walk walk = {.log = log, .status = STATUS_OK};
    if (disk->had_state) {
        return STATUS_OK;
    }
    log_store_list(log, disk_visit, &walk);
    TRY(walk.status);
    if (walk.cut_replica != 0) {
        return problem_set(disk->problem, STATUS_NOT_FOUND, "dir",
                           "the state in %.90s is gone, and the log has shard %llu only "
                           "from entry %llu on; put it back, or restore the data folder "
                           "from a backup",
                           folder_state_path(disk->folder),
                           (unsigned long long)walk.cut_replica,
                           (unsigned long long)walk.first_index);
    }
    if (walk.entries > 0) {
        log_event(LOG_WARN, "the state is gone; it is made anew from the whole log",
                  LOG_STRING("folder", folder_state_path(disk->folder)),
                  LOG_U64("entries", walk.entries));
    }
    return STATUS_OK;
}

/* --- Both -------------------------------------------------------------------------- */

/* Once only: the next loss is to be noticed again. */
static enum status disk_forget_acceptance(const struct disk *disk)
{
    char path[FILE_PATH_BYTES_MAX];
    if (!disk->accept_loss) {
        return STATUS_OK;
    }
    snprintf(path, sizeof path, "%s/" DISK_ACCEPT_NAME, folder_path(disk->folder));
    return file_system_remove(file_system_posix(), path);
}

enum status disk_open(const struct folder *folder, uint64_t segment_bytes,
                      struct problem *problem, struct store **out_store,
                      struct log_store **out_log)
{
    const struct store_rocks_options store = {.folder = folder_state_path(folder)};
    struct disk disk = {.folder = folder, .problem = problem};
    memset(problem, 0, sizeof *problem);
    enum status status = disk_look(&disk);
    if (status == STATUS_OK) {
        status = disk_check_unknown_log(&disk, out_store);
    }
    if (status == STATUS_OK) {
        status = disk_open_log(&disk, segment_bytes, out_log);
    }
    if (status == STATUS_OK) {
        status = disk_check_lost_state(&disk, *out_log);
    }
    if (status == STATUS_OK && *out_store == NULL) {
        status = store_rocks_open(&store, problem, out_store);
    }
    if (status == STATUS_OK) {
        status = disk_forget_acceptance(&disk);
    }
    if (status != STATUS_OK && problem->message[0] == '\0') {
        return problem_set(problem, status, "dir", "%.160s cannot be read: %s",
                           folder_path(folder), status_text(status));
    }
    return status;
}
