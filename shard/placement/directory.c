/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/placement/directory.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    /* A node from before there was a cluster calls its replicas by their shards' ids. */
    DIRECTORY_FIRST_REPLICA_ID = DIRECTORY_SHARD_ID + 1,
};

void directory_init(struct directory *directory)
{
    memset(directory, 0, sizeof *directory);
    directory->next_node_id = 1;
    directory->next_replica_id = DIRECTORY_FIRST_REPLICA_ID;
}

void directory_close(struct directory *directory)
{
    free(directory->places);
    directory->places = NULL;
    directory->place_count = 0;
    directory->place_capacity = 0;
}

void directory_copy(struct directory *to, const struct directory *from)
{
    struct directory copy = *from;
    copy.places = NULL;
    copy.place_capacity = 0;
    memory_reserve((void **)&copy.places, &copy.place_capacity, from->place_count + 1,
                   sizeof *copy.places);
    if (from->place_count > 0) {
        memcpy(copy.places, from->places, from->place_count * sizeof *copy.places);
    }
    directory_close(to);
    *to = copy;
}

/* --- Looking ------------------------------------------------------------------------- */

static struct directory_node *directory_node_of(struct directory *directory,
                                                uint64_t node_id)
{
    for (uint32_t i = 0; i < directory->node_count; i++) {
        if (directory->nodes[i].node_id == node_id) {
            return &directory->nodes[i];
        }
    }
    return NULL;
}

const struct directory_node *directory_find_node(const struct directory *directory,
                                                 uint64_t node_id)
{
    for (uint32_t i = 0; i < directory->node_count; i++) {
        if (directory->nodes[i].node_id == node_id) {
            return &directory->nodes[i];
        }
    }
    return NULL;
}

bool directory_node_removed(const struct directory *directory, uint64_t node_id)
{
    return node_id != 0 && node_id < directory->next_node_id &&
           directory_find_node(directory, node_id) == NULL;
}

