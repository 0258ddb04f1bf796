/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there an order of one SKU's operations that a sequential SKU could have answered so?
 *
 * The search of Wing and Gong ("Testing and verifying concurrent objects", 1993): any
 * operation that no other one precedes may come first; with the caching of Lowe ("Testing
 * for linearizability", 2017): what is done and the state decide what can follow, so each
 * such pair is looked at once. It finds every state that the operations may leave, so that
 * a history can be cut where nobody waits and searched in pieces.
 *
 * Three things keep it small, and none can hide a violation that is one nor make one up:
 *  - a stamp names the log index of its answer, so operations go in the order of stamps;
 *  - an open operation (outcome unknown) is tried only where an answer is not possible
 *    without it, or where its place matters (a set beside a fulfilment; a commit or an
 *    extension beside an expiry); elsewhere it can as well come later;
 *  - of two equal states the one with more operations still open can do all that the
 *    other can, since no open one ever has to happen.
 */
#ifndef SOUK_TESTS_SIM_CHECK_LINEAR_SEARCH_H
#define SOUK_TESTS_SIM_CHECK_LINEAR_SEARCH_H

#include "tests/sim/check/sku_model.h"

enum {
    LINEAR_OPS_MAX = 512,  /* of one piece */
    LINEAR_OPEN_MAX = 512, /* open operations of one SKU */
    LINEAR_WORDS = 8,
    LINEAR_NO_SLOT = -1,
    LINEAR_SLOT_GONE = -2, /* applied in every state that is left */
};

struct linear_bits {
    uint64_t words[LINEAR_WORDS];
};

struct linear_op {
    struct history_call asked, told;
    uint64_t begin, end; /* order of events; UINT64_MAX: open */
    int64_t since_ms;    /* log time when it was asked, at least */
    int slot;            /* the open operation that it asks again */
};

/* One state that the pieces before may have left. */
struct linear_config {
    struct linear_config *next;
    struct linear_bits open; /* open operations that have not happened */
    uint64_t hash;           /* of the state and what is done */
    struct linear_bits done;
    struct sku_state *state;
};

struct linear_piece {
    uint32_t sku;
    const struct linear_op *ops;
    uint32_t op_count;
    struct linear_op *const *open; /* LINEAR_OPEN_MAX slots */
    const struct linear_config *from;
    uint32_t states_max;
};

enum linear_result {
    LINEAR_YES,
    LINEAR_NO,
    LINEAR_UNKNOWN,
};

/* `out_configs` is freed with linear_configs_free; empty unless YES. */
enum linear_result linear_search(const struct linear_piece *piece,
                                 struct linear_config **out_configs,
                                 uint64_t *states_seen);
void linear_configs_free(struct linear_config *configs);
struct linear_config *linear_config_new(const struct sku_state *state,
                                        const struct linear_bits *open);

static inline bool linear_bit(const struct linear_bits *bits, unsigned i)
{
    return bits->words[i / 64] >> i % 64 & 1;
}
static inline void linear_bit_set(struct linear_bits *bits, unsigned i)
{
    bits->words[i / 64] |= UINT64_C(1) << i % 64;
}
static inline void linear_bit_clear(struct linear_bits *bits, unsigned i)
{
    bits->words[i / 64] &= ~(UINT64_C(1) << i % 64);
}

#endif
