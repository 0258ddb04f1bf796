/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/import_file.h"

static enum status import_file_pieces(struct source *source, struct csv_reader *reader,
                                      struct problem *problem)
{
    struct slice piece;
    do {
        TRY(source_read(source, &piece, problem));
        TRY(csv_reader_feed(reader, piece));
    } while (piece.size > 0);
    return csv_reader_finish(reader);
}

enum status import_file_read(const char *path, const struct csv_callbacks *callbacks,
                             char *out_digest, struct problem *problem)
{
    struct source *source = NULL;
    struct csv_reader *reader;
    enum status status;
    TRY(source_open(path, &source, problem));
    reader = csv_reader_new(callbacks);
    status = import_file_pieces(source, reader, problem);
    if (status == STATUS_OK && out_digest != NULL) {
        source_digest(source, out_digest);
    }
    csv_reader_free(reader);
    source_close(source);
    return status;
}

static enum status import_set_pieces(struct source *source, struct set_reader *reader,
                                     struct problem *problem)
{
    struct slice piece;
    do {
        TRY(source_read(source, &piece, problem));
        TRY(set_reader_feed(reader, piece, problem));
    } while (piece.size > 0);
    return set_reader_finish(reader, problem);
}

enum status import_file_read_set(const char *path, enum set_format *format, bool detect,
                                 const struct set_callbacks *callbacks, char *out_digest,
                                 struct problem *problem)
{
    struct source *source = NULL;
    struct set_reader *reader;
    enum status status;
    TRY(source_open(path, &source, problem));
    reader = set_reader_new(*format, detect, callbacks);
    status = import_set_pieces(source, reader, problem);
    if (status == STATUS_OK && out_digest != NULL) {
        source_digest(source, out_digest);
    }
    *format = set_reader_format(reader);
    set_reader_free(reader);
    source_close(source);
    return status;
}
