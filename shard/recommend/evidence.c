/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/recommend/evidence_private.h"

enum {
    INDEX_HEADS_MIN = 64,
};

/* --- Index --------------------------------------------------------------------------- */

static void index_init(struct session_index *index, size_t head_count)
{
    index->head_count = head_count;
    index->heads = memory_alloc(head_count * sizeof *index->heads);
    memset(index->heads, 0xff, head_count * sizeof *index->heads);
}

static uint32_t *index_head(struct session_index *index, uint64_t session_hash)
{
    return &index->heads[(size_t)hash_mix(session_hash) & (index->head_count - 1)];
}

uint32_t evidence_walk(const struct evidence *evidence, struct session_walk *walk)
{
    const struct session_index *index = &evidence->index;
    uint32_t session = walk->head == 0 ? SESSION_NONE : walk->session;
    while (session == SESSION_NONE && walk->head < index->head_count) {
        session = index->heads[walk->head++];
    }
    if (session != SESSION_NONE) {
        walk->session = session_pool_at(&evidence->pool, session)->next;
    }
    return session;
}

static void index_grow(struct evidence *evidence)
{
    struct session_index grown = {.count = evidence->index.count};
    struct session_walk walk = {0};
    uint32_t session;
    index_init(&grown, evidence->index.head_count * 2);
    while ((session = evidence_walk(evidence, &walk)) != SESSION_NONE) {
        struct session_record *record = session_pool_at(&evidence->pool, session);
        uint32_t *head = index_head(&grown, record->session_hash);
        record->next = *head;
        *head = session;
    }
    free(evidence->index.heads);
    evidence->index = grown;
}

static void index_link(struct evidence *evidence, uint32_t session)
{
    if (evidence->index.count == evidence->index.head_count) {
        index_grow(evidence);
    }
    struct session_record *record = session_pool_at(&evidence->pool, session);
    uint32_t *head = index_head(&evidence->index, record->session_hash);
    record->next = *head;
    *head = session;
    evidence->index.count++;
}

static void index_unlink(struct evidence *evidence, uint32_t session)
{
    struct session_record *record = session_pool_at(&evidence->pool, session);
    uint32_t *link = index_head(&evidence->index, record->session_hash);
    while (*link != session) {
        ASSERT(*link != SESSION_NONE);
        link = &session_pool_at(&evidence->pool, *link)->next;
    }
    *link = record->next;
    evidence->index.count--;
}

static uint32_t index_find(struct evidence *evidence, uint64_t session_hash)
{
    uint32_t session = *index_head(&evidence->index, session_hash);
    while (session != SESSION_NONE) {
        const struct session_record *record = session_pool_at(&evidence->pool, session);
        if (record->session_hash == session_hash) {
            break;
        }
        session = record->next;
    }
    return session;
}

/* --- Degrees ------------------------------------------------------------------------- */

/* One session more or less that holds the item. */
static void degree_change(struct evidence *evidence, uint32_t item, int64_t end_ms,
                          int change)
{
    struct evidence_item *row = item_index_at(&evidence->items, item);
    evidence->items_live += change > 0 && row->degree == 0;
    row->degree += change;
    evidence->items_live -= change < 0 && row->degree == 0;
    evidence->postings += (uint64_t)(int64_t)change;
    degree_log_note(&evidence->degree_log, row->sku_hash, degree_log_period(end_ms),
                    change);
}

static void places_of_session(struct evidence *evidence, struct session_record *record,
                              int change)
{
    const struct session_place *places = session_places(record);
    for (uint32_t i = 0; i < record->place_count; i++) {
        degree_log_note_at(&evidence->place_log, session_place_hash(&places[i]),
                           item_index_at(&evidence->items, places[i].item)->sku_hash,
                           degree_log_period(record->end_ms), change);
    }
}

static void degrees_of_session(struct evidence *evidence, struct session_record *record,
                               int change)
{
    for (uint32_t i = 0; i < record->item_count; i++) {
        degree_change(evidence, record->items[i], record->end_ms, change);
    }
    places_of_session(evidence, record, change);
}

