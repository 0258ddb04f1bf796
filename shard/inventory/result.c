/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An outcome as it is remembered: what a retry cannot work out from its own payload, which
 * is the same by its fingerprint.
 */
#include "shard/inventory/inventory_private.h"

/* Numbers of statuses in stored results. Never changed, only added to. */
#define RESULT_CODES(X)                                                                  \
    X(1, OK)                                                                             \
    X(2, INVALID)                                                                        \
    X(3, NOT_FOUND)                                                                      \
    X(4, ALREADY_EXISTS)                                                                 \
    X(5, INSUFFICIENT_STOCK)                                                             \
    X(6, HOLD_EXPIRED)                                                                   \
    X(7, HOLD_ALREADY_COMMITTED)                                                         \
    X(8, HOLD_ALREADY_RELEASED)                                                          \
    X(9, HOLD_NOT_COMMITTED)                                                             \
    X(10, HOLD_ALREADY_FULFILLED)                                                        \
    X(11, HOLD_ALREADY_CANCELLED)                                                        \
    X(12, SKU_NOT_ACTIVE)                                                                \
    X(13, SKU_IN_USE)                                                                    \
    X(14, QUANTITY_LIMIT)                                                                \
    X(15, ETAG_MISMATCH)                                                                 \
    X(16, STOCK_COMPARE_FAILED)                                                          \
    X(17, STOCK_CONTENDED)                                                               \
    X(18, QUANTITY_OVERFLOW)                                                             \
    X(19, QUOTA)                                                                         \
    X(20, CANCELLED)                                                                     \
    X(21, INTERNAL)                                                                      \
    X(40, QUORUM_LOST)                                                                   \
    X(41, REQUEST_ID_EXPIRED)

enum {
    RESULT_CREATED = 1,
    RESULT_LEVEL = 2,
    RESULT_HOLD = 4,
    RESULT_SKU = 8,
    RESULT_LOCATION = 16,
    RESULT_ETAG = 32,
    RESULT_SHORTAGES = 64,
    RESULT_MORE = 128, /* a byte of further flags follows */
    RESULT_FLAGS = 255,
    /* further ones */
    RESULT_LEVEL_TO = 1,
    RESULT_COUNT = 2,
    RESULT_MORE_FLAGS = 3,
    RESULT_PENDING = 42, /* in the place of a code: OK, and not decided yet */
    /* of a hold's line */
    RESULT_LINE_FULL = 1,     /* granted what was asked */
    RESULT_LINE_LOCATION = 2, /* the location is the one asked for */
};

uint8_t result_code(enum status status)
{
#define RESULT_CODE(code, name)                                                          \
    if (status == STATUS_##name) {                                                       \
        return code;                                                                     \
    }
    RESULT_CODES(RESULT_CODE)
#undef RESULT_CODE
    return 21;
}

bool result_status(uint8_t code, enum status *out_status)
{
    switch (code) {
#define RESULT_STATUS(code_, name)                                                       \
    case code_:                                                                          \
        *out_status = STATUS_##name;                                                     \
        return true;
        RESULT_CODES(RESULT_STATUS)
#undef RESULT_STATUS
    default:
        return false;
    }
}

static void result_put_level(struct buffer *out, const struct inventory_level *level)
{
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        encode_varint(out, (uint64_t)level->buckets[i]);
    }
    encode_zigzag(out, level->available);
    encode_zigzag(out, level->shortfall);
    encode_le64(out, level->etag);
    encode_zigzag(out, level->update_ms);
}

static void result_get_level(struct reader *reader, struct inventory_level *level)
{
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        level->buckets[i] = (int64_t)read_varint(reader);
    }
    level->available = read_zigzag(reader);
    level->shortfall = read_zigzag(reader);
    level->etag = read_le64(reader);
    level->update_ms = read_zigzag(reader);
}

static void result_put_count(struct buffer *out,
                             const struct inventory_count_totals *count)
{
    encode_bytes(out, count->location_id);
    encode_zigzag(out, count->start_ms);
    encode_varint(out, count->lines);
    encode_varint(out, count->changed);
    encode_varint(out, count->missing);
    encode_varint(out, count->cut);
    encode_zigzag(out, count->found);
    encode_zigzag(out, count->lost);
}

static void result_get_count(struct reader *reader, struct arena *arena,
                             struct inventory_count_totals *count)
{
    count->location_id = arena_slice(arena, read_bytes(reader));
    count->start_ms = read_zigzag(reader);
    count->lines = read_varint(reader);
    count->changed = read_varint(reader);
    count->missing = read_varint(reader);
    count->cut = read_varint(reader);
    count->found = read_zigzag(reader);
    count->lost = read_zigzag(reader);
}

