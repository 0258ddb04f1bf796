/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/hold_flow.h"

void hold_flow_init(struct hold_flow *flow, enum inventory_command_kind kind)
{
    *flow = (struct hold_flow){.kind = kind, .step = HOLD_STEP_PROPOSE};
}

static bool hold_flow_waits(const struct hold_flow *flow,
                            const struct inventory_outcome *outcome)
{
    bool changes =
        flow->kind != INVENTORY_HOLD_CREATE && flow->kind != INVENTORY_REQUEST_SEAL;
    return outcome->pending || (changes && outcome->status == STATUS_OK &&
                                outcome->has_hold && outcome->hold.unsettled);
}

void hold_flow_heard(struct hold_flow *flow, const struct inventory_outcome *outcome)
{
    bool contended = outcome->status == STATUS_STOCK_CONTENDED;
    bool passes = contended || outcome->status == STATUS_QUORUM_LOST;
    if (flow->step == HOLD_STEP_PROPOSE && hold_flow_waits(flow, outcome)) {
        flow->step = HOLD_STEP_WAIT;
    } else if (flow->step == HOLD_STEP_SEAL || !passes || outcome->pending ||
               (flow->step == HOLD_STEP_PROPOSE &&
                flow->kind == INVENTORY_REQUEST_SEAL)) {
        flow->step = HOLD_STEP_DONE;
    } else if (contended && flow->kind != INVENTORY_REQUEST_SEAL &&
               flow->retries < HOLD_FLOW_RETRIES_MAX) {
        flow->step = HOLD_STEP_PAUSE;
    } else {
        flow->step = HOLD_STEP_SEAL;
    }
}

void hold_flow_paused(struct hold_flow *flow)
{
    flow->retries++;
    flow->attempt++;
    flow->step = HOLD_STEP_PROPOSE;
}

uint64_t hold_flow_pause_us(const struct hold_flow *flow, uint64_t chance)
{
    uint64_t most_us = (uint64_t)HOLD_FLOW_PAUSE_US << flow->retries;
    return most_us / 4 + chance % (most_us - most_us / 4);
}

uint64_t hold_flow_wait_until_us(uint64_t now_us, uint64_t deadline_us)
{
    uint64_t until_us = now_us + HOLD_FLOW_WAIT_US_MAX;
    if (deadline_us != 0) {
        uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
        uint64_t share_us = now_us + left_us / 5 * 4;
        until_us = share_us < until_us ? share_us : until_us;
    }
    return until_us;
}
