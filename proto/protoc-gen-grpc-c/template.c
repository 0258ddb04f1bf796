/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/protoc-gen-grpc-c/template.h"

#include <string.h>

#include "shard/base/assert.h"

void template_expand(struct buffer *out, const char *text,
                     const struct variables *variables)
{
    const char *dollar;
    while ((dollar = strchr(text, '$')) != NULL) {
        unsigned char letter = (unsigned char)dollar[1];
        buffer_append(out, text, (size_t)(dollar - text));
        text = dollar + 2;
        if (letter == '$') {
            buffer_append(out, "$", 1);
            continue;
        }
        ASSERT(letter > 0 && letter < 128);
        ASSERT(variables->values[letter] != NULL);
        buffer_append_slice(out, slice_from_string(variables->values[letter]));
    }
    buffer_append_slice(out, slice_from_string(text));
}
