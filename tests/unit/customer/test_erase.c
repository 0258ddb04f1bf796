/* SPDX-License-Identifier: Apache-2.0 */
/* An erased customer leaves the shard as it would be had there never been one. */
#include <string.h>

#include "shard/base/buffer.h"
#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "shard/customer/event_ids.h"
#include "shard/customer/row.h"
#include "shard/storage/key.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/world.h"

enum {
    MINUTE = 60 * 1000,
    GONE = 77,   /* the customer who goes */
    STAYS = 900, /* and others, from here */
};
#define DAY_MS ((int64_t)24 * 60 * MINUTE)

static struct hash128 pseudonym(uint64_t customer)
{
    return (struct hash128){hash_mix(customer), customer};
}

static struct customer_command erase_make(uint64_t customer, uint64_t request,
                                          int64_t request_ms)
{
    struct customer_command command = {.kind = CUSTOMER_ERASE,
                                       .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                                                    .anchor = hash_mix(customer),
                                                    .request_id = {request, 2},
                                                    .request_ms = request_ms},
                                       .erase = {.customer = pseudonym(customer)}};
    command.identity.fingerprint = customer_erase_fingerprint(&command.erase);
    return command;
}

static struct customer_command upsert_make(uint64_t customer, uint64_t request,
                                           int64_t request_ms)
{
    struct customer_command command = {
        .kind = CUSTOMER_UPSERT,
        .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                     .request_id = {request, 2},
                     .request_ms = request_ms},
        .upsert = {.customer = pseudonym(customer),
                   .profile = {.customer_id = slice_from_string("somebody"),
                               .personalization_withdrawn = true},
                   .attributes_max = 64}};
    command.identity.fingerprint = customer_upsert_fingerprint(&command.upsert);
    return command;
}

static struct customer_erasure erase(struct world *world, uint64_t customer,
                                     uint64_t request)
{
    struct customer_command command = erase_make(customer, request, world->log_ms);
    struct customer_outcome outcome = world_apply(world, &command);
    EXPECT_OK(outcome.status);
    return outcome.erased;
}

static struct customer_event event_of(struct world *world, uint64_t customer,
                                      const char *id, unsigned item)
{
    struct customer_event event =
        event_make(&world->arena, customer, CUSTOMER_EVENT_PURCHASE, item, world->log_ms);
    event.event_id = slice_from_string(arena_string(&world->arena, id));
    return event;
}

/* A world that lives with the customer who goes, beside one in which every entry of that
 * customer is an empty one. */
struct pair {
    struct world with, without;
    unsigned made;
};

static void pair_open(struct pair *pair)
{
    world_open(&pair->with);
    world_open(&pair->without);
    pair->made = 0;
}

static void pair_close(struct pair *pair)
{
    world_close(&pair->with);
    world_close(&pair->without);
}

static void pair_event(struct pair *pair, uint64_t customer, unsigned item)
{
    const struct customer_command tick = {.kind = CUSTOMER_TICK};
    char id[32];
    snprintf(id, sizeof id, "p%u", ++pair->made);
    struct customer_event event = event_of(&pair->with, customer, id, item);
    EXPECT_OK(world_event(&pair->with, &event).status);
    if (customer == GONE) {
        (void)world_apply(&pair->without, &tick);
    } else {
        EXPECT_OK(world_event(&pair->without, &event).status);
    }
}

static void pair_erase(struct pair *pair)
{
    struct customer_erasure erased = erase(&pair->with, GONE, 1);
    EXPECT(erased.events > 0);
    EXPECT_EQ(erased.log_index, pair->with.index);
    EXPECT_EQ(erased.log_ms, pair->with.log_ms);
    erased = erase(&pair->without, GONE, 1);
    EXPECT(erased.events == 0 && erased.sessions == 0 && !erased.profile);
    EXPECT_EQ(erased.log_index, pair->without.index);
}

static void pair_pass(struct pair *pair, int64_t ms)
{
    pair->with.log_ms += ms;
    pair->without.log_ms += ms;
}

