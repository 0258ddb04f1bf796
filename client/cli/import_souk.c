/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Souk's own CSV. The first line names the columns, in any order; what each kind of file
 * has is in import_columns below and in `souk import KIND --help`.
 */
#include <string.h>

#include "client/cli/import_file.h"
#include "client/cli/import_job.h"
#include "client/cli/text.h"
#include "shard/base/identifier.h"

enum {
    IMPORT_COLUMNS_MAX = 12,
    IMPORT_ATTRIBUTES_MAX = 64,
    IMPORT_PATH_MAX = 16,
    IMPORT_LIST_MAX = 64, /* ids in one field */
    IMPORT_TEXT_BYTES_MAX = 1024,
};

enum import_kind {
    IMPORT_LOCATIONS,
    IMPORT_CATALOG,
    IMPORT_STOCK,
    IMPORT_CUSTOMERS,
    IMPORT_EVENTS,
    IMPORT_KINDS,
};

/* The columns of each kind; those with a star must be there. */
static const struct {
    const char *name;
    const char *columns[IMPORT_COLUMNS_MAX];
    unsigned required; /* so many of the first */
    bool attributes;   /* further columns are attributes */
} import_kinds[IMPORT_KINDS] = {
    {"locations",
     {"location_id", "name", "type", "address", "time_zone", "latitude", "longitude",
      "channels"},
     1,
     false},
    {"catalog",
     {"sku_id", "name", "state", "brand", "category", "price", "currency"},
     2,
     true},
    {"stock", {"sku_id", "location_id", "on_hand", "reference"}, 3, false},
    {"customers", {"customer_id"}, 1, true},
    {"events",
     {"kind", "sku_id", "customer_id", "visitor_id", "event_id", "session_id", "quantity",
      "price", "currency", "time", "detail", "location_id"},
     2,
     false},
};

struct import_reading {
    struct import_job *job;
    enum import_kind kind;
    bool sending; /* the second pass */
    bool failed;  /* job->cli->error says why */
    uint64_t rows;
    char problem[256]; /* of the header */
    int places[IMPORT_COLUMNS_MAX];
    struct {
        int place;
        char name[IDENTIFIER_BYTES_MAX + 1];
    } attributes[IMPORT_ATTRIBUTES_MAX];
    size_t attribute_count;
    size_t column_count;
    bool header_seen;

    /* The row at hand. */
    const struct csv_row *row;
    struct souk_import_row out;
    struct souk_attribute values[IMPORT_ATTRIBUTES_MAX];
    const char *path[IMPORT_PATH_MAX];
    const char *mask[IMPORT_COLUMNS_MAX + 1]; /* of a catalog: what its header names */
    size_t mask_count;
    char message[256];
    char event_id[64];
};

/* A column's text in this row, NULL when absent or empty. */
static const char *import_field(const struct import_reading *reading, const char *name)
{
    const char *const *columns = import_kinds[reading->kind].columns;
    for (unsigned i = 0; i < IMPORT_COLUMNS_MAX && columns[i] != NULL; i++) {
        if (strcmp(columns[i], name) == 0) {
            int place = reading->places[i];
            bool there = place >= 0 && (size_t)place < reading->row->count;
            return there && reading->row->fields[place][0] != '\0'
                       ? reading->row->fields[place]
                       : NULL;
        }
    }
    return NULL;
}

/* A copy that lasts until the row is sent. */
static const char *import_keep(struct import_reading *reading, const char *text)
{
    return text ? import_job_text(reading->job, text) : NULL;
}

static bool import_bad(struct import_reading *reading, const char *column,
                       const char *what)
{
    snprintf(reading->message, sizeof reading->message, "%s: %s", column, what);
    return false;
}

static bool import_id(struct import_reading *reading, const char *column, bool required,
                      const char **out_id)
{
    const char *id = import_field(reading, column);
    if (id == NULL && required) {
        return import_bad(reading, column, "is missing");
    }
    if (id != NULL && !identifier_valid(slice_from_string(id))) {
        return import_bad(reading, column, "an id is 1-128 of A-Z a-z 0-9 . _ ~ : -");
    }
    *out_id = import_keep(reading, id);
    return true;
}

