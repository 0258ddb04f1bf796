/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/rec_words.h"

#include "tests/lib/test.h"

static const char *words(enum souk_reason_kind kind, uint64_t evidence, bool fallback)
{
    static char text[REC_WORDS_BYTES];
    static const char *const ids[] = {"TEA"}, *const names[] = {"Green tea"};
    const struct rec_names known = {ids, names, 1, NULL};
    const struct souk_reason reason = {.kind = kind,
                                       .related_sku_id = "TEA",
                                       .evidence_count = evidence,
                                       .fallback = fallback};
    rec_reason_words(&reason, &known, text);
    return text;
}

TEST(rec_words, say_what_the_reason_says_and_no_more)
{
    EXPECT_STRING(words(SOUK_REASON_ALSO_BOUGHT, 12, false),
                  "12 people who bought Green tea also bought this");
    EXPECT_STRING(words(SOUK_REASON_ALSO_BOUGHT, 1, false),
                  "1 person who bought Green tea also bought this");
    EXPECT_STRING(words(SOUK_REASON_THEN_BOUGHT, 5, false),
                  "5 people bought this soon after Green tea");
    EXPECT_STRING(words(SOUK_REASON_SESSION_NEIGHBOURS, 40, false),
                  "seen in 40 sessions with Green tea");
    EXPECT_STRING(words(SOUK_REASON_BUY_AGAIN, 3, false), "you bought it 3 times");
    EXPECT_STRING(words(SOUK_REASON_RECENTLY_VIEWED, 1, false),
                  "you looked at it 1 time");
    EXPECT_STRING(words(SOUK_REASON_SIMILAR, 1, false),
                  "1 attribute in common with Green tea");
    EXPECT_STRING(words(SOUK_REASON_TRENDING, 9, false), "rising of late (9 sessions)");
    EXPECT_STRING(words(SOUK_REASON_NEW, 0, false), "new");
    EXPECT_STRING(words(SOUK_REASON_POPULAR, 1, true),
                  "popular of late (1 session); nothing closer was found");
    EXPECT_STRING(words(SOUK_REASON_POPULAR, 0, true),
                  "in stock; nothing closer was found");
    EXPECT_STRING(words((enum souk_reason_kind)77, 3, false),
                  "for a reason that this souk does not know");
}

TEST(rec_words, name_the_location_where_something_was_counted)
{
    struct souk_reason reason = {.kind = SOUK_REASON_TRENDING,
                                 .related_sku_id = "",
                                 .location_id = "rotterdam",
                                 .evidence_count = 7};
    char text[REC_WORDS_BYTES];
    rec_reason_words(&reason, NULL, text);
    EXPECT_STRING(text, "trending at rotterdam (7 sessions)");
    reason.kind = SOUK_REASON_POPULAR;
    reason.evidence_count = 1;
    reason.fallback = true;
    rec_reason_words(&reason, NULL, text);
    EXPECT_STRING(text, "popular at rotterdam (1 session); nothing closer was found");
}

TEST(rec_words, say_that_consent_is_missing_and_not_that_nothing_was_found)
{
    const struct souk_reason reason = {
        .kind = SOUK_REASON_POPULAR, .related_sku_id = "", .fallback = true};
    const struct rec_names names = {.instead =
                                        rec_fallback_words(SOUK_PERSONAL_WITHDRAWN)};
    char text[REC_WORDS_BYTES];
    rec_reason_words(&reason, &names, text);
    EXPECT_STRING(text, "in stock; without their history, whose use is not consented to");
    EXPECT(rec_fallback_words(SOUK_PERSONAL_USED) == NULL);
}

TEST(rec_words, use_the_id_where_no_name_is_known)
{
    const struct souk_reason reason = {
        .kind = SOUK_REASON_SIMILAR, .related_sku_id = "POT", .evidence_count = 2};
    char text[REC_WORDS_BYTES];
    rec_reason_words(&reason, NULL, text);
    EXPECT_STRING(text, "2 attributes in common with POT");
}

TEST(rec_words, an_item_is_shown_for_the_reason_that_weighs_most)
{
    const struct souk_reason reasons[] = {
        {.kind = SOUK_REASON_NEW, .related_sku_id = "", .weight = 0.3},
        {.kind = SOUK_REASON_ALSO_BOUGHT,
         .related_sku_id = "TEA",
         .evidence_count = 2,
         .weight = 0.7}};
    const struct souk_recommended_item item = {
        .sku_id = "MUG", .name = "", .reasons = reasons, .reason_count = 2};
    json_t *object = rec_item_json(&item, NULL);
    EXPECT_STRING(json_string_value(json_object_get(object, "because")),
                  "2 people who bought TEA also bought this");
    EXPECT_EQ(json_array_size(json_object_get(object, "reasons")), 2);
    EXPECT(json_object_get(object, "available") == NULL);
    json_decref(object);
}

TEST(rec_words, name_what_was_left_out_and_what_an_answer_was_found_from)
{
    struct souk_answer_seed seeds[100];
    struct souk_recommend_explain_reply why = {.seeds = seeds, .seed_count = 0};
    char text[REC_WORDS_BYTES];
    rec_dropped_words(&why, text);
    EXPECT_STRING(text, "nothing");
    why.dropped_not_sellable = 3;
    why.dropped_filtered = 1;
    rec_dropped_words(&why, text);
    EXPECT_STRING(text, "3 not in stock as asked, 1 filtered out");
    rec_seed_words(&why, text);
    EXPECT_STRING(text, "none");
    for (int i = 0; i < 100; i++) {
        seeds[i] = (struct souk_answer_seed){"MUG-RED", SOUK_SEED_HISTORY};
    }
    seeds[0] = (struct souk_answer_seed){"", SOUK_SEED_REQUEST};
    why.seed_count = 2;
    rec_seed_words(&why, text);
    EXPECT_STRING(text, "an unknown SKU (asked for), MUG-RED (history)");
    why.seed_count = 100;
    rec_seed_words(&why, text);
    EXPECT(strstr(text, ", ...") != NULL);
    EXPECT(strlen(text) < REC_WORDS_BYTES);
}
