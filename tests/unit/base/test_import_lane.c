/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/import_lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"

enum {
    MANY = 1000000,
    REFERENCE_LINES = 4000,
    SEEDS = 8,
};

static struct import_line line_of(uint64_t line, uint64_t prev)
{
    return (struct import_line){.import_id = {4, 2},
                                .line = line,
                                .prev_line = prev,
                                .imports_max = 1,
                                .refused_max = MANY};
}

static enum import_verdict judge(const struct import_lanes *lanes, uint64_t line,
                                 uint64_t prev)
{
    struct import_line given = line_of(line, prev);
    uint64_t last;
    return import_lanes_judge(lanes, &given, &last);
}

static bool settle(struct import_lanes *lanes, uint64_t line, uint64_t prev, bool taken)
{
    struct import_line given = line_of(line, prev);
    return import_lanes_settle(lanes, &given, taken);
}

/* --- A store of rows, and lanes read from it ------------------------------------------ */

struct row {
    struct import_change key;
    struct buffer value;
};

struct rows {
    struct row *rows;
    size_t count, capacity;
};

static int row_order(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->key.of_block != b->key.of_block) {
        return a->key.of_block ? 1 : -1;
    }
    return (a->key.base > b->key.base) - (a->key.base < b->key.base);
}

static void rows_write(struct rows *rows, struct import_lanes *lanes)
{
    struct import_change change;
    struct buffer value;
    buffer_init(&value);
    while (import_lanes_collect(lanes, &change, &value)) {
        size_t i = 0;
        while (i < rows->count && (rows->rows[i].key.of_block != change.of_block ||
                                   rows->rows[i].key.base != change.base)) {
            i++;
        }
        if (i < rows->count) {
            buffer_close(&rows->rows[i].value);
            rows->rows[i] = rows->rows[--rows->count];
        }
        if (!change.gone) {
            memory_reserve((void **)&rows->rows, &rows->capacity, rows->count + 1,
                           sizeof *rows->rows);
            rows->rows[rows->count].key = change;
            buffer_init(&rows->rows[rows->count].value);
            buffer_append_slice(&rows->rows[rows->count++].value, buffer_slice(&value));
        }
    }
    buffer_close(&value);
}

static void rows_read(struct rows *rows, struct import_lanes *lanes)
{
    import_lanes_init(lanes);
    if (rows->count > 0) {
        qsort(rows->rows, rows->count, sizeof *rows->rows, row_order);
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct import_change *key = &rows->rows[i].key;
        struct slice value = buffer_slice(&rows->rows[i].value);
        EXPECT_OK(key->of_block
                      ? import_lanes_load_block(lanes, key->import_id, key->base, value)
                      : import_lanes_load(lanes, key->import_id, value));
    }
}

static void rows_close(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        buffer_close(&rows->rows[i].value);
    }
    free(rows->rows);
}

/* --- Tests ---------------------------------------------------------------------------- */

TEST(import_lane, a_refused_line_is_decided_again_until_it_is_taken_and_then_never)
{
    struct import_lanes lanes;
    import_lanes_init(&lanes);
    EXPECT(settle(&lanes, 3, 0, true));
    EXPECT(settle(&lanes, 5, 3, false));
    EXPECT(settle(&lanes, 9, 5, true));
    EXPECT_EQ(judge(&lanes, 3, 0), IMPORT_DUPLICATE);
    EXPECT_EQ(judge(&lanes, 4, 0), IMPORT_DUPLICATE);
    EXPECT_EQ(judge(&lanes, 5, 3), IMPORT_APPLY);
    EXPECT(settle(&lanes, 5, 3, false));
    EXPECT_EQ(judge(&lanes, 5, 3), IMPORT_APPLY);
    EXPECT(settle(&lanes, 5, 3, true));
    EXPECT_EQ(judge(&lanes, 5, 3), IMPORT_DUPLICATE);
    EXPECT_EQ(judge(&lanes, 12, 10), IMPORT_GAP);
    EXPECT_EQ(judge(&lanes, 12, 5), IMPORT_APPLY);
    EXPECT_EQ(lanes.refused_count, 0);
    import_lanes_close(&lanes);
}

TEST(import_lane, a_refused_line_without_room_leaves_the_lane_where_it_was)
{
    struct import_lanes lanes;
    struct import_line line = line_of(2, 1);
    import_lanes_init(&lanes);
    EXPECT(settle(&lanes, 1, 0, false));
    line.refused_max = 1;
    EXPECT(!import_lanes_settle(&lanes, &line, false));
    EXPECT_EQ(judge(&lanes, 3, 2), IMPORT_GAP);
    EXPECT(import_lanes_settle(&lanes, &line, true));
    EXPECT(settle(&lanes, 1, 0, true));
    line.line = 3;
    EXPECT(import_lanes_settle(&lanes, &line, false));
    /* As commands of older logs say it: settled and forgotten. */
    line.line = 4;
    line.refused_max = 0;
    EXPECT(import_lanes_settle(&lanes, &line, false));
    EXPECT_EQ(judge(&lanes, 4, 3), IMPORT_DUPLICATE);
    EXPECT_EQ(judge(&lanes, 3, 2), IMPORT_APPLY);
    import_lanes_close(&lanes);
}

