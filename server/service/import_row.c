/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/import_row.h"

#include "server/service/check.h"
#include "server/service/intake.h"
#include "server/service/service_private.h"
#include "shard/replica/command.h"

static enum status import_take_stock(const Souk__V1__ImportStock *stock,
                                     struct inventory_stock_set *out,
                                     struct problem *problem)
{
    *out = (struct inventory_stock_set){.mask = 1u << STOCK_BUCKET_ON_HAND,
                                        .reason = STOCK_REASON_IMPORT};
    TRY(check_id("stock.sku_id", stock->sku_id, &out->sku_id, problem));
    TRY(check_id("stock.location_id", stock->location_id, &out->location_id, problem));
    TRY(check_text("stock.reference", stock->reference, INVENTORY_REFERENCE_BYTES_MAX,
                   &out->reference, problem));
    if (stock->on_hand < 0) {
        return problem_set(problem, STATUS_INVALID, "stock.on_hand",
                           "stock.on_hand: not below 0");
    }
    out->buckets[STOCK_BUCKET_ON_HAND] = stock->on_hand;
    return STATUS_OK;
}

static enum status import_take_customer(struct import_message *message,
                                        const Souk__V1__ImportRow *row,
                                        struct import_row *out, struct problem *problem)
{
    struct customer_upsert *upsert = &out->customer.upsert;
    out->table = SHARD_MAP_CUSTOMER;
    out->customer.kind = CUSTOMER_UPSERT;
    TRY(intake_customer(message->service, row->customer, message->arena, upsert,
                        problem));
    TRY(customer_upsert_check(upsert, problem));
    out->hash = customer_hash(upsert->customer);
    out->customer.identity = (struct customer_identity){
        .kind = CUSTOMER_IDENTITY_IMPORT,
        .import_id = message->import_id,
        .line = row->line,
        .imports_max = (uint32_t)message->service->settings->imports_max,
        .imports_refused_max = (uint32_t)message->service->settings->imports_refused_max};
    return STATUS_OK;
}

/* The home of the SKU binds what lies in its own range; the rest would have to be reserved
 * at other shards first. */
static enum status import_sku_identifiers(const struct service *service,
                                          struct inventory_sku_upsert *upsert,
                                          struct problem *problem)
{
    bool some = (upsert->update_mask & SKU_FIELD_GTINS && upsert->sku.gtin_count > 0) ||
                (upsert->update_mask & SKU_FIELD_ALIASES && upsert->sku.alias_count > 0);
    upsert->claim = true;
    if (some && shard_map_count(service->map, SHARD_MAP_SKU) > 1) {
        return problem_set(
            problem, STATUS_INVALID, "sku",
            "sku: with several SKU shards GTINs and aliases are written by "
            "UpsertSku, not by an import");
    }
    return STATUS_OK;
}

static enum status import_take_sku_row(struct import_message *message,
                                       const Souk__V1__ImportRow *row,
                                       struct import_row *out, struct problem *problem)
{
    struct inventory_command *command = &out->sku;
    const struct service *service = message->service;
    out->table = SHARD_MAP_SKU;
    if (row->record_case == SOUK__V1__IMPORT_ROW__RECORD_LOCATION) {
        command->kind = INVENTORY_LOCATION_UPSERT;
        out->is_location = true;
        TRY(intake_location(row->location, NULL, message->arena,
                            &command->location_upsert, problem));
    } else if (row->record_case == SOUK__V1__IMPORT_ROW__RECORD_SKU) {
        command->kind = INVENTORY_SKU_UPSERT;
        TRY(intake_sku(row->sku, row->update_mask, service->settings, message->arena,
                       &command->sku_upsert, problem));
        TRY(import_sku_identifiers(service, &command->sku_upsert, problem));
    } else {
        command->kind = INVENTORY_STOCK_SET;
        TRY(import_take_stock(row->stock, &command->stock_set, problem));
    }
    TRY(inventory_command_check(command, problem));
    command->identity = (struct inventory_identity){
        .kind = INVENTORY_IDENTITY_IMPORT,
        .anchor = inventory_command_anchor(command, service->map->hash_seed),
        .fingerprint = inventory_command_fingerprint(command),
        .import_id = message->import_id,
        .line = row->line,
        .imports_max = (uint32_t)service->settings->imports_max,
        .imports_refused_max = (uint32_t)service->settings->imports_refused_max};
    out->hash = command->identity.anchor;
    return STATUS_OK;
}

