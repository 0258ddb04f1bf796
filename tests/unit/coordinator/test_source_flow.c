/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over many shards, without any shard: who is asked when, and what is told. */
#include "server/coordinator/source_flow.h"
#include "shard/base/memory.h"
#include "tests/lib/test.h"

enum {
    SHARDS = 3,
    BATCHES_MAX = 64,
};

struct stream {
    struct source_flow flow;
    struct source_batch batches[BATCHES_MAX];
    struct source_part parts[BATCHES_MAX][SHARDS];
    struct source_part *pointers[BATCHES_MAX][SHARDS];
    unsigned count;
    uint64_t now_us;
    struct source_step step;
};

static void stream_open(struct stream *stream, unsigned credit, uint32_t ack_window)
{
    *stream = (struct stream){.now_us = 5000000};
    source_flow_init(&stream->flow,
                     &(struct source_flow_options){.shard_count = SHARDS,
                                                   .credit_max = credit,
                                                   .ack_window = ack_window});
    stream->flow.logged_us = stream->now_us;
}

/* A batch of updates first..last with a part on each shard of the mask. */
static void stream_batch(struct stream *stream, uint64_t first, uint64_t last,
                         unsigned shards)
{
    unsigned at = stream->count++;
    struct source_batch *batch = &stream->batches[at];
    *batch = (struct source_batch){.first = first, .last = last};
    for (unsigned s = 0; s < SHARDS; s++) {
        if (shards & 1u << s) {
            stream->parts[at][s] = (struct source_part){.shard = s};
            stream->pointers[at][batch->part_count++] = &stream->parts[at][s];
        }
    }
    batch->parts = stream->pointers[at];
    source_flow_add(&stream->flow, batch);
}

static void stream_barrier(struct stream *stream, uint64_t id)
{
    struct source_batch *batch = &stream->batches[stream->count++];
    *batch = (struct source_batch){.is_barrier = true, .barrier_id = id};
    source_flow_add(&stream->flow, batch);
}

static bool next(struct stream *stream)
{
    return source_flow_next(&stream->flow, stream->now_us, &stream->step);
}

static void expect_ask(struct stream *stream, unsigned batch, unsigned shard)
{
    EXPECT(next(stream));
    EXPECT_EQ(stream->step.kind, SOURCE_STEP_ASK);
    EXPECT(stream->step.part == &stream->parts[batch][shard]);
}

static void expect_ack(struct stream *stream, uint64_t through)
{
    EXPECT(next(stream));
    EXPECT_EQ(stream->step.kind, SOURCE_STEP_ACK);
    EXPECT_EQ(stream->step.value, through);
    source_flow_sent(&stream->flow, &stream->step);
}

static void expect_log(struct stream *stream, uint64_t through)
{
    EXPECT(next(stream));
    EXPECT_EQ(stream->step.kind, SOURCE_STEP_LOG);
    EXPECT_EQ(stream->step.value, through);
    source_flow_logged(&stream->flow, through, STATUS_OK, stream->now_us);
}

static void expect_finish(struct stream *stream, enum status status)
{
    const struct problem *problem = source_flow_problem(&stream->flow);
    EXPECT(next(stream));
    EXPECT_EQ(stream->step.kind, SOURCE_STEP_FINISH);
    EXPECT_STATUS(problem != NULL ? problem->status : STATUS_OK, status);
    EXPECT(!next(stream));
    EXPECT_EQ(source_flow_due(&stream->flow), UINT64_MAX);
}

static void answer(struct stream *stream, unsigned batch, unsigned shard,
                   enum status status)
{
    source_flow_answered(&stream->flow, &stream->parts[batch][shard],
                         &(struct source_answer){.status = status, .applied = 1},
                         stream->now_us);
}

static void answer_stopped(struct stream *stream, unsigned batch, unsigned shard,
                           uint64_t at)
{
    source_flow_answered(
        &stream->flow, &stream->parts[batch][shard],
        &(struct source_answer){.status = STATUS_OK, .failures = 1, .stopped_at = at},
        stream->now_us);
}

