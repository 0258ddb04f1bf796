/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shard/base/setting.h"

enum {
    PORTS_PATH_BYTES = SETTING_STRING_BYTES_MAX + 64,
};

static void ports_path(char *out, const char *dir, const char *name)
{
    snprintf(out, PORTS_PATH_BYTES, "%s/%s", dir, name);
}

enum status ports_write(const char *dir, uint16_t client, uint16_t peer, uint16_t admin,
                        struct problem *problem)
{
    char fresh[PORTS_PATH_BYTES], path[PORTS_PATH_BYTES];
    char peer_text[8];
    FILE *file;
    bool written;
    ports_path(fresh, dir, "ports.json.new");
    ports_path(path, dir, "ports.json");
    file = fopen(fresh, "we");
    snprintf(peer_text, sizeof peer_text, "%u", peer);
    written =
        file != NULL && fprintf(file, "{\"client\": %u, \"peer\": %s, \"admin\": %u}\n",
                                client, peer != 0 ? peer_text : "null", admin) > 0;
    if (file != NULL && fclose(file) != 0) {
        written = false;
    }
    if (!written || rename(fresh, path) != 0) {
        return problem_set(problem, STATUS_IO, "dir", "cannot write %.100s: %s", path,
                           strerror(errno));
    }
    return STATUS_OK;
}

void ports_remove(const char *dir)
{
    char path[PORTS_PATH_BYTES];
    ports_path(path, dir, "ports.json");
    (void)unlink(path);
}