size_t directory_shard_places(const struct directory *directory, uint64_t shard_id,
                              size_t *out_first)
{
    size_t low = 0, high = directory->place_count, end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (directory->places[middle].shard_id < shard_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_first = low;
    for (end = low; end < directory->place_count; end++) {
        if (directory->places[end].shard_id != shard_id) {
            break;
        }
    }
    return end - low;
}

const struct directory_place *directory_find_replica(const struct directory *directory,
                                                     uint64_t replica_id)
{
    for (size_t i = 0; i < directory->place_count; i++) {
        if (directory->places[i].replica_id == replica_id) {
            return &directory->places[i];
        }
    }
    return NULL;
}

/* --- Changing ------------------------------------------------------------------------ */

static void directory_add_place(struct directory *directory,
                                const struct directory_place *place)
{
    memory_reserve((void **)&directory->places, &directory->place_capacity,
                   directory->place_count + 1, sizeof *directory->places);
    size_t at = directory->place_count;
    while (at > 0 && (directory->places[at - 1].shard_id > place->shard_id ||
                      (directory->places[at - 1].shard_id == place->shard_id &&
                       directory->places[at - 1].replica_id > place->replica_id))) {
        directory->places[at] = directory->places[at - 1];
        at--;
    }
    directory->places[at] = *place;
    directory->place_count++;
}

static bool address_good(struct slice address)
{
    if (address.size == 0 || address.size > DIRECTORY_ADDRESS_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < address.size; i++) {
        if (address.data[i] <= ' ' || address.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static void address_set(char *to, struct slice address)
{
    memcpy(to, address.data, address.size);
    to[address.size] = '\0';
}

static enum status directory_addresses(const struct directory_command *command,
                                       struct directory_node *node)
{
    if (!address_good(command->peer_address) || !address_good(command->client_address)) {
        return STATUS_INVALID;
    }
    address_set(node->peer_address, command->peer_address);
    address_set(node->client_address, command->client_address);
    return STATUS_OK;
}

static enum status directory_begin(struct directory *directory,
                                   const struct directory_command *command)
{
    struct directory_node node = {.node_id = command->node_id};
    if (directory->version > 0) {
        return directory->nodes[0].node_id == command->node_id &&
                       directory->node_count == 1
                   ? STATUS_OK
                   : STATUS_ALREADY_EXISTS;
    }
    TRY(directory_addresses(command, &node));
    if (command->node_id == 0 || command->place_count > DIRECTORY_PLACES_MAX) {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < command->place_count; i++) {
        const struct directory_place *place = &command->places[i];
        if (place->shard_id == 0 || place->replica_id == 0 ||
            place->replica_id >= DIRECTORY_FIRST_REPLICA_ID ||
            directory_find_replica(directory, place->replica_id) != NULL) {
            directory->place_count = 0;
            return STATUS_INVALID;
        }
        directory_add_place(directory,
                            &(struct directory_place){.shard_id = place->shard_id,
                                                      .replica_id = place->replica_id,
                                                      .node_id = command->node_id});
    }
    directory->nodes[directory->node_count++] = node;
    directory->next_node_id = command->node_id + 1;
    directory->version = 1;
    return STATUS_OK;
}

static void directory_place_all(struct directory *directory, uint64_t node_id)
{
    uint64_t shard_id = 0;
    for (size_t i = 0; i < directory->place_count; i++) {
        if (directory->places[i].shard_id <= shard_id) {
            continue;
        }
        shard_id = directory->places[i].shard_id;
        directory_add_place(directory, &(struct directory_place){
                                           .shard_id = shard_id,
                                           .replica_id = directory->next_replica_id++,
                                           .node_id = node_id});
    }
}

static enum status directory_join(struct directory *directory,
                                  const struct directory_command *command,
                                  struct directory_outcome *out)
{
    struct directory_node node = {.node_id = directory->next_node_id,
                                  .nonce = command->nonce};
    if (directory->version == 0) {
        return STATUS_NOT_FOUND;
    }
    for (uint32_t i = 0; i < directory->node_count; i++) {
        const struct directory_node *there = &directory->nodes[i];
        if (there->nonce.high == command->nonce.high &&
            there->nonce.low == command->nonce.low &&
            (command->nonce.high | command->nonce.low) != 0) {
            out->node_id = there->node_id;
            return STATUS_OK;
        }
    }
    TRY(directory_addresses(command, &node));
    /* A join adds one place per shard, and a shard has one place at least. */
    if (directory->node_count == DIRECTORY_NODES_MAX ||
        directory->place_count * 2 > DIRECTORY_PLACES_MAX) {
        return STATUS_QUANTITY_LIMIT;
    }
    directory->nodes[directory->node_count++] = node;
    directory->next_node_id++;
    directory_place_all(directory, node.node_id);
    directory->version++;
    out->node_id = node.node_id;
    return STATUS_OK;
}

static enum status directory_announce(struct directory *directory,
                                      const struct directory_command *command)
{
    struct directory_node *node = directory_node_of(directory, command->node_id);
    if (node == NULL) {
        return STATUS_NOT_FOUND;
    }
    struct directory_node changed = *node;
    TRY(directory_addresses(command, &changed));
    if (strcmp(node->peer_address, changed.peer_address) != 0 ||
        strcmp(node->client_address, changed.client_address) != 0) {
        *node = changed;
        directory->version++;
    }
    return STATUS_OK;
}

/* The standing place of a shard on a node; NULL when there is none. */
static struct directory_place *directory_standing(struct directory *directory,
                                                  uint64_t shard_id, uint64_t node_id,
                                                  size_t *out_others)
{
    struct directory_place *found = NULL;
    size_t first, count = directory_shard_places(directory, shard_id, &first);
    *out_others = 0;
    for (size_t i = first; i < first + count; i++) {
        struct directory_place *place = &directory->places[i];
        if (!place->leaving && place->node_id == node_id) {
            found = place;
        } else if (!place->leaving) {
            *out_others += 1;
        }
    }
    return found;
}

static enum status directory_add_replica(struct directory *directory,
                                         const struct directory_command *command,
                                         struct directory_outcome *out)
{
    size_t others, first;
    if (directory_find_node(directory, command->node_id) == NULL ||
        directory_shard_places(directory, command->shard_id, &first) == 0) {
        return STATUS_NOT_FOUND;
    }
    const struct directory_place *there =
        directory_standing(directory, command->shard_id, command->node_id, &others);
    if (there != NULL) {
        out->replica_id = there->replica_id;
        return STATUS_OK;
    }
    if (directory->place_count == DIRECTORY_PLACES_MAX ||
        others + 1 > DIRECTORY_NODES_MAX) {
        return STATUS_QUANTITY_LIMIT;
    }
    const struct directory_place place = {.shard_id = command->shard_id,
                                          .replica_id = directory->next_replica_id++,
                                          .node_id = command->node_id};
    directory_add_place(directory, &place);
    directory->version++;
    out->replica_id = place.replica_id;
    return STATUS_OK;
}

/* No replica stands there: one that was there is on its way already. */
static enum status directory_left(const struct directory *directory,
                                  const struct directory_command *command,
                                  struct directory_outcome *out)
{
    size_t first, count = directory_shard_places(directory, command->shard_id, &first);
    for (size_t i = first; i < first + count; i++) {
        if (directory->places[i].node_id == command->node_id) {
            out->replica_id = directory->places[i].replica_id;
        }
    }
    return out->replica_id != 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status directory_remove_replica(struct directory *directory,
                                            const struct directory_command *command,
                                            struct directory_outcome *out)
{
    size_t others;
    struct directory_place *place =
        directory_standing(directory, command->shard_id, command->node_id, &others);
    if (place == NULL) {
        return directory_left(directory, command, out);
    }
    /* A node without the directory would hear of nothing any more, not even of its way
     * back: it goes with its node. */
    if (others == 0 || command->shard_id == DIRECTORY_SHARD_ID) {
        return STATUS_INVALID;
    }
    place->leaving = true;
    directory->version++;
    out->replica_id = place->replica_id;
    return STATUS_OK;
}

static enum status directory_remove_node(struct directory *directory,
                                         const struct directory_command *command)
{
    size_t others;
    if (directory_node_removed(directory, command->node_id)) {
        return STATUS_OK;
    }
    if (directory_find_node(directory, command->node_id) == NULL) {
        return STATUS_NOT_FOUND;
    }
    for (size_t i = 0; i < directory->place_count; i++) {
        if (directory_standing(directory, directory->places[i].shard_id, command->node_id,
                               &others) != NULL &&
            others == 0) {
            return STATUS_INVALID;
        }
    }
    for (size_t i = 0; i < directory->place_count; i++) {
        struct directory_place *place = &directory->places[i];
        place->leaving = place->leaving || place->node_id == command->node_id;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < directory->node_count; i++) {
        if (directory->nodes[i].node_id != command->node_id) {
            directory->nodes[kept++] = directory->nodes[i];
        }
    }
    directory->node_count = kept;
    directory->version++;
    return STATUS_OK;
}

static enum status directory_decide(struct directory *directory,
                                    const struct directory_command *command,
                                    struct directory_outcome *out)
{
    switch (command->kind) {
    case DIRECTORY_INIT:
        return directory_begin(directory, command);
    case DIRECTORY_JOIN:
        return directory_join(directory, command, out);
    case DIRECTORY_ANNOUNCE:
        return directory_announce(directory, command);
    case DIRECTORY_ADD_REPLICA:
        return directory_add_replica(directory, command, out);
    case DIRECTORY_REMOVE_REPLICA:
        return directory_remove_replica(directory, command, out);
    case DIRECTORY_REMOVE_NODE:
        return directory_remove_node(directory, command);
    case DIRECTORY_TICK:
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

void directory_apply(struct directory *directory, const struct directory_command *command,
                     struct arena *arena, struct directory_outcome *out)
{
    memset(out, 0, sizeof *out);
    out->status = directory_decide(directory, command, out);
    if (out->status == STATUS_OK) {
        struct buffer bytes;
        buffer_init(&bytes);
        directory_encode(directory, &bytes);
        out->bytes = arena_slice(arena, buffer_slice(&bytes));
        buffer_close(&bytes);
    }
}
