/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that protoc-gen-grpc-c emits and the runtime reads: files, services and
 * methods. All of them are constants; any thread. Application code uses the typed
 * functions of the generated <file>.grpc-c.h instead and names these types only.
 */
#ifndef SOUK_PROTO_RPC_RPC_METHOD_H
#define SOUK_PROTO_RPC_RPC_METHOD_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/rpc/rpc_status.h"

struct problem;         /* a refusal: shard/base/status.h */
struct rpc_call;        /* a call being served: rpc_call.h */
struct rpc_channel;     /* a client's way to one target: rpc_channel.h */
struct rpc_client_call; /* a unary call being made: rpc_client_call.h */
struct rpc_server;      /* rpc_server.h */
struct rpc_stream;      /* a streaming call, either side: rpc_stream.h */

enum rpc_kind {
    RPC_UNARY,
    RPC_SERVER_STREAM,
    RPC_CLIENT_STREAM,
    RPC_BIDI_STREAM,
};

/* One .proto file, as server reflection hands it out. */
struct rpc_file {
    const char *name;          /* "souk/v1/stock.proto" */
    const uint8_t *descriptor; /* a serialized google.protobuf.FileDescriptorProto */
    size_t descriptor_size;
    const struct rpc_file *const *imports; /* ends with NULL */
};

/*
 * What happens to a stream beside its messages; any member may be NULL. Called on the
 * thread that owns the stream's completion queue, one at a time per stream.
 */
struct rpc_stream_events {
    /* The other side has sent its last message. */
    void (*half_close)(struct rpc_stream *stream, void *user);
    /* After a send answered OVERLOADED: the queue fell below its low-water mark. */
    void (*writable)(struct rpc_stream *stream, void *user);
    /* Server side: the server is stopping, finish soon (rpc_server_drain). */
    void (*draining)(struct rpc_stream *stream, void *user);
    /* Server side: what came is no message of this method, and nothing more is read. The
     * stream is to be finished with the problem; NULL: it is, at once. */
    void (*malformed)(struct rpc_stream *stream, const struct problem *problem,
                      void *user);
    /* The last callback, always called once after open. `status` lives until it returns.
     */
    void (*done)(struct rpc_stream *stream, const struct rpc_status *status, void *user);
};

/* How the runtime reaches a typed handler; generated, one per method. */
struct rpc_thunk {
    bool (*served)(const void *handlers);
    void (*unary)(struct rpc_call *call, const ProtobufCMessage *request,
                  const void *handlers, void *context);
    void (*open)(struct rpc_stream *stream, const ProtobufCMessage *request,
                 const void *handlers, void *context);
    void (*message)(struct rpc_stream *stream, const ProtobufCMessage *message,
                    const void *handlers);
    const struct rpc_stream_events *(*events)(const void *handlers);
};

struct rpc_method {
    const char *path; /* "/souk.v1.StockService/AdjustStock" */
    enum rpc_kind kind;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    struct rpc_thunk thunk;
};

struct rpc_service {
    const char *name; /* "souk.v1.StockService" */
    const struct rpc_file *file;
    const struct rpc_method *methods;
    unsigned method_count;
};

/* Any function, cast back to its own type before it is called. */
typedef void rpc_function(void);

#endif