/* The session goes on: only what differs is noted. Of places the log finds that out. */
static void degrees_of_change(struct evidence *evidence, struct session_record *from,
                              struct session_record *to)
{
    bool same_period = degree_log_period(from->end_ms) == degree_log_period(to->end_ms);
    uint32_t i = 0, j = 0;
    while (i < from->item_count || j < to->item_count) {
        uint32_t a = i < from->item_count ? from->items[i] : ITEM_NONE;
        uint32_t b = j < to->item_count ? to->items[j] : ITEM_NONE;
        if (a <= b && !(a == b && same_period)) {
            degree_change(evidence, a, from->end_ms, -1);
        }
        if (b <= a && !(a == b && same_period)) {
            degree_change(evidence, b, to->end_ms, 1);
        }
        i += a <= b;
        j += b <= a;
    }
    places_of_session(evidence, from, -1);
    places_of_session(evidence, to, 1);
}

/* --- Sessions in the lists ------------------------------------------------------------ */

uint32_t evidence_record_bucket(const struct evidence *evidence,
                                const struct session_record *record)
{
    return evidence_bucket(record->customer.high, evidence->options.bucket_count);
}

static struct evidence_bucket_state *bucket_of(struct evidence *evidence,
                                               const struct session_record *record)
{
    return &evidence->buckets[evidence_record_bucket(evidence, record)];
}

static struct posting posting_of(const struct session_record *record, uint32_t session)
{
    return (struct posting){.end_ms = record->end_ms,
                            .tie = (uint32_t)(record->session_hash >> 32),
                            .session = session};
}

/* Into the lists of all its items, for readers of the next version. */
static void session_post(struct evidence *evidence, uint32_t session)
{
    struct session_record *record = session_pool_at(&evidence->pool, session);
    uint32_t bucket = evidence_record_bucket(evidence, record);
    const struct posting posting = posting_of(record, session);
    record->birth = epoch_next(&evidence->epoch);
    atomic_store_explicit(&evidence->buckets[bucket].newest_birth, record->birth,
                          memory_order_relaxed);
    for (uint32_t i = 0; i < record->item_count; i++) {
        struct evidence_item *item = item_index_at(&evidence->items, record->items[i]);
        postings_add(&evidence->shared, &item->postings, bucket, &posting);
    }
}

static void session_reclaim(void *context, void *block)
{
    struct evidence *evidence = context;
    session_pool_give(&evidence->pool, (uint32_t)(uintptr_t)block);
}

/* No reader sees the session any more: its postings go, and when nobody can stand on one
 * of them, the record. */
static void session_bury(void *context, void *block)
{
    struct evidence *evidence = context;
    uint32_t session = (uint32_t)(uintptr_t)block;
    const struct session_record *record = session_pool_at(&evidence->pool, session);
    uint32_t bucket = evidence_record_bucket(evidence, record);
    const struct posting posting = posting_of(record, session);
    for (uint32_t i = 0; i < record->item_count; i++) {
        struct evidence_item *item = item_index_at(&evidence->items, record->items[i]);
        postings_drop(&evidence->shared, &item->postings, bucket, &posting);
    }
    atomic_fetch_sub_explicit(&evidence->buckets[bucket].buried, 1, memory_order_release);
    epoch_retire(&evidence->epoch, block, session_reclaim, evidence);
}

/* The tombstone, for readers of the next version. Before anything is reclaimed. */
static void session_kill(struct evidence *evidence, uint32_t session)
{
    struct session_record *record = session_pool_at(&evidence->pool, session);
    atomic_fetch_add_explicit(&bucket_of(evidence, record)->buried, 1,
                              memory_order_relaxed);
    atomic_store_explicit(&record->death, epoch_next(&evidence->epoch),
                          memory_order_relaxed);
    epoch_retire(&evidence->epoch, (void *)(uintptr_t)session, session_bury, evidence);
}

