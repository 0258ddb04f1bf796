/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/recommend/reference_walk.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct walk_reference_customer customer;

static int64_t newest(const customer *who, uint64_t item)
{
    int64_t at = INT64_MIN;
    for (int i = 0; i < who->action_count; i++) {
        at = who->items[i] == item && who->at_ms[i] > at ? who->at_ms[i] : at;
    }
    return at;
}

static bool holds(const customer *who, uint64_t item)
{
    for (int i = 0; i < who->action_count; i++) {
        if (who->items[i] == item) {
            return true;
        }
    }
    return false;
}

static int held_count(const customer *who)
{
    int count = 0;
    for (int i = 0; i < who->action_count; i++) {
        bool before = false;
        for (int n = 0; n < i; n++) {
            before = before || who->items[n] == who->items[i];
        }
        count += !before;
    }
    return count;
}

/* The least number of steps from the seed to the item; 0: never within the window. */
static int distance(const customer *who, uint64_t seed, uint64_t item, int window)
{
    uint64_t steps[WALK_REFERENCE_ACTIONS_MAX];
    int step_count = 0, least = 0;
    for (int i = 0; i < who->action_count; i++) {
        if (step_count == 0 || steps[step_count - 1] != who->items[i]) {
            steps[step_count++] = who->items[i];
        }
    }
    for (int i = 0; i < step_count; i++) {
        for (int n = i + 1; n < step_count && n - i <= window; n++) {
            if (steps[i] == seed && steps[n] == item && (least == 0 || n - i < least)) {
                least = n - i;
            }
        }
    }
    return least;
}

static int bucket_of(const customer *who, int v)
{
    int bucket = 0;
    for (int bit = 1; 1 << bit <= v; bit++) {
        bucket = bucket * 2 + (int)(who->high >> (64 - bit) & 1);
    }
    return bucket;
}

static bool same(const customer *a, const customer *b)
{
    return a->high == b->high && a->low == b->low;
}

/* Whether it is among the ceil(m/V) of its bucket who held the seed last. */
static bool visited(const customer *all, int count, const customer *who, uint64_t seed,
                    const struct walk_reference_query *query)
{
    int newer = 0;
    if (!holds(who, seed) || (query->asker != NULL && same(query->asker, who))) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        const customer *other = &all[i];
        int64_t mine = newest(who, seed), its = newest(other, seed);
        bool later =
            its > mine ||
            (its == mine && (other->high > who->high ||
                             (other->high == who->high && other->low > who->low)));
        bool asker = query->asker != NULL && same(query->asker, other);
        if (holds(other, seed) && !asker &&
            bucket_of(other, query->v) == bucket_of(who, query->v) && later) {
            newer++;
        }
    }
    return newer < (query->m + query->v - 1) / query->v;
}

struct vote {
    uint64_t item;
    int64_t sum;
    int64_t evidence;
    double score;
};

static int by_score(const void *left, const void *right)
{
    const struct vote *a = left, *b = right;
    if (a->score > b->score || a->score < b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

static double log_degree(const customer *all, int count, uint64_t item)
{
    int degree = 0;
    for (int i = 0; i < count; i++) {
        degree += holds(&all[i], item);
    }
    return degree > 1 ? log((double)degree) : 0.0;
}

static void vote_add(const customer *who, uint64_t seed,
                     const struct walk_reference_query *query, struct vote *vote)
{
    long double a = (long double)query->power_quarters / 4.0L;
    int64_t weight = (int64_t)llroundl(0x1p40L * powl((long double)held_count(who), -a));
    int steps = distance(who, seed, vote->item, query->window);
    if (!holds(who, vote->item) || (query->window > 0 && steps == 0)) {
        return;
    }
    vote->sum += query->window > 0 ? weight * (query->window + 1 - steps) : weight;
    vote->evidence++;
}

static int seed_votes(const customer *all, int count,
                      const struct walk_reference_query *query, uint64_t seed,
                      const uint64_t *catalogue, int catalogue_count, struct vote *out)
{
    int votes = 0;
    for (int i = 0; i < catalogue_count; i++) {
        struct vote vote = {.item = catalogue[i]};
        for (int n = 0; n < count && catalogue[i] != seed; n++) {
            if (visited(all, count, &all[n], seed, query)) {
                vote_add(&all[n], seed, query, &vote);
            }
        }
        if (vote.evidence > 0) {
            double both =
                log_degree(all, count, seed) + log_degree(all, count, vote.item);
            vote.score = (double)vote.sum / 0x1p40 *
                         exp(-((double)query->power_hundredths / 100.0) * both);
            out[votes++] = vote;
        }
    }
    if (votes > 0) {
        qsort(out, (size_t)votes, sizeof *out, by_score);
    }
    return votes < query->nearest ? votes : query->nearest;
}

static int canonical(const void *left, const void *right)
{
    const struct walk_reference_item *a = left, *b = right;
    if (a->score > b->score || a->score < b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

static struct walk_reference_item *answer_item(struct walk_reference_answer *out,
                                               uint64_t item)
{
    for (int i = 0; i < out->item_count; i++) {
        if (out->items[i].item == item) {
            return &out->items[i];
        }
    }
    out->items[out->item_count] = (struct walk_reference_item){.item = item};
    return &out->items[out->item_count++];
}

static int catalogue_of(const customer *all, int count, uint64_t *out)
{
    int items = 0;
    for (int i = 0; i < count; i++) {
        for (int n = 0; n < all[i].action_count; n++) {
            bool there = false;
            for (int k = 0; k < items; k++) {
                there = there || out[k] == all[i].items[n];
            }
            if (!there) {
                out[items++] = all[i].items[n];
            }
        }
    }
    return items;
}

void walk_reference_make(const struct walk_reference_customer *customers,
                         int customer_count, const struct walk_reference_query *query,
                         struct walk_reference_answer *out)
{
    uint64_t catalogue[WALK_REFERENCE_ITEMS_MAX];
    int catalogue_count = catalogue_of(customers, customer_count, catalogue);
    double total = 0;
    memset(out, 0, sizeof *out);
    for (int s = 0; s < query->seed_count; s++) {
        struct vote votes[WALK_REFERENCE_ITEMS_MAX];
        int count = seed_votes(customers, customer_count, query, query->seeds[s],
                               catalogue, catalogue_count, votes);
        total += (double)query->seed_weights[s];
        for (int i = 0; i < count; i++) {
            struct walk_reference_item *item = answer_item(out, votes[i].item);
            item->score += votes[i].score * (double)query->seed_weights[s];
            item->evidence[s] = votes[i].evidence;
        }
    }
    for (int i = 0; i < out->item_count; i++) {
        out->items[i].score /= total > 0 ? total : 1.0;
    }
    if (out->item_count > 0) {
        qsort(out->items, (size_t)out->item_count, sizeof *out->items, canonical);
    }
}
