/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/set_plan.h"

#include <stdio.h>
#include <string.h>

#include "client/cli/text.h"

static const char set_bad_id[] = "an id is 1-128 of A-Z a-z 0-9 . _ ~ : -";

static bool set_id_join(char out[IDENTIFIER_BYTES_MAX + 1], const char *prefix,
                        const char *id)
{
    int size = snprintf(out, IDENTIFIER_BYTES_MAX + 1, "%s%s", prefix, id);
    return size <= IDENTIFIER_BYTES_MAX && identifier_valid(slice_from_string(out));
}

const char *set_plan_actor(const struct set_plan *plan, const struct set_record *record,
                           struct set_actor *out)
{
    char line[32];
    const char *own = record->owner;
    memset(out, 0, sizeof *out);
    if (record->format == SET_HISTORIES || record->format == SET_BASKET_JSON) {
        if (own == NULL || !set_id_join(out->id, "", own)) {
            return "the customer's id: an id is 1-128 of A-Z a-z 0-9 . _ ~ : -";
        }
        return NULL;
    }
    out->visitor = true;
    if (own == NULL) {
        snprintf(line, sizeof line, "%llu", (unsigned long long)record->line);
        own = line;
    }
    if (!identifier_valid(slice_from_string(own)) ||
        !set_id_join(out->id, plan->prefix, own)) {
        return "the session's id: with the prefix it is 1-128 of A-Z a-z 0-9 . _ ~ : -";
    }
    memcpy(out->session_id, out->id, sizeof out->session_id);
    return NULL;
}

static bool set_id_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || strchr("._~:-", byte) != NULL;
}

/* "rolls/buns " is called "rolls/buns" and becomes rolls-buns. */
static const char *set_sku_of_name(const char *text, struct set_sku *out)
{
    size_t size, used = 0;
    text += strspn(text, " \t");
    size = strlen(text);
    while (size > 0 && strchr(" \t", text[size - 1]) != NULL) {
        size--;
    }
    if (size == 0) {
        return "an item without a name";
    }
    if (size > SET_NAME_BYTES_MAX || !text_clean(slice_of(text, size))) {
        return "at most 1024 bytes of UTF-8 without control characters";
    }
    memcpy(out->name, text, size);
    out->name[size] = '\0';
    for (size_t i = 0; i < size; i++) {
        char byte = set_id_byte(text[i]) ? text[i] : '-';
        if (byte == '-' && (used == 0 || out->sku_id[used - 1] == '-')) {
            continue;
        }
        if (used == IDENTIFIER_BYTES_MAX) {
            return "a name of more than 128 bytes makes no id";
        }
        out->sku_id[used++] = byte;
    }
    while (used > 0 && out->sku_id[used - 1] == '-') {
        used--;
    }
    out->sku_id[used] = '\0';
    return identifier_valid(slice_of(out->sku_id, used)) ? NULL : set_bad_id;
}

static bool set_negative(const char *text)
{
    return text[0] == '-' && text[1] != '\0' &&
           text[1 + strspn(text + 1, "0123456789")] == '\0';
}

const char *set_plan_sku(const struct set_record *record, uint32_t item,
                         struct set_sku *out)
{
    const char *text = record->items[item].text;
    if (set_negative(text)) {
        return "a negative number is no item";
    }
    if (record->format == SET_BASKET_LINES) {
        return set_sku_of_name(text, out);
    }
    if (!set_id_join(out->sku_id, "", text)) {
        return set_bad_id;
    }
    memcpy(out->name, out->sku_id, sizeof out->sku_id);
    return NULL;
}

/* `back` steps before the end; no older than 1970 and `later` milliseconds. */
static int64_t set_time_back(const struct set_plan *plan, uint64_t back, int64_t later)
{
    int64_t offset;
    if (back > INT64_MAX ||
        __builtin_mul_overflow((int64_t)back, plan->step_ms, &offset) ||
        offset >= plan->end_ms) {
        offset = plan->end_ms - 1;
    }
    return plan->end_ms - offset - later > 1 ? plan->end_ms - offset - later : 1;
}

int64_t set_plan_time_ms(const struct set_plan *plan, const struct set_record *record,
                         uint32_t item)
{
    uint64_t line_back = plan->last_line - record->line + 1;
    switch (record->format) {
    case SET_SESSION_LINES:
        return set_time_back(plan, line_back,
                             (int64_t)(record->item_count - 1 - item) *
                                 SET_CLICK_APART_MS);
    case SET_SESSION_CLICKS:
        return record->time_ms > 0 ? record->time_ms : 1;
    case SET_HISTORIES:
        return set_time_back(plan, record->item_count - item, 0);
    case SET_BASKET_LINES:
        return set_time_back(plan, line_back, 0);
    case SET_BASKET_JSON:
        break;
    }
    return set_time_back(plan, record->basket_count - record->items[item].basket, 0);
}

bool set_plan_held_out(const struct set_plan *plan, const struct set_record *record,
                       uint32_t item)
{
    int64_t behind = 0; /* it and what follows it */
    if (record->format == SET_HISTORIES) {
        behind = (int64_t)record->item_count - item;
    } else if (record->format == SET_BASKET_JSON) {
        behind = (int64_t)record->basket_count - record->items[item].basket;
    } else {
        return false;
    }
    return behind <= plan->hold_out;
}
