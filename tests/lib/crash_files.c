/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two layers: what readers see (`now`) and what is synced (`disk`). A node is a file's
 * content, a name points to a node. What lies between the layers is kept as lists: the
 * unsynced writes of a node, the unsynced changes of names.
 */
#include "tests/lib/crash_files.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/memory.h"

struct crash_write {
    uint64_t offset;
    struct buffer bytes;
};

struct crash_node {
    struct crash_node *next;
    bool folder;
    bool locked;
    struct buffer now;
    struct buffer disk;
    struct crash_write *writes;
    size_t write_count;
    size_t write_capacity;
};

struct crash_name {
    struct crash_name *next;
    char path[FILE_PATH_BYTES_MAX];
    struct crash_node *now;  /* NULL = absent */
    struct crash_node *disk; /* likewise */
};

/* A creation (`from` NULL), a renaming, or a removal (`to` NULL). */
struct crash_change {
    struct crash_name *from;
    struct crash_name *to;
    struct crash_node *node;
};

struct crash_files {
    struct file_system system;
    struct crash_change *changes;
    size_t change_count;
    size_t change_capacity;
    struct crash_node *nodes;
    struct crash_name *names;
    uint64_t capacity_bytes;
    uint64_t used_bytes;
    uint64_t generation; /* of open files; a crash ends one */
    uint64_t operations;
    uint64_t syncs;
    uint64_t fail_at; /* 0 = never */
    enum status fail_status;
    bool fail_for_good;
    bool ignore_syncs;
};

struct crash_file {
    struct file file;
    struct crash_files *files;
    struct crash_node *node;
    uint64_t generation;
    bool lock;
};

static struct crash_files *crash_of(struct file_system *fs)
{
    return CONTAINER_OF(fs, struct crash_files, system);
}

/* --- Names and nodes ------------------------------------------------------------------- */

static struct crash_name *crash_name_find(struct crash_files *files, const char *path)
{
    struct crash_name *name = files->names;
    while (name != NULL && strcmp(name->path, path) != 0) {
        name = name->next;
    }
    return name;
}

static struct crash_name *crash_name_get(struct crash_files *files, const char *path)
{
    struct crash_name *name = crash_name_find(files, path);
    if (name == NULL) {
        ASSERT(strlen(path) < sizeof name->path);
        name = memory_zalloc(sizeof *name);
        strcpy(name->path, path);
        name->next = files->names;
        files->names = name;
    }
    return name;
}

static struct crash_node *crash_lookup(struct crash_files *files, const char *path)
{
    struct crash_name *name = crash_name_find(files, path);
    return name ? name->now : NULL;
}

static struct crash_node *crash_node_new(struct crash_files *files, bool folder)
{
    struct crash_node *node = memory_zalloc(sizeof *node);
    node->folder = folder;
    node->next = files->nodes;
    files->nodes = node;
    return node;
}

/* Whether `path` is an entry of `folder` itself, and where its own name starts. */
static const char *crash_entry(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    const char *rest;
    if (strcmp(folder, "/") == 0) {
        length = 0;
    }
    if (strncmp(path, folder, length) != 0 || path[length] != '/') {
        return NULL;
    }
    rest = path + length + 1;
    return *rest != 0 && strchr(rest, '/') == NULL ? rest : NULL;
}

static bool crash_parent_exists(struct crash_files *files, const char *path)
{
    char parent[FILE_PATH_BYTES_MAX];
    char *slash;
    struct crash_node *node;
    strcpy(parent, path);
    slash = strrchr(parent, '/');
    if (slash == NULL) {
        return false;
    }
    slash[slash == parent ? 1 : 0] = 0;
    node = crash_lookup(files, parent);
    return node != NULL && node->folder;
}

static void crash_put(struct buffer *content, uint64_t offset, struct slice bytes)
{
    if (content->size < offset + bytes.size) {
        size_t before = content->size;
        buffer_extend(content, offset + bytes.size - before);
        memset(content->data + before, 0, content->size - before);
    }
    if (bytes.size > 0) {
        memcpy(content->data + offset, bytes.data, bytes.size);
    }
}

static void crash_node_forget(struct crash_node *node)
{
    for (size_t i = 0; i < node->write_count; i++) {
        buffer_close(&node->writes[i].bytes);
    }
    node->write_count = 0;
}

static void crash_node_sync(struct crash_node *node)
{
    for (size_t i = 0; i < node->write_count; i++) {
        crash_put(&node->disk, node->writes[i].offset,
                  buffer_slice(&node->writes[i].bytes));
    }
    crash_node_forget(node);
}

