/* SPDX-License-Identifier: Apache-2.0 */
/* A client reads the details that some server, or something between, made up. */
#include <string.h>

#include "proto/rpc/rpc_status.h"
#include "shard/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rpc_status status, again;
    struct arena arena;
    struct slice bytes;
    enum status_code code;
    if (size == 0) {
        return 0;
    }
    code = (enum status_code)(data[0] % (STATUS_CODE_UNAUTHENTICATED + 1));
    arena_init(&arena, NULL, 0, 1 << 20);
    rpc_status_decode(code, slice_of(data, size < 8 ? size : 8),
                      slice_of(data + 1, size - 1), &arena, &status);
    ASSERT(status.message != NULL && status.reason != NULL);
    ASSERT((status.status == STATUS_OK) == (code == STATUS_CODE_OK));
    for (size_t i = 0; i < status.detail_count; i++) {
        ASSERT(strlen(status.details[i].key) + strlen(status.details[i].value) <= size);
    }
    bytes = rpc_status_encode(&status, &arena);
    ASSERT(bytes.size < RPC_STATUS_BYTES_MAX);
    if (bytes.size > 0) {
        rpc_status_decode(status_code(status.status), slice_of(NULL, 0), bytes, &arena,
                          &again);
        ASSERT(again.status == status.status);
    }
    arena_close(&arena);
    return 0;
}
