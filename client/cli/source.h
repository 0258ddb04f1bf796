/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's content, whatever it is compressed with (.xz, .gz, .zst, .bz2 or nothing), and
 * the SHA-256 of that content: the identity of an import does not depend on how the file
 * was packed.
 */
#ifndef SOUK_CLIENT_CLI_SOURCE_H
#define SOUK_CLIENT_CLI_SOURCE_H

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    SOURCE_DIGEST_TEXT_BYTES = 64, /* hex */
};

struct source;

/* A path of NULL is standard input. NOT_FOUND or IO with a sentence in the problem, which
 * does not repeat the path. */
MUST_USE enum status source_open(const char *path, struct source **out_source,
                                 struct problem *problem);
/*
 * The next piece, borrowed until the next call; empty at the end. CHECKSUM when the
 * compressed data is damaged or ends early, IO when it cannot be read, INVALID when it is
 * text of another encoding.
 */
MUST_USE enum status source_read(struct source *source, struct slice *out_piece,
                                 struct problem *problem);
/* Of all that was read so far; once, at the end. */
void source_digest(struct source *source, char out_text[SOURCE_DIGEST_TEXT_BYTES + 1]);
void source_close(struct source *source);

#endif
