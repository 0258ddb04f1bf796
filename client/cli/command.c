/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/command.h"

#include <string.h>

/* True when `path` is `prefix` or lies below it. */
static bool command_below(const char *path, const char *prefix, size_t prefix_size)
{
    return strncmp(path, prefix, prefix_size) == 0 &&
           (path[prefix_size] == '\0' || path[prefix_size] == ' ');
}

static const struct command *command_find(const struct command_table *table,
                                          const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->commands[i].path, path) == 0) {
            return &table->commands[i];
        }
    }
    return NULL;
}

static const struct command_option *
command_option_find(const struct command_option *options, const char *name, size_t size)
{
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == size && memcmp(options->name, name, size) == 0) {
            return options;
        }
    }
    return NULL;
}

/* -5 is a quantity, --ttl and -o are options. */
static bool command_is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

static bool command_option_add(struct command_line *line, const char *name,
                               const char *value)
{
    if (line->option_count == sizeof line->options / sizeof line->options[0]) {
        return false;
    }
    line->options[line->option_count].name = name;
    line->options[line->option_count].value = value;
    line->option_count++;
    return true;
}

/* The words being parsed, and where a complaint goes. */
struct command_words {
    const struct command_table *table;
    char **words;
    int count;
    int at;
    char *message;
    size_t message_size;
};

static const struct command_option *
command_option_known(const struct command_words *words, const struct command_line *line,
                     const char *name, size_t size)
{
    const struct command_option *option = NULL;
    if (line->command != NULL) {
        option = command_option_find(line->command->options, name, size);
    }
    return option ? option : command_option_find(words->table->globals, name, size);
}

/* One word that begins with a dash; advances over its value. */
static bool command_parse_option(struct command_words *words, struct command_line *line)
{
    const char *word = words->words[words->at];
    const char *name = strcmp(word, "-o") == 0   ? "output"
                       : strcmp(word, "-h") == 0 ? "help"
                                                 : word + strspn(word, "-");
    size_t size = strcspn(name, "=");
    const struct command_option *option = command_option_known(words, line, name, size);
    const char *value = name[size] == '=' ? name + size + 1 : NULL;
    if (size == 4 && memcmp(name, "help", 4) == 0) {
        line->help = true;
        return true;
    }
    if (option == NULL) {
        snprintf(words->message, words->message_size, "unknown option '%s'", word);
        return false;
    }
    if (option->value == NULL) {
        value = value ? value : "";
    } else if (value == NULL && ++words->at < words->count) {
        value = words->words[words->at];
    }
    if (value == NULL) {
        snprintf(words->message, words->message_size, "--%s wants a value: --%s %s",
                 option->name, option->name, option->value);
        return false;
    }
    if (!command_option_add(line, option->name, value)) {
        snprintf(words->message, words->message_size, "too many options");
        return false;
    }
    return true;
}

/* Follows one more word down the tree; false when it is not a command there. */
static bool command_descend(const struct command_table *table, struct command_line *line,
                            const char *word)
{
    char path[128];
    const struct command *next;
    snprintf(path, sizeof path, "%s%s%s", line->command ? line->command->path : "",
             line->command ? " " : "", word);
    next = command_find(table, path);
    if (next != NULL) {
        line->command = next;
    }
    return next != NULL;
}

static bool command_is_group(const struct command_line *line)
{
    return line->command == NULL || line->command->run == NULL;
}

static bool command_check(const struct command_line *line, char *message, size_t size)
{
    const struct command *command = line->command;
    if (line->help || command_is_group(line)) {
        return true;
    }
    if (line->argument_count < command->least) {
        snprintf(message, size, "too few arguments: souk %s %s", command->path,
                 command->arguments);
        return false;
    }
    if (line->argument_count > command->most) {
        snprintf(message, size, "unexpected argument '%s': souk %s %s",
                 line->arguments[command->most], command->path, command->arguments);
        return false;
    }
    return true;
}

