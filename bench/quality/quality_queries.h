/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions of an evaluation, one per line, four columns with tabs between; lists are
 * separated by blanks, and every column but the last may be empty:
 *
 *     actor       c:CUSTOMER or v:VISITOR
 *     session     items, oldest first
 *     excluded    items that must not come back
 *     targets     what really came next
 */
#ifndef SOUK_BENCH_QUALITY_QUERIES_H
#define SOUK_BENCH_QUALITY_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct quality_list {
    const char **items;
    size_t count;
};

struct quality_query {
    const char *customer_id; /* NULL: none */
    const char *visitor_id;  /* NULL: none */
    struct quality_list session;
    struct quality_list excluded;
    struct quality_list targets;
    char *text; /* all of the above point into it */
};

struct quality_queries {
    struct quality_query *queries;
    size_t count, capacity;
};

/* False when a line has other columns: `*out_line` says which. */
bool quality_queries_read(struct quality_queries *queries, FILE *file, size_t *out_line);
void quality_queries_free(struct quality_queries *queries);

#endif