static void pair_flush(struct pair *pair)
{
    world_flush(&pair->with);
    world_flush(&pair->without);
}

/* All rows but the remembered requests, one behind the other. */
static void dump_rows(struct world *world, struct buffer *out)
{
    struct store_cursor *cursor;
    const struct store_scan everything = {.uncached = true};
    EXPECT_OK(store_cursor_open(world->store, &everything, &cursor));
    for (; cursor->valid; store_cursor_next(cursor)) {
        struct key_state key;
        EXPECT(key_parse_state(cursor->key, &key));
        if (key.kind != ROW_REQUEST) {
            buffer_append(out, cursor->key.data, cursor->key.size);
            buffer_append(out, cursor->value.data, cursor->value.size);
        }
    }
    EXPECT_OK(cursor->status);
    store_cursor_close(cursor);
}

static void pair_expect_equal(struct pair *pair)
{
    const struct customer_command tick = {.kind = CUSTOMER_TICK};
    struct buffer with, without;
    EXPECT(evidence_digest(pair->with.evidence) ==
           evidence_digest(pair->without.evidence));
    EXPECT(histories_digest(pair->with.histories) ==
           histories_digest(pair->without.histories));
    buffer_init(&with);
    buffer_init(&without);
    pair_flush(pair);
    dump_rows(&pair->with, &with);
    dump_rows(&pair->without, &without);
    EXPECT_SLICE(buffer_slice(&with), buffer_slice(&without));
    buffer_close(&with);
    buffer_close(&without);
    /* The memory of the erasure itself is all that is apart, for a day. */
    EXPECT(customer_digest(pair->with.shard) != customer_digest(pair->without.shard));
    pair_pass(pair, DAY_MS + 1);
    (void)world_apply(&pair->with, &tick);
    (void)world_apply(&pair->without, &tick);
    EXPECT(customer_digest(pair->with.shard) == customer_digest(pair->without.shard));
    world_reload(&pair->with);
    world_reload(&pair->without);
    EXPECT(customer_digest(pair->with.shard) == customer_digest(pair->without.shard));
}

/* Some of everybody's events; the one who goes meets the others on items of theirs and
 * has one that nobody else ever saw. */
static void pair_live(struct pair *pair, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pair_event(pair, STAYS + i % 3, i % 5);
        pair_event(pair, GONE, i % 4);
        pair_event(pair, GONE, 5000);
        pair_event(pair, STAYS + i % 2, i % 7);
        pair_pass(pair, i % 4 == 0 ? 50 * MINUTE : MINUTE);
    }
}

TEST(erase, before_any_flush_leaves_nothing)
{
    struct pair pair;
    pair_open(&pair);
    pair_live(&pair, 20);
    pair_erase(&pair);
    pair_expect_equal(&pair);
    pair_close(&pair);
}

TEST(erase, after_flushes_and_in_the_middle_of_one_leaves_nothing)
{
    struct pair pair;
    struct store_batch with, without;
    pair_open(&pair);
    pair_live(&pair, 10);
    pair_flush(&pair);
    pair_live(&pair, 10);
    /* A batch that holds the customer's events is on its way when the erasure comes. */
    store_batch_init(&with);
    store_batch_init(&without);
    customer_collect(pair.with.shard, &with);
    customer_collect(pair.without.shard, &without);
    pair_live(&pair, 3);
    pair_erase(&pair);
    EXPECT_OK(store_write(pair.with.store, &with));
    EXPECT_OK(store_write(pair.without.store, &without));
    store_batch_close(&with);
    store_batch_close(&without);
    pair_expect_equal(&pair);
    pair_close(&pair);
}

TEST(erase, leaves_the_same_after_restarts_before_and_after_it)
{
    struct pair pair;
    pair_open(&pair);
    pair_live(&pair, 10);
    world_reload(&pair.with);
    world_reload(&pair.without);
    pair_erase(&pair);
    world_reload(&pair.with);
    world_reload(&pair.without);
    pair_live(&pair, 0);
    pair_expect_equal(&pair);
    pair_close(&pair);
}

