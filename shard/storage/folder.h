/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's data folder: whose it is, and that only one process has it open.
 *
 *     <dir>/LOCK       held while open
 *     <dir>/identity   who this node is; written once, replaced atomically
 *     <dir>/log_identity   which log belongs to it; the same bytes as <dir>/log/identity
 *     <dir>/log/       segment_log.h
 *     <dir>/state/     store_rocks.h
 *
 * Called by the program at start, before any other thread.
 */
#ifndef SOUK_SHARD_STORAGE_FOLDER_H
#define SOUK_SHARD_STORAGE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/file.h"

enum {
    FOLDER_CLUSTER_ID_BYTES = 16,
    FOLDER_FORMAT_VERSION = 1, /* of the folder as a whole */
    FOLDER_IDENTITY_BYTES = 64,
};

struct folder_identity {
    uint8_t cluster_id[FOLDER_CLUSTER_ID_BYTES]; /* random */
    uint64_t hash_seed;       /* of key_hash, one per cluster, random */
    uint64_t node_id;         /* not 0 */
    uint32_t sku_shards;      /* as the folder was made; settings do not change it */
    uint32_t customer_shards; /* likewise */
};

struct folder;

/*
 * Makes `path` (its parent must exist) if missing, locks it, and reads who it belongs to.
 * A folder without an identity gets `fresh`, unless it holds other files (INVALID: it is
 * not ours) or `fresh` is NULL (NOT_FOUND). FOLDER_IN_USE, VERSION (from the future),
 * CHECKSUM (identity damaged), DISK_FULL, IO. The problem (may be NULL) says it in words.
 */
MUST_USE enum status folder_open(struct file_system *fs, const char *path,
                                 const struct folder_identity *fresh,
                                 struct problem *problem, struct folder **out_folder);
/* Unlocks. Accepts NULL. */
void folder_close(struct folder *folder);

const struct folder_identity *folder_identity(const struct folder *folder);
/* True when this opening made the folder. */
bool folder_is_fresh(const struct folder *folder);
/* Paths below, valid until folder_close. */
const char *folder_path(const struct folder *folder);
const char *folder_log_path(const struct folder *folder);
const char *folder_state_path(const struct folder *folder);

/* Replaces the identity (a node that joins another cluster), atomically and synced. */
MUST_USE enum status folder_set_identity(struct folder *folder,
                                         const struct folder_identity *identity);

/*
 * The log that this folder was given, so that one that is gone, or another one in its
 * place, is not taken for a new one. NOT_FOUND when it was given none yet, or was made
 * before this was written down; CHECKSUM, VERSION.
 */
MUST_USE enum status folder_read_log_id(const struct folder *folder,
                                        uint64_t *out_log_id);
/* Replaces it, atomically and synced; before the log's first entry is acknowledged. */
MUST_USE enum status folder_set_log_id(const struct folder *folder, uint64_t log_id);
/* Whether the file `name` is in the folder, or below it. */
MUST_USE enum status folder_has(const struct folder *folder, const char *name,
                                bool *out_has);

/* The bytes of the identity file; public for golden and fuzz tests. */
void folder_identity_encode(const struct folder_identity *identity,
                            uint8_t out_bytes[FOLDER_IDENTITY_BYTES]);
MUST_USE enum status folder_identity_decode(struct slice bytes,
                                            struct folder_identity *out_identity);

#endif
