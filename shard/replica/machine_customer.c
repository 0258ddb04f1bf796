/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A customer shard: profiles, events and sessions of shard/customer, and what
 * shard/recommend keeps of them: evidence of the sessions, and the histories. The parts
 * know nothing of each other; the sink here is all that joins them.
 */
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/mutant.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/histories.h"
#include "shard/replica/machine.h"

struct machine_customer {
    struct machine machine;
    struct customer_shard *shard;
    struct evidence *evidence;
    struct histories *histories;
    uint64_t buckets; /* virtual buckets that the range holds */
    uint64_t index;   /* of the newest entry begun, or loaded */
    /* Scratch of what histories are told. */
    struct histories_action *actions;
    size_t action_capacity;
    struct evidence_place *places; /* of what evidence is told */
    size_t place_capacity;
};

enum {
    MILLISECONDS = 1000,
    KINDS_PURCHASES = 1 << CUSTOMER_EVENT_PURCHASE,
    KINDS_INTENTS =
        KINDS_PURCHASES | 1 << CUSTOMER_EVENT_CART_ADD | 1 << CUSTOMER_EVENT_WISHLIST,
};

static struct machine_customer *customer_of(struct machine *machine)
{
    return CONTAINER_OF(machine, struct machine_customer, machine);
}

static const struct machine_customer *customer_of_const(const struct machine *machine)
{
    return (const struct machine_customer *)(const void *)machine; /* first member */
}

static void evidence_session_put(void *context, const struct customer_session *session)
{
    struct evidence_session copy = {
        .session_hash = session->session_hash,
        .customer = session->customer,
        .end_ms = session->end_ms,
        .items = session->items,
        .item_count = session->item_count,
    };
    struct machine_customer *machine = context;
    memory_reserve((void **)&machine->places, &machine->place_capacity,
                   session->place_count, sizeof *machine->places);
    for (uint32_t i = 0; i < session->place_count; i++) {
        machine->places[i] = (struct evidence_place){session->places[i].place,
                                                     session->places[i].sku_hash};
    }
    copy.places = machine->places;
    copy.place_count = session->place_count;
    evidence_put(machine->evidence, &copy);
}

static void evidence_session_remove(void *context, struct hash128 customer,
                                    uint64_t session_hash)
{
    (void)customer;
    const struct machine_customer *machine = context;
    if (!MUTANT(erase_incomplete)) {
        evidence_remove(machine->evidence, session_hash);
    }
}

static void histories_history_put(void *context, struct hash128 customer,
                                  const struct customer_action *actions,
                                  uint32_t action_count)
{
    struct machine_customer *machine = context;
    memory_reserve((void **)&machine->actions, &machine->action_capacity, action_count,
                   sizeof *machine->actions);
    for (uint32_t i = 0; i < action_count; i++) {
        machine->actions[i] = (struct histories_action){.sku_hash = actions[i].sku_hash,
                                                        .at_ms = actions[i].at_ms,
                                                        .quantity = actions[i].quantity,
                                                        .kind = actions[i].kind};
    }
    histories_put(machine->histories, customer, machine->actions, action_count);
}

static void customer_machine_free(struct machine *machine)
{
    struct machine_customer *customer = customer_of(machine);
    customer_free(customer->shard);
    evidence_free(customer->evidence);
    histories_free(customer->histories);
    free(customer->actions);
    free(customer->places);
    free(customer);
}

static enum status customer_machine_load(struct machine *machine, uint64_t index)
{
    customer_of(machine)->index = index;
    return customer_load(customer_of(machine)->shard);
}

static void customer_machine_begin(struct machine *machine,
                                   const struct apply_position *position)
{
    customer_of(machine)->index = position->index;
    customer_entry_begin(customer_of(machine)->shard, position->index, position->log_ms);
}

static enum status customer_machine_apply(struct machine *machine, struct slice bytes,
                                          struct arena *decode, struct arena *answers,
                                          struct replica_outcome *out)
{
    out->kind = REPLICA_CUSTOMER;
    struct customer_command command;
    enum status status = command_decode_customer(bytes, decode, &command);
    if (status == STATUS_VERSION) {
        return status;
    }
    if (status == STATUS_OK) {
        customer_apply(customer_of(machine)->shard, &command, answers, &out->customer);
    } else {
        memset(&out->customer, 0, sizeof out->customer);
        out->customer.status = STATUS_INVALID;
    }
    out->status = out->customer.status;
    return STATUS_OK;
}

static void customer_machine_end(struct machine *machine)
{
    customer_entry_end(customer_of(machine)->shard);
}

static enum status customer_machine_admit(const struct machine *machine,
                                          const struct command_peek *peek, bool disk_full)
{
    if (peek->kind > CUSTOMER_ERASE) {
        return STATUS_VERSION;
    }
    if (disk_full && peek->kind != CUSTOMER_TICK && peek->kind != CUSTOMER_ERASE) {
        return STATUS_DISK_FULL;
    }
    uint32_t events =
        peek->kind == CUSTOMER_RECORD ? command_peek_events(peek->payload) : 0;
    return customer_room(customer_of_const(machine)->shard, events);
}

