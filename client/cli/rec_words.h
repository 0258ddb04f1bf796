/* SPDX-License-Identifier: Apache-2.0 */
/* Recommendations in words and in JSON: why an item is shown, what was left out. Pure. */
#ifndef SOUK_CLIENT_CLI_REC_WORDS_H
#define SOUK_CLIENT_CLI_REC_WORDS_H

#include <jansson.h>

#include "client/include/souk/recommend.h"

enum {
    REC_WORDS_BYTES = 512,
};

/* Names of SKUs that reasons mention, where they are known. */
struct rec_names {
    const char *const *sku_ids;
    const char *const *names;
    size_t count;
    const char *instead; /* why fallbacks stand in; NULL: nothing closer was found */
};

/* "12 people who bought Red mug also bought this". No more than the reason says. */
void rec_reason_words(const struct souk_reason *reason, const struct rec_names *names,
                      char out[REC_WORDS_BYTES]);
/* The reason that weighs most; NULL when there is none. */
const struct souk_reason *rec_best_reason(const struct souk_recommended_item *item);
json_t *rec_item_json(const struct souk_recommended_item *item,
                      const struct rec_names *names);
/* Sources, seeds, what was left out, stages: all of an explanation but its items. */
json_t *rec_why_json(const struct souk_recommend_explain_reply *why);
/* Whether, and why not, personal history was used: a sentence. */
const char *rec_personal_words(enum souk_answer_personal personal);
/* Why fallbacks stand in, where that is because history may not be used; NULL: because
 * nothing closer was found. */
const char *rec_fallback_words(enum souk_answer_personal personal);
/* "3 not in stock, 2 filtered out"; "nothing" when nothing was. */
void rec_dropped_words(const struct souk_recommend_explain_reply *why,
                       char out[REC_WORDS_BYTES]);
/* "MUG-RED (asked for), TEA (recorded session)"; cut with "..." when long. */
void rec_seed_words(const struct souk_recommend_explain_reply *why,
                    char out[REC_WORDS_BYTES]);

#endif
