/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/sending.h"

#include "shard/base/assert.h"
#include "shard/base/metric.h"

#define STAGE(stage) (1u << SENDING_##stage)

static const uint8_t sending_moves[] = {
    [SENDING_NONE] = STAGE(WANTED),    [SENDING_WANTED] = STAGE(TAKING),
    [SENDING_TAKING] = STAGE(CUTTING), [SENDING_CUTTING] = STAGE(READY) | STAGE(NONE),
    [SENDING_READY] = STAGE(NONE),
};

static void sending_move(struct sending *sending, enum sending_stage stage)
{
    ASSERT(sending_moves[sending->stage] & 1u << stage);
    sending->stage = stage;
}

void sending_init(struct sending *sending, size_t chunk_bytes)
{
    *sending = (struct sending){.chunk_bytes = chunk_bytes};
    buffer_init(&sending->members);
}

void sending_close(struct sending *sending)
{
    snapshot_maker_free(sending->maker);
    store_snapshot_close(sending->taken);
    buffer_close(&sending->members);
    sending->maker = NULL;
    sending->taken = NULL;
}

void sending_want(struct sending *sending, struct moment now)
{
    if (sending->stage == SENDING_NONE) {
        sending_move(sending, SENDING_WANTED);
    }
    sending->used_us = now.monotonic_us;
}

void sending_collect_state(struct sending *sending, struct store_batch *batch,
                           const struct snapshot_manifest *head)
{
    if (sending->stage != SENDING_WANTED || batch->snapshot != NULL) {
        return;
    }
    sending_move(sending, SENDING_TAKING);
    batch->snapshot = &sending->taken;
    sending->head = *head;
    buffer_clear(&sending->members);
    buffer_append_slice(&sending->members, head->members);
    sending->head.members = buffer_slice(&sending->members);
}

void sending_state_written(struct sending *sending)
{
    if (sending->stage == SENDING_TAKING) {
        ASSERT(sending->taken != NULL);
        sending_move(sending, SENDING_CUTTING);
        sending->maker =
            snapshot_maker_new(&sending->taken, &sending->head, sending->chunk_bytes);
    }
}

static void sending_let_go(struct sending *sending)
{
    snapshot_maker_free(sending->maker);
    sending->maker = NULL;
    sending_move(sending, SENDING_NONE);
}

enum status sending_step(struct sending *sending, struct moment now)
{
    if (sending->stage == SENDING_CUTTING) {
        bool done;
        enum status status =
            snapshot_maker_step(sending->maker, SENDING_STEP_BYTES, &done);
        if (status != STATUS_OK) {
            metric_add(METRIC_SNAPSHOTS_FAILED, 1);
            sending_let_go(sending);
            return status;
        }
        if (done) {
            sending_move(sending, SENDING_READY);
            sending->used_us = now.monotonic_us;
        }
        return STATUS_OK;
    }
    if (sending->stage == SENDING_READY &&
        now.monotonic_us >= sending->used_us + SENDING_IDLE_US) {
        sending_let_go(sending);
    }
    return STATUS_OK;
}

bool sending_head(const struct sending *sending, struct snapshot_head *out_head)
{
    if (sending->stage != SENDING_READY) {
        return false;
    }
    *out_head = snapshot_maker_head(sending->maker);
    return true;
}

struct slice sending_members(const struct sending *sending)
{
    ASSERT(sending->stage == SENDING_READY);
    return snapshot_maker_manifest(sending->maker)->members;
}

void sending_renew(struct sending *sending, struct moment now)
{
    if (sending->stage == SENDING_READY) {
        sending_let_go(sending);
        sending_want(sending, now);
    }
}

uint64_t sending_index(const struct sending *sending)
{
    return sending->stage >= SENDING_TAKING ? sending->head.index : UINT64_MAX;
}

static enum status sending_item(struct sending *sending, uint32_t item,
                                struct slice *out_bytes)
{
    if (item == SNAPSHOT_ITEM_MANIFEST) {
        *out_bytes = snapshot_maker_manifest_bytes(sending->maker);
        return STATUS_OK;
    }
    return snapshot_maker_chunk(sending->maker, item, out_bytes);
}

enum status sending_answer(struct sending *sending, struct moment now,
                           const struct peer_message *ask,
                           struct peer_message *out_answer)
{
    struct slice bytes = {0};
    *out_answer = (struct peer_message){
        .kind = PEER_SNAPSHOT_PART,
        .to_replica_id = ask->from_replica_id,
        .index = ask->index,
        .term = ask->term,
        .part = ask->part,
    };
    if (sending->stage != SENDING_READY || ask->index != sending->head.index ||
        ask->term != sending->head.term) {
        return STATUS_OK;
    }
    sending->used_us = now.monotonic_us;
    enum status status = sending_item(sending, ask->part.item, &bytes);
    if (status != STATUS_OK) {
        metric_add(METRIC_SNAPSHOTS_FAILED, 1);
        return status;
    }
    if (ask->part.offset < bytes.size) {
        size_t left = bytes.size - ask->part.offset;
        size_t size = left < SNAPSHOT_PART_BYTES ? left : (size_t)SNAPSHOT_PART_BYTES;
        out_answer->bytes = slice_of(bytes.data + ask->part.offset, size);
    }
    return STATUS_OK;
}
