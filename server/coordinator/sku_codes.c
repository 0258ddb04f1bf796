/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/sku_codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/buffer.h"
#include "shard/base/identifier.h"

enum {
    SKU_CODES_SHOWN_MAX = 40, /* bytes of the caller's text in a sentence */
    SKU_CODES_FIRST_MAX = 128,
};

/* --- Templates ----------------------------------------------------------------------- */

/* A part of a template: text as it is, or the value of an axis, or the product's id. */
struct sku_code_part {
    struct slice text; /* when neither of the two */
    bool product;
    bool axis;
    uint32_t place; /* which axis */
    uint32_t first; /* characters at most; 0: all */
};

struct sku_code_parts {
    struct sku_code_part *parts;
    uint32_t count;
};

static enum status sku_codes_refuse(struct problem *problem, const char *what,
                                    struct slice shown)
{
    int size = shown.size < SKU_CODES_SHOWN_MAX ? (int)shown.size : SKU_CODES_SHOWN_MAX;
    return problem_set(problem, STATUS_INVALID, "code_template",
                       "code_template: %s '%.*s'", what, size, (const char *)shown.data);
}

static bool sku_codes_axis(const struct inventory_product *product, struct slice name,
                           struct sku_code_part *part)
{
    part->product = slice_equal(name, slice_from_string("product"));
    for (uint32_t i = 0; i < product->axis_count && !part->product; i++) {
        if (slice_equal(product->axes[i].name, name)) {
            part->axis = true;
            part->place = i;
        }
    }
    return part->product || part->axis;
}

/* What stands between braces: NAME or NAME:N. */
static enum status sku_codes_name(const struct inventory_product *product,
                                  struct slice inside, struct sku_code_part *part,
                                  struct problem *problem)
{
    struct slice name = inside;
    const uint8_t *colon;
    *part = (struct sku_code_part){.first = 0};
    if (sku_codes_axis(product, inside, part)) {
        return STATUS_OK;
    }
    colon = inside.size > 0 ? memrchr(inside.data, ':', inside.size) : NULL;
    if (colon != NULL) {
        name = slice_of(inside.data, (size_t)(colon - inside.data));
        for (const uint8_t *at = colon + 1; at < inside.data + inside.size; at++) {
            if (*at < '0' || *at > '9' || part->first > SKU_CODES_FIRST_MAX) {
                return sku_codes_refuse(problem, "a number of characters has to follow",
                                        inside);
            }
            part->first = part->first * 10 + (uint32_t)(*at - '0');
        }
    }
    if (colon == NULL || part->first == 0 || !sku_codes_axis(product, name, part)) {
        return sku_codes_refuse(problem, "neither {product} nor an axis of it:", inside);
    }
    return STATUS_OK;
}

static enum status sku_codes_parse(const struct inventory_product *product,
                                   struct slice text, struct arena *arena,
                                   struct sku_code_parts *out, struct problem *problem)
{
    struct sku_code_part *parts = arena_zalloc(arena, (text.size + 1) * sizeof *parts);
    uint32_t count = 0;
    if (parts == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "code_template", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t at = 0; at < text.size;) {
        const uint8_t *rest = text.data + at;
        size_t left = text.size - at;
        const uint8_t *brace = memchr(rest, '{', left);
        if (brace != rest) {
            size_t size = brace != NULL ? (size_t)(brace - rest) : left;
            parts[count++] = (struct sku_code_part){.text = slice_of(rest, size)};
            at += size;
            continue;
        }
        brace = memchr(rest, '}', left);
        if (brace == NULL) {
            return sku_codes_refuse(problem, "no '}' behind", slice_of(rest, left));
        }
        TRY(sku_codes_name(product, slice_of(rest + 1, (size_t)(brace - rest) - 1),
                           &parts[count++], problem));
        at += (size_t)(brace - rest) + 1;
    }
    *out = (struct sku_code_parts){.parts = parts, .count = count};
    return STATUS_OK;
}

/* The product and every axis, with "-" between. */
static enum status sku_codes_default(const struct inventory_product *product,
                                     struct arena *arena, struct sku_code_parts *out,
                                     struct problem *problem)
{
    struct sku_code_part *parts =
        arena_zalloc(arena, (2 * (size_t)product->axis_count + 1) * sizeof *parts);
    uint32_t count = 0;
    if (parts == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "code_template", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    parts[count++].product = true;
    for (uint32_t i = 0; i < product->axis_count; i++) {
        parts[count++].text = slice_from_string("-");
        parts[count++] = (struct sku_code_part){.axis = true, .place = i};
    }
    *out = (struct sku_code_parts){.parts = parts, .count = count};
    return STATUS_OK;
}

/* --- Codes --------------------------------------------------------------------------- */

static bool sku_codes_lawful(uint8_t byte)
{
    return byte > 0x20 && byte < 0x7f &&
           identifier_valid(slice_of((uint8_t[]){'a', byte}, 2));
}

/* Characters of UTF-8, `first` of them at most; those that no id may hold become "-". */
static void sku_codes_put(struct buffer *out, struct slice text, uint32_t first)
{
    uint32_t characters = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool begins = (text.data[i] & 0xc0) != 0x80;
        if (begins && first != 0 && characters == first) {
            return;
        }
        characters += begins;
        if (begins) {
            buffer_append(
                out,
                sku_codes_lawful(text.data[i]) ? &text.data[i] : (const uint8_t *)"-", 1);
        }
    }
}

