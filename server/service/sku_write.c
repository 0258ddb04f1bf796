/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/sku_write.h"

#include <stdio.h>

#include "server/service/batch.h"
#include "server/service/service_private.h"
#include "shard/replica/command.h"

enum {
    SKU_WRITE_PATH_BYTES = 64,
};

struct sku_write {
    struct edge_one *one;
    edge_finish *finish;
    struct inventory_command command;
    struct slice *identifiers; /* canonical, of other shards than its own */
    uint32_t *places;          /* which of its GTINs, then aliases, each is */
    uint32_t count;
    uint64_t by;
    bool settled;        /* every one of them is bound already */
    uint32_t taken;      /* which one is another SKU's, */
    struct slice holder; /* this one; empty: none is */
};

/* --- What it names ------------------------------------------------------------------- */

static uint32_t sku_write_gtins(const struct inventory_sku_upsert *upsert)
{
    return upsert->update_mask & SKU_FIELD_GTINS ? upsert->sku.gtin_count : 0;
}

static uint32_t sku_write_aliases(const struct inventory_sku_upsert *upsert)
{
    return upsert->update_mask & SKU_FIELD_ALIASES ? upsert->sku.alias_count : 0;
}

/* The identifier as it was written, and where. */
static struct slice sku_write_named(const struct sku_write *write, uint32_t place,
                                    char out_path[SKU_WRITE_PATH_BYTES])
{
    const struct inventory_sku_upsert *upsert = &write->command.sku_upsert;
    uint32_t gtins = sku_write_gtins(upsert);
    bool gtin = place < gtins;
    place = gtin ? place : place - gtins;
    snprintf(out_path, SKU_WRITE_PATH_BYTES, "sku.%s[%u]", gtin ? "gtins" : "aliases",
             place);
    return gtin ? upsert->sku.gtins[place] : upsert->sku.aliases[place];
}

static struct sku_write *sku_write_new(struct edge_one *one,
                                       const struct inventory_command *command)
{
    const struct inventory_sku_upsert *upsert = &command->sku_upsert;
    uint32_t all = sku_write_gtins(upsert) + sku_write_aliases(upsert);
    const struct shard_map *map = one->edge.service->map;
    unsigned home =
        shard_map_find(map, SHARD_MAP_SKU, hash64(upsert->sku.sku_id, map->hash_seed));
    struct arena *arena = one->edge.arena;
    struct sku_write *write = arena_zalloc(arena, sizeof *write);
    struct slice *identifiers = arena_alloc(arena, (all + 1) * sizeof *identifiers);
    uint32_t *places = arena_alloc(arena, (all + 1) * sizeof *places);
    char path[SKU_WRITE_PATH_BYTES];
    if (write == NULL || identifiers == NULL || places == NULL) {
        return NULL;
    }
    write->one = one;
    write->command = *command;
    write->identifiers = identifiers;
    write->places = places;
    write->by = inventory_alias_by(command);
    for (uint32_t i = 0; i < all; i++) {
        struct slice identifier =
            inventory_identifier_canonical(sku_write_named(write, i, path), arena);
        if (shard_map_find(map, SHARD_MAP_SKU, hash64(identifier, map->hash_seed)) !=
            home) {
            identifiers[write->count] = identifier;
            places[write->count++] = i;
        }
    }
    write->command.sku_upsert.claim = true;
    write->command.sku_upsert.reserved = identifiers;
    write->command.sku_upsert.reserved_count = write->count;
    return write;
}

/* --- One command to each owner --------------------------------------------------------- */

/* Submits the command to all of them; `identifier` is where it has the identifier. */
static void sku_write_spread(struct sku_write *write, struct inventory_command *command,
                             struct slice *identifier,
                             void (*finish)(struct edge_many *many))
{
    const struct shard_map *map = write->one->edge.service->map;
    struct edge_many *many = edge_many_from(&write->one->edge, write->one->request);
    struct batch *batch;
    struct problem problem;
    if (many == NULL) {
        return;
    }
    if (batch_begin(&batch, many, write->count, &problem) != STATUS_OK) {
        edge_fail(&write->one->edge, &problem);
        return;
    }
    batch->user = write;
    for (uint32_t i = 0; i < write->count; i++) {
        struct slice bytes;
        *identifier = write->identifiers[i];
        if (command_encode_sku(command, write->one->edge.arena, &bytes) != STATUS_OK) {
            edge_fail_memory(&write->one->edge);
            return;
        }
        batch_take(batch, i, bytes,
                   shard_map_find(map, SHARD_MAP_SKU,
                                  hash64(write->identifiers[i], map->hash_seed)));
    }
    batch_submit(batch, finish);
}

/* --- Settling --------------------------------------------------------------------------- */

