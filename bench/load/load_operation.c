/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of each kind but recommendations, alone or in batches: what is sent, and
 * what came back. */
#include "bench/load/load.h"

#include <inttypes.h>
#include <stdio.h>

void load_sku_id(uint64_t key, char out_text[LOAD_SKU_BYTES])
{
    snprintf(out_text, LOAD_SKU_BYTES, "sku-%06" PRIu64, key);
}

void load_pick(struct load_slot *slot, unsigned count)
{
    int64_t wall_ms = load_wall_ms();
    slot->items = count;
    slot->failed = 0;
    for (unsigned i = 0; i < count; i++) {
        load_sku_id(key_choice_next(&slot->load->choice, &slot->rng), slot->sku_ids[i]);
        uuid7_make(&slot->rng, wall_ms, slot->request_ids[i]);
    }
}

void load_count_item(struct load_slot *slot, const struct souk_item_status *status)
{
    if (status->code != SOUK_OK) {
        slot->failed++;
        load_slot_fail(slot, status->reason);
    }
}

static void reserve_done(void *context, const struct souk_hold_reply *reply,
                         const struct souk_error *error)
{
    (void)reply;
    load_finish(context, error);
}

static void reserve_batch_done(void *context,
                               const struct souk_hold_batch_create_reply *reply,
                               const struct souk_error *error)
{
    for (size_t i = 0; reply != NULL && i < reply->result_count; i++) {
        load_count_item(context, &reply->results[i].status);
    }
    load_finish(context, error);
}

static void reserve_start(struct load_slot *slot)
{
    const struct load_options *options = &slot->load->options;
    load_pick(slot, options->batch);
    for (unsigned i = 0; i < slot->items; i++) {
        slot->lines[i] = (struct souk_hold_line){
            .sku_id = slot->sku_ids[i], .location_id = options->location, .quantity = 1};
        slot->holds[i] =
            (struct souk_hold_create_request){.request_id = slot->request_ids[i],
                                              .lines = &slot->lines[i],
                                              .line_count = 1,
                                              .ttl_ms = options->ttl_ms};
    }
    if (slot->items == 1) {
        souk_hold_create_start(slot->load->client, slot->holds, NULL, reserve_done, slot);
        return;
    }
    souk_hold_batch_create_start(
        slot->load->client,
        &(struct souk_hold_batch_create_request){slot->holds, slot->items}, NULL,
        reserve_batch_done, slot);
}

static void level_done(void *context, const struct souk_stock_level_reply *reply,
                       const struct souk_error *error)
{
    (void)reply;
    load_finish(context, error);
}

static void adjust_batch_done(void *context,
                              const struct souk_stock_batch_adjust_reply *reply,
                              const struct souk_error *error)
{
    for (size_t i = 0; reply != NULL && i < reply->result_count; i++) {
        load_count_item(context, &reply->results[i].status);
    }
    load_finish(context, error);
}

static void adjust_start(struct load_slot *slot)
{
    const struct load_options *options = &slot->load->options;
    load_pick(slot, options->batch);
    for (unsigned i = 0; i < slot->items; i++) {
        slot->adjustments[i] =
            (struct souk_stock_adjust_request){.request_id = slot->request_ids[i],
                                               .sku_id = slot->sku_ids[i],
                                               .location_id = options->location,
                                               .quantity = 1,
                                               .reason = SOUK_REASON_RECEIPT};
    }
    if (slot->items == 1) {
        souk_stock_adjust_start(slot->load->client, slot->adjustments, NULL, level_done,
                                slot);
        return;
    }
    souk_stock_batch_adjust_start(
        slot->load->client,
        &(struct souk_stock_batch_adjust_request){slot->adjustments, slot->items}, NULL,
        adjust_batch_done, slot);
}

static void read_batch_done(void *context, const struct souk_stock_batch_get_reply *reply,
                            const struct souk_error *error)
{
    (void)reply;
    load_finish(context, error);
}

static void read_start(struct load_slot *slot)
{
    const struct load_options *options = &slot->load->options;
    load_pick(slot, options->batch);
    if (slot->items == 1) {
        struct souk_stock_get_request request = {.sku_id = slot->sku_ids[0],
                                                 .location_id = options->location};
        souk_stock_get_start(slot->load->client, &request, NULL, level_done, slot);
        return;
    }
    souk_stock_batch_get_start(
        slot->load->client,
        &(struct souk_stock_batch_get_request){.sku_ids = slot->sku_pointers,
                                               .sku_id_count = slot->items},
        NULL, read_batch_done, slot);
}

static void event_done(void *context, const struct souk_event_record_reply *reply,
                       const struct souk_error *error)
{
    for (size_t i = 0; reply != NULL && i < reply->failure_count; i++) {
        load_count_item(context, &reply->failures[i].status);
    }
    load_finish(context, error);
}

/* Visitors never seen before, each clicking through a session; without --sessions visitors
 * of one click. */
static void event_start(struct load_slot *slot)
{
    struct load *load = slot->load;
    load_pick(slot, load->options.batch);
    for (unsigned i = 0; i < slot->items; i++) {
        struct souk_event *event = &slot->events[i];
        const char *sku_id = slot->sku_ids[i];
        uint64_t visitor = rng_next(&slot->rng);
        if (load->sessions.count > 0) {
            struct session_click click = session_walk_next(&load->walk, &slot->lanes[i]);
            sku_id = click.items[click.item_count - 1];
            visitor = click.session;
        }
        snprintf(slot->visitor_ids[i], LOAD_VISITOR_BYTES, "load-%" PRIu64 "-%" PRIu64,
                 load->options.seed, visitor);
        *event = (struct souk_event){.event_id = slot->request_ids[i],
                                     .visitor_id = slot->visitor_ids[i],
                                     .session_id = slot->visitor_ids[i],
                                     .kind = SOUK_EVENT_VIEW,
                                     .sku_id = sku_id};
    }
    souk_event_record_start(
        load->client, &(struct souk_event_record_request){slot->events, slot->items},
        NULL, event_done, slot);
}

void load_operation_start(struct load_slot *slot)
{
    slot->shown = 0;
    slot->kind = mix_next(&slot->load->options.mix, &slot->rng);
    switch (slot->kind) {
    case LOAD_RESERVE:
        reserve_start(slot);
        return;
    case LOAD_ADJUST:
        adjust_start(slot);
        return;
    case LOAD_READ:
        read_start(slot);
        return;
    case LOAD_RECOMMEND:
        load_recommend_start(slot);
        return;
    case LOAD_EVENT:
        event_start(slot);
        return;
    case LOAD_KINDS:
        break;
    }
}
