/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the store in RocksDB, shared by its two files; stays in this folder. */
#ifndef SOUK_SHARD_STORAGE_STORE_ROCKS_PRIVATE_H
#define SOUK_SHARD_STORAGE_STORE_ROCKS_PRIVATE_H

#include <rocksdb/c.h>

#include "shard/storage/store_rocks.h"

struct store_rocks {
    struct store store;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    rocksdb_readoptions_t *read_persisted;
    rocksdb_flushoptions_t *flush;
    char *files_folder; /* of prepared files */
};

/* The status of RocksDB's text, which it frees; NULL is OK. */
enum status store_rocks_take(char *error);

/* Where prepared files lie below the folder of a store; freed by the caller. */
char *store_rocks_files_folder(const char *folder);
/* Carries out one change of files, and ingests that stand right behind it with it. */
enum status store_rocks_file_change(struct store_rocks *rocks,
                                    const struct store_batch *batch, size_t *position,
                                    const struct store_change *change);
enum status store_rocks_file_list(struct store *store, store_file_visitor *visit,
                                  void *context);

#endif
