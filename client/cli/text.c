/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/identifier.h"

enum {
    TEXT_NANOS = 1000000000,
    TEXT_YEAR_LEAST = 1970,
    TEXT_YEAR_MOST = 9999,
};

static bool text_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool text_number(const char *text, int64_t *out_number)
{
    char *end = NULL;
    long long number;
    if (!text_digit(text[0]) &&
        !((text[0] == '-' || text[0] == '+') && text_digit(text[1]))) {
        return false;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    if (*end != '\0' || errno == ERANGE) {
        return false;
    }
    *out_number = number;
    return true;
}

static int64_t text_unit_ms(const char *unit, size_t size)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},    {"s", 1000},    {"", 1000},
                 {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == size && memcmp(units[i].name, unit, size) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

bool text_duration_ms(const char *text, int64_t *out_ms)
{
    int64_t total = 0;
    while (*text != '\0') {
        int64_t count = 0, part = 0;
        size_t digits = strspn(text, "0123456789");
        size_t unit = strspn(text + digits, "abcdefghijklmnopqrstuvwxyz");
        int64_t unit_ms = text_unit_ms(text + digits, unit);
        if (digits == 0 || digits > 18 || unit_ms == 0) {
            return false;
        }
        for (size_t i = 0; i < digits; i++) {
            count = count * 10 + (text[i] - '0');
        }
        if (__builtin_mul_overflow(count, unit_ms, &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return false;
        }
        text += digits + unit;
    }
    if (total <= 0) {
        return false;
    }
    *out_ms = total;
    return true;
}

bool text_money(const char *text, struct souk_money *out_money)
{
    bool negative = *text == '-';
    const char *units_text = text + (negative || *text == '+');
    size_t digits = strspn(units_text, "0123456789");
    const char *fraction = units_text + digits;
    int64_t units = 0;
    int32_t nanos = 0, scale = TEXT_NANOS;
    if (digits == 0 || digits > 15) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        units = units * 10 + (units_text[i] - '0');
    }
    if (*fraction == '.') {
        fraction++;
        while (text_digit(*fraction) && scale > 1) {
            scale /= 10;
            nanos += (*fraction - '0') * scale;
            fraction++;
        }
        if (!text_digit(fraction[-1])) {
            return false;
        }
    }
    if (*fraction != '\0') {
        return false;
    }
    out_money->units = negative ? -units : units;
    out_money->nanos = negative ? -nanos : nanos;
    return true;
}

bool text_degrees(const char *text, int degrees_max, int32_t *out_e7)
{
    const int64_t e7 = 10000000, nanos_of_e7 = TEXT_NANOS / e7;
    struct souk_money number;
    int64_t value;
    if (!text_money(text, &number) || number.units > degrees_max ||
        number.units < -degrees_max || number.nanos % nanos_of_e7 != 0) {
        return false;
    }
    value = number.units * e7 + number.nanos / nanos_of_e7;
    if (value > degrees_max * e7 || value < -degrees_max * e7) {
        return false;
    }
    *out_e7 = (int32_t)value;
    return true;
}

/* Days since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t text_days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* Exactly `count` digits. */
static bool text_take(const char **text, unsigned count, int64_t *out_number)
{
    int64_t number = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!text_digit((*text)[i])) {
            return false;
        }
        number = number * 10 + ((*text)[i] - '0');
    }
    *text += count;
    *out_number = number;
    return true;
}

static bool text_skip(const char **text, char c)
{
    if (**text != c) {
        return false;
    }
    ++*text;
    return true;
}

static bool text_date(const char **text, int64_t *out_days)
{
    static const int8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day, most;
    if (!text_take(text, 4, &year) || !text_skip(text, '-') ||
        !text_take(text, 2, &month) || !text_skip(text, '-') ||
        !text_take(text, 2, &day) || year < TEXT_YEAR_LEAST || year > TEXT_YEAR_MOST ||
        month < 1 || month > 12) {
        return false;
    }
    most = month_days[month - 1] +
           (month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)));
    *out_days = text_days(year, month, day);
    return day >= 1 && day <= most;
}

