/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/rec_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/output.h"

static void rec_add(char out[REC_WORDS_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends; what does not fit is left out. */
static void rec_add(char out[REC_WORDS_BYTES], const char *format, ...)
{
    size_t size = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out + size, REC_WORDS_BYTES - size, format, arguments);
    va_end(arguments);
}

/* --- Reasons ----------------------------------------------------------------------- */

static const char *rec_related(const struct souk_reason *reason,
                               const struct rec_names *names)
{
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        if (strcmp(names->sku_ids[i], reason->related_sku_id) == 0 &&
            names->names[i][0] != '\0') {
            return names->names[i];
        }
    }
    return reason->related_sku_id[0] != '\0' ? reason->related_sku_id
                                             : "something out of the catalog";
}

static void rec_count(char out[REC_WORDS_BYTES], uint64_t count, const char *one,
                      const char *many)
{
    rec_add(out, "%llu %s", (unsigned long long)count, count == 1 ? one : many);
}

/* "rising of late", "trending at rotterdam". */
static void rec_late_words(const struct souk_reason *reason, const char *word,
                           const char *word_at, char out[REC_WORDS_BYTES])
{
    if (reason->location_id != NULL && reason->location_id[0] != '\0') {
        rec_add(out, "%s at %s (", word_at, reason->location_id);
    } else {
        rec_add(out, "%s of late (", word);
    }
    rec_count(out, reason->evidence_count, "session", "sessions");
    rec_add(out, ")");
}

static void rec_kind_words(const struct souk_reason *reason, const char *related,
                           char out[REC_WORDS_BYTES])
{
    switch (reason->kind) {
    case SOUK_REASON_SESSION_NEIGHBOURS:
        rec_add(out, "seen in ");
        rec_count(out, reason->evidence_count, "session", "sessions");
        rec_add(out, " with %s", related);
        break;
    case SOUK_REASON_ALSO_BOUGHT:
        rec_count(out, reason->evidence_count, "person", "people");
        rec_add(out, " who bought %s also bought this", related);
        break;
    case SOUK_REASON_THEN_BOUGHT:
        rec_count(out, reason->evidence_count, "person", "people");
        rec_add(out, " bought this soon after %s", related);
        break;
    case SOUK_REASON_BUY_AGAIN:
        rec_add(out, "you bought it ");
        rec_count(out, reason->evidence_count, "time", "times");
        break;
    case SOUK_REASON_RECENTLY_VIEWED:
        rec_add(out, "you looked at it ");
        rec_count(out, reason->evidence_count, "time", "times");
        break;
    case SOUK_REASON_SIMILAR:
        rec_count(out, reason->evidence_count, "attribute", "attributes");
        rec_add(out, " in common with %s", related);
        break;
    case SOUK_REASON_TRENDING:
        rec_late_words(reason, "rising", "trending", out);
        break;
    case SOUK_REASON_NEW:
        rec_add(out, "new");
        break;
    case SOUK_REASON_POPULAR:
        if (reason->evidence_count == 0) {
            rec_add(out, "in stock");
            break;
        }
        rec_late_words(reason, "popular", "popular", out);
        break;
    case SOUK_REASON_KIND_UNSPECIFIED:
    default:
        rec_add(out, "for a reason that this souk does not know");
        break;
    }
}

void rec_reason_words(const struct souk_reason *reason, const struct rec_names *names,
                      char out[REC_WORDS_BYTES])
{
    out[0] = '\0';
    rec_kind_words(reason, rec_related(reason, names), out);
    if (reason->fallback) {
        rec_add(out, "; %s",
                names != NULL && names->instead != NULL ? names->instead
                                                        : "nothing closer was found");
    }
}

const struct souk_reason *rec_best_reason(const struct souk_recommended_item *item)
{
    const struct souk_reason *best = NULL;
    for (size_t i = 0; i < item->reason_count; i++) {
        if (best == NULL || item->reasons[i].weight > best->weight) {
            best = &item->reasons[i];
        }
    }
    return best;
}

static json_t *rec_reason_json(const struct souk_reason *reason)
{
    static const char *const kinds[] = {
        "unspecified", "session_neighbours", "popular", "also_bought", "then_bought",
        "buy_again",   "recently_viewed",    "similar", "trending",    "new"};
    json_t *object = json_object();
    output_text(object, "kind",
                (unsigned)reason->kind < sizeof kinds / sizeof kinds[0]
                    ? kinds[reason->kind]
                    : "?");
    output_text(object, "related_sku_id", reason->related_sku_id);
    output_text(object, "location_id", reason->location_id);
    output_number(object, "evidence_count", (int64_t)reason->evidence_count);
    json_object_set_new(object, "weight", json_real(reason->weight));
    json_object_set_new(object, "fallback", json_boolean(reason->fallback));
    return object;
}

json_t *rec_item_json(const struct souk_recommended_item *item,
                      const struct rec_names *names)
{
    const struct souk_reason *best = rec_best_reason(item);
    json_t *object = json_object();
    json_t *reasons = json_array();
    output_number(object, "rank", item->rank);
    output_text(object, "sku_id", item->sku_id);
    output_text(object, "name", item->name);
    output_money(object, "price", &item->price);
    json_object_set_new(object, "score", json_real(item->score));
    if (item->has_stock) {
        output_number(object, "available", item->available);
        json_object_set_new(object, "stock",
                            json_pack("{s:I,s:{s:I,s:I,s:b}}", "available",
                                      (json_int_t)item->available, "stamp", "shard_id",
                                      (json_int_t)item->stock_stamp.shard_id, "log_index",
                                      (json_int_t)item->stock_stamp.log_index, "leader",
                                      item->stock_stamp.leader));
    }
    if (best != NULL) {
        char words[REC_WORDS_BYTES];
        rec_reason_words(best, names, words);
        output_text(object, "because", words);
    }
    for (size_t i = 0; i < item->reason_count; i++) {
        json_array_append_new(reasons, rec_reason_json(&item->reasons[i]));
    }
    json_object_set_new(object, "reasons", reasons);
    return object;
}

