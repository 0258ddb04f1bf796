/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levels against the sum of their movements, while units go on moving. First every page of
 * levels, each with the log positions that it was read at; then the ledger of all SKUs in
 * its order, of which counts for a level what stood in the log when it was read:
 *
 *     new; (page; level...)...; movement...; finish; free
 *
 * Levels and movements are borrowed for the call. One thread.
 */
#ifndef SOUK_CLIENT_CLI_LEDGER_AUDIT_H
#define SOUK_CLIENT_CLI_LEDGER_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/include/souk/stock.h"

enum {
    LEDGER_AUDIT_LEVELS_MAX = 20000000, /* in memory, about 250 bytes each */
};

struct ledger_audit;

struct ledger_drift {
    const char *sku_id;
    const char *location_id;
    const char *bucket;
    int64_t level;
    int64_t ledger; /* what the movements add up to */
};

struct ledger_audit_totals {
    uint64_t levels;
    uint64_t movements;
    uint64_t broken; /* movements that do not begin where the one before them ended */
};

typedef void ledger_audit_report(void *context, const struct ledger_drift *drift);

struct ledger_audit *ledger_audit_new(void);
void ledger_audit_free(struct ledger_audit *audit);
/* The next levels were read at these positions. */
void ledger_audit_page(struct ledger_audit *audit, const struct souk_stamp *stamps,
                       size_t count);
void ledger_audit_level(struct ledger_audit *audit, const struct souk_stock_level *level);
void ledger_audit_movement(struct ledger_audit *audit,
                           const struct souk_movement *movement);
/* More levels than LEDGER_AUDIT_LEVELS_MAX: what comes is not taken. */
bool ledger_audit_full(const struct ledger_audit *audit);
/* Reports every bucket that differs, in the order of SKU and location. */
void ledger_audit_finish(struct ledger_audit *audit, ledger_audit_report *report,
                         void *context, struct ledger_audit_totals *out_totals);

#endif