static void result_put_hold(struct buffer *out, const struct inventory_command *command,
                            const struct inventory_hold *hold)
{
    bool create = command->kind == INVENTORY_HOLD_CREATE;
    encode_be64(out, hold->hold_id.anchor);
    encode_be64(out, hold->hold_id.unique);
    encode_u8(out, (uint8_t)hold->state);
    encode_zigzag(out, hold->create_ms);
    encode_zigzag(out, hold->expire_ms);
    encode_zigzag(out, hold->end_ms);
    encode_varint(out, create ? hold->line_count : 0);
    for (uint32_t i = 0; create && i < hold->line_count; i++) {
        const struct inventory_hold_line *line = &hold->lines[i];
        const struct inventory_hold_line *asked = &command->hold_create.lines[i];
        uint8_t flags = 0;
        if (line->granted == line->quantity) {
            flags |= RESULT_LINE_FULL;
        }
        if (slice_equal(line->location_id, asked->location_id)) {
            flags |= RESULT_LINE_LOCATION;
        }
        encode_u8(out, flags);
        if (!(flags & RESULT_LINE_FULL)) {
            encode_varint(out, (uint64_t)line->granted);
        }
        if (!(flags & RESULT_LINE_LOCATION)) {
            encode_bytes(out, line->location_id);
        }
    }
}

void result_encode(struct buffer *out, const struct inventory_command *command,
                   const struct inventory_outcome *outcome)
{
    uint8_t more = (uint8_t)((outcome->has_level_to ? RESULT_LEVEL_TO : 0) |
                             (outcome->has_count ? RESULT_COUNT : 0));
    uint8_t flags = (uint8_t)((outcome->created ? RESULT_CREATED : 0) |
                              (more != 0 ? RESULT_MORE : 0) |
                              (outcome->has_level ? RESULT_LEVEL : 0) |
                              (outcome->has_hold ? RESULT_HOLD : 0) |
                              (outcome->has_sku ? RESULT_SKU : 0) |
                              (outcome->has_location ? RESULT_LOCATION : 0) |
                              (outcome->etag != 0 ? RESULT_ETAG : 0) |
                              (outcome->shortage_count != 0 ? RESULT_SHORTAGES : 0));
    encode_u8(out, outcome->pending ? RESULT_PENDING : result_code(outcome->status));
    encode_u8(out, flags);
    if (more != 0) {
        encode_u8(out, more);
    }
    encode_u8(out, (uint8_t)outcome->field);
    encode_varint(out, outcome->line);
    if (outcome->etag != 0) {
        encode_le64(out, outcome->etag);
    }
    if (outcome->has_level) {
        result_put_level(out, &outcome->level);
    }
    if (outcome->has_level_to) {
        result_put_level(out, &outcome->level_to);
    }
    if (outcome->has_count) {
        result_put_count(out, &outcome->count);
    }
    if (outcome->has_hold) {
        result_put_hold(out, command, &outcome->hold);
    }
    if (outcome->shortage_count != 0) {
        encode_varint(out, outcome->shortage_count);
        for (uint32_t i = 0; i < outcome->shortage_count; i++) {
            encode_varint(out, outcome->shortages[i].line);
            encode_zigzag(out, outcome->shortages[i].requested);
            encode_zigzag(out, outcome->shortages[i].available);
        }
        encode_varint(out, outcome->shortages_omitted);
    }
}

/* --- And back ------------------------------------------------------------------------------ */

/* The lines as the command asks for them, with what was granted then. */
static void result_get_lines(struct reader *reader,
                             const struct inventory_command *command, struct arena *arena,
                             struct inventory_hold *hold)
{
    uint64_t count = read_varint(reader);
    bool create = command->kind == INVENTORY_HOLD_CREATE;
    struct inventory_hold_line *lines;
    if (count == 0) {
        return;
    }
    if (count > reader_left(reader) ||
        (create && count != command->hold_create.line_count)) {
        reader_fail(reader);
        return;
    }
    lines = arena_zalloc(arena, count * sizeof *lines);
    for (uint64_t i = 0; lines != NULL && i < count; i++) {
        uint8_t flags = read_u8(reader);
        if (create) {
            const struct inventory_hold_line *asked = &command->hold_create.lines[i];
            lines[i].sku_id = arena_slice(arena, asked->sku_id);
            lines[i].location_id = arena_slice(arena, asked->location_id);
            lines[i].quantity = asked->quantity;
            lines[i].granted = asked->quantity;
        }
        if (!(flags & RESULT_LINE_FULL)) {
            lines[i].granted = (int64_t)read_varint(reader);
        }
        if (!(flags & RESULT_LINE_LOCATION)) {
            lines[i].location_id = arena_slice(arena, read_bytes(reader));
        }
    }
    if (create || hold->lines == NULL) {
        hold->lines = lines;
        hold->line_count = lines != NULL ? (uint32_t)count : 0;
    }
}

