/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system in memory that can lose power (shard/storage/file.h).
 *
 * What was synced stays. Of everything else, a crash decides by the caller's rng: each
 * write is kept, dropped or torn (each sector of 512 bytes for itself), whatever came
 * before or after it; and each creation, renaming or removal of a name is kept or dropped
 * whole, either the first so many of them or any.
 * Every open file is dead after a crash: close it, open anew.
 *
 * For one thread at a time. Memory only: for small logs. Used by unit tests, and made for
 * a simulator of whole nodes.
 */
#ifndef SOUK_TESTS_LIB_CRASH_FILES_H
#define SOUK_TESTS_LIB_CRASH_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/rng.h"
#include "shard/storage/file.h"

enum {
    CRASH_FILES_SECTOR_BYTES = 512,
};

struct crash_files;

/* Empty, with the folder "/". capacity_bytes 0 = no end. */
struct crash_files *crash_files_new(uint64_t capacity_bytes);
void crash_files_free(struct crash_files *files);
struct file_system *crash_files_system(struct crash_files *files);

/* The power goes. Locks are free again. */
void crash_files_crash(struct crash_files *files, struct rng *rng);
/* Everything counts as synced, without touching the operation count. */
void crash_files_settle(struct crash_files *files);
/* file_sync and file_system_sync_folder say OK and do nothing. */
void crash_files_ignore_syncs(struct crash_files *files, bool ignore);

/* The n-th changing operation from now (1 = the next write, sync, open to create, rename,
 * remove, allocate, truncate, make or sync of a folder) fails with `status`, and, when
 * `for_good`, every later one. n = 0 ends it. A write that fails may have happened in
 * part: its first half counts as an unsynced write. */
void crash_files_fail_at(struct crash_files *files, uint64_t n, enum status status,
                         bool for_good);
/* From now on no more bytes than these in all; what is there stays. 0 = no end. */
void crash_files_limit(struct crash_files *files, uint64_t capacity_bytes);
/* Changing operations so far. */
uint64_t crash_files_operations(const struct crash_files *files);
uint64_t crash_files_syncs(const struct crash_files *files);

/* Damage: flips one bit of what is synced and of what readers see. False past the end. */
bool crash_files_flip(struct crash_files *files, const char *path, uint64_t byte,
                      unsigned bit);
/* The bytes a reader sees now, borrowed until the next call; {NULL, 0} when absent. */
struct slice crash_files_bytes(struct crash_files *files, const char *path);
/* Replaces them, durable: for tests that lay a file out by hand. */
void crash_files_set(struct crash_files *files, const char *path, struct slice bytes);

#endif