TEST(import_lane, a_million_refused_lines_are_all_taken_later_and_leave_nothing)
{
    struct import_lanes lanes;
    struct rows rows = {0};
    import_lanes_init(&lanes);
    for (uint64_t i = 1; i <= MANY; i++) {
        EXPECT(settle(&lanes, i << 20, (i - 1) << 20, false));
    }
    EXPECT(!settle(&lanes, (uint64_t)(MANY + 1) << 20, 0, false));
    rows_write(&rows, &lanes);
    import_lanes_close(&lanes);
    rows_read(&rows, &lanes);
    EXPECT_EQ(lanes.refused_count, MANY);
    for (uint64_t i = 1; i <= MANY; i++) {
        EXPECT_EQ(judge(&lanes, i << 20, (i - 1) << 20), IMPORT_APPLY);
        EXPECT(settle(&lanes, i << 20, (i - 1) << 20, true));
    }
    EXPECT_EQ(lanes.refused_count, 0);
    rows_write(&rows, &lanes);
    EXPECT_EQ(rows.count, 1); /* the lane itself */
    EXPECT_EQ(judge(&lanes, 7 << 20, 0), IMPORT_DUPLICATE);
    import_lanes_close(&lanes);
    rows_close(&rows);
}

/* Beside a plain array of what each line has come to. */
static void compare(uint64_t seed)
{
    enum {
        UNSEEN,
        REFUSED,
        TAKEN
    } plain[REFERENCE_LINES] = {UNSEEN};
    struct import_lanes lanes;
    struct rows rows = {0};
    struct rng rng;
    uint64_t last = 0;
    rng_init(&rng, seed);
    import_lanes_init(&lanes);
    for (int step = 0; step < 3 * REFERENCE_LINES; step++) {
        uint64_t line = rng_below(&rng, 3) && last + 3 < REFERENCE_LINES
                            ? last + 1 + rng_below(&rng, 2)
                            : 1 + rng_below(&rng, last ? last : 1);
        bool known = line <= last && plain[line] != REFUSED;
        enum import_verdict verdict = judge(&lanes, line, 0);
        EXPECT_EQ(verdict, known ? IMPORT_DUPLICATE : IMPORT_APPLY);
        if (verdict == IMPORT_APPLY) {
            bool taken = rng_below(&rng, 3) == 0;
            EXPECT(settle(&lanes, line, 0, taken));
            plain[line] = taken ? TAKEN : REFUSED;
            last = line > last ? line : last;
        }
        if (rng_below(&rng, 500) == 0) {
            uint64_t digest = import_lanes_digest(&lanes);
            rows_write(&rows, &lanes);
            import_lanes_close(&lanes);
            rows_read(&rows, &lanes);
            EXPECT_EQ(import_lanes_digest(&lanes), digest);
        }
    }
    import_lanes_close(&lanes);
    rows_close(&rows);
}

TEST(import_lane, decides_like_a_plain_list_of_lines_across_restarts)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        compare(seed);
    }
}

static void expect_file(const char *path, struct slice bytes)
{
    uint8_t wanted[256];
    FILE *file = fopen(test_source(path), "rb");
    EXPECT(file != NULL);
    EXPECT_EQ(fread(wanted, 1, sizeof wanted, file), bytes.size);
    EXPECT(memcmp(wanted, bytes.data, bytes.size) == 0);
    fclose(file);
}

TEST(import_lane, rows_are_written_as_they_always_were)
{
    struct import_lanes lanes;
    struct import_change change;
    struct buffer value;
    import_lanes_init(&lanes);
    buffer_init(&value);
    EXPECT(settle(&lanes, 5, 0, false));
    EXPECT(settle(&lanes, 7, 5, false));
    EXPECT(settle(&lanes, 290, 7, false));
    EXPECT(settle(&lanes, 300, 290, true));
    EXPECT(settle(&lanes, 5, 0, true));
    EXPECT(import_lanes_collect(&lanes, &change, &value));
    EXPECT(!change.of_block);
    expect_file("golden/base/import_lane.bin", buffer_slice(&value));
    EXPECT(import_lanes_collect(&lanes, &change, &value));
    EXPECT(change.of_block && !change.gone);
    EXPECT_EQ(change.base, 5);
    expect_file("golden/base/import_block.bin", buffer_slice(&value));
    EXPECT(!import_lanes_collect(&lanes, &change, &value));
    buffer_close(&value);
    import_lanes_close(&lanes);
}

TEST(import_lane, a_damaged_block_is_refused)
{
    static const uint8_t good[] = {1, 2, 0, 2}, beyond[] = {1, 2, 0, 200, 1},
                         twice[] = {1, 2, 0, 0}, none[] = {1, 0}, later[] = {2, 1, 0};
    struct import_lanes lanes;
    struct import_line line = line_of(100, 0);
    struct hash128 id = line.import_id;
    import_lanes_init(&lanes);
    EXPECT_STATUS(import_lanes_load_block(&lanes, id, 5, slice_of(good, 4)),
                  STATUS_CHECKSUM);
    EXPECT(settle(&lanes, 100, 0, true));
    EXPECT_STATUS(import_lanes_load_block(&lanes, id, 5, slice_of(beyond, 5)),
                  STATUS_CHECKSUM);
    EXPECT_STATUS(import_lanes_load_block(&lanes, id, 5, slice_of(twice, 4)),
                  STATUS_CHECKSUM);
    EXPECT_STATUS(import_lanes_load_block(&lanes, id, 5, slice_of(none, 2)),
                  STATUS_CHECKSUM);
    EXPECT_STATUS(import_lanes_load_block(&lanes, id, 5, slice_of(later, 3)),
                  STATUS_VERSION);
    EXPECT_OK(import_lanes_load_block(&lanes, id, 5, slice_of(good, 4)));
    EXPECT_STATUS(import_lanes_load_block(&lanes, id, 7, slice_of(good, 4)),
                  STATUS_CHECKSUM);
    EXPECT_EQ(lanes.refused_count, 2);
    import_lanes_close(&lanes);
}