static void crash_node_settle(struct crash_node *node)
{
    crash_node_forget(node);
    buffer_clear(&node->disk);
    buffer_append_slice(&node->disk, buffer_slice(&node->now));
}

static void crash_change(struct crash_files *files, struct crash_name *from,
                         struct crash_name *to, struct crash_node *node)
{
    void *changes = files->changes;
    memory_reserve(&changes, &files->change_capacity, files->change_count + 1,
                   sizeof *files->changes);
    files->changes = changes;
    files->changes[files->change_count++] =
        (struct crash_change){.from = from, .to = to, .node = node};
    if (from != NULL) {
        from->now = NULL;
    }
    if (to != NULL) {
        to->now = node;
    }
}

static void crash_node_free(struct crash_node *node)
{
    crash_node_forget(node);
    free(node->writes);
    buffer_close(&node->now);
    buffer_close(&node->disk);
    free(node);
}

/* --- Faults ---------------------------------------------------------------------------- */

static enum status crash_operation(struct crash_files *files)
{
    files->operations++;
    if (files->fail_at == 0) {
        return STATUS_OK;
    }
    if (files->fail_at == 1) {
        if (!files->fail_for_good) {
            files->fail_at = 0;
        }
        return files->fail_status;
    }
    files->fail_at--;
    return STATUS_OK;
}

void crash_files_fail_at(struct crash_files *files, uint64_t n, enum status status,
                         bool for_good)
{
    files->fail_at = n;
    files->fail_status = status;
    files->fail_for_good = for_good;
}

void crash_files_limit(struct crash_files *files, uint64_t capacity_bytes)
{
    files->capacity_bytes = capacity_bytes;
}

uint64_t crash_files_operations(const struct crash_files *files)
{
    return files->operations;
}

uint64_t crash_files_syncs(const struct crash_files *files)
{
    return files->syncs;
}

void crash_files_ignore_syncs(struct crash_files *files, bool ignore)
{
    files->ignore_syncs = ignore;
}

/* --- Files ----------------------------------------------------------------------------- */

static struct crash_file *crash_file_of(struct file *file)
{
    struct crash_file *opened = CONTAINER_OF(file, struct crash_file, file);
    ASSERT(opened->generation == opened->files->generation);
    return opened;
}

static enum status crash_grow(struct crash_files *files, const struct crash_node *node,
                              uint64_t size)
{
    uint64_t more = size > node->now.size ? size - node->now.size : 0;
    if (more > 0 && files->capacity_bytes != 0 &&
        files->used_bytes + more > files->capacity_bytes) {
        return STATUS_DISK_FULL;
    }
    files->used_bytes += more;
    return STATUS_OK;
}

static void crash_record(struct crash_node *node, uint64_t offset, struct slice bytes)
{
    void *writes = node->writes;
    struct crash_write *write;
    memory_reserve(&writes, &node->write_capacity, node->write_count + 1, sizeof *write);
    node->writes = writes;
    write = &node->writes[node->write_count++];
    write->offset = offset;
    buffer_init(&write->bytes);
    buffer_append_slice(&write->bytes, bytes);
    crash_put(&node->now, offset, bytes);
}

static enum status crash_write(struct file *file, uint64_t offset,
                               const struct slice *pieces, size_t piece_count)
{
    struct crash_file *opened = crash_file_of(file);
    struct buffer whole;
    enum status status = crash_operation(opened->files);
    enum status grown;
    buffer_init(&whole);
    for (size_t i = 0; i < piece_count; i++) {
        buffer_append_slice(&whole, pieces[i]);
    }
    if (status != STATUS_OK) {
        whole.size /= 2;
    }
    grown = crash_grow(opened->files, opened->node, offset + whole.size);
    if (grown == STATUS_OK) {
        crash_record(opened->node, offset, buffer_slice(&whole));
    }
    buffer_close(&whole);
    return status != STATUS_OK ? status : grown;
}

static enum status crash_read(struct file *file, uint64_t offset, void *data, size_t size,
                              size_t *out_size)
{
    struct crash_node *node = crash_file_of(file)->node;
    size_t left = offset < node->now.size ? node->now.size - (size_t)offset : 0;
    *out_size = size < left ? size : left;
    if (*out_size > 0) {
        memcpy(data, node->now.data + offset, *out_size);
    }
    return STATUS_OK;
}

