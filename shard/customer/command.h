/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a customer shard through its log: one struct per command, filled
 * by the service edge, carried by the replica's codec, decided by customer_apply.
 *
 * A command is borrowed: its slices and arrays live until the call returns. Apply checks
 * everything again that the edge has checked: an old log may hold anything.
 */
#ifndef SOUK_SHARD_CUSTOMER_COMMAND_H
#define SOUK_SHARD_CUSTOMER_COMMAND_H

#include "shard/customer/types.h"

enum customer_command_kind {
    CUSTOMER_RECORD = 1,       /* events, each decided by itself */
    CUSTOMER_UPSERT = 2,       /* a profile, whole */
    CUSTOMER_REQUEST_SEAL = 3, /* GetOutcome: an unknown request becomes CANCELLED */
    CUSTOMER_TICK = 4,         /* by the leader: only lets log time pass */
    CUSTOMER_ERASE = 5,        /* all that is known of one customer or visitor goes */
};

/* What makes a command exactly-once. Events are so by event_id, or by import line. */
enum customer_identity_kind {
    CUSTOMER_IDENTITY_NONE = 0,    /* RECORD of events that carry an event_id; TICK */
    CUSTOMER_IDENTITY_REQUEST = 1, /* UPSERT, ERASE, REQUEST_SEAL */
    CUSTOMER_IDENTITY_IMPORT = 2,  /* UPSERT, RECORD: remembered without expiry */
};

struct customer_identity {
    enum customer_identity_kind kind;
    /* REQUEST */
    uint64_t anchor;           /* customer_hash of the profile's pseudonym */
    struct hash128 request_id; /* hash128(request id, 0) */
    uint64_t fingerprint;      /* customer_upsert_fingerprint, customer_erase_... */
    int64_t request_ms;        /* from the UUIDv7, or request_time */
    uint32_t attempt;          /* carried for symmetry; no outcome here is replaceable */
    /* IMPORT; line and prev_line only for UPSERT (events carry their own) */
    struct hash128 import_id;
    uint64_t line;
    uint64_t prev_line;
    /* Lanes of this shard, and refused lines in them, from the settings of these names;
     * see import_lane.h. */
    uint32_t imports_max;
    uint32_t imports_refused_max;
};

struct customer_record {
    const struct customer_event *events;
    uint32_t event_count;
};

/* Writes the profile whole, but for consent where it is to stay as it is. */
struct customer_upsert {
    struct hash128 customer;
    struct customer_profile profile; /* etag, times and event_count are ignored */
    uint64_t etag;                   /* 0: unconditional; else it must exist with it */
    bool
        consent_kept; /* as it stands, granted for a new customer; the flags are ignored */
    uint32_t attributes_max;
};

/* The pseudonym alone: an erasure never brings the clear id into the log. */
struct customer_erase {
    struct hash128 customer;
};

struct customer_command {
    enum customer_command_kind kind;
    struct customer_identity identity;
    union {
        struct customer_record record;
        struct customer_upsert upsert;
        struct customer_erase erase;
    };
};

/* 64 bits over what the caller asked for in canonical form, without the identity. */
uint64_t customer_upsert_fingerprint(const struct customer_upsert *upsert);
uint64_t customer_erase_fingerprint(const struct customer_erase *erase);

/* What apply refuses without looking at its state: OK, or INVALID with field and message.
 * For the edge, before append; apply runs it again. `problem` may be NULL. */
MUST_USE enum status customer_event_check(const struct customer_event *event,
                                          struct problem *problem);
MUST_USE enum status customer_upsert_check(const struct customer_upsert *upsert,
                                           struct problem *problem);

#endif
