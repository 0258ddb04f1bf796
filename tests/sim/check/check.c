/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs questions with answers, hands events to the checkers, and watches progress. */
#include "tests/sim/check/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

enum {
    CHECK_PROGRESS_US = 60 * 1000000,
};

struct check_client {
    bool waits;
    bool got_on; /* since HEALED */
    bool seen;
    struct check_call call;
};

struct checker {
    struct checker_options options;
    struct check_report report;
    struct check_client clients[CHECK_CLIENTS_MAX];
    uint64_t calls;
    uint64_t healed_us; /* 0: not yet */
    struct check_raft *raft;
    struct check_requests *requests;
    struct check_holds *holds;
    struct check_session *session;
    struct check_reads *reads;
    struct check_ledger *ledger;
    struct check_verified *verified;
    struct check_linear *linear;
    struct check_streams *streams;
    struct check_feed *feed;
    struct check_multi *multi;
    bool finished;
};

static const char *const check_invariant_names[] = {
#define CHECK_INVARIANT_NAME(name, text, number) text,
    CHECK_INVARIANT_TABLE(CHECK_INVARIANT_NAME)
#undef CHECK_INVARIANT_NAME
};

const char *check_invariant_name(enum check_invariant invariant)
{
    return check_invariant_names[invariant];
}

void check_fail(struct check_report *report, enum check_invariant invariant,
                const char *format, ...)
{
    report->seen++;
    if (report->count < CHECK_VIOLATIONS_MAX) {
        struct check_violation *violation = &report->violations[report->count++];
        va_list arguments;
        violation->invariant = invariant;
        violation->at_ms = report->now_us / 1000;
        va_start(arguments, format);
        (void)vsnprintf(violation->text, sizeof violation->text, format, arguments);
        va_end(arguments);
    }
}

uint64_t check_payload(const struct history_call *call)
{
    uint64_t parts[17 + 3 * HISTORY_LINES_MAX] = {
        (uint64_t)call->op,       call->payload,          call->sku,
        call->location,           call->to_location,      (uint64_t)call->bucket,
        (uint64_t)call->quantity, call->has_expected,     (uint64_t)call->expected,
        call->best_effort,        (uint64_t)call->ttl_ms, call->line_count};
    size_t count = 12;
    if (call->op != HISTORY_OP_HOLD_CREATE) {
        parts[count++] = call->hold.anchor;
        parts[count++] = call->hold.unique;
    }
    for (uint32_t i = 0; i < call->line_count && i < HISTORY_LINES_MAX; i++) {
        parts[count++] = call->lines[i].sku;
        parts[count++] = call->lines[i].location;
        parts[count++] = (uint64_t)call->lines[i].quantity;
    }
    return hash64(slice_of(parts, count * sizeof parts[0]), 1);
}

struct checker *checker_new(const struct checker_options *options)
{
    struct checker *checker = memory_zalloc(sizeof *checker);
    struct check_report *report = &checker->report;
    if (options != NULL) {
        checker->options = *options;
    }
    if (checker->options.progress_max_us == 0) {
        checker->options.progress_max_us = CHECK_PROGRESS_US;
    }
    checker->raft = check_raft_new(report);
    checker->requests = check_requests_new(report);
    checker->holds = check_holds_new(report);
    checker->session = check_session_new(report);
    checker->verified = check_verified_new(report);
    checker->reads = check_reads_new(report);
    checker->ledger =
        check_ledger_new(report, checker->requests, checker->verified, checker->reads);
    checker->streams = check_streams_new(report);
    checker->feed = check_feed_new(report);
    checker->linear = check_linear_new(report, &checker->options, checker->holds);
    checker->multi = check_multi_new(report);
    return checker;
}

void checker_free(struct checker *checker)
{
    if (checker == NULL) {
        return;
    }
    check_raft_free(checker->raft);
    check_requests_free(checker->requests);
    check_holds_free(checker->holds);
    check_session_free(checker->session);
    check_ledger_free(checker->ledger);
    check_reads_free(checker->reads);
    check_verified_free(checker->verified);
    check_linear_free(checker->linear);
    check_streams_free(checker->streams);
    check_feed_free(checker->feed);
    check_multi_free(checker->multi);
    free(checker);
}

static bool check_call_sound(struct checker *checker, const struct history_call *call)
{
    bool sound = call->client < CHECK_CLIENTS_MAX && (unsigned)call->op < HISTORY_OPS &&
                 call->sku < CHECK_SKUS_MAX && call->location < CHECK_LOCATIONS_MAX &&
                 call->line_count <= HISTORY_LINES_MAX &&
                 call->item_count <= HISTORY_ITEMS_MAX &&
                 (unsigned)call->bucket < HISTORY_BUCKETS;
    for (uint32_t i = 0; sound && i < call->line_count; i++) {
        sound = call->lines[i].sku < CHECK_SKUS_MAX &&
                (call->lines[i].location < CHECK_LOCATIONS_MAX ||
                 call->lines[i].location == HISTORY_NOWHERE);
    }
    for (uint32_t i = 0; sound && i < call->item_count; i++) {
        sound = call->items[i].sku < CHECK_SKUS_MAX;
    }
    if (!sound) {
        check_fail(&checker->report, CHECK_HISTORY,
                   "an event of operation %lu is malformed", call->number);
    }
    return sound;
}

