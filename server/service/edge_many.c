/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "server/service/edge.h"
#include "server/service/refusal.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"

enum {
    /* Memory that one part's answer may take. */
    EDGE_PART_ARENA_BYTES_MAX = 16 << 20,
};

/* --- Several shards at once -------------------------------------------------------- */

struct edge_many *edge_many_from(struct edge *edge, const void *request)
{
    struct edge_many *many = arena_zalloc(edge->arena, sizeof *many);
    if (many == NULL) {
        edge_fail_memory(edge);
        return NULL;
    }
    many->edge = *edge;
    many->request = request;
    return many;
}

struct edge_many *edge_many_new(struct service *service, struct rpc_call *rpc,
                                const void *request)
{
    struct edge edge;
    if (!edge_begin(&edge, service, rpc)) {
        return NULL;
    }
    return edge_many_from(&edge, request);
}

bool edge_many_parts(struct edge_many *many, const struct fan_groups *groups,
                     enum shard_map_table table)
{
    const struct shard_map *map = many->edge.service->map;
    many->parts =
        arena_zalloc(many->edge.arena, (groups->count + 1) * sizeof *many->parts);
    if (many->parts == NULL) {
        return false;
    }
    many->part_count = groups->count;
    for (unsigned i = 0; i < groups->count; i++) {
        struct edge_part *part = &many->parts[i];
        part->many = many;
        part->group = groups->groups[i];
        part->call.shard_id = shard_map_range(map, table, part->group.shard)->shard_id;
    }
    return true;
}

static void edge_many_ended(struct edge_many *many)
{
    if (atomic_fetch_sub_explicit(&many->open, 1, memory_order_acq_rel) == 1) {
        many->finish(many);
    }
}

static void edge_part_done(struct shard_call *call)
{
    edge_many_ended(CONTAINER_OF(call, struct edge_part, call)->many);
}

void edge_many_submit(struct edge_many *many, void (*finish)(struct edge_many *many))
{
    many->finish = finish;
    /* One more than there are parts, so that it cannot end while it is being submitted. */
    atomic_init(&many->open, many->part_count + 1);
    /* The call's arena serves one thread: parts on several loops have one each. */
    rpc_call_ref(many->edge.rpc);
    for (unsigned i = 0; i < many->part_count; i++) {
        struct edge_part *part = &many->parts[i];
        uint64_t shard_id = part->call.shard_id;
        arena_init(&part->own_arena, NULL, 0, EDGE_PART_ARENA_BYTES_MAX);
        if (part->commands != NULL) {
            shard_call_init_propose(&part->call, shard_id, part->commands,
                                    part->group.count, part->outcomes);
        } else {
            shard_call_init_read(&part->call, shard_id, &part->query, &part->answer);
        }
        part->call.deadline_us = many->edge.deadline_us;
        part->call.arena = many->part_count == 1 ? many->edge.arena : &part->own_arena;
        part->call.done = edge_part_done;
    }
    for (unsigned i = 0; i < many->part_count; i++) {
        struct edge_part *part = &many->parts[i];
        enum status status = runtime_submit(many->edge.service->runtime, &part->call);
        if (status != STATUS_OK) {
            part->call.status = status;
            edge_many_ended(many);
        }
    }
    edge_many_ended(many);
}

