/* SPDX-License-Identifier: Apache-2.0 */
/*
 * souk stock stream: a file, or what comes in, as the stream of one source. The number of a
 * row is its sequence, so the server knows which rows it has; the same command goes on
 * where another one stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/progress.h"
#include "client/cli/rejects.h"
#include "client/cli/stream_rows.h"
#include "client/cli/text.h"
#include "shard/base/arena.h"
#include "shard/base/memory.h"

enum {
    STREAM_BLOCK_BYTES = 256 * 1024,
    STREAM_LINGER_MS = 20,  /* more may come for the batch at hand */
    STREAM_FOLLOW_MS = 200, /* between two looks at the end of a file */
    STREAM_BATCH_DEFAULT = 500,
};

/* A row that is wrong as it stands: refused by the server, too, but here we know why. */
struct stream_bad_row {
    uint64_t sequence;
    char message[256];
};

struct stream_job {
    struct cli *cli;
    const char *path;
    int fd;
    bool follow;
    bool stop_on_error;
    int64_t batch;
    struct souk_stock_stream *stream;
    struct stream_rows rows;
    uint64_t count; /* rows read */
    uint64_t last;  /* the server had them before */
    uint64_t sent;
    struct souk_stock_update updates[SOUK_BATCH_MAX];
    size_t update_count;
    struct arena arena; /* of the updates at hand */
    struct problem problem;
    struct progress progress;
    uint64_t start_us;

    pthread_mutex_t mutex; /* of what follows: acks come on the library's thread */
    uint64_t through;
    uint64_t applied;
    uint64_t duplicates;
    uint64_t superseded;
    uint64_t skipped;
    uint64_t refused;
    struct stream_bad_row *bad;
    size_t bad_first, bad_count, bad_capacity;
    struct rejects rejects;
    bool outage_told;
};

/* --- Acks, on the library's thread ------------------------------------------------------ */

static void stream_reject(struct stream_job *job,
                          const struct souk_stock_failure *failure)
{
    char advice[TEXT_ADVICE_BYTES];
    while (job->bad_first < job->bad_count &&
           job->bad[job->bad_first].sequence < failure->sequence) {
        job->bad_first++;
    }
    if (job->bad_first < job->bad_count &&
        job->bad[job->bad_first].sequence == failure->sequence) {
        rejects_add(&job->rejects, failure->sequence, "INVALID",
                    job->bad[job->bad_first].message);
        return;
    }
    text_advice(failure->status.message, advice);
    rejects_add(&job->rejects, failure->sequence, failure->status.reason, advice);
}

static void stream_acked(void *context, const struct souk_stock_ack *ack)
{
    struct stream_job *job = context;
    pthread_mutex_lock(&job->mutex);
    job->outage_told = false;
    job->through = ack->through_sequence;
    job->applied += ack->applied;
    job->duplicates += ack->duplicates;
    job->superseded += ack->superseded;
    job->skipped += ack->skipped;
    job->refused += ack->failure_count;
    for (size_t i = 0; i < ack->failure_count; i++) {
        stream_reject(job, &ack->failures[i]);
    }
    pthread_mutex_unlock(&job->mutex);
}

static void stream_lost(void *context, const struct souk_error *error)
{
    struct stream_job *job = context;
    pthread_mutex_lock(&job->mutex);
    if (!job->outage_told) {
        fprintf(stderr, "souk: the connection is lost (%s); trying again\n",
                error->message);
    }
    job->outage_told = true;
    pthread_mutex_unlock(&job->mutex);
}

static uint64_t stream_through(struct stream_job *job)
{
    uint64_t through;
    pthread_mutex_lock(&job->mutex);
    through = job->through > job->last ? job->through : job->last;
    pthread_mutex_unlock(&job->mutex);
    return through;
}

/* --- Rows ------------------------------------------------------------------------------- */

static bool stream_flush(struct stream_job *job)
{
    enum souk_code code = SOUK_OK;
    if (job->update_count > 0) {
        code = souk_stock_stream_send(job->stream, job->updates, job->update_count,
                                      &job->cli->error);
        job->sent += job->update_count;
    }
    job->update_count = 0;
    arena_reset(&job->arena);
    progress_update(&job->progress, stream_through(job), progress_now_us());
    return code == SOUK_OK;
}

static bool stream_add(struct stream_job *job, const struct souk_stock_update *update)
{
    job->updates[job->update_count++] = *update;
    return job->update_count < (size_t)job->batch || stream_flush(job);
}

/* Its place in the count goes to the server as an update that is refused. */
static bool stream_add_bad(struct stream_job *job, const char *message)
{
    static const struct souk_stock_update nothing;
    struct stream_bad_row *bad;
    void *rows;
    if (job->stop_on_error) {
        problem_set(&job->problem, STATUS_INVALID, "", "row %llu: %s",
                    (unsigned long long)job->count, message);
        return false;
    }
    pthread_mutex_lock(&job->mutex);
    rows = job->bad;
    memory_reserve(&rows, &job->bad_capacity, job->bad_count + 1, sizeof *job->bad);
    job->bad = rows;
    bad = &job->bad[job->bad_count++];
    bad->sequence = job->count;
    snprintf(bad->message, sizeof bad->message, "%s", message);
    pthread_mutex_unlock(&job->mutex);
    return stream_add(job, &nothing);
}

