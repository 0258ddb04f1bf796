/* SPDX-License-Identifier: Apache-2.0 */
/* struct inventory_command -> bytes: a mirror, one line per field. */
#include "shard/base/assert.h"
#include "shard/replica/command_private.h"

/* Every message that one command may need, so that nothing but arrays is allocated. */
struct sku_draft {
    PB(SkuCommand) command;
    PB(CommandIdentity) identity;
    PB(Hash128) id;
    PB(CommandMoney) price;
    PB(CommandMoney) cost;
    PB(CommandHoldId) hold_id;
    union {
        PB(SkuUpsert) sku_upsert;
        PB(SkuDelete) sku_delete;
        PB(LocationUpsert) location_upsert;
        PB(StockAdjust) stock_adjust;
        PB(StockSet) stock_set;
        PB(StockMove) stock_move;
        PB(CountStart) count_start;
        PB(CountSubmit) count_submit;
        PB(CountClose) count_close;
        PB(HoldCreate) hold_create;
        PB(HoldChange) hold_change;
        PB(Tick) tick;
        PB(RequestSeal) request_seal;
        PB(HoldMessage) hold_message;
        PB(AliasReserve) alias_reserve;
        PB(AliasSettle) alias_settle;
    };
    int64_t buckets[STOCK_BUCKET_COUNT];
};

static void encode_identity(struct sku_draft *draft, const struct inventory_identity *in)
{
    PB(CommandIdentity) *out = &draft->identity;
    souk__internal__v1__command_identity__init(out);
    souk__internal__v1__hash128__init(&draft->id);
    struct hash128 id =
        in->kind == INVENTORY_IDENTITY_IMPORT ? in->import_id : in->request_id;
    draft->id.high = id.high;
    draft->id.low = id.low;
    out->kind = in->kind;
    out->id = &draft->id;
    out->fingerprint = in->fingerprint;
    out->request_ms = in->request_ms;
    out->attempt = in->attempt;
    out->line = in->line;
    out->prev_line = in->prev_line;
    out->imports_max = in->imports_max;
    out->imports_refused_max = in->imports_refused_max;
    draft->command.anchor = in->anchor;
    if (in->kind != INVENTORY_IDENTITY_NONE) {
        draft->command.identity = out;
    }
}

static PB(CommandMoney) *
    encode_money(PB(CommandMoney) * out, const struct inventory_money *in)
{
    souk__internal__v1__command_money__init(out);
    size_t size = strnlen(in->currency, sizeof in->currency);
    out->currency = command_bytes(slice_of(in->currency, size));
    out->units = in->units;
    out->nanos = in->nanos;
    return out;
}

static PB(CommandAttribute) * *encode_attributes(const struct inventory_attribute *in,
                                                 uint32_t count, struct arena *arena)
{
    PB(CommandAttribute) **pointers = command_array(arena, count, sizeof(void *));
    PB(CommandAttribute) *items = command_array(arena, count, sizeof *items);
    for (uint32_t i = 0; pointers != NULL && items != NULL && i < count; i++) {
        souk__internal__v1__command_attribute__init(&items[i]);
        items[i].name = command_bytes(in[i].name);
        items[i].kind = in[i].kind;
        items[i].text = command_bytes(in[i].text);
        items[i].number = in[i].number;
        pointers[i] = &items[i];
    }
    return items != NULL ? pointers : NULL;
}