enum status edge_many_by_sku(struct edge_many *many, const char *field,
                             char *const *sku_ids, size_t count, struct problem *problem)
{
    const struct shard_map *map = many->edge.service->map;
    struct arena *arena = many->edge.arena;
    unsigned *shards = arena_alloc(arena, (count + 1) * sizeof *shards);
    struct slice *ids = arena_alloc(arena, (count + 1) * sizeof *ids);
    struct slice *grouped = arena_alloc(arena, (count + 1) * sizeof *grouped);
    struct fan_groups groups;
    char path[64];
    TRY(check_count(field, count, 1,
                    (size_t)many->edge.service->settings->batch_max_items, problem));
    if (shards == NULL || ids == NULL || grouped == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, field, "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s[%zu]", field, i);
        TRY(check_id(path, sku_ids[i], &ids[i], problem));
        shards[i] = shard_map_find(map, SHARD_MAP_SKU, hash64(ids[i], map->hash_seed));
    }
    if (fan_groups_make(arena, shards, (unsigned)count,
                        shard_map_count(map, SHARD_MAP_SKU), &groups) != STATUS_OK ||
        !edge_many_parts(many, &groups, SHARD_MAP_SKU)) {
        return problem_set(problem, STATUS_TOO_LARGE, field, "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        struct edge_part *part = &many->parts[p];
        part->query.kind = REPLICA_QUERY_INVENTORY;
        part->query.inventory.sku_ids = grouped;
        part->query.inventory.sku_count = part->group.count;
        for (unsigned i = 0; i < part->group.count; i++) {
            *grouped++ = ids[part->group.items[i]];
        }
    }
    return STATUS_OK;
}

bool edge_many_read_ok(struct edge_many *many)
{
    struct problem problem;
    for (unsigned p = 0; p < many->part_count; p++) {
        const struct edge_part *part = &many->parts[p];
        enum status status =
            part->call.status == STATUS_OK ? part->answer.status : part->call.status;
        if (status != STATUS_OK) {
            edge_fail_status(&many->edge, status);
            return false;
        }
        if (edge_check_seen(&many->edge, &part->call.stamp, &problem) != STATUS_OK) {
            edge_fail(&many->edge, &problem);
            return false;
        }
    }
    return true;
}

Souk__V1__ReadStamp **edge_many_stamps(const struct edge_many *many, struct reply *reply,
                                       size_t *out_count)
{
    Souk__V1__ReadStamp **stamps =
        reply_alloc(reply, (many->part_count + 1) * sizeof *stamps);
    *out_count = stamps != NULL ? many->part_count : 0;
    for (unsigned p = 0; p < *out_count; p++) {
        stamps[p] = reply_stamp(reply, &many->parts[p].call.stamp);
    }
    return stamps;
}

void edge_many_trailers(struct edge_many *many)
{
    struct replica_stamp stamps[SESSION_TOKEN_SHARDS_MAX];
    unsigned count = 0;
    for (unsigned p = 0; p < many->part_count && count < SESSION_TOKEN_SHARDS_MAX; p++) {
        if (many->parts[p].call.status == STATUS_OK) {
            stamps[count++] = many->parts[p].call.stamp;
        }
    }
    edge_trailers(&many->edge, stamps, count, false);
}

void edge_many_done(struct edge_many *many)
{
    for (unsigned i = 0; i < many->part_count; i++) {
        arena_close(&many->parts[i].own_arena);
    }
    rpc_call_unref(many->edge.rpc);
}

/* --- One shard after the other ----------------------------------------------------- */

struct edge_list *edge_list_new(struct service *service, struct rpc_call *rpc,
                                const void *request)
{
    struct edge edge;
    struct edge_list *list;
    if (!edge_begin(&edge, service, rpc)) {
        return NULL;
    }
    list = arena_zalloc(edge.arena, sizeof *list);
    if (list == NULL) {
        edge_fail_memory(&edge);
        return NULL;
    }
    list->edge = edge;
    list->request = request;
    list->last = &list->first;
    return list;
}

static void edge_list_ask(struct edge_list *list);

static void edge_list_take(struct edge_list *list)
{
    struct edge_page *page = arena_zalloc(list->edge.arena, sizeof *page);
    uint32_t count = list->count(&list->answer.inventory);
    if (page == NULL) {
        edge_fail_memory(&list->edge);
        return;
    }
    page->stamp = list->call.stamp;
    page->answer = list->answer.inventory;
    *list->last = page;
    list->last = &page->next;
    list->page_count++;
    list->item_count += count;
    list_walk_answered(&list->walk, count, page->answer.next_page_token);
    edge_list_ask(list);
}

