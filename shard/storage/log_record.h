/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records inside one replica's part of a batch, one behind the other. Internal to
 * shard/storage, tests and fuzzing. A record is a kind byte and varints:
 *
 *     1 ENTRY   index term bytes(payload)
 *     2 STATE   term vote commit
 *     3 RESET   index term
 *     4 NOTE    bytes(note)
 *     5 FORGET
 *     6 BASE    flags first first_term last last_term released
 *
 * BASE comes first in the first batch that names a replica (flag BORN) and again, for
 * every replica, in the first batch of each segment: so older segments can be freed, and
 * a missing one is noticed.
 */
#ifndef SOUK_SHARD_STORAGE_LOG_RECORD_H
#define SOUK_SHARD_STORAGE_LOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/encode.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

/* Stored: a number, once landed, never changes. */
enum log_record_kind {
    LOG_RECORD_ENTRY = 1,
    LOG_RECORD_STATE = 2,
    LOG_RECORD_RESET = 3,
    LOG_RECORD_NOTE = 4,
    LOG_RECORD_FORGET = 5,
    LOG_RECORD_BASE = 6,
};

enum log_base_flag {
    LOG_BASE_BORN = 1,
    LOG_BASE_DAMAGED = 2,
};

struct log_base {
    uint64_t flags; /* enum log_base_flag */
    uint64_t first_index;
    uint64_t first_term;
    uint64_t last_index;
    uint64_t last_term;
    uint64_t released;
};

struct log_record {
    enum log_record_kind kind;
    uint64_t index;       /* ENTRY, RESET */
    uint64_t term;        /* ENTRY, RESET, STATE */
    uint64_t vote;        /* STATE */
    uint64_t commit;      /* STATE */
    struct slice payload; /* ENTRY, NOTE; borrowed */
    struct log_base base; /* BASE */
};

void log_record_encode(struct buffer *records, const struct log_record *record);
/* Takes the next record off the reader; CHECKSUM when there is no whole one. */
MUST_USE enum status log_record_decode(struct reader *reader,
                                       struct log_record *out_record);

#endif
