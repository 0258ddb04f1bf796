/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Erasing a customer. Nothing is marked or kept aside: after the entry the shard is what
 * it would be had the customer never been there, but for log time, the places of imports
 * and the memory of requests (customer.h says what is in it).
 *
 * The row stays until the end of the entry, empty, so that the sink learns from
 * customer_derive alone what left, also when the same id does something new at once.
 */
#include <stdlib.h>

#include "shard/customer/customer_private.h"

enum {
    ERASED_BYTES_ABOUT = 160, /* three keys in the batch, for dirty_bytes */
};

void customer_erase_row(struct customer_shard *shard, struct customer_row *row)
{
    struct told_session *told = row->told;
    row->told = NULL;
    if (row->stored) {
        struct erased_row *erased = memory_zalloc(sizeof *erased);
        erased->id = row->id;
        list_append(&shard->erased, &erased->list);
        shard->dirty_bytes += ERASED_BYTES_ABOUT;
    }
    event_ids_erase(&shard->ids, &row->ids_head);
    shard->profiles -= row->profile != NULL;
    shard->events -= row->event_count;
    shard->events_erased += row->event_count;
    shard->memory_events -= row->event_kept;
    shard->places -= row->places != NULL ? row->event_capacity : 0;
    /* Blocks that a batch on its way holds are deleted by the batch behind it. */
    customer_row_clear(row);
    list_remove(&row->dirty);
    list_init(&row->blocks);
    row->profile = NULL;
    row->profile_size = 0;
    row->profile_dirty = false;
    row->stored = false;
    row->personalization_withdrawn = false;
    row->evidence_withdrawn = false;
    row->etag = 0;
    row->event_count = 0;
    row->events = NULL;
    row->places = NULL;
    row->event_kept = 0;
    row->event_capacity = 0;
    row->told = told;
}
