/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SKU shard: shard/inventory, and what shard/recommend keeps of its catalogue: content
 * (attributes as tokens) and arrivals. Only ACTIVE SKUs are told: others are not for sale.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/replica/machine.h"

enum {
    /* A SKU's attributes and options, its path of categories, product and brand. */
    SKU_TOKENS_MAX = INVENTORY_ATTRIBUTES_MAX + INVENTORY_OPTIONS_MAX +
                     INVENTORY_CATEGORY_DEPTH_MAX + 2,
    SKU_NUMBER_BYTES = 24,
};

struct machine_sku {
    struct machine machine;
    struct inventory *inventory;
    struct content_index *content;
    struct arrivals *arrivals;
    uint64_t index; /* of the newest entry begun, or loaded */
    /* Scratch of one SKU. */
    uint64_t tokens[SKU_TOKENS_MAX];
    uint32_t token_count;
    /* Names of the next TICK. */
    uint64_t sku_hashes[INVENTORY_TICK_NAMES_MAX];
    struct inventory_hold_id holds[INVENTORY_TICK_NAMES_MAX];
    uint32_t sku_count;
    uint32_t hold_count;
};

static struct machine_sku *sku_of(struct machine *machine)
{
    return CONTAINER_OF(machine, struct machine_sku, machine);
}

static const struct machine_sku *sku_of_const(const struct machine *machine)
{
    return (const struct machine_sku *)(const void *)machine; /* its first member */
}

/* --- What recommendations read ------------------------------------------------------ */

/* A stored row may hold more than a command can bring: what is beyond is left out. */
static void sku_token_add(struct machine_sku *machine, uint64_t token)
{
    if (machine->token_count < SKU_TOKENS_MAX) {
        machine->tokens[machine->token_count++] = token;
    }
}

static void sku_attribute_tokens(struct machine_sku *machine,
                                 const struct inventory_attribute *attributes,
                                 uint32_t attribute_count)
{
    for (uint32_t i = 0; i < attribute_count; i++) {
        const struct inventory_attribute *attribute = &attributes[i];
        struct slice value = attribute->text;
        char number[SKU_NUMBER_BYTES];
        if (attribute->kind != INVENTORY_ATTRIBUTE_TEXT) {
            snprintf(number, sizeof number, "%" PRId64, attribute->number);
            value = slice_from_string(number);
        }
        sku_token_add(machine, content_token(attribute->name, value));
    }
}

/* A category counts with all above it: "Home > Mugs" is another than "Gifts > Mugs". */
static void sku_category_tokens(struct machine_sku *machine,
                                const struct inventory_sku *sku)
{
    uint64_t above = 0;
    for (uint32_t i = 0; i < sku->category_count; i++) {
        above = content_token(slice_of(&above, sizeof above), sku->categories[i]);
        sku_token_add(machine, above);
    }
}

/* Into the scratch. */
static void sku_tokens(struct machine_sku *machine, const struct inventory_sku *sku)
{
    machine->token_count = 0;
    sku_category_tokens(machine, sku);
    sku_attribute_tokens(machine, sku->attributes, sku->attribute_count);
    sku_attribute_tokens(machine, sku->options, sku->option_count);
    if (sku->product_id.size > 0) {
        sku_token_add(machine,
                      content_token(slice_from_string("product"), sku->product_id));
    }
    if (sku->brand.size > 0) {
        sku_token_add(machine, content_token(slice_from_string("brand"), sku->brand));
    }
}

static void sku_told_remove(void *context, uint64_t sku_hash)
{
    struct machine_sku *machine = context;
    content_remove(machine->content, sku_hash);
    arrivals_remove(machine->arrivals, sku_hash);
}

static void sku_told_put(void *context, uint64_t sku_hash,
                         const struct inventory_sku *sku)
{
    struct machine_sku *machine = context;
    if (sku->state != SKU_STATE_ACTIVE) {
        sku_told_remove(context, sku_hash);
        return;
    }
    sku_tokens(machine, sku);
    content_put(machine->content, sku_hash, machine->tokens, machine->token_count);
    arrivals_put(machine->arrivals, sku_hash, sku->create_ms);
}

/* Weights come from the degrees of all shards. The thread's own table has at least what
 * this shard has published, unless nobody has told it yet. */
static bool sku_tokens_known(const struct machine_sku *sku,
                             const struct degree_table *tokens)
{
    return tokens != NULL && degree_table_items(tokens, CONTENT_TOKEN_SKUS) >=
                                 (int64_t)content_count(sku->content);
}

