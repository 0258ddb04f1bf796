/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sim_check/sample.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

void sample_init(struct sample *sample, uint64_t seed)
{
    memset(sample, 0, sizeof *sample);
    rng_init(&sample->rng, seed);
    sample->stamps = true;
    sample->clients = 6;
    sample->skus = SAMPLE_SKUS;
    sample->log_ms = 1000000;
    sample->index = 1;
}

void sample_close(struct sample *sample)
{
    free(sample->events);
    free(sample->rows);
}

static struct history_event *sample_event(struct sample *sample)
{
    ASSERT(sample->event_count < SAMPLE_EVENTS);
    memory_reserve((void **)&sample->events, &sample->event_capacity,
                   sample->event_count + 1u, sizeof *sample->events);
    return &sample->events[sample->event_count++];
}

static void sample_emit(struct sample *sample, enum history_type type,
                        const struct history_call *call)
{
    struct history_event *event = sample_event(sample);
    *event = (struct history_event){.type = type, .at_us = ++sample->at_us};
    event->call = *call;
}

static void sample_move(struct sample *sample, struct sample_hold *hold, uint32_t sku,
                        uint32_t location, const int64_t after[HISTORY_BUCKETS],
                        uint32_t reason, uint64_t request)
{
    int64_t *level = sample->levels[sku][location];
    struct history_event *event;
    if (memcmp(level, after, HISTORY_BUCKETS * sizeof *level) == 0) {
        return;
    }
    ASSERT(sample->row_count < SAMPLE_EVENTS);
    memory_reserve((void **)&sample->rows, &sample->row_capacity, sample->row_count + 1u,
                   sizeof *sample->rows);
    event = &sample->rows[sample->row_count++];
    *event = (struct history_event){.type = HISTORY_MOVEMENT};
    event->row = (struct history_row){.replica = 1,
                                      .shard = 1,
                                      .index = sample->index,
                                      .sub = sample->row_count,
                                      .sku = sku,
                                      .location = location,
                                      .reason = reason,
                                      .request = request,
                                      .log_ms = sample->log_ms};
    if (hold != NULL) {
        event->row.hold = (struct history_hold_id){7, hold->unique};
    }
    memcpy(event->row.before, level, sizeof event->row.before);
    memcpy(event->row.after, after, sizeof event->row.after);
    memcpy(level, after, HISTORY_BUCKETS * sizeof *level);
}

static void sample_turn(struct sample *sample, struct sample_hold *hold,
                        enum history_hold_state state, uint64_t request)
{
    static const uint32_t reasons[] = {0, 10, 11, 14, 12, 13, 15};
    int64_t after[HISTORY_BUCKETS];
    memcpy(after, sample->levels[hold->sku][hold->location], sizeof after);
    if (hold->state == HISTORY_HOLD_HELD) {
        after[HISTORY_HELD] -= hold->granted;
    } else {
        after[HISTORY_COMMITTED] -= hold->granted;
    }
    if (state == HISTORY_HOLD_COMMITTED) {
        after[HISTORY_COMMITTED] += hold->granted;
    } else {
        hold->end_ms = sample->log_ms;
    }
    if (state == HISTORY_HOLD_FULFILLED) {
        after[HISTORY_ON_HAND] -= hold->granted;
    }
    hold->state = state;
    sample_move(sample, hold, hold->sku, hold->location, after, reasons[state], request);
}

/* A new entry: time goes on, and ends what is due. */
static void sample_entry(struct sample *sample)
{
    sample->index++;
    sample->log_ms += (int64_t)rng_below(&sample->rng, 20);
    for (uint64_t i = sample->hold_count > 400 ? sample->hold_count - 400 : 0;
         i < sample->hold_count; i++) {
        struct sample_hold *hold = &sample->holds[i % SAMPLE_HOLDS];
        if (hold->state == HISTORY_HOLD_HELD && hold->expire_ms <= sample->log_ms) {
            sample_turn(sample, hold, HISTORY_HOLD_EXPIRED, 0);
        }
    }
}

