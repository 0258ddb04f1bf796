/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/replica/sample_command.h"

#define TEXT(literal)                                                                    \
    {                                                                                    \
        (const uint8_t *)(literal), sizeof(literal) - 1                                  \
    }

static const struct inventory_attribute attributes[] = {
    {TEXT("color"), INVENTORY_ATTRIBUTE_TEXT, TEXT("red"), 0},
    {TEXT("depth"), INVENTORY_ATTRIBUTE_NUMBER, {NULL, 0}, -17},
};
static const struct inventory_attribute options[] = {
    {TEXT("gift"), INVENTORY_ATTRIBUTE_FLAG, {NULL, 0}, 1},
};
static const struct slice categories[] = {TEXT("Home"), TEXT("Mugs")};
static const struct slice gtins[] = {TEXT("04012345678901")};
static const struct slice channels[] = {TEXT("web"), TEXT("shop")};
static const struct inventory_hold_line lines[] = {
    {TEXT("MUG-RED"), TEXT("berlin"), 2, 0},
    {TEXT("MUG-BLUE"), {NULL, 0}, 1, 0},
};
static const struct inventory_message_line message_lines[] = {{3, TEXT("berlin"), 2},
                                                              {5, {NULL, 0}, 4}};
static const struct inventory_shortage message_shortages[] = {{3, 9, 2}};
static const uint64_t tick_skus[] = {1, 0xffffffffffffffffu};
static const struct inventory_hold_id tick_holds[] = {{3, 4}};

static struct inventory_sku_upsert sample_sku_upsert(void)
{
    return (struct inventory_sku_upsert){
        .sku =
            {
                .sku_id = TEXT("MUG-RED"),
                .product_id = TEXT("MUG"),
                .name = TEXT("Red mug"),
                .state = SKU_STATE_ACTIVE,
                .attributes = attributes,
                .attribute_count = 2,
                .categories = categories,
                .category_count = 2,
                .brand = TEXT("Keramik"),
                .price = {"EUR", 12, 500000000},
                .cost = {"USD", -3, -1},
                .unit = TEXT("piece"),
                .unit_exponent = 3,
                .options = options,
                .option_count = 1,
                .gtins = gtins,
                .gtin_count = 1,
            },
        .update_mask = SKU_FIELD_NAME | SKU_FIELD_PRICE,
        .etag = 77,
        .attributes_max = 64,
    };
}

static struct inventory_location_upsert sample_location(void)
{
    return (struct inventory_location_upsert){
        .location =
            {
                .location_id = TEXT("berlin"),
                .name = TEXT("Berlin Mitte"),
                .type = LOCATION_TYPE_STORE,
                .address = TEXT("Unter den Linden 1"),
                .latitude_e7 = 525170000,
                .longitude_e7 = -133889000,
                .time_zone = TEXT("Europe/Berlin"),
                .channels = channels,
                .channel_count = 2,
                .version = 9,
                .etag = 10,
                .create_ms = 1780000000001,
                .update_ms = 1780000000002,
            },
        .etag = 11,
    };
}

static struct inventory_hold_create sample_hold_create(void)
{
    return (struct inventory_hold_create){
        .lines = lines,
        .line_count = 2,
        .mode = HOLD_MODE_BEST_EFFORT,
        .owner = TEXT("cart-1"),
        .reference = TEXT("order 9"),
        .allow_backorder = true,
        .ttl_kind = HOLD_TTL_DURATION,
        .ttl_ms = 900000,
        .expire_ms = 1780000900000,
        .life_max_ms = 86400000,
        .owner_holds_max = 10000,
        .lines_max = 200,
        .nonce = 0x1122334455667788,
    };
}

static const struct inventory_count_line counted[] = {{TEXT("MUG-RED"), 119},
                                                      {TEXT("TEA-GREEN"), 0}};

static struct inventory_stock_move sample_stock_move(void)
{
    return (struct inventory_stock_move){
        .sku_id = TEXT("MUG-RED"),
        .location_id = TEXT("berlin"),
        .bucket = STOCK_BUCKET_QUALITY_CONTROL,
        .to_location_id = TEXT("hamburg"),
        .to_bucket = STOCK_BUCKET_INCOMING,
        .quantity = 6000000000,
        .reason = STOCK_REASON_RETURN,
        .reference = TEXT("van 4"),
    };
}

static void sample_stock_payload(struct inventory_command *command)
{
    switch ((unsigned)command->kind) {
    case INVENTORY_STOCK_MOVE:
        command->stock_move = sample_stock_move();
        break;
    case INVENTORY_COUNT_START:
        command->count_start =
            (struct inventory_count_start){TEXT("C-7"), TEXT("berlin"), true};
        break;
    case INVENTORY_COUNT_SUBMIT:
        command->count_submit = (struct inventory_count_submit){TEXT("C-7"), counted, 2};
        break;
    case INVENTORY_COUNT_CLOSE:
        command->count_close = (struct inventory_count_close){TEXT("C-7"), true};
        break;
    default:
        break;
    }
}

