/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key the next operation of a load takes: shared by the load generator and by the
 * peers it is compared with, so that all of them see the same skew.
 */
#ifndef SOUK_BENCH_LOAD_KEY_CHOICE_H
#define SOUK_BENCH_LOAD_KEY_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/rng.h"

enum key_choice_kind {
    KEY_CHOICE_UNIFORM,
    KEY_CHOICE_ZIPF, /* rank r with weight r^-theta; ranks are scattered over the keys */
    KEY_CHOICE_HOT,  /* always key 0 */
};

struct key_choice {
    enum key_choice_kind kind;
    uint64_t count;
    double theta;
    double zeta;
    double alpha;
    double eta;
};

/* "uniform", "zipf", "hot"; false for anything else. */
bool key_choice_parse(const char *name, enum key_choice_kind *out_kind);

/* `count` keys, 0 .. count-1; theta in (0, 1), 0.99 is usual. Costs O(count) for ZIPF. */
void key_choice_init(struct key_choice *choice, enum key_choice_kind kind, uint64_t count,
                     double theta);

/* Zipf after Gray et al., "Quickly generating billion-record synthetic databases",
 * SIGMOD 1994, as YCSB does. */
uint64_t key_choice_next(const struct key_choice *choice, struct rng *rng);

#endif
