/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CatalogService.GenerateSkus, step by step:
 *
 *     product   read; its axes and the template make the codes
 *     codes     all of them asked for: a SKU or an alias in the way refuses the call
 *     note      the request is logged at the product's home with the form that it saw
 *     upserts   one command per SKU, each under an id made from the request's and its own
 *
 * Nothing is written before the codes are known to be free; a SKU that appears afterwards
 * is refused by its own shard, for itself. The same request makes the same commands as long
 * as the product is as it was; else it is refused, and a new one says what is meant now.
 */
#include <string.h>

#include "proto/souk/v1/catalog.grpc-c.h"
#include "server/coordinator/sku_codes.h"
#include "server/service/batch.h"
#include "server/service/intake.h"
#include "server/service/product.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/base/buffer.h"

struct generate {
    struct edge_one *one;
    struct inventory_identity identity;
    struct slice product_id;
    struct slice template_text;
    bool validate_only;
    struct inventory_sku_upsert base;
    struct inventory_product product; /* as read */
    struct sku_codes codes;
    char **ids;     /* of the codes */
    bool *existing; /* a variant that is there */
    struct replica_stamp stamps[SESSION_TOKEN_SHARDS_MAX];
    unsigned stamp_count;
};

/* The separator of fingerprints and ids made here; requests remembered depend on it. */
static const uint64_t GENERATE_SEED = 0x736f756b67656e65u;

/* --- The SKUs ----------------------------------------------------------------------- */

static struct inventory_sku_upsert generate_sku(const struct generate *generate,
                                                uint32_t place)
{
    const struct sku_code *code = &generate->codes.codes[place];
    const struct inventory_product *product = &generate->product;
    struct inventory_sku_upsert upsert = generate->base;
    upsert.sku.sku_id = code->sku_id;
    upsert.sku.product_id = product->product_id;
    upsert.sku.options = code->options;
    upsert.sku.option_count = code->option_count;
    upsert.sku.name = code->name;
    if (upsert.sku.brand.size == 0) {
        upsert.sku.brand = product->brand;
    }
    if (upsert.sku.category_count == 0) {
        upsert.sku.categories = product->categories;
        upsert.sku.category_count = product->category_count;
    }
    if (upsert.sku.state == SKU_STATE_UNSPECIFIED) {
        upsert.sku.state = SKU_STATE_ACTIVE;
    }
    upsert.update_mask = SKU_FIELDS_ALL;
    upsert.if_absent = true;
    upsert.claim = true;
    return upsert;
}

/* A request id of its own for one SKU of the request. */
static struct hash128 generate_request_id(const struct generate *generate,
                                          struct slice sku_id)
{
    struct buffer bytes;
    struct hash128 id;
    buffer_init(&bytes);
    buffer_append(&bytes, &generate->identity.request_id,
                  sizeof generate->identity.request_id);
    buffer_append_slice(&bytes, sku_id);
    id = hash128(buffer_slice(&bytes), GENERATE_SEED);
    buffer_close(&bytes);
    return id;
}

static void generate_note_stamps(struct generate *generate, const struct edge_many *many)
{
    generate->stamp_count = 0;
    for (unsigned p = 0; p < many->part_count; p++) {
        if (many->parts[p].call.status == STATUS_OK &&
            generate->stamp_count < SESSION_TOKEN_SHARDS_MAX) {
            generate->stamps[generate->stamp_count++] = many->parts[p].call.stamp;
        }
    }
}

/* --- The answer --------------------------------------------------------------------- */

static Souk__V1__GeneratedSku *generate_one(const struct generate *generate,
                                            struct reply *reply, uint32_t place,
                                            const struct batch_item *item)
{
    const struct inventory_sku_upsert upsert = generate_sku(generate, place);
    Souk__V1__GeneratedSku *message = reply_alloc(reply, sizeof *message);
    struct refusal_names names = {.prefix = "sku.", .sku_id = upsert.sku.sku_id};
    struct problem problem;
    bool written = item != NULL && item->status == STATUS_OK && item->outcome != NULL;
    if (message == NULL) {
        return NULL;
    }
    souk__v1__generated_sku__init(message);
    message->sku = reply_sku(reply, written && item->outcome->inventory.has_sku
                                        ? &item->outcome->inventory.sku
                                        : &upsert.sku);
    message->created = item == NULL ? !generate->existing[place]
                                    : written && item->outcome->inventory.created;
    if (item != NULL && !written) {
        (void)batch_item_problem(item, &names, &problem);
        message->status = reply_item_status(reply, &problem);
    }
    return message;
}

