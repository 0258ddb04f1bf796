/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster in one struct: shards that use the real sources over generated people and
 * SKUs, a for-loop that carries questions and answers in virtual time, and decides who is
 * late, dead or answers twice. The same seed gives the same people and SKUs on any number
 * of shards.
 */
#ifndef SOUK_TESTS_UNIT_COORDINATOR_FLOW_WORLD_H
#define SOUK_TESTS_UNIT_COORDINATOR_FLOW_WORLD_H

#include "server/coordinator/recommend_flow.h"
#include "shard/base/buffer.h"
#include "shard/recommend/evidence.h"
#include "tests/lib/test.h"

enum {
    WORLD_SHARDS_MAX = 16,
    WORLD_SKUS_MAX = 400,
    WORLD_PEOPLE_MAX = 300,
    WORLD_ACTIONS_MAX = 8,
    WORLD_CLICKS_MAX = 5,
    WORLD_PLACES = 3, /* places that people name; more can be asked for */
    WORLD_QUEUE = 256,
    WORLD_ANSWER_US = 1000,
    WORLD_SOFT_US = 100000,
};
#define WORLD_DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define WORLD_NOW_MS (1000 * WORLD_DAY_MS)

enum behaviour {
    ANSWERS,
    LATE,  /* behind the end of its stage */
    DEAD,  /* never */
    TWICE, /* the same answer again, behind the first */
    SHEDS, /* OVERLOADED at once */
    OLD,   /* of a version that knows the session neighbours alone */
};

struct world_person {
    struct hash128 who;
    bool withdrawn;
    uint64_t session_hash;
    bool session_open; /* the session still goes on */
    uint64_t items[WORLD_CLICKS_MAX];
    uint32_t item_count;
    uint64_t places[WORLD_CLICKS_MAX]; /* of each item: 1 .. WORLD_PLACES, 0 none */
    int64_t end_ms;
    struct customer_action actions[WORLD_ACTIONS_MAX]; /* oldest first */
    uint32_t action_count;
};

struct world_options {
    unsigned customer_shards;
    unsigned sku_shards;
    uint64_t seed;   /* 0: 11 */
    unsigned skus;   /* 0: 60 */
    unsigned people; /* 0: WORLD_PEOPLE_MAX; no events of them with `quiet` */
    bool quiet;
};

struct world {
    struct shard_map map;
    struct arena arena;
    struct recommend_tables tables;
    struct evidence *evidence[WORLD_SHARDS_MAX];
    struct histories *histories[WORLD_SHARDS_MAX];
    struct content_index *content[WORLD_SHARDS_MAX];
    struct arrivals *arrivals[WORLD_SHARDS_MAX];
    enum behaviour customers[WORLD_SHARDS_MAX];
    enum behaviour skus[WORLD_SHARDS_MAX];
    unsigned sku_count;
    char ids[WORLD_SKUS_MAX][8];
    uint64_t hashes[WORLD_SKUS_MAX];
    struct inventory_sku sku[WORLD_SKUS_MAX];
    struct inventory_attribute attributes[WORLD_SKUS_MAX][2]; /* colour, brand */
    int64_t stock[WORLD_SKUS_MAX];
    struct world_person people[WORLD_PEOPLE_MAX];
    unsigned people_count;
    struct customer_context context; /* of whoever asks */
    struct customer_actions actions;
    struct moment now;
    unsigned asks[RECOMMEND_STATES];
    struct {
        const struct recommend_ask *ask;
        uint64_t due_us;
    } queue[WORLD_QUEUE];
    unsigned queued;
};

void world_init(struct world *world, const struct world_options *options);
void world_close(struct world *world);
/* The first `count` of a few places, WORLD_PLACES of which somebody named. */
void world_places(struct recommend_plan *plan, uint32_t first, uint32_t count);
/* A plan of the session placement over the world's first SKUs: `session` is filled. */
struct recommend_plan world_plan(const struct world *world, uint64_t *session,
                                 uint32_t session_count);
/* `person` asks: what their shard will say. */
void world_actor(struct world *world, unsigned person, struct recommend_plan *plan);
unsigned world_sku_of(const struct world *world, uint64_t hash); /* or sku_count */
void world_start(struct world *world, const struct recommend_plan *plan,
                 struct recommend_flow *flow);
/* One shard's honest answer, now. */
void world_answer(struct world *world, struct recommend_flow *flow,
                  const struct recommend_ask *ask);
/* Carries questions and answers, earliest first, until the flow is done and quiet. */
void world_run(struct world *world, struct recommend_flow *flow);
/* Starts and runs. */
void world_ask(struct world *world, const struct recommend_plan *plan,
               struct recommend_flow *flow);
/* Every table asked has one outcome per range; none is left open. */
void expect_whole_coverage(const struct recommend_flow *flow);
/* Items, order, scores to the last digit, reasons: without stamps and coverage. */
void world_canonical(const struct recommend_shown *shown, uint32_t count,
                     struct buffer *out);

/* Nobody asks, for ten items of a placement. */
struct recommend_plan world_plan_of(const struct world *world, enum placement_name name);
/* Somebody who consents, with a session that goes on, or one that ended. */
unsigned world_person_of(const struct world *world, bool session_open);
unsigned world_withdrawn_of(const struct world *world);
bool flow_asked(const struct recommend_flow *flow, enum recommend_source source);
bool flow_shows(const struct recommend_flow *flow, uint64_t hash);
/* How many reasons of the kind its items have. */
uint32_t flow_reasons(const struct recommend_flow *flow, enum recommend_reason_kind kind);

#endif
