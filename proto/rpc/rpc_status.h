/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refusal on the wire: a gRPC code and message beside a google.rpc.Status in the
 * trailer `grpc-status-details-bin`, with ErrorInfo {reason = status_name(), domain
 * "souk.dev"}, RetryInfo, and BadRequest or PreconditionFailure for the fields named.
 * The serialized details always stay below RPC_STATUS_BYTES_MAX, because gRPC refuses
 * more than 8 KiB of metadata: violations, then metadata, are dropped from the end.
 *
 * A struct rpc_status borrows everything it points at. Any thread.
 */
#ifndef SOUK_PROTO_RPC_RPC_STATUS_H
#define SOUK_PROTO_RPC_RPC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

#define RPC_STATUS_DOMAIN "souk.dev"

enum {
    RPC_STATUS_BYTES_MAX = 4096,   /* serialized google.rpc.Status */
    RPC_STATUS_MESSAGE_MAX = 512,  /* bytes of the message sent; cut at a character */
    RPC_STATUS_DETAILS_MAX = 64,   /* metadata entries, and violations, sent or read */
    RPC_STATUS_RETRY_AFTER_MS = 50 /* RetryInfo of an OVERLOADED that names no delay */
};

/* One entry of ErrorInfo.metadata. */
struct rpc_detail {
    const char *key;
    const char *value;
};

/* One field at fault: BadRequest, or PreconditionFailure for FAILED_PRECONDITION. */
struct rpc_violation {
    const char *field; /* "lines[3].quantity" */
    const char *description;
};

struct rpc_status {
    enum status status;    /* read: by reason when this build knows it, else by code */
    enum status_code code; /* written: ignored, follows from `status` */
    const char *message;   /* for a person; NULL counts as status_text() */
    const char *reason;    /* read: ErrorInfo.reason as sent, "" when there was none */
    const struct rpc_detail *details;
    size_t detail_count;
    const struct rpc_violation *violations;
    size_t violation_count;
    uint32_t retry_after_ms; /* 0 = none named */
};

/* The status a problem makes; `out_violation` keeps its field. Both borrow from it. */
void rpc_status_from_problem(const struct problem *problem, struct rpc_status *out_status,
                             struct rpc_violation *out_violation);

/* The value of an ErrorInfo.metadata key; NULL when absent. */
const char *rpc_status_detail(const struct rpc_status *status, const char *key);

/* Bytes of the message that are sent: RPC_STATUS_MESSAGE_MAX at most, whole characters. */
size_t rpc_status_message_length(const char *message);

/* Serializes the google.rpc.Status into the arena; an empty slice for OK, or when the
 * arena is at its limit. */
struct slice rpc_status_encode(const struct rpc_status *status, struct arena *arena);

/*
 * Reads what the wire brought: the code, the message (copied into the arena) and the
 * details, which may be empty, damaged or another project's; then the code alone counts.
 */
void rpc_status_decode(enum status_code code, struct slice message, struct slice details,
                       struct arena *arena, struct rpc_status *out_status);

#endif
