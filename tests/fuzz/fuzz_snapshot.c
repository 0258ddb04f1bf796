/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a replica takes from another one for a snapshot: a head, a manifest, and chunks of
 * rows. The first two bytes cut the input into a manifest and what claims to be a chunk.
 */
#include "shard/base/assert.h"
#include "shard/storage/snapshot_receiver.h"
#include "shard/storage/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_head(struct slice input)
{
    struct snapshot_head head;
    struct buffer again;
    if (snapshot_head_decode(input, &head) != STATUS_OK) {
        return;
    }
    buffer_init(&again);
    snapshot_head_encode(&again, &head);
    ASSERT(snapshot_head_decode(buffer_slice(&again), &head) == STATUS_OK);
    buffer_close(&again);
}

static void fuzz_manifest(struct slice input)
{
    struct snapshot_manifest manifest, back;
    struct buffer again;
    if (snapshot_manifest_decode(input, &manifest) != STATUS_OK) {
        return;
    }
    buffer_init(&again);
    snapshot_manifest_encode(&again, &manifest);
    ASSERT(snapshot_manifest_decode(buffer_slice(&again), &back) == STATUS_OK);
    ASSERT(back.chunk_count == manifest.chunk_count && back.index == manifest.index);
    snapshot_manifest_close(&back);
    snapshot_manifest_close(&manifest);
    buffer_close(&again);
}

/* A manifest whose checksum is right, and a chunk that may be anything. */
static void fuzz_receive(struct slice manifest, struct slice rows)
{
    struct snapshot_manifest decoded;
    if (snapshot_manifest_decode(manifest, &decoded) != STATUS_OK) {
        return;
    }
    const struct snapshot_head head = {.index = decoded.index,
                                       .term = decoded.term,
                                       .manifest_bytes = manifest.size,
                                       .manifest_checksum = hash128(manifest, 0)};
    struct snapshot_receiver *receiver = snapshot_receiver_new(&head, 1);
    struct snapshot_part part = {.item = SNAPSHOT_ITEM_MANIFEST};
    ASSERT(snapshot_receiver_take(receiver, part, manifest) == STATUS_OK);
    if (snapshot_receiver_wants(receiver, &part) && rows.size > 0) {
        (void)snapshot_receiver_take(receiver, part, rows);
    }
    for (uint32_t i = 0; i < decoded.chunk_count; i++) {
        decoded.chunks[i].bytes = (uint32_t)rows.size;
        decoded.chunks[i].checksum = hash128(rows, 0);
        (void)snapshot_chunk_check(&decoded, i, rows);
    }
    snapshot_receiver_free(receiver);
    snapshot_manifest_close(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    fuzz_head(input);
    fuzz_manifest(input);
    if (size > 2) {
        size_t cut = (size_t)data[0] << 8 | data[1];
        cut = cut < size - 2 ? cut : size - 2;
        fuzz_receive(slice_of(data + 2, cut), slice_of(data + 2 + cut, size - 2 - cut));
    }
    return 0;
}