static bool stream_row(void *context, const struct csv_row *row)
{
    struct stream_job *job = context;
    struct souk_stock_update update;
    if (!job->rows.header_seen) {
        return stream_rows_header(&job->rows, row, &job->problem) == STATUS_OK;
    }
    job->count++;
    if (job->count <= job->last) {
        return true;
    }
    if (!stream_rows_update(&job->rows, row, &job->arena, &update)) {
        return stream_add_bad(job, job->rows.message);
    }
    return stream_add(job, &update);
}

static bool stream_bad(void *context, uint64_t line, const char *reason)
{
    struct stream_job *job = context;
    (void)line;
    if (!job->rows.header_seen) {
        problem_set(&job->problem, STATUS_INVALID, "", "the first line: %s", reason);
        return false;
    }
    job->count++;
    return job->count <= job->last || stream_add_bad(job, reason);
}

/* --- Reading ---------------------------------------------------------------------------- */

/* More bytes; 0 at the end, -1 with errno when it cannot be read or was interrupted. Before
 * it waits, what is at hand is sent. */
static ssize_t stream_read(struct stream_job *job, uint8_t *block)
{
    struct pollfd ready = {.fd = job->fd, .events = POLLIN};
    if (poll(&ready, 1, STREAM_LINGER_MS) == 0 && !stream_flush(job)) {
        errno = 0;
        return -1;
    }
    for (;;) {
        ssize_t size = read(job->fd, block, STREAM_BLOCK_BYTES);
        if (size != 0 || !job->follow) {
            return size;
        }
        if (!stream_flush(job)) {
            errno = 0;
            return -1;
        }
        if (cli_interrupted() || poll(NULL, 0, STREAM_FOLLOW_MS) < 0) {
            errno = EINTR;
            return -1;
        }
    }
}

/* False: the stream, the file or a row ended it. */
static bool stream_all(struct stream_job *job)
{
    const struct csv_callbacks callbacks = {
        .row = stream_row, .bad = stream_bad, .context = job};
    struct csv_reader *reader = csv_reader_new(&callbacks);
    uint8_t *block = memory_alloc(STREAM_BLOCK_BYTES);
    enum status status = STATUS_OK;
    ssize_t size = 1;
    while (status == STATUS_OK && !cli_interrupted() &&
           (size = stream_read(job, block)) > 0) {
        status = csv_reader_feed(reader, slice_of(block, (size_t)size));
    }
    if (size < 0 && errno != EINTR && errno != 0) {
        problem_set(&job->problem, STATUS_IO, "", "%s", strerror(errno));
    } else if (status == STATUS_OK && size == 0) {
        status = csv_reader_finish(reader);
    }
    csv_reader_free(reader);
    free(block);
    return status == STATUS_OK &&
           (size == 0 || (size < 0 && errno == EINTR) || cli_interrupted());
}

/* Lines of a plain file below its first one, for the progress bar; 0: not known. */
static uint64_t stream_count_rows(int fd)
{
    uint8_t *block;
    uint64_t lines = 0;
    ssize_t size;
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return 0;
    }
    block = memory_alloc(STREAM_BLOCK_BYTES);
    while ((size = read(fd, block, STREAM_BLOCK_BYTES)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            lines += block[i] == '\n';
        }
    }
    free(block);
    return lseek(fd, 0, SEEK_SET) == 0 && lines > 0 ? lines - 1 : 0;
}

/* --- The command ------------------------------------------------------------------------ */

static bool stream_on_missing(struct cli *cli, enum souk_on_missing *out)
{
    static const char *const names[] = {"refuse", "skip", "create"};
    const char *name = cli_option(cli, "on-missing");
    for (unsigned i = 0; name != NULL && i < 3; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum souk_on_missing)(SOUK_ON_MISSING_REFUSE + i);
            return true;
        }
    }
    if (name != NULL) {
        cli_usage(cli, "--on-missing is refuse, skip or create, not '%s'", name);
    }
    return name == NULL;
}

static bool stream_options(struct stream_job *job,
                           struct souk_stock_stream_options *options)
{
    struct cli *cli = job->cli;
    int64_t epoch = 1;
    options->source_id = cli_option(cli, "source");
    if (options->source_id == NULL) {
        cli_usage(cli, "--source names the system that counts these rows, "
                       "as in --source wms-berlin");
        return false;
    }
    job->batch = STREAM_BATCH_DEFAULT;
    job->follow = cli_switch(cli, "follow");
    job->stop_on_error = cli_switch(cli, "stop-on-error");
    if (!cli_option_number(cli, "epoch", 1, INT64_MAX, &epoch) ||
        !cli_option_number(cli, "batch", 1, SOUK_BATCH_MAX, &job->batch) ||
        !cli_option_duration(cli, "outage", &options->outage_max_ms) ||
        !stream_on_missing(cli, &options->on_missing)) {
        return false;
    }
    options->source_epoch = (uint64_t)epoch;
    options->stop_on_failure = job->stop_on_error;
    options->on_ack = stream_acked;
    options->on_retry = stream_lost;
    options->context = job;
    return true;
}

