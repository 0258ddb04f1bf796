/* SPDX-License-Identifier: Apache-2.0 */
/*
 * souk import sessions, histories, baskets: the first reading of the file knows its
 * digest, its SKUs and how many events there are, the second sends them. Row n of a pass
 * over events is line << 20 plus the item's place in it.
 */
#include <string.h>

#include "client/cli/import_file.h"
#include "client/cli/import_job.h"
#include "client/cli/set_skus.h"
#include "client/cli/text.h"

enum {
    SETS_LINE_SHIFT = 20, /* SET_ITEMS_MAX */
    SETS_STOCK_DEFAULT = 1000000,
};

#define SETS_END_DEFAULT "2025-01-01"

/* What differs between the three. */
struct sets_kind {
    const char *name;
    const char *prefix; /* of import ids: the same file may be read in several ways */
    enum set_format format;
    const char *formats[2]; /* of --format: this one, and the next of set_format */
    const char *kind;
    const char *visitor;
    int64_t step_ms;
};

static const struct sets_kind sets_kinds[] = {
    {"sessions",
     "sessions-",
     SET_SESSION_LINES,
     {"lines", "clicks"},
     "view",
     "sess-",
     1000},
    {"histories", "histories-", SET_HISTORIES, {NULL, NULL}, "purchase", "", 86400000},
    {"baskets",
     "baskets-",
     SET_BASKET_LINES,
     {"lines", "json"},
     "purchase",
     "basket-",
     86400000},
};

struct sets {
    struct import_job *job;
    const struct sets_kind *what;
    struct set_plan plan;
    struct set_skus skus;
    struct set_stock stock;
    enum set_format format;
    bool detect;
    bool sending;
    const char *failure; /* why reading was ended; NULL: see job->cli->error */
    uint64_t events;
    struct set_sku sku; /* of the item at hand */
};

/* --- Options ------------------------------------------------------------------------- */

static bool sets_format_option(struct sets *sets)
{
    const char *format = cli_option(sets->job->cli, "format");
    sets->format = sets->what->format;
    sets->detect = format == NULL;
    for (unsigned i = 0; format != NULL && i < 2; i++) {
        if (strcmp(format, sets->what->formats[i]) == 0) {
            sets->format = (enum set_format)(sets->what->format + i);
            return true;
        }
    }
    if (format != NULL) {
        cli_usage(sets->job->cli, "--format is %s or %s, not '%s'",
                  sets->what->formats[0], sets->what->formats[1], format);
    }
    return format == NULL;
}

static bool sets_kind_option(struct sets *sets)
{
    const char *kind = cli_option(sets->job->cli, "kind");
    if (!output_event_parse(kind ? kind : sets->what->kind, &sets->plan.kind)) {
        cli_usage(sets->job->cli, "no kind of event is called '%s'", kind);
        return false;
    }
    switch (sets->plan.kind) {
    case SOUK_EVENT_VIEW:
    case SOUK_EVENT_CLICK:
    case SOUK_EVENT_CART_ADD:
    case SOUK_EVENT_WISHLIST:
    case SOUK_EVENT_PURCHASE:
        return true;
    case SOUK_EVENT_KIND_UNSPECIFIED:
    case SOUK_EVENT_SEARCH:
    case SOUK_EVENT_CART_REMOVE:
    case SOUK_EVENT_RETURN:
    case SOUK_EVENT_RATING:
    case SOUK_EVENT_IMPRESSION:
    case SOUK_EVENT_DISMISS:
    case SOUK_EVENT_STORE_VISIT:
    default:
        break;
    }
    cli_usage(sets->job->cli,
              "--kind is view, click, cart_add, wishlist or purchase: others say "
              "nothing about what goes together");
    return false;
}

static bool sets_time_options(struct sets *sets)
{
    struct cli *cli = sets->job->cli;
    const char *end = cli_option(cli, "end");
    sets->plan.step_ms = sets->what->step_ms;
    if (!text_time_ms(end ? end : SETS_END_DEFAULT, &sets->plan.end_ms) ||
        sets->plan.end_ms <= 0) {
        cli_usage(cli, "--end is UTC like 2025-11-30T08:26:00Z, not '%s'", end);
        return false;
    }
    return cli_option_duration(cli, "step", &sets->plan.step_ms);
}

