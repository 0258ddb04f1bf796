/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch is told every change, each shard's in order, none missing.
 *
 * Right because places in a ledger are unique and grow: what a watch was told of a shard has
 * to grow, and between where it began and where it has come to, it has to be exactly the
 * rows that the ledger has at the end.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct feed_place {
    uint64_t index;
    uint32_t sub;
};

struct feed_line {
    struct feed_place from, upto;
    struct feed_place *seen;
    size_t count, capacity;
    size_t next; /* of the rows told at the end: the one expected */
};

struct check_feed {
    struct check_report *report;
    struct feed_line lines[CHECK_WATCHES_MAX][CHECK_SHARDS_MAX];
};

struct check_feed *check_feed_new(struct check_report *report)
{
    struct check_feed *feed = memory_zalloc(sizeof *feed);
    feed->report = report;
    return feed;
}

void check_feed_free(struct check_feed *feed)
{
    for (unsigned w = 0; w < CHECK_WATCHES_MAX; w++) {
        for (unsigned s = 0; s < CHECK_SHARDS_MAX; s++) {
            free(feed->lines[w][s].seen);
        }
    }
    free(feed);
}

static bool feed_below(struct feed_place a, struct feed_place b)
{
    return a.index != b.index ? a.index < b.index : a.sub < b.sub;
}

static void feed_seen(struct check_feed *feed, struct feed_line *line,
                      const struct history_feed *told, struct feed_place place)
{
    void *seen = line->seen;
    if (line->count > 0 && !feed_below(line->seen[line->count - 1], place)) {
        check_fail(feed->report, CHECK_FEED,
                   "watch %u: shard %lu, %lu.%u is told behind %lu.%u", told->watch,
                   told->shard, place.index, place.sub, line->seen[line->count - 1].index,
                   line->seen[line->count - 1].sub);
        return;
    }
    if (line->count == CHECK_UPDATES_MAX) {
        feed->report->forgotten++;
        return;
    }
    memory_reserve(&seen, &line->capacity, line->count + 1, sizeof *line->seen);
    line->seen = seen;
    line->seen[line->count++] = place;
}

static void feed_row(struct check_feed *feed, const struct history_feed *told,
                     struct feed_place place)
{
    for (unsigned w = 0; w < CHECK_WATCHES_MAX; w++) {
        struct feed_line *line = &feed->lines[w][told->shard];
        if (feed_below(place, line->from) || !feed_below(place, line->upto)) {
            continue;
        }
        if (line->next < line->count && !feed_below(line->seen[line->next], place) &&
            !feed_below(place, line->seen[line->next])) {
            line->next++;
        } else {
            check_fail(feed->report, CHECK_FEED,
                       "watch %u: shard %lu, %lu.%u is in the ledger and was not told", w,
                       told->shard, place.index, place.sub);
            line->upto = (struct feed_place){0, 0}; /* once is enough */
            line->next = line->count;
        }
    }
}

void check_feed_event(struct check_feed *feed, const struct history_feed *told)
{
    struct feed_place place = {told->index, told->sub};
    struct feed_line *line;
    if (told->watch >= CHECK_WATCHES_MAX || told->shard >= CHECK_SHARDS_MAX) {
        check_fail(feed->report, CHECK_HISTORY, "a place of an unknown watch or shard");
        return;
    }
    line = &feed->lines[told->watch][told->shard];
    switch (told->kind) {
    case HISTORY_FEED_FROM:
        line->from = line->upto = place;
        break;
    case HISTORY_FEED_SEEN:
        feed_seen(feed, line, told, place);
        break;
    case HISTORY_FEED_UPTO:
        if (feed_below(place, line->upto)) {
            check_fail(feed->report, CHECK_FEED, "watch %u: shard %lu goes back",
                       told->watch, told->shard);
        }
        line->upto = place;
        break;
    case HISTORY_FEED_ROW:
        feed_row(feed, told, place);
        break;
    }
}

void check_feed_finish(struct check_feed *feed)
{
    bool rows = false;
    for (unsigned w = 0; w < CHECK_WATCHES_MAX; w++) {
        for (unsigned s = 0; s < CHECK_SHARDS_MAX; s++) {
            rows = rows || feed->lines[w][s].next > 0;
        }
    }
    for (unsigned w = 0; rows && w < CHECK_WATCHES_MAX; w++) {
        for (unsigned s = 0; s < CHECK_SHARDS_MAX; s++) {
            const struct feed_line *line = &feed->lines[w][s];
            if (line->next < line->count) {
                check_fail(feed->report, CHECK_FEED,
                           "watch %u: shard %u, %lu.%u was told and is not in the ledger",
                           w, s, line->seen[line->next].index,
                           line->seen[line->next].sub);
            }
        }
    }
}
