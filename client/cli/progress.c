/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/progress.h"

#include <string.h>
#include <time.h>

uint64_t progress_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void progress_init(struct progress *progress, FILE *out, bool terminal)
{
    memset(progress, 0, sizeof *progress);
    progress->out = out;
    progress->terminal = terminal;
}

void progress_begin(struct progress *progress, const char *title, uint64_t total,
                    uint64_t now_us)
{
    progress->title = title;
    progress->total = total;
    progress->start_us = now_us;
    progress->shown_us = now_us;
    progress->shown = false;
}

void progress_line(const struct progress *progress, uint64_t done, uint64_t now_us,
                   char out[PROGRESS_LINE_BYTES])
{
    char bar[PROGRESS_BAR_CELLS + 1];
    uint64_t took_us = now_us > progress->start_us ? now_us - progress->start_us : 1;
    uint64_t total = progress->total > done ? progress->total : done;
    uint64_t cells = total ? done * PROGRESS_BAR_CELLS / total : 0;
    double rate = (double)done * 1e6 / (double)took_us;
    uint64_t left_s = rate > 0 ? (uint64_t)((double)(total - done) / rate + 0.5) : 0;
    memset(bar, '.', PROGRESS_BAR_CELLS);
    memset(bar, '#', cells);
    bar[PROGRESS_BAR_CELLS] = '\0';
    snprintf(out, PROGRESS_LINE_BYTES,
             "%-9s %s%s%s%3llu%% %llu rows, %.0f rows/s, %llu:%02llu left",
             progress->title, progress->terminal ? "[" : "",
             progress->terminal ? bar : "", progress->terminal ? "] " : "",
             (unsigned long long)(total ? done * 100 / total : 100),
             (unsigned long long)done, rate, (unsigned long long)(left_s / 60),
             (unsigned long long)(left_s % 60));
}

static void progress_show(struct progress *progress, uint64_t done, uint64_t now_us)
{
    char line[PROGRESS_LINE_BYTES];
    progress_line(progress, done, now_us, line);
    if (progress->terminal) {
        fprintf(progress->out, "\r%s\x1b[K", line);
    } else {
        fprintf(progress->out, "%s\n", line);
    }
    fflush(progress->out);
    progress->shown = true;
    progress->shown_us = now_us;
}

void progress_update(struct progress *progress, uint64_t done, uint64_t now_us)
{
    uint64_t pause = progress->terminal ? PROGRESS_TERMINAL_US : PROGRESS_PLAIN_US;
    if (now_us - progress->shown_us >= pause) {
        progress_show(progress, done, now_us);
    }
}

void progress_end(struct progress *progress, uint64_t done, uint64_t now_us)
{
    if (progress->terminal || progress->shown) {
        progress_show(progress, done, now_us);
    }
    if (progress->terminal) {
        fputc('\n', progress->out);
    }
}
