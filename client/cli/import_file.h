/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a file: open, read, take apart, digest. */
#ifndef SOUK_CLIENT_CLI_IMPORT_FILE_H
#define SOUK_CLIENT_CLI_IMPORT_FILE_H

#include "client/cli/csv_reader.h"
#include "client/cli/set_reader.h"
#include "client/cli/source.h"

/*
 * `out_digest` (SOURCE_DIGEST_TEXT_BYTES + 1, may be NULL) gets the digest of the content.
 * CANCELLED when a callback wanted no more; else what source.h says, also of the path.
 */
MUST_USE enum status import_file_read(const char *path,
                                      const struct csv_callbacks *callbacks,
                                      char *out_digest, struct problem *problem);
/* The same for a set; `*format` becomes what was found. INVALID as set_reader_feed. */
MUST_USE enum status import_file_read_set(const char *path, enum set_format *format,
                                          bool detect,
                                          const struct set_callbacks *callbacks,
                                          char *out_digest, struct problem *problem);

#endif
