/* SPDX-License-Identifier: Apache-2.0 */
/* What the codecs of both tables share; stays in this folder. */
#ifndef SOUK_SHARD_REPLICA_COMMAND_PRIVATE_H
#define SOUK_SHARD_REPLICA_COMMAND_PRIVATE_H

#include <protobuf-c/protobuf-c.h>

#include "proto/souk/internal/v1/command.pb-c.h"
#include "shard/replica/command.h"

/* The generated names are long; these keep a mirror line on one line. */
#define PB(name) Souk__Internal__V1__##name

enum {
    COMMAND_KIND_FIELD_BASE = 10, /* field number of a kind in the command's oneof */
};

/* Bytes without a copy; protobuf-c asks for a pointer to non-const and only reads. */
ProtobufCBinaryData command_bytes(struct slice slice);
struct slice command_slice(ProtobufCBinaryData bytes);
ProtobufCBinaryData *command_bytes_array(const struct slice *slices, uint32_t count,
                                         struct arena *arena);
const struct slice *command_slice_array(const ProtobufCBinaryData *items, size_t count,
                                        struct arena *arena);
/* NULL only past the arena's limit, and for 0 items something that is not NULL. */
void *command_array(struct arena *arena, size_t count, size_t item_size);

/* command_source.c: the three commands of streams, into messages of the arena and back. */
enum status command_encode_source(const struct inventory_command *in,
                                  PB(SkuCommand) * out, struct arena *arena);
enum status command_decode_source(const PB(SkuCommand) * in, struct arena *arena,
                                  struct inventory_command *out);

/* Version byte and message; TOO_LARGE past the arena's limit. */
enum status command_pack(const ProtobufCMessage *message, struct arena *arena,
                         struct slice *out_bytes);
/* The message in the arena; the memory that it took is capped. */
enum status command_unpack(const ProtobufCMessageDescriptor *descriptor,
                           struct slice bytes, struct arena *arena,
                           ProtobufCMessage **out_message);

#endif
