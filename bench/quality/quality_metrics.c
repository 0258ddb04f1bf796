/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/quality_metrics.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static bool among(const char *text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static size_t distinct(const char *const *texts, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += !among(texts[i], texts, i);
    }
    return found;
}

struct quality quality_of(const char *const *ranked, size_t ranked_count,
                          const char *const *targets, size_t target_count, size_t k)
{
    struct quality out = {0};
    size_t wanted = distinct(targets, target_count);
    size_t hits = 0;
    double gain = 0, best = 0;
    for (size_t i = 0; i < ranked_count && i < k; i++) {
        if (!among(ranked[i], targets, target_count) || among(ranked[i], ranked, i)) {
            continue;
        }
        hits++;
        gain += 1.0 / log2((double)i + 2.0);
        if (out.place == 0) {
            out.place = (uint32_t)i + 1;
        }
    }
    if (wanted == 0 || hits == 0) {
        return out;
    }
    for (size_t i = 0; i < wanted && i < k; i++) {
        best += 1.0 / log2((double)i + 2.0);
    }
    out.hit = 1.0;
    out.reciprocal = 1.0 / out.place;
    out.recall = (double)hits / (double)wanted;
    out.ndcg = gain / best;
    return out;
}
