/* SPDX-License-Identifier: Apache-2.0 */
/* Which operations a load is made of, and how often each: "reserve=9,read=1". */
#ifndef SOUK_BENCH_LOAD_MIX_H
#define SOUK_BENCH_LOAD_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/rng.h"

enum load_kind {
    LOAD_RESERVE, /* CreateHold of one unit; BatchCreateHolds */
    LOAD_ADJUST,  /* AdjustStock by one unit; BatchAdjustStock */
    LOAD_READ,    /* GetStockLevel; BatchGetStockLevels */
    LOAD_RECOMMEND,
    LOAD_EVENT, /* RecordEvents: views */
    LOAD_KINDS,
};

enum {
    MIX_WEIGHT_MAX = 1000000,
};

struct mix {
    uint32_t weights[LOAD_KINDS];
    uint32_t total;
};

/* "reserve" for LOAD_RESERVE; static storage. */
const char *load_kind_name(enum load_kind kind);
/* False when it does not parse, names a kind twice, or weighs nothing. */
bool mix_parse(const char *text, struct mix *out_mix);
enum load_kind mix_next(const struct mix *mix, struct rng *rng);

#endif
