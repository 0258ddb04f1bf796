/* SPDX-License-Identifier: Apache-2.0 */
/* Locations: decided at their home, copied to every other SKU shard. */
#include "shard/inventory/inventory_private.h"

enum {
    LOCATION_BYTES_ABOUT = 256, /* of a row, for dirty_bytes */
};

/* Takes from `from` the fields that the mask names. */
static void location_merge(struct inventory_location *into,
                           const struct inventory_location *from, uint32_t mask)
{
    if (mask & LOCATION_FIELD_NAME) {
        into->name = from->name;
    }
    if (mask & LOCATION_FIELD_TYPE) {
        into->type = from->type;
    }
    if (mask & LOCATION_FIELD_ADDRESS) {
        into->address = from->address;
    }
    if (mask & LOCATION_FIELD_COORDINATES) {
        into->latitude_e7 = from->latitude_e7;
        into->longitude_e7 = from->longitude_e7;
    }
    if (mask & LOCATION_FIELD_TIME_ZONE) {
        into->time_zone = from->time_zone;
    }
    if (mask & LOCATION_FIELD_CHANNELS) {
        into->channels = from->channels;
        into->channel_count = from->channel_count;
    }
}

static bool location_place(const struct inventory *inventory,
                           const struct inventory_location_upsert *command,
                           const struct location_row *row, struct inventory_outcome *out)
{
    if (!state_owns(inventory, state_hash(inventory, command->location.location_id))) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_LOCATION_ID);
        return false;
    }
    if (row == NULL && command->etag != 0) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_LOCATION_ID);
        return false;
    }
    if (row != NULL && command->etag != 0 && command->etag != row->view->etag) {
        outcome_refuse(out, STATUS_ETAG_MISMATCH, INVENTORY_FIELD_ETAG);
        return false;
    }
    return true;
}

static void location_show(const struct location_row *row, struct arena *arena,
                          struct inventory_outcome *out)
{
    view_location(row, arena, &out->location);
    out->has_location = true;
    out->etag = row->view->etag;
}

void location_upsert(struct inventory *inventory,
                     const struct inventory_location_upsert *command, struct arena *arena,
                     struct inventory_outcome *out)
{
    uint32_t mask =
        command->update_mask != 0 ? command->update_mask : LOCATION_FIELDS_ALL;
    struct inventory_location value = {.location_id = command->location.location_id};
    struct location_row *row = state_location_find(inventory, value.location_id);
    if (!location_place(inventory, command, row, out)) {
        return;
    }
    if (row != NULL && mask == LOCATION_FIELDS_NONE) {
        location_show(row, arena, out);
        return;
    }
    if (row != NULL) {
        view_location(row, arena, &value);
    } else {
        value.create_ms = inventory->log_ms;
        value.type = LOCATION_TYPE_WAREHOUSE; /* unless named */
    }
    location_merge(&value, &command->location, mask);
    value.version++;
    value.update_ms = inventory->log_ms;
    value.etag = state_etag_mint(inventory);
    out->created = row == NULL;
    if (row == NULL) {
        row = state_location_add(inventory, value.location_id);
    }
    row->copy = false;
    state_location_set(row, &value);
    state_dirty(inventory, &inventory->dirty_locations, &row->dirty,
                LOCATION_BYTES_ABOUT);
    location_show(row, arena, out);
}

void location_copy(struct inventory *inventory,
                   const struct inventory_location_upsert *command, struct arena *arena,
                   struct inventory_outcome *out)
{
    const struct inventory_location *value = &command->location;
    struct location_row *row = state_location_find(inventory, value->location_id);
    bool home = state_owns(inventory, state_hash(inventory, value->location_id));
    if (!home && (row == NULL || row->view->version < value->version)) {
        out->created = row == NULL;
        if (row == NULL) {
            row = state_location_add(inventory, value->location_id);
        }
        row->copy = true;
        state_location_set(row, value);
        state_dirty(inventory, &inventory->dirty_locations, &row->dirty,
                    LOCATION_BYTES_ABOUT);
    }
    if (row != NULL) {
        location_show(row, arena, out);
    }
}