bool command_parse(const struct command_table *table, int argc, char *argv[],
                   struct command_line *line, char *message, size_t message_size)
{
    struct command_words words = {table, argv, argc, 1, message, message_size};
    bool only_arguments = false;
    memset(line, 0, sizeof *line);
    for (; words.at < argc; words.at++) {
        const char *word = argv[words.at];
        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && command_is_option(word)) {
            if (!command_parse_option(&words, line)) {
                return false;
            }
        } else if (line->argument_count == 0 && command_descend(table, line, word)) {
            continue;
        } else if (command_is_group(line)) {
            snprintf(message, message_size, "no command '%s%s%s'",
                     line->command ? line->command->path : "", line->command ? " " : "",
                     word);
            return false;
        } else if (line->argument_count == COMMAND_ARGUMENTS_MAX) {
            snprintf(message, message_size, "more than %d arguments",
                     COMMAND_ARGUMENTS_MAX);
            return false;
        } else {
            line->arguments[line->argument_count++] = word;
        }
    }
    return command_check(line, message, message_size);
}

const char *command_option(const struct command_line *line, const char *name)
{
    for (size_t i = line->option_count; i-- > 0;) {
        if (strcmp(line->options[i].name, name) == 0) {
            return line->options[i].value;
        }
    }
    return NULL;
}

static void command_help_options(const struct command_option *options, const char *title,
                                 FILE *out)
{
    if (options->name == NULL) {
        return;
    }
    fprintf(out, "\n%s:\n", title);
    for (; options->name != NULL; options++) {
        char left[64];
        snprintf(left, sizeof left, "%s--%s%s%s",
                 strcmp(options->name, "output") == 0 ? "-o, " : "", options->name,
                 options->value ? " " : "", options->value ? options->value : "");
        fprintf(out, "  %-26s %s\n", left, options->summary);
    }
}

static void command_help_children(const struct command_table *table, const char *prefix,
                                  FILE *out)
{
    size_t size = strlen(prefix);
    for (size_t i = 0; i < table->count; i++) {
        const struct command *child = &table->commands[i];
        const char *rest = child->path + (size ? size + 1 : 0);
        char left[64];
        if ((size > 0 &&
             (!command_below(child->path, prefix, size) || child->path[size] == '\0')) ||
            strchr(rest, ' ') != NULL) {
            continue;
        }
        snprintf(left, sizeof left, "%s %s", rest, child->run ? child->arguments : "...");
        fprintf(out, "  %-34s %s\n", left, child->summary);
    }
}

static void command_help_examples(const char *examples, FILE *out)
{
    if (examples != NULL) {
        fprintf(out, "\nExamples:\n%s", examples);
    }
}

static void command_help_top(const struct command_table *table, FILE *out)
{
    fprintf(out, "souk - inventory and recommendations from the command line\n\n"
                 "Usage: souk COMMAND ... [OPTIONS]\n\nCommands:\n");
    command_help_children(table, "", out);
    command_help_options(table->globals, "Options everywhere", out);
    command_help_examples("  souk demo                      a sample store to play with\n"
                          "  souk status                    what the cluster holds\n"
                          "  souk stock list --limit 10     what is on the shelf\n"
                          "  souk hold create MUG-RED:2     set two units aside\n",
                          out);
    fprintf(
        out,
        "\nA write that was cut off is repeated by hand under its --request-id: the same "
        "id with the\nsame command is applied once and answered alike.\n");
    fprintf(out, "\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 unhealthy, "
                 "4 unreachable, 5 deadline.\n"
                 "More: souk COMMAND --help\n");
}

void command_help(const struct command_table *table, const struct command *command,
                  FILE *out)
{
    if (command == NULL) {
        command_help_top(table, out);
        return;
    }
    fprintf(out, "souk %s - %s\n\n", command->path, command->summary);
    if (command->run == NULL) {
        fprintf(out, "Usage: souk %s COMMAND ... [OPTIONS]\n\nCommands:\n",
                command->path);
        command_help_children(table, command->path, out);
    } else {
        fprintf(out, "Usage: souk %s%s%s [OPTIONS]\n", command->path,
                command->arguments[0] ? " " : "", command->arguments);
    }
    if (command->details != NULL) {
        fprintf(out, "\n%s", command->details);
    }
    command_help_options(command->options, "Options", out);
    command_help_options(table->globals, "Options everywhere", out);
    command_help_examples(command->examples, out);
}

