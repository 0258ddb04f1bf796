/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 100,000 random stock operations beside the plain reference: every answer, every level
 * after every entry, the ledger recomputed, and again and again a death of the process: the
 * store as it was last flushed is loaded, the entries since are applied again, and state
 * and answers are the same as without the death.
 *
 * Another seed: SOUK_SEED=n. A failure prints its seed and its operation. In builds with
 * SOUK_MUTANTS, SOUK_MUTANT=no_decrement or no_expiry must make it fail.
 */
#include "shard/base/mutant.h"
#include "shard/base/rng.h"
#include "shard/inventory/inventory.h"
#include "shard/storage/store.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"
#include "tests/model/stock_model.h"

enum {
    OPERATIONS = 100000,
    COMMANDS_PER_ENTRY_MAX = 5,
    RETRY_WINDOW = 64,
    LIFE_MAX_MS = 3600000,
};

struct step {
    struct inventory_command command;
    uint64_t payload;
    enum status status; /* as answered the first time */
};

struct entry {
    int64_t log_ms;
    uint64_t index;
    int count;
    struct step steps[COMMANDS_PER_ENTRY_MAX];
    struct entry *next;
};

struct run {
    uint64_t seed;
    struct rng rng;
    struct model *model;
    struct store *store;
    struct inventory_options options;
    struct inventory *inventory;
    struct arena arena;  /* answers; reset now and then */
    struct arena suffix; /* entries not flushed yet */
    struct arena memory; /* commands that may be retried */
    struct entry *first, *last;
    struct step recent[RETRY_WINDOW];
    uint64_t recent_count;
    uint64_t payloads, requests, lines[MODEL_IMPORTS];
    int64_t now_ms;
    uint64_t index;
    int operations;
    model_wide shortfall[MODEL_SKUS][MODEL_LOCATIONS];
    uint64_t moves_done, counts_posted;
    uint64_t statuses[STATUS_COUNT];
};

static void run_fail(struct run *run, const char *what)
{
    test_fail(__FILE__, __LINE__, "SOUK_SEED=%" PRIu64 ": operation %d differs in %s",
              run->seed, run->operations, what);
}

static uint64_t pick(struct run *run, uint64_t bound)
{
    return rng_below(&run->rng, bound);
}

/* Mostly small; sometimes at the edge of int64. */
static int64_t pick_quantity(struct run *run)
{
    static const int64_t edges[] = {
        0, -1, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MAX / 2 + 1};
    if (pick(run, 60) == 0) {
        return edges[pick(run, sizeof edges / sizeof edges[0])];
    }
    return 1 + (int64_t)pick(run, 8);
}

static struct slice pick_name(struct run *run, char letter, uint64_t count)
{
    const char text[2] = {letter, (char)('0' + pick(run, count))};
    return arena_slice(&run->memory, slice_of(text, sizeof text));
}

static struct slice pick_sku(struct run *run)
{
    return pick_name(run, 'S', MODEL_SKUS);
}

static struct slice pick_location(struct run *run)
{
    return pick_name(run, 'L', MODEL_LOCATIONS);
}

/* 0, the present etag, or a stale one. */
static uint64_t pick_etag(struct run *run, uint64_t present)
{
    uint64_t kind = pick(run, 10);
    return kind < 8 ? 0 : kind == 8 ? present : 12345;
}

static uint64_t level_etag(struct run *run, struct slice sku, struct slice location)
{
    return run->model->skus[model_number(sku, 'S', MODEL_SKUS)]
        .levels[model_number(location, 'L', MODEL_LOCATIONS)]
        .etag;
}

static void make_catalog(struct run *run, struct inventory_command *command)
{
    struct slice sku = pick_sku(run);
    uint64_t etag =
        pick_etag(run, run->model->skus[model_number(sku, 'S', MODEL_SKUS)].etag);
    if (pick(run, 4) == 0) {
        command->kind = INVENTORY_LOCATION_UPSERT;
        command->location_upsert.location.location_id = pick_location(run);
    } else if (pick(run, 4) == 0) {
        command->kind = INVENTORY_SKU_DELETE;
        command->sku_delete.sku_id = sku;
        command->sku_delete.etag = etag;
    } else {
        command->kind = INVENTORY_SKU_UPSERT;
        command->sku_upsert.sku.sku_id = sku;
        command->sku_upsert.sku.name = slice_from_string("thing");
        command->sku_upsert.etag = etag;
        if (pick(run, 4) == 0) {
            command->sku_upsert.sku.state =
                pick(run, 4) ? SKU_STATE_ACTIVE : (enum sku_state)(1 + pick(run, 3));
        }
    }
}

