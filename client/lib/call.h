/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One unary call with its attempts: the request message, built once; the reply, built
 * from the response; everything in one arena that goes when the caller is done with it.
 *
 *     start -> [attempt -> done -> pause]* -> deliver -> freed
 *                                                  \-> kept by the caller of the
 *                                                      synchronous form, souk_reply_free
 *
 * Owned by one thread at a time: the starter, then whichever thread the world answers on.
 */
#ifndef SOUK_CLIENT_LIB_CALL_H
#define SOUK_CLIENT_LIB_CALL_H

#include "client/include/souk/common.h"
#include "client/lib/client.h"
#include "shard/base/arena.h"

enum {
    CALL_INLINE_BYTES = 3072, /* of the arena; a hold of some lines fits */
};

struct call;

/* How one method is called; a constant per call, made by CALL_DEFINE. */
struct call_method {
    const struct rpc_service *service;
    const char *name; /* "AdjustStock" */
    bool mutating;
    size_t reply_size;
    /* Builds the request message in the call's arena. `request` is the public struct. */
    ProtobufCMessage *(*encode)(struct call *call, const void *request);
    /* Fills the zeroed reply; strings may be borrowed from the response. */
    void (*decode)(struct call *call, const ProtobufCMessage *response, void *out_reply);
    /* Casts `done` back to its own type and calls it. */
    void (*deliver)(rpc_function *done, void *context, const void *reply,
                    const struct souk_error *error);
};

/* Memory of the request and the reply; has no limit, so it never answers NULL. */
struct arena *call_arena(struct call *call);
/* The caller's request id, or a fresh one; noted for errors. */
const char *call_request_id(struct call *call, const char *given);

void call_start(struct souk_client *client, const struct call_method *method,
                const void *request, const struct souk_call_options *options,
                rpc_function *done, void *context);
enum souk_code call_wait(struct souk_client *client, const struct call_method *method,
                         const void *request, const struct souk_call_options *options,
                         void **out_reply, struct souk_error *out_error);

/*
 * Defines both public forms of a call declared by SOUK_CALL, from <name>_encode and
 * <name>_decode above it. The response's fields are read through its own type.
 */
#define CALL_DEFINE(call_name, service_, method_, mutating_, request_type, reply_type)   \
    static void call_name##_deliver(rpc_function *done, void *context,                   \
                                    const void *reply, const struct souk_error *error)   \
    {                                                                                    \
        ((souk_##call_name##_done *)done)(context, reply, error);                        \
    }                                                                                    \
    static const struct call_method call_name##_method = {                               \
        .service = &(service_),                                                          \
        .name = (method_),                                                               \
        .mutating = (mutating_),                                                         \
        .reply_size = sizeof(struct reply_type),                                         \
        .encode = call_name##_encode,                                                    \
        .decode = call_name##_decode,                                                    \
        .deliver = call_name##_deliver,                                                  \
    };                                                                                   \
    enum souk_code souk_##call_name(                                                     \
        struct souk_client *client, const struct request_type *request,                  \
        const struct souk_call_options *options, struct reply_type **out_reply,          \
        struct souk_error *out_error)                                                    \
    {                                                                                    \
        void *reply = NULL;                                                              \
        enum souk_code code =                                                            \
            call_wait(client, &call_name##_method, request, options, &reply, out_error); \
        if (code == SOUK_OK) {                                                           \
            *out_reply = reply;                                                          \
        }                                                                                \
        return code;                                                                     \
    }                                                                                    \
    void souk_##call_name##_start(struct souk_client *client,                            \
                                  const struct request_type *request,                    \
                                  const struct souk_call_options *options,               \
                                  souk_##call_name##_done *done, void *context)          \
    {                                                                                    \
        call_start(client, &call_name##_method, request, options, (rpc_function *)done,  \
                   context);                                                             \
    }                                                                                    \
    _Static_assert(offsetof(struct reply_type, answer) == 0,                             \
                   "every reply begins with its answer")

#endif
