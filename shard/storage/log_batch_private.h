/* SPDX-License-Identifier: Apache-2.0 */
/* What the segment log sees of a batch and callers do not. */
#ifndef SOUK_SHARD_STORAGE_LOG_BATCH_PRIVATE_H
#define SOUK_SHARD_STORAGE_LOG_BATCH_PRIVATE_H

#include "shard/storage/log_batch.h"
#include "shard/storage/log_record.h"

void log_batch_add_record(struct log_batch *batch, uint64_t replica_id,
                          const struct log_record *record);
/* NULL when the batch has nothing of that replica. */
const struct log_group *log_batch_find(const struct log_batch *batch,
                                       uint64_t replica_id);

#endif
