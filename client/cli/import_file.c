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
