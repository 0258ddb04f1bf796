/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories as files: one JSON object a line, one line an event, in the order of at_us.
 *
 *     {"at_us":5,"type":"inv","process":1,"op":7,"f":"adjust","request":7,"quantity":-2}
 *     {"at_us":9,"type":"ok","process":1,"op":7,"f":"adjust",...,"status":"OK","index":4}
 *     {"at_us":9,"type":"nemesis","f":"kill","target":"node1","begins":true}
 *
 * Keys are those of the table in history_file.c, about the fields of event.h; a field that
 * is 0 is left out, a key that is not known is passed over. An answer repeats its question.
 */
#ifndef SOUK_TESTS_SIM_CHECK_HISTORY_FILE_H
#define SOUK_TESTS_SIM_CHECK_HISTORY_FILE_H

#include <stdio.h>

#include "tests/sim/check/event.h"

enum {
    HISTORY_LINE_BYTES_MAX = 8192, /* with its newline */
};

/* A JSON string of `text`: what RFC 8259 wants escaped is. For verdicts and reports, too. */
void history_write_text(FILE *file, const char *text);
void history_write(FILE *file, const struct history_event *event);
/* One line, with or without its newline. INVALID: it is no event; `problem` says where. */
MUST_USE enum status history_parse(const char *line, struct history_event *out_event,
                                   struct problem *problem);
/* The next event of a file, `*line` counts lines. NOT_FOUND: there is none left. INVALID:
 * as above, or a line that is too long. */
MUST_USE enum status history_read(FILE *file, uint64_t *line,
                                  struct history_event *out_event,
                                  struct problem *problem);

#endif