TEST(erase, takes_the_profile_and_the_consent_with_it)
{
    struct world world;
    struct customer_profile profile;
    struct customer_context context;
    struct customer_context_query query = {
        .customer = pseudonym(GONE), .now_ms = WORLD_START_MS, .clicks_max = 9};
    world_open(&world);
    struct customer_command upsert = upsert_make(GONE, 1, world.log_ms);
    EXPECT_OK(world_apply(&world, &upsert).status);
    world_flush(&world);
    struct customer_erasure erased = erase(&world, GONE, 2);
    EXPECT(erased.profile && erased.events == 0);
    EXPECT_STATUS(customer_get(world.shard, pseudonym(GONE), &world.arena, &profile),
                  STATUS_NOT_FOUND);
    customer_read_context(world.shard, &query, &world.arena, &context);
    EXPECT(!context.known && !context.personalization_withdrawn);
    struct customer_counters counters = customer_counters(world.shard);
    EXPECT(counters.customers == 0 && counters.profiles == 0);
    /* The write from before is still known as done: a late repeat brings nobody back. */
    struct customer_outcome late = world_apply(&world, &upsert);
    EXPECT(late.replayed && late.profile.customer_id.size == 0);
    EXPECT_EQ(customer_counters(world.shard).customers, 0);
    world_reload(&world);
    EXPECT_EQ(customer_counters(world.shard).customers, 0);
    world_close(&world);
}

TEST(erase, of_somebody_unknown_or_twice_is_done_and_says_that_nothing_was_there)
{
    struct world world;
    world_open(&world);
    struct customer_erasure erased = erase(&world, GONE, 1);
    EXPECT(erased.events == 0 && erased.sessions == 0 && !erased.profile);
    EXPECT_EQ(erased.log_index, 1);
    struct customer_event event = event_of(&world, GONE, "a", 1);
    EXPECT_OK(world_event(&world, &event).status);
    EXPECT_EQ(erase(&world, GONE, 2).events, 1);
    EXPECT_EQ(erase(&world, GONE, 3).events, 0);
    EXPECT_EQ(customer_counters(world.shard).events, 0);
    EXPECT_EQ(customer_counters(world.shard).events_erased, 1);
    world_close(&world);
}

TEST(erase, under_the_same_request_id_repeats_its_proof_and_erases_nothing_new)
{
    struct world world;
    world_open(&world);
    struct customer_event event = event_of(&world, GONE, "a", 1);
    EXPECT_OK(world_event(&world, &event).status);
    struct customer_command command = erase_make(GONE, 5, world.log_ms);
    struct customer_outcome first = world_apply(&world, &command);
    EXPECT(first.erased.events == 1 && first.erased.sessions == 1 && !first.replayed);
    EXPECT_OK(world_event(&world, &event).status);
    world.log_ms += MINUTE;
    for (int restarted = 0; restarted < 2; restarted++) {
        struct customer_outcome again = world_apply(&world, &command);
        EXPECT(again.status == STATUS_OK && again.replayed);
        EXPECT_EQ(again.erased.events, 1);
        EXPECT_EQ(again.erased.sessions, 1);
        EXPECT_EQ(again.erased.log_index, first.erased.log_index);
        EXPECT_EQ(again.erased.log_ms, first.erased.log_ms);
        EXPECT_EQ(customer_counters(world.shard).events, 1);
        world_reload(&world);
    }
    struct customer_command other = erase_make(STAYS, 5, world.log_ms);
    EXPECT_STATUS(world_apply(&world, &other).status, STATUS_REQUEST_ID_REUSED);
    struct customer_command upsert = upsert_make(GONE, 5, world.log_ms);
    EXPECT_STATUS(world_apply(&world, &upsert).status, STATUS_REQUEST_ID_REUSED);
    world_close(&world);
}

