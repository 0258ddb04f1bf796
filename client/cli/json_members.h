/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of one JSON object that fills a whole file, one at a time, in bounded
 * memory. Only brackets and strings are followed here; what a member holds is parsed by
 * jansson, so that a broken one costs itself alone.
 */
#ifndef SOUK_CLIENT_CLI_JSON_MEMBERS_H
#define SOUK_CLIENT_CLI_JSON_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    JSON_MEMBER_BYTES_MAX = 4 * 1024 * 1024,
    JSON_DEPTH_MAX = 64,
};

struct json_callbacks {
    /* Members count from 1. Both are borrowed. False ends the reading. */
    bool (*member)(void *context, uint64_t number, const char *key, const json_t *value);
    bool (*bad)(void *context, uint64_t number, const char *reason);
    void *context;
};

enum json_place {
    JSON_BEFORE,
    JSON_INSIDE,
    JSON_BEHIND,
};

struct json_members {
    struct json_callbacks callbacks;
    struct buffer text; /* of the member at hand, as an object of its own */
    uint64_t number;
    enum json_place place;
    unsigned depth;
    bool in_string;
    bool escaped;
    bool skipping; /* it is too long already */
};

void json_members_init(struct json_members *members,
                       const struct json_callbacks *callbacks);
void json_members_close(struct json_members *members);
/* CANCELLED when a callback said so; INVALID when the file is no JSON object. */
MUST_USE enum status json_members_feed(struct json_members *members, struct slice piece,
                                       struct problem *problem);
MUST_USE enum status json_members_finish(struct json_members *members,
                                         struct problem *problem);

#endif
