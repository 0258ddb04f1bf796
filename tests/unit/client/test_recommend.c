/* SPDX-License-Identifier: Apache-2.0 */
/* Recommendations through libsouk, against a server that answers with what it was asked. */
#include <pthread.h>

#include "client/include/souk/souk.h"
#include "proto/rpc/rpc_server.h"
#include "proto/souk/v1/recommend.grpc-c.h"
#include "shard/base/arena.h"
#include "tests/lib/test.h"

/* --- The server -------------------------------------------------------------------- */

struct shop {
    struct rpc_server *rpc;
    char address[32];
    pthread_mutex_t mutex;
    char asked[1024];     /* the last question, as text */
    uint32_t messages;    /* of streams */
    uint32_t break_after; /* end the stream instead of answering this one; 0: never */
    uint32_t streams;
};

static void note(char *out, size_t size, const char *key, char *const *texts,
                 size_t count)
{
    size_t used = strlen(out);
    used += (size_t)snprintf(out + used, size - used, " %s=", key);
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "," : "", texts[i]);
    }
}

static void note_stock(char *out, size_t size, const Souk__V1__StockFilter *stock)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, " stock=%d/%s/%d/%d", (int)stock->mode,
             stock->channel, (int)stock->min_quantity, stock->allow_backorder);
    note(out, size, "at", stock->location_ids, stock->n_location_ids);
}

static void shop_note(struct shop *shop, const Souk__V1__RecommendRequest *request)
{
    char *out = shop->asked;
    size_t size = sizeof shop->asked;
    snprintf(out, size, "%s %s%s count=%d %d%d%d filter=%s diverse=%s/%u soft=%d",
             request->placement,
             request->actor_case == SOUK__V1__RECOMMEND_REQUEST__ACTOR_CUSTOMER_ID
                 ? request->customer_id
                 : "",
             request->actor_case == SOUK__V1__RECOMMEND_REQUEST__ACTOR_VISITOR_ID
                 ? request->visitor_id
                 : "",
             request->count, request->exclude_seen, request->exclude_current,
             request->no_personalization, request->filter,
             request->diversity ? request->diversity->attribute : "",
             request->diversity ? request->diversity->group_items_max : 0,
             request->budget ? (int)request->budget->soft->nanos / 1000000 : 0);
    note(out, size, "session", request->session_items, request->n_session_items);
    note(out, size, "seeds", request->seeds, request->n_seeds);
    note(out, size, "cart", request->cart, request->n_cart);
    note_stock(out, size, request->stock);
}

/* One item, named as the question's first seed, with two reasons. */
struct shop_answer {
    Souk__V1__RecommendResponse response;
    Souk__V1__RecommendedItem item, *items[1];
    Souk__V1__Reason reasons[2], *pointers[2];
    Souk__V1__Money price;
    Souk__V1__ItemStock stock;
    Souk__V1__Coverage coverage;
    char *consents[1];
};

static void shop_fill(struct shop_answer *answer, char *sku_id)
{
    static char answer_id[] = "the-answer", consent[] = "personalization",
                currency[] = "EUR", related[] = "TEA", berlin[] = "berlin";
    souk__v1__recommend_response__init(&answer->response);
    souk__v1__recommended_item__init(&answer->item);
    souk__v1__money__init(&answer->price);
    souk__v1__item_stock__init(&answer->stock);
    souk__v1__coverage__init(&answer->coverage);
    for (int i = 0; i < 2; i++) {
        souk__v1__reason__init(&answer->reasons[i]);
        answer->pointers[i] = &answer->reasons[i];
    }
    answer->reasons[0].kind = SOUK__V1__REASON_KIND__REASON_KIND_ALSO_BOUGHT;
    answer->reasons[0].related_sku_id = related;
    answer->reasons[0].evidence_count = 12;
    answer->reasons[0].weight = 0.75;
    answer->reasons[1].kind = SOUK__V1__REASON_KIND__REASON_KIND_POPULAR;
    answer->reasons[1].fallback = true;
    answer->reasons[1].location_id = berlin;
    answer->price.currency = currency;
    answer->price.units = 7;
    answer->stock.available = 4;
    answer->coverage.fraction = 0.5;
    answer->item.sku_id = sku_id;
    answer->item.rank = 1;
    answer->item.score = 2.5;
    answer->item.reasons = answer->pointers;
    answer->item.n_reasons = 2;
    answer->item.price = &answer->price;
    answer->item.stock = &answer->stock;
    answer->items[0] = &answer->item;
    answer->consents[0] = consent;
    answer->response.items = answer->items;
    answer->response.n_items = 1;
    answer->response.answer_id = answer_id;
    answer->response.coverage = &answer->coverage;
    answer->response.consent_used = answer->consents;
    answer->response.n_consent_used = 1;
}