static void command_completion_options(const struct command_option *options, FILE *out)
{
    for (; options->name != NULL; options++) {
        fprintf(out, " --%s", options->name);
    }
}

void command_completion(const struct command_table *table, FILE *out)
{
    fprintf(out, "# bash completion for souk; load it with: source <(souk completion)\n"
                 "_souk()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} path='' words='' i\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        case \"${COMP_WORDS[i]}\" in -*) ;; *) "
                 "path=\"$path ${COMP_WORDS[i]}\" ;; esac\n"
                 "    done\n"
                 "    case \"$path\" in\n");
    /* Deeper paths first: the first pattern that matches wins. */
    for (size_t i = table->count; i-- > 0;) {
        const struct command *command = &table->commands[i];
        fprintf(out, "    ' %s'*) words='", command->path);
        for (size_t j = 0; command->run == NULL && j < table->count; j++) {
            const char *child = table->commands[j].path;
            size_t size = strlen(command->path);
            if (command_below(child, command->path, size) && child[size] == ' ') {
                fprintf(out, " %s", child + size + 1);
            }
        }
        command_completion_options(command->options, out);
        command_completion_options(table->globals, out);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "    *) words='");
    for (size_t i = 0; i < table->count; i++) {
        if (strchr(table->commands[i].path, ' ') == NULL) {
            fprintf(out, " %s", table->commands[i].path);
        }
    }
    command_completion_options(table->globals, out);
    fprintf(out, "' ;;\n    esac\n"
                 "    COMPREPLY=($(compgen -o default -W \"$words\" -- \"$word\"))\n"
                 "}\ncomplete -o default -F _souk souk\n");
}

/* A leading dot or quote would be a request to the typesetter. */
static void command_manual_text(const char *text, FILE *out)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", out);
        }
        if (*text == '\\' || *text == '-') {
            fputc('\\', out);
        }
        fputc(*text == '\\' ? 'e' : *text, out);
        line_start = *text == '\n';
    }
}

static void command_manual_options(const struct command_option *options, FILE *out)
{
    for (; options->name != NULL; options++) {
        fputs(".TP\n.B ", out);
        command_manual_text("--", out);
        command_manual_text(options->name, out);
        fprintf(out, "%s%s\n", options->value ? " " : "",
                options->value ? options->value : "");
        command_manual_text(options->summary, out);
        fputc('\n', out);
    }
}

void command_manual(const struct command_table *table, const char *version, FILE *out)
{
    fprintf(out,
            ".TH SOUK 1 \"\" \"souk %s\" \"User Commands\"\n.SH NAME\n"
            "souk \\- inventory and recommendations from the command line\n"
            ".SH SYNOPSIS\n.B souk\n.I COMMAND\n[\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
            version);
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        if (command->run == NULL) {
            continue;
        }
        fprintf(out, ".SS souk %s %s\n", command->path, command->arguments);
        command_manual_text(command->summary, out);
        fputs(".\n.PP\n", out);
        if (command->details != NULL) {
            fputs(".nf\n", out);
            command_manual_text(command->details, out);
            fputs(".fi\n", out);
        }
        command_manual_options(command->options, out);
        if (command->examples != NULL) {
            fputs(".PP\n.nf\n", out);
            command_manual_text(command->examples, out);
            fputs(".fi\n", out);
        }
    }
    fputs(".SH OPTIONS\n", out);
    command_manual_options(table->globals, out);
    fputs(".SH EXIT STATUS\n0 done, 1 refused or failed, 2 usage, 3 unhealthy, "
          "4 unreachable, 5 deadline.\n",
          out);
}
