/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "shard/raft/raft_private.h"

enum {
    TRACE_LINE_BYTES = 200,
};

/* "REPLICA tTERM what was decided" */
void raft_trace_line(const struct raft *raft, const char *format, ...)
{
    char line[TRACE_LINE_BYTES];
    va_list arguments;
    int used =
        snprintf(line, sizeof line, "%llu t%llu ", (unsigned long long)raft->replica_id,
                 (unsigned long long)raft->term);
    va_start(arguments, format);
    vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    va_end(arguments);
    raft->trace.line(raft->trace.context, line);
}
