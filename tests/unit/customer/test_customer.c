/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/identifier.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/world.h"

enum {
    MINUTE = 60 * 1000,
};
#define DAY_MS ((int64_t)24 * 60 * MINUTE)

static struct customer_command upsert_make(uint64_t customer, uint64_t request,
                                           const char *id, int64_t request_ms)
{
    struct customer_command command = {
        .kind = CUSTOMER_UPSERT,
        .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                     .request_id = {request, 1},
                     .request_ms = request_ms},
        .upsert = {.customer = {hash_mix(customer), customer},
                   .profile = {.customer_id = slice_from_string(id)},
                   .attributes_max = 64}};
    command.identity.fingerprint = customer_upsert_fingerprint(&command.upsert);
    return command;
}

TEST(events, an_id_is_a_duplicate_for_seven_days_of_log_time)
{
    struct world world;
    world_open(&world);
    struct customer_event event =
        event_make(&world.arena, 1, CUSTOMER_EVENT_PURCHASE, 1, world.log_ms);
    EXPECT(!world_event(&world, &event).duplicate);
    world.log_ms += 7 * DAY_MS;
    EXPECT(world_event(&world, &event).duplicate);
    world_reload(&world);
    EXPECT(world_event(&world, &event).duplicate);
    world.log_ms += 1;
    EXPECT(!world_event(&world, &event).duplicate);
    world_reload(&world);
    EXPECT(world_event(&world, &event).duplicate);
    EXPECT_EQ(customer_counters(world.shard).events, 2);
    world_close(&world);
}

TEST(events, a_uuid_older_than_the_memory_is_refused_and_never_stored)
{
    struct world world;
    struct rng rng;
    char id[UUID_TEXT_BYTES + 1];
    world_open(&world);
    rng_init(&rng, 1);
    uuid7_make(&rng, world.log_ms, id);
    struct customer_event event =
        event_make(&world.arena, 1, CUSTOMER_EVENT_PURCHASE, 1, world.log_ms);
    event.event_id = slice_from_string(id);
    EXPECT_OK(world_event(&world, &event).status);
    world.log_ms += 8 * DAY_MS;
    EXPECT_STATUS(world_event(&world, &event).status, STATUS_REQUEST_ID_EXPIRED);
    world_reload(&world);
    EXPECT_STATUS(world_event(&world, &event).status, STATUS_REQUEST_ID_EXPIRED);
    EXPECT_EQ(customer_counters(world.shard).events, 1);
    world_close(&world);
}

TEST(events, one_id_of_two_customers_is_two_events)
{
    struct world world;
    world_open(&world);
    struct customer_event event =
        event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, 1, world.log_ms);
    EXPECT(!world_event(&world, &event).duplicate);
    event.customer.low = 2;
    EXPECT(!world_event(&world, &event).duplicate);
    world_close(&world);
}

TEST(events, a_full_memory_of_ids_refuses_and_changes_nothing)
{
    struct world world;
    world_open(&world);
    world.options.event_ids_max = 2;
    world_reload(&world);
    for (unsigned i = 0; i < 2; i++) {
        struct customer_event event =
            event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, i, world.log_ms);
        EXPECT_OK(world_event(&world, &event).status);
    }
    struct customer_event event =
        event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, 9, world.log_ms);
    uint64_t digest = customer_digest(world.shard);
    EXPECT_STATUS(customer_room(world.shard, 1), STATUS_OVERLOADED);
    EXPECT_STATUS(world_event(&world, &event).status, STATUS_OVERLOADED);
    EXPECT(customer_digest(world.shard) == digest);
    world.log_ms += 8 * DAY_MS;
    EXPECT_OK(world_event(&world, &event).status);
    world_close(&world);
}

