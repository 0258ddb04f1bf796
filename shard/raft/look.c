/* SPDX-License-Identifier: Apache-2.0 */
/* Questions from outside; nothing here changes anything. */
#include "shard/raft/raft_private.h"

bool raft_entry(const struct raft *raft, uint64_t index, struct raft_entry *out_entry)
{
    if (index < raft->log.memory_first || index > raft->log.last_index) {
        return false;
    }
    const struct raft_log_slot *slot = raft_log_slot(&raft->log, index);
    *out_entry = (struct raft_entry){.index = index,
                                     .term = raft_log_term(&raft->log, index),
                                     .payload = slice_of(slot->data, slot->size)};
    return true;
}

uint64_t raft_entry_term(const struct raft *raft, uint64_t index)
{
    return raft_log_term(&raft->log, index);
}

const char *raft_role_name(enum raft_role role)
{
    static const char *const names[RAFT_ROLE_COUNT] = {
        [RAFT_FOLLOWER] = "FOLLOWER",
        [RAFT_PRE_CANDIDATE] = "PRE_CANDIDATE",
        [RAFT_CANDIDATE] = "CANDIDATE",
        [RAFT_LEADER] = "LEADER",
    };
    ASSERT((unsigned)role < RAFT_ROLE_COUNT);
    return names[role];
}

void raft_status(const struct raft *raft, struct raft_status *out_status)
{
    *out_status = (struct raft_status){
        .role = raft->role,
        .term = raft->term,
        .vote = raft->vote,
        .leader_id = raft->leader_id,
        .transfer_target = raft->transfer_target,
        .commit = raft->commit,
        .applied = raft->applied,
        .log_first = raft->log.base_index + 1,
        .last_index = raft->log.last_index,
        .last_term = raft_log_last_term(&raft->log),
        .durable_index = raft->durable_index,
        .write_sequence = raft->write_sequence,
        .written_sequence = raft->written_sequence,
        .installing = raft->installing,
        .own_term_committed =
            raft->role == RAFT_LEADER && raft->commit >= raft->term_start,
    };
    if (raft->transfer_target != 0) {
        out_status->leader_id = raft->transfer_target;
    }
}

const struct raft_members *raft_members(const struct raft *raft)
{
    return raft_newest(raft);
}

bool raft_members_at(const struct raft *raft, uint64_t index,
                     struct raft_members *out_members)
{
    for (size_t i = raft->config_count; i > 0; i--) {
        if (raft->configs[i - 1].index <= index) {
            *out_members = raft->configs[i - 1].members;
            return true;
        }
    }
    return false;
}

uint32_t raft_followers(const struct raft *raft,
                        struct raft_follower out_followers[RAFT_MEMBERS_MAX])
{
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        const struct raft_progress *progress = &raft->progress[i];
        out_followers[i] = (struct raft_follower){.replica_id = progress->replica_id,
                                                  .voter = progress->voter,
                                                  .active = progress->active,
                                                  .state = progress->state,
                                                  .match = progress->match,
                                                  .next = progress->next,
                                                  .in_flight = progress->in_flight_count};
    }
    return raft->progress_count;
}

uint32_t raft_clock_samples(const struct raft *raft,
                            struct raft_clock_sample out_samples[RAFT_VOTERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        const struct raft_progress *progress = &raft->progress[i];
        if (progress->voter && progress->sampled) {
            out_samples[count++] =
                (struct raft_clock_sample){.replica_id = progress->replica_id,
                                           .offset_ms = progress->offset_ms,
                                           .sampled_us = progress->sampled_us};
        }
    }
    return count;
}

bool raft_quorum_clock_ms(const struct raft *raft, struct moment now,
                          int64_t *out_wall_ms)
{
    struct raft_clock_sample samples[RAFT_VOTERS_MAX];
    int64_t clocks[RAFT_VOTERS_MAX + 1];
    if (raft->role != RAFT_LEADER) {
        return false;
    }
    const struct raft_members *members = raft_newest(raft);
    uint32_t sampled = raft_clock_samples(raft, samples), count = 0;
    for (uint32_t i = 0; i <= sampled; i++) {
        bool own = i == sampled;
        if (own && !raft_members_is_voter(members, raft->replica_id)) {
            continue;
        }
        int64_t clock =
            own ? now.wall_ms : samples[i].offset_ms + (int64_t)(now.monotonic_us / 1000);
        uint32_t at = count++;
        for (; at > 0 && clocks[at - 1] > clock; at--) {
            clocks[at] = clocks[at - 1];
        }
        clocks[at] = clock;
    }
    if (count < raft_members_quorum(members)) {
        return false;
    }
    *out_wall_ms = clocks[(count - 1) / 2];
    return true;
}

void raft_counters(const struct raft *raft, struct raft_counters *out_counters)
{
    *out_counters = raft->counters;
}
