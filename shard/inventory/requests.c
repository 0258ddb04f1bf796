/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of request ids: chunks of records in the order of the log. A chunk is
 * forgotten whole, and then the floor rises to its highest request time. All of it is a
 * function of the log, except how a chunk is cut into rows (parts), which follows the
 * flushes of this node.
 */
#include <stdlib.h>

#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

/* Apart from the ids of requests, which have another seed. */
static const uint64_t REQUESTS_TOMBSTONE_SEED = 0x68656c6470617274u;

static bool requests_equal(const struct map_node *node, const void *key)
{
    const struct hash128 *id = key;
    return CONTAINER_OF(node, const struct request_record, node)->id_high == id->high;
}

struct request_record *requests_find(const struct inventory *inventory, struct hash128 id)
{
    struct map_node *node = map_find(&inventory->requests, id.low, requests_equal, &id);
    return node != NULL ? CONTAINER_OF(node, struct request_record, node) : NULL;
}

static struct request_chunk *requests_chunk_add(struct inventory *inventory,
                                                uint64_t sequence, int64_t start_ms)
{
    struct request_chunk *chunk = memory_zalloc(sizeof *chunk);
    chunk->sequence = sequence;
    chunk->start_ms = start_ms;
    chunk->max_ms = INT64_MIN;
    list_append(&inventory->chunks, &chunk->chunks);
    return chunk;
}

static void *requests_chunk_alloc(struct inventory *inventory,
                                  struct request_chunk *chunk, size_t size)
{
    struct request_slab *slab = chunk->slabs;
    void *space;
    size = (size + 15) & ~(size_t)15;
    if (slab == NULL || slab->size - slab->used < size) {
        size_t slab_size = size > REQUEST_SLAB_BYTES ? size : REQUEST_SLAB_BYTES;
        slab = memory_alloc(sizeof *slab + slab_size);
        *slab = (struct request_slab){.next = chunk->slabs, .size = slab_size};
        chunk->slabs = slab;
        inventory->request_bytes += sizeof *slab + slab_size;
    }
    space = slab->bytes + slab->used;
    slab->used += size;
    return space;
}

static struct request_record *requests_chunk_append(struct inventory *inventory,
                                                    struct request_chunk *chunk,
                                                    const struct request_record *values,
                                                    uint64_t id_low, struct slice result)
{
    struct hash128 id = {.high = values->id_high, .low = id_low};
    struct request_record *earlier = requests_find(inventory, id);
    struct request_record *record =
        requests_chunk_alloc(inventory, chunk, sizeof *record + result.size);
    if (earlier != NULL) {
        earlier->replaced = true;
        map_remove(&inventory->requests, &earlier->node);
    }
    *record = *values;
    record->result_size = (uint32_t)result.size;
    if (result.size != 0) {
        memcpy(record->result, result.data, result.size);
    }
    map_insert(&inventory->requests, &record->node, id_low);
    if (chunk->last != NULL) {
        chunk->last->next_in_chunk = record;
    } else {
        chunk->first = record;
    }
    chunk->last = record;
    chunk->count++;
    if (record->request_ms > chunk->max_ms) {
        chunk->max_ms = record->request_ms;
    }
    if (chunk->max_ms < inventory->chunks_least_ms) {
        inventory->chunks_least_ms = chunk->max_ms;
    }
    return record;
}

/* The newest, while it is neither full nor old: a function of the state alone. */
static struct request_chunk *requests_chunk_open(const struct inventory *inventory)
{
    struct request_chunk *chunk;
    if (list_empty(&inventory->chunks)) {
        return NULL;
    }
    chunk = LIST_ENTRY(inventory->chunks.previous, struct request_chunk, chunks);
    return chunk->count < REQUEST_CHUNK_RECORDS_MAX &&
                   inventory->log_ms - chunk->start_ms < REQUEST_CHUNK_SPAN_MS
               ? chunk
               : NULL;
}

void requests_remember(struct inventory *inventory, const struct inventory_identity *id,
                       struct slice result)
{
    struct request_chunk *chunk = requests_chunk_open(inventory);
    struct request_record *record;
    const struct request_record values = {
        .id_high = id->request_id.high,
        .anchor = id->anchor,
        .fingerprint = id->fingerprint,
        .request_ms = id->request_ms,
        .attempt = id->attempt,
    };
    if (chunk == NULL) {
        chunk = requests_chunk_add(inventory, inventory->chunk_next++, inventory->log_ms);
    }
    record = requests_chunk_append(inventory, chunk, &values, id->request_id.low, result);
    if (chunk->unwritten == NULL) {
        chunk->unwritten = record;
    }
    inventory->dirty_bytes += sizeof *record + result.size;
}

static void requests_chunk_free(struct inventory *inventory, struct request_chunk *chunk)
{
    for (struct request_record *record = chunk->first; record != NULL;
         record = record->next_in_chunk) {
        if (!record->replaced) {
            map_remove(&inventory->requests, &record->node);
        }
    }
    while (chunk->slabs != NULL) {
        struct request_slab *slab = chunk->slabs;
        chunk->slabs = slab->next;
        inventory->request_bytes -= sizeof *slab + slab->size;
        free(slab);
    }
    list_remove(&chunk->chunks);
    free(chunk);
}

