/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReadIndex (Ongaro's thesis, 6.4). A leader knows what is committed once an entry of its
 * own term is; that it still leads, a quorum tells by echoing a round of heartbeats which
 * started after the read had arrived. One round is out at a time; reads that arrive
 * meanwhile share the next one. Every heartbeat and append carries the round that is out, so
 * one that was lost is asked again by the next.
 */
#include <inttypes.h>
#include <string.h>

#include "shard/raft/raft_private.h"

static void read_done(struct raft *raft, size_t count, enum status status, uint64_t index)
{
    memory_reserve((void **)&raft->reads, &raft->reads_capacity, raft->reads_done + count,
                   sizeof *raft->reads);
    for (size_t i = 0; i < count; i++) {
        raft->reads[raft->reads_done++] = (struct raft_read){
            .context = raft->read_contexts[i], .status = status, .index = index};
    }
    raft->read_count -= count;
    memmove(raft->read_contexts, raft->read_contexts + count,
            raft->read_count * sizeof *raft->read_contexts);
    raft->read_asked = 0;
}

enum status raft_read_add(struct raft *raft, uint64_t context)
{
    if (raft->role != RAFT_LEADER) {
        return STATUS_NOT_LEADER;
    }
    if (raft->read_count >= RAFT_READS_WAITING_MAX) {
        return STATUS_OVERLOADED;
    }
    memory_reserve((void **)&raft->read_contexts, &raft->read_capacity,
                   raft->read_count + 1, sizeof *raft->read_contexts);
    raft->read_contexts[raft->read_count++] = context;
    return STATUS_OK;
}

void raft_read_refuse_all(struct raft *raft)
{
    if (raft->read_count > 0) {
        RAFT_TRACE(raft, "refuses %zu reads", raft->read_count);
        read_done(raft, raft->read_count, STATUS_NOT_LEADER, 0);
    }
}

void raft_read_count(struct raft *raft)
{
    if (raft->read_asked == 0) {
        return;
    }
    const struct raft_members *members = raft_newest(raft);
    uint32_t echoed = raft_members_is_voter(members, raft->replica_id);
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        echoed += raft->progress[i].voter && raft->progress[i].round >= raft->round;
    }
    if (echoed >= raft_members_quorum(members) || MUTANT(raft_read_without_quorum)) {
        RAFT_TRACE(raft, "confirms %zu reads at %" PRIu64 " by round %" PRIu64,
                   raft->read_asked, raft->read_index, raft->round);
        read_done(raft, raft->read_asked, STATUS_OK, raft->read_index);
    }
}

void raft_read_begin(struct raft *raft)
{
    if (raft->read_count == 0 || raft->commit < raft->term_start ||
        raft->read_asked > 0) {
        return;
    }
    raft->round++;
    raft->read_asked = raft->read_count;
    raft->read_index = raft->commit;
    raft->heartbeat_due = true;
    RAFT_TRACE(raft, "begins round %" PRIu64 " for %zu reads at %" PRIu64, raft->round,
               raft->read_asked, raft->read_index);
    raft_read_count(raft);
}
