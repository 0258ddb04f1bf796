/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/souk/internal/v1/peer.grpc-c.h"
#include "server/host/call_bytes.h"
#include "server/peer/peer_pending.h"
#include "server/peer/peer_queue.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

#define PB(name) Souk__Internal__V1__##name

struct link_lane {
    struct peer_link *link;
    uint32_t number;
    struct peer_queue queue;
    struct buffer frame;
    struct rpc_stream *stream; /* NULL: closed */
    bool welcome;              /* the other side has said so */
    bool stuck;                /* the transport is full; `writable` follows */
    uint64_t retry_us;
    uint32_t failures; /* in a row */
};

struct peer_link {
    struct link_options options;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    char address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    bool moved; /* the channel leads to an older address */
    bool closing;
    bool told_connected;
    bool told_refused;
    struct rpc_channel *channel; /* NULL: none */
    struct link_lane lanes[PEER_LANES];
    struct peer_pending pending;
    struct buffer request;
};

/* --- Life ---------------------------------------------------------------------------- */

struct peer_link *link_new(const struct link_options *options)
{
    struct peer_link *link = memory_zalloc(sizeof *link);
    link->options = *options;
    ASSERT(pthread_mutex_init(&link->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&link->ended, NULL) == 0);
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        struct link_lane *lane = &link->lanes[i];
        bool calls = i == PEER_LANE_CALLS;
        lane->link = link;
        lane->number = i;
        peer_queue_init(&lane->queue, calls ? FRAME_CALLS : FRAME_LETTERS,
                        (size_t)(calls ? options->settings->peer_requests_max_bytes
                                       : options->settings->peer_queue_max_bytes));
        buffer_init(&lane->frame);
    }
    peer_pending_init(&link->pending);
    buffer_init(&link->request);
    return link;
}

void link_free(struct peer_link *link)
{
    if (link == NULL) {
        return;
    }
    ASSERT(link->closing);
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        ASSERT(link->lanes[i].stream == NULL);
        peer_queue_close(&link->lanes[i].queue);
        buffer_close(&link->lanes[i].frame);
    }
    peer_pending_close(&link->pending);
    buffer_close(&link->request);
    pthread_cond_destroy(&link->ended);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

static void link_lock(struct peer_link *link)
{
    ASSERT(pthread_mutex_lock(&link->lock) == 0);
}

static void link_unlock(struct peer_link *link)
{
    pthread_mutex_unlock(&link->lock);
}

uint64_t link_node_id(const struct peer_link *link)
{
    return link->options.node_id;
}

static bool link_all_closed(const struct peer_link *link)
{
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        if (link->lanes[i].stream != NULL) {
            return false;
        }
    }
    return true;
}

/* All that are late at this time, UINT64_MAX: all. What became of them is not known. */
static void link_give_back(struct peer_link *link, uint64_t now_us)
{
    struct shard_call *call;
    while ((call = peer_pending_take_late(&link->pending, now_us)) != NULL) {
        runtime_return(link->options.runtime, call, STATUS_UNREACHABLE,
                       slice_of(NULL, 0));
    }
}

static void link_cut(struct peer_link *link)
{
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        if (link->lanes[i].stream != NULL) {
            rpc_stream_cancel(link->lanes[i].stream);
        }
    }
}

void link_close(struct peer_link *link)
{
    link_lock(link);
    link->closing = true;
    link_cut(link);
    while (!link_all_closed(link)) {
        pthread_cond_wait(&link->ended, &link->lock);
    }
    link_give_back(link, UINT64_MAX);
    if (link->told_connected) {
        link->told_connected = false;
        metric_gauge_add(METRIC_PEERS_CONNECTED, -1);
    }
    rpc_channel_close(link->channel);
    link->channel = NULL;
    link_unlock(link);
}

void link_set_address(struct peer_link *link, const char *address)
{
    link_lock(link);
    if (strcmp(link->address, address) != 0) {
        snprintf(link->address, sizeof link->address, "%s", address);
        link->moved = true;
        link_cut(link);
        for (uint32_t i = 0; i < PEER_LANES; i++) {
            link->lanes[i].retry_us = 0;
            link->lanes[i].failures = 0;
        }
    }
    link_unlock(link);
}

bool link_is_at(struct peer_link *link, const char *address)
{
    link_lock(link);
    bool is = strcmp(link->address, address) == 0;
    link_unlock(link);
    return is;
}

/* --- Sending ------------------------------------------------------------------------- */

