/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored forms of what holds over several shards add: the home's part of a hold's row
 * (behind it, ROW_VERSION_HOME), and the rows of parts. As rows.c: canonical and total.
 */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

enum {
    HOME_FULFILLING = 1,
    HOME_CANCELLING = 2,
    HOME_OWN_FULFILLED = 4,
    HOME_FLAGS = 7,
    PART_FULFILLED = 1,
    ROWS_WAITERS_MAX = 64,
};

static void put_waiter(struct buffer *out, const struct hold_waiter *waiter)
{
    encode_u8(out, (uint8_t)waiter->kind);
    encode_be64(out, waiter->request_id.high);
    encode_be64(out, waiter->request_id.low);
    encode_be64(out, waiter->fingerprint);
    encode_zigzag(out, waiter->request_ms);
    encode_varint(out, waiter->attempt);
}

static void get_waiter(struct reader *reader, struct hold_waiter *out)
{
    uint64_t attempt;
    out->kind = (enum inventory_command_kind)read_u8(reader);
    out->request_id.high = read_be64(reader);
    out->request_id.low = read_be64(reader);
    out->fingerprint = read_be64(reader);
    out->request_ms = read_zigzag(reader);
    attempt = read_varint(reader);
    if (attempt > UINT32_MAX) {
        reader_fail(reader);
    }
    out->attempt = (uint32_t)attempt;
}

static void put_shortages(struct buffer *out, const struct hold_home *home)
{
    encode_varint(out, home->shortage_count);
    for (uint32_t i = 0; i < home->shortage_count; i++) {
        encode_varint(out, home->shortages[i].line);
        encode_zigzag(out, home->shortages[i].requested);
        encode_zigzag(out, home->shortages[i].available);
    }
}

void rows_home_encode(struct buffer *out, const struct hold_home *home)
{
    encode_varint(out, home->version);
    encode_u8(out, (uint8_t)((home->fulfilling ? HOME_FULFILLING : 0) |
                             (home->cancelling ? HOME_CANCELLING : 0) |
                             (home->own_fulfilled ? HOME_OWN_FULFILLED : 0)));
    encode_zigzag(out, home->due_ms);
    put_waiter(out, &home->ask);
    encode_varint(out, home->waiter_count);
    for (uint32_t i = 0; i < home->waiter_count; i++) {
        put_waiter(out, &home->waiters[i]);
    }
    put_shortages(out, home);
    encode_varint(out, home->share_count);
    for (uint32_t i = 0; i < home->share_count; i++) {
        const struct hold_share *share = &home->shares[i];
        encode_be64(out, share->sku_hash);
        encode_u8(out, share->voted);
        encode_varint(out, share->acked);
        encode_u8(out, share->report);
        encode_varint(out, share->first_line);
    }
}

static uint32_t get_count(struct reader *reader, uint64_t most)
{
    uint64_t count = read_varint(reader);
    if (count > most || count > reader_left(reader)) {
        reader_fail(reader);
        return 0;
    }
    return (uint32_t)count;
}

static void get_waiters(struct reader *reader, struct hold_home *home, uint32_t count)
{
    if (count > 0) {
        home->waiters = memory_zalloc(count * sizeof *home->waiters);
        home->waiter_count = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        get_waiter(reader, &home->waiters[i]);
    }
}

static void get_shortages(struct reader *reader, struct hold_home *home)
{
    uint32_t count = get_count(reader, INVENTORY_SHORTAGES_MAX);
    if (count > 0) {
        home->shortages = memory_zalloc(count * sizeof *home->shortages);
        home->shortage_count = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        home->shortages[i].line = (uint32_t)read_varint(reader);
        home->shortages[i].requested = read_zigzag(reader);
        home->shortages[i].available = read_zigzag(reader);
    }
}

static void get_shares(struct reader *reader, struct hold_home *home, uint32_t line_count)
{
    for (uint32_t i = 0; i < home->share_count; i++) {
        struct hold_share *share = &home->shares[i];
        uint64_t first_line;
        share->sku_hash = read_be64(reader);
        share->voted = read_u8(reader) != 0;
        share->acked = read_varint(reader);
        share->report = read_u8(reader);
        first_line = read_varint(reader);
        if (first_line >= line_count || share->report > HOLD_REPORT_SHORT ||
            share->acked > home->version) {
            reader_fail(reader);
            return;
        }
        share->first_line = (uint32_t)first_line;
    }
}

