/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as one table (command_table.c): parsing, help at every level,
 * completion and the man page all read it, so none of them can disagree.
 */
#ifndef SOUK_CLIENT_CLI_COMMAND_H
#define SOUK_CLIENT_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    COMMAND_OPTIONS_MAX = 20,
    COMMAND_ARGUMENTS_MAX = 256,
};

/* Exit codes, for scripts. */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1,
    COMMAND_USAGE = 2,
    COMMAND_UNHEALTHY = 3,
    COMMAND_UNREACHABLE = 4,
    COMMAND_DEADLINE = 5,
};

struct cli;

struct command_option {
    const char *name;    /* without the dashes */
    const char *value;   /* what follows it, "DURATION"; NULL for a switch */
    const char *summary; /* one line */
};

struct command {
    const char *path;      /* "stock adjust"; a group is a path with nothing to run */
    const char *arguments; /* "SKU LOCATION QUANTITY" */
    unsigned least;        /* arguments wanted */
    unsigned most;
    const char *summary;
    const char *details;  /* may be NULL */
    const char *examples; /* lines; may be NULL */
    struct command_option options[COMMAND_OPTIONS_MAX + 1];
    enum command_exit (*run)(struct cli *cli);
};

struct command_table {
    const struct command *commands;
    size_t count;
    const struct command_option *globals; /* ends with a zeroed one */
};

/* The table of souk. */
const struct command_table *command_table(void);

struct command_line {
    const struct command *command; /* NULL: the top */
    bool help;
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    size_t argument_count;
    struct {
        const char *name;
        const char *value; /* "" for a switch */
    } options[COMMAND_OPTIONS_MAX * 2];
    size_t option_count;
};

/*
 * Takes the words apart; they must outlive the line. False: `message` says what is wrong
 * and what to do, and line->command is the deepest command understood.
 */
bool command_parse(const struct command_table *table, int argc, char *argv[],
                   struct command_line *line, char *message, size_t message_size);
/* The value of an option, "" for a switch, NULL when not given; the last one counts. */
const char *command_option(const struct command_line *line, const char *name);

/* Help for one level; NULL is the top. */
void command_help(const struct command_table *table, const struct command *command,
                  FILE *out);
void command_completion(const struct command_table *table, FILE *out);
void command_manual(const struct command_table *table, const char *version, FILE *out);

#endif