static const struct inventory_source_item source_items[] = {
    {.sequence = 71,
     .sku_id = TEXT("MUG-RED"),
     .location_id = TEXT("berlin"),
     .bucket = STOCK_BUCKET_ON_HAND,
     .quantity = -3,
     .reason = STOCK_REASON_SALE,
     .reference = TEXT("till 4"),
     .occurred_ms = 1780000000005},
    {.sequence = 75,
     .sku_id = TEXT("POT"),
     .location_id = TEXT("jena"),
     .absolute = true,
     .bucket = STOCK_BUCKET_DAMAGED,
     .quantity = 12},
};
static const struct inventory_source sample_source = {{0x61, 0x62}, 3, 9};

static void sample_source_payload(struct inventory_command *command)
{
    if (command->kind == INVENTORY_SOURCE_OPEN) {
        command->source_open = (struct inventory_source_open){sample_source, 0x63, 1024};
    } else if (command->kind == INVENTORY_SOURCE_THROUGH) {
        command->source_through =
            (struct inventory_source_through){sample_source, 0x63, 70};
    } else {
        command->source_update =
            (struct inventory_source_update){.source = sample_source,
                                             .range = {0x10, 0x20},
                                             .prev = 64,
                                             .through = 60,
                                             .on_missing = INVENTORY_MISSING_CREATE,
                                             .stop = true,
                                             .attributes_max = 64,
                                             .items = source_items,
                                             .item_count = 2};
    }
}

static void sample_alias_payload(struct inventory_command *command)
{
    if (command->kind == INVENTORY_ALIAS_RESERVE) {
        command->alias_reserve =
            (struct inventory_alias_reserve){TEXT("OLD-7"), TEXT("MUG-RED"), 0x3344};
    } else {
        command->alias_settle =
            (struct inventory_alias_settle){TEXT("OLD-7"), TEXT("MUG-RED"), 0x3344, true};
    }
}

/* Every field is set, whichever kind needs it. */
static struct inventory_hold_message sample_message(void)
{
    return (struct inventory_hold_message){
        .hold_id = {0xa1, 0xb2},
        .sku_hash = 0x0a0b0c0d0e0f1011,
        .version = 7,
        .state = HOLD_STATE_COMMITTED,
        .expire_ms = 1780000900002,
        .fulfil = true,
        .code = 5,
        .field = 3,
        .line = 1,
        .report = HOLD_REPORT_SHORT,
        .shortages = message_shortages,
        .shortage_count = 1,
        .lines = message_lines,
        .line_count = 2,
        .sku_id = TEXT("MUG-RED"),
        .reference = TEXT("order 9"),
        .allow_backorder = true,
        .request_id = {0x21, 0x22},
        .request_ms = 1780000000003,
        .attempt = 2,
    };
}

/* Those numbered apart. */
static void sample_apart(struct inventory_command *command)
{
    if (command->kind >= INVENTORY_STOCK_MOVE && command->kind <= INVENTORY_COUNT_CLOSE) {
        sample_stock_payload(command);
    } else if (inventory_command_of_source(command->kind)) {
        sample_source_payload(command);
    } else if (inventory_command_is_message(command->kind)) {
        command->hold_message = sample_message();
    } else if (command->kind == INVENTORY_ALIAS_RESERVE ||
               command->kind == INVENTORY_ALIAS_SETTLE) {
        sample_alias_payload(command);
    }
}

static struct inventory_stock_set sample_stock_set(void)
{
    return (struct inventory_stock_set){
        .sku_id = TEXT("MUG-RED"),
        .location_id = TEXT("berlin"),
        .mask = 1u << STOCK_BUCKET_ON_HAND | 1u << STOCK_BUCKET_SAFETY_STOCK,
        .buckets = {0, 120, 0, 0, 0, 6, 0, 0, 0},
        .has_expected_on_hand = true,
        .expected_on_hand = 119,
        .etag = 80,
        .reason = STOCK_REASON_COUNT,
        .reference = TEXT("count 7"),
    };
}

