/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/protoc-gen-grpc-c/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shard/base/assert.h"

static void name_append(struct name *name, size_t *length, char letter)
{
    ASSERT(*length + 1 < sizeof name->text);
    name->text[(*length)++] = letter;
    name->text[*length] = '\0';
}

struct name name_of_type(const char *full_name)
{
    struct name name = {""};
    size_t length = 0;
    bool next_is_upper = true;
    for (const char *c = full_name + (*full_name == '.'); *c != '\0'; c++) {
        if (*c == '.') {
            name_append(&name, &length, '_');
            name_append(&name, &length, '_');
            next_is_upper = true;
        } else if (*c == '_') {
            next_is_upper = true;
        } else {
            name_append(&name, &length,
                        next_is_upper ? (char)toupper((unsigned char)*c) : *c);
            next_is_upper = false;
        }
    }
    return name;
}

struct name name_lower(const char *full_name)
{
    struct name name = {""};
    size_t length = 0;
    bool was_upper = true;
    for (const char *c = full_name + (*full_name == '.'); *c != '\0'; c++) {
        bool is_upper = isupper((unsigned char)*c) != 0;
        if (*c == '.') {
            name_append(&name, &length, '_');
            name_append(&name, &length, '_');
            was_upper = true;
            continue;
        }
        if (is_upper && !was_upper) {
            name_append(&name, &length, '_');
        }
        name_append(&name, &length, (char)tolower((unsigned char)*c));
        was_upper = is_upper;
    }
    return name;
}

struct name name_of_file(const char *path)
{
    struct name name = {""};
    size_t length = 0;
    for (const char *c = path; *c != '\0'; c++) {
        name_append(&name, &length, isalnum((unsigned char)*c) ? *c : '_');
    }
    return name;
}

struct name name_of_output(const char *path, const char *suffix)
{
    struct name name;
    const char *dot = strrchr(path, '.');
    int stem =
        dot != NULL && strcmp(dot, ".proto") == 0 ? (int)(dot - path) : (int)strlen(path);
    int written = snprintf(name.text, sizeof name.text, "%.*s%s", stem, path, suffix);
    ASSERT(written > 0 && (size_t)written < sizeof name.text);
    return name;
}