static int64_t customer_machine_next_due(const struct machine *machine)
{
    (void)machine;
    return INT64_MAX; /* nothing here expires by itself */
}

static bool customer_machine_tick_wanted(const struct machine *machine,
                                         int64_t bounded_ms)
{
    (void)machine;
    (void)bounded_ms;
    return false;
}

static enum machine_due customer_machine_query_due(struct machine *machine,
                                                   const struct replica_query *query,
                                                   int64_t bounded_ms, bool names,
                                                   struct arena *scratch)
{
    (void)machine;
    (void)query;
    (void)bounded_ms;
    (void)names;
    (void)scratch;
    return MACHINE_DUE_NOTHING;
}

static enum status customer_machine_tick_make(struct machine *machine, int64_t bounded_ms,
                                              struct arena *scratch,
                                              struct slice *out_command)
{
    (void)machine;
    (void)bounded_ms;
    struct customer_command command = {.kind = CUSTOMER_TICK};
    return command_encode_customer(&command, scratch, out_command);
}

static struct evidence *customer_machine_evidence(const struct machine *machine,
                                                  struct recommend_query *search)
{
    const struct machine_customer *customer = customer_of_const(machine);
    search->buckets &= customer->buckets;
    return customer->evidence;
}

/* Buckets outside the shard are left out: nobody here can speak for them. */
static enum status customer_machine_search(const struct machine_customer *customer,
                                           const struct recommend_customer_search *search,
                                           struct arena *arena,
                                           struct recommend_customer_found *out)
{
    uint64_t version = customer->index;
    if (search->sources & 1u << RECOMMEND_SOURCE_NEIGHBOURS) {
        struct recommend_query query = search->neighbours;
        query.buckets &= customer->buckets;
        TRY(recommend_search(customer->evidence, &query, arena, &out->neighbours));
        out->neighbours.version = version;
        out->sources |= 1u << RECOMMEND_SOURCE_NEIGHBOURS;
    }
    if (search->sources & 1u << RECOMMEND_SOURCE_WALK) {
        struct walk_query query = search->walk;
        query.buckets &= customer->buckets;
        TRY(walk_search(customer->histories, &query, arena, &out->walk));
        out->walk.version = version;
        out->sources |= 1u << RECOMMEND_SOURCE_WALK;
    }
    if (search->sources & 1u << RECOMMEND_SOURCE_WALK_THEN) {
        struct walk_query query = search->walk_then;
        query.buckets &= customer->buckets;
        TRY(walk_search(customer->histories, &query, arena, &out->walk_then));
        out->walk_then.version = version;
        out->sources |= 1u << RECOMMEND_SOURCE_WALK_THEN;
    }
    return STATUS_OK;
}

static enum status customer_machine_context(const struct machine_customer *customer,
                                            const struct replica_customer_query *about,
                                            int64_t bounded_ms, struct arena *arena,
                                            struct replica_answer *out)
{
    customer_read_context(
        customer->shard,
        &(const struct customer_context_query){.customer = about->customer,
                                               .session_id = about->session_id,
                                               .now_ms = bounded_ms,
                                               .clicks_max = about->clicks_max},
        arena, &out->context);
    if (about->actions_max == 0 ||
        (about->actions_without_clicks && out->context.click_count > 0)) {
        return STATUS_OK;
    }
    struct customer_actions *actions = &out->actions;
    TRY(customer_actions(customer->shard, about->customer, arena, actions));
    if (actions->action_count > about->actions_max) {
        actions->actions += actions->action_count - about->actions_max;
        actions->action_count = about->actions_max;
    }
    return STATUS_OK;
}

static void customer_machine_read(const struct machine *machine,
                                  const struct replica_read *read, int64_t bounded_ms)
{
    const struct machine_customer *customer = customer_of_const(machine);
    const struct replica_query *query = read->query;
    const struct replica_customer_query *about = &query->customer;
    struct replica_answer *out = read->answer;
    struct arena *arena = read->arena;
    struct recommend_customer_found *found;
    switch (query->kind) {
    case REPLICA_QUERY_PROFILE:
        out->status =
            customer_get(customer->shard, about->customer, arena, &out->profile);
        break;
    case REPLICA_QUERY_CONTEXT:
        out->status = customer_machine_context(customer, about, bounded_ms, arena, out);
        break;
    case REPLICA_QUERY_HISTORY:
        out->status = customer_history(customer->shard, about->customer, about->before,
                                       about->count, arena, &out->history);
        break;
    case REPLICA_QUERY_SEARCH:
        found = arena_zalloc(arena, sizeof *found);
        out->customer_found = found;
        out->status =
            found == NULL
                ? STATUS_TOO_LARGE
                : customer_machine_search(customer, query->customer_search, arena, found);
        break;
    case REPLICA_QUERY_STATUS:
    case REPLICA_QUERY_DIRECTORY:
    case REPLICA_QUERY_DIGEST:
    case REPLICA_QUERY_INVENTORY:
    case REPLICA_QUERY_SKU_SEARCH:
    case REPLICA_QUERY_TOKENS:
    default:
        out->status = STATUS_INVALID;
        break;
    }
}