static bool import_words(struct import_reading *reading, const char *column,
                         const char **out_text)
{
    const char *text = import_field(reading, column);
    if (text != NULL &&
        (strlen(text) > IMPORT_TEXT_BYTES_MAX || !text_clean(slice_from_string(text)))) {
        return import_bad(reading, column,
                          "at most 1024 bytes of UTF-8 without control characters");
    }
    *out_text = import_keep(reading, text);
    return true;
}

/* From `least` up. */
static bool import_number(struct import_reading *reading, const char *column,
                          int64_t least, int64_t *out_number)
{
    const char *text = import_field(reading, column);
    if (text != NULL && (!text_number(text, out_number) || *out_number < least)) {
        char shown[TEXT_SHOWN_BYTES], what[TEXT_SHOWN_BYTES + 96];
        text_show(text, shown);
        snprintf(what, sizeof what, "a whole number from %lld to %lld, not '%s'",
                 (long long)least, (long long)INT64_MAX, shown);
        return import_bad(reading, column, what);
    }
    return true;
}

static bool import_price(struct import_reading *reading, struct souk_money *out_price)
{
    const char *price = import_field(reading, "price");
    const char *currency = import_field(reading, "currency");
    if (price == NULL) {
        return true;
    }
    if (!text_money(price, out_price)) {
        return import_bad(reading, "price", "not an amount like 2.55");
    }
    if (currency == NULL || strlen(currency) != 3) {
        return import_bad(reading, "currency", "three letters beside a price");
    }
    memcpy(out_price->currency, currency, 4);
    return true;
}

static bool import_no_choice(struct import_reading *reading, const char *column,
                             const char *const *choices)
{
    char what[192] = "one of", shown[TEXT_SHOWN_BYTES];
    size_t size = strlen(what);
    text_show(import_field(reading, column), shown);
    for (unsigned i = 0; choices[i] != NULL && size < sizeof what; i++) {
        size += (size_t)snprintf(what + size, sizeof what - size, " %s", choices[i]);
    }
    if (size < sizeof what) {
        snprintf(what + size, sizeof what - size, ", not '%s'", shown);
    }
    return import_bad(reading, column, what);
}

static bool import_choice(struct import_reading *reading, const char *column,
                          const char *const *choices, unsigned *out_choice)
{
    const char *text = import_field(reading, column);
    for (unsigned i = 0; text != NULL && choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *out_choice = i;
            return true;
        }
    }
    return text == NULL || import_no_choice(reading, column, choices);
}

static bool import_attributes(struct import_reading *reading,
                              const struct souk_attribute **out_attributes,
                              size_t *out_count)
{
    size_t count = 0;
    struct souk_attribute *kept;
    for (size_t i = 0; i < reading->attribute_count; i++) {
        size_t place = (size_t)reading->attributes[i].place;
        const char *text = place < reading->row->count ? reading->row->fields[place] : "";
        if (!text_clean(slice_from_string(text)) ||
            strlen(text) > IMPORT_TEXT_BYTES_MAX) {
            return import_bad(reading, reading->attributes[i].name,
                              "at most 1024 bytes of UTF-8");
        }
        if (text[0] != '\0') {
            reading->values[count++] = (struct souk_attribute){
                .name = reading->attributes[i].name, .text = import_keep(reading, text)};
        }
    }
    kept = arena_copy(&reading->job->arena, reading->values, count * sizeof *kept);
    *out_attributes = kept;
    *out_count = count;
    return true;
}

static bool import_degrees(struct import_reading *reading, struct souk_location *location)
{
    const char *latitude = import_field(reading, "latitude");
    const char *longitude = import_field(reading, "longitude");
    if (latitude == NULL && longitude == NULL) {
        return true;
    }
    if (latitude == NULL ||
        !text_degrees(latitude, TEXT_LATITUDE_MAX, &location->latitude_e7)) {
        return import_bad(reading, "latitude",
                          "degrees like 52.5208, beside a longitude");
    }
    if (longitude == NULL ||
        !text_degrees(longitude, TEXT_LONGITUDE_MAX, &location->longitude_e7)) {
        return import_bad(reading, "longitude",
                          "degrees like 13.4094, beside a latitude");
    }
    return true;
}