/* --- The limit ------------------------------------------------------------------------ */

static uint32_t session_copy(struct evidence *evidence, uint32_t session)
{
    struct session_record *from = session_pool_at(&evidence->pool, session);
    uint32_t copy =
        session_pool_take(&evidence->pool, from->item_count, from->place_count);
    struct session_record *to = session_pool_at(&evidence->pool, copy);
    to->session_hash = from->session_hash;
    to->customer = from->customer;
    to->end_ms = from->end_ms;
    to->birth = 0;
    atomic_init(&to->death, SESSION_STANDS);
    memcpy(to->items, from->items, from->item_count * sizeof *to->items);
    memcpy(session_places(to), session_places(from),
           from->place_count * sizeof(struct session_place));
    return copy;
}

/* The oldest listed session becomes one that waits. Readers of this version still have it
 * in their lists, so a copy waits. */
static void bucket_evict(struct evidence *evidence, struct evidence_bucket_state *bucket)
{
    uint32_t oldest = bucket->listed.sessions[0];
    session_heap_remove(&bucket->listed, &evidence->pool, oldest);
    degrees_of_session(evidence, session_pool_at(&evidence->pool, oldest), -1);
    index_unlink(evidence, oldest);
    session_kill(evidence, oldest);
    uint32_t copy = session_copy(evidence, oldest);
    index_link(evidence, copy);
    session_heap_push(&bucket->waiting, &evidence->pool, copy);
    evidence->listed--;
    evidence->waiting++;
}

/* Lists the newest bucket_sessions_max. `fresh` has its degrees told by the caller; true
 * when it ends in the lists. */
static bool bucket_settle(struct evidence *evidence, struct evidence_bucket_state *bucket,
                          uint32_t fresh)
{
    bool fresh_listed = false;
    const struct session_pool *pool = &evidence->pool;
    while (bucket->waiting.count > 0) {
        uint32_t newest = bucket->waiting.sessions[0];
        bool full = bucket->listed.count == evidence->options.bucket_sessions_max;
        if (full && session_newer(session_pool_at(pool, bucket->listed.sessions[0]),
                                  session_pool_at(pool, newest))) {
            break;
        }
        session_heap_remove(&bucket->waiting, pool, newest);
        evidence->waiting--;
        if (full) {
            bucket_evict(evidence, bucket);
        }
        session_post(evidence, newest);
        session_heap_push(&bucket->listed, pool, newest);
        evidence->listed++;
        if (newest == fresh) {
            fresh_listed = true;
        } else {
            degrees_of_session(evidence, session_pool_at(pool, newest), 1);
        }
    }
    return fresh_listed;
}

/* Out of index and heap; true when it was listed: then it is dead, and its degrees are the
 * caller's to take back. */
static bool session_take(struct evidence *evidence, uint32_t session)
{
    const struct session_record *record = session_pool_at(&evidence->pool, session);
    struct evidence_bucket_state *bucket = bucket_of(evidence, record);
    index_unlink(evidence, session);
    if (session_heap_holds(&bucket->waiting, record, session)) {
        session_heap_remove(&bucket->waiting, &evidence->pool, session);
        evidence->waiting--;
        return false;
    }
    session_heap_remove(&bucket->listed, &evidence->pool, session);
    evidence->listed--;
    session_kill(evidence, session);
    return true;
}

/* --- Put and remove ------------------------------------------------------------------- */

static int item_number_compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* The session's item numbers, ascending and distinct, into the scratch. */
static uint32_t put_items(struct evidence *evidence,
                          const struct evidence_session *session)
{
    uint32_t count = 0;
    memory_reserve((void **)&evidence->scratch, &evidence->scratch_capacity,
                   session->item_count, sizeof *evidence->scratch);
    for (uint32_t i = 0; i < session->item_count; i++) {
        evidence->scratch[i] =
            item_index_find_or_add(&evidence->items, &evidence->epoch, session->items[i]);
    }
    qsort(evidence->scratch, session->item_count, sizeof *evidence->scratch,
          item_number_compare);
    for (uint32_t i = 0; i < session->item_count; i++) {
        if (count == 0 || evidence->scratch[count - 1] != evidence->scratch[i]) {
            evidence->scratch[count++] = evidence->scratch[i];
        }
    }
    return count;
}

