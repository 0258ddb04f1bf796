/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/histories_private.h"

enum {
    LIST_CAPACITY_MIN = 2,
    LIST_CAPACITY_DOUBLING_MAX = 64, /* from there lists grow by a quarter */
};

/* --- Customers and items ------------------------------------------------------------ */

static struct history_customer *customer_of(struct map_node *node)
{
    return node != NULL ? CONTAINER_OF(node, struct history_customer, node) : NULL;
}

static bool customer_equal(const struct map_node *node, const void *key)
{
    const struct history_customer *customer =
        CONTAINER_OF(node, const struct history_customer, node);
    const struct hash128 *id = key;
    return customer->id.high == id->high && customer->id.low == id->low;
}

struct history_customer *histories_customer_find(const struct histories *histories,
                                                 struct hash128 id)
{
    return customer_of(map_find(&histories->customers, id.low, customer_equal, &id));
}

static struct history_customer *customer_next(const struct histories *histories,
                                              struct history_customer *customer)
{
    return customer_of(
        map_next(&histories->customers, customer != NULL ? &customer->node : NULL));
}

static struct history_customer *customer_add(struct histories *histories,
                                             struct hash128 id)
{
    struct history_customer *customer =
        memory_alloc_aligned(HISTORY_LINE_BYTES, sizeof *customer);
    *customer = (struct history_customer){
        .id = id, .bucket = evidence_bucket(id.high, histories->options.bucket_count)};
    customer->items = customer->few;
    map_insert(&histories->customers, &customer->node, id.low);
    return customer;
}

/* Room for so many items; those that are held stay. */
static void customer_reserve(struct history_customer *customer, uint32_t count)
{
    bool few = customer->items == customer->few;
    customer->at_ms = memory_realloc(customer->at_ms, count * sizeof *customer->at_ms);
    if (count > HISTORY_FEW) {
        customer->items =
            memory_realloc(few ? NULL : customer->items, count * sizeof *customer->items);
        if (few) {
            memcpy(customer->items, customer->few, sizeof customer->few);
        }
    }
}

static void customer_free(struct history_customer *customer)
{
    if (customer->items != customer->few) {
        free(customer->items);
    }
    free(customer->at_ms);
    free(customer->steps);
    free(customer);
}

static struct history_held held_at(const struct history_customer *customer,
                                   uint32_t place)
{
    return (struct history_held){customer->at_ms[place], customer->items[place]};
}

static void held_set(struct history_customer *customer, uint32_t place,
                     const struct history_held *held)
{
    customer->at_ms[place] = held->at_ms;
    customer->items[place] = held->item;
}

static bool item_equal(const struct map_node *node, const void *key)
{
    const struct history_item *item = (const void *)node;
    return item->sku_hash == *(const uint64_t *)key;
}

const struct history_item *histories_item_find(const struct histories *histories,
                                               uint64_t sku_hash)
{
    return (const void *)map_find(&histories->item_index, hash_mix(sku_hash), item_equal,
                                  &sku_hash);
}

static uint32_t item_find_or_add(struct histories *histories, uint64_t sku_hash)
{
    const struct history_item *found = histories_item_find(histories, sku_hash);
    if (found != NULL) {
        return found->number;
    }
    ASSERT(histories->item_count < UINT32_MAX);
    memory_reserve((void **)&histories->items, &histories->item_capacity,
                   histories->item_count + 1, sizeof *histories->items);
    memory_reserve((void **)&histories->sku_hashes, &histories->hash_capacity,
                   histories->item_count + 1, sizeof *histories->sku_hashes);
    struct history_item *item = memory_zalloc(sizeof *item);
    item->sku_hash = sku_hash;
    item->number = (uint32_t)histories->item_count;
    histories->sku_hashes[histories->item_count] = sku_hash;
    histories->items[histories->item_count++] = item;
    map_insert(&histories->item_index, &item->node, hash_mix(sku_hash));
    return item->number;
}

/* --- Postings ------------------------------------------------------------------------ */