static enum status encode_sku_upsert(struct sku_draft *draft,
                                     const struct inventory_sku_upsert *in,
                                     struct arena *arena)
{
    PB(SkuUpsert) *out = &draft->sku_upsert;
    souk__internal__v1__sku_upsert__init(out);
    draft->command.sku_upsert = out;
    out->sku_id = command_bytes(in->sku.sku_id);
    out->product_id = command_bytes(in->sku.product_id);
    out->name = command_bytes(in->sku.name);
    out->state = in->sku.state;
    out->n_attributes = in->sku.attribute_count;
    out->attributes =
        encode_attributes(in->sku.attributes, in->sku.attribute_count, arena);
    out->n_categories = in->sku.category_count;
    out->categories =
        command_bytes_array(in->sku.categories, in->sku.category_count, arena);
    out->brand = command_bytes(in->sku.brand);
    out->price = encode_money(&draft->price, &in->sku.price);
    out->cost = encode_money(&draft->cost, &in->sku.cost);
    out->unit = command_bytes(in->sku.unit);
    out->unit_exponent = in->sku.unit_exponent;
    out->n_options = in->sku.option_count;
    out->options = encode_attributes(in->sku.options, in->sku.option_count, arena);
    out->n_gtins = in->sku.gtin_count;
    out->gtins = command_bytes_array(in->sku.gtins, in->sku.gtin_count, arena);
    out->n_aliases = in->sku.alias_count;
    out->aliases = command_bytes_array(in->sku.aliases, in->sku.alias_count, arena);
    out->update_mask = in->update_mask;
    out->etag = in->etag;
    out->attributes_max = in->attributes_max;
    out->taken = command_bytes(in->taken);
    out->claim = in->claim;
    out->n_reserved = in->reserved_count;
    out->reserved = command_bytes_array(in->reserved, in->reserved_count, arena);
    bool fits = out->attributes != NULL && out->categories != NULL &&
                out->options != NULL && out->gtins != NULL && out->aliases != NULL &&
                out->reserved != NULL;
    return fits ? STATUS_OK : STATUS_TOO_LARGE;
}

static void encode_sku_delete(struct sku_draft *draft,
                              const struct inventory_sku_delete *in)
{
    souk__internal__v1__sku_delete__init(&draft->sku_delete);
    draft->command.sku_delete = &draft->sku_delete;
    draft->sku_delete.sku_id = command_bytes(in->sku_id);
    draft->sku_delete.etag = in->etag;
}

static void encode_alias_reserve(struct sku_draft *draft,
                                 const struct inventory_alias_reserve *in)
{
    PB(AliasReserve) *out = &draft->alias_reserve;
    souk__internal__v1__alias_reserve__init(out);
    draft->command.alias_reserve = out;
    out->identifier = command_bytes(in->identifier);
    out->sku_id = command_bytes(in->sku_id);
    out->by = in->by;
}

static void encode_alias_settle(struct sku_draft *draft,
                                const struct inventory_alias_settle *in)
{
    PB(AliasSettle) *out = &draft->alias_settle;
    souk__internal__v1__alias_settle__init(out);
    draft->command.alias_settle = out;
    out->identifier = command_bytes(in->identifier);
    out->sku_id = command_bytes(in->sku_id);
    out->by = in->by;
    out->bound = in->bound;
}

static enum status encode_location(struct sku_draft *draft,
                                   const struct inventory_location_upsert *in,
                                   struct arena *arena)
{
    PB(LocationUpsert) *out = &draft->location_upsert;
    souk__internal__v1__location_upsert__init(out);
    draft->command.location_upsert = out;
    out->location_id = command_bytes(in->location.location_id);
    out->name = command_bytes(in->location.name);
    out->type = in->location.type;
    out->address = command_bytes(in->location.address);
    out->latitude_e7 = in->location.latitude_e7;
    out->longitude_e7 = in->location.longitude_e7;
    out->time_zone = command_bytes(in->location.time_zone);
    out->n_channels = in->location.channel_count;
    out->channels =
        command_bytes_array(in->location.channels, in->location.channel_count, arena);
    out->version = in->location.version;
    out->location_etag = in->location.etag;
    out->create_ms = in->location.create_ms;
    out->update_ms = in->location.update_ms;
    out->etag = in->etag;
    out->update_mask = in->update_mask;
    return out->channels != NULL ? STATUS_OK : STATUS_TOO_LARGE;
}

static void encode_stock_adjust(struct sku_draft *draft,
                                const struct inventory_stock_adjust *in)
{
    PB(StockAdjust) *out = &draft->stock_adjust;
    souk__internal__v1__stock_adjust__init(out);
    draft->command.stock_adjust = out;
    out->sku_id = command_bytes(in->sku_id);
    out->location_id = command_bytes(in->location_id);
    out->bucket = in->bucket;
    out->delta = in->delta;
    out->reason = in->reason;
    out->reference = command_bytes(in->reference);
    out->etag = in->etag;
}

