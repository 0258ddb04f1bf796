/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session reads are monotonic and read one's own writes; strong ones see whatever anybody
 * was told before they were asked.
 *
 * Right because an answer's stamp names the log index that it stands for: the index may
 * not be below the highest that this client was told of this shard (session guarantees,
 * Terry et al. 1994), and for anything but a session read not below the highest that
 * anybody was told before the question. A write that moves something does it in an entry
 * of its own, behind all of those. Log time may not fall while the index rises.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct session_shard {
    uint64_t shard;
    uint64_t heard; /* by anybody */
    uint64_t newest_index;
    int64_t newest_ms;
    uint64_t own[CHECK_CLIENTS_MAX];
    uint64_t floor[CHECK_CLIENTS_MAX]; /* `heard` when it asked */
};

struct check_session {
    struct check_report *report;
    struct session_shard shards[CHECK_SHARDS_MAX];
    uint32_t count;
};

struct check_session *check_session_new(struct check_report *report)
{
    struct check_session *session = memory_zalloc(sizeof *session);
    session->report = report;
    return session;
}

void check_session_free(struct check_session *session)
{
    free(session);
}

void check_session_invoke(struct check_session *session, const struct check_call *call)
{
    for (uint32_t i = 0; i < session->count; i++) {
        session->shards[i].floor[call->asked.client] = session->shards[i].heard;
    }
}

static struct session_shard *session_shard_get(struct check_session *session,
                                               uint64_t shard)
{
    for (uint32_t i = 0; i < session->count; i++) {
        if (session->shards[i].shard == shard) {
            return &session->shards[i];
        }
    }
    if (session->count == CHECK_SHARDS_MAX) {
        session->report->forgotten++;
        return NULL;
    }
    session->shards[session->count].shard = shard;
    return &session->shards[session->count++];
}

static void session_time(struct check_session *session, struct session_shard *shard,
                         const struct history_call *told)
{
    if (told->log_ms == 0) {
        return;
    }
    if ((told->index > shard->newest_index && told->log_ms < shard->newest_ms) ||
        (told->index < shard->newest_index && told->log_ms > shard->newest_ms) ||
        (told->index == shard->newest_index && told->log_ms != shard->newest_ms &&
         shard->newest_index != 0)) {
        check_fail(session->report, CHECK_SESSION,
                   "shard %lu: log time is %ld at index %lu and %ld at index %lu",
                   told->shard, told->log_ms, told->index, shard->newest_ms,
                   shard->newest_index);
    }
    if (told->index > shard->newest_index) {
        shard->newest_index = told->index;
        shard->newest_ms = told->log_ms;
    }
}

static bool session_writes(enum history_op op)
{
    return op < HISTORY_OP_READ_LEVEL;
}

void check_session_call(struct check_session *session, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    uint32_t client = call->asked.client;
    struct session_shard *shard;
    if (call->open || call->failed || told->index == 0) {
        return;
    }
    shard = session_shard_get(session, told->shard);
    if (shard == NULL) {
        return;
    }
    if (told->index < shard->own[client]) {
        check_fail(
            session->report, CHECK_SESSION,
            "client %u is answered from index %lu of shard %lu (operation %lu), and "
            "has seen %lu",
            client, told->index, told->shard, told->number, shard->own[client]);
    } else if (!call->asked.session && told->index < shard->floor[client]) {
        check_fail(session->report, CHECK_SESSION,
                   "operation %lu is answered from index %lu of shard %lu; %lu was told "
                   "before it was asked",
                   told->number, told->index, told->shard, shard->floor[client]);
    }
    if (session_writes(call->asked.op) && told->index <= shard->floor[client]) {
        check_fail(
            session->report, CHECK_SESSION,
            "write %lu is decided at index %lu of shard %lu; %lu was told before it "
            "was asked",
            told->number, told->index, told->shard, shard->floor[client]);
    }
    session_time(session, shard, told);
    if (told->index > shard->own[client]) {
        shard->own[client] = told->index;
    }
    if (told->index > shard->heard) {
        shard->heard = told->index;
    }
}
