/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load_stats.h"

#include "tests/lib/test.h"

static uint64_t reason_count(const struct load_cell *cell, const char *name)
{
    for (unsigned i = 0; i < LOAD_REASONS_MAX; i++) {
        if (cell->reasons[i].count > 0 && strcmp(cell->reasons[i].name, name) == 0) {
            return cell->reasons[i].count;
        }
    }
    return 0;
}

TEST(load_stats, cells_add_up)
{
    static struct load_stats stats;
    static struct load_cell sum;
    load_stats_init(&stats);
    for (unsigned i = 0; i < LOAD_CELLS; i++) {
        struct load_counts *counts = &stats.cells[i].kinds[LOAD_READ];
        counts->calls += i;
        counts->items += 10 * i;
        histogram_add(&counts->latency_us, 100 + i);
        load_cell_fail(&stats.cells[i], i % 2 ? "OVERLOADED" : "NOT_FOUND");
    }
    load_stats_sum(&stats, &sum);
    EXPECT_EQ(sum.kinds[LOAD_READ].calls, LOAD_CELLS * (LOAD_CELLS - 1) / 2);
    EXPECT_EQ(sum.kinds[LOAD_READ].items, 10 * LOAD_CELLS * (LOAD_CELLS - 1) / 2);
    EXPECT_EQ(sum.kinds[LOAD_READ].latency_us.count, LOAD_CELLS);
    EXPECT_EQ(sum.kinds[LOAD_RESERVE].latency_us.count, 0);
    EXPECT_EQ(reason_count(&sum, "OVERLOADED"), LOAD_CELLS / 2);
    EXPECT_EQ(reason_count(&sum, "NOT_FOUND"), LOAD_CELLS / 2);
    load_stats_close(&stats);
}

TEST(load_stats, reasons_beyond_the_room_are_gathered_and_none_is_lost)
{
    static struct load_stats stats;
    static struct load_cell sum;
    uint64_t total = 0;
    load_stats_init(&stats);
    for (unsigned i = 0; i < 3 * LOAD_REASONS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "REASON_%u", i);
        load_cell_fail(&stats.cells[i % LOAD_CELLS], name);
    }
    load_cell_fail(&stats.cells[0], "");
    load_stats_sum(&stats, &sum);
    for (unsigned i = 0; i < LOAD_REASONS_MAX; i++) {
        total += sum.reasons[i].count;
    }
    EXPECT_EQ(total, 3 * LOAD_REASONS_MAX + 1);
    EXPECT(reason_count(&sum, "OTHER") > 0);
    load_stats_close(&stats);
}
