/* SPDX-License-Identifier: Apache-2.0 */
/* A process that writes state and dies without closing anything: see test_store_rocks.c.
 *     storage_kill_child FOLDER BATCHES FLUSH_AT */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/storage/kill_batch.h"

int main(int argc, char **argv)
{
    /* A small memtable: RocksDB also flushes by itself, at moments of its own. */
    struct store_rocks_options options = {.write_buffer_bytes = 128 << 10};
    struct store *store = NULL;
    if (argc != 4) {
        return 2;
    }
    options.folder = argv[1];
    if (store_rocks_open(&options, NULL, &store) != STATUS_OK) {
        return 1;
    }
    for (uint64_t n = 1; n <= strtoull(argv[2], NULL, 10); n++) {
        enum status status;
        do {
            status = kill_batch_write(store, n);
        } while (status == STATUS_OVERLOADED && usleep(1000) == 0);
        if (status != STATUS_OK ||
            (n == strtoull(argv[3], NULL, 10) && store_flush(store) != STATUS_OK)) {
            _exit(1);
        }
    }
    _exit(0);
}
