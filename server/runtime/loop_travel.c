/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/loop_travel.h"

#include <stdlib.h>

#include "server/host/call_bytes.h"
#include "server/host/call_route.h"
#include "server/runtime/system_clock.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

static struct shard_call *travel_call(const struct heap_node *node)
{
    return CONTAINER_OF(node, struct shard_call, travel.waits);
}

static bool travel_less(const struct heap_node *a, const struct heap_node *b)
{
    return travel_call(a)->travel.due_us < travel_call(b)->travel.due_us;
}

void loop_travel_init(struct loop *loop)
{
    heap_init(&loop->waiting, travel_less);
}

static bool travel_is_over(struct loop *loop)
{
    return atomic_load_explicit(&loop->stopping, memory_order_acquire);
}

/* --- Messages ------------------------------------------------------------------------ */

static size_t travel_take_part(struct loop *loop, struct moment now,
                               struct runtime_letters *letters)
{
    size_t count = 0;
    for (size_t i = 0; i < letters->message_count; i++) {
        const struct host_message *message = &letters->messages[i];
        if (runtime_owns(loop->runtime, loop, message->shard_id) &&
            !travel_is_over(loop)) {
            host_receive(loop->host, now, message);
            count++;
        }
    }
    if (atomic_fetch_sub_explicit(&letters->references, 1, memory_order_acq_rel) == 1) {
        letters->taken(letters);
    }
    return count;
}

size_t loop_take_letters(struct loop *loop, struct moment now)
{
    size_t count = 0;
    struct mailbox_node *node = mailbox_take(&loop->letters);
    while (node != NULL) {
        struct runtime_letters_part *part =
            CONTAINER_OF(node, struct runtime_letters_part, node);
        node = node->next; /* the part may be gone in a moment */
        count += travel_take_part(loop, now, part->letters);
    }
    return count;
}

void loop_send_letters(struct loop *loop)
{
    const struct runtime_network *network = loop->network;
    struct host_message message;
    bool any = false;
    if (network == NULL) {
        return;
    }
    while (host_take_message(loop->host, &message)) {
        network->send(network->context, &message);
        any = true;
    }
    if (any) {
        network->flush(network->context);
    }
}

/* --- Calls --------------------------------------------------------------------------- */

static void travel_end(struct loop *loop, struct shard_call *call)
{
    size_t bytes = call->queued_bytes;
    call_route_end(call);
    call->done = call->travel.done;
    call->done(call); /* the memory is the submitter's from here on */
    atomic_fetch_sub(&loop->queued_bytes, bytes);
}

static void travel_pause(struct loop *loop, struct shard_call *call, uint64_t at_us)
{
    if (travel_is_over(loop)) {
        call->status = STATUS_DRAINING;
        travel_end(loop, call);
        return;
    }
    call->travel.due_us = at_us;
    heap_push(&loop->waiting, &call->travel.waits);
}

/* An attempt has ended. */
static void travel_go_on(struct loop *loop, uint64_t now_us, struct shard_call *call)
{
    for (;;) {
        struct call_step step = call_route_next(call, loop->node_id, now_us);
        if (step.next == CALL_NEXT_FORWARD && !call_bytes_can_go(call)) {
            step.next = CALL_NEXT_DONE;
        }
        switch (step.next) {
        case CALL_NEXT_DONE:
            travel_end(loop, call);
            return;
        case CALL_NEXT_PAUSE:
            travel_pause(loop, call, step.at_us);
            return;
        case CALL_NEXT_FORWARD:
            break;
        }
        call->travel.sent_to = step.node_id;
        call->appended_count = 0;
        call->decided_count = 0;
        call->leader_node_id = 0;
        call->status = loop->network->forward(loop->network->context, step.node_id, call);
        if (call->status == STATUS_OK) {
            metric_add(METRIC_CALLS_FORWARDED, 1);
            return;
        }
        call->travel.sent_to = 0; /* nothing left this node */
    }
}

void loop_call_ended(struct shard_call *call)
{
    struct loop *loop = call->travel.home;
    ASSERT(loop_is_current(loop));
    call->travel.sent_to = 0;
    /* Whoever called this takes its weight off the queue. */
    atomic_fetch_add(&loop->queued_bytes, call->queued_bytes);
    travel_go_on(loop, system_clock_monotonic_us(), call);
}

/* False: the call is for the replica here, or for whichever leads. */
bool loop_travel_sends(struct loop *loop, struct shard_call *call)
{
    if (call->at_node == 0 || call->at_node == loop->node_id ||
        call->travel.from_elsewhere || loop->network == NULL) {
        return false;
    }
    call->travel.sent_to = call->at_node;
    call->status = loop->network->forward(loop->network->context, call->at_node, call);
    if (call->status != STATUS_OK) {
        travel_end(loop, call);
    }
    return true;
}

static void travel_take_back(struct loop *loop, struct moment now,
                             struct loop_return *back)
{
    struct shard_call *call = back->call;
    if (back->status != STATUS_OK) {
        call->status = back->status;
    } else {
        enum status status = call_decode_answer(buffer_slice(&back->answer), call);
        if (status != STATUS_OK) {
            call_route_unread(call, status);
        }
    }
    buffer_close(&back->answer);
    free(back);
    travel_go_on(loop, now.monotonic_us, call);
}

void loop_take_travellers(struct loop *loop, struct moment now)
{
    struct mailbox_node *node = mailbox_take(&loop->returned);
    while (node != NULL) {
        struct loop_return *back = CONTAINER_OF(node, struct loop_return, node);
        node = node->next;
        travel_take_back(loop, now, back);
    }
    struct heap_node *waits;
    while ((waits = heap_peek(&loop->waiting)) != NULL) {
        struct shard_call *call = travel_call(waits);
        if (travel_is_over(loop)) {
            heap_remove(&loop->waiting, waits);
            call->status = STATUS_DRAINING;
            travel_end(loop, call);
            continue;
        }
        if (call->travel.due_us > now.monotonic_us) {
            break;
        }
        heap_remove(&loop->waiting, waits);
        /* The attempt's own weight: taken off when it ends. */
        loop_take_call(loop, now, call);
    }
    if (travel_is_over(loop) && !loop->abandoned) {
        loop->abandoned = true;
        host_abandon(loop->host);
    }
}

uint64_t loop_travel_due_us(const struct loop *loop)
{
    const struct heap_node *node = heap_peek(&loop->waiting);
    return node != NULL ? travel_call(node)->travel.due_us : UINT64_MAX;
}
