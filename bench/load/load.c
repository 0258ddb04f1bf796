/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

enum {
    LOAD_DRAIN_S = 60,
};

static struct load_cell *slot_cell(struct load_slot *slot)
{
    return &slot->load->stats.cells[slot->index % LOAD_CELLS];
}

void load_slot_fail(struct load_slot *slot, const char *reason)
{
    struct load_cell *cell = slot_cell(slot);
    pthread_mutex_lock(&cell->lock);
    load_cell_fail(cell, reason);
    pthread_mutex_unlock(&cell->lock);
}

static void slot_release(struct load_slot *slot)
{
    struct load *load = slot->load;
    pthread_mutex_lock(&load->lock);
    slot->next_free = load->free;
    load->free = slot;
    load->free_count++;
    pthread_cond_signal(&load->freed);
    pthread_mutex_unlock(&load->lock);
}

/* Waits for a free slot: an operation that is late because of that counts as late. */
static struct load_slot *slot_take(struct load *load)
{
    struct load_slot *slot;
    pthread_mutex_lock(&load->lock);
    while (load->free == NULL) {
        pthread_cond_wait(&load->freed, &load->lock);
    }
    slot = load->free;
    load->free = slot->next_free;
    load->free_count--;
    pthread_mutex_unlock(&load->lock);
    return slot;
}

static void slot_count(struct load_slot *slot, uint64_t now_us)
{
    const struct load *load = slot->load;
    struct load_cell *cell = slot_cell(slot);
    struct load_counts *counts = &cell->kinds[slot->kind];
    pthread_mutex_lock(&cell->lock);
    if (now_us >= load->measure_from_us && now_us < load->measure_to_us) {
        counts->calls++;
        counts->items += slot->items - slot->failed;
        counts->failed += slot->failed;
        counts->shown += slot->shown;
    }
    if (slot->due_us >= load->measure_from_us && slot->due_us < load->measure_to_us) {
        histogram_add(&counts->latency_us, now_us - slot->due_us);
    }
    pthread_mutex_unlock(&cell->lock);
}

void load_finish(struct load_slot *slot, const struct souk_error *error)
{
    struct load *load = slot->load;
    uint64_t now_us = load_now_us();
    if (error != NULL) {
        slot->failed = slot->items;
        load_slot_fail(slot,
                       error->reason[0] ? error->reason : souk_code_name(error->code));
        if (error->attempts == 0) {
            atomic_store(&load->broken, true);
        }
    }
    slot_count(slot, now_us);
    if (load->options.rate > 0 || now_us >= load->measure_to_us ||
        atomic_load(&load->broken)) {
        slot_release(slot);
        return;
    }
    slot->due_us = now_us;
    load_operation_start(slot);
}

static void cpu_times(const struct load_options *options, double *out_client_s,
                      double *out_server_s)
{
    *out_client_s = load_cpu_self_s();
    *out_server_s = load_cpu_of_s(options->servers, options->server_count);
}

static void slots_make(struct load *load)
{
    unsigned batch = load->options.batch, picks = batch * LOAD_SESSION_ITEMS;
    load->slots = memory_zalloc(load->options.clients * sizeof(struct load_slot));
    for (unsigned i = 0; i < load->options.clients; i++) {
        struct load_slot *slot = &load->slots[i];
        slot->load = load;
        slot->index = i;
        rng_init(&slot->rng, hash_mix(load->options.seed) + i);
        slot->sku_ids = memory_zalloc(picks * sizeof *slot->sku_ids);
        slot->sku_pointers = memory_zalloc(picks * sizeof(const char *));
        slot->request_ids = memory_zalloc(picks * sizeof *slot->request_ids);
        slot->lines = memory_zalloc(batch * sizeof *slot->lines);
        slot->holds = memory_zalloc(batch * sizeof *slot->holds);
        slot->adjustments = memory_zalloc(batch * sizeof *slot->adjustments);
        slot->lanes = memory_zalloc(batch * sizeof *slot->lanes);
        slot->events = memory_zalloc(batch * sizeof *slot->events);
        slot->questions = memory_zalloc(batch * sizeof *slot->questions);
        slot->visitor_ids = memory_zalloc(batch * sizeof *slot->visitor_ids);
        for (unsigned at = 0; at < picks; at++) {
            slot->sku_pointers[at] = slot->sku_ids[at];
        }
        slot_release(slot);
    }
}

