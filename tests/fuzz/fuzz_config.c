/* SPDX-License-Identifier: Apache-2.0 */
/* Any configuration file is taken or refused with one line; what is taken prints and reads
 * back the same. */
#include "server/node/config.h"

#include "shard/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings, back;
    struct config_error error;
    struct buffer first, second;
    settings_init(&settings);
    if (config_read_text(&settings, "f", slice_of(data, size), &error) != STATUS_OK) {
        ASSERT(memchr(error.text, '\0', sizeof error.text) != NULL);
        ASSERT(error.text[0] != '\0');
        return 0;
    }
    buffer_init(&first);
    buffer_init(&second);
    settings_init(&back);
    config_print(&settings, &first);
    ASSERT(config_read_text(&back, "f", buffer_slice(&first), &error) == STATUS_OK);
    config_print(&back, &second);
    ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    buffer_close(&first);
    buffer_close(&second);
    return 0;
}
