/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/mutant.h"

#include "tests/lib/test.h"

TEST(mutant, sleeps_until_picked_and_is_absent_from_a_release)
{
#define EXPECT_ASLEEP(identifier, text) EXPECT(!MUTANT(identifier));
    MUTANT_TABLE(EXPECT_ASLEEP)
#undef EXPECT_ASLEEP
#ifdef SOUK_MUTANTS
    EXPECT(!mutant_pick("no_such_fault") && !MUTANT(no_expiry));
    EXPECT(mutant_pick("no_expiry") && MUTANT(no_expiry) && !MUTANT(no_decrement));
#endif
}
