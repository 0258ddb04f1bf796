/* SPDX-License-Identifier: Apache-2.0 */
/* What several sources of this folder share: bounded reading, integer roots, exclusion,
 * the order of reasons. Pure; private to this folder. */
#ifndef SOUK_SHARD_RECOMMEND_SHARED_H
#define SOUK_SHARD_RECOMMEND_SHARED_H

#include "shard/base/encode.h"
#include "shard/recommend/rank.h"

__extension__ typedef unsigned __int128 shared_wide;

/* A varint that must not pass `max`. */
uint32_t shared_read_small(struct reader *reader, uint32_t max);
/* floor of the square root. */
uint64_t shared_root(shared_wide value);
/* Whether `options->excluded` names it. */
bool shared_excluded(const struct recommend_rank_options *options, uint64_t sku_hash);
/* Weight descending, then by what they relate to. */
void shared_reasons_sort(struct recommend_reason *reasons, uint32_t count);

#endif