static void encode_stock_set(struct sku_draft *draft,
                             const struct inventory_stock_set *in)
{
    PB(StockSet) *out = &draft->stock_set;
    souk__internal__v1__stock_set__init(out);
    draft->command.stock_set = out;
    out->sku_id = command_bytes(in->sku_id);
    out->location_id = command_bytes(in->location_id);
    out->mask = in->mask;
    for (unsigned bucket = 0; bucket < STOCK_BUCKET_COUNT; bucket++) {
        bool masked = (in->mask & 1u << bucket) != 0;
        draft->buckets[bucket] = masked ? in->buckets[bucket] : 0;
    }
    out->n_buckets = STOCK_BUCKET_COUNT;
    out->buckets = draft->buckets;
    out->has_expected_on_hand = in->has_expected_on_hand;
    out->expected_on_hand = in->expected_on_hand;
    out->etag = in->etag;
    out->reason = in->reason;
    out->reference = command_bytes(in->reference);
}

static void encode_stock_move(struct sku_draft *draft,
                              const struct inventory_stock_move *in)
{
    PB(StockMove) *out = &draft->stock_move;
    souk__internal__v1__stock_move__init(out);
    draft->command.stock_move = out;
    out->sku_id = command_bytes(in->sku_id);
    out->location_id = command_bytes(in->location_id);
    out->bucket = in->bucket;
    out->to_location_id = command_bytes(in->to_location_id);
    out->to_bucket = in->to_bucket;
    out->quantity = in->quantity;
    out->reason = in->reason;
    out->reference = command_bytes(in->reference);
}

static void encode_count_start(struct sku_draft *draft,
                               const struct inventory_count_start *in)
{
    PB(CountStart) *out = &draft->count_start;
    souk__internal__v1__count_start__init(out);
    draft->command.count_start = out;
    out->count_id = command_bytes(in->count_id);
    out->location_id = command_bytes(in->location_id);
    out->at_submit = in->at_submit;
}

static enum status encode_count_submit(struct sku_draft *draft,
                                       const struct inventory_count_submit *in,
                                       struct arena *arena)
{
    PB(CountSubmit) *out = &draft->count_submit;
    souk__internal__v1__count_submit__init(out);
    draft->command.count_submit = out;
    out->count_id = command_bytes(in->count_id);
    out->n_lines = in->line_count;
    out->lines = command_array(arena, in->line_count, sizeof(void *));
    PB(CommandCountLine) *lines = command_array(arena, in->line_count, sizeof *lines);
    if (out->lines == NULL || lines == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < in->line_count; i++) {
        souk__internal__v1__command_count_line__init(&lines[i]);
        lines[i].sku_id = command_bytes(in->lines[i].sku_id);
        lines[i].counted = in->lines[i].counted;
        out->lines[i] = &lines[i];
    }
    return STATUS_OK;
}

static void encode_count_close(struct sku_draft *draft,
                               const struct inventory_count_close *in)
{
    PB(CountClose) *out = &draft->count_close;
    souk__internal__v1__count_close__init(out);
    draft->command.count_close = out;
    out->count_id = command_bytes(in->count_id);
    out->discard = in->discard;
}

static enum status encode_hold_create(struct sku_draft *draft,
                                      const struct inventory_hold_create *in,
                                      struct arena *arena)
{
    PB(HoldCreate) *out = &draft->hold_create;
    souk__internal__v1__hold_create__init(out);
    draft->command.hold_create = out;
    out->n_lines = in->line_count;
    out->lines = command_array(arena, in->line_count, sizeof(void *));
    PB(CommandHoldLine) *lines = command_array(arena, in->line_count, sizeof *lines);
    if (out->lines == NULL || lines == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < in->line_count; i++) {
        souk__internal__v1__command_hold_line__init(&lines[i]);
        lines[i].sku_id = command_bytes(in->lines[i].sku_id);
        lines[i].location_id = command_bytes(in->lines[i].location_id);
        lines[i].quantity = in->lines[i].quantity;
        out->lines[i] = &lines[i];
    }
    out->mode = in->mode;
    out->owner = command_bytes(in->owner);
    out->reference = command_bytes(in->reference);
    out->allow_backorder = in->allow_backorder;
    out->ttl_kind = in->ttl_kind;
    out->ttl_ms = in->ttl_ms;
    out->expire_ms = in->expire_ms;
    out->life_max_ms = in->life_max_ms;
    out->owner_holds_max = in->owner_holds_max;
    out->lines_max = in->lines_max;
    out->nonce = in->nonce;
    out->prepare_ms = in->prepare_ms;
    return STATUS_OK;
}