/* Ids with ';' between them. */
static bool import_ids(struct import_reading *reading, const char *column,
                       const char *const **out_ids, size_t *out_count)
{
    const char *text = import_field(reading, column);
    const char *ids[IMPORT_LIST_MAX];
    size_t count = 0;
    char *rest = text ? arena_string(&reading->job->arena, text) : NULL;
    while (rest != NULL) {
        char *part = strsep(&rest, ";");
        if (count == IMPORT_LIST_MAX || !identifier_valid(slice_from_string(part))) {
            return import_bad(reading, column,
                              "up to 64 ids with ';' between, each 1-128 of A-Z a-z 0-9 "
                              ". _ ~ : -");
        }
        ids[count++] = part;
    }
    *out_ids = arena_copy(&reading->job->arena, ids, count * sizeof ids[0]);
    *out_count = count;
    return true;
}

static bool import_location_row(struct import_reading *reading)
{
    static const char *const types[] = {"warehouse", "store", "supplier", "transit",
                                        NULL};
    struct souk_location *location = &reading->out.record.location;
    unsigned type = 0;
    reading->out.kind = SOUK_IMPORT_LOCATION;
    if (!import_choice(reading, "type", types, &type)) {
        return false;
    }
    location->type = (enum souk_location_type)(SOUK_LOCATION_WAREHOUSE + type);
    return import_id(reading, "location_id", true, &location->location_id) &&
           import_words(reading, "name", &location->name) &&
           import_words(reading, "address", &location->address) &&
           import_words(reading, "time_zone", &location->time_zone) &&
           import_degrees(reading, location) &&
           import_ids(reading, "channels", &location->channels, &location->channel_count);
}

static bool import_category(struct import_reading *reading, struct souk_sku *sku)
{
    const char *category = NULL;
    const char *const *kept;
    size_t count = 0;
    char *rest;
    if (!import_words(reading, "category", &category) || category == NULL) {
        return category == NULL && reading->message[0] == '\0';
    }
    rest = arena_string(&reading->job->arena, category);
    while (rest != NULL) {
        char *part = strsep(&rest, "/");
        if (*part != '\0' && count == IMPORT_PATH_MAX) {
            return import_bad(reading, "category", "deeper than 16");
        }
        if (*part != '\0') {
            reading->path[count++] = part;
        }
    }
    kept = arena_copy(&reading->job->arena, reading->path, count * sizeof *kept);
    sku->category_path = kept;
    sku->category_count = count;
    return true;
}

/* What a catalog has no column for stays as it is. */
static void import_catalog_mask(struct import_reading *reading)
{
    static const char *const fields[] = {"sku_id", "name",          "state",
                                         "brand",  "category_path", "price"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (reading->places[i] >= 0) {
            reading->mask[reading->mask_count++] = fields[i];
        }
    }
    if (reading->attribute_count > 0) {
        reading->mask[reading->mask_count++] = "attributes";
    }
}

static bool import_catalog_row(struct import_reading *reading)
{
    static const char *const states[] = {"active", "draft", "retired", NULL};
    static const enum souk_sku_state values[] = {SOUK_SKU_ACTIVE, SOUK_SKU_DRAFT,
                                                 SOUK_SKU_RETIRED};
    struct souk_sku *sku = &reading->out.record.sku;
    unsigned state = 0;
    reading->out.kind = SOUK_IMPORT_SKU;
    if (!import_choice(reading, "state", states, &state)) {
        return false;
    }
    sku->state = values[state];
    if (import_field(reading, "name") == NULL) {
        return import_bad(reading, "name", "is missing");
    }
    if (reading->mask_count == 0) {
        import_catalog_mask(reading);
    }
    reading->out.update_mask = reading->mask;
    reading->out.update_mask_count = reading->mask_count;
    return import_id(reading, "sku_id", true, &sku->sku_id) &&
           import_words(reading, "name", &sku->name) &&
           import_words(reading, "brand", &sku->brand) && import_category(reading, sku) &&
           import_price(reading, &sku->price) &&
           import_attributes(reading, &sku->attributes, &sku->attribute_count);
}

static bool import_stock_row(struct import_reading *reading)
{
    struct souk_import_stock *stock = &reading->out.record.stock;
    reading->out.kind = SOUK_IMPORT_STOCK;
    if (import_field(reading, "on_hand") == NULL) {
        return import_bad(reading, "on_hand", "is missing");
    }
    return import_id(reading, "sku_id", true, &stock->sku_id) &&
           import_id(reading, "location_id", true, &stock->location_id) &&
           import_number(reading, "on_hand", 0, &stock->on_hand) &&
           import_words(reading, "reference", &stock->reference);
}

