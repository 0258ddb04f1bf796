/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/source_flow.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

void source_flow_init(struct source_flow *flow, const struct source_flow_options *options)
{
    memset(flow, 0, sizeof *flow);
    flow->options = *options;
    flow->shards = memory_zalloc(options->shard_count * sizeof *flow->shards);
    for (unsigned s = 0; s < options->shard_count; s++) {
        list_init(&flow->shards[s].queue);
    }
    list_init(&flow->batches);
    list_init(&flow->released);
    flow->through = flow->logged = options->through;
    flow->credit = flow->credit_told = options->credit_max;
}

void source_flow_close(struct source_flow *flow)
{
    free(flow->shards);
    flow->shards = NULL;
}

struct source_batch *source_flow_after(const struct source_flow *flow,
                                       const struct source_batch *batch)
{
    const struct list *next = batch != NULL ? batch->link.next : flow->batches.next;
    return next != &flow->batches
               ? CONTAINER_OF((struct list *)(uintptr_t)next, struct source_batch, link)
               : NULL;
}

struct source_batch *source_flow_first(const struct source_flow *flow)
{
    return source_flow_after(flow, NULL);
}

struct source_batch *source_flow_release(struct source_flow *flow)
{
    struct list *node = list_pop(&flow->released);
    return node != NULL ? LIST_ENTRY(node, struct source_batch, link) : NULL;
}

const struct problem *source_flow_problem(const struct source_flow *flow)
{
    return flow->problem.status != STATUS_OK ? &flow->problem : NULL;
}

/* --- What happens --------------------------------------------------------------------- */

void source_flow_add(struct source_flow *flow, struct source_batch *batch)
{
    list_init(&batch->link);
    if (flow->ending || flow->finished) {
        list_append(&flow->released, &batch->link);
        return;
    }
    list_append(&flow->batches, &batch->link);
    batch->open = batch->part_count;
    for (unsigned p = 0; p < batch->part_count; p++) {
        struct source_part *part = batch->parts[p];
        part->batch = batch;
        part->state = SOURCE_PART_WAITS;
        list_append(&flow->shards[part->shard].queue, &part->link);
    }
}

void source_flow_half_close(struct source_flow *flow)
{
    flow->ending = true;
}

void source_flow_drain(struct source_flow *flow)
{
    flow->draining = true;
    if (!flow->ending) {
        flow->ending = true;
        problem_set(&flow->problem, STATUS_DRAINING, "", "%s",
                    status_text(STATUS_DRAINING));
    }
}

void source_flow_fail(struct source_flow *flow, const struct problem *problem)
{
    flow->ending = true;
    if (flow->problem.status == STATUS_OK || flow->problem.status == STATUS_DRAINING) {
        flow->problem = *problem;
    }
}

static void flow_break(struct source_flow *flow, enum status status, const char *text)
{
    flow->ending = true;
    if (!flow->over_at_once) {
        problem_set(&flow->problem, status, "", "%s", text);
    }
    flow->over_at_once = true;
}

static void flow_part_over(struct source_part *part)
{
    list_remove(&part->link);
    part->state = SOURCE_PART_OVER;
    ASSERT(part->batch->open > 0);
    part->batch->open--;
}

static void flow_hold(struct source_shard *shard, uint64_t now_us)
{
    shard->pause_us = shard->pause_us == 0 ? SOURCE_PAUSE_LEAST_US : shard->pause_us * 2;
    if (shard->pause_us > SOURCE_PAUSE_MOST_US) {
        shard->pause_us = SOURCE_PAUSE_MOST_US;
    }
    shard->held = true;
    shard->again_us = now_us + shard->pause_us;
}

/* Comes back to the queue; the pause begins once, with the first of them. */
static void flow_again(struct source_flow *flow, struct source_part *part,
                       uint64_t now_us)
{
    struct source_shard *shard = &flow->shards[part->shard];
    part->state = SOURCE_PART_WAITS;
    if (!shard->held) {
        flow_hold(shard, now_us);
    }
}

static void flow_stopped(struct source_flow *flow, struct source_part *part,
                         uint64_t sequence)
{
    flow->shards[part->shard].stopped = true;
    flow->ending = true;
    if (flow->stopped_at == 0 || sequence < flow->stopped_at) {
        flow->stopped_at = sequence;
    }
}

static void flow_decided(struct source_flow *flow, struct source_part *part,
                         const struct source_answer *answer)
{
    struct source_batch *batch = part->batch;
    batch->applied += answer->applied;
    batch->duplicates += answer->duplicates;
    batch->superseded += answer->superseded;
    batch->skipped += answer->skipped;
    batch->failures += answer->failures;
    flow->shards[part->shard].pause_us = 0;
    flow_part_over(part);
    if (answer->stopped_at != 0) {
        flow_stopped(flow, part, answer->stopped_at);
    }
}

static void flow_less_credit(struct source_flow *flow)
{
    flow->credit = flow->credit > 1 ? flow->credit / 2 : 1;
}