static enum status encode_message_lists(PB(HoldMessage) * out,
                                        const struct inventory_hold_message *in,
                                        struct arena *arena)
{
    PB(HoldMessageLine) *lines = command_array(arena, in->line_count, sizeof *lines);
    PB(HoldMessageShortage) *shortages =
        command_array(arena, in->shortage_count, sizeof *shortages);
    out->lines = command_array(arena, in->line_count, sizeof(void *));
    out->shortages = command_array(arena, in->shortage_count, sizeof(void *));
    if (lines == NULL || shortages == NULL || out->lines == NULL ||
        out->shortages == NULL) {
        return STATUS_TOO_LARGE;
    }
    out->n_lines = in->line_count;
    for (uint32_t i = 0; i < in->line_count; i++) {
        souk__internal__v1__hold_message_line__init(&lines[i]);
        lines[i].place = in->lines[i].place;
        lines[i].location_id = command_bytes(in->lines[i].location_id);
        lines[i].quantity = in->lines[i].quantity;
        out->lines[i] = &lines[i];
    }
    out->n_shortages = in->shortage_count;
    for (uint32_t i = 0; i < in->shortage_count; i++) {
        souk__internal__v1__hold_message_shortage__init(&shortages[i]);
        shortages[i].place = in->shortages[i].line;
        shortages[i].requested = in->shortages[i].requested;
        shortages[i].available = in->shortages[i].available;
        out->shortages[i] = &shortages[i];
    }
    return STATUS_OK;
}

static enum status encode_hold_message(struct sku_draft *draft,
                                       const struct inventory_hold_message *in,
                                       struct arena *arena)
{
    PB(HoldMessage) *out = &draft->hold_message;
    souk__internal__v1__hold_message__init(out);
    draft->command.hold_prepare = out; /* one union member for all five */
    souk__internal__v1__command_hold_id__init(&draft->hold_id);
    draft->hold_id.anchor = in->hold_id.anchor;
    draft->hold_id.unique = in->hold_id.unique;
    out->hold_id = &draft->hold_id;
    souk__internal__v1__hash128__init(&draft->id);
    draft->id.high = in->request_id.high;
    draft->id.low = in->request_id.low;
    out->request_id = &draft->id;
    out->sku_hash = in->sku_hash;
    out->version = in->version;
    out->state = in->state;
    out->expire_ms = in->expire_ms;
    out->fulfil = in->fulfil;
    out->code = in->code;
    out->field = in->field;
    out->line = in->line;
    out->report = in->report;
    out->sku_id = command_bytes(in->sku_id);
    out->reference = command_bytes(in->reference);
    out->allow_backorder = in->allow_backorder;
    out->request_ms = in->request_ms;
    out->attempt = in->attempt;
    return encode_message_lists(out, in, arena);
}

static void encode_hold_change(struct sku_draft *draft,
                               const struct inventory_hold_change *in)
{
    PB(HoldChange) *out = &draft->hold_change;
    souk__internal__v1__hold_change__init(out);
    draft->command.hold_commit = out; /* one union member for all five */
    souk__internal__v1__command_hold_id__init(&draft->hold_id);
    draft->hold_id.anchor = in->hold_id.anchor;
    draft->hold_id.unique = in->hold_id.unique;
    out->hold_id = &draft->hold_id;
    out->owner = command_bytes(in->owner);
    out->ttl_kind = in->ttl_kind;
    out->ttl_ms = in->ttl_ms;
    out->expire_ms = in->expire_ms;
    out->life_max_ms = in->life_max_ms;
}

