/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/rejects.h"

#include <csv.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shard/base/memory.h"

struct reject {
    uint64_t line;
    uint64_t number; /* keeps equal lines in the order they came */
    char *reason;
    char *message;
};

void rejects_init(struct rejects *rejects, const char *path, const char *source)
{
    memset(rejects, 0, sizeof *rejects);
    pthread_mutex_init(&rejects->mutex, NULL);
    snprintf(rejects->path, sizeof rejects->path, "%s%s", path ? path : source,
             path ? "" : ".rejects.csv");
}

int rejects_open(struct rejects *rejects)
{
    struct stat there;
    bool exists = stat(rejects->path, &there) == 0;
    if (exists && S_ISDIR(there.st_mode)) {
        return EISDIR;
    }
    if (!exists || S_ISREG(there.st_mode)) {
        snprintf(rejects->part, sizeof rejects->part, "%s.part", rejects->path);
    }
    rejects->file = fopen(rejects->part[0] ? rejects->part : rejects->path, "we");
    if (rejects->file == NULL) {
        return errno;
    }
    fputs("line,reason,message\n", rejects->file);
    return 0;
}

static int rejects_order(const void *left, const void *right)
{
    const struct reject *a = left, *b = right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

static void rejects_write(struct rejects *rejects)
{
    if (rejects->kept_count > 0) {
        qsort(rejects->kept, rejects->kept_count, sizeof *rejects->kept, rejects_order);
    }
    for (size_t i = 0; i < rejects->kept_count; i++) {
        struct reject *reject = &rejects->kept[i];
        fprintf(rejects->file, "%llu,", (unsigned long long)reject->line);
        csv_fwrite(rejects->file, reject->reason, strlen(reject->reason));
        fputc(',', rejects->file);
        csv_fwrite(rejects->file, reject->message, strlen(reject->message));
        if (fputc('\n', rejects->file) == EOF && rejects->failed == 0) {
            rejects->failed = errno;
        }
        free(reject->reason);
        free(reject->message);
    }
    rejects->kept_count = 0;
}

void rejects_add(struct rejects *rejects, uint64_t line, const char *reason,
                 const char *message)
{
    pthread_mutex_lock(&rejects->mutex);
    if (rejects->count < REJECTS_TOLD_MAX) {
        fprintf(stderr, "souk: line %llu: %s: %s\n", (unsigned long long)line, reason,
                message);
    }
    if (rejects->kept_count == REJECTS_SORTED_MAX) {
        rejects_write(rejects);
    }
    memory_reserve((void **)&rejects->kept, &rejects->kept_capacity,
                   rejects->kept_count + 1, sizeof *rejects->kept);
    rejects->kept[rejects->kept_count++] = (struct reject){
        line, rejects->count++, memory_string(reason), memory_string(message)};
    pthread_mutex_unlock(&rejects->mutex);
}

/* What was collected becomes the file, or nothing stays of it. */
static void rejects_settle(struct rejects *rejects, bool whole)
{
    if (rejects->part[0] == '\0') {
        return;
    }
    if (rejects->count == 0 || rejects->failed != 0) {
        unlink(rejects->part);
    } else if (rename(rejects->part, rejects->path) != 0) {
        rejects->failed = errno;
    }
    if (rejects->count == 0 && whole) {
        unlink(rejects->path);
    }
}

int rejects_close(struct rejects *rejects, bool whole)
{
    if (rejects->file == NULL) {
        return rejects->failed;
    }
    rejects_write(rejects);
    if (fclose(rejects->file) != 0 && rejects->failed == 0) {
        rejects->failed = errno;
    }
    rejects->file = NULL;
    rejects_settle(rejects, whole);
    free(rejects->kept);
    rejects->kept = NULL;
    return rejects->failed;
}
