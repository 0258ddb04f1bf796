/* SPDX-License-Identifier: Apache-2.0 */
#include "server/host/call_route.h"

/* May another attempt end otherwise? */
static bool route_again(const struct shard_call *call)
{
    switch ((int)call->status) {
    case STATUS_NOT_LEADER:
    case STATUS_UNREACHABLE: /* the way there broke */
    case STATUS_DRAINING:    /* that node is stopping, and leads no more in a moment */
        return true;
    case STATUS_OUTCOME_UNKNOWN:
        /* Its leader lost its place with the entries in its log, or the way there broke
         * behind it. */
        return true;
    case STATUS_EPOCH_CHANGED:
        return call->travel.sent_to != 0; /* no replica there (any more) */
    default:
        return false;
    }
}

static bool route_has_time(const struct shard_call *call, uint64_t now_us)
{
    return call->deadline_us == 0 ? call->travel.attempts < CALL_ATTEMPTS_WITHOUT_DEADLINE
                                  : now_us + CALL_MARGIN_US < call->deadline_us;
}

static uint64_t route_pause_us(const struct shard_call *call)
{
    uint64_t pause_us = CALL_PAUSE_FIRST_US;
    for (uint32_t i = 1; i < call->travel.attempts && pause_us < CALL_PAUSE_MAX_US; i++) {
        pause_us *= 2;
    }
    return pause_us < CALL_PAUSE_MAX_US ? pause_us : CALL_PAUSE_MAX_US;
}

void call_route_end(struct shard_call *call)
{
    if (call->kind == SHARD_CALL_PROPOSE && call->travel.perhaps_done &&
        call->status != STATUS_OK) {
        call->status = STATUS_OUTCOME_UNKNOWN;
        call->appended_count = call->command_count;
    }
}

void call_route_unread(struct shard_call *call, enum status status)
{
    call->status = status;
    if (call->kind == SHARD_CALL_PROPOSE) {
        call->status = STATUS_OUTCOME_UNKNOWN;
        call->appended_count = call->command_count;
    }
}

static struct call_step route_give_up(struct shard_call *call)
{
    if (call->status == STATUS_NOT_LEADER || call->status == STATUS_UNREACHABLE) {
        call->status = STATUS_QUORUM_LOST;
    }
    call_route_end(call);
    return (struct call_step){.next = CALL_NEXT_DONE};
}

struct call_step call_route_next(struct shard_call *call, uint64_t node_id,
                                 uint64_t now_us)
{
    struct call_travel *travel = &call->travel;
    bool here = travel->sent_to == 0;
    if (travel->from_elsewhere || call->at_node != 0 || !route_again(call)) {
        return (struct call_step){.next = CALL_NEXT_DONE};
    }
    if (call->status == STATUS_DRAINING && here) {
        return (struct call_step){.next = CALL_NEXT_DONE};
    }
    travel->perhaps_done =
        travel->perhaps_done || call->appended_count > 0 ||
        (!here && call->status != STATUS_NOT_LEADER && call->status != STATUS_DRAINING &&
         call->status != STATUS_EPOCH_CHANGED);
    if (!route_has_time(call, now_us)) {
        return route_give_up(call);
    }
    travel->attempts++;
    /* A hint from elsewhere is good as well, unless it says what was just tried. */
    uint64_t leader = call->leader_node_id;
    if (call->status == STATUS_NOT_LEADER && leader != 0 && leader != node_id &&
        leader != travel->sent_to) {
        return (struct call_step){.next = CALL_NEXT_FORWARD, .node_id = leader};
    }
    return (struct call_step){.next = CALL_NEXT_PAUSE,
                              .at_us = now_us + route_pause_us(call)};
}