enum status import_row_take(struct import_message *message,
                            const Souk__V1__ImportRow *row, struct import_row *out,
                            struct problem *problem)
{
    *out = (struct import_row){.is_event = false};
    if (row->update_mask != NULL &&
        row->record_case != SOUK__V1__IMPORT_ROW__RECORD_SKU) {
        return problem_set(problem, STATUS_INVALID, "update_mask",
                           "update_mask: only for a row with a sku");
    }
    switch (row->record_case) {
    case SOUK__V1__IMPORT_ROW__RECORD_LOCATION:
    case SOUK__V1__IMPORT_ROW__RECORD_SKU:
    case SOUK__V1__IMPORT_ROW__RECORD_STOCK:
        return import_take_sku_row(message, row, out, problem);
    case SOUK__V1__IMPORT_ROW__RECORD_CUSTOMER:
        return import_take_customer(message, row, out, problem);
    case SOUK__V1__IMPORT_ROW__RECORD_EVENT:
        out->is_event = true;
        out->table = SHARD_MAP_CUSTOMER;
        TRY(intake_event(message->service, row->event, row->line, service_now().wall_ms,
                         &out->event, problem));
        out->hash = customer_hash(out->event.customer);
        return STATUS_OK;
    case SOUK__V1__IMPORT_ROW__RECORD__NOT_SET:
        break;
    }
    return problem_set(problem, STATUS_INVALID, "record", "a row without a record");
}

void import_row_chain(struct import_row *row, uint64_t previous)
{
    row->event.prev_line = previous;
    row->customer.identity.prev_line = previous;
    row->sku.identity.prev_line = previous;
}

enum status import_row_encode(const struct import_row *row, struct arena *arena,
                              struct slice *out_bytes)
{
    return row->table == SHARD_MAP_SKU
               ? command_encode_sku(&row->sku, arena, out_bytes)
               : command_encode_customer(&row->customer, arena, out_bytes);
}

/* --- Copies of locations ----------------------------------------------------------- */

static const struct inventory_outcome *
import_location_outcome(const struct import_message *message, uint32_t row,
                        unsigned *out_home)
{
    unsigned skus = shard_map_count(message->service->map, SHARD_MAP_SKU);
    for (unsigned p = 0; p < skus; p++) {
        const struct import_part *part = &message->parts[p];
        uint32_t i = 0;
        for (const struct import_command *command = part->first; command != NULL;
             command = command->next, i++) {
            if (command->rows[0] == row) {
                *out_home = p;
                return &part->outcomes[i].inventory;
            }
        }
    }
    return NULL;
}

bool import_copies_fill(struct import_message *message, struct import_part *copies,
                        unsigned count)
{
    struct arena *arena = message->arena;
    for (unsigned p = 0; p < count; p++) {
        struct import_part *part = &copies[p];
        size_t room = message->location_count + 1u;
        part->message = message;
        part->call.shard_id = message->parts[p].call.shard_id;
        part->bytes = arena_alloc(arena, room * sizeof *part->bytes);
        part->outcomes = arena_alloc(arena, room * sizeof *part->outcomes);
        if (part->bytes == NULL || part->outcomes == NULL) {
            return false;
        }
    }
    for (uint32_t i = 0; i < message->location_count; i++) {
        unsigned home = 0;
        const struct inventory_outcome *outcome =
            import_location_outcome(message, message->locations[i], &home);
        struct inventory_command command = {.kind = INVENTORY_LOCATION_COPY};
        struct slice bytes;
        if (outcome == NULL || outcome->status != STATUS_OK || !outcome->has_location) {
            continue;
        }
        command.location_upsert.location = outcome->location;
        if (command_encode_sku(&command, arena, &bytes) != STATUS_OK) {
            return false;
        }
        for (unsigned p = 0; p < count; p++) {
            if (p != home) {
                copies[p].bytes[copies[p].command_count++] = bytes;
            }
        }
    }
    return true;
}
