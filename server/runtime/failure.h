/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way a node gives up. After a failed write or sync nobody knows what is on the
 * disk; going on could acknowledge what is lost, so the process ends at once, without
 * running anything else, and a restart reads what really is there. Any thread.
 */
#ifndef SOUK_SERVER_RUNTIME_FAILURE_H
#define SOUK_SERVER_RUNTIME_FAILURE_H

#include "shard/base/status.h"

/* Logs one line and ends with RUNTIME_EXIT_FAILED. `part` is "log", "state" or a shard's
 * name; errno, if set, is added. */
_Noreturn void runtime_fail(const char *part, const char *what, enum status status);

#endif
