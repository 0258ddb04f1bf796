/* SPDX-License-Identifier: Apache-2.0 */
/* souk.internal.v1.PeerService: what other nodes say to this one. */
#include <stdlib.h>
#include <string.h>

#include "proto/souk/internal/v1/peer.grpc-c.h"
#include "server/host/call_bytes.h"
#include "server/peer/peer_queue.h"
#include "server/peer/peers_private.h"
#include "server/runtime/system_clock.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "shard/replica/command.h"

#define PB(name) Souk__Internal__V1__##name

enum {
    TALK_FRAMES_MAX = 16,  /* of one lane, handed to loops and not taken yet */
    TALK_CALLS_MAX = 8192, /* of one node, being served; more are OVERLOADED */
    TALK_CALL_ARENA_BYTES = 64 << 20,
};

/* One lane of another node, as it is heard here. */
struct talk {
    _Atomic(unsigned) references;
    struct peers *peers;
    struct rpc_stream *stream;
    bool greeted; /* the worker's */
    bool letters; /* else calls */
    _Atomic(unsigned) calls;
    pthread_mutex_t lock; /* of what follows */
    bool ended;
    bool stuck;
    bool marked; /* a loop will flush */
    struct peer_queue answers;
    struct buffer frame;
};

static void talk_unref(struct talk *talk)
{
    if (atomic_fetch_sub_explicit(&talk->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    rpc_stream_unref(talk->stream);
    peer_queue_close(&talk->answers);
    buffer_close(&talk->frame);
    pthread_mutex_destroy(&talk->lock);
    free(talk);
}

static void talk_lock(struct talk *talk)
{
    ASSERT(pthread_mutex_lock(&talk->lock) == 0);
}

static void talk_refuse(struct talk *talk, const struct problem *problem)
{
    rpc_stream_finish(talk->stream, problem);
}

/* --- Letters ------------------------------------------------------------------------- */

struct talk_letters {
    struct runtime_letters letters;
    struct talk *talk;
    struct rpc_taken *taken; /* where the bytes are */
};

static void talk_letters_taken(struct runtime_letters *letters)
{
    struct talk_letters *heard = CONTAINER_OF(letters, struct talk_letters, letters);
    struct talk *talk = heard->talk;
    rpc_taken_free(heard->taken);
    free(heard);
    rpc_stream_resume(talk->stream);
    talk_unref(talk);
}

static size_t talk_count_letters(struct reader reader)
{
    struct host_message message;
    size_t count = 0;
    while (frame_next_letter(&reader, &message)) {
        count++;
    }
    return count;
}

static void talk_hear(struct talk *talk, struct reader *reader)
{
    struct runtime *runtime = talk->peers->runtime;
    size_t count = talk_count_letters(*reader), used = 0;
    unsigned loops = runtime_loop_count(runtime);
    size_t parts_size = loops * sizeof(struct runtime_letters_part);
    struct talk_letters *heard = memory_zalloc(sizeof *heard + parts_size +
                                               (count + 1) * sizeof(struct host_message));
    struct host_message *messages = (void *)((char *)(heard + 1) + parts_size);
    heard->talk = talk;
    heard->taken = rpc_stream_take(talk->stream);
    while (used < count && frame_next_letter(reader, &messages[used])) {
        used++;
    }
    heard->letters = (struct runtime_letters){.messages = messages,
                                              .message_count = used,
                                              .parts = (void *)(heard + 1),
                                              .taken = talk_letters_taken};
    atomic_fetch_add(&talk->references, 1);
    rpc_stream_pause(talk->stream);
    runtime_deliver(runtime, &heard->letters);
}

/* --- Calls --------------------------------------------------------------------------- */

struct talk_call {
    struct shard_call call;
    struct talk *talk;
    uint64_t id;
    struct arena arena;
};

static void talk_flush_locked(struct talk *talk)
{
    size_t items;
    while (!talk->ended && !talk->stuck &&
           peer_queue_take(&talk->answers, &talk->frame, &items)) {
        PB(TalkResponse) response = SOUK__INTERNAL__V1__TALK_RESPONSE__INIT;
        response.content_case = SOUK__INTERNAL__V1__TALK_RESPONSE__CONTENT_FRAME;
        response.frame = (ProtobufCBinaryData){talk->frame.size, talk->frame.data};
        if (souk__internal__v1__peer_service__talk__send(talk->stream, &response) !=
            STATUS_OK) {
            talk->stuck = true; /* until it is writable, or ends */
            return;
        }
        metric_add(METRIC_PEER_FRAMES, 1);
        metric_add(METRIC_PEER_BYTES, talk->frame.size);
        peer_queue_taken(&talk->answers, items);
    }
}

/* At the end of a loop's turn; the mark holds a reference. */
static void talk_flush_marked(void *object)
{
    struct talk *talk = object;
    talk_lock(talk);
    talk->marked = false;
    talk_flush_locked(talk);
    pthread_mutex_unlock(&talk->lock);
    talk_unref(talk);
}

static void talk_answer(struct talk_call *served, bool on_loop)
{
    struct talk *talk = served->talk;
    struct buffer bytes;
    bool mark = false;
    buffer_init(&bytes);
    call_encode_answer(&served->call, &bytes);
    talk_lock(talk);
    if (!talk->ended && peer_queue_put_call(&talk->answers, served->id,
                                            buffer_slice(&bytes)) != STATUS_OK) {
        metric_add(METRIC_PEER_MESSAGES_SHED, 1); /* its node asks again */
    }
    if (!on_loop) {
        talk_flush_locked(talk);
    } else if (!talk->marked) {
        talk->marked = mark = true;
        atomic_fetch_add(&talk->references, 1);
    }
    pthread_mutex_unlock(&talk->lock);
    buffer_close(&bytes);
    if (mark) {
        peers_mark(talk, talk_flush_marked);
    }
    atomic_fetch_sub(&talk->calls, 1);
    arena_close(&served->arena);
    free(served);
    talk_unref(talk);
}

static void talk_call_done(struct shard_call *call)
{
    talk_answer(CONTAINER_OF(call, struct talk_call, call), true);
}

static void talk_serve(struct talk *talk, uint64_t id, struct slice bytes)
{
    struct talk_call *served = memory_zalloc(sizeof *served);
    struct shard_call *call = &served->call;
    served->talk = talk;
    served->id = id;
    arena_init(&served->arena, NULL, 0, TALK_CALL_ARENA_BYTES);
    atomic_fetch_add(&talk->references, 1);
    unsigned before = atomic_fetch_add(&talk->calls, 1);
    call->arena = &served->arena;
    enum status status = call_decode_request(bytes, system_clock_monotonic_us(), call);
    if (status != STATUS_OK) {
        shard_call_init_transfer(call, 0, 0); /* nothing to answer but the status */
    } else if (before >= TALK_CALLS_MAX) {
        status = STATUS_OVERLOADED;
    } else {
        metric_add(METRIC_CALLS_FROM_ELSEWHERE, 1);
        call->done = talk_call_done;
        call->travel.from_elsewhere = true;
        status = runtime_submit(talk->peers->runtime, call);
    }
    if (status != STATUS_OK) {
        call->status = status;
        call->appended_count = 0;
        call->decided_count = 0;
        talk_answer(served, false);
    }
}

/* --- The stream ---------------------------------------------------------------------- */

static void talk_open(struct rpc_stream *stream, void *context)
{
    struct peers *peers = context;
    struct talk *talk = memory_zalloc(sizeof *talk);
    atomic_init(&talk->references, 1); /* until `done` */
    atomic_init(&talk->calls, 0);
    talk->peers = peers;
    talk->stream = rpc_stream_ref(stream);
    ASSERT(pthread_mutex_init(&talk->lock, NULL) == 0);
    peer_queue_init(&talk->answers, FRAME_ANSWERS,
                    (size_t)peers->settings->peer_requests_max_bytes);
    buffer_init(&talk->frame);
    rpc_stream_set_user(stream, talk);
    rpc_stream_set_window(stream, TALK_FRAMES_MAX);
}

static void talk_greet(struct talk *talk, const PB(TalkRequest) * message)
{
    PB(TalkResponse) response = SOUK__INTERNAL__V1__TALK_RESPONSE__INIT;
    PB(Welcome) welcome = SOUK__INTERNAL__V1__WELCOME__INIT;
    struct problem problem;
    if (message->content_case != SOUK__INTERNAL__V1__TALK_REQUEST__CONTENT_HELLO) {
        problem_set(&problem, STATUS_INVALID, "hello", "a node says first who it is");
        talk_refuse(talk, &problem);
        return;
    }
    const PB(Hello) *hello = message->hello;
    const struct peers_greeting greeting = {
        .version = hello->version,
        .cluster_id = slice_of(hello->cluster_id.data, hello->cluster_id.len),
        .from_node_id = hello->from_node_id,
        .to_node_id = hello->to_node_id,
        .lane = hello->lane,
        .peer_address = hello->peer_address,
        .settings_digest = hello->settings_digest,
    };
    if (peers_check_greeting(talk->peers, &greeting, &problem) != STATUS_OK) {
        log_event(LOG_INFO, "a node was refused", LOG_U64("node", greeting.from_node_id),
                  LOG_STATUS(problem.status), LOG_STRING("why", problem.message));
        talk_refuse(talk, &problem);
        return;
    }
    talk->greeted = true;
    talk->letters = greeting.lane != PEER_LANE_CALLS;
    welcome.version = PEERS_VERSION;
    response.content_case = SOUK__INTERNAL__V1__TALK_RESPONSE__CONTENT_WELCOME;
    response.welcome = &welcome;
    if (souk__internal__v1__peer_service__talk__send(talk->stream, &response) !=
        STATUS_OK) {
        rpc_stream_cancel(talk->stream);
    }
}

static void talk_take_calls(struct talk *talk, struct reader *reader)
{
    struct slice bytes;
    uint64_t id;
    while (frame_next_call(reader, &id, &bytes)) {
        talk_serve(talk, id, bytes);
    }
}

static void talk_message(struct rpc_stream *stream, const PB(TalkRequest) * message,
                         void *user)
{
    struct talk *talk = user;
    struct problem problem;
    struct reader reader;
    enum frame_kind kind;
    (void)stream;
    if (!talk->greeted) {
        talk_greet(talk, message);
        return;
    }
    if (!atomic_load(&talk->peers->open)) {
        problem_set(&problem, STATUS_DRAINING, "", "this node is stopping");
        talk_refuse(talk, &problem);
        return;
    }
    enum status status =
        message->content_case == SOUK__INTERNAL__V1__TALK_REQUEST__CONTENT_FRAME
            ? frame_open(slice_of(message->frame.data, message->frame.len), &reader,
                         &kind)
            : STATUS_INVALID;
    bool fits =
        status == STATUS_OK && kind == (talk->letters ? FRAME_LETTERS : FRAME_CALLS);
    if (!fits) {
        problem_set(&problem, status != STATUS_OK ? status : STATUS_INVALID, "frame",
                    "not a frame of this lane");
        talk_refuse(talk, &problem);
    } else if (talk->letters) {
        talk_hear(talk, &reader);
    } else {
        talk_take_calls(talk, &reader);
    }
}

static void talk_writable(struct rpc_stream *stream, void *user)
{
    struct talk *talk = user;
    (void)stream;
    talk_lock(talk);
    talk->stuck = false;
    talk_flush_locked(talk);
    pthread_mutex_unlock(&talk->lock);
}

static void talk_half_close(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

static void talk_done(struct rpc_stream *stream, const struct rpc_status *status,
                      void *user)
{
    struct talk *talk = user;
    (void)stream;
    (void)status;
    talk_lock(talk);
    talk->ended = true;
    pthread_mutex_unlock(&talk->lock);
    talk_unref(talk);
}

/* --- Joining ------------------------------------------------------------------------- */

struct join_call {
    struct shard_call call;
    struct rpc_call *rpc;
    struct peers *peers;
    struct slice command;
    struct replica_outcome outcome;
};

static void join_refuse(struct join_call *join, enum status status)
{
    struct problem problem;
    switch ((int)status) {
    case STATUS_NOT_FOUND:
        problem_set(&problem, status, "",
                    "this store is one node's alone; run souk cluster init on it first");
        break;
    case STATUS_QUANTITY_LIMIT:
        problem_set(&problem, status, "", "a cluster takes %d nodes; remove one first",
                    DIRECTORY_NODES_MAX);
        break;
    case STATUS_INVALID:
        problem_set(&problem, status, "peer_address", "not an address that others reach");
        break;
    default:
        problem_set(&problem, status, "", "%s", status_text(status));
        break;
    }
    rpc_call_fail(join->rpc, &problem);
}

static void join_done(struct shard_call *call)
{
    struct join_call *join = CONTAINER_OF(call, struct join_call, call);
    const struct peers_identity *identity = &join->peers->identity;
    PB(JoinResponse) response = SOUK__INTERNAL__V1__JOIN_RESPONSE__INIT;
    const struct directory_outcome *outcome = &join->outcome.directory;
    uint8_t cluster_id[PEERS_CLUSTER_ID_BYTES];
    enum status status = call->status == STATUS_OK ? join->outcome.status : call->status;
    if (status != STATUS_OK) {
        join_refuse(join, status);
        return;
    }
    memcpy(cluster_id, identity->cluster_id, sizeof cluster_id);
    response.cluster_id = (ProtobufCBinaryData){sizeof cluster_id, cluster_id};
    response.hash_seed = identity->hash_seed;
    response.node_id = outcome->node_id;
    response.sku_shards = identity->sku_shards;
    response.customer_shards = identity->customer_shards;
    response.directory = (ProtobufCBinaryData){outcome->bytes.size,
                                               (uint8_t *)(uintptr_t)outcome->bytes.data};
    souk__internal__v1__peer_service__join__reply(join->rpc, &response);
}

static enum status join_check(struct peers *peers, const PB(JoinRequest) * request,
                              struct problem *problem)
{
    if (!atomic_load(&peers->open)) {
        return problem_set(problem, STATUS_DRAINING, "",
                           "this node is starting or stopping; try again");
    }
    if (request->version != PEERS_VERSION) {
        return problem_set(problem, STATUS_VERSION, "version",
                           "this cluster speaks version %d between nodes, the node that "
                           "joins version %u",
                           PEERS_VERSION, request->version);
    }
    if (request->settings_digest != peers->identity.settings_digest) {
        return problem_set(
            problem, STATUS_INVALID, "settings_digest",
            "the cluster has other values of settings that decide what replicas store; "
            "make them equal: virtual_buckets, session_gap_s, session_items_max, "
            "bucket_sessions_max, walk_kinds, request_id_memory_max_bytes");
    }
    return STATUS_OK;
}

static void peer_join(struct rpc_call *rpc, const PB(JoinRequest) * request,
                      void *context)
{
    struct peers *peers = context;
    struct arena *arena = rpc_call_arena(rpc);
    struct join_call *join = arena_zalloc(arena, sizeof *join);
    const struct directory_command command = {
        .kind = DIRECTORY_JOIN,
        .nonce = {.high = request->nonce_high, .low = request->nonce_low},
        .peer_address = slice_from_string(request->peer_address),
        .client_address = slice_from_string(request->client_address),
    };
    struct problem problem;
    if (join_check(peers, request, &problem) != STATUS_OK) {
        rpc_call_fail(rpc, &problem);
        return;
    }
    if (join == NULL ||
        command_encode_directory(&command, arena, &join->command) != STATUS_OK) {
        problem_set(&problem, STATUS_TOO_LARGE, "", "%s", status_text(STATUS_TOO_LARGE));
        rpc_call_fail(rpc, &problem);
        return;
    }
    join->rpc = rpc;
    join->peers = peers;
    shard_call_init_propose(&join->call, DIRECTORY_SHARD_ID, &join->command, 1,
                            &join->outcome);
    join->call.arena = arena;
    join->call.deadline_us = (uint64_t)rpc_call_deadline_us(rpc);
    join->call.done = join_done;
    enum status status = runtime_submit(peers->runtime, &join->call);
    if (status != STATUS_OK) {
        join_refuse(join, status);
    }
}

void peer_service_register(struct peers *peers, struct rpc_server *server)
{
    static const struct souk__internal__v1__peer_service__handlers handlers = {
        .join = peer_join,
        .talk = {.open = talk_open,
                 .message = talk_message,
                 .events = {.writable = talk_writable,
                            .half_close = talk_half_close,
                            .done = talk_done}},
    };
    souk__internal__v1__peer_service__register(server, &handlers, peers);
}