static enum status crash_sync(struct file *file)
{
    struct crash_file *opened = crash_file_of(file);
    TRY(crash_operation(opened->files));
    opened->files->syncs++;
    if (!opened->files->ignore_syncs) {
        crash_node_sync(opened->node);
    }
    return STATUS_OK;
}

static enum status crash_allocate(struct file *file, uint64_t size)
{
    struct crash_file *opened = crash_file_of(file);
    struct buffer zeros;
    TRY(crash_operation(opened->files));
    TRY(crash_grow(opened->files, opened->node, size));
    if (size > opened->node->now.size) {
        buffer_init(&zeros);
        crash_put(&zeros, 0, slice_of(NULL, 0));
        buffer_extend(&zeros, size - opened->node->now.size);
        memset(zeros.data, 0, zeros.size);
        crash_record(opened->node, opened->node->now.size, buffer_slice(&zeros));
        buffer_close(&zeros);
    }
    return STATUS_OK;
}

static enum status crash_size(struct file *file, uint64_t *out_size)
{
    *out_size = crash_file_of(file)->node->now.size;
    return STATUS_OK;
}

/* Durable at once: nobody in the project relies on a truncation being lost. */
static enum status crash_truncate(struct file *file, uint64_t size)
{
    struct crash_file *opened = crash_file_of(file);
    TRY(crash_operation(opened->files));
    if (size < opened->node->now.size) {
        opened->files->used_bytes -= opened->node->now.size - size;
        opened->node->now.size = (size_t)size;
    } else {
        TRY(crash_grow(opened->files, opened->node, size));
        crash_put(&opened->node->now, size, slice_of(NULL, 0));
    }
    crash_node_settle(opened->node);
    return STATUS_OK;
}

static void crash_close(struct file *file)
{
    struct crash_file *opened = CONTAINER_OF(file, struct crash_file, file);
    if (opened->lock && opened->generation == opened->files->generation) {
        opened->node->locked = false;
    }
    free(opened);
}

static const struct file_ops crash_file_ops = {
    .write = crash_write,
    .read = crash_read,
    .sync = crash_sync,
    .allocate = crash_allocate,
    .size = crash_size,
    .truncate = crash_truncate,
    .close = crash_close,
};

static struct file *crash_file_new(struct crash_files *files, struct crash_node *node,
                                   bool lock)
{
    struct crash_file *opened = memory_alloc(sizeof *opened);
    *opened = (struct crash_file){.file = {.ops = &crash_file_ops},
                                  .files = files,
                                  .node = node,
                                  .generation = files->generation,
                                  .lock = lock};
    return &opened->file;
}

/* --- The file system ------------------------------------------------------------------- */

