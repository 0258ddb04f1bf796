/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    SOURCE_BLOCK_BYTES = 256 * 1024,
};

struct source {
    int fd;
    struct archive *archive;
    bool begun; /* a piece was read */
    bool empty; /* nothing at all in the file: not even an entry for libarchive */
    EVP_MD_CTX *digest;
};

static enum status source_open_archive(struct source *source, struct problem *problem)
{
    struct archive_entry *entry = NULL;
    int code;
    source->archive = archive_read_new();
    ASSERT(source->archive != NULL);
    archive_read_support_filter_all(source->archive);
    archive_read_support_format_raw(source->archive);
    archive_read_support_format_empty(source->archive);
    if (archive_read_open_fd(source->archive, source->fd, SOURCE_BLOCK_BYTES) !=
        ARCHIVE_OK) {
        return problem_set(problem, STATUS_CHECKSUM, "", "%s",
                           archive_error_string(source->archive));
    }
    code = archive_read_next_header(source->archive, &entry);
    source->empty = code == ARCHIVE_EOF;
    if (code != ARCHIVE_OK && code != ARCHIVE_EOF) {
        return problem_set(problem, STATUS_CHECKSUM, "", "%s",
                           archive_error_string(source->archive));
    }
    return STATUS_OK;
}

enum status source_open(const char *path, struct source **out_source,
                        struct problem *problem)
{
    struct source *source = memory_zalloc(sizeof *source);
    enum status status = STATUS_OK;
    struct stat what;
    source->fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC)
                              : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    if (source->fd >= 0 && fstat(source->fd, &what) == 0 && S_ISDIR(what.st_mode)) {
        status = problem_set(problem, STATUS_IO, "",
                             "this is a folder; name one of the files in it");
    } else if (source->fd < 0) {
        status = problem_set(problem, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "",
                             "%s", strerror(errno));
    } else {
        status = source_open_archive(source, problem);
    }
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    source->digest = EVP_MD_CTX_new();
    ASSERT(source->digest != NULL);
    ASSERT(EVP_DigestInit_ex(source->digest, EVP_sha256(), NULL) == 1);
    *out_source = source;
    return STATUS_OK;
}

/* Text of another encoding is told by its first bytes: the mark of UTF-16, or ASCII with a
 * NUL beside it. */
static enum status source_first(const uint8_t *data, size_t size, struct problem *problem)
{
    bool marked = size >= 2 && ((data[0] == 0xff && data[1] == 0xfe) ||
                                (data[0] == 0xfe && data[1] == 0xff));
    bool wide = size >= 2 && (data[0] == 0) != (data[1] == 0);
    if (marked || wide) {
        return problem_set(
            problem, STATUS_INVALID, "",
            "this is UTF-16, and UTF-8 is wanted: iconv -f UTF-16 -t UTF-8 "
            "FILE > NEW-FILE makes it");
    }
    return STATUS_OK;
}

enum status source_read(struct source *source, struct slice *out_piece,
                        struct problem *problem)
{
    const void *data = NULL;
    size_t size = 0;
    la_int64_t offset = 0;
    int code = source->empty
                   ? ARCHIVE_EOF
                   : archive_read_data_block(source->archive, &data, &size, &offset);
    if (code == ARCHIVE_EOF) {
        *out_piece = slice_of(NULL, 0);
        return STATUS_OK;
    }
    if (code != ARCHIVE_OK) {
        const char *why = archive_error_string(source->archive);
        return problem_set(problem, STATUS_CHECKSUM, "",
                           "the compressed data is damaged or ends early: %s",
                           why ? why : "no further reason given");
    }
    if (!source->begun && size > 0) {
        source->begun = true;
        TRY(source_first(data, size, problem));
    }
    ASSERT(EVP_DigestUpdate(source->digest, data, size) == 1);
    *out_piece = slice_of(data, size);
    /* A piece of no bytes is not the end. */
    return size > 0 ? STATUS_OK : source_read(source, out_piece, problem);
}

void source_digest(struct source *source, char out_text[SOURCE_DIGEST_TEXT_BYTES + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ASSERT(EVP_DigestFinal_ex(source->digest, digest, &size) == 1);
    ASSERT(size * 2 == SOURCE_DIGEST_TEXT_BYTES);
    for (unsigned i = 0; i < size; i++) {
        snprintf(out_text + i * 2, 3, "%02x", digest[i]);
    }
}

void source_close(struct source *source)
{
    if (source == NULL) {
        return;
    }
    EVP_MD_CTX_free(source->digest);
    if (source->archive != NULL) {
        archive_read_free(source->archive);
    }
    if (source->fd >= 0) {
        close(source->fd);
    }
    free(source);
}
