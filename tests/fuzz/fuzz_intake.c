/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as they come from the wire: decoded, checked, made into commands and encoded. */
#include "server/service/intake.h"

#include "proto/rpc/rpc_message.h"
#include "server/service/check.h"
#include "shard/base/assert.h"
#include "shard/replica/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ARENA_BYTES_MAX = 4 << 20,
};

static const ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *descriptor,
                                      struct slice bytes, struct arena *arena)
{
    ProtobufCMessage *message = NULL;
    struct problem problem;
    return rpc_message_unpack(descriptor, bytes, true, arena, &message, &problem) ==
                   STATUS_OK
               ? message
               : NULL;
}

static enum status take(uint8_t choice, struct slice bytes, struct arena *arena,
                        struct inventory_command *out)
{
    struct settings settings;
    struct problem problem;
    const ProtobufCMessage *message;
    settings_init(&settings);
    switch (choice % 5) {
    case 0:
        message = unpack(&souk__v1__upsert_sku_request__descriptor, bytes, arena);
        out->kind = INVENTORY_SKU_UPSERT;
        return message == NULL
                   ? STATUS_INVALID
                   : intake_sku(
                         ((const Souk__V1__UpsertSkuRequest *)message)->sku,
                         ((const Souk__V1__UpsertSkuRequest *)message)->update_mask,
                         &settings, arena, &out->sku_upsert, &problem);
    case 1:
        message = unpack(&souk__v1__location__descriptor, bytes, arena);
        out->kind = INVENTORY_LOCATION_UPSERT;
        return message == NULL
                   ? STATUS_INVALID
                   : intake_location((const Souk__V1__Location *)message, NULL, arena,
                                     &out->location_upsert, &problem);
    case 2:
        message = unpack(&souk__v1__stock_adjustment__descriptor, bytes, arena);
        out->kind = INVENTORY_STOCK_ADJUST;
        return message == NULL
                   ? STATUS_INVALID
                   : intake_adjustment((const Souk__V1__StockAdjustment *)message,
                                       &out->stock_adjust, &problem);
    case 3:
        message = unpack(&souk__v1__set_stock_request__descriptor, bytes, arena);
        out->kind = INVENTORY_STOCK_SET;
        return message == NULL ? STATUS_INVALID
                               : intake_set((const Souk__V1__SetStockRequest *)message,
                                            &out->stock_set, &problem);
    default:
        message = unpack(&souk__v1__create_hold_request__descriptor, bytes, arena);
        out->kind = INVENTORY_HOLD_CREATE;
        return message == NULL
                   ? STATUS_INVALID
                   : intake_hold((const Souk__V1__CreateHoldRequest *)message, &settings,
                                 arena, &out->hold_create, &problem);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inventory_command command = {0};
    struct problem problem;
    struct arena arena;
    struct slice bytes;
    if (size == 0) {
        return 0;
    }
    arena_init(&arena, NULL, 0, ARENA_BYTES_MAX);
    if (take(data[0], slice_of(data + 1, size - 1), &arena, &command) == STATUS_OK &&
        inventory_command_check(&command, &problem) == STATUS_OK) {
        (void)inventory_command_anchor(&command, 1);
        (void)inventory_command_fingerprint(&command);
        (void)command_encode_sku(&command, &arena, &bytes);
    }
    arena_close(&arena);
    return 0;
}