static void make_adjust(struct run *run, struct inventory_command *command)
{
    struct inventory_stock_adjust *adjust = &command->stock_adjust;
    command->kind = INVENTORY_STOCK_ADJUST;
    adjust->sku_id = pick_sku(run);
    adjust->location_id = pick_location(run);
    adjust->bucket =
        pick(run, 3) ? STOCK_BUCKET_ON_HAND : (enum stock_bucket)(1 + pick(run, 6));
    adjust->delta = pick_quantity(run);
    if (adjust->delta > 0 && pick(run, 3) == 0) {
        adjust->delta = -adjust->delta;
    }
    adjust->reason = (enum stock_reason)pick(run, STOCK_REASON_HOLD);
    adjust->etag = pick_etag(run, level_etag(run, adjust->sku_id, adjust->location_id));
}

static void make_set(struct run *run, struct inventory_command *command)
{
    struct inventory_stock_set *set = &command->stock_set;
    command->kind = INVENTORY_STOCK_SET;
    set->sku_id = pick_sku(run);
    set->location_id = pick_location(run);
    set->mask = 1u << (1 + pick(run, 6));
    set->mask |= pick(run, 2) ? 1u << STOCK_BUCKET_ON_HAND : 0;
    for (int i = 1; i < STOCK_BUCKET_HELD; i++) {
        set->buckets[i] = pick_quantity(run);
        set->buckets[i] -= set->buckets[i] > 0;
    }
    set->buckets[STOCK_BUCKET_ON_HAND] = pick_quantity(run);
    if (set->buckets[STOCK_BUCKET_ON_HAND] > INT64_MAX / 4) {
        set->buckets[STOCK_BUCKET_ON_HAND] = INT64_MAX;
    } else if (set->buckets[STOCK_BUCKET_ON_HAND] > 0) {
        set->buckets[STOCK_BUCKET_ON_HAND] *= 1 + (int64_t)pick(run, 2);
    }
    set->has_expected_on_hand = pick(run, 6) == 0;
    set->expected_on_hand = (int64_t)pick(run, 8);
    set->etag = pick_etag(run, level_etag(run, set->sku_id, set->location_id));
}

static void make_move(struct run *run, struct inventory_command *command)
{
    struct inventory_stock_move *move = &command->stock_move;
    command->kind = INVENTORY_STOCK_MOVE;
    move->sku_id = pick_sku(run);
    move->location_id = pick_location(run);
    move->to_location_id = pick(run, 3) ? pick_location(run) : move->location_id;
    move->bucket =
        pick(run, 2) ? STOCK_BUCKET_ON_HAND : (enum stock_bucket)(1 + pick(run, 5));
    move->to_bucket = (enum stock_bucket)(1 + pick(run, pick(run, 20) ? 4 : 8));
    move->quantity = pick_quantity(run);
    move->reason = (enum stock_reason)pick(run, STOCK_REASON_HOLD);
}

static void make_count(struct run *run, struct inventory_command *command)
{
    struct slice count_id = pick_name(run, 'C', MODEL_COUNTS);
    uint64_t kind = pick(run, 8);
    if (kind < 2) {
        command->kind = INVENTORY_COUNT_START;
        command->count_start.count_id = count_id;
        command->count_start.location_id = pick_location(run);
        command->count_start.at_submit = pick(run, 3) == 0;
    } else if (kind < 7) {
        uint32_t count = 1 + (uint32_t)pick(run, 3);
        struct inventory_count_line *lines =
            arena_zalloc(&run->memory, count * sizeof *lines);
        for (uint32_t i = 0; i < count; i++) {
            lines[i].sku_id = pick_sku(run);
            lines[i].counted =
                pick(run, 50) ? (int64_t)pick(run, 12) : pick_quantity(run);
        }
        command->kind = INVENTORY_COUNT_SUBMIT;
        command->count_submit.count_id = count_id;
        command->count_submit.lines = lines;
        command->count_submit.line_count = count;
    } else {
        command->kind = INVENTORY_COUNT_CLOSE;
        command->count_close.count_id = count_id;
        command->count_close.discard = pick(run, 4) == 0;
    }
}

