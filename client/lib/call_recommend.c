/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.RecommendService, but for its stream. */
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "client/lib/convert_recommend.h"
#include "proto/souk/v1/recommend.grpc-c.h"

static ProtobufCMessage *recommend_encode(struct call *call, const void *request)
{
    return &convert_recommend(call_arena(call), request)->base;
}

static void recommend_decode(struct call *call, const ProtobufCMessage *response,
                             void *out_reply)
{
    convert_recommend_back(call_arena(call), (const void *)response, out_reply);
}

CALL_DEFINE(recommend, souk__v1__recommend_service__service, "Recommend", false,
            souk_recommend_request, souk_recommend_reply);

static ProtobufCMessage *recommend_rank_encode(struct call *call, const void *request)
{
    return &convert_rank(call_arena(call), request)->base;
}

static void recommend_rank_decode(struct call *call, const ProtobufCMessage *response,
                                  void *out_reply)
{
    convert_rank_back(call_arena(call), (const void *)response, out_reply);
}

CALL_DEFINE(recommend_rank, souk__v1__recommend_service__service, "RankItems", false,
            souk_recommend_rank_request, souk_recommend_rank_reply);

static ProtobufCMessage *recommend_explain_encode(struct call *call, const void *request)
{
    const struct souk_recommend_explain_request *in = request;
    Souk__V1__ExplainAnswerRequest *out = arena_alloc(call_arena(call), sizeof *out);
    souk__v1__explain_answer_request__init(out);
    out->answer_id = convert_text(in->answer_id);
    return &out->base;
}

static void recommend_explain_decode(struct call *call, const ProtobufCMessage *response,
                                     void *out_reply)
{
    convert_explain_back(call_arena(call), (const void *)response, out_reply);
}

CALL_DEFINE(recommend_explain, souk__v1__recommend_service__service, "ExplainAnswer",
            false, souk_recommend_explain_request, souk_recommend_explain_reply);