static void sample_payload(struct inventory_command *command)
{
    switch ((unsigned)command->kind) {
    case INVENTORY_SKU_UPSERT:
        command->sku_upsert = sample_sku_upsert();
        break;
    case INVENTORY_SKU_DELETE:
        command->sku_delete = (struct inventory_sku_delete){TEXT("MUG-RED"), 78};
        break;
    case INVENTORY_LOCATION_UPSERT:
    case INVENTORY_LOCATION_COPY:
        command->location_upsert = sample_location();
        break;
    case INVENTORY_STOCK_ADJUST:
        command->stock_adjust =
            (struct inventory_stock_adjust){TEXT("MUG-RED"),
                                            TEXT("berlin"),
                                            STOCK_BUCKET_DAMAGED,
                                            -5,
                                            STOCK_REASON_DAMAGE,
                                            TEXT("fell off the shelf"),
                                            79};
        break;
    case INVENTORY_STOCK_SET:
        command->stock_set = sample_stock_set();
        break;
    case INVENTORY_HOLD_CREATE:
        command->hold_create = sample_hold_create();
        break;
    case INVENTORY_HOLD_EXTEND:
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
        command->hold_change = (struct inventory_hold_change){
            .hold_id = {0xa1, 0xb2},
            .owner = TEXT("cart-1"),
            .ttl_kind = HOLD_TTL_TIME,
            .ttl_ms = 1,
            .expire_ms = 1780000900001,
            .life_max_ms = 86400001,
        };
        break;
    case INVENTORY_TICK:
        command->tick =
            (struct inventory_tick){tick_skus, 2, tick_holds, 1, 1779999999999};
        break;
    default: /* REQUEST_SEAL has none */
        sample_apart(command);
        break;
    }
}

struct inventory_command sample_sku(unsigned kind)
{
    struct inventory_command command = {.kind = (enum inventory_command_kind)kind};
    if (kind == INVENTORY_STOCK_SET) {
        command.identity = (struct inventory_identity){
            .kind = INVENTORY_IDENTITY_IMPORT,
            .import_id = {0x31, 0x32},
            .line = 5000000000,
            .prev_line = 4999999999,
            .imports_max = 100,
        };
    } else if (kind != INVENTORY_TICK && kind != INVENTORY_LOCATION_COPY &&
               kind < INVENTORY_ALIAS_RESERVE &&
               !inventory_command_of_source(command.kind)) {
        command.identity = (struct inventory_identity){
            .kind = INVENTORY_IDENTITY_REQUEST,
            .anchor = 0x0102030405060708,
            .request_id = {0x21, 0x22},
            .fingerprint = 0x23,
            .request_ms = 1780000000003,
            .attempt = 2,
        };
    }
    sample_payload(&command);
    return command;
}

static const struct customer_event events[] = {
    {
        .event_id = TEXT("e-1"),
        .customer = {0x41, 0x42},
        .kind = CUSTOMER_EVENT_PURCHASE,
        .sku_hash = 0x43,
        .sku_id = TEXT("MUG-RED"),
        .quantity = -2,
        .price = {"EUR", 12, 500000000},
        .occurred_ms = 1780000000004,
        .session_id = TEXT("s-1"),
        .detail = TEXT("five stars"),
        .line = 12,
        .prev_line = 11,
    },
    {.event_id = TEXT("e-2"), .customer = {0x44, 0x45}, .kind = CUSTOMER_EVENT_SEARCH},
};
static const struct customer_attribute profile_attributes[] = {
    {TEXT("club"), CUSTOMER_ATTRIBUTE_FLAG, {NULL, 0}, 1},
    {TEXT("city"), CUSTOMER_ATTRIBUTE_TEXT, TEXT("Jena"), 0},
};

struct customer_command sample_customer(unsigned kind)
{
    struct customer_command command = {.kind = (enum customer_command_kind)kind};
    if (kind == CUSTOMER_RECORD) {
        command.identity.kind = CUSTOMER_IDENTITY_IMPORT;
        command.identity.import_id = (struct hash128){0x51, 0x52};
        command.identity.imports_max = 100;
        command.record = (struct customer_record){events, 2};
    } else if (kind != CUSTOMER_TICK) {
        command.identity = (struct customer_identity){
            .kind = CUSTOMER_IDENTITY_REQUEST,
            .anchor = 0x61,
            .request_id = {0x62, 0x63},
            .fingerprint = 0x64,
            .request_ms = 1780000000005,
            .attempt = 1,
        };
    }
    if (kind == CUSTOMER_UPSERT) {
        command.upsert = (struct customer_upsert){
            .customer = {0x71, 0x72},
            .profile =
                {
                    .customer_id = TEXT("C-1"),
                    .attributes = profile_attributes,
                    .attribute_count = 2,
                    .personalization_withdrawn = true,
                    .evidence_withdrawn = true,
                },
            .etag = 81,
            .attributes_max = 32,
        };
    }
    if (kind == CUSTOMER_ERASE) {
        command.erase.customer = (struct hash128){0x71, 0x72};
    }
    return command;
}
