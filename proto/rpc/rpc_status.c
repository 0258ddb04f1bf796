/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_status.h"

#include <stdio.h>
#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/rpc/rpc_message.h"
#include "shard/base/assert.h"

#define RPC_TYPE_PREFIX "type.googleapis.com/"

enum {
    RPC_ANYS_MAX = 3, /* ErrorInfo, RetryInfo, and one kind of violations */
    RPC_STATUS_DECODE_BYTES_MAX = 64 * 1024,
};

typedef Google__Rpc__ErrorInfo__MetadataEntry metadata_entry;

/* Everything that is packed, so that a smaller version can be tried with other counts. */
struct rpc_details {
    Google__Rpc__ErrorInfo info;
    metadata_entry entries[RPC_STATUS_DETAILS_MAX];
    metadata_entry *entry_pointers[RPC_STATUS_DETAILS_MAX];
    Google__Rpc__RetryInfo retry;
    Google__Protobuf__Duration delay;
    Google__Rpc__BadRequest bad;
    Google__Rpc__BadRequest__FieldViolation fields[RPC_STATUS_DETAILS_MAX];
    Google__Rpc__BadRequest__FieldViolation *field_pointers[RPC_STATUS_DETAILS_MAX];
    Google__Rpc__PreconditionFailure failure;
    Google__Rpc__PreconditionFailure__Violation violations[RPC_STATUS_DETAILS_MAX];
    Google__Rpc__PreconditionFailure__Violation
        *violation_pointers[RPC_STATUS_DETAILS_MAX];
    Google__Protobuf__Any anys[RPC_ANYS_MAX];
    Google__Protobuf__Any *any_pointers[RPC_ANYS_MAX];
    Google__Rpc__Status status;
    char message[RPC_STATUS_MESSAGE_MAX + 1];
};

void rpc_status_from_problem(const struct problem *problem, struct rpc_status *out_status,
                             struct rpc_violation *out_violation)
{
    *out_status = (struct rpc_status){
        .status = problem->status,
        .code = status_code(problem->status),
        .message = problem->message[0] ? problem->message : status_text(problem->status),
        .reason = status_name(problem->status),
    };
    if (problem->field[0] != '\0') {
        *out_violation = (struct rpc_violation){problem->field, out_status->message};
        out_status->violations = out_violation;
        out_status->violation_count = 1;
    }
}

const char *rpc_status_detail(const struct rpc_status *status, const char *key)
{
    for (size_t i = 0; i < status->detail_count; i++) {
        if (strcmp(status->details[i].key, key) == 0) {
            return status->details[i].value;
        }
    }
    return NULL;
}

/* --- Writing ---------------------------------------------------------------------------
 */

/* protobuf-c's structs hold char *, though packing only reads. */
static char *unconst(const char *text)
{
    union {
        const char *from;
        char *to;
    } pointer = {.from = text ? text : ""};
    return pointer.to;
}

size_t rpc_status_message_length(const char *message)
{
    size_t length = strnlen(message, RPC_STATUS_MESSAGE_MAX);
    while (length > 0 && ((unsigned char)message[length] & 0xc0) == 0x80) {
        length--;
    }
    return length;
}

static void details_message(struct rpc_details *details, const char *message)
{
    size_t length = rpc_status_message_length(message);
    memcpy(details->message, message, length);
    details->message[length] = '\0';
}

static void details_info(struct rpc_details *details, const struct rpc_status *status,
                         size_t detail_count)
{
    google__rpc__error_info__init(&details->info);
    details->info.reason = unconst(status_name(status->status));
    details->info.domain = unconst(RPC_STATUS_DOMAIN);
    details->info.n_metadata = detail_count;
    details->info.metadata = details->entry_pointers;
    for (size_t i = 0; i < detail_count; i++) {
        google__rpc__error_info__metadata_entry__init(&details->entries[i]);
        details->entries[i].key = unconst(status->details[i].key);
        details->entries[i].value = unconst(status->details[i].value);
        details->entry_pointers[i] = &details->entries[i];
    }
}

