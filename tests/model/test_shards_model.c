/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random holds over three shards beside the plain reference: what shards tell each other
 * arrives in any order, some of it twice, and a shard dies in between; once all of it has
 * arrived, every answer and every level is as the reference says.
 *
 * Another seed: SOUK_SEED=n. A failure prints its seed and its operation.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/memory.h"
#include "shard/base/mutant.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/model/shards_model.h"
#include "tests/unit/inventory/shards.h"

enum {
    SHARDS = 3,
    OPERATIONS = 4000, /* of a seed */
    SEEDS = 20,
    UNITS_MOST = 24,
    NAME_BYTES = 3,
    DEATHS_PERCENT = 15,
};

struct run {
    uint64_t seed;
    struct rng rng;
    struct shards shards;
    struct shards_model model;
    struct inventory_hold_id ids[SHARDS_MODEL_HOLDS];
    char skus[SHARDS_MODEL_SKUS][NAME_BYTES];
    int operation;
    uint64_t statuses[STATUS_COUNT];
    struct inventory_outcome outcome; /* of the shard that was asked */
    struct inventory_command last;    /* to be asked again */
    enum status last_status;
};

static const char *const locations[SHARDS_MODEL_LOCATIONS] = {"L0", "L1"};

static void run_fail(struct run *run, const char *what)
{
    test_fail(__FILE__, __LINE__, "SOUK_SEED=%" PRIu64 ": operation %d differs in %s",
              run->seed, run->operation, what);
}

static int pick(struct run *run, int bound)
{
    return (int)rng_below(&run->rng, (uint64_t)bound);
}

static void run_later(struct run *run, int64_t ms)
{
    shards_later(&run->shards, ms);
    for (unsigned i = 0; i < SHARDS; i++) {
        world_tick(&run->shards.worlds[i]);
    }
    shards_model_time(&run->model, run->shards.now_ms);
}

/* In any order, some twice; perhaps a shard dies, and what it had in mind is told again. */
static void run_carry(struct run *run)
{
    struct shards *shards = &run->shards;
    shards_pull(shards);
    for (int steps = pick(run, 8); steps > 0 && shards->parcel_count > 0; steps--) {
        unsigned at = (unsigned)pick(run, (int)shards->parcel_count);
        shards_deliver(shards, at);
        if (pick(run, 4) > 0) {
            shards_drop(shards, at);
        }
        shards_pull(shards);
    }
    if (pick(run, 100) < DEATHS_PERCENT) {
        shards_die(shards, (unsigned)pick(run, SHARDS));
        shards_carry(shards);
        run_later(run, 300);
    }
    shards_carry(shards);
    if (shards_unsettled(shards) > 0) {
        /* A line heard of the end before the beginning, and asks once it has waited. */
        run_later(run, 4000);
        shards_carry(shards);
    }
    if (shards_unsettled(shards) > 0) {
        run_fail(run, "everything being told");
    }
}

/* The answer once nothing is pending. */
static const struct inventory_outcome *run_ask(struct run *run,
                                               struct inventory_command *command)
{
    const struct inventory_outcome *outcome = &run->outcome;
    run->outcome = *shards_apply(&run->shards, command);
    run_carry(run);
    if (outcome->pending) {
        const struct inventory_answer *answer = shards_outcome(&run->shards, command);
        EXPECT_OK(answer->status);
        EXPECT_EQ(answer->pending_count, 0);
        outcome = answer->outcome;
        if (outcome->pending) {
            run_fail(run, "being decided");
        }
    }
    run->last = *command;
    run->last_status = outcome->status;
    run->statuses[outcome->status]++;
    return outcome;
}

static void run_levels(struct run *run)
{
    for (int sku = 0; sku < SHARDS_MODEL_SKUS; sku++) {
        unsigned shard = (unsigned)run->model.shard_of[sku];
        for (int i = 0; i < SHARDS_MODEL_LOCATIONS; i++) {
            const struct shards_model_level *wanted = &run->model.levels[sku][i];
            struct inventory_level level =
                world_level(&run->shards.worlds[shard], run->skus[sku], locations[i]);
            if (level.buckets[STOCK_BUCKET_ON_HAND] != wanted->on_hand ||
                level.buckets[STOCK_BUCKET_HELD] != wanted->held ||
                level.buckets[STOCK_BUCKET_COMMITTED] != wanted->committed) {
                run_fail(run, "a level");
            }
        }
    }
}

static void run_create(struct run *run)
{
    struct shards_model_line lines[SHARDS_MODEL_LINES];
    struct inventory_hold_line *asked =
        arena_zalloc(&run->shards.arena, sizeof *asked * SHARDS_MODEL_LINES);
    int count = 1 + pick(run, SHARDS_MODEL_LINES);
    for (int i = 0; i < count; i++) {
        lines[i] = (struct shards_model_line){.sku = pick(run, SHARDS_MODEL_SKUS),
                                              .location = pick(run, 3) - 1,
                                              .quantity = 1 + pick(run, 4)};
        asked[i] = (struct inventory_hold_line){
            .sku_id = slice_from_string(run->skus[lines[i].sku]),
            .location_id = lines[i].location >= 0
                               ? slice_from_string(locations[lines[i].location])
                               : slice_of(NULL, 0),
            .quantity = lines[i].quantity};
    }
    struct inventory_command command = world_hold_command(asked, (uint32_t)count);
    command.hold_create.prepare_ms = SHARDS_PREPARE_MS;
    command.hold_create.nonce = rng_next(&run->rng);
    enum status wanted = shards_model_create(&run->model, lines, count);
    const struct inventory_outcome *outcome = run_ask(run, &command);
    if (outcome->status != wanted) {
        run_fail(run, "whether a hold is made");
    }
    if (wanted != STATUS_OK) {
        return;
    }
    const struct shards_model_hold *hold = &run->model.holds[run->model.hold_count - 1];
    run->ids[run->model.hold_count - 1] = outcome->hold.hold_id;
    for (int i = 0; i < count; i++) {
        if (!slice_equal(outcome->hold.lines[i].location_id,
                         slice_from_string(locations[hold->lines[i].location]))) {
            run_fail(run, "where a line lies");
        }
    }
}

