/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vocabulary of outcomes from the disk to gRPC and HTTP.
 *
 * A function that can fail returns `enum status`; results leave through `out_` parameters
 * and are written on success only. Each line of the table is
 *     X(NAME, gRPC code, retry, "what it means for the caller and what to do next")
 * NAME is also the ErrorInfo reason on the wire, so a name, once landed, never changes.
 * Adding a status is adding a line: the documentation and the wire mapping follow.
 */
#ifndef SOUK_SHARD_BASE_STATUS_H
#define SOUK_SHARD_BASE_STATUS_H

#include <stdbool.h>

/* The canonical gRPC codes, spelled here because the base knows no gRPC. */
enum status_code {
    STATUS_CODE_OK = 0,
    STATUS_CODE_CANCELLED = 1,
    STATUS_CODE_UNKNOWN = 2,
    STATUS_CODE_INVALID_ARGUMENT = 3,
    STATUS_CODE_DEADLINE_EXCEEDED = 4,
    STATUS_CODE_NOT_FOUND = 5,
    STATUS_CODE_ALREADY_EXISTS = 6,
    STATUS_CODE_PERMISSION_DENIED = 7,
    STATUS_CODE_RESOURCE_EXHAUSTED = 8,
    STATUS_CODE_FAILED_PRECONDITION = 9,
    STATUS_CODE_ABORTED = 10,
    STATUS_CODE_OUT_OF_RANGE = 11,
    STATUS_CODE_UNIMPLEMENTED = 12,
    STATUS_CODE_INTERNAL = 13,
    STATUS_CODE_UNAVAILABLE = 14,
    STATUS_CODE_DATA_LOSS = 15,
    STATUS_CODE_UNAUTHENTICATED = 16,
};

enum status_retry {
    STATUS_RETRY_NEVER,  /* the same call can only end the same way */
    STATUS_RETRY_REREAD, /* read the current state, decide anew */
    STATUS_RETRY_SAME,   /* the same call with the same request id, after a backoff */
};