TEST(erase, that_was_sealed_before_never_happens)
{
    struct world world;
    world_open(&world);
    struct customer_event event = event_of(&world, GONE, "a", 1);
    EXPECT_OK(world_event(&world, &event).status);
    struct customer_command command = erase_make(GONE, 5, world.log_ms);
    struct customer_command seal = {.kind = CUSTOMER_REQUEST_SEAL,
                                    .identity = command.identity};
    EXPECT_STATUS(world_apply(&world, &seal).status, STATUS_CANCELLED);
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_CANCELLED);
    EXPECT_EQ(customer_counters(world.shard).events, 1);
    world_close(&world);
}

TEST(erase, wants_a_request_id_and_the_right_shard)
{
    struct world world;
    world_open(&world);
    struct customer_command command = erase_make(GONE, 5, world.log_ms);
    command.identity.kind = CUSTOMER_IDENTITY_NONE;
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_REQUEST_ID_REQUIRED);
    world.options.range = (struct customer_range){0, hash_mix(GONE) - 1};
    world_reload(&world);
    command = erase_make(GONE, 5, world.log_ms);
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_EPOCH_CHANGED);
    world_close(&world);
}

/* Nothing tells a new event from an old one that is sent again: its id is forgotten. */
TEST(erase, makes_a_later_event_that_of_a_new_customer_also_under_a_known_id)
{
    struct world world;
    struct customer_history history;
    world_open(&world);
    struct customer_event event = event_of(&world, GONE, "a", 1);
    EXPECT_OK(world_event(&world, &event).status);
    EXPECT(world_event(&world, &event).duplicate);
    world_flush(&world);
    EXPECT_EQ(erase(&world, GONE, 1).events, 1);
    EXPECT(!world_event(&world, &event).duplicate);
    EXPECT(world_event(&world, &event).duplicate);
    /* The rows from before still lie in the store and must not shine through. */
    EXPECT_OK(
        customer_history(world.shard, pseudonym(GONE), 0, 10, &world.arena, &history));
    EXPECT_EQ(history.event_count, 1);
    EXPECT_EQ(history.next_before, 0);
    world_reload(&world);
    EXPECT_OK(
        customer_history(world.shard, pseudonym(GONE), 0, 10, &world.arena, &history));
    EXPECT_EQ(history.event_count, 1);
    EXPECT(world_event(&world, &event).duplicate);
    world_close(&world);
}

TEST(erase, in_one_entry_with_events_before_and_after_it_keeps_those_after)
{
    struct world world;
    struct customer_outcome outcome;
    world_open(&world);
    struct customer_event before = event_of(&world, GONE, "a", 1);
    struct customer_event after = event_of(&world, GONE, "b", 2);
    const struct customer_command commands[] = {
        {.kind = CUSTOMER_RECORD, .record = {.events = &before, .event_count = 1}},
        erase_make(GONE, 1, world.log_ms),
        {.kind = CUSTOMER_RECORD, .record = {.events = &after, .event_count = 1}},
    };
    EXPECT_OK(world_event(&world, &before).status);
    customer_entry_begin(world.shard, ++world.index, world.log_ms);
    for (unsigned i = 0; i < 3; i++) {
        customer_apply(world.shard, &commands[i], &world.arena, &outcome);
        EXPECT_OK(outcome.status);
    }
    customer_entry_end(world.shard);
    EXPECT_EQ(customer_counters(world.shard).events, 1);
    EXPECT_EQ(customer_counters(world.shard).sessions, 1);
    world_reload(&world); /* evidence equals a rebuild */
    world_close(&world);
}

TEST(erase, lets_the_lines_of_an_import_stay_duplicates_and_later_ones_count)
{
    struct world world;
    struct customer_event lines[3];
    world_open(&world);
    for (unsigned i = 0; i < 3; i++) {
        lines[i] = event_of(&world, GONE, "", i);
        lines[i].event_id = slice_of(NULL, 0);
        lines[i].line = i + 1;
        lines[i].prev_line = i;
    }
    struct customer_command first = {.kind = CUSTOMER_RECORD,
                                     .identity = {.kind = CUSTOMER_IDENTITY_IMPORT,
                                                  .import_id = {8, 8},
                                                  .imports_max = 10},
                                     .record = {.events = lines, .event_count = 2}};
    EXPECT_EQ(world_apply(&world, &first).stored, 2);
    EXPECT_EQ(erase(&world, GONE, 1).events, 2);
    EXPECT_EQ(world_apply(&world, &first).duplicates, 2);
    EXPECT_EQ(customer_counters(world.shard).events, 0);
    /* The import goes on: what it brings after the erasure is of a new customer. */
    struct customer_command rest = first;
    rest.record.events = &lines[2];
    rest.record.event_count = 1;
    EXPECT_EQ(world_apply(&world, &rest).stored, 1);
    world_reload(&world);
    EXPECT_EQ(customer_counters(world.shard).events, 1);
    world_close(&world);
}