static void sample_show(struct history_call *call, const struct sample_hold *hold)
{
    call->has_hold = true;
    call->hold = (struct history_hold_id){7, hold->unique};
    call->hold_state = hold->state;
    call->create_ms = hold->create_ms;
    call->expire_ms = hold->expire_ms;
    call->end_ms = hold->end_ms;
}

static void sample_create(struct sample *sample, struct history_call *call)
{
    struct history_hold_line *line = &call->lines[0];
    struct sample_hold *hold = &sample->holds[sample->hold_count % SAMPLE_HOLDS];
    int64_t after[HISTORY_BUCKETS];
    memcpy(after, sample->levels[line->sku][line->location], sizeof after);
    if (after[HISTORY_ON_HAND] - after[HISTORY_HELD] - after[HISTORY_COMMITTED] <
        line->quantity) {
        call->status = STATUS_INSUFFICIENT_STOCK;
        return;
    }
    *hold = (struct sample_hold){.unique = ++sample->hold_count,
                                 .sku = line->sku,
                                 .location = line->location,
                                 .granted = line->quantity,
                                 .create_ms = sample->log_ms,
                                 .expire_ms = sample->log_ms + call->ttl_ms,
                                 .state = HISTORY_HOLD_HELD};
    line->granted = line->quantity;
    after[HISTORY_HELD] += line->quantity;
    sample_move(sample, hold, line->sku, line->location, after, 10, call->request);
    sample_show(call, hold);
}

static enum status sample_verdict(enum history_op op, enum history_hold_state state)
{
    if (state == HISTORY_HOLD_HELD) {
        return op == HISTORY_OP_HOLD_FULFIL || op == HISTORY_OP_HOLD_CANCEL
                   ? STATUS_HOLD_NOT_COMMITTED
                   : STATUS_OK;
    }
    if (state == HISTORY_HOLD_COMMITTED) {
        return op == HISTORY_OP_HOLD_RELEASE || op == HISTORY_OP_HOLD_EXTEND
                   ? STATUS_HOLD_ALREADY_COMMITTED
                   : STATUS_OK;
    }
    if (state == HISTORY_HOLD_RELEASED) {
        return op == HISTORY_OP_HOLD_RELEASE ? STATUS_OK : STATUS_HOLD_ALREADY_RELEASED;
    }
    if (state == HISTORY_HOLD_FULFILLED) {
        return op == HISTORY_OP_HOLD_FULFIL ? STATUS_OK : STATUS_HOLD_ALREADY_FULFILLED;
    }
    if (state == HISTORY_HOLD_CANCELLED) {
        return op == HISTORY_OP_HOLD_CANCEL ? STATUS_OK : STATUS_HOLD_ALREADY_CANCELLED;
    }
    return STATUS_HOLD_EXPIRED;
}

static void sample_change(struct sample *sample, struct history_call *call)
{
    struct sample_hold *hold = &sample->holds[(call->hold.unique - 1) % SAMPLE_HOLDS];
    enum history_op op = call->op;
    if (hold->unique != call->hold.unique) {
        call->status = STATUS_NOT_FOUND;
        return;
    }
    call->status =
        op == HISTORY_OP_READ_HOLD ? STATUS_OK : sample_verdict(op, hold->state);
    if (call->status == STATUS_OK && op == HISTORY_OP_HOLD_EXTEND) {
        if (sample->log_ms + call->ttl_ms > hold->expire_ms) {
            hold->expire_ms = sample->log_ms + call->ttl_ms;
        }
    } else if (call->status == STATUS_OK && op == HISTORY_OP_HOLD_COMMIT &&
               hold->state == HISTORY_HOLD_HELD) {
        sample_turn(sample, hold, HISTORY_HOLD_COMMITTED, call->request);
    } else if (call->status == STATUS_OK && op == HISTORY_OP_HOLD_RELEASE &&
               hold->state == HISTORY_HOLD_HELD) {
        sample_turn(sample, hold, HISTORY_HOLD_RELEASED, call->request);
    } else if (call->status == STATUS_OK && op == HISTORY_OP_HOLD_CANCEL &&
               hold->state == HISTORY_HOLD_COMMITTED) {
        sample_turn(sample, hold, HISTORY_HOLD_CANCELLED, call->request);
    } else if (call->status == STATUS_OK && op == HISTORY_OP_HOLD_FULFIL &&
               hold->state == HISTORY_HOLD_COMMITTED) {
        if (sample->levels[hold->sku][hold->location][HISTORY_ON_HAND] < hold->granted) {
            call->status = STATUS_INSUFFICIENT_STOCK;
        } else {
            sample_turn(sample, hold, HISTORY_HOLD_FULFILLED, call->request);
        }
    }
    sample_show(call, hold);
}

