/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/import_job.h"

#include "client/cli/text.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "shard/base/assert.h"

static struct import_pass *import_job_pass(struct import_job *job)
{
    ASSERT(job->pass_count > 0);
    return &job->passes[job->pass_count - 1];
}

static uint64_t import_job_done(struct import_job *job)
{
    struct import_pass *pass = import_job_pass(job);
    uint64_t done;
    pthread_mutex_lock(&job->mutex);
    done = pass->applied + pass->duplicates + pass->refused;
    pthread_mutex_unlock(&job->mutex);
    return done;
}

/* How far it came. Any thread. */
static void import_job_say_far(struct import_job *job)
{
    const struct import_pass *pass;
    pthread_mutex_lock(&job->mutex);
    pass = job->pass_count > 0 ? import_job_pass(job) : NULL;
    if (pass != NULL) {
        fprintf(
            stderr,
            "%ssouk: %llu of %llu rows of '%s' are done; run the same command again to "
            "go on: rows already taken are not taken twice\n",
            job->progress.terminal && job->progress.shown ? "\n" : "",
            (unsigned long long)(pass->applied + pass->duplicates + pass->refused),
            (unsigned long long)pass->total, pass->name);
    }
    pthread_mutex_unlock(&job->mutex);
}

/* --- Interruption ----------------------------------------------------------------- */

/* Those that whoever started this did not have ignored. */
static sigset_t import_job_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(&signals, numbers[i]);
        }
    }
    return signals;
}

/* Waits for Ctrl-C or a wish to end while the import runs: says how far it came, keeps what
 * was refused so far, and ends the process as the signal would have. */
