/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check/sku_model.h"

#include <string.h>

size_t sku_state_bytes(uint64_t hold_count)
{
    return sizeof(struct sku_state) + hold_count * sizeof(struct sku_hold);
}

static struct sku_hold *model_find(struct sku_state *state, struct history_hold_id id)
{
    for (uint64_t i = 0; i < state->hold_count; i++) {
        if (state->holds[i].id.anchor == id.anchor &&
            state->holds[i].id.unique == id.unique && (id.anchor | id.unique) != 0) {
            return &state->holds[i];
        }
    }
    return NULL;
}

const struct sku_hold *sku_model_hold(const struct sku_state *state,
                                      struct history_hold_id id)
{
    for (uint64_t i = 0; i < state->hold_count; i++) {
        if (state->holds[i].id.anchor == id.anchor &&
            state->holds[i].id.unique == id.unique && (id.anchor | id.unique) != 0) {
            return &state->holds[i];
        }
    }
    return NULL;
}

/* Holds stand in one order, so that equal states are equal bytes. */
static bool model_before(const struct sku_hold *a, const struct sku_hold *b)
{
    if (a->id.anchor != b->id.anchor) {
        return a->id.anchor < b->id.anchor;
    }
    return a->id.unique != b->id.unique ? a->id.unique < b->id.unique
                                        : a->source < b->source;
}

static void model_insert(struct sku_state *state, const struct sku_hold *hold)
{
    struct sku_hold copy = *hold;
    uint64_t place = state->hold_count;
    while (place > 0 && model_before(&copy, &state->holds[place - 1])) {
        state->holds[place] = state->holds[place - 1];
        place--;
    }
    state->holds[place] = copy;
    state->hold_count++;
}

static void model_remove(struct sku_state *state, struct sku_hold *hold)
{
    size_t place = (size_t)(hold - state->holds);
    memmove(hold, hold + 1, (state->hold_count - place - 1) * sizeof *hold);
    state->hold_count--;
}

/* Units of the hold leave and enter buckets at each of its locations. */
static void model_move(struct sku_state *state, const struct sku_hold *hold, int held,
                       int committed, int on_hand)
{
    for (unsigned i = 0; i < CHECK_LOCATIONS_MAX; i++) {
        state->buckets[i][HISTORY_HELD] += held * hold->granted[i];
        state->buckets[i][HISTORY_COMMITTED] += committed * hold->granted[i];
        state->buckets[i][HISTORY_ON_HAND] += on_hand * hold->granted[i];
    }
}

bool sku_model_time(struct sku_state *state, int64_t log_ms, size_t *out_unsure)
{
    uint64_t i = 0;
    while (i < state->hold_count) {
        struct sku_hold *hold = &state->holds[i];
        if (hold->ttl_ms != 0) {
            hold->high_ms = log_ms + hold->ttl_ms > hold->high_ms ? log_ms + hold->ttl_ms
                                                                  : hold->high_ms;
            hold->ttl_ms = 0;
        }
        if (hold->committed || hold->low_ms > log_ms) {
            i++;
        } else if (hold->high_ms > log_ms) {
            *out_unsure = (size_t)i;
            return false;
        } else {
            model_move(state, hold, -1, 0, 0);
            model_remove(state, hold);
        }
    }
    state->log_ms = log_ms > state->log_ms ? log_ms : state->log_ms;
    return true;
}

void sku_model_bind(struct sku_state *state, uint64_t source,
                    const struct history_call *told)
{
    for (uint64_t i = 0; i < state->hold_count; i++) {
        struct sku_hold hold = state->holds[i];
        if (hold.source == source && (hold.id.anchor | hold.id.unique) == 0 &&
            told->has_hold) {
            model_remove(state, &state->holds[i]);
            hold.id = told->hold;
            hold.source = 0;
            hold.low_ms = hold.high_ms = told->expire_ms;
            hold.ttl_ms = 0;
            model_insert(state, &hold);
            return;
        }
    }
}

static int64_t model_room(const struct sku_state *state, unsigned location)
{
    const int64_t *b = state->buckets[location];
    int64_t room = b[HISTORY_ON_HAND] - b[HISTORY_HELD] - b[HISTORY_COMMITTED] -
                   b[HISTORY_DAMAGED] - b[HISTORY_QUALITY_CONTROL] -
                   b[HISTORY_SAFETY_STOCK];
    return room > 0 ? room : 0;
}