static void sample_decide(struct sample *sample, struct history_call *call)
{
    int64_t after[HISTORY_BUCKETS];
    memcpy(after, sample->levels[call->sku][call->location], sizeof after);
    call->status = STATUS_OK;
    if (call->op != HISTORY_OP_READ_LEVEL && call->op != HISTORY_OP_READ_HOLD) {
        sample_entry(sample);
        memcpy(after, sample->levels[call->sku][call->location], sizeof after);
    }
    if (call->op == HISTORY_OP_ADJUST) {
        if (after[HISTORY_ON_HAND] + call->quantity < 0) {
            call->status = STATUS_INSUFFICIENT_STOCK;
        } else {
            after[HISTORY_ON_HAND] += call->quantity;
            sample_move(sample, NULL, call->sku, call->location, after, 1, call->request);
        }
    } else if (call->op == HISTORY_OP_SET) {
        after[HISTORY_ON_HAND] = call->quantity;
        sample_move(sample, NULL, call->sku, call->location, after, 7, call->request);
    } else if (call->op == HISTORY_OP_HOLD_CREATE) {
        sample_create(sample, call);
    } else if (call->op != HISTORY_OP_READ_LEVEL) {
        sample_change(sample, call);
    }
    if (call->status == STATUS_OK &&
        (call->op == HISTORY_OP_ADJUST || call->op == HISTORY_OP_SET ||
         call->op == HISTORY_OP_READ_LEVEL)) {
        call->has_level = true;
        memcpy(call->buckets, after, sizeof after);
    }
    if (sample->stamps) {
        call->shard = 1;
        call->index = sample->index;
        call->log_ms = sample->log_ms;
    }
}

static void sample_ask(struct sample *sample, unsigned client)
{
    static const enum history_op ops[] = {
        HISTORY_OP_ADJUST,      HISTORY_OP_ADJUST,       HISTORY_OP_SET,
        HISTORY_OP_HOLD_CREATE, HISTORY_OP_HOLD_CREATE,  HISTORY_OP_HOLD_CREATE,
        HISTORY_OP_HOLD_COMMIT, HISTORY_OP_HOLD_RELEASE, HISTORY_OP_HOLD_FULFIL,
        HISTORY_OP_HOLD_CANCEL, HISTORY_OP_HOLD_EXTEND,  HISTORY_OP_READ_LEVEL,
        HISTORY_OP_READ_LEVEL,  HISTORY_OP_READ_HOLD};
    struct history_call *call = &sample->waiting[client];
    struct rng *rng = &sample->rng;
    *call = (struct history_call){.client = client,
                                  .number = ++sample->number,
                                  .op = ops[rng_below(rng, sizeof ops / sizeof ops[0])],
                                  .sku = (uint32_t)rng_below(rng, sample->skus),
                                  .location = (uint32_t)rng_below(rng, SAMPLE_LOCATIONS),
                                  .ttl_ms = 100 + (int64_t)rng_below(rng, 400)};
    bool on_hold =
        call->op >= HISTORY_OP_HOLD_EXTEND && call->op != HISTORY_OP_READ_LEVEL;
    if (on_hold && sample->told_count == 0) {
        call->op = HISTORY_OP_ADJUST;
        on_hold = false;
    }
    if (call->op != HISTORY_OP_READ_LEVEL && call->op != HISTORY_OP_READ_HOLD) {
        call->request = sample->number;
    }
    call->quantity = call->op == HISTORY_OP_SET ? (int64_t)rng_below(rng, 30)
                                                : (int64_t)rng_below(rng, 30) - 9;
    if (on_hold) {
        uint64_t back = 1 + rng_below(rng, 12);
        back = back < sample->told_count ? back : sample->told_count;
        call->hold =
            (struct history_hold_id){7, sample->told[(sample->told_count - back) % 64]};
    }
    if (call->op == HISTORY_OP_HOLD_CREATE) {
        call->line_count = 1;
        call->lines[0] =
            (struct history_hold_line){.sku = call->sku,
                                       .location = call->location,
                                       .quantity = 1 + (int64_t)rng_below(rng, 6)};
    }
    sample_emit(sample, HISTORY_INVOKE, call);
    sample->phase[client] = 1;
}