static bool customer_machine_take_degrees(struct machine *machine,
                                          enum recommend_degrees kind,
                                          struct degree_delta *out_delta)
{
    struct machine_customer *customer = customer_of(machine);
    uint64_t version = customer->index;
    if (kind == RECOMMEND_DEGREES_SESSIONS &&
        evidence_degrees_changed(customer->evidence)) {
        evidence_take_degrees(customer->evidence, version, out_delta);
        return true;
    }
    if (kind == RECOMMEND_DEGREES_PLACES && evidence_places_changed(customer->evidence)) {
        evidence_take_places(customer->evidence, version, out_delta);
        return true;
    }
    if (kind == RECOMMEND_DEGREES_CUSTOMERS &&
        histories_degrees_changed(customer->histories)) {
        histories_take_degrees(customer->histories, version, out_delta);
        return true;
    }
    return false;
}

static void customer_machine_collect(struct machine *machine, struct store_batch *batch)
{
    customer_collect(customer_of(machine)->shard, batch);
}

static void customer_machine_flushed(struct machine *machine, uint64_t index)
{
    customer_flushed(customer_of(machine)->shard, index);
}

static uint64_t customer_machine_dirty_bytes(const struct machine *machine)
{
    return customer_dirty_bytes(customer_of_const(machine)->shard);
}

static uint64_t customer_machine_digest(const struct machine *machine)
{
    const struct machine_customer *customer = customer_of_const(machine);
    uint64_t digest = customer_digest(customer->shard);
    digest = hash_mix(digest) ^ evidence_digest(customer->evidence);
    return hash_mix(digest) ^ histories_digest(customer->histories);
}

static void customer_machine_counters(const struct machine *machine,
                                      struct replica_status *out_status)
{
    const struct machine_customer *customer = customer_of_const(machine);
    out_status->customer = customer_counters(customer->shard);
    out_status->evidence = evidence_counters(customer->evidence);
    out_status->evidence_bytes = out_status->evidence.memory_bytes +
                                 histories_counters(customer->histories).memory_bytes;
    out_status->customer.memory_bytes += out_status->evidence_bytes;
}

static const struct machine_ops customer_ops = {
    .free = customer_machine_free,
    .load = customer_machine_load,
    .entry_begin = customer_machine_begin,
    .apply = customer_machine_apply,
    .entry_end = customer_machine_end,
    .admit = customer_machine_admit,
    .next_due = customer_machine_next_due,
    .tick_wanted = customer_machine_tick_wanted,
    .query_due = customer_machine_query_due,
    .tick_make = customer_machine_tick_make,
    .read = customer_machine_read,
    .evidence = customer_machine_evidence,
    .take_degrees = customer_machine_take_degrees,
    .collect = customer_machine_collect,
    .flushed = customer_machine_flushed,
    .dirty_bytes = customer_machine_dirty_bytes,
    .digest = customer_machine_digest,
    .counters = customer_machine_counters,
};

/* The setting walk_kinds: which actions make two customers alike. */
static uint32_t customer_machine_kinds(const struct settings *settings)
{
    if (strcmp(settings->walk_kinds, "all") == 0) {
        return HISTORIES_KINDS_ALL;
    }
    return strcmp(settings->walk_kinds, "intents") == 0 ? KINDS_INTENTS : KINDS_PURCHASES;
}

struct machine *machine_customer_new(const struct replica_options *options)
{
    struct machine_customer *customer = memory_zalloc(sizeof *customer);
    uint32_t bucket_count = (uint32_t)options->settings->virtual_buckets;
    customer->machine.ops = &customer_ops;
    customer->evidence = evidence_new(&(const struct evidence_options){
        .bucket_count = bucket_count,
        .bucket_sessions_max = (uint32_t)options->settings->bucket_sessions_max,
    });
    customer->histories = histories_new(&(const struct histories_options){
        .bucket_count = bucket_count,
        .kinds = customer_machine_kinds(options->settings),
    });
    struct customer_range range = {
        .first = options->range.start,
        .last = options->range.end - 1, /* an end of 0 is 2^64 */
    };
    customer->buckets = evidence_bucket_mask(range.first, range.last, bucket_count);
    struct customer_options shard = {
        .shard_id = options->shard_id,
        .range = range,
        .hash_seed = options->hash_seed,
        .store = options->store,
        .session_gap_ms = options->settings->session_gap_s * MILLISECONDS,
        .session_items_max = (uint32_t)options->settings->session_items_max,
    };
    struct customer_sink sink = {
        .context = customer,
        .session_put = evidence_session_put,
        .session_remove = evidence_session_remove,
        .history_put = histories_history_put,
    };
    customer->shard = customer_new(&shard, &sink);
    return &customer->machine;
}
