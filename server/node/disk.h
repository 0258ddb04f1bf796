/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the log and the state of a data folder, and refuses to go on when one of them is
 * not there any more: a log in whose place a new one were made would take with it what was
 * acknowledged and stood in the log alone.
 *
 * Used by the program at start, before any other thread.
 */
#ifndef SOUK_SERVER_NODE_DISK_H
#define SOUK_SERVER_NODE_DISK_H

#include <stdint.h>

#include "shard/base/status.h"
#include "shard/storage/folder.h"
#include "shard/storage/log_store.h"
#include "shard/storage/store.h"

/* A file of this name in the data folder lets the next start make a new log in place of
 * one that is gone; that start removes it. */
#define DISK_ACCEPT_NAME "accept-lost-log"

/*
 * Both belong to the caller; what is open when it fails is left there as well.
 * NOT_FOUND: log or state are gone. INVALID: another folder's log. CHECKSUM, VERSION,
 * DISK_FULL, IO. The problem says what to do.
 */
MUST_USE enum status disk_open(const struct folder *folder, uint64_t segment_bytes,
                               struct problem *problem, struct store **out_store,
                               struct log_store **out_log);

#endif
