/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/rejects.h"

#include <csv.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

void rejects_init(struct rejects *rejects, const char *path, const char *source)
{
    memset(rejects, 0, sizeof *rejects);
    pthread_mutex_init(&rejects->mutex, NULL);
    snprintf(rejects->path, sizeof rejects->path, "%s%s", path ? path : source,
             path ? "" : ".rejects.csv");
    unlink(rejects->path);
}

static void rejects_write(struct rejects *rejects, uint64_t line, const char *reason,
                          const char *message)
{
    if (rejects->file == NULL) {
        rejects->file = fopen(rejects->path, "we");
        if (rejects->file == NULL) {
            rejects->failed = errno;
            return;
        }
        fputs("line,reason,message\n", rejects->file);
    }
    fprintf(rejects->file, "%llu,", (unsigned long long)line);
    csv_fwrite(rejects->file, reason, strlen(reason));
    fputc(',', rejects->file);
    csv_fwrite(rejects->file, message, strlen(message));
    if (fputc('\n', rejects->file) == EOF) {
        rejects->failed = errno;
    }
}

void rejects_add(struct rejects *rejects, uint64_t line, const char *reason,
                 const char *message)
{
    pthread_mutex_lock(&rejects->mutex);
    rejects->count++;
    if (rejects->count <= REJECTS_TOLD_MAX) {
        fprintf(stderr, "souk: line %llu: %s: %s\n", (unsigned long long)line, reason,
                message);
    }
    if (rejects->failed == 0) {
        rejects_write(rejects, line, reason, message);
    }
    pthread_mutex_unlock(&rejects->mutex);
}

int rejects_close(struct rejects *rejects)
{
    if (rejects->file != NULL && fclose(rejects->file) != 0 && rejects->failed == 0) {
        rejects->failed = errno;
    }
    rejects->file = NULL;
    pthread_mutex_destroy(&rejects->mutex);
    return rejects->failed;
}
