/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refused rows, kept as CSV (line,reason,message) in the order of lines. They are
 * collected in a file beside the one asked for, which takes its place at the end when
 * there were any: an older file stays until then. Any thread between open and close.
 */
#ifndef SOUK_CLIENT_CLI_REJECTS_H
#define SOUK_CLIENT_CLI_REJECTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    REJECTS_PATH_BYTES = 4096,
    REJECTS_TOLD_MAX = 5, /* the first few are also said on stderr */
    /* So many are kept and sorted; of more, each such portion is sorted by itself. */
    REJECTS_SORTED_MAX = 100000,
};

struct reject;

struct rejects {
    char path[REJECTS_PATH_BYTES];
    char part[REJECTS_PATH_BYTES + 8]; /* collects; empty: straight into `path` */
    pthread_mutex_t mutex;
    FILE *file;
    struct reject *kept;
    size_t kept_count, kept_capacity;
    uint64_t count;
    int failed; /* errno of a write that failed, 0 */
};

/* `path` may be NULL: `source` with ".rejects.csv". Touches no file. */
void rejects_init(struct rejects *rejects, const char *path, const char *source);
/* Before anything is sent: 0, or the errno of why the file cannot be made. */
int rejects_open(struct rejects *rejects);
void rejects_add(struct rejects *rejects, uint64_t line, const char *reason,
                 const char *message);
/*
 * Writes what is kept. `whole`: the file was read to its end, so that without a refused
 * row an older file of rejects is no longer true and goes. 0, or the errno of what went
 * wrong with the file. Once more is harmless.
 */
int rejects_close(struct rejects *rejects, bool whole);

#endif
