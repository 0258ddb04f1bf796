/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/mutant.h"

#ifdef SOUK_MUTANTS
#include <string.h>

static enum mutant mutant_picked = MUTANT_COUNT;

bool mutant_pick(const char *name)
{
    static const char *const names[] = {
#define MUTANT_NAME(identifier, text) #identifier,
        MUTANT_TABLE(MUTANT_NAME)
#undef MUTANT_NAME
    };
    for (unsigned i = 0; i < MUTANT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            mutant_picked = (enum mutant)i;
            return true;
        }
    }
    return false;
}

bool mutant_active(enum mutant mutant)
{
    return mutant_picked == mutant;
}
#endif
