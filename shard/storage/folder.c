/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"
#include "shard/storage/segment_format.h"

/*
 * The identity file, little endian:
 *      0 magic "SOUK"   4 version   5 zero (3)   8 cluster id (16)   24 hash seed
 *     32 node id   40 SKU shards (4)   44 customer shards (4)   48 zero   56 checksum
 * The checksum (XXH3-64 of bytes 0 to 55) stays where it is in all versions.
 */
enum {
    IDENTITY_CHECKED_BYTES = FOLDER_IDENTITY_BYTES - 8,
    FOLDER_SUFFIX_BYTES = 32,
};

static const uint8_t identity_magic[4] = "SOUK";
static const uint64_t identity_seed = 0x536f756b466f6c64u; /* "SoukFold" */

struct folder {
    struct file_system *fs;
    struct file *lock;
    struct folder_identity identity;
    bool fresh;
    char path[FILE_PATH_BYTES_MAX - FOLDER_SUFFIX_BYTES];
    char log_path[FILE_PATH_BYTES_MAX];
    char state_path[FILE_PATH_BYTES_MAX];
    char identity_path[FILE_PATH_BYTES_MAX];
    char lock_path[FILE_PATH_BYTES_MAX];
};

void folder_identity_encode(const struct folder_identity *identity,
                            uint8_t out_bytes[FOLDER_IDENTITY_BYTES])
{
    memset(out_bytes, 0, FOLDER_IDENTITY_BYTES);
    memcpy(out_bytes, identity_magic, sizeof identity_magic);
    out_bytes[4] = FOLDER_FORMAT_VERSION;
    memcpy(out_bytes + 8, identity->cluster_id, FOLDER_CLUSTER_ID_BYTES);
    store_le64(out_bytes + 24, identity->hash_seed);
    store_le64(out_bytes + 32, identity->node_id);
    store_le32(out_bytes + 40, identity->sku_shards);
    store_le32(out_bytes + 44, identity->customer_shards);
    store_le64(out_bytes + IDENTITY_CHECKED_BYTES,
               hash64(slice_of(out_bytes, IDENTITY_CHECKED_BYTES), identity_seed));
}

enum status folder_identity_decode(struct slice bytes,
                                   struct folder_identity *out_identity)
{
    struct folder_identity identity;
    if (bytes.size < FOLDER_IDENTITY_BYTES ||
        memcmp(bytes.data, identity_magic, sizeof identity_magic) != 0 ||
        load_le64(bytes.data + IDENTITY_CHECKED_BYTES) !=
            hash64(slice_of(bytes.data, IDENTITY_CHECKED_BYTES), identity_seed)) {
        return STATUS_CHECKSUM;
    }
    if (bytes.data[4] > FOLDER_FORMAT_VERSION) {
        return STATUS_VERSION;
    }
    memcpy(identity.cluster_id, bytes.data + 8, FOLDER_CLUSTER_ID_BYTES);
    identity.hash_seed = load_le64(bytes.data + 24);
    identity.node_id = load_le64(bytes.data + 32);
    identity.sku_shards = load_le32(bytes.data + 40);
    identity.customer_shards = load_le32(bytes.data + 44);
    if (bytes.size != FOLDER_IDENTITY_BYTES || identity.node_id == 0) {
        return STATUS_CHECKSUM;
    }
    *out_identity = identity;
    return STATUS_OK;
}

static enum status folder_problem(struct problem *problem, enum status status,
                                  const char *path, const char *text)
{
    if (problem != NULL) {
        problem_set(problem, status, "dir", "%s: %s", path, text);
    }
    return status;
}

static enum status folder_read_identity(struct folder *folder)
{
    uint8_t bytes[FOLDER_IDENTITY_BYTES + 1];
    struct file *file;
    size_t got;
    enum status status;
    TRY(file_system_open(folder->fs, folder->identity_path, FILE_OPEN_READ, &file));
    status = file_read(file, 0, bytes, sizeof bytes, &got);
    file_close(file);
    TRY(status);
    return folder_identity_decode(slice_of(bytes, got), &folder->identity);
}

static enum status folder_write_identity(struct folder *folder,
                                         const struct folder_identity *identity)
{
    uint8_t bytes[FOLDER_IDENTITY_BYTES];
    ASSERT(identity->node_id != 0);
    folder_identity_encode(identity, bytes);
    return file_system_replace(folder->fs, folder->path, "identity",
                               slice_of(bytes, sizeof bytes));
}

/* What a start that did not get far may have left, and nothing else. */
static bool folder_name_is_ours(void *context, const char *name)
{
    bool *foreign = context;
    static const char *const ours[] = {"LOCK", "identity.new", "joining", "joining.new",
                                       "lost+found"};
    *foreign = true;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        *foreign = *foreign && strcmp(name, ours[i]) != 0;
    }
    return !*foreign;
}

