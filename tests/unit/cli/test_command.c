/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/cli.h"
#include "client/cli/command.h"
#include "tests/lib/test.h"

static char message[512];

static bool parse(struct command_line *line, const char *words)
{
    static char copy[1024];
    static char *argv[64];
    int argc = 0;
    char *rest = copy;
    snprintf(copy, sizeof copy, "souk %s", words);
    while (rest != NULL && argc < 64) {
        argv[argc++] = strsep(&rest, " ");
    }
    message[0] = '\0';
    return command_parse(command_table(), argc, argv, line, message, sizeof message);
}

TEST(command, finds_the_deepest_command_and_its_arguments)
{
    struct command_line line;
    EXPECT(parse(&line, "stock adjust MUG-RED berlin -5 --reason damage"));
    EXPECT_STRING(line.command->path, "stock adjust");
    EXPECT_EQ(line.argument_count, 3);
    EXPECT_STRING(line.arguments[2], "-5");
    EXPECT_STRING(command_option(&line, "reason"), "damage");
    EXPECT(command_option(&line, "bucket") == NULL);
}

TEST(command, takes_options_anywhere_and_in_both_spellings)
{
    struct command_line line;
    EXPECT(parse(&line, "-o json hold --address=h:1 create A:2 --ttl=15m"));
    EXPECT_STRING(line.command->path, "hold create");
    EXPECT_STRING(command_option(&line, "output"), "json");
    EXPECT_STRING(command_option(&line, "address"), "h:1");
    EXPECT_STRING(command_option(&line, "ttl"), "15m");
}

TEST(command, a_word_that_is_no_subcommand_is_an_argument_where_one_is_taken)
{
    struct command_line line;
    EXPECT(parse(&line, "rec C-00017"));
    EXPECT_STRING(line.command->path, "rec");
    EXPECT(parse(&line, "demo store folder"));
    EXPECT_STRING(line.command->path, "demo store");
    EXPECT_STRING(line.arguments[0], "folder");
}

TEST(command, two_dashes_end_the_options)
{
    struct command_line line;
    EXPECT(parse(&line, "bench -- --seconds 5"));
    EXPECT_EQ(line.argument_count, 2);
    EXPECT_STRING(line.arguments[0], "--seconds");
}

TEST(command, says_what_is_wrong)
{
    struct command_line line;
    EXPECT(!parse(&line, "stock frobnicate"));
    EXPECT_STRING(message, "no command 'stock frobnicate'");
    EXPECT(!parse(&line, "stock get"));
    EXPECT(strstr(message, "too few arguments") != NULL);
    EXPECT(!parse(&line, "stock get A B C"));
    EXPECT(strstr(message, "unexpected argument 'C'") != NULL);
    EXPECT(!parse(&line, "stock get A --colour red"));
    EXPECT(strstr(message, "unknown option '--colour'") != NULL);
    EXPECT(!parse(&line, "hold create A --ttl"));
    EXPECT(strstr(message, "--ttl wants a value") != NULL);
}

TEST(command, sku_put_names_exactly_the_fields_that_were_given)
{
    struct command_line line;
    const char *mask[CLI_SKU_MASK_MAX];
    EXPECT(parse(&line, "sku put MUG-RED"));
    EXPECT_EQ(cli_sku_mask(&line, mask), 1);
    EXPECT_STRING(mask[0], "sku_id");
    EXPECT(parse(&line, "sku put MUG-RED --category A/B --name Mug --etag 7"));
    EXPECT_EQ(cli_sku_mask(&line, mask), 3);
    EXPECT_STRING(mask[1], "name");
    EXPECT_STRING(mask[2], "category_path");
}

TEST(command, location_put_names_in_its_mask_what_the_options_name)
{
    struct command_line line;
    const char *mask[CLI_LOCATION_MASK_MAX];
    EXPECT(parse(&line, "location put berlin"));
    EXPECT_EQ(cli_location_mask(&line, mask), 1);
    EXPECT(parse(&line, "location put berlin --latitude -33.9 --longitude 18.4 --name B "
                        "--type store --place P --time-zone Z --channels web"));
    EXPECT_EQ(cli_location_mask(&line, mask), 7);
    EXPECT_STRING(mask[4], "latitude_e7");
    EXPECT_STRING(command_option(&line, "latitude"), "-33.9");
}