struct hold_home *rows_home_decode(struct reader *reader, uint32_t line_count)
{
    struct hold_home head = {.version = read_varint(reader)};
    uint8_t flags = read_u8(reader);
    struct hold_home *home;
    head.due_ms = read_zigzag(reader);
    get_waiter(reader, &head.ask);
    get_waiters(reader, &head, get_count(reader, ROWS_WAITERS_MAX));
    get_shortages(reader, &head);
    head.share_count = get_count(reader, line_count);
    home = hold_home_new(head.share_count);
    *home = head;
    home->fulfilling = flags & HOME_FULFILLING;
    home->cancelling = flags & HOME_CANCELLING;
    home->own_fulfilled = flags & HOME_OWN_FULFILLED;
    get_shares(reader, home, line_count);
    if (reader->failed || flags & ~HOME_FLAGS || home->share_count == 0) {
        reader_fail(reader);
        hold_home_free(home);
        return NULL;
    }
    return home;
}

/* --- Parts ----------------------------------------------------------------------------------- */

void rows_part_encode(struct buffer *out, const struct part_row *part)
{
    encode_u8(out, ROW_VERSION);
    encode_u8(out, (uint8_t)part->state);
    encode_u8(out, part->fulfilled ? PART_FULFILLED : 0);
    encode_u8(out, part->report);
    encode_varint(out, part->version);
    encode_zigzag(out, part->create_ms);
    encode_zigzag(out, part->expire_ms);
    encode_be64(out, part->request_id.high);
    encode_be64(out, part->request_id.low);
    encode_zigzag(out, part->request_ms);
    encode_varint(out, part->attempt);
    encode_bytes(out, part->reference);
    encode_varint(out, part->line_count);
    for (uint32_t i = 0; i < part->line_count; i++) {
        encode_varint(out, part->lines[i].place);
        encode_bytes(out, part->lines[i].level->location->node.id);
        encode_varint(out, (uint64_t)part->lines[i].quantity);
    }
}

static enum status part_decode_lines(struct reader *reader, struct arena *arena,
                                     struct stored_part *out)
{
    struct inventory_message_line *lines;
    out->line_count = get_count(reader, INVENTORY_HOLD_LINES_MAX);
    lines = arena_zalloc(arena, (out->line_count + 1) * sizeof *lines);
    if (lines == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < out->line_count; i++) {
        uint64_t quantity;
        lines[i].place = (uint32_t)read_varint(reader);
        lines[i].location_id = read_bytes(reader);
        quantity = read_varint(reader);
        if (quantity > INT64_MAX) {
            reader_fail(reader);
        }
        lines[i].quantity = (int64_t)quantity;
    }
    out->lines = lines;
    return out->line_count > 0 ? reader_finish(reader) : STATUS_CHECKSUM;
}

static struct part_row *part_make(const struct part_row *head, uint32_t line_count)
{
    struct part_row *part = state_part_alloc(line_count, head->reference);
    struct slice reference = part->reference;
    *part = *head;
    part->reference = reference;
    part->line_count = line_count;
    list_init(&part->dirty);
    return part;
}

enum status rows_part_decode(struct slice value, struct arena *arena,
                             struct stored_part *out_part)
{
    struct stored_part stored = {.line_count = 0};
    struct part_row head = {.line_count = 0};
    struct reader reader;
    uint64_t attempt;
    uint8_t flags;
    if (value.size > 0 && value.data[0] != ROW_VERSION) {
        return STATUS_VERSION;
    }
    reader_init(&reader, value);
    (void)read_u8(&reader);
    head.state = (enum hold_state)read_u8(&reader);
    flags = read_u8(&reader);
    head.fulfilled = flags & PART_FULFILLED;
    head.report = read_u8(&reader);
    head.version = read_varint(&reader);
    head.create_ms = read_zigzag(&reader);
    head.expire_ms = read_zigzag(&reader);
    head.request_id.high = read_be64(&reader);
    head.request_id.low = read_be64(&reader);
    head.request_ms = read_zigzag(&reader);
    attempt = read_varint(&reader);
    head.attempt = (uint32_t)attempt;
    head.reference = read_bytes(&reader);
    TRY(part_decode_lines(&reader, arena, &stored));
    if ((head.state != HOLD_STATE_HELD && head.state != HOLD_STATE_COMMITTED &&
         head.state != HOLD_STATE_TENTATIVE) ||
        flags > PART_FULFILLED || head.report > HOLD_REPORT_SHORT ||
        attempt > UINT32_MAX) {
        return STATUS_CHECKSUM;
    }
    stored.part = part_make(&head, stored.line_count);
    *out_part = stored;
    return STATUS_OK;
}
