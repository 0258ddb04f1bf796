/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/degrees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"
#include "shard/recommend/degrees_private.h"

enum {
    ROWS_MIN = 64,
    CHANGE_BYTES_MIN = 10, /* hash, period, change */
    PLACES_MIN = 16,
};
/* Spreads the items of places over the rows; odd, so that places stay apart. */
#define PLACE_FACTOR UINT64_C(0x9e3779b97f4a7c15)

void degree_delta_close(struct degree_delta *delta)
{
    if (delta != NULL) {
        free(delta->changes);
        *delta = (struct degree_delta){0};
    }
}

/* version byte, u8 whole, varint from_version, varint version, varint n, n * { (version 2:
 * le64 place) le64 hash, zigzag period, zigzag change }. Places sort, so the last change has
 * one if any has. */
void degree_delta_encode(const struct degree_delta *delta, struct buffer *out)
{
    size_t count = delta->change_count;
    bool places = count > 0 && delta->changes[count - 1].place != 0;
    encode_u8(out, places ? DEGREE_DELTA_VERSION_PLACES : DEGREE_DELTA_VERSION);
    encode_u8(out, delta->whole);
    encode_varint(out, delta->from_version);
    encode_varint(out, delta->version);
    encode_varint(out, delta->change_count);
    for (size_t i = 0; i < delta->change_count; i++) {
        if (places) {
            encode_le64(out, delta->changes[i].place);
        }
        encode_le64(out, delta->changes[i].sku_hash);
        encode_zigzag(out, delta->changes[i].period);
        encode_zigzag(out, delta->changes[i].change);
    }
}

static bool change_follows(const struct degree_change *before,
                           const struct degree_change *after)
{
    if (before->place != after->place) {
        return before->place < after->place;
    }
    return before->sku_hash < after->sku_hash ||
           (before->sku_hash == after->sku_hash && before->period < after->period);
}

enum status degree_delta_decode(struct slice bytes, struct degree_delta *out_delta)
{
    struct reader reader;
    struct degree_delta delta = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > DEGREE_DELTA_VERSION_PLACES) {
        return STATUS_VERSION;
    }
    delta.whole = read_u8(&reader) != 0;
    delta.from_version = read_varint(&reader);
    delta.version = read_varint(&reader);
    uint64_t count = read_varint(&reader);
    if (version < DEGREE_DELTA_VERSION || reader.failed ||
        count > reader_left(&reader) / CHANGE_BYTES_MIN) {
        return STATUS_CHECKSUM;
    }
    delta.change_count = (size_t)count;
    delta.changes =
        count ? memory_alloc(delta.change_count * sizeof *delta.changes) : NULL;
    for (size_t i = 0; i < delta.change_count; i++) {
        struct degree_change *change = &delta.changes[i];
        change->place = version == DEGREE_DELTA_VERSION_PLACES ? read_le64(&reader) : 0;
        change->sku_hash = read_le64(&reader);
        change->period = read_zigzag(&reader);
        change->change = read_zigzag(&reader);
        /* Bounds that honest shards never meet keep every later sum inside int64. */
        if (change->change == 0 || change->change > INT32_MAX ||
            change->change < -INT32_MAX || change->period > INT32_MAX ||
            change->period < -INT32_MAX ||
            (i > 0 && !change_follows(change - 1, change))) {
            reader_fail(&reader);
        }
    }
    enum status status = reader_finish(&reader);
    if (status != STATUS_OK) {
        degree_delta_close(&delta);
        return status;
    }
    *out_delta = delta;
    return STATUS_OK;
}

/* --- One vector ---------------------------------------------------------------------- */

static void rows_init(struct degree_rows *rows)
{
    *rows = (struct degree_rows){.capacity = ROWS_MIN};
    rows->rows = memory_zalloc(rows->capacity * sizeof *rows->rows);
}

static struct degree_row *rows_place(const struct degree_rows *rows, uint64_t place,
                                     uint64_t sku_hash)
{
    uint64_t key = sku_hash + place * PLACE_FACTOR;
    size_t at = (size_t)hash_mix(key) & (rows->capacity - 1);
    while (rows->rows[at].used &&
           (rows->rows[at].sku_hash != sku_hash || rows->rows[at].place != place)) {
        at = (at + 1) & (rows->capacity - 1);
    }
    return &rows->rows[at];
}

static bool row_empty(const struct degree_row *row)
{
    int64_t rest = row->sessions;
    for (unsigned i = 0; i < DEGREE_PERIODS; i++) {
        rest |= row->periods[i];
    }
    return rest == 0;
}

/* Without the empty rows, which say what no row says: what falls out of the ring of periods
 * is never asked for again, since nothing occurs later than the clock says. */
