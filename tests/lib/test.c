/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <ftw.h>
#include <stdarg.h>
#include <unistd.h>

#include "shard/base/assert.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#ifndef SOUK_SOURCE_DIR
#error "SOUK_SOURCE_DIR names the top of the source tree"
#endif

enum {
    TEST_FOLDERS_MAX = 256,
    TEST_PATH_BYTES = 512,
};

static char test_folders[TEST_FOLDERS_MAX][TEST_PATH_BYTES];
static unsigned test_folder_count;
static pid_t test_folder_owner;

static int test_remove(const char *path, const struct stat *info, int kind,
                       struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static void test_remove_folders(void)
{
    if (getpid() != test_folder_owner) {
        return;
    }
    for (unsigned i = 0; i < test_folder_count; i++) {
        nftw(test_folders[i], test_remove, 16, FTW_DEPTH | FTW_PHYS);
    }
}

const char *test_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char *path;
    if (test_folder_owner != getpid()) {
        test_folder_owner = getpid();
        test_folder_count = 0;
        atexit(test_remove_folders);
    }
    ASSERT(test_folder_count < TEST_FOLDERS_MAX);
    path = test_folders[test_folder_count++];
    snprintf(path, TEST_PATH_BYTES, "%s/souk-test-XXXXXX", parent ? parent : "/tmp");
    ASSERT(mkdtemp(path) != NULL);
    return path;
}

const char *test_source(const char *path)
{
    static char full[TEST_PATH_BYTES];
    snprintf(full, sizeof full, "%s/tests/%s", SOUK_SOURCE_DIR, path);
    return full;
}

void test_no_leaks(const char *file, int line)
{
#if defined(__SANITIZE_ADDRESS__)
    if (__lsan_do_recoverable_leak_check() != 0) {
        test_fail(file, line, "memory was lost; the report is above");
    }
#else
    (void)file;
    (void)line;
#endif
}

#if TEST_PLAIN
#include <setjmp.h>

static struct test_case *test_cases;
static jmp_buf test_return;

void test_register(struct test_case *test)
{
    test->next = test_cases;
    test_cases = test;
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    longjmp(test_return, 1);
}

/* Its own frame, so that no local variable of main lives across the longjmp. */
static bool test_holds(const struct test_case *test)
{
    if (setjmp(test_return) != 0) {
        return false;
    }
    test->body();
    return true;
}

/* Speaks Criterion's --tap=FILE, so that the driver counts both runners alike. */
int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    FILE *tap = NULL;
    if (argc == 2 && strncmp(argv[1], "--tap=", 6) == 0) {
        tap = fopen(argv[1] + 6, "w");
        ASSERT(tap != NULL);
    }
    for (struct test_case *test = test_cases; test != NULL; test = test->next) {
        bool held = test_holds(test);
        passed += held;
        failed += !held;
        if (tap != NULL) {
            fprintf(tap, "%sok - %s::%s\n", held ? "" : "not ", test->suite, test->name);
        }
        if (!held) {
            fprintf(stderr, "FAIL %s::%s\n", test->suite, test->name);
        }
    }
    if (tap != NULL) {
        fclose(tap);
    }
    fprintf(stderr,
            "[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | "
            "Crashing: 0\n",
            passed + failed, passed, failed);
    return failed > 0;
}
#else
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cr_assert_fail("%s:%d: %s", file, line, message);
    abort();
}
#endif
