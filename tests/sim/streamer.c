/* SPDX-License-Identifier: Apache-2.0 */
/* A source of the simulated world, and what sources and watches share. */
#include "tests/sim/streamer.h"

#include <stdio.h>

#include "shard/base/assert.h"
#include "shard/replica/command.h"
#include "tests/sim/judge.h"
#include "tests/sim/world.h"

enum {
    SOURCE_REST_MOST_US = 1500000,
    SOURCE_FORGETS_PERMILLE = 4, /* per tick */
    SOURCE_SENDS_PERCENT = 30,
    SOURCE_NEW_EPOCH_PERCENT = 10,
    SOURCE_ATTRIBUTES_MAX = 64,
    SOURCES_MAX = 16,
};

/* --- Shared --------------------------------------------------------------------------- */

static unsigned sku_shards(const struct sim_world *world)
{
    return shard_map_count(&world->map, SHARD_MAP_SKU);
}

static const struct sim_shard *sku_shard(const struct sim_world *world, unsigned place)
{
    uint64_t shard_id = shard_map_range(&world->map, SHARD_MAP_SKU, place)->shard_id;
    return &world->shards[world_shard(world, shard_id)];
}

void streamer_send(struct sim_world *world, unsigned streamer, unsigned place,
                   unsigned guess, struct sim_ask *ask, const struct sim_request *request,
                   struct slice command)
{
    const struct sim_shard *shard = sku_shard(world, place);
    struct sim_packet *packet =
        network_packet(&world->network, SIM_PACKET_REQUEST,
                       SIM_CLIENT_BASE + SIM_STREAMER_FIRST + streamer,
                       shard->members[guess % shard->member_count]);
    packet->attempt = ask->attempt = ++world->next_attempt;
    ask->until_us = world->now_us + SIM_SOURCE_TRY_US;
    packet->request = *request;
    packet->request.shard_id = shard->shard_id;
    packet->request.timeout_us = SIM_SOURCE_TRY_US;
    buffer_append_slice(&packet->bytes, command);
    network_send(&world->network, world->now_us, packet);
}

void streamer_guess(const struct sim_world *world, unsigned place, unsigned *guess,
                    const struct sim_result *result)
{
    const struct sim_shard *shard = sku_shard(world, place);
    ++*guess;
    for (unsigned i = 0; result != NULL && i < shard->member_count; i++) {
        if (result->leader == shard->members[i] + 1) {
            *guess = i;
        }
    }
}

void streamer_tick(struct sim_world *world, unsigned client)
{
    unsigned streamer = client - SIM_STREAMER_FIRST;
    world_plan(world, world->now_us + SIM_SOURCE_TICK_US, SIM_EVENT_CLIENT, client, 0,
               NULL);
    if (streamer < SIM_SOURCES) {
        source_tick(&world->sources[streamer]);
    } else {
        watch_tick(&world->watch);
    }
}

void streamer_take(struct sim_world *world, unsigned client,
                   const struct sim_packet *packet)
{
    unsigned streamer = client - SIM_STREAMER_FIRST;
    if (packet->kind == SIM_PACKET_REPLY && streamer < SIM_SOURCES) {
        source_take(&world->sources[streamer], packet);
    } else if (packet->kind == SIM_PACKET_REPLY) {
        watch_take(&world->watch, packet);
    }
}

bool streamers_done(const struct sim_world *world)
{
    bool done = true;
    for (unsigned i = 0; i < SIM_SOURCES; i++) {
        done = done && world->sources[i].state == SIM_SOURCE_DONE;
    }
    for (unsigned place = 0; place < sku_shards(world); place++) {
        done = done && world->watch.at_end[place];
    }
    return done;
}

/* --- Updates: what each sequence says, the same whenever it is sent -------------------- */

static uint64_t update_hash(const struct sim_source *source, uint64_t epoch,
                            uint64_t sequence)
{
    return hash_mix(hash_mix(source->id + 1) ^ hash_mix(epoch * 7919 + sequence));
}

static int64_t update_delta(const struct sim_source *source, uint64_t epoch,
                            uint64_t sequence)
{
    return 1 + (int64_t)(update_hash(source, epoch, sequence) >> 32) % 5;
}