/* `items` NULL: with validate_only. */
static void generate_reply(struct generate *generate, const struct batch_item *items,
                           bool replayed)
{
    struct edge *edge = &generate->one->edge;
    struct reply reply = {.arena = edge->arena};
    Souk__V1__GenerateSkusResponse response = SOUK__V1__GENERATE_SKUS_RESPONSE__INIT;
    response.skus =
        reply_alloc(&reply, (generate->codes.count + 1) * sizeof *response.skus);
    response.stamps =
        reply_alloc(&reply, (generate->stamp_count + 1) * sizeof *response.stamps);
    for (uint32_t i = 0; i < generate->codes.count && !reply.failed; i++) {
        response.skus[response.n_skus++] =
            generate_one(generate, &reply, i, items != NULL ? &items[i] : NULL);
    }
    for (unsigned i = 0; i < generate->stamp_count && !reply.failed; i++) {
        response.stamps[response.n_stamps++] = reply_stamp(&reply, &generate->stamps[i]);
    }
    if (reply.failed) {
        edge_fail_memory(edge);
        return;
    }
    edge_trailers(edge, generate->stamps, generate->stamp_count, replayed);
    souk__v1__catalog_service__generate_skus__reply(edge->rpc, &response);
}

/* --- Upserts ------------------------------------------------------------------------ */

static void generate_upserted(struct edge_many *many)
{
    struct batch *batch = many->user;
    struct generate *generate = batch->user;
    batch_collect(batch);
    generate_note_stamps(generate, many);
    generate_reply(generate, batch->items, generate->one->outcome->inventory.replayed);
    edge_many_done(many);
}

static bool generate_take(struct generate *generate, struct batch *batch)
{
    for (uint32_t i = 0; i < generate->codes.count; i++) {
        struct inventory_command command = {.kind = INVENTORY_SKU_UPSERT,
                                            .identity = generate->identity};
        struct problem problem;
        struct slice bytes;
        unsigned shard;
        command.sku_upsert = generate_sku(generate, i);
        command.identity.request_id =
            generate_request_id(generate, command.sku_upsert.sku.sku_id);
        if (edge_encode_sku(&generate->one->edge, &command, &bytes, &shard, &problem) !=
            STATUS_OK) {
            edge_fail(&generate->one->edge, &problem);
            return false;
        }
        batch_take(batch, i, bytes, shard);
    }
    return true;
}