/* The refusal names the identifier as it was written, and whose it is. */
static void sku_write_taken(struct sku_write *write, struct slice identifier,
                            struct slice holder)
{
    const struct inventory_sku_upsert *upsert = &write->command.sku_upsert;
    uint32_t all = sku_write_gtins(upsert) + sku_write_aliases(upsert), place = 0;
    struct edge_one *one = write->one;
    char path[SKU_WRITE_PATH_BYTES];
    struct problem problem;
    struct slice named = sku_write_named(write, place, path);
    while (place + 1 < all &&
           !slice_equal(inventory_identifier_canonical(named, one->edge.arena),
                        identifier)) {
        named = sku_write_named(write, ++place, path);
    }
    problem_set(&problem, STATUS_ALREADY_EXISTS, path,
                "%s: '%.*s' is the SKU '%.*s' already, and stays so", path,
                (int)named.size, (const char *)named.data, (int)holder.size,
                (const char *)holder.data);
    edge_fail_again(&one->edge, &problem, one->outcome->inventory.replayed);
}

static void sku_write_answer(struct sku_write *write)
{
    const struct inventory_outcome *outcome = &write->one->outcome->inventory;
    if (outcome->status == STATUS_OK) {
        write->finish(write->one);
    } else if (outcome->field == INVENTORY_FIELD_IDENTIFIER && outcome->has_alias) {
        sku_write_taken(write, outcome->alias.identifier, outcome->alias.sku_id);
    } else if (outcome->field == INVENTORY_FIELD_IDENTIFIER && write->holder.size > 0) {
        sku_write_taken(write, write->identifiers[write->taken], write->holder);
    } else {
        edge_refuse(write->one);
    }
}

/* Whether it could be told changes nothing: what is listed is found, what is not is not. */
static void sku_write_settled(struct edge_many *many)
{
    sku_write_answer(((struct batch *)many->user)->user);
    edge_many_done(many);
}

/* Refused for good, under this id and payload; others may still be decided otherwise. */
static bool sku_write_refused(const struct inventory_outcome *outcome)
{
    return outcome->status != STATUS_OK && outcome->status != STATUS_EPOCH_CHANGED &&
           outcome->status != STATUS_REQUEST_ID_EXPIRED;
}

static void sku_write_decided(struct edge_one *one)
{
    struct sku_write *write = one->user;
    struct inventory_command command = {.kind = INVENTORY_ALIAS_SETTLE};
    bool bound = one->outcome->status == STATUS_OK;
    if (write->settled || (!bound && !sku_write_refused(&one->outcome->inventory))) {
        sku_write_answer(write);
        return;
    }
    command.alias_settle = (struct inventory_alias_settle){
        .sku_id = write->command.sku_upsert.sku.sku_id, .by = write->by, .bound = bound};
    sku_write_spread(write, &command, &command.alias_settle.identifier,
                     sku_write_settled);
}

/* --- Reserving -------------------------------------------------------------------------- */

/* What the owners said; the first failure among them. */
static enum status sku_write_collect(struct sku_write *write, struct batch *batch)
{
    batch_collect(batch);
    write->settled = true;
    for (uint32_t i = 0; i < write->count; i++) {
        const struct batch_item *item = &batch->items[i];
        const struct inventory_alias *alias =
            item->outcome != NULL ? &item->outcome->inventory.alias : NULL;
        if (item->status == STATUS_ALREADY_EXISTS && alias != NULL) {
            if (write->holder.size == 0) {
                write->taken = i;
                write->holder = arena_slice(write->one->edge.arena, alias->sku_id);
            }
        } else if (item->status != STATUS_OK || alias == NULL) {
            return item->status;
        }
        write->settled = write->settled && alias->state == INVENTORY_ALIAS_BOUND;
    }
    return STATUS_OK;
}

static void sku_write_reserved(struct edge_many *many)
{
    struct batch *batch = many->user;
    struct sku_write *write = batch->user;
    struct edge_one *one = write->one;
    enum status status = sku_write_collect(write, batch);
    if (status != STATUS_OK) {
        edge_fail_status(&one->edge, status);
        edge_many_done(many);
        return;
    }
    edge_many_done(many); /* the call is not answered yet, so it lives on */
    if (write->holder.size > 0) {
        write->command.sku_upsert.taken = write->identifiers[write->taken];
    }
    edge_propose_sku(one, &write->command, sku_write_decided);
}

void sku_write(struct edge_one *one, const struct inventory_command *command,
               edge_finish *finish)
{
    struct inventory_command reserve = {.kind = INVENTORY_ALIAS_RESERVE};
    struct problem problem;
    struct sku_write *write = sku_write_new(one, command);
    if (write == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    write->finish = finish;
    one->user = write;
    one->refused = sku_write_decided;
    if (write->count == 0) {
        write->settled = true;
        edge_propose_sku(one, &write->command, sku_write_decided);
        return;
    }
    if (inventory_command_check(command, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem); /* refused before it leaves a trace */
        return;
    }
    reserve.alias_reserve = (struct inventory_alias_reserve){
        .sku_id = command->sku_upsert.sku.sku_id, .by = write->by};
    sku_write_spread(write, &reserve, &reserve.alias_reserve.identifier,
                     sku_write_reserved);
}
