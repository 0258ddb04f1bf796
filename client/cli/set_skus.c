/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/set_skus.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/json_members.h"
#include "client/cli/source.h"
#include "client/cli/text.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

struct set_sku_entry {
    struct map_node node;
    char *sku_id;
    char *name; /* may be sku_id itself */
    struct souk_attribute *attributes;
    size_t attribute_count;
    bool wanted; /* by the question at hand: the cluster lacks it */
};

static bool set_sku_equal(const struct map_node *node, const void *key)
{
    return strcmp(CONTAINER_OF(node, const struct set_sku_entry, node)->sku_id, key) == 0;
}

void set_skus_init(struct set_skus *skus)
{
    *skus = (struct set_skus){.count = 0};
    arena_init(&skus->arena, NULL, 0, 0);
    map_init(&skus->map);
}

void set_skus_close(struct set_skus *skus)
{
    map_close(&skus->map);
    free(skus->entries);
    arena_close(&skus->arena);
}

static struct set_sku_entry *set_skus_find(const struct set_skus *skus,
                                           const char *sku_id)
{
    struct map_node *node =
        map_find(&skus->map, hash64(slice_from_string(sku_id), 0), set_sku_equal, sku_id);
    return node ? CONTAINER_OF(node, struct set_sku_entry, node) : NULL;
}

enum set_note set_skus_note(struct set_skus *skus, const struct set_sku *sku)
{
    struct set_sku_entry *entry = set_skus_find(skus, sku->sku_id);
    if (entry != NULL) {
        return strcmp(entry->name, sku->name) == 0 ? SET_NOTED : SET_OTHER_NAME;
    }
    if (skus->count == SET_SKUS_MAX) {
        return SET_FULL;
    }
    entry = arena_zalloc(&skus->arena, sizeof *entry);
    entry->sku_id = arena_string(&skus->arena, sku->sku_id);
    entry->name = strcmp(sku->sku_id, sku->name) == 0
                      ? entry->sku_id
                      : arena_string(&skus->arena, sku->name);
    map_insert(&skus->map, &entry->node, hash64(slice_from_string(sku->sku_id), 0));
    memory_reserve((void **)&skus->entries, &skus->capacity, skus->count + 1,
                   sizeof(struct set_sku_entry *));
    skus->entries[skus->count++] = entry;
    return SET_NOTED;
}

/* --- Attributes ---------------------------------------------------------------------- */

struct set_attributes {
    struct set_skus *skus;
    size_t bytes;
    uint64_t entry;
    char fault[256]; /* what is wrong; empty while nothing is */
};

static bool set_attributes_bad(void *context, uint64_t number, const char *reason)
{
    struct set_attributes *attributes = context;
    char shown[TEXT_SHOWN_BYTES];
    text_show(reason, shown);
    snprintf(attributes->fault, sizeof attributes->fault, "entry %llu: %s",
             (unsigned long long)number, shown);
    return false;
}

/* "attribute-17"; NULL when the value makes no name. */
static const char *set_attribute_name(struct set_skus *skus, const json_t *value)
{
    char name[IDENTIFIER_BYTES_MAX + 1];
    int size = -1;
    if (json_is_integer(value)) {
        size = snprintf(name, sizeof name, "attribute-%" JSON_INTEGER_FORMAT,
                        json_integer_value(value));
    } else if (json_is_string(value)) {
        size = snprintf(name, sizeof name, "attribute-%s", json_string_value(value));
    }
    if (size < 0 || size > IDENTIFIER_BYTES_MAX || !text_clean(slice_from_string(name))) {
        return NULL;
    }
    return arena_string(&skus->arena, name);
}