static void shop_recommend(struct rpc_call *call,
                           const Souk__V1__RecommendRequest *request, void *context)
{
    struct shop *shop = context;
    struct shop_answer answer;
    static char none[] = "NONE";
    pthread_mutex_lock(&shop->mutex);
    shop_note(shop, request);
    pthread_mutex_unlock(&shop->mutex);
    shop_fill(&answer, request->n_seeds > 0 ? request->seeds[0] : none);
    souk__v1__recommend_service__recommend__reply(call, &answer.response);
}

/* The SKUs asked for, backwards; the last of them is unknown. */
static void shop_rank(struct rpc_call *call, const Souk__V1__RankItemsRequest *request,
                      void *context)
{
    struct shop *shop = context;
    size_t count = request->n_sku_ids;
    struct shop_answer *answers = calloc(count, sizeof *answers);
    Souk__V1__RankedItem *items = calloc(count, sizeof *items);
    Souk__V1__RankedItem **pointers = calloc(count, sizeof(Souk__V1__RankedItem *));
    Souk__V1__RankItemsResponse response;
    souk__v1__rank_items_response__init(&response);
    pthread_mutex_lock(&shop->mutex);
    snprintf(shop->asked, sizeof shop->asked, "%s %s%d", request->placement,
             request->actor_case == SOUK__V1__RANK_ITEMS_REQUEST__ACTOR_VISITOR_ID
                 ? request->visitor_id
                 : "",
             request->no_personalization);
    note(shop->asked, sizeof shop->asked, "seeds", request->seeds, request->n_seeds);
    note_stock(shop->asked, sizeof shop->asked, request->stock);
    pthread_mutex_unlock(&shop->mutex);
    for (size_t i = 0; i < count; i++) {
        shop_fill(&answers[i], request->sku_ids[count - 1 - i]);
        souk__v1__ranked_item__init(&items[i]);
        items[i].item = &answers[i].item;
        items[i].found = i + 1 < count;
        items[i].sellable = i == 0;
        pointers[i] = &items[i];
    }
    response.items = pointers;
    response.n_items = count;
    response.answer_id = answers[0].response.answer_id;
    souk__v1__recommend_service__rank_items__reply(call, &response);
    free(answers);
    free(items);
    free(pointers);
}