void source_flow_answered(struct source_flow *flow, struct source_part *part,
                          const struct source_answer *answer, uint64_t now_us)
{
    struct source_shard *shard = &flow->shards[part->shard];
    enum status status = answer->status;
    ASSERT(part->state == SOURCE_PART_ASKED && shard->asked > 0);
    shard->asked--;
    flow->asked--;
    if (status == STATUS_OK) {
        flow_decided(flow, part, answer);
    } else if (shard->stopped) {
        flow_part_over(part);
    } else if (status == STATUS_SOURCE_SUPERSEDED) {
        part->state = SOURCE_PART_WAITS;
        flow_break(flow, status, status_text(status));
    } else if (status == STATUS_SEQUENCE_GAP && part->behind) {
        flow_again(flow, part, now_us);
    } else if (status == STATUS_QUANTITY_LIMIT) {
        flow->log_wanted = true; /* its lane may forget what is through */
        flow_again(flow, part, now_us);
    } else if (status_retry(status) == STATUS_RETRY_SAME) {
        if (status_code(status) == STATUS_CODE_RESOURCE_EXHAUSTED) {
            flow_less_credit(flow);
        }
        flow_again(flow, part, now_us);
    } else {
        part->state = SOURCE_PART_WAITS;
        flow_break(flow, status,
                   "a shard cannot take what this stream sends; open a new "
                   "stream and go on behind the last acknowledged update");
    }
}

void source_flow_logged(struct source_flow *flow, uint64_t value, enum status status,
                        uint64_t now_us)
{
    flow->logging = false;
    if (status == STATUS_OK) {
        flow->logged = value > flow->logged ? value : flow->logged;
        flow->logged_us = now_us;
        flow->log_failures = 0;
        flow->log_wanted = false;
    } else if (status == STATUS_SOURCE_SUPERSEDED) {
        flow_break(flow, status, status_text(status));
    } else {
        flow->log_failures++;
        flow->log_again_us = now_us + SOURCE_PAUSE_LEAST_US * UINT64_C(20);
    }
}

/* --- What to do: asking --------------------------------------------------------------- */

/* Behind the update that stops the stream nothing is asked any more. */
static bool flow_beyond(const struct source_flow *flow, const struct source_part *part)
{
    return flow->stopped_at != 0 && part->batch->first > flow->stopped_at;
}

static struct source_part *flow_ask_shard(struct source_flow *flow,
                                          struct source_shard *shard, uint64_t now_us)
{
    if (shard->held) {
        if (shard->asked > 0 || now_us < shard->again_us) {
            return NULL;
        }
        shard->held = false;
    }
    for (struct list *node = shard->queue.next, *next; node != &shard->queue;
         node = next) {
        struct source_part *part = LIST_ENTRY(node, struct source_part, link);
        next = node->next;
        if (part->state != SOURCE_PART_WAITS) {
            continue;
        }
        if (shard->stopped || flow_beyond(flow, part)) {
            flow_part_over(part);
            continue;
        }
        part->state = SOURCE_PART_ASKED;
        part->behind = shard->queue.next != node;
        shard->asked++;
        flow->asked++;
        return part;
    }
    return NULL;
}

static struct source_part *flow_ask(struct source_flow *flow, uint64_t now_us)
{
    struct source_part *part = NULL;
    for (unsigned s = 0; part == NULL && s < flow->options.shard_count; s++) {
        part = flow_ask_shard(flow, &flow->shards[s], now_us);
    }
    return part;
}

/* --- What to do: logging -------------------------------------------------------------- */

/* Everything that came is answered, or will not be. */
static bool flow_drained(const struct source_flow *flow)
{
    return flow->ending && flow->asked == 0 &&
           (flow->stopped_at != 0 ? flow->stop_told : list_empty(&flow->batches));
}

static bool flow_log_urgent(const struct source_flow *flow)
{
    const struct source_batch *first = source_flow_first(flow);
    return flow->through - flow->logged >= SOURCE_LOG_EVERY || flow->log_wanted ||
           (first != NULL && first->is_barrier) || flow_drained(flow);
}

/* When `through` is to be logged; UINT64_MAX: there is nothing to log, or it is being. */
static uint64_t flow_log_at(const struct source_flow *flow)
{
    uint64_t idle_us = flow->logged_us + SOURCE_LOG_IDLE_US;
    if (flow->logging || flow->logged >= flow->through || flow->over_at_once) {
        return UINT64_MAX;
    }
    return flow_log_urgent(flow) || idle_us < flow->log_again_us ? flow->log_again_us
                                                                 : idle_us;
}

/* --- What to do: telling -------------------------------------------------------------- */

/* The newest batch that an Ack may cover now; NULL: none. */
static struct source_batch *flow_ack_last(const struct source_flow *flow)
{
    struct source_batch *last = NULL;
    uint64_t failures = 0, updates = 0;
    struct source_batch *batch = source_flow_first(flow);
    for (; batch != NULL && !batch->is_barrier && batch->open == 0 &&
           failures < SOURCE_ACK_FAILURES_MAX;
         batch = source_flow_after(flow, batch)) {
        if (flow->stopped_at != 0 && batch->last >= flow->stopped_at) {
            break; /* told by flow_stop_ack */
        }
        last = batch;
        failures += batch->failures;
        updates += batch->last - batch->first + 1;
    }
    if (batch != NULL && !batch->is_barrier && failures == 0 && !flow->ending &&
        updates < flow->options.ack_window) {
        return NULL; /* more is on its way */
    }
    return last;
}

