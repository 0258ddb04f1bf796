/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check/history_file.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum field_kind {
    FIELD_U32, /* enums too */
    FIELD_U64,
    FIELD_I64,
    FIELD_BOOL,
    FIELD_OP,      /* by name */
    FIELD_STATUS,  /* likewise */
    FIELD_NAME,    /* HISTORY_NAME_BYTES */
    FIELD_HOLD,    /* "anchor-unique", hexadecimal */
    FIELD_BUCKETS, /* [of 0, of 1, ...] */
    FIELD_LINES,   /* [{"sku":...}, ...] */
    FIELD_ITEMS,
};

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
};

#define CALL(key, kind, name)                                                            \
    {                                                                                    \
        key, FIELD_##kind, offsetof(struct history_event, call.name)                     \
    }
#define REPLICA(key, kind, name)                                                         \
    {                                                                                    \
        key, FIELD_##kind, offsetof(struct history_event, replica.name)                  \
    }
#define ROW(key, kind, name)                                                             \
    {                                                                                    \
        key, FIELD_##kind, offsetof(struct history_event, row.name)                      \
    }
#define STREAM(key, kind, name)                                                          \
    {                                                                                    \
        key, FIELD_##kind, offsetof(struct history_event, stream.name)                   \
    }
#define FEED(key, kind, name)                                                            \
    {                                                                                    \
        key, FIELD_##kind, offsetof(struct history_event, feed.name)                     \
    }
#define FAULT(key, kind, name)                                                           \
    {                                                                                    \
        key, FIELD_##kind, offsetof(struct history_event, fault.name)                    \
    }

/* The last of each list has no key. */
static const struct field call_fields[] = {CALL("process", U32, client),
                                           CALL("op", U64, number),
                                           CALL("f", OP, op),
                                           CALL("request", U64, request),
                                           CALL("payload", U64, payload),
                                           CALL("session", BOOL, session),
                                           CALL("sku", U32, sku),
                                           CALL("location", U32, location),
                                           CALL("to_location", U32, to_location),
                                           CALL("bucket", U32, bucket),
                                           CALL("quantity", I64, quantity),
                                           CALL("has_expected", BOOL, has_expected),
                                           CALL("expected", I64, expected),
                                           CALL("best_effort", BOOL, best_effort),
                                           CALL("ttl_ms", I64, ttl_ms),
                                           CALL("past_ms", I64, past_ms),
                                           CALL("lines", LINES, lines),
                                           CALL("hold", HOLD, hold),
                                           CALL("status", STATUS, status),
                                           CALL("replayed", BOOL, replayed),
                                           CALL("shard", U64, shard),
                                           CALL("index", U64, index),
                                           CALL("log_ms", I64, log_ms),
                                           CALL("has_level", BOOL, has_level),
                                           CALL("buckets", BUCKETS, buckets),
                                           CALL("has_hold", BOOL, has_hold),
                                           CALL("state", U32, hold_state),
                                           CALL("create_ms", I64, create_ms),
                                           CALL("expire_ms", I64, expire_ms),
                                           CALL("end_ms", I64, end_ms),
                                           CALL("items", ITEMS, items),
                                           {0}};
static const struct field replica_fields[] = {
    REPLICA("node", U32, node),
    REPLICA("replica", U64, replica),
    REPLICA("shard", U64, shard),
    REPLICA("index", U64, index),
    REPLICA("term", U64, term),
    REPLICA("previous_term", U64, previous_term),
    REPLICA("hash", U64, hash),
    REPLICA("vote", U64, vote),
    REPLICA("last_index", U64, last_index),
    REPLICA("version", U64, version),
    {0}};
static const struct field row_fields[] = {ROW("replica", U64, replica),
                                          ROW("shard", U64, shard),
                                          ROW("index", U64, index),
                                          ROW("sub", U32, sub),
                                          ROW("sku", U32, sku),
                                          ROW("location", U32, location),
                                          ROW("reason", U32, reason),
                                          ROW("request", U64, request),
                                          ROW("hold", HOLD, hold),
                                          ROW("log_ms", I64, log_ms),
                                          ROW("before", BUCKETS, before),
                                          ROW("after", BUCKETS, after),
                                          {0}};
static const struct field stream_fields[] = {
    STREAM("what", U32, kind),   STREAM("source", U32, source),
    STREAM("epoch", U64, epoch), STREAM("sequence", U64, sequence),
    STREAM("shard", U64, shard), STREAM("index", U64, index),
    STREAM("sub", U32, sub),     STREAM("wanted", I64, wanted),
    STREAM("added", I64, added), {0}};