static void rows_rebuild(struct degree_rows *rows)
{
    struct degree_rows made = {.capacity = rows->capacity, .total = rows->total};
    for (size_t i = 0; i < rows->capacity; i++) {
        made.count += rows->rows[i].used && !row_empty(&rows->rows[i]);
    }
    if (made.count * 4 >= rows->capacity) {
        made.capacity *= 2;
    }
    made.rows = memory_zalloc(made.capacity * sizeof *made.rows);
    for (size_t i = 0; i < rows->capacity; i++) {
        const struct degree_row *row = &rows->rows[i];
        if (row->used && !row_empty(row)) {
            *rows_place(&made, row->place, row->sku_hash) = *row;
        }
    }
    free(rows->rows);
    *rows = made;
}

static struct degree_row *rows_find_or_add(struct degree_rows *rows, uint64_t place,
                                           uint64_t sku_hash)
{
    struct degree_row *row = rows_place(rows, place, sku_hash);
    if (row->used) {
        return row;
    }
    if (rows->count * 2 >= rows->capacity) {
        rows_rebuild(rows);
        row = rows_place(rows, place, sku_hash);
    }
    rows->count++;
    *row = (struct degree_row){.sku_hash = sku_hash,
                               .place = place,
                               .period_newest = DEGREE_PERIOD_NONE,
                               .used = true};
    return row;
}

/* Makes the ring end at `period`, forgetting what falls off its other end. */
static void row_advance(struct degree_row *row, int64_t period)
{
    if (row->period_newest == DEGREE_PERIOD_NONE ||
        period - row->period_newest >= DEGREE_PERIODS) {
        memset(row->periods, 0, sizeof row->periods);
    } else {
        for (int64_t p = row->period_newest + 1; p <= period; p++) {
            row->periods[degree_period_place(p)] = 0;
        }
    }
    row->period_newest = period;
}

static struct degree_row *rows_add(struct degree_rows *rows,
                                   const struct degree_change *change)
{
    struct degree_row *row = rows_find_or_add(rows, change->place, change->sku_hash);
    row->sessions += change->change;
    rows->total += change->change;
    if (change->period == DEGREE_PERIOD_NONE) {
        return row;
    }
    if (change->period > row->period_newest) {
        row_advance(row, change->period);
    }
    if (row->period_newest - change->period < DEGREE_PERIODS) {
        row->periods[degree_period_place(change->period)] += change->change;
    }
    return row;
}

/* --- Places ---------------------------------------------------------------------------- */

static struct degree_place *places_slot(const struct degree_places *places,
                                        uint64_t place)
{
    size_t at = (size_t)hash_mix(place) & (places->capacity - 1);
    while (places->slots[at].place != 0 && places->slots[at].place != place) {
        at = (at + 1) & (places->capacity - 1);
    }
    return &places->slots[at];
}

static struct degree_place *places_find_or_add(struct degree_places *places,
                                               uint64_t place)
{
    if (places->count * 2 >= places->capacity) {
        struct degree_places grown = {.count = places->count,
                                      .item_capacity = places->item_capacity};
        grown.capacity = places->capacity > 0 ? places->capacity * 2 : PLACES_MIN;
        grown.slots = memory_zalloc(grown.capacity * sizeof *grown.slots);
        for (size_t i = 0; i < places->capacity; i++) {
            if (places->slots[i].place != 0) {
                *places_slot(&grown, places->slots[i].place) = places->slots[i];
            }
        }
        free(places->slots);
        *places = grown;
    }
    struct degree_place *slot = places_slot(places, place);
    places->count += slot->place == 0;
    slot->place = place;
    return slot;
}

static void places_close(struct degree_places *places)
{
    for (size_t i = 0; i < places->capacity; i++) {
        free(places->slots[i].items);
    }
    free(places->slots);
    *places = (struct degree_places){0};
}

static void place_list(struct degree_places *places, uint64_t place, uint64_t sku_hash)
{
    struct degree_place *slot = places_find_or_add(places, place);
    places->item_capacity -= slot->capacity;
    memory_reserve((void **)&slot->items, &slot->capacity, slot->count + 1,
                   sizeof *slot->items);
    places->item_capacity += slot->capacity;
    slot->items[slot->count++] = sku_hash;
}

static const struct degree_place *table_place(const struct degree_table *table,
                                              uint64_t place)
{
    const struct degree_place *slot =
        table->places.capacity > 0 ? places_slot(&table->places, place) : NULL;
    return slot != NULL && slot->place != 0 ? slot : NULL;
}

const uint64_t *degree_table_place_items(const struct degree_table *table, uint64_t place,
                                         size_t *out_count)
{
    const struct degree_place *found = table_place(table, place);
    *out_count = found != NULL ? found->count : 0;
    return found != NULL ? found->items : NULL;
}

