/* SPDX-License-Identifier: Apache-2.0 */
/* Batch n of the kill tests: the row n and the applied index n, together. */
#ifndef SOUK_TESTS_UNIT_STORAGE_KILL_BATCH_H
#define SOUK_TESTS_UNIT_STORAGE_KILL_BATCH_H

#include "shard/base/encode.h"
#include "shard/base/rng.h"
#include "shard/storage/store_rocks.h"

enum {
    KILL_ROW_BYTES = 2000,
    KILL_KEY_BYTES = 9,
};

static inline void kill_batch_key(uint8_t key[KILL_KEY_BYTES], uint64_t n)
{
    key[0] = 'r';
    store_be64(key + 1, n);
}

static inline enum status kill_batch_write(struct store *store, uint64_t n)
{
    struct store_batch batch;
    uint8_t key[KILL_KEY_BYTES];
    uint8_t value[KILL_ROW_BYTES];
    struct rng rng;
    enum status status;
    rng_init(&rng, n);
    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = (uint8_t)rng_next(&rng);
    }
    store_batch_init(&batch);
    kill_batch_key(key, n);
    store_batch_put(&batch, slice_of(key, sizeof key), slice_of(value, sizeof value));
    store_batch_put(&batch, slice_from_string("applied"), slice_of(key + 1, 8));
    status = store_write(store, &batch);
    store_batch_close(&batch);
    return status;
}

#endif
