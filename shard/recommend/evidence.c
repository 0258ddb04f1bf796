/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/recommend/evidence_private.h"

enum {
    INDEX_HEADS_MIN = 64,
    LIST_CAPACITY_MIN = 2,
    LIST_CAPACITY_DOUBLING_MAX = 64, /* from there lists grow by a quarter */
};

/* --- Chains ------------------------------------------------------------------------ */

static size_t index_place(const struct slot_index *index, uint64_t hash)
{
    return (size_t)hash_mix(hash) & (index->head_count - 1);
}

static void index_init(struct slot_index *index, size_t head_count)
{
    index->head_count = head_count;
    index->heads = memory_alloc(head_count * sizeof *index->heads);
    memset(index->heads, 0xff, head_count * sizeof *index->heads);
}

static void slot_link(struct evidence *evidence, uint32_t slot)
{
    size_t place = index_place(&evidence->slot_index, evidence->slots[slot].session_hash);
    evidence->slots[slot].next = evidence->slot_index.heads[place];
    evidence->slot_index.heads[place] = slot;
}

static void slot_unlink(struct evidence *evidence, uint32_t slot)
{
    size_t place = index_place(&evidence->slot_index, evidence->slots[slot].session_hash);
    uint32_t *link = &evidence->slot_index.heads[place];
    while (*link != slot) {
        ASSERT(*link != EVIDENCE_NONE);
        link = &evidence->slots[*link].next;
    }
    *link = evidence->slots[slot].next;
}

static uint32_t slot_find(const struct evidence *evidence, uint64_t session_hash)
{
    size_t place = index_place(&evidence->slot_index, session_hash);
    uint32_t slot = evidence->slot_index.heads[place];
    while (slot != EVIDENCE_NONE && evidence->slots[slot].session_hash != session_hash) {
        slot = evidence->slots[slot].next;
    }
    return slot;
}

static uint32_t slot_new(struct evidence *evidence, uint64_t session_hash)
{
    uint32_t slot = evidence->slot_free;
    if (slot != EVIDENCE_NONE) {
        evidence->slot_free = evidence->slots[slot].next;
    } else {
        ASSERT(evidence->slot_count < EVIDENCE_NONE);
        memory_reserve((void **)&evidence->slots, &evidence->slot_capacity,
                       evidence->slot_count + 1, sizeof *evidence->slots);
        slot = (uint32_t)evidence->slot_count++;
    }
    evidence->slots[slot] =
        (struct evidence_slot){.session_hash = session_hash, .used = true};
    evidence->sessions++;
    if (evidence->sessions > evidence->slot_index.head_count) {
        size_t head_count = evidence->slot_index.head_count * 2;
        free(evidence->slot_index.heads);
        index_init(&evidence->slot_index, head_count);
        for (size_t i = 0; i < evidence->slot_count; i++) {
            if (evidence->slots[i].used) {
                slot_link(evidence, (uint32_t)i);
            }
        }
    } else {
        slot_link(evidence, slot);
    }
    return slot;
}

uint32_t evidence_item_find(const struct evidence *evidence, uint64_t sku_hash)
{
    size_t place = index_place(&evidence->item_index, sku_hash);
    uint32_t item = evidence->item_index.heads[place];
    while (item != EVIDENCE_NONE && evidence->items[item].sku_hash != sku_hash) {
        item = evidence->items[item].next;
    }
    return item;
}

static void item_link(struct evidence *evidence, uint32_t item)
{
    size_t place = index_place(&evidence->item_index, evidence->items[item].sku_hash);
    evidence->items[item].next = evidence->item_index.heads[place];
    evidence->item_index.heads[place] = item;
}

static uint32_t item_find_or_add(struct evidence *evidence, uint64_t sku_hash)
{
    uint32_t item = evidence_item_find(evidence, sku_hash);
    if (item != EVIDENCE_NONE) {
        return item;
    }
    ASSERT(evidence->item_count < EVIDENCE_NONE);
    memory_reserve((void **)&evidence->items, &evidence->item_capacity,
                   evidence->item_count + 1, sizeof *evidence->items);
    item = (uint32_t)evidence->item_count++;
    evidence->items[item] = (struct evidence_item){.sku_hash = sku_hash};
    if (evidence->item_count > evidence->item_index.head_count) {
        size_t head_count = evidence->item_index.head_count * 2;
        free(evidence->item_index.heads);
        index_init(&evidence->item_index, head_count);
        for (size_t i = 0; i < evidence->item_count; i++) {
            item_link(evidence, (uint32_t)i);
        }
    } else {
        item_link(evidence, item);
    }
    return item;
}

