/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/customer/customer_private.h"
#include "shard/storage/key.h"
#include "shard/storage/store.h"

struct customer_shard *customer_new(const struct customer_options *options,
                                    const struct customer_sink *sink)
{
    struct customer_shard *shard = memory_zalloc(sizeof *shard);
    ASSERT(options->session_gap_ms > 0 && options->session_items_max > 0);
    ASSERT(options->range.first <= options->range.last);
    shard->options = *options;
    shard->sink = *sink;
    if (shard->options.event_ids_max == 0) {
        shard->options.event_ids_max = CUSTOMER_EVENT_IDS_DEFAULT;
    }
    if (shard->options.requests_max == 0) {
        shard->options.requests_max = CUSTOMER_REQUESTS_DEFAULT;
    }
    if (shard->options.memory_events_max == 0) {
        shard->options.memory_events_max = CUSTOMER_MEMORY_EVENTS_DEFAULT;
    }
    list_init(&shard->request_order);
    list_init(&shard->request_gone);
    list_init(&shard->touched);
    list_init(&shard->dirty);
    list_init(&shard->erased);
    import_lanes_init(&shard->lanes);
    list_init(&shard->dirty_requests);
    list_init(&shard->flying);
    event_ids_init(&shard->ids);
    session_cut_init(&shard->cut);
    return shard;
}

void customer_free(struct customer_shard *shard)
{
    if (shard != NULL) {
        customer_memory_close(shard);
        free(shard);
    }
}

/* --- Load -------------------------------------------------------------------------------- */

/* Event ids and requests come in key order and must be remembered in log order. */
struct load {
    struct customer_shard *shard;
    struct load_id {
        struct hash128 id;
        int64_t log_ms;
        struct customer_row *row;
    } * ids;
    size_t id_count;
    size_t id_capacity;
    struct request_row *requests;
    size_t request_count;
    size_t request_capacity;
};

static enum status load_profile(struct load *load, struct hash128 customer,
                                struct slice value)
{
    struct customer_profile profile;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    enum status status = row_profile_decode(value, &arena, &profile);
    if (status == STATUS_OK) {
        struct customer_row *row = customer_find_or_add(load->shard, customer);
        row->profile = memory_copy(value.data, value.size);
        row->profile_size = value.size;
        row->stored = true;
        row->etag = profile.etag;
        row->personalization_withdrawn = profile.personalization_withdrawn;
        row->evidence_withdrawn = profile.evidence_withdrawn;
        load->shard->profiles++;
    }
    arena_close(&arena);
    return status;
}

