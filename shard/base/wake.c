/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/wake.h"

#include "shard/base/assert.h"

struct wake_held {
    wake_function *send;
    void *receiver;
};

static _Thread_local bool wake_holding;
static _Thread_local unsigned wake_count;
static _Thread_local struct wake_held wake_list[WAKE_HELD_MAX];

void wake_hold(void)
{
    ASSERT(!wake_holding);
    wake_holding = true;
}

void wake_release(void)
{
    ASSERT(wake_holding);
    wake_holding = false;
    for (unsigned i = 0; i < wake_count; i++) {
        wake_list[i].send(wake_list[i].receiver);
    }
    wake_count = 0;
}

bool wake_waits(void)
{
    return wake_count > 0;
}

void wake_send(wake_function *send, void *receiver)
{
    if (!wake_holding || wake_count == WAKE_HELD_MAX) {
        send(receiver);
        return;
    }
    wake_list[wake_count++] = (struct wake_held){send, receiver};
}
