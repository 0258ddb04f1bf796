/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/stock_read.h"

#include <stdio.h>

#include "proto/souk/v1/stock.grpc-c.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

/* --- One level --------------------------------------------------------------------- */

static void stock_got_level(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__GetStockLevelResponse response = SOUK__V1__GET_STOCK_LEVEL_RESPONSE__INIT;
    if (one->answer.inventory.level_count > 0) {
        response.level = reply_level(&reply, &one->answer.inventory.levels[0]);
    }
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, false);
    souk__v1__stock_service__get_stock_level__reply(one->edge.rpc, &response);
}

void stock_get_level(struct rpc_call *rpc, const Souk__V1__GetStockLevelRequest *request,
                     void *context)
{
    struct service *service = context;
    struct edge_one *one = edge_one_new(service, rpc, request);
    struct slice *ids; /* the SKU, the location */
    struct problem problem;
    if (one == NULL) {
        return;
    }
    ids = arena_alloc(one->edge.arena, 2 * sizeof *ids);
    if (ids == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    if (check_id("sku_id", request->sku_id, &ids[0], &problem) != STATUS_OK ||
        check_id("location_id", request->location_id, &ids[1], &problem) != STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                                        .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                                                      .sku_ids = &ids[0],
                                                      .sku_count = 1,
                                                      .location_ids = &ids[1],
                                                      .location_count = 1}};
    edge_ask(one, SHARD_MAP_SKU, hash64(ids[0], service->map->hash_seed),
             stock_got_level);
}

/* --- Many SKUs --------------------------------------------------------------------- */

static void stock_fill_levels(struct edge_many *many, struct reply *reply,
                              Souk__V1__BatchGetStockLevelsResponse *response)
{
    size_t levels = 0, missing = 0;
    for (unsigned p = 0; p < many->part_count; p++) {
        levels += many->parts[p].answer.inventory.level_count;
        missing += many->parts[p].answer.inventory.missing_count;
    }
    response->levels = reply_alloc(reply, (levels + 1) * sizeof *response->levels);
    response->missing_sku_ids =
        reply_alloc(reply, (missing + 1) * sizeof *response->missing_sku_ids);
    response->stamps = edge_many_stamps(many, reply, &response->n_stamps);
    for (unsigned p = 0; p < many->part_count && !reply->failed; p++) {
        const struct inventory_answer *answer = &many->parts[p].answer.inventory;
        for (uint32_t i = 0; i < answer->level_count; i++) {
            response->levels[response->n_levels++] =
                reply_level(reply, &answer->levels[i]);
        }
        for (uint32_t i = 0; i < answer->missing_count; i++) {
            response->missing_sku_ids[response->n_missing_sku_ids++] =
                reply_text(reply, answer->missing[i]);
        }
    }
}

static void stock_got_levels(struct edge_many *many)
{
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__BatchGetStockLevelsResponse response =
        SOUK__V1__BATCH_GET_STOCK_LEVELS_RESPONSE__INIT;
    if (edge_many_read_ok(many)) {
        stock_fill_levels(many, &reply, &response);
        if (reply.failed) {
            edge_fail_memory(&many->edge);
        } else {
            edge_many_trailers(many);
            souk__v1__stock_service__batch_get_stock_levels__reply(many->edge.rpc,
                                                                   &response);
        }
    }
    edge_many_done(many);
}

enum status stock_ids(struct edge *edge, const char *field, char *const *texts,
                      size_t count, struct slice **out, struct problem *problem)
{
    struct slice *ids = arena_alloc(edge->arena, (count + 1) * sizeof *ids);
    char path[64];
    TRY(check_count(field, count, 0, (size_t)edge->service->settings->batch_max_items,
                    problem));
    if (ids == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, field, "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s[%zu]", field, i);
        TRY(check_id(path, texts[i], &ids[i], problem));
    }
    *out = ids;
    return STATUS_OK;
}