static enum status sku_search(const struct machine_sku *sku,
                              const struct recommend_sku_search *search,
                              const struct degree_table *tokens, struct arena *arena,
                              struct recommend_sku_found *out)
{
    if (search->sources & 1u << RECOMMEND_SOURCE_CONTENT &&
        sku_tokens_known(sku, tokens)) {
        TRY(content_search(sku->content, tokens, &search->content, arena, &out->content));
        out->content.version = sku->index;
        out->sources |= 1u << RECOMMEND_SOURCE_CONTENT;
    }
    if (search->sources & 1u << RECOMMEND_SOURCE_ARRIVALS) {
        TRY(arrivals_newest(sku->arrivals, search->arrivals_pool, arena, &out->arrivals));
        out->sources |= 1u << RECOMMEND_SOURCE_ARRIVALS;
    }
    return STATUS_OK;
}

/* Copies: the answer leaves this thread. */
static enum status sku_read_tokens(const struct machine_sku *sku,
                                   const struct replica_tokens_query *query,
                                   struct arena *arena,
                                   const struct recommend_tokens **out_tokens)
{
    if (query->sku_hash_count > REPLICA_TOKENS_SKUS_MAX) {
        return STATUS_INVALID;
    }
    struct recommend_tokens *all =
        arena_zalloc(arena, ((size_t)query->sku_hash_count + 1) * sizeof *all);
    if (all == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < query->sku_hash_count; i++) {
        const uint64_t *found =
            content_tokens(sku->content, query->sku_hashes[i], &all[i].token_count);
        size_t bytes = all[i].token_count * sizeof *found;
        if (bytes == 0) {
            continue;
        }
        uint64_t *copy = arena_alloc(arena, bytes);
        if (copy == NULL) {
            return STATUS_TOO_LARGE;
        }
        memcpy(copy, found, bytes);
        all[i].tokens = copy;
    }
    *out_tokens = all;
    return STATUS_OK;
}

/* --- The machine --------------------------------------------------------------------- */

static void sku_free(struct machine *machine)
{
    struct machine_sku *sku = sku_of(machine);
    inventory_free(sku->inventory);
    content_free(sku->content);
    arrivals_free(sku->arrivals);
    free(sku);
}

static enum status sku_load(struct machine *machine, uint64_t index)
{
    sku_of(machine)->index = index;
    return inventory_load(sku_of(machine)->inventory);
}

static void sku_entry_begin(struct machine *machine,
                            const struct apply_position *position)
{
    sku_of(machine)->index = position->index;
    inventory_entry_begin(sku_of(machine)->inventory, position);
}

static enum status sku_apply(struct machine *machine, struct slice bytes,
                             struct arena *decode, struct arena *answers,
                             struct replica_outcome *out)
{
    out->kind = REPLICA_SKU;
    struct inventory_command command;
    enum status status = command_decode_sku(bytes, decode, &command);
    if (status == STATUS_VERSION) {
        return status;
    }
    if (status == STATUS_OK) {
        inventory_apply(sku_of(machine)->inventory, &command, answers, &out->inventory);
    } else {
        /* All replicas see the same bytes, so all refuse them alike. */
        memset(&out->inventory, 0, sizeof out->inventory);
        out->inventory.status = STATUS_INVALID;
    }
    out->status = out->inventory.status;
    return STATUS_OK;
}

static void sku_entry_end(struct machine *machine)
{
    inventory_entry_end(sku_of(machine)->inventory);
}

/* What gives something back, and so is taken on a full disk. */
static bool sku_frees(uint32_t kind)
{
    return kind == INVENTORY_HOLD_RELEASE || kind == INVENTORY_HOLD_CANCEL ||
           kind == INVENTORY_TICK ||
           (kind > INVENTORY_HOLD_PREPARE && kind <= INVENTORY_HOLD_QUESTION);
}

static enum status sku_admit(const struct machine *machine,
                             const struct command_peek *peek, bool disk_full)
{
    bool message = inventory_command_is_message((enum inventory_command_kind)peek->kind);
    if (!inventory_command_known(peek->kind)) {
        return STATUS_VERSION;
    }
    if (disk_full && !sku_frees(peek->kind)) {
        return STATUS_DISK_FULL;
    }
    /* What a line or a home is told only ends what is there already. */
    return peek->has_anchor && (!message || peek->kind == INVENTORY_HOLD_PREPARE)
               ? inventory_room(sku_of_const(machine)->inventory)
               : STATUS_OK;
}

