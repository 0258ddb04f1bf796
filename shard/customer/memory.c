/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/customer/customer_private.h"

static bool customer_equal(const struct map_node *node, const void *key)
{
    const struct customer_row *row = (const void *)node;
    const struct hash128 *id = key;
    return row->id.high == id->high && row->id.low == id->low;
}
_Static_assert(offsetof(struct customer_row, node) == 0, "the node comes first");
_Static_assert(offsetof(struct request_row, node) == 0, "the node comes first");
_Static_assert(offsetof(struct sku_name, node) == 0, "the node comes first");

struct customer_row *customer_find(const struct customer_shard *shard,
                                   struct hash128 customer)
{
    return (void *)map_find(&shard->customers, customer.low, customer_equal, &customer);
}

struct customer_row *customer_find_or_add(struct customer_shard *shard,
                                          struct hash128 customer)
{
    struct customer_row *row = customer_find(shard, customer);
    if (row == NULL) {
        row = memory_zalloc(sizeof *row);
        row->id = customer;
        list_init(&row->touched);
        list_init(&row->dirty);
        list_init(&row->blocks);
        map_insert(&shard->customers, &row->node, customer.low);
    }
    return row;
}

void customer_mark_dirty(struct customer_shard *shard, struct customer_row *row)
{
    list_remove(&row->dirty);
    list_append(&shard->dirty, &row->dirty);
}

void customer_row_clear(struct customer_row *row)
{
    struct list *node;
    while ((node = list_pop(&row->blocks)) != NULL) {
        struct event_block *block = LIST_ENTRY(node, struct event_block, blocks);
        list_remove(&block->flying);
        buffer_close(&block->bytes);
        free(block);
    }
    free(row->profile);
    free(row->events);
    free(row->places);
    free(row->told);
}

void customer_row_drop(struct customer_shard *shard, struct customer_row *row)
{
    map_remove(&shard->customers, &row->node);
    list_remove(&row->touched);
    list_remove(&row->dirty);
    customer_row_clear(row);
    free(row);
}

struct hash128 customer_event_identity(struct hash128 customer, struct slice event_id)
{
    uint8_t bytes[16];
    store_le64(bytes, customer.high);
    store_le64(bytes + 8, customer.low);
    return hash128(event_id, hash64(slice_of(bytes, sizeof bytes), 0));
}

static void event_ids_tidy(struct customer_shard *shard)
{
    struct event_ids_moves moves;
    event_ids_pack(&shard->ids, &moves);
    for (struct map_node *node = map_next(&shard->customers, NULL); node != NULL;
         node = map_next(&shard->customers, node)) {
        struct customer_row *row = CONTAINER_OF(node, struct customer_row, node);
        row->ids_head = event_ids_moved(&moves, row->ids_head);
    }
    event_ids_moves_close(&moves);
}

void customer_remember_event(struct customer_shard *shard, struct customer_row *row,
                             struct hash128 identity, int64_t log_ms)
{
    if (event_ids_want_packing(&shard->ids)) {
        event_ids_tidy(shard);
    }
    event_ids_add(&shard->ids, identity, log_ms, &row->ids_head);
}

/* --- SKU ids by hash ------------------------------------------------------------------ */

static bool sku_name_equal(const struct map_node *node, const void *key)
{
    return node->hash == *(const uint64_t *)key;
}

void customer_name_sku(struct customer_shard *shard, uint64_t sku_hash,
                       struct slice sku_id)
{
    if (map_find(&shard->sku_names, sku_hash, sku_name_equal, &sku_hash) == NULL) {
        struct sku_name *name = memory_alloc(sizeof *name + sku_id.size);
        name->size = (uint32_t)sku_id.size;
        memcpy(name->bytes, sku_id.data, sku_id.size);
        map_insert(&shard->sku_names, &name->node, sku_hash);
        shard->name_bytes += sizeof *name + sku_id.size;
    }
}