TEST(source_flow, asks_all_at_once_and_acknowledges_in_order)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 3);
    stream_batch(&stream, 11, 20, 2);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 0, 1);
    expect_ask(&stream, 1, 1);
    EXPECT(!next(&stream));
    answer(&stream, 1, 1, STATUS_OK);
    EXPECT(!next(&stream)); /* the first is not decided yet */
    answer(&stream, 0, 0, STATUS_OK);
    answer(&stream, 0, 1, STATUS_OK);
    expect_ack(&stream, 20);
    EXPECT(source_flow_release(&stream.flow) == &stream.batches[0]);
    EXPECT(source_flow_release(&stream.flow) == &stream.batches[1]);
    EXPECT(source_flow_release(&stream.flow) == NULL);
    EXPECT_EQ(stream.batches[0].applied, 2);
    source_flow_close(&stream.flow);
}

TEST(source_flow, asks_again_in_order_once_all_have_come_back_and_the_pause_is_over)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    stream_batch(&stream, 11, 20, 1);
    stream_batch(&stream, 21, 30, 2);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 1, 0);
    expect_ask(&stream, 2, 1);
    answer(&stream, 0, 0, STATUS_OUTCOME_UNKNOWN);
    EXPECT(!next(&stream));
    answer(&stream, 1, 0, STATUS_SEQUENCE_GAP); /* what was lost is missing before it */
    answer(&stream, 2, 1, STATUS_OK);           /* others go on */
    EXPECT(!next(&stream));
    stream.now_us = source_flow_due(&stream.flow);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 1, 0);
    answer(&stream, 0, 0, STATUS_OK);
    answer(&stream, 1, 0, STATUS_OK);
    expect_ack(&stream, 30);
    source_flow_close(&stream.flow);
}

TEST(source_flow, a_gap_that_is_told_late_is_asked_again)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    stream_batch(&stream, 11, 20, 1);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 1, 0);
    answer(&stream, 0, 0, STATUS_OK); /* they had changed places on their way */
    answer(&stream, 1, 0, STATUS_SEQUENCE_GAP);
    expect_ack(&stream, 10);
    stream.now_us = source_flow_due(&stream.flow);
    expect_ask(&stream, 1, 0);
    answer(&stream, 1, 0, STATUS_OK);
    expect_ack(&stream, 20);
    source_flow_close(&stream.flow);
}

TEST(source_flow, pauses_longer_each_time_up_to_a_limit)
{
    struct stream stream;
    uint64_t pause_us = SOURCE_PAUSE_LEAST_US;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    for (int round = 0; round < 12; round++) {
        expect_ask(&stream, 0, 0);
        answer(&stream, 0, 0, STATUS_NOT_LEADER);
        EXPECT_EQ(source_flow_due(&stream.flow) - stream.now_us, pause_us);
        stream.now_us = source_flow_due(&stream.flow);
        pause_us =
            pause_us * 2 < SOURCE_PAUSE_MOST_US ? pause_us * 2 : SOURCE_PAUSE_MOST_US;
    }
    source_flow_close(&stream.flow);
}

TEST(source_flow, a_gap_with_nothing_before_it_ends_the_stream)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    answer(&stream, 0, 0, STATUS_SEQUENCE_GAP);
    expect_finish(&stream, STATUS_SEQUENCE_GAP);
    source_flow_close(&stream.flow);
}

TEST(source_flow, overload_halves_the_credit_and_each_batch_gives_one_back)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    answer(&stream, 0, 0, STATUS_OVERLOADED);
    EXPECT(next(&stream));
    EXPECT_EQ(stream.step.kind, SOURCE_STEP_CREDIT);
    EXPECT_EQ(stream.step.value, 4);
    source_flow_sent(&stream.flow, &stream.step);
    stream.now_us = source_flow_due(&stream.flow);
    expect_ask(&stream, 0, 0);
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    for (unsigned i = 1; i < 4; i++) {
        EXPECT(!next(&stream));
        stream_batch(&stream, i * 10 + 1, i * 10 + 10, 1);
        expect_ask(&stream, i, 0);
        answer(&stream, i, 0, STATUS_OK);
        expect_ack(&stream, i * 10 + 10);
    }
    EXPECT(next(&stream));
    EXPECT_EQ(stream.step.kind, SOURCE_STEP_CREDIT);
    EXPECT_EQ(stream.step.value, 8);
    source_flow_close(&stream.flow);
}