static int64_t sku_next_due(const struct machine *machine)
{
    return inventory_next_due(sku_of_const(machine)->inventory);
}

static bool sku_tick_wanted(const struct machine *machine, int64_t bounded_ms)
{
    struct inventory_command tick;
    return inventory_tick_wanted(sku_of_const(machine)->inventory, bounded_ms, &tick);
}

static enum machine_due sku_name(struct machine_sku *sku,
                                 const struct inventory_tick *tick)
{
    if (sku->sku_count + tick->sku_count > INVENTORY_TICK_NAMES_MAX ||
        sku->hold_count + tick->hold_count > INVENTORY_TICK_NAMES_MAX) {
        return MACHINE_DUE_FULL;
    }
    for (uint32_t i = 0; i < tick->sku_count; i++) {
        sku->sku_hashes[sku->sku_count++] = tick->sku_hashes[i];
    }
    for (uint32_t i = 0; i < tick->hold_count; i++) {
        sku->holds[sku->hold_count++] = tick->holds[i];
    }
    return MACHINE_DUE_TICK;
}

static enum machine_due sku_query_due(struct machine *machine,
                                      const struct replica_query *query,
                                      int64_t bounded_ms, bool names,
                                      struct arena *scratch)
{
    struct machine_sku *sku = sku_of(machine);
    struct inventory_command command;
    if (query->kind != REPLICA_QUERY_INVENTORY || query->inventory.as_known ||
        !inventory_query_due(sku->inventory, &query->inventory, bounded_ms, scratch,
                             &command)) {
        return MACHINE_DUE_NOTHING;
    }
    return names ? sku_name(sku, &command.tick) : MACHINE_DUE_TICK;
}

static enum status sku_tick_make(struct machine *machine, int64_t bounded_ms,
                                 struct arena *scratch, struct slice *out_command)
{
    struct machine_sku *sku = sku_of(machine);
    struct inventory_command wanted;
    struct inventory_command command = {.kind = INVENTORY_TICK};
    if (inventory_tick_wanted(sku->inventory, bounded_ms, &wanted)) {
        command.tick.floor_ms = wanted.tick.floor_ms;
    }
    command.tick.sku_hashes = sku->sku_hashes;
    command.tick.sku_count = sku->sku_count;
    command.tick.holds = sku->holds;
    command.tick.hold_count = sku->hold_count;
    enum status status = command_encode_sku(&command, scratch, out_command);
    sku->sku_count = 0;
    sku->hold_count = 0;
    return status;
}

static void sku_set_leads(struct machine *machine, bool leads)
{
    inventory_set_leads(sku_of(machine)->inventory, leads);
}

static bool sku_take_parcel(struct machine *machine, struct moment now,
                            int64_t bounded_ms, struct arena *scratch,
                            struct replica_parcel *out_parcel)
{
    const struct inventory_moment moment = {.monotonic_us = now.monotonic_us,
                                            .bounded_ms = bounded_ms};
    struct inventory_command command;
    memset(&command, 0, sizeof command);
    if (!inventory_take_parcel(sku_of(machine)->inventory, &moment, scratch, &command)) {
        return false;
    }
    enum status status = command_encode_sku(&command, scratch, &out_parcel->command);
    ASSERT(status == STATUS_OK); /* our own, into an arena without a limit */
    out_parcel->hash = command.identity.anchor;
    return true;
}

static uint64_t sku_parcel_due_us(const struct machine *machine, struct moment now,
                                  int64_t bounded_ms)
{
    const struct inventory_moment moment = {.monotonic_us = now.monotonic_us,
                                            .bounded_ms = bounded_ms};
    return inventory_parcel_due_us(sku_of_const(machine)->inventory, &moment);
}

static bool sku_query_waits(const struct machine *machine,
                            const struct replica_query *query)
{
    return query->kind == REPLICA_QUERY_INVENTORY &&
           query->inventory.kind == INVENTORY_QUERY_OUTCOME &&
           !inventory_outcome_ripe(sku_of_const(machine)->inventory, &query->inventory);
}

