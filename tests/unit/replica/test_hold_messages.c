/* SPDX-License-Identifier: Apache-2.0 */
/* What shards tell each other of holds, as it is stored in logs. */
#include "shard/base/buffer.h"
#include "tests/lib/test.h"
#include "tests/unit/replica/sample_command.h"

static const char golden_messages[] = "golden/replica/hold_messages.hex";

static void put_hex(struct buffer *out, struct slice bytes)
{
    char word[4];
    for (size_t i = 0; i < bytes.size; i++) {
        int size = snprintf(word, sizeof word, "%02x", bytes.data[i]);
        buffer_append(out, word, (size_t)size);
    }
    buffer_append(out, "\n", 1);
}

static struct slice encoded(unsigned kind, struct arena *arena)
{
    struct inventory_command command = sample_sku(kind);
    struct slice bytes;
    EXPECT_OK(command_encode_sku(&command, arena, &bytes));
    return bytes;
}

TEST(hold_messages, have_the_bytes_that_were_once_stored)
{
    struct arena arena;
    struct buffer now;
    char golden[8192];
    arena_init(&arena, NULL, 0, 0);
    buffer_init(&now);
    for (unsigned kind = INVENTORY_HOLD_PREPARE; kind <= INVENTORY_HOLD_QUESTION;
         kind++) {
        put_hex(&now, encoded(kind, &arena));
    }
    if (getenv("SOUK_GOLDEN_WRITE") != NULL) {
        FILE *out = fopen(test_source(golden_messages), "wb");
        EXPECT(out != NULL);
        EXPECT_EQ(fwrite(now.data, 1, now.size, out), now.size);
        fclose(out);
    }
    FILE *file = fopen(test_source(golden_messages), "rb");
    EXPECT(file != NULL);
    size_t size = fread(golden, 1, sizeof golden, file);
    fclose(file);
    EXPECT_SLICE(buffer_slice(&now), slice_of(golden, size));
    buffer_close(&now);
    arena_close(&arena);
}

static void expect_same(const struct inventory_hold_message *a,
                        const struct inventory_hold_message *b)
{
    EXPECT(a->hold_id.anchor == b->hold_id.anchor);
    EXPECT(a->hold_id.unique == b->hold_id.unique);
    EXPECT(a->sku_hash == b->sku_hash && a->version == b->version);
    EXPECT(a->state == b->state && a->expire_ms == b->expire_ms);
    EXPECT(a->fulfil == b->fulfil && a->code == b->code && a->field == b->field);
    EXPECT(a->line == b->line && a->report == b->report);
    EXPECT_SLICE(a->sku_id, b->sku_id);
    EXPECT_SLICE(a->reference, b->reference);
    EXPECT(a->allow_backorder == b->allow_backorder);
    EXPECT(a->request_id.high == b->request_id.high);
    EXPECT(a->request_id.low == b->request_id.low);
    EXPECT(a->request_ms == b->request_ms && a->attempt == b->attempt);
    EXPECT_EQ(a->line_count, b->line_count);
    for (uint32_t i = 0; i < a->line_count; i++) {
        EXPECT_EQ(a->lines[i].place, b->lines[i].place);
        EXPECT_SLICE(a->lines[i].location_id, b->lines[i].location_id);
        EXPECT_EQ(a->lines[i].quantity, b->lines[i].quantity);
    }
    EXPECT_EQ(a->shortage_count, b->shortage_count);
    for (uint32_t i = 0; i < a->shortage_count; i++) {
        EXPECT_EQ(a->shortages[i].line, b->shortages[i].line);
        EXPECT_EQ(a->shortages[i].requested, b->shortages[i].requested);
        EXPECT_EQ(a->shortages[i].available, b->shortages[i].available);
    }
}

TEST(hold_messages, come_back_field_for_field_and_name_their_key)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    for (unsigned kind = INVENTORY_HOLD_PREPARE; kind <= INVENTORY_HOLD_QUESTION;
         kind++) {
        struct inventory_command wanted = sample_sku(kind), back;
        struct command_peek peek;
        struct slice bytes = encoded(kind, &arena);
        EXPECT_OK(command_decode_sku(bytes, &arena, &back));
        EXPECT_EQ(back.kind, wanted.kind);
        EXPECT(back.identity.anchor == wanted.identity.anchor);
        expect_same(&wanted.hold_message, &back.hold_message);
        EXPECT_OK(command_peek(bytes, &peek));
        EXPECT_EQ(peek.kind, kind);
        EXPECT(peek.has_anchor && peek.anchor == wanted.identity.anchor);
    }
    arena_close(&arena);
}
