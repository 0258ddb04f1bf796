/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/import_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

void import_flow_init(struct import_flow *flow, unsigned shard_count)
{
    memset(flow, 0, sizeof *flow);
    flow->shard_count = shard_count;
    flow->chains = memory_zalloc((shard_count + 1) * sizeof *flow->chains);
}

void import_flow_close(struct import_flow *flow)
{
    if (flow != NULL) {
        free(flow->chains);
        flow->chains = NULL;
    }
}

enum status import_flow_line(struct import_flow *flow, unsigned row, uint64_t line,
                             struct problem *problem)
{
    char field[64];
    if (line <= flow->last_line) {
        snprintf(field, sizeof field, "batch.rows[%u].line", row);
        return problem_set(problem, STATUS_INVALID, field,
                           "line %llu does not follow line %llu; the rows of a stream "
                           "come in growing order, from 1",
                           (unsigned long long)line, (unsigned long long)flow->last_line);
    }
    flow->last_line = line;
    return STATUS_OK;
}

uint64_t import_flow_chain(struct import_flow *flow, unsigned shard, uint64_t line)
{
    uint64_t previous;
    ASSERT(shard < flow->shard_count);
    previous = flow->chains[shard];
    ASSERT(line > previous);
    flow->chains[shard] = line;
    return previous;
}