static enum status crash_open(struct file_system *fs, const char *path,
                              enum file_open how, struct file **out_file)
{
    struct crash_files *files = crash_of(fs);
    struct crash_node *node = crash_lookup(files, path);
    if (how == FILE_OPEN_CREATE) {
        TRY(crash_operation(files));
        if (!crash_parent_exists(files, path)) {
            return STATUS_NOT_FOUND;
        }
        if (node != NULL) {
            return STATUS_ALREADY_EXISTS;
        }
        node = crash_node_new(files, false);
        crash_change(files, NULL, crash_name_get(files, path), node);
    }
    if (node == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (node->folder) {
        return STATUS_IO;
    }
    *out_file = crash_file_new(files, node, false);
    return STATUS_OK;
}

static enum status crash_list(struct file_system *fs, const char *folder,
                              file_name_visitor *visit, void *context)
{
    struct crash_files *files = crash_of(fs);
    struct crash_node *node = crash_lookup(files, folder);
    bool more = true;
    if (node == NULL || !node->folder) {
        return STATUS_NOT_FOUND;
    }
    for (struct crash_name *name = files->names; name != NULL && more;
         name = name->next) {
        const char *entry = crash_entry(name->path, folder);
        if (entry != NULL && name->now != NULL) {
            more = visit(context, entry);
        }
    }
    return STATUS_OK;
}

static enum status crash_remove(struct file_system *fs, const char *path)
{
    struct crash_files *files = crash_of(fs);
    struct crash_name *name = crash_name_find(files, path);
    TRY(crash_operation(files));
    if (name == NULL || name->now == NULL) {
        return STATUS_NOT_FOUND;
    }
    files->used_bytes -= name->now->now.size;
    crash_change(files, name, NULL, name->now);
    return STATUS_OK;
}

static enum status crash_rename(struct file_system *fs, const char *from, const char *to)
{
    struct crash_files *files = crash_of(fs);
    struct crash_name *source = crash_name_find(files, from);
    struct crash_name *target;
    TRY(crash_operation(files));
    if (source == NULL || source->now == NULL) {
        return STATUS_NOT_FOUND;
    }
    target = crash_name_get(files, to);
    if (target->now != NULL) {
        files->used_bytes -= target->now->now.size;
    }
    crash_change(files, source, target, source->now);
    return STATUS_OK;
}

static enum status crash_make_folder(struct file_system *fs, const char *path)
{
    struct crash_files *files = crash_of(fs);
    struct crash_node *node = crash_lookup(files, path);
    TRY(crash_operation(files));
    if (node != NULL) {
        return node->folder ? STATUS_OK : STATUS_ALREADY_EXISTS;
    }
    if (!crash_parent_exists(files, path)) {
        return STATUS_NOT_FOUND;
    }
    crash_change(files, NULL, crash_name_get(files, path), crash_node_new(files, true));
    return STATUS_OK;
}

/* Both names of a change lie in one folder. */
static void crash_sync_names(struct crash_files *files, const char *folder)
{
    size_t left = 0;
    for (struct crash_name *name = files->names; name != NULL; name = name->next) {
        if (crash_entry(name->path, folder) != NULL) {
            name->disk = name->now;
        }
    }
    for (size_t i = 0; i < files->change_count; i++) {
        const struct crash_change *change = &files->changes[i];
        const struct crash_name *name = change->to ? change->to : change->from;
        if (crash_entry(name->path, folder) == NULL) {
            files->changes[left++] = *change;
        }
    }
    files->change_count = left;
}

static enum status crash_sync_folder(struct file_system *fs, const char *path)
{
    struct crash_files *files = crash_of(fs);
    TRY(crash_operation(files));
    files->syncs++;
    if (files->ignore_syncs) {
        return STATUS_OK;
    }
    crash_sync_names(files, path);
    return STATUS_OK;
}

static enum status crash_space(struct file_system *fs, const char *path,
                               struct file_space *out_space)
{
    struct crash_files *files = crash_of(fs);
    uint64_t total = files->capacity_bytes ? files->capacity_bytes : UINT64_C(1) << 40;
    (void)path;
    out_space->total_bytes = total;
    out_space->free_bytes = files->used_bytes < total ? total - files->used_bytes : 0;
    return STATUS_OK;
}

static enum status crash_lock(struct file_system *fs, const char *path,
                              struct file **out_file)
{
    struct crash_files *files = crash_of(fs);
    struct crash_node *node = crash_lookup(files, path);
    if (node == NULL) {
        if (!crash_parent_exists(files, path)) {
            return STATUS_NOT_FOUND;
        }
        node = crash_node_new(files, false);
        crash_change(files, NULL, crash_name_get(files, path), node);
    }
    if (node->locked) {
        return STATUS_FOLDER_IN_USE;
    }
    node->locked = true;
    *out_file = crash_file_new(files, node, true);
    return STATUS_OK;
}

static const struct file_system_ops crash_ops = {
    .open = crash_open,
    .list = crash_list,
    .remove = crash_remove,
    .rename = crash_rename,
    .make_folder = crash_make_folder,
    .sync_folder = crash_sync_folder,
    .space = crash_space,
    .lock = crash_lock,
};

struct crash_files *crash_files_new(uint64_t capacity_bytes)
{
    struct crash_files *files = memory_zalloc(sizeof *files);
    struct crash_name *root;
    files->system.ops = &crash_ops;
    files->capacity_bytes = capacity_bytes;
    root = crash_name_get(files, "/");
    root->now = crash_node_new(files, true);
    root->disk = root->now;
    return files;
}

void crash_files_free(struct crash_files *files)
{
    if (files == NULL) {
        return;
    }
    while (files->nodes != NULL) {
        struct crash_node *node = files->nodes;
        files->nodes = node->next;
        crash_node_free(node);
    }
    while (files->names != NULL) {
        struct crash_name *name = files->names;
        files->names = name->next;
        free(name);
    }
    free(files->changes);
    free(files);
}

struct file_system *crash_files_system(struct crash_files *files)
{
    return &files->system;
}

/* --- Crashes --------------------------------------------------------------------------- */

enum crash_fate {
    CRASH_KEEP,
    CRASH_DROP,
    CRASH_TEAR,
    CRASH_FATES,
};

/* Each sector of the write reached the disk or did not, whatever its neighbours. */
static void crash_tear(struct crash_node *node, const struct crash_write *write,
                       struct rng *rng)
{
    uint64_t end = write->offset + write->bytes.size;
    uint64_t at = write->offset;
    while (at < end) {
        uint64_t next = (at / CRASH_FILES_SECTOR_BYTES + 1) * CRASH_FILES_SECTOR_BYTES;
        next = next < end ? next : end;
        if (rng_below(rng, 2) == 0) {
            crash_put(
                &node->disk, at,
                slice_of(write->bytes.data + (at - write->offset), (size_t)(next - at)));
        }
        at = next;
    }
}

static void crash_node_crash(struct crash_node *node, struct rng *rng)
{
    /* A crash often has one fate for all: a cache that was written out, or was not. */
    bool same = rng_below(rng, 3) == 0;
    enum crash_fate fate = (enum crash_fate)rng_below(rng, CRASH_FATES);
    for (size_t i = 0; i < node->write_count; i++) {
        const struct crash_write *write = &node->writes[i];
        if (!same) {
            fate = (enum crash_fate)rng_below(rng, CRASH_FATES);
        }
        if (fate == CRASH_KEEP) {
            crash_put(&node->disk, write->offset, buffer_slice(&write->bytes));
        } else if (fate == CRASH_TEAR) {
            crash_tear(node, write, rng);
        }
    }
    crash_node_forget(node);
    buffer_clear(&node->now);
    buffer_append_slice(&node->now, buffer_slice(&node->disk));
    node->locked = false;
}

/* A renaming is one step, kept or dropped whole. What was kept of the steps happens in
 * order; a step whose file is not there is void. */
static void crash_keep_change(const struct crash_change *change)
{
    if (change->from != NULL && change->from->disk != change->node) {
        return;
    }
    if (change->from != NULL) {
        change->from->disk = NULL;
    }
    if (change->to != NULL) {
        change->to->disk = change->node;
    }
}

static void crash_names(struct crash_files *files, struct rng *rng)
{
    /* A journal keeps the first so many; a disk without order keeps any. */
    bool ordered = rng_below(rng, 2) == 0;
    uint64_t first = rng_below(rng, files->change_count + 1);
    for (size_t i = 0; i < files->change_count; i++) {
        if (ordered ? i < first : rng_below(rng, 2) == 0) {
            crash_keep_change(&files->changes[i]);
        }
    }
    files->change_count = 0;
    for (struct crash_name *name = files->names; name != NULL; name = name->next) {
        name->now = name->disk;
    }
}

static void crash_recount(struct crash_files *files)
{
    files->used_bytes = 0;
    for (struct crash_name *name = files->names; name != NULL; name = name->next) {
        files->used_bytes += name->now ? name->now->now.size : 0;
    }
}

void crash_files_crash(struct crash_files *files, struct rng *rng)
{
    files->generation++;
    for (struct crash_node *node = files->nodes; node != NULL; node = node->next) {
        crash_node_crash(node, rng);
    }
    crash_names(files, rng);
    crash_recount(files);
}

void crash_files_settle(struct crash_files *files)
{
    for (struct crash_node *node = files->nodes; node != NULL; node = node->next) {
        crash_node_settle(node);
    }
    for (struct crash_name *name = files->names; name != NULL; name = name->next) {
        name->disk = name->now;
    }
    files->change_count = 0;
}

bool crash_files_flip(struct crash_files *files, const char *path, uint64_t byte,
                      unsigned bit)
{
    struct crash_node *node = crash_lookup(files, path);
    if (node == NULL || byte >= node->now.size || byte >= node->disk.size) {
        return false;
    }
    node->now.data[byte] ^= (uint8_t)(1u << bit % 8);
    node->disk.data[byte] ^= (uint8_t)(1u << bit % 8);
    return true;
}

struct slice crash_files_bytes(struct crash_files *files, const char *path)
{
    struct crash_node *node = crash_lookup(files, path);
    return node ? buffer_slice(&node->now) : slice_of(NULL, 0);
}

void crash_files_set(struct crash_files *files, const char *path, struct slice bytes)
{
    struct crash_name *name = crash_name_get(files, path);
    if (name->now == NULL) {
        name->now = crash_node_new(files, false);
    }
    name->disk = name->now;
    buffer_clear(&name->now->now);
    crash_put(&name->now->now, 0, bytes);
    crash_node_settle(name->now);
    crash_recount(files);
}
