/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries and partials of the walk as bytes, and the sum of partials.
 *
 * query    version, varint m, 4a, window, V, le64 buckets, u8 exclude_customer,
 *          le64 high, le64 low, varint n, n * le64 seed
 * partial  version, varint applied version, V, le64 buckets, varint seeds,
 *          seeds * { varint n, n * { le64 item, varint sum, varint evidence } }
 */
#include <string.h>

#include "shard/base/encode.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/shared.h"
#include "shard/recommend/walk.h"

enum {
    VOTE_BYTES_MIN = 10, /* an item, a sum, an evidence */
};

void walk_query_encode(const struct walk_query *query, struct buffer *out)
{
    encode_u8(out, WALK_QUERY_VERSION);
    encode_varint(out, query->customers);
    encode_varint(out, query->power_quarters);
    encode_varint(out, query->window);
    encode_varint(out, query->bucket_count);
    encode_le64(out, query->buckets);
    encode_u8(out, query->exclude_customer);
    encode_le64(out, query->customer.high);
    encode_le64(out, query->customer.low);
    encode_varint(out, query->seed_count);
    for (uint32_t i = 0; i < query->seed_count; i++) {
        encode_le64(out, query->seeds[i]);
    }
}

enum status walk_query_decode(struct slice bytes, struct arena *arena,
                              struct walk_query *out_query)
{
    struct reader reader;
    struct walk_query query = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > WALK_QUERY_VERSION) {
        return STATUS_VERSION;
    }
    query.customers = shared_read_small(&reader, WALK_CUSTOMERS_MAX);
    query.power_quarters = shared_read_small(&reader, WALK_POWER_QUARTERS_MAX);
    query.window = shared_read_small(&reader, WALK_WINDOW_MAX);
    query.bucket_count = shared_read_small(&reader, EVIDENCE_BUCKETS_MAX);
    query.buckets = read_le64(&reader);
    query.exclude_customer = read_u8(&reader) != 0;
    query.customer.high = read_le64(&reader);
    query.customer.low = read_le64(&reader);
    query.seed_count = shared_read_small(&reader, WALK_SEEDS_MAX);
    uint64_t *seeds = arena_alloc(arena, query.seed_count * sizeof *seeds);
    if (seeds == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < query.seed_count; i++) {
        seeds[i] = read_le64(&reader);
    }
    query.seeds = seeds;
    TRY(reader_finish(&reader));
    if (version != WALK_QUERY_VERSION) {
        return STATUS_CHECKSUM;
    }
    TRY(walk_query_check(&query));
    *out_query = query;
    return STATUS_OK;
}

void walk_partial_encode(const struct walk_partial *partial, struct buffer *out)
{
    encode_u8(out, WALK_PARTIAL_VERSION);
    encode_varint(out, partial->version);
    encode_varint(out, partial->bucket_count);
    encode_le64(out, partial->buckets);
    encode_varint(out, partial->seed_count);
    for (uint32_t s = 0; s < partial->seed_count; s++) {
        const struct walk_votes *seed = &partial->seeds[s];
        encode_varint(out, seed->count);
        for (uint32_t i = 0; i < seed->count; i++) {
            encode_le64(out, seed->votes[i].sku_hash);
            encode_varint(out, (uint64_t)seed->votes[i].sum);
            encode_varint(out, seed->votes[i].evidence);
        }
    }
}

static enum status read_votes(struct reader *reader, struct arena *arena,
                              struct walk_votes *out)
{
    out->count = shared_read_small(reader, WALK_VOTES_MAX);
    if (reader->failed || out->count > reader_left(reader) / VOTE_BYTES_MIN) {
        return STATUS_CHECKSUM;
    }
    out->votes = arena_alloc(arena, out->count * sizeof *out->votes);
    if (out->votes == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        struct walk_vote *vote = &out->votes[i];
        vote->sku_hash = read_le64(reader);
        uint64_t sum = read_varint(reader);
        vote->evidence = shared_read_small(reader, UINT32_MAX);
        vote->sum = (int64_t)sum;
        if (sum == 0 || sum > INT64_MAX || vote->evidence == 0 ||
            (i > 0 && vote[-1].sku_hash >= vote->sku_hash)) {
            reader_fail(reader);
        }
    }
    return reader->failed ? STATUS_CHECKSUM : STATUS_OK;
}

enum status walk_partial_decode(struct slice bytes, struct arena *arena,
                                struct walk_partial *out_partial)
{
    struct reader reader;
    struct walk_partial partial = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > WALK_PARTIAL_VERSION) {
        return STATUS_VERSION;
    }
    partial.version = read_varint(&reader);
    partial.bucket_count = shared_read_small(&reader, EVIDENCE_BUCKETS_MAX);
    partial.buckets = read_le64(&reader);
    partial.seed_count = shared_read_small(&reader, WALK_SEEDS_MAX);
    if (version != WALK_PARTIAL_VERSION || reader.failed) {
        return STATUS_CHECKSUM;
    }
    for (uint32_t s = 0; s < partial.seed_count; s++) {
        TRY(read_votes(&reader, arena, &partial.seeds[s]));
    }
    TRY(reader_finish(&reader));
    *out_partial = partial;
    return STATUS_OK;
}

/* --- Merge --------------------------------------------------------------------------- */

/* The sum of two sorted lists. */
static enum status votes_merge(const struct walk_votes *a, const struct walk_votes *b,
                               struct arena *arena, struct walk_votes *out)
{
    uint32_t i = 0, j = 0;
    struct walk_votes sum = {0};
    if (a->count == 0 || b->count == 0) {
        *out = a->count == 0 ? *b : *a;
        return STATUS_OK;
    }
    sum.votes = arena_alloc(arena, ((size_t)a->count + b->count) * sizeof *sum.votes);
    if (sum.votes == NULL) {
        return STATUS_TOO_LARGE;
    }
    while (i < a->count || j < b->count) {
        bool from_a = j == b->count ||
                      (i < a->count && a->votes[i].sku_hash <= b->votes[j].sku_hash);
        bool from_b = i == a->count ||
                      (j < b->count && b->votes[j].sku_hash <= a->votes[i].sku_hash);
        struct walk_vote *vote = &sum.votes[sum.count++];
        *vote = from_a ? a->votes[i] : b->votes[j];
        if (from_a && from_b &&
            (__builtin_add_overflow(vote->sum, b->votes[j].sum, &vote->sum) ||
             __builtin_add_overflow(vote->evidence, b->votes[j].evidence,
                                    &vote->evidence))) {
            return STATUS_QUANTITY_OVERFLOW;
        }
        i += from_a;
        j += from_b;
    }
    *out = sum;
    return STATUS_OK;
}

enum status walk_merge(const struct walk_partial *const *partials, size_t partial_count,
                       struct arena *arena, struct walk_partial *out_merged)
{
    struct walk_partial out = {0};
    if (partial_count > 0) {
        out.bucket_count = partials[0]->bucket_count;
        out.seed_count = partials[0]->seed_count;
    }
    for (size_t p = 0; p < partial_count; p++) {
        if (partials[p]->bucket_count != out.bucket_count ||
            partials[p]->seed_count != out.seed_count) {
            return STATUS_INVALID;
        }
        if ((partials[p]->buckets & out.buckets) != 0) {
            continue;
        }
        out.buckets |= partials[p]->buckets;
        for (uint32_t s = 0; s < out.seed_count; s++) {
            TRY(votes_merge(&out.seeds[s], &partials[p]->seeds[s], arena, &out.seeds[s]));
        }
    }
    *out_merged = out;
    return STATUS_OK;
}