static int place_compare(const void *left, const void *right)
{
    const struct session_place *a = left, *b = right;
    if (session_place_hash(a) != session_place_hash(b)) {
        return session_place_hash(a) < session_place_hash(b) ? -1 : 1;
    }
    return a->item < b->item ? -1 : a->item > b->item;
}

/* The session's places, sorted, into the scratch. Their items have numbers already. */
static void put_places(struct evidence *evidence, const struct evidence_session *session)
{
    memory_reserve((void **)&evidence->places, &evidence->place_capacity,
                   session->place_count, sizeof *evidence->places);
    for (uint32_t i = 0; i < session->place_count; i++) {
        const struct evidence_place *place = &session->places[i];
        evidence->places[i] = (struct session_place){
            .place_high = (uint32_t)(place->place >> 32),
            .place_low = (uint32_t)place->place,
            .item = item_index_find(&evidence->items, place->sku_hash)};
    }
    if (session->place_count > 1) {
        qsort(evidence->places, session->place_count, sizeof *evidence->places,
              place_compare);
    }
}

static bool put_changes_nothing(const struct evidence *evidence,
                                struct session_record *old,
                                const struct evidence_session *session, uint32_t count)
{
    return old->customer.high == session->customer.high &&
           old->customer.low == session->customer.low && old->end_ms == session->end_ms &&
           old->item_count == count &&
           memcmp(old->items, evidence->scratch, count * sizeof *old->items) == 0 &&
           old->place_count == session->place_count &&
           (session->place_count == 0 ||
            memcmp(session_places(old), evidence->places,
                   session->place_count * sizeof(struct session_place)) == 0);
}

static uint32_t put_record(struct evidence *evidence,
                           const struct evidence_session *session, uint32_t count)
{
    uint32_t number = session_pool_take(&evidence->pool, count, session->place_count);
    struct session_record *record = session_pool_at(&evidence->pool, number);
    record->session_hash = session->session_hash;
    record->customer = session->customer;
    record->end_ms = session->end_ms;
    record->birth = 0;
    atomic_init(&record->death, SESSION_STANDS);
    memcpy(record->items, evidence->scratch, count * sizeof *record->items);
    if (session->place_count > 0) {
        memcpy(session_places(record), evidence->places,
               session->place_count * sizeof(struct session_place));
    }
    return number;
}

/* Two sessions of one 64-bit hash: the later stands, on every replica. */
void evidence_put(struct evidence *evidence, const struct evidence_session *session)
{
    ASSERT(session->item_count > 0);
    ASSERT(session->item_count <= EVIDENCE_SESSION_ITEMS_MAX);
    ASSERT(session->place_count <= EVIDENCE_SESSION_PLACES_MAX);
    uint32_t count = put_items(evidence, session);
    put_places(evidence, session);
    uint32_t old = index_find(evidence, session->session_hash);
    struct session_record *from = NULL;
    bool was_listed = false;
    if (old != SESSION_NONE) {
        from = session_pool_at(&evidence->pool, old);
        if (put_changes_nothing(evidence, from, session, count)) {
            return;
        }
        was_listed = session_take(evidence, old);
    }
    uint32_t fresh = put_record(evidence, session, count);
    struct session_record *to = session_pool_at(&evidence->pool, fresh);
    struct evidence_bucket_state *bucket = bucket_of(evidence, to);
    index_link(evidence, fresh);
    session_heap_push(&bucket->waiting, &evidence->pool, fresh);
    evidence->waiting++;
    bool is_listed = bucket_settle(evidence, bucket, fresh);
    if (was_listed && is_listed) {
        degrees_of_change(evidence, from, to);
    } else if (was_listed) {
        degrees_of_session(evidence, from, -1);
    } else if (is_listed) {
        degrees_of_session(evidence, to, 1);
    }
    if (from != NULL && bucket_of(evidence, from) != bucket) {
        (void)bucket_settle(evidence, bucket_of(evidence, from), SESSION_NONE);
    }
    if (from != NULL && !was_listed) {
        session_pool_give(&evidence->pool, old); /* no list ever had it */
    }
    epoch_advance(&evidence->epoch);
}