void requests_free(struct inventory *inventory)
{
    while (!list_empty(&inventory->chunks)) {
        requests_chunk_free(
            inventory, LIST_ENTRY(inventory->chunks.next, struct request_chunk, chunks));
    }
}

void requests_drop(struct inventory *inventory, int64_t floor_ms)
{
    int64_t least = inventory->log_ms - INVENTORY_REQUEST_KEEP_LEAST_MS;
    struct list *node = inventory->chunks.next;
    if (floor_ms > least) {
        floor_ms = least;
    }
    inventory->chunks_least_ms = INT64_MAX;
    while (node != &inventory->chunks) {
        struct request_chunk *chunk = LIST_ENTRY(node, struct request_chunk, chunks);
        node = node->next;
        if (chunk->max_ms > floor_ms) {
            if (chunk->max_ms < inventory->chunks_least_ms) {
                inventory->chunks_least_ms = chunk->max_ms;
            }
            continue;
        }
        if (chunk->max_ms > inventory->floor_ms) {
            inventory->floor_ms = chunk->max_ms;
        }
        inventory->dirty_shard = true;
        flush_delete_chunk(inventory, chunk);
        requests_chunk_free(inventory, chunk);
    }
}

void requests_advance(struct inventory *inventory)
{
    int64_t aim = inventory->log_ms - INVENTORY_REQUEST_KEEP_AIM_MS;
    if (aim >= inventory->chunks_least_ms) {
        requests_drop(inventory, aim);
    }
}

bool requests_droppable(const struct inventory *inventory, int64_t log_ms,
                        int64_t *out_floor_ms)
{
    int64_t least_max = INT64_MAX;
    for (const struct list *node = inventory->chunks.next; node != &inventory->chunks;
         node = node->next) {
        const struct request_chunk *chunk =
            LIST_ENTRY(node, const struct request_chunk, chunks);
        if (chunk->max_ms < least_max) {
            least_max = chunk->max_ms;
        }
    }
    if (least_max > log_ms - INVENTORY_REQUEST_KEEP_LEAST_MS) {
        return false;
    }
    *out_floor_ms = least_max;
    return true;
}

struct hash128 requests_tombstone_id(struct inventory_hold_id id, uint64_t sku_hash)
{
    uint8_t bytes[24];
    store_be64(bytes, id.anchor);
    store_be64(bytes + 8, id.unique);
    store_be64(bytes + 16, sku_hash);
    return hash128(slice_of(bytes, sizeof bytes), REQUESTS_TOMBSTONE_SEED);
}

/* --- Rows ------------------------------------------------------------------------------------ */

void requests_encode(struct buffer *out, const struct request_record *record)
{
    encode_be64(out, record->id_high);
    encode_be64(out, record->node.hash);
    encode_be64(out, record->anchor);
    encode_be64(out, record->fingerprint);
    encode_zigzag(out, record->request_ms);
    encode_varint(out, record->attempt);
    encode_bytes(out, slice_of(record->result, record->result_size));
}

bool requests_part_take(struct request_chunk *chunk, struct buffer *out)
{
    struct request_record *record = chunk->unwritten;
    if (record == NULL) {
        return false;
    }
    encode_u8(out, ROW_VERSION);
    encode_zigzag(out, chunk->start_ms);
    for (; record != NULL; record = record->next_in_chunk) {
        /* Replaced ones too: count and highest time of the chunk must survive. */
        requests_encode(out, record);
    }
    chunk->unwritten = NULL;
    return true;
}

enum status requests_part_load(struct inventory *inventory, uint64_t sequence,
                               uint32_t part, struct slice value)
{
    struct request_chunk *chunk = NULL;
    struct reader reader;
    int64_t start_ms;
    if (MUTANT(requests_unloaded)) {
        return STATUS_OK;
    }
    if (value.size > 0 && value.data[0] != ROW_VERSION) {
        return STATUS_VERSION;
    }
    reader_init(&reader, value);
    (void)read_u8(&reader);
    start_ms = read_zigzag(&reader);
    if (!list_empty(&inventory->chunks)) {
        chunk = LIST_ENTRY(inventory->chunks.previous, struct request_chunk, chunks);
    }
    if (chunk == NULL || chunk->sequence != sequence) {
        chunk = requests_chunk_add(inventory, sequence, start_ms);
    }
    if (part != chunk->part_next || start_ms != chunk->start_ms || start_ms < 0) {
        return STATUS_CHECKSUM; /* a part is missing */
    }
    chunk->part_next++;
    while (!reader.failed && reader_left(&reader) > 0) {
        struct request_record values = {.id_high = read_be64(&reader)};
        uint64_t id_low = read_be64(&reader);
        uint64_t attempt;
        struct slice result;
        values.anchor = read_be64(&reader);
        values.fingerprint = read_be64(&reader);
        values.request_ms = read_zigzag(&reader);
        attempt = read_varint(&reader);
        result = read_bytes(&reader);
        if (reader.failed || attempt > UINT32_MAX) {
            return STATUS_CHECKSUM;
        }
        values.attempt = (uint32_t)attempt;
        (void)requests_chunk_append(inventory, chunk, &values, id_low, result);
    }
    return reader_finish(&reader);
}