static const struct field feed_fields[] = {
    FEED("what", U32, kind),   FEED("watch", U32, watch), FEED("shard", U64, shard),
    FEED("index", U64, index), FEED("sub", U32, sub),     {0}};
static const struct field fault_fields[] = {FAULT("f", NAME, name),
                                            FAULT("target", NAME, target),
                                            FAULT("begins", BOOL, begins),
                                            {0}};

static const char *const type_names[HISTORY_TYPES] = {
#define TYPE_NAME(name, text) text,
    HISTORY_TYPE_TABLE(TYPE_NAME)
#undef TYPE_NAME
};
static const char *const op_names[HISTORY_OPS] = {
#define OP_NAME(name, text) text,
    HISTORY_OP_TABLE(OP_NAME)
#undef OP_NAME
};

static const struct field *fields_of(enum history_type type)
{
    if (type <= HISTORY_INFO) {
        return call_fields;
    } else if (type == HISTORY_NEMESIS || type == HISTORY_HEALED) {
        return fault_fields;
    } else if (type == HISTORY_STREAM || type == HISTORY_FEED) {
        return type == HISTORY_STREAM ? stream_fields : feed_fields;
    }
    return type >= HISTORY_LEVEL ? row_fields : replica_fields;
}

/* --- Writing --------------------------------------------------------------------------- */

void history_write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20) {
            fprintf(file, "\\u%04x", (unsigned)byte);
            continue;
        }
        if (byte == '"' || byte == '\\') {
            fputc('\\', file);
        }
        fputc(byte, file);
    }
    fputc('"', file);
}

static void write_lines(FILE *file, const struct history_call *call)
{
    for (uint32_t i = 0; i < call->line_count; i++) {
        const struct history_hold_line *line = &call->lines[i];
        fprintf(file,
                "%s{\"sku\":%" PRIu32 ",\"location\":%" PRIu32 ",\"quantity\":%" PRId64
                ",\"granted\":%" PRId64 "}",
                i > 0 ? "," : "", line->sku, line->location, line->quantity,
                line->granted);
    }
}

static void write_items(FILE *file, const struct history_call *call)
{
    for (uint32_t i = 0; i < call->item_count; i++) {
        fprintf(file,
                "%s{\"sku\":%" PRIu32 ",\"available\":%" PRId64 ",\"index\":%" PRIu64 "}",
                i > 0 ? "," : "", call->items[i].sku, call->items[i].available,
                call->items[i].index);
    }
}

static void write_array(FILE *file, const struct history_event *event,
                        const struct field *field)
{
    const int64_t *buckets = (const void *)((const unsigned char *)event + field->offset);
    fputc('[', file);
    if (field->kind == FIELD_LINES) {
        write_lines(file, &event->call);
    } else if (field->kind == FIELD_ITEMS) {
        write_items(file, &event->call);
    } else {
        for (unsigned i = 0; i < HISTORY_BUCKETS; i++) {
            fprintf(file, "%s%" PRId64, i > 0 ? "," : "", buckets[i]);
        }
    }
    fputc(']', file);
}

static bool field_empty(const struct history_event *event, const struct field *field)
{
    static const unsigned char nothing[HISTORY_BUCKETS * sizeof(int64_t)];
    static const size_t sizes[] = {
        [FIELD_U32] = sizeof(uint32_t),
        [FIELD_U64] = sizeof(uint64_t),
        [FIELD_I64] = sizeof(int64_t),
        [FIELD_BOOL] = sizeof(bool),
        [FIELD_NAME] = 1,
        [FIELD_HOLD] = sizeof(struct history_hold_id),
        [FIELD_BUCKETS] = sizeof nothing,
    };
    if (field->kind == FIELD_OP) {
        return false;
    } else if (field->kind == FIELD_STATUS) {
        return event->type != HISTORY_OK;
    } else if (field->kind == FIELD_LINES) {
        return event->call.line_count == 0;
    } else if (field->kind == FIELD_ITEMS) {
        return event->call.item_count == 0;
    }
    return memcmp((const unsigned char *)event + field->offset, nothing,
                  sizes[field->kind]) == 0;
}

