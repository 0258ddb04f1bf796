/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one header that tests include. It picks Criterion, or, in builds with
 * ThreadSanitizer (with which Criterion does not run), a plain runner in the same
 * process.
 *
 *     TEST(hold, expires_only_once)
 *     {
 *         EXPECT_EQ(holds_open(world), 0);
 *     }
 *
 * The first failed expectation ends the test. Under AddressSanitizer a leak fails the
 * test: Criterion alone would print it and pass.
 */
#ifndef SOUK_TESTS_LIB_TEST_H
#define SOUK_TESTS_LIB_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

#if defined(__SANITIZE_THREAD__)
#define TEST_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_PLAIN 1
#endif
#endif
#ifndef TEST_PLAIN
#define TEST_PLAIN 0
#endif

/* Fails the running test with a message; never returns to it. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Fails the running test when memory was lost (AddressSanitizer builds). */
void test_no_leaks(const char *file, int line);
/* A fresh empty folder, removed when the test's process ends. Static per call; keep it.
 */
const char *test_folder(void);
/* A file below tests/ of the source tree, e.g. test_source("golden/log/one.bin"). */
const char *test_source(const char *path);

#if TEST_PLAIN
struct test_case {
    const char *suite;
    const char *name;
    void (*body)(void);
    struct test_case *next;
};
void test_register(struct test_case *test);
#define TEST(suite_, name_)                                                              \
    static void test_##suite_##_##name_(void);                                           \
    __attribute__((constructor)) static void test_register_##suite_##_##name_(void)      \
    {                                                                                    \
        static struct test_case test = {#suite_, #name_, test_##suite_##_##name_, NULL}; \
        test_register(&test);                                                            \
    }                                                                                    \
    static void test_##suite_##_##name_(void)
#else
#include <criterion/criterion.h>
#define TEST(suite_, name_)                                                              \
    static void test_##suite_##_##name_(void);                                           \
    Test(suite_, name_)                                                                  \
    {                                                                                    \
        test_##suite_##_##name_();                                                       \
        test_no_leaks(__FILE__, __LINE__);                                               \
    }                                                                                    \
    static void test_##suite_##_##name_(void)
#endif

#define EXPECT(condition)                                                                \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            test_fail(__FILE__, __LINE__, "expected %s", #condition);                    \
        }                                                                                \
    } while (0)

/* Whole numbers, compared as they are written, shown as int64. */
#define EXPECT_EQ(actual, wanted)                                                        \
    do {                                                                                 \
        int64_t actual_ = (int64_t)(actual), wanted_ = (int64_t)(wanted);                \
        if (actual_ != wanted_) {                                                        \
            test_fail(__FILE__, __LINE__, "%s is %" PRId64 ", not %" PRId64, #actual,    \
                      actual_, wanted_);                                                 \
        }                                                                                \
    } while (0)

#define EXPECT_STATUS(actual, wanted)                                                    \
    do {                                                                                 \
        enum status actual_ = (actual), wanted_ = (wanted);                              \
        if (actual_ != wanted_) {                                                        \
            test_fail(__FILE__, __LINE__, "%s is %s, not %s", #actual,                   \
                      status_name(actual_), status_name(wanted_));                       \
        }                                                                                \
    } while (0)

#define EXPECT_OK(actual) EXPECT_STATUS(actual, STATUS_OK)

#define EXPECT_STRING(actual, wanted)                                                    \
    do {                                                                                 \
        const char *actual_ = (actual), *wanted_ = (wanted);                             \
        if (actual_ == NULL || strcmp(actual_, wanted_) != 0) {                          \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #actual,           \
                      actual_ ? actual_ : "(null)", wanted_);                            \
        }                                                                                \
    } while (0)

#define EXPECT_SLICE(actual, wanted)                                                     \
    do {                                                                                 \
        struct slice actual_ = (actual), wanted_ = (wanted);                             \
        if (!slice_equal(actual_, wanted_)) {                                            \
            test_fail(__FILE__, __LINE__, "%s (%zu bytes) differs from %s (%zu bytes)",  \
                      #actual, actual_.size, #wanted, wanted_.size);                     \
        }                                                                                \
    } while (0)

#endif
