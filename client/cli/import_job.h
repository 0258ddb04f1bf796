/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of rows into the cluster that all imports share: batches, the stream, counting
 * what came of them, rejects, progress. Rows are copied when added, so a caller may reuse
 * its memory at once. Main thread, but for the callbacks of the stream.
 */
#ifndef SOUK_CLIENT_CLI_IMPORT_JOB_H
#define SOUK_CLIENT_CLI_IMPORT_JOB_H

#include <signal.h>

#include "client/cli/cli.h"
#include "client/cli/progress.h"
#include "client/cli/rejects.h"
#include "client/cli/source.h"
#include "shard/base/arena.h"

enum {
    IMPORT_BATCH_DEFAULT = 750,
    IMPORT_PASSES_MAX = 8,
    IMPORT_SKIPS_MAX = 16,
    IMPORT_MESSAGE_BYTES_MAX = 2 * 1024 * 1024, /* strings of one batch */
};

/* Why a line with nothing in it is no row. */
#define IMPORT_SKIP_EMPTY "empty lines"

struct import_pass {
    const char *name; /* "events" */
    uint64_t total;   /* rows it is to have, about */
    uint64_t rows;
    uint64_t applied;
    uint64_t duplicates;
    uint64_t refused;
    bool derived; /* rows that the file implies, not its own */
};

struct import_job {
    struct cli *cli;
    const char *path;
    char digest[SOURCE_DIGEST_TEXT_BYTES + 1];
    int64_t batch;
    int64_t outage_ms;
    struct rejects rejects;
    int rejects_error; /* errno of why its file cannot be made, 0 */
    struct progress progress;
    uint64_t start_us;

    struct {
        const char *reason; /* literal */
        uint64_t count;
    } skips[IMPORT_SKIPS_MAX];
    size_t skip_count;

    struct souk_import *stream;
    struct souk_import_row rows[SOUK_BATCH_MAX];
    size_t row_count;
    struct arena arena; /* of the rows */

    const char *prefix;  /* of the passes' names in import ids; NULL: none */
    unsigned line_shift; /* rows are numbered line << line_shift plus something */

    bool outage_told; /* callback thread */
    bool derived;     /* of the passes that begin now */
    uint64_t bad;     /* rows of the file that were not even sent */

    pthread_t watcher; /* waits for Ctrl-C */
    bool watched;
    sigset_t old_signals;

    pthread_mutex_t mutex; /* the passes: callbacks count into the last one */
    struct import_pass passes[IMPORT_PASSES_MAX];
    size_t pass_count;
};

/*
 * Reads the options; false: said what is wrong. Before the client is opened: from here to
 * the close, Ctrl-C says how far the import came and how it goes on, and ends with 130; the
 * threads of the client are to inherit that.
 */
bool import_job_init(struct import_job *job, struct cli *cli, const char *path);
void import_job_close(struct import_job *job);

/* Rows of one kind, in the order of their lines. False: cli->error says why. */
bool import_job_begin(struct import_job *job, const char *pass, uint64_t total);
bool import_job_add(struct import_job *job, const struct souk_import_row *row);
bool import_job_end(struct import_job *job);
/* What import_job_begin or _add or _end could not do, said; the exit code. */
enum command_exit import_job_failed(struct import_job *job);

/* A row of the file that is not to be brought in, by plan. */
void import_job_skip(struct import_job *job, const char *reason);
/* A row that is wrong. */
void import_job_reject(struct import_job *job, uint64_t line, const char *reason,
                       const char *message);
/*
 * Says and shows what came of it all; the exit code. The rows of the file are those
 * applied, known before, refused and skipped.
 */
enum command_exit import_job_report(struct import_job *job);

/* Strings of the row being added, until it is sent. */
const char *import_job_text(struct import_job *job, const char *text);

/* The importers: each reads the file twice, first to know it whole. */
enum command_exit import_retail(struct import_job *job);
enum command_exit import_souk(struct import_job *job, const char *kind);
enum command_exit import_sets(struct import_job *job, const char *kind);

#endif