static void write_field(FILE *file, const struct history_event *event,
                        const struct field *field)
{
    const void *at = (const unsigned char *)event + field->offset;
    const struct history_hold_id *hold = at;
    fprintf(file, ",\"%s\":", field->key);
    switch (field->kind) {
    case FIELD_U32:
        fprintf(file, "%" PRIu32, *(const uint32_t *)at);
        break;
    case FIELD_U64:
        fprintf(file, "%" PRIu64, *(const uint64_t *)at);
        break;
    case FIELD_I64:
        fprintf(file, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_BOOL:
        fputs(*(const bool *)at ? "true" : "false", file);
        break;
    case FIELD_OP:
        fprintf(file, "\"%s\"", op_names[*(const enum history_op *)at]);
        break;
    case FIELD_STATUS:
        fprintf(file, "\"%s\"", status_name(*(const enum status *)at));
        break;
    case FIELD_NAME:
        fprintf(file, "\"%s\"", (const char *)at);
        break;
    case FIELD_HOLD:
        fprintf(file, "\"%016" PRIx64 "-%016" PRIx64 "\"", hold->anchor, hold->unique);
        break;
    case FIELD_BUCKETS:
    case FIELD_LINES:
    case FIELD_ITEMS:
        write_array(file, event, field);
        break;
    }
}

void history_write(FILE *file, const struct history_event *event)
{
    fprintf(file, "{\"at_us\":%" PRIu64 ",\"type\":\"%s\"", event->at_us,
            type_names[event->type]);
    for (const struct field *field = fields_of(event->type); field->key != NULL;
         field++) {
        if (!field_empty(event, field)) {
            write_field(file, event, field);
        }
    }
    fputs("}\n", file);
}

/* --- Reading --------------------------------------------------------------------------- */

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t' || **at == '\r' || **at == '\n') {
        (*at)++;
    }
}

