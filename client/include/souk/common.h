/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all of libsouk's headers share.
 *
 * Requests are plain structs: zero-initialise one and set what you need; an absent string
 * is NULL, an absent number 0, an absent time 0. Everything a request points at stays
 * yours and need only live until the call that takes it returns, for callback calls too.
 * Times are Unix milliseconds (`_time_ms`).
 */
#ifndef SOUK_COMMON_H
#define SOUK_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SOUK_API __attribute__((visibility("default")))
#else
#define SOUK_API
#endif

struct souk_client;

/* The canonical gRPC codes. */
enum souk_code {
    SOUK_OK = 0,
    SOUK_CANCELLED = 1,
    SOUK_UNKNOWN = 2,
    SOUK_INVALID_ARGUMENT = 3,
    SOUK_DEADLINE_EXCEEDED = 4,
    SOUK_NOT_FOUND = 5,
    SOUK_ALREADY_EXISTS = 6,
    SOUK_PERMISSION_DENIED = 7,
    SOUK_RESOURCE_EXHAUSTED = 8,
    SOUK_FAILED_PRECONDITION = 9,
    SOUK_ABORTED = 10,
    SOUK_OUT_OF_RANGE = 11,
    SOUK_UNIMPLEMENTED = 12,
    SOUK_INTERNAL = 13,
    SOUK_UNAVAILABLE = 14,
    SOUK_DATA_LOSS = 15,
    SOUK_UNAUTHENTICATED = 16,
};

/* "FAILED_PRECONDITION"; "UNKNOWN" for a number that is no code. Static storage. */
SOUK_API const char *souk_code_name(enum souk_code code);

enum {
    SOUK_ID_BYTES_MAX = 128,
    SOUK_REQUEST_ID_BYTES_MAX = 64,
    SOUK_BATCH_MAX = 1000, /* items of one batch call, rows of one import message */
};

/* Which field of the request is malformed, and why. */
struct souk_field_violation {
    const char *field;
    const char *description;
};

struct souk_metadata {
    const char *key;
    const char *value;
};

/*
 * Why a call failed. Begin with SOUK_ERROR_INIT (all zero), pass its address, souk_error_clear() when done
 * (also harmless on success). In a callback it is borrowed.
 */
struct souk_error {
    enum souk_code code;
    uint32_t attempts;      /* how often the call was sent, 0 when it never was */
    int64_t retry_after_ms; /* the server's wish (RetryInfo), 0 when it had none */
    bool outcome_unknown;   /* it may have been applied; same request_id tells */
    char reason[48];        /* "INSUFFICIENT_STOCK"; empty when the server gave none */
    char request_id[SOUK_REQUEST_ID_BYTES_MAX + 1]; /* of a mutating call */
    char message[512];
    const struct souk_field_violation *violations;
    size_t violation_count;
    const struct souk_metadata *metadata; /* e.g. requested and available per line */
    size_t metadata_count;
    void *owned; /* libsouk's */
};

/* clang-format off */
#define SOUK_ERROR_INIT {SOUK_OK, 0, 0, false, "", "", "", NULL, 0, NULL, 0, NULL}
/* clang-format on */

SOUK_API void souk_error_clear(struct souk_error *error);
/* The value of a metadata key, or NULL. Borrowed from the error. */
SOUK_API const char *souk_error_metadata(const struct souk_error *error, const char *key);

/* How fresh a read has to be; strong when zeroed. */
struct souk_read {
    int64_t max_staleness_ms;
    /* souk_answer.session_token of an earlier call: reads what that call wrote. */
    const uint8_t *session_token;
    size_t session_token_size;
};

/* Per call; NULL or zeroed means the client's defaults. */
struct souk_call_options {
    int64_t deadline_ms;         /* for the call with all its retries */
    int64_t attempt_deadline_ms; /* for one attempt; 0: whatever is left */
    uint32_t attempts_max;       /* 1: never retry */
};

/* The head of every reply. */
struct souk_answer {
    bool replayed; /* the server had applied this request_id before */
    uint32_t attempts;
    const uint8_t *session_token;
    size_t session_token_size;
};

/* Frees what a synchronous call wrote to out_reply, with all it points at. NULL is fine.
 */
SOUK_API void souk_reply_free(void *reply);

struct souk_money {
    char currency[4]; /* ISO 4217; empty: no price */
    int32_t nanos;
    int64_t units;
};

/* Which state of which shard a value was read from. */
struct souk_stamp {
    uint64_t shard_id;
    uint64_t range_epoch;
    uint64_t log_index;
    int64_t log_time_ms;
    bool leader;
};

/* How one item of a batch ended. */
struct souk_item_status {
    enum souk_code code;
    const char *reason; /* never NULL */
    const char *message;
    const char *field;
};

enum souk_attribute_kind {
    SOUK_ATTRIBUTE_TEXT = 0,
    SOUK_ATTRIBUTE_NUMBER = 1,
    SOUK_ATTRIBUTE_FLAG = 2,
};

struct souk_attribute {
    const char *name;
    enum souk_attribute_kind kind;
    const char *text;
    int64_t number;
    bool flag;
};

/*
 * SOUK_CALL(name, request, reply) declares one remote call in its two forms.
 *
 * souk_<name>() waits. On SOUK_OK *out_reply is yours to free with souk_reply_free();
 * else *out_error (may be NULL) says why. Never call it from a callback.
 *
 * souk_<name>_start() returns at once; `done` is called exactly once, on a thread of the
 * library, or on the caller's before _start returns when the request cannot be sent. It
 * must not block. `reply` is NULL exactly when `error` is not; both are borrowed until
 * `done` returns. It may start further calls.
 *
 * Both fill in what is missing: a request_id (UUIDv7) for mutating calls and a deadline.
 * UNAVAILABLE, RESOURCE_EXHAUSTED with a reason worth retrying, STOCK_CONTENDED and an
 * unknown outcome are tried again with the SAME request_id, after a jittered backoff and
 * never before the server's RetryInfo, within the deadline. Any thread may call.
 */
#define SOUK_CALL(name, request_type, reply_type)                                        \
    typedef void souk_##name##_done(void *context, const struct reply_type *reply,       \
                                    const struct souk_error *error);                     \
    SOUK_API enum souk_code souk_##name(                                                 \
        struct souk_client *client, const struct request_type *request,                  \
        const struct souk_call_options *options, struct reply_type **out_reply,          \
        struct souk_error *out_error);                                                   \
    SOUK_API void souk_##name##_start(struct souk_client *client,                        \
                                      const struct request_type *request,                \
                                      const struct souk_call_options *options,           \
                                      souk_##name##_done *done, void *context)

#ifdef __cplusplus
}
#endif

#endif