static void make_create(struct run *run, struct inventory_command *command)
{
    struct inventory_hold_create *create = &command->hold_create;
    struct inventory_hold_line *lines;
    command->kind = INVENTORY_HOLD_CREATE;
    create->line_count = 1 + (uint32_t)(pick(run, 2) * pick(run, MODEL_LINES_MAX));
    lines = arena_zalloc(&run->memory, create->line_count * sizeof *lines);
    for (uint32_t i = 0; i < create->line_count; i++) {
        lines[i].sku_id = pick_sku(run);
        if (pick(run, 2)) {
            lines[i].location_id = pick_location(run);
        }
        lines[i].quantity = pick_quantity(run);
    }
    create->lines = lines;
    create->mode = pick(run, 3) ? HOLD_MODE_ALL_OR_NOTHING : HOLD_MODE_BEST_EFFORT;
    if (pick(run, 2)) {
        create->owner = pick_name(run, 'O', MODEL_OWNERS);
    }
    create->allow_backorder = pick(run, 4) == 0;
    create->ttl_kind = (enum hold_ttl_kind)pick(run, 3);
    create->ttl_ms = 1 + (int64_t)pick(run, pick(run, 3) ? 60000 : 1000);
    create->expire_ms = run->now_ms + create->ttl_ms;
    if (pick(run, 100) == 0) {
        create->ttl_ms = pick_quantity(run) < 4 ? 0 : LIFE_MAX_MS + 1;
        create->expire_ms = run->now_ms;
    }
    create->life_max_ms = LIFE_MAX_MS;
    create->owner_holds_max = 5;
    create->lines_max = MODEL_LINES_MAX;
    create->nonce = rng_next(&run->rng);
}

static void make_change(struct run *run, struct inventory_command *command)
{
    struct inventory_hold_change *change = &command->hold_change;
    struct model *model = run->model;
    command->kind = (enum inventory_command_kind)(INVENTORY_HOLD_EXTEND + pick(run, 5));
    if (model->hold_count > 0) {
        int back = (int)pick(run, pick(run, 20) ? 12 : 5000);
        int number = model->hold_count - 1 - back;
        change->hold_id = model->holds[number > 0 ? number : 0].id;
    }
    change->ttl_kind = HOLD_TTL_DURATION;
    change->ttl_ms = 1 + (int64_t)pick(run, pick(run, 10) ? 60000 : LIFE_MAX_MS);
    change->life_max_ms = LIFE_MAX_MS;
}

static void make_identity(struct run *run, struct inventory_command *command)
{
    struct inventory_identity *identity = &command->identity;
    if (command->kind == INVENTORY_STOCK_ADJUST && pick(run, 4) == 0) {
        uint64_t import = pick(run, MODEL_IMPORTS);
        uint64_t *line = &run->lines[import];
        identity->kind = INVENTORY_IDENTITY_IMPORT;
        identity->import_id = (struct hash128){.high = 1, .low = import};
        identity->imports_max = MODEL_IMPORTS;
        identity->imports_refused_max = MODEL_LINES;
        identity->prev_line = *line;
        identity->line = *line + 1 + pick(run, 2);
        if (pick(run, 8) == 0) {
            identity->prev_line += 5; /* a gap */
            identity->line += 5;
        } else if (pick(run, 8) == 0) {
            identity->line = *line > 2 ? *line - 1 : 1; /* sent before */
            identity->prev_line = identity->line - 1;
        } else {
            *line = identity->line;
        }
        return;
    }
    run->requests++;
    identity->kind = INVENTORY_IDENTITY_REQUEST;
    identity->request_id = hash128(slice_of(&run->requests, sizeof run->requests), 5);
    identity->anchor = inventory_command_anchor(command, run->options.hash_seed);
    identity->fingerprint = inventory_command_fingerprint(command);
    identity->request_ms = run->now_ms - (int64_t)pick(run, 3000);
}