/* Once all below the update that stops the stream is decided: its batch is the last that
 * is told. */
static struct source_batch *flow_stop_ack(const struct source_flow *flow)
{
    struct source_batch *batch = source_flow_first(flow);
    if (flow->stopped_at == 0 || flow->asked > 0 || batch == NULL || batch->is_barrier ||
        batch->open > 0 || flow->stop_told || batch->first > flow->stopped_at ||
        batch->last < flow->stopped_at) {
        return NULL;
    }
    return batch;
}

static bool flow_tell(struct source_flow *flow, struct source_step *out)
{
    struct source_batch *first = source_flow_first(flow);
    struct source_batch *last = flow_ack_last(flow);
    struct source_batch *stop = last == NULL ? flow_stop_ack(flow) : NULL;
    if (last != NULL) {
        uint64_t through = last->last > flow->through ? last->last : flow->through;
        *out = (struct source_step){SOURCE_STEP_ACK, NULL, last, through};
    } else if (stop != NULL) {
        *out = (struct source_step){SOURCE_STEP_ACK, NULL, stop, flow->stopped_at - 1};
    } else if (first != NULL && first->is_barrier && flow->logged >= flow->through) {
        *out = (struct source_step){SOURCE_STEP_BARRIER, NULL, first, flow->through};
    } else if (flow->draining && !flow->go_away_told) {
        *out = (struct source_step){SOURCE_STEP_GO_AWAY, NULL, NULL, flow->through};
    } else if (!flow->ending && (flow->credit < flow->credit_told ||
                                 flow->credit >= flow->credit_told * 2 ||
                                 (flow->credit > flow->credit_told &&
                                  flow->credit == flow->options.credit_max))) {
        *out = (struct source_step){SOURCE_STEP_CREDIT, NULL, NULL, flow->credit};
    } else {
        return false;
    }
    return true;
}

static void flow_acked(struct source_flow *flow, const struct source_step *step)
{
    struct source_batch *batch;
    do {
        batch = source_flow_first(flow);
        ASSERT(batch != NULL);
        list_remove(&batch->link);
        list_append(&flow->released, &batch->link);
        if (flow->credit < flow->options.credit_max && !batch->is_barrier) {
            flow->credit++;
        }
    } while (batch != step->last);
}

void source_flow_sent(struct source_flow *flow, const struct source_step *step)
{
    switch (step->kind) {
    case SOURCE_STEP_ACK:
        flow->stop_told = flow->stopped_at != 0 && step->last->last >= flow->stopped_at;
        flow_acked(flow, step);
        flow->through = step->value;
        break;
    case SOURCE_STEP_BARRIER:
        flow_acked(flow, step);
        break;
    case SOURCE_STEP_CREDIT:
        flow->credit_told = (unsigned)step->value;
        break;
    case SOURCE_STEP_GO_AWAY:
        flow->go_away_told = true;
        break;
    case SOURCE_STEP_ASK:
    case SOURCE_STEP_LOG:
    case SOURCE_STEP_FINISH:
        UNREACHABLE();
    }
}

/* --- The next step -------------------------------------------------------------------- */

static bool flow_may_finish(const struct source_flow *flow)
{
    bool logged =
        flow->logged >= flow->through || flow->log_failures >= SOURCE_LOG_TRIES_MAX;
    if (flow->over_at_once) {
        return true;
    }
    return flow_drained(flow) && logged && !flow->logging;
}

bool source_flow_next(struct source_flow *flow, uint64_t now_us,
                      struct source_step *out_step)
{
    struct source_part *part;
    if (flow->finished) {
        return false;
    }
    part = flow->over_at_once ? NULL : flow_ask(flow, now_us);
    if (part != NULL) {
        *out_step = (struct source_step){SOURCE_STEP_ASK, part, NULL, 0};
        return true;
    }
    if (now_us >= flow_log_at(flow)) {
        *out_step = (struct source_step){SOURCE_STEP_LOG, NULL, NULL, flow->through};
        flow->logging = true;
        return true;
    }
    if (flow_tell(flow, out_step)) {
        return true;
    }
    if (flow_may_finish(flow)) {
        *out_step = (struct source_step){SOURCE_STEP_FINISH, NULL, NULL, 0};
        flow->finished = true;
        return true;
    }
    return false;
}

uint64_t source_flow_due(const struct source_flow *flow)
{
    uint64_t due_us = UINT64_MAX;
    if (flow->finished || flow->over_at_once) {
        return due_us;
    }
    for (unsigned s = 0; s < flow->options.shard_count; s++) {
        const struct source_shard *shard = &flow->shards[s];
        if (shard->held && shard->asked == 0 && shard->again_us < due_us) {
            due_us = shard->again_us;
        }
    }
    return flow_log_at(flow) < due_us ? flow_log_at(flow) : due_us;
}
