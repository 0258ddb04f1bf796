/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/json_members.h"

#include <string.h>

void json_members_init(struct json_members *members,
                       const struct json_callbacks *callbacks)
{
    *members = (struct json_members){.callbacks = *callbacks};
    buffer_init(&members->text);
}

void json_members_close(struct json_members *members)
{
    buffer_close(&members->text);
}

static bool json_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool json_members_bad(struct json_members *members, const char *reason)
{
    return members->callbacks.bad(members->callbacks.context, members->number, reason);
}

/* Nothing but blanks since the brace or comma. */
static bool json_member_absent(const struct json_members *members)
{
    for (size_t i = 1; i < members->text.size; i++) {
        if (!json_blank((char)members->text.data[i])) {
            return false;
        }
    }
    return !members->skipping;
}

static bool json_member_parse(struct json_members *members)
{
    json_error_t error;
    json_t *object;
    bool go_on;
    buffer_append(&members->text, "}", 1);
    object = json_loadb((const char *)members->text.data, members->text.size,
                        JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        return json_members_bad(members, error.text);
    }
    void *member = json_object_iter(object);
    go_on = members->callbacks.member(members->callbacks.context, members->number,
                                      json_object_iter_key(member),
                                      json_object_iter_value(member));
    json_decref(object);
    return go_on;
}

/* The member at hand is complete: at a comma, or (`last`) at the closing brace. */
static enum status json_member_end(struct json_members *members, bool last)
{
    bool go_on = true;
    if (json_member_absent(members)) {
        /* Fine in {} alone. */
        if (!last || members->number > 0) {
            members->number++;
            go_on = json_members_bad(members, "nothing between two commas");
        }
    } else {
        members->number++;
        go_on = members->skipping ? json_members_bad(members, "longer than 4 MiB")
                                  : json_member_parse(members);
    }
    buffer_clear(&members->text);
    buffer_append(&members->text, "{", 1);
    members->skipping = false;
    return go_on ? STATUS_OK : STATUS_CANCELLED;
}

static void json_member_keep(struct json_members *members, char byte)
{
    if (members->text.size == JSON_MEMBER_BYTES_MAX) {
        members->skipping = true;
    } else {
        buffer_append(&members->text, &byte, 1);
    }
}

static enum status json_inside(struct json_members *members, char byte,
                               struct problem *problem)
{
    if (members->in_string) {
        members->in_string = members->escaped || byte != '"';
        members->escaped = !members->escaped && byte == '\\';
    } else if (byte == '"') {
        members->in_string = true;
    } else if (byte == '[' || byte == '{') {
        if (++members->depth > JSON_DEPTH_MAX) {
            return problem_set(problem, STATUS_INVALID, "", "deeper than %d brackets",
                               JSON_DEPTH_MAX);
        }
    } else if (members->depth == 0 && byte == ']') {
        return problem_set(problem, STATUS_INVALID, "",
                           "a bracket is closed that was not opened, in entry %llu",
                           (unsigned long long)members->number + 1);
    } else if (members->depth == 0 && (byte == ',' || byte == '}')) {
        members->place = byte == '}' ? JSON_BEHIND : JSON_INSIDE;
        return json_member_end(members, byte == '}');
    } else if (byte == ']' || byte == '}') {
        members->depth--;
    }
    json_member_keep(members, byte);
    return STATUS_OK;
}

static enum status json_outside(struct json_members *members, char byte,
                                struct problem *problem)
{
    if (json_blank(byte)) {
        return STATUS_OK;
    }
    if (members->place == JSON_BEHIND) {
        return problem_set(problem, STATUS_INVALID, "",
                           "something follows the closing brace");
    }
    if (byte != '{') {
        return problem_set(problem, STATUS_INVALID, "", "not a JSON object");
    }
    members->place = JSON_INSIDE;
    buffer_append(&members->text, "{", 1);
    return STATUS_OK;
}

enum status json_members_feed(struct json_members *members, struct slice piece,
                              struct problem *problem)
{
    for (size_t i = 0; i < piece.size; i++) {
        char byte = (char)piece.data[i];
        TRY(members->place == JSON_INSIDE ? json_inside(members, byte, problem)
                                          : json_outside(members, byte, problem));
    }
    return STATUS_OK;
}

enum status json_members_finish(struct json_members *members, struct problem *problem)
{
    if (members->place == JSON_BEHIND) {
        return STATUS_OK;
    }
    return problem_set(problem, STATUS_INVALID, "",
                       members->place == JSON_BEFORE ? "not a JSON object"
                                                     : "the JSON object ends early");
}
