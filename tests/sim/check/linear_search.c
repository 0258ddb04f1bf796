/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check/linear_search.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/hash.h"
#include "shard/base/memory.h"

enum {
    LINEAR_CACHE_SLOTS = 4096,
};

struct linear_search {
    const struct linear_piece *piece;
    struct linear_config *cache[LINEAR_CACHE_SLOTS];
    struct linear_config *ends;
    uint32_t states;
    bool ran_out;
};

struct linear_config *linear_config_new(const struct sku_state *state,
                                        const struct linear_bits *open)
{
    struct linear_config *config = memory_zalloc(sizeof *config);
    size_t size = sku_state_bytes(state->hold_count);
    config->open = *open;
    config->state = memory_alloc(size + sizeof(struct sku_hold)); /* room for one more */
    memcpy(config->state, state, size);
    return config;
}

static void linear_config_free(struct linear_config *config)
{
    free(config->state);
    free(config);
}

void linear_configs_free(struct linear_config *configs)
{
    while (configs != NULL) {
        struct linear_config *next = configs->next;
        linear_config_free(configs);
        configs = next;
    }
}

static struct linear_config *config_copy(const struct linear_config *config)
{
    struct linear_config *copy = linear_config_new(config->state, &config->open);
    copy->done = config->done;
    return copy;
}

static bool config_same(const struct linear_config *a, const struct linear_config *b)
{
    return a->hash == b->hash && a->state->hold_count == b->state->hold_count &&
           memcmp(&a->done, &b->done, sizeof a->done) == 0 &&
           memcmp(a->state, b->state, sku_state_bytes(a->state->hold_count)) == 0;
}

/* Can `a` do all that `b` can? */
static bool config_covers(const struct linear_config *a, const struct linear_config *b)
{
    for (unsigned i = 0; i < LINEAR_WORDS; i++) {
        if (b->open.words[i] & ~a->open.words[i]) {
            return false;
        }
    }
    return config_same(a, b);
}

static void config_hash(struct linear_config *config)
{
    struct slice state =
        slice_of(config->state, sku_state_bytes(config->state->hold_count));
    config->hash = hash64(slice_of(&config->done, sizeof config->done), hash64(state, 3));
}

/* True when a state that covers it was there; else it is kept, and the list's. */
static bool config_known(struct linear_config **list, struct linear_config *config)
{
    for (const struct linear_config *known = *list; known != NULL; known = known->next) {
        if (config_covers(known, config)) {
            return true;
        }
    }
    config->next = *list;
    *list = config;
    return false;
}

static void search_from(struct linear_search *search, const struct linear_config *config);

/* Takes the config over. */
static void search_go_on(struct linear_search *search, struct linear_config *config)
{
    if (search->states >= search->piece->states_max) {
        search->ran_out = true;
        linear_config_free(config);
        return;
    }
    config_hash(config);
    if (config_known(&search->cache[config->hash % LINEAR_CACHE_SLOTS], config)) {
        linear_config_free(config);
        return;
    }
    search->states++;
    search_from(search, config);
}

/* When nothing undone ended before `begin`, it may come next. */
static uint64_t search_first_end(const struct linear_search *search,
                                 const struct linear_config *config, uint64_t *out_index)
{
    uint64_t first = UINT64_MAX;
    *out_index = UINT64_MAX;
    for (uint32_t i = 0; i < search->piece->op_count; i++) {
        const struct linear_op *op = &search->piece->ops[i];
        if (linear_bit(&config->done, i)) {
            continue;
        }
        if (op->begin > first) {
            break; /* in the order of begin */
        }
        first = op->end < first ? op->end : first;
        if (op->told.index != 0 && !op->told.replayed && op->told.index < *out_index) {
            *out_index = op->told.index;
        }
    }
    return first;
}

static bool search_touches(const struct linear_config *config,
                           const struct history_call *open, uint32_t location)
{
    const struct sku_hold *hold;
    if (open->op == HISTORY_OP_ADJUST || open->op == HISTORY_OP_SET) {
        return open->location == location;
    }
    if (open->op == HISTORY_OP_MOVE) {
        return open->location == location || open->to_location == location;
    }
    if (open->op == HISTORY_OP_HOLD_CREATE) {
        for (uint32_t i = 0; i < open->line_count; i++) {
            if (open->lines[i].location == location) {
                return true;
            }
        }
        return false;
    }
    hold = sku_model_hold(config->state, open->hold);
    return hold == NULL || hold->granted[location] > 0;
}

