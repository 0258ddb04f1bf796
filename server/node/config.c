/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum {
    CONFIG_NEAR_EDITS_MAX = 3,
    CONFIG_NAME_BYTES_MAX = 63,
    CONFIG_SETTINGS_MAX = 256,
};

/* A file being read: one mapping of scalars. */
struct config_file {
    const char *name;
    struct settings *settings;
    struct config_error *error;
    yaml_parser_t parser;
    bool seen[CONFIG_SETTINGS_MAX];
};

static enum status config_fail(struct config_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum status config_fail(struct config_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return STATUS_INVALID;
}

static enum status config_fail_at(struct config_file *file, yaml_mark_t mark,
                                  const char *message)
{
    return config_fail(file->error, "%s:%zu:%zu: %s", file->name, mark.line + 1,
                       mark.column + 1, message);
}

/* Edits (insert, delete, replace) from one name to the other: Wagner, Fischer 1974. */
static unsigned config_distance(const char *a, const char *b)
{
    unsigned row[CONFIG_NAME_BYTES_MAX + 1];
    size_t a_size = strnlen(a, CONFIG_NAME_BYTES_MAX);
    size_t b_size = strnlen(b, CONFIG_NAME_BYTES_MAX);
    for (unsigned j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= a_size; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_size; j++) {
            char left = a[i - 1] == '-' ? '_' : a[i - 1];
            unsigned replaced = diagonal + (left != b[j - 1]);
            unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replaced < least ? replaced : least;
        }
    }
    return row[b_size];
}

const char *config_nearest(const char *name)
{
    const char *best = NULL;
    unsigned best_edits = CONFIG_NEAR_EDITS_MAX + 1;
    for (unsigned i = 0; i < setting_count(); i++) {
        unsigned edits = config_distance(name, setting_info(i)->name);
        if (edits < best_edits) {
            best_edits = edits;
            best = setting_info(i)->name;
        }
    }
    return best;
}

/* The place of a setting in the table; setting_count() when there is none. */
static unsigned config_find(const char *name)
{
    unsigned count = setting_count();
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(setting_info(i)->name, name) == 0) {
            return i;
        }
    }
    return count;
}

static enum status config_unknown(struct config_file *file, yaml_mark_t mark,
                                  const char *key)
{
    char message[CONFIG_ERROR_BYTES / 2];
    const char *nearest = config_nearest(key);
    snprintf(message, sizeof message, "unknown key '%.64s'%s%s%s", key,
             nearest ? "; did you mean '" : "; soukd --help lists them",
             nearest ? nearest : "", nearest ? "'?" : "");
    return config_fail_at(file, mark, message);
}

static enum status config_next(struct config_file *file, yaml_event_t *event)
{
    char message[CONFIG_ERROR_BYTES / 2];
    if (yaml_parser_parse(&file->parser, event)) {
        return STATUS_OK;
    }
    snprintf(message, sizeof message, "%s",
             file->parser.problem ? file->parser.problem : "not YAML");
    return config_fail_at(file, file->parser.problem_mark, message);
}

/* Takes the value of `key` and sets it. */
static enum status config_take_value(struct config_file *file, const char *key,
                                     yaml_mark_t key_mark)
{
    unsigned index = config_find(key);
    yaml_event_t event;
    enum status status;
    if (index == setting_count()) {
        return config_unknown(file, key_mark, key);
    }
    if (file->seen[index]) {
        char message[128];
        snprintf(message, sizeof message, "'%.64s' stands here a second time", key);
        return config_fail_at(file, key_mark, message);
    }
    file->seen[index] = true;
    TRY(config_next(file, &event));
    if (event.type != YAML_SCALAR_EVENT) {
        char message[128];
        snprintf(message, sizeof message, "%.64s takes one %s", key,
                 setting_info(index)->is_string ? "text" : "whole number");
        status = config_fail_at(file, event.start_mark, message);
    } else {
        struct problem problem;
        status = settings_set(file->settings, slice_from_string(key),
                              slice_of(event.data.scalar.value, event.data.scalar.length),
                              &problem);
        if (status != STATUS_OK) {
            char message[CONFIG_ERROR_BYTES / 2];
            snprintf(message, sizeof message, "%.64s %s", key, problem.message);
            status = config_fail_at(file, event.start_mark, message);
        }
    }
    yaml_event_delete(&event);
    return status;
}

/* The keys of the mapping up to its end. */
static enum status config_take_mapping(struct config_file *file)
{
    for (;;) {
        yaml_event_t event;
        char key[CONFIG_NAME_BYTES_MAX + 1];
        yaml_mark_t mark;
        TRY(config_next(file, &event));
        mark = event.start_mark;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return STATUS_OK;
        }
        if (event.type != YAML_SCALAR_EVENT) {
            yaml_event_delete(&event);
            return config_fail_at(file, mark, "a key is the name of a setting");
        }
        snprintf(key, sizeof key, "%s", (const char *)event.data.scalar.value);
        yaml_event_delete(&event);
        TRY(config_take_value(file, key, mark));
    }
}

