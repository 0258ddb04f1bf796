/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/inventory/filter.h"

#include <stdio.h>

#include "shard/base/assert.h"

enum filter_field {
    FILTER_SKU_ID,
    FILTER_PRODUCT_ID,
    FILTER_NAME,
    FILTER_BRAND,
    FILTER_CATEGORY,
    FILTER_PRICE,
    FILTER_CURRENCY,
    FILTER_ATTRIBUTE,
};

enum filter_compare {
    FILTER_EQUAL,
    FILTER_NOT_EQUAL,
    FILTER_LESS,
    FILTER_LESS_EQUAL,
    FILTER_GREATER,
    FILTER_GREATER_EQUAL,
    FILTER_HAS,
    FILTER_PRESENT, /* ":*" */
};

/* units + nanos / 1e9, both of one sign. */
struct filter_number {
    int64_t units;
    int32_t nanos;
};

struct filter_value {
    struct slice text; /* as written, without quotes */
    bool is_number;
    bool is_flag;
    bool flag;
    struct filter_number number;
};

enum filter_kind {
    FILTER_AND,
    FILTER_OR,
    FILTER_TEST,
};

struct filter {
    enum filter_kind kind;
    bool negated;
    struct filter *next;  /* of the parent's parts */
    struct filter *parts; /* AND, OR: at least one */
    /* TEST */
    enum filter_field field;
    enum filter_compare compare;
    struct slice name; /* ATTRIBUTE */
    struct filter_value value;
};

/* --- Words ------------------------------------------------------------------------- */

enum filter_token_kind {
    FILTER_END,
    FILTER_WORD,   /* bare text, keywords and numbers too */
    FILTER_QUOTED, /* `text` is unescaped */
    FILTER_SIGN,   /* ( ) * - and the comparators */
};

struct filter_token {
    enum filter_token_kind kind;
    struct slice text;
    size_t at; /* byte offset */
};

struct filter_parser {
    struct slice text;
    struct arena *arena;
    struct problem *problem;
    size_t next;
    struct filter_token token; /* the one to be looked at */
    unsigned depth;
};

static bool filter_word_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '~' ||
           byte == '-' || byte >= 0x80;
}

static bool filter_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static enum status filter_fail(struct filter_parser *parser, size_t at,
                               const char *expected)
{
    size_t column = 1;
    for (size_t i = 0; i < at && i < parser->text.size; i++) {
        column += (parser->text.data[i] & 0xc0) != 0x80;
    }
    return problem_set(parser->problem, STATUS_BAD_FILTER, "filter",
                       "filter, column %zu: expected %s", column, expected);
}

static enum status filter_memory(struct filter_parser *parser)
{
    return problem_set(parser->problem, STATUS_TOO_LARGE, "filter", "%s",
                       status_text(STATUS_TOO_LARGE));
}

/* From the opening quote on. */
static enum status filter_read_quoted(struct filter_parser *parser)
{
    const uint8_t *data = parser->text.data;
    size_t at = parser->next;
    uint8_t quote = data[at++];
    uint8_t *plain = arena_alloc(parser->arena, parser->text.size - at + 1);
    size_t size = 0;
    if (plain == NULL) {
        return filter_memory(parser);
    }
    for (; at < parser->text.size && data[at] != quote; at++) {
        uint8_t byte = data[at];
        if (byte == '\\') {
            const char *escapes = "\\\"'nt", *values = "\\\"'\n\t";
            const char *found =
                ++at < parser->text.size && data[at] ? strchr(escapes, data[at]) : NULL;
            if (found == NULL) {
                return filter_fail(parser, at, "one of \\ \" ' n t after a backslash");
            }
            byte = (uint8_t)values[found - escapes];
        }
        plain[size++] = byte;
    }
    if (at >= parser->text.size) {
        return filter_fail(parser, at, quote == '"' ? "a closing \"" : "a closing '");
    }
    parser->next = at + 1;
    parser->token.kind = FILTER_QUOTED;
    parser->token.text = slice_of(plain, size);
    return STATUS_OK;
}

static void filter_read_sign(struct filter_parser *parser)
{
    const uint8_t *data = parser->text.data + parser->next;
    bool equals = parser->next + 1 < parser->text.size && data[1] == '=';
    size_t size = equals && (*data == '<' || *data == '>' || *data == '!') ? 2 : 1;
    parser->token.kind = FILTER_SIGN;
    parser->token.text = slice_of(data, size);
    parser->next += size;
}