TEST(events, times_from_broken_clocks_are_clamped)
{
    struct world world;
    struct customer_history history;
    world_open(&world);
    const int64_t times[] = {INT64_MIN, INT64_MAX, -1, 0, world.log_ms};
    for (unsigned i = 0; i < 5; i++) {
        struct customer_event event =
            event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, i, times[i]);
        EXPECT_OK(world_event(&world, &event).status);
    }
    struct hash128 customer = {hash_mix(1), 1};
    EXPECT_OK(customer_history(world.shard, customer, 0, 10, &world.arena, &history));
    EXPECT_EQ(history.event_count, 5);
    int64_t least = world.log_ms - (int64_t)CUSTOMER_CLOCK_BEHIND_DAYS * DAY_MS;
    EXPECT_EQ(history.events[4].occurred_ms, least);
    EXPECT_EQ(history.events[3].occurred_ms, world.log_ms + 5 * MINUTE);
    EXPECT_EQ(history.events[2].occurred_ms, least);
    EXPECT_EQ(history.events[0].occurred_ms, world.log_ms);
    EXPECT_EQ(customer_clamp_ms(1, world.log_ms, true), 1);
    world_close(&world);
}

static struct customer_event_outcome import_line(struct world *world, uint64_t line,
                                                 uint64_t prev_line)
{
    struct customer_event event =
        event_make(&world->arena, 1, CUSTOMER_EVENT_PURCHASE, 1, world->log_ms);
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .identity = {.kind = CUSTOMER_IDENTITY_IMPORT,
                                                    .import_id = {4, 2},
                                                    .imports_max = 1},
                                       .record = {.events = &event, .event_count = 1}};
    event.event_id = slice_of(NULL, 0);
    event.line = line;
    event.prev_line = prev_line;
    return world_apply(world, &command).events[0];
}

TEST(imports, a_line_counts_once_for_ever_and_a_gap_names_where_to_resume)
{
    struct world world;
    world_open(&world);
    EXPECT(!import_line(&world, 3, 0).duplicate);
    EXPECT(!import_line(&world, 5, 3).duplicate);
    EXPECT_STATUS(import_line(&world, 9, 8).status, STATUS_SEQUENCE_GAP);
    EXPECT_EQ(import_line(&world, 9, 8).expected_line, 5);
    world_reload(&world);
    world.log_ms += 3000 * DAY_MS;
    EXPECT(import_line(&world, 5, 3).duplicate);
    EXPECT(import_line(&world, 1, 0).duplicate);
    EXPECT(!import_line(&world, 9, 5).duplicate);
    EXPECT_EQ(customer_counters(world.shard).events, 3);
    world_close(&world);
}

TEST(imports, a_refused_profile_is_decided_anew_and_taken_once)
{
    struct world world;
    world_open(&world);
    struct customer_command command = upsert_make(1, 1, "anna", world.log_ms);
    command.identity = (struct customer_identity){.kind = CUSTOMER_IDENTITY_IMPORT,
                                                  .import_id = {4, 2},
                                                  .line = 1,
                                                  .imports_max = 1,
                                                  .imports_refused_max = 1};
    command.upsert.etag = 7; /* there is none yet */
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_ETAG_MISMATCH);
    world_reload(&world);
    EXPECT_OK(import_line(&world, 2, 1).status);
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_ETAG_MISMATCH);
    command.upsert.etag = 0;
    EXPECT(world_apply(&world, &command).created);
    world_reload(&world);
    EXPECT(world_apply(&world, &command).duplicate);
    EXPECT(import_line(&world, 2, 1).duplicate);
    world_close(&world);
}

TEST(imports, more_imports_than_allowed_are_refused)
{
    struct world world;
    world_open(&world);
    EXPECT_OK(import_line(&world, 1, 0).status);
    struct customer_command command = upsert_make(1, 1, "anna", world.log_ms);
    command.identity = (struct customer_identity){.kind = CUSTOMER_IDENTITY_IMPORT,
                                                  .import_id = {9, 9},
                                                  .line = 1,
                                                  .imports_max = 1};
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_QUANTITY_LIMIT);
    command.identity.imports_max = 2;
    EXPECT(world_apply(&world, &command).created);
    EXPECT(world_apply(&world, &command).duplicate);
    world_close(&world);
}