/* Some stay for hours and some for days, so that old ids are tried again. */
static uint64_t pick_slot(struct run *run)
{
    if (pick(run, 1500) == 0) {
        return RETRY_WINDOW - 8 + pick(run, 8);
    }
    return pick(run, 20) ? run->recent_count % 32 : 32 + pick(run, RETRY_WINDOW - 40);
}

/* A new command, one sent before, or an old id with a new payload. */
static void make_step(struct run *run, struct step *step)
{
    uint64_t kind = pick(run, 100);
    *step = (struct step){.payload = ++run->payloads};
    if (kind < 6 && run->recent_count > RETRY_WINDOW) {
        *step = run->recent[pick(run, RETRY_WINDOW)];
        return;
    }
    if (kind < 12) {
        make_catalog(run, &step->command);
    } else if (kind < 34) {
        make_adjust(run, &step->command);
    } else if (kind < 38) {
        make_move(run, &step->command);
    } else if (kind < 42) {
        make_count(run, &step->command);
    } else if (kind < 47) {
        make_set(run, &step->command);
    } else if (kind < 68) {
        make_create(run, &step->command);
    } else {
        make_change(run, &step->command);
    }
    make_identity(run, &step->command);
    if (step->command.identity.kind != INVENTORY_IDENTITY_REQUEST) {
        return;
    }
    if (kind == 99 && run->recent_count > RETRY_WINDOW) {
        const struct step *old = &run->recent[pick(run, RETRY_WINDOW)];
        step->command.identity.request_id = old->command.identity.request_id;
        step->command.identity.request_ms = old->command.identity.request_ms;
        return;
    }
    run->recent[pick_slot(run)] = *step;
    run->recent_count++;
    for (uint64_t i = run->recent_count; i <= RETRY_WINDOW; i++) {
        run->recent[i - 1] = *step;
    }
}

/* Shortfall of every level, before a command that grants and after it. */
static void note_shortfall(struct run *run, bool after, enum inventory_command_kind kind)
{
    for (int sku = 0; sku < MODEL_SKUS; sku++) {
        for (int location = 0; location < MODEL_LOCATIONS; location++) {
            model_wide *noted = &run->shortfall[sku][location];
            model_wide now = model_shortfall(&run->model->skus[sku].levels[location]);
            if (after && kind == INVENTORY_HOLD_CREATE && now > *noted) {
                run_fail(run, "shortfall, which a grant raised");
            }
            *noted = now;
        }
    }
}

static void see_levels(struct run *run)
{
    for (int sku = 0; sku < MODEL_SKUS; sku++) {
        const char text[2] = {'S', (char)('0' + sku)};
        const struct slice id = slice_of(text, sizeof text);
        const struct inventory_query query = {
            .kind = INVENTORY_QUERY_LEVEL_BATCH, .sku_ids = &id, .sku_count = 1};
        struct inventory_answer answer;
        uint32_t next = 0;
        EXPECT_OK(inventory_read(run->inventory, &query, &run->arena, &answer));
        for (int location = 0; location < MODEL_LOCATIONS; location++) {
            static const int64_t nothing[STOCK_BUCKET_COUNT];
            const struct inventory_level *level =
                next < answer.level_count ? &answer.levels[next] : NULL;
            const char *differs;
            if (level != NULL &&
                model_number(level->location_id, 'L', MODEL_LOCATIONS) == location) {
                next++;
            } else {
                level = NULL;
            }
            differs = model_level_seen(run->model, sku, location,
                                       level != NULL ? level->buckets : nothing,
                                       level != NULL ? level->etag : 0);
            if (differs != NULL) {
                run_fail(run, differs);
            }
        }
        EXPECT_EQ(next, answer.level_count);
    }
}

