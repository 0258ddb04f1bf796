/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/csv_reader.h"
#include "client/cli/store.h"
#include "client/cli/text.h"
#include "shard/base/hash.h"
#include "tests/lib/test.h"

static const struct store_options small = {
    .seed = 7, .skus = 500, .customers = 200, .events = 5000};

struct written {
    char *bytes;
    size_t size;
};

static struct written write_file(const struct store_options *options, unsigned file)
{
    struct written written;
    FILE *out = open_memstream(&written.bytes, &written.size);
    EXPECT(out != NULL);
    store_write(options, file, out);
    EXPECT_EQ(fclose(out), 0);
    return written;
}

TEST(store, one_seed_gives_the_same_bytes_and_another_gives_others)
{
    struct store_options other = small;
    other.seed = 8;
    for (unsigned file = 0; file < STORE_FILES; file++) {
        struct written a = write_file(&small, file), b = write_file(&small, file),
                       c = write_file(&other, file);
        EXPECT_SLICE(slice_of(a.bytes, a.size), slice_of(b.bytes, b.size));
        EXPECT(file == 0 || a.size != c.size || memcmp(a.bytes, c.bytes, a.size) != 0);
        free(a.bytes);
        free(b.bytes);
        free(c.bytes);
    }
}

TEST(store, does_not_change_from_machine_to_machine)
{
    struct written events = write_file(&small, 4);
    EXPECT_EQ(hash64(slice_of(events.bytes, events.size), 0),
              INT64_C(3878934660424129568));
    free(events.bytes);
}

struct counted {
    unsigned rows;
    unsigned purchases;
    unsigned visitors;
    unsigned located;
    unsigned customers;
    int64_t last_ms;
    char last_session[32];
    unsigned sessions;
};

static bool no_bad_row(void *context, uint64_t line, const char *reason)
{
    (void)context;
    test_fail(__FILE__, __LINE__, "line %" PRIu64 ": %s", line, reason);
}

static bool count_row(void *context, const struct csv_row *row)
{
    struct counted *counted = context;
    int64_t time_ms = 0;
    if (row->line == 1) {
        return true;
    }
    EXPECT_EQ(row->count, 11);
    counted->rows++;
    counted->customers += row->fields[1][0] != '\0';
    counted->visitors += row->fields[2][0] != '\0';
    counted->located += row->fields[10][0] != '\0';
    EXPECT(strcmp(row->fields[10], "leipzig-warehouse") != 0);
    counted->purchases += strcmp(row->fields[3], "purchase") == 0;
    counted->sessions += strcmp(row->fields[5], counted->last_session) != 0;
    snprintf(counted->last_session, sizeof counted->last_session, "%s", row->fields[5]);
    EXPECT(text_time_ms(row->fields[9], &time_ms));
    EXPECT(time_ms < INT64_C(1764547200000));
    return true;
}

TEST(store, has_as_many_events_as_wanted_with_sessions_and_purchases)
{
    struct written events = write_file(&small, 4);
    struct counted counted = {0};
    struct csv_callbacks callbacks = {
        .row = count_row, .bad = no_bad_row, .context = &counted};
    struct csv_reader *reader = csv_reader_new(&callbacks);
    EXPECT_OK(csv_reader_feed(reader, slice_of(events.bytes, events.size)));
    EXPECT_OK(csv_reader_finish(reader));
    csv_reader_free(reader);
    EXPECT_EQ(counted.rows, small.events);
    EXPECT_EQ(counted.customers + counted.visitors, small.events);
    EXPECT(counted.visitors > 0 && counted.customers > counted.visitors);
    EXPECT(counted.located > small.events / 4 && counted.located < small.events / 2);
    EXPECT(counted.purchases > small.events / 20);
    EXPECT(counted.sessions > small.events / 12 && counted.sessions < small.events / 2);
    free(events.bytes);
}

TEST(store, writes_even_the_smallest_store)
{
    struct store_options tiny = {.seed = 1, .skus = 1, .customers = 1, .events = 1};
    for (unsigned file = 0; file < STORE_FILES; file++) {
        struct written written = write_file(&tiny, file);
        EXPECT(written.size > 0);
        free(written.bytes);
    }
}
