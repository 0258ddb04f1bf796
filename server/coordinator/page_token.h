/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a list goes on. A token is opaque text (base64url, RFC 4648) for the caller; the
 * version, the kind of list, what was asked and a check of the whole are inside, so a token
 * of another list, another question, another cluster or a tampered one is BAD_TOKEN.
 *
 * Any thread.
 */
#ifndef SOUK_SERVER_COORDINATOR_PAGE_TOKEN_H
#define SOUK_SERVER_COORDINATOR_PAGE_TOKEN_H

#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    PAGE_TOKEN_KEY_BYTES_MAX = 512,
    PAGE_TOKEN_TEXT_BYTES_MAX = 768,
};

/* What a token was issued for; a landed number never changes. */
enum page_list {
    PAGE_LIST_SKUS = 1,
    PAGE_LIST_LOCATIONS = 2,
    PAGE_LIST_LEVELS = 3,
    PAGE_LIST_HOLDS = 4,
    PAGE_LIST_MOVEMENTS = 5,
    PAGE_LIST_PRODUCTS = 70,
};

struct page_query {
    enum page_list list;
    uint64_t fingerprint; /* of the question: filters, ids; 0 when it has none */
    uint64_t secret;      /* of the cluster: the hash seed */
};

/* The text of a token, NUL-terminated, in the arena; NULL past the arena's limit. `key`
 * says after what the list goes on; its form is the list's own. */
char *page_token_make(const struct page_query *query, struct slice key,
                      struct arena *arena);
/* BAD_TOKEN unless made for this query. `out_key` lies in the arena. */
MUST_USE enum status page_token_read(const struct page_query *query, const char *text,
                                     struct arena *arena, struct slice *out_key,
                                     struct problem *problem);

/* Bytes as text that needs no escaping anywhere, and back. NULL past the arena's limit. */
char *page_token_print(const uint8_t *bytes, size_t size, struct arena *arena);
/* The number of bytes, or 0 for text that was not printed so; `out` has room for `length`. */
size_t page_token_scan(const char *text, size_t length, uint8_t *out);

#endif