bool customer_sku_id(const struct customer_shard *shard, uint64_t sku_hash,
                     struct slice *out_sku_id)
{
    const struct sku_name *name =
        (const void *)map_find(&shard->sku_names, sku_hash, sku_name_equal, &sku_hash);
    if (name == NULL) {
        return false;
    }
    *out_sku_id = slice_of(name->bytes, name->size);
    return true;
}

/* --- Requests -------------------------------------------------------------------------- */

static bool request_equal(const struct map_node *node, const void *key)
{
    const struct request_row *request = (const void *)node;
    const struct hash128 *id = key;
    return request->id.high == id->high && request->id.low == id->low;
}

struct request_row *customer_request_find(const struct customer_shard *shard,
                                          struct hash128 request_id)
{
    return (void *)map_find(&shard->requests, request_id.low, request_equal, &request_id);
}

struct request_row *customer_request_add(struct customer_shard *shard,
                                         struct hash128 request_id, uint64_t anchor,
                                         const struct row_request *row)
{
    struct request_row *request = memory_zalloc(sizeof *request);
    request->id = request_id;
    request->anchor = anchor;
    request->row = *row;
    list_init(&request->dirty);
    map_insert(&shard->requests, &request->node, request_id.low);
    list_append(&shard->request_order, &request->order);
    return request;
}

static void requests_forget(struct customer_shard *shard)
{
    while (!list_empty(&shard->request_order)) {
        struct request_row *oldest =
            LIST_ENTRY(shard->request_order.next, struct request_row, order);
        int64_t floor = oldest->row.request_ms;
        if (oldest->row.log_ms >= shard->log_ms - CUSTOMER_REQUEST_KEEP_MS) {
            break;
        }
        /* A request from a clock far ahead must not shut out honest ones. */
        if (floor > shard->log_ms - CUSTOMER_REQUEST_KEEP_LEAST_MS) {
            floor = shard->log_ms - CUSTOMER_REQUEST_KEEP_LEAST_MS;
        }
        if (floor > shard->request_floor_ms) {
            shard->request_floor_ms = floor;
        }
        map_remove(&shard->requests, &oldest->node);
        list_remove(&oldest->order);
        list_remove(&oldest->dirty);
        if (oldest->stored) {
            list_append(&shard->request_gone, &oldest->order);
        } else {
            free(oldest);
        }
    }
}

void customer_forget(struct customer_shard *shard)
{
    int64_t newest =
        event_ids_forget(&shard->ids, shard->log_ms - CUSTOMER_EVENT_ID_KEEP_MS);
    if (newest != INT64_MIN && newest + CUSTOMER_CLOCK_AHEAD_MS > shard->event_floor_ms) {
        shard->event_floor_ms = newest + CUSTOMER_CLOCK_AHEAD_MS;
    }
    requests_forget(shard);
}

/* --- The end --------------------------------------------------------------------------- */

static void map_free_nodes(struct map *map)
{
    struct map_node *node = map_next(map, NULL);
    while (node != NULL) {
        struct map_node *next = map_next(map, node);
        free(node);
        node = next;
    }
    map_close(map);
}

void customer_memory_close(struct customer_shard *shard)
{
    struct map_node *node = map_next(&shard->customers, NULL);
    while (node != NULL) {
        struct map_node *next = map_next(&shard->customers, node);
        customer_row_clear((void *)node);
        free(node);
        node = next;
    }
    map_close(&shard->customers);
    struct list *gone;
    while ((gone = list_pop(&shard->erased)) != NULL) {
        free(LIST_ENTRY(gone, struct erased_row, list));
    }
    while ((gone = list_pop(&shard->request_gone)) != NULL) {
        free(LIST_ENTRY(gone, struct request_row, order));
    }
    map_free_nodes(&shard->requests);
    import_lanes_close(&shard->lanes);
    map_free_nodes(&shard->sku_names);
    event_ids_close(&shard->ids);
    session_cut_close(&shard->cut);
    free(shard->items);
    free(shard->here);
    free(shard->told);
    free(shard->actions);
}
