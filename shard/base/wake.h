/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wakes that a thread sends once for all it has handed over. Waking another thread costs
 * both sides a switch, and the first node of a mailbox would be taken alone while its
 * sender is still making the next: between wake_hold and wake_release the wakes of this
 * thread wait. Nobody else knows yet what was handed over, so a thread that holds must not
 * wait for the receiver, and releases before it sleeps.
 */
#ifndef SOUK_SHARD_BASE_WAKE_H
#define SOUK_SHARD_BASE_WAKE_H

#include <stdbool.h>

enum {
    WAKE_HELD_MAX = 32, /* one more is sent at once */
};

typedef void wake_function(void *receiver);

/* Not nested. */
void wake_hold(void);
void wake_release(void);
/* Whether this thread holds back at least one wake. */
bool wake_waits(void);
/* Now, or at this thread's wake_release; the receiver must live until then. */
void wake_send(wake_function *send, void *receiver);

#endif
