/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a replica asks of the state machine behind its log, whichever kind of shard it is:
 * machine_sku.c wraps shard/inventory, machine_customer.c wraps shard/customer, and both
 * feed shard/recommend with what their shard tells. Stays in this folder; owner: the
 * replica.
 */
#ifndef SOUK_SHARD_REPLICA_MACHINE_H
#define SOUK_SHARD_REPLICA_MACHINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/inventory/inventory.h"
#include "shard/recommend/degrees.h"
#include "shard/replica/command.h"
#include "shard/replica/replica.h"

struct machine;

enum machine_due {
    MACHINE_DUE_NOTHING, /* answer at once */
    MACHINE_DUE_TICK,
    MACHINE_DUE_FULL, /* as TICK, but of a later one */
};

struct machine_ops {
    void (*free)(struct machine *machine);
    /* From the store, whose state is that of this log index. */
    enum status (*load)(struct machine *machine, uint64_t index);

    /* Apply: as of inventory_entry_begin, _apply, _entry_end. `decode` is reset by the
     * caller between commands, `answers` outlives the call. VERSION: the bytes cannot be
     * read here, so the replica must stop; every other refusal is an outcome. */
    void (*entry_begin)(struct machine *machine, const struct apply_position *position);
    enum status (*apply)(struct machine *machine, struct slice command,
                         struct arena *decode, struct arena *answers,
                         struct replica_outcome *out);
    void (*entry_end)(struct machine *machine);

    /* Before append. OK, OVERLOADED, DISK_FULL, VERSION. */
    enum status (*admit)(const struct machine *machine, const struct command_peek *peek,
                         bool disk_full);
    /* When something is due by itself (Unix ms), INT64_MAX if never. */
    int64_t (*next_due)(const struct machine *machine);
    bool (*tick_wanted)(const struct machine *machine, int64_t bounded_ms);
    /* Does the query have to wait for a TICK? With `names` it is also told what that TICK
     * has to expire: FULL when there is no room for it, which the first always finds. */
    enum machine_due (*query_due)(struct machine *machine,
                                  const struct replica_query *query, int64_t bounded_ms,
                                  bool names, struct arena *scratch);
    /* Encodes the TICK with the names so far, and forgets them. */
    enum status (*tick_make)(struct machine *machine, int64_t bounded_ms,
                             struct arena *scratch, struct slice *out_command);

    /* What the replica that leads tells other shards (inventory_take_parcel); NULL in
     * tables that tell nothing. */
    void (*set_leads)(struct machine *machine, bool leads);
    bool (*take_parcel)(struct machine *machine, struct moment now, int64_t bounded_ms,
                        struct arena *scratch, struct replica_parcel *out_parcel);
    uint64_t (*parcel_due_us)(const struct machine *machine, struct moment now,
                              int64_t bounded_ms);
    /* Does the query wait for what becomes of a request, and is that not known yet? */
    bool (*query_waits)(const struct machine *machine, const struct replica_query *query);

    void (*read)(const struct machine *machine, const struct replica_read *read,
                 int64_t bounded_ms);
    /* Customer shards; else NULL. Whose evidence, which buckets? */
    struct evidence *(*evidence)(const struct machine *machine,
                                 struct recommend_query *search);
    bool (*take_degrees)(struct machine *machine, enum recommend_degrees kind,
                         struct degree_delta *out_delta);

    void (*collect)(struct machine *machine, struct store_batch *batch);
    void (*flushed)(struct machine *machine, uint64_t index);
    uint64_t (*dirty_bytes)(const struct machine *machine);
    uint64_t (*digest)(const struct machine *machine);
    /* The counters of its kind, and of evidence. */
    void (*counters)(const struct machine *machine, struct replica_status *out_status);
};

struct machine {
    const struct machine_ops *ops;
    _Atomic(uint32_t) readers; /* searches on other threads */
};

struct machine *machine_sku_new(const struct replica_options *options);
struct machine *machine_customer_new(const struct replica_options *options);

#endif