static bool text_clock(const char **text, int64_t *out_ms)
{
    int64_t hour, minute, second = 0, fraction = 0, scale = 100;
    if (!text_take(text, 2, &hour) || !text_skip(text, ':') ||
        !text_take(text, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    if (text_skip(text, ':') && (!text_take(text, 2, &second) || second > 59)) {
        return false;
    }
    if (text_skip(text, '.')) {
        if (!text_digit(**text)) {
            return false;
        }
        for (; text_digit(**text); ++*text) {
            fraction += (**text - '0') * scale;
            scale /= 10;
        }
    }
    text_skip(text, 'Z');
    *out_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

bool text_time_ms(const char *text, int64_t *out_time_ms)
{
    int64_t days, ms = 0;
    if (!text_date(&text, &days)) {
        return false;
    }
    if (*text != '\0' &&
        ((!text_skip(&text, 'T') && !text_skip(&text, ' ')) || !text_clock(&text, &ms))) {
        return false;
    }
    if (*text != '\0') {
        return false;
    }
    *out_time_ms = days * 86400000 + ms;
    return true;
}

void text_time_format(int64_t time_ms, char out[TEXT_TIME_BYTES])
{
    int64_t seconds = time_ms / 1000;
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    /* The inverse of text_days, from the same source. */
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int64_t month = shifted + (shifted < 10 ? 3 : -9);
    int64_t year = year_of_era + era * 400 + (month <= 2);
    char fraction[8] = "";
    if (time_ms <= 0 || year > TEXT_YEAR_MOST) {
        out[0] = '\0';
        return;
    }
    if (time_ms % 1000 != 0) {
        snprintf(fraction, sizeof fraction, ".%03u", (unsigned)(time_ms % 1000));
    }
    /* The remainders change nothing but tell the compiler how long each part can be. */
    snprintf(out, TEXT_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u%sZ",
             (unsigned)(year % 10000), (unsigned)(month % 100),
             (unsigned)((day_of_year - (153 * shifted + 2) / 5 + 1) % 100),
             (unsigned)(rest / 3600 % 100), (unsigned)(rest / 60 % 60),
             (unsigned)(rest % 60), fraction);
}

void text_money_format(const struct souk_money *money, char out[TEXT_MONEY_BYTES])
{
    bool negative = money->units < 0 || money->nanos < 0;
    uint64_t units = negative ? 0 - (uint64_t)money->units : (uint64_t)money->units;
    uint32_t nanos = negative ? 0 - (uint32_t)money->nanos : (uint32_t)money->nanos;
    char decimals[16];
    size_t size;
    if (money->currency[0] == '\0') {
        out[0] = '\0';
        return;
    }
    snprintf(decimals, sizeof decimals, "%09u", nanos % TEXT_NANOS);
    for (size = 9; size > 2 && decimals[size - 1] == '0'; size--) {
    }
    decimals[size] = '\0';
    snprintf(out, TEXT_MONEY_BYTES, "%s%llu.%s", negative ? "-" : "",
             (unsigned long long)units, decimals);
}

/* Bytes of one well-formed character; 0 when it is none. */
static size_t text_character(const uint8_t *at, size_t left)
{
    static const uint8_t least_second[] = {[0xe0 - 0xe0] = 0xa0, [0xf0 - 0xe0] = 0x90};
    uint8_t first = at[0];
    size_t size = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;
    if (size == 0 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if (((first == 0xe0 || first == 0xf0) && at[1] < least_second[first - 0xe0]) ||
        (first == 0xed && at[1] > 0x9f) || (first == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    return size;
}

bool text_clean(struct slice text)
{
    for (size_t i = 0; i < text.size;) {
        size_t size = text_character(text.data + i, text.size - i);
        if (size == 0 || (size == 1 && (text.data[i] < ' ' || text.data[i] == 0x7f))) {
            return false;
        }
        i += size;
    }
    return true;
}

bool text_line_parse(char *text, struct text_line *out_line)
{
    struct text_line line = {.sku_id = text, .quantity = 1};
    char *at = strrchr(text, '@');
    char *colon;
    if (at != NULL) {
        *at = '\0';
        line.location_id = at + 1;
        if (!identifier_valid(slice_from_string(line.location_id))) {
            return false;
        }
    }
    colon = strrchr(text, ':');
    if (colon != NULL && colon[1] != '\0' &&
        strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
        *colon = '\0';
        if (!text_number(colon + 1, &line.quantity)) {
            return false;
        }
    }
    *out_line = line;
    return identifier_valid(slice_from_string(line.sku_id));
}

bool text_split(char *text, const char **out_items, size_t max, size_t *out_count)
{
    size_t count = 0;
    char *rest = text;
    while (rest != NULL) {
        char *item = strsep(&rest, ",");
        if (*item == '\0' || count == max) {
            return false;
        }
        out_items[count++] = item;
    }
    *out_count = count;
    return true;
}

void text_advice(const char *message, char out[TEXT_ADVICE_BYTES])
{
    static const struct {
        const char *call, *command;
    } words[] = {
        {"create it with UpsertSku", "create it with souk sku put"},
        {"create it with UpsertLocation", "create it with souk location put"},
        {"create it with UpsertCustomer", "create it with souk customer put"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *found = strstr(message, words[i].call);
        if (found != NULL) {
            snprintf(out, TEXT_ADVICE_BYTES, "%.*s%s%s", (int)(found - message), message,
                     words[i].command, found + strlen(words[i].call));
            return;
        }
    }
    snprintf(out, TEXT_ADVICE_BYTES, "%s", message);
}

void text_show(const char *text, char out[TEXT_SHOWN_BYTES])
{
    size_t used = 0;
    for (; *text != '\0' && used + sizeof "\\xNN..." <= TEXT_SHOWN_BYTES; text++) {
        unsigned char byte = (unsigned char)*text;
        used += (size_t)snprintf(out + used, TEXT_SHOWN_BYTES - used,
                                 byte >= ' ' && byte < 0x7f ? "%c" : "\\x%02x", byte);
    }
    snprintf(out + used, TEXT_SHOWN_BYTES - used, "%s", *text != '\0' ? "..." : "");
}
