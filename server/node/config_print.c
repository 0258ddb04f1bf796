/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "server/node/config.h"

static const size_t config_offsets[] = {
#define CONFIG_NUMBER_OFFSET(name, value, least, most, unit, help)                       \
    offsetof(struct settings, name),
#define CONFIG_STRING_OFFSET(name, value, choices, help) offsetof(struct settings, name),
    SETTING_TABLE(CONFIG_NUMBER_OFFSET, CONFIG_STRING_OFFSET)
#undef CONFIG_NUMBER_OFFSET
#undef CONFIG_STRING_OFFSET
};

static void config_say(struct buffer *out, const char *text)
{
    buffer_append_slice(out, slice_from_string(text));
}

static void config_print_range(const struct setting_info *info, char *out, size_t size)
{
    if (info->is_string) {
        snprintf(out, size, "%s", info->choices[0] ? info->choices : "text");
    } else {
        snprintf(out, size, "%lld..%lld%s%s", (long long)info->least,
                 (long long)info->most, info->unit[0] ? " " : "", info->unit);
    }
}

void config_print_help(struct buffer *out)
{
    char line[1024], range[256];
    config_say(
        out,
        "soukd: a node of a Souk store.\n\n"
        "    soukd --dir DIR [--port N] [--config FILE] [--SETTING VALUE ...]\n\n"
        "  --config FILE     settings as YAML, one 'name: value' per line; flags win\n"
        "  --print-config    print the settings in effect as such a file, and exit\n"
        "  --version         print the version, and exit\n"
        "  --help            print this, and exit\n\n"
        "Settings:\n");
    for (unsigned i = 0; i < setting_count(); i++) {
        const struct setting_info *info = setting_info(i);
        char flag[64];
        snprintf(flag, sizeof flag, "%s", info->name);
        for (char *c = flag; *c; c++) {
            *c = *c == '_' ? '-' : *c;
        }
        config_print_range(info, range, sizeof range);
        snprintf(line, sizeof line, "  --%-28s %s\n%33s%s; default %s\n", flag,
                 info->help, "", range,
                 info->default_text[0] ? info->default_text : "none");
        config_say(out, line);
    }
    config_say(out,
               "\nSIGTERM or SIGINT stops it in order; a second one stops it at once.\n"
               "Ports in use stand in DIR/ports.json.\n");
}

/* A plain YAML double-quoted scalar. */
static void config_print_text(struct buffer *out, const char *text)
{
    config_say(out, "\"");
    for (; *text; text++) {
        char escaped[8];
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", c);
        } else if (c < ' ') {
            snprintf(escaped, sizeof escaped, "\\x%02x", c);
        } else {
            snprintf(escaped, sizeof escaped, "%c", c);
        }
        config_say(out, escaped);
    }
    config_say(out, "\"");
}

void config_print(const struct settings *settings, struct buffer *out)
{
    config_say(out, "# Settings of a Souk node; see soukd --help.\n");
    for (unsigned i = 0; i < setting_count(); i++) {
        const struct setting_info *info = setting_info(i);
        const char *member = (const char *)settings + config_offsets[i];
        char line[1024], range[256];
        config_print_range(info, range, sizeof range);
        snprintf(line, sizeof line, "\n# %s (%s)\n%s: ", info->help, range, info->name);
        config_say(out, line);
        if (info->is_string) {
            config_print_text(out, member);
        } else {
            int64_t number;
            memcpy(&number, member, sizeof number);
            snprintf(line, sizeof line, "%lld", (long long)number);
            config_say(out, line);
        }
        config_say(out, "\n");
    }
}
