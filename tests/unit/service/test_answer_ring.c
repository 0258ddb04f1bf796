/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/answer_ring.h"

#include "shard/base/memory.h"
#include "tests/lib/test.h"

enum {
    KEY = 77,
};

struct ring_world {
    struct answer_ring ring;
    struct rng rng;
};

static void ring_open(struct ring_world *world, uint64_t answers_max, uint64_t bytes_max,
                      unsigned loop)
{
    const struct answer_ring_options options = {
        .answers_max = answers_max, .bytes_max = bytes_max, .key = KEY, .loop = loop};
    rng_init(&world->rng, 5);
    answer_ring_init(&world->ring, &options);
}

/* An answer of `bytes`, to actor number `who` (0: nobody), begun at `start_us`. */
static struct answer_id ring_give(struct ring_world *world, uint64_t who,
                                  uint64_t start_us, size_t bytes)
{
    struct answer_id id = answer_ring_name(&world->ring, &world->rng, 1764547200000);
    struct answer_head *head = memory_zalloc(bytes);
    *head = (struct answer_head){.id = id,
                                 .has_actor = who > 0,
                                 .actor = {who, who},
                                 .start_us = start_us,
                                 .end_us = start_us + 1,
                                 .bytes = bytes};
    answer_ring_put(&world->ring, head);
    return id;
}

static bool ring_knows(const struct ring_world *world, struct answer_id id)
{
    return answer_ring_find(&world->ring, &id) != NULL;
}

TEST(answer_ring, an_id_is_a_uuid7_that_names_its_loop_under_the_key)
{
    struct ring_world world;
    struct answer_id id, again;
    char text[UUID_TEXT_BYTES + 1];
    int64_t ms;
    ring_open(&world, 10, 10000, 41);
    for (int i = 0; i < 1000; i++) {
        id = ring_give(&world, 0, 1, 100);
        answer_id_format(&id, text);
        EXPECT(uuid7_time_ms(slice_from_string(text), &ms));
        EXPECT_EQ(ms, 1764547200000);
        EXPECT(answer_id_parse(slice_from_string(text), &again));
        EXPECT(again.high == id.high && again.low == id.low);
        EXPECT_EQ(answer_id_loop(&again, KEY), 41);
        EXPECT(ring_knows(&world, again));
    }
    answer_ring_close(&world.ring);
}

TEST(answer_ring, texts_that_are_no_uuid_are_told_apart)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "0190b8c0-0000-7000-8000-00000000000",
                                        "0190b8c0-0000-7000-8000-0000000000000",
                                        "0190b8c00000-7000-8000-00000000-0000",
                                        "0190b8c0-0000-7000-8000-00000000000g"};
    struct answer_id id;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        EXPECT(!answer_id_parse(slice_from_string(texts[i]), &id));
    }
    EXPECT(
        answer_id_parse(slice_from_string("0190B8C0-0000-7000-8000-0000000000Ff"), &id));
    EXPECT_EQ(id.low & 0xff, 0xff);
}

TEST(answer_ring, keeps_the_newest_answers_and_finds_each_by_its_id)
{
    struct ring_world world;
    struct answer_id ids[100];
    ring_open(&world, 10, 1 << 20, 0);
    for (int i = 0; i < 100; i++) {
        ids[i] = ring_give(&world, 0, (uint64_t)i, 100);
    }
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(ring_knows(&world, ids[i]), i >= 90);
    }
    EXPECT_EQ(answer_ring_oldest(&world.ring)->end_us, 91);
    EXPECT_EQ(world.ring.bytes, 1000);
    answer_ring_close(&world.ring);
}

TEST(answer_ring, stays_within_its_bytes)
{
    struct ring_world world;
    struct answer_id first, second, third;
    ring_open(&world, 100, 1000, 0);
    first = ring_give(&world, 0, 1, 400);
    second = ring_give(&world, 0, 1, 400);
    third = ring_give(&world, 0, 1, 500);
    EXPECT(!ring_knows(&world, first));
    EXPECT(ring_knows(&world, second) && ring_knows(&world, third));
    first = ring_give(&world, 0, 1, 1001); /* too large alone: nothing goes for it */
    EXPECT(!ring_knows(&world, first));
    EXPECT(ring_knows(&world, second) && ring_knows(&world, third));
    EXPECT_EQ(world.ring.bytes, 900);
    answer_ring_close(&world.ring);
}

TEST(answer_ring, that_may_keep_nothing_names_answers_all_the_same)
{
    struct ring_world world;
    struct answer_id id;
    ring_open(&world, 0, 1000, 0);
    EXPECT(!answer_ring_keeps(&world.ring));
    id = ring_give(&world, 1, 1, 100);
    EXPECT(!ring_knows(&world, id));
    answer_ring_forget(&world.ring, (struct hash128){1, 1}, 5);
    EXPECT(answer_ring_oldest(&world.ring) == NULL);
    answer_ring_close(&world.ring);
}

TEST(answer_ring, forgets_an_actor_and_nobody_else)
{
    struct ring_world world;
    struct answer_id theirs, others, nobodys;
    ring_open(&world, 10, 1 << 20, 0);
    theirs = ring_give(&world, 1, 1, 100);
    others = ring_give(&world, 2, 2, 100);
    nobodys = ring_give(&world, 0, 3, 100);
    answer_ring_forget(&world.ring, (struct hash128){1, 1}, 10);
    EXPECT(!ring_knows(&world, theirs));
    EXPECT(ring_knows(&world, others) && ring_knows(&world, nobodys));
    EXPECT_EQ(answer_ring_oldest(&world.ring)->end_us, 3);
    EXPECT_EQ(world.ring.bytes, 200);
    answer_ring_close(&world.ring);
}

TEST(answer_ring, takes_no_answer_that_was_under_way_when_its_actor_was_forgotten)
{
    struct ring_world world;
    struct answer_id late, fresh, other;
    ring_open(&world, 100, 1 << 20, 0);
    answer_ring_forget(&world.ring, (struct hash128){1, 1}, 10);
    late = ring_give(&world, 1, 10, 100);
    other = ring_give(&world, 2, 10, 100);
    fresh = ring_give(&world, 1, 11, 100);
    EXPECT(!ring_knows(&world, late));
    EXPECT(ring_knows(&world, other) && ring_knows(&world, fresh));
    answer_ring_close(&world.ring);
}

TEST(answer_ring, however_many_were_forgotten_none_of_them_comes_back)
{
    struct ring_world world;
    struct answer_id id;
    ring_open(&world, 1000, 1 << 20, 0);
    for (uint64_t who = 1; who <= 100; who++) {
        answer_ring_forget(&world.ring, (struct hash128){who, who}, who);
    }
    for (uint64_t who = 1; who <= 100; who++) {
        id = ring_give(&world, who, who, 100);
        EXPECT(!ring_knows(&world, id));
        id = ring_give(&world, who, 101, 100);
        EXPECT(ring_knows(&world, id));
    }
    id = ring_give(&world, 500, 90, 100);
    EXPECT(ring_knows(&world, id)); /* began after those that only time remembers */
    answer_ring_close(&world.ring);
}