static void update_make(const struct sim_source *source, uint64_t sequence,
                        struct arena *arena, struct inventory_source_item *out)
{
    uint64_t hash = update_hash(source, source->source.epoch, sequence);
    char name[SIM_NAME_BYTES];
    snprintf(name, sizeof name, "W%u", (unsigned)(hash % SIM_STREAM_SKUS));
    *out = (struct inventory_source_item){
        .sequence = sequence,
        .sku_id = slice_from_string(arena_string(arena, name)),
        .location_id = world_location_id(
            source->world, (unsigned)(hash / 16 % source->world->location_count)),
        .bucket = STOCK_BUCKET_ON_HAND,
        .quantity = update_delta(source, source->source.epoch, sequence),
        .reason = STOCK_REASON_RECEIPT,
    };
}

static void tell(const struct sim_source *source, enum history_stream_kind kind,
                 uint64_t sequence)
{
    judge_stream(&source->world->history,
                 &(struct history_stream){.kind = kind,
                                          .source = source->id,
                                          .epoch = source->source.epoch,
                                          .sequence = sequence});
}

bool streamer_row(struct sim_world *world, const struct inventory_movement *movement)
{
    judge_feed(&world->history,
               &(struct history_feed){.kind = HISTORY_FEED_ROW,
                                      .shard = movement->position.shard_id,
                                      .index = movement->position.index,
                                      .sub = movement->position.sub});
    if (movement->sku_id.size == 0 || movement->sku_id.data[0] != 'W') {
        return false;
    }
    for (unsigned i = 0; i < SIM_SOURCES; i++) {
        struct inventory_source source = world->sources[i].source;
        uint64_t newest = source.epoch;
        for (source.epoch = 1; source.epoch <= newest; source.epoch++) {
            struct hash128 name =
                inventory_source_request(&source, movement->request_low);
            if (name.high != movement->request_high) {
                continue;
            }
            judge_stream(&world->history,
                         &(struct history_stream){
                             .kind = HISTORY_STREAM_ROW,
                             .source = i,
                             .epoch = source.epoch,
                             .sequence = movement->request_low,
                             .shard = movement->position.shard_id,
                             .index = movement->position.index,
                             .sub = movement->position.sub,
                             .wanted = update_delta(&world->sources[i], source.epoch,
                                                    movement->request_low),
                             .added = movement->after[STOCK_BUCKET_ON_HAND] -
                                      movement->before[STOCK_BUCKET_ON_HAND]});
            return true;
        }
    }
    world_violation(world, "streams", "a movement of a stream that no source has sent");
    return true;
}

/* --- Life ------------------------------------------------------------------------------ */

static void source_free_slots(struct sim_source *source)
{
    for (unsigned i = 0; i < SIM_SOURCE_SLOTS; i++) {
        arena_reset(&source->slots[i].arena);
        source->slots[i].used = false;
        memset(source->slots[i].pieces, 0, sizeof source->slots[i].pieces);
    }
}

void source_init(struct sim_source *source, struct sim_world *world, unsigned id)
{
    char name[SIM_NAME_BYTES];
    memset(source, 0, sizeof *source);
    source->world = world;
    source->id = id;
    sim_stream_init(&source->rng, world->options.seed, SIM_STREAM_STREAMER + id);
    snprintf(name, sizeof name, "source%u", id);
    source->source =
        (struct inventory_source){.id = hash128(slice_from_string(name), 0), .epoch = 1};
    source->home_hash = key_hash(slice_from_string(name), SIM_HASH_SEED);
    for (unsigned i = 0; i < SIM_SOURCE_SLOTS; i++) {
        arena_init(&source->slots[i].arena, NULL, 0, 0);
    }
    ASSERT(sku_shards(world) <= SIM_SOURCE_SHARDS);
}

void source_close(struct sim_source *source)
{
    for (unsigned i = 0; i < SIM_SOURCE_SLOTS; i++) {
        arena_close(&source->slots[i].arena);
    }
    source_flow_close(&source->flow);
}

/* Everything in memory is gone; what is on its way may still arrive. */
static void source_rest(struct sim_source *source)
{
    source_flow_close(&source->flow);
    source_free_slots(source);
    memset(source->opens, 0, sizeof source->opens);
    memset(&source->log, 0, sizeof source->log);
    source->state = SIM_SOURCE_RESTS;
    source->rest_until_us =
        source->world->now_us + rng_below(&source->rng, SOURCE_REST_MOST_US);
}