static enum status encode_tick(struct sku_draft *draft, const struct inventory_tick *in,
                               struct arena *arena)
{
    PB(Tick) *out = &draft->tick;
    souk__internal__v1__tick__init(out);
    draft->command.tick = out;
    out->n_sku_hashes = in->sku_count;
    out->sku_hashes = command_array(arena, in->sku_count, sizeof *out->sku_hashes);
    out->n_holds = in->hold_count;
    out->holds = command_array(arena, in->hold_count, sizeof(void *));
    PB(CommandHoldId) *holds = command_array(arena, in->hold_count, sizeof *holds);
    if (out->sku_hashes == NULL || out->holds == NULL || holds == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < in->sku_count; i++) {
        out->sku_hashes[i] = in->sku_hashes[i];
    }
    for (uint32_t i = 0; i < in->hold_count; i++) {
        souk__internal__v1__command_hold_id__init(&holds[i]);
        holds[i].anchor = in->holds[i].anchor;
        holds[i].unique = in->holds[i].unique;
        out->holds[i] = &holds[i];
    }
    out->floor_ms = in->floor_ms;
    return STATUS_OK;
}

static enum status encode_payload(struct sku_draft *draft,
                                  const struct inventory_command *in, struct arena *arena)
{
    switch (in->kind) {
    case INVENTORY_SKU_UPSERT:
        return encode_sku_upsert(draft, &in->sku_upsert, arena);
    case INVENTORY_SKU_DELETE:
        encode_sku_delete(draft, &in->sku_delete);
        return STATUS_OK;
    case INVENTORY_LOCATION_UPSERT:
    case INVENTORY_LOCATION_COPY:
        return encode_location(draft, &in->location_upsert, arena);
    case INVENTORY_ALIAS_RESERVE:
        encode_alias_reserve(draft, &in->alias_reserve);
        return STATUS_OK;
    case INVENTORY_ALIAS_SETTLE:
        encode_alias_settle(draft, &in->alias_settle);
        return STATUS_OK;
    case INVENTORY_STOCK_ADJUST:
        encode_stock_adjust(draft, &in->stock_adjust);
        return STATUS_OK;
    case INVENTORY_STOCK_SET:
        encode_stock_set(draft, &in->stock_set);
        return STATUS_OK;
    case INVENTORY_STOCK_MOVE:
        encode_stock_move(draft, &in->stock_move);
        return STATUS_OK;
    case INVENTORY_COUNT_START:
        encode_count_start(draft, &in->count_start);
        return STATUS_OK;
    case INVENTORY_COUNT_SUBMIT:
        return encode_count_submit(draft, &in->count_submit, arena);
    case INVENTORY_COUNT_CLOSE:
        encode_count_close(draft, &in->count_close);
        return STATUS_OK;
    case INVENTORY_HOLD_CREATE:
        return encode_hold_create(draft, &in->hold_create, arena);
    case INVENTORY_HOLD_EXTEND:
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
        encode_hold_change(draft, &in->hold_change);
        return STATUS_OK;
    case INVENTORY_HOLD_PREPARE:
    case INVENTORY_HOLD_VOTE:
    case INVENTORY_HOLD_STATE:
    case INVENTORY_HOLD_ACK:
    case INVENTORY_HOLD_QUESTION:
        return encode_hold_message(draft, &in->hold_message, arena);
    case INVENTORY_TICK:
        return encode_tick(draft, &in->tick, arena);
    case INVENTORY_REQUEST_SEAL:
        souk__internal__v1__request_seal__init(&draft->request_seal);
        draft->command.request_seal = &draft->request_seal;
        return STATUS_OK;
    case INVENTORY_SOURCE_OPEN:
    case INVENTORY_SOURCE_UPDATE:
    case INVENTORY_SOURCE_THROUGH:
        return command_encode_source(in, &draft->command, arena);
    default:
        return STATUS_VERSION;
    }
}

enum status command_encode_sku(const struct inventory_command *command,
                               struct arena *arena, struct slice *out_bytes)
{
    struct sku_draft draft;
    souk__internal__v1__sku_command__init(&draft.command);
    encode_identity(&draft, &command->identity);
    TRY(encode_payload(&draft, command, arena));
    draft.command.command_case =
        (PB(SkuCommand__CommandCase))(COMMAND_KIND_FIELD_BASE + command->kind);
    return command_pack(&draft.command.base, arena, out_bytes);
}