static void check_invoke(struct checker *checker, const struct history_call *asked)
{
    struct check_client *client = &checker->clients[asked->client];
    if (client->waits) {
        check_fail(&checker->report, CHECK_HISTORY, "client %u asks twice at a time",
                   asked->client);
        return;
    }
    client->waits = true;
    client->seen = true;
    client->call =
        (struct check_call){.asked = *asked, .invoked_us = checker->report.now_us};
    checker->calls++;
    check_session_invoke(checker->session, &client->call);
    check_linear_invoke(checker->linear, &client->call);
}

static void check_progress(struct checker *checker, struct check_client *client)
{
    uint64_t now_us = checker->report.now_us;
    if (checker->healed_us != 0 && !client->got_on) {
        client->got_on = true;
        if (now_us - checker->healed_us > checker->options.progress_max_us) {
            check_fail(&checker->report, CHECK_PROGRESS,
                       "client %u got on only %lu ms after the world was healed",
                       client->call.asked.client, (now_us - checker->healed_us) / 1000);
        }
    }
}

static void check_answer(struct checker *checker, const struct history_event *event)
{
    struct check_client *client = &checker->clients[event->call.client];
    struct check_call *call = &client->call;
    if (!client->waits || call->asked.number != event->call.number ||
        call->asked.op != event->call.op) {
        check_fail(&checker->report, CHECK_HISTORY,
                   "client %u is answered what it did not ask (operation %lu)",
                   event->call.client, event->call.number);
        return;
    }
    client->waits = false;
    call->ended_us = checker->report.now_us;
    call->open = event->type == HISTORY_INFO;
    call->failed = event->type == HISTORY_FAIL;
    if (event->type == HISTORY_OK) {
        call->told = event->call;
        check_progress(checker, client);
    }
    if (history_op_spans(call->asked.op)) {
        check_multi_call(checker->multi, call);
        return;
    }
    check_requests_call(checker->requests, call);
    check_holds_call(checker->holds, call);
    check_session_call(checker->session, call);
    check_verified_call(checker->verified, call);
    check_reads_call(checker->reads, call);
    check_linear_call(checker->linear, call);
}

static void check_row(struct checker *checker, const struct history_event *event)
{
    if (event->row.sku >= CHECK_SKUS_MAX || event->row.location >= CHECK_LOCATIONS_MAX) {
        check_fail(&checker->report, CHECK_HISTORY, "a row of an unknown level");
        return;
    }
    check_ledger_row(checker->ledger, event);
    if (event->type == HISTORY_MOVEMENT) {
        check_holds_movement(checker->holds, &event->row);
        check_multi_movement(checker->multi, &event->row);
    }
}

void checker_event(struct checker *checker, const struct history_event *event)
{
    if (checker->finished || event->at_us < checker->report.now_us ||
        (unsigned)event->type >= HISTORY_TYPES) {
        check_fail(&checker->report, CHECK_HISTORY, "events are out of order");
        return;
    }
    checker->report.now_us = event->at_us;
    if (event->type <= HISTORY_INFO) {
        if (!check_call_sound(checker, &event->call)) {
            return;
        }
        if (event->type == HISTORY_INVOKE) {
            check_invoke(checker, &event->call);
        } else {
            check_answer(checker, event);
        }
    } else if (event->type == HISTORY_HEALED) {
        checker->healed_us = event->at_us + (event->at_us == 0);
        for (uint32_t i = 0; i < CHECK_CLIENTS_MAX; i++) {
            checker->clients[i].got_on = false;
        }
    } else if (event->type >= HISTORY_ENTRY && event->type <= HISTORY_CRASH) {
        check_raft_event(checker->raft, event);
    } else if (event->type == HISTORY_STREAM) {
        check_streams_event(checker->streams, &event->stream);
    } else if (event->type == HISTORY_FEED) {
        check_feed_event(checker->feed, &event->feed);
    } else if (event->type >= HISTORY_LEVEL) {
        check_row(checker, event);
    }
}

uint64_t checker_violations(const struct checker *checker)
{
    return checker->report.seen;
}

void checker_verdict(struct checker *checker, struct check_verdict *out_verdict)
{
    struct check_report *report = &checker->report;
    if (!checker->finished) {
        checker->finished = true;
        for (uint32_t i = 0; i < CHECK_CLIENTS_MAX; i++) {
            struct check_client *client = &checker->clients[i];
            if (client->waits) { /* cut off: as good as given up */
                client->call.open = true;
                if (history_op_spans(client->call.asked.op)) {
                    check_multi_call(checker->multi, &client->call);
                    continue;
                }
                check_requests_call(checker->requests, &client->call);
                check_linear_call(checker->linear, &client->call);
            }
            if (client->seen && checker->healed_us != 0 && !client->got_on &&
                report->now_us - checker->healed_us > checker->options.progress_max_us) {
                check_fail(report, CHECK_PROGRESS,
                           "client %u was never answered after the world was healed", i);
            }
        }
        check_linear_finish(checker->linear);
        check_ledger_finish(checker->ledger);
        check_verified_finish(checker->verified);
        check_streams_finish(checker->streams);
        check_feed_finish(checker->feed);
        check_multi_finish(checker->multi);
    }
    *out_verdict = (struct check_verdict){.violations = report->violations,
                                          .violation_count = report->count,
                                          .violations_seen = report->seen,
                                          .searches = report->searches,
                                          .unknown = report->unknown,
                                          .forgotten = report->forgotten,
                                          .calls = checker->calls,
                                          .states = report->states};
}