static int posting_compare(const struct history_posting *a,
                           const struct history_posting *b)
{
    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms ? -1 : 1;
    }
    if (a->customer->id.high != b->customer->id.high) {
        return a->customer->id.high < b->customer->id.high ? -1 : 1;
    }
    return a->customer->id.low < b->customer->id.low
               ? -1
               : a->customer->id.low > b->customer->id.low;
}

static uint32_t list_place(const struct history_list *list,
                           const struct history_posting *posting)
{
    uint32_t low = 0, high = list->count;
    if (high > 0 && posting_compare(&list->entries[high - 1], posting) < 0) {
        return high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (posting_compare(&list->entries[middle], posting) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct history_list *list_find_or_add(struct histories *histories,
                                             struct history_item *item, uint32_t bucket)
{
    uint64_t bit = (uint64_t)1 << bucket;
    size_t place = (size_t)__builtin_popcountll(item->buckets & (bit - 1));
    if ((item->buckets & bit) == 0) {
        size_t count = (size_t)__builtin_popcountll(item->buckets);
        item->lists = memory_realloc(item->lists, (count + 1) * sizeof *item->lists);
        memmove(&item->lists[place + 1], &item->lists[place],
                (count - place) * sizeof *item->lists);
        item->lists[place] = (struct history_list){0};
        item->buckets |= bit;
        histories->list_bytes += sizeof *item->lists;
    }
    return &item->lists[place];
}

static void list_drop(struct histories *histories, struct history_item *item,
                      uint32_t bucket)
{
    uint64_t bit = (uint64_t)1 << bucket;
    size_t place = (size_t)__builtin_popcountll(item->buckets & (bit - 1));
    size_t count = (size_t)__builtin_popcountll(item->buckets);
    struct history_list *list = &item->lists[place];
    histories->list_bytes -= sizeof *list + list->capacity * sizeof *list->entries;
    free(list->entries);
    memmove(list, list + 1, (count - place - 1) * sizeof *list);
    item->buckets &= ~bit;
    if (item->buckets == 0) {
        free(item->lists);
        item->lists = NULL;
    }
}

static void list_insert(struct histories *histories, struct history_list *list,
                        const struct history_posting *posting)
{
    uint32_t place = list_place(list, posting);
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity;
        if (capacity == 0) {
            capacity = LIST_CAPACITY_MIN;
        } else {
            capacity += capacity < LIST_CAPACITY_DOUBLING_MAX ? capacity : capacity / 4;
        }
        histories->list_bytes += (capacity - list->capacity) * sizeof *list->entries;
        list->entries = memory_realloc(list->entries, capacity * sizeof *list->entries);
        list->capacity = capacity;
    }
    memmove(&list->entries[place + 1], &list->entries[place],
            (list->count - place) * sizeof *list->entries);
    list->entries[place] = *posting;
    list->count++;
}

static void list_remove(struct history_list *list, const struct history_posting *posting)
{
    uint32_t place = list_place(list, posting);
    ASSERT(place < list->count);
    ASSERT(list->entries[place].customer == posting->customer);
    list->count--;
    memmove(&list->entries[place], &list->entries[place + 1],
            (list->count - place) * sizeof *list->entries);
}

static void held_add(struct histories *histories, const struct history_customer *customer,
                     const struct history_held *held)
{
    struct history_item *item = histories->items[held->item];
    const struct history_posting posting = {held->at_ms, customer};
    list_insert(histories, list_find_or_add(histories, item, customer->bucket), &posting);
    histories->items_live += item->degree == 0;
    item->degree++;
    histories->postings++;
    degree_log_note(&histories->degree_log, item->sku_hash,
                    degree_log_period(held->at_ms), 1);
}

static void held_take(struct histories *histories,
                      const struct history_customer *customer,
                      const struct history_held *held)
{
    struct history_item *item = histories->items[held->item];
    const struct history_posting posting = {held->at_ms, customer};
    struct history_list *list = list_find_or_add(histories, item, customer->bucket);
    list_remove(list, &posting);
    if (list->count == 0) {
        list_drop(histories, item, customer->bucket);
    }
    item->degree--;
    histories->items_live -= item->degree == 0;
    histories->postings--;
    degree_log_note(&histories->degree_log, item->sku_hash,
                    degree_log_period(held->at_ms), -1);
}

/* --- Histories ------------------------------------------------------------------------ */

static int held_compare(const void *left, const void *right)
{
    const struct history_held *a = left, *b = right;
    if (a->item != b->item) {
        return a->item < b->item ? -1 : 1;
    }
    return a->at_ms > b->at_ms ? -1 : a->at_ms < b->at_ms;
}

static bool kind_counts(const struct histories *histories, uint8_t kind)
{
    uint32_t kinds = histories->options.kinds;
    return kinds == HISTORIES_KINDS_ALL || (kind < 32 && (kinds >> kind & 1) != 0);
}

/* The newest that count, as steps and distinct items, into the scratch. */
static void put_prepare(struct histories *histories,
                        const struct histories_action *actions, uint32_t action_count,
                        uint32_t *out_held, uint32_t *out_steps)
{
    uint32_t counted = 0, first = action_count, steps = 0, held = 0, kept = 0;
    while (first > 0 && counted < HISTORIES_ACTIONS_MAX) {
        first--;
        counted += kind_counts(histories, actions[first].kind);
    }
    memory_reserve((void **)&histories->held, &histories->held_capacity, counted,
                   sizeof *histories->held);
    memory_reserve((void **)&histories->step, &histories->step_capacity, counted,
                   sizeof *histories->step);
    for (uint32_t i = first; i < action_count; i++) {
        if (!kind_counts(histories, actions[i].kind)) {
            continue;
        }
        uint32_t item = item_find_or_add(histories, actions[i].sku_hash);
        histories->held[held++] = (struct history_held){actions[i].at_ms, item};
        if (steps == 0 || histories->step[steps - 1] != item) {
            histories->step[steps++] = item;
        }
    }
    if (held > 0) {
        qsort(histories->held, held, sizeof *histories->held, held_compare);
    }
    for (uint32_t i = 0; i < held; i++) {
        if (kept == 0 || histories->held[kept - 1].item != histories->held[i].item) {
            histories->held[kept++] = histories->held[i];
        }
    }
    *out_held = kept;
    *out_steps = steps;
}

/* Only what differs reaches the postings. */
static void customer_change(struct histories *histories,
                            const struct history_customer *customer, uint32_t held_count)
{
    uint32_t i = 0, j = 0;
    while (i < customer->held_count || j < held_count) {
        uint32_t a = i < customer->held_count ? customer->items[i] : UINT32_MAX;
        uint32_t b = j < held_count ? histories->held[j].item : UINT32_MAX;
        if (a != b || customer->at_ms[i] != histories->held[j].at_ms) {
            if (a <= b) {
                struct history_held held = held_at(customer, i);
                held_take(histories, customer, &held);
            }
            if (b <= a) {
                held_add(histories, customer, &histories->held[j]);
            }
        }
        i += a <= b;
        j += b <= a;
    }
}

/* What was put, looked at once. */
struct put_scan {
    uint32_t counted; /* actions of kinds that count */
    uint32_t known;   /* so many first actions are all that was told before; 0: others */
    uint64_t told;
};

static struct put_scan put_look(const struct histories *histories,
                                const struct history_customer *row,
                                const struct histories_action *actions,
                                uint32_t action_count)
{
    struct put_scan scan = {0};
    for (uint32_t i = 0; i < action_count; i++) {
        if (!kind_counts(histories, actions[i].kind)) {
            continue;
        }
        scan.told = hash_mix(hash_mix(scan.told ^ actions[i].sku_hash) ^
                             (uint64_t)actions[i].at_ms);
        scan.counted++;
        if (row != NULL && scan.counted == row->told_count && scan.told == row->told) {
            scan.known = i + 1;
        }
    }
    return scan;
}

/* One more action, the newest. There is room in the row's arrays. */
static void customer_append(struct histories *histories, struct history_customer *row,
                            const struct histories_action *action)
{
    uint32_t low = 0, high = row->held_count;
    struct history_held held = {.at_ms = action->at_ms};
    held.item = item_find_or_add(histories, action->sku_hash);
    if (row->steps[row->step_count - 1] != held.item) {
        row->steps[row->step_count++] = held.item;
        histories->steps++;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (row->items[middle] < held.item) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == row->held_count || row->items[low] != held.item) {
        uint32_t behind = row->held_count++ - low;
        memmove(&row->items[low + 1], &row->items[low], behind * sizeof *row->items);
        memmove(&row->at_ms[low + 1], &row->at_ms[low], behind * sizeof *row->at_ms);
    } else if (row->at_ms[low] < held.at_ms) {
        struct history_held older = held_at(row, low);
        held_take(histories, row, &older);
    } else {
        return;
    }
    held_set(row, low, &held);
    held_add(histories, row, &held);
}

/* What came behind all that was told before: by far the most usual change. */
static void customer_extend(struct histories *histories, struct history_customer *row,
                            const struct histories_action *actions, uint32_t action_count)
{
    customer_reserve(row, row->held_count + action_count);
    row->steps =
        memory_realloc(row->steps, (row->step_count + action_count) * sizeof *row->steps);
    for (uint32_t i = 0; i < action_count; i++) {
        if (kind_counts(histories, actions[i].kind)) {
            customer_append(histories, row, &actions[i]);
        }
    }
}

/* Any change: prepared whole, compared with what is there. */
static void customer_replace(struct histories *histories, struct history_customer *row,
                             const struct histories_action *actions,
                             uint32_t action_count)
{
    uint32_t held_count, step_count;
    put_prepare(histories, actions, action_count, &held_count, &step_count);
    customer_change(histories, row, held_count);
    histories->steps -= row->step_count;
    customer_reserve(row, held_count);
    for (uint32_t i = 0; i < held_count; i++) {
        held_set(row, i, &histories->held[i]);
    }
    row->held_count = held_count;
    row->steps = memory_realloc(row->steps, step_count * sizeof *row->steps);
    memcpy(row->steps, histories->step, step_count * sizeof *row->steps);
    row->step_count = step_count;
    histories->steps += step_count;
}

static void customer_remove(struct histories *histories, struct history_customer *row)
{
    customer_change(histories, row, 0);
    histories->steps -= row->step_count;
    map_remove(&histories->customers, &row->node);
    customer_free(row);
}

void histories_put(struct histories *histories, struct hash128 customer,
                   const struct histories_action *actions, uint32_t action_count)
{
    struct history_customer *row = histories_customer_find(histories, customer);
    struct put_scan scan = put_look(histories, row, actions, action_count);
    if (scan.counted == 0) {
        if (row != NULL) {
            customer_remove(histories, row);
        }
        return;
    }
    if (row != NULL && scan.counted == row->told_count && scan.told == row->told) {
        return; /* what changed does not count here */
    }
    if (row == NULL) {
        row = customer_add(histories, customer);
    }
    if (scan.known > 0 && scan.counted <= HISTORIES_ACTIONS_MAX) {
        customer_extend(histories, row, actions + scan.known, action_count - scan.known);
    } else {
        customer_replace(histories, row, actions, action_count);
    }
    row->told = scan.told;
    row->told_count = scan.counted;
}

/* --- Degrees ------------------------------------------------------------------------- */

bool histories_degrees_changed(const struct histories *histories)
{
    return histories->degree_log.count > 0;
}

void histories_take_degrees(struct histories *histories, uint64_t version,
                            struct degree_delta *out_delta)
{
    degree_log_take(&histories->degree_log, version, out_delta);
}

void histories_take_all_degrees(struct histories *histories, uint64_t version,
                                struct degree_delta *out_delta)
{
    struct history_customer *customer = NULL;
    degree_log_restart(&histories->degree_log);
    while ((customer = customer_next(histories, customer)) != NULL) {
        for (uint32_t i = 0; i < customer->held_count; i++) {
            degree_log_note(&histories->degree_log,
                            histories->sku_hashes[customer->items[i]],
                            degree_log_period(customer->at_ms[i]), 1);
        }
    }
    histories_take_degrees(histories, version, out_delta);
}

uint64_t histories_degree(const struct histories *histories, uint64_t sku_hash)
{
    const struct history_item *item = histories_item_find(histories, sku_hash);
    return item ? (uint64_t)item->degree : 0;
}

/* --- Life, counters, digest ------------------------------------------------------------ */

struct histories *histories_new(const struct histories_options *options)
{
    struct histories *histories = memory_zalloc(sizeof *histories);
    histories->options = *options;
    if (histories->options.bucket_count == 0) {
        histories->options.bucket_count = EVIDENCE_BUCKETS_DEFAULT;
    }
    ASSERT(histories->options.bucket_count <= EVIDENCE_BUCKETS_MAX);
    ASSERT(__builtin_popcount(histories->options.bucket_count) == 1);
    map_init(&histories->customers);
    map_init(&histories->item_index);
    degree_log_init(&histories->degree_log);
    return histories;
}

void histories_free(struct histories *histories)
{
    if (histories == NULL) {
        return;
    }
    struct history_customer *customer = customer_next(histories, NULL);
    while (customer != NULL) {
        struct history_customer *next = customer_next(histories, customer);
        customer_free(customer);
        customer = next;
    }
    for (size_t i = 0; i < histories->item_count; i++) {
        struct history_item *item = histories->items[i];
        for (int n = 0; n < __builtin_popcountll(item->buckets); n++) {
            free(item->lists[n].entries);
        }
        free(item->lists);
        free(item);
    }
    map_close(&histories->customers);
    map_close(&histories->item_index);
    degree_log_close(&histories->degree_log);
    free(histories->items);
    free(histories->sku_hashes);
    free(histories->held);
    free(histories->step);
    free(histories);
}

struct histories_counters histories_counters(const struct histories *histories)
{
    return (struct histories_counters){
        .customers = histories->customers.count,
        .items = histories->items_live,
        .postings = histories->postings,
        .memory_bytes =
            histories->customers.count *
                (sizeof(struct history_customer) + sizeof(struct map_node *)) +
            histories->item_count * (sizeof(struct history_item) + 3 * sizeof(void *)) +
            histories->postings * (sizeof(int64_t) + sizeof(uint32_t)) +
            histories->steps * sizeof(uint32_t) + histories->list_bytes +
            histories->degree_log.capacity * sizeof(struct degree_change),
    };
}

static uint64_t customer_digest(const struct histories *histories,
                                const struct history_customer *customer)
{
    uint64_t digest = hash_mix(customer->id.high) ^ customer->id.low;
    uint64_t held = 0;
    for (uint32_t i = 0; i < customer->step_count; i++) {
        digest = hash_mix(digest ^ histories->sku_hashes[customer->steps[i]]);
    }
    for (uint32_t i = 0; i < customer->held_count; i++) {
        uint64_t sku_hash = histories->sku_hashes[customer->items[i]];
        held += hash_mix(hash_mix(sku_hash) ^ (uint64_t)customer->at_ms[i]);
    }
    return hash_mix(digest ^ held);
}

uint64_t histories_digest(const struct histories *histories)
{
    uint64_t digest = 0;
    struct history_customer *customer = NULL;
    while ((customer = customer_next(histories, customer)) != NULL) {
        digest += customer_digest(histories, customer);
    }
    for (size_t i = 0; i < histories->item_count; i++) {
        const struct history_item *item = histories->items[i];
        for (uint32_t b = 0; b < histories->options.bucket_count; b++) {
            const struct history_list *list = histories_item_list(item, b);
            uint64_t chain = item->sku_hash + b;
            for (uint32_t n = 0; list != NULL && n < list->count; n++) {
                chain = hash_mix(chain ^ (uint64_t)list->entries[n].at_ms);
                chain = hash_mix(chain ^ list->entries[n].customer->id.low);
            }
            digest += list != NULL ? hash_mix(chain) : 0;
        }
    }
    return digest;
}
