/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/reference.h"
#include "tests/unit/customer/world.h"

enum {
    CUSTOMERS = 4,
    STEPS = 300,
    SEEDS = 60,
    MINUTE = 60 * 1000,
};

struct story {
    struct customer_event events[CUSTOMERS][STEPS];
    int count[CUSTOMERS];
    bool withdrawn[CUSTOMERS];
};

static struct customer_event story_event(struct world *world, struct rng *rng,
                                         uint64_t customer)
{
    enum customer_event_kind kind = (enum customer_event_kind)(1 + rng_below(rng, 12));
    struct customer_event event =
        event_make(&world->arena, customer, kind, (unsigned)rng_below(rng, 6),
                   world->log_ms - (int64_t)rng_below(rng, 300) * MINUTE);
    event.quantity = (int64_t)rng_below(rng, 4);
    if (rng_below(rng, 3) == 0) {
        event.session_id = slice_from_string(rng_below(rng, 2) ? "left" : "right");
    }
    if (rng_below(rng, 2)) {
        event.location_id = slice_from_string(rng_below(rng, 2) ? "berlin" : "rotterdam");
    }
    if (kind == CUSTOMER_EVENT_SEARCH && rng_below(rng, 2)) {
        event.sku_id = slice_of(NULL, 0);
        event.sku_hash = 0;
    }
    return event;
}

static void story_consent(struct world *world, struct story *story, uint64_t customer)
{
    story->withdrawn[customer] = !story->withdrawn[customer];
    struct customer_command command = {
        .kind = CUSTOMER_UPSERT,
        .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                     .request_id = {world->index, 5},
                     .request_ms = world->log_ms},
        .upsert = {.customer = {hash_mix(customer), customer},
                   .profile = {.customer_id = slice_from_string("someone"),
                               .evidence_withdrawn = story->withdrawn[customer]}}};
    EXPECT_OK(world_apply(world, &command).status);
}

static void expect_reference(struct world *world, const struct story *story,
                             uint64_t seed)
{
    const struct evidence_options options = {0};
    struct evidence *wanted = evidence_new(&options);
    for (int c = 0; c < CUSTOMERS; c++) {
        if (!story->withdrawn[c]) {
            reference_sessions(story->events[c], story->count[c],
                               world->options.session_gap_ms,
                               world->options.session_items_max, wanted);
        }
    }
    if (evidence_digest(wanted) != evidence_digest(world->evidence)) {
        test_fail(__FILE__, __LINE__,
                  "seed %" PRIu64 " index %" PRIu64
                  ": sessions differ from the reference",
                  seed, world->index);
    }
    EXPECT_EQ(customer_counters(world->shard).sessions,
              evidence_counters(wanted).sessions);
    evidence_free(wanted);
}

TEST(sessions, late_repeated_returned_and_withdrawn_events_equal_a_rebuild)
{
    struct story *story = memory_alloc(sizeof *story);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;
        struct rng rng;
        rng_init(&rng, seed);
        memset(story, 0, sizeof *story);
        world_open(&world);
        world.options.session_items_max = 4;
        world_reload(&world);
        for (int step = 0; step < STEPS; step++) {
            uint64_t c = rng_below(&rng, CUSTOMERS);
            struct customer_event event = story_event(&world, &rng, c);
            struct customer_event_outcome outcome = world_event(&world, &event);
            EXPECT_OK(outcome.status);
            EXPECT(!outcome.duplicate);
            story->events[c][story->count[c]++] = event;
            if (rng_below(&rng, 4) == 0) {
                EXPECT(world_event(&world, &event).duplicate);
            }
            if (rng_below(&rng, 30) == 0) {
                story_consent(&world, story, c);
            }
            if (rng_below(&rng, 10) == 0) {
                world_flush(&world);
            }
            if (rng_below(&rng, 40) == 0) {
                world_reload(&world);
            }
            world.log_ms += (int64_t)rng_below(&rng, 20) * MINUTE;
            expect_reference(&world, story, seed);
        }
        world_reload(&world);
        world_close(&world);
    }
    free(story);
}

