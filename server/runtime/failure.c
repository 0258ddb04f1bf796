/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/failure.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server/runtime/runtime.h"
#include "shard/base/log.h"

_Noreturn void runtime_fail(const char *part, const char *what, enum status status)
{
    int error = errno;
    char words[128] = "";
    if (error != 0) {
        const char *text = strerror_r(error, words, sizeof words);
        if (text != words) {
            strncpy(words, text, sizeof words - 1);
        }
    }
    log_event(LOG_ERROR, "stopping: nothing more can be made durable",
              LOG_STRING("part", part), LOG_STRING("what", what), LOG_STATUS(status),
              LOG_STRING("error", words));
    _exit(RUNTIME_EXIT_FAILED);
}
