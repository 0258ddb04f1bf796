/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/recommend/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vote {
    const struct reference_session *session;
    int64_t sim;
};

static bool holds(const struct reference_session *session, uint64_t item)
{
    for (int i = 0; i < session->item_count; i++) {
        if (session->items[i] == item) {
            return true;
        }
    }
    return false;
}

static bool newer(const struct reference_session *a, const struct reference_session *b)
{
    return a->end_ms > b->end_ms || (a->end_ms == b->end_ms && a->hash > b->hash);
}

static int newest_first(const void *left, const void *right)
{
    const struct reference_session *a = *(const struct reference_session *const *)left;
    const struct reference_session *b = *(const struct reference_session *const *)right;
    return newer(a, b) ? -1 : 1;
}

static int by_sim(const void *left, const void *right)
{
    const struct vote *a = left, *b = right;
    if (a->sim != b->sim) {
        return a->sim > b->sim ? -1 : 1;
    }
    return newer(a->session, b->session) ? -1 : 1;
}

static int bucket_of(const struct reference_session *session, int v)
{
    int bucket = 0;
    for (int bit = 1; 1 << bit <= v; bit++) {
        bucket = bucket * 2 + (int)(session->customer_high >> (64 - bit) & 1);
    }
    return bucket;
}

/* One item's list of one bucket against the candidates, by the paper's three cases. */
static int list_visit(const struct reference_session **list, int list_count,
                      int64_t weight, struct vote *votes, int vote_count, int m)
{
    for (int i = 0; i < list_count && i < m; i++) {
        int found = -1, oldest = 0;
        for (int n = 0; n < vote_count; n++) {
            if (votes[n].session == list[i]) {
                found = n;
            }
            if (newer(votes[oldest].session, votes[n].session)) {
                oldest = n;
            }
        }
        if (found >= 0) {
            votes[found].sim += weight;
        } else if (vote_count < m) {
            votes[vote_count++] = (struct vote){list[i], weight};
        } else if (newer(list[i], votes[oldest].session)) {
            votes[oldest] = (struct vote){list[i], weight};
        } else {
            break;
        }
    }
    return vote_count;
}

static struct reference_item *answer_item(struct reference_answer *out, uint64_t item)
{
    for (int i = 0; i < out->item_count; i++) {
        if (out->items[i].item == item) {
            return &out->items[i];
        }
    }
    out->items[out->item_count] = (struct reference_item){.item = item};
    return &out->items[out->item_count++];
}

struct walk {
    uint64_t item[REFERENCE_QUERY_MAX];
    int64_t weight[REFERENCE_QUERY_MAX];
    int pos[REFERENCE_QUERY_MAX];
    int count;
};

static struct walk query_walk(const struct reference_query *query)
{
    struct walk walk = {.count = 0};
    int l = query->click_count < query->l ? query->click_count : query->l;
    for (int pos = 0; pos < l; pos++) {
        uint64_t item = query->clicks[query->click_count - 1 - pos];
        bool seen = false;
        for (int i = 0; i < walk.count; i++) {
            seen = seen || walk.item[i] == item;
        }
        if (!seen) {
            walk.item[walk.count] = item;
            walk.weight[walk.count] = l - pos;
            walk.pos[walk.count++] = pos;
        }
    }
    return walk;
}

static void vote_count_in(const struct walk *walk, const struct vote *vote,
                          struct reference_answer *out)
{
    int p = 0;
    for (int i = walk->count - 1; i >= 0; i--) {
        if (holds(vote->session, walk->item[i])) {
            p = walk->pos[i] + 1;
        }
    }
    for (int i = 0; i < vote->session->item_count; i++) {
        struct reference_item *item = answer_item(out, vote->session->items[i]);
        item->sum += (10 - p) * vote->sim;
        for (int q = 0; q < walk->count; q++) {
            if (holds(vote->session, walk->item[q])) {
                item->related_evidence[q]++;
                item->related_part[q] += (10 - p) * walk->weight[q];
            }
        }
    }
}

static void bucket_visit(const struct reference_store *store,
                         const struct reference_query *query, const struct walk *walk,
                         int bucket, struct reference_answer *out)
{
    int m = (query->m + query->v - 1) / query->v;
    int k = (query->k + query->v - 1) / query->v;
    size_t room = (size_t)store->session_count + 1;
    const struct reference_session **list = malloc(room * sizeof *list);
    struct vote *votes = malloc(room * sizeof *votes);
    int vote_count = 0;
    for (int i = 0; i < walk->count; i++) {
        int list_count = 0;
        for (int n = 0; n < store->session_count; n++) {
            const struct reference_session *session = &store->sessions[n];
            if (bucket_of(session, query->v) == bucket && holds(session, walk->item[i]) &&
                session->hash != query->exclude_session) {
                list[list_count++] = session;
            }
        }
        qsort(list, (size_t)list_count, sizeof *list, newest_first);
        vote_count = list_visit(list, list_count, walk->weight[i], votes, vote_count, m);
    }
    qsort(votes, (size_t)vote_count, sizeof *votes, by_sim);
    for (int n = 0; n < vote_count && n < k; n++) {
        vote_count_in(walk, &votes[n], out);
    }
    free(list);
    free(votes);
}

static int canonical(const void *left, const void *right)
{
    const struct reference_item *a = left, *b = right;
    if (a->score > b->score || a->score < b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

void reference_answer_make(const struct reference_store *store,
                           const struct reference_query *query,
                           struct reference_answer *out)
{
    struct walk walk = query_walk(query);
    int64_t p = 0;
    out->item_count = 0;
    for (int bucket = 0; bucket < query->v; bucket++) {
        bucket_visit(store, query, &walk, bucket, out);
    }
    for (int n = 0; n < store->session_count; n++) {
        p += store->sessions[n].item_count;
    }
    for (int i = 0; i < out->item_count; i++) {
        int64_t n_i = 0;
        for (int n = 0; n < store->session_count; n++) {
            n_i += holds(&store->sessions[n], out->items[i].item);
        }
        double idf = log((double)p) - log((double)n_i);
        out->items[i].score =
            (double)out->items[i].sum * idf / (10.0 * (double)walk.count);
    }
    if (out->item_count > 0) {
        qsort(out->items, (size_t)out->item_count, sizeof *out->items, canonical);
    }
}