static void shop_explain(struct rpc_call *call,
                         const Souk__V1__ExplainAnswerRequest *request, void *context)
{
    static char walk[] = "walk", rank[] = "rank", placement[] = "for-you", tea[] = "TEA";
    struct shop_answer shown;
    Souk__V1__AnswerSource source, *sources[] = {&source};
    Souk__V1__AnswerSeed seed, *seeds[] = {&seed};
    Souk__V1__AnswerStage stage, *stages[] = {&stage};
    Souk__V1__AnswerDropped dropped;
    Google__Protobuf__Duration elapsed = GOOGLE__PROTOBUF__DURATION__INIT;
    Souk__V1__ExplainAnswerResponse response;
    struct problem problem;
    (void)context;
    if (strcmp(request->answer_id, "the-answer") != 0) {
        problem_set(&problem, STATUS_NOT_FOUND, "answer_id", "forgotten");
        rpc_call_fail(call, &problem);
        return;
    }
    shop_fill(&shown, tea);
    souk__v1__explain_answer_response__init(&response);
    souk__v1__answer_source__init(&source);
    souk__v1__answer_seed__init(&seed);
    souk__v1__answer_stage__init(&stage);
    souk__v1__answer_dropped__init(&dropped);
    source.source = walk;
    source.weight = 4;
    source.tier = 1;
    source.asked = true;
    source.candidates = 33;
    seed.sku_id = tea;
    seed.origin = SOUK__V1__ANSWER_SEED_ORIGIN__ANSWER_SEED_ORIGIN_RECORDED_SESSION;
    elapsed.nanos = 250000;
    stage.stage = rank;
    stage.elapsed = &elapsed;
    stage.rounds = 2;
    dropped = (Souk__V1__AnswerDropped){.base = dropped.base,
                                        .not_sellable = 1,
                                        .filtered = 2,
                                        .not_diverse = 3,
                                        .not_listed = 4,
                                        .unanswered = 5};
    response.answer_id = request->answer_id;
    response.placement = placement;
    response.sources = sources;
    response.n_sources = 1;
    response.seeds = seeds;
    response.n_seeds = 1;
    response.stages = stages;
    response.n_stages = 1;
    response.dropped = &dropped;
    response.items = shown.items;
    response.n_items = 1;
    response.personal = SOUK__V1__ANSWER_PERSONAL__ANSWER_PERSONAL_USED;
    souk__v1__recommend_service__explain_answer__reply(call, &response);
}

static void shop_stream_open(struct rpc_stream *stream, void *context)
{
    struct shop *shop = context;
    pthread_mutex_lock(&shop->mutex);
    shop->streams++;
    pthread_mutex_unlock(&shop->mutex);
    rpc_stream_set_user(stream, context);
}