static unsigned model_bucket(const struct history_call *asked)
{
    return asked->bucket == 0 ? HISTORY_ON_HAND : (unsigned)asked->bucket;
}

static bool model_shows(const struct sku_state *state, const struct history_call *asked,
                        const struct history_call *told)
{
    const int64_t *b = state->buckets[asked->location];
    return !told->has_level ||
           memcmp(b + 1, told->buckets + 1, (HISTORY_BUCKETS - 1) * sizeof *b) == 0;
}

static bool model_adjust(struct sku_state *state, const struct history_call *asked,
                         const struct history_call *told)
{
    int64_t *bucket = &state->buckets[asked->location][model_bucket(asked)];
    int64_t after;
    bool over = __builtin_add_overflow(*bucket, asked->quantity, &after);
    if (told->status == STATUS_OK) {
        if (over || after < 0) {
            return false;
        }
        *bucket = after;
        return model_shows(state, asked, told);
    }
    if (told->status == STATUS_INSUFFICIENT_STOCK) {
        return !over && after < 0;
    }
    return told->status != STATUS_QUANTITY_OVERFLOW || over;
}

static bool model_set(struct sku_state *state, const struct history_call *asked,
                      const struct history_call *told)
{
    int64_t *b = state->buckets[asked->location];
    bool differs = asked->has_expected && asked->expected != b[HISTORY_ON_HAND];
    if (told->status == STATUS_OK) {
        if (differs) {
            return false;
        }
        b[model_bucket(asked)] = asked->quantity;
        return model_shows(state, asked, told);
    }
    return told->status != STATUS_STOCK_COMPARE_FAILED ||
           (differs && model_shows(state, asked, told));
}

/* What is promised does not leave; units neither come from nowhere nor go there. */
static bool model_transfer(struct sku_state *state, const struct history_call *asked,
                           const struct history_call *told)
{
    int64_t *from = state->buckets[asked->location];
    int64_t *to = &state->buckets[asked->to_location][HISTORY_ON_HAND];
    int64_t free = from[HISTORY_ON_HAND] - from[HISTORY_DAMAGED] -
                   from[HISTORY_QUALITY_CONTROL] - from[HISTORY_HELD] -
                   from[HISTORY_COMMITTED];
    if (told->status == STATUS_OK) {
        if (asked->quantity > free || asked->location == asked->to_location) {
            return false;
        }
        from[HISTORY_ON_HAND] -= asked->quantity;
        *to += asked->quantity;
        return model_shows(state, asked, told);
    }
    return told->status != STATUS_INSUFFICIENT_STOCK || asked->quantity > free;
}

/* Sums the lines of this SKU; false when the outcome may depend on what is not in them:
 * other SKUs, or a location that the shard picks. */
static bool model_wanted(const struct history_call *asked, uint32_t sku,
                         int64_t out_wanted[CHECK_LOCATIONS_MAX])
{
    bool alone = true;
    memset(out_wanted, 0, CHECK_LOCATIONS_MAX * sizeof *out_wanted);
    for (uint32_t i = 0; i < asked->line_count; i++) {
        if (asked->lines[i].sku != sku || asked->lines[i].location == HISTORY_NOWHERE) {
            alone = false;
        } else {
            out_wanted[asked->lines[i].location] += asked->lines[i].quantity;
        }
    }
    return alone;
}

static bool model_refused(const struct sku_state *state, const struct history_call *asked,
                          uint32_t sku)
{
    int64_t wanted[CHECK_LOCATIONS_MAX];
    bool short_of = false, any = false;
    if (!model_wanted(asked, sku, wanted)) {
        return true;
    }
    for (unsigned i = 0; i < CHECK_LOCATIONS_MAX; i++) {
        short_of = short_of || wanted[i] > model_room(state, i);
        any = any || (wanted[i] > 0 && model_room(state, i) > 0);
    }
    return short_of && !(asked->best_effort && any);
}