/* clang-format off */
#define STATUS_TABLE(X)                                                                          \
    X(OK,                     OK,                  NEVER,  "done")                               \
    X(CANCELLED,              CANCELLED,           NEVER,  "the caller gave up")                 \
    X(INVALID,                INVALID_ARGUMENT,    NEVER,  "a field is malformed; see the field violations") \
    X(REQUEST_ID_REQUIRED,    INVALID_ARGUMENT,    NEVER,  "a mutating call carries a request_id: a UUIDv7, or 1-64 characters with request_time") \
    X(REQUEST_ID_REUSED,      INVALID_ARGUMENT,    NEVER,  "this request_id was used for another payload; use a new one") \
    X(REQUEST_ID_EXPIRED,     INVALID_ARGUMENT,    NEVER,  "this request_id is older than what is remembered; it was not applied now") \
    X(BAD_FILTER,             INVALID_ARGUMENT,    NEVER,  "the filter does not parse")          \
    X(BAD_TOKEN,              INVALID_ARGUMENT,    NEVER,  "the token was not issued by this cluster for this call") \
    X(NOT_FOUND,              NOT_FOUND,           NEVER,  "no such thing")                      \
    X(ALREADY_EXISTS,         ALREADY_EXISTS,      NEVER,  "there is one already")               \
    X(UNAUTHENTICATED,        UNAUTHENTICATED,     NEVER,  "the caller did not identify itself") \
    X(PERMISSION_DENIED,      PERMISSION_DENIED,   NEVER,  "the caller's role does not allow this") \
    X(INSUFFICIENT_STOCK,     FAILED_PRECONDITION, NEVER,  "fewer units are available than requested; see the lines") \
    X(HOLD_EXPIRED,           FAILED_PRECONDITION, NEVER,  "the hold has expired; create a new one") \
    X(HOLD_ALREADY_COMMITTED, FAILED_PRECONDITION, NEVER,  "the hold is committed; cancel it instead") \
    X(HOLD_ALREADY_RELEASED,  FAILED_PRECONDITION, NEVER,  "the hold was released; create a new one") \
    X(HOLD_NOT_COMMITTED,     FAILED_PRECONDITION, NEVER,  "commit the hold first")              \
    X(HOLD_ALREADY_FULFILLED, FAILED_PRECONDITION, NEVER,  "the hold is fulfilled; its units have left") \
    X(HOLD_ALREADY_CANCELLED, FAILED_PRECONDITION, NEVER,  "the hold was cancelled; create a new one") \
    X(SKU_NOT_ACTIVE,         FAILED_PRECONDITION, NEVER,  "the SKU is not ACTIVE")              \
    X(SKU_IN_USE,             FAILED_PRECONDITION, NEVER,  "the SKU still has stock or open holds; retire it instead") \
    X(SEQUENCE_GAP,           FAILED_PRECONDITION, REREAD, "an earlier item is missing; resume after the sequence named") \
    X(CONSENT_MISSING,        FAILED_PRECONDITION, NEVER,  "the customer did not consent to this purpose") \
    X(QUANTITY_LIMIT,         FAILED_PRECONDITION, NEVER,  "a limit on quantity or number is reached; it is named in the message") \
    X(ETAG_MISMATCH,          ABORTED,             REREAD, "it changed since it was read; read it again") \
    X(STOCK_COMPARE_FAILED,   ABORTED,             REREAD, "the level is not what was expected; its current value is in the message") \
    X(STOCK_CONTENDED,        ABORTED,             SAME,   "undecided holds touch these units; try again") \
    X(SOURCE_SUPERSEDED,      ABORTED,             NEVER,  "another stream of this source, or a newer source_epoch, has taken over") \
    X(QUANTITY_OVERFLOW,      OUT_OF_RANGE,        NEVER,  "the quantity would pass what a level can hold") \
    X(RESUME_POINT_COMPACTED, OUT_OF_RANGE,        NEVER,  "the history before this point is gone; start from a snapshot") \
    X(UNIMPLEMENTED,          UNIMPLEMENTED,       NEVER,  "this server has no such method")     \
    X(MULTI_SHARD_HOLD,       UNIMPLEMENTED,       NEVER,  "a BEST_EFFORT hold over several shards is not served; ask for ALL_OR_NOTHING, or for one hold per line") \
    X(INTERNAL,               INTERNAL,            NEVER,  "a defect of the server; report it with the request id") \
    X(NOT_LEADER,             UNAVAILABLE,         SAME,   "this replica does not lead the shard") \
    X(EPOCH_CHANGED,          UNAVAILABLE,         SAME,   "the shard's range has changed")      \
    X(QUORUM_LOST,            UNAVAILABLE,         SAME,   "the shard has no quorum")            \
    X(SHARD_MOVING,           UNAVAILABLE,         SAME,   "the shard is being moved")           \
    X(COVERAGE_BELOW_MINIMUM, UNAVAILABLE,         SAME,   "fewer shards answered in time than min_coverage asks for") \
    X(DRAINING,               UNAVAILABLE,         SAME,   "the server is stopping; go to another node") \
    X(STREAM_IDLE,            UNAVAILABLE,         SAME,   "nothing came on this stream for too long; open it again when there is something") \
    X(UNREACHABLE,            UNAVAILABLE,         SAME,   "no server answers at this address")  \
    X(OVERLOADED,             RESOURCE_EXHAUSTED,  SAME,   "a queue is full; retry after the delay in RetryInfo") \
    X(QUOTA,                  RESOURCE_EXHAUSTED,  SAME,   "a limit of this caller is reached; it is named in the message") \
    X(TOO_LARGE,              RESOURCE_EXHAUSTED,  NEVER,  "the message is larger than the limit") \
    X(WATCH_TOO_SLOW,         RESOURCE_EXHAUSTED,  SAME,   "changes were read more slowly than they happened; go on from the token") \
    X(DISK_FULL,              RESOURCE_EXHAUSTED,  SAME,   "the disk of this node is nearly full; new work is refused") \
    X(OUTCOME_UNKNOWN,        DEADLINE_EXCEEDED,   SAME,   "the deadline passed; the same request_id tells what happened") \
    X(CHECKSUM,               DATA_LOSS,           NEVER,  "stored data is damaged")             \
    X(VERSION,                DATA_LOSS,           NEVER,  "stored data was written by a version that this one cannot read") \
    X(FOLDER_IN_USE,          FAILED_PRECONDITION, NEVER,  "another process has this data folder open") \
    X(IO,                     INTERNAL,            NEVER,  "the disk or a file failed")
/* clang-format on */

enum status {
#define STATUS_ENUM(name, code, retry, text) STATUS_##name,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
    STATUS_COUNT,
};

#define MUST_USE __attribute__((warn_unused_result))

/* The name on the wire ("INSUFFICIENT_STOCK"); static storage. */
const char *status_name(enum status status);
/* One sentence for a person; static storage. */
const char *status_text(enum status status);
enum status_code status_code(enum status status);
/* "FAILED_PRECONDITION" for a code; static storage. */
const char *status_code_name(enum status_code code);
enum status_retry status_retry(enum status status);
/* The status of a wire name; false when there is none of that name. */
bool status_from_name(const char *name, enum status *out_status);

/*
 * A refusal with what the caller needs to mend it. Filled by whoever refuses first, by
 * value, and never freed. `field` is a path in the request ("lines[3].quantity") or
 * empty.
 */
struct problem {
    enum status status;
    char field[96];
    char message[256];
};

/* Fills the problem (printf style, truncated) and returns `status`. */
enum status problem_set(struct problem *problem, enum status status, const char *field,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For functions that hold nothing: leave at the first failure. */
#define TRY(expression)                                                                  \
    do {                                                                                 \
        enum status try_status_ = (expression);                                          \
        if (try_status_ != STATUS_OK) {                                                  \
            return try_status_;                                                          \
        }                                                                                \
    } while (0)

#endif