/* Looks at the next token. */
static enum status filter_advance(struct filter_parser *parser)
{
    const uint8_t *data = parser->text.data;
    size_t start;
    while (parser->next < parser->text.size && filter_blank(data[parser->next])) {
        parser->next++;
    }
    start = parser->next;
    parser->token = (struct filter_token){.kind = FILTER_END, .at = start};
    if (start == parser->text.size) {
        return STATUS_OK;
    }
    if (data[start] == '"' || data[start] == '\'') {
        return filter_read_quoted(parser);
    }
    if (!filter_word_byte(data[start])) {
        filter_read_sign(parser);
        return STATUS_OK;
    }
    while (parser->next < parser->text.size && filter_word_byte(data[parser->next])) {
        parser->next++;
    }
    parser->token.kind = FILTER_WORD;
    parser->token.text = slice_of(data + start, parser->next - start);
    return STATUS_OK;
}

static bool filter_is(const struct filter_parser *parser, enum filter_token_kind kind,
                      const char *text)
{
    return parser->token.kind == kind &&
           slice_equal(parser->token.text, slice_from_string(text));
}

static bool filter_is_keyword(const struct filter_parser *parser)
{
    return filter_is(parser, FILTER_WORD, "AND") ||
           filter_is(parser, FILTER_WORD, "OR") || filter_is(parser, FILTER_WORD, "NOT");
}

/* --- Parts ------------------------------------------------------------------------- */

/* Digits with up to FILTER_DECIMALS_MAX decimals; false: no number that can be held. */
static bool filter_number_read(struct slice text, struct filter_number *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = negative, digits = 0, decimals = 0;
    int64_t units = 0;
    int32_t nanos = 0;
    for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++, digits++) {
        if (__builtin_mul_overflow(units, (int64_t)10, &units) ||
            __builtin_add_overflow(units, (int64_t)(text.data[i] - '0'), &units)) {
            return false;
        }
    }
    if (digits > 0 && i < text.size && text.data[i] == '.') {
        for (i++; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
            if (++decimals > FILTER_DECIMALS_MAX) {
                return false;
            }
            nanos = nanos * 10 + (text.data[i] - '0');
        }
        if (decimals == 0) {
            return false;
        }
    }
    for (; decimals < FILTER_DECIMALS_MAX; decimals++) {
        nanos *= 10;
    }
    *out = (struct filter_number){negative ? -units : units, negative ? -nanos : nanos};
    return digits > 0 && i == text.size;
}

static enum status filter_read_field(struct filter_parser *parser, struct filter *test)
{
    static const char *const names[] = {
        "sku_id", "product_id", "name", "brand", "category", "price", "price.currency"};
    static const char prefix[] = "attributes.";
    struct slice word = parser->token.text;
    if (parser->token.kind != FILTER_WORD) {
        return filter_fail(parser, parser->token.at,
                           "a field such as price or attributes.colour, NOT or (");
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_equal(word, slice_from_string(names[i]))) {
            test->field = (enum filter_field)i;
            return filter_advance(parser);
        }
    }
    if (word.size < sizeof prefix - 1 ||
        memcmp(word.data, prefix, sizeof prefix - 1) != 0) {
        return filter_fail(parser, parser->token.at,
                           "one of sku_id, product_id, name, brand, category, price, "
                           "price.currency and attributes.NAME");
    }
    test->field = FILTER_ATTRIBUTE;
    test->name = slice_of(word.data + sizeof prefix - 1, word.size - sizeof prefix + 1);
    TRY(filter_advance(parser));
    if (test->name.size > 0) {
        return STATUS_OK;
    }
    if (parser->token.kind != FILTER_QUOTED || parser->token.text.size == 0) {
        return filter_fail(parser, parser->token.at,
                           "the attribute's name after \"attributes.\"");
    }
    test->name = parser->token.text;
    return filter_advance(parser);
}

static enum status filter_read_compare(struct filter_parser *parser, struct filter *test)
{
    static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">=", ":"};
    for (unsigned i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (filter_is(parser, FILTER_SIGN, signs[i])) {
            test->compare = (enum filter_compare)i;
            return filter_advance(parser);
        }
    }
    return filter_fail(parser, parser->token.at, "one of = != < <= > >= :");
}

static enum status filter_read_value(struct filter_parser *parser, struct filter *test)
{
    struct filter_value *value = &test->value;
    size_t at = parser->token.at;
    if (test->compare == FILTER_HAS && filter_is(parser, FILTER_SIGN, "*")) {
        test->compare = FILTER_PRESENT;
        return filter_advance(parser);
    }
    value->text = parser->token.text;
    if (parser->token.kind == FILTER_WORD) {
        value->is_number = filter_number_read(value->text, &value->number);
        value->flag = filter_is(parser, FILTER_WORD, "true");
        value->is_flag = value->flag || filter_is(parser, FILTER_WORD, "false");
    }
    if (filter_is_keyword(parser) ||
        (parser->token.kind != FILTER_WORD && parser->token.kind != FILTER_QUOTED)) {
        return filter_fail(parser, at, "a value: \"text\", a number, true or false");
    }
    if (test->field == FILTER_PRICE && !value->is_number) {
        return filter_fail(parser, at, "a number with up to 9 decimals, such as 19.90");
    }
    return filter_advance(parser);
}

