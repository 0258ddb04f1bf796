/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/import_retail.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/import_file.h"
#include "client/cli/import_job.h"
#include "shard/base/hash.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"

enum {
    RETAIL_SKUS_MAX = 1000000,
    RETAIL_CUSTOMERS_MAX = 5000000,
    RETAIL_NAMES_MAX = 8, /* spellings of one SKU that are counted */
    RETAIL_MONTH_DAYS = 30,
    RETAIL_VISITOR_BYTES = RETAIL_INVOICE_BYTES + 8,
};

#define RETAIL_LOCATION "main"

struct retail_sku {
    struct map_node node;
    char sku_id[RETAIL_CODE_BYTES];
    struct {
        char *text;
        uint64_t count;
    } names[RETAIL_NAMES_MAX];
    unsigned name_count;
    struct souk_money price; /* of the last sale that had one */
    int64_t units_sold;
};

struct retail_customer {
    struct map_node node;
    char customer_id[RETAIL_CUSTOMER_BYTES];
    char *country;
};

/* All that the first pass keeps: one entry per SKU and per customer. */
struct retail {
    struct import_job *job;
    struct retail_columns columns;
    bool header_seen;
    bool sending;
    const char *failure; /* why reading was ended; NULL: see job->cli->error */
    struct arena arena;
    struct map sku_map;
    struct retail_sku **skus; /* in the order they came */
    size_t sku_count, sku_capacity;
    struct map customer_map;
    struct retail_customer **customers;
    size_t customer_count, customer_capacity;
    uint64_t events;
    uint64_t rows;
    int64_t first_ms, last_ms;
};

static bool retail_sku_equal(const struct map_node *node, const void *key)
{
    return strcmp(CONTAINER_OF(node, const struct retail_sku, node)->sku_id, key) == 0;
}

static bool retail_customer_equal(const struct map_node *node, const void *key)
{
    return strcmp(CONTAINER_OF(node, const struct retail_customer, node)->customer_id,
                  key) == 0;
}

static struct retail_sku *retail_sku_get(struct retail *retail, const char *sku_id)
{
    uint64_t hash = hash64(slice_from_string(sku_id), 0);
    struct map_node *node = map_find(&retail->sku_map, hash, retail_sku_equal, sku_id);
    struct retail_sku *sku;
    if (node != NULL) {
        return CONTAINER_OF(node, struct retail_sku, node);
    }
    if (retail->sku_count == RETAIL_SKUS_MAX) {
        return NULL;
    }
    sku = arena_zalloc(&retail->arena, sizeof *sku);
    snprintf(sku->sku_id, sizeof sku->sku_id, "%s", sku_id);
    map_insert(&retail->sku_map, &sku->node, hash);
    memory_reserve((void **)&retail->skus, &retail->sku_capacity, retail->sku_count + 1,
                   sizeof(struct retail_sku *));
    retail->skus[retail->sku_count++] = sku;
    return sku;
}

static bool retail_customer_note(struct retail *retail, const struct retail_line *line)
{
    uint64_t hash = hash64(slice_from_string(line->customer_id), 0);
    struct retail_customer *customer;
    if (line->customer_id[0] == '\0' ||
        map_find(&retail->customer_map, hash, retail_customer_equal, line->customer_id)) {
        return true;
    }
    if (retail->customer_count == RETAIL_CUSTOMERS_MAX) {
        return false;
    }
    customer = arena_zalloc(&retail->arena, sizeof *customer);
    memcpy(customer->customer_id, line->customer_id, sizeof customer->customer_id);
    customer->country = arena_string(&retail->arena, line->country);
    map_insert(&retail->customer_map, &customer->node, hash);
    memory_reserve((void **)&retail->customers, &retail->customer_capacity,
                   retail->customer_count + 1, sizeof(struct retail_customer *));
    retail->customers[retail->customer_count++] = customer;
    return true;
}

static void retail_name_count(struct retail *retail, struct retail_sku *sku,
                              const char *name)
{
    if (name[0] == '\0') {
        return;
    }
    for (unsigned i = 0; i < sku->name_count; i++) {
        if (strcmp(sku->names[i].text, name) == 0) {
            sku->names[i].count++;
            return;
        }
    }
    if (sku->name_count < RETAIL_NAMES_MAX) {
        sku->names[sku->name_count].text = arena_string(&retail->arena, name);
        sku->names[sku->name_count++].count = 1;
    }
}

/* The most frequent spelling; the first of equals. */
static const char *retail_name(const struct retail_sku *sku)
{
    unsigned best = 0;
    for (unsigned i = 1; i < sku->name_count; i++) {
        if (sku->names[i].count > sku->names[best].count) {
            best = i;
        }
    }
    return sku->name_count > 0 ? sku->names[best].text : sku->sku_id;
}

