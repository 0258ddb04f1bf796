/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a CSV file with the line each begins on, in bounded memory. libcsv (strict)
 * takes a line at a time; the lines of a row that is not complete are kept, so that a row
 * that turns out to be broken costs itself alone: reading goes on with the line after its
 * first.
 */
#ifndef SOUK_CLIENT_CLI_CSV_READER_H
#define SOUK_CLIENT_CLI_CSV_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    CSV_ROW_BYTES_MAX = 64 * 1024, /* over all its lines */
    CSV_FIELDS_MAX = 256,
};

struct csv_row {
    uint64_t line;             /* where it begins, from 1 */
    const char *const *fields; /* NUL-terminated, free of NUL inside */
    size_t count;
};

/*
 * All are told in the order of lines; false ends the reading with STATUS_CANCELLED. A
 * carriage return in the middle of a line would make two rows of it: the first is a row,
 * what follows is bad, under the same line.
 */
struct csv_callbacks {
    bool (*row)(void *context, const struct csv_row *row);
    bool (*bad)(void *context, uint64_t line, const char *reason);
    void (*blank)(void *context, uint64_t line); /* nothing but blanks; may be NULL */
    void *context;
};

struct csv_reader;

struct csv_reader *csv_reader_new(const struct csv_callbacks *callbacks);
MUST_USE enum status csv_reader_feed(struct csv_reader *reader, struct slice piece);
/* The end of the file. */
MUST_USE enum status csv_reader_finish(struct csv_reader *reader);
void csv_reader_free(struct csv_reader *reader);

#endif
