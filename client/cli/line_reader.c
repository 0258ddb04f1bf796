/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line_reader.h"

#include <string.h>

void line_reader_init(struct line_reader *reader, const struct line_callbacks *callbacks)
{
    *reader = (struct line_reader){.callbacks = *callbacks};
    buffer_init(&reader->kept);
}

void line_reader_close(struct line_reader *reader)
{
    buffer_close(&reader->kept);
}

/* Adds to the line at hand, or gives it up. */
static void line_reader_keep(struct line_reader *reader, const uint8_t *data, size_t size)
{
    if (reader->skipping || size == 0) {
        return;
    }
    if (size > LINE_BYTES_MAX - reader->kept.size) {
        reader->skipping = true;
        buffer_clear(&reader->kept);
        return;
    }
    buffer_append(&reader->kept, data, size);
}

/* The line at hand is complete. */
static bool line_reader_tell(struct line_reader *reader)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, before the first line */
    char *text;
    size_t size;
    bool go_on;
    reader->number++;
    if (reader->skipping) {
        reader->skipping = false;
        return reader->callbacks.too_long(reader->callbacks.context, reader->number);
    }
    buffer_append(&reader->kept, "", 1);
    text = (char *)reader->kept.data;
    size = reader->kept.size - 1;
    if (size > 0 && text[size - 1] == '\r') {
        text[--size] = '\0';
    }
    if (reader->number == 1 && size >= 3 && memcmp(text, mark, 3) == 0) {
        text += 3;
        size -= 3;
    }
    go_on = reader->callbacks.line(reader->callbacks.context, reader->number, text, size);
    buffer_clear(&reader->kept);
    return go_on;
}

bool line_reader_feed(struct line_reader *reader, struct slice piece)
{
    const uint8_t *data = piece.data;
    size_t left = piece.size;
    while (left > 0) {
        const uint8_t *end = memchr(data, '\n', left);
        size_t size = end ? (size_t)(end - data) : left;
        line_reader_keep(reader, data, size);
        if (end == NULL) {
            return true;
        }
        data += size + 1;
        left -= size + 1;
        if (!line_reader_tell(reader)) {
            return false;
        }
    }
    return true;
}

bool line_reader_finish(struct line_reader *reader)
{
    if (reader->kept.size == 0 && !reader->skipping) {
        return true;
    }
    return line_reader_tell(reader);
}