static bool model_granted(const struct sku_state *state, const struct history_call *asked,
                          const struct sku_hold *hold, uint32_t sku)
{
    int64_t wanted[CHECK_LOCATIONS_MAX];
    bool placed = model_wanted(asked, sku, wanted);
    for (unsigned i = 0; i < CHECK_LOCATIONS_MAX; i++) {
        int64_t room = model_room(state, i);
        int64_t fair = !asked->best_effort || wanted[i] < room ? wanted[i] : room;
        if (hold->granted[i] > room || (placed && hold->granted[i] != fair)) {
            return false;
        }
    }
    return true;
}

static bool model_create(struct sku_state *state, const struct history_call *asked,
                         const struct history_call *told, uint32_t sku)
{
    struct sku_hold hold = {
        .id = told->hold, .low_ms = told->expire_ms, .high_ms = told->expire_ms};
    if (told->status == STATUS_INSUFFICIENT_STOCK) {
        return model_refused(state, asked, sku);
    }
    if (told->status != STATUS_OK) {
        return true;
    }
    for (uint32_t i = 0; i < told->line_count; i++) {
        if (told->lines[i].sku == sku && told->lines[i].location < CHECK_LOCATIONS_MAX) {
            hold.granted[told->lines[i].location] += told->lines[i].granted;
        }
    }
    if (!model_granted(state, asked, &hold, sku) || model_find(state, hold.id) != NULL) {
        return false;
    }
    model_insert(state, &hold);
    model_move(state, &hold, 1, 0, 0);
    return true;
}

static bool model_may_fulfil(const struct sku_state *state, const struct sku_hold *hold)
{
    for (unsigned i = 0; i < CHECK_LOCATIONS_MAX; i++) {
        if (hold->granted[i] > state->buckets[i][HISTORY_ON_HAND]) {
            return false;
        }
    }
    return true;
}

/* What an OK to each call means for a hold that is open. */
static bool model_change_done(struct sku_state *state, struct sku_hold *hold,
                              const struct history_call *asked,
                              const struct history_call *told)
{
    switch ((unsigned)asked->op) {
    case HISTORY_OP_HOLD_EXTEND:
        if (hold->committed || told->expire_ms < hold->low_ms) {
            return false;
        }
        hold->low_ms = hold->high_ms = told->expire_ms;
        hold->ttl_ms = 0;
        return true;
    case HISTORY_OP_HOLD_COMMIT:
        if (!hold->committed) {
            model_move(state, hold, -1, 1, 0);
            hold->committed = 1;
            hold->low_ms = hold->high_ms = hold->ttl_ms = 0; /* no more of a difference */
        }
        return true;
    case HISTORY_OP_HOLD_RELEASE:
        if (hold->committed) {
            return false;
        }
        model_move(state, hold, -1, 0, 0);
        break;
    case HISTORY_OP_HOLD_FULFIL:
        if (!hold->committed || !model_may_fulfil(state, hold)) {
            return false;
        }
        model_move(state, hold, 0, -1, -1);
        break;
    case HISTORY_OP_HOLD_CANCEL:
        if (!hold->committed) {
            return false;
        }
        model_move(state, hold, 0, -1, 0);
        break;
    default:
        return true;
    }
    model_remove(state, hold);
    return true;
}

static bool model_change(struct sku_state *state, const struct history_call *asked,
                         const struct history_call *told)
{
    struct sku_hold *hold = model_find(state, asked->hold);
    switch ((unsigned)told->status) {
    case STATUS_OK:
        if (hold == NULL) { /* done before, so it has ended; or it never was open */
            return asked->op != HISTORY_OP_HOLD_COMMIT &&
                   asked->op != HISTORY_OP_HOLD_EXTEND;
        }
        return model_change_done(state, hold, asked, told);
    case STATUS_HOLD_ALREADY_COMMITTED:
        return hold != NULL && hold->committed;
    case STATUS_HOLD_NOT_COMMITTED:
    case STATUS_QUANTITY_LIMIT:
        return hold != NULL && !hold->committed;
    case STATUS_HOLD_EXPIRED:
    case STATUS_HOLD_ALREADY_RELEASED:
    case STATUS_HOLD_ALREADY_FULFILLED:
    case STATUS_HOLD_ALREADY_CANCELLED:
        return hold == NULL;
    case STATUS_INSUFFICIENT_STOCK: /* perhaps for its lines of another SKU */
        return hold != NULL && hold->committed;
    default:
        return true;
    }
}

