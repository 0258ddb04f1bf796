/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/text.h"

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

/* What to type next, by the reason of the refusal. */
static const char *cli_next_step(const struct cli *cli)
{
    static const struct {
        const char *reason;
        const char *step;
    } steps[] = {
        {"INSUFFICIENT_STOCK", "souk stock list --sku SKU   shows where units are"},
        {"HOLD_EXPIRED", "souk hold create ...   asks for the units again"},
        {"HOLD_ALREADY_COMMITTED", "souk hold cancel HOLD   takes a committed hold back"},
        {"HOLD_ALREADY_RELEASED", "souk hold create ...   asks for the units again"},
        {"HOLD_NOT_COMMITTED", "souk hold commit HOLD   comes first"},
        {"SKU_NOT_ACTIVE", "souk sku put SKU --state active"},
        {"SKU_IN_USE", "souk sku put SKU --state retired   keeps its history"},
        {"STOCK_COMPARE_FAILED", "souk stock get SKU   reads the level as it is now"},
        {"ETAG_MISMATCH", "read it again; it changed meanwhile"},
        {"REQUEST_ID_REUSED", "leave --request-id out, or use a new one"},
        {"OVERLOADED", "try again in a moment; nothing was applied"},
        {"BAD_FILTER", "souk rec --help   shows what a filter looks like"},
        {"COVERAGE_BELOW_MINIMUM", "souk status   shows which shard is late"},
        {"DRAINING", "the node is stopping: --address of another, or wait"},
    };
    const char *path = cli->line.command ? cli->line.command->path : "";
    const char *field =
        cli->error.violation_count > 0 ? cli->error.violations[0].field : "";
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(cli->error.reason, steps[i].reason) == 0) {
            return steps[i].step;
        }
    }
    if (cli->error.code == SOUK_UNAVAILABLE) {
        return "souk demo   starts a node; or point --address (SOUK_ADDRESS) at one";
    }
    if (cli->error.code == SOUK_DEADLINE_EXCEEDED) {
        return "--deadline 30s   waits longer; souk status shows whether the node is "
               "well";
    }
    if (cli->error.code == SOUK_NOT_FOUND) {
        return strstr(field, "location_id") != NULL ? "souk location list"
               : strcmp(field, "count_id") == 0  ? "souk stock count start COUNT LOCATION"
               : strcmp(field, "placement") == 0 ? "souk rec --help   lists placements"
               : strcmp(field, "answer_id") == 0
                   ? "souk rec ... --explain   explains an answer as it is given"
               : strncmp(path, "hold get", 8) == 0 ? "souk hold list --owner OWNER"
               : strcmp(field, "visitor_id") == 0
                   ? "leave --visitor out if it is a customer's id"
               : strcmp(path, "customer export") == 0
                   ? "souk customer export ID --visitor   if it is a visitor's id; souk "
                     "status counts the customers there are"
               : strncmp(path, "customer", 8) == 0
                   ? "souk status   counts the customers there are; ids are those of the "
                     "import, or of souk customer put CUSTOMER"
                   : "souk sku list";
    }
    return NULL;
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

enum command_exit cli_failed(struct cli *cli)
{
    const struct souk_error *error = &cli->error;
    const char *next = cli_next_step(cli);
    char advice[TEXT_ADVICE_BYTES];
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
        fprintf(stderr, "  address: %s, after %u attempts\n", cli->address,
                error->attempts);
    }
    if (error->outcome_unknown) {
        fprintf(stderr,
                "  whether it was applied is not known; the same command with "
                "--request-id %s tells, and applies it at most once\n",
                error->request_id);
    }
    if (next != NULL) {
        fprintf(stderr, "  try: %s\n", next);
    }
    cli_error_json(cli, error);
    return cli_exit_code(error);
}