static unsigned source_home(const struct sim_source *source)
{
    return shard_map_find(&source->world->map, SHARD_MAP_SKU, source->home_hash);
}

static void source_ask(struct sim_source *source, unsigned place, struct sim_ask *ask,
                       struct slice command)
{
    const struct sim_request request = {.kind = SIM_REQUEST_PROPOSE,
                                        .operation = SIM_SOURCE};
    streamer_send(source->world, source->id, place, source->guess[place], ask, &request,
                  command);
}

static void source_ask_command(struct sim_source *source, unsigned place,
                               struct sim_ask *ask,
                               const struct inventory_command *command)
{
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 0, 0);
    enum status status = command_encode_sku(command, &arena, &bytes);
    ASSERT(status == STATUS_OK);
    source_ask(source, place, ask, bytes);
    arena_close(&arena);
}

/* --- Opening --------------------------------------------------------------------------- */

static void source_open_shard(struct sim_source *source, unsigned place)
{
    const struct inventory_command command = {
        .kind = INVENTORY_SOURCE_OPEN,
        .source_open = {.source = source->source,
                        .home_hash = source->home_hash,
                        .sources_max = SOURCES_MAX}};
    source_ask_command(source, place, &source->opens[place], &command);
}

static void source_open(struct sim_source *source)
{
    if (sim_percent(&source->rng, SOURCE_NEW_EPOCH_PERCENT)) {
        source->source.epoch++;
        source->acked = 0;
    }
    source->state = SIM_SOURCE_OPENS;
    source->source.incarnation = 0;
    memset(source->opened, 0, sizeof source->opened);
    source_open_shard(source, source_home(source));
}

static void source_run(struct sim_source *source, uint64_t through)
{
    const struct source_flow_options options = {.shard_count = sku_shards(source->world),
                                                .credit_max = SIM_SOURCE_SLOTS,
                                                .ack_window =
                                                    (uint32_t)rng_below(&source->rng, 10),
                                                .through = through};
    source_flow_init(&source->flow, &options);
    source->flow.logged_us = source->world->now_us;
    memset(source->chains, 0, sizeof source->chains);
    source->next = through + 1;
    source->state = SIM_SOURCE_RUNS;
}

static void source_opened(struct sim_source *source, unsigned place,
                          const struct inventory_source_outcome *told)
{
    bool all = true;
    source->opened[place] = true;
    if (source->source.incarnation == 0) {
        source->source.incarnation = told->incarnation;
        source->next = told->through;
        if (source->acked > told->through && sim_percent(&source->rng, 50)) {
            source->next = source->acked; /* it has thrown away what was acknowledged */
        }
        for (unsigned other = 0; other < sku_shards(source->world); other++) {
            if (!source->opened[other]) {
                source_open_shard(source, other);
            }
        }
    }
    for (unsigned other = 0; other < sku_shards(source->world); other++) {
        all = all && source->opened[other];
    }
    if (all) {
        source_run(source, source->next);
    }
}

/* --- Batches --------------------------------------------------------------------------- */

static struct sim_source_slot *source_slot(struct sim_source *source)
{
    for (unsigned i = 0; i < SIM_SOURCE_SLOTS; i++) {
        if (!source->slots[i].used) {
            return &source->slots[i];
        }
    }
    return NULL;
}

static void source_piece(struct sim_source *source, struct sim_source_slot *slot,
                         unsigned place, const struct inventory_source_item *items,
                         uint32_t count)
{
    struct sim_source_piece *piece = &slot->pieces[place];
    const struct shard_range *range =
        shard_map_range(&source->world->map, SHARD_MAP_SKU, place);
    const struct inventory_command command = {
        .kind = INVENTORY_SOURCE_UPDATE,
        .source_update = {.source = source->source,
                          .range = {range->start, range->end},
                          .prev = source->chains[place],
                          .through = source->flow.logged,
                          .on_missing = INVENTORY_MISSING_CREATE,
                          .attributes_max = SOURCE_ATTRIBUTES_MAX,
                          .items = items,
                          .item_count = count}};
    enum status status = command_encode_sku(&command, &slot->arena, &piece->command);
    ASSERT(status == STATUS_OK);
    source->chains[place] = items[count - 1].sequence;
    piece->part = (struct source_part){.shard = place};
    slot->parts[slot->batch.part_count++] = &piece->part;
}

