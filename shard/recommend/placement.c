/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/placement.h"

#include <stddef.h>
#include <string.h>

#include "shard/base/assert.h"

#define PLACEMENT_SOURCE_COUNT(...)                                                      \
    (sizeof((struct placement_source[]){__VA_ARGS__}) / sizeof(struct placement_source))

static const struct placement placements[] = {
#define PLACEMENT_ROW(id, text, switches, ...)                                           \
    [PLACEMENT_##id] = {.name = text,                                                    \
                        .exclusions = (switches),                                        \
                        .sources = {__VA_ARGS__},                                        \
                        .source_count = PLACEMENT_SOURCE_COUNT(__VA_ARGS__)},
    PLACEMENT_TABLE(PLACEMENT_ROW)
#undef PLACEMENT_ROW
};

static const struct source_row {
    const char *name;
    const char *text;
    enum recommend_needs needs;
} sources[] = {
#define SOURCE_ROW(id, text, what, need)                                                 \
    [RECOMMEND_SOURCE_##id] = {text, what, RECOMMEND_NEEDS_##need},
    RECOMMEND_SOURCE_TABLE(SOURCE_ROW)
#undef SOURCE_ROW
};

const struct placement *placement_at(enum placement_name name)
{
    ASSERT(name < PLACEMENTS);
    return &placements[name];
}

/* A placement's place by its name; PLACEMENTS when unknown. */
static size_t placement_place(struct slice name)
{
    size_t place = 0;
    while (place < PLACEMENTS &&
           !slice_equal(name, slice_from_string(placements[place].name))) {
        place++;
    }
    return place;
}

static const struct placement *placement_of(const struct placement *table,
                                            struct slice name)
{
    size_t place = name.size == 0 ? PLACEMENT_SESSION : placement_place(name);
    return place < PLACEMENTS ? &table[place] : NULL;
}

const struct placement *placement_find(struct slice name)
{
    return placement_of(placements, name);
}

const char *recommend_source_name(enum recommend_source source)
{
    ASSERT(source < RECOMMEND_SOURCES);
    return sources[source].name;
}

const char *recommend_source_text(enum recommend_source source)
{
    ASSERT(source < RECOMMEND_SOURCES);
    return sources[source].text;
}

enum recommend_needs recommend_source_needs(enum recommend_source source)
{
    ASSERT(source < RECOMMEND_SOURCES);
    return sources[source].needs;
}

/* --- A server's own ---------------------------------------------------------------- */

void placement_table_init(struct placement_table *table)
{
    for (size_t i = 0; i < PLACEMENTS; i++) {
        table->placements[i] = placements[i];
    }
}

const struct placement *placement_table_find(const struct placement_table *table,
                                             struct slice name)
{
    return placement_of(table->placements, name);
}

struct placement_parser {
    struct slice text;
    size_t at;
    struct placement_table *table;
    bool named[PLACEMENTS];
    struct problem *problem;
};

static enum status parse_fail(const struct placement_parser *parser, size_t at,
                              const char *what, struct slice word)
{
    return problem_set(parser->problem, STATUS_INVALID, "placements",
                       "placements, byte %zu: %s '%.*s'", at, what,
                       (int)(word.size < 64 ? word.size : 64), (const char *)word.data);
}

static bool parse_is(const struct placement_parser *parser, char what)
{
    return parser->at < parser->text.size && parser->text.data[parser->at] == what;
}

static bool parse_skip(struct placement_parser *parser, char what)
{
    bool is = parse_is(parser, what);
    parser->at += is;
    return is;
}

/* Up to the next sign; may be empty. */
static struct slice parse_word(struct placement_parser *parser)
{
    size_t from = parser->at;
    while (parser->at < parser->text.size &&
           memchr("=:,/;!", parser->text.data[parser->at], 6) == NULL) {
        parser->at++;
    }
    return slice_of(parser->text.data + from, parser->at - from);
}

static enum status parse_switch(struct placement_parser *parser,
                                struct placement *placement)
{
    size_t at = parser->at;
    struct slice word = parse_word(parser);
    if (slice_equal(word, slice_from_string("current"))) {
        placement->exclusions |= PLACEMENT_EXCLUDE_CURRENT;
    } else if (slice_equal(word, slice_from_string("seen"))) {
        placement->exclusions |= PLACEMENT_EXCLUDE_SEEN;
    } else {
        return parse_fail(parser, at, "the switches are !current and !seen, not", word);
    }
    return STATUS_OK;
}

static enum status parse_weight(struct placement_parser *parser, uint32_t *out_weight)
{
    size_t at = parser->at;
    struct slice word = parse_word(parser);
    uint32_t weight = 0;
    for (size_t i = 0; i < word.size && weight <= PLACEMENT_WEIGHT_MAX; i++) {
        uint32_t digit = (uint32_t)word.data[i] - '0';
        weight = digit <= 9 ? weight * 10 + digit : PLACEMENT_WEIGHT_MAX + 1;
    }
    if (weight < 1 || weight > PLACEMENT_WEIGHT_MAX) {
        return parse_fail(parser, at, "a weight is 1 to 1000, not", word);
    }
    *out_weight = weight;
    return STATUS_OK;
}

static enum status parse_source(struct placement_parser *parser, uint32_t tier,
                                struct placement *placement)
{
    size_t at = parser->at;
    struct slice word = parse_word(parser);
    struct placement_source source = {.weight = 1, .tier = tier};
    while (source.source < RECOMMEND_SOURCES &&
           !slice_equal(word, slice_from_string(sources[source.source].name))) {
        source.source++;
    }
    if (source.source == RECOMMEND_SOURCES) {
        return parse_fail(parser, at, "there is no source", word);
    }
    for (uint32_t i = 0; i < placement->source_count; i++) {
        if (placement->sources[i].source == source.source) {
            return parse_fail(parser, at, "named twice: source", word);
        }
    }
    if (placement->source_count == PLACEMENT_SOURCES_MAX) {
        return parse_fail(parser, at, "more than 8 sources: from", word);
    }
    if (parse_skip(parser, ':')) {
        TRY(parse_weight(parser, &source.weight));
    }
    placement->sources[placement->source_count++] = source;
    return STATUS_OK;
}

/* Nothing but POPULAR is sure to have something: the last tier has it. */
static enum status parse_popular(struct placement_parser *parser,
                                 struct placement *placement)
{
    const struct slice word = slice_from_string(placement->name);
    uint32_t tier = placement->sources[placement->source_count - 1].tier;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        if (placement->sources[i].source == RECOMMEND_SOURCE_POPULAR) {
            return placement->sources[i].tier == tier
                       ? STATUS_OK
                       : parse_fail(parser, parser->at,
                                    "popular stands in the last tier, unlike in", word);
        }
    }
    if (placement->source_count == PLACEMENT_SOURCES_MAX) {
        return parse_fail(parser, parser->at,
                          "more than 8 sources, with popular at the end:", word);
    }
    placement->sources[placement->source_count++] =
        (struct placement_source){RECOMMEND_SOURCE_POPULAR, 1, tier + 1};
    return STATUS_OK;
}

