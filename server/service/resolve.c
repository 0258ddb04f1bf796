/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the owner of the identifier as it was given, for a SKU of this id or an alias row;
 * then, when it is a GTIN written shorter, the owner of its 14 digits; then the SKU that a
 * row names. The row says whose the identifier is, the SKU whether it lists it: a SKU that
 * was never written with it is not found under it.
 */
#include "server/service/resolve.h"

#include "proto/souk/v1/catalog.grpc-c.h"
#include "server/service/edge.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/base/gtin.h"

enum {
    RESOLVE_READS_MAX = 3,
};

struct resolve {
    struct edge_one *one;
    struct slice asked;
    struct slice canonical;
    struct inventory_alias alias;
    struct replica_stamp stamps[RESOLVE_READS_MAX];
    unsigned reads;
};

static void resolve_reply(struct resolve *resolve, const struct inventory_sku *sku,
                          Souk__V1__IdentifierKind kind, bool retired)
{
    struct edge_one *one = resolve->one;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__ResolveIdentifierResponse response =
        SOUK__V1__RESOLVE_IDENTIFIER_RESPONSE__INIT;
    response.sku = reply_sku(&reply, sku);
    response.kind = kind;
    response.retired = retired;
    response.stamps = reply_alloc(&reply, RESOLVE_READS_MAX * sizeof *response.stamps);
    for (unsigned i = 0; i < resolve->reads && !reply.failed; i++) {
        response.stamps[response.n_stamps++] = reply_stamp(&reply, &resolve->stamps[i]);
    }
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, resolve->stamps, resolve->reads, false);
    souk__v1__catalog_service__resolve_identifier__reply(one->edge.rpc, &response);
}

static void resolve_fail(struct resolve *resolve, const char *why, struct slice sku_id)
{
    struct problem problem;
    problem_set(&problem, STATUS_NOT_FOUND, "identifier",
                "no SKU is found under '%.*s'%s%.*s", (int)resolve->asked.size,
                (const char *)resolve->asked.data, why, (int)sku_id.size,
                (const char *)sku_id.data);
    edge_fail(&resolve->one->edge, &problem);
}

/* Whether the SKU lists the identifier, and as what. */
static bool resolve_listed(const struct resolve *resolve, const struct inventory_sku *sku,
                           Souk__V1__IdentifierKind *out_kind)
{
    struct arena *arena = resolve->one->edge.arena;
    for (uint32_t i = 0; i < sku->gtin_count; i++) {
        if (slice_equal(inventory_identifier_canonical(sku->gtins[i], arena),
                        resolve->alias.identifier)) {
            *out_kind = SOUK__V1__IDENTIFIER_KIND__IDENTIFIER_KIND_GTIN;
            return true;
        }
    }
    for (uint32_t i = 0; i < sku->alias_count; i++) {
        if (slice_equal(inventory_identifier_canonical(sku->aliases[i], arena),
                        resolve->alias.identifier)) {
            *out_kind = SOUK__V1__IDENTIFIER_KIND__IDENTIFIER_KIND_ALIAS;
            return true;
        }
    }
    *out_kind = gtin_valid(resolve->alias.identifier)
                    ? SOUK__V1__IDENTIFIER_KIND__IDENTIFIER_KIND_GTIN
                    : SOUK__V1__IDENTIFIER_KIND__IDENTIFIER_KIND_ALIAS;
    return false;
}

static void resolve_note(struct resolve *resolve)
{
    resolve->stamps[resolve->reads++] = resolve->one->call.stamp;
}

static void resolve_got_sku(struct edge_one *one)
{
    struct resolve *resolve = one->user;
    const struct inventory_answer *answer = &one->answer.inventory;
    Souk__V1__IdentifierKind kind;
    bool listed;
    resolve_note(resolve);
    if (answer->sku_count == 0) {
        resolve_fail(resolve, "; it is kept for the SKU ", resolve->alias.sku_id);
        return;
    }
    listed = resolve_listed(resolve, &answer->skus[0], &kind);
    if (!listed && resolve->alias.state != INVENTORY_ALIAS_BOUND) {
        resolve_fail(resolve, "; it is kept for the SKU ", resolve->alias.sku_id);
        return;
    }
    resolve_reply(resolve, &answer->skus[0], kind, !listed);
}

static void resolve_ask_sku(struct resolve *resolve)
{
    struct edge_one *one = resolve->one;
    one->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                                        .inventory = {.kind = INVENTORY_QUERY_SKU_BATCH,
                                                      .sku_ids = &resolve->alias.sku_id,
                                                      .sku_count = 1}};
    edge_ask(one, SHARD_MAP_SKU,
             hash64(resolve->alias.sku_id, one->edge.service->map->hash_seed),
             resolve_got_sku);
}

static void resolve_ask(struct resolve *resolve, struct slice identifier,
                        edge_finish *finish)
{
    struct edge_one *one = resolve->one;
    one->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_IDENTIFIER, .identifier = identifier}};
    edge_ask(one, SHARD_MAP_SKU, hash64(identifier, one->edge.service->map->hash_seed),
             finish);
}

static void resolve_found(struct edge_one *one)
{
    struct resolve *resolve = one->user;
    const struct inventory_answer *answer = &one->answer.inventory;
    bool again = resolve->reads == 0 && !slice_equal(resolve->asked, resolve->canonical);
    resolve_note(resolve);
    if (answer->sku_count > 0 && resolve->reads == 1) {
        resolve_reply(resolve, &answer->skus[0],
                      SOUK__V1__IDENTIFIER_KIND__IDENTIFIER_KIND_SKU_ID, false);
    } else if (answer->has_alias) {
        resolve->alias = answer->alias;
        resolve_ask_sku(resolve);
    } else if (again) {
        resolve_ask(resolve, resolve->canonical, resolve_found);
    } else {
        resolve_fail(resolve, "", slice_of(NULL, 0));
    }
}

void resolve_identifier(struct rpc_call *rpc,
                        const Souk__V1__ResolveIdentifierRequest *request, void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct resolve *resolve;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    resolve = arena_zalloc(one->edge.arena, sizeof *resolve);
    if (resolve == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    if (check_id("identifier", request->identifier, &resolve->asked, &problem) !=
            STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    resolve->one = one;
    resolve->canonical = inventory_identifier_canonical(resolve->asked, one->edge.arena);
    one->user = resolve;
    resolve_ask(resolve, resolve->asked, resolve_found);
}