void evidence_remove(struct evidence *evidence, uint64_t session_hash)
{
    uint32_t session = index_find(evidence, session_hash);
    if (session == SESSION_NONE) {
        return;
    }
    struct session_record *record = session_pool_at(&evidence->pool, session);
    if (session_take(evidence, session)) {
        degrees_of_session(evidence, record, -1);
        (void)bucket_settle(evidence, bucket_of(evidence, record), SESSION_NONE);
    } else {
        session_pool_give(&evidence->pool, session);
    }
    epoch_advance(&evidence->epoch);
}

/* --- Readers -------------------------------------------------------------------------- */

bool evidence_read_begin(struct evidence *evidence, struct evidence_view *out_view)
{
    out_view->evidence = evidence;
    return epoch_pin(&evidence->epoch, &out_view->pin);
}

void evidence_read_end(const struct evidence_view *view)
{
    epoch_unpin(&view->evidence->epoch, &view->pin);
}

uint64_t evidence_version(const struct evidence *evidence)
{
    return epoch_next(&evidence->epoch) - 1;
}

/* --- Life ----------------------------------------------------------------------------- */

struct evidence *evidence_new(const struct evidence_options *options)
{
    struct evidence *evidence = memory_zalloc(sizeof *evidence);
    evidence->options = *options;
    if (evidence->options.bucket_count == 0) {
        evidence->options.bucket_count = EVIDENCE_BUCKETS_DEFAULT;
    }
    if (evidence->options.bucket_sessions_max == 0) {
        evidence->options.bucket_sessions_max = EVIDENCE_BUCKET_SESSIONS_DEFAULT;
    }
    ASSERT(evidence->options.bucket_count <= EVIDENCE_BUCKETS_MAX);
    ASSERT(__builtin_popcount(evidence->options.bucket_count) == 1);
    epoch_init(&evidence->epoch);
    session_pool_init(&evidence->pool);
    item_index_init(&evidence->items);
    evidence->shared = (struct postings_shared){
        .epoch = &evidence->epoch,
        .pool = &evidence->pool,
        .bucket_count = evidence->options.bucket_count,
    };
    for (uint32_t b = 0; b < EVIDENCE_BUCKETS_MAX; b++) {
        struct evidence_bucket_state *bucket = &evidence->buckets[b];
        atomic_init(&bucket->buried, 0);
        atomic_init(&bucket->newest_birth, 0);
        bucket->waiting.newest_first = true;
    }
    index_init(&evidence->index, INDEX_HEADS_MIN);
    degree_log_init(&evidence->degree_log);
    degree_log_init(&evidence->place_log);
    return evidence;
}

void evidence_free(struct evidence *evidence)
{
    if (evidence == NULL) {
        return;
    }
    epoch_close(&evidence->epoch); /* buries what is dead: everything is still here */
    uint32_t count = item_index_count(&evidence->items);
    for (uint32_t i = 0; i < count; i++) {
        postings_close(&evidence->shared, &item_index_at(&evidence->items, i)->postings);
    }
    for (uint32_t b = 0; b < EVIDENCE_BUCKETS_MAX; b++) {
        session_heap_close(&evidence->buckets[b].listed);
        session_heap_close(&evidence->buckets[b].waiting);
    }
    item_index_close(&evidence->items);
    session_pool_close(&evidence->pool);
    free(evidence->index.heads);
    degree_log_close(&evidence->degree_log);
    degree_log_close(&evidence->place_log);
    free(evidence->places);
    free(evidence->scratch);
    free(evidence);
}
