/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a Souk cluster: connections, threads and defaults. Thread-safe; one per
 * process is enough.
 *
 *     struct souk_client_options options = {.addresses = "127.0.0.1:7400"};
 *     struct souk_client *client = NULL;
 *     struct souk_error error = {0};
 *     if (souk_client_open(&options, &client, &error) != SOUK_OK) { ... }
 */
#ifndef SOUK_CLIENT_H
#define SOUK_CLIENT_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SOUK_DEADLINE_DEFAULT_MS = 10000,
    SOUK_ATTEMPTS_DEFAULT = 6,
    SOUK_CHANNELS_MAX = 64,
    SOUK_ADDRESSES_MAX = 16,
};

struct souk_client_options {
    /* "HOST:PORT", several separated by commas; a call that finds one unavailable goes
     * to the next. NULL: 127.0.0.1:7400. */
    const char *addresses;
    int64_t deadline_ms;           /* 0: SOUK_DEADLINE_DEFAULT_MS */
    uint32_t attempts_max;         /* 0: SOUK_ATTEMPTS_DEFAULT; 1: never retry */
    uint32_t channels_per_address; /* 0: 1; load generators take one per core or more */
    uint32_t workers;              /* 0: 1; threads that run callbacks */
};

/* Connects lazily: an address that nobody serves shows at the first call. */
SOUK_API enum souk_code souk_client_open(const struct souk_client_options *options,
                                         struct souk_client **out_client,
                                         struct souk_error *out_error);
/* Ends open calls with CANCELLED, waits for their callbacks, frees. NULL is fine. Never
 * from a callback. */
SOUK_API void souk_client_close(struct souk_client *client);

/* "0.1.0" */
SOUK_API const char *souk_version(void);

/* grpc.health.v1: is the server, or one service of it, ready? */
struct souk_health_request {
    const char *service; /* NULL: the whole server */
};

struct souk_health_reply {
    struct souk_answer answer;
    bool serving;
};

SOUK_CALL(health_check, souk_health_request, souk_health_reply);

#ifdef __cplusplus
}
#endif

#endif
