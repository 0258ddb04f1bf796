/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file to import. Lines only grow, no row is wider than promised, and it
 * makes no difference in which pieces the file comes; rows are tried as retail lines.
 */
#include "client/cli/csv_reader.h"
#include "client/cli/import_retail.h"
#include "shard/base/assert.h"
#include "shard/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    uint64_t line;
    uint64_t digest;
};

static bool hear_row(void *context, const struct csv_row *row)
{
    static const struct retail_columns columns = {0, 1, 2, 3, 4, 5, 6, 7};
    struct heard *heard = context;
    struct retail_line line;
    ASSERT(row->line > heard->line);
    ASSERT(row->count > 0 && row->count <= CSV_FIELDS_MAX);
    heard->line = row->line;
    heard->digest = hash_mix(heard->digest ^ row->line);
    for (size_t i = 0; i < row->count; i++) {
        heard->digest = hash64(slice_from_string(row->fields[i]), heard->digest);
    }
    if (retail_line_read(&columns, row, &line) == RETAIL_SALE) {
        ASSERT(line.quantity > 0 && line.sku_id[0] != '\0');
    }
    return true;
}

static bool hear_bad(void *context, uint64_t line, const char *reason)
{
    struct heard *heard = context;
    ASSERT(line >= heard->line);
    heard->line = line;
    heard->digest = hash64(slice_from_string(reason), heard->digest ^ line);
    return true;
}

static uint64_t read_in_pieces(const uint8_t *data, size_t size, size_t step)
{
    struct heard heard = {0};
    struct csv_callbacks callbacks = {
        .row = hear_row, .bad = hear_bad, .context = &heard};
    struct csv_reader *reader = csv_reader_new(&callbacks);
    for (size_t at = 0; at < size; at += step) {
        size_t left = size - at;
        ASSERT(csv_reader_feed(reader, slice_of(data + at, left < step ? left : step)) ==
               STATUS_OK);
    }
    ASSERT(csv_reader_finish(reader) == STATUS_OK);
    csv_reader_free(reader);
    return heard.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = read_in_pieces(data, size, size + 1);
    ASSERT(read_in_pieces(data, size, 7) == whole);
    return 0;
}