static void lane_flush(struct link_lane *lane)
{
    size_t items;
    while (lane->stream != NULL && !lane->stuck &&
           peer_queue_take(&lane->queue, &lane->frame, &items)) {
        PB(TalkRequest) request = SOUK__INTERNAL__V1__TALK_REQUEST__INIT;
        request.content_case = SOUK__INTERNAL__V1__TALK_REQUEST__CONTENT_FRAME;
        request.frame = (ProtobufCBinaryData){lane->frame.size, lane->frame.data};
        enum status status =
            souk__internal__v1__peer_service__talk__send_request(lane->stream, &request);
        if (status != STATUS_OK) {
            lane->stuck = true; /* until it is writable, or ends */
            return;
        }
        metric_add(METRIC_PEER_FRAMES, 1);
        metric_add(METRIC_PEER_BYTES, lane->frame.size);
        peer_queue_taken(&lane->queue, items);
    }
}

void link_flush(struct peer_link *link)
{
    link_lock(link);
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        lane_flush(&link->lanes[i]);
    }
    link_unlock(link);
}

static enum peer_lane link_lane_of(enum replica_mail mail)
{
    switch (mail) {
    case REPLICA_MAIL_CONTROL:
        return PEER_LANE_CONTROL;
    case REPLICA_MAIL_ENTRIES:
        return PEER_LANE_ENTRIES;
    case REPLICA_MAIL_SNAPSHOT:
        return PEER_LANE_SNAPSHOT;
    }
    UNREACHABLE();
}

void link_send(struct peer_link *link, const struct host_message *message)
{
    link_lock(link);
    struct link_lane *lane = &link->lanes[link_lane_of(message->mail)];
    if (!lane->welcome || peer_queue_put_letter(&lane->queue, message) != STATUS_OK) {
        metric_add(METRIC_PEER_MESSAGES_SHED, 1);
    }
    link_unlock(link);
}

enum status link_forward(struct peer_link *link, struct shard_call *call, uint64_t now_us)
{
    uint64_t due_us =
        now_us + (uint64_t)link->options.settings->forward_timeout_ms * 1000;
    enum status status = STATUS_UNREACHABLE;
    if (call->deadline_us != 0 && call->deadline_us < due_us) {
        due_us = call->deadline_us;
    }
    link_lock(link);
    struct link_lane *lane = &link->lanes[PEER_LANE_CALLS];
    if (lane->welcome) {
        uint64_t id = peer_pending_add(&link->pending, call, due_us);
        buffer_clear(&link->request);
        call_encode_request(call, now_us, &link->request);
        status = peer_queue_put_call(&lane->queue, id, buffer_slice(&link->request));
        if (status != STATUS_OK) {
            (void)peer_pending_take(&link->pending, id);
        }
    }
    link_unlock(link);
    return status;
}

bool link_connected(struct peer_link *link)
{
    bool connected = true;
    link_lock(link);
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        connected = connected && link->lanes[i].welcome;
    }
    link_unlock(link);
    return connected;
}

/* --- Streams ------------------------------------------------------------------------- */

static void link_tell_connected(struct peer_link *link)
{
    bool connected = true;
    for (uint32_t i = 0; i < PEER_LANES; i++) {
        connected = connected && link->lanes[i].welcome;
    }
    if (connected == link->told_connected) {
        return;
    }
    link->told_connected = connected;
    link->told_refused = false;
    metric_gauge_add(METRIC_PEERS_CONNECTED, connected ? 1 : -1);
    log_event(LOG_INFO, connected ? "connected to a node" : "lost a node",
              LOG_U64("node", link->options.node_id),
              LOG_STRING("address", link->address));
}

static void link_take_answers(struct peer_link *link, struct slice frame)
{
    struct reader reader;
    enum frame_kind kind;
    struct slice bytes;
    uint64_t id;
    if (frame_open(frame, &reader, &kind) != STATUS_OK || kind != FRAME_ANSWERS) {
        return;
    }
    while (frame_next_call(&reader, &id, &bytes)) {
        struct shard_call *call = peer_pending_take(&link->pending, id);
        if (call != NULL) {
            runtime_return(link->options.runtime, call, STATUS_OK, bytes);
        }
    }
}

static void lane_on_message(struct rpc_stream *stream, const PB(TalkResponse) * message,
                            void *user)
{
    struct link_lane *lane = user;
    struct peer_link *link = lane->link;
    link_lock(link);
    if (stream != lane->stream) {
        link_unlock(link);
        return;
    }
    if (message->content_case == SOUK__INTERNAL__V1__TALK_RESPONSE__CONTENT_WELCOME) {
        lane->welcome = true;
        lane->failures = 0;
        link_tell_connected(link);
    } else if (message->content_case ==
               SOUK__INTERNAL__V1__TALK_RESPONSE__CONTENT_FRAME) {
        link_take_answers(link, slice_of(message->frame.data, message->frame.len));
    }
    link_unlock(link);
}

static void lane_on_writable(struct rpc_stream *stream, void *user)
{
    struct link_lane *lane = user;
    link_lock(lane->link);
    if (stream == lane->stream) {
        lane->stuck = false;
        lane_flush(lane);
    }
    link_unlock(lane->link);
}