static enum status parse_placement(struct placement_parser *parser)
{
    size_t at = parser->at;
    struct slice word = parse_word(parser);
    size_t place = placement_place(word);
    struct placement placement = {0};
    uint32_t tier = 0;
    if (place == PLACEMENTS) {
        return parse_fail(parser, at, "there is no placement", word);
    }
    if (parser->named[place]) {
        return parse_fail(parser, at, "named twice: placement", word);
    }
    if (!parse_skip(parser, '=')) {
        return parse_fail(parser, parser->at, "'=' is missing behind", word);
    }
    placement.name = placements[place].name;
    parser->named[place] = true;
    do {
        if (parse_skip(parser, '!')) {
            TRY(parse_switch(parser, &placement));
        } else {
            TRY(parse_source(parser, tier, &placement));
        }
        if (parse_is(parser, '/') && placement.source_count > 0) {
            tier = placement.sources[placement.source_count - 1].tier + 1;
        }
    } while (parse_skip(parser, ',') || parse_skip(parser, '/'));
    if (placement.source_count == 0) {
        return parse_fail(parser, parser->at, "no source is named for", word);
    }
    TRY(parse_popular(parser, &placement));
    parser->table->placements[place] = placement;
    return STATUS_OK;
}

enum status placement_parse(struct slice text, struct placement_table *table,
                            struct problem *problem)
{
    struct placement_table parsed = *table;
    struct placement_parser parser = {.text = text, .table = &parsed, .problem = problem};
    while (parser.at < text.size) {
        TRY(parse_placement(&parser));
        if (parser.at < text.size && !parse_skip(&parser, ';')) {
            return parse_fail(&parser, parser.at, "';' is missing before",
                              slice_of(text.data + parser.at, text.size - parser.at));
        }
    }
    *table = parsed;
    return STATUS_OK;
}