TEST(sessions, a_pause_longer_than_the_gap_cuts_and_a_late_event_joins)
{
    struct world world;
    world_open(&world);
    int64_t start = world.log_ms - 1000 * MINUTE;
    struct customer_event first =
        event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, 1, start);
    struct customer_event last =
        event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, 2, start + 40 * MINUTE);
    struct customer_event between =
        event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, 3, start + 20 * MINUTE);
    world_event(&world, &first);
    world_event(&world, &last);
    EXPECT_EQ(evidence_counters(world.evidence).sessions, 2);
    world_event(&world, &between);
    EXPECT_EQ(evidence_counters(world.evidence).sessions, 1);
    EXPECT_EQ(evidence_counters(world.evidence).postings, 3);
    world_close(&world);
}

/* Lines of two imports can be alike in all that sorts events but where they happened; what
 * a return takes back must not depend on which of them came first. */
TEST(sessions, of_events_alike_but_for_their_place_are_the_same_in_any_order)
{
    uint64_t digests[2], evidence[2];
    for (unsigned order = 0; order < 2; order++) {
        struct world world;
        world_open(&world);
        for (unsigned i = 0; i < 2; i++) {
            uint64_t import = (i + order) % 2;
            struct customer_event event =
                event_make(&world.arena, 1, CUSTOMER_EVENT_PURCHASE, 1, 1000);
            event.event_id = slice_of(NULL, 0);
            event.location_id = slice_from_string(import ? "berlin" : "rotterdam");
            event.line = 5;
            const struct customer_command command = {
                .kind = CUSTOMER_RECORD,
                .identity = {.kind = CUSTOMER_IDENTITY_IMPORT,
                             .import_id = {1, import},
                             .imports_max = 10},
                .record = {.events = &event, .event_count = 1}};
            EXPECT_EQ(world_apply(&world, &command).stored, 1);
        }
        struct customer_event back =
            event_make(&world.arena, 1, CUSTOMER_EVENT_RETURN, 1, 2000);
        back.event_id = slice_from_string("back");
        world_event(&world, &back);
        EXPECT_EQ(evidence_counters(world.evidence).sessions, 1);
        digests[order] = evidence_digest(world.evidence);
        world_reload(&world);
        evidence[order] = evidence_digest(world.evidence);
        world_close(&world);
    }
    EXPECT_EQ(digests[0], digests[1]);
    EXPECT_EQ(evidence[0], evidence[1]);
}

TEST(sessions, a_customer_with_a_million_events_stays_bounded)
{
    enum {
        BATCH = 1000,
        BATCHES = 1000
    };
    struct world world;
    world_open(&world);
    struct customer_event *events = memory_alloc(BATCH * sizeof *events);
    for (int b = 0; b < BATCHES; b++) {
        struct customer_command command = {
            .kind = CUSTOMER_RECORD,
            .identity = {.kind = CUSTOMER_IDENTITY_IMPORT,
                         .import_id = {1, 1},
                         .imports_max = 10},
            .record = {.events = events, .event_count = BATCH}};
        for (int i = 0; i < BATCH; i++) {
            uint64_t line = (uint64_t)b * BATCH + (uint64_t)i + 1;
            events[i] = (struct customer_event){
                .customer = {7, 7},
                .kind = CUSTOMER_EVENT_VIEW,
                .sku_hash = 1 + line % 50,
                .sku_id = slice_from_string("s"),
                .occurred_ms = (int64_t)line * MINUTE,
                .location_id = slice_from_string(line % 3 ? "berlin" : ""),
                .line = line,
                .prev_line = line - 1};
        }
        struct customer_outcome outcome = world_apply(&world, &command);
        EXPECT_EQ(outcome.stored, BATCH);
        world_flush(&world);
        arena_reset(&world.arena);
    }
    EXPECT_EQ(customer_counters(world.shard).events, BATCH * BATCHES);
    EXPECT_EQ(customer_counters(world.shard).memory_events, CUSTOMER_EVIDENCE_EVENTS_MAX);
    EXPECT(customer_counters(world.shard).memory_bytes < 1000 * 1000);
    world_reload(&world);
    free(events);
    world_close(&world);
}