uint64_t degree_table_stamp(const struct degree_table *table, uint64_t place)
{
    const struct degree_place *found = place != 0 ? table_place(table, place) : NULL;
    return place == 0 ? table->changes : found != NULL ? found->stamp : 0;
}

/* The rows were made anew. A place that has none left is forgotten: its stamp is then 0, as
 * no place's that is listed. */
static void places_rebuild(struct degree_table *table)
{
    struct degree_places made = {0};
    for (size_t i = 0; i < table->sum.capacity; i++) {
        const struct degree_row *row = &table->sum.rows[i];
        if (row->used && row->place != 0) {
            place_list(&made, row->place, row->sku_hash);
            places_slot(&made, row->place)->stamp = degree_table_stamp(table, row->place);
        }
    }
    places_close(&table->places);
    table->places = made;
}

/* --- The sum over shards -------------------------------------------------------------- */

struct degree_table *degree_table_new(void)
{
    struct degree_table *table = memory_zalloc(sizeof *table);
    rows_init(&table->sum);
    return table;
}

void degree_table_free(struct degree_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->shard_count; i++) {
        free(table->shards[i].rows.rows);
    }
    free(table->shards);
    free(table->sum.rows);
    places_close(&table->places);
    free(table->popular);
    free(table);
}

static struct degree_shard *table_shard(const struct degree_table *table,
                                        uint64_t shard_id)
{
    for (size_t i = 0; i < table->shard_count; i++) {
        if (table->shards[i].shard_id == shard_id) {
            return &table->shards[i];
        }
    }
    return NULL;
}

static void sum_add(struct degree_table *table, const struct degree_change *change)
{
    size_t count = table->sum.count;
    const struct degree_row *rows = table->sum.rows;
    struct degree_row *row = rows_add(&table->sum, change);
    if (rows != table->sum.rows) {
        places_rebuild(table); /* lists the row too */
    } else if (change->place != 0 && count != table->sum.count) {
        place_list(&table->places, change->place, change->sku_hash);
    }
    if (change->place != 0) {
        places_find_or_add(&table->places, change->place)->stamp = table->changes;
    }
    row->log_sessions = row->sessions > 1 ? log((double)row->sessions) : 0.0;
}

/* Takes all that the shard has said out of the sum. */
static void table_subtract(struct degree_table *table, struct degree_shard *shard)
{
    table->changes++;
    for (size_t i = 0; i < shard->rows.capacity; i++) {
        const struct degree_row *row = &shard->rows.rows[i];
        struct degree_change change = {.place = row->place, .sku_hash = row->sku_hash};
        int64_t rest = row->used ? row->sessions : 0;
        if (!row->used) {
            continue;
        }
        for (int64_t age = 0;
             age < DEGREE_PERIODS && row->period_newest != DEGREE_PERIOD_NONE; age++) {
            change.period = row->period_newest - age;
            change.change = -row->periods[degree_period_place(change.period)];
            rest += change.change;
            if (change.change != 0) {
                sum_add(table, &change);
            }
        }
        change.period = DEGREE_PERIOD_NONE;
        change.change = -rest;
        sum_add(table, &change);
    }
    free(shard->rows.rows);
    rows_init(&shard->rows);
}

enum status degree_table_apply(struct degree_table *table, uint64_t shard_id,
                               const struct degree_delta *delta)
{
    struct degree_shard *shard = table_shard(table, shard_id);
    if (!delta->whole && (shard ? shard->version : 0) != delta->from_version) {
        return STATUS_SEQUENCE_GAP;
    }
    if (shard == NULL) {
        if (table->shard_count == DEGREE_SHARDS_MAX) {
            return STATUS_QUANTITY_LIMIT;
        }
        memory_reserve((void **)&table->shards, &table->shard_capacity,
                       table->shard_count + 1, sizeof *table->shards);
        shard = &table->shards[table->shard_count++];
        *shard = (struct degree_shard){.shard_id = shard_id};
        rows_init(&shard->rows);
    } else if (delta->whole) {
        table_subtract(table, shard);
    }
    table->changes += delta->change_count > 0;
    for (size_t i = 0; i < delta->change_count; i++) {
        (void)rows_add(&shard->rows, &delta->changes[i]);
        sum_add(table, &delta->changes[i]);
    }
    shard->version = delta->version;
    return STATUS_OK;
}

void degree_table_drop(struct degree_table *table, uint64_t shard_id)
{
    struct degree_shard *shard = table_shard(table, shard_id);
    if (shard != NULL) {
        table_subtract(table, shard);
        free(shard->rows.rows);
        *shard = table->shards[--table->shard_count];
    }
}