static bool retail_note(struct retail *retail, const struct retail_line *line,
                        enum retail_outcome outcome)
{
    struct retail_sku *sku = retail_sku_get(retail, line->sku_id);
    if (sku == NULL || !retail_customer_note(retail, line)) {
        retail->failure = "more than 1,000,000 SKUs or 5,000,000 customers";
        return false;
    }
    retail_name_count(retail, sku, line->description);
    if (outcome == RETAIL_SALE) {
        if (__builtin_add_overflow(sku->units_sold, line->quantity, &sku->units_sold)) {
            sku->units_sold = INT64_MAX;
        }
        if (line->price.units != 0 || line->price.nanos != 0) {
            sku->price = line->price;
        }
    }
    if (retail->events == 0 || line->time_ms < retail->first_ms) {
        retail->first_ms = line->time_ms;
    }
    if (retail->events == 0 || line->time_ms > retail->last_ms) {
        retail->last_ms = line->time_ms;
    }
    retail->events++;
    return true;
}

static bool retail_send(struct retail *retail, const struct retail_line *line,
                        enum retail_outcome outcome, uint64_t number)
{
    struct import_job *job = retail->job;
    char id[64], visitor[RETAIL_VISITOR_BYTES];
    struct souk_import_row row = {.line = number, .kind = SOUK_IMPORT_EVENT};
    struct souk_event *event = &row.record.event;
    snprintf(id, sizeof id, "or-%.24s-%llu", job->digest, (unsigned long long)number);
    snprintf(visitor, sizeof visitor, "invoice-%s", line->invoice);
    event->event_id = import_job_text(job, id);
    if (line->customer_id[0] != '\0') {
        event->customer_id = import_job_text(job, line->customer_id);
    } else {
        event->visitor_id = import_job_text(job, visitor);
    }
    event->kind = outcome == RETAIL_SALE ? SOUK_EVENT_PURCHASE : SOUK_EVENT_RETURN;
    event->sku_id = import_job_text(job, line->sku_id);
    event->session_id = import_job_text(job, line->invoice);
    event->quantity = line->quantity;
    event->price = line->price;
    event->occurred_time_ms = line->time_ms;
    return import_job_add(job, &row);
}

static bool retail_row(void *context, const struct csv_row *row)
{
    struct retail *retail = context;
    struct retail_line line;
    enum retail_outcome outcome;
    if (!retail->header_seen) {
        retail->header_seen = true;
        if (!retail_columns_find(row, &retail->columns)) {
            retail->failure =
                "the first line names no InvoiceNo, StockCode, Description, Quantity, "
                "InvoiceDate, UnitPrice, CustomerID, Country";
        }
        return retail->failure == NULL;
    }
    retail->rows++;
    outcome = retail_line_read(&retail->columns, row, &line);
    if (outcome == RETAIL_SKIP || outcome == RETAIL_BAD) {
        /* Counted once, in the second pass. */
        if (retail->sending && outcome == RETAIL_SKIP) {
            import_job_skip(retail->job, line.why);
        } else if (retail->sending) {
            import_job_reject(retail->job, row->line, "INVALID", line.why);
        }
        return true;
    }
    return retail->sending ? retail_send(retail, &line, outcome, row->line)
                           : retail_note(retail, &line, outcome);
}

static bool retail_bad_row(void *context, uint64_t line, const char *reason)
{
    struct retail *retail = context;
    if (retail->sending) {
        import_job_reject(retail->job, line, "INVALID", reason);
    }
    return true;
}

static void retail_blank(void *context, uint64_t line)
{
    struct retail *retail = context;
    (void)line;
    if (retail->sending) {
        import_job_skip(retail->job, IMPORT_SKIP_EMPTY);
    }
}

static bool retail_send_location(struct retail *retail)
{
    struct souk_import_row row = {
        .line = 1,
        .kind = SOUK_IMPORT_LOCATION,
        .record.location = {.location_id = RETAIL_LOCATION,
                            .name = "Main warehouse",
                            .type = SOUK_LOCATION_WAREHOUSE,
                            .time_zone = "Europe/London"},
    };
    return import_job_begin(retail->job, "locations", 1) &&
           import_job_add(retail->job, &row) && import_job_end(retail->job);
}