static json_t *stream_summary(struct stream_job *job, bool whole)
{
    json_t *summary = json_object();
    double seconds = (double)(progress_now_us() - job->start_us) / 1e6;
    output_text(summary, "file", job->path);
    output_text(summary, "source", cli_option(job->cli, "source"));
    output_number(summary, "through", (int64_t)stream_through(job));
    output_number(summary, "known_before", (int64_t)job->last);
    output_number(summary, "sent", (int64_t)job->sent);
    output_number(summary, "applied", (int64_t)job->applied);
    output_number(summary, "duplicates", (int64_t)job->duplicates);
    output_number(summary, "superseded", (int64_t)job->superseded);
    output_number(summary, "skipped", (int64_t)job->skipped);
    output_number(summary, "refused", (int64_t)job->refused);
    json_object_set_new(summary, "complete", json_boolean(whole));
    json_object_set_new(summary, "seconds", json_real(seconds));
    output_number(summary, "updates_per_s",
                  seconds > 0 ? (int64_t)((double)job->sent / seconds) : 0);
    return summary;
}

static void stream_say(struct stream_job *job, bool whole)
{
    uint64_t through = stream_through(job);
    if (!whole) {
        fprintf(stderr,
                "souk: row %llu and all before it are taken; the same command goes on "
                "behind it\n",
                (unsigned long long)through);
    } else if (job->sent == 0 && job->last > 0) {
        fprintf(stderr, "nothing new: all of %s had been taken before\n", job->path);
    }
    if (job->refused > 0) {
        fprintf(stderr, "souk: %llu rows were refused; they are in %s\n",
                (unsigned long long)job->refused, job->rejects.path);
    }
}

static enum command_exit stream_end(struct stream_job *job, bool read)
{
    enum souk_code code = job->cli->error.code;
    enum command_exit result = COMMAND_OK;
    bool whole;
    if (code == SOUK_OK &&
        (!stream_flush(job) ||
         souk_stock_stream_barrier(job->stream, &job->cli->error) != SOUK_OK)) {
        code = job->cli->error.code;
    }
    whole = code == SOUK_OK && read && (!cli_interrupted() || job->follow);
    progress_end(&job->progress, stream_through(job), progress_now_us());
    (void)rejects_close(&job->rejects, whole && job->last == 0);
    stream_say(job, whole);
    if (code != SOUK_OK) {
        return cli_failed(job->cli);
    }
    if (!read) {
        return cli_problem(job->cli, "%s: %s", job->path, job->problem.message);
    }
    output_object(&job->cli->output, stream_summary(job, whole));
    result = !whole || job->refused > 0 ? COMMAND_FAILED : COMMAND_OK;
    return result;
}

static enum command_exit stream_run(struct stream_job *job,
                                    const struct souk_stock_stream_options *options)
{
    enum command_exit result;
    int failed = rejects_open(&job->rejects);
    if (failed != 0) {
        return cli_usage(job->cli,
                         "no file for refused rows: %s: %s; name another with "
                         "--rejects",
                         job->rejects.path, strerror(failed));
    }
    if (souk_stock_stream_open(job->cli->client, options, &job->stream, &job->last,
                               &job->cli->error) != SOUK_OK) {
        (void)rejects_close(&job->rejects, false);
        return cli_failed(job->cli);
    }
    if (job->last > 0) {
        fprintf(stderr, "%s is known up to row %llu; going on behind it\n",
                options->source_id, (unsigned long long)job->last);
    }
    cli_catch_interrupts();
    job->start_us = progress_now_us();
    progress_init(&job->progress, stderr, isatty(STDERR_FILENO) == 1);
    progress_begin(&job->progress, "stream", stream_count_rows(job->fd), job->start_us);
    result = stream_end(job, stream_all(job));
    souk_stock_stream_close(job->stream);
    return result;
}

enum command_exit cli_stock_stream(struct cli *cli)
{
    struct stream_job *job = memory_zalloc(sizeof *job);
    struct souk_stock_stream_options options = {.source_id = NULL};
    enum command_exit result = COMMAND_USAGE;
    bool input;
    job->cli = cli;
    job->path = cli_argument(cli, 0);
    input = strcmp(job->path, "-") == 0;
    pthread_mutex_init(&job->mutex, NULL);
    arena_init(&job->arena, NULL, 0, 0);
    if (stream_options(job, &options) && cli_client(cli) != NULL) {
        job->fd = input ? STDIN_FILENO : open(job->path, O_RDONLY | O_CLOEXEC);
        rejects_init(&job->rejects, cli_option(cli, "rejects"),
                     input ? options.source_id : job->path);
        if (job->fd < 0) {
            result = cli_problem(cli, "%s: %s", job->path, strerror(errno));
        } else {
            result = stream_run(job, &options);
        }
    }
    if (job->fd > STDIN_FILENO) {
        close(job->fd);
    }
    arena_close(&job->arena);
    pthread_mutex_destroy(&job->mutex);
    free(job->bad);
    free(job);
    return result;
}
