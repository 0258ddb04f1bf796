/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every update of a warehouse system exactly once, none lost, none from nowhere.
 *
 * Right because at the end the ledger has a row for each update that did something, and
 * these were made so that each does: up to what the system was told is taken, every
 * sequence has to be there; none may be there twice, or beyond what was ever sent; each
 * adds what it was to add; and on each shard they stand in their order.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

/* One source in one epoch. */
struct check_source {
    struct check_source *next;
    uint32_t source;
    uint64_t epoch;
    uint64_t sent;
    uint64_t acked;
    uint8_t *there; /* by sequence */
    size_t capacity;
    uint64_t last[CHECK_SHARDS_MAX]; /* sequence of the newest row of each shard */
};

struct check_streams {
    struct check_report *report;
    struct check_source *sources;
    bool rows; /* the ledger was told */
};

struct check_streams *check_streams_new(struct check_report *report)
{
    struct check_streams *streams = memory_zalloc(sizeof *streams);
    streams->report = report;
    return streams;
}

void check_streams_free(struct check_streams *streams)
{
    struct check_source *source = streams->sources;
    while (source != NULL) {
        struct check_source *next = source->next;
        free(source->there);
        free(source);
        source = next;
    }
    free(streams);
}

static struct check_source *streams_source(struct check_streams *streams,
                                           const struct history_stream *told)
{
    struct check_source *source = streams->sources;
    while (source != NULL &&
           (source->source != told->source || source->epoch != told->epoch)) {
        source = source->next;
    }
    if (source == NULL) {
        source = memory_zalloc(sizeof *source);
        source->source = told->source;
        source->epoch = told->epoch;
        source->next = streams->sources;
        streams->sources = source;
    }
    return source;
}

static void streams_row(struct check_streams *streams, struct check_source *source,
                        const struct history_stream *told)
{
    uint64_t *last = &source->last[told->shard % CHECK_SHARDS_MAX];
    size_t before = source->capacity;
    void *there = source->there;
    streams->rows = true;
    if (told->sequence == 0 || told->sequence > source->sent ||
        told->sequence >= CHECK_UPDATES_MAX) {
        check_fail(streams->report, CHECK_STREAMS,
                   "source %u, epoch %lu: update %lu stands at index %lu, and only %lu "
                   "were sent",
                   told->source, told->epoch, told->sequence, told->index, source->sent);
        return;
    }
    memory_reserve(&there, &source->capacity, told->sequence + 1, 1);
    source->there = there;
    for (size_t i = before; i < source->capacity; i++) {
        source->there[i] = 0;
    }
    if (source->there[told->sequence]++ != 0) {
        check_fail(
            streams->report, CHECK_STREAMS,
            "source %u, epoch %lu: update %lu stands twice in the ledger, again at "
            "index %lu",
            told->source, told->epoch, told->sequence, told->index);
    } else if (told->sequence <= *last) {
        check_fail(
            streams->report, CHECK_STREAMS,
            "source %u, epoch %lu: update %lu comes behind update %lu, at index %lu "
            "of shard %lu",
            told->source, told->epoch, told->sequence, *last, told->index, told->shard);
    } else if (told->added != told->wanted) {
        check_fail(streams->report, CHECK_STREAMS,
                   "source %u, epoch %lu: update %lu added %ld, not %ld", told->source,
                   told->epoch, told->sequence, told->added, told->wanted);
    }
    *last = told->sequence;
}

void check_streams_event(struct check_streams *streams, const struct history_stream *told)
{
    struct check_source *source = streams_source(streams, told);
    switch (told->kind) {
    case HISTORY_STREAM_SENT:
        source->sent = told->sequence > source->sent ? told->sequence : source->sent;
        break;
    case HISTORY_STREAM_ACKED:
        if (told->sequence > source->sent) {
            check_fail(streams->report, CHECK_STREAMS,
                       "source %u, epoch %lu: update %lu is acknowledged, and only %lu "
                       "were sent",
                       told->source, told->epoch, told->sequence, source->sent);
        }
        source->acked = told->sequence > source->acked ? told->sequence : source->acked;
        break;
    case HISTORY_STREAM_ROW:
        streams_row(streams, source, told);
        break;
    }
}

void check_streams_finish(struct check_streams *streams)
{
    for (const struct check_source *source = streams->sources;
         streams->rows && source != NULL; source = source->next) {
        for (uint64_t at = 1; at <= source->acked; at++) {
            if (at >= source->capacity || source->there[at] == 0) {
                check_fail(
                    streams->report, CHECK_LOST,
                    "source %u, epoch %lu: update %lu was acknowledged (up to %lu) "
                    "and is not in the ledger",
                    source->source, source->epoch, at, source->acked);
                return;
            }
        }
    }
}