TEST(command, rec_leaves_out_what_the_session_looks_at_unless_told)
{
    struct command_line line;
    EXPECT(parse(&line, "rec --session MUG-RED"));
    EXPECT(cli_rec_excludes_current(&line));
    EXPECT(parse(&line, "rec --session MUG-RED --include-current"));
    EXPECT(!cli_rec_excludes_current(&line));
    EXPECT(parse(&line, "rec C-00017"));
    EXPECT(!cli_rec_excludes_current(&line));
    EXPECT(parse(&line, "rec C-00017 --exclude-current"));
    EXPECT(cli_rec_excludes_current(&line));
    EXPECT(parse(&line, "rec --seed MUG-RED"));
    EXPECT(cli_rec_excludes_current(&line));
}

TEST(command, rec_is_a_command_and_has_commands)
{
    struct command_line line;
    EXPECT(parse(&line, "rec rank MUG-RED,TEA --customer C-00017"));
    EXPECT_STRING(line.command->path, "rec rank");
    EXPECT_STRING(line.arguments[0], "MUG-RED,TEA");
    EXPECT(parse(&line, "rec explain 01a2"));
    EXPECT_STRING(line.command->path, "rec explain");
    EXPECT(parse(&line, "rec --customer rank --explain"));
    EXPECT_STRING(line.command->path, "rec");
    EXPECT(!parse(&line, "rec rank"));
}

TEST(command, help_and_version_are_found_where_people_look)
{
    struct command_line line;
    EXPECT(parse(&line, "--version"));
    EXPECT(command_option(&line, "version") != NULL);
    EXPECT(parse(&line, "help stock adjust"));
    EXPECT_STRING(line.command->path, "help");
    EXPECT_EQ(line.argument_count, 2);
}

TEST(command, asks_for_help_at_any_level_without_arguments)
{
    struct command_line line;
    EXPECT(parse(&line, "stock adjust --help") && line.help);
    EXPECT(parse(&line, "stock -h") && line.help);
    EXPECT(parse(&line, "--help") && line.help && line.command == NULL);
}

TEST(command, every_group_has_children_and_every_leaf_is_below_known_groups)
{
    const struct command_table *table = command_table();
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        unsigned children = 0;
        size_t size = strlen(command->path);
        EXPECT(command->summary != NULL && command->summary[0] != '\0');
        EXPECT(command->least <= command->most);
        for (size_t j = 0; j < table->count; j++) {
            children += strncmp(table->commands[j].path, command->path, size) == 0 &&
                        table->commands[j].path[size] == ' ';
        }
        EXPECT(command->run != NULL || children > 0);
    }
}

static char *rendered(void (*render)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    render(out);
    fclose(out);
    return text;
}

static void render_all_help(FILE *out)
{
    command_help(command_table(), NULL, out);
    for (size_t i = 0; i < command_table()->count; i++) {
        command_help(command_table(), &command_table()->commands[i], out);
    }
}

static void render_completion(FILE *out)
{
    command_completion(command_table(), out);
}

static void render_manual(FILE *out)
{
    command_manual(command_table(), "1.2.3", out);
}

TEST(command, help_completion_and_manual_name_every_command_and_option)
{
    char *texts[] = {rendered(render_all_help), rendered(render_completion),
                     rendered(render_manual)};
    for (size_t i = 0; i < command_table()->count; i++) {
        const struct command *command = &command_table()->commands[i];
        EXPECT(strstr(texts[0], command->path) != NULL);
        EXPECT(strstr(texts[1], command->path) != NULL);
        EXPECT(command->run == NULL || strstr(texts[2], command->path) != NULL);
        for (const struct command_option *o = command->options; o->name != NULL; o++) {
            EXPECT(strstr(texts[0], o->name) != NULL);
            EXPECT(strstr(texts[1], o->name) != NULL);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        free(texts[i]);
    }
}

TEST(command, the_completion_is_bash)
{
    FILE *shell = popen("bash -n 2>&1", "w");
    EXPECT(shell != NULL);
    command_completion(command_table(), shell);
    EXPECT_EQ(pclose(shell), 0);
}
