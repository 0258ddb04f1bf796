/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refused rows, kept as CSV (line,reason,message). The file appears with the first of
 * them. Any thread.
 */
#ifndef SOUK_CLIENT_CLI_REJECTS_H
#define SOUK_CLIENT_CLI_REJECTS_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

enum {
    REJECTS_PATH_BYTES = 4096,
    REJECTS_TOLD_MAX = 5, /* the first few are also said on stderr */
};

struct rejects {
    char path[REJECTS_PATH_BYTES];
    pthread_mutex_t mutex;
    FILE *file;
    uint64_t count;
    int failed; /* errno of a write that failed, 0 */
};

/* `path` may be NULL: `source` with ".rejects.csv". An older file of that name goes. */
void rejects_init(struct rejects *rejects, const char *path, const char *source);
void rejects_add(struct rejects *rejects, uint64_t line, const char *reason,
                 const char *message);
/* 0, or the errno of what went wrong with the file. */
int rejects_close(struct rejects *rejects);

#endif