static void sku_read(const struct machine *machine, const struct replica_read *read,
                     int64_t bounded_ms)
{
    const struct machine_sku *sku = sku_of_const(machine);
    const struct replica_query *query = read->query;
    struct replica_answer *out = read->answer;
    struct recommend_sku_found *found;
    (void)bounded_ms;
    switch (query->kind) {
    case REPLICA_QUERY_INVENTORY:
        out->status = inventory_read(sku->inventory, &query->inventory, read->arena,
                                     &out->inventory);
        break;
    case REPLICA_QUERY_SKU_SEARCH:
        found = arena_zalloc(read->arena, sizeof *found);
        out->sku_found = found;
        out->status = found == NULL ? STATUS_TOO_LARGE
                                    : sku_search(sku, query->sku_search, read->tokens,
                                                 read->arena, found);
        break;
    case REPLICA_QUERY_TOKENS:
        out->status = sku_read_tokens(sku, &query->tokens, read->arena, &out->tokens);
        break;
    case REPLICA_QUERY_STATUS:
    case REPLICA_QUERY_PROFILE:
    case REPLICA_QUERY_CONTEXT:
    case REPLICA_QUERY_HISTORY:
    case REPLICA_QUERY_SEARCH:
    default:
        out->status = STATUS_INVALID;
        break;
    }
}

static bool sku_take_degrees(struct machine *machine, enum recommend_degrees kind,
                             struct degree_delta *out_delta)
{
    struct machine_sku *sku = sku_of(machine);
    if (kind != RECOMMEND_DEGREES_TOKENS || !content_degrees_changed(sku->content)) {
        return false;
    }
    content_take_degrees(sku->content, sku->index, out_delta);
    return true;
}

static void sku_collect(struct machine *machine, struct store_batch *batch)
{
    inventory_collect(sku_of(machine)->inventory, batch);
}

static void sku_flushed(struct machine *machine, uint64_t index)
{
    inventory_flushed(sku_of(machine)->inventory, index);
}

static uint64_t sku_dirty_bytes(const struct machine *machine)
{
    return inventory_dirty_bytes(sku_of_const(machine)->inventory);
}

static uint64_t sku_digest(const struct machine *machine)
{
    const struct machine_sku *sku = sku_of_const(machine);
    uint64_t digest = inventory_digest(sku->inventory);
    digest = hash_mix(digest) ^ content_digest(sku->content);
    return hash_mix(digest) ^ arrivals_digest(sku->arrivals);
}

static void sku_counters(const struct machine *machine, struct replica_status *out_status)
{
    const struct machine_sku *sku = sku_of_const(machine);
    struct inventory_query query = {.kind = INVENTORY_QUERY_COUNTERS};
    struct inventory_answer answer = {0};
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    (void)inventory_read(sku->inventory, &query, &arena, &answer);
    arena_close(&arena);
    out_status->inventory = answer.counters;
    out_status->evidence_bytes =
        content_memory_bytes(sku->content) + arrivals_memory_bytes(sku->arrivals);
    out_status->inventory.memory_bytes += out_status->evidence_bytes;
}

static const struct machine_ops sku_ops = {
    .free = sku_free,
    .load = sku_load,
    .entry_begin = sku_entry_begin,
    .apply = sku_apply,
    .entry_end = sku_entry_end,
    .admit = sku_admit,
    .next_due = sku_next_due,
    .tick_wanted = sku_tick_wanted,
    .query_due = sku_query_due,
    .tick_make = sku_tick_make,
    .set_leads = sku_set_leads,
    .take_parcel = sku_take_parcel,
    .parcel_due_us = sku_parcel_due_us,
    .query_waits = sku_query_waits,
    .read = sku_read,
    .take_degrees = sku_take_degrees,
    .collect = sku_collect,
    .flushed = sku_flushed,
    .dirty_bytes = sku_dirty_bytes,
    .digest = sku_digest,
    .counters = sku_counters,
};

struct machine *machine_sku_new(const struct replica_options *options)
{
    struct machine_sku *sku = memory_zalloc(sizeof *sku);
    sku->machine.ops = &sku_ops;
    struct inventory_options inventory = {
        .shard_id = options->shard_id,
        .range = options->range,
        .hash_seed = options->hash_seed,
        .store = options->store,
        .request_memory_max_bytes =
            (uint64_t)options->settings->request_id_memory_max_bytes,
        .sink = {.context = sku, .sku_put = sku_told_put, .sku_remove = sku_told_remove},
    };
    sku->content = content_new();
    sku->arrivals = arrivals_new();
    sku->inventory = inventory_new(&inventory);
    return &sku->machine;
}
