/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions guard against programmer errors and stay on in release builds. Anything that
 * a client, a peer or an old disk can cause is a status instead (status.h).
 */
#ifndef SOUK_SHARD_BASE_ASSERT_H
#define SOUK_SHARD_BASE_ASSERT_H

/* Prints where and what, then aborts. Never returns. */
_Noreturn void assert_failed(const char *file, int line, const char *function,
                             const char *condition);

#define ASSERT(condition)                                                                \
    ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, __func__, #condition))

/* For checks too dear for production: whole-structure invariants. */
#ifdef SOUK_DEAR_ASSERTS
#define DASSERT(condition) ASSERT(condition)
#else
#define DASSERT(condition) ((void)0)
#endif

#define UNREACHABLE() assert_failed(__FILE__, __LINE__, __func__, "unreachable")

#endif
