/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of an answer, so that it can be explained: one block of memory with
 * plain numbers and texts, made on every answer (so it must be cheap), turned into a
 * message only when somebody asks.
 *
 * On the home loop's thread.
 */
#ifndef SOUK_SERVER_SERVICE_ANSWER_RECORD_H
#define SOUK_SERVER_SERVICE_ANSWER_RECORD_H

#include "proto/souk/v1/recommend.pb-c.h"
#include "server/coordinator/recommend_flow.h"
#include "server/service/answer_ring.h"
#include "server/service/reply.h"

/* Takes down an answer that is done, and its items as they are shown. The head lacks its
 * id alone. */
struct answer_head *answer_record_new(const struct recommend_flow *flow,
                                      Souk__V1__RecommendedItem *const *items,
                                      size_t item_count, uint64_t now_us);
/* The same as a message in the reply's arena; texts are borrowed from the record. `map` is
 * that of the flow. */
void answer_record_explain(const struct answer_head *head, const struct shard_map *map,
                           struct reply *reply,
                           Souk__V1__ExplainAnswerResponse *out_answer);

#endif
