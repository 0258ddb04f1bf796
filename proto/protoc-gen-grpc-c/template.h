/* SPDX-License-Identifier: Apache-2.0 */
/* Text with one-letter variables, "$M__reply"; "$$" is a dollar. One thread. */
#ifndef SOUK_PROTO_GENERATOR_TEMPLATE_H
#define SOUK_PROTO_GENERATOR_TEMPLATE_H

#include "shard/base/buffer.h"

struct variables {
    const char *values[128]; /* by letter; NULL is a mistake in the template (asserted) */
};

void template_expand(struct buffer *out, const char *text,
                     const struct variables *variables);

#endif