TEST(profiles, a_request_counts_once_and_answers_alike)
{
    struct world world;
    world_open(&world);
    struct customer_command command = upsert_make(1, 77, "anna", world.log_ms);
    struct customer_outcome first = world_apply(&world, &command);
    EXPECT_OK(first.status);
    EXPECT(first.created && !first.replayed);
    world_reload(&world);
    struct customer_outcome again = world_apply(&world, &command);
    EXPECT(again.created && again.replayed);
    EXPECT(again.profile.etag == first.profile.etag);
    struct customer_command other = upsert_make(1, 77, "berta", world.log_ms);
    EXPECT_STATUS(world_apply(&world, &other).status, STATUS_REQUEST_ID_REUSED);
    world.log_ms += 2 * DAY_MS;
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_REQUEST_ID_EXPIRED);
    world_reload(&world);
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_REQUEST_ID_EXPIRED);
    world_close(&world);
}

TEST(profiles, an_unknown_request_is_sealed_and_never_applied_later)
{
    struct world world;
    world_open(&world);
    struct customer_command command = upsert_make(1, 78, "anna", world.log_ms);
    struct customer_command seal = {.kind = CUSTOMER_REQUEST_SEAL,
                                    .identity = command.identity};
    seal.identity.anchor = hash_mix(1);
    EXPECT_STATUS(world_apply(&world, &seal).status, STATUS_CANCELLED);
    EXPECT_STATUS(world_apply(&world, &command).status, STATUS_CANCELLED);
    struct customer_profile profile;
    EXPECT_STATUS(
        customer_get(world.shard, command.upsert.customer, &world.arena, &profile),
        STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(profiles, an_etag_that_is_not_the_present_one_is_refused)
{
    struct world world;
    world_open(&world);
    struct customer_command command = upsert_make(1, 1, "anna", world.log_ms);
    uint64_t etag = world_apply(&world, &command).profile.etag;
    command = upsert_make(1, 2, "anna", world.log_ms);
    command.upsert.etag = etag + 1;
    struct customer_outcome refused = world_apply(&world, &command);
    EXPECT_STATUS(refused.status, STATUS_ETAG_MISMATCH);
    EXPECT(refused.profile.etag == etag);
    command = upsert_make(1, 3, "anna", world.log_ms);
    command.upsert.etag = etag;
    EXPECT_OK(world_apply(&world, &command).status);
    world_close(&world);
}

TEST(profiles, a_write_that_names_no_consent_leaves_it)
{
    struct world world;
    struct customer_profile profile;
    world_open(&world);
    struct customer_command command = upsert_make(1, 1, "anna", world.log_ms);
    command.upsert.profile.evidence_withdrawn = true;
    EXPECT_OK(world_apply(&world, &command).status);
    world_reload(&world);
    struct customer_command kept = upsert_make(1, 2, "anna", world.log_ms);
    kept.upsert.consent_kept = true;
    EXPECT_OK(world_apply(&world, &kept).status);
    EXPECT_OK(customer_get(world.shard, kept.upsert.customer, &world.arena, &profile));
    EXPECT(profile.evidence_withdrawn && !profile.personalization_withdrawn);
    struct customer_command named = upsert_make(1, 3, "anna", world.log_ms);
    EXPECT_OK(world_apply(&world, &named).status);
    EXPECT_OK(customer_get(world.shard, named.upsert.customer, &world.arena, &profile));
    EXPECT(!profile.evidence_withdrawn);
    struct customer_command fresh = upsert_make(2, 4, "bert", world.log_ms);
    fresh.upsert.consent_kept = true;
    fresh.upsert.profile.evidence_withdrawn = true; /* ignored */
    EXPECT_OK(world_apply(&world, &fresh).status);
    EXPECT_OK(customer_get(world.shard, fresh.upsert.customer, &world.arena, &profile));
    EXPECT(!profile.evidence_withdrawn);
    world_close(&world);
}

TEST(profiles, attributes_and_consent_return_as_written)
{
    struct world world;
    const struct customer_attribute attributes[] = {{.name = slice_from_string("tier"),
                                                     .kind = CUSTOMER_ATTRIBUTE_TEXT,
                                                     .text = slice_from_string("gold")},
                                                    {.name = slice_from_string("visits"),
                                                     .kind = CUSTOMER_ATTRIBUTE_NUMBER,
                                                     .number = -5}};
    struct customer_profile profile;
    world_open(&world);
    struct customer_command command = upsert_make(1, 1, "anna", world.log_ms);
    command.upsert.profile.attributes = attributes;
    command.upsert.profile.attribute_count = 2;
    command.upsert.profile.personalization_withdrawn = true;
    EXPECT_OK(world_apply(&world, &command).status);
    world_reload(&world);
    EXPECT_OK(customer_get(world.shard, command.upsert.customer, &world.arena, &profile));
    EXPECT_SLICE(profile.customer_id, slice_from_string("anna"));
    EXPECT_EQ(profile.attribute_count, 2);
    EXPECT_SLICE(profile.attributes[0].text, slice_from_string("gold"));
    EXPECT_EQ(profile.attributes[1].number, -5);
    EXPECT(profile.personalization_withdrawn && !profile.evidence_withdrawn);
    EXPECT_EQ(profile.create_ms, WORLD_START_MS);
    world_close(&world);
}

TEST(range, a_customer_of_another_shard_is_refused)
{
    struct world world;
    world_open(&world);
    world.options.range.first = UINT64_C(1) << 63;
    world_reload(&world);
    struct customer_event event =
        event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, 1, world.log_ms);
    event.customer.high = 5;
    EXPECT_STATUS(world_event(&world, &event).status, STATUS_EPOCH_CHANGED);
    EXPECT_EQ(customer_counters(world.shard).customers, 0);
    world_close(&world);
}

TEST(context, the_session_that_goes_on_brings_its_clicks_and_consent_takes_them)
{
    struct world world;
    struct customer_context context;
    struct hash128 customer = {hash_mix(1), 1};
    world_open(&world);
    for (unsigned i = 0; i < 5; i++) {
        struct customer_event event = event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, i,
                                                 world.log_ms - (5 - (int)i) * MINUTE);
        EXPECT_OK(world_event(&world, &event).status);
    }
    struct customer_context_query query = {
        .customer = customer, .now_ms = world.log_ms, .clicks_max = 3};
    customer_read_context(world.shard, &query, &world.arena, &context);
    EXPECT_EQ(context.click_count, 3);
    EXPECT(context.clicks[2] == hash64(slice_from_string("s4"), 0));
    EXPECT(context.session_hash != 0);
    query.now_ms = world.log_ms + 60 * MINUTE;
    customer_read_context(world.shard, &query, &world.arena, &context);
    EXPECT_EQ(context.click_count, 0);
    struct customer_command command = upsert_make(1, 1, "anna", world.log_ms);
    command.upsert.profile.personalization_withdrawn = true;
    EXPECT_OK(world_apply(&world, &command).status);
    query.now_ms = world.log_ms;
    customer_read_context(world.shard, &query, &world.arena, &context);
    EXPECT_EQ(context.click_count, 0);
    EXPECT(context.personalization_withdrawn);
    world_close(&world);
}

TEST(history, pages_run_from_the_newest_to_the_first_over_memory_and_store)
{
    struct world world;
    struct hash128 customer = {hash_mix(1), 1};
    world_open(&world);
    for (unsigned i = 0; i < 95; i++) {
        struct customer_event event =
            event_make(&world.arena, 1, CUSTOMER_EVENT_VIEW, i, world.log_ms + i);
        EXPECT_OK(world_event(&world, &event).status);
        if (i % 20 == 19) {
            world_flush(&world);
        }
    }
    uint64_t before = 0;
    unsigned left = 95;
    do {
        struct customer_history history;
        EXPECT_OK(
            customer_history(world.shard, customer, before, 7, &world.arena, &history));
        for (uint32_t i = 0; i < history.event_count; i++) {
            left--;
            EXPECT_EQ(history.events[i].occurred_ms, WORLD_START_MS + left);
        }
        before = history.next_before;
    } while (before != 0);
    EXPECT_EQ(left, 0);
    world_close(&world);
}
