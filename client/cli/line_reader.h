/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a file with their numbers, in bounded memory. A line ends with LF or CRLF, the
 * last one also with the file. A line over the limit costs itself alone.
 */
#ifndef SOUK_CLIENT_CLI_LINE_READER_H
#define SOUK_CLIENT_CLI_LINE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"

enum {
    LINE_BYTES_MAX = 4 * 1024 * 1024,
};

struct line_callbacks {
    /* `text` may be changed in place; text[size] is NUL. False ends the reading. */
    bool (*line)(void *context, uint64_t number, char *text, size_t size);
    bool (*too_long)(void *context, uint64_t number);
    void *context;
};

/* Zeroed but for the callbacks before the first piece; free with line_reader_close. */
struct line_reader {
    struct line_callbacks callbacks;
    struct buffer kept; /* the line that is not complete */
    uint64_t number;    /* of the lines before it */
    bool skipping;      /* it is too long already */
};

void line_reader_init(struct line_reader *reader, const struct line_callbacks *callbacks);
void line_reader_close(struct line_reader *reader);
/* False when a callback said so. */
bool line_reader_feed(struct line_reader *reader, struct slice piece);
bool line_reader_finish(struct line_reader *reader);

#endif