static bool sets_stock_options(struct sets *sets)
{
    struct cli *cli = sets->job->cli;
    const char *location = cli_option(cli, "location");
    sets->stock = (struct set_stock){.location_id = location ? location : "main",
                                     .on_hand = SETS_STOCK_DEFAULT};
    if (cli_switch(cli, "no-stock")) {
        if (location != NULL || cli_option(cli, "stock") != NULL) {
            cli_usage(cli, "either --no-stock, or --stock and --location");
            return false;
        }
        sets->stock.location_id = NULL;
    }
    if (!identifier_valid(slice_from_string(location ? location : "main"))) {
        cli_usage(cli, "--location: an id is 1-128 of A-Z a-z 0-9 . _ ~ : -");
        return false;
    }
    return cli_option_number(cli, "stock", 0, INT64_MAX, &sets->stock.on_hand);
}

static bool sets_options(struct sets *sets)
{
    struct cli *cli = sets->job->cli;
    const char *prefix = cli_option(cli, "prefix");
    sets->plan.prefix = prefix ? prefix : sets->what->visitor;
    if (prefix != NULL && *prefix != '\0' &&
        !identifier_valid(slice_from_string(prefix))) {
        cli_usage(cli, "--prefix: an id is 1-128 of A-Z a-z 0-9 . _ ~ : -");
        return false;
    }
    return sets_format_option(sets) && sets_kind_option(sets) &&
           sets_time_options(sets) && sets_stock_options(sets) &&
           cli_option_number(cli, "hold-out", 0, SET_ITEMS_MAX, &sets->plan.hold_out);
}

/* --- Reading ------------------------------------------------------------------------- */

/* Every fault is counted once, in the second pass. */
static void sets_reject(struct sets *sets, uint64_t line, const char *reason)
{
    if (sets->sending) {
        import_job_reject(sets->job, line, "INVALID", reason);
    }
}

static void sets_skip(struct sets *sets, const char *reason)
{
    if (sets->sending) {
        import_job_skip(sets->job, reason);
    }
}

static bool sets_bad(void *context, uint64_t line, const char *reason)
{
    struct sets *sets = context;
    sets->plan.last_line = line > sets->plan.last_line ? line : sets->plan.last_line;
    sets_reject(sets, line, reason);
    return true;
}

static bool sets_blank(void *context, uint64_t line)
{
    struct sets *sets = context;
    sets->plan.last_line = line > sets->plan.last_line ? line : sets->plan.last_line;
    sets_skip(sets, "empty lines");
    return true;
}

static bool sets_send(struct sets *sets, const struct set_record *record,
                      const struct set_actor *actor, uint32_t item)
{
    struct import_job *job = sets->job;
    char session[IDENTIFIER_BYTES_MAX + 1];
    struct souk_import_row row = {.line = (record->line << SETS_LINE_SHIFT) + item,
                                  .kind = SOUK_IMPORT_EVENT};
    struct souk_event *event = &row.record.event;
    const char *id = import_job_text(job, actor->id);
    event->customer_id = actor->visitor ? NULL : id;
    event->visitor_id = actor->visitor ? id : NULL;
    event->kind = sets->plan.kind;
    event->sku_id = import_job_text(job, sets->sku.sku_id);
    event->quantity = 1;
    event->occurred_time_ms = set_plan_time_ms(&sets->plan, record, item);
    if (actor->visitor) {
        event->session_id = id;
    } else if (record->format == SET_BASKET_JSON) {
        snprintf(session, sizeof session, "basket-%u", record->items[item].basket + 1);
        event->session_id = import_job_text(job, session);
    }
    return import_job_add(job, &row);
}