/* Lets an unanswered operation happen here, at any time that makes a difference. */
static void search_open(struct linear_search *search, const struct linear_config *config,
                        unsigned slot)
{
    const struct linear_op *op = search->piece->open[slot];
    struct linear_config *copy = config_copy(config);
    size_t bytes = sku_state_bytes(copy->state->hold_count);
    linear_bit_clear(&copy->open, slot);
    if (sku_model_open(copy->state, search->piece->sku, &op->asked, op->since_ms) &&
        (copy->state->hold_count != config->state->hold_count ||
         memcmp(copy->state, config->state, bytes) != 0)) {
        search_go_on(search, copy);
    } else {
        linear_config_free(copy);
    }
}

enum search_wish {
    SEARCH_ANY,    /* the answer was not possible */
    SEARCH_SETS,   /* before a fulfilment */
    SEARCH_EXTEND, /* before an expiry */
};

static bool search_same_hold(const struct history_call *a, const struct history_call *b)
{
    return a->hold.anchor == b->hold.anchor && a->hold.unique == b->hold.unique;
}

/* Can the open operation make a difference to whether `next` is possible? */
static bool search_matters(const struct linear_config *config,
                           const struct history_call *open, const struct linear_op *next)
{
    const struct history_call *asked = &next->asked;
    const struct sku_hold *hold;
    bool touches = false;
    if (next->told.has_level) {
        return search_touches(config, open, asked->location);
    }
    if (asked->op == HISTORY_OP_HOLD_CREATE) {
        for (uint32_t i = 0; i < asked->line_count; i++) {
            touches = touches || asked->lines[i].location == HISTORY_NOWHERE ||
                      search_touches(config, open, asked->lines[i].location);
        }
        return touches;
    }
    if (asked->op == HISTORY_OP_ADJUST || asked->op == HISTORY_OP_SET ||
        asked->op == HISTORY_OP_MOVE) {
        return search_touches(config, open, asked->location);
    }
    hold = sku_model_hold(config->state, asked->hold);
    for (unsigned i = 0;
         asked->op == HISTORY_OP_HOLD_FULFIL && hold != NULL && i < CHECK_LOCATIONS_MAX;
         i++) {
        touches = touches || (hold->granted[i] > 0 && search_touches(config, open, i));
    }
    return touches || search_same_hold(open, asked);
}

static bool search_wanted(const struct linear_config *config, const struct linear_op *op,
                          const struct linear_op *next, enum search_wish wish)
{
    const struct sku_hold *hold;
    if (wish == SEARCH_SETS) {
        return op->asked.op == HISTORY_OP_SET;
    }
    if (wish == SEARCH_ANY) {
        return search_matters(config, &op->asked, next) ||
               (op->asked.request != 0 && op->asked.request == next->asked.request);
    }
    if (op->asked.op != HISTORY_OP_HOLD_EXTEND &&
        op->asked.op != HISTORY_OP_HOLD_COMMIT) {
        return false;
    }
    hold = sku_model_hold(config->state, op->asked.hold);
    return hold != NULL && !hold->committed &&
           (next->told.log_ms == 0 || hold->low_ms <= next->told.log_ms);
}

static void search_opens(struct linear_search *search, const struct linear_config *config,
                         const struct linear_op *next, uint64_t first_end,
                         enum search_wish wish)
{
    for (unsigned i = 0; i < LINEAR_OPEN_MAX && !search->ran_out; i++) {
        const struct linear_op *op = search->piece->open[i];
        if (linear_bit(&config->open, i) && op != NULL && op->begin <= first_end &&
            search_wanted(config, op, next, wish)) {
            search_open(search, config, i);
        }
    }
}

/* The operation asks again what was open, and is told what was decided then. Or decides
 * it itself. False: neither can be. */
static bool search_again(struct linear_config *config, const struct linear_op *op,
                         bool *out_nothing)
{
    bool open = op->slot >= 0 && linear_bit(&config->open, (unsigned)op->slot);
    *out_nothing = op->told.replayed;
    if (open && op->told.replayed && op->told.status == STATUS_OK) {
        return false; /* it has to happen first */
    }
    if (open) {
        linear_bit_clear(&config->open, (unsigned)op->slot);
    } else if (op->told.replayed) {
        sku_model_bind(config->state, op->asked.request, &op->told);
    } else {
        return op->told.status != STATUS_OK;
    }
    return true;
}

/* Does `op` at this log time; the config is taken over. True when it could. */
static bool search_do(struct linear_search *search, struct linear_config *config,
                      uint32_t i)
{
    const struct linear_op *op = &search->piece->ops[i];
    bool nothing = false;
    if ((op->slot != LINEAR_NO_SLOT && !search_again(config, op, &nothing)) ||
        (!nothing &&
         !sku_model_told(config->state, search->piece->sku, &op->asked, &op->told))) {
        linear_config_free(config);
        return false;
    }
    if (!op->told.replayed && op->told.index != 0) {
        config->state->index = op->told.index;
    }
    linear_bit_set(&config->done, i);
    search_go_on(search, config);
    return true;
}

