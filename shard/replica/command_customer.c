/* SPDX-License-Identifier: Apache-2.0 */
/* struct customer_command <-> bytes: a mirror, one line per field. */
#include "shard/replica/command_private.h"

/* --- Encode ------------------------------------------------------------------------ */

/* What one event needs beside its own message. */
struct event_draft {
    PB(CommandEvent) event;
    PB(Hash128) customer;
    PB(CommandMoney) price;
};

struct customer_draft {
    PB(CustomerCommand) command;
    PB(CommandIdentity) identity;
    PB(Hash128) id;
    PB(Hash128) customer;
    PB(EventRecord) record;
    PB(CustomerUpsert) upsert;
    PB(CustomerErase) erase;
    PB(RequestSeal) request_seal;
    PB(Tick) tick;
};

static PB(Hash128) * encode_hash(PB(Hash128) * out, struct hash128 in)
{
    souk__internal__v1__hash128__init(out);
    out->high = in.high;
    out->low = in.low;
    return out;
}

static void encode_identity(struct customer_draft *draft,
                            const struct customer_identity *in)
{
    PB(CommandIdentity) *out = &draft->identity;
    souk__internal__v1__command_identity__init(out);
    bool import = in->kind == CUSTOMER_IDENTITY_IMPORT;
    out->kind = in->kind;
    out->id = encode_hash(&draft->id, import ? in->import_id : in->request_id);
    out->fingerprint = in->fingerprint;
    out->request_ms = in->request_ms;
    out->attempt = in->attempt;
    out->line = in->line;
    out->prev_line = in->prev_line;
    out->imports_max = in->imports_max;
    out->imports_refused_max = in->imports_refused_max;
    draft->command.anchor = in->anchor;
    if (in->kind != CUSTOMER_IDENTITY_NONE) {
        draft->command.identity = out;
    }
}

static void encode_event(struct event_draft *draft, const struct customer_event *in)
{
    PB(CommandEvent) *out = &draft->event;
    souk__internal__v1__command_event__init(out);
    out->event_id = command_bytes(in->event_id);
    out->customer = encode_hash(&draft->customer, in->customer);
    out->kind = in->kind;
    out->sku_hash = in->sku_hash;
    out->sku_id = command_bytes(in->sku_id);
    out->quantity = in->quantity;
    if (in->price.currency[0] != '\0' || in->price.units != 0 || in->price.nanos != 0) {
        souk__internal__v1__command_money__init(&draft->price);
        size_t size = strnlen(in->price.currency, sizeof in->price.currency);
        draft->price.currency = command_bytes(slice_of(in->price.currency, size));
        draft->price.units = in->price.units;
        draft->price.nanos = in->price.nanos;
        out->price = &draft->price;
    }
    out->occurred_ms = in->occurred_ms;
    out->session_id = command_bytes(in->session_id);
    out->detail = command_bytes(in->detail);
    out->location_id = command_bytes(in->location_id);
    out->line = in->line;
    out->prev_line = in->prev_line;
}

static enum status encode_record(struct customer_draft *draft,
                                 const struct customer_record *in, struct arena *arena)
{
    PB(EventRecord) *out = &draft->record;
    souk__internal__v1__event_record__init(out);
    draft->command.record = out;
    out->n_events = in->event_count;
    out->events = command_array(arena, in->event_count, sizeof(void *));
    struct event_draft *events = command_array(arena, in->event_count, sizeof *events);
    if (out->events == NULL || events == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < in->event_count; i++) {
        encode_event(&events[i], &in->events[i]);
        out->events[i] = &events[i].event;
    }
    return STATUS_OK;
}

static enum status encode_upsert(struct customer_draft *draft,
                                 const struct customer_upsert *in, struct arena *arena)
{
    PB(CustomerUpsert) *out = &draft->upsert;
    souk__internal__v1__customer_upsert__init(out);
    draft->command.upsert = out;
    uint32_t count = in->profile.attribute_count;
    out->n_attributes = count;
    out->attributes = command_array(arena, count, sizeof(void *));
    PB(CommandAttribute) *items = command_array(arena, count, sizeof *items);
    if (out->attributes == NULL || items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct customer_attribute *attribute = &in->profile.attributes[i];
        souk__internal__v1__command_attribute__init(&items[i]);
        items[i].name = command_bytes(attribute->name);
        items[i].kind = attribute->kind;
        items[i].text = command_bytes(attribute->text);
        items[i].number = attribute->number;
        out->attributes[i] = &items[i];
    }
    out->customer = encode_hash(&draft->customer, in->customer);
    out->customer_id = command_bytes(in->profile.customer_id);
    out->personalization_withdrawn = in->profile.personalization_withdrawn;
    out->evidence_withdrawn = in->profile.evidence_withdrawn;
    out->consent_kept = in->consent_kept;
    out->etag = in->etag;
    out->attributes_max = in->attributes_max;
    return STATUS_OK;
}

static enum status encode_payload(struct customer_draft *draft,
                                  const struct customer_command *in, struct arena *arena)
{
    switch (in->kind) {
    case CUSTOMER_RECORD:
        return encode_record(draft, &in->record, arena);
    case CUSTOMER_UPSERT:
        return encode_upsert(draft, &in->upsert, arena);
    case CUSTOMER_REQUEST_SEAL:
        souk__internal__v1__request_seal__init(&draft->request_seal);
        draft->command.request_seal = &draft->request_seal;
        return STATUS_OK;
    case CUSTOMER_TICK:
        souk__internal__v1__tick__init(&draft->tick);
        draft->command.tick = &draft->tick;
        return STATUS_OK;
    case CUSTOMER_ERASE:
        souk__internal__v1__customer_erase__init(&draft->erase);
        draft->erase.customer = encode_hash(&draft->customer, in->erase.customer);
        draft->command.erase = &draft->erase;
        return STATUS_OK;
    default:
        return STATUS_VERSION;
    }
}

