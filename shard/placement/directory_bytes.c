/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "shard/base/encode.h"
#include "shard/base/memory.h"
#include "shard/placement/directory.h"

enum {
    DIRECTORY_FLAG_LEAVING = 1,
    DIRECTORY_PLACE_BYTES_MIN = 4,
};

static void encode_node(const struct directory_node *node, struct buffer *out)
{
    encode_varint(out, node->node_id);
    encode_le64(out, node->nonce.high);
    encode_le64(out, node->nonce.low);
    encode_bytes(out, slice_from_string(node->peer_address));
    encode_bytes(out, slice_from_string(node->client_address));
}

void directory_encode(const struct directory *directory, struct buffer *out)
{
    encode_u8(out, DIRECTORY_VERSION);
    encode_varint(out, directory->version);
    encode_varint(out, directory->next_node_id);
    encode_varint(out, directory->next_replica_id);
    encode_varint(out, directory->node_count);
    for (uint32_t i = 0; i < directory->node_count; i++) {
        encode_node(&directory->nodes[i], out);
    }
    encode_varint(out, directory->place_count);
    for (size_t i = 0; i < directory->place_count; i++) {
        const struct directory_place *place = &directory->places[i];
        encode_varint(out, place->shard_id);
        encode_varint(out, place->replica_id);
        encode_varint(out, place->node_id);
        encode_u8(out, place->leaving ? DIRECTORY_FLAG_LEAVING : 0);
    }
}

static void read_address(struct reader *reader, char *out)
{
    struct slice text = read_bytes(reader);
    if (text.size > DIRECTORY_ADDRESS_BYTES_MAX ||
        (text.size > 0 && memchr(text.data, '\0', text.size) != NULL)) {
        reader_fail(reader);
        return;
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
}

static void read_nodes(struct reader *reader, struct directory *out)
{
    uint64_t count = read_varint(reader);
    if (count > DIRECTORY_NODES_MAX) {
        reader_fail(reader);
    }
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        struct directory_node *node = &out->nodes[i];
        node->node_id = read_varint(reader);
        node->nonce.high = read_le64(reader);
        node->nonce.low = read_le64(reader);
        read_address(reader, node->peer_address);
        read_address(reader, node->client_address);
        if (node->node_id == 0 || node->node_id >= out->next_node_id ||
            (i > 0 && node->node_id <= out->nodes[i - 1].node_id)) {
            reader_fail(reader);
        }
        out->node_count++;
    }
}

static bool place_less(const struct directory_place *a, const struct directory_place *b)
{
    return a->shard_id < b->shard_id ||
           (a->shard_id == b->shard_id && a->replica_id < b->replica_id);
}

static void read_places(struct reader *reader, struct directory *out)
{
    uint64_t count = read_varint(reader);
    if (count > DIRECTORY_PLACES_MAX ||
        count > reader_left(reader) / DIRECTORY_PLACE_BYTES_MIN) {
        reader_fail(reader);
        return;
    }
    memory_reserve((void **)&out->places, &out->place_capacity, (size_t)count + 1,
                   sizeof *out->places);
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        struct directory_place *place = &out->places[i];
        place->shard_id = read_varint(reader);
        place->replica_id = read_varint(reader);
        place->node_id = read_varint(reader);
        uint8_t flags = read_u8(reader);
        place->leaving = flags == DIRECTORY_FLAG_LEAVING;
        if (flags > DIRECTORY_FLAG_LEAVING || place->shard_id == 0 ||
            place->replica_id == 0 || place->node_id == 0 ||
            (i > 0 && !place_less(place - 1, place))) {
            reader_fail(reader);
        }
        out->place_count++;
    }
}

enum status directory_decode(struct slice bytes, struct directory *out_directory)
{
    struct directory read;
    struct reader reader;
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (!reader.failed && version > DIRECTORY_VERSION) {
        return STATUS_VERSION;
    }
    directory_init(&read);
    read.version = read_varint(&reader);
    read.next_node_id = read_varint(&reader);
    read.next_replica_id = read_varint(&reader);
    if (version == 0) {
        reader_fail(&reader);
    }
    read_nodes(&reader, &read);
    read_places(&reader, &read);
    enum status status = reader_finish(&reader);
    if (status != STATUS_OK) {
        directory_close(&read);
        return status;
    }
    directory_close(out_directory);
    *out_directory = read;
    return STATUS_OK;
}

uint64_t directory_digest(const struct directory *directory)
{
    struct buffer bytes;
    buffer_init(&bytes);
    directory_encode(directory, &bytes);
    uint64_t digest = hash64(buffer_slice(&bytes), 0);
    buffer_close(&bytes);
    return digest;
}
