/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment log over crash_files, and a plain model of what it must hold. The model knows
 * nothing of files: per replica an array of entries, the hard state, a note.
 */
#ifndef SOUK_TESTS_UNIT_STORAGE_LOG_WORLD_H
#define SOUK_TESTS_UNIT_STORAGE_LOG_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/rng.h"
#include "shard/storage/segment_log.h"
#include "tests/lib/crash_files.h"

enum {
    WORLD_REPLICAS = 5,
    WORLD_SEGMENT_BYTES = 64 << 10,
    WORLD_WHY_BYTES = 256,
};

struct model_entry {
    uint64_t term;
    uint64_t seed; /* of the payload */
    size_t size;
};

struct model_replica {
    bool exists;
    uint64_t base; /* index of the reset, 0 else: entry i lies at entries[i - base - 1] */
    uint64_t base_term;
    struct model_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t term, vote, commit;
    uint64_t note; /* 0 = none */
    uint64_t released;
};

/* Replica ids are 1 to WORLD_REPLICAS. */
struct model {
    struct model_replica replicas[WORLD_REPLICAS];
};

void model_init(struct model *model);
void model_close(struct model *model);
void model_copy(struct model *to, const struct model *from);
uint64_t model_last(const struct model_replica *replica);
uint64_t model_last_term(const struct model_replica *replica);
/* False when the log and the model differ; says why. */
bool model_matches(const struct model *model, struct log_store *log,
                   char out_why[WORLD_WHY_BYTES]);

/* Adds random changes of one replica, entries mostly, to the batch and to the model. */
void world_change(struct rng *rng, struct model *model, uint64_t replica_id,
                  struct log_batch *batch);
/* A batch with changes of some replicas. */
void world_batch(struct rng *rng, struct model *model, struct log_batch *batch);
/* One entry at the end of a replica's log, of `size` bytes. */
void world_entry(struct model *model, uint64_t replica_id, size_t size,
                 struct log_batch *batch);

/* "/log" in these files. */
enum status world_open(struct crash_files *files, struct segment_log_report *out_report,
                       struct log_store **out_log);

#endif
