/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/file.h"

enum {
    POSIX_PIECES_MAX = 64,        /* per system call */
    POSIX_ZERO_BYTES = 256 << 10, /* per write of file_allocate */
    POSIX_FILE_MODE = S_IRUSR | S_IWUSR | S_IRGRP,
    POSIX_FOLDER_MODE = S_IRWXU | S_IRGRP | S_IXGRP,
};

struct posix_file {
    struct file file;
    int fd;
};

static enum status posix_status(int error)
{
    switch (error) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EEXIST:
        return STATUS_ALREADY_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    default:
        return STATUS_IO;
    }
}

static int posix_fd(const struct file *file)
{
    return CONTAINER_OF(file, const struct posix_file, file)->fd;
}

/* Skips `done` bytes that a short write has already taken. */
static size_t posix_skip(struct iovec *vectors, size_t count, size_t done)
{
    size_t first = 0;
    while (first < count && done >= vectors[first].iov_len) {
        done -= vectors[first++].iov_len;
    }
    if (first < count) {
        vectors[first].iov_base = (uint8_t *)vectors[first].iov_base + done;
        vectors[first].iov_len -= done;
    }
    return first;
}

static enum status posix_write_vectors(int fd, uint64_t offset, struct iovec *vectors,
                                       size_t count)
{
    while (count > 0) {
        ssize_t done = pwritev(fd, vectors, (int)count, (off_t)offset);
        size_t skipped;
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done == 0 ? STATUS_IO : posix_status(errno);
        }
        offset += (uint64_t)done;
        skipped = posix_skip(vectors, count, (size_t)done);
        vectors += skipped;
        count -= skipped;
    }
    return STATUS_OK;
}

static enum status posix_write(struct file *file, uint64_t offset,
                               const struct slice *pieces, size_t piece_count)
{
    while (piece_count > 0) {
        struct iovec vectors[POSIX_PIECES_MAX];
        size_t taken = 0, count = 0;
        uint64_t bytes = 0;
        for (; taken < piece_count && count < POSIX_PIECES_MAX; taken++) {
            if (pieces[taken].size > 0) {
                vectors[count++] =
                    (struct iovec){.iov_base = (void *)(uintptr_t)pieces[taken].data,
                                   .iov_len = pieces[taken].size};
                bytes += pieces[taken].size;
            }
        }
        TRY(posix_write_vectors(posix_fd(file), offset, vectors, count));
        offset += bytes;
        pieces += taken;
        piece_count -= taken;
    }
    return STATUS_OK;
}

static enum status posix_read(struct file *file, uint64_t offset, void *data, size_t size,
                              size_t *out_size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t step = pread(posix_fd(file), (uint8_t *)data + got, size - got,
                             (off_t)(offset + got));
        if (step < 0 && errno == EINTR) {
            continue;
        }
        if (step < 0) {
            return posix_status(errno);
        }
        if (step == 0) {
            break;
        }
        got += (size_t)step;
    }
    *out_size = got;
    return STATUS_OK;
}

static enum status posix_sync(struct file *file)
{
    return fdatasync(posix_fd(file)) == 0 ? STATUS_OK : posix_status(errno);
}

static enum status posix_size(struct file *file, uint64_t *out_size)
{
    struct stat info;
    if (fstat(posix_fd(file), &info) != 0) {
        return posix_status(errno);
    }
    *out_size = (uint64_t)info.st_size;
    return STATUS_OK;
}

/*
 * Zeros are written, not only reserved: a sync into blocks that were only reserved also
 * has to write the file system's journal (here 3.0-4.8 thousand syncs/s against 2.0-3.4).
 */
static enum status posix_allocate(struct file *file, uint64_t size)
{
    uint8_t *zeros = memory_zalloc(POSIX_ZERO_BYTES);
    uint64_t have = 0;
    enum status status = posix_size(file, &have);
    while (status == STATUS_OK && have < size) {
        uint64_t left = size - have;
        size_t step = left < POSIX_ZERO_BYTES ? (size_t)left : POSIX_ZERO_BYTES;
        struct slice piece = slice_of(zeros, step);
        status = posix_write(file, have, &piece, 1);
        have += step;
    }
    free(zeros);
    return status;
}

