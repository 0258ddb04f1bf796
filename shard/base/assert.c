/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *file, int line, const char *function,
                             const char *condition)
{
    fprintf(stderr, "level=fatal msg=\"assertion failed\" at=%s:%d in=%s cond=\"%s\"\n",
            file, line, function, condition);
    abort();
}