static void *import_job_watch(void *context)
{
    struct import_job *job = context;
    sigset_t signals = import_job_signals();
    int number = 0;
    while (sigwait(&signals, &number) != 0) {
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    import_job_say_far(job);
    (void)cli_problem(job->cli, "interrupted");
    pthread_mutex_lock(&job->rejects.mutex); /* for good: nobody adds to a closed file */
    (void)rejects_close(&job->rejects, false);
    fflush(NULL);
    _exit(128 + number);
}

static void import_job_watch_start(struct import_job *job)
{
    sigset_t signals = import_job_signals();
    pthread_sigmask(SIG_BLOCK, &signals, &job->old_signals);
    if (pthread_create(&job->watcher, NULL, import_job_watch, job) == 0) {
        job->watched = true;
    } else {
        pthread_sigmask(SIG_SETMASK, &job->old_signals, NULL);
    }
}

static void import_job_watch_stop(struct import_job *job)
{
    if (job->watched) {
        pthread_cancel(job->watcher);
        pthread_join(job->watcher, NULL);
        pthread_sigmask(SIG_SETMASK, &job->old_signals, NULL);
    }
}

/* --- The job ---------------------------------------------------------------------- */

bool import_job_init(struct import_job *job, struct cli *cli, const char *path)
{
    memset(job, 0, sizeof *job);
    job->cli = cli;
    job->path = path;
    job->batch = IMPORT_BATCH_DEFAULT;
    if (!cli_option_number(cli, "batch", 1, SOUK_BATCH_MAX, &job->batch) ||
        !cli_option_duration(cli, "outage", &job->outage_ms)) {
        return false;
    }
    rejects_init(&job->rejects, cli_option(cli, "rejects"), path);
    progress_init(&job->progress, stderr, isatty(STDERR_FILENO) == 1);
    pthread_mutex_init(&job->mutex, NULL);
    arena_init(&job->arena, NULL, 0, 0);
    job->start_us = progress_now_us();
    import_job_watch_start(job);
    return true;
}

void import_job_close(struct import_job *job)
{
    import_job_watch_stop(job);
    souk_import_close(job->stream);
    rejects_close(&job->rejects, false);
    arena_close(&job->arena);
    pthread_mutex_destroy(&job->mutex);
}

/* Callback thread. */
static void import_job_acked(void *context, const struct souk_import_ack *ack)
{
    struct import_job *job = context;
    job->outage_told = false;
    for (size_t i = 0; i < ack->failure_count; i++) {
        char advice[TEXT_ADVICE_BYTES];
        text_advice(ack->failures[i].status.message, advice);
        rejects_add(&job->rejects, ack->failures[i].line >> job->line_shift,
                    ack->failures[i].status.reason, advice);
    }
    pthread_mutex_lock(&job->mutex);
    import_job_pass(job)->applied += ack->applied;
    import_job_pass(job)->duplicates += ack->duplicates;
    import_job_pass(job)->refused += ack->failure_count;
    pthread_mutex_unlock(&job->mutex);
}

/* Callback thread. Said once per outage: the pauses between attempts are short. */
static void import_job_lost(void *context, const struct souk_error *error)
{
    struct import_job *job = context;
    if (!job->outage_told) {
        fprintf(stderr, "souk: the connection is lost (%s); trying again\n",
                error->message);
    }
    job->outage_told = true;
}

bool import_job_begin(struct import_job *job, const char *pass, uint64_t total)
{
    char import_id[SOUK_ID_BYTES_MAX + 1];
    struct souk_import_options options = {
        .import_id = import_id,
        .on_ack = import_job_acked,
        .on_retry = import_job_lost,
        .context = job,
        .outage_max_ms = job->outage_ms,
    };
    ASSERT(job->pass_count < IMPORT_PASSES_MAX && job->stream == NULL);
    if (job->pass_count == 0) {
        job->rejects_error = rejects_open(&job->rejects);
        if (job->rejects_error != 0) {
            return false;
        }
    }
    pthread_mutex_lock(&job->mutex);
    job->passes[job->pass_count++] =
        (struct import_pass){.name = pass, .total = total, .derived = job->derived};
    pthread_mutex_unlock(&job->mutex);
    snprintf(import_id, sizeof import_id, "sha256:%s:%s%s", job->digest,
             job->prefix ? job->prefix : "", pass);
    progress_begin(&job->progress, pass, total, progress_now_us());
    return souk_import_open(job->cli->client, &options, &job->stream, &job->cli->error) ==
           SOUK_OK;
}

static bool import_job_flush(struct import_job *job)
{
    enum souk_code code = SOUK_OK;
    if (job->row_count > 0) {
        code = souk_import_send(job->stream, job->rows, job->row_count, &job->cli->error);
    }
    job->row_count = 0;
    arena_reset(&job->arena);
    progress_update(&job->progress, import_job_done(job), progress_now_us());
    return code == SOUK_OK;
}

bool import_job_add(struct import_job *job, const struct souk_import_row *row)
{
    job->rows[job->row_count++] = *row;
    import_job_pass(job)->rows++;
    if (job->row_count == (size_t)job->batch ||
        job->arena.used_bytes > IMPORT_MESSAGE_BYTES_MAX) {
        return import_job_flush(job);
    }
    return true;
}

bool import_job_end(struct import_job *job)
{
    bool fine = import_job_flush(job) &&
                souk_import_drain(job->stream, &job->cli->error) == SOUK_OK;
    souk_import_close(job->stream);
    job->stream = NULL;
    if (fine) {
        progress_end(&job->progress, import_job_done(job), progress_now_us());
    }
    return fine;
}

enum command_exit import_job_failed(struct import_job *job)
{
    if (job->rejects_error != 0) {
        return cli_usage(job->cli,
                         "no file for refused rows: %s: %s; nothing was sent, name "
                         "another with --rejects",
                         job->rejects.path, strerror(job->rejects_error));
    }
    import_job_say_far(job);
    return cli_failed(job->cli);
}

const char *import_job_text(struct import_job *job, const char *text)
{
    return arena_string(&job->arena, text);
}

void import_job_skip(struct import_job *job, const char *reason)
{
    size_t i = 0;
    while (i < job->skip_count && strcmp(job->skips[i].reason, reason) != 0) {
        i++;
    }
    ASSERT(i < IMPORT_SKIPS_MAX);
    if (i == job->skip_count) {
        job->skips[job->skip_count++].reason = reason;
    }
    job->skips[i].count++;
}

void import_job_reject(struct import_job *job, uint64_t line, const char *reason,
                       const char *message)
{
    job->bad++;
    rejects_add(&job->rejects, line, reason, message);
}

static json_t *import_job_passes(const struct import_job *job)
{
    json_t *passes = json_array();
    for (size_t i = 0; i < job->pass_count; i++) {
        json_t *pass = json_object();
        output_text(pass, "pass", job->passes[i].name);
        output_number(pass, "rows", (int64_t)job->passes[i].rows);
        output_number(pass, "applied", (int64_t)job->passes[i].applied);
        output_number(pass, "duplicates", (int64_t)job->passes[i].duplicates);
        output_number(pass, "refused", (int64_t)job->passes[i].refused);
        json_object_set_new(pass, "derived", json_boolean(job->passes[i].derived));
        json_array_append_new(passes, pass);
    }
    return passes;
}

static json_t *import_job_skips(const struct import_job *job)
{
    json_t *skips = json_object();
    for (size_t i = 0; i < job->skip_count; i++) {
        output_number(skips, job->skips[i].reason, (int64_t)job->skips[i].count);
    }
    return skips;
}

/* The rows of the file itself: what was sent of it, was refused unsent, was skipped. */
static struct import_pass import_job_all(const struct import_job *job,
                                         uint64_t *out_skipped)
{
    struct import_pass all = {.name = "all", .rows = job->bad, .refused = job->bad};
    *out_skipped = 0;
    for (size_t i = 0; i < job->pass_count; i++) {
        const struct import_pass *pass = &job->passes[i];
        if (!pass->derived) {
            all.rows += pass->rows;
            all.applied += pass->applied;
            all.duplicates += pass->duplicates;
            all.refused += pass->refused;
        }
    }
    for (size_t i = 0; i < job->skip_count; i++) {
        *out_skipped += job->skips[i].count;
    }
    all.rows += *out_skipped;
    return all;
}

static void import_job_say(const struct import_job *job, const struct import_pass *all,
                           uint64_t skipped)
{
    uint64_t changed = all->applied;
    for (size_t i = 0; i < job->pass_count; i++) {
        changed += job->passes[i].applied;
    }
    if (all->rows == 0) {
        fprintf(stderr, "%s holds no rows below its first line\n", job->path);
        return;
    }
    fprintf(stderr,
            "%llu %s = %llu applied + %llu known before + %llu refused + %llu skipped\n",
            (unsigned long long)all->rows, all->rows == 1 ? "row" : "rows",
            (unsigned long long)all->applied, (unsigned long long)all->duplicates,
            (unsigned long long)all->refused, (unsigned long long)skipped);
    if (changed == 0 && all->duplicates > 0) {
        fprintf(stderr,
                all->refused == 0
                    ? "nothing changed: all of this file had been taken before\n"
                    : "nothing changed: the rest of this file had been taken before\n");
    }
}

static json_t *import_job_summary(struct import_job *job)
{
    json_t *summary = json_object();
    uint64_t skipped = 0;
    struct import_pass all = import_job_all(job, &skipped);
    double seconds = (double)(progress_now_us() - job->start_us) / 1e6;
    output_text(summary, "file", job->path);
    output_text(summary, "sha256", job->digest);
    output_number(summary, "rows", (int64_t)all.rows);
    output_number(summary, "applied", (int64_t)all.applied);
    output_number(summary, "duplicates", (int64_t)all.duplicates);
    output_number(summary, "rejected", (int64_t)all.refused);
    output_number(summary, "skipped_rows", (int64_t)skipped);
    json_object_set_new(summary, "skipped", import_job_skips(job));
    json_object_set_new(summary, "seconds", json_real(seconds));
    output_number(summary, "rows_per_s",
                  seconds > 0 ? (int64_t)((double)all.rows / seconds) : 0);
    json_object_set_new(summary, "passes", import_job_passes(job));
    import_job_say(job, &all, skipped);
    return summary;
}

/* A refused row can be right and too early, or wrong. */
static void import_job_say_refused(const struct import_job *job, uint64_t refused)
{
    bool one = refused == 1;
    if (refused > REJECTS_TOLD_MAX) {
        fprintf(stderr, "souk: and %llu more\n",
                (unsigned long long)(refused - REJECTS_TOLD_MAX));
    }
    fprintf(
        stderr,
        "souk: %llu %s refused; %s in %s. Where a SKU or a location was missing, add it "
        "and run the same command again: it takes what was refused, and nothing twice. "
        "A row that is wrong itself goes, corrected, into a file of its own\n",
        (unsigned long long)refused, one ? "row was" : "rows were",
        one ? "it is" : "they are", job->rejects.path);
}

enum command_exit import_job_report(struct import_job *job)
{
    json_t *summary = import_job_summary(job);
    uint64_t rejected = job->rejects.count;
    int failed = rejects_close(&job->rejects, true);
    if (rejected > 0 && failed == 0) {
        output_text(summary, "rejects_file", job->rejects.path);
        import_job_say_refused(job, rejected);
    }
    output_object(&job->cli->output, summary);
    if (failed != 0) {
        fprintf(stderr, "souk: %llu %s refused, and %s could not be written: %s\n",
                (unsigned long long)rejected, rejected == 1 ? "row was" : "rows were",
                job->rejects.path, strerror(failed));
    }
    return rejected > 0 || failed != 0 ? COMMAND_FAILED : COMMAND_OK;
}
