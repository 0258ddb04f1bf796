/* SPDX-License-Identifier: Apache-2.0 */
/* A watch of the simulated world: it reads the feed of every SKU shard, wherever led. */
#include "shard/base/assert.h"
#include "tests/sim/judge.h"
#include "tests/sim/streamer.h"
#include "tests/sim/world.h"

static void watch_tell(struct sim_watch *watch, enum history_feed_kind kind,
                       const struct ledger_position *place)
{
    judge_feed(&watch->world->history, &(struct history_feed){.kind = kind,
                                                              .shard = place->shard_id,
                                                              .index = place->index,
                                                              .sub = place->sub});
}

void watch_init(struct sim_watch *watch, struct sim_world *world)
{
    memset(watch, 0, sizeof *watch);
    watch->world = world;
    sim_stream_init(&watch->rng, world->options.seed, SIM_STREAM_STREAMER + SIM_SOURCES);
}

static void watch_ask(struct sim_watch *watch, unsigned place)
{
    const struct sim_request request = {.kind = SIM_REQUEST_READ,
                                        .operation = SIM_FEED,
                                        .token = watch->next[place].index,
                                        .location = watch->next[place].sub};
    streamer_send(watch->world, SIM_SOURCES, place, watch->guess[place],
                  &watch->asks[place], &request, slice_of(NULL, 0));
}

/* From the first entry on, whatever was there before. */
static void watch_begin(struct sim_watch *watch)
{
    const struct shard_map *map = &watch->world->map;
    watch->begun = true;
    for (unsigned place = 0; place < shard_map_count(map, SHARD_MAP_SKU); place++) {
        watch->next[place] = (struct ledger_position){
            shard_map_range(map, SHARD_MAP_SKU, place)->shard_id, 1, 0};
        watch_tell(watch, HISTORY_FEED_FROM, &watch->next[place]);
    }
}

static bool watch_sources_done(const struct sim_world *world)
{
    for (unsigned i = 0; i < SIM_SOURCES; i++) {
        if (world->sources[i].state != SIM_SOURCE_DONE) {
            return false;
        }
    }
    return true;
}

static void watch_read(struct sim_watch *watch, unsigned place,
                       const struct sim_packet *packet)
{
    const struct inventory_answer *answer = &packet->call->answer.inventory;
    struct ledger_position next = answer->next;
    for (uint32_t i = 0; i < answer->movement_count; i++) {
        watch_tell(watch, HISTORY_FEED_SEEN, &answer->movements[i].position);
        watch->seen++;
    }
    watch->world->counts.operations[SIM_FEED]++;
    if (next.index == 0) {
        next = (struct ledger_position){watch->next[place].shard_id,
                                        packet->result.stamp.log_index + 1, 0};
        watch->at_end[place] = watch_sources_done(watch->world);
    }
    watch->next[place] = next;
    watch_tell(watch, HISTORY_FEED_UPTO, &next);
    if (answer->next.index != 0) {
        watch_ask(watch, place); /* there is more */
    }
}

void watch_take(struct sim_watch *watch, const struct sim_packet *packet)
{
    for (unsigned place = 0; place < SIM_SOURCE_SHARDS; place++) {
        if (watch->asks[place].attempt != packet->attempt) {
            continue;
        }
        watch->asks[place].attempt = 0;
        if (packet->result.decided && packet->call != NULL &&
            packet->result.status == STATUS_OK) {
            watch_read(watch, place, packet);
        } else {
            streamer_guess(watch->world, place, &watch->guess[place], &packet->result);
        }
        return;
    }
}

void watch_tick(struct sim_watch *watch)
{
    const struct sim_world *world = watch->world;
    bool busy = world->phase == SIM_PHASE_FAULTS || world->phase == SIM_PHASE_HEALING;
    if (!busy) {
        return;
    }
    if (!watch->begun) {
        watch_begin(watch);
    }
    for (unsigned place = 0; place < shard_map_count(&world->map, SHARD_MAP_SKU);
         place++) {
        struct sim_ask *ask = &watch->asks[place];
        if (ask->attempt != 0 && ask->until_us <= world->now_us) {
            streamer_guess(world, place, &watch->guess[place], NULL);
            ask->attempt = 0;
        }
        if (ask->attempt == 0 && !watch->at_end[place] && sim_percent(&watch->rng, 30)) {
            watch_ask(watch, place);
        }
    }
}
