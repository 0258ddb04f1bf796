/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "client/cli/import_job.h"
#include "shard/base/memory.h"

static enum command_exit import_run(struct import_job *job, const char *kind)
{
    static const char *const sets[] = {"sessions", "histories", "baskets"};
    for (unsigned i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (strcmp(kind, sets[i]) == 0) {
            return import_sets(job, kind);
        }
    }
    return strcmp(kind, "online-retail") == 0 ? import_retail(job)
                                              : import_souk(job, kind);
}

enum command_exit cli_import(struct cli *cli)
{
    const char *kind = strchr(cli->line.command->path, ' ') + 1;
    struct import_job *job;
    enum command_exit result = COMMAND_USAGE;
    job = memory_zalloc(sizeof *job);
    if (import_job_init(job, cli, cli_argument(cli, 0))) {
        result = cli_client(cli) != NULL ? import_run(job, kind) : COMMAND_USAGE;
        import_job_close(job);
    }
    free(job);
    return result;
}