static void run_entry(struct run *run)
{
    struct entry *entry = arena_zalloc(&run->suffix, sizeof *entry);
    const uint64_t pause = pick(run, 200);
    run->now_ms += pause == 0 ? (int64_t)pick(run, 7200000) : (int64_t)pick(run, 500);
    entry->log_ms = run->now_ms;
    entry->index = ++run->index;
    entry->count = 1 + (int)(pick(run, 2) * pick(run, COMMANDS_PER_ENTRY_MAX));
    inventory_entry_begin(run->inventory,
                          &(struct apply_position){entry->index, 1, entry->log_ms});
    model_entry(run->model, entry->log_ms);
    for (int i = 0; i < entry->count; i++) {
        struct step *step = &entry->steps[i];
        struct inventory_outcome outcome;
        struct model_answer wanted;
        const char *differs;
        make_step(run, step);
        run->operations++;
        note_shortfall(run, false, step->command.kind);
        inventory_apply(run->inventory, &step->command, &run->arena, &outcome);
        model_apply(run->model, &step->command, step->payload, &wanted);
        note_shortfall(run, true, step->command.kind);
        run->moves_done +=
            step->command.kind == INVENTORY_STOCK_MOVE && outcome.status == STATUS_OK;
        run->counts_posted += wanted.has_count && wanted.count_changed > 0;
        differs = model_agrees(run->model, &step->command, &wanted, &outcome);
        if (differs != NULL) {
            fprintf(stderr, "kind %d, answered %s, expected %s\n", step->command.kind,
                    status_name(outcome.status), status_name(wanted.status));
            run_fail(run, differs);
        }
        step->status = outcome.status;
        run->statuses[outcome.status]++;
    }
    inventory_entry_end(run->inventory);
    model_entry_end(run->model);
    if (run->first == NULL) {
        run->first = entry;
    } else {
        run->last->next = entry;
    }
    run->last = entry;
    see_levels(run);
}

static void run_flush(struct run *run)
{
    struct store_batch batch;
    store_batch_init(&batch);
    inventory_collect(run->inventory, &batch);
    EXPECT_OK(store_write(run->store, &batch));
    store_batch_close(&batch);
    if (pick(run, 2)) {
        inventory_flushed(run->inventory, run->index); /* else a later flush says so */
    }
    run->first = NULL;
    run->last = NULL;
    arena_reset(&run->suffix);
}

static void run_die(struct run *run)
{
    uint64_t digest = inventory_digest(run->inventory);
    inventory_free(run->inventory);
    run->inventory = inventory_new(&run->options);
    EXPECT_OK(inventory_load(run->inventory));
    for (const struct entry *entry = run->first; entry != NULL; entry = entry->next) {
        inventory_entry_begin(run->inventory,
                              &(struct apply_position){entry->index, 2, entry->log_ms});
        for (int i = 0; i < entry->count; i++) {
            struct inventory_outcome outcome;
            inventory_apply(run->inventory, &entry->steps[i].command, &run->arena,
                            &outcome);
            if (outcome.status != entry->steps[i].status) {
                run_fail(run, "an answer given again after a death");
            }
        }
        inventory_entry_end(run->inventory);
    }
    if (inventory_digest(run->inventory) != digest) {
        run_fail(run, "the digest after a death");
    }
}

/* The levels by the ledger alone, from its first page to its last. */
static void run_ledger(struct run *run)
{
    static int64_t sums[MODEL_SKUS][MODEL_LOCATIONS][STOCK_BUCKET_COUNT];
    struct inventory_query query = {.kind = INVENTORY_QUERY_LEDGER, .page_size = 1000};
    struct inventory_audit_report report;
    struct arena arena;
    memset(sums, 0, sizeof sums);
    arena_init(&arena, NULL, 0, 0);
    do {
        struct inventory_answer answer;
        EXPECT_OK(inventory_read(run->inventory, &query, &arena, &answer));
        for (uint32_t i = 0; i < answer.movement_count; i++) {
            const struct inventory_movement *movement = &answer.movements[i];
            int64_t *sum =
                sums[model_number(movement->sku_id, 'S', MODEL_SKUS)]
                    [model_number(movement->location_id, 'L', MODEL_LOCATIONS)];
            if (memcmp(sum, movement->before, sizeof movement->before) != 0) {
                run_fail(run, "a movement's before");
            }
            memcpy(sum, movement->after, sizeof movement->after);
            if (movement->to.location_id.size > 0) {
                sum = sums[model_number(movement->sku_id, 'S', MODEL_SKUS)]
                          [model_number(movement->to.location_id, 'L', MODEL_LOCATIONS)];
                if (memcmp(sum, movement->to.before, sizeof movement->to.before) != 0) {
                    run_fail(run, "a movement's before where units went to");
                }
                memcpy(sum, movement->to.after, sizeof movement->to.after);
            }
        }
        query.page_token = answer.next_page_token;
    } while (query.page_token.size != 0);
    for (int sku = 0; sku < MODEL_SKUS; sku++) {
        for (int location = 0; location < MODEL_LOCATIONS; location++) {
            if (memcmp(sums[sku][location],
                       run->model->skus[sku].levels[location].buckets,
                       sizeof sums[sku][location]) != 0) {
                run_fail(run, "the sum of the ledger");
            }
        }
    }
    EXPECT_OK(inventory_audit(run->inventory, &arena, &report));
    EXPECT_EQ(report.mismatches, 0);
    EXPECT_EQ(report.broken_links, 0);
    arena_close(&arena);
}

