/* SPDX-License-Identifier: Apache-2.0 */
/* souk: the command line. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli/cli.h"

enum {
    MAIN_MESSAGE_BYTES = 512,
};

static bool main_globals(struct cli *cli)
{
    const char *format = cli_option(cli, "output");
    const char *address = cli_option(cli, "address");
    const char *environment = getenv("SOUK_ADDRESS");
    struct timespec now;
    cli->address = address                              ? address
                   : environment && environment[0] != 0 ? environment
                                                        : "127.0.0.1:7400";
    cli->deadline_ms = CLI_DEADLINE_MS;
    if (format != NULL && !output_format_parse(format, &cli->output.format)) {
        cli_usage(cli, "--output is table, json or jsonl, not '%s'", format);
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return cli_option_duration(cli, "deadline", &cli->deadline_ms) &&
           cli_request_options(cli, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* No argument of any command means anything when it is empty; most often it is a variable of
 * a script that was never set. Those of other programs are theirs. */
static bool main_arguments(struct cli *cli)
{
    const char *path = cli->line.command->path;
    if (strcmp(path, "bench") == 0 || strcmp(path, "demo") == 0) {
        return true;
    }
    for (size_t i = 0; i < cli->line.argument_count; i++) {
        if (cli_argument(cli, i)[0] == '\0') {
            cli_usage(cli, "argument %zu is empty: souk %s %s", i + 1, path,
                      cli->line.command->arguments);
            return false;
        }
    }
    return true;
}

static enum command_exit main_run(struct cli *cli, int argc, char *argv[])
{
    const struct command_table *table = command_table();
    const struct command *command;
    char message[MAIN_MESSAGE_BYTES] = "";
    if (!command_parse(table, argc, argv, &cli->line, message, sizeof message)) {
        return cli_usage(cli, "%s", message);
    }
    command = cli->line.command;
    if (cli->line.help || (command == NULL && argc == 1)) {
        command_help(table, command, stdout);
        return COMMAND_OK;
    }
    if (cli_switch(cli, "version")) {
        return main_globals(cli) ? cli_version(cli) : COMMAND_USAGE;
    }
    if (command == NULL || command->run == NULL) {
        command_help(table, command, stderr);
        return COMMAND_USAGE;
    }
    return main_globals(cli) && main_arguments(cli) ? command->run(cli) : COMMAND_USAGE;
}

int main(int argc, char *argv[])
{
    struct cli cli = {.output = {.data = stdout}, .program = argv[0]};
    enum command_exit code;
    signal(SIGPIPE, SIG_IGN);
    code = main_run(&cli, argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == COMMAND_OK) {
        code = COMMAND_FAILED;
    }
    souk_client_close(cli.client);
    souk_error_clear(&cli.error);
    return (int)code;
}
