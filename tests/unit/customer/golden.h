/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that later versions must still read, kept below tests/golden. With
 * SOUK_GOLDEN_WRITE=1 in the environment a missing file is written; one that is there is
 * never replaced.
 */
#ifndef SOUK_TESTS_UNIT_CUSTOMER_GOLDEN_H
#define SOUK_TESTS_UNIT_CUSTOMER_GOLDEN_H

#include "tests/lib/test.h"

static inline void golden_expect(const char *path, struct slice bytes)
{
    uint8_t wanted[4096];
    FILE *file = fopen(test_source(path), "rb");
    if (file == NULL && getenv("SOUK_GOLDEN_WRITE") != NULL) {
        file = fopen(test_source(path), "wb");
        EXPECT(file != NULL);
        EXPECT(fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
        EXPECT(fclose(file) == 0);
        return;
    }
    if (file == NULL) {
        test_fail(__FILE__, __LINE__, "%s is missing", path);
    }
    size_t size = fread(wanted, 1, sizeof wanted, file);
    fclose(file);
    if (!slice_equal(slice_of(wanted, size), bytes)) {
        test_fail(__FILE__, __LINE__,
                  "%s (%zu bytes) differs from what is written now "
                  "(%zu bytes)",
                  path, size, bytes.size);
    }
}

#endif
