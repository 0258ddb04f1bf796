/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libsouk needs of the world: a way to make one attempt of a unary call, a clock, a
 * timer. One implementation speaks gRPC (world_rpc.c); tests make up another, with a
 * clock of their own.
 */
#ifndef SOUK_CLIENT_LIB_WORLD_H
#define SOUK_CLIENT_LIB_WORLD_H

#include <protobuf-c/protobuf-c.h>

#include "proto/rpc/rpc_method.h"
#include "shard/base/clock.h"
#include "shard/base/slice.h"

struct rpc_client_call;
struct rpc_channel;
struct world;

/* How one attempt ended; borrowed until the callback returns. */
struct world_answer {
    struct rpc_status status;
    const ProtobufCMessage *response; /* NULL unless OK */
    bool unsent;                      /* it never left: nothing can have come of it */
    bool replayed;
    struct slice session_token;
    struct rpc_client_call *call; /* ref it to keep the response; NULL in tests */
};

typedef void world_done(void *user, const struct world_answer *answer);
typedef void world_alarm(void *user);

struct world_attempt {
    unsigned channel;
    const struct rpc_method *method;
    const ProtobufCMessage *request; /* may go once `unary` returns */
    uint32_t timeout_ms;
    world_done *done; /* exactly once, on any thread, also before `unary` returns */
    void *user;
};

struct world_operations {
    void (*free)(struct world *world);
    struct moment (*now)(struct world *world);
    void (*unary)(struct world *world, const struct world_attempt *attempt);
    /* Calls `alarm` once, at `when_us` of the monotonic clock or soon after, or at once
     * when the world is being hurried. */
    void (*alarm)(struct world *world, uint64_t when_us, world_alarm *alarm, void *user);
    /* Cancels attempts in progress and fires all alarms now. */
    void (*hurry)(struct world *world);
    /* For streams; NULL in tests. */
    struct rpc_channel *(*channel)(struct world *world, unsigned channel);
    /* True on a thread that runs callbacks, where waiting would be a deadlock. */
    bool (*is_callback_thread)(struct world *world);
};

struct world {
    const struct world_operations *operations;
    unsigned channel_count;
    unsigned address_count; /* channels i, i + address_count, ... serve address i */
};

enum {
    WORLD_ADDRESS_BYTES_MAX = 256,
};

struct world_rpc_options {
    const char *const *addresses;
    unsigned address_count;
    unsigned channels_per_address;
    unsigned workers;
};

/* The real one. Never NULL. */
struct world *world_rpc_new(const struct world_rpc_options *options);

#endif
