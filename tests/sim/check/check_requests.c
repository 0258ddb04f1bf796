/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once by request id, as clients see it (the ledger's side is check_ledger.c).
 *
 * Right because every outcome decided in the log is remembered (inventory.md, "Exactly
 * once"): once one answer is known, the same id with the same payload may only be told
 * the same, and with another payload only REQUEST_ID_REUSED; when the memory has let go
 * of it, REQUEST_ID_EXPIRED. QUOTA and STOCK_CONTENDED give way to a higher attempt, so
 * nothing is concluded from them. An open try decides nothing.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct check_requests {
    struct check_report *report;
    struct check_facts facts; /* (0, request) -> struct check_request */
};

struct check_requests *check_requests_new(struct check_report *report)
{
    struct check_requests *requests = memory_zalloc(sizeof *requests);
    requests->report = report;
    check_facts_init(&requests->facts, sizeof(struct check_request), CHECK_REQUESTS_MAX,
                     &report->forgotten);
    return requests;
}

void check_requests_free(struct check_requests *requests)
{
    check_facts_close(&requests->facts);
    free(requests);
}

struct check_request *check_requests_find(const struct check_requests *requests,
                                          uint64_t request)
{
    return check_facts_find(&requests->facts, 0, request);
}

struct check_request *check_requests_next(const struct check_requests *requests,
                                          const struct check_request *request,
                                          uint64_t *out_request)
{
    struct check_request *next = check_facts_next(&requests->facts, request);
    if (next != NULL) {
        *out_request = check_fact_of(next)->low;
    }
    return next;
}

static uint64_t requests_result(const struct history_call *told)
{
    uint64_t parts[8 + HISTORY_BUCKETS] = {
        (uint64_t)told->status,
        told->has_hold ? told->hold.anchor : 0,
        told->has_hold ? told->hold.unique : 0,
        told->has_hold ? (uint64_t)told->hold_state : 0,
        told->has_hold ? (uint64_t)told->create_ms : 0,
        told->has_hold ? (uint64_t)told->expire_ms : 0,
        told->has_hold ? (uint64_t)told->end_ms : 0,
        told->has_level,
    };
    for (unsigned i = 0; told->has_level && i < HISTORY_BUCKETS; i++) {
        parts[8 + i] = (uint64_t)told->buckets[i];
    }
    return hash64(slice_of(parts, sizeof parts), 2);
}

static bool requests_moves(const struct history_call *asked,
                           const struct history_call *told)
{
    int64_t granted = 0;
    if (told->status != STATUS_OK) {
        return false;
    }
    if (asked->op == HISTORY_OP_ADJUST) {
        return asked->quantity != 0;
    }
    for (uint32_t i = 0; i < told->line_count; i++) {
        granted += told->lines[i].granted;
    }
    return asked->op == HISTORY_OP_HOLD_CREATE && granted > 0;
}

static void requests_asked(struct check_request *known, const struct history_call *asked)
{
    known->payload = check_payload(asked);
    known->op = asked->op;
    known->bucket = asked->bucket != 0 ? asked->bucket : HISTORY_ON_HAND;
    known->quantity = asked->quantity;
}

static void requests_answered(struct check_requests *requests,
                              struct check_request *known, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    bool same = known->payload == check_payload(&call->asked);
    if (told->status == STATUS_REQUEST_ID_EXPIRED) {
        return;
    }
    if (told->status == STATUS_REQUEST_ID_REUSED) {
        if (same) {
            check_fail(requests->report, CHECK_EXACTLY_ONCE,
                       "request %lu is refused as used for another payload, which it was "
                       "not (operation %lu)",
                       told->request, told->number);
        }
        return;
    }
    if (!known->answered) {
        known->answered = true;
        requests_asked(known, &call->asked);
        known->status = told->status;
        known->result = requests_result(told);
        known->moves = requests_moves(&call->asked, told);
        known->index = told->replayed ? 0 : told->index;
        return;
    }
    if (known->status == STATUS_QUOTA || known->status == STATUS_STOCK_CONTENDED) {
        known->answered = false;
        requests_answered(requests, known, call);
        return;
    }
    if (!same) {
        check_fail(requests->report, CHECK_EXACTLY_ONCE,
                   "request %lu is accepted with another payload (operation %lu: %s)",
                   told->request, told->number, status_name(told->status));
    } else if (known->result != requests_result(told)) {
        check_fail(requests->report, CHECK_EXACTLY_ONCE,
                   "request %lu is answered once %s and then %s, or with other figures "
                   "(operation %lu)",
                   told->request, status_name(known->status), status_name(told->status),
                   told->number);
    } else if (!told->replayed && told->index != known->index && known->index != 0) {
        check_fail(requests->report, CHECK_EXACTLY_ONCE,
                   "request %lu is decided at index %lu and again at %lu", told->request,
                   known->index, told->index);
    }
}

void check_requests_call(struct check_requests *requests, const struct check_call *call)
{
    struct check_request *known;
    bool is_new;
    if (call->asked.request == 0 || call->failed ||
        (!call->open && call->told.index == 0)) {
        return;
    }
    known = check_facts_put(&requests->facts, 0, call->asked.request, &is_new);
    if (is_new) {
        requests_asked(known, &call->asked);
    } else if (call->open && !known->answered &&
               known->payload != check_payload(&call->asked)) {
        known->payload = 0; /* either may have been first */
    }
    if (!call->open) {
        requests_answered(requests, known, call);
    }
}
