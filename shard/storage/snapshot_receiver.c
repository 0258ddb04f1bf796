/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/snapshot_receiver.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

struct receiver_place {
    struct hash128 checksum;
    uint32_t chunk;
};

struct snapshot_receiver {
    struct snapshot_head head;
    uint64_t replica_id;
    struct buffer bytes; /* the manifest, as far as it is here */
    struct snapshot_manifest manifest;
    bool known;                    /* the manifest is whole */
    bool *kept;                    /* by chunk */
    struct receiver_place *places; /* the chunks by checksum */
    uint32_t kept_count;
    uint32_t chunk;     /* the one that is being received */
    struct buffer rows; /* of it, as far as they are here */
    bool whole;         /* they are all here, and right */
};

struct snapshot_receiver *snapshot_receiver_new(const struct snapshot_head *head,
                                                uint64_t replica_id)
{
    struct snapshot_receiver *receiver = memory_zalloc(sizeof *receiver);
    receiver->head = *head;
    receiver->replica_id = replica_id;
    buffer_init(&receiver->bytes);
    buffer_init(&receiver->rows);
    return receiver;
}

void snapshot_receiver_free(struct snapshot_receiver *receiver)
{
    if (receiver == NULL) {
        return;
    }
    snapshot_manifest_close(&receiver->manifest);
    buffer_close(&receiver->bytes);
    buffer_close(&receiver->rows);
    free(receiver->kept);
    free(receiver->places);
    free(receiver);
}

const struct snapshot_head *
snapshot_receiver_head(const struct snapshot_receiver *receiver)
{
    return &receiver->head;
}

bool snapshot_receiver_complete(const struct snapshot_receiver *receiver)
{
    return receiver->known && receiver->kept_count == receiver->manifest.chunk_count;
}

/* --- Asking ----------------------------------------------------------------------------- */

bool snapshot_receiver_wants(const struct snapshot_receiver *receiver,
                             struct snapshot_part *out_part)
{
    if (!receiver->known) {
        out_part->item = SNAPSHOT_ITEM_MANIFEST;
        out_part->offset = (uint32_t)receiver->bytes.size;
        return true;
    }
    out_part->item = receiver->chunk;
    out_part->offset = (uint32_t)receiver->rows.size;
    return !receiver->whole && !snapshot_receiver_complete(receiver);
}

size_t snapshot_receiver_wants_bytes(const struct snapshot_receiver *receiver)
{
    if (!receiver->known) {
        return (size_t)receiver->head.manifest_bytes - receiver->bytes.size;
    }
    return snapshot_receiver_complete(receiver)
               ? 0
               : receiver->manifest.chunks[receiver->chunk].bytes - receiver->rows.size;
}

static void receiver_next_chunk(struct snapshot_receiver *receiver)
{
    while (receiver->chunk < receiver->manifest.chunk_count &&
           receiver->kept[receiver->chunk]) {
        receiver->chunk++;
    }
    buffer_clear(&receiver->rows);
    receiver->whole = false;
}

/* --- Taking ----------------------------------------------------------------------------- */

static int receiver_compare(const void *a, const void *b)
{
    const struct receiver_place *x = a, *y = b;
    int high =
        (x->checksum.high > y->checksum.high) - (x->checksum.high < y->checksum.high);
    int low = (x->checksum.low > y->checksum.low) - (x->checksum.low < y->checksum.low);
    return high != 0 ? high : low;
}

static void receiver_index(struct snapshot_receiver *receiver)
{
    size_t count = receiver->manifest.chunk_count;
    receiver->kept = memory_zalloc(count + 1);
    receiver->places = memory_zalloc((count + 1) * sizeof *receiver->places);
    for (uint32_t i = 0; i < count; i++) {
        receiver->places[i].checksum = receiver->manifest.chunks[i].checksum;
        receiver->places[i].chunk = i;
    }
    qsort(receiver->places, count, sizeof *receiver->places, receiver_compare);
}

static enum status receiver_read_manifest(struct snapshot_receiver *receiver)
{
    struct slice bytes = buffer_slice(&receiver->bytes);
    struct hash128 checksum = hash128(bytes, 0);
    struct hash128 wanted = receiver->head.manifest_checksum;
    if (checksum.high != wanted.high || checksum.low != wanted.low) {
        return STATUS_CHECKSUM;
    }
    TRY(snapshot_manifest_decode(bytes, &receiver->manifest));
    if (receiver->manifest.index != receiver->head.index ||
        receiver->manifest.term != receiver->head.term) {
        snapshot_manifest_close(&receiver->manifest);
        return STATUS_CHECKSUM;
    }
    receiver->known = true;
    receiver_index(receiver);
    receiver_next_chunk(receiver);
    return STATUS_OK;
}

enum status snapshot_receiver_take(struct snapshot_receiver *receiver,
                                   struct snapshot_part part, struct slice bytes)
{
    struct snapshot_part wanted;
    size_t missing = snapshot_receiver_wants_bytes(receiver);
    if (!snapshot_receiver_wants(receiver, &wanted) || part.item != wanted.item ||
        part.offset != wanted.offset || bytes.size == 0) {
        return STATUS_OK;
    }
    bool manifest = part.item == SNAPSHOT_ITEM_MANIFEST;
    struct buffer *into = manifest ? &receiver->bytes : &receiver->rows;
    enum status status = STATUS_OK;
    if (bytes.size > missing) {
        status = STATUS_CHECKSUM;
    } else {
        buffer_append_slice(into, bytes);
        if (bytes.size == missing && manifest) {
            status = receiver_read_manifest(receiver);
        } else if (bytes.size == missing) {
            status = snapshot_chunk_check(&receiver->manifest, receiver->chunk,
                                          buffer_slice(into));
            receiver->whole = status == STATUS_OK;
        }
    }
    if (status != STATUS_OK) {
        buffer_clear(into);
    }
    return status;
}

const struct snapshot_manifest *
snapshot_receiver_manifest(const struct snapshot_receiver *receiver)
{
    return receiver->known ? &receiver->manifest : NULL;
}

struct slice snapshot_receiver_manifest_bytes(const struct snapshot_receiver *receiver)
{
    ASSERT(receiver->known);
    return buffer_slice(&receiver->bytes);
}

/* --- Keeping ---------------------------------------------------------------------------- */

static void receiver_keep(struct snapshot_receiver *receiver, uint32_t chunk)
{
    receiver->kept_count += !receiver->kept[chunk];
    receiver->kept[chunk] = true;
}

bool snapshot_receiver_has_file(struct snapshot_receiver *receiver, struct slice name)
{
    struct receiver_place wanted;
    ASSERT(receiver->known);
    if (!snapshot_name_read(receiver->replica_id, name, &wanted.checksum)) {
        return false;
    }
    const struct receiver_place *found =
        bsearch(&wanted, receiver->places, receiver->manifest.chunk_count, sizeof wanted,
                receiver_compare);
    if (found == NULL) {
        return false;
    }
    receiver_keep(receiver, found->chunk);
    if (!receiver->whole && receiver->rows.size == 0) {
        receiver_next_chunk(receiver);
    }
    return true;
}

bool snapshot_receiver_chunk(const struct snapshot_receiver *receiver,
                             uint32_t *out_chunk, struct slice *out_rows)
{
    *out_chunk = receiver->chunk;
    *out_rows = buffer_slice(&receiver->rows);
    return receiver->whole;
}

void snapshot_receiver_kept(struct snapshot_receiver *receiver)
{
    ASSERT(receiver->whole);
    receiver_keep(receiver, receiver->chunk);
    receiver_next_chunk(receiver);
}