static void sku_codes_write(const struct inventory_product *product,
                            const struct sku_code_parts *parts, const uint32_t *chosen,
                            struct buffer *out)
{
    buffer_clear(out);
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct sku_code_part *part = &parts->parts[i];
        struct slice text = part->product ? product->product_id
                            : part->axis
                                ? product->axes[part->place].values[chosen[part->place]]
                                : part->text;
        sku_codes_put(out, text, part->first);
    }
}

static void sku_codes_title(const struct inventory_product *product,
                            const uint32_t *chosen, struct buffer *out)
{
    buffer_clear(out);
    buffer_append_slice(out, product->name);
    for (uint32_t i = 0; i < product->axis_count; i++) {
        if (out->size > 0) {
            buffer_append(out, ", ", 2);
        }
        buffer_append_slice(out, product->axes[i].values[chosen[i]]);
    }
}

static bool sku_codes_fill(const struct inventory_product *product,
                           const struct sku_code_parts *parts, const uint32_t *chosen,
                           struct buffer *scratch, struct arena *arena,
                           struct sku_code *out)
{
    struct inventory_attribute *options =
        arena_zalloc(arena, (product->axis_count + 1) * sizeof *options);
    if (options == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < product->axis_count; i++) {
        options[i] =
            (struct inventory_attribute){.name = product->axes[i].name,
                                         .kind = INVENTORY_ATTRIBUTE_TEXT,
                                         .text = product->axes[i].values[chosen[i]]};
    }
    out->options = options;
    out->option_count = product->axis_count;
    sku_codes_write(product, parts, chosen, scratch);
    out->sku_id = arena_slice(arena, buffer_slice(scratch));
    sku_codes_title(product, chosen, scratch);
    out->name = arena_slice(arena, buffer_slice(scratch));
    return true;
}

static int sku_codes_order(const void *a, const void *b)
{
    const struct sku_code *const *x = a, *const *y = b;
    int order = slice_compare((*x)->sku_id, (*y)->sku_id);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static int sku_codes_shown(struct slice text)
{
    return text.size < SKU_CODES_SHOWN_MAX ? (int)text.size : SKU_CODES_SHOWN_MAX;
}

static enum status sku_codes_twice(struct problem *problem, const struct sku_code *a,
                                   const struct sku_code *b)
{
    return problem_set(problem, STATUS_INVALID, "code_template",
                       "code_template: '%.*s' would be both '%.*s' and '%.*s'",
                       sku_codes_shown(a->sku_id), (const char *)a->sku_id.data,
                       sku_codes_shown(a->name), (const char *)a->name.data,
                       sku_codes_shown(b->name), (const char *)b->name.data);
}

/* No ids, and ids of two. */
static enum status sku_codes_check(const struct sku_codes *codes, struct arena *arena,
                                   struct problem *problem)
{
    const struct sku_code **sorted =
        arena_alloc(arena, (codes->count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "code_template", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (uint32_t i = 0; i < codes->count; i++) {
        sorted[i] = &codes->codes[i];
        if (!identifier_valid(codes->codes[i].sku_id)) {
            return sku_codes_refuse(
                problem, "this is no id of 1 to 128 characters:", codes->codes[i].sku_id);
        }
    }
    qsort(sorted, codes->count, sizeof(struct sku_code *), sku_codes_order);
    for (uint32_t i = 1; i < codes->count; i++) {
        if (slice_equal(sorted[i - 1]->sku_id, sorted[i]->sku_id)) {
            return sku_codes_twice(problem, sorted[i - 1], sorted[i]);
        }
    }
    return STATUS_OK;
}

static enum status sku_codes_count(const struct inventory_product *product,
                                   uint32_t count_max, uint32_t *out_count,
                                   struct problem *problem)
{
    uint64_t count = 1;
    if (product->axis_count == 0) {
        return problem_set(problem, STATUS_INVALID, "product_id",
                           "product_id: this product has no axes to make SKUs from");
    }
    for (uint32_t i = 0; i < product->axis_count && count <= count_max; i++) {
        count *= product->axes[i].value_count;
    }
    if (count > count_max) {
        return problem_set(problem, STATUS_INVALID, "product_id",
                           "product_id: its axes span more than %u SKUs", count_max);
    }
    *out_count = (uint32_t)count;
    return STATUS_OK;
}

enum status sku_codes_make(const struct inventory_product *product,
                           struct slice template_text, uint32_t count_max,
                           struct arena *arena, struct sku_codes *out,
                           struct problem *problem)
{
    uint32_t chosen[INVENTORY_AXES_MAX] = {0};
    struct sku_code_parts parts = {.count = 0};
    struct buffer scratch;
    bool fits;
    TRY(sku_codes_count(product, count_max, &out->count, problem));
    TRY(template_text.size == 0
            ? sku_codes_default(product, arena, &parts, problem)
            : sku_codes_parse(product, template_text, arena, &parts, problem));
    out->codes = arena_zalloc(arena, (out->count + 1) * sizeof *out->codes);
    fits = out->codes != NULL;
    buffer_init(&scratch);
    for (uint32_t i = 0; fits && i < out->count; i++) {
        uint32_t axis = product->axis_count;
        fits = sku_codes_fill(product, &parts, chosen, &scratch, arena, &out->codes[i]);
        while (axis > 0 && ++chosen[axis - 1] == product->axes[axis - 1].value_count) {
            chosen[--axis] = 0;
        }
    }
    buffer_close(&scratch);
    if (!fits) {
        return problem_set(problem, STATUS_TOO_LARGE, "product_id", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    return sku_codes_check(out, arena, problem);
}