/* --- Arrays of item numbers ---------------------------------------------------------- */

static unsigned pool_class(uint32_t count)
{
    ASSERT(count > 0 && count <= EVIDENCE_SESSION_ITEMS_MAX);
    return count == 1 ? 0 : 32u - (unsigned)__builtin_clz(count - 1);
}

static uint32_t pool_take(struct item_pool *pool, uint32_t count)
{
    unsigned class = pool_class(count);
    uint32_t offset = pool->free_first[class];
    if (offset != EVIDENCE_NONE) {
        pool->free_first[class] = pool->words[offset];
        return offset;
    }
    size_t size = (size_t)1 << class;
    ASSERT(pool->size + size < EVIDENCE_NONE);
    memory_reserve((void **)&pool->words, &pool->capacity, pool->size + size,
                   sizeof *pool->words);
    offset = (uint32_t)pool->size;
    pool->size += size;
    return offset;
}

static void pool_give(struct item_pool *pool, uint32_t offset, uint32_t count)
{
    unsigned class = pool_class(count);
    pool->words[offset] = pool->free_first[class];
    pool->free_first[class] = offset;
}

/* --- Postings ------------------------------------------------------------------------ */

static struct posting_list *list_find_or_add(struct evidence *evidence,
                                             struct evidence_item *item, uint32_t bucket)
{
    uint64_t bit = (uint64_t)1 << bucket;
    size_t place = (size_t)__builtin_popcountll(item->buckets & (bit - 1));
    if ((item->buckets & bit) == 0) {
        size_t count = (size_t)__builtin_popcountll(item->buckets);
        item->lists = memory_realloc(item->lists, (count + 1) * sizeof *item->lists);
        memmove(&item->lists[place + 1], &item->lists[place],
                (count - place) * sizeof *item->lists);
        item->lists[place] = (struct posting_list){0};
        item->buckets |= bit;
        evidence->list_bytes += sizeof *item->lists;
    }
    return &item->lists[place];
}

static void list_drop(struct evidence *evidence, struct evidence_item *item,
                      uint32_t bucket)
{
    uint64_t bit = (uint64_t)1 << bucket;
    size_t place = (size_t)__builtin_popcountll(item->buckets & (bit - 1));
    size_t count = (size_t)__builtin_popcountll(item->buckets);
    evidence->list_bytes -= sizeof *item->lists;
    evidence->list_bytes -= item->lists[place].capacity * sizeof(struct posting);
    free(item->lists[place].entries);
    memmove(&item->lists[place], &item->lists[place + 1],
            (count - place - 1) * sizeof *item->lists);
    item->buckets &= ~bit;
    if (item->buckets == 0) {
        free(item->lists);
        item->lists = NULL;
    }
}