static bool import_customer_row(struct import_reading *reading)
{
    struct souk_customer *customer = &reading->out.record.customer;
    reading->out.kind = SOUK_IMPORT_CUSTOMER;
    return import_id(reading, "customer_id", true, &customer->customer_id) &&
           import_attributes(reading, &customer->attributes, &customer->attribute_count);
}

static bool import_event_row(struct import_reading *reading)
{
    struct souk_event *event = &reading->out.record.event;
    const char *kind = import_field(reading, "kind");
    const char *time = import_field(reading, "time");
    reading->out.kind = SOUK_IMPORT_EVENT;
    event->quantity = 1;
    if (kind == NULL || !output_event_parse(kind, &event->kind)) {
        return import_bad(reading, "kind", "no such kind of event");
    }
    if (time != NULL && !text_time_ms(time, &event->occurred_time_ms)) {
        return import_bad(reading, "time", "not UTC like 2025-11-30T08:26:00Z");
    }
    if (!import_id(reading, "customer_id", false, &event->customer_id) ||
        !import_id(reading, "visitor_id", false, &event->visitor_id) ||
        !import_id(reading, "event_id", false, &event->event_id) ||
        !import_id(reading, "session_id", false, &event->session_id) ||
        !import_id(reading, "sku_id", false, &event->sku_id) ||
        !import_number(reading, "quantity", 1, &event->quantity) ||
        !import_price(reading, &event->price) ||
        !import_words(reading, "detail", &event->detail) ||
        !import_id(reading, "location_id", false, &event->location_id)) {
        return false;
    }
    if ((event->customer_id == NULL) == (event->visitor_id == NULL)) {
        return import_bad(reading, "customer_id", "one of customer_id and visitor_id");
    }
    if (event->event_id == NULL) {
        snprintf(reading->event_id, sizeof reading->event_id, "i-%.24s-%llu",
                 reading->job->digest, (unsigned long long)reading->row->line);
        event->event_id = import_keep(reading, reading->event_id);
    }
    return true;
}

static bool import_convert(struct import_reading *reading)
{
    static bool (*const converters[IMPORT_KINDS])(struct import_reading *) = {
        import_location_row, import_catalog_row, import_stock_row, import_customer_row,
        import_event_row};
    memset(&reading->out, 0, sizeof reading->out);
    reading->message[0] = '\0';
    reading->out.line = reading->row->line;
    if (reading->row->count > reading->column_count) {
        return import_bad(reading, "row", "more fields than the first line names");
    }
    return converters[reading->kind](reading);
}

static bool import_header_twice(struct import_reading *reading, const char *name)
{
    char shown[TEXT_SHOWN_BYTES];
    text_show(name, shown);
    snprintf(reading->problem, sizeof reading->problem,
             "the first line names the column '%s' twice", shown);
    return false;
}

static bool import_header_attribute(struct import_reading *reading, const char *name,
                                    size_t place)
{
    if (!import_kinds[reading->kind].attributes) {
        char shown[TEXT_SHOWN_BYTES];
        text_show(name, shown);
        snprintf(reading->problem, sizeof reading->problem,
                 "unknown column '%s'; see souk import %s --help", shown,
                 import_kinds[reading->kind].name);
        return false;
    }
    for (size_t i = 0; i < reading->attribute_count; i++) {
        if (strcmp(reading->attributes[i].name, name) == 0) {
            return import_header_twice(reading, name);
        }
    }
    if (reading->attribute_count == IMPORT_ATTRIBUTES_MAX || name[0] == '\0' ||
        strlen(name) > IDENTIFIER_BYTES_MAX || !text_clean(slice_from_string(name))) {
        snprintf(reading->problem, sizeof reading->problem,
                 "at most %d attribute columns, each with a name of at most %d bytes",
                 IMPORT_ATTRIBUTES_MAX, IDENTIFIER_BYTES_MAX);
        return false;
    }
    reading->attributes[reading->attribute_count].place = (int)place;
    snprintf(reading->attributes[reading->attribute_count].name,
             sizeof reading->attributes[0].name, "%s", name);
    reading->attribute_count++;
    return true;
}

