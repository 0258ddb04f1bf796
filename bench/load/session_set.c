/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/session_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

enum {
    SET_READ_BYTES = 1 << 20,
};

static char *set_read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t used = 0, capacity = 0, got;
    if (file == NULL) {
        return NULL;
    }
    do {
        if (capacity - used < SET_READ_BYTES) {
            capacity = capacity * 2 + SET_READ_BYTES;
            text = memory_realloc(text, capacity + 1);
        }
        got = fread(text + used, 1, capacity - used, file);
        used += got;
    } while (got > 0);
    fclose(file);
    text[used] = '\0';
    return text;
}

static size_t set_count(const char *text, const char *separators)
{
    size_t count = 1;
    for (text += strcspn(text, separators); *text != '\0';
         text += 1 + strcspn(text + 1, separators)) {
        count++;
    }
    return count;
}

/* One line; false when an item is too long. */
static bool set_take_line(struct session_set *set, char *line)
{
    size_t first = set->item_count;
    char *place = NULL;
    for (char *item = strtok_r(line, " \t\r", &place); item != NULL;
         item = strtok_r(NULL, " \t\r", &place)) {
        if (strlen(item) > SESSION_ITEM_MAX_BYTES) {
            return false;
        }
        if (set->item_count == first ||
            strcmp(set->items[set->item_count - 1], item) != 0) {
            set->items[set->item_count++] = item;
        }
    }
    if (set->item_count > first) {
        set->starts[++set->count] = set->item_count;
    }
    return true;
}

bool session_set_read(struct session_set *set, const char *path)
{
    size_t line_number = 0;
    char *line, *rest;
    *set = (struct session_set){.text = set_read_file(path)};
    if (set->text == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    set->items = memory_alloc(set_count(set->text, " \t\r\n") * sizeof *set->items);
    set->starts = memory_zalloc((set_count(set->text, "\n") + 1) * sizeof *set->starts);
    rest = set->text;
    while ((line = strsep(&rest, "\n")) != NULL) {
        line_number++;
        if (!set_take_line(set, line)) {
            fprintf(stderr, "%s:%zu: an item is longer than %d bytes\n", path,
                    line_number, SESSION_ITEM_MAX_BYTES);
            session_set_close(set);
            return false;
        }
    }
    if (set->count == 0) {
        fprintf(stderr, "%s: no session in it\n", path);
        session_set_close(set);
        return false;
    }
    return true;
}

void session_set_close(struct session_set *set)
{
    free(set->text);
    free(set->items);
    free(set->starts);
    *set = (struct session_set){.text = NULL};
}

void session_walk_init(struct session_walk *walk, const struct session_set *set,
                       uint64_t seed)
{
    ASSERT(set->count > 0);
    walk->set = set;
    atomic_init(&walk->next, hash_mix(seed) % set->count);
}

struct session_click session_walk_next(struct session_walk *walk,
                                       struct session_lane *lane)
{
    const struct session_set *set = walk->set;
    size_t start, count;
    if (lane->left == 0) {
        lane->session = atomic_fetch_add_explicit(&walk->next, 1, memory_order_relaxed);
        start = set->starts[lane->session % set->count];
        lane->at = 0;
        lane->left = set->starts[lane->session % set->count + 1] - start;
    }
    lane->at++;
    lane->left--;
    start = set->starts[lane->session % set->count];
    count = lane->at < SESSION_WINDOW_ITEMS ? lane->at : SESSION_WINDOW_ITEMS;
    return (struct session_click){.session = lane->session,
                                  .items = &set->items[start + lane->at - count],
                                  .item_count = count};
}
