/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node's settings come from: the defaults of SETTING_TABLE, then a YAML file of
 * `name: value` lines, then flags (--log-level debug). Whatever is not understood is an
 * error that says where it stands and what is meant to stand there.
 *
 * Used by the program before any other thread.
 */
#ifndef SOUK_SERVER_NODE_CONFIG_H
#define SOUK_SERVER_NODE_CONFIG_H

#include <stdbool.h>

#include "shard/base/buffer.h"
#include "shard/base/setting.h"
#include "shard/base/status.h"

enum {
    CONFIG_ERROR_BYTES = 1024,
    CONFIG_FILE_BYTES_MAX = 1 << 20,
};

/* One line for a person, e.g. "soukd.yaml:3:1: unknown key 'prot'; did you mean 'port'?" */
struct config_error {
    char text[CONFIG_ERROR_BYTES];
};

struct config_flags {
    bool help;
    bool version;
    bool print_config;
};

/* Reads a YAML file into the settings. INVALID with a position, NOT_FOUND, IO. */
MUST_USE enum status config_read_file(struct settings *settings, const char *path,
                                      struct config_error *error);
/* The same from memory; `name` stands in messages. */
MUST_USE enum status config_read_text(struct settings *settings, const char *name,
                                      struct slice text, struct config_error *error);
/* Flags as "--name value" or "--name=value"; --config is read first, wherever it stands. */
MUST_USE enum status config_read_flags(struct settings *settings, int argc,
                                       char *const argv[], struct config_flags *out_flags,
                                       struct config_error *error);

/* The name of the setting closest to what was written; NULL when none is close. */
const char *config_nearest(const char *name);

/* Both generated from SETTING_TABLE. */
void config_print_help(struct buffer *out);
/* A YAML file that sets everything to what it is now, with a comment per setting. */
void config_print(const struct settings *settings, struct buffer *out);

#endif
