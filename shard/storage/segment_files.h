/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the segment log and their life. Internal to shard/storage.
 *
 *     spare-<id> --- rename, sync folder ---> <sequence>.segment --- rename ---> spare-<id>
 *
 * A segment is live from its renaming; segments are freed oldest first, so the live ones
 * have consecutive sequences. A renaming back that a crash undoes does no harm: the
 * segment is merely read once more. A spare's content is never looked at: it is told from
 * the segment's own by sequence and batch number.
 *
 * While there is no spare, one is made in small steps between appends, so that the
 * log never stops to write zeros into a whole segment.
 */
#ifndef SOUK_SHARD_STORAGE_SEGMENT_FILES_H
#define SOUK_SHARD_STORAGE_SEGMENT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/status.h"
#include "shard/storage/file.h"

enum {
    SEGMENT_SPARES_MAX = 4,
    SEGMENT_GROW_BYTES =
        1 << 20, /* zeros per step; a step per half as many bytes logged */
    SEGMENT_NAME_BYTES = 40,
};

struct segment {
    uint64_t sequence;
    uint64_t first_number; /* of its first batch */
    uint64_t bytes;        /* of the file */
    struct file *file;
    unsigned pins; /* readers inside; guarded like the list of live segments */
};

struct segment_files {
    struct file_system *fs;
    char folder[FILE_PATH_BYTES_MAX - SEGMENT_NAME_BYTES];
    uint64_t segment_bytes;
    struct segment **live; /* ascending; changed only by push and pop */
    size_t live_count;
    size_t live_capacity;
    uint64_t spares[SEGMENT_SPARES_MAX];
    size_t spare_count;
    uint64_t next_spare;
    struct file *growing; /* the spare being made, or NULL; then next_spare is its id */
    uint64_t growing_bytes;
    uint64_t owed_bytes; /* logged since the last step */
};

/* Reads the folder and opens the live segments. `first_number` is left 0. */
MUST_USE enum status segment_files_open(struct segment_files *files,
                                        struct file_system *fs, const char *folder,
                                        uint64_t segment_bytes);
void segment_files_close(struct segment_files *files);

/* Makes the successor of the newest segment ready on the disk, of at least `bytes`, but
 * does not list it yet. */
MUST_USE enum status segment_files_make(struct segment_files *files, uint64_t bytes,
                                        struct segment **out_segment);
void segment_files_push(struct segment_files *files, struct segment *segment);
/* Takes the oldest off the list, or the newest. */
struct segment *segment_files_pop_oldest(struct segment_files *files);
struct segment *segment_files_pop_newest(struct segment_files *files);
/* Closes a segment that is off the list and makes its file a spare, or removes it. */
MUST_USE enum status segment_files_retire(struct segment_files *files,
                                          struct segment **segment);
/* `logged` bytes were appended: makes the next spare a little longer when needed. */
MUST_USE enum status segment_files_grow(struct segment_files *files, uint64_t logged);
/* The live segment that holds batch `number`. */
struct segment *segment_files_find(const struct segment_files *files, uint64_t number);
/* How many of the oldest segments hold only batches below `number`. */
size_t segment_files_below(const struct segment_files *files, uint64_t number);
/* A path below the log's folder. */
void segment_files_path(const struct segment_files *files, const char *name,
                        char out_path[FILE_PATH_BYTES_MAX]);

#endif
