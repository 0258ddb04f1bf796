/* SPDX-License-Identifier: Apache-2.0 */
/* The text of <file>.grpc-c.h and <file>.grpc-c.c for one .proto file. One thread. */
#ifndef SOUK_PROTO_GENERATOR_GENERATE_H
#define SOUK_PROTO_GENERATOR_GENERATE_H

#include "google/protobuf/descriptor.pb-c.h"
#include "shard/base/buffer.h"

void generate_header(struct buffer *out,
                     const Google__Protobuf__FileDescriptorProto *file);
/* `file` must carry no source_code_info: its bytes are emitted as they are. */
void generate_source(struct buffer *out,
                     const Google__Protobuf__FileDescriptorProto *file);

#endif