/* Log time may be anything from now to what was told: looks at each side of each hold's
 * end. True when the operation could be done at one of them. */
static bool search_any_time(struct linear_search *search,
                            const struct linear_config *config, uint32_t i)
{
    const struct history_call *told = &search->piece->ops[i].told;
    bool could = search_do(search, config_copy(config), i);
    for (uint64_t j = 0; j < config->state->hold_count; j++) {
        const struct sku_hold *hold = &config->state->holds[j];
        int64_t at_ms =
            hold->low_ms > config->state->log_ms ? hold->low_ms : config->state->log_ms;
        struct linear_config *copy;
        size_t unsure;
        if (hold->committed || (told->log_ms != 0 && at_ms > told->log_ms)) {
            continue;
        }
        copy = config_copy(config);
        copy->state->holds[j].high_ms = at_ms;
        copy->state->holds[j].ttl_ms = 0;
        if (sku_model_time(copy->state, at_ms, &unsure)) {
            could = search_do(search, copy, i) || could;
        } else {
            linear_config_free(copy);
        }
    }
    return could;
}

/* As above, where log time is known; takes the config over. */
static bool search_at(struct linear_search *search, struct linear_config *config,
                      uint32_t i)
{
    int64_t log_ms = search->piece->ops[i].told.log_ms;
    size_t unsure;
    bool could;
    struct linear_config *longer;
    if (log_ms == 0 || sku_model_time(config->state, log_ms, &unsure)) {
        return search_do(search, config, i);
    }
    longer = config_copy(config);
    longer->state->holds[unsure].low_ms = log_ms + 1;
    could = search_at(search, longer, i);
    config->state->holds[unsure].high_ms = log_ms;
    return search_at(search, config, i) || could;
}

static bool search_ends_a_hold(const struct linear_config *config, int64_t log_ms)
{
    for (uint64_t i = 0; i < config->state->hold_count; i++) {
        const struct sku_hold *hold = &config->state->holds[i];
        if (!hold->committed && hold->low_ms <= log_ms) {
            return true;
        }
    }
    return false;
}

static void search_try(struct linear_search *search, const struct linear_config *config,
                       uint32_t i, uint64_t first_end)
{
    const struct linear_op *op = &search->piece->ops[i];
    bool timed = op->told.index != 0 && !op->told.replayed;
    bool could;
    if (timed && op->told.index < config->state->index) {
        return;
    }
    could = timed ? search_at(search, config_copy(config), i)
                  : search_any_time(search, config, i);
    if (!could) {
        search_opens(search, config, op, first_end, SEARCH_ANY);
        return;
    }
    if (op->asked.op == HISTORY_OP_HOLD_FULFIL) {
        search_opens(search, config, op, first_end, SEARCH_SETS);
    }
    if (search_ends_a_hold(config, timed ? op->told.log_ms : INT64_MAX)) {
        search_opens(search, config, op, first_end, SEARCH_EXTEND);
    }
}

static void search_end(struct linear_search *search, const struct linear_config *config)
{
    struct linear_config *copy = linear_config_new(config->state, &config->open);
    config_hash(copy);
    if (config_known(&search->ends, copy)) {
        linear_config_free(copy);
    }
}

static void search_from(struct linear_search *search, const struct linear_config *config)
{
    uint64_t least_index;
    uint64_t first_end = search_first_end(search, config, &least_index);
    bool all_done = true;
    for (uint32_t i = 0; i < search->piece->op_count && !search->ran_out; i++) {
        const struct linear_op *op = &search->piece->ops[i];
        if (linear_bit(&config->done, i)) {
            continue;
        }
        all_done = false;
        if (op->begin > first_end) {
            break;
        }
        if (op->told.index == 0 || op->told.replayed || op->told.index <= least_index) {
            search_try(search, config, i, first_end);
        }
    }
    if (all_done) {
        search_end(search, config);
    }
}

enum linear_result linear_search(const struct linear_piece *piece,
                                 struct linear_config **out_configs,
                                 uint64_t *states_seen)
{
    struct linear_search *search = memory_zalloc(sizeof *search);
    enum linear_result result;
    search->piece = piece;
    for (const struct linear_config *from = piece->from; from != NULL;
         from = from->next) {
        struct linear_config *copy = config_copy(from);
        memset(&copy->done, 0, sizeof copy->done);
        search_go_on(search, copy);
    }
    for (size_t i = 0; i < LINEAR_CACHE_SLOTS; i++) {
        linear_configs_free(search->cache[i]);
    }
    *states_seen += search->states;
    result = search->ran_out        ? LINEAR_UNKNOWN
             : search->ends != NULL ? LINEAR_YES
                                    : LINEAR_NO;
    if (result != LINEAR_YES) {
        linear_configs_free(search->ends);
        search->ends = NULL;
    }
    *out_configs = search->ends;
    free(search);
    return result;
}
