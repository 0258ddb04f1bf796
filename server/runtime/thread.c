/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "shard/base/assert.h"

enum {
    SECOND_NS = 1000000000,
    MILLISECOND_NS = 1000000,
    SECOND_MS = 1000,
};

void thread_start(pthread_t *thread, const char *name, void *(*run)(void *),
                  void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(failed == 0);
    (void)pthread_setname_np(*thread, name);
}

bool thread_wait(sem_t *wake, unsigned timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / SECOND_MS;
    until.tv_nsec += (long)(timeout_ms % SECOND_MS) * MILLISECOND_NS;
    if (until.tv_nsec >= SECOND_NS) {
        until.tv_nsec -= SECOND_NS;
        until.tv_sec++;
    }
    for (;;) {
        if (sem_clockwait(wake, CLOCK_MONOTONIC, &until) == 0) {
            return true;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}
