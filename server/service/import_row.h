/* SPDX-License-Identifier: Apache-2.0 */
/* One row of an import: checked, addressed, chained, encoded. */
#ifndef SOUK_SERVER_SERVICE_IMPORT_ROW_H
#define SOUK_SERVER_SERVICE_IMPORT_ROW_H

#include "server/coordinator/shard_map.h"
#include "server/service/import_message.h"

struct import_row {
    enum shard_map_table table;
    uint64_t hash; /* of the key that routes it */
    bool is_event;
    bool is_location;
    struct customer_event event;      /* an event */
    struct customer_command customer; /* a customer */
    struct inventory_command sku;     /* everything else */
};

MUST_USE enum status import_row_take(struct import_message *message,
                                     const Souk__V1__ImportRow *row,
                                     struct import_row *out, struct problem *problem);
/* Names the line before it on its shard. */
void import_row_chain(struct import_row *row, uint64_t previous);
/* Not for events, which are encoded in runs. */
MUST_USE enum status import_row_encode(const struct import_row *row, struct arena *arena,
                                       struct slice *out_bytes);

/* The copies of the segment's locations as they are now, for every SKU shard but their
 * home. False past the arena's limit. */
MUST_USE bool import_copies_fill(struct import_message *message,
                                 struct import_part *copies, unsigned count);

#endif