static void generate_noted(struct edge_one *one)
{
    struct generate *generate = one->user;
    struct edge_many *many;
    struct batch *batch;
    struct problem problem;
    if (one->outcome->inventory.etag != generate->product.etag) {
        problem_set(&problem, STATUS_ETAG_MISMATCH, "product_id",
                    "product_id: the product has changed since; ask again with a new "
                    "request_id");
        edge_fail_again(&one->edge, &problem, one->outcome->inventory.replayed);
        return;
    }
    many = edge_many_from(&one->edge, one->request);
    if (many == NULL) {
        return;
    }
    if (batch_begin(&batch, many, generate->codes.count, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    batch->user = generate;
    if (generate_take(generate, batch)) {
        batch_submit(batch, generate_upserted);
    }
}

static void generate_note(struct generate *generate)
{
    struct inventory_command command = {.kind = INVENTORY_PRODUCT_GENERATE,
                                        .identity = generate->identity};
    struct inventory_command asked = {.kind = INVENTORY_SKU_UPSERT,
                                      .sku_upsert = generate->base};
    asked.sku_upsert.sku.name = generate->template_text;
    command.product_generate = (struct inventory_product_generate){
        .product_id = generate->product_id,
        .payload = inventory_command_fingerprint(&asked)};
    edge_propose_sku(generate->one, &command, generate_noted);
}

/* --- Collisions ---------------------------------------------------------------------- */

static bool generate_same(const struct inventory_sku *sku, const struct sku_code *code,
                          struct slice product_id)
{
    bool same = slice_equal(sku->product_id, product_id) &&
                sku->option_count == code->option_count;
    for (uint32_t i = 0; same && i < sku->option_count; i++) {
        same = sku->options[i].kind == code->options[i].kind &&
               slice_equal(sku->options[i].name, code->options[i].name) &&
               slice_equal(sku->options[i].text, code->options[i].text);
    }
    return same;
}

/* What was read of one shard, in the order of its ids: skips those that are not there. */
static void generate_look(struct generate *generate, const struct edge_part *part,
                          uint32_t *collisions, struct slice *first)
{
    const struct inventory_answer *answer = &part->answer.inventory;
    uint32_t skus = 0, taken = 0;
    for (unsigned i = 0; i < part->group.count; i++) {
        uint32_t place = part->group.items[i];
        const struct sku_code *code = &generate->codes.codes[place];
        bool there = skus < answer->sku_count &&
                     slice_equal(answer->skus[skus].sku_id, code->sku_id);
        bool alias = taken < answer->taken_count &&
                     slice_equal(answer->taken[taken], code->sku_id);
        bool same = there && generate_same(&answer->skus[skus], code,
                                           generate->product.product_id);
        skus += there;
        taken += alias;
        generate->existing[place] = same;
        if (alias || (there && !same)) {
            *first = *collisions == 0 ? code->sku_id : *first;
            (*collisions)++;
        }
    }
}

static void generate_looked(struct edge_many *many)
{
    struct generate *generate = many->user;
    struct slice first = slice_of(NULL, 0);
    struct problem problem;
    uint32_t collisions = 0;
    bool read = edge_many_read_ok(many);
    for (unsigned p = 0; read && p < many->part_count; p++) {
        generate_look(generate, &many->parts[p], &collisions, &first);
    }
    generate_note_stamps(generate, many);
    if (read && collisions > 0) {
        problem_set(&problem, STATUS_ALREADY_EXISTS, "code_template",
                    "code_template: '%.*s' and %u more are ids or aliases of other SKUs; "
                    "nothing was written",
                    (int)first.size, (const char *)first.data, collisions - 1);
        edge_fail(&generate->one->edge, &problem);
    }
    if (!read || collisions > 0) {
        edge_many_done(many);
        return;
    }
    edge_many_done(many); /* the call is not answered yet, so it lives on */
    if (generate->validate_only) {
        generate_reply(generate, NULL, false);
    } else {
        generate_note(generate);
    }
}

static bool generate_ids(struct generate *generate)
{
    struct arena *arena = generate->one->edge.arena;
    uint32_t count = generate->codes.count;
    generate->ids = arena_zalloc(arena, (count + 1) * sizeof *generate->ids);
    generate->existing = arena_zalloc(arena, (count + 1) * sizeof *generate->existing);
    for (uint32_t i = 0; generate->ids != NULL && i < count; i++) {
        struct slice id = generate->codes.codes[i].sku_id;
        generate->ids[i] = arena_zalloc(arena, id.size + 1);
        if (generate->ids[i] == NULL) {
            return false;
        }
        memcpy(generate->ids[i], id.data, id.size);
    }
    return generate->ids != NULL && generate->existing != NULL;
}

static void generate_got_product(struct edge_one *one)
{
    struct generate *generate = one->user;
    const struct settings *settings = one->edge.service->settings;
    struct edge_many *many;
    struct problem problem;
    generate->product = one->answer.inventory.products[0];
    if (sku_codes_make(&generate->product, generate->template_text,
                       (uint32_t)settings->batch_max_items, one->edge.arena,
                       &generate->codes, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    many = generate_ids(generate) ? edge_many_from(&one->edge, one->request) : NULL;
    if (many == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    many->user = generate;
    if (edge_many_by_sku(many, "code_template", generate->ids, generate->codes.count,
                         &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        many->parts[p].query.inventory.kind = INVENTORY_QUERY_CODES;
    }
    edge_many_submit(many, generate_looked);
}

/* --- Beginning ----------------------------------------------------------------------- */

/* The base is a SKU without what every SKU has of its own. */
static enum status generate_base(const Souk__V1__GenerateSkusRequest *request,
                                 struct generate *generate, struct problem *problem)
{
    Souk__V1__Sku base = SOUK__V1__SKU__INIT;
    if (request->base_sku != NULL) {
        base = *request->base_sku;
    }
    if (base.sku_id[0] != '\0' || base.product_id[0] != '\0' || base.name[0] != '\0' ||
        base.n_options > 0 || base.n_gtins > 0 || base.n_aliases > 0 ||
        base.etag[0] != '\0') {
        return problem_set(
            problem, STATUS_INVALID, "base_sku",
            "base_sku: sku_id, product_id, name, options, gtins, aliases and "
            "etag are each SKU's own");
    }
    base.sku_id = request->product_id; /* an id, to be checked alike */
    return intake_sku(&base, NULL, generate->one->edge.service->settings,
                      generate->one->edge.arena, &generate->base, problem);
}

void generate_call(struct rpc_call *rpc, const Souk__V1__GenerateSkusRequest *request,
                   void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct generate *generate;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    generate = arena_zalloc(one->edge.arena, sizeof *generate);
    if (generate == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    generate->one = one;
    generate->validate_only = request->validate_only;
    one->user = generate;
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &generate->identity, &problem) != STATUS_OK ||
        check_id("product_id", request->product_id, &generate->product_id, &problem) !=
            STATUS_OK ||
        check_text("code_template", request->code_template, INVENTORY_TEXT_BYTES_MAX,
                   &generate->template_text, &problem) != STATUS_OK ||
        generate_base(request, generate, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->query =
        (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                               .inventory = {.kind = INVENTORY_QUERY_PRODUCT,
                                             .product_id = generate->product_id}};
    edge_ask(one, SHARD_MAP_SKU,
             hash64(generate->product_id, one->edge.service->map->hash_seed),
             generate_got_product);
}