static bool set_attribute_known(const struct set_sku_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->attribute_count; i++) {
        if (strcmp(entry->attributes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool set_attributes_member(void *context, uint64_t number, const char *key,
                                  const json_t *value)
{
    struct set_attributes *attributes = context;
    struct set_sku_entry *entry = set_skus_find(attributes->skus, key);
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > SET_ATTRIBUTES_MAX) {
        return set_attributes_bad(context, number, "not a list of at most 64 values");
    }
    if (entry == NULL || entry->attributes != NULL) {
        return true;
    }
    attributes->bytes += count * (sizeof *entry->attributes + IDENTIFIER_BYTES_MAX);
    if (attributes->bytes > SET_ATTRIBUTE_BYTES_MAX) {
        return set_attributes_bad(context, number, "more than 256 MiB of attributes");
    }
    entry->attributes =
        arena_zalloc(&attributes->skus->arena, (count + 1) * sizeof *entry->attributes);
    for (size_t i = 0; i < count; i++) {
        const char *name = set_attribute_name(attributes->skus, json_array_get(value, i));
        if (name == NULL) {
            return set_attributes_bad(context, number, "a value is a number or a string");
        }
        if (!set_attribute_known(entry, name)) {
            entry->attributes[entry->attribute_count++] = (struct souk_attribute){
                .name = name, .kind = SOUK_ATTRIBUTE_FLAG, .flag = true};
        }
    }
    return true;
}

enum status set_skus_attributes(struct set_skus *skus, const char *path,
                                struct problem *problem)
{
    struct set_attributes attributes = {.skus = skus};
    const struct json_callbacks callbacks = {set_attributes_member, set_attributes_bad,
                                             &attributes};
    struct json_members members;
    struct source *source = NULL;
    struct slice piece;
    enum status status;
    TRY(source_open(path, &source, problem));
    json_members_init(&members, &callbacks);
    do {
        status = source_read(source, &piece, problem);
        status =
            status == STATUS_OK ? json_members_feed(&members, piece, problem) : status;
    } while (status == STATUS_OK && piece.size > 0);
    status = status == STATUS_OK ? json_members_finish(&members, problem) : status;
    json_members_close(&members);
    source_close(source);
    if (status == STATUS_CANCELLED) {
        return problem_set(problem, STATUS_INVALID, "", "%s", attributes.fault);
    }
    return status;
}

/* --- Sending ------------------------------------------------------------------------- */

enum {
    SET_ASKED = 200, /* SKUs in one question */
};

/* A portion of the entries, and what the cluster has of it. */
struct set_portion {
    struct set_sku_entry *const *entries;
    const char *ids[SET_ASKED];
    size_t first, count;
};

static bool set_location_send(struct import_job *job, const char *location_id)
{
    const struct souk_location_get_request request = {.location_id = location_id};
    const struct souk_import_row row = {
        .line = 1,
        .kind = SOUK_IMPORT_LOCATION,
        .record.location = {.location_id = location_id,
                            .name = location_id,
                            .type = SOUK_LOCATION_WAREHOUSE},
    };
    struct souk_location_get_reply *reply = NULL;
    struct souk_error *error = &job->cli->error;
    if (souk_location_get(job->cli->client, &request, NULL, &reply, error) == SOUK_OK) {
        souk_reply_free(reply);
        return true;
    }
    if (error->code != SOUK_NOT_FOUND) {
        return false;
    }
    souk_error_clear(error);
    return import_job_begin(job, "locations", 1) && import_job_add(job, &row) &&
           import_job_end(job);
}

/* The next portion; false behind the last. */
static bool set_portion_next(const struct set_skus *skus, struct set_portion *portion)
{
    portion->first += portion->count;
    portion->entries = skus->entries + portion->first;
    portion->count = skus->count - portion->first;
    portion->count = portion->count < SET_ASKED ? portion->count : SET_ASKED;
    for (size_t i = 0; i < portion->count; i++) {
        portion->ids[i] = portion->entries[i]->sku_id;
    }
    return portion->count > 0;
}

static bool set_skus_ask(const struct set_skus *skus, struct import_job *job,
                         const struct set_portion *portion)
{
    const struct souk_sku_batch_get_request request = {.sku_ids = portion->ids,
                                                       .sku_id_count = portion->count};
    struct souk_sku_batch_get_reply *reply = NULL;
    if (souk_sku_batch_get(job->cli->client, &request, NULL, &reply, &job->cli->error) !=
        SOUK_OK) {
        return false;
    }
    for (size_t i = 0; i < reply->missing_count; i++) {
        struct set_sku_entry *entry = set_skus_find(skus, reply->missing_sku_ids[i]);
        if (entry != NULL) {
            entry->wanted = true;
        }
    }
    souk_reply_free(reply);
    return true;
}

static bool set_skus_make(const struct set_skus *skus, struct import_job *job)
{
    struct set_portion portion = {.count = 0};
    if (!import_job_begin(job, "skus", skus->count)) {
        return false;
    }
    while (set_portion_next(skus, &portion)) {
        if (!set_skus_ask(skus, job, &portion)) {
            return false;
        }
        for (size_t i = 0; i < portion.count; i++) {
            struct set_sku_entry *entry = portion.entries[i];
            struct souk_import_row row = {
                .line = portion.first + i + 1,
                .kind = SOUK_IMPORT_SKU,
                .record.sku = {.sku_id = entry->sku_id,
                               .name = entry->name,
                               .state = SOUK_SKU_ACTIVE,
                               .attributes = entry->attributes,
                               .attribute_count = entry->attribute_count}};
            if (entry->wanted && !import_job_add(job, &row)) {
                return false;
            }
        }
    }
    return import_job_end(job);
}

static bool set_stock_ask(const struct set_skus *skus, struct import_job *job,
                          const struct set_portion *portion)
{
    const struct souk_stock_batch_get_request request = {.sku_ids = portion->ids,
                                                         .sku_id_count = portion->count};
    struct souk_stock_batch_get_reply *reply = NULL;
    for (size_t i = 0; i < portion->count; i++) {
        portion->entries[i]->wanted = true;
    }
    if (souk_stock_batch_get(job->cli->client, &request, NULL, &reply,
                             &job->cli->error) != SOUK_OK) {
        return false;
    }
    for (size_t i = 0; i < reply->level_count; i++) {
        struct set_sku_entry *entry = set_skus_find(skus, reply->levels[i].sku_id);
        if (entry != NULL) {
            entry->wanted = false;
        }
    }
    souk_reply_free(reply);
    return true;
}

static bool set_stock_make(const struct set_skus *skus, struct import_job *job,
                           const struct set_stock *stock)
{
    struct set_portion portion = {.count = 0};
    if (!import_job_begin(job, "stock", skus->count)) {
        return false;
    }
    while (set_portion_next(skus, &portion)) {
        if (!set_stock_ask(skus, job, &portion)) {
            return false;
        }
        for (size_t i = 0; i < portion.count; i++) {
            struct souk_import_row row = {
                .line = portion.first + i + 1,
                .kind = SOUK_IMPORT_STOCK,
                .record.stock = {.sku_id = portion.ids[i],
                                 .location_id = stock->location_id,
                                 .on_hand = stock->on_hand,
                                 .reference = "opening stock"}};
            if (portion.entries[i]->wanted && !import_job_add(job, &row)) {
                return false;
            }
        }
    }
    return import_job_end(job);
}

bool set_skus_send(const struct set_skus *skus, struct import_job *job,
                   const struct set_stock *stock)
{
    return (stock->location_id == NULL || set_location_send(job, stock->location_id)) &&
           set_skus_make(skus, job) &&
           (stock->location_id == NULL || set_stock_make(skus, job, stock));
}
