/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/customer/world.h"

#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

static void sink_put(void *context, const struct customer_session *session)
{
    struct evidence_place places[CUSTOMER_EVIDENCE_EVENTS_MAX];
    const struct evidence_session put = {.session_hash = session->session_hash,
                                         .customer = session->customer,
                                         .end_ms = session->end_ms,
                                         .items = session->items,
                                         .item_count = session->item_count,
                                         .places = places,
                                         .place_count = session->place_count};
    for (uint32_t i = 0; i < session->place_count; i++) {
        places[i] = (struct evidence_place){session->places[i].place,
                                            session->places[i].sku_hash};
    }
    evidence_put(((struct world *)context)->evidence, &put);
}

static void sink_remove(void *context, struct hash128 customer, uint64_t session_hash)
{
    (void)customer;
    evidence_remove(((struct world *)context)->evidence, session_hash);
}

static void sink_history(void *context, struct hash128 customer,
                         const struct customer_action *actions, uint32_t action_count)
{
    struct histories_action copies[CUSTOMER_EVIDENCE_EVENTS_MAX];
    struct world *world = context;
    for (uint32_t i = 0; i < action_count; i++) {
        copies[i] = (struct histories_action){.sku_hash = actions[i].sku_hash,
                                              .at_ms = actions[i].at_ms,
                                              .quantity = actions[i].quantity,
                                              .kind = actions[i].kind};
    }
    histories_put(world->histories, customer, copies, action_count);
    world->histories_told++;
}

static void world_start(struct world *world)
{
    const struct evidence_options evidence_options = {0};
    const struct histories_options histories_options = {0};
    world->evidence = evidence_new(&evidence_options);
    world->histories = histories_new(&histories_options);
    const struct customer_sink sink = {.context = world,
                                       .session_put = sink_put,
                                       .session_remove = sink_remove,
                                       .history_put = sink_history};
    world->shard = customer_new(&world->options, &sink);
    EXPECT_OK(customer_load(world->shard));
}

void world_open(struct world *world)
{
    struct store *store = memory_store_new();
    *world = (struct world){.store = store, .log_ms = WORLD_START_MS};
    world->options = (struct customer_options){.shard_id = 1,
                                               .range = {0, UINT64_MAX},
                                               .store = store,
                                               .session_gap_ms = 1800 * 1000,
                                               .session_items_max = 200};
    arena_init(&world->arena, NULL, 0, 0);
    world_start(world);
}

void world_close(struct world *world)
{
    customer_free(world->shard);
    evidence_free(world->evidence);
    histories_free(world->histories);
    store_close(world->store);
    arena_close(&world->arena);
}

struct customer_outcome world_apply(struct world *world,
                                    const struct customer_command *command)
{
    struct customer_outcome outcome;
    customer_entry_begin(world->shard, ++world->index, world->log_ms);
    customer_apply(world->shard, command, &world->arena, &outcome);
    customer_entry_end(world->shard);
    return outcome;
}

struct customer_event_outcome world_event(struct world *world,
                                          const struct customer_event *event)
{
    const struct customer_command command = {
        .kind = CUSTOMER_RECORD, .record = {.events = event, .event_count = 1}};
    return world_apply(world, &command).events[0];
}

void world_flush(struct world *world)
{
    struct store_batch batch;
    store_batch_init(&batch);
    customer_collect(world->shard, &batch);
    EXPECT_OK(store_write(world->store, &batch));
    store_batch_close(&batch);
    customer_flushed(world->shard, world->index);
}

void world_reload(struct world *world)
{
    uint64_t digest = customer_digest(world->shard);
    uint64_t evidence = evidence_digest(world->evidence);
    uint64_t histories = histories_digest(world->histories);
    world_flush(world);
    customer_free(world->shard);
    evidence_free(world->evidence);
    histories_free(world->histories);
    world_start(world);
    EXPECT(customer_digest(world->shard) == digest);
    EXPECT(evidence_digest(world->evidence) == evidence);
    EXPECT(histories_digest(world->histories) == histories);
}

struct customer_event event_make(struct arena *arena, uint64_t customer,
                                 enum customer_event_kind kind, unsigned item,
                                 int64_t occurred_ms)
{
    static unsigned made;
    char id[32], sku[32];
    snprintf(id, sizeof id, "e%u", ++made);
    snprintf(sku, sizeof sku, "s%u", item);
    return (struct customer_event){.event_id = slice_from_string(arena_string(arena, id)),
                                   .customer = {hash_mix(customer), customer},
                                   .kind = kind,
                                   .sku_id = slice_from_string(arena_string(arena, sku)),
                                   .sku_hash = hash64(slice_from_string(sku), 0),
                                   .occurred_ms = occurred_ms};
}
