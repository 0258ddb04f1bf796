/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/file.h"

#include <stdio.h>
#include <string.h>

enum status file_system_ensure_folder(struct file_system *fs, const char *path)
{
    char parent[FILE_PATH_BYTES_MAX];
    const char *slash;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length == 0 || length >= sizeof parent) {
        return STATUS_INVALID;
    }
    TRY(file_system_make_folder(fs, path));
    memcpy(parent, path, length);
    parent[length] = 0;
    slash = strrchr(parent, '/');
    if (slash == NULL) {
        return file_system_sync_folder(fs, ".");
    }
    parent[slash == parent ? 1 : slash - parent] = 0;
    return file_system_sync_folder(fs, parent);
}

static enum status file_write_new(struct file_system *fs, const char *path,
                                  struct slice bytes)
{
    struct file *file;
    enum status status = file_system_remove(fs, path);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return status;
    }
    TRY(file_system_open(fs, path, FILE_OPEN_CREATE, &file));
    status = file_write(file, 0, bytes);
    if (status == STATUS_OK) {
        status = file_sync(file);
    }
    file_close(file);
    return status;
}

enum status file_system_replace(struct file_system *fs, const char *folder,
                                const char *name, struct slice bytes)
{
    char path[FILE_PATH_BYTES_MAX];
    char fresh[FILE_PATH_BYTES_MAX];
    int length = snprintf(fresh, sizeof fresh, "%s/%s.new", folder, name);
    if (length < 0 || (size_t)length >= sizeof fresh) {
        return STATUS_INVALID;
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    TRY(file_write_new(fs, fresh, bytes));
    TRY(file_system_rename(fs, fresh, path));
    return file_system_sync_folder(fs, folder);
}
