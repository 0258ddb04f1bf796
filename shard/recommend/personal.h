/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a customer's own history says: buy again, and recently viewed. Pure functions of
 * the actions that the customer's shard hands over; integers until the score is shown.
 *
 * Buy again is the personal part of TIFU-KNN (Hu, He, Gao, Zhang: "Modeling Personalized
 * Item Frequency Information for Next-basket Recommendation", SIGIR 2020). Actions of one
 * time bucket are a basket, baskets count from the newest, and a basket of place p weighs
 *     within^(p mod group) * across^(p / group),    both decays in 65536ths.
 * An item weighs the sum of its baskets. One whose mean repeat interval is nearly over
 * (three quarters to twice of it) gets `due_percent` on top. Ties fall to the popular,
 * then to the hash.
 */
#ifndef SOUK_SHARD_RECOMMEND_PERSONAL_H
#define SOUK_SHARD_RECOMMEND_PERSONAL_H

#include "shard/recommend/histories.h"
#include "shard/recommend/rank.h"

enum {
    PERSONAL_DECAY_ONE = 65536, /* no decay */
    PERSONAL_DUE_PERCENT_MAX = 1000,
    /* Kinds of actions, by their numbers in souk.v1.EventKind. */
    PERSONAL_KINDS_VIEWED = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 10,
    PERSONAL_KINDS_BOUGHT = 1 << 6,
};

struct personal_history {
    const struct histories_action *actions; /* oldest first */
    uint32_t action_count;                  /* at most HISTORIES_ACTIONS_MAX */
    int64_t now_ms;
};

struct personal_buy_again_options {
    /* excluded and count; exclude_current leaves out the newest action's item */
    struct recommend_rank_options rank;
    uint32_t kinds;         /* HISTORIES_KINDS_ALL: every one */
    int64_t basket_ms;      /* a time bucket, at least 1 */
    uint32_t group_baskets; /* at least 1 */
    uint32_t within_decay;  /* up to PERSONAL_DECAY_ONE */
    uint32_t across_decay;
    uint32_t due_percent;
    const struct degree_table *popular; /* breaks ties; may be NULL */
};

/* Reason BUY_AGAIN, its evidence the baskets with the item. INVALID, TOO_LARGE (arena). */
MUST_USE enum status personal_buy_again(const struct personal_history *history,
                                        const struct personal_buy_again_options *options,
                                        struct arena *arena,
                                        struct recommend_ranked *out_ranked);

/* Distinct items by their newest action of the kinds, newest first; reason
 * RECENTLY_VIEWED, its evidence the actions. INVALID, TOO_LARGE (arena). */
MUST_USE enum status personal_recently_viewed(const struct personal_history *history,
                                              uint32_t kinds,
                                              const struct recommend_rank_options *rank,
                                              struct arena *arena,
                                              struct recommend_ranked *out_ranked);

#endif