static void run_seed(uint64_t seed, int operations)
{
    struct run run = {.seed = seed, .now_ms = 1700000000000};
    rng_init(&run.rng, seed);
    run.model = model_new();
    run.store = memory_store_new();
    run.options = (struct inventory_options){.shard_id = 3,
                                             .hash_seed = seed,
                                             .store = run.store,
                                             .request_memory_max_bytes = 1 << 30};
    run.inventory = inventory_new(&run.options);
    arena_init(&run.arena, NULL, 0, 0);
    arena_init(&run.suffix, NULL, 0, 0);
    arena_init(&run.memory, NULL, 0, 0);
    while (run.operations < operations) {
        run_entry(&run);
        arena_reset(&run.arena);
        if (pick(&run, 30) == 0) {
            run_flush(&run);
        }
        if (pick(&run, 150) == 0) {
            run_die(&run);
        }
        if (pick(&run, 3000) == 0) {
            run_ledger(&run);
        }
    }
    run_flush(&run);
    run_die(&run);
    run_ledger(&run);
    /* The mix must reach what it is meant to test. */
    EXPECT(run.statuses[STATUS_OK] > (uint64_t)operations / 4);
    EXPECT(run.statuses[STATUS_INSUFFICIENT_STOCK] > 0);
    EXPECT(run.statuses[STATUS_HOLD_EXPIRED] > 0);
    EXPECT(run.statuses[STATUS_QUANTITY_OVERFLOW] > 0);
    EXPECT(run.statuses[STATUS_REQUEST_ID_REUSED] > 0);
    EXPECT(run.statuses[STATUS_SEQUENCE_GAP] > 0);
    EXPECT(run.statuses[STATUS_REQUEST_ID_EXPIRED] > 0);
    EXPECT(run.statuses[STATUS_QUOTA] > 0);
    EXPECT(run.moves_done > (uint64_t)operations / 200);
    EXPECT(run.counts_posted > (uint64_t)operations / 2000);
    if (getenv("SOUK_VERBOSE") != NULL) {
        for (unsigned i = 0; i < STATUS_COUNT; i++) {
            if (run.statuses[i] > 0) {
                fprintf(stderr, "%8" PRIu64 " %s\n", run.statuses[i],
                        status_name((enum status)i));
            }
        }
    }
    inventory_free(run.inventory);
    store_close(run.store);
    model_free(run.model);
    arena_close(&run.arena);
    arena_close(&run.suffix);
    arena_close(&run.memory);
}

TEST(stock_model, a_hundred_thousand_operations_are_answered_as_the_reference_says)
{
    const char *seed = getenv("SOUK_SEED");
#ifdef SOUK_MUTANTS
    if (getenv("SOUK_MUTANT") != NULL) {
        EXPECT(mutant_pick(getenv("SOUK_MUTANT")));
    }
#endif
    if (seed != NULL) {
        run_seed(strtoull(seed, NULL, 10), OPERATIONS);
        return;
    }
    for (uint64_t i = 1; i <= 5; i++) {
        run_seed(i, OPERATIONS / 5);
    }
}
