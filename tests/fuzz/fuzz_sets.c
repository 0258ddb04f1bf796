/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a set of histories; the first says how it is read. Lines only grow, what
 * becomes an event has ids that the API takes, and it makes no difference in which pieces
 * the file comes.
 */
#include "client/cli/set_plan.h"
#include "client/cli/set_reader.h"
#include "shard/base/assert.h"
#include "shard/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    uint64_t line;
    uint64_t digest;
};

static void hear(struct heard *heard, uint64_t line, const char *text)
{
    ASSERT(line > heard->line);
    heard->line = line;
    heard->digest = hash64(slice_from_string(text), heard->digest ^ line);
}

static bool hear_record(void *context, const struct set_record *record)
{
    const struct set_plan plan = {.kind = SOUK_EVENT_VIEW,
                                  .prefix = "p-",
                                  .end_ms = 1735689600000,
                                  .step_ms = 1000,
                                  .hold_out = 1,
                                  .last_line = record->line};
    struct heard *heard = context;
    struct set_actor actor;
    struct set_sku sku;
    hear(heard, record->line, record->owner ? record->owner : "");
    ASSERT(record->item_count <= SET_ITEMS_MAX);
    if (set_plan_actor(&plan, record, &actor) == NULL) {
        ASSERT(identifier_valid(slice_from_string(actor.id)));
    }
    for (uint32_t i = 0; i < record->item_count; i++) {
        int64_t time_ms = set_plan_time_ms(&plan, record, i);
        ASSERT(time_ms > 0);
        ASSERT(record->items[i].basket < record->basket_count);
        if (set_plan_sku(record, i, &sku) == NULL) {
            ASSERT(identifier_valid(slice_from_string(sku.sku_id)));
        }
        heard->digest = hash64(slice_from_string(record->items[i].text),
                               hash_mix(heard->digest ^ (uint64_t)time_ms ^
                                        (uint64_t)set_plan_held_out(&plan, record, i)));
    }
    return true;
}

static bool hear_bad(void *context, uint64_t line, const char *reason)
{
    hear(context, line, reason);
    return true;
}

static bool hear_blank(void *context, uint64_t line)
{
    hear(context, line, "blank");
    return true;
}

static enum status feed(struct set_reader *reader, const uint8_t *data, size_t size,
                        size_t step)
{
    struct problem problem;
    for (size_t at = 0; at < size; at += step) {
        size_t left = size - at;
        TRY(set_reader_feed(reader, slice_of(data + at, left < step ? left : step),
                            &problem));
    }
    return set_reader_finish(reader, &problem);
}

static uint64_t read_in_pieces(const uint8_t *data, size_t size, size_t step)
{
    struct heard heard = {0};
    const struct set_callbacks callbacks = {hear_record, hear_bad, hear_blank, &heard};
    struct set_reader *reader =
        set_reader_new((enum set_format)(data[0] % 5), data[0] >= 128, &callbacks);
    enum status status = feed(reader, data + 1, size - 1, step);
    ASSERT(status == STATUS_OK || status == STATUS_INVALID);
    heard.digest ^= (uint64_t)status;
    set_reader_free(reader);
    return heard.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        uint64_t whole = read_in_pieces(data, size, size + 1);
        ASSERT(read_in_pieces(data, size, 7) == whole);
    }
    return 0;
}