/* Once, not at every attempt: somebody has to mend it. */
static void link_tell_refused(struct peer_link *link, const struct rpc_status *status)
{
    bool refused = status->status != STATUS_OK && status->status != STATUS_UNREACHABLE &&
                   status->status != STATUS_CANCELLED &&
                   status->status != STATUS_DRAINING;
    if (refused && !link->told_refused && !link->closing) {
        link->told_refused = true;
        log_event(LOG_WARN, "a node refuses this one",
                  LOG_U64("node", link->options.node_id),
                  LOG_STRING("address", link->address), LOG_STATUS(status->status),
                  LOG_STRING("why", status->message != NULL ? status->message : ""));
    }
}

static uint64_t lane_pause_us(const struct link_lane *lane)
{
    uint64_t pause_us = LINK_RETRY_FIRST_US;
    for (uint32_t i = 1; i < lane->failures && pause_us < LINK_RETRY_MAX_US; i++) {
        pause_us *= 2;
    }
    return pause_us < LINK_RETRY_MAX_US ? pause_us : LINK_RETRY_MAX_US;
}

static void lane_on_done(struct rpc_stream *stream, const struct rpc_status *status,
                         void *user)
{
    struct link_lane *lane = user;
    struct peer_link *link = lane->link;
    link_lock(link);
    ASSERT(stream == lane->stream); /* one at a time */
    lane->stream = NULL;
    lane->welcome = false;
    lane->stuck = false;
    lane->failures++;
    lane->retry_us = UINT64_MAX; /* the next tick knows the time */
    peer_queue_clear(&lane->queue);
    if (lane->number == PEER_LANE_CALLS) {
        link_give_back(link, UINT64_MAX);
    }
    link_tell_refused(link, status);
    link_tell_connected(link);
    pthread_cond_broadcast(&link->ended);
    link_unlock(link);
    rpc_stream_unref(stream);
}

static void lane_open(struct link_lane *lane)
{
    static const struct souk__internal__v1__peer_service__talk__callbacks callbacks = {
        .message = lane_on_message,
        .events = {.writable = lane_on_writable, .done = lane_on_done},
    };
    struct peer_link *link = lane->link;
    const struct peers_identity *identity = link->options.identity;
    PB(Hello) hello = SOUK__INTERNAL__V1__HELLO__INIT;
    PB(TalkRequest) request = SOUK__INTERNAL__V1__TALK_REQUEST__INIT;
    char address[sizeof identity->peer_address];
    uint8_t cluster_id[PEERS_CLUSTER_ID_BYTES];
    memcpy(address, identity->peer_address, sizeof address);
    memcpy(cluster_id, identity->cluster_id, sizeof cluster_id);
    hello.version = PEERS_VERSION;
    hello.cluster_id = (ProtobufCBinaryData){sizeof cluster_id, cluster_id};
    hello.from_node_id = identity->node_id;
    hello.to_node_id = link->options.node_id;
    hello.lane = lane->number;
    hello.peer_address = address;
    hello.settings_digest = identity->settings_digest;
    request.content_case = SOUK__INTERNAL__V1__TALK_REQUEST__CONTENT_HELLO;
    request.hello = &hello;
    /* Its callbacks wait for the lock, which is held. */
    lane->stream = souk__internal__v1__peer_service__talk__open(link->channel, NULL,
                                                                &callbacks, lane);
    enum status status =
        souk__internal__v1__peer_service__talk__send_request(lane->stream, &request);
    if (status != STATUS_OK) {
        rpc_stream_cancel(lane->stream);
    }
}

/* Opens the channel to where the node is now; false while the old one has streams. */
static bool link_open_channel(struct peer_link *link)
{
    struct rpc_channel_options options;
    if (link->address[0] == '\0' || (link->moved && !link_all_closed(link))) {
        return false;
    }
    if (link->moved) {
        rpc_channel_close(link->channel);
        link->channel = NULL;
        link->moved = false;
    }
    if (link->channel == NULL) {
        rpc_channel_options_init(&options);
        options.queue_max_bytes = PEERS_STREAM_BYTES_MAX;
        options.message_max_bytes = PEERS_MESSAGE_BYTES_MAX;
        options.arena_max_bytes = PEERS_ARENA_BYTES_MAX;
        link->channel = rpc_channel_open(link->options.client, link->address, &options);
    }
    return true;
}

void link_tick(struct peer_link *link, uint64_t now_us)
{
    link_lock(link);
    link_give_back(link, now_us);
    if (!link->closing && link_open_channel(link)) {
        for (uint32_t i = 0; i < PEER_LANES; i++) {
            struct link_lane *lane = &link->lanes[i];
            if (lane->stream != NULL) {
                continue;
            }
            if (lane->retry_us == UINT64_MAX) {
                lane->retry_us = now_us + lane_pause_us(lane);
            }
            if (lane->retry_us <= now_us) {
                lane_open(lane);
            }
        }
    }
    link_unlock(link);
}
