/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/key_choice.h"

#include <math.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"

bool key_choice_parse(const char *name, enum key_choice_kind *out_kind)
{
    static const char *const names[] = {"uniform", "zipf", "hot"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out_kind = (enum key_choice_kind)i;
            return true;
        }
    }
    return false;
}

void key_choice_init(struct key_choice *choice, enum key_choice_kind kind, uint64_t count,
                     double theta)
{
    ASSERT(count > 0);
    ASSERT(theta > 0 && theta < 1);
    *choice = (struct key_choice){.kind = kind, .count = count, .theta = theta};
    if (kind != KEY_CHOICE_ZIPF) {
        return;
    }
    for (uint64_t rank = 1; rank <= count; rank++) {
        choice->zeta += 1.0 / pow((double)rank, theta);
    }
    choice->alpha = 1.0 / (1.0 - theta);
    choice->eta = (1.0 - pow(2.0 / (double)count, 1.0 - theta)) /
                  (1.0 - (1.0 + pow(0.5, theta)) / choice->zeta);
}

static uint64_t key_choice_rank(const struct key_choice *choice, double chance)
{
    double scaled = chance * choice->zeta;
    double rank;
    if (scaled < 1.0) {
        return 0;
    }
    if (scaled < 1.0 + pow(0.5, choice->theta)) {
        return choice->count > 1 ? 1 : 0;
    }
    rank = (double)choice->count *
           pow(choice->eta * chance - choice->eta + 1.0, choice->alpha);
    return rank < (double)choice->count ? (uint64_t)rank : choice->count - 1;
}

uint64_t key_choice_next(const struct key_choice *choice, struct rng *rng)
{
    switch (choice->kind) {
    case KEY_CHOICE_UNIFORM:
        return rng_below(rng, choice->count);
    case KEY_CHOICE_ZIPF:
        return hash_mix(key_choice_rank(choice, rng_unit(rng)) + 1) % choice->count;
    case KEY_CHOICE_HOT:
        return 0;
    }
    UNREACHABLE();
}
