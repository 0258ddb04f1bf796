/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and waking the threads of the runtime. */
#ifndef SOUK_SERVER_RUNTIME_THREAD_H
#define SOUK_SERVER_RUNTIME_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

/* All signals blocked: they are the main thread's business. `name` has at most 15
 * characters. A thread that cannot be started ends the process. */
void thread_start(pthread_t *thread, const char *name, void *(*run)(void *),
                  void *context);
/* True when posted, false after the time (monotonic). */
bool thread_wait(sem_t *wake, unsigned timeout_ms);

#endif
