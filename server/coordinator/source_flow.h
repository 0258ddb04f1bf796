/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of a warehouse system over many shards: what is asked of whom, asked again,
 * acknowledged, and when it ends.
 *
 * A message of updates is a batch; what of it lies on one shard is a part. Parts of a shard
 * are asked in order, several at a time. When one is refused for the moment, those behind it
 * come back as gaps; after a pause all of them are asked again, in order: the shard's lane
 * knows what it has taken. So nothing is dropped, and overload only makes the stream slower:
 * each refusal for load halves the credit, each batch acknowledged gives one back.
 *
 *     OPEN --half closed, draining, failed--> ENDING --all answered, through logged--> OVER
 *       |                                        |
 *       +------- a newer stream, a defect -------+--> OVER at once
 *
 * `through` is the highest sequence up to which every update is decided and acknowledged.
 * The source's home logs it now and then, at a barrier and at the end.
 *
 * Pure and pull-style: time is an argument, memory is the caller's. One thread.
 */
#ifndef SOUK_SERVER_COORDINATOR_SOURCE_FLOW_H
#define SOUK_SERVER_COORDINATOR_SOURCE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/list.h"
#include "shard/base/status.h"

enum {
    /* Sequences acknowledged beyond what the home has logged: so many are sent again at
     * most after a crash, and so many refusals does a lane remember. */
    SOURCE_LOG_EVERY = 16384,
    SOURCE_LOG_IDLE_US = 1000000, /* and so often while anything changes */
    SOURCE_LOG_TRIES_MAX = 5,     /* at the end; what is not logged is sent again */
    SOURCE_PAUSE_LEAST_US = 5000, /* before a shard is asked again; doubles */
    SOURCE_PAUSE_MOST_US = 500000,
    SOURCE_ACK_FAILURES_MAX = 1000, /* beyond, an Ack covers no further batch */
};

struct source_batch;

enum source_part_state {
    SOURCE_PART_WAITS,
    SOURCE_PART_ASKED,
    SOURCE_PART_OVER, /* decided, or never to be */
};

struct source_part {
    struct list link; /* in its shard's queue until it is over */
    struct source_batch *batch;
    unsigned shard;
    enum source_part_state state;
    bool behind; /* others stood before it as it was asked */
};

/* Filled by the caller: first, last, duplicates, the parts; or a barrier without any. */
struct source_batch {
    struct list link;
    uint64_t first; /* sequences; 0 for a barrier */
    uint64_t last;
    struct source_part *const *parts;
    unsigned part_count;
    bool is_barrier;
    uint64_t barrier_id;
    /* Of what was decided. */
    unsigned open; /* parts not over */
    uint32_t applied;
    uint32_t duplicates;
    uint32_t superseded;
    uint32_t skipped;
    uint32_t failures;
};

/* What a shard said of a part. */
struct source_answer {
    enum status status;
    bool sent; /* the call reached the shard; false: it was refused before */
    uint32_t applied;
    uint32_t duplicates;
    uint32_t superseded;
    uint32_t skipped;
    uint32_t failures;
    uint64_t stopped_at; /* the update that stops the stream; 0: none */
};

struct source_flow_options {
    unsigned shard_count;
    unsigned credit_max; /* messages unanswered at a time */
    uint32_t ack_window; /* updates per Ack at least, while more is on its way; 0: 1 */
    uint64_t through;    /* as the home had it at the opening */
};

enum source_step_kind {
    SOURCE_STEP_ASK, /* part: submit it; source_flow_answered follows */
    SOURCE_STEP_LOG, /* value: log it at the home; source_flow_logged follows */
    SOURCE_STEP_ACK, /* the batches from source_flow_first to `last`; value: through */
    SOURCE_STEP_BARRIER, /* last: its batch; value: through */
    SOURCE_STEP_CREDIT,  /* value */
    SOURCE_STEP_GO_AWAY, /* value: through */
    SOURCE_STEP_FINISH,  /* with source_flow_problem; OK: none */
};
struct source_step {
    enum source_step_kind kind;
    struct source_part *part;
    struct source_batch *last;
    uint64_t value;
};

struct source_shard {
    struct list queue; /* parts not over, in order */
    unsigned asked;
    bool held;    /* nothing is asked until all have come back and the pause is over */
    bool stopped; /* nothing is asked any more */
    uint64_t pause_us;
    uint64_t again_us;
};

struct source_flow {
    struct source_flow_options options;
    struct source_shard *shards;
    struct list batches;  /* not acknowledged, in order */
    struct list released; /* acknowledged: the caller's again */
    unsigned asked;       /* parts, over all shards */
    uint64_t through;
    uint64_t logged;
    uint64_t logged_us;
    uint64_t log_again_us;
    unsigned log_failures; /* in a row */
    bool logging;
    bool log_wanted;
    unsigned credit;
    unsigned credit_told;
    bool ending; /* no batch comes any more */
    bool draining;
    bool go_away_told;
    bool over_at_once;
    bool finished;
    uint64_t stopped_at; /* 0: not */
    bool stop_told;
    struct problem problem;
};

void source_flow_init(struct source_flow *flow,
                      const struct source_flow_options *options);
/* Batches that it still holds are the caller's: take them off `batches`. */
void source_flow_close(struct source_flow *flow);

/* --- What happens -------------------------------------------------------------------- */
/* The next message. Ignored, and released, when the flow is ending. */
void source_flow_add(struct source_flow *flow, struct source_batch *batch);
void source_flow_answered(struct source_flow *flow, struct source_part *part,
                          const struct source_answer *answer, uint64_t now_us);
void source_flow_logged(struct source_flow *flow, uint64_t value, enum status status,
                        uint64_t now_us);
void source_flow_half_close(struct source_flow *flow);
void source_flow_drain(struct source_flow *flow);
/* Ends behind the answers to what came before. The first problem counts. */
void source_flow_fail(struct source_flow *flow, const struct problem *problem);

/* --- What to do ---------------------------------------------------------------------- */
/* False: nothing until something happens, or source_flow_due. ASK, LOG and FINISH are
 * taken with this call; the others stay the next step until source_flow_sent. */
bool source_flow_next(struct source_flow *flow, uint64_t now_us,
                      struct source_step *out_step);
void source_flow_sent(struct source_flow *flow, const struct source_step *step);
/* UINT64_MAX: never. */
uint64_t source_flow_due(const struct source_flow *flow);
/* An acknowledged batch, the caller's again; NULL: none. */
struct source_batch *source_flow_release(struct source_flow *flow);

struct source_batch *source_flow_first(const struct source_flow *flow);
/* The one behind; NULL at the end. */
struct source_batch *source_flow_after(const struct source_flow *flow,
                                       const struct source_batch *batch);
const struct problem *source_flow_problem(const struct source_flow *flow);

#endif
