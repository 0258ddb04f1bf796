/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warehouse systems and watchers of the simulated world. A source streams updates of SKUs of
 * its own kind (W0, W1, ...) through the server's own flow, loses its memory now and then,
 * and goes on where the home says; a watch reads the feeds of all SKU shards wherever they
 * are led. Both tell the history what they sent, were told, and saw.
 */
#ifndef SOUK_TESTS_SIM_STREAMER_H
#define SOUK_TESTS_SIM_STREAMER_H

#include "server/coordinator/source_flow.h"
#include "shard/inventory/command.h"
#include "tests/sim/network.h"

enum {
    SIM_SOURCES = 2,
    SIM_STREAMERS = SIM_SOURCES + 1,                      /* and one watch */
    SIM_STREAMER_FIRST = SIM_CLIENTS_MAX - SIM_STREAMERS, /* their places as clients */
    SIM_STREAM_SKUS = 4,
    SIM_SOURCE_SLOTS = 8, /* batches at a time */
    SIM_SOURCE_SHARDS = 4,
    SIM_SOURCE_ITEMS = 4, /* of a batch, at most */
    SIM_SOURCE_TICK_US = 25000,
    SIM_SOURCE_TRY_US = 500000, /* an answer is waited for so long */
    SIM_SOURCE_ENOUGH = 4,      /* acks once the world is healed */
};

struct sim_world;

/* One question on its way to a shard; 0: none is. */
struct sim_ask {
    uint64_t attempt;
    uint64_t until_us;
};

struct sim_source_piece {
    struct source_part part;
    struct sim_ask ask;
    struct slice command;
};

struct sim_source_slot {
    struct source_batch batch;
    struct sim_source_piece pieces[SIM_SOURCE_SHARDS];
    struct source_part *parts[SIM_SOURCE_SHARDS];
    struct arena arena;
    bool used;
};

enum sim_source_state {
    SIM_SOURCE_RESTS,
    SIM_SOURCE_OPENS,
    SIM_SOURCE_RUNS,
    SIM_SOURCE_DONE,
};

struct sim_source {
    struct sim_world *world;
    unsigned id;
    struct rng rng;
    enum sim_source_state state;
    struct inventory_source source;
    uint64_t home_hash;
    uint64_t acked; /* in this epoch, as it remembers */
    uint64_t next;
    uint64_t chains[SIM_SOURCE_SHARDS];
    struct source_flow flow;
    struct sim_source_slot slots[SIM_SOURCE_SLOTS];
    struct sim_ask opens[SIM_SOURCE_SHARDS];
    bool opened[SIM_SOURCE_SHARDS];
    struct sim_ask log;
    uint64_t log_value;
    unsigned guess[SIM_SOURCE_SHARDS]; /* which member leads */
    uint64_t rest_until_us;
    unsigned acks_since_healing;
};

struct sim_watch {
    struct sim_world *world;
    struct rng rng;
    struct ledger_position next[SIM_SOURCE_SHARDS];
    struct sim_ask asks[SIM_SOURCE_SHARDS];
    unsigned guess[SIM_SOURCE_SHARDS];
    bool begun;
    bool at_end[SIM_SOURCE_SHARDS]; /* once nothing is streamed any more */
    uint64_t seen;
};

void source_init(struct sim_source *source, struct sim_world *world, unsigned id);
void source_close(struct sim_source *source);
void source_tick(struct sim_source *source);
void source_take(struct sim_source *source, const struct sim_packet *packet);

void watch_init(struct sim_watch *watch, struct sim_world *world);
void watch_tick(struct sim_watch *watch);
void watch_take(struct sim_watch *watch, const struct sim_packet *packet);

/* --- For the world: by the place among clients ------------------------------------------ */
static inline bool streamer_is(unsigned client)
{
    return client >= SIM_STREAMER_FIRST;
}
void streamer_tick(struct sim_world *world, unsigned client);
void streamer_take(struct sim_world *world, unsigned client,
                   const struct sim_packet *packet);
/* Has everybody got on since the world was healed, and come to an end? */
bool streamers_done(const struct sim_world *world);
/* Rows of the ledger at the end; true: this one is a stream's, and nobody else's. */
bool streamer_row(struct sim_world *world, const struct inventory_movement *movement);

/* --- Between the two ---------------------------------------------------------------------- */
/* Sends a request to the member that is thought to lead; the place is among SKU shards. */
void streamer_send(struct sim_world *world, unsigned streamer, unsigned place,
                   unsigned guess, struct sim_ask *ask, const struct sim_request *request,
                   struct slice command);
/* Follows a hint, or goes to the next member. */
void streamer_guess(const struct sim_world *world, unsigned place, unsigned *guess,
                    const struct sim_result *result);

#endif