static void slots_free(struct load *load)
{
    for (unsigned i = 0; i < load->options.clients; i++) {
        struct load_slot *slot = &load->slots[i];
        free(slot->sku_ids);
        free(slot->sku_pointers);
        free(slot->request_ids);
        free(slot->lines);
        free(slot->holds);
        free(slot->adjustments);
        free(slot->lanes);
        free(slot->events);
        free(slot->questions);
        free(slot->visitor_ids);
    }
    free(load->slots);
}

struct load_times {
    bool measuring;
    double client_s, server_s;
};

/* Takes the CPU times once when the measurement begins. */
static void begin_measuring(const struct load *load, struct load_times *times)
{
    if (!times->measuring && load_now_us() >= load->measure_from_us) {
        cpu_times(&load->options, &times->client_s, &times->server_s);
        times->measuring = true;
    }
}

static uint64_t run_open(struct load *load, struct load_times *times, uint64_t start_us)
{
    struct schedule schedule;
    uint64_t late_us_max = 0;
    schedule_init(&schedule, load->options.arrivals, load->options.rate,
                  load->options.seed);
    for (;;) {
        uint64_t due_us = start_us + schedule_next_us(&schedule);
        uint64_t now_us;
        struct load_slot *slot;
        if (due_us >= load->measure_to_us || atomic_load(&load->broken)) {
            load_sleep_until_us(load->measure_to_us);
            return late_us_max;
        }
        if (due_us > load_now_us()) {
            load_sleep_until_us(due_us);
        }
        begin_measuring(load, times);
        slot = slot_take(load);
        slot->due_us = due_us;
        now_us = load_now_us();
        if (now_us > due_us && now_us - due_us > late_us_max &&
            due_us >= load->measure_from_us) {
            late_us_max = now_us - due_us;
        }
        load_operation_start(slot);
    }
}

static void run_closed(struct load *load, struct load_times *times)
{
    for (unsigned i = 0; i < load->options.clients; i++) {
        struct load_slot *slot = slot_take(load);
        slot->due_us = load_now_us();
        load_operation_start(slot);
    }
    load_sleep_until_us(load->measure_from_us);
    begin_measuring(load, times);
    load_sleep_until_us(load->measure_to_us);
}

/* Waits until every operation has ended; false after LOAD_DRAIN_S. */
static bool drain(struct load *load)
{
    struct timespec limit;
    bool drained;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LOAD_DRAIN_S;
    pthread_mutex_lock(&load->lock);
    while (load->free_count < load->options.clients &&
           pthread_cond_timedwait(&load->freed, &load->lock, &limit) == 0) {
    }
    drained = load->free_count == load->options.clients;
    pthread_mutex_unlock(&load->lock);
    return drained;
}

bool load_run(struct load *load, struct load_outcome *out_outcome)
{
    struct load_times times = {0}, end = {0};
    uint64_t start_us, late_us_max = 0;
    bool drained;
    key_choice_init(&load->choice, load->options.choice, load->options.keys,
                    load->options.theta);
    load_stats_init(&load->stats);
    if (load->sessions.count > 0) {
        session_walk_init(&load->walk, &load->sessions, load->options.seed);
    }
    ASSERT(pthread_mutex_init(&load->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&load->freed, NULL) == 0);
    if (!load_stream_open(load)) {
        return false;
    }
    slots_make(load);
    start_us = load_now_us();
    load->measure_from_us = start_us + (uint64_t)(load->options.warmup_s * 1e6);
    load->measure_to_us = load->measure_from_us + (uint64_t)(load->options.seconds * 1e6);
    if (load->options.rate > 0) {
        late_us_max = run_open(load, &times, start_us);
    } else {
        run_closed(load, &times);
    }
    cpu_times(&load->options, &end.client_s, &end.server_s);
    drained = drain(load);
    if (atomic_load(&load->broken) || !drained) {
        fprintf(stderr, "souk-load: %s\n",
                drained ? "an operation could not be sent" : "operations did not end");
        return false; /* operations may still point at the slots: nothing is freed */
    }
    *out_outcome = (struct load_outcome){
        .seconds = load->options.seconds,
        .client_cpu_s = end.client_s - times.client_s,
        .server_cpu_s = end.server_s - times.server_s,
        .late_us_max = late_us_max,
    };
    load_stream_close(load);
    slots_free(load);
    return true;
}