TEST(erase, gives_its_room_in_the_memories_back)
{
    struct world world;
    world_open(&world);
    world.options.event_ids_max = 200;
    world.options.memory_events_max = 200;
    world_reload(&world);
    /* More ids in a day than the memory takes at once, over and over. */
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 150; i++) {
            char id[32];
            snprintf(id, sizeof id, "r%u-%u", round, i);
            struct customer_event event = event_of(&world, GONE, id, i % 9);
            EXPECT_OK(world_event(&world, &event).status);
            if (i % 15 == 0) {
                snprintf(id, sizeof id, "s%u-%u", round, i);
                event = event_of(&world, STAYS + round % 7, id, i % 9);
                enum status kept = world_event(&world, &event).status;
                EXPECT(kept == STATUS_OK || kept == STATUS_OVERLOADED);
            }
        }
        if (round % 5 == 4) { /* room for those who stay */
            EXPECT(erase(&world, STAYS + round % 7, 1000 + round).log_index != 0);
        }
        EXPECT_EQ(erase(&world, GONE, 1 + round).events, 150);
        world.log_ms += 1000;
        if (customer_counters(world.shard).events >= 50) {
            for (unsigned who = 0; who < 7; who++) {
                (void)erase(&world, STAYS + who, 2000 + round * 7 + who);
            }
        }
    }
    EXPECT_OK(customer_room(world.shard, 50));
    world_reload(&world);
    world_close(&world);
}

/* The ring against a plain account, with holes, packing and forgetting. */
TEST(event_ids, of_one_customer_go_and_all_others_stay)
{
    enum {
        OWNERS = 5,
        STEPS = 20000,
        KEEP_MS = 400,
    };
    struct account {
        struct hash128 id;
        int64_t log_ms;
        unsigned owner;
        bool there;
    } *account = memory_zalloc(STEPS * sizeof *account);
    uint64_t heads[OWNERS] = {0};
    struct event_ids ids;
    struct rng rng;
    unsigned made = 0, packed = 0;
    event_ids_init(&ids);
    rng_init(&rng, 4);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned owner = (unsigned)rng_below(&rng, OWNERS);
        (void)event_ids_forget(&ids, (int64_t)step - KEEP_MS);
        if (event_ids_want_packing(&ids)) {
            struct event_ids_moves moves;
            event_ids_pack(&ids, &moves);
            for (unsigned i = 0; i < OWNERS; i++) {
                heads[i] = event_ids_moved(&moves, heads[i]);
            }
            event_ids_moves_close(&moves);
            packed++;
        }
        account[made] = (struct account){{step, hash_mix(step)}, step, owner, true};
        event_ids_add(&ids, account[made].id, step, &heads[owner]);
        made++;
        if (rng_below(&rng, 40) == 0) {
            event_ids_erase(&ids, &heads[owner]);
            for (unsigned i = 0; i < made; i++) {
                account[i].there = account[i].there && account[i].owner != owner;
            }
        }
        for (unsigned i = made > 2 * KEEP_MS ? made - 2 * KEEP_MS : 0;
             step % 50 == 0 && i < made; i++) {
            bool wanted =
                account[i].there && account[i].log_ms >= (int64_t)step - KEEP_MS;
            EXPECT(event_ids_has(&ids, account[i].id) == wanted);
        }
    }
    EXPECT(packed > 0);
    EXPECT(ids.capacity <= 1024);
    event_ids_close(&ids);
    free(account);
}
