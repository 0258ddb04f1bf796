/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public click data as sessions: TSV of Serenade's example data (SessionId, ItemId, Time)
 * and plain chronological lines of items. The folder is SOUK_DATA, or shared/data beside
 * the project.
 */
#ifndef SOUK_TESTS_UNIT_RECOMMEND_CLICKS_H
#define SOUK_TESTS_UNIT_RECOMMEND_CLICKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct click_session {
    uint64_t id;
    int64_t end_ms;
    uint64_t *items; /* oldest first */
    uint32_t item_count;
};

struct clicks {
    struct click_session *sessions;
    size_t session_count;
};

/* False, with the probe that failed in `out_why`, when the file cannot be read. */
bool clicks_read_tsv(const char *file, struct clicks *out, char out_why[512]);
/* One session per line, in time order; line n ends at n seconds. */
bool clicks_read_lines(const char *file, struct clicks *out, char out_why[512]);
void clicks_close(struct clicks *clicks);

#endif
