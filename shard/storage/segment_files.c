/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/segment_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    SEGMENT_HEX_DIGITS = 16,
};

static const char segment_suffix[] = ".segment";
static const char spare_prefix[] = "spare-";

void segment_files_path(const struct segment_files *files, const char *name,
                        char out_path[FILE_PATH_BYTES_MAX])
{
    int length = snprintf(out_path, FILE_PATH_BYTES_MAX, "%s/%s", files->folder, name);
    ASSERT(length > 0 && length < FILE_PATH_BYTES_MAX);
}

static void segment_live_path(const struct segment_files *files, uint64_t sequence,
                              char out_path[FILE_PATH_BYTES_MAX])
{
    char name[SEGMENT_NAME_BYTES];
    snprintf(name, sizeof name, "%016" PRIx64 "%s", sequence, segment_suffix);
    segment_files_path(files, name, out_path);
}

static void segment_spare_path(const struct segment_files *files, uint64_t id,
                               char out_path[FILE_PATH_BYTES_MAX])
{
    char name[SEGMENT_NAME_BYTES];
    snprintf(name, sizeof name, "%s%016" PRIx64, spare_prefix, id);
    segment_files_path(files, name, out_path);
}

/* --- Reading the folder ---------------------------------------------------------------- */

struct segment_listing {
    struct segment_files *files;
    uint64_t *sequences;
    size_t count;
    size_t capacity;
    uint64_t *spares;
    size_t spare_count;
    size_t spare_capacity;
};

static bool segment_parse_hex(const char *text, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < SEGMENT_HEX_DIGITS; i++) {
        char digit = text[i];
        if (digit >= '0' && digit <= '9') {
            value = value << 4 | (uint64_t)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            value = value << 4 | (uint64_t)(digit - 'a' + 10);
        } else {
            return false;
        }
    }
    *out_value = value;
    return true;
}

static void segment_listing_add(uint64_t **numbers, size_t *count, size_t *capacity,
                                uint64_t number)
{
    void *array = *numbers;
    memory_reserve(&array, capacity, *count + 1, sizeof number);
    *numbers = array;
    (*numbers)[(*count)++] = number;
}

static bool segment_list_name(void *context, const char *name)
{
    struct segment_listing *listing = context;
    uint64_t number;
    size_t prefix = sizeof spare_prefix - 1;
    size_t length = strlen(name);
    if (length == SEGMENT_HEX_DIGITS + sizeof segment_suffix - 1 &&
        strcmp(name + SEGMENT_HEX_DIGITS, segment_suffix) == 0 &&
        segment_parse_hex(name, &number)) {
        segment_listing_add(&listing->sequences, &listing->count, &listing->capacity,
                            number);
    } else if (length == prefix + SEGMENT_HEX_DIGITS &&
               strncmp(name, spare_prefix, prefix) == 0 &&
               segment_parse_hex(name + prefix, &number)) {
        segment_listing_add(&listing->spares, &listing->spare_count,
                            &listing->spare_capacity, number);
    }
    return true;
}

static int segment_number_compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

static enum status segment_open_live(struct segment_files *files, uint64_t sequence)
{
    char path[FILE_PATH_BYTES_MAX];
    struct segment *segment = memory_zalloc(sizeof *segment);
    enum status status;
    segment->sequence = sequence;
    segment_live_path(files, sequence, path);
    status = file_system_open(files->fs, path, FILE_OPEN_WRITE, &segment->file);
    if (status == STATUS_OK) {
        status = file_size(segment->file, &segment->bytes);
    }
    if (status != STATUS_OK) {
        file_close(segment->file);
        free(segment);
        return status;
    }
    segment_files_push(files, segment);
    return STATUS_OK;
}