/* Where the posting stands, or would stand: the number of older entries. */
static uint32_t list_place(const struct evidence *evidence,
                           const struct posting_list *list, const struct posting *posting)
{
    uint32_t low = 0, high = list->count;
    if (high > 0 && posting_compare(evidence, &list->entries[high - 1], posting) < 0) {
        return high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (posting_compare(evidence, &list->entries[middle], posting) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void list_grow(struct evidence *evidence, struct posting_list *list)
{
    uint32_t capacity = list->capacity;
    if (capacity == 0) {
        capacity = LIST_CAPACITY_MIN;
    } else {
        capacity += capacity < LIST_CAPACITY_DOUBLING_MAX ? capacity : capacity / 4;
    }
    evidence->list_bytes += (capacity - list->capacity) * sizeof *list->entries;
    list->entries = memory_realloc(list->entries, capacity * sizeof *list->entries);
    list->capacity = capacity;
}

static void list_insert(struct evidence *evidence, struct posting_list *list,
                        const struct posting *posting)
{
    uint32_t place = list_place(evidence, list, posting);
    if (list->count == evidence->options.posting_sessions_max) {
        list->cut = true;
        if (place == 0) {
            return;
        }
        memmove(&list->entries[0], &list->entries[1],
                (place - 1) * sizeof *list->entries);
        list->entries[place - 1] = *posting;
        return;
    }
    ASSERT(place > 0 || !list->cut); /* a cut list below its limit was refilled */
    if (list->count == list->capacity) {
        list_grow(evidence, list);
    }
    memmove(&list->entries[place + 1], &list->entries[place],
            (list->count - place) * sizeof *list->entries);
    list->entries[place] = *posting;
    list->count++;
}

static bool session_holds(const struct evidence *evidence,
                          const struct evidence_slot *slot, uint32_t item)
{
    const uint32_t *items = &evidence->pool.words[slot->items];
    uint32_t low = 0, high = slot->item_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (items[middle] < item) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < slot->item_count && items[low] == item;
}

/* A list that had been cut has lost an entry: an older session moves up. Finding it walks
 * all sessions; it takes a removal from a list at its limit to get here. */
static void list_refill(struct evidence *evidence, uint32_t item, uint32_t bucket)
{
    struct posting_list *list =
        list_find_or_add(evidence, &evidence->items[item], bucket);
    list->count = 0;
    list->cut = false;
    for (size_t i = 0; i < evidence->slot_count; i++) {
        const struct evidence_slot *slot = &evidence->slots[i];
        if (slot->used && slot->bucket == bucket && session_holds(evidence, slot, item)) {
            /* While filling, "cut" only notes that the limit was passed. */
            struct posting posting = {slot->end_ms, (uint32_t)(slot->session_hash >> 32),
                                      (uint32_t)i};
            list_insert(evidence, list, &posting);
        }
    }
}

static bool list_remove(struct evidence *evidence, struct posting_list *list,
                        const struct posting *posting)
{
    uint32_t place = list_place(evidence, list, posting);
    if (place == list->count || list->entries[place].session != posting->session) {
        ASSERT(list->cut);
        return false;
    }
    list->count--;
    memmove(&list->entries[place], &list->entries[place + 1],
            (list->count - place) * sizeof *list->entries);
    return true;
}

/* --- Degrees ------------------------------------------------------------------------- */

static void degree_note(struct evidence *evidence, uint32_t item, int64_t end_ms,
                        int64_t change)
{
    degree_log_note(&evidence->degree_log, evidence->items[item].sku_hash,
                    degree_log_period(end_ms), change);
}

bool evidence_degrees_changed(const struct evidence *evidence)
{
    return evidence->degree_log.count > 0;
}

void evidence_take_degrees(struct evidence *evidence, uint64_t version,
                           struct degree_delta *out_delta)
{
    degree_log_take(&evidence->degree_log, version, out_delta);
}

void evidence_take_all_degrees(struct evidence *evidence, uint64_t version,
                               struct degree_delta *out_delta)
{
    degree_log_restart(&evidence->degree_log);
    for (size_t i = 0; i < evidence->slot_count; i++) {
        const struct evidence_slot *slot = &evidence->slots[i];
        for (uint32_t n = 0; slot->used && n < slot->item_count; n++) {
            degree_note(evidence, evidence->pool.words[slot->items + n], slot->end_ms, 1);
        }
    }
    evidence_take_degrees(evidence, version, out_delta);
}

/* --- Sessions ------------------------------------------------------------------------ */

static void posting_add(struct evidence *evidence, uint32_t item,
                        const struct posting *posting)
{
    struct evidence_item *row = &evidence->items[item];
    uint32_t bucket = evidence->slots[posting->session].bucket;
    list_insert(evidence, list_find_or_add(evidence, row, bucket), posting);
    evidence->items_live += row->degree == 0;
    row->degree++;
    evidence->postings++;
    degree_note(evidence, item, posting->end_ms, 1);
}

/* The slot no longer holds the item, or holds it with another end. */
static void posting_take(struct evidence *evidence, uint32_t item,
                         const struct posting *posting)
{
    struct evidence_item *row = &evidence->items[item];
    uint32_t bucket = evidence->slots[posting->session].bucket;
    struct posting_list *list = list_find_or_add(evidence, row, bucket);
    bool cut = list->cut;
    if (list_remove(evidence, list, posting) && cut) {
        list_refill(evidence, item, bucket);
    }
    if (list->count == 0) {
        list_drop(evidence, row, bucket);
    }
    row->degree--;
    evidence->items_live -= row->degree == 0;
    evidence->postings--;
    degree_note(evidence, item, posting->end_ms, -1);
}

/* The session stays and its end moves: the usual life of a session that goes on. */
static void posting_move(struct evidence *evidence, uint32_t item,
                         const struct posting *from, const struct posting *to)
{
    uint32_t bucket = evidence->slots[from->session].bucket;
    struct posting_list *list =
        list_find_or_add(evidence, &evidence->items[item], bucket);
    bool cut = list->cut;
    bool listed = list_remove(evidence, list, from);
    if (listed && cut && list_place(evidence, list, to) == 0) {
        list_refill(evidence, item, bucket);
    } else {
        list_insert(evidence, list, to);
    }
    if (degree_log_period(from->end_ms) != degree_log_period(to->end_ms)) {
        degree_note(evidence, item, from->end_ms, -1);
        degree_note(evidence, item, to->end_ms, 1);
    }
}

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
                   (size_t)session->item_count * 2, sizeof *evidence->scratch);
    for (uint32_t i = 0; i < session->item_count; i++) {
        evidence->scratch[i] = item_find_or_add(evidence, session->items[i]);
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

/* Replaces what the slot holds by the scratch; `old` is its own copy of what it held. */
static void slot_change(struct evidence *evidence, uint32_t slot, const uint32_t *old,
                        uint32_t old_count, const struct posting *from)
{
    const struct evidence_slot *row = &evidence->slots[slot];
    const struct posting to = {row->end_ms, from->tie, slot};
    uint32_t i = 0, j = 0;
    while (i < old_count || j < row->item_count) {
        uint32_t a = i < old_count ? old[i] : EVIDENCE_NONE;
        uint32_t b =
            j < row->item_count ? evidence->pool.words[row->items + j] : EVIDENCE_NONE;
        if (a == b) {
            posting_move(evidence, a, from, &to);
        } else if (a < b) {
            posting_take(evidence, a, from);
        } else {
            posting_add(evidence, b, &to);
        }
        i += a <= b;
        j += b <= a;
    }
}

void evidence_put(struct evidence *evidence, const struct evidence_session *session)
{
    ASSERT(session->item_count > 0);
    ASSERT(session->item_count <= EVIDENCE_SESSION_ITEMS_MAX);
    uint32_t count = put_items(evidence, session);
    uint32_t slot = slot_find(evidence, session->session_hash);
    uint32_t *old = NULL;
    uint32_t old_count = 0;
    if (slot != EVIDENCE_NONE &&
        (evidence->slots[slot].customer.high != session->customer.high ||
         evidence->slots[slot].customer.low != session->customer.low)) {
        /* Two sessions of one 64-bit hash: the later stands, on every replica. */
        evidence_remove(evidence, session->session_hash);
        slot = EVIDENCE_NONE;
    }
    if (slot == EVIDENCE_NONE) {
        slot = slot_new(evidence, session->session_hash);
    } else {
        const struct evidence_slot *row = &evidence->slots[slot];
        old_count = row->item_count;
        old = memory_copy(&evidence->pool.words[row->items], old_count * sizeof *old);
        pool_give(&evidence->pool, row->items, old_count);
    }
    uint32_t items = pool_take(&evidence->pool, count);
    memcpy(&evidence->pool.words[items], evidence->scratch,
           count * sizeof *evidence->scratch);
    struct evidence_slot *row = &evidence->slots[slot];
    const struct posting from = {row->end_ms, (uint32_t)(session->session_hash >> 32),
                                 slot};
    row->customer = session->customer;
    row->end_ms = session->end_ms;
    row->items = items;
    row->item_count = count;
    row->bucket =
        (uint8_t)evidence_bucket(session->customer.high, evidence->options.bucket_count);
    slot_change(evidence, slot, old, old_count, &from);
    free(old);
}

void evidence_remove(struct evidence *evidence, uint64_t session_hash)
{
    uint32_t slot = slot_find(evidence, session_hash);
    if (slot == EVIDENCE_NONE) {
        return;
    }
    struct evidence_slot *row = &evidence->slots[slot];
    const struct posting from = {row->end_ms, (uint32_t)(session_hash >> 32), slot};
    uint32_t count = row->item_count;
    uint32_t *old = memory_copy(&evidence->pool.words[row->items], count * sizeof *old);
    pool_give(&evidence->pool, row->items, count);
    row->item_count = 0;
    row->used = false; /* a refill must not find it */
    slot_change(evidence, slot, old, count, &from);
    free(old);
    slot_unlink(evidence, slot);
    row = &evidence->slots[slot];
    row->next = evidence->slot_free;
    evidence->slot_free = slot;
    evidence->sessions--;
}

/* --- Life and counters --------------------------------------------------------------- */

struct evidence *evidence_new(const struct evidence_options *options)
{
    struct evidence *evidence = memory_zalloc(sizeof *evidence);
    evidence->options = *options;
    if (evidence->options.bucket_count == 0) {
        evidence->options.bucket_count = EVIDENCE_BUCKETS_DEFAULT;
    }
    if (evidence->options.posting_sessions_max == 0) {
        evidence->options.posting_sessions_max = EVIDENCE_POSTINGS_DEFAULT;
    }
    ASSERT(evidence->options.bucket_count <= EVIDENCE_BUCKETS_MAX);
    ASSERT(__builtin_popcount(evidence->options.bucket_count) == 1);
    evidence->slot_free = EVIDENCE_NONE;
    memset(evidence->pool.free_first, 0xff, sizeof evidence->pool.free_first);
    index_init(&evidence->slot_index, INDEX_HEADS_MIN);
    index_init(&evidence->item_index, INDEX_HEADS_MIN);
    return evidence;
}

void evidence_free(struct evidence *evidence)
{
    if (evidence == NULL) {
        return;
    }
    for (size_t i = 0; i < evidence->item_count; i++) {
        struct evidence_item *item = &evidence->items[i];
        int lists = __builtin_popcountll(item->buckets);
        for (int n = 0; n < lists; n++) {
            free(item->lists[n].entries);
        }
        free(item->lists);
    }
    free(evidence->items);
    free(evidence->slots);
    free(evidence->pool.words);
    free(evidence->slot_index.heads);
    free(evidence->item_index.heads);
    degree_log_close(&evidence->degree_log);
    free(evidence->scratch);
    free(evidence);
}

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

struct evidence_counters evidence_counters(const struct evidence *evidence)
{
    return (struct evidence_counters){
        .sessions = evidence->sessions,
        .items = evidence->items_live,
        .postings = evidence->postings,
        .memory_bytes =
            evidence->slot_capacity * sizeof *evidence->slots +
            evidence->item_capacity * sizeof *evidence->items +
            evidence->pool.capacity * sizeof *evidence->pool.words +
            (evidence->slot_index.head_count + evidence->item_index.head_count) *
                sizeof(uint32_t) +
            evidence->list_bytes +
            evidence->degree_log.capacity * sizeof(struct degree_change),
    };
}

uint64_t evidence_degree(const struct evidence *evidence, uint64_t sku_hash)
{
    uint32_t item = evidence_item_find(evidence, sku_hash);
    return item == EVIDENCE_NONE ? 0 : (uint64_t)evidence->items[item].degree;
}

static uint64_t list_digest(const struct evidence *evidence,
                            const struct posting_list *list, uint64_t seed)
{
    uint64_t digest = seed;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct posting *posting = &list->entries[i];
        digest = hash_mix(digest ^ (uint64_t)posting->end_ms);
        digest = hash_mix(digest ^ evidence->slots[posting->session].session_hash);
    }
    return digest;
}

uint64_t evidence_digest(const struct evidence *evidence)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < evidence->slot_count; i++) {
        const struct evidence_slot *slot = &evidence->slots[i];
        uint64_t items = 0;
        if (!slot->used) {
            continue;
        }
        for (uint32_t n = 0; n < slot->item_count; n++) {
            uint32_t item = evidence->pool.words[slot->items + n];
            items += hash_mix(evidence->items[item].sku_hash);
        }
        digest += hash_mix(slot->session_hash ^
                           hash_mix((uint64_t)slot->end_ms ^ hash_mix(items)));
    }
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->degree > 0) {
            digest += hash_mix(item->sku_hash ^ hash_mix((uint64_t)item->degree));
        }
        for (uint32_t b = 0; b < evidence->options.bucket_count; b++) {
            const struct posting_list *list = evidence_item_list(item, b);
            if (list != NULL) {
                digest += list_digest(evidence, list, item->sku_hash + b);
            }
        }
    }
    return digest;
}