static void sample_step(struct sample *sample, unsigned client, bool asks)
{
    struct history_call *call = &sample->waiting[client];
    bool lost = sample->lost_of != 0 && rng_below(&sample->rng, sample->lost_of) == 0;
    if (sample->phase[client] == 0) {
        if (asks) {
            sample_ask(sample, client);
        }
    } else if (lost) { /* perhaps it was done already */
        sample_emit(sample, HISTORY_INFO, call);
        sample->phase[client] = 0;
    } else if (sample->phase[client] == 1) {
        sample_decide(sample, call);
        sample->phase[client] = 2;
    } else {
        sample_emit(sample, HISTORY_OK, call);
        sample->phase[client] = 0;
        if (call->op == HISTORY_OP_HOLD_CREATE && call->has_hold) {
            sample->told[sample->told_count++ % 64] = call->hold.unique;
        }
    }
}

void sample_run(struct sample *sample, unsigned count, bool end)
{
    uint64_t until = sample->number + count;
    bool busy = true;
    while (sample->number < until) {
        sample_step(sample, (unsigned)rng_below(&sample->rng, sample->clients), true);
    }
    while (busy) {
        busy = false;
        for (unsigned i = 0; i < sample->clients; i++) {
            sample_step(sample, i, false);
            busy = busy || sample->phase[i] != 0;
        }
    }
    for (uint32_t i = 0; end && i < sample->row_count; i++) {
        sample->rows[i].at_us = sample->at_us;
        *sample_event(sample) = sample->rows[i];
    }
    for (uint32_t i = 0; end && i < sample->skus * SAMPLE_LOCATIONS; i++) {
        struct history_event *event = sample_event(sample);
        *event = (struct history_event){.type = HISTORY_LEVEL, .at_us = sample->at_us};
        event->row = (struct history_row){
            .replica = 1, .sku = i / SAMPLE_LOCATIONS, .location = i % SAMPLE_LOCATIONS};
        memcpy(event->row.after,
               sample->levels[i / SAMPLE_LOCATIONS][i % SAMPLE_LOCATIONS],
               sizeof event->row.after);
    }
}

struct checker *sample_check(const struct history_event *events, uint32_t count,
                             struct check_verdict *out_verdict)
{
    struct checker *checker = checker_new(NULL);
    for (uint32_t i = 0; i < count; i++) {
        checker_event(checker, &events[i]);
    }
    checker_verdict(checker, out_verdict);
    return checker;
}

bool sample_found(const struct check_verdict *verdict, enum check_invariant invariant)
{
    for (uint32_t i = 0; i < verdict->violation_count; i++) {
        if (verdict->violations[i].invariant == invariant) {
            return true;
        }
    }
    return false;
}
