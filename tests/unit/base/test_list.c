/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/list.h"

#include "tests/lib/test.h"

struct item {
    int number;
    struct list node;
};

static void expect_order(struct list *list, const char *numbers)
{
    struct list *back = list->previous;
    size_t count = strlen(numbers);
    for (size_t i = 0; i < count; i++) {
        struct list *node = list_pop(list);
        EXPECT(node != NULL);
        EXPECT_EQ(LIST_ENTRY(node, struct item, node)->number, numbers[i] - '0');
        if (i + 1 == count) {
            EXPECT(node == back);
        }
    }
    EXPECT(list_pop(list) == NULL && list_empty(list));
}

TEST(list, keeps_the_order_of_appending)
{
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct list list;
    list_init(&list);
    for (unsigned i = 0; i < 4; i++) {
        list_append(&list, &items[i].node);
    }
    list_remove(&items[2].node);
    list_remove(&items[2].node); /* twice is harmless */
    expect_order(&list, "013");
}

TEST(list, splice_moves_everything_behind)
{
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct list one, two;
    list_init(&one);
    list_init(&two);
    list_splice(&one, &two);
    EXPECT(list_empty(&one));
    for (unsigned i = 0; i < 4; i++) {
        list_append(i < 2 ? &two : &one, &items[i].node);
    }
    list_splice(&one, &two);
    EXPECT(list_empty(&two));
    list_splice(&one, &two);
    expect_order(&one, "2301");
}