static void result_get_hold(const struct inventory *inventory, struct reader *reader,
                            const struct inventory_command *command, struct arena *arena,
                            struct inventory_hold *hold)
{
    struct inventory_hold_id id;
    const struct hold_row *row;
    id.anchor = read_be64(reader);
    id.unique = read_be64(reader);
    row = state_hold_find(inventory, id);
    if (command->kind == INVENTORY_HOLD_CREATE) {
        hold->owner = arena_slice(arena, command->hold_create.owner);
        hold->reference = arena_slice(arena, command->hold_create.reference);
        hold->allow_backorder = command->hold_create.allow_backorder;
    } else if (row != NULL) {
        view_hold(row, arena, hold);
    }
    hold->hold_id = id;
    hold->state = (enum hold_state)read_u8(reader);
    if (hold->state > HOLD_STATE_ABORTED) {
        reader_fail(reader);
    }
    hold->create_ms = read_zigzag(reader);
    hold->expire_ms = read_zigzag(reader);
    hold->end_ms = read_zigzag(reader);
    result_get_lines(reader, command, arena, hold);
}

static void result_get_shortages(struct reader *reader, struct inventory_outcome *out)
{
    uint64_t count = read_varint(reader);
    if (count > INVENTORY_SHORTAGES_MAX) {
        reader_fail(reader);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        out->shortages[i].line = (uint32_t)read_varint(reader);
        out->shortages[i].requested = read_zigzag(reader);
        out->shortages[i].available = read_zigzag(reader);
    }
    out->shortage_count = (uint32_t)count;
    out->shortages_omitted = (uint32_t)read_varint(reader);
}

/* What is not remembered but still stands: the rows that the command wrote. */
static void result_fill_rows(const struct inventory *inventory,
                             const struct inventory_command *command, struct arena *arena,
                             struct inventory_outcome *out)
{
    if (command->kind == INVENTORY_SKU_UPSERT && out->has_sku) {
        const struct sku_row *sku =
            state_sku_find(inventory, command->sku_upsert.sku.sku_id);
        out->has_sku = sku != NULL && view_sku(sku, arena, &out->sku) == STATUS_OK;
    } else if (command->kind == INVENTORY_LOCATION_UPSERT && out->has_location) {
        const struct location_row *row =
            state_location_find(inventory, command->location_upsert.location.location_id);
        out->has_location = row != NULL;
        if (row != NULL) {
            view_location(row, arena, &out->location);
        }
    } else {
        out->has_sku = false;
        out->has_location = false;
    }
    if (command->kind == INVENTORY_STOCK_ADJUST) {
        out->level.sku_id = arena_slice(arena, command->stock_adjust.sku_id);
        out->level.location_id = arena_slice(arena, command->stock_adjust.location_id);
    } else if (command->kind == INVENTORY_STOCK_SET) {
        out->level.sku_id = arena_slice(arena, command->stock_set.sku_id);
        out->level.location_id = arena_slice(arena, command->stock_set.location_id);
    } else if (command->kind == INVENTORY_STOCK_MOVE) {
        out->level.sku_id = arena_slice(arena, command->stock_move.sku_id);
        out->level.location_id = arena_slice(arena, command->stock_move.location_id);
        out->level_to.sku_id = out->level.sku_id;
        out->level_to.location_id =
            arena_slice(arena, command->stock_move.to_location_id);
    }
}

enum status result_decode(const struct inventory *inventory, struct slice result,
                          const struct inventory_command *command, struct arena *arena,
                          struct inventory_outcome *out)
{
    struct reader reader;
    uint8_t code, flags, more;
    reader_init(&reader, result);
    code = read_u8(&reader);
    out->pending = code == RESULT_PENDING;
    if (out->pending) {
        out->status = STATUS_OK;
    } else if (!result_status(code, &out->status)) {
        return STATUS_CHECKSUM;
    }
    flags = read_u8(&reader);
    more = flags & RESULT_MORE ? read_u8(&reader) : 0;
    out->has_level_to = more & RESULT_LEVEL_TO;
    out->has_count = more & RESULT_COUNT;
    out->created = flags & RESULT_CREATED;
    out->has_level = flags & RESULT_LEVEL;
    out->has_hold = flags & RESULT_HOLD;
    out->has_sku = flags & RESULT_SKU;
    out->has_location = flags & RESULT_LOCATION;
    out->field = (enum inventory_field)read_u8(&reader);
    out->line = (uint32_t)read_varint(&reader);
    if (flags & RESULT_ETAG) {
        out->etag = read_le64(&reader);
    }
    if (out->has_level) {
        result_get_level(&reader, &out->level);
    }
    if (out->has_level_to) {
        result_get_level(&reader, &out->level_to);
    }
    if (out->has_count) {
        result_get_count(&reader, arena, &out->count);
    }
    if (out->has_hold) {
        result_get_hold(inventory, &reader, command, arena, &out->hold);
    }
    if (flags & RESULT_SHORTAGES) {
        result_get_shortages(&reader, out);
    }
    if (flags & ~RESULT_FLAGS || more & ~RESULT_MORE_FLAGS ||
        (more == 0) != !(flags & RESULT_MORE) || out->field > INVENTORY_FIELD_LAST) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    result_fill_rows(inventory, command, arena, out);
    return STATUS_OK;
}
