/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recommendation that is done, as messages of souk.v1 in the run's arena. On the run's
 * home loop, inside `finish`.
 */
#ifndef SOUK_SERVER_SERVICE_RECOMMEND_REPLY_H
#define SOUK_SERVER_SERVICE_RECOMMEND_REPLY_H

#include "proto/souk/v1/recommend.pb-c.h"
#include "server/service/recommend_run.h"
#include "server/service/reply.h"

/* Whether there is an answer: OK, or why there is none. */
MUST_USE enum status recommend_check(const struct recommend_run *run,
                                     struct problem *problem);
/* Fills the answer, names it and has it remembered for ExplainAnswer. On the way out of
 * memory reply->failed; then nothing is remembered. `answer` is initialised. */
void recommend_reply_answer(struct recommend_run *run, struct reply *reply,
                            Souk__V1__RecommendResponse *answer);
void recommend_reply_rank(struct recommend_run *run, struct reply *reply,
                          Souk__V1__RankItemsResponse *answer);
/* Parts of an answer, for those who tell it again. */
Souk__V1__Coverage *recommend_reply_coverage(struct reply *reply,
                                             const struct coverage *coverage,
                                             int64_t wall_ms);
char **recommend_reply_consent(bool used, size_t *out_count);
/* What was read counts as seen. */
void recommend_trailers(struct recommend_run *run);

#endif
