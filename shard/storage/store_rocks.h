/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered state (store.h) in RocksDB: one column family, write-ahead log off, every
 * read checked against its checksum. One column family, because flushing one of two and
 * crashing leaves an applied index without its rows.
 */
#ifndef SOUK_SHARD_STORAGE_STORE_ROCKS_H
#define SOUK_SHARD_STORAGE_STORE_ROCKS_H

#include <stddef.h>

#include "shard/base/status.h"
#include "shard/storage/store.h"

enum {
    STORE_ROCKS_CACHE_BYTES = 64 << 20,        /* default for cache_bytes */
    STORE_ROCKS_WRITE_BUFFER_BYTES = 16 << 20, /* default for write_buffer_bytes */
};

struct store_rocks_options {
    const char *folder; /* made if missing; its parent must exist */
    size_t cache_bytes; /* uncompressed blocks; 0 = the default */
    size_t
        write_buffer_bytes; /* of one memtable, of which there are up to 4; 0 = default */
};

/* IO, CHECKSUM, or FOLDER_IN_USE when another process has it open. The problem, if not
 * NULL, gets RocksDB's own words. */
MUST_USE enum status store_rocks_open(const struct store_rocks_options *options,
                                      struct problem *problem, struct store **out_store);

#endif
