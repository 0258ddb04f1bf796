/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/recommend/clicks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"

struct row {
    uint64_t session;
    uint64_t item;
    int64_t time_ms;
    size_t line;
};

static FILE *data_open(const char *file, char why[512])
{
    char path[600], command[700];
    const char *folder = getenv("SOUK_DATA");
    if (folder != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, file);
    } else {
        snprintf(path, sizeof path, "%s/%s", test_source("../../shared/data"), file);
    }
    if (access(path, R_OK) != 0) {
        snprintf(why, 512, "no %s below SOUK_DATA or ../shared/data", file);
        return NULL;
    }
    snprintf(command, sizeof command, "xzcat '%s'", path);
    return popen(command, "r");
}

static int by_session_and_time(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->session != b->session) {
        return a->session < b->session ? -1 : 1;
    }
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    return a->line < b->line ? -1 : a->line > b->line;
}

static void session_add(struct clicks *clicks, size_t *capacity, uint64_t id,
                        int64_t end_ms)
{
    memory_reserve((void **)&clicks->sessions, capacity, clicks->session_count + 1,
                   sizeof *clicks->sessions);
    clicks->sessions[clicks->session_count++] =
        (struct click_session){.id = id, .end_ms = end_ms};
}

static void session_click(struct click_session *session, uint64_t item)
{
    session->items = memory_realloc(session->items,
                                    (session->item_count + 1) * sizeof *session->items);
    session->items[session->item_count++] = item;
}

bool clicks_read_tsv(const char *file, struct clicks *out, char out_why[512])
{
    char line[256];
    struct row *rows = NULL;
    size_t count = 0, capacity = 0, session_capacity = 0;
    FILE *pipe = data_open(file, out_why);
    *out = (struct clicks){0};
    if (pipe == NULL) {
        return false;
    }
    while (fgets(line, sizeof line, pipe) != NULL) {
        struct row row = {.line = count};
        double seconds;
        if (sscanf(line, "%" SCNu64 "\t%" SCNu64 "\t%lf", &row.session, &row.item,
                   &seconds) == 3) {
            row.time_ms = (int64_t)(seconds * 1000);
            memory_reserve((void **)&rows, &capacity, count + 1, sizeof *rows);
            rows[count++] = row;
        }
    }
    EXPECT_EQ(pclose(pipe), 0);
    EXPECT(count > 0);
    qsort(rows, count, sizeof *rows, by_session_and_time);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || rows[i].session != rows[i - 1].session) {
            session_add(out, &session_capacity, rows[i].session, rows[i].time_ms);
        }
        struct click_session *session = &out->sessions[out->session_count - 1];
        session->end_ms = rows[i].time_ms;
        session_click(session, rows[i].item);
    }
    free(rows);
    return true;
}

bool clicks_read_lines(const char *file, struct clicks *out, char out_why[512])
{
    char *line = NULL;
    size_t line_capacity = 0, capacity = 0;
    FILE *pipe = data_open(file, out_why);
    *out = (struct clicks){0};
    if (pipe == NULL) {
        return false;
    }
    while (getline(&line, &line_capacity, pipe) > 0) {
        char *rest = line, *end;
        session_add(out, &capacity, out->session_count + 1,
                    (int64_t)out->session_count * 1000);
        for (;;) {
            uint64_t item = strtoull(rest, &end, 10);
            if (end == rest) {
                break;
            }
            session_click(&out->sessions[out->session_count - 1], item);
            rest = end;
        }
    }
    free(line);
    EXPECT_EQ(pclose(pipe), 0);
    return true;
}

void clicks_close(struct clicks *clicks)
{
    for (size_t i = 0; i < clicks->session_count; i++) {
        free(clicks->sessions[i].items);
    }
    free(clicks->sessions);
    *clicks = (struct clicks){0};
}