static enum status folder_create(struct folder *folder,
                                 const struct folder_identity *fresh,
                                 struct problem *problem)
{
    bool foreign = false;
    if (fresh == NULL) {
        return folder_problem(problem, STATUS_NOT_FOUND, folder->path,
                              "there is no data here");
    }
    TRY(file_system_list(folder->fs, folder->path, folder_name_is_ours, &foreign));
    if (foreign) {
        return folder_problem(problem, STATUS_INVALID, folder->path,
                              "the folder has files but no identity; take an empty one, "
                              "or restore the file 'identity'");
    }
    TRY(folder_write_identity(folder, fresh));
    folder->identity = *fresh;
    folder->fresh = true;
    return STATUS_OK;
}

static bool folder_is_a_file(const struct folder *folder)
{
    struct file *file;
    if (file_system_open(folder->fs, folder->path, FILE_OPEN_READ, &file) != STATUS_OK) {
        return false;
    }
    file_close(file);
    return true;
}

static enum status folder_load(struct folder *folder, const struct folder_identity *fresh,
                               struct problem *problem)
{
    enum status status;
    status = file_system_ensure_folder(folder->fs, folder->path);
    if (status != STATUS_OK) {
        return folder_problem(problem, status, folder->path,
                              folder_is_a_file(folder)
                                  ? "this is a file; name a folder, or one to be made"
                                  : "the folder cannot be made; is there a folder above "
                                    "it that may be written?");
    }
    status = file_system_lock(folder->fs, folder->lock_path, &folder->lock);
    if (status != STATUS_OK) {
        return folder_problem(problem, status, folder->path,
                              status == STATUS_FOLDER_IN_USE
                                  ? "another process has this data folder open"
                                  : "the file LOCK cannot be written");
    }
    status = folder_read_identity(folder);
    switch ((int)status) {
    case STATUS_NOT_FOUND:
        return folder_create(folder, fresh, problem);
    case STATUS_VERSION:
        return folder_problem(problem, status, folder->path,
                              "written by a later version of Souk; start that one");
    case STATUS_CHECKSUM:
        return folder_problem(problem, status, folder->path,
                              "the file 'identity' is damaged; restore it from a backup");
    default:
        return status;
    }
}

static void folder_join(const struct folder *folder, const char *name, char *out_path)
{
    snprintf(out_path, FILE_PATH_BYTES_MAX, "%s/%s", folder->path, name);
}

enum status folder_open(struct file_system *fs, const char *path,
                        const struct folder_identity *fresh, struct problem *problem,
                        struct folder **out_folder)
{
    struct folder *folder;
    enum status status;
    if (strlen(path) >= sizeof folder->path || path[0] == 0) {
        return folder_problem(problem, STATUS_INVALID, "dir",
                              "the path is empty or too long");
    }
    folder = memory_zalloc(sizeof *folder);
    folder->fs = fs;
    snprintf(folder->path, sizeof folder->path, "%s", path);
    folder_join(folder, "log", folder->log_path);
    folder_join(folder, "state", folder->state_path);
    folder_join(folder, "identity", folder->identity_path);
    folder_join(folder, "LOCK", folder->lock_path);
    status = folder_load(folder, fresh, problem);
    if (status != STATUS_OK) {
        folder_close(folder);
        return status;
    }
    *out_folder = folder;
    return STATUS_OK;
}

void folder_close(struct folder *folder)
{
    if (folder != NULL) {
        file_close(folder->lock);
        free(folder);
    }
}

const struct folder_identity *folder_identity(const struct folder *folder)
{
    return &folder->identity;
}

bool folder_is_fresh(const struct folder *folder)
{
    return folder->fresh;
}

const char *folder_path(const struct folder *folder)
{
    return folder->path;
}

const char *folder_log_path(const struct folder *folder)
{
    return folder->log_path;
}

const char *folder_state_path(const struct folder *folder)
{
    return folder->state_path;
}

enum status folder_set_identity(struct folder *folder,
                                const struct folder_identity *identity)
{
    TRY(folder_write_identity(folder, identity));
    folder->identity = *identity;
    return STATUS_OK;
}

static enum status folder_open_file(const struct folder *folder, const char *name,
                                    struct file **out_file)
{
    char path[FILE_PATH_BYTES_MAX];
    folder_join(folder, name, path);
    return file_system_open(folder->fs, path, FILE_OPEN_READ, out_file);
}

enum status folder_read_log_id(const struct folder *folder, uint64_t *out_log_id)
{
    uint8_t bytes[SEGMENT_IDENTITY_BYTES];
    struct file *file;
    size_t got;
    enum status status;
    TRY(folder_open_file(folder, "log_identity", &file));
    status = file_read(file, 0, bytes, sizeof bytes, &got);
    file_close(file);
    TRY(status);
    return segment_identity_decode(slice_of(bytes, got), out_log_id);
}

enum status folder_set_log_id(const struct folder *folder, uint64_t log_id)
{
    uint8_t bytes[SEGMENT_IDENTITY_BYTES];
    segment_identity_encode(log_id, bytes);
    return file_system_replace(folder->fs, folder->path, "log_identity",
                               slice_of(bytes, sizeof bytes));
}

enum status folder_has(const struct folder *folder, const char *name, bool *out_has)
{
    struct file *file;
    enum status status = folder_open_file(folder, name, &file);
    *out_has = status == STATUS_OK;
    if (status == STATUS_OK) {
        file_close(file);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
