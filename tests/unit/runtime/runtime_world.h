/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime with its real threads over a real segment log in a fresh folder and a state
 * store in memory behind a lock, both of which can be held up or made to fail. Waiting is
 * always for something that will happen, never for time to pass.
 */
#ifndef SOUK_TESTS_UNIT_RUNTIME_RUNTIME_WORLD_H
#define SOUK_TESTS_UNIT_RUNTIME_RUNTIME_WORLD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "server/runtime/runtime.h"
#include "shard/replica/command.h"
#include "shard/storage/log_store.h"
#include "shard/storage/store.h"

enum {
    RUNTIME_WORLD_HASH_SEED = 7,
    RUNTIME_WORLD_SHARDS_MAX = 4,
};

/* Stands before the real log. */
struct gate_log {
    struct log_store base;
    struct log_store *real;
    _Atomic(bool) closed; /* appends wait for `open` */
    sem_t arrived;        /* posted by an append that waits */
    sem_t open;
    _Atomic(uint64_t) appends;
    _Atomic(uint64_t) groups; /* replicas in all batches */
    _Atomic(int) failure;     /* enum status of every append, if not OK */
};

/* Stands before a memory store. */
struct locked_store {
    struct store base;
    struct store *real;
    pthread_mutex_t lock;
    _Atomic(unsigned) overloads;  /* writes that still answer OVERLOADED */
    _Atomic(unsigned) overloaded; /* writes that did */
    _Atomic(uint64_t) writes;
};

/* Static where a test keeps one: threads go on in it when an expectation ends the test. */
struct runtime_world {
    struct settings settings;
    struct gate_log log;
    struct locked_store store;
    struct runtime_shard shards[RUNTIME_WORLD_SHARDS_MAX];
    size_t shard_count;
    struct runtime *runtime;
    struct file_system *files; /* of the disk watch, or NULL */
    const char *folder;
};

/* Shards 1..sku_shards are SKU shards of equal ranges, those behind them customer shards,
 * whose number is a power of two. Not started. */
void runtime_world_open(struct runtime_world *world, unsigned loops, unsigned sku_shards,
                        unsigned customer_shards);
void runtime_world_start(struct runtime_world *world);
void runtime_world_stop(struct runtime_world *world);
void runtime_world_close(struct runtime_world *world);
/* The SKU shard of an id. */
uint64_t runtime_world_shard(const struct runtime_world *world, const char *sku_id);

/* Appends wait from now on, until opened. */
void runtime_world_close_gate(struct runtime_world *world);
void runtime_world_open_gate(struct runtime_world *world);
/* Everything posted to the loop so far has been through a whole turn. */
void runtime_world_settle(struct runtime_world *world, unsigned loop);

/* A call with its memory; `finished` is posted by `done`. */
struct runtime_call {
    struct shard_call call;
    struct arena arena;
    struct slice command;
    struct replica_outcome outcome;
    struct replica_query query;
    struct replica_answer answer;
    struct slice ids[2];
    sem_t finished;
    unsigned loop; /* where done ran */
    struct runtime_world *world;
};

void runtime_call_init(struct runtime_world *world, struct runtime_call *call);
void runtime_call_close(struct runtime_call *call);
/* Fills a PROPOSE of `delta` at "L", or of the SKU or location itself. */
void runtime_call_adjust(struct runtime_call *call, const char *sku_id, int64_t delta,
                         uint64_t request);
void runtime_call_sku(struct runtime_call *call, const char *sku_id, uint64_t request);
void runtime_call_location(struct runtime_call *call, uint64_t shard_id,
                           uint64_t request);
/* Fills a PROPOSE of a whole command; with a request id unless `request` is 0. */
void runtime_call_command(struct runtime_call *call, struct inventory_command *command,
                          uint64_t request, uint64_t shard_id);
/* Fills a READ of call->query. */
void runtime_call_query(struct runtime_call *call, uint64_t shard_id);
void runtime_call_wait(struct runtime_call *call);

/* Makes the location "L" everywhere and the SKUs named, and waits. */
void runtime_world_stock(struct runtime_world *world, const char *const *sku_ids,
                         size_t count);
int64_t runtime_world_on_hand(struct runtime_world *world, const char *sku_id);

#endif