enum status command_encode_customer(const struct customer_command *command,
                                    struct arena *arena, struct slice *out_bytes)
{
    struct customer_draft draft;
    souk__internal__v1__customer_command__init(&draft.command);
    encode_identity(&draft, &command->identity);
    TRY(encode_payload(&draft, command, arena));
    draft.command.command_case =
        (PB(CustomerCommand__CommandCase))(COMMAND_KIND_FIELD_BASE + command->kind);
    return command_pack(&draft.command.base, arena, out_bytes);
}

/* --- Decode ------------------------------------------------------------------------ */

static struct hash128 decode_hash(const PB(Hash128) * in)
{
    struct hash128 none = {0};
    return in != NULL ? (struct hash128){.high = in->high, .low = in->low} : none;
}

static void decode_identity(const PB(CustomerCommand) * in, struct customer_identity *out)
{
    out->anchor = in->anchor;
    const PB(CommandIdentity) *identity = in->identity;
    if (identity == NULL) {
        return;
    }
    out->kind = (enum customer_identity_kind)identity->kind;
    if (out->kind == CUSTOMER_IDENTITY_IMPORT) {
        out->import_id = decode_hash(identity->id);
    } else {
        out->request_id = decode_hash(identity->id);
    }
    out->fingerprint = identity->fingerprint;
    out->request_ms = identity->request_ms;
    out->attempt = identity->attempt;
    out->line = identity->line;
    out->prev_line = identity->prev_line;
    out->imports_max = identity->imports_max;
    out->imports_refused_max = identity->imports_refused_max;
}

static enum status decode_event(const PB(CommandEvent) * in, struct customer_event *out)
{
    *out = (struct customer_event){
        .event_id = command_slice(in->event_id),
        .customer = decode_hash(in->customer),
        .kind = (enum customer_event_kind)in->kind,
        .sku_hash = in->sku_hash,
        .sku_id = command_slice(in->sku_id),
        .quantity = in->quantity,
        .occurred_ms = in->occurred_ms,
        .session_id = command_slice(in->session_id),
        .detail = command_slice(in->detail),
        .location_id = command_slice(in->location_id),
        .line = in->line,
        .prev_line = in->prev_line,
    };
    if (in->price == NULL) {
        return STATUS_OK;
    }
    if (in->price->currency.len >= sizeof out->price.currency) {
        return STATUS_CHECKSUM;
    }
    for (size_t i = 0; i < in->price->currency.len; i++) {
        out->price.currency[i] = (char)in->price->currency.data[i];
    }
    out->price.units = in->price->units;
    out->price.nanos = in->price->nanos;
    return STATUS_OK;
}

static enum status decode_record(const PB(EventRecord) * in, struct arena *arena,
                                 struct customer_record *out)
{
    struct customer_event *events = command_array(arena, in->n_events, sizeof *events);
    if (events == NULL || in->n_events > UINT32_MAX) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_events; i++) {
        TRY(decode_event(in->events[i], &events[i]));
    }
    out->events = events;
    out->event_count = (uint32_t)in->n_events;
    return STATUS_OK;
}

static enum status decode_upsert(const PB(CustomerUpsert) * in, struct arena *arena,
                                 struct customer_upsert *out)
{
    if (in->n_attributes > CUSTOMER_ATTRIBUTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct customer_attribute *items =
        command_array(arena, in->n_attributes, sizeof *items);
    if (items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < in->n_attributes; i++) {
        items[i] = (struct customer_attribute){
            .name = command_slice(in->attributes[i]->name),
            .kind = (enum customer_attribute_kind)in->attributes[i]->kind,
            .text = command_slice(in->attributes[i]->text),
            .number = in->attributes[i]->number,
        };
    }
    out->customer = decode_hash(in->customer);
    out->profile.customer_id = command_slice(in->customer_id);
    out->profile.attributes = items;
    out->profile.attribute_count = (uint32_t)in->n_attributes;
    out->profile.personalization_withdrawn = in->personalization_withdrawn;
    out->profile.evidence_withdrawn = in->evidence_withdrawn;
    out->consent_kept = in->consent_kept;
    out->etag = in->etag;
    out->attributes_max = in->attributes_max;
    return STATUS_OK;
}

enum status command_decode_customer(struct slice bytes, struct arena *arena,
                                    struct customer_command *out_command)
{
    ProtobufCMessage *message;
    TRY(command_unpack(&souk__internal__v1__customer_command__descriptor, bytes, arena,
                       &message));
    const PB(CustomerCommand) *in = (const PB(CustomerCommand) *)(const void *)message;
    if (in->command_case == SOUK__INTERNAL__V1__CUSTOMER_COMMAND__COMMAND__NOT_SET) {
        return STATUS_VERSION; /* a kind that this version does not know */
    }
    memset(out_command, 0, sizeof *out_command);
    out_command->kind = (enum customer_command_kind)((uint32_t)in->command_case -
                                                     (uint32_t)COMMAND_KIND_FIELD_BASE);
    decode_identity(in, &out_command->identity);
    switch (out_command->kind) {
    case CUSTOMER_RECORD:
        return decode_record(in->record, arena, &out_command->record);
    case CUSTOMER_UPSERT:
        return decode_upsert(in->upsert, arena, &out_command->upsert);
    case CUSTOMER_REQUEST_SEAL:
    case CUSTOMER_TICK:
        return STATUS_OK;
    case CUSTOMER_ERASE:
        out_command->erase.customer = decode_hash(in->erase->customer);
        return STATUS_OK;
    default:
        return STATUS_VERSION;
    }
}
