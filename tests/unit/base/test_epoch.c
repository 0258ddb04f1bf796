/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/epoch.h"

#include <pthread.h>
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"

enum {
    READERS = 4,
    CHANGES = 20000,
    POISON = 0x5a,
};

static unsigned reclaimed;

static void count_reclaimed(void *context, void *block)
{
    (void)context;
    (void)block;
    reclaimed++;
}

TEST(epoch, what_a_reader_may_hold_is_kept_until_it_unpins)
{
    struct epoch epoch;
    struct epoch_pin before, after;
    reclaimed = 0;
    epoch_init(&epoch);
    EXPECT(epoch_pin(&epoch, &before));
    epoch_retire(&epoch, &epoch, count_reclaimed, NULL);
    epoch_advance(&epoch);
    EXPECT(epoch_pin(&epoch, &after));
    EXPECT_EQ(after.version, before.version + 1);
    EXPECT_EQ(epoch_oldest(&epoch), before.version);
    epoch_advance(&epoch);
    EXPECT_EQ(reclaimed, 0);
    epoch_unpin(&epoch, &before);
    epoch_advance(&epoch);
    EXPECT_EQ(reclaimed, 1); /* `after` began when it was unlinked already */
    EXPECT_EQ(epoch_readers(&epoch), 1);
    epoch_unpin(&epoch, &after);
    epoch_close(&epoch);
}

TEST(epoch, one_reader_too_many_is_refused_and_a_place_that_is_free_again_is_given)
{
    struct epoch epoch;
    struct epoch_pin pins[EPOCH_READERS_MAX], more;
    epoch_init(&epoch);
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        EXPECT(epoch_pin(&epoch, &pins[i]));
    }
    EXPECT(!epoch_pin(&epoch, &more));
    epoch_unpin(&epoch, &pins[7]);
    EXPECT(epoch_pin(&epoch, &pins[7]));
    EXPECT_EQ(epoch_readers(&epoch), EPOCH_READERS_MAX);
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        epoch_unpin(&epoch, &pins[i]);
    }
    epoch_close(&epoch);
}

static void retire_again(void *context, void *block)
{
    epoch_retire(context, block, count_reclaimed, NULL);
}

TEST(epoch, what_is_reclaimed_may_retire_more_and_closing_reclaims_all_of_it)
{
    struct epoch epoch;
    reclaimed = 0;
    epoch_init(&epoch);
    for (unsigned i = 0; i < 1000; i++) { /* the ring grows while it is being emptied */
        epoch_retire(&epoch, &epoch, retire_again, &epoch);
    }
    epoch_advance(&epoch);
    EXPECT_EQ(epoch_waiting(&epoch), 1000);
    EXPECT_EQ(reclaimed, 0);
    epoch_advance(&epoch);
    EXPECT_EQ(reclaimed, 1000);
    epoch_retire(&epoch, &epoch, retire_again, &epoch);
    epoch_close(&epoch);
    EXPECT_EQ(reclaimed, 1001);
}

/* --- Threads ------------------------------------------------------------------------- */

struct cell {
    uint64_t born;
    uint64_t twice;
};

struct shared {
    struct epoch epoch;
    _Atomic(struct cell *) newest;
    _Atomic bool stop;
    _Atomic uint64_t wrong;
    _Atomic uint64_t reads;
};

static void poison(void *context, void *block)
{
    (void)context;
    memset(block, POISON, sizeof(struct cell));
    free(block);
}

static void *read_cells(void *argument)
{
    struct shared *shared = argument;
    uint64_t last = 0;
    while (!atomic_load(&shared->stop)) {
        struct epoch_pin pin;
        if (!epoch_pin(&shared->epoch, &pin)) {
            continue;
        }
        const struct cell *cell =
            atomic_load_explicit(&shared->newest, memory_order_acquire);
        /* What stands is never older than the pin says, and never goes back. */
        bool good = cell->twice == cell->born * 2 && cell->born >= pin.version &&
                    pin.version >= last;
        last = pin.version;
        atomic_fetch_add(&shared->wrong, !good);
        atomic_fetch_add(&shared->reads, 1);
        epoch_unpin(&shared->epoch, &pin);
    }
    return NULL;
}

static struct cell *cell_new(uint64_t born)
{
    struct cell *cell = memory_alloc(sizeof *cell);
    *cell = (struct cell){.born = born, .twice = born * 2};
    return cell;
}

TEST(epoch, readers_on_other_threads_never_see_what_was_reclaimed)
{
    struct shared shared = {0};
    pthread_t threads[READERS];
    epoch_init(&shared.epoch);
    atomic_store(&shared.newest, cell_new(epoch_next(&shared.epoch) - 1));
    for (unsigned i = 0; i < READERS; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, read_cells, &shared), 0);
    }
    for (unsigned i = 0; i < CHANGES || atomic_load(&shared.reads) < 100; i++) {
        struct cell *old = atomic_load(&shared.newest);
        atomic_store_explicit(&shared.newest, cell_new(epoch_next(&shared.epoch)),
                              memory_order_release);
        epoch_retire(&shared.epoch, old, poison, NULL);
        epoch_advance(&shared.epoch);
    }
    atomic_store(&shared.stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(atomic_load(&shared.wrong), 0);
    epoch_close(&shared.epoch);
    free(atomic_load(&shared.newest));
}