static bool import_header(struct import_reading *reading, const struct csv_row *row)
{
    const char *const *columns = import_kinds[reading->kind].columns;
    reading->header_seen = true;
    reading->column_count = row->count;
    for (unsigned i = 0; i < IMPORT_COLUMNS_MAX; i++) {
        reading->places[i] = -1;
    }
    for (size_t place = 0; place < row->count; place++) {
        unsigned i = 0;
        while (i < IMPORT_COLUMNS_MAX && columns[i] != NULL &&
               strcmp(columns[i], row->fields[place]) != 0) {
            i++;
        }
        if (i < IMPORT_COLUMNS_MAX && columns[i] != NULL) {
            if (reading->places[i] >= 0) {
                return import_header_twice(reading, columns[i]);
            }
            reading->places[i] = (int)place;
        } else if (!import_header_attribute(reading, row->fields[place], place)) {
            return false;
        }
    }
    for (unsigned i = 0; i < import_kinds[reading->kind].required; i++) {
        if (reading->places[i] < 0) {
            snprintf(reading->problem, sizeof reading->problem,
                     "the first line names no column '%s'; see souk import %s --help",
                     columns[i], import_kinds[reading->kind].name);
            return false;
        }
    }
    return true;
}

static bool import_row(void *context, const struct csv_row *row)
{
    struct import_reading *reading = context;
    if (!reading->header_seen) {
        return import_header(reading, row);
    }
    reading->rows++;
    if (!reading->sending) {
        return true;
    }
    reading->row = row;
    if (!import_convert(reading)) {
        import_job_reject(reading->job, row->line, "INVALID", reading->message);
        return true;
    }
    reading->failed = !import_job_add(reading->job, &reading->out);
    return !reading->failed;
}

static bool import_bad_row(void *context, uint64_t line, const char *reason)
{
    struct import_reading *reading = context;
    if (reading->sending) {
        import_job_reject(reading->job, line, "INVALID", reason);
    }
    return true;
}

static void import_blank(void *context, uint64_t line)
{
    struct import_reading *reading = context;
    (void)line;
    if (reading->sending) {
        import_job_skip(reading->job, IMPORT_SKIP_EMPTY);
    }
}

static enum command_exit import_pass_failed(struct import_reading *reading,
                                            enum status status,
                                            const struct problem *problem)
{
    struct cli *cli = reading->job->cli;
    if (reading->problem[0] != '\0') {
        return cli_problem(cli, "%s: %s", reading->job->path, reading->problem);
    }
    if (reading->failed || status == STATUS_CANCELLED) {
        return import_job_failed(reading->job);
    }
    if (reading->rows == 0) {
        return cli_problem(cli, "%s: %s", reading->job->path, problem->message);
    }
    return cli_problem(cli, "%s: %s (after %llu rows)", reading->job->path,
                       problem->message, (unsigned long long)reading->rows);
}

enum command_exit import_souk(struct import_job *job, const char *kind)
{
    struct import_reading reading = {.job = job, .kind = IMPORT_LOCATIONS};
    struct csv_callbacks callbacks = {.row = import_row,
                                      .bad = import_bad_row,
                                      .blank = import_blank,
                                      .context = &reading};
    struct problem problem;
    enum status status;
    uint64_t total;
    while (strcmp(import_kinds[reading.kind].name, kind) != 0) {
        reading.kind++;
    }
    status = import_file_read(job->path, &callbacks, job->digest, &problem);
    if (status != STATUS_OK) {
        return import_pass_failed(&reading, status, &problem);
    }
    total = reading.rows;
    if (!reading.header_seen) {
        return cli_problem(job->cli, "%s: the file is empty: no first line, no rows",
                           job->path);
    }
    reading = (struct import_reading){.job = job, .kind = reading.kind, .sending = true};
    if (!import_job_begin(job, kind, total)) {
        return import_job_failed(job);
    }
    status = import_file_read(job->path, &callbacks, NULL, &problem);
    if (status != STATUS_OK) {
        return import_pass_failed(&reading, status, &problem);
    }
    return import_job_end(job) ? import_job_report(job) : import_job_failed(job);
}
