/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of souk.v1.RecommendService, made plans: every field is checked, what is
 * wrong is refused with its path in the request.
 *
 * The run's edge is begun; a plan borrows from the request and the edge's arena.
 */
#ifndef SOUK_SERVER_SERVICE_RECOMMEND_INTAKE_H
#define SOUK_SERVER_SERVICE_RECOMMEND_INTAKE_H

#include "proto/souk/v1/recommend.pb-c.h"
#include "server/service/recommend_run.h"

enum {
    RECOMMEND_SEEDS_MAX = RECOMMEND_FLOW_SEEDS_MAX,
    RECOMMEND_COUNT_DEFAULT = 20,
    RECOMMEND_SOFT_PERCENT = 80, /* of the deadline, when the budget names none */
};

MUST_USE enum status recommend_intake(struct recommend_run *run,
                                      const Souk__V1__RecommendRequest *request,
                                      struct problem *problem);
MUST_USE enum status recommend_intake_rank(struct recommend_run *run,
                                           const Souk__V1__RankItemsRequest *request,
                                           struct problem *problem);

#endif