static void run_change(struct run *run)
{
    static const enum inventory_command_kind kinds[] = {
        INVENTORY_HOLD_EXTEND, INVENTORY_HOLD_COMMIT, INVENTORY_HOLD_RELEASE,
        INVENTORY_HOLD_FULFIL, INVENTORY_HOLD_CANCEL};
    int change = pick(run, 5);
    int number = run->model.hold_count - 1 - pick(run, 12);
    if (number < 0) {
        return;
    }
    struct inventory_command command =
        world_change_command(kinds[change], run->ids[number]);
    enum status wanted =
        shards_model_end(&run->model, number, (enum shards_model_change)change);
    const struct inventory_outcome *outcome = run_ask(run, &command);
    if (outcome->status != wanted) {
        fprintf(stderr, "kind %d: %s, not %s\n", (int)command.kind,
                status_name(outcome->status), status_name(wanted));
        run_fail(run, "what a change meets");
    }
    if (outcome->has_hold &&
        (int)outcome->hold.state != (int)run->model.holds[number].state &&
        run->model.holds[number].state != SHARDS_MODEL_EXPIRED) {
        run_fail(run, "a hold's state");
    }
}

static void run_stock(struct run *run)
{
    int sku = pick(run, SHARDS_MODEL_SKUS), location = pick(run, SHARDS_MODEL_LOCATIONS);
    int64_t units = pick(run, UNITS_MOST);
    struct inventory_command command =
        world_set_command(run->skus[sku], locations[location], units);
    EXPECT_OK(shards_apply(&run->shards, &command)->status);
    shards_model_set(&run->model, sku, location, units);
}

/* The same id and payload again: the same answer, and nothing moves. */
static void run_again(struct run *run)
{
    if (run->last.identity.kind == INVENTORY_IDENTITY_NONE) {
        return;
    }
    const struct inventory_outcome *outcome = shards_apply(&run->shards, &run->last);
    if (outcome->status != run->last_status || !outcome->replayed || outcome->pending) {
        run_fail(run, "an answer given again");
    }
}

static void run_open(struct run *run, uint64_t seed)
{
    run->seed = seed;
    rng_init(&run->rng, seed);
    shards_open(&run->shards, SHARDS);
    run->model.holds = memory_zalloc(SHARDS_MODEL_HOLDS * sizeof *run->model.holds);
    run->model.ttl_ms = WORLD_TTL_MS;
    run->model.life_ms = WORLD_LIFE_MS;
    run->model.now_ms = run->shards.now_ms;
    for (int i = 0; i < SHARDS_MODEL_LOCATIONS; i++) {
        shards_location(&run->shards, locations[i]);
    }
    for (int sku = 0; sku < SHARDS_MODEL_SKUS; sku++) {
        snprintf(run->skus[sku], NAME_BYTES, "S%d", sku);
        run->model.shard_of[sku] = (int)shards_of(&run->shards, run->skus[sku]);
        world_sku(&run->shards.worlds[run->model.shard_of[sku]], run->skus[sku]);
    }
}

static void run_seed(uint64_t seed)
{
    struct run *run = memory_zalloc(sizeof *run);
    run_open(run, seed);
    for (run->operation = 1; run->operation <= OPERATIONS; run->operation++) {
        int kind = pick(run, 100);
        if (kind < 18) {
            run_stock(run);
        } else if (kind < 50) {
            run_create(run);
        } else if (kind < 88) {
            run_change(run);
        } else if (kind < 94) {
            run_again(run);
        } else {
            run_later(run, pick(run, 2 * WORLD_TTL_MS / 3));
            shards_carry(&run->shards);
        }
        run_levels(run);
        if (run->operation % 50 == 0) {
            run->last.identity.kind = INVENTORY_IDENTITY_NONE; /* borrows the arena */
            arena_reset(&run->shards.arena);
            for (unsigned i = 0; i < SHARDS; i++) {
                arena_reset(&run->shards.worlds[i].arena);
            }
        }
    }
    EXPECT(run->statuses[STATUS_OK] > OPERATIONS / 10);
    EXPECT(run->statuses[STATUS_INSUFFICIENT_STOCK] > 0);
    EXPECT(run->statuses[STATUS_HOLD_EXPIRED] > 0);
    EXPECT(run->statuses[STATUS_STOCK_CONTENDED] == 0);
    free(run->model.holds);
    shards_close(&run->shards);
    free(run);
}

TEST(shards_model, holds_over_three_shards_end_as_the_reference_says)
{
    const char *seed = getenv("SOUK_SEED");
#ifdef SOUK_MUTANTS
    if (getenv("SOUK_MUTANT") != NULL) {
        EXPECT(mutant_pick(getenv("SOUK_MUTANT")));
    }
#endif
    if (seed != NULL) {
        run_seed(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= SEEDS; i++) {
        run_seed(i);
    }
}
