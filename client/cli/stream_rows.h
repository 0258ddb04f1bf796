/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a warehouse's CSV as stock updates. The first line names the columns, in any
 * order: sku_id and location_id must be there, and delta or quantity (the new value), of
 * which a row fills one; bucket, reason, reference and time may.
 *
 * Every row below the first line has its place in the count, also one that is wrong: the
 * count is the update's sequence, and must not depend on who reads.
 */
#ifndef SOUK_CLIENT_CLI_STREAM_ROWS_H
#define SOUK_CLIENT_CLI_STREAM_ROWS_H

#include "client/cli/csv_reader.h"
#include "client/include/souk/stock_stream.h"
#include "shard/base/arena.h"
#include "shard/base/status.h"

enum stream_column {
    STREAM_SKU_ID,
    STREAM_LOCATION_ID,
    STREAM_DELTA,
    STREAM_QUANTITY,
    STREAM_BUCKET,
    STREAM_REASON,
    STREAM_REFERENCE,
    STREAM_TIME,
    STREAM_COLUMNS,
};

struct stream_rows {
    int places[STREAM_COLUMNS]; /* in a row; -1: there is no such column */
    bool header_seen;
    char message[256]; /* what is wrong with a row */
};

/* INVALID with a sentence when it is no such file. */
MUST_USE enum status stream_rows_header(struct stream_rows *rows,
                                        const struct csv_row *row,
                                        struct problem *problem);
/* False: `message` says what is wrong, and the update is one that no server takes. Texts
 * are copied into the arena. */
bool stream_rows_update(struct stream_rows *rows, const struct csv_row *row,
                        struct arena *arena, struct souk_stock_update *out);

#endif
