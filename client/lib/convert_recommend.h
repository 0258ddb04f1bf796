/* SPDX-License-Identifier: Apache-2.0 */
/* Recommendations between the public structs and souk.v1, for calls and the stream. */
#ifndef SOUK_CLIENT_LIB_CONVERT_RECOMMEND_H
#define SOUK_CLIENT_LIB_CONVERT_RECOMMEND_H

#include "client/include/souk/recommend.h"
#include "proto/souk/v1/recommend.pb-c.h"
#include "shard/base/arena.h"

Souk__V1__RecommendRequest *
convert_recommend(struct arena *arena, const struct souk_recommend_request *request);
Souk__V1__RankItemsRequest *
convert_rank(struct arena *arena, const struct souk_recommend_rank_request *request);

void convert_recommended_back(struct arena *arena, const Souk__V1__RecommendedItem *item,
                              struct souk_recommended_item *out_item);
/* All but the head of the reply. */
void convert_recommend_back(struct arena *arena,
                            const Souk__V1__RecommendResponse *response,
                            struct souk_recommend_reply *out_reply);
void convert_rank_back(struct arena *arena, const Souk__V1__RankItemsResponse *response,
                       struct souk_recommend_rank_reply *out_reply);
void convert_explain_back(struct arena *arena,
                          const Souk__V1__ExplainAnswerResponse *response,
                          struct souk_recommend_explain_reply *out_reply);

#endif
