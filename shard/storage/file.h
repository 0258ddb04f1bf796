/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few things the storage asks of a file system, as a table that tests replace
 * (tests/lib/crash_files.h). Everything blocks, on the caller's thread.
 *
 * Nothing is durable before file_sync (content and size) and file_system_sync_folder
 * (names: creation, renaming, removal). After a failed sync nobody knows what is on the
 * disk: a sync is never repeated, the caller stops (Rebello et al., "Can applications
 * recover from fsync failures?", 2020).
 *
 * Errors: NOT_FOUND, ALREADY_EXISTS, FOLDER_IN_USE (a lock is taken), DISK_FULL, IO.
 */
#ifndef SOUK_SHARD_STORAGE_FILE_H
#define SOUK_SHARD_STORAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    FILE_PATH_BYTES_MAX = 1024,
};

struct file;
struct file_system;

enum file_open {
    FILE_OPEN_READ,   /* must exist */
    FILE_OPEN_WRITE,  /* read and write; must exist */
    FILE_OPEN_CREATE, /* read and write; must not exist */
};

struct file_space {
    uint64_t free_bytes; /* what this process may still use */
    uint64_t total_bytes;
};

/* `name` is one entry without its folder, borrowed; returning false ends the walk. */
typedef bool file_name_visitor(void *context, const char *name);

struct file_system_ops {
    enum status (*open)(struct file_system *fs, const char *path, enum file_open how,
                        struct file **out_file);
    enum status (*list)(struct file_system *fs, const char *folder,
                        file_name_visitor *visit, void *context);
    enum status (*remove)(struct file_system *fs, const char *path);
    enum status (*rename)(struct file_system *fs, const char *from, const char *to);
    enum status (*make_folder)(struct file_system *fs, const char *path);
    enum status (*sync_folder)(struct file_system *fs, const char *path);
    enum status (*space)(struct file_system *fs, const char *path,
                         struct file_space *out_space);
    enum status (*lock)(struct file_system *fs, const char *path, struct file **out_file);
};

struct file_system {
    const struct file_system_ops *ops;
};

struct file_ops {
    enum status (*write)(struct file *file, uint64_t offset, const struct slice *pieces,
                         size_t piece_count);
    enum status (*read)(struct file *file, uint64_t offset, void *data, size_t size,
                        size_t *out_size);
    enum status (*sync)(struct file *file);
    enum status (*allocate)(struct file *file, uint64_t size);
    enum status (*size)(struct file *file, uint64_t *out_size);
    enum status (*truncate)(struct file *file, uint64_t size);
    void (*close)(struct file *file);
};

struct file {
    const struct file_ops *ops;
};

/* The real file system; static, shared by all threads, never closed. */
struct file_system *file_system_posix(void);

static inline MUST_USE enum status file_system_open(struct file_system *fs,
                                                    const char *path, enum file_open how,
                                                    struct file **out_file)
{
    return fs->ops->open(fs, path, how, out_file);
}

/* Makes the folder if missing and syncs its parent, so that it is there after a crash. */
MUST_USE enum status file_system_ensure_folder(struct file_system *fs, const char *path);

/* Gives the file `name` in `folder` these bytes, all or nothing, and durable: a new file
 * `name`.new is written, synced and renamed. */
MUST_USE enum status file_system_replace(struct file_system *fs, const char *folder,
                                         const char *name, struct slice bytes);

/* Every entry but "." and "..", in no order. */
static inline MUST_USE enum status file_system_list(struct file_system *fs,
                                                    const char *folder,
                                                    file_name_visitor *visit,
                                                    void *context)
{
    return fs->ops->list(fs, folder, visit, context);
}

static inline MUST_USE enum status file_system_remove(struct file_system *fs,
                                                      const char *path)
{
    return fs->ops->remove(fs, path);
}

/* Replaces `to` at once if it exists. Both lie in one folder. */
static inline MUST_USE enum status file_system_rename(struct file_system *fs,
                                                      const char *from, const char *to)
{
    return fs->ops->rename(fs, from, to);
}

/* OK as well when the folder is already there; its parent must exist. */
static inline MUST_USE enum status file_system_make_folder(struct file_system *fs,
                                                           const char *path)
{
    return fs->ops->make_folder(fs, path);
}

static inline MUST_USE enum status file_system_sync_folder(struct file_system *fs,
                                                           const char *path)
{
    return fs->ops->sync_folder(fs, path);
}

static inline MUST_USE enum status
file_system_space(struct file_system *fs, const char *path, struct file_space *out_space)
{
    return fs->ops->space(fs, path, out_space);
}

/* Creates the file if missing and holds it alone, against other processes and against
 * this one, until file_close or the end of the process. FOLDER_IN_USE when held. */
static inline MUST_USE enum status
file_system_lock(struct file_system *fs, const char *path, struct file **out_file)
{
    return fs->ops->lock(fs, path, out_file);
}

/* Writes all pieces one behind the other, whole or with an error. */
static inline MUST_USE enum status file_write_pieces(struct file *file, uint64_t offset,
                                                     const struct slice *pieces,
                                                     size_t piece_count)
{
    return file->ops->write(file, offset, pieces, piece_count);
}

static inline MUST_USE enum status file_write(struct file *file, uint64_t offset,
                                              struct slice bytes)
{
    return file->ops->write(file, offset, &bytes, 1);
}

/* `*out_size` is less than `size` only at the end of the file. */
static inline MUST_USE enum status file_read(struct file *file, uint64_t offset,
                                             void *data, size_t size, size_t *out_size)
{
    return file->ops->read(file, offset, data, size, out_size);
}

/* Content and size are on the disk (fdatasync). */
static inline MUST_USE enum status file_sync(struct file *file)
{
    return file->ops->sync(file);
}

/* Grows the file to at least `size` bytes with its blocks reserved, so that writing
 * inside later cannot run out of space; new bytes read as zero. */
static inline MUST_USE enum status file_allocate(struct file *file, uint64_t size)
{
    return file->ops->allocate(file, size);
}

static inline MUST_USE enum status file_size(struct file *file, uint64_t *out_size)
{
    return file->ops->size(file, out_size);
}

static inline MUST_USE enum status file_truncate(struct file *file, uint64_t size)
{
    return file->ops->truncate(file, size);
}

/* Accepts NULL. Content that was not synced may be lost. */
static inline void file_close(struct file *file)
{
    if (file != NULL) {
        file->ops->close(file);
    }
}

#endif