/* A file that is no longer live becomes a spare, or goes when there are enough. */
static enum status segment_demote(struct segment_files *files, uint64_t sequence)
{
    char from[FILE_PATH_BYTES_MAX];
    char to[FILE_PATH_BYTES_MAX];
    segment_live_path(files, sequence, from);
    if (files->spare_count == SEGMENT_SPARES_MAX) {
        return file_system_remove(files->fs, from);
    }
    ASSERT(files->growing == NULL);
    segment_spare_path(files, files->next_spare, to);
    TRY(file_system_rename(files->fs, from, to));
    files->spares[files->spare_count++] = files->next_spare++;
    return STATUS_OK;
}

static enum status segment_files_take(struct segment_files *files,
                                      struct segment_listing *listing)
{
    size_t first = listing->count;
    char path[FILE_PATH_BYTES_MAX];
    for (size_t i = 0; i < listing->spare_count; i++) {
        if (listing->spares[i] >= files->next_spare) {
            files->next_spare = listing->spares[i] + 1;
        }
        if (files->spare_count < SEGMENT_SPARES_MAX) {
            files->spares[files->spare_count++] = listing->spares[i];
        } else {
            segment_spare_path(files, listing->spares[i], path);
            TRY(file_system_remove(files->fs, path));
        }
    }
    if (listing->count == 0) {
        return STATUS_OK;
    }
    qsort(listing->sequences, listing->count, sizeof(uint64_t), segment_number_compare);
    first = listing->count - 1;
    while (first > 0 && listing->sequences[first - 1] + 1 == listing->sequences[first]) {
        first--;
    }
    for (size_t i = 0; i < listing->count; i++) {
        TRY(i < first ? segment_demote(files, listing->sequences[i])
                      : segment_open_live(files, listing->sequences[i]));
    }
    return STATUS_OK;
}

enum status segment_files_open(struct segment_files *files, struct file_system *fs,
                               const char *folder, uint64_t segment_bytes)
{
    struct segment_listing listing = {.files = files};
    enum status status;
    *files =
        (struct segment_files){.fs = fs, .segment_bytes = segment_bytes, .next_spare = 1};
    if (strlen(folder) >= sizeof files->folder) {
        return STATUS_INVALID;
    }
    snprintf(files->folder, sizeof files->folder, "%s", folder);
    status = file_system_list(fs, folder, segment_list_name, &listing);
    if (status == STATUS_OK) {
        status = segment_files_take(files, &listing);
    }
    if (status == STATUS_OK) {
        status = file_system_sync_folder(fs, folder);
    }
    free(listing.sequences);
    free(listing.spares);
    return status;
}

static void segment_free(struct segment *segment)
{
    file_close(segment->file);
    free(segment);
}

void segment_files_close(struct segment_files *files)
{
    for (size_t i = 0; i < files->live_count; i++) {
        segment_free(files->live[i]);
    }
    free(files->live);
    file_close(files->growing);
    *files = (struct segment_files){0};
}

/* --- Making and freeing ---------------------------------------------------------------- */

void segment_files_push(struct segment_files *files, struct segment *segment)
{
    void *live = files->live;
    ASSERT(files->live_count == 0 ||
           files->live[files->live_count - 1]->sequence + 1 == segment->sequence);
    memory_reserve(&live, &files->live_capacity, files->live_count + 1, sizeof segment);
    files->live = live;
    files->live[files->live_count++] = segment;
}

struct segment *segment_files_pop_oldest(struct segment_files *files)
{
    struct segment *segment;
    ASSERT(files->live_count > 0);
    segment = files->live[0];
    files->live_count--;
    memmove(files->live, files->live + 1, files->live_count * sizeof *files->live);
    return segment;
}

struct segment *segment_files_pop_newest(struct segment_files *files)
{
    ASSERT(files->live_count > 0);
    return files->live[--files->live_count];
}

/* The growing spare counts as one from now on, however long it is. */
static void segment_grown(struct segment_files *files)
{
    file_close(files->growing);
    files->growing = NULL;
    files->spares[files->spare_count++] = files->next_spare++;
}