static enum status posix_truncate(struct file *file, uint64_t size)
{
    return ftruncate(posix_fd(file), (off_t)size) == 0 ? STATUS_OK : posix_status(errno);
}

static void posix_close(struct file *file)
{
    close(posix_fd(file));
    free(CONTAINER_OF(file, struct posix_file, file));
}

static const struct file_ops posix_file_ops = {
    .write = posix_write,
    .read = posix_read,
    .sync = posix_sync,
    .allocate = posix_allocate,
    .size = posix_size,
    .truncate = posix_truncate,
    .close = posix_close,
};

static struct file *posix_file_new(int fd)
{
    struct posix_file *file = memory_alloc(sizeof *file);
    *file = (struct posix_file){.file = {.ops = &posix_file_ops}, .fd = fd};
    return &file->file;
}

static enum status posix_open(struct file_system *fs, const char *path,
                              enum file_open how, struct file **out_file)
{
    int flags = O_CLOEXEC | (how == FILE_OPEN_READ ? O_RDONLY : O_RDWR);
    int fd;
    (void)fs;
    if (how == FILE_OPEN_CREATE) {
        flags |= O_CREAT | O_EXCL;
    }
    fd = open(path, flags, POSIX_FILE_MODE);
    if (fd < 0) {
        return posix_status(errno);
    }
    *out_file = posix_file_new(fd);
    return STATUS_OK;
}

static enum status posix_list(struct file_system *fs, const char *folder,
                              file_name_visitor *visit, void *context)
{
    DIR *stream = opendir(folder);
    struct dirent *entry;
    bool more = true;
    int error;
    (void)fs;
    if (stream == NULL) {
        return posix_status(errno);
    }
    errno = 0;
    while (more && (entry = readdir(stream)) != NULL) {
        const char *name = entry->d_name;
        bool self = name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
        if (!self) {
            more = visit(context, name);
        }
        errno = 0;
    }
    error = errno;
    closedir(stream);
    return error ? posix_status(error) : STATUS_OK;
}

static enum status posix_remove(struct file_system *fs, const char *path)
{
    (void)fs;
    return unlink(path) == 0 ? STATUS_OK : posix_status(errno);
}

static enum status posix_rename(struct file_system *fs, const char *from, const char *to)
{
    (void)fs;
    return rename(from, to) == 0 ? STATUS_OK : posix_status(errno);
}

static enum status posix_make_folder(struct file_system *fs, const char *path)
{
    struct stat info;
    (void)fs;
    if (mkdir(path, POSIX_FOLDER_MODE) == 0) {
        return STATUS_OK;
    }
    if (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return STATUS_OK;
    }
    return posix_status(errno);
}

static enum status posix_sync_folder(struct file_system *fs, const char *path)
{
    enum status status = STATUS_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)fs;
    if (fd < 0) {
        return posix_status(errno);
    }
    if (fsync(fd) != 0) {
        status = posix_status(errno);
    }
    close(fd);
    return status;
}

static enum status posix_space(struct file_system *fs, const char *path,
                               struct file_space *out_space)
{
    struct statvfs info;
    (void)fs;
    if (statvfs(path, &info) != 0) {
        return posix_status(errno);
    }
    out_space->free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    out_space->total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    return STATUS_OK;
}

static enum status posix_lock(struct file_system *fs, const char *path,
                              struct file **out_file)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, POSIX_FILE_MODE);
    (void)fs;
    if (fd < 0) {
        return posix_status(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        close(fd);
        return error == EWOULDBLOCK ? STATUS_FOLDER_IN_USE : posix_status(error);
    }
    *out_file = posix_file_new(fd);
    return STATUS_OK;
}

static const struct file_system_ops posix_ops = {
    .open = posix_open,
    .list = posix_list,
    .remove = posix_remove,
    .rename = posix_rename,
    .make_folder = posix_make_folder,
    .sync_folder = posix_sync_folder,
    .space = posix_space,
    .lock = posix_lock,
};

struct file_system *file_system_posix(void)
{
    static struct file_system fs = {.ops = &posix_ops};
    return &fs;
}