static void shop_half_close(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

/* A question without seeds is refused; the others are answered. */
static void shop_batch(struct rpc_stream *stream,
                       const Souk__V1__BatchRecommendRequest *message, void *user)
{
    static char reason[] = "INVALID", text[] = "no seeds", field[] = "seeds";
    struct shop *shop = user;
    size_t count = message->n_requests;
    struct shop_answer *answers = calloc(count, sizeof *answers);
    Souk__V1__BatchRecommendResult *results = calloc(count, sizeof *results);
    Souk__V1__BatchRecommendResult **pointers =
        calloc(count, sizeof(Souk__V1__BatchRecommendResult *));
    Souk__V1__ItemStatus *statuses = calloc(count, sizeof *statuses);
    Souk__V1__BatchRecommendResponse response;
    bool broken;
    souk__v1__batch_recommend_response__init(&response);
    for (size_t i = 0; i < count; i++) {
        souk__v1__batch_recommend_result__init(&results[i]);
        souk__v1__item_status__init(&statuses[i]);
        results[i].status = &statuses[i];
        pointers[i] = &results[i];
        if (message->requests[i]->n_seeds > 0) {
            shop_fill(&answers[i], message->requests[i]->seeds[0]);
            results[i].answer = &answers[i].response;
        } else {
            statuses[i].code = STATUS_CODE_INVALID_ARGUMENT;
            statuses[i].reason = reason;
            statuses[i].message = text;
            statuses[i].field = field;
        }
    }
    response.results = pointers;
    response.n_results = count;
    pthread_mutex_lock(&shop->mutex);
    broken = ++shop->messages == shop->break_after;
    pthread_mutex_unlock(&shop->mutex);
    if (broken) {
        struct problem problem;
        problem_set(&problem, STATUS_DRAINING, "", "going away");
        rpc_stream_finish(stream, &problem);
    } else {
        EXPECT_OK(souk__v1__recommend_service__batch_recommend__send(stream, &response));
    }
    free(answers);
    free(results);
    free(pointers);
    free(statuses);
}

static void shop_open(struct shop *shop)
{
    static const struct souk__v1__recommend_service__handlers handlers = {
        .recommend = shop_recommend,
        .rank_items = shop_rank,
        .explain_answer = shop_explain,
        .batch_recommend = {.open = shop_stream_open,
                            .message = shop_batch,
                            .events = {.half_close = shop_half_close}}};
    struct rpc_server_options options;
    struct problem problem;
    memset(shop, 0, sizeof *shop);
    pthread_mutex_init(&shop->mutex, NULL);
    rpc_server_options_init(&options);
    options.address = "127.0.0.1";
    shop->rpc = rpc_server_new(&options);
    souk__v1__recommend_service__register(shop->rpc, &handlers, shop);
    EXPECT_OK(rpc_server_start(shop->rpc, &problem));
    snprintf(shop->address, sizeof shop->address, "127.0.0.1:%u",
             rpc_server_port(shop->rpc));
}

/* What the server noted is read after it has stopped. */
static void shop_close(struct shop *shop, struct souk_client *client)
{
    souk_client_close(client);
    rpc_server_stop(shop->rpc, 0);
    rpc_server_free(shop->rpc);
}

static struct souk_client *shop_client(const struct shop *shop)
{
    struct souk_client_options options = {.addresses = shop->address};
    struct souk_client *client = NULL;
    EXPECT_EQ(souk_client_open(&options, &client, NULL), SOUK_OK);
    return client;
}

/* --- Calls ------------------------------------------------------------------------- */

TEST(recommend, asks_with_every_field_and_reads_every_part_of_the_answer)
{
    static const char *const session[] = {"A", "B"}, *const seeds[] = {"S", "T"},
                             *const cart[] = {"C"}, *const places[] = {"berlin"};
    const struct souk_recommend_request request = {.placement = "similar",
                                                   .customer_id = "C-1",
                                                   .session_items = session,
                                                   .session_item_count = 2,
                                                   .seeds = seeds,
                                                   .seed_count = 2,
                                                   .cart = cart,
                                                   .cart_count = 1,
                                                   .count = 7,
                                                   .stock_mode = SOUK_STOCK_MODE_INDEXED,
                                                   .location_ids = places,
                                                   .location_id_count = 1,
                                                   .channel = "web",
                                                   .min_quantity = 3,
                                                   .allow_backorder = true,
                                                   .exclude_seen = true,
                                                   .budget_soft_ms = 50,
                                                   .filter = "price < 9",
                                                   .diversity_attribute = "brand",
                                                   .diversity_items_max = 2,
                                                   .no_personalization = true};
    struct shop shop;
    struct souk_client *client;
    struct souk_recommend_reply *reply = NULL;
    const struct souk_recommended_item *item;
    shop_open(&shop);
    client = shop_client(&shop);
    EXPECT_EQ(souk_recommend(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->item_count, 1);
    item = &reply->items[0];
    EXPECT_STRING(item->sku_id, "S");
    EXPECT_EQ(item->rank, 1);
    EXPECT_EQ(item->available, 4);
    EXPECT_EQ(item->price.units, 7);
    EXPECT_EQ(item->reason_count, 2);
    EXPECT_EQ(item->reasons[0].kind, SOUK_REASON_ALSO_BOUGHT);
    EXPECT_STRING(item->reasons[0].related_sku_id, "TEA");
    EXPECT_EQ(item->reasons[0].evidence_count, 12);
    EXPECT(!item->reasons[0].fallback);
    EXPECT(item->reasons[1].fallback);
    EXPECT_STRING(item->reasons[0].location_id, "");
    EXPECT_STRING(item->reasons[1].location_id, "berlin");
    EXPECT_STRING(reply->answer_id, "the-answer");
    EXPECT_EQ(reply->coverage * 10, 5);
    EXPECT_EQ(reply->consent_used_count, 1);
    EXPECT_STRING(reply->consent_used[0], "personalization");
    souk_reply_free(reply);
    shop_close(&shop, client);
    EXPECT_STRING(shop.asked, "similar C-1 count=7 101 filter=price < 9 diverse=brand/2 "
                              "soft=50 session=A,B seeds=S,T cart=C stock=2/web/3/1 "
                              "at=berlin");
}

TEST(recommend, ranks_given_items)
{
    static const char *const skus[] = {"A", "B", "C"}, *const seeds[] = {"S"};
    const struct souk_recommend_rank_request request = {.placement = "for-you",
                                                        .visitor_id = "V-1",
                                                        .seeds = seeds,
                                                        .seed_count = 1,
                                                        .sku_ids = skus,
                                                        .sku_id_count = 3,
                                                        .min_quantity = 2};
    struct shop shop;
    struct souk_client *client;
    struct souk_recommend_rank_reply *reply = NULL;
    shop_open(&shop);
    client = shop_client(&shop);
    EXPECT_EQ(souk_recommend_rank(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_EQ(reply->item_count, 3);
    EXPECT_STRING(reply->items[0].item.sku_id, "C");
    EXPECT(reply->items[0].sellable && reply->items[0].found);
    EXPECT(!reply->items[1].sellable && reply->items[1].found);
    EXPECT(!reply->items[2].found);
    EXPECT_STRING(reply->items[2].item.sku_id, "A");
    EXPECT_STRING(reply->answer_id, "the-answer");
    souk_reply_free(reply);
    shop_close(&shop, client);
    EXPECT_STRING(shop.asked, "for-you V-10 seeds=S stock=0//2/0 at=");
}

TEST(recommend, explains_an_answer_until_it_is_forgotten)
{
    struct souk_recommend_explain_request request = {.answer_id = "the-answer"};
    struct shop shop;
    struct souk_client *client;
    struct souk_recommend_explain_reply *reply = NULL;
    struct souk_error error = SOUK_ERROR_INIT;
    shop_open(&shop);
    client = shop_client(&shop);
    EXPECT_EQ(souk_recommend_explain(client, &request, NULL, &reply, NULL), SOUK_OK);
    EXPECT_STRING(reply->placement, "for-you");
    EXPECT_EQ(reply->source_count, 1);
    EXPECT_STRING(reply->sources[0].source, "walk");
    EXPECT_EQ(reply->sources[0].candidates, 33);
    EXPECT(reply->sources[0].asked);
    EXPECT_EQ(reply->sources[0].tier, 1);
    EXPECT_EQ(reply->seeds[0].origin, SOUK_SEED_RECORDED_SESSION);
    EXPECT_STRING(reply->stages[0].stage, "rank");
    EXPECT_EQ(reply->stages[0].elapsed_us, 250);
    EXPECT_EQ(reply->stages[0].rounds, 2);
    EXPECT_EQ(reply->dropped_not_sellable, 1);
    EXPECT_EQ(reply->dropped_unanswered, 5);
    EXPECT_STRING(reply->items[0].sku_id, "TEA");
    EXPECT_EQ(reply->personal, SOUK_PERSONAL_USED);
    souk_reply_free(reply);
    request.answer_id = "another";
    EXPECT_EQ(souk_recommend_explain(client, &request, NULL, &reply, &error),
              SOUK_NOT_FOUND);
    EXPECT_STRING(error.violations[0].field, "answer_id");
    souk_error_clear(&error);
    shop_close(&shop, client);
}

/* --- The stream -------------------------------------------------------------------- */

enum {
    MESSAGES = 40,
    QUESTIONS = 25,
};

struct heard {
    uint64_t messages;
    uint64_t answers;
    uint64_t refused;
    bool wrong;
};

static void hear(void *context, const struct souk_recommend_answers *answers)
{
    struct heard *heard = context;
    char wanted[32];
    heard->wrong = heard->wrong || answers->sequence != ++heard->messages;
    for (size_t i = 0; i < answers->result_count; i++) {
        const struct souk_recommend_result *result = &answers->results[i];
        if (result->status.code != SOUK_OK) {
            heard->refused++;
            heard->wrong = heard->wrong || strcmp(result->status.field, "seeds") != 0 ||
                           result->reply.item_count != 0;
            continue;
        }
        snprintf(wanted, sizeof wanted, "SKU-%llu-%zu",
                 (unsigned long long)heard->messages - 1, i);
        heard->answers++;
        heard->wrong = heard->wrong || result->reply.item_count != 1 ||
                       strcmp(result->reply.items[0].sku_id, wanted) != 0;
    }
}

/* The ids are wiped after each send: the stream must have its own. */
static void ask_message(struct souk_recommend_stream *stream, unsigned number)
{
    struct souk_recommend_request requests[QUESTIONS];
    char ids[QUESTIONS][32];
    const char *seeds[QUESTIONS];
    memset(requests, 0, sizeof requests);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        snprintf(ids[i], sizeof ids[i], "SKU-%u-%u", number, i);
        seeds[i] = ids[i];
        requests[i].seeds = &seeds[i];
        requests[i].seed_count = i % 5 == 4 ? 0 : 1;
    }
    EXPECT_EQ(souk_recommend_stream_send(stream, requests, QUESTIONS, NULL), SOUK_OK);
    memset(ids, 'x', sizeof ids);
}

static struct heard ask_stream(uint32_t break_after, uint32_t *out_streams)
{
    struct heard heard = {0};
    const struct souk_recommend_stream_options options = {
        .on_answers = hear, .context = &heard, .window = 3};
    struct souk_recommend_stream *stream = NULL;
    struct souk_client *client;
    struct shop shop;
    shop_open(&shop);
    shop.break_after = break_after;
    client = shop_client(&shop);
    EXPECT_EQ(souk_recommend_stream_open(client, &options, &stream, NULL), SOUK_OK);
    for (unsigned i = 0; i < MESSAGES; i++) {
        ask_message(stream, i);
    }
    EXPECT_EQ(souk_recommend_stream_drain(stream, NULL), SOUK_OK);
    souk_recommend_stream_close(stream);
    shop_close(&shop, client);
    *out_streams = shop.streams;
    return heard;
}

TEST(recommend, a_stream_answers_each_question_by_itself_and_in_order)
{
    uint32_t streams;
    struct heard heard = ask_stream(0, &streams);
    EXPECT(!heard.wrong);
    EXPECT_EQ(heard.messages, MESSAGES);
    EXPECT_EQ(heard.answers, MESSAGES * QUESTIONS * 4 / 5);
    EXPECT_EQ(heard.refused, MESSAGES * QUESTIONS / 5);
    EXPECT_EQ(streams, 1);
}

TEST(recommend, a_stream_asks_again_what_a_lost_connection_left_unanswered)
{
    uint32_t streams;
    struct heard heard = ask_stream(20, &streams);
    EXPECT(!heard.wrong);
    EXPECT_EQ(heard.messages, MESSAGES);
    EXPECT_EQ(heard.answers, MESSAGES * QUESTIONS * 4 / 5);
    EXPECT_EQ(streams, 2);
}

TEST(recommend, a_message_of_none_or_too_many_questions_is_refused_before_it_is_sent)
{
    struct souk_recommend_stream *stream = NULL;
    struct souk_recommend_request request = {0};
    struct souk_error error = SOUK_ERROR_INIT;
    struct souk_client *client;
    struct shop shop;
    shop_open(&shop);
    client = shop_client(&shop);
    EXPECT_EQ(souk_recommend_stream_open(client, NULL, &stream, NULL), SOUK_OK);
    EXPECT_EQ(souk_recommend_stream_send(stream, &request, 0, &error),
              SOUK_INVALID_ARGUMENT);
    EXPECT_EQ(souk_recommend_stream_send(stream, &request, SOUK_BATCH_MAX + 1, NULL),
              SOUK_INVALID_ARGUMENT);
    EXPECT_EQ(souk_recommend_stream_send(stream, &request, 1, NULL), SOUK_OK);
    EXPECT_EQ(souk_recommend_stream_drain(stream, NULL), SOUK_OK);
    souk_error_clear(&error);
    souk_recommend_stream_close(stream);
    shop_close(&shop, client);
    EXPECT_EQ(shop.messages, 1);
}