static bool model_hold_read(struct sku_state *state, const struct history_call *asked,
                            const struct history_call *told)
{
    const struct sku_hold *hold = model_find(state, asked->hold);
    if (told->status != STATUS_OK || !told->has_hold) {
        return true;
    }
    if (told->hold_state == HISTORY_HOLD_HELD) {
        return hold != NULL && !hold->committed && told->expire_ms >= hold->low_ms &&
               (hold->ttl_ms != 0 || told->expire_ms <= hold->high_ms);
    }
    return told->hold_state == HISTORY_HOLD_COMMITTED ? hold != NULL && hold->committed
                                                      : hold == NULL;
}

bool sku_model_told(struct sku_state *state, uint32_t sku,
                    const struct history_call *asked, const struct history_call *told)
{
    switch (asked->op) {
    case HISTORY_OP_ADJUST:
        return model_adjust(state, asked, told);
    case HISTORY_OP_SET:
        return model_set(state, asked, told);
    case HISTORY_OP_MOVE:
        return model_transfer(state, asked, told);
    case HISTORY_OP_HOLD_CREATE:
        return model_create(state, asked, told, sku);
    case HISTORY_OP_READ_LEVEL:
        return told->status != STATUS_OK || model_shows(state, asked, told);
    case HISTORY_OP_READ_HOLD:
        return model_hold_read(state, asked, told);
    case HISTORY_OP_HOLD_EXTEND:
    case HISTORY_OP_HOLD_COMMIT:
    case HISTORY_OP_HOLD_RELEASE:
    case HISTORY_OP_HOLD_FULFIL:
    case HISTORY_OP_HOLD_CANCEL:
        return model_change(state, asked, told);
    case HISTORY_OP_RECOMMEND:
    case HISTORY_OP_MULTI_CREATE:
    case HISTORY_OP_MULTI_EXTEND:
    case HISTORY_OP_MULTI_COMMIT:
    case HISTORY_OP_MULTI_RELEASE:
    case HISTORY_OP_MULTI_FULFIL:
    case HISTORY_OP_MULTI_CANCEL:
    case HISTORY_OP_OTHER:
    case HISTORY_OPS:
        break;
    }
    return true;
}

static bool model_open_create(struct sku_state *state, const struct history_call *asked,
                              uint32_t sku, int64_t since_ms)
{
    struct sku_hold hold = {.source = asked->request,
                            .low_ms = since_ms + asked->ttl_ms,
                            .high_ms = since_ms + asked->ttl_ms,
                            .ttl_ms = asked->ttl_ms};
    int64_t wanted[CHECK_LOCATIONS_MAX];
    (void)model_wanted(asked, sku, wanted);
    for (unsigned i = 0; i < CHECK_LOCATIONS_MAX; i++) {
        int64_t room = model_room(state, i);
        hold.granted[i] = asked->best_effort && wanted[i] > room ? room : wanted[i];
        if (wanted[i] > room && !asked->best_effort) {
            return false;
        }
    }
    model_insert(state, &hold);
    model_move(state, &hold, 1, 0, 0);
    return true;
}

bool sku_model_open(struct sku_state *state, uint32_t sku,
                    const struct history_call *asked, int64_t since_ms)
{
    struct history_call granted = {.status = STATUS_OK};
    struct sku_hold *hold;
    if (asked->op == HISTORY_OP_HOLD_CREATE) {
        return model_open_create(state, asked, sku, since_ms);
    }
    if (asked->op == HISTORY_OP_ADJUST || asked->op == HISTORY_OP_SET ||
        asked->op == HISTORY_OP_MOVE) {
        return sku_model_told(state, sku, asked, &granted);
    }
    hold = model_find(state, asked->hold);
    if (hold == NULL) {
        return false;
    }
    if (asked->op == HISTORY_OP_HOLD_EXTEND) {
        if (hold->committed) {
            return false;
        }
        /* at least as long as it was */
        hold->ttl_ms = asked->ttl_ms > hold->ttl_ms ? asked->ttl_ms : hold->ttl_ms;
        return true;
    }
    if (asked->op == HISTORY_OP_HOLD_COMMIT && hold->committed) {
        return false;
    }
    return model_change_done(state, hold, asked, &granted);
}