/* --- Explanations ------------------------------------------------------------------ */

static const char *rec_origin(enum souk_answer_seed_origin origin)
{
    static const char *const origins[] = {"?", "asked for", "session given",
                                          "recorded session", "history"};
    return (unsigned)origin < 5 ? origins[origin] : "?";
}

const char *rec_personal_words(enum souk_answer_personal personal)
{
    static const char *const words[] = {
        "not needed by this placement",
        "used",
        "none: the call named nobody",
        "none: nothing is known of who asked",
        "none: who asked has withdrawn consent",
        "none: the call asked for none",
        "none: consent could not be read in time",
    };
    return (unsigned)personal < sizeof words / sizeof words[0] ? words[personal] : "?";
}

const char *rec_fallback_words(enum souk_answer_personal personal)
{
    return personal == SOUK_PERSONAL_WITHDRAWN
               ? "without their history, whose use is not consented to"
               : NULL;
}

void rec_dropped_words(const struct souk_recommend_explain_reply *why,
                       char out[REC_WORDS_BYTES])
{
    const struct {
        uint32_t count;
        const char *cause;
    } drops[] = {{why->dropped_not_sellable, "not in stock as asked"},
                 {why->dropped_filtered, "filtered out"},
                 {why->dropped_not_diverse, "too many of a kind"},
                 {why->dropped_not_listed, "not active in the catalogue"},
                 {why->dropped_unanswered, "whose shard did not answer in time"}};
    out[0] = '\0';
    for (size_t i = 0; i < sizeof drops / sizeof drops[0]; i++) {
        if (drops[i].count > 0) {
            rec_add(out, "%s%u %s", out[0] ? ", " : "", drops[i].count, drops[i].cause);
        }
    }
    if (out[0] == '\0') {
        rec_add(out, "nothing");
    }
}

void rec_seed_words(const struct souk_recommend_explain_reply *why,
                    char out[REC_WORDS_BYTES])
{
    out[0] = '\0';
    for (size_t i = 0; i < why->seed_count; i++) {
        const char *id = why->seeds[i].sku_id;
        if (strlen(out) + strlen(id) + 64 > REC_WORDS_BYTES) {
            rec_add(out, ", ...");
            return;
        }
        rec_add(out, "%s%s (%s)", i > 0 ? ", " : "", id[0] ? id : "an unknown SKU",
                rec_origin(why->seeds[i].origin));
    }
    if (why->seed_count == 0) {
        rec_add(out, "none");
    }
}

static json_t *rec_sources_json(const struct souk_recommend_explain_reply *why)
{
    json_t *list = json_array();
    for (size_t i = 0; i < why->source_count; i++) {
        const struct souk_answer_source *source = &why->sources[i];
        json_t *row = json_object();
        output_text(row, "source", source->source);
        output_number(row, "tier", source->tier);
        output_number(row, "weight", source->weight);
        json_object_set_new(row, "asked", json_boolean(source->asked));
        output_number(row, "candidates", source->candidates);
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *rec_stages_json(const struct souk_recommend_explain_reply *why)
{
    json_t *list = json_array();
    for (size_t i = 0; i < why->stage_count; i++) {
        const struct souk_answer_stage *stage = &why->stages[i];
        json_t *row = json_object();
        output_text(row, "stage", stage->stage);
        output_number(row, "rounds", stage->rounds);
        output_number(row, "elapsed_us", stage->elapsed_us);
        output_number(row, "allowed_us", stage->allowed_us);
        json_array_append_new(list, row);
    }
    return list;
}

json_t *rec_why_json(const struct souk_recommend_explain_reply *why)
{
    static const char *const personal[] = {
        "not_needed", "used", "anonymous", "unknown", "withdrawn", "refused", "late"};
    json_t *object = json_object(), *seeds = json_array(), *consent = json_array();
    output_text(object, "answer_id", why->answer_id);
    output_time(object, "answer_time", why->answer_time_ms);
    output_text(object, "placement", why->placement);
    output_text(object, "personal",
                (unsigned)why->personal < 7 ? personal[why->personal] : "?");
    for (size_t i = 0; i < why->seed_count; i++) {
        json_t *seed = json_object();
        output_text(seed, "sku_id", why->seeds[i].sku_id);
        output_text(seed, "origin", rec_origin(why->seeds[i].origin));
        json_array_append_new(seeds, seed);
    }
    for (size_t i = 0; i < why->consent_used_count; i++) {
        json_array_append_new(consent, json_string(why->consent_used[i]));
    }
    json_object_set_new(object, "consent_used", consent);
    json_object_set_new(object, "seeds", seeds);
    json_object_set_new(object, "sources", rec_sources_json(why));
    json_object_set_new(object, "dropped",
                        json_pack("{s:i,s:i,s:i,s:i,s:i}", "not_sellable",
                                  (int)why->dropped_not_sellable, "filtered",
                                  (int)why->dropped_filtered, "not_diverse",
                                  (int)why->dropped_not_diverse, "not_listed",
                                  (int)why->dropped_not_listed, "unanswered",
                                  (int)why->dropped_unanswered));
    json_object_set_new(object, "stages", rec_stages_json(why));
    json_object_set_new(object, "coverage", json_real(why->coverage));
    return object;
}
