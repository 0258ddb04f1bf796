/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SKU as a sequential object: levels by location and its open holds. The rules of
 * inventory.md, written down a second time and for one SKU: of an operation on several,
 * only what concerns this one; what another SKU may have decided is accepted.
 *
 * Expiry follows log time. Where it is not known when a hold was made (its maker was
 * never answered), its end lies between two times, and the caller looks at both sides.
 */
#ifndef SOUK_TESTS_SIM_CHECK_SKU_MODEL_H
#define SOUK_TESTS_SIM_CHECK_SKU_MODEL_H

#include <stddef.h>

#include "tests/sim/check/check.h"

enum {
    SKU_HOLDS_MAX = 512, /* open at once; above, the SKU is unknown */
};

struct sku_hold {
    struct history_hold_id id; /* {0, 0}: its maker was not answered */
    uint64_t source;           /* request of that maker */
    int64_t granted[CHECK_LOCATIONS_MAX];
    int64_t low_ms, high_ms; /* it ends in between, both included; equal when known */
    int64_t ttl_ms; /* high_ms rises to the next known log time and this; 0: it is set */
    uint64_t committed;
};

struct sku_state {
    int64_t log_ms;
    uint64_t index;
    int64_t buckets[CHECK_LOCATIONS_MAX][HISTORY_BUCKETS];
    uint64_t hold_count;
    struct sku_hold holds[];
};

size_t sku_state_bytes(uint64_t hold_count);
/* May the operation have been decided so in this state? Then `state`, which has room for
 * one hold more, is what it left. */
bool sku_model_told(struct sku_state *state, uint32_t sku,
                    const struct history_call *asked, const struct history_call *told);
/* An operation nobody knows the outcome of, if it was granted. `since_ms`: log time when
 * it was asked, at least. False: it would change nothing. */
bool sku_model_open(struct sku_state *state, uint32_t sku,
                    const struct history_call *asked, int64_t since_ms);
/* Log time moves on: ends what is due. False: `out_unsure` may or may not be due. */
bool sku_model_time(struct sku_state *state, int64_t log_ms, size_t *out_unsure);
/* A maker is answered late: its hold has a name now. */
void sku_model_bind(struct sku_state *state, uint64_t source,
                    const struct history_call *told);
const struct sku_hold *sku_model_hold(const struct sku_state *state,
                                      struct history_hold_id id);

#endif
