/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of souk.v1.RecommendService that have files of their own; for
 * recommend_service.c, which registers them. */
#ifndef SOUK_SERVER_SERVICE_RECOMMEND_SERVICE_H
#define SOUK_SERVER_SERVICE_RECOMMEND_SERVICE_H

#include "proto/rpc/rpc_stream.h"
#include "proto/souk/v1/recommend.pb-c.h"

/* BatchRecommend; its other events are those of ordered_stream.h. */
void recommend_batch_open(struct rpc_stream *rpc, void *context);
void recommend_batch_message(struct rpc_stream *rpc,
                             const Souk__V1__BatchRecommendRequest *request, void *user);

/* ExplainAnswer. */
void recommend_explain(struct rpc_call *rpc,
                       const Souk__V1__ExplainAnswerRequest *request, void *context);

#endif