enum status segment_files_retire(struct segment_files *files, struct segment **segment)
{
    uint64_t sequence = (*segment)->sequence;
    ASSERT((*segment)->pins == 0);
    segment_free(*segment);
    *segment = NULL;
    if (files->growing != NULL) {
        segment_grown(files);
    }
    return segment_demote(files, sequence);
}

/* Puts some file at `path`: a spare when there is one. */
static enum status segment_place(struct segment_files *files, const char *path)
{
    char spare[FILE_PATH_BYTES_MAX];
    struct file *file = NULL;
    if (files->growing != NULL) {
        segment_grown(files);
    }
    if (files->spare_count > 0) {
        segment_spare_path(files, files->spares[files->spare_count - 1], spare);
        TRY(file_system_rename(files->fs, spare, path));
        files->spare_count--;
        return STATUS_OK;
    }
    TRY(file_system_open(files->fs, path, FILE_OPEN_CREATE, &file));
    file_close(file);
    return STATUS_OK;
}

static enum status segment_prepare(struct segment_files *files, struct segment *segment,
                                   const char *path, uint64_t bytes)
{
    TRY(file_system_open(files->fs, path, FILE_OPEN_WRITE, &segment->file));
    TRY(file_size(segment->file, &segment->bytes));
    if (segment->bytes < bytes) {
        TRY(file_allocate(segment->file, bytes));
        TRY(file_sync(segment->file));
        segment->bytes = bytes;
    }
    return file_system_sync_folder(files->fs, files->folder);
}

enum status segment_files_make(struct segment_files *files, uint64_t bytes,
                               struct segment **out_segment)
{
    struct segment *segment = memory_zalloc(sizeof *segment);
    char path[FILE_PATH_BYTES_MAX];
    enum status status;
    segment->sequence =
        files->live_count ? files->live[files->live_count - 1]->sequence + 1 : 1;
    segment_live_path(files, segment->sequence, path);
    status = segment_place(files, path);
    if (status == STATUS_OK || status == STATUS_ALREADY_EXISTS) {
        uint64_t least = bytes > files->segment_bytes ? bytes : files->segment_bytes;
        status = segment_prepare(files, segment, path, least);
    }
    if (status != STATUS_OK) {
        segment_free(segment);
        return status;
    }
    *out_segment = segment;
    return STATUS_OK;
}

static enum status segment_grow_step(struct segment_files *files)
{
    char path[FILE_PATH_BYTES_MAX];
    uint64_t target = files->growing_bytes + SEGMENT_GROW_BYTES;
    if (files->growing == NULL) {
        segment_spare_path(files, files->next_spare, path);
        TRY(file_system_open(files->fs, path, FILE_OPEN_CREATE, &files->growing));
        files->growing_bytes = 0;
        target = SEGMENT_GROW_BYTES;
    }
    target = target < files->segment_bytes ? target : files->segment_bytes;
    TRY(file_allocate(files->growing, target));
    TRY(file_sync(files->growing));
    files->growing_bytes = target;
    if (target == files->segment_bytes) {
        segment_grown(files);
    }
    return STATUS_OK;
}

enum status segment_files_grow(struct segment_files *files, uint64_t logged)
{
    uint64_t step = SEGMENT_GROW_BYTES < files->segment_bytes
                        ? (uint64_t)SEGMENT_GROW_BYTES
                        : files->segment_bytes;
    files->owed_bytes += logged;
    if (files->spare_count > 0 || files->owed_bytes < step / 2) {
        return STATUS_OK;
    }
    files->owed_bytes = 0;
    return segment_grow_step(files);
}

size_t segment_files_below(const struct segment_files *files, uint64_t number)
{
    size_t count = 0;
    while (count + 1 < files->live_count &&
           files->live[count + 1]->first_number <= number) {
        count++;
    }
    return count;
}

struct segment *segment_files_find(const struct segment_files *files, uint64_t number)
{
    size_t place = segment_files_below(files, number);
    ASSERT(place < files->live_count && files->live[place]->first_number <= number);
    return files->live[place];
}
