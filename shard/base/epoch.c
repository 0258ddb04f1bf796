/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/epoch.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    RETIRED_CAPACITY_MIN = 64,
};

/* A slot whose reader has not said yet which version it reads. */
#define EPOCH_PINNING 1u
#define EPOCH_FIRST   2u

void epoch_init(struct epoch *epoch)
{
    memset(epoch, 0, sizeof *epoch);
    atomic_init(&epoch->now, EPOCH_FIRST);
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        atomic_init(&epoch->pinned[i], 0);
    }
    epoch->oldest = EPOCH_FIRST;
}

static void epoch_reclaim_first(struct epoch *epoch)
{
    /* Taken out first: what reclaims may retire in turn. */
    const struct epoch_retired retired = epoch->retired[epoch->retired_first];
    epoch->retired_first = (epoch->retired_first + 1) & (epoch->retired_capacity - 1);
    epoch->retired_count--;
    if (retired.reclaim != NULL) {
        retired.reclaim(retired.context, retired.block);
    } else {
        free(retired.block);
    }
}

void epoch_close(struct epoch *epoch)
{
    ASSERT(epoch_readers(epoch) == 0);
    while (epoch->retired_count > 0) {
        epoch_reclaim_first(epoch);
    }
    free(epoch->retired);
    epoch->retired = NULL;
    epoch->retired_capacity = 0;
}

bool epoch_pin(struct epoch *epoch, struct epoch_pin *out_pin)
{
    for (uint32_t slot = 0; slot < EPOCH_READERS_MAX; slot++) {
        uint64_t expected = 0;
        if (atomic_load_explicit(&epoch->pinned[slot], memory_order_relaxed) != 0 ||
            !atomic_compare_exchange_strong(&epoch->pinned[slot], &expected,
                                            EPOCH_PINNING)) {
            continue;
        }
        uint64_t version = atomic_load(&epoch->now);
        atomic_store(&epoch->pinned[slot], version);
        *out_pin = (struct epoch_pin){.version = version, .slot = slot};
        return true;
    }
    return false;
}

void epoch_unpin(struct epoch *epoch, const struct epoch_pin *pin)
{
    ASSERT(atomic_load_explicit(&epoch->pinned[pin->slot], memory_order_relaxed) ==
           pin->version);
    atomic_store_explicit(&epoch->pinned[pin->slot], 0, memory_order_release);
}

void epoch_advance(struct epoch *epoch)
{
    uint64_t oldest = atomic_fetch_add(&epoch->now, 1) + 1;
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        uint64_t pinned = atomic_load(&epoch->pinned[i]);
        if (pinned != 0 && pinned < oldest) {
            oldest = pinned;
        }
    }
    epoch->oldest = oldest;
    while (epoch->retired_count > 0 &&
           epoch->retired[epoch->retired_first].stamp < oldest) {
        epoch_reclaim_first(epoch);
    }
}

static void epoch_grow(struct epoch *epoch)
{
    size_t capacity = epoch->retired_capacity * 2;
    if (capacity == 0) {
        capacity = RETIRED_CAPACITY_MIN;
    }
    struct epoch_retired *ring = memory_alloc(capacity * sizeof *ring);
    for (size_t i = 0; i < epoch->retired_count; i++) {
        ring[i] =
            epoch->retired[(epoch->retired_first + i) & (epoch->retired_capacity - 1)];
    }
    free(epoch->retired);
    epoch->retired = ring;
    epoch->retired_first = 0;
    epoch->retired_capacity = capacity;
}

void epoch_retire(struct epoch *epoch, void *block, epoch_reclaim *reclaim, void *context)
{
    if (epoch->retired_count == epoch->retired_capacity) {
        epoch_grow(epoch);
    }
    size_t place =
        (epoch->retired_first + epoch->retired_count) & (epoch->retired_capacity - 1);
    epoch->retired[place] = (struct epoch_retired){
        .stamp = atomic_load_explicit(&epoch->now, memory_order_relaxed),
        .block = block,
        .reclaim = reclaim,
        .context = context,
    };
    epoch->retired_count++;
}

size_t epoch_waiting(const struct epoch *epoch)
{
    return epoch->retired_count;
}

unsigned epoch_readers(const struct epoch *epoch)
{
    unsigned count = 0;
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        count += atomic_load(&epoch->pinned[i]) != 0;
    }
    return count;
}
