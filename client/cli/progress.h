/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a long work is: a bar with rows/s and time left on a terminal, plain lines every
 * few seconds elsewhere. Time is an argument. One thread.
 */
#ifndef SOUK_CLIENT_CLI_PROGRESS_H
#define SOUK_CLIENT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    PROGRESS_LINE_BYTES = 160,
    PROGRESS_BAR_CELLS = 24,
    PROGRESS_TERMINAL_US = 100000,
    PROGRESS_PLAIN_US = 5000000,
};

struct progress {
    FILE *out;
    bool terminal;
    const char *title;
    uint64_t total;
    uint64_t start_us;
    uint64_t shown_us;
    bool shown;
};

/* The monotonic clock, for who has no other now. */
uint64_t progress_now_us(void);

void progress_init(struct progress *progress, FILE *out, bool terminal);
void progress_begin(struct progress *progress, const char *title, uint64_t total,
                    uint64_t now_us);
void progress_update(struct progress *progress, uint64_t done, uint64_t now_us);
void progress_end(struct progress *progress, uint64_t done, uint64_t now_us);
/* The line alone, for tests. */
void progress_line(const struct progress *progress, uint64_t done, uint64_t now_us,
                   char out[PROGRESS_LINE_BYTES]);

#endif
