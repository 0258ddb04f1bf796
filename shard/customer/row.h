/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored rows of a customer shard, under KEY_TABLE_CUSTOMER; each value begins with
 * its version byte. Numbers, once landed, never change.
 *
 *     ROW_PROFILE  customer's hash, id = be64(low)                the profile
 *     ROW_EVENTS   customer's hash, id = be64(low) be64(ordinal)  a block of events; the
 *                  ordinal counts the customer's events, and is that of its first
 *     ROW_REQUEST  anchor, id = be64(high) be64(low)              a remembered outcome
 *     ROW_LANE     first hash of the range, id = import id        an import's last line
 *     ROW_SHARD    first hash of the range, no id                 log time and floors
 *     ROW_REFUSED  first hash of the range,                       lines of the import that
 *                  id = import id be64(base)                      were refused
 *
 * The values of ROW_LANE and ROW_REFUSED are those of shard/base/import_lane.h.
 */
#ifndef SOUK_SHARD_CUSTOMER_ROW_H
#define SOUK_SHARD_CUSTOMER_ROW_H

#include "shard/base/arena.h"
#include "shard/base/buffer.h"
#include "shard/customer/types.h"

enum customer_row_kind {
    ROW_PROFILE = 1,
    ROW_EVENTS = 2,
    ROW_REQUEST = 3,
    ROW_LANE = 4,
    ROW_SHARD = 5,
    ROW_REFUSED = 6,
};

enum {
    ROW_VERSION = 1,
    ROW_VERSION_ERASURE = 2, /* of a remembered request that was an erasure, alone */
    ROW_VERSION_PLACES = 2,  /* of a block of events that names a location, alone */
};

struct row_shard {
    int64_t log_ms;
    int64_t event_floor_ms;
    int64_t request_floor_ms;
};

struct row_request {
    uint64_t fingerprint;
    int64_t request_ms;
    int64_t log_ms;
    uint32_t attempt;
    enum status status;
    bool created;
    uint64_t etag;
    /* Of an erasure, so that a repeat gets the same proof: log_index is not 0. Its log time
     * is log_ms. */
    struct customer_erasure erased;
};

/* An event as it lies in a block. */
struct row_event {
    struct customer_event event; /* customer is not set; occurred_ms is clamped */
    int64_t log_ms;
};

/* Each appends a whole key. */
void row_key_customer(struct buffer *key, enum customer_row_kind kind,
                      struct hash128 customer);
void row_key_events(struct buffer *key, struct hash128 customer, uint64_t ordinal);
void row_key_request(struct buffer *key, uint64_t anchor, struct hash128 request_id);
void row_key_lane(struct buffer *key, uint64_t range_first, struct hash128 import_id);
void row_key_refused(struct buffer *key, uint64_t range_first, struct hash128 import_id,
                     uint64_t base);
void row_key_shard(struct buffer *key, uint64_t range_first);

void row_profile_encode(struct buffer *value, const struct customer_profile *profile);
/* Slices borrow from `value`, arrays live in the arena. CHECKSUM, VERSION. */
MUST_USE enum status row_profile_decode(struct slice value, struct arena *arena,
                                        struct customer_profile *out_profile);

/* A block is its version byte and then events, one behind the other. An event with a
 * location raises the version of its block. */
void row_events_begin(struct buffer *value);
void row_events_add(struct buffer *value, const struct row_event *event);

struct row_events_reader {
    struct slice left;
    uint32_t flags; /* that events of this version have */
};
/* CHECKSUM, VERSION. */
MUST_USE enum status row_events_open(struct row_events_reader *reader,
                                     struct slice value);
/* NOT_FOUND at the end, CHECKSUM when damaged. Slices borrow from the block. */
MUST_USE enum status row_events_next(struct row_events_reader *reader,
                                     struct row_event *out_event);

void row_shard_encode(struct buffer *value, const struct row_shard *row);
MUST_USE enum status row_shard_decode(struct slice value, struct row_shard *out_row);
void row_request_encode(struct buffer *value, const struct row_request *row);
MUST_USE enum status row_request_decode(struct slice value, struct row_request *out_row);

#endif
