/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/memory.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shard/base/assert.h"
#include "tests/lib/test.h"

TEST(memory, nothing_can_be_asked_for)
{
    void *empty = memory_alloc(0);
    void *zeroed = memory_zalloc(0);
    void *copy = memory_copy(NULL, 0);
    empty = memory_realloc(empty, 0);
    free(empty);
    free(zeroed);
    free(copy);
}

TEST(memory, copies_end_with_their_nul)
{
    char *copy = memory_string("depot");
    EXPECT_STRING(copy, "depot");
    free(copy);
}

TEST(memory, reserve_doubles_and_keeps_the_items)
{
    uint64_t *items = NULL;
    size_t capacity = 0, moves = 0;
    for (size_t i = 0; i < 10000; i++) {
        void *array = items;
        size_t before = capacity;
        memory_reserve(&array, &capacity, i + 1, sizeof *items);
        items = array;
        items[i] = i;
        moves += capacity != before;
    }
    EXPECT(capacity >= 10000 && moves < 16);
    for (size_t i = 0; i < 10000; i++) {
        EXPECT_EQ(items[i], i);
    }
    free(items);
}

static int end_of(void (*body)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        EXPECT(freopen("/dev/null", "w", stderr) != NULL);
        body();
        _exit(0);
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void reserve_too_much(void)
{
    void *array = NULL;
    size_t capacity = 0;
    memory_reserve(&array, &capacity, SIZE_MAX / 2, 16);
}

static void assert_nothing(void)
{
    ASSERT(1 + 1 == 2);
}

static void assert_falsehood(void)
{
    ASSERT(1 + 1 == 3);
}

TEST(memory, an_impossible_size_ends_the_process)
{
    EXPECT_EQ(end_of(reserve_too_much), SIGABRT);
}

TEST(assertion, ends_the_process_only_when_false)
{
    EXPECT_EQ(end_of(assert_nothing), 0);
    EXPECT_EQ(end_of(assert_falsehood), SIGABRT);
}