const struct degree_row *degree_table_row(const struct degree_table *table,
                                          uint64_t place, uint64_t sku_hash)
{
    const struct degree_row *row = rows_place(&table->sum, place, sku_hash);
    return row->used ? row : NULL;
}

int64_t degree_table_items(const struct degree_table *table, uint64_t sku_hash)
{
    const struct degree_row *row = rows_place(&table->sum, 0, sku_hash);
    return row->used ? row->sessions : 0;
}

double degree_table_log(const struct degree_table *table, uint64_t sku_hash)
{
    const struct degree_row *row = rows_place(&table->sum, 0, sku_hash);
    return row->used ? row->log_sessions : 0.0;
}

void degree_table_prefetch(const struct degree_table *table, uint64_t sku_hash)
{
    __builtin_prefetch(
        &table->sum.rows[(size_t)hash_mix(sku_hash) & (table->sum.capacity - 1)]);
}

int64_t degree_table_total(const struct degree_table *table)
{
    return table->sum.total;
}

uint64_t degree_table_version(const struct degree_table *table, uint64_t shard_id)
{
    const struct degree_shard *shard = table_shard(table, shard_id);
    return shard ? shard->version : 0;
}

uint64_t degree_table_shard_bytes(const struct degree_table *table, uint64_t shard_id)
{
    const struct degree_shard *shard = table_shard(table, shard_id);
    uint64_t rows = 0;
    uint64_t sum = table->sum.capacity * sizeof *table->sum.rows +
                   table->places.capacity * sizeof *table->places.slots +
                   table->places.item_capacity * sizeof *table->places.slots->items;
    for (size_t i = 0; i < table->shard_count; i++) {
        rows += table->shards[i].rows.count;
    }
    if (shard == NULL || rows == 0) {
        return 0;
    }
    double part = (double)shard->rows.count / (double)rows;
    return shard->rows.capacity * sizeof *shard->rows.rows +
           (uint64_t)((double)sum * part);
}

/* --- What is popular ------------------------------------------------------------------ */

int64_t degree_row_popularity(const struct degree_row *row, int64_t period_now)
{
    int64_t score = row->sessions;
    for (int64_t p = period_now - (DEGREE_PERIODS - 2); p <= period_now + 1; p++) {
        if (row->period_newest == DEGREE_PERIOD_NONE || p > row->period_newest ||
            row->period_newest - p >= DEGREE_PERIODS) {
            continue;
        }
        int64_t age = p < period_now ? period_now - p : 0;
        score += row->periods[degree_period_place(p)] << (DEGREE_PERIODS - 2 - age);
    }
    return score > 0 ? score : 1;
}

static int popular_compare(const void *left, const void *right)
{
    const struct degree_popular *a = left, *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

/* Keeps the best DEGREE_POPULAR_MAX: fills twice that, sorts, cuts, goes on. */
static void popular_scan(struct degree_table *table, int64_t period_now)
{
    size_t count = 0;
    if (table->popular == NULL) {
        table->popular = memory_alloc(2 * DEGREE_POPULAR_MAX * sizeof *table->popular);
    }
    for (size_t i = 0; i < table->sum.capacity; i++) {
        const struct degree_row *row = &table->sum.rows[i];
        if (!row->used || row->sessions <= 0) {
            continue;
        }
        table->popular[count++] =
            (struct degree_popular){.sku_hash = row->sku_hash,
                                    .score = degree_row_popularity(row, period_now),
                                    .sessions = row->sessions};
        if (count == 2 * DEGREE_POPULAR_MAX) {
            qsort(table->popular, count, sizeof *table->popular, popular_compare);
            count = DEGREE_POPULAR_MAX;
        }
    }
    if (count > 0) {
        qsort(table->popular, count, sizeof *table->popular, popular_compare);
    }
    table->popular_count = count < DEGREE_POPULAR_MAX ? count : DEGREE_POPULAR_MAX;
}

const struct degree_popular *degree_table_popular(struct degree_table *table,
                                                  int64_t now_ms, size_t *out_count)
{
    int64_t period_now = now_ms / DEGREE_PERIOD_MS;
    bool stale = table->changes != table->popular_changes;
    bool due = table->sum.count <= DEGREE_POPULAR_SCAN_MAX ||
               now_ms - table->popular_ms >= DEGREE_POPULAR_AGE_MAX_MS ||
               now_ms < table->popular_ms;
    if (table->popular == NULL || period_now != table->popular_period || (stale && due)) {
        popular_scan(table, period_now);
        table->popular_period = period_now;
        table->popular_changes = table->changes;
        table->popular_ms = now_ms;
    }
    *out_count = table->popular_count;
    return table->popular;
}
