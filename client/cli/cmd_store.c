/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cli/cli.h"
#include "client/cli/store.h"

enum {
    STORE_PATH_BYTES = 4096,
};

static bool store_options_read(struct cli *cli, struct store_options *out)
{
    int64_t seed = 1, skus = STORE_SKUS_DEFAULT, customers = STORE_CUSTOMERS_DEFAULT,
            events = STORE_EVENTS_DEFAULT;
    if (!cli_option_number(cli, "seed", 0, INT64_MAX, &seed) ||
        !cli_option_number(cli, "skus", 1, STORE_SKUS_MAX, &skus) ||
        !cli_option_number(cli, "customers", 1, STORE_CUSTOMERS_MAX, &customers) ||
        !cli_option_number(cli, "events", 1, STORE_EVENTS_MAX, &events)) {
        return false;
    }
    *out = (struct store_options){(uint64_t)seed, (uint32_t)skus, (uint32_t)customers,
                                  (uint32_t)events};
    return true;
}

enum command_exit cli_demo_store(struct cli *cli)
{
    const char *folder = cli_argument(cli, 0);
    struct store_options options;
    json_t *files;
    if (!store_options_read(cli, &options)) {
        return COMMAND_USAGE;
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return cli_problem(cli, "%s: %s", folder, strerror(errno));
    }
    files = json_array();
    for (unsigned i = 0; i < STORE_FILES; i++) {
        const struct store_file *file = &store_files()[i];
        char path[STORE_PATH_BYTES];
        FILE *out;
        bool fine;
        snprintf(path, sizeof path, "%s/%s", folder, file->name);
        out = fopen(path, "we");
        if (out != NULL) {
            store_write(&options, i, out);
        }
        fine = out != NULL && !ferror(out);
        if ((out != NULL && fclose(out) != 0) || !fine) {
            json_decref(files);
            return cli_problem(cli, "%s: %s", path, strerror(errno));
        }
        json_array_append_new(files,
                              json_pack("{s:s,s:s}", "kind", file->kind, "path", path));
    }
    output_rows(&cli->output, "files",
                (const struct output_column[]){{"KIND", "kind", false},
                                               {"FILE", "path", false},
                                               {NULL, NULL, false}},
                files, NULL);
    return COMMAND_OK;
}
