/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members over the life of the log (Ongaro's thesis, chapter 4): they count from the
 * moment their entry is appended, committed or not, and are undone when it is truncated.
 */
#include <inttypes.h>
#include <string.h>

#include "shard/raft/raft_private.h"

const struct raft_members *raft_newest(const struct raft *raft)
{
    return &raft->configs[raft->config_count - 1].members;
}

void raft_config_push(struct raft *raft, uint64_t index,
                      const struct raft_members *members)
{
    ASSERT(raft->config_count == 0 ||
           raft->configs[raft->config_count - 1].index < index);
    memory_reserve((void **)&raft->configs, &raft->config_capacity,
                   raft->config_count + 1, sizeof *raft->configs);
    raft->configs[raft->config_count++] =
        (struct raft_config){.index = index, .members = *members};
    raft->changed |= RAFT_CHANGED_MEMBERS;
    RAFT_TRACE(raft, "members v%" PRIu64 " count from %" PRIu64 ": %u voters, %u in all",
               members->version, index, raft_members_voter_count(members),
               members->count);
}

void raft_config_truncate(struct raft *raft, uint64_t from)
{
    while (raft->config_count > 1 &&
           raft->configs[raft->config_count - 1].index >= from) {
        raft->config_count--;
        raft->changed |= RAFT_CHANGED_MEMBERS;
        RAFT_TRACE(raft, "members undone, v%" PRIu64 " again",
                   raft_newest(raft)->version);
    }
}

void raft_config_applied(struct raft *raft)
{
    size_t gone = 0;
    while (gone + 1 < raft->config_count &&
           raft->configs[gone + 1].index <= raft->applied) {
        gone++;
    }
    if (gone > 0) {
        raft->config_count -= gone;
        memmove(raft->configs, raft->configs + gone,
                raft->config_count * sizeof *raft->configs);
    }
}

void raft_config_reset(struct raft *raft, uint64_t index,
                       const struct raft_members *members)
{
    raft->config_count = 0;
    raft_config_push(raft, index, members);
}

bool raft_config_pending(const struct raft *raft)
{
    return raft->configs[raft->config_count - 1].index > raft->commit;
}

const struct raft_members *raft_config_committed(const struct raft *raft)
{
    size_t i = raft->config_count - 1;
    while (i > 0 && raft->configs[i].index > raft->commit) {
        i--;
    }
    return &raft->configs[i].members;
}

bool raft_config_knows(const struct raft *raft, uint64_t replica_id)
{
    for (size_t i = raft->config_count; i > 0; i--) {
        if (raft_members_find(&raft->configs[i - 1].members, replica_id) != NULL) {
            return true;
        }
    }
    return false;
}

/*
 * A voter of the newest members; and one that they remove or demote, as long as that is
 * not committed: it may be the only one whose log is long enough (thesis, 4.2.2).
 */
bool raft_config_promotable(const struct raft *raft)
{
    for (size_t i = raft->config_count; i > 0; i--) {
        const struct raft_config *config = &raft->configs[i - 1];
        if (raft_members_is_voter(&config->members, raft->replica_id)) {
            return true;
        }
        if (config->index <= raft->commit) {
            return false;
        }
    }
    return false;
}

/* Only behind a committed entry of this term: without, two leaders' changes could have
 * quorums that do not meet (Ongaro, raft-dev, July 2015). */
static enum status config_change_allowed(struct raft *raft,
                                         const struct raft_change *change)
{
    if (raft->role != RAFT_LEADER) {
        return STATUS_NOT_LEADER;
    }
    if (raft_config_pending(raft) || raft->commit < raft->term_start ||
        raft->transfer_target != 0) {
        return STATUS_SHARD_MOVING;
    }
    if (change->kind == RAFT_PROMOTE) {
        const struct raft_progress *progress =
            raft_progress_find(raft, change->replica_id);
        /* One that never answered has caught up with nothing, however short the log. */
        if (progress != NULL &&
            (progress->match == 0 ||
             progress->match + raft->limits.promote_lag_max < raft->log.last_index)) {
            return STATUS_SHARD_MOVING;
        }
    }
    return raft_has_room(raft) ? STATUS_OK : STATUS_OVERLOADED;
}

enum status raft_config_change(struct raft *raft, const struct raft_change *change,
                               uint64_t *out_index)
{
    struct raft_members members;
    TRY(config_change_allowed(raft, change));
    TRY(raft_members_change(raft_newest(raft), change, &members));
    buffer_clear(&raft->scratch);
    raft_members_encode(&members, &raft->scratch);
    raft_append(raft, raft->term, buffer_slice(&raft->scratch));
    *out_index = raft->log.last_index;
    return STATUS_OK;
}
