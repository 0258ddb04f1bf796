/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "client/cli/import_job.h"
#include "shard/base/memory.h"

enum command_exit cli_import(struct cli *cli)
{
    const char *kind = strchr(cli->line.command->path, ' ') + 1;
    struct import_job *job;
    enum command_exit result = COMMAND_USAGE;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    job = memory_zalloc(sizeof *job);
    if (import_job_init(job, cli, cli_argument(cli, 0))) {
        result = strcmp(kind, "online-retail") == 0 ? import_retail(job)
                                                    : import_souk(job, kind);
        import_job_close(job);
    }
    free(job);
    return result;
}
