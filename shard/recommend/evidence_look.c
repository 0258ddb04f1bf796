/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner asks of an evidence beside searches: buckets, degrees, sizes, a digest. */
#include "shard/recommend/evidence_private.h"

uint32_t evidence_bucket_count(const struct evidence *evidence)
{
    return evidence->options.bucket_count;
}

uint32_t evidence_bucket(uint64_t customer_hash, uint32_t bucket_count)
{
    unsigned bits = (unsigned)__builtin_ctz(bucket_count);
    return bits == 0 ? 0 : (uint32_t)(customer_hash >> (64 - bits));
}

uint64_t evidence_bucket_mask(uint64_t first_hash, uint64_t last_hash,
                              uint32_t bucket_count)
{
    uint64_t mask = 0;
    uint32_t last = evidence_bucket(last_hash, bucket_count);
    for (uint32_t b = evidence_bucket(first_hash, bucket_count); b <= last; b++) {
        mask |= (uint64_t)1 << b;
    }
    return mask;
}

/* --- Degrees ------------------------------------------------------------------------- */

bool evidence_degrees_changed(const struct evidence *evidence)
{
    return evidence->degree_log.count > 0;
}

void evidence_take_degrees(struct evidence *evidence, uint64_t version,
                           struct degree_delta *out_delta)
{
    degree_log_take(&evidence->degree_log, version, out_delta);
}

bool evidence_places_changed(const struct evidence *evidence)
{
    return evidence->place_log.count > 0;
}

void evidence_take_places(struct evidence *evidence, uint64_t version,
                          struct degree_delta *out_delta)
{
    degree_log_take(&evidence->place_log, version, out_delta);
}

static bool is_listed(const struct evidence *evidence,
                      const struct session_record *record, uint32_t session)
{
    uint32_t bucket = evidence_record_bucket(evidence, record);
    return session_heap_holds(&evidence->buckets[bucket].listed, record, session);
}

void evidence_take_all_degrees(struct evidence *evidence, uint64_t version,
                               struct degree_delta *out_delta)
{
    struct session_walk walk = {0};
    uint32_t session;
    degree_log_restart(&evidence->degree_log);
    while ((session = evidence_walk(evidence, &walk)) != SESSION_NONE) {
        const struct session_record *record = session_pool_at(&evidence->pool, session);
        bool listed = is_listed(evidence, record, session);
        for (uint32_t i = 0; listed && i < record->item_count; i++) {
            degree_log_note(&evidence->degree_log,
                            item_index_at(&evidence->items, record->items[i])->sku_hash,
                            degree_log_period(record->end_ms), 1);
        }
    }
    evidence_take_degrees(evidence, version, out_delta);
}

uint64_t evidence_degree(const struct evidence *evidence, uint64_t sku_hash)
{
    uint32_t item = item_index_find(&evidence->items, sku_hash);
    return item == ITEM_NONE ? 0
                             : (uint64_t)item_index_at(&evidence->items, item)->degree;
}

/* --- Sizes --------------------------------------------------------------------------- */

struct evidence_counters evidence_counters(const struct evidence *evidence)
{
    uint64_t heaps = 0;
    for (uint32_t b = 0; b < EVIDENCE_BUCKETS_MAX; b++) {
        heaps += evidence->buckets[b].listed.capacity;
        heaps += evidence->buckets[b].waiting.capacity;
    }
    return (struct evidence_counters){
        .sessions = evidence->listed,
        .waiting = evidence->waiting,
        .items = evidence->items_live,
        .postings = evidence->postings,
        .memory_bytes = sizeof *evidence + evidence->pool.bytes + evidence->shared.bytes +
                        item_index_bytes(&evidence->items) +
                        (evidence->index.head_count + heaps) * sizeof(uint32_t) +
                        (evidence->degree_log.capacity + evidence->place_log.capacity) *
                            sizeof(struct degree_change),
    };
}

/* --- Digest -------------------------------------------------------------------------- */

static uint64_t list_digest(const struct evidence *evidence,
                            const struct evidence_item *item, uint32_t bucket)
{
    struct posting_cursor cursor;
    uint64_t digest = item->sku_hash + bucket;
    uint64_t version = evidence_version(evidence);
    bool more = posting_cursor_open(&cursor, postings_head(&item->postings), bucket);
    for (; more; more = posting_cursor_step(&cursor)) {
        const struct session_record *record =
            session_pool_at(&evidence->pool, cursor.next->session);
        if (session_visible(record, version)) {
            digest = hash_mix(digest ^ (uint64_t)record->end_ms);
            digest = hash_mix(digest ^ record->session_hash);
        }
    }
    return digest;
}

uint64_t evidence_digest(const struct evidence *evidence)
{
    uint64_t digest = 0;
    struct session_walk walk = {0};
    uint32_t session;
    while ((session = evidence_walk(evidence, &walk)) != SESSION_NONE) {
        struct session_record *record = session_pool_at(&evidence->pool, session);
        const struct session_place *places = session_places(record);
        uint64_t items = is_listed(evidence, record, session);
        for (uint32_t i = 0; i < record->item_count; i++) {
            items +=
                hash_mix(item_index_at(&evidence->items, record->items[i])->sku_hash);
        }
        for (uint32_t i = 0; i < record->place_count; i++) {
            items += hash_mix(
                session_place_hash(&places[i]) ^
                hash_mix(item_index_at(&evidence->items, places[i].item)->sku_hash));
        }
        digest += hash_mix(record->session_hash ^
                           hash_mix((uint64_t)record->end_ms ^ hash_mix(items)));
    }
    uint32_t count = item_index_count(&evidence->items);
    for (uint32_t i = 0; i < count; i++) {
        const struct evidence_item *item = item_index_at(&evidence->items, i);
        if (item->degree == 0) {
            continue; /* an item that once was is like one that never was */
        }
        digest += hash_mix(item->sku_hash ^ hash_mix((uint64_t)item->degree));
        for (uint32_t b = 0; b < evidence->options.bucket_count; b++) {
            digest += list_digest(evidence, item, b);
        }
    }
    return digest;
}
