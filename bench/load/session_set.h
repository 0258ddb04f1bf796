/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query sessions of a recommendation, read from a file (a session per line, its items oldest
 * first, with blanks between) and replayed click by click. What a loader keeps under way at
 * once (a call of ours, a connection of a peer) is a lane; a lane plays one session from its
 * first click to its last, then the next one that no lane has begun. So every side sees the
 * same sessions, and evolving sessions of the same lengths.
 *
 * An item clicked twice in a row counts once: servers that keep the evolving session do so.
 */
#ifndef SOUK_BENCH_LOAD_SESSION_SET_H
#define SOUK_BENCH_LOAD_SESSION_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SESSION_WINDOW_ITEMS = 9, /* L: the most recent clicks that are asked with */
    SESSION_ITEM_MAX_BYTES = 64,
};

struct session_set {
    char *text;
    const char **items; /* of all sessions; they point into text */
    size_t item_count;
    size_t *starts; /* session i is items[starts[i]] up to items[starts[i + 1]] */
    size_t count;
};

/* False after saying on stderr why: no file, no session in it, or an item too long. */
bool session_set_read(struct session_set *set, const char *path);
void session_set_close(struct session_set *set);

/* Which sessions have been begun; shared by the lanes of all threads. */
struct session_walk {
    const struct session_set *set;
    _Atomic uint64_t next;
};

/* One session being played. Zeroed: none yet. */
struct session_lane {
    uint64_t session; /* counted over all rounds through the set, so never met twice */
    size_t at;        /* clicks played */
    size_t left;      /* clicks to come */
};

struct session_click {
    uint64_t session;
    const char *const *items; /* the last SESSION_WINDOW_ITEMS, the click itself last */
    size_t item_count;
};

/* Equal seeds begin at the same session. */
void session_walk_init(struct session_walk *walk, const struct session_set *set,
                       uint64_t seed);
struct session_click session_walk_next(struct session_walk *walk,
                                       struct session_lane *lane);

#endif
