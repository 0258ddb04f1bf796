/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/command_private.h"

static struct hash128 decode_nonce(const PB(Hash128) * in)
{
    return in == NULL ? (struct hash128){0}
                      : (struct hash128){.high = in->high, .low = in->low};
}

static enum status encode_init(const struct directory_command *command,
                               struct arena *arena, PB(DirectoryInit) * out)
{
    size_t count = command->place_count;
    PB(DirectoryPlace) *items = command_array(arena, count, sizeof *items);
    PB(DirectoryPlace) **pointers = command_array(arena, count, sizeof(void *));
    if (items == NULL || pointers == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        souk__internal__v1__directory_place__init(&items[i]);
        items[i].shard_id = command->places[i].shard_id;
        items[i].replica_id = command->places[i].replica_id;
        pointers[i] = &items[i];
    }
    out->node_id = command->node_id;
    out->peer_address = command_bytes(command->peer_address);
    out->client_address = command_bytes(command->client_address);
    out->n_places = count;
    out->places = pointers;
    return STATUS_OK;
}

enum status command_encode_directory(const struct directory_command *command,
                                     struct arena *arena, struct slice *out_bytes)
{
    PB(DirectoryCommand) out = SOUK__INTERNAL__V1__DIRECTORY_COMMAND__INIT;
    PB(DirectoryInit) init = SOUK__INTERNAL__V1__DIRECTORY_INIT__INIT;
    PB(DirectoryJoin) join = SOUK__INTERNAL__V1__DIRECTORY_JOIN__INIT;
    PB(DirectoryAnnounce) announce = SOUK__INTERNAL__V1__DIRECTORY_ANNOUNCE__INIT;
    PB(DirectoryReplica) replica = SOUK__INTERNAL__V1__DIRECTORY_REPLICA__INIT;
    PB(DirectoryNode) node = SOUK__INTERNAL__V1__DIRECTORY_NODE__INIT;
    PB(Tick) tick = SOUK__INTERNAL__V1__TICK__INIT;
    PB(Hash128) nonce = SOUK__INTERNAL__V1__HASH128__INIT;
    out.command_case = (PB(DirectoryCommand__CommandCase))((int)command->kind +
                                                           (int)COMMAND_KIND_FIELD_BASE);
    switch (command->kind) {
    case DIRECTORY_INIT:
        TRY(encode_init(command, arena, &init));
        out.init = &init;
        break;
    case DIRECTORY_JOIN:
        nonce.high = command->nonce.high;
        nonce.low = command->nonce.low;
        join.nonce = &nonce;
        join.peer_address = command_bytes(command->peer_address);
        join.client_address = command_bytes(command->client_address);
        out.join = &join;
        break;
    case DIRECTORY_ANNOUNCE:
        announce.node_id = command->node_id;
        announce.peer_address = command_bytes(command->peer_address);
        announce.client_address = command_bytes(command->client_address);
        out.announce = &announce;
        break;
    case DIRECTORY_ADD_REPLICA:
    case DIRECTORY_REMOVE_REPLICA:
        replica.shard_id = command->shard_id;
        replica.node_id = command->node_id;
        out.add_replica = &replica; /* the same member of the union */
        break;
    case DIRECTORY_REMOVE_NODE:
        node.node_id = command->node_id;
        out.remove_node = &node;
        break;
    case DIRECTORY_TICK:
        out.tick = &tick;
        break;
    }
    return command_pack(&out.base, arena, out_bytes);
}

static enum status decode_init(const PB(DirectoryInit) * in, struct arena *arena,
                               struct directory_command *out)
{
    if (in->n_places > DIRECTORY_PLACES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct directory_place *places = command_array(arena, in->n_places, sizeof *places);
    if (places == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_places; i++) {
        places[i] = (struct directory_place){.shard_id = in->places[i]->shard_id,
                                             .replica_id = in->places[i]->replica_id};
    }
    out->node_id = in->node_id;
    out->peer_address = command_slice(in->peer_address);
    out->client_address = command_slice(in->client_address);
    out->places = places;
    out->place_count = in->n_places;
    return STATUS_OK;
}

static void decode_replica(const PB(DirectoryReplica) * in, struct directory_command *out)
{
    out->shard_id = in->shard_id;
    out->node_id = in->node_id;
}

enum status command_decode_directory(struct slice bytes, struct arena *arena,
                                     struct directory_command *out_command)
{
    ProtobufCMessage *message;
    TRY(command_unpack(&souk__internal__v1__directory_command__descriptor, bytes, arena,
                       &message));
    const PB(DirectoryCommand) *in = (const PB(DirectoryCommand) *)(const void *)message;
    if (in->command_case == SOUK__INTERNAL__V1__DIRECTORY_COMMAND__COMMAND__NOT_SET) {
        return STATUS_VERSION; /* a kind that this version does not know */
    }
    memset(out_command, 0, sizeof *out_command);
    out_command->kind = (enum directory_command_kind)((uint32_t)in->command_case -
                                                      (uint32_t)COMMAND_KIND_FIELD_BASE);
    switch (out_command->kind) {
    case DIRECTORY_INIT:
        return decode_init(in->init, arena, out_command);
    case DIRECTORY_JOIN:
        out_command->nonce = decode_nonce(in->join->nonce);
        out_command->peer_address = command_slice(in->join->peer_address);
        out_command->client_address = command_slice(in->join->client_address);
        return STATUS_OK;
    case DIRECTORY_ANNOUNCE:
        out_command->node_id = in->announce->node_id;
        out_command->peer_address = command_slice(in->announce->peer_address);
        out_command->client_address = command_slice(in->announce->client_address);
        return STATUS_OK;
    case DIRECTORY_ADD_REPLICA:
        decode_replica(in->add_replica, out_command);
        return STATUS_OK;
    case DIRECTORY_REMOVE_REPLICA:
        decode_replica(in->remove_replica, out_command);
        return STATUS_OK;
    case DIRECTORY_REMOVE_NODE:
        out_command->node_id = in->remove_node->node_id;
        return STATUS_OK;
    case DIRECTORY_TICK:
        return STATUS_OK;
    default:
        return STATUS_VERSION;
    }
}
