/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/recommend_plan.h"

#include "shard/recommend/personal.h"

void recommend_plan_init(struct recommend_plan *plan, const struct shard_map *map)
{
    *plan = (struct recommend_plan){
        .map = map,
        .placement = placement_at(PLACEMENT_SESSION),
        .bucket_count = map->virtual_buckets,
        .count = 20,
        .stock = RECOMMEND_STOCK_VERIFIED,
        .neighbours = {.candidates = 1500,
                       .neighbours = 300,
                       .clicks_max = RECOMMEND_CLICKS_MAX},
        .walk = {.customers = 2000,
                 .nearest = 1000,
                 .power_quarters = 1,
                 .power_hundredths = 15,
                 .window = 3,
                 .seeds_max = 20,
                 .decay_percent = 100,
                 .then_decay_percent = 100},
        /* The decays .95 and .90 of TIFU-KNN, groups of seven baskets of a day. */
        .buy_again = {.kinds = PERSONAL_KINDS_BOUGHT,
                      .basket_ms = (int64_t)24 * 60 * 60 * 1000,
                      .group_baskets = 7,
                      .within_decay = PERSONAL_DECAY_ONE * 95 / 100,
                      .across_decay = PERSONAL_DECAY_ONE * 90 / 100,
                      .due_percent = 50},
        .recently_viewed_kinds = PERSONAL_KINDS_VIEWED,
        .content_reach = CONTENT_TOKEN_REACH_DEFAULT,
        .arrivals = {.days = 30, .pool = ARRIVALS_POOL_MAX, .explored_percent = 10},
    };
}