static void source_send(struct sim_source *source, struct sim_source_slot *slot)
{
    struct inventory_source_item items[SIM_SOURCE_SHARDS][SIM_SOURCE_ITEMS];
    uint32_t counts[SIM_SOURCE_SHARDS] = {0};
    unsigned count = 1 + (unsigned)rng_below(&source->rng, SIM_SOURCE_ITEMS);
    slot->used = true;
    slot->batch = (struct source_batch){
        .first = source->next, .last = source->next + count - 1, .parts = slot->parts};
    for (unsigned i = 0; i < count; i++) {
        struct inventory_source_item item;
        update_make(source, source->next++, &slot->arena, &item);
        unsigned place = shard_map_find(&source->world->map, SHARD_MAP_SKU,
                                        key_hash(item.sku_id, SIM_HASH_SEED));
        items[place][counts[place]++] = item;
    }
    for (unsigned place = 0; place < sku_shards(source->world); place++) {
        if (counts[place] > 0) {
            source_piece(source, slot, place, items[place], counts[place]);
        }
    }
    tell(source, HISTORY_STREAM_SENT, slot->batch.last);
    source_flow_add(&source->flow, &slot->batch);
}

static void source_release(struct sim_source *source)
{
    struct source_batch *batch;
    while ((batch = source_flow_release(&source->flow)) != NULL) {
        struct sim_source_slot *slot = CONTAINER_OF(batch, struct sim_source_slot, batch);
        arena_reset(&slot->arena);
        slot->used = false;
    }
}

static void source_finished(struct sim_source *source)
{
    bool over = source_flow_problem(&source->flow) == NULL;
    source_rest(source);
    source->state = over ? SIM_SOURCE_DONE : SIM_SOURCE_RESTS;
}

static void source_pump(struct sim_source *source)
{
    struct source_step step;
    while (source->state == SIM_SOURCE_RUNS &&
           source_flow_next(&source->flow, source->world->now_us, &step)) {
        if (step.kind == SOURCE_STEP_ASK) {
            struct sim_source_piece *piece =
                CONTAINER_OF(step.part, struct sim_source_piece, part);
            source_ask(source, step.part->shard, &piece->ask, piece->command);
        } else if (step.kind == SOURCE_STEP_LOG) {
            const struct inventory_command command = {
                .kind = INVENTORY_SOURCE_THROUGH,
                .source_through = {source->source, source->home_hash, step.value}};
            source->log_value = step.value;
            source_ask_command(source, source_home(source), &source->log, &command);
        } else if (step.kind == SOURCE_STEP_FINISH) {
            source_finished(source);
        } else {
            if (step.kind == SOURCE_STEP_ACK) {
                tell(source, HISTORY_STREAM_ACKED, step.value);
                source->acked = step.value > source->acked ? step.value : source->acked;
                source->world->counts.operations[SIM_SOURCE]++;
                source->acks_since_healing += source->world->phase == SIM_PHASE_HEALING;
            }
            source_flow_sent(&source->flow, &step);
            source_release(source);
        }
    }
}

/* --- Answers --------------------------------------------------------------------------- */

static void source_answer(struct sim_source *source, struct sim_source_piece *piece,
                          enum status status, const struct inventory_source_outcome *told)
{
    struct source_answer answer = {.status = status};
    if (told != NULL) {
        answer.applied = told->applied;
        answer.duplicates = told->duplicates;
        answer.failures = told->failure_count;
        if (told->failure_count > 0) {
            world_violation(source->world, "streams", "update %llu was refused: %s",
                            (unsigned long long)told->failures[0].sequence,
                            status_name(told->failures[0].status));
        }
    }
    piece->ask.attempt = 0;
    source_flow_answered(&source->flow, &piece->part, &answer, source->world->now_us);
}

static struct sim_source_piece *source_find(struct sim_source *source, uint64_t attempt)
{
    for (unsigned i = 0; i < SIM_SOURCE_SLOTS; i++) {
        for (unsigned place = 0; place < SIM_SOURCE_SHARDS; place++) {
            if (source->slots[i].used &&
                source->slots[i].pieces[place].ask.attempt == attempt) {
                return &source->slots[i].pieces[place];
            }
        }
    }
    return NULL;
}

