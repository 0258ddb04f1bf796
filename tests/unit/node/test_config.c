/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/config.h"

#include "tests/lib/test.h"

static enum status read_text(struct settings *settings, const char *text,
                             struct config_error *error)
{
    settings_init(settings);
    return config_read_text(settings, "f.yaml", slice_from_string(text), error);
}

TEST(config, keys_and_values_are_read)
{
    struct settings settings;
    struct config_error error;
    EXPECT_OK(read_text(&settings,
                        "# a comment\nport: 7500\n'log_level': \"debug\"\nlisten: ::1\n",
                        &error));
    EXPECT_EQ(settings.port, 7500);
    EXPECT_STRING(settings.log_level, "debug");
    EXPECT_STRING(settings.listen, "::1");
    EXPECT_EQ(settings.admin_port, 0);
}

TEST(config, an_empty_file_changes_nothing)
{
    struct settings settings;
    struct config_error error;
    EXPECT_OK(read_text(&settings, "", &error));
    EXPECT_OK(read_text(&settings, "---\n...\n", &error));
    EXPECT_OK(read_text(&settings, "# nothing\n", &error));
    EXPECT_EQ(settings.port, 7400);
}

TEST(config, every_mistake_is_named_with_its_place)
{
    static const char *const cases[][2] = {
        {"prot: 1\n", "f.yaml:1:1: unknown key 'prot'; did you mean 'port'?"},
        {"port: 1\nxyzzy: 2\n",
         "f.yaml:2:1: unknown key 'xyzzy'; soukd --help lists them"},
        {"port: 1\nport: 1\n", "f.yaml:2:1: 'port' stands here a second time"},
        {"port: x\n", "f.yaml:1:7: port must be a whole number from 0 to 65535"},
        {"port: 70000\n", "f.yaml:1:7: port must be a whole number from 0 to 65535"},
        {"log_level: loud\n",
         "f.yaml:1:12: log_level must be one of debug|info|warn|error"},
        {"port: [1]\n", "f.yaml:1:7: port takes one whole number"},
        {"dir: {a: b}\n", "f.yaml:1:6: dir takes one text"},
        {"[port]: 1\n", "f.yaml:1:1: a key is the name of a setting"},
        {"- port\n", "f.yaml:1:1: expected lines of the form 'name: value'"},
        {"port\n", "f.yaml:1:1: expected lines of the form 'name: value'"},
        {"port: 1\n---\nport: 2\n", "f.yaml:2:1: a second document; one is enough"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings settings;
        struct config_error error;
        EXPECT_STATUS(read_text(&settings, cases[i][0], &error), STATUS_INVALID);
        EXPECT_STRING(error.text, cases[i][1]);
    }
}

TEST(config, what_is_no_yaml_is_refused_with_a_place)
{
    static const char *const cases[] = {"port: 'a\n", "\tport: 1\n", "a: b: c\n",
                                        "{\n",        "port: *x\n",  "\xff\xfe"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings settings;
        struct config_error error;
        EXPECT_STATUS(read_text(&settings, cases[i], &error), STATUS_INVALID);
        EXPECT_EQ(strncmp(error.text, "f.yaml:", 7), 0);
    }
}

static enum status read_flags(struct settings *settings, char *const *arguments,
                              int count, struct config_flags *flags,
                              struct config_error *error)
{
    settings_init(settings);
    return config_read_flags(settings, count, arguments, flags, error);
}

TEST(config, flags_win_over_the_file_wherever_they_stand)
{
    char path[512];
    char name[] = "soukd", port[] = "--port=1", config[] = "--config";
    char level[] = "--log-level", warn[] = "warn";
    char *const arguments[] = {name, port, config, path, level, warn};
    struct settings settings;
    struct config_flags flags;
    struct config_error error;
    snprintf(path, sizeof path, "%s/c.yaml", test_folder());
    FILE *file = fopen(path, "w");
    fputs("port: 2\nrpc_workers: 3\nlog_level: error\n", file);
    fclose(file);
    EXPECT_OK(read_flags(&settings, arguments, 6, &flags, &error));
    EXPECT_EQ(settings.port, 1);
    EXPECT_EQ(settings.rpc_workers, 3);
    EXPECT_STRING(settings.log_level, "warn");
    EXPECT(!flags.help);
}

TEST(config, a_wrong_flag_names_the_nearest_one)
{
    char name[] = "soukd", wrong[] = "--prot", value[] = "1";
    char *const arguments[] = {name, wrong, value};
    struct settings settings;
    struct config_flags flags;
    struct config_error error;
    EXPECT_STATUS(read_flags(&settings, arguments, 3, &flags, &error), STATUS_INVALID);
    EXPECT_STRING(error.text, "there is no flag '--prot'; did you mean '--port'?");
    char known[] = "--port";
    char *const short_arguments[] = {name, known};
    EXPECT_STATUS(read_flags(&settings, short_arguments, 2, &flags, &error),
                  STATUS_INVALID);
    EXPECT_STRING(error.text, "--port wants a value");
    char word[] = "abc";
    char *const text_arguments[] = {name, known, word};
    EXPECT_STATUS(read_flags(&settings, text_arguments, 3, &flags, &error),
                  STATUS_INVALID);
    EXPECT_STRING(error.text, "--port: must be a whole number from 0 to 65535");
    char bare[] = "serve";
    char *const bare_arguments[] = {name, bare};
    EXPECT_STATUS(read_flags(&settings, bare_arguments, 2, &flags, &error),
                  STATUS_INVALID);
}

TEST(config, what_is_printed_is_read_back)
{
    struct settings settings, back;
    struct config_error error;
    struct buffer first, second;
    struct problem problem;
    settings_init(&settings);
    EXPECT_OK(settings_set(&settings, slice_from_string("dir"),
                           slice_from_string("/a \"b\" \\c: #d"), &problem));
    EXPECT_OK(settings_set(&settings, slice_from_string("port"), slice_from_string("9"),
                           &problem));
    buffer_init(&first);
    buffer_init(&second);
    config_print(&settings, &first);
    settings_init(&back);
    EXPECT_OK(config_read_text(&back, "printed", buffer_slice(&first), &error));
    EXPECT_STRING(back.dir, settings.dir);
    config_print(&back, &second);
    EXPECT_SLICE(buffer_slice(&second), buffer_slice(&first));
    buffer_close(&first);
    buffer_close(&second);
}

TEST(config, help_names_every_setting)
{
    struct buffer help;
    buffer_init(&help);
    config_print_help(&help);
    *buffer_extend(&help, 1) = '\0';
    for (unsigned i = 0; i < setting_count(); i++) {
        char flag[80];
        snprintf(flag, sizeof flag, "--%s ", setting_info(i)->name);
        for (char *c = flag + 2; *c; c++) {
            *c = *c == '_' ? '-' : *c;
        }
        EXPECT(strstr((const char *)help.data, flag) != NULL);
    }
    buffer_close(&help);
}
