/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared files: one table file of RocksDB each, in a folder inside that of the store.
 * A file is written under another name, synced and renamed, so one of its name is whole.
 *
 * Ingesting copies it, so that an install which was cut short can be repeated. (A link would
 * not do: 7.8 writes the sequence number that it gives the rows into the file itself, and
 * then refuses to take it a second time.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/file.h"
#include "shard/storage/store_rocks_private.h"

enum {
    FILES_INGEST_MAX = 256, /* in one call */
};

#define FILES_FOLDER "incoming"
#define FILES_NEW    ".new"
#define FILES_LINK   ".link"

char *store_rocks_files_folder(const char *folder)
{
    size_t size = strlen(folder) + sizeof "/" FILES_FOLDER;
    char *path = memory_alloc(size);
    snprintf(path, size, "%s/" FILES_FOLDER, folder);
    return path;
}

static void files_path(const struct store_rocks *rocks, struct slice name,
                       const char *suffix, char path[FILE_PATH_BYTES_MAX])
{
    snprintf(path, FILE_PATH_BYTES_MAX, "%s/%.*s%s", rocks->files_folder, (int)name.size,
             (const char *)name.data, suffix);
}

/* OK, too, when it is not there. */
static enum status files_remove(const char *path)
{
    enum status status = file_system_remove(file_system_posix(), path);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- Writing ---------------------------------------------------------------------------- */

static enum status files_fill(rocksdb_sstfilewriter_t *writer, const char *path,
                              struct slice rows)
{
    char *error = NULL;
    size_t position = 0;
    struct slice key = {0}, value;
    rocksdb_sstfilewriter_open(writer, path, &error);
    while (error == NULL && store_rows_next(rows, &position, &key, &value)) {
        rocksdb_sstfilewriter_put(writer, (const char *)key.data, key.size,
                                  value.data ? (const char *)value.data : "", value.size,
                                  &error);
    }
    if (error == NULL) {
        ASSERT(position == rows.size);
        rocksdb_sstfilewriter_finish(writer, &error); /* syncs */
    }
    return store_rocks_take(error);
}

static enum status files_put(struct store_rocks *rocks, const struct store_change *change)
{
    struct file_system *fs = file_system_posix();
    char fresh[FILE_PATH_BYTES_MAX], path[FILE_PATH_BYTES_MAX];
    rocksdb_envoptions_t *environment;
    rocksdb_sstfilewriter_t *writer;
    enum status status;
    TRY(file_system_ensure_folder(fs, rocks->files_folder));
    files_path(rocks, change->key, FILES_NEW, fresh);
    files_path(rocks, change->key, "", path);
    TRY(files_remove(fresh));
    environment = rocksdb_envoptions_create();
    writer = rocksdb_sstfilewriter_create(environment, rocks->options);
    status = files_fill(writer, fresh, change->value);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(environment);
    TRY(status);
    TRY(file_system_rename(fs, fresh, path));
    return file_system_sync_folder(fs, rocks->files_folder);
}

/* --- Ingesting -------------------------------------------------------------------------- */

struct files_ingest {
    char *paths[FILES_INGEST_MAX];
    size_t count;
};

static enum status files_ingest_add(struct store_rocks *rocks, struct slice name,
                                    struct files_ingest *ingest)
{
    struct file *file;
    char path[FILE_PATH_BYTES_MAX];
    files_path(rocks, name, "", path);
    TRY(file_system_open(file_system_posix(), path, FILE_OPEN_READ, &file));
    file_close(file);
    ingest->paths[ingest->count++] = memory_copy(path, strlen(path) + 1);
    return STATUS_OK;
}

static enum status files_ingest_run(struct store_rocks *rocks,
                                    const struct files_ingest *ingest)
{
    char *error = NULL;
    rocksdb_ingestexternalfileoptions_t *options =
        rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingest_external_file(rocks->db, (const char *const *)ingest->paths,
                                 ingest->count, options, &error);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return store_rocks_take(error);
}

/* The change and those right behind it that ingest too: one call takes many files. */
static enum status files_ingest(struct store_rocks *rocks,
                                const struct store_batch *batch, size_t *position,
                                const struct store_change *first)
{
    struct files_ingest ingest = {.count = 0};
    struct store_change change = *first;
    size_t next = *position;
    enum status status = STATUS_OK;
    for (;;) {
        status = files_ingest_add(rocks, change.key, &ingest);
        *position = next;
        if (status != STATUS_OK || ingest.count == FILES_INGEST_MAX ||
            !store_batch_next(batch, &next, &change) ||
            change.kind != STORE_FILE_INGEST) {
            break;
        }
    }
    if (status == STATUS_OK) {
        status = files_ingest_run(rocks, &ingest);
    }
    for (size_t i = 0; i < ingest.count; i++) {
        free(ingest.paths[i]);
    }
    return status;
}

enum status store_rocks_file_change(struct store_rocks *rocks,
                                    const struct store_batch *batch, size_t *position,
                                    const struct store_change *change)
{
    char path[FILE_PATH_BYTES_MAX];
    switch (change->kind) {
    case STORE_FILE_PUT:
        return files_put(rocks, change);
    case STORE_FILE_DELETE:
        files_path(rocks, change->key, "", path);
        return files_remove(path);
    case STORE_FILE_INGEST:
        return files_ingest(rocks, batch, position, change);
    case STORE_PUT:
    case STORE_DELETE:
    case STORE_DELETE_RANGE:
        break;
    }
    UNREACHABLE();
}

/* --- Listing ---------------------------------------------------------------------------- */

struct files_walk {
    store_file_visitor *visit;
    void *context;
};

static bool files_visit(void *context, const char *name)
{
    const struct files_walk *walk = context;
    struct slice found = slice_from_string(name);
    /* Names with a dot are of files that were not finished. */
    return !store_file_name_valid(found) || walk->visit(walk->context, found);
}

enum status store_rocks_file_list(struct store *store, store_file_visitor *visit,
                                  void *context)
{
    struct store_rocks *rocks = CONTAINER_OF(store, struct store_rocks, store);
    struct files_walk walk = {.visit = visit, .context = context};
    enum status status =
        file_system_list(file_system_posix(), rocks->files_folder, files_visit, &walk);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