static bool sets_item(struct sets *sets, const struct set_record *record,
                      const struct set_actor *actor, uint32_t item)
{
    const char *fault;
    fault = set_plan_sku(record, item, &sets->sku);
    if (fault != NULL) {
        sets_reject(sets, record->line, fault);
        return true;
    }
    switch (set_skus_note(&sets->skus, &sets->sku)) {
    case SET_NOTED:
        break;
    case SET_OTHER_NAME:
        sets_reject(sets, record->line, "an item of another name has its id");
        return true;
    case SET_FULL:
        sets->failure = "more than 1,000,000 SKUs";
        return false;
    }
    /* Its SKU is in the catalogue all the same. */
    if (set_plan_held_out(&sets->plan, record, item)) {
        sets_skip(sets, "held out");
        return true;
    }
    sets->events += !sets->sending;
    return !sets->sending || sets_send(sets, record, actor, item);
}

static bool sets_record(void *context, const struct set_record *record)
{
    struct sets *sets = context;
    struct set_actor actor;
    const char *fault;
    if (record->line > sets->plan.last_line) {
        sets->plan.last_line = record->line;
    }
    fault = set_plan_actor(&sets->plan, record, &actor);
    if (fault != NULL) {
        sets_reject(sets, record->line, fault);
        return true;
    }
    if (record->item_count == 0) {
        sets_skip(sets, "nothing but an id");
    }
    for (uint32_t i = 0; i < record->item_count; i++) {
        if (!sets_item(sets, record, &actor, i)) {
            return false;
        }
    }
    return true;
}

/* --- Running ------------------------------------------------------------------------- */

static enum command_exit sets_failed(const struct sets *sets, enum status status,
                                     const struct problem *problem)
{
    if (sets->failure != NULL) {
        return cli_problem(sets->job->cli, "%s: %s", sets->job->path, sets->failure);
    }
    if (status == STATUS_CANCELLED) {
        return import_job_failed(sets->job);
    }
    return cli_problem(sets->job->cli, "%s: %s", sets->job->path, problem->message);
}

static bool sets_attributes(struct sets *sets, enum command_exit *out_result)
{
    const char *path = cli_option(sets->job->cli, "attributes");
    struct problem problem;
    if (path != NULL && set_skus_attributes(&sets->skus, path, &problem) != STATUS_OK) {
        *out_result = cli_problem(sets->job->cli, "%s: %s; nothing was sent", path,
                                  problem.message);
        return false;
    }
    return true;
}

static enum command_exit sets_run(struct sets *sets)
{
    const struct set_callbacks callbacks = {sets_record, sets_bad, sets_blank, sets};
    struct import_job *job = sets->job;
    struct problem problem;
    enum command_exit result;
    enum status status = import_file_read_set(job->path, &sets->format, sets->detect,
                                              &callbacks, job->digest, &problem);
    if (status != STATUS_OK) {
        return sets_failed(sets, status, &problem);
    }
    if (!sets_attributes(sets, &result)) {
        return result;
    }
    job->prefix = sets->what->prefix;
    job->derived = true;
    if (!set_skus_send(&sets->skus, job, &sets->stock)) {
        return import_job_failed(job);
    }
    job->derived = false;
    job->line_shift = SETS_LINE_SHIFT;
    if (!import_job_begin(job, "events", sets->events)) {
        return import_job_failed(job);
    }
    sets->sending = true;
    status =
        import_file_read_set(job->path, &sets->format, false, &callbacks, NULL, &problem);
    if (status != STATUS_OK) {
        return sets_failed(sets, status, &problem);
    }
    return import_job_end(job) ? import_job_report(job) : import_job_failed(job);
}

enum command_exit import_sets(struct import_job *job, const char *kind)
{
    struct sets sets = {.job = job, .what = sets_kinds};
    enum command_exit result = COMMAND_USAGE;
    while (strcmp(sets.what->name, kind) != 0) {
        sets.what++;
    }
    if (!sets_options(&sets)) {
        return COMMAND_USAGE;
    }
    set_skus_init(&sets.skus);
    result = sets_run(&sets);
    set_skus_close(&sets.skus);
    return result;
}
