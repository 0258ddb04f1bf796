/* SPDX-License-Identifier: Apache-2.0 */
/* Recommendations: one call each, or, with several in a message, BatchRecommend. */
#include <stdio.h>

#include "bench/load/load.h"
#include "shard/base/assert.h"

/* The question of a message's item `at`: the next click of its session. */
static struct souk_recommend_request question(struct load_slot *slot, unsigned at)
{
    struct load *load = slot->load;
    struct souk_recommend_request request = {
        .placement = load->options.placement,
        .session_items = &slot->sku_pointers[at * LOAD_SESSION_ITEMS],
        .session_item_count = LOAD_SESSION_ITEMS,
        .count = load->options.count};
    if (load->sessions.count > 0) {
        struct session_click click = session_walk_next(&load->walk, &slot->lanes[at]);
        request.session_items = click.items;
        request.session_item_count = click.item_count;
    }
    return request;
}

/* --- One at a time ----------------------------------------------------------------- */

static void recommend_done(void *context, const struct souk_recommend_reply *reply,
                           const struct souk_error *error)
{
    struct load_slot *slot = context;
    slot->shown = reply != NULL ? (unsigned)reply->item_count : 0;
    load_finish(slot, error);
}

/* --- Many in a message ------------------------------------------------------------- */

static void stream_push(struct load_stream *stream, struct load_slot *slot)
{
    pthread_mutex_lock(&stream->lock);
    list_append(&stream->ready, &slot->link);
    pthread_cond_signal(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
}

/* The next slot to send, which counts as sent from now on; NULL at the end. */
static struct load_slot *stream_take(struct load_stream *stream)
{
    struct list *node;
    pthread_mutex_lock(&stream->lock);
    while (list_empty(&stream->ready) && !stream->closing) {
        pthread_cond_wait(&stream->changed, &stream->lock);
    }
    node = list_pop(&stream->ready);
    if (node != NULL) {
        list_append(&stream->sent, node);
    }
    pthread_mutex_unlock(&stream->lock);
    return node != NULL ? LIST_ENTRY(node, struct load_slot, link) : NULL;
}

static struct load_slot *stream_answered(struct load_stream *stream)
{
    struct list *node;
    pthread_mutex_lock(&stream->lock);
    node = list_pop(&stream->sent);
    pthread_mutex_unlock(&stream->lock);
    return node != NULL ? LIST_ENTRY(node, struct load_slot, link) : NULL;
}

static void stream_answers(void *context, const struct souk_recommend_answers *answers)
{
    struct load *load = context;
    struct load_slot *slot = stream_answered(&load->recommendations);
    ASSERT(slot != NULL && answers->result_count == slot->items);
    for (size_t i = 0; i < answers->result_count; i++) {
        load_count_item(slot, &answers->results[i].status);
        slot->shown += (unsigned)answers->results[i].reply.item_count;
    }
    load_finish(slot, NULL);
}

/* The stream is lost for good, and with it all that it was asked. */
static void stream_fail(struct load *load, const struct souk_error *error)
{
    struct load_slot *slot;
    fprintf(stderr, "souk-load: recommendations: %s %s\n", error->reason, error->message);
    atomic_store(&load->broken, true);
    while ((slot = stream_answered(&load->recommendations)) != NULL) {
        load_finish(slot, error);
    }
}

static void *stream_send(void *context)
{
    struct load *load = context;
    struct load_slot *slot;
    while ((slot = stream_take(&load->recommendations)) != NULL) {
        struct souk_error error = SOUK_ERROR_INIT;
        if (souk_recommend_stream_send(load->recommendations.stream, slot->questions,
                                       slot->items, &error) != SOUK_OK) {
            stream_fail(load, &error);
            souk_error_clear(&error);
        }
    }
    return NULL;
}

bool load_stream_open(struct load *load)
{
    struct load_stream *stream = &load->recommendations;
    struct souk_recommend_stream_options options = {
        .on_answers = stream_answers, .context = load, .window = load->options.clients};
    struct souk_error error = SOUK_ERROR_INIT;
    if (load->options.batch == 1 || load->options.mix.weights[LOAD_RECOMMEND] == 0) {
        return true;
    }
    if (souk_recommend_stream_open(load->client, &options, &stream->stream, &error) !=
        SOUK_OK) {
        fprintf(stderr, "souk-load: recommendations: %s %s\n", error.reason,
                error.message);
        souk_error_clear(&error);
        return false;
    }
    list_init(&stream->ready);
    list_init(&stream->sent);
    ASSERT(pthread_mutex_init(&stream->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&stream->changed, NULL) == 0);
    ASSERT(pthread_create(&stream->sender, NULL, stream_send, load) == 0);
    return true;
}

void load_stream_close(struct load *load)
{
    struct load_stream *stream = &load->recommendations;
    if (stream->stream == NULL) {
        return;
    }
    pthread_mutex_lock(&stream->lock);
    stream->closing = true;
    pthread_cond_signal(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    pthread_join(stream->sender, NULL);
    souk_recommend_stream_close(stream->stream);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->lock);
}

/* --- Both -------------------------------------------------------------------------- */

void load_recommend_start(struct load_slot *slot)
{
    struct load *load = slot->load;
    if (load->sessions.count == 0) {
        load_pick(slot, load->options.batch * LOAD_SESSION_ITEMS);
    }
    slot->items = load->options.batch;
    slot->failed = 0;
    for (unsigned i = 0; i < slot->items; i++) {
        slot->questions[i] = question(slot, i);
    }
    if (load->recommendations.stream != NULL) {
        stream_push(&load->recommendations, slot);
    } else {
        souk_recommend_start(load->client, slot->questions, NULL, recommend_done, slot);
    }
}
