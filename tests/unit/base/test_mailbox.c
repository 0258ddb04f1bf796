/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/mailbox.h"

#include <pthread.h>
#include <semaphore.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"

enum {
    POSTERS = 4,
    LETTERS = 20000,
};

struct letter {
    struct mailbox_node node;
    unsigned poster;
    unsigned number;
};

struct office {
    struct mailbox box;
    sem_t wakings;
    unsigned poster;
    _Atomic unsigned posters;
};

static void *post_letters(void *argument)
{
    struct office *office = argument;
    unsigned poster = atomic_fetch_add(&office->posters, 1);
    for (unsigned i = 0; i < LETTERS; i++) {
        struct letter *letter = memory_zalloc(sizeof *letter);
        letter->poster = poster;
        letter->number = i;
        if (mailbox_post(&office->box, &letter->node)) {
            sem_post(&office->wakings);
        }
    }
    return NULL;
}

/* The owner sleeps until woken: a waking that is forgotten would hang this test. */
TEST(mailbox, every_letter_arrives_once_and_in_each_posters_order)
{
    struct office office = {0};
    pthread_t threads[POSTERS];
    unsigned next[POSTERS] = {0};
    unsigned arrived = 0;
    mailbox_init(&office.box);
    EXPECT_EQ(sem_init(&office.wakings, 0, 0), 0);
    for (unsigned i = 0; i < POSTERS; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, post_letters, &office), 0);
    }
    while (arrived < POSTERS * LETTERS) {
        struct mailbox_node *node;
        while (sem_wait(&office.wakings) != 0) {
        }
        node = mailbox_take(&office.box);
        while (node != NULL) {
            struct letter *letter = CONTAINER_OF(node, struct letter, node);
            node = node->next;
            EXPECT_EQ(letter->number, next[letter->poster]);
            next[letter->poster]++;
            arrived++;
            free(letter);
        }
    }
    for (unsigned i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    EXPECT(mailbox_take(&office.box) == NULL);
    sem_destroy(&office.wakings);
}

TEST(mailbox, only_the_first_letter_wakes_the_owner)
{
    struct mailbox box;
    struct letter letters[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct mailbox_node *node;
    mailbox_init(&box);
    EXPECT(mailbox_post(&box, &letters[0].node));
    EXPECT(!mailbox_post(&box, &letters[1].node));
    EXPECT(!mailbox_post(&box, &letters[2].node));
    node = mailbox_take(&box);
    for (unsigned i = 0; i < 3; i++, node = node->next) {
        EXPECT_EQ(CONTAINER_OF(node, struct letter, node)->number, i);
    }
    EXPECT(node == NULL);
    EXPECT(mailbox_post(&box, &letters[0].node));
}
