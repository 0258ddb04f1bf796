/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/next_step.h"
#include "client/cli/text.h"
#include "shard/base/identifier.h"
#include "shard/base/memory.h"

struct souk_client *cli_client(struct cli *cli)
{
    if (cli->client == NULL) {
        struct souk_client_options options = {
            .addresses = cli->address,
            .deadline_ms = cli->deadline_ms,
        };
        if (souk_client_open(&options, &cli->client, &cli->error) != SOUK_OK) {
            cli_usage(cli, "--address: %s", cli->error.message);
        }
    }
    return cli->client;
}

const char *cli_argument(const struct cli *cli, size_t index)
{
    return index < cli->line.argument_count ? cli->line.arguments[index] : NULL;
}

const char *cli_option(const struct cli *cli, const char *name)
{
    return command_option(&cli->line, name);
}

bool cli_switch(const struct cli *cli, const char *name)
{
    return cli_option(cli, name) != NULL;
}

bool cli_option_number(struct cli *cli, const char *name, int64_t least, int64_t most,
                       int64_t *out)
{
    const char *text = cli_option(cli, name);
    int64_t number;
    if (text == NULL) {
        return true;
    }
    if (!text_number(text, &number) || number < least || number > most) {
        cli_usage(cli, "--%s wants a whole number from %lld to %lld, not '%s'", name,
                  (long long)least, (long long)most, text);
        return false;
    }
    *out = number;
    return true;
}

bool cli_option_duration(struct cli *cli, const char *name, int64_t *out_ms)
{
    const char *text = cli_option(cli, name);
    if (text != NULL && !text_duration_ms(text, out_ms)) {
        cli_usage(cli, "--%s wants a duration like 90s, 15m or 1h30m, not '%s'", name,
                  text);
        return false;
    }
    return true;
}

/* "2.55" or "2.55 EUR". */
bool cli_option_money(struct cli *cli, const char *name, struct souk_money *out)
{
    const char *text = cli_option(cli, name);
    char number[TEXT_MONEY_BYTES];
    size_t size;
    if (text == NULL) {
        return true;
    }
    size = strcspn(text, " ");
    snprintf(number, sizeof number, "%.*s", (int)size, text);
    memcpy(out->currency, "EUR", sizeof out->currency);
    if (text[size] == ' ' && strlen(text + size + 1) == 3) {
        memcpy(out->currency, text + size + 1, 3);
    } else if (text[size] != '\0') {
        number[0] = '\0';
    }
    if (!text_money(number, out)) {
        cli_usage(cli, "--%s wants an amount like 2.55 or '2.55 EUR', not '%s'", name,
                  text);
        return false;
    }
    return true;
}

bool cli_option_list(struct cli *cli, const char *name, size_t least, size_t most,
                     struct cli_list *list)
{
    const char *text = cli_option(cli, name);
    list->count = 0;
    list->copy = NULL;
    if (text == NULL || (text[0] == '\0' && least == 0)) {
        return true;
    }
    list->copy = memory_string(text);
    if (!text_split(list->copy, list->items, most, &list->count)) {
        cli_usage(cli, "--%s wants %zu to %zu ids with commas between", name, least,
                  most);
        return false;
    }
    return true;
}

bool cli_request_options(struct cli *cli, int64_t now_ms)
{
    const char *id = cli_option(cli, "request-id");
    const char *time = cli_option(cli, "request-time");
    int64_t ms;
    if (time != NULL && (id == NULL || !text_time_ms(time, &cli->request_time_ms))) {
        cli_usage(cli,
                  id == NULL
                      ? "--request-time goes with --request-id, not '%s' alone"
                      : "--request-time is UTC like 2025-11-30T08:26:00Z, not '%s'",
                  time);
        return false;
    }
    /* A UUIDv7 says itself when it was made. */
    if (id != NULL && time == NULL && !uuid7_time_ms(slice_from_string(id), &ms)) {
        cli->request_time_ms = now_ms;
    }
    return true;
}

/* --- Interruption ----------------------------------------------------------------- */

static volatile sig_atomic_t cli_was_interrupted;

static void cli_interrupt(int number)
{
    (void)number;
    cli_was_interrupted = 1;
}

void cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = cli_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
    return cli_was_interrupted != 0;
}

/* --- What went wrong -------------------------------------------------------------- */

static const char *cli_colour(const char *colour)
{
    return isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL ? colour : "";
}

static void cli_say(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));

static void cli_say(const char *format, va_list arguments)
{
    fprintf(stderr, "%ssouk:%s ", cli_colour("\x1b[1;31m"), cli_colour("\x1b[0m"));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

/* Scripts that asked for JSON get one object, also for a failure. */
static void cli_error_json(struct cli *cli, const struct souk_error *error)
{
    json_t *object, *metadata;
    if (cli->output.format == OUTPUT_TABLE) {
        return;
    }
    object = json_object();
    output_text(object, "code", souk_code_name(error->code));
    output_text(object, "reason", error->reason);
    output_text(object, "message", error->message);
    output_text(object, "request_id", error->request_id);
    metadata = json_object();
    for (size_t i = 0; i < error->metadata_count; i++) {
        output_text(metadata, error->metadata[i].key, error->metadata[i].value);
    }
    json_object_set_new(object, "metadata", metadata);
    output_object(&cli->output, json_pack("{s:o}", "error", object));
}

enum command_exit cli_usage(struct cli *cli, const char *format, ...)
{
    const struct command *command = cli->line.command;
    struct souk_error error = {.code = SOUK_INVALID_ARGUMENT};
    va_list arguments;
    va_start(arguments, format);
    cli_say(format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    vsnprintf(error.message, sizeof error.message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "  try: souk %s%s--help\n", command ? command->path : "",
            command ? " " : "");
    cli_error_json(cli, &error);
    return COMMAND_USAGE;
}

enum command_exit cli_problem(struct cli *cli, const char *format, ...)
{
    struct souk_error error = {.code = SOUK_UNKNOWN};
    va_list arguments;
    va_start(arguments, format);
    cli_say(format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    vsnprintf(error.message, sizeof error.message, format, arguments);
    va_end(arguments);
    cli_error_json(cli, &error);
    return COMMAND_FAILED;
}

static enum command_exit cli_exit_code(const struct souk_error *error)
{
    if (error->code == SOUK_UNAVAILABLE) {
        return COMMAND_UNREACHABLE;
    }
    return error->code == SOUK_DEADLINE_EXCEEDED ? COMMAND_DEADLINE : COMMAND_FAILED;
}

static void cli_failed_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void cli_failed_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_say(format, arguments);
    va_end(arguments);
}

static void cli_say_retry(const struct cli *cli)
{
    char time[TEXT_TIME_BYTES];
    text_time_format(cli->request_time_ms, time);
    fprintf(stderr,
            "  whether it was applied is not known; the same command with "
            "--request-id %s%s%s tells, and applies it at most once\n",
            cli->error.request_id, time[0] != '\0' ? " --request-time " : "", time);
}

enum command_exit cli_failed(struct cli *cli)
{
    const struct souk_error *error = &cli->error;
    char next[NEXT_STEP_BYTES], advice[TEXT_ADVICE_BYTES];
    next_step(&cli->line, error, next);
    text_advice(error->message, advice);
    cli_failed_say(
        "%s: %s", error->reason[0] ? error->reason : souk_code_name(error->code), advice);
    for (size_t i = 0; i < error->violation_count; i++) {
        bool said = strcmp(error->violations[i].description, error->message) == 0;
        fprintf(stderr, "  %s%s%s\n", error->violations[i].field, said ? "" : ": ",
                said ? "" : error->violations[i].description);
    }
    for (size_t i = 0; i < error->metadata_count; i++) {
        fprintf(stderr, "  %s = %s\n", error->metadata[i].key, error->metadata[i].value);
    }
    if (error->code == SOUK_UNAVAILABLE) {
        bool unsent = error->request_id[0] != '\0' && !error->outcome_unknown;
        fprintf(stderr, "  address: %s, after %u attempts%s\n", cli->address,
                error->attempts, unsent ? "; nothing was applied" : "");
    }
    if (error->outcome_unknown) {
        cli_say_retry(cli);
    }
    fprintf(stderr, "  try: %s\n", next);
    cli_error_json(cli, error);
    return cli_exit_code(error);
}
