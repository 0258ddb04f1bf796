/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/setting.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"

#define SETTING_TEXT(value) #value

static const struct setting_info setting_rows[] = {
#define SETTING_NUMBER_ROW(name, value, least, most, unit, help)                         \
    {#name, false, SETTING_TEXT(value), least, most, unit, "", help},
#define SETTING_STRING_ROW(name, value, choices, help)                                   \
    {#name, true, value, 0, 0, "", choices, help},
    SETTING_TABLE(SETTING_NUMBER_ROW, SETTING_STRING_ROW)
#undef SETTING_NUMBER_ROW
#undef SETTING_STRING_ROW
};

static const size_t setting_offsets[] = {
#define SETTING_NUMBER_OFFSET(name, value, least, most, unit, help)                      \
    offsetof(struct settings, name),
#define SETTING_STRING_OFFSET(name, value, choices, help) offsetof(struct settings, name),
    SETTING_TABLE(SETTING_NUMBER_OFFSET, SETTING_STRING_OFFSET)
#undef SETTING_NUMBER_OFFSET
#undef SETTING_STRING_OFFSET
};

enum {
    SETTING_ROWS = sizeof setting_rows / sizeof setting_rows[0],
    SETTING_NUMBER_TEXT_MAX = 31,
};

unsigned setting_count(void)
{
    return SETTING_ROWS;
}

const struct setting_info *setting_info(unsigned index)
{
    ASSERT(index < SETTING_ROWS);
    return &setting_rows[index];
}

void settings_init(struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    for (unsigned i = 0; i < SETTING_ROWS; i++) {
        struct problem problem;
        enum status status =
            settings_set(settings, slice_from_string(setting_rows[i].name),
                         slice_from_string(setting_rows[i].default_text), &problem);
        ASSERT(status == STATUS_OK);
    }
}

static bool setting_name_equal(const char *name, struct slice given)
{
    if (strlen(name) != given.size) {
        return false;
    }
    for (size_t i = 0; i < given.size; i++) {
        char c = given.data[i] == '-' ? '_' : (char)given.data[i];
        if (c != name[i]) {
            return false;
        }
    }
    return true;
}

static bool setting_choice_allowed(const char *choices, struct slice value)
{
    while (*choices != '\0') {
        size_t size = strcspn(choices, "|");
        if (slice_equal(slice_of(choices, size), value)) {
            return true;
        }
        choices += size + (choices[size] == '|');
    }
    return false;
}

static enum status setting_set_string(char *out, const struct setting_info *info,
                                      struct slice value, struct problem *problem)
{
    if (value.size > SETTING_STRING_BYTES_MAX) {
        return problem_set(problem, STATUS_INVALID, info->name, "longer than %d bytes",
                           SETTING_STRING_BYTES_MAX);
    }
    if (value.size > 0 && memchr(value.data, 0, value.size) != NULL) {
        return problem_set(problem, STATUS_INVALID, info->name, "holds a NUL byte");
    }
    if (info->choices[0] != '\0' && !setting_choice_allowed(info->choices, value)) {
        return problem_set(problem, STATUS_INVALID, info->name, "must be one of %s",
                           info->choices);
    }
    memset(out, 0, SETTING_STRING_BYTES_MAX + 1);
    if (value.size > 0) {
        memcpy(out, value.data, value.size);
    }
    return STATUS_OK;
}

static enum status setting_set_number(int64_t *out, const struct setting_info *info,
                                      struct slice value, struct problem *problem)
{
    char text[SETTING_NUMBER_TEXT_MAX + 1] = {0};
    char *end = text;
    long long number = 0;
    errno = 0;
    /* Only digits and a sign: strtoll alone would also take blanks, and stop at a NUL. */
    if (value.size > 0 && value.size <= SETTING_NUMBER_TEXT_MAX &&
        (value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9'))) {
        memcpy(text, value.data, value.size);
        number = strtoll(text, &end, 10);
    }
    if (end == text || end != text + value.size || errno == ERANGE ||
        number < info->least || number > info->most) {
        return problem_set(problem, STATUS_INVALID, info->name,
                           "must be a whole number from %lld to %lld%s%s",
                           (long long)info->least, (long long)info->most,
                           info->unit[0] ? " " : "", info->unit);
    }
    *out = number;
    return STATUS_OK;
}

enum status settings_set(struct settings *settings, struct slice name, struct slice value,
                         struct problem *problem)
{
    for (unsigned i = 0; i < SETTING_ROWS; i++) {
        void *member = (char *)settings + setting_offsets[i];
        if (!setting_name_equal(setting_rows[i].name, name)) {
            continue;
        }
        return setting_rows[i].is_string
                   ? setting_set_string(member, &setting_rows[i], value, problem)
                   : setting_set_number(member, &setting_rows[i], value, problem);
    }
    return problem_set(problem, STATUS_NOT_FOUND, "", "no setting is called '%.*s'",
                       (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
}
