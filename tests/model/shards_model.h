/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain reference for holds over several shards, once everything that shards tell each
 * other has arrived: arrays, loops, the rules of the design, no shard. It knows SKUs
 * "S0".. and locations "L0".., and which SKUs lie together.
 */
#ifndef SOUK_TESTS_MODEL_SHARDS_MODEL_H
#define SOUK_TESTS_MODEL_SHARDS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/status.h"

enum {
    SHARDS_MODEL_SKUS = 9,
    SHARDS_MODEL_LOCATIONS = 2,
    SHARDS_MODEL_LINES = 4,
    SHARDS_MODEL_HOLDS = 20000,
    SHARDS_MODEL_ANYWHERE = -1, /* a line without a location */
};

enum shards_model_state {
    SHARDS_MODEL_HELD = 1, /* numbers of souk.v1 */
    SHARDS_MODEL_COMMITTED = 2,
    SHARDS_MODEL_FULFILLED = 3,
    SHARDS_MODEL_RELEASED = 4,
    SHARDS_MODEL_EXPIRED = 5,
    SHARDS_MODEL_CANCELLED = 6,
};

enum shards_model_change {
    SHARDS_MODEL_EXTEND,
    SHARDS_MODEL_COMMIT,
    SHARDS_MODEL_RELEASE,
    SHARDS_MODEL_FULFIL,
    SHARDS_MODEL_CANCEL,
};

struct shards_model_line {
    int sku, location;
    int64_t quantity;
    bool left; /* fulfilled */
};

struct shards_model_hold {
    enum shards_model_state state;
    struct shards_model_line lines[SHARDS_MODEL_LINES];
    int line_count;
    int64_t create_ms, expire_ms;
};

struct shards_model_level {
    int64_t on_hand, held, committed;
};

struct shards_model {
    int shard_of[SHARDS_MODEL_SKUS];
    struct shards_model_level levels[SHARDS_MODEL_SKUS][SHARDS_MODEL_LOCATIONS];
    struct shards_model_hold *holds;
    int hold_count;
    int64_t now_ms, ttl_ms, life_ms;
};

/* Time passes, and every shard hears of it. */
void shards_model_time(struct shards_model *model, int64_t now_ms);
/* OK: the hold is made (the newest), its lines placed. INSUFFICIENT_STOCK: nothing is. */
enum status shards_model_create(struct shards_model *model,
                                const struct shards_model_line *lines, int line_count);
enum status shards_model_end(struct shards_model *model, int hold,
                             enum shards_model_change change);
/* Stock is counted; never below 0. */
void shards_model_set(struct shards_model *model, int sku, int location, int64_t units);

#endif
