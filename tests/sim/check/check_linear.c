/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linearizable per SKU: collects each SKU's operations and searches (linear_search.h)
 * whenever nobody waits for one of them.
 *
 * Right because linearizability is local (Herlihy and Wing 1990): a history is
 * linearizable if that of each object is; what operations on several SKUs do to one of
 * them is looked at for each alone, which only accepts more. Session reads promise less
 * and are not among them. A request id asked again is one operation that lasts from its
 * first try to its answer.
 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"
#include "tests/sim/check/linear_search.h"

enum {
    LINEAR_STATES_MAX = 10000,
};

struct linear_sku {
    struct linear_op *ops; /* in the order of begin; `end` 0 while it waits */
    uint32_t op_count;
    size_t op_capacity;
    uint32_t waiting;
    struct linear_op *open[LINEAR_OPEN_MAX];
    struct linear_config *configs;
    int64_t log_ms; /* the highest that was told of it */
    bool blind;     /* its state is not known any more */
    bool judged;    /* ... because a violation was found */
};

struct linear_request {
    uint64_t payload;
    bool answered;
    uint64_t skus; /* that have it open */
    int slots[CHECK_SKUS_MAX];
};

struct check_linear {
    struct check_report *report;
    const struct check_holds *holds;
    uint32_t states_max;
    uint64_t sequence;
    struct linear_sku skus[CHECK_SKUS_MAX];
    struct check_facts made;     /* hold id -> mask of SKUs */
    struct check_facts requests; /* (0, request) -> struct linear_request */
    uint64_t
        asked_of[CHECK_CLIENTS_MAX]; /* SKUs of the operation that a client waits for */
};

struct check_linear *check_linear_new(struct check_report *report,
                                      const struct checker_options *options,
                                      const struct check_holds *holds)
{
    struct check_linear *linear = memory_zalloc(sizeof *linear);
    linear->report = report;
    linear->holds = holds;
    linear->states_max =
        options->search_states_max != 0 ? options->search_states_max : LINEAR_STATES_MAX;
    check_facts_init(&linear->made, sizeof(uint64_t), CHECK_HOLDS_MAX,
                     &report->forgotten);
    check_facts_init(&linear->requests, sizeof(struct linear_request), 1 << 16,
                     &report->forgotten);
    return linear;
}

void check_linear_free(struct check_linear *linear)
{
    for (unsigned i = 0; i < CHECK_SKUS_MAX; i++) {
        struct linear_sku *sku = &linear->skus[i];
        free(sku->ops);
        linear_configs_free(sku->configs);
        for (unsigned j = 0; j < LINEAR_OPEN_MAX; j++) {
            free(sku->open[j]);
        }
    }
    check_facts_close(&linear->made);
    check_facts_close(&linear->requests);
    free(linear);
}

/* Bits of the SKUs that an operation is about. */
static uint64_t linear_about(const struct check_linear *linear,
                             const struct history_call *asked)
{
    const uint64_t *made;
    uint64_t about = 0;
    if (asked->op == HISTORY_OP_RECOMMEND || asked->op == HISTORY_OP_OTHER ||
        asked->session) {
        return 0;
    }
    if (asked->op == HISTORY_OP_ADJUST || asked->op == HISTORY_OP_SET ||
        asked->op == HISTORY_OP_MOVE || asked->op == HISTORY_OP_READ_LEVEL) {
        return UINT64_C(1) << asked->sku;
    }
    if (asked->op == HISTORY_OP_HOLD_CREATE) {
        for (uint32_t i = 0; i < asked->line_count; i++) {
            about |= UINT64_C(1) << asked->lines[i].sku;
        }
        return about;
    }
    made = check_facts_find(&linear->made, asked->hold.anchor, asked->hold.unique);
    return made != NULL ? *made : 0;
}

static void linear_blind(struct check_linear *linear, struct linear_sku *sku)
{
    sku->blind = true;
    linear_configs_free(sku->configs);
    sku->configs = NULL;
    if (!sku->judged) {
        linear->report->unknown++;
    }
}

/* Units of a hold over several shards go and come in entries of their own, and one that
 * is not decided in the end has held some for a while: check_multi_holds.c judges these. */