static enum status load_events(struct load *load, struct hash128 customer,
                               uint64_t ordinal, struct slice value)
{
    struct customer_shard *shard = load->shard;
    struct customer_row *row = customer_find_or_add(shard, customer);
    struct row_events_reader reader;
    struct row_event event;
    enum status status;
    if (ordinal != row->event_count) {
        return STATUS_CHECKSUM; /* a block of this customer is missing */
    }
    TRY(row_events_open(&reader, value));
    row->stored = true;
    while ((status = row_events_next(&reader, &event)) == STATUS_OK) {
        row->event_count++;
        shard->events++;
        if (event.event.sku_hash != 0) {
            customer_name_sku(shard, event.event.sku_hash, event.event.sku_id);
            if (session_event_counts((uint8_t)event.event.kind)) {
                customer_keep_event(shard, row, &event.event);
            }
        }
        if (event.event.line == 0) {
            memory_reserve((void **)&load->ids, &load->id_capacity, load->id_count + 1,
                           sizeof *load->ids);
            load->ids[load->id_count++] =
                (struct load_id){customer_event_identity(customer, event.event.event_id),
                                 event.log_ms, row};
        }
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status load_request(struct load *load, uint64_t anchor, struct slice id,
                                struct slice value)
{
    struct request_row request = {.anchor = anchor, .stored = true};
    request.id.high = load_be64(id.data);
    request.id.low = load_be64(id.data + 8);
    TRY(row_request_decode(value, &request.row));
    memory_reserve((void **)&load->requests, &load->request_capacity,
                   load->request_count + 1, sizeof *load->requests);
    load->requests[load->request_count++] = request;
    return STATUS_OK;
}

static enum status load_shard_row(struct load *load, struct slice value)
{
    struct row_shard row;
    TRY(row_shard_decode(value, &row));
    load->shard->log_ms = row.log_ms;
    load->shard->event_floor_ms = row.event_floor_ms;
    load->shard->request_floor_ms = row.request_floor_ms;
    return STATUS_OK;
}

static enum status load_lane(struct load *load, struct slice id, struct slice value)
{
    struct hash128 import_id = {load_be64(id.data), load_be64(id.data + 8)};
    struct import_lanes *lanes = &load->shard->lanes;
    return id.size == 16 ? import_lanes_load(lanes, import_id, value)
                         : import_lanes_load_block(lanes, import_id,
                                                   load_be64(id.data + 16), value);
}

static enum status load_row(struct load *load, struct slice key, struct slice value)
{
    struct key_state parts;
    struct hash128 customer;
    if (!key_parse_state(key, &parts)) {
        return STATUS_CHECKSUM;
    }
    customer.high = parts.hash;
    customer.low = parts.id.size >= 8 ? load_be64(parts.id.data) : 0;
    switch (parts.kind) {
    case ROW_PROFILE:
        return parts.id.size == 8 ? load_profile(load, customer, value) : STATUS_CHECKSUM;
    case ROW_EVENTS:
        return parts.id.size == 16
                   ? load_events(load, customer, load_be64(parts.id.data + 8), value)
                   : STATUS_CHECKSUM;
    case ROW_REQUEST:
        return parts.id.size == 16 ? load_request(load, parts.hash, parts.id, value)
                                   : STATUS_CHECKSUM;
    case ROW_LANE:
        return parts.id.size == 16 ? load_lane(load, parts.id, value) : STATUS_CHECKSUM;
    case ROW_REFUSED:
        return parts.id.size == IMPORT_BLOCK_ID_BYTES ? load_lane(load, parts.id, value)
                                                      : STATUS_CHECKSUM;
    case ROW_SHARD:
        return parts.id.size == 0 ? load_shard_row(load, value) : STATUS_CHECKSUM;
    default:
        return STATUS_VERSION; /* a kind from the future */
    }
}

static enum status load_rows(struct load *load)
{
    const struct customer_options *options = &load->shard->options;
    struct key_range range = {
        .start = options->range.first,
        .end = options->range.last == UINT64_MAX ? 0 : options->range.last + 1};
    struct buffer start, end;
    struct store_cursor *cursor = NULL;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_range(KEY_TABLE_CUSTOMER, range, &start, &end);
    struct store_scan scan = {
        .start = buffer_slice(&start), .end = buffer_slice(&end), .uncached = true};
    enum status status = store_cursor_open(options->store, &scan, &cursor);
    while (status == STATUS_OK && cursor->valid) {
        status = load_row(load, cursor->key, cursor->value);
        if (status == STATUS_OK) {
            store_cursor_next(cursor);
        }
    }
    if (status == STATUS_OK) {
        status = cursor->status;
    }
    store_cursor_close(cursor);
    buffer_close(&start);
    buffer_close(&end);
    return status;
}

static int id_compare(const void *left, const void *right)
{
    const struct load_id *a = left, *b = right;
    return a->log_ms < b->log_ms ? -1 : a->log_ms > b->log_ms;
}

static int request_compare(const void *left, const void *right)
{
    const struct request_row *a = left, *b = right;
    return a->row.log_ms < b->row.log_ms ? -1 : a->row.log_ms > b->row.log_ms;
}

static void load_remember(struct load *load)
{
    struct customer_shard *shard = load->shard;
    if (load->id_count > 0) {
        qsort(load->ids, load->id_count, sizeof *load->ids, id_compare);
    }
    for (size_t i = 0; i < load->id_count; i++) {
        const struct load_id *entry = &load->ids[i];
        if (entry->log_ms >= shard->log_ms - CUSTOMER_EVENT_ID_KEEP_MS &&
            !event_ids_has(&shard->ids, entry->id)) {
            customer_remember_event(shard, entry->row, entry->id, entry->log_ms);
        }
    }
    if (load->request_count > 0) {
        qsort(load->requests, load->request_count, sizeof *load->requests,
              request_compare);
    }
    for (size_t i = 0; i < load->request_count; i++) {
        const struct request_row *request = &load->requests[i];
        customer_request_add(shard, request->id, request->anchor, &request->row)->stored =
            true;
    }
}

enum status customer_load(struct customer_shard *shard)
{
    struct load load = {.shard = shard};
    ASSERT(shard->customers.count == 0);
    enum status status = load_rows(&load);
    if (status == STATUS_OK) {
        load_remember(&load);
        /* The order of this walk does not matter: the sink's content is a set. */
        for (struct map_node *node = map_next(&shard->customers, NULL); node != NULL;
             node = map_next(&shard->customers, node)) {
            customer_derive(shard, CONTAINER_OF(node, struct customer_row, node));
        }
    }
    free(load.ids);
    free(load.requests);
    return status;
}

/* --- Counters and digest ------------------------------------------------------------------- */

struct customer_counters customer_counters(const struct customer_shard *shard)
{
    return (struct customer_counters){
        .customers = shard->customers.count,
        .profiles = shard->profiles,
        .events = shard->events,
        .events_erased = shard->events_erased,
        .memory_events = shard->memory_events,
        .sessions = shard->sessions,
        .memory_bytes = shard->customers.count * sizeof(struct customer_row) +
                        shard->memory_events * sizeof(struct session_event) +
                        shard->places * sizeof(uint64_t) +
                        shard->sessions * sizeof(struct told_session) +
                        shard->ids.capacity *
                            (sizeof *shard->ids.ring + 2 * sizeof *shard->ids.index) +
                        shard->requests.count * sizeof(struct request_row) +
                        shard->name_bytes + shard->dirty_bytes,
    };
}

uint64_t customer_index(const struct customer_shard *shard)
{
    return shard->index;
}

int64_t customer_log_ms(const struct customer_shard *shard)
{
    return shard->log_ms;
}

int64_t customer_event_floor_ms(const struct customer_shard *shard)
{
    return shard->event_floor_ms;
}

int64_t customer_request_floor_ms(const struct customer_shard *shard)
{
    return shard->request_floor_ms;
}

static uint64_t digest_event(uint64_t digest, const struct session_event *event)
{
    digest = hash_mix(digest ^ (uint64_t)event->occurred_ms);
    digest = hash_mix(digest ^ event->order);
    digest = hash_mix(digest ^ event->sku_hash);
    digest = hash_mix(digest ^ event->explicit_hash);
    return hash_mix(digest ^ ((uint64_t)event->quantity << 8 | event->kind));
}

static uint64_t digest_customer(const struct customer_row *row)
{
    uint64_t digest = hash_mix(row->id.high ^ hash_mix(row->id.low));
    digest ^= hash64(slice_of(row->profile, row->profile_size), row->event_count);
    for (uint32_t i = 0; i < row->event_kept; i++) {
        digest = digest_event(digest, &row->events[i]);
        if (row->places != NULL && row->places[i] != 0) {
            digest = hash_mix(digest ^ row->places[i]);
        }
    }
    for (uint32_t i = 0; i < row->told_count; i++) {
        digest =
            hash_mix(digest ^ row->told[i].session_hash ^ hash_mix(row->told[i].content));
    }
    return hash_mix(digest);
}

static uint64_t digest_request(const struct request_row *request)
{
    uint64_t digest = hash_mix(request->id.high ^ hash_mix(request->id.low));
    digest = hash_mix(digest ^ request->row.fingerprint);
    digest = hash_mix(digest ^ (uint64_t)request->row.log_ms);
    if (request->row.erased.log_index != 0) {
        digest = hash_mix(digest ^ request->row.erased.log_index);
        digest = hash_mix(digest ^ request->row.erased.events);
        digest = hash_mix(
            digest ^ (request->row.erased.sessions << 1 | request->row.erased.profile));
    }
    return hash_mix(digest ^ request->row.etag ^ (uint64_t)request->row.status << 1 ^
                    request->row.created);
}

/* Sums, so that the order of the maps does not matter. */
uint64_t customer_digest(const struct customer_shard *shard)
{
    uint64_t digest = event_ids_digest(&shard->ids);
    for (struct map_node *node = map_next(&shard->customers, NULL); node != NULL;
         node = map_next(&shard->customers, node)) {
        digest += digest_customer(CONTAINER_OF(node, struct customer_row, node));
    }
    digest += import_lanes_digest(&shard->lanes);
    for (struct map_node *node = map_next(&shard->requests, NULL); node != NULL;
         node = map_next(&shard->requests, node)) {
        digest += digest_request(CONTAINER_OF(node, struct request_row, node));
    }
    digest += hash_mix((uint64_t)shard->log_ms);
    digest += hash_mix((uint64_t)shard->event_floor_ms + 1);
    return digest + hash_mix((uint64_t)shard->request_floor_ms + 2);
}