static bool take(const char **at, char wanted)
{
    skip_blanks(at);
    if (**at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

/* A string without escapes; none of ours needs them. */
static bool take_string(const char **at, char *out, size_t size)
{
    size_t length = 0;
    if (!take(at, '"')) {
        return false;
    }
    while (**at != '"') {
        if (**at == 0 || **at == '\\' || (unsigned char)**at < ' ' ||
            length + 1 >= size) {
            return false;
        }
        out[length++] = *(*at)++;
    }
    (*at)++;
    out[length] = 0;
    return true;
}

static bool take_unsigned(const char **at, uint64_t most, uint64_t *out)
{
    char *end;
    skip_blanks(at);
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    errno = 0;
    *out = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0 && *out <= most;
}

static bool take_signed(const char **at, int64_t *out)
{
    char *end;
    skip_blanks(at);
    if (**at != '-' && !isdigit((unsigned char)**at)) {
        return false;
    }
    errno = 0;
    *out = strtoll(*at, &end, 10);
    bool good = end != *at && errno == 0;
    *at = end;
    return good;
}

static bool take_word(const char **at, const char *word)
{
    skip_blanks(at);
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0) {
        return false;
    }
    *at += length;
    return true;
}

static bool take_u32(const char **at, uint32_t *out)
{
    uint64_t value;
    if (!take_unsigned(at, UINT32_MAX, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool take_name_of(const char **at, const char *const *names, unsigned count,
                         unsigned *out)
{
    char name[HISTORY_NAME_BYTES];
    if (!take_string(at, name, sizeof name)) {
        return false;
    }
    for (*out = 0; *out < count; ++*out) {
        if (strcmp(names[*out], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_hold(const char **at, struct history_hold_id *hold)
{
    char text[40];
    char rest;
    return take_string(at, text, sizeof text) &&
           sscanf(text, "%16" SCNx64 "-%16" SCNx64 "%c", &hold->anchor, &hold->unique,
                  &rest) == 2;
}

static bool take_buckets(const char **at, int64_t buckets[HISTORY_BUCKETS])
{
    bool good = take(at, '[');
    for (unsigned i = 0; good && i < HISTORY_BUCKETS; i++) {
        good = (i == 0 || take(at, ',')) && take_signed(at, &buckets[i]);
    }
    return good && take(at, ']');
}

static bool take_line(const char **at, struct history_hold_line *line)
{
    return take_word(at, "{\"sku\":") && take_u32(at, &line->sku) &&
           take_word(at, ",\"location\":") && take_u32(at, &line->location) &&
           take_word(at, ",\"quantity\":") && take_signed(at, &line->quantity) &&
           take_word(at, ",\"granted\":") && take_signed(at, &line->granted) &&
           take(at, '}');
}

static bool take_item(const char **at, struct history_item *item)
{
    return take_word(at, "{\"sku\":") && take_u32(at, &item->sku) &&
           take_word(at, ",\"available\":") && take_signed(at, &item->available) &&
           take_word(at, ",\"index\":") && take_unsigned(at, UINT64_MAX, &item->index) &&
           take(at, '}');
}

static bool take_lines(const char **at, struct history_call *call)
{
    bool good = take(at, '[');
    while (good && !take(at, ']')) {
        good = call->line_count < HISTORY_LINES_MAX &&
               (call->line_count == 0 || take(at, ',')) &&
               take_line(at, &call->lines[call->line_count]);
        call->line_count += good;
    }
    return good;
}

static bool take_items(const char **at, struct history_call *call)
{
    bool good = take(at, '[');
    while (good && !take(at, ']')) {
        good = call->item_count < HISTORY_ITEMS_MAX &&
               (call->item_count == 0 || take(at, ',')) &&
               take_item(at, &call->items[call->item_count]);
        call->item_count += good;
    }
    return good;
}

static bool take_status(const char **at, enum status *out)
{
    char name[HISTORY_NAME_BYTES];
    return take_string(at, name, sizeof name) && status_from_name(name, out);
}

static bool take_field(const char **at, struct history_event *event,
                       const struct field *field)
{
    void *to = (unsigned char *)event + field->offset;
    unsigned number = 0;
    switch (field->kind) {
    case FIELD_U32:
        return take_u32(at, to);
    case FIELD_U64:
        return take_unsigned(at, UINT64_MAX, to);
    case FIELD_I64:
        return take_signed(at, to);
    case FIELD_BOOL:
        *(bool *)to = take_word(at, "true");
        return *(bool *)to || take_word(at, "false");
    case FIELD_OP:
        if (!take_name_of(at, op_names, HISTORY_OPS, &number)) {
            return false;
        }
        *(enum history_op *)to = (enum history_op)number;
        return true;
    case FIELD_STATUS:
        return take_status(at, to);
    case FIELD_NAME:
        return take_string(at, to, HISTORY_NAME_BYTES);
    case FIELD_HOLD:
        return take_hold(at, to);
    case FIELD_BUCKETS:
        return take_buckets(at, to);
    case FIELD_LINES:
        return take_lines(at, &event->call);
    case FIELD_ITEMS:
        return take_items(at, &event->call);
    }
    return false;
}

/* Whatever a key that is not known has. */
static bool skip_value(const char **at)
{
    int depth = 0;
    bool quoted = false;
    for (; **at != 0; (*at)++) {
        if (quoted) {
            *at += **at == '\\' && (*at)[1] != 0;
            quoted = **at != '"';
        } else if (**at == '"') {
            quoted = true;
        } else if (**at == '{' || **at == '[') {
            depth++;
        } else if (depth == 0 && (**at == ',' || **at == '}')) {
            return true;
        } else if (**at == '}' || **at == ']') {
            depth--;
        }
    }
    return false;
}

static bool take_fields(const char **at, struct history_event *event, char *key,
                        size_t size)
{
    while (take(at, ',')) {
        if (!take_string(at, key, size) || !take(at, ':')) {
            return false;
        }
        const struct field *field = fields_of(event->type);
        while (field->key != NULL && strcmp(field->key, key) != 0) {
            field++;
        }
        bool good = field->key != NULL ? take_field(at, event, field) : skip_value(at);
        if (!good) {
            return false;
        }
    }
    snprintf(key, size, "the end");
    return take(at, '}');
}

enum status history_parse(const char *line, struct history_event *out_event,
                          struct problem *problem)
{
    struct history_event event = {0};
    const char *at = line;
    char key[HISTORY_NAME_BYTES] = "at_us, type";
    unsigned type = 0;
    bool good = take(&at, '{') && take_word(&at, "\"at_us\"") && take(&at, ':') &&
                take_unsigned(&at, UINT64_MAX, &event.at_us) && take(&at, ',') &&
                take_word(&at, "\"type\"") && take(&at, ':') &&
                take_name_of(&at, type_names, HISTORY_TYPES, &type);
    event.type = (enum history_type)type;
    good = good && take_fields(&at, &event, key, sizeof key);
    skip_blanks(&at);
    if (!good || *at != 0) {
        return problem_set(problem, STATUS_INVALID, "history",
                           "no event; not understood near `%s`", key);
    }
    *out_event = event;
    return STATUS_OK;
}

enum status history_read(FILE *file, uint64_t *line, struct history_event *out_event,
                         struct problem *problem)
{
    char text[HISTORY_LINE_BYTES_MAX];
    do {
        if (fgets(text, sizeof text, file) == NULL) {
            return STATUS_NOT_FOUND;
        }
        ++*line;
    } while (text[0] == '\n');
    if (strchr(text, '\n') == NULL && !feof(file)) {
        return problem_set(problem, STATUS_INVALID, "history",
                           "a line of more than %d bytes", (int)sizeof text);
    }
    return history_parse(text, out_event, problem);
}