static void linear_leave(struct check_linear *linear, const struct history_call *asked)
{
    for (uint32_t i = 0; i < asked->line_count; i++) {
        struct linear_sku *sku = &linear->skus[asked->lines[i].sku];
        if (!sku->judged) {
            sku->judged = true;
            linear_blind(linear, sku);
        }
    }
}

void check_linear_invoke(struct check_linear *linear, const struct check_call *call)
{
    uint64_t about = linear_about(linear, &call->asked);
    if (history_op_spans(call->asked.op)) {
        linear_leave(linear, &call->asked);
        linear->asked_of[call->asked.client] = 0;
        return;
    }
    linear->sequence++;
    linear->asked_of[call->asked.client] = about;
    for (unsigned i = 0; i < CHECK_SKUS_MAX; i++) {
        struct linear_sku *sku = &linear->skus[i];
        if (!(about >> i & 1)) {
            continue;
        }
        sku->waiting++;
        memory_reserve((void **)&sku->ops, &sku->op_capacity, sku->op_count + 1,
                       sizeof *sku->ops);
        sku->ops[sku->op_count++] = (struct linear_op){.asked = call->asked,
                                                       .begin = linear->sequence,
                                                       .since_ms = sku->log_ms,
                                                       .slot = LINEAR_NO_SLOT};
    }
}

static struct linear_op *linear_waiting(struct linear_sku *sku,
                                        const struct history_call *asked)
{
    for (uint32_t i = sku->op_count; i > 0; i--) {
        if (sku->ops[i - 1].end == 0 && sku->ops[i - 1].asked.client == asked->client) {
            return &sku->ops[i - 1];
        }
    }
    return NULL;
}

static void linear_drop(struct linear_sku *sku, struct linear_op *op)
{
    size_t place = (size_t)(op - sku->ops);
    memmove(op, op + 1, (sku->op_count - place - 1) * sizeof *op);
    sku->op_count--;
}

static bool linear_writes(enum history_op op)
{
    return op != HISTORY_OP_READ_LEVEL && op != HISTORY_OP_READ_HOLD;
}

/* The operation stays open: it gets a slot, in every state. */
static int linear_open(struct check_linear *linear, struct linear_sku *sku,
                       const struct linear_op *op)
{
    for (unsigned i = 0; i < LINEAR_OPEN_MAX; i++) {
        if (sku->open[i] != NULL) {
            continue;
        }
        sku->open[i] = memory_copy(op, sizeof *op);
        sku->open[i]->end = UINT64_MAX;
        for (struct linear_config *config = sku->configs; config != NULL;
             config = config->next) {
            linear_bit_set(&config->open, i);
        }
        return (int)i;
    }
    linear_blind(linear, sku);
    return LINEAR_NO_SLOT;
}

static void linear_tidy(struct linear_sku *sku)
{
    for (unsigned i = 0; i < LINEAR_OPEN_MAX; i++) {
        bool wanted = false;
        for (const struct linear_config *config = sku->configs;
             config != NULL && sku->open[i] != NULL; config = config->next) {
            wanted = wanted || linear_bit(&config->open, i);
        }
        if (!wanted && sku->open[i] != NULL) {
            free(sku->open[i]);
            sku->open[i] = NULL;
        }
    }
}

static void linear_search_sku(struct check_linear *linear, uint32_t number)
{
    struct linear_sku *sku = &linear->skus[number];
    struct linear_config *left = NULL;
    struct linear_piece piece = {.sku = number,
                                 .ops = sku->ops,
                                 .op_count = sku->op_count,
                                 .open = sku->open,
                                 .from = sku->configs,
                                 .states_max = linear->states_max};
    enum linear_result result;
    if (sku->op_count == 0) {
        return;
    }
    linear->report->searches++;
    if (sku->blind || sku->op_count > LINEAR_OPS_MAX) {
        linear_blind(linear, sku);
        sku->op_count = 0;
        return;
    }
    result = linear_search(&piece, &left, &linear->report->states);
    if (result == LINEAR_UNKNOWN) {
        linear_blind(linear, sku);
    } else if (result == LINEAR_NO) {
        sku->judged = true;
        check_fail(linear->report, CHECK_LINEARIZABLE,
                   "SKU %u: no order explains operations %lu to %lu", number,
                   sku->ops[0].asked.number, sku->ops[sku->op_count - 1].asked.number);
        linear_blind(linear, sku);
    } else {
        linear_configs_free(sku->configs);
        sku->configs = left;
        linear_tidy(sku);
    }
    sku->op_count = 0;
}

