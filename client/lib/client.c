/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/lib/error.h"
#include "client/lib/retry.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    CLIENT_DEADLINE_MOST_MS = 24 * 3600 * 1000,
};

const char *souk_version(void)
{
    return SOUK_VERSION;
}

struct souk_client *client_new(struct world *world, int64_t deadline_ms,
                               uint32_t attempts_max, uint64_t seed)
{
    struct souk_client *client = memory_zalloc(sizeof *client);
    client->world = world;
    client->deadline_ms = deadline_ms;
    client->attempts_max = attempts_max;
    pthread_mutex_init(&client->mutex, NULL);
    pthread_cond_init(&client->idle, NULL);
    rng_init(&client->rng, seed);
    return client;
}

/* Splits "a:1,b:2" in place; 0 when one is empty or there are too many. */
static unsigned client_addresses(char *text, const char *out_addresses[])
{
    unsigned count = 0;
    char *rest = text;
    while (rest != NULL) {
        char *address = strsep(&rest, ",");
        address += strspn(address, " ");
        if (*address == '\0' || strlen(address) > WORLD_ADDRESS_BYTES_MAX ||
            count == SOUK_ADDRESSES_MAX) {
            return 0;
        }
        out_addresses[count++] = address;
    }
    return count;
}

static uint64_t client_entropy(void)
{
    uint64_t seed = 0;
    while (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        ASSERT(errno == EINTR);
    }
    return seed;
}

enum souk_code souk_client_open(const struct souk_client_options *options,
                                struct souk_client **out_client,
                                struct souk_error *out_error)
{
    static const struct souk_client_options defaults;
    const char *addresses[SOUK_ADDRESSES_MAX];
    struct world_rpc_options wanted = {.addresses = addresses};
    char *text;
    options = options ? options : &defaults;
    if (options->deadline_ms < 0 || options->deadline_ms > CLIENT_DEADLINE_MOST_MS) {
        return error_set(out_error, STATUS_INVALID, "deadline_ms", "0 to %d",
                         CLIENT_DEADLINE_MOST_MS);
    }
    if (options->channels_per_address > SOUK_CHANNELS_MAX ||
        options->workers > SOUK_CHANNELS_MAX ||
        options->attempts_max > RETRY_ATTEMPTS_MOST) {
        return error_set(out_error, STATUS_INVALID, "options",
                         "at most %d channels and workers, %d attempts",
                         SOUK_CHANNELS_MAX, RETRY_ATTEMPTS_MOST);
    }
    text = memory_string(options->addresses ? options->addresses : "127.0.0.1:7400");
    wanted.address_count = client_addresses(text, addresses);
    wanted.channels_per_address =
        options->channels_per_address ? options->channels_per_address : 1;
    wanted.workers = options->workers ? options->workers : 1;
    if (wanted.address_count > 0) {
        *out_client = client_new(
            world_rpc_new(&wanted),
            options->deadline_ms ? options->deadline_ms : SOUK_DEADLINE_DEFAULT_MS,
            options->attempts_max ? options->attempts_max : SOUK_ATTEMPTS_DEFAULT,
            client_entropy());
    }
    free(text);
    return wanted.address_count > 0
               ? SOUK_OK
               : error_set(out_error, STATUS_INVALID, "addresses",
                           "1 to %d of HOST:PORT, separated by commas",
                           SOUK_ADDRESSES_MAX);
}

void souk_client_close(struct souk_client *client)
{
    if (client == NULL) {
        return;
    }
    ASSERT(!client->world->operations->is_callback_thread(client->world));
    pthread_mutex_lock(&client->mutex);
    atomic_store(&client->closing, true);
    pthread_mutex_unlock(&client->mutex);
    client->world->operations->hurry(client->world);
    pthread_mutex_lock(&client->mutex);
    while (client->open_calls > 0) {
        pthread_cond_wait(&client->idle, &client->mutex);
    }
    pthread_mutex_unlock(&client->mutex);
    client->world->operations->free(client->world);
    pthread_cond_destroy(&client->idle);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

bool client_enter(struct souk_client *client)
{
    bool open;
    pthread_mutex_lock(&client->mutex);
    open = !atomic_load(&client->closing);
    client->open_calls += open;
    pthread_mutex_unlock(&client->mutex);
    return open;
}

void client_leave(struct souk_client *client)
{
    pthread_mutex_lock(&client->mutex);
    ASSERT(client->open_calls > 0);
    client->open_calls--;
    if (client->open_calls == 0) {
        pthread_cond_broadcast(&client->idle);
    }
    pthread_mutex_unlock(&client->mutex);
}

struct moment client_now(struct souk_client *client)
{
    return client->world->operations->now(client->world);
}

void client_request_id(struct souk_client *client, char out_text[UUID_TEXT_BYTES + 1])
{
    int64_t wall_ms = client_now(client).wall_ms;
    pthread_mutex_lock(&client->mutex);
    uuid7_make(&client->rng, wall_ms, out_text);
    pthread_mutex_unlock(&client->mutex);
}

uint64_t client_seed(struct souk_client *client)
{
    uint64_t seed;
    pthread_mutex_lock(&client->mutex);
    seed = rng_next(&client->rng);
    pthread_mutex_unlock(&client->mutex);
    return seed;
}

unsigned client_channel(struct souk_client *client, unsigned addresses_skipped)
{
    unsigned addresses = client->world->address_count;
    unsigned per_address = client->world->channel_count / addresses;
    unsigned address =
        (atomic_load_explicit(&client->preferred_address, memory_order_relaxed) +
         addresses_skipped) %
        addresses;
    unsigned turn = per_address == 1 ? 0
                                     : atomic_fetch_add_explicit(&client->next_channel, 1,
                                                                 memory_order_relaxed) %
                                           per_address;
    return address + turn * addresses;
}

void client_prefer(struct souk_client *client, unsigned channel)
{
    unsigned address = channel % client->world->address_count;
    if (atomic_load_explicit(&client->preferred_address, memory_order_relaxed) !=
        address) {
        atomic_store_explicit(&client->preferred_address, address, memory_order_relaxed);
    }
}
