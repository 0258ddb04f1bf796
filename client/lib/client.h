/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client object behind <souk/client.h>: defaults, counters, the world. Any thread.
 */
#ifndef SOUK_CLIENT_LIB_CLIENT_H
#define SOUK_CLIENT_LIB_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "client/include/souk/client.h"
#include "client/lib/world.h"
#include "shard/base/identifier.h"
#include "shard/base/rng.h"

struct souk_client {
    struct world *world;
    int64_t deadline_ms;
    uint32_t attempts_max;
    atomic_uint next_channel;      /* round robin over the channels of an address */
    atomic_uint preferred_address; /* the one that answered last */
    atomic_bool closing;

    pthread_mutex_t mutex;
    pthread_cond_t idle;
    size_t open_calls; /* under the mutex */
    struct rng rng;    /* under the mutex */
};

/* A client over a given world, which it owns; for souk_client_open and for tests. */
struct souk_client *client_new(struct world *world, int64_t deadline_ms,
                               uint32_t attempts_max, uint64_t seed);

/* Counts a call in; false once the client is closing. */
bool client_enter(struct souk_client *client);
void client_leave(struct souk_client *client);

struct moment client_now(struct souk_client *client);
/* Writes a fresh UUIDv7 and a NUL. */
void client_request_id(struct souk_client *client, char out_text[UUID_TEXT_BYTES + 1]);
/* An independent stream of chance. */
uint64_t client_seed(struct souk_client *client);

/* A channel of the preferred address, or of one further on. */
unsigned client_channel(struct souk_client *client, unsigned addresses_skipped);
/* The address of a channel has answered. */
void client_prefer(struct souk_client *client, unsigned channel);

#endif