/* The list of one thing's rows names that thing when nobody knows it. */
static void edge_list_fail(struct edge_list *list, enum status status)
{
    const struct inventory_query *query = &list->query.inventory;
    struct problem problem;
    if (status != STATUS_NOT_FOUND || query->sku_count != 1) {
        edge_fail_status(&list->edge, status);
        return;
    }
    refusal_missing(&problem, "sku_id", "SKU", query->sku_ids[0], "UpsertSku");
    edge_fail(&list->edge, &problem);
}

static void edge_list_done(struct shard_call *call)
{
    struct edge_list *list = CONTAINER_OF(call, struct edge_list, call);
    struct problem problem;
    if (call->status != STATUS_OK) {
        edge_list_fail(list, call->status);
    } else if (list->answer.status != STATUS_OK) {
        edge_list_fail(list, list->answer.status);
    } else if (edge_check_seen(&list->edge, &call->stamp, &problem) != STATUS_OK) {
        edge_fail(&list->edge, &problem);
    } else {
        edge_list_take(list);
    }
}

static void edge_list_ask(struct edge_list *list)
{
    struct list_ask ask;
    enum status status;
    if (!list_walk_next(&list->walk, &ask)) {
        list->finish(list);
        return;
    }
    list->query.inventory.page_size = ask.page_size;
    list->query.inventory.page_token = ask.page_token;
    shard_call_init_read(&list->call, ask.range->shard_id, &list->query, &list->answer);
    list->call.deadline_us = list->edge.deadline_us;
    list->call.arena = list->edge.arena;
    list->call.done = edge_list_done;
    status = runtime_submit(list->edge.service->runtime, &list->call);
    if (status != STATUS_OK) {
        edge_fail_status(&list->edge, status);
    }
}

void edge_list_start(struct edge_list *list, const struct edge_listing *listing)
{
    const struct shard_map *map = list->edge.service->map;
    struct list_question question = {.query = {.list = listing->list,
                                               .fingerprint = listing->fingerprint,
                                               .secret = map->hash_seed},
                                     .only = listing->only,
                                     .page_token = listing->page_token};
    struct problem problem;
    if (edge_read_options(&list->edge, listing->read, &problem) != STATUS_OK ||
        check_page_size(listing->page_size, &question.page_size, &problem) != STATUS_OK ||
        list_walk_begin(&list->walk, map, &question, list->edge.arena, &problem) !=
            STATUS_OK) {
        edge_fail(&list->edge, &problem);
        return;
    }
    list->count = listing->count;
    list->finish = listing->finish;
    edge_list_ask(list);
}

Souk__V1__ReadStamp **edge_list_stamps(const struct edge_list *list, struct reply *reply,
                                       size_t *out_count)
{
    Souk__V1__ReadStamp **stamps =
        reply_alloc(reply, (list->page_count + 1) * sizeof *stamps);
    size_t count = 0;
    for (const struct edge_page *page = list->first; page != NULL && stamps != NULL;
         page = page->next) {
        stamps[count++] = reply_stamp(reply, &page->stamp);
    }
    *out_count = count;
    return stamps;
}

char *edge_list_token(const struct edge_list *list, struct reply *reply)
{
    const char *token = list_walk_token(&list->walk);
    if (token == NULL) {
        reply->failed = true;
    }
    return reply_text(reply, slice_from_string(token));
}

void edge_list_trailers(struct edge_list *list)
{
    struct replica_stamp stamps[SESSION_TOKEN_SHARDS_MAX];
    unsigned count = 0;
    for (const struct edge_page *page = list->first;
         page != NULL && count < SESSION_TOKEN_SHARDS_MAX; page = page->next) {
        stamps[count++] = page->stamp;
    }
    edge_trailers(&list->edge, stamps, count, false);
}