TEST(source_flow, credit_never_falls_below_one)
{
    struct stream stream;
    stream_open(&stream, 4, 0);
    stream_batch(&stream, 1, 10, 1);
    for (int round = 0; round < 6; round++) {
        do {
            EXPECT(next(&stream));
            if (stream.step.kind == SOURCE_STEP_CREDIT) {
                EXPECT(stream.step.value >= 1);
                source_flow_sent(&stream.flow, &stream.step);
            }
        } while (stream.step.kind != SOURCE_STEP_ASK);
        answer(&stream, 0, 0, STATUS_OVERLOADED);
        stream.now_us = source_flow_due(&stream.flow);
    }
    EXPECT_EQ(stream.flow.credit, 1);
    source_flow_close(&stream.flow);
}

TEST(source_flow, a_newer_stream_of_the_source_ends_this_one_at_once)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    stream_batch(&stream, 11, 20, 3);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 1, 0);
    expect_ask(&stream, 1, 1);
    answer(&stream, 0, 0, STATUS_OK);
    answer(&stream, 1, 0, STATUS_SOURCE_SUPERSEDED);
    expect_ack(&stream, 10);
    expect_finish(&stream, STATUS_SOURCE_SUPERSEDED);
    answer(&stream, 1, 1, STATUS_SOURCE_SUPERSEDED); /* comes late, and does no harm */
    EXPECT(!next(&stream));
    source_flow_close(&stream.flow);
}

TEST(source_flow, acknowledges_many_batches_together_when_asked_to)
{
    struct stream stream;
    stream_open(&stream, 8, 25);
    for (unsigned i = 0; i < 4; i++) {
        stream_batch(&stream, i * 10 + 1, i * 10 + 10, 1);
        expect_ask(&stream, i, 0);
    }
    answer(&stream, 0, 0, STATUS_OK);
    answer(&stream, 1, 0, STATUS_OK);
    EXPECT(!next(&stream)); /* 20 are decided, more is on its way */
    answer(&stream, 2, 0, STATUS_OK);
    expect_ack(&stream, 30);
    EXPECT(!next(&stream));
    answer(&stream, 3, 0, STATUS_OK);
    expect_ack(&stream, 40); /* nothing more is on its way */
    source_flow_close(&stream.flow);
}

TEST(source_flow, a_barrier_is_reached_once_all_before_it_is_logged_as_through)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    stream_barrier(&stream, 7);
    stream_batch(&stream, 11, 20, 2);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 2, 1);
    answer(&stream, 2, 1, STATUS_OK);
    EXPECT(!next(&stream));
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    EXPECT(next(&stream));
    EXPECT_EQ(stream.step.kind, SOURCE_STEP_LOG);
    EXPECT(!next(&stream));
    source_flow_logged(&stream.flow, 10, STATUS_NOT_LEADER, stream.now_us);
    EXPECT(!next(&stream));
    stream.now_us = source_flow_due(&stream.flow);
    expect_log(&stream, 10);
    EXPECT(next(&stream));
    EXPECT_EQ(stream.step.kind, SOURCE_STEP_BARRIER);
    EXPECT_EQ(stream.step.value, 10);
    EXPECT_EQ(stream.step.last->barrier_id, 7);
    source_flow_sent(&stream.flow, &stream.step);
    expect_ack(&stream, 20);
    source_flow_close(&stream.flow);
}

TEST(source_flow, logs_what_is_through_now_and_then)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    EXPECT(!next(&stream));
    EXPECT_EQ(source_flow_due(&stream.flow) - stream.now_us, SOURCE_LOG_IDLE_US);
    stream.now_us = source_flow_due(&stream.flow);
    expect_log(&stream, 10);
    stream_batch(&stream, 11, 10 + SOURCE_LOG_EVERY, 1);
    expect_ask(&stream, 1, 0);
    answer(&stream, 1, 0, STATUS_OK);
    expect_ack(&stream, 10 + SOURCE_LOG_EVERY);
    expect_log(&stream, 10 + SOURCE_LOG_EVERY);
    EXPECT_EQ(source_flow_due(&stream.flow), UINT64_MAX);
    source_flow_close(&stream.flow);
}

TEST(source_flow, ends_behind_its_answers_when_the_peer_has_no_more)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    source_flow_half_close(&stream.flow);
    EXPECT(!next(&stream));
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    expect_log(&stream, 10);
    expect_finish(&stream, STATUS_OK);
    source_flow_close(&stream.flow);
}