static enum status config_take_stream(struct config_file *file)
{
    bool seen_document = false;
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        yaml_mark_t mark;
        bool empty;
        TRY(config_next(file, &event));
        type = event.type;
        mark = event.start_mark;
        empty = type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) {
            return STATUS_OK;
        }
        if (type == YAML_DOCUMENT_START_EVENT && seen_document) {
            return config_fail_at(file, mark, "a second document; one is enough");
        }
        seen_document = seen_document || type == YAML_DOCUMENT_START_EVENT;
        if (type == YAML_MAPPING_START_EVENT) {
            TRY(config_take_mapping(file));
        } else if (type == YAML_SEQUENCE_START_EVENT || type == YAML_ALIAS_EVENT ||
                   (type == YAML_SCALAR_EVENT && !empty)) {
            return config_fail_at(file, mark, "expected lines of the form 'name: value'");
        }
    }
}

enum status config_read_text(struct settings *settings, const char *name,
                             struct slice text, struct config_error *error)
{
    struct config_file *file = calloc(1, sizeof *file);
    enum status status;
    if (file == NULL || !yaml_parser_initialize(&file->parser)) {
        free(file);
        return config_fail(error, "%s: out of memory", name);
    }
    file->name = name;
    file->settings = settings;
    file->error = error;
    yaml_parser_set_encoding(&file->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&file->parser,
                                 text.data ? text.data : (const uint8_t *)"", text.size);
    status = config_take_stream(file);
    yaml_parser_delete(&file->parser);
    free(file);
    return status;
}

enum status config_read_file(struct settings *settings, const char *path,
                             struct config_error *error)
{
    FILE *file = fopen(path, "re");
    struct buffer text;
    enum status status;
    size_t size;
    if (file == NULL) {
        config_fail(error, "cannot read %s: %s; check --config", path, strerror(errno));
        return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    buffer_init(&text);
    size = fread(buffer_extend(&text, CONFIG_FILE_BYTES_MAX + 1), 1,
                 CONFIG_FILE_BYTES_MAX + 1, file);
    if (ferror(file)) {
        config_fail(error, "cannot read %s: %s", path, strerror(errno));
        status = STATUS_IO;
    } else if (size > CONFIG_FILE_BYTES_MAX) {
        status =
            config_fail(error, "%s is larger than %d bytes", path, CONFIG_FILE_BYTES_MAX);
    } else {
        status = config_read_text(settings, path, slice_of(text.data, size), error);
    }
    buffer_close(&text);
    fclose(file);
    return status;
}

/* --- Flags ------------------------------------------------------------------------- */

struct config_flag {
    char name[CONFIG_NAME_BYTES_MAX + 1]; /* with '_' for '-' */
    const char *value;                    /* NULL: none was written with '=' */
};

static void config_split_flag(const char *argument, struct config_flag *out)
{
    const char *equals = strchr(argument, '=');
    size_t size = equals ? (size_t)(equals - argument) : strlen(argument);
    size = size < CONFIG_NAME_BYTES_MAX ? size : CONFIG_NAME_BYTES_MAX;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < size; i++) {
        out->name[i] = argument[i];
        if (argument[i] == '-') {
            out->name[i] = '_';
        }
    }
    out->value = equals ? equals + 1 : NULL;
}

static bool config_take_switch(const struct config_flag *flag, struct config_flags *out)
{
    if (flag->value != NULL) {
        return false;
    }
    if (strcmp(flag->name, "help") == 0) {
        out->help = true;
    } else if (strcmp(flag->name, "version") == 0) {
        out->version = true;
    } else if (strcmp(flag->name, "print_config") == 0) {
        out->print_config = true;
    } else {
        return false;
    }
    return true;
}

static enum status config_set_flag(struct settings *settings,
                                   const struct config_flag *flag, const char *argument,
                                   struct config_error *error)
{
    struct problem problem;
    if (settings_set(settings, slice_from_string(flag->name),
                     slice_from_string(flag->value), &problem) != STATUS_OK) {
        return config_fail(error, "%.64s: %s", argument, problem.message);
    }
    return STATUS_OK;
}

/* One pass over the flags: the first reads --config alone, the second all others. */
static enum status config_pass(struct settings *settings, int argc, char *const argv[],
                               bool files, struct config_flags *out_flags,
                               struct config_error *error)
{
    for (int i = 1; i < argc; i++) {
        struct config_flag flag;
        const char *argument;
        bool is_file;
        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0') {
            return config_fail(error, "'%.64s' is not a flag; soukd --help lists them",
                               argv[i]);
        }
        config_split_flag(argv[i] + 2, &flag);
        is_file = strcmp(flag.name, "config") == 0;
        if (config_take_switch(&flag, out_flags)) {
            continue;
        }
        if (!is_file && config_find(flag.name) == setting_count()) {
            const char *nearest = config_nearest(flag.name);
            return config_fail(error, "there is no flag '%.64s'%s%s%s", argv[i],
                               nearest ? "; did you mean '--"
                                       : "; soukd --help lists them",
                               nearest ? nearest : "", nearest ? "'?" : "");
        }
        argument = argv[i];
        if (flag.value == NULL) {
            if (i + 1 == argc) {
                return config_fail(error, "%.64s wants a value", argument);
            }
            flag.value = argv[++i];
        }
        if (files && is_file) {
            TRY(config_read_file(settings, flag.value, error));
        } else if (!files && !is_file) {
            TRY(config_set_flag(settings, &flag, argument, error));
        }
    }
    return STATUS_OK;
}

enum status config_read_flags(struct settings *settings, int argc, char *const argv[],
                              struct config_flags *out_flags, struct config_error *error)
{
    *out_flags = (struct config_flags){0};
    TRY(config_pass(settings, argc, argv, true, out_flags, error));
    return config_pass(settings, argc, argv, false, out_flags, error);
}