static bool retail_send_skus(struct retail *retail)
{
    if (!import_job_begin(retail->job, "skus", retail->sku_count)) {
        return false;
    }
    for (size_t i = 0; i < retail->sku_count; i++) {
        const struct retail_sku *sku = retail->skus[i];
        struct souk_import_row row = {
            .line = i + 1,
            .kind = SOUK_IMPORT_SKU,
            .record.sku = {.sku_id = sku->sku_id,
                           .name = retail_name(sku),
                           .state = SOUK_SKU_ACTIVE,
                           .price = sku->price},
        };
        if (!import_job_add(retail->job, &row)) {
            return false;
        }
    }
    return import_job_end(retail->job);
}

/* What an average month of the file sold, at least one unit. */
static int64_t retail_opening(const struct retail *retail, const struct retail_sku *sku)
{
    int64_t days = (retail->last_ms - retail->first_ms) / 86400000 + 1;
    int64_t months = days / RETAIL_MONTH_DAYS > 0 ? days / RETAIL_MONTH_DAYS : 1;
    int64_t units = sku->units_sold / months;
    return units > 0 ? units : 1;
}

static bool retail_send_stock(struct retail *retail)
{
    if (!import_job_begin(retail->job, "stock", retail->sku_count)) {
        return false;
    }
    for (size_t i = 0; i < retail->sku_count; i++) {
        struct souk_import_row row = {
            .line = i + 1,
            .kind = SOUK_IMPORT_STOCK,
            .record.stock = {.sku_id = retail->skus[i]->sku_id,
                             .location_id = RETAIL_LOCATION,
                             .on_hand = retail_opening(retail, retail->skus[i]),
                             .reference = "opening stock"},
        };
        if (!import_job_add(retail->job, &row)) {
            return false;
        }
    }
    return import_job_end(retail->job);
}

static bool retail_send_customers(struct retail *retail)
{
    if (!import_job_begin(retail->job, "customers", retail->customer_count)) {
        return false;
    }
    for (size_t i = 0; i < retail->customer_count; i++) {
        const struct retail_customer *customer = retail->customers[i];
        const struct souk_attribute *country = arena_copy(
            &retail->job->arena,
            &(struct souk_attribute){.name = "country", .text = customer->country},
            sizeof *country);
        struct souk_import_row row = {
            .line = i + 1,
            .kind = SOUK_IMPORT_CUSTOMER,
            .record.customer = {.customer_id = customer->customer_id,
                                .attributes = country,
                                .attribute_count = customer->country[0] != '\0'},
        };
        if (!import_job_add(retail->job, &row)) {
            return false;
        }
    }
    return import_job_end(retail->job);
}

static enum command_exit retail_failed(const struct retail *retail, enum status status,
                                       const struct problem *problem)
{
    struct import_job *job = retail->job;
    if (retail->failure != NULL) {
        return cli_problem(job->cli, "%s: %s", job->path, retail->failure);
    }
    if (status == STATUS_CANCELLED) {
        return import_job_failed(job);
    }
    if (retail->rows == 0) {
        return cli_problem(job->cli, "%s: %s", job->path, problem->message);
    }
    return cli_problem(job->cli, "%s: %s (after %llu rows)", job->path, problem->message,
                       (unsigned long long)retail->rows);
}

static enum command_exit retail_run(struct retail *retail)
{
    struct csv_callbacks callbacks = {.row = retail_row,
                                      .bad = retail_bad_row,
                                      .blank = retail_blank,
                                      .context = retail};
    struct import_job *job = retail->job;
    struct problem problem;
    enum status status = import_file_read(job->path, &callbacks, job->digest, &problem);
    if (status != STATUS_OK) {
        return retail_failed(retail, status, &problem);
    }
    if (!retail->header_seen) {
        return cli_problem(job->cli, "%s: the file is empty: no first line, no rows",
                           job->path);
    }
    job->derived = true;
    if (!retail_send_location(retail) || !retail_send_skus(retail) ||
        !retail_send_stock(retail) || !retail_send_customers(retail)) {
        return import_job_failed(job);
    }
    job->derived = false;
    if (!import_job_begin(job, "events", retail->events)) {
        return import_job_failed(job);
    }
    retail->sending = true;
    retail->header_seen = false;
    retail->rows = 0;
    status = import_file_read(job->path, &callbacks, NULL, &problem);
    if (status != STATUS_OK) {
        return retail_failed(retail, status, &problem);
    }
    return import_job_end(job) ? import_job_report(job) : import_job_failed(job);
}

enum command_exit import_retail(struct import_job *job)
{
    struct retail retail = {.job = job};
    enum command_exit result;
    arena_init(&retail.arena, NULL, 0, 0);
    map_init(&retail.sku_map);
    map_init(&retail.customer_map);
    result = retail_run(&retail);
    map_close(&retail.sku_map);
    map_close(&retail.customer_map);
    free(retail.skus);
    free(retail.customers);
    arena_close(&retail.arena);
    return result;
}