static bool linear_start(struct linear_sku *sku)
{
    const struct linear_bits none = {{0}};
    struct sku_state state;
    if (sku->configs == NULL && !sku->blind) {
        memset(&state, 0, sizeof state);
        sku->configs = linear_config_new(&state, &none);
    }
    return !sku->blind;
}

/* A request id that was asked before: what the operation has to do with that. True: it was
 * answered, so this one is but a look into the memory of requests. */
static bool linear_again(struct check_linear *linear, const struct check_call *call,
                         struct linear_request **out_request)
{
    bool is_new;
    *out_request = NULL;
    if (call->asked.request == 0 || !linear_writes(call->asked.op)) {
        return false;
    }
    *out_request = check_facts_put(&linear->requests, 0, call->asked.request, &is_new);
    if (is_new) {
        (*out_request)->payload = check_payload(&call->asked);
    }
    return (*out_request)->answered;
}

/* Nobody will know where the shard took the units from. */
static bool linear_anywhere(const struct history_call *asked, uint32_t sku)
{
    for (uint32_t i = 0; i < asked->line_count; i++) {
        if (asked->lines[i].sku == sku && asked->lines[i].location == HISTORY_NOWHERE) {
            return true;
        }
    }
    return false;
}

static void linear_end(struct check_linear *linear, const struct check_call *call,
                       uint32_t number, struct linear_request *request, bool drop)
{
    struct linear_sku *sku = &linear->skus[number];
    struct linear_op *op = linear_waiting(sku, &call->asked);
    uint64_t bit = UINT64_C(1) << number;
    if (op == NULL) {
        return;
    }
    op->end = linear->sequence;
    op->told = call->told;
    sku->waiting--;
    sku->log_ms = call->told.log_ms > sku->log_ms ? call->told.log_ms : sku->log_ms;
    if (drop || !linear_start(sku)) {
        linear_drop(sku, op);
    } else if (call->open) {
        if (linear_anywhere(&op->asked, number)) {
            linear_blind(linear, sku);
        } else if (linear_writes(op->asked.op)) {
            int slot = linear_open(linear, sku, op);
            if (request != NULL && !(request->skus & bit) &&
                request->payload == check_payload(&call->asked)) {
                request->skus |= bit;
                request->slots[number] = slot;
            }
        }
        linear_drop(sku, op);
    } else if (request != NULL && (request->skus & bit)) {
        op->slot = request->slots[number];
        if (op->slot >= 0 && (sku->open[op->slot] == NULL ||
                              sku->open[op->slot]->asked.request != op->asked.request)) {
            op->slot = LINEAR_SLOT_GONE;
        }
    }
}

void check_linear_call(struct check_linear *linear, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    uint64_t about = linear->asked_of[call->asked.client];
    struct linear_request *request = NULL;
    bool drop = call->failed;
    linear->sequence++;
    if (!drop) {
        drop = linear_again(linear, call, &request);
    }
    if (!call->open && !call->failed) {
        drop = drop || told->status == STATUS_REQUEST_ID_REUSED ||
               told->status == STATUS_REQUEST_ID_EXPIRED;
        if (request != NULL && !drop) {
            request->answered =
                told->status != STATUS_QUOTA && told->status != STATUS_STOCK_CONTENDED;
        }
        if (told->op == HISTORY_OP_HOLD_CREATE && told->has_hold) {
            bool is_new;
            uint64_t *made = check_facts_put(&linear->made, told->hold.anchor,
                                             told->hold.unique, &is_new);
            *made = about;
        }
    }
    for (unsigned i = 0; i < CHECK_SKUS_MAX; i++) {
        if (about >> i & 1) {
            linear_end(linear, call, i, request, drop);
            if (linear->skus[i].waiting == 0) {
                linear_search_sku(linear, i);
            }
        }
    }
    linear->asked_of[call->asked.client] = 0;
}

void check_linear_finish(struct check_linear *linear)
{
    for (unsigned i = 0; i < CHECK_SKUS_MAX; i++) {
        linear_search_sku(linear, i);
    }
}