static enum status filter_read_expression(struct filter_parser *parser,
                                          struct filter **out);

static enum status filter_read_simple(struct filter_parser *parser, struct filter **out)
{
    if (filter_is(parser, FILTER_SIGN, "(")) {
        if (parser->depth == FILTER_DEPTH_MAX) {
            return filter_fail(parser, parser->token.at,
                               "at most 16 parentheses in each other");
        }
        parser->depth++;
        TRY(filter_advance(parser));
        TRY(filter_read_expression(parser, out));
        if (!filter_is(parser, FILTER_SIGN, ")")) {
            return filter_fail(parser, parser->token.at, "AND, OR or )");
        }
        parser->depth--;
        return filter_advance(parser);
    }
    *out = arena_zalloc(parser->arena, sizeof **out);
    if (*out == NULL) {
        return filter_memory(parser);
    }
    (*out)->kind = FILTER_TEST;
    TRY(filter_read_field(parser, *out));
    TRY(filter_read_compare(parser, *out));
    return filter_read_value(parser, *out);
}

/* "-price < 3" comes as one word: the minus is taken off it. */
static bool filter_take_minus(struct filter_parser *parser)
{
    if (parser->token.kind != FILTER_WORD || parser->token.text.data[0] != '-') {
        return false;
    }
    parser->next = parser->token.at + 1;
    return true;
}

static enum status filter_read_term(struct filter_parser *parser, struct filter **out)
{
    bool negated = filter_is(parser, FILTER_WORD, "NOT") || filter_take_minus(parser);
    if (negated) {
        TRY(filter_advance(parser));
    }
    TRY(filter_read_simple(parser, out));
    (*out)->negated ^= negated;
    return STATUS_OK;
}

/* Parts with a word between them; one part alone stands for itself. */
static enum status filter_read_list(struct filter_parser *parser, enum filter_kind kind,
                                    struct filter **out)
{
    const char *between = kind == FILTER_AND ? "AND" : "OR";
    struct filter *list = arena_zalloc(parser->arena, sizeof *list);
    struct filter **last;
    if (list == NULL) {
        return filter_memory(parser);
    }
    list->kind = kind;
    last = &list->parts;
    for (;;) {
        TRY(kind == FILTER_AND ? filter_read_list(parser, FILTER_OR, last)
                               : filter_read_term(parser, last));
        last = &(*last)->next;
        if (!filter_is(parser, FILTER_WORD, between)) {
            break;
        }
        TRY(filter_advance(parser));
    }
    *out = list->parts->next == NULL ? list->parts : list;
    return STATUS_OK;
}

static enum status filter_read_expression(struct filter_parser *parser,
                                          struct filter **out)
{
    return filter_read_list(parser, FILTER_AND, out);
}

enum status filter_parse(struct slice text, struct arena *arena,
                         const struct filter **out_filter, struct problem *problem)
{
    struct filter_parser parser = {.text = text, .arena = arena, .problem = problem};
    struct filter *filter;
    if (text.size > FILTER_BYTES_MAX) {
        return problem_set(problem, STATUS_BAD_FILTER, "filter",
                           "filter: at most %d bytes, this one has %zu", FILTER_BYTES_MAX,
                           text.size);
    }
    TRY(filter_advance(&parser));
    if (parser.token.kind == FILTER_END) {
        *out_filter = NULL;
        return STATUS_OK;
    }
    TRY(filter_read_expression(&parser, &filter));
    if (parser.token.kind != FILTER_END) {
        return filter_fail(&parser, parser.token.at, "AND, OR or the end");
    }
    *out_filter = filter;
    return STATUS_OK;
}

/* --- Meaning ----------------------------------------------------------------------- */