static void details_retry(struct rpc_details *details, uint32_t retry_after_ms)
{
    google__rpc__retry_info__init(&details->retry);
    google__protobuf__duration__init(&details->delay);
    details->delay.seconds = retry_after_ms / 1000;
    details->delay.nanos = (int32_t)(retry_after_ms % 1000) * 1000000;
    details->retry.retry_delay = &details->delay;
}

static void details_bad_request(struct rpc_details *details,
                                const struct rpc_status *status, size_t count)
{
    google__rpc__bad_request__init(&details->bad);
    details->bad.n_field_violations = count;
    details->bad.field_violations = details->field_pointers;
    for (size_t i = 0; i < count; i++) {
        google__rpc__bad_request__field_violation__init(&details->fields[i]);
        details->fields[i].field = unconst(status->violations[i].field);
        details->fields[i].description = unconst(status->violations[i].description);
        details->field_pointers[i] = &details->fields[i];
    }
}

static void details_precondition(struct rpc_details *details,
                                 const struct rpc_status *status, size_t count)
{
    google__rpc__precondition_failure__init(&details->failure);
    details->failure.n_violations = count;
    details->failure.violations = details->violation_pointers;
    for (size_t i = 0; i < count; i++) {
        google__rpc__precondition_failure__violation__init(&details->violations[i]);
        details->violations[i].type = unconst(status_name(status->status));
        details->violations[i].subject = unconst(status->violations[i].field);
        details->violations[i].description = unconst(status->violations[i].description);
        details->violation_pointers[i] = &details->violations[i];
    }
}

static bool details_add(struct rpc_details *details, const ProtobufCMessage *message,
                        const char *type_url, struct arena *arena)
{
    Google__Protobuf__Any *any = &details->anys[details->status.n_details];
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, size ? size : 1);
    if (bytes == NULL) {
        return false;
    }
    google__protobuf__any__init(any);
    any->type_url = unconst(type_url);
    any->value.data = bytes;
    any->value.len = protobuf_c_message_pack(message, bytes);
    details->any_pointers[details->status.n_details++] = any;
    return true;
}

/* One attempt with that many details; an empty slice when the arena is full. */
static struct slice encode_counted(const struct rpc_status *status, size_t detail_count,
                                   size_t violation_count, struct rpc_details *details,
                                   struct arena *arena)
{
    enum status_code code = status_code(status->status);
    uint32_t retry_after_ms = status->retry_after_ms;
    uint8_t *bytes;
    bool fits;
    google__rpc__status__init(&details->status);
    details->status.code = (int32_t)code;
    details->status.message = details->message;
    details->status.details = details->any_pointers;
    details_info(details, status, detail_count);
    fits = details_add(details, &details->info.base,
                       RPC_TYPE_PREFIX "google.rpc.ErrorInfo", arena);
    if (retry_after_ms == 0 && status->status == STATUS_OVERLOADED) {
        retry_after_ms = RPC_STATUS_RETRY_AFTER_MS;
    }
    if (fits && retry_after_ms > 0) {
        details_retry(details, retry_after_ms);
        fits = details_add(details, &details->retry.base,
                           RPC_TYPE_PREFIX "google.rpc.RetryInfo", arena);
    }
    if (fits && violation_count > 0 && code == STATUS_CODE_FAILED_PRECONDITION) {
        details_precondition(details, status, violation_count);
        fits = details_add(details, &details->failure.base,
                           RPC_TYPE_PREFIX "google.rpc.PreconditionFailure", arena);
    } else if (fits && violation_count > 0) {
        details_bad_request(details, status, violation_count);
        fits = details_add(details, &details->bad.base,
                           RPC_TYPE_PREFIX "google.rpc.BadRequest", arena);
    }
    bytes =
        fits ? arena_alloc(arena, google__rpc__status__get_packed_size(&details->status))
             : NULL;
    return bytes ? slice_of(bytes, google__rpc__status__pack(&details->status, bytes))
                 : slice_of(NULL, 0);
}

