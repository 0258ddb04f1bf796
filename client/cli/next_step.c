/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/next_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/text.h"
#include "shard/base/memory.h"

/* What fills the gaps of a step; the name of the thing when it is not known. */
struct next_words {
    char sku_id[SOUK_ID_BYTES_MAX + 1];
    char location_id[SOUK_ID_BYTES_MAX + 1];
    const char *hold_id;
    const char *path;
};

static const char *next_argument(const struct command_line *line, size_t index)
{
    return index < line->argument_count ? line->arguments[index] : NULL;
}

static bool next_path_begins(const char *path, const char *prefix)
{
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

static const char *next_field(const struct souk_error *error)
{
    return error->violation_count > 0 ? error->violations[0].field : "";
}

/* "location_id" of "lines[3].location_id". */
static bool next_field_is(const char *field, const char *name)
{
    const char *dot = strrchr(field, '.');
    return strcmp(dot != NULL ? dot + 1 : field, name) == 0;
}

/* The line of a hold that the refusal is about, by "lines[i]" of its first field or key. */
static size_t next_hold_line(const struct souk_error *error)
{
    const char *named = error->violation_count > 0  ? error->violations[0].field
                        : error->metadata_count > 0 ? error->metadata[0].key
                                                    : "";
    unsigned index = 0;
    return sscanf(named, "lines[%u]", &index) == 1 ? index : 0;
}

static void next_fill_id(char out[SOUK_ID_BYTES_MAX + 1], const char *id)
{
    if (id != NULL && id[0] != '\0' && strlen(id) <= SOUK_ID_BYTES_MAX) {
        strcpy(out, id);
    }
}

static void next_fill(const struct command_line *line, const struct souk_error *error,
                      struct next_words *words)
{
    const char *first = next_argument(line, 0);
    *words = (struct next_words){.sku_id = "SKU", .location_id = "LOCATION"};
    words->path = line->command != NULL ? line->command->path : "";
    words->hold_id = next_path_begins(words->path, "hold ") && first != NULL &&
                             strcmp(words->path, "hold create") != 0
                         ? first
                         : "HOLD";
    if (strcmp(words->path, "hold create") == 0) {
        const char *typed = next_argument(line, next_hold_line(error));
        char *copy = memory_string(typed != NULL ? typed : "");
        struct text_line parts;
        if (text_line_parse(copy, &parts)) {
            next_fill_id(words->sku_id, parts.sku_id);
            next_fill_id(words->location_id, parts.location_id);
        }
        free(copy);
    } else if (next_path_begins(words->path, "stock ") ||
               next_path_begins(words->path, "sku ")) {
        next_fill_id(words->sku_id, first);
        next_fill_id(words->location_id, next_argument(line, 1));
    }
}

/* By reason; %S, %L, %H become the SKU, the location, the hold, %P the command. */
static const char *next_by_reason(const char *reason)
{
    static const struct {
        const char *reason;
        const char *step;
    } steps[] = {
        {"INSUFFICIENT_STOCK", "souk stock list --sku %S   shows where units are"},
        {"HOLD_EXPIRED", "souk hold create ...   asks for the units again"},
        {"HOLD_ALREADY_COMMITTED", "souk hold cancel %H   takes a committed hold back"},
        {"HOLD_ALREADY_RELEASED", "souk hold create ...   asks for the units again"},
        {"HOLD_NOT_COMMITTED", "souk hold commit %H   comes first"},
        {"SKU_NOT_ACTIVE", "souk sku put %S --state active"},
        {"SKU_IN_USE", "souk sku put %S --state retired   keeps its history"},
        {"STOCK_COMPARE_FAILED", "souk stock get %S %L   reads the level as it is now"},
        {"ETAG_MISMATCH", "read it again; it changed meanwhile"},
        {"REQUEST_ID_REUSED", "leave --request-id out, or use a new one"},
        {"REQUEST_ID_EXPIRED",
         "souk stock movements, or get: see whether it was applied; "
         "then a new --request-id"},
        {"OVERLOADED", "try again in a moment; nothing was applied"},
        {"BAD_FILTER", "souk rec --help   shows what a filter looks like"},
        {"COVERAGE_BELOW_MINIMUM", "souk status   shows which shard is late"},
        {"DRAINING", "the node is stopping: --address of another, or wait"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(reason, steps[i].reason) == 0) {
            return steps[i].step;
        }
    }
    return NULL;
}

static const char *next_when_missing(const char *path, const char *field)
{
    return next_field_is(field, "location_id") ? "souk location list"
           : next_field_is(field, "hold_id")   ? "souk hold list --owner OWNER"
           : next_field_is(field, "placement") ? "souk rec --help   lists placements"
           : next_field_is(field, "answer_id")
               ? "souk rec ... --explain   explains an answer as it is given"
           : next_path_begins(path, "hold ") && !next_field_is(field, "sku_id")
               ? "souk hold list --owner OWNER"
           : next_field_is(field, "visitor_id")
               ? "leave --visitor out if it is a customer's id"
           : strcmp(path, "customer export") == 0
               ? "souk customer export ID --visitor   if it is a visitor's id; souk "
                 "status counts the customers there are"
           : next_path_begins(path, "customer")
               ? "souk status   counts the customers there are; ids are those of the "
                 "import, or of souk customer put CUSTOMER"
               : "souk sku list   shows what there is; souk sku put %S makes one";
}

static const char *next_by_code(const struct souk_error *error, const char *path)
{
    if (next_path_begins(path, "import") &&
        (error->code == SOUK_UNAVAILABLE || error->code == SOUK_DEADLINE_EXCEEDED)) {
        return "start the server, or point --address at one, and run it again: rows "
               "already taken are not taken twice; --outage 10m waits longer for a "
               "server";
    }
    if (error->code == SOUK_UNAVAILABLE) {
        return "souk demo   starts a node; or point --address (SOUK_ADDRESS) at one";
    }
    if (error->code == SOUK_DEADLINE_EXCEEDED) {
        return "--deadline 30s   waits longer; souk status shows whether the node is "
               "well";
    }
    return error->code == SOUK_NOT_FOUND ? next_when_missing(path, next_field(error))
                                         : "souk %P --help   shows what it takes";
}

void next_step(const struct command_line *line, const struct souk_error *error,
               char out[NEXT_STEP_BYTES])
{
    struct next_words words;
    const char *step = next_by_reason(error->reason);
    size_t size = 0;
    next_fill(line, error, &words);
    step = step != NULL ? step : next_by_code(error, words.path);
    for (out[0] = '\0'; *step != '\0' && size + 1 < NEXT_STEP_BYTES; step++) {
        const char *word = NULL;
        if (*step == '%') {
            step++;
            word = *step == 'S'   ? words.sku_id
                   : *step == 'L' ? words.location_id
                   : *step == 'H' ? words.hold_id
                                  : words.path;
        }
        size += (size_t)snprintf(out + size, NEXT_STEP_BYTES - size, "%.*s",
                                 word != NULL ? SOUK_ID_BYTES_MAX : 1,
                                 word != NULL ? word : step);
    }
}
