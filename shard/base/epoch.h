/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer changes a structure while readers on other threads walk it, and nobody waits.
 * Epochs (Fraser, "Practical lock-freedom", 2004, chapter 5) that double as versions:
 *
 *   writer   prepares a change stamped epoch_next(), links it in, epoch_advance(): from
 *            then on readers that pin see the whole change; those pinned before go by the
 *            stamps and see none of it. What nobody can reach any more it retires; it is
 *            reclaimed once every reader that might still hold it has unpinned.
 *   reader   epoch_pin, reads what is stamped at or before its version, epoch_unpin. Both
 *            are wait-free: a bounded number of steps whatever the writer does.
 *
 * Why nothing is reclaimed too early: a reader announces itself (PINNING, which stops all
 * reclaiming) before it looks at the version. If the scan of an advance missed that
 * announcement, then the reader's look comes after the advance, and it sees whatever the
 * writer had unlinked before. All of it is sequentially consistent on `now` and `pinned`.
 *
 * A pin may be handed to another thread (through a mailbox) and released there.
 */
#ifndef SOUK_SHARD_BASE_EPOCH_H
#define SOUK_SHARD_BASE_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EPOCH_READERS_MAX = 64, /* pins at a time; the next one is refused */
};

typedef void epoch_reclaim(void *context, void *block);

struct epoch_retired {
    uint64_t stamp; /* the version when it was unlinked */
    void *block;
    epoch_reclaim *reclaim; /* NULL: free() */
    void *context;
};

struct epoch {
    _Atomic(uint64_t) now;
    _Atomic(uint64_t) pinned[EPOCH_READERS_MAX]; /* 0: free */
    /* The writer's. */
    uint64_t oldest;
    struct epoch_retired *retired; /* a ring, oldest first */
    size_t retired_first;
    size_t retired_count;
    size_t retired_capacity; /* a power of two */
};

struct epoch_pin {
    uint64_t version;
    uint32_t slot;
};

void epoch_init(struct epoch *epoch);
/* Reclaims everything; nobody may be pinned. */
void epoch_close(struct epoch *epoch);

/* Any thread. False when EPOCH_READERS_MAX are pinned. */
bool epoch_pin(struct epoch *epoch, struct epoch_pin *out_pin);
void epoch_unpin(struct epoch *epoch, const struct epoch_pin *pin);

/* The rest is the writer's. */

/* What the next advance makes readable. */
static inline uint64_t epoch_next(const struct epoch *epoch)
{
    return atomic_load_explicit(&epoch->now, memory_order_relaxed) + 1;
}
/* Publishes, looks who reads, reclaims. */
void epoch_advance(struct epoch *epoch);
/* No reader, now or later, reads at a version below: as of the last advance. */
static inline uint64_t epoch_oldest(const struct epoch *epoch)
{
    return epoch->oldest;
}
/* Takes what readers at the present version may still reach, and those of the next will
 * not. `reclaim` runs on the writer's thread, in order of retiring, inside a later advance
 * (or close), and may retire more; NULL is free(). */
void epoch_retire(struct epoch *epoch, void *block, epoch_reclaim *reclaim,
                  void *context);
/* Retired and not yet reclaimed. */
size_t epoch_waiting(const struct epoch *epoch);
/* Pins at this moment. */
unsigned epoch_readers(const struct epoch *epoch);

#endif