struct slice rpc_status_encode(const struct rpc_status *status, struct arena *arena)
{
    size_t detail_count = status->detail_count < RPC_STATUS_DETAILS_MAX
                              ? status->detail_count
                              : RPC_STATUS_DETAILS_MAX;
    size_t violation_count = status->violation_count < RPC_STATUS_DETAILS_MAX
                                 ? status->violation_count
                                 : RPC_STATUS_DETAILS_MAX;
    struct rpc_details details;
    struct slice bytes;
    if (status->status == STATUS_OK) {
        return slice_of(NULL, 0);
    }
    details_message(&details,
                    status->message ? status->message : status_text(status->status));
    bytes = encode_counted(status, detail_count, violation_count, &details, arena);
    while (bytes.size >= RPC_STATUS_BYTES_MAX && detail_count + violation_count > 0) {
        if (violation_count > 0) {
            violation_count /= 2;
        } else {
            detail_count /= 2;
        }
        bytes = encode_counted(status, detail_count, violation_count, &details, arena);
    }
    return bytes.size < RPC_STATUS_BYTES_MAX ? bytes : slice_of(NULL, 0);
}

/* --- Reading ---------------------------------------------------------------------------
 */

/* What a bare code means when nobody named a reason. */
static enum status status_from_code(enum status_code code)
{
    switch (code) {
    case STATUS_CODE_OK:
        return STATUS_OK;
    case STATUS_CODE_CANCELLED:
        return STATUS_CANCELLED;
    case STATUS_CODE_INVALID_ARGUMENT:
        return STATUS_INVALID;
    case STATUS_CODE_DEADLINE_EXCEEDED:
        return STATUS_OUTCOME_UNKNOWN;
    case STATUS_CODE_NOT_FOUND:
        return STATUS_NOT_FOUND;
    case STATUS_CODE_ALREADY_EXISTS:
        return STATUS_ALREADY_EXISTS;
    case STATUS_CODE_PERMISSION_DENIED:
        return STATUS_PERMISSION_DENIED;
    case STATUS_CODE_RESOURCE_EXHAUSTED:
        return STATUS_TOO_LARGE; /* gRPC itself says so of a large message */
    case STATUS_CODE_FAILED_PRECONDITION:
        return STATUS_QUANTITY_LIMIT;
    case STATUS_CODE_ABORTED:
        return STATUS_STOCK_CONTENDED;
    case STATUS_CODE_OUT_OF_RANGE:
        return STATUS_QUANTITY_OVERFLOW;
    case STATUS_CODE_UNIMPLEMENTED:
        return STATUS_UNIMPLEMENTED;
    case STATUS_CODE_UNAVAILABLE:
        return STATUS_UNREACHABLE;
    case STATUS_CODE_DATA_LOSS:
        return STATUS_CHECKSUM;
    case STATUS_CODE_UNAUTHENTICATED:
        return STATUS_UNAUTHENTICATED;
    case STATUS_CODE_UNKNOWN:
    case STATUS_CODE_INTERNAL:
        break;
    }
    return STATUS_INTERNAL;
}

static const ProtobufCMessage *unpack_any(const Google__Protobuf__Any *any,
                                          const ProtobufCMessageDescriptor *descriptor,
                                          struct arena *arena)
{
    ProtobufCMessage *message;
    const char *slash = strrchr(any->type_url, '/');
    if (slash == NULL || strcmp(slash + 1, descriptor->name) != 0) {
        return NULL;
    }
    if (rpc_message_unpack(descriptor, slice_of(any->value.data, any->value.len), false,
                           arena, &message, NULL) != STATUS_OK) {
        return NULL;
    }
    return message;
}

static void read_info(const Google__Rpc__ErrorInfo *info, struct arena *arena,
                      struct rpc_status *out)
{
    size_t count = info->n_metadata < RPC_STATUS_DETAILS_MAX ? info->n_metadata
                                                             : RPC_STATUS_DETAILS_MAX;
    struct rpc_detail *details;
    if (strcmp(info->domain, RPC_STATUS_DOMAIN) != 0) {
        return;
    }
    out->reason = info->reason;
    details = arena_alloc(arena, count * sizeof *details);
    for (size_t i = 0; details != NULL && i < count; i++) {
        details[i] =
            (struct rpc_detail){info->metadata[i]->key, info->metadata[i]->value};
    }
    out->details = details;
    out->detail_count = details ? count : 0;
}