/* < 0, 0, > 0 */
static int filter_number_order(struct filter_number a, struct filter_number b)
{
    return a.units != b.units ? (a.units > b.units) - (a.units < b.units)
                              : (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

static bool filter_ordered(enum filter_compare compare, int order)
{
    switch (compare) {
    case FILTER_EQUAL:
    case FILTER_HAS:
        return order == 0;
    case FILTER_NOT_EQUAL:
        return order != 0;
    case FILTER_LESS:
        return order < 0;
    case FILTER_LESS_EQUAL:
        return order <= 0;
    case FILTER_GREATER:
        return order > 0;
    case FILTER_GREATER_EQUAL:
        return order >= 0;
    case FILTER_PRESENT:
        return true;
    }
    UNREACHABLE();
}

static bool filter_holds(struct slice text, struct slice part)
{
    for (size_t i = 0; i + part.size <= text.size; i++) {
        if (part.size == 0 || memcmp(text.data + i, part.data, part.size) == 0) {
            return true;
        }
    }
    return false;
}

/* Values of other kinds: not equal, without order. */
static bool filter_foreign(enum filter_compare compare)
{
    return compare == FILTER_NOT_EQUAL || compare == FILTER_PRESENT;
}

static bool filter_text(const struct filter *test, struct slice text)
{
    if (test->compare == FILTER_HAS) {
        return filter_holds(text, test->value.text);
    }
    if ((test->value.is_number || test->value.is_flag) && test->compare >= FILTER_LESS) {
        return filter_foreign(test->compare);
    }
    return filter_ordered(test->compare, slice_compare(text, test->value.text));
}

/* A field that is empty is not there. */
static bool filter_field_text(const struct filter *test, struct slice text)
{
    if (test->compare == FILTER_PRESENT || text.size == 0) {
        return text.size > 0;
    }
    return test->compare == FILTER_HAS
               ? filter_holds(text, test->value.text)
               : filter_ordered(test->compare, slice_compare(text, test->value.text));
}

static bool filter_number(const struct filter *test, struct filter_number number)
{
    return test->value.is_number
               ? filter_ordered(test->compare,
                                filter_number_order(number, test->value.number))
               : filter_foreign(test->compare);
}

static bool filter_flag(const struct filter *test, bool flag)
{
    if (!test->value.is_flag ||
        (test->compare >= FILTER_LESS && test->compare <= FILTER_GREATER_EQUAL)) {
        return filter_foreign(test->compare);
    }
    return filter_ordered(test->compare, (int)flag - (int)test->value.flag);
}

static bool filter_attribute(const struct filter *test, const struct inventory_sku *sku)
{
    for (uint32_t i = 0; i < sku->attribute_count; i++) {
        const struct inventory_attribute *attribute = &sku->attributes[i];
        if (!slice_equal(attribute->name, test->name)) {
            continue;
        }
        switch (attribute->kind) {
        case INVENTORY_ATTRIBUTE_TEXT:
            return filter_text(test, attribute->text);
        case INVENTORY_ATTRIBUTE_NUMBER:
            return filter_number(test,
                                 (struct filter_number){.units = attribute->number});
        case INVENTORY_ATTRIBUTE_FLAG:
            return filter_flag(test, attribute->number != 0);
        }
    }
    return false;
}

static bool filter_category(const struct filter *test, const struct inventory_sku *sku)
{
    bool any = false;
    for (uint32_t i = 0; i < sku->category_count; i++) {
        any = any || slice_equal(sku->categories[i], test->value.text);
    }
    switch (test->compare) {
    case FILTER_EQUAL:
    case FILTER_HAS:
        return any;
    case FILTER_NOT_EQUAL:
        return sku->category_count > 0 && !any;
    case FILTER_PRESENT:
        return sku->category_count > 0;
    case FILTER_LESS:
    case FILTER_LESS_EQUAL:
    case FILTER_GREATER:
    case FILTER_GREATER_EQUAL:
        return false; /* a path has no order */
    }
    UNREACHABLE();
}

static bool filter_test(const struct filter *test, const struct inventory_sku *sku)
{
    switch (test->field) {
    case FILTER_SKU_ID:
        return filter_field_text(test, sku->sku_id);
    case FILTER_PRODUCT_ID:
        return filter_field_text(test, sku->product_id);
    case FILTER_NAME:
        return filter_field_text(test, sku->name);
    case FILTER_BRAND:
        return filter_field_text(test, sku->brand);
    case FILTER_CATEGORY:
        return filter_category(test, sku);
    case FILTER_CURRENCY:
        return filter_field_text(test, slice_from_string(sku->price.currency));
    case FILTER_PRICE:
        if (test->compare == FILTER_PRESENT || sku->price.currency[0] == '\0') {
            return sku->price.currency[0] != '\0';
        }
        return filter_number(test,
                             (struct filter_number){sku->price.units, sku->price.nanos});
    case FILTER_ATTRIBUTE:
        return filter_attribute(test, sku);
    }
    UNREACHABLE();
}

bool filter_match(const struct filter *filter, const struct inventory_sku *sku)
{
    bool match;
    if (filter == NULL) {
        return true;
    }
    if (filter->kind == FILTER_TEST) {
        match = filter_test(filter, sku);
    } else {
        /* AND ends at the first part that fails, OR at the first that holds. */
        match = filter->kind == FILTER_AND;
        for (const struct filter *part = filter->parts;
             part != NULL && match == (filter->kind == FILTER_AND); part = part->next) {
            match = filter_match(part, sku);
        }
    }
    return match != filter->negated;
}
