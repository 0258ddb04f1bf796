/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SKUs that a set names, in the order of their first mention: one small entry each.
 * Those the cluster lacks are made, and those without any level of stock get some: what a
 * shop has already is never touched, and an interrupted import goes on where it stopped.
 */
#ifndef SOUK_CLIENT_CLI_SET_SKUS_H
#define SOUK_CLIENT_CLI_SET_SKUS_H

#include "client/cli/import_job.h"
#include "client/cli/set_plan.h"
#include "shard/base/map.h"

enum {
    SET_SKUS_MAX = 1000000,
    SET_ATTRIBUTES_MAX = 64, /* of one SKU */
    SET_ATTRIBUTE_BYTES_MAX = 256 * 1024 * 1024,
};

struct set_skus {
    struct arena arena;
    struct map map;
    struct set_sku_entry **entries;
    size_t count, capacity;
};

enum set_note {
    SET_NOTED,
    SET_OTHER_NAME, /* this id has another name */
    SET_FULL,       /* more than SET_SKUS_MAX */
};

struct set_stock {
    const char *location_id; /* NULL: no stock */
    int64_t on_hand;
};

void set_skus_init(struct set_skus *skus);
void set_skus_close(struct set_skus *skus);
enum set_note set_skus_note(struct set_skus *skus, const struct set_sku *sku);
/*
 * {"item": [value, ...]}: of items noted before, each value (number or string) becomes a
 * flag "attribute-VALUE". INVALID names the first entry that is wrong, or what the file
 * could not be read by, as source_open.
 */
MUST_USE enum status set_skus_attributes(struct set_skus *skus, const char *path,
                                         struct problem *problem);
/* The derived passes of the job. False: import_job_failed tells. */
bool set_skus_send(const struct set_skus *skus, struct import_job *job,
                   const struct set_stock *stock);

#endif