static void read_violations(const Google__Rpc__BadRequest *bad,
                            const Google__Rpc__PreconditionFailure *failure,
                            struct arena *arena, struct rpc_status *out)
{
    size_t count = bad ? bad->n_field_violations : failure->n_violations;
    struct rpc_violation *violations;
    count = count < RPC_STATUS_DETAILS_MAX ? count : RPC_STATUS_DETAILS_MAX;
    violations = arena_alloc(arena, count * sizeof *violations);
    if (violations == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        violations[i] =
            bad ? (struct rpc_violation){bad->field_violations[i]->field,
                                         bad->field_violations[i]->description}
                : (struct rpc_violation){failure->violations[i]->subject,
                                         failure->violations[i]->description};
    }
    out->violations = violations;
    out->violation_count = count;
}

static void read_retry(const Google__Rpc__RetryInfo *retry, struct rpc_status *out)
{
    const int64_t seconds_max = UINT32_MAX / 1000 - 1;
    int64_t milliseconds;
    if (retry->retry_delay == NULL || retry->retry_delay->seconds < 0 ||
        retry->retry_delay->nanos < 0) {
        return;
    }
    if (retry->retry_delay->seconds > seconds_max) {
        milliseconds = seconds_max * 1000;
    } else {
        milliseconds =
            retry->retry_delay->seconds * 1000 + retry->retry_delay->nanos / 1000000;
    }
    out->retry_after_ms = (uint32_t)milliseconds;
}

static void read_any(const Google__Protobuf__Any *any, struct arena *arena,
                     struct rpc_status *out)
{
    const ProtobufCMessage *message;
    if ((message = unpack_any(any, &google__rpc__error_info__descriptor, arena)) !=
        NULL) {
        read_info((const Google__Rpc__ErrorInfo *)message, arena, out);
    } else if ((message = unpack_any(any, &google__rpc__retry_info__descriptor, arena)) !=
               NULL) {
        read_retry((const Google__Rpc__RetryInfo *)message, out);
    } else if ((message = unpack_any(any, &google__rpc__bad_request__descriptor,
                                     arena)) != NULL) {
        read_violations((const Google__Rpc__BadRequest *)message, NULL, arena, out);
    } else if ((message = unpack_any(any, &google__rpc__precondition_failure__descriptor,
                                     arena)) != NULL) {
        read_violations(NULL, (const Google__Rpc__PreconditionFailure *)message, arena,
                        out);
    }
}

/* A header may carry any bytes; what is passed on has to be text. */
static void text_make_valid(char *text, size_t size)
{
    if (rpc_message_text_valid(slice_of(text, size))) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0' || (uint8_t)text[i] >= 0x80) {
            text[i] = '?';
        }
    }
}

void rpc_status_decode(enum status_code code, struct slice message, struct slice details,
                       struct arena *arena, struct rpc_status *out_status)
{
    ProtobufCMessage *unpacked;
    char *text = arena_alloc(arena, message.size + 1);
    enum status named;
    if (text != NULL) {
        memcpy(text, message.data ? message.data : (const uint8_t *)"", message.size);
        text[message.size] = '\0';
        text_make_valid(text, message.size);
    }
    *out_status = (struct rpc_status){
        .status = status_from_code(code),
        .code = code,
        .message = text ? text : "",
        .reason = "",
    };
    if (code == STATUS_CODE_OK || details.size == 0 ||
        details.size > RPC_STATUS_DECODE_BYTES_MAX) {
        return;
    }
    if (rpc_message_unpack(&google__rpc__status__descriptor, details, false, arena,
                           &unpacked, NULL) == STATUS_OK) {
        const Google__Rpc__Status *status = (const Google__Rpc__Status *)unpacked;
        for (size_t i = 0; i < status->n_details && i < RPC_STATUS_DETAILS_MAX; i++) {
            read_any(status->details[i], arena, out_status);
        }
    }
    if (status_from_name(out_status->reason, &named) && status_code(named) == code) {
        out_status->status = named;
    }
}
