/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries and partials as bytes, for the way between nodes.
 *
 * query    version, varint clicks_max m k V, le64 buckets, le64 exclude_session,
 *          u8 exclude_customer, le64 high, le64 low, varint n, n * le64 click
 * partial  version, varint applied version, varint V, le64 buckets, varint related,
 *          varint neighbours, varint n, n * { le64 item, varint mask of columns,
 *          per column varint part, varint evidence }
 */
#include "shard/base/encode.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/search.h"
#include "shard/recommend/shared.h"

void recommend_query_encode(const struct recommend_query *query, struct buffer *out)
{
    uint32_t count =
        query->click_count < query->clicks_max ? query->click_count : query->clicks_max;
    encode_u8(out, RECOMMEND_QUERY_VERSION);
    encode_varint(out, query->clicks_max);
    encode_varint(out, query->candidates);
    encode_varint(out, query->neighbours);
    encode_varint(out, query->bucket_count);
    encode_le64(out, query->buckets);
    encode_le64(out, query->exclude_session);
    encode_u8(out, query->exclude_customer);
    encode_le64(out, query->customer.high);
    encode_le64(out, query->customer.low);
    encode_varint(out, count);
    for (uint32_t i = query->click_count - count; i < query->click_count; i++) {
        encode_le64(out, query->clicks[i]);
    }
}

enum status recommend_query_decode(struct slice bytes, struct arena *arena,
                                   struct recommend_query *out_query)
{
    struct reader reader;
    struct recommend_query query = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > RECOMMEND_QUERY_VERSION) {
        return STATUS_VERSION;
    }
    query.clicks_max = shared_read_small(&reader, RECOMMEND_CLICKS_MAX);
    query.candidates = shared_read_small(&reader, RECOMMEND_SESSIONS_MAX);
    query.neighbours = shared_read_small(&reader, RECOMMEND_SESSIONS_MAX);
    query.bucket_count = shared_read_small(&reader, EVIDENCE_BUCKETS_MAX);
    query.buckets = read_le64(&reader);
    query.exclude_session = read_le64(&reader);
    query.exclude_customer = read_u8(&reader) != 0;
    query.customer.high = read_le64(&reader);
    query.customer.low = read_le64(&reader);
    query.click_count = shared_read_small(&reader, RECOMMEND_CLICKS_MAX);
    uint64_t *clicks = arena_alloc(arena, query.click_count * sizeof *clicks);
    if (clicks == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < query.click_count; i++) {
        clicks[i] = read_le64(&reader);
    }
    query.clicks = clicks;
    TRY(reader_finish(&reader));
    if (version != RECOMMEND_QUERY_VERSION) {
        return STATUS_CHECKSUM;
    }
    TRY(recommend_query_check(&query));
    *out_query = query;
    return STATUS_OK;
}

void recommend_partial_encode(const struct recommend_partial *partial, struct buffer *out)
{
    encode_u8(out, RECOMMEND_PARTIAL_VERSION);
    encode_varint(out, partial->version);
    encode_varint(out, partial->bucket_count);
    encode_le64(out, partial->buckets);
    encode_varint(out, partial->related);
    encode_varint(out, partial->neighbours);
    encode_varint(out, partial->item_count);
    for (uint32_t i = 0; i < partial->item_count; i++) {
        size_t first = (size_t)i * partial->related;
        uint64_t mask = 0;
        for (uint32_t q = 0; q < partial->related; q++) {
            mask |= (uint64_t)(partial->evidence[first + q] > 0) << q;
        }
        encode_le64(out, partial->items[i]);
        encode_varint(out, mask);
        for (uint32_t q = 0; q < partial->related; q++) {
            if (partial->evidence[first + q] > 0) {
                encode_varint(out, (uint64_t)partial->parts[first + q]);
                encode_varint(out, partial->evidence[first + q]);
            }
        }
    }
}

static void read_row(struct reader *reader, uint32_t related, int64_t *parts,
                     uint32_t *evidence)
{
    uint32_t mask = shared_read_small(reader, (1u << related) - 1);
    for (uint32_t q = 0; q < related; q++) {
        parts[q] = 0;
        evidence[q] = 0;
        if ((mask >> q & 1) == 0) {
            continue;
        }
        uint64_t part = read_varint(reader);
        evidence[q] = shared_read_small(reader, UINT32_MAX);
        if (part > INT64_MAX || evidence[q] == 0) {
            reader_fail(reader);
            return;
        }
        parts[q] = (int64_t)part;
    }
}

enum status recommend_partial_decode(struct slice bytes, struct arena *arena,
                                     struct recommend_partial *out_partial)
{
    enum {
        ROW_BYTES_MIN = 9 /* an item and an empty mask */
    };
    struct reader reader;
    struct recommend_partial partial = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > RECOMMEND_PARTIAL_VERSION) {
        return STATUS_VERSION;
    }
    partial.version = read_varint(&reader);
    partial.bucket_count = shared_read_small(&reader, EVIDENCE_BUCKETS_MAX);
    partial.buckets = read_le64(&reader);
    partial.related = shared_read_small(&reader, RECOMMEND_CLICKS_MAX);
    partial.neighbours = read_varint(&reader);
    partial.item_count = shared_read_small(&reader, RECOMMEND_PARTIAL_ITEMS_MAX);
    if (version != RECOMMEND_PARTIAL_VERSION || reader.failed ||
        partial.item_count > reader_left(&reader) / ROW_BYTES_MIN) {
        return STATUS_CHECKSUM;
    }
    size_t cells = (size_t)partial.item_count * partial.related;
    partial.items = arena_alloc(arena, partial.item_count * sizeof *partial.items);
    partial.parts = arena_alloc(arena, cells * sizeof *partial.parts);
    partial.evidence = arena_alloc(arena, cells * sizeof *partial.evidence);
    if (partial.items == NULL || partial.parts == NULL || partial.evidence == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < partial.item_count; i++) {
        size_t first = (size_t)i * partial.related;
        partial.items[i] = read_le64(&reader);
        read_row(&reader, partial.related, &partial.parts[first],
                 &partial.evidence[first]);
    }
    TRY(reader_finish(&reader));
    *out_partial = partial;
    return STATUS_OK;
}
