/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/service.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proto/rpc/rpc_server.h"
#include "server/runtime/system_clock.h"
#include "server/service/answer_memory.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/identifier.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"

enum {
    SERVICE_NONCES = 32, /* drawn from the system at once, per thread */
    SERVICE_DIGEST_BYTES = 32,
};

/* --- Secrets ----------------------------------------------------------------------- */

/* The cluster's secret is its random hash seed and id, stretched to a key. */
static void service_make_secret(struct service *service)
{
    uint8_t material[SERVICE_CLUSTER_ID_BYTES + 8];
    unsigned size = SERVICE_SECRET_BYTES;
    static const char label[] = "souk pseudonym v1";
    memcpy(material, service->options.cluster_id, SERVICE_CLUSTER_ID_BYTES);
    store_be64(material + SERVICE_CLUSTER_ID_BYTES, service->map->hash_seed);
    if (HMAC(EVP_sha256(), material, sizeof material, (const uint8_t *)label,
             sizeof label - 1, service->secret, &size) == NULL) {
        UNREACHABLE();
    }
}

struct hash128 service_pseudonym(const struct service *service, enum service_actor kind,
                                 struct slice id)
{
    uint8_t text[IDENTIFIER_BYTES_MAX + 1];
    uint8_t digest[SERVICE_DIGEST_BYTES];
    unsigned size = sizeof digest;
    ASSERT(id.size <= IDENTIFIER_BYTES_MAX);
    text[0] = (uint8_t)kind;
    memcpy(text + 1, id.data, id.size);
    if (HMAC(EVP_sha256(), service->secret, SERVICE_SECRET_BYTES, text, id.size + 1,
             digest, &size) == NULL) {
        UNREACHABLE();
    }
    return (struct hash128){.high = load_be64(digest), .low = load_be64(digest + 8)};
}

uint64_t service_nonce(void)
{
    static _Thread_local uint64_t nonces[SERVICE_NONCES];
    static _Thread_local unsigned left;
    if (left == 0) {
        ssize_t size = getrandom(nonces, sizeof nonces, 0);
        ASSERT(size == (ssize_t)sizeof nonces);
        left = SERVICE_NONCES;
    }
    return nonces[--left];
}

struct moment service_now(void)
{
    return system_clock_now();
}

/* --- Life -------------------------------------------------------------------------- */

struct service *service_new(const struct service_options *options)
{
    struct service *service = memory_zalloc(sizeof *service);
    service->options = *options;
    service->settings = options->settings;
    service->map = options->map;
    service->runtime = options->runtime;
    service->incarnation =
        hash64(slice_of(options->cluster_id, SERVICE_CLUSTER_ID_BYTES), 0);
    for (unsigned i = 0; i < SERVICE_CLUSTER_ID_BYTES; i++) {
        snprintf(service->cluster_id + 2 * i, 3, "%02x", options->cluster_id[i]);
    }
    service_make_secret(service);
    service->answers =
        answer_memory_new(service->runtime, service->settings, service_nonce());
    return service;
}

void service_free(struct service *service)
{
    if (service != NULL) {
        answer_memory_free(service->answers);
    }
    free(service);
}

void service_set_address(struct service *service, const char *address)
{
    snprintf(service->address, sizeof service->address, "%s", address);
}

void service_register(struct service *service, struct rpc_server *server)
{
    catalog_service_register(service, server);
    location_service_register(service, server);
    stock_service_register(service, server);
    hold_service_register(service, server);
    outcome_service_register(service, server);
    customer_service_register(service, server);
    event_service_register(service, server);
    recommend_service_register(service, server);
    import_service_register(service, server);
    cluster_service_register(service, server);
}

void service_log_call(const struct rpc_call_record *record, void *user)
{
    const struct service *service = user;
    /* A stream is as long as what its client has to send or to hear. */
    if (!record->stream &&
        record->took_us >= (uint64_t)service->settings->slow_call_ms * 1000) {
        log_event(LOG_WARN, "slow call", LOG_STRING("method", record->path),
                  LOG_STATUS(record->status), LOG_U64("took_us", record->took_us));
    }
    if (record->cancelled) {
        log_event(LOG_INFO, "call given up by its caller",
                  LOG_STRING("method", record->path),
                  LOG_U64("took_us", record->took_us));
    } else if (record->status != STATUS_OK) {
        log_event(LOG_DEBUG, "call ended", LOG_STRING("method", record->path),
                  LOG_STATUS(record->status), LOG_STRING("why", record->message),
                  LOG_U64("took_us", record->took_us));
    }
}