void stock_batch_get_levels(struct rpc_call *rpc,
                            const Souk__V1__BatchGetStockLevelsRequest *request,
                            void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct slice *locations = NULL;
    struct problem problem;
    if (many == NULL) {
        return;
    }
    if (edge_read_options(&many->edge, request->read, &problem) != STATUS_OK ||
        stock_ids(&many->edge, "location_ids", request->location_ids,
                  request->n_location_ids, &locations, &problem) != STATUS_OK ||
        edge_many_by_sku(many, "sku_ids", request->sku_ids, request->n_sku_ids,
                         &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        struct inventory_query *query = &many->parts[p].query.inventory;
        query->kind = INVENTORY_QUERY_LEVEL_BATCH;
        query->location_ids = locations;
        query->location_count = (uint32_t)request->n_location_ids;
    }
    edge_many_submit(many, stock_got_levels);
}

/* --- Lists ------------------------------------------------------------------------- */

static uint32_t stock_count_levels(const struct inventory_answer *answer)
{
    return answer->level_count;
}

static void stock_listed_levels(struct edge_list *list)
{
    struct reply reply = {.arena = list->edge.arena};
    Souk__V1__ListStockLevelsResponse response =
        SOUK__V1__LIST_STOCK_LEVELS_RESPONSE__INIT;
    response.levels =
        reply_alloc(&reply, (list->item_count + 1) * sizeof *response.levels);
    response.stamps = edge_list_stamps(list, &reply, &response.n_stamps);
    response.next_page_token = edge_list_token(list, &reply);
    for (const struct edge_page *page = list->first; page != NULL && !reply.failed;
         page = page->next) {
        for (uint32_t i = 0; i < page->answer.level_count; i++) {
            response.levels[response.n_levels++] =
                reply_level(&reply, &page->answer.levels[i]);
        }
    }
    if (reply.failed) {
        edge_fail_memory(&list->edge);
        return;
    }
    edge_list_trailers(list);
    souk__v1__stock_service__list_stock_levels__reply(list->edge.rpc, &response);
}

/* The SKU that a list is about, and the fingerprint of what was asked. */
struct stock_subject {
    struct slice ids[2]; /* the SKU, the location; either may be empty */
    uint64_t sku_hash;
    uint64_t fingerprint;
    struct inventory_movements_wanted wanted;
};

static enum status stock_subject_make(struct edge_list *list, const char *sku_id,
                                      const char *location_id, struct stock_subject **out,
                                      struct problem *problem)
{
    uint64_t seed = list->edge.service->map->hash_seed;
    struct stock_subject *subject = arena_zalloc(list->edge.arena, sizeof *subject);
    if (subject == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    TRY(check_id_or_empty("sku_id", sku_id, &subject->ids[0], problem));
    TRY(check_id_or_empty("location_id", location_id, &subject->ids[1], problem));
    subject->sku_hash = hash64(subject->ids[0], seed);
    subject->fingerprint = subject->ids[0].size > 0 ? subject->sku_hash : 0;
    if (subject->ids[1].size > 0) {
        subject->fingerprint ^= hash_mix(hash64(subject->ids[1], seed));
    }
    *out = subject;
    return STATUS_OK;
}

void stock_list_levels(struct rpc_call *rpc,
                       const Souk__V1__ListStockLevelsRequest *request, void *context)
{
    struct edge_list *list = edge_list_new(context, rpc, request);
    struct stock_subject *subject;
    struct problem problem;
    bool one;
    if (list == NULL) {
        return;
    }
    if (stock_subject_make(list, request->sku_id, "", &subject, &problem) != STATUS_OK) {
        edge_fail(&list->edge, &problem);
        return;
    }
    one = subject->ids[0].size > 0;
    list->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                                         .inventory = {.kind = INVENTORY_QUERY_LEVEL_LIST,
                                                       .sku_ids = subject->ids,
                                                       .sku_count = one ? 1 : 0}};
    edge_list_start(list, &(struct edge_listing){.list = PAGE_LIST_LEVELS,
                                                 .fingerprint = subject->fingerprint,
                                                 .page_size = request->page_size,
                                                 .page_token = request->page_token,
                                                 .only = one ? &subject->sku_hash : NULL,
                                                 .read = request->read,
                                                 .count = stock_count_levels,
                                                 .finish = stock_listed_levels});
}

static uint32_t stock_count_movements(const struct inventory_answer *answer)
{
    return answer->movement_count;
}

static void stock_listed_movements(struct edge_list *list)
{
    struct reply reply = {.arena = list->edge.arena};
    Souk__V1__ListMovementsResponse response = SOUK__V1__LIST_MOVEMENTS_RESPONSE__INIT;
    response.movements =
        reply_alloc(&reply, (list->item_count + 1) * sizeof *response.movements);
    response.next_page_token = edge_list_token(list, &reply);
    for (const struct edge_page *page = list->first; page != NULL && !reply.failed;
         page = page->next) {
        for (uint32_t i = 0; i < page->answer.movement_count; i++) {
            response.movements[response.n_movements++] =
                reply_movement(&reply, &page->answer.movements[i]);
        }
        response.stamp = reply_stamp(&reply, &page->stamp);
    }
    response.stamps = edge_list_stamps(list, &reply, &response.n_stamps);
    if (reply.failed) {
        edge_fail_memory(&list->edge);
        return;
    }
    edge_list_trailers(list);
    souk__v1__stock_service__list_movements__reply(list->edge.rpc, &response);
}

/* Time and reference, which a page token is bound to as well. */
static enum status stock_movements_wanted(const Souk__V1__ListMovementsRequest *request,
                                          uint64_t seed, struct stock_subject *subject,
                                          struct problem *problem)
{
    struct inventory_movements_wanted *wanted = &subject->wanted;
    uint64_t mixed;
    TRY(check_text("reference", request->reference, INVENTORY_REFERENCE_BYTES_MAX,
                   &wanted->reference, problem));
    if (request->start_time != NULL) {
        TRY(check_time("start_time", request->start_time, &wanted->start_ms, problem));
    }
    if (request->end_time != NULL) {
        TRY(check_time("end_time", request->end_time, &wanted->end_ms, problem));
        if (wanted->end_ms <= wanted->start_ms || wanted->end_ms <= 0) {
            return problem_set(problem, STATUS_INVALID, "end_time",
                               "end_time: not after start_time, nothing lies between");
        }
    }
    if (wanted->reference.size == 0 && wanted->start_ms == 0 && wanted->end_ms == 0) {
        return STATUS_OK;
    }
    mixed = hash64(wanted->reference, seed);
    mixed = hash_mix(mixed ^ hash_mix((uint64_t)wanted->start_ms + 1));
    subject->fingerprint ^= hash_mix(mixed ^ hash_mix((uint64_t)wanted->end_ms + 2));
    return STATUS_OK;
}

void stock_list_movements(struct rpc_call *rpc,
                          const Souk__V1__ListMovementsRequest *request, void *context)
{
    struct edge_list *list = edge_list_new(context, rpc, request);
    struct stock_subject *subject;
    struct problem problem;
    bool one;
    if (list == NULL) {
        return;
    }
    if (stock_subject_make(list, request->sku_id, request->location_id, &subject,
                           &problem) != STATUS_OK ||
        stock_movements_wanted(request, list->edge.service->map->hash_seed, subject,
                               &problem) != STATUS_OK) {
        edge_fail(&list->edge, &problem);
        return;
    }
    one = subject->ids[0].size > 0;
    list->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = one ? INVENTORY_QUERY_MOVEMENTS : INVENTORY_QUERY_LEDGER,
                      .sku_ids = &subject->ids[0],
                      .sku_count = one ? 1 : 0,
                      .location_ids = &subject->ids[1],
                      .location_count = subject->ids[1].size > 0 ? 1 : 0,
                      .wanted = subject->wanted}};
    edge_list_start(list, &(struct edge_listing){.list = PAGE_LIST_MOVEMENTS,
                                                 .fingerprint = subject->fingerprint,
                                                 .page_size = request->page_size,
                                                 .page_token = request->page_token,
                                                 .only = one ? &subject->sku_hash : NULL,
                                                 .read = request->read,
                                                 .count = stock_count_movements,
                                                 .finish = stock_listed_movements});
}