/* OPEN: true when it was one's answer. */
static bool source_take_open(struct sim_source *source, const struct sim_packet *packet)
{
    for (unsigned place = 0; place < SIM_SOURCE_SHARDS; place++) {
        if (source->opens[place].attempt != packet->attempt) {
            continue;
        }
        source->opens[place].attempt = 0;
        if (packet->result.status == STATUS_OK && packet->call != NULL) {
            source_opened(source, place, &packet->call->outcome.inventory.source);
        } else if (packet->result.decided) {
            source_rest(source); /* superseded by one of its own, sent twice */
        } else {
            streamer_guess(source->world, place, &source->guess[place], &packet->result);
            source->opens[place] = (struct sim_ask){
                UINT64_MAX, source->world->now_us + 2 * SIM_SOURCE_TICK_US};
        }
        return true;
    }
    return false;
}

void source_take(struct sim_source *source, const struct sim_packet *packet)
{
    const struct sim_result *result = &packet->result;
    struct sim_source_piece *piece;
    if (source->state == SIM_SOURCE_OPENS) {
        (void)source_take_open(source, packet);
        return;
    }
    if (source->state != SIM_SOURCE_RUNS) {
        return;
    }
    piece = source_find(source, packet->attempt);
    if (piece != NULL) {
        bool told =
            result->decided && result->status == STATUS_OK && packet->call != NULL;
        if (!result->decided) {
            streamer_guess(source->world, piece->part.shard,
                           &source->guess[piece->part.shard], result);
        }
        source_answer(source, piece, result->status,
                      told ? &packet->call->outcome.inventory.source : NULL);
    } else if (source->log.attempt == packet->attempt && packet->attempt != 0) {
        unsigned home = source_home(source);
        source->log.attempt = 0;
        if (!result->decided) {
            streamer_guess(source->world, home, &source->guess[home], result);
        }
        source_flow_logged(&source->flow, source->log_value, result->status,
                           source->world->now_us);
    }
    source_pump(source);
}

/* --- Time ------------------------------------------------------------------------------ */

static void source_late(struct sim_source *source)
{
    uint64_t now_us = source->world->now_us;
    unsigned home = source_home(source);
    for (unsigned i = 0; i < SIM_SOURCE_SLOTS; i++) {
        for (unsigned place = 0; place < SIM_SOURCE_SHARDS; place++) {
            struct sim_source_piece *piece = &source->slots[i].pieces[place];
            if (source->slots[i].used && piece->ask.attempt != 0 &&
                piece->ask.until_us <= now_us) {
                streamer_guess(source->world, place, &source->guess[place], NULL);
                source_answer(source, piece, STATUS_OUTCOME_UNKNOWN, NULL);
            }
        }
    }
    if (source->log.attempt != 0 && source->log.until_us <= now_us) {
        source->log.attempt = 0;
        streamer_guess(source->world, home, &source->guess[home], NULL);
        source_flow_logged(&source->flow, source->log_value, STATUS_OUTCOME_UNKNOWN,
                           now_us);
    }
}

static void source_late_opens(struct sim_source *source)
{
    for (unsigned place = 0; place < sku_shards(source->world); place++) {
        if (source->opens[place].attempt != 0 &&
            source->opens[place].until_us <= source->world->now_us) {
            if (source->opens[place].attempt != UINT64_MAX) { /* else it was told where */
                streamer_guess(source->world, place, &source->guess[place], NULL);
            }
            source_open_shard(source, place);
        }
    }
}

void source_tick(struct sim_source *source)
{
    const struct sim_world *world = source->world;
    bool busy = world->phase == SIM_PHASE_FAULTS || world->phase == SIM_PHASE_HEALING;
    struct sim_source_slot *slot = source_slot(source);
    if (!busy || source->state == SIM_SOURCE_DONE) {
        return;
    }
    if (source->state == SIM_SOURCE_RESTS) {
        if (world->now_us >= source->rest_until_us) {
            source_open(source);
        }
    } else if (source->state == SIM_SOURCE_OPENS) {
        source_late_opens(source);
    } else {
        source_late(source);
        if (world->phase == SIM_PHASE_FAULTS &&
            rng_below(&source->rng, 1000) < SOURCE_FORGETS_PERMILLE) {
            source_rest(source);
            return;
        }
        if (source->acks_since_healing >= SIM_SOURCE_ENOUGH) {
            source_flow_half_close(&source->flow);
        } else if (slot != NULL && sim_percent(&source->rng, SOURCE_SENDS_PERCENT)) {
            source_send(source, slot);
        }
        source_pump(source);
    }
}
