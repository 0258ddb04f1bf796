/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/setting.h"

#include "tests/lib/test.h"

static struct settings settings;
static struct problem problem;

static enum status set(const char *name, const char *value)
{
    return settings_set(&settings, slice_from_string(name), slice_from_string(value),
                        &problem);
}

TEST(setting, every_default_is_within_its_own_bounds)
{
    settings_init(&settings); /* asserts */
    EXPECT_EQ(settings.port, 7400);
    EXPECT_STRING(settings.log_format, "logfmt");
    EXPECT(setting_count() > 20);
}

TEST(setting, every_number_takes_its_bounds_and_nothing_beyond)
{
    settings_init(&settings);
    for (unsigned i = 0; i < setting_count(); i++) {
        const struct setting_info *info = setting_info(i);
        char text[32];
        if (info->is_string) {
            continue;
        }
        snprintf(text, sizeof text, "%" PRId64, info->least);
        EXPECT_OK(set(info->name, text));
        snprintf(text, sizeof text, "%" PRId64, info->most);
        EXPECT_OK(set(info->name, text));
        snprintf(text, sizeof text, "%" PRId64, info->least - 1);
        EXPECT_STATUS(set(info->name, text), STATUS_INVALID);
        snprintf(text, sizeof text, "%" PRId64, info->most + 1);
        EXPECT_STATUS(set(info->name, text), STATUS_INVALID);
        EXPECT_STRING(problem.field, info->name);
    }
}

TEST(setting, what_is_no_whole_number_is_refused_and_changes_nothing)
{
    static const char *const refused[] = {
        "",    " ",    "8x",  "0x10",  " 8",  "+8", "8 ",
        "1e3", "8.0",  "--8", "eight", "\t8", "-",  "99999999999999999999",
        "8\n", "8\r\n"};
    settings_init(&settings);
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        EXPECT_STATUS(set("rpc_workers", refused[i]), STATUS_INVALID);
        EXPECT_EQ(settings.rpc_workers, 1);
    }
    EXPECT_STATUS(settings_set(&settings, slice_from_string("rpc_workers"),
                               slice_of("8\0junk", 6), &problem),
                  STATUS_INVALID);
    EXPECT_STRING(problem.message, "must be a whole number from 1 to 64");
}

TEST(setting, names_take_dashes_as_underscores)
{
    settings_init(&settings);
    EXPECT_OK(set("log-level", "debug"));
    EXPECT_STRING(settings.log_level, "debug");
    EXPECT_STATUS(set("log-leve", "debug"), STATUS_NOT_FOUND);
    EXPECT_STATUS(set("log-levels", "debug"), STATUS_NOT_FOUND);
    EXPECT_STATUS(set("", "debug"), STATUS_NOT_FOUND);
}

TEST(setting, choices_are_whole_words)
{
    settings_init(&settings);
    EXPECT_STATUS(set("log_format", "jso"), STATUS_INVALID);
    EXPECT_STATUS(set("log_format", "logfmt|json"), STATUS_INVALID);
    EXPECT_STATUS(set("log_format", ""), STATUS_INVALID);
    EXPECT_OK(set("log_format", "json"));
    EXPECT_STRING(settings.log_format, "json");
}

TEST(setting, strings_are_bounded_and_hold_no_nul)
{
    char text[SETTING_STRING_BYTES_MAX + 2];
    settings_init(&settings);
    memset(text, 'd', sizeof text);
    text[SETTING_STRING_BYTES_MAX + 1] = '\0';
    EXPECT_STATUS(set("dir", text), STATUS_INVALID);
    text[SETTING_STRING_BYTES_MAX] = '\0';
    EXPECT_OK(set("dir", text));
    EXPECT_EQ(strlen(settings.dir), SETTING_STRING_BYTES_MAX);
    EXPECT_OK(set("dir", "short"));
    EXPECT_STRING(settings.dir, "short");
    EXPECT_STATUS(
        settings_set(&settings, slice_from_string("dir"), slice_of("a\0b", 3), &problem),
        STATUS_INVALID);
}