TEST(source_flow, ends_though_what_is_through_cannot_be_logged)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    source_flow_half_close(&stream.flow);
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    for (int tries = 0; tries < SOURCE_LOG_TRIES_MAX; tries++) {
        EXPECT(next(&stream));
        EXPECT_EQ(stream.step.kind, SOURCE_STEP_LOG);
        source_flow_logged(&stream.flow, 10, STATUS_QUORUM_LOST, stream.now_us);
        stream.now_us = source_flow_due(&stream.flow);
    }
    stream.now_us--;
    expect_finish(&stream, STATUS_OK);
    source_flow_close(&stream.flow);
}

TEST(source_flow, says_go_away_when_it_drains_and_takes_no_more)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    source_flow_drain(&stream.flow);
    EXPECT(next(&stream));
    EXPECT_EQ(stream.step.kind, SOURCE_STEP_GO_AWAY);
    source_flow_sent(&stream.flow, &stream.step);
    stream_batch(&stream, 11, 20, 1);
    EXPECT(source_flow_release(&stream.flow) == &stream.batches[1]);
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    expect_log(&stream, 10);
    expect_finish(&stream, STATUS_DRAINING);
    source_flow_close(&stream.flow);
}

TEST(source_flow, a_bad_message_ends_the_stream_behind_what_came_before)
{
    struct stream stream;
    struct problem problem;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    expect_ask(&stream, 0, 0);
    problem_set(&problem, STATUS_SEQUENCE_GAP, "", "12 comes where 11 is expected");
    source_flow_fail(&stream.flow, &problem);
    EXPECT(!next(&stream));
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    expect_log(&stream, 10);
    expect_finish(&stream, STATUS_SEQUENCE_GAP);
    source_flow_close(&stream.flow);
}

TEST(source_flow, stops_at_the_lowest_refused_update_once_all_below_is_decided)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 3);
    stream_batch(&stream, 11, 20, 7);
    stream_batch(&stream, 21, 30, 7);
    for (int asked = 0; asked < 8; asked++) {
        EXPECT(next(&stream));
        EXPECT_EQ(stream.step.kind, SOURCE_STEP_ASK);
    }
    answer_stopped(&stream, 2, 2, 25);          /* shard 2 */
    answer_stopped(&stream, 1, 1, 14);          /* shard 1, lower */
    answer(&stream, 2, 1, STATUS_SEQUENCE_GAP); /* behind it, and void */
    answer(&stream, 0, 1, STATUS_OK);
    answer(&stream, 0, 0, STATUS_OUTCOME_UNKNOWN); /* below: has to be decided */
    answer(&stream, 1, 0, STATUS_SEQUENCE_GAP);
    answer(&stream, 2, 0, STATUS_SEQUENCE_GAP);
    answer(&stream, 1, 2, STATUS_OK);
    EXPECT(!next(&stream));
    stream.now_us = source_flow_due(&stream.flow);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 1, 0);
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    EXPECT(!next(&stream));
    answer(&stream, 1, 0, STATUS_OK);
    EXPECT(next(&stream));
    EXPECT_EQ(stream.step.kind, SOURCE_STEP_ACK);
    EXPECT_EQ(stream.step.value, 13);
    EXPECT(stream.step.last == &stream.batches[1]);
    source_flow_fail(&stream.flow,
                     &(struct problem){.status = STATUS_NOT_FOUND, .message = "14"});
    source_flow_sent(&stream.flow, &stream.step);
    expect_log(&stream, 13);
    expect_finish(&stream, STATUS_NOT_FOUND);
    source_flow_close(&stream.flow);
}

TEST(source_flow, a_lane_full_of_refusals_has_what_is_through_logged_first)
{
    struct stream stream;
    stream_open(&stream, 8, 0);
    stream_batch(&stream, 1, 10, 1);
    stream_batch(&stream, 11, 20, 2);
    expect_ask(&stream, 0, 0);
    expect_ask(&stream, 1, 1);
    answer(&stream, 0, 0, STATUS_OK);
    expect_ack(&stream, 10);
    answer(&stream, 1, 1, STATUS_QUANTITY_LIMIT);
    expect_log(&stream, 10);
    stream.now_us = source_flow_due(&stream.flow);
    expect_ask(&stream, 1, 1);
    source_flow_close(&stream.flow);
}
