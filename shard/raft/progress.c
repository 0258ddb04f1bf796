/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a leader knows of one follower, and what it sends next (etcd's raft made these
 * states famous).
 *
 *              acknowledged
 *      PROBE -----------------> REPLICATE
 *       ^  ^ <-----------------   |
 *       |  |  rejected, lost,     | next entry not in the log
 *       |  |  unreachable         v
 *       |  +------------- SNAPSHOT_NEEDED --> REPLICATE
 *       |    sent or lost        ^    acknowledged past it
 *       +------------------------+
 *            next entry not in the log
 *
 * PROBE sends one append and waits, without entries once one was rejected; REPLICATE
 * streams within the limits of what may be in flight; SNAPSHOT_NEEDED sends nothing but
 * heartbeats. Entries that are no longer in memory are fetched from the log by the host.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "shard/raft/raft_private.h"

static const bool progress_moves[RAFT_PROGRESS_STATE_COUNT][RAFT_PROGRESS_STATE_COUNT] = {
    [RAFT_PROBE] = {[RAFT_REPLICATE] = true, [RAFT_SNAPSHOT_NEEDED] = true},
    [RAFT_REPLICATE] = {[RAFT_PROBE] = true, [RAFT_SNAPSHOT_NEEDED] = true},
    [RAFT_SNAPSHOT_NEEDED] = {[RAFT_PROBE] = true, [RAFT_REPLICATE] = true},
};

static const char *const progress_names[RAFT_PROGRESS_STATE_COUNT] = {
    [RAFT_PROBE] = "PROBE",
    [RAFT_REPLICATE] = "REPLICATE",
    [RAFT_SNAPSHOT_NEEDED] = "SNAPSHOT_NEEDED",
};

struct raft_progress *raft_progress_find(struct raft *raft, uint64_t replica_id)
{
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        if (raft->progress[i].replica_id == replica_id) {
            return &raft->progress[i];
        }
    }
    return NULL;
}

void raft_progress_sync(struct raft *raft)
{
    struct raft_progress *old =
        memory_copy(raft->progress, raft->progress_count * sizeof *old + 1);
    uint32_t old_count = raft->progress_count;
    const struct raft_members *members = raft_newest(raft);
    raft->progress_count = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct raft_member *member = &members->member[i];
        if (member->replica_id == raft->replica_id) {
            continue;
        }
        struct raft_progress *progress = &raft->progress[raft->progress_count++];
        uint32_t known = 0;
        while (known < old_count && old[known].replica_id != member->replica_id) {
            known++;
        }
        if (known < old_count) {
            *progress = old[known];
        } else {
            *progress = (struct raft_progress){.replica_id = member->replica_id,
                                               .active = true,
                                               .next = raft->log.last_index + 1};
        }
        progress->voter = member->role == RAFT_VOTER;
    }
    free(old);
}

static void progress_forget_flights(struct raft_progress *progress)
{
    progress->in_flight_first = 0;
    progress->in_flight_count = 0;
    progress->in_flight_bytes = 0;
}

void raft_progress_move(struct raft *raft, struct raft_progress *progress,
                        enum raft_progress_state state)
{
    ASSERT(progress_moves[progress->state][state]);
    RAFT_TRACE(raft, "follower %" PRIu64 ": %s -> %s, match %" PRIu64 ", next %" PRIu64,
               progress->replica_id, progress_names[progress->state],
               progress_names[state], progress->match, progress->next);
    if (progress->state == RAFT_REPLICATE && state == RAFT_PROBE) {
        raft->counters.appends_resent++;
    }
    progress->state = state;
    progress->paused = false;
    progress->rejected = false;
    progress->fetching = false;
    progress->snapshot_index = 0;
    progress->snapshot_elapsed = 0;
    progress->stall_next = 0;
    progress_forget_flights(progress);
}

/* --- What comes back ------------------------------------------------------------------ */

void raft_progress_heard(struct raft *raft, struct raft_progress *progress,
                         const struct raft_message *message)
{
    progress->active = true;
    if (message->round > progress->round && message->round <= raft->round) {
        progress->round = message->round;
    }
    progress->sampled = true;
    progress->offset_ms = message->wall_ms - (int64_t)(raft->now.monotonic_us / 1000);
    progress->sampled_us = raft->now.monotonic_us;
}

static void progress_land(struct raft_progress *progress)
{
    while (progress->in_flight_count > 0) {
        const struct raft_in_flight *oldest =
            &progress->in_flight[progress->in_flight_first];
        if (oldest->last_index > progress->match) {
            break;
        }
        progress->in_flight_bytes -= oldest->bytes;
        progress->in_flight_first =
            (progress->in_flight_first + 1) % RAFT_IN_FLIGHT_MESSAGES_MAX;
        progress->in_flight_count--;
    }
}

void raft_progress_ack(struct raft *raft, struct raft_progress *progress, uint64_t match,
                       uint64_t hint)
{
    if (match > progress->match) {
        progress->match = match;
        progress_land(progress);
    }
    if (progress->next <= progress->match) {
        progress->next = progress->match + 1;
    }
    if (hint > raft->log.last_index) {
        hint = raft->log.last_index;
    }
    if (progress->state == RAFT_PROBE && hint + 1 >= progress->next) {
        progress->next = hint + 1;
        raft_progress_move(raft, progress, RAFT_REPLICATE);
    } else if (progress->state == RAFT_SNAPSHOT_NEEDED &&
               progress->match >= raft->log.base_index) {
        progress->next = progress->match + 1;
        raft_progress_move(raft, progress, RAFT_REPLICATE);
    }
}

/* The hint skips a term at a time on both sides (paper, 5.3, last paragraphs). */
void raft_progress_reject(struct raft *raft, struct raft_progress *progress,
                          const struct raft_message *message)
{
    uint64_t prev = message->index;
    bool stale = prev <= progress->match || prev >= progress->next ||
                 (progress->state == RAFT_PROBE && prev + 1 != progress->next);
    if (stale || progress->state == RAFT_SNAPSHOT_NEEDED) {
        return;
    }
    if (progress->state == RAFT_REPLICATE) {
        raft_progress_move(raft, progress, RAFT_PROBE);
    }
    uint64_t next =
        raft_log_find(&raft->log, message->hint_index, message->hint_term) + 1;
    next = next < prev ? next : prev;
    progress->next = next > progress->match ? next : progress->match + 1;
    progress->paused = false;
    progress->rejected = true;
    progress->fetching = false;
}

/* --- What goes out -------------------------------------------------------------------- */

static size_t progress_cost(struct slice payload)
{
    return payload.size + RAFT_LOG_ENTRY_BYTES;
}

static bool progress_may_send(const struct raft *raft,
                              const struct raft_progress *progress)
{
    if (progress->state == RAFT_PROBE) {
        return !progress->paused;
    }
    return progress->state == RAFT_REPLICATE && progress->next <= raft->log.last_index &&
           progress->in_flight_count < raft->limits.in_flight_messages &&
           progress->in_flight_bytes < raft->limits.in_flight_bytes;
}

static void progress_sent(struct raft_progress *progress, uint64_t last, size_t bytes)
{
    if (progress->state == RAFT_PROBE) {
        progress->paused = true;
        return;
    }
    uint32_t at = (progress->in_flight_first + progress->in_flight_count) %
                  RAFT_IN_FLIGHT_MESSAGES_MAX;
    progress->in_flight[at] = (struct raft_in_flight){.last_index = last, .bytes = bytes};
    progress->in_flight_count++;
    progress->in_flight_bytes += bytes;
    progress->next = last + 1;
}

static struct raft_message *progress_append(struct raft *raft,
                                            const struct raft_progress *progress)
{
    struct raft_message *message = raft_send(raft, RAFT_APPEND, progress->replica_id);
    message->index = progress->next - 1;
    message->log_term = raft_log_term(&raft->log, progress->next - 1);
    message->commit = raft->commit;
    message->round = raft->round;
    return message;
}

/* Adds entries from memory, as many as a message takes. */
static size_t progress_gather(struct raft *raft, struct raft_message *message)
{
    size_t bytes = 0;
    uint64_t index = message->index + 1;
    size_t at = raft->entry_count;
    while (index <= raft->log.last_index &&
           message->entry_count < RAFT_MESSAGE_ENTRIES_MAX) {
        const struct raft_log_slot *slot = raft_log_slot(&raft->log, index);
        size_t cost = slot->size + RAFT_LOG_ENTRY_BYTES;
        if (message->entry_count > 0 && bytes + cost > raft->limits.message_bytes_max) {
            break;
        }
        memory_reserve((void **)&raft->entries, &raft->entry_capacity,
                       raft->entry_count + 1, sizeof *raft->entries);
        raft->entries[raft->entry_count++] =
            (struct raft_entry){.index = index,
                                .term = raft_log_term(&raft->log, index),
                                .payload = slice_of(slot->data, slot->size)};
        message->entry_count++;
        bytes += cost;
        index++;
    }
    raft->message_entries[raft->message_count - 1] = at;
    return bytes;
}

/* What is not in memory, the host reads from the log. */
static void progress_fetch(struct raft *raft, struct raft_progress *progress)
{
    if (progress->fetching) {
        return;
    }
    uint64_t last = raft->log.memory_first - 1;
    if (last > raft->durable_index) {
        last = raft->durable_index;
    }
    size_t room = raft->limits.in_flight_bytes - progress->in_flight_bytes;
    if (last < progress->next) {
        return;
    }
    progress->fetching = true;
    progress->fetch_first = progress->next;
    raft->fetches[raft->fetch_count++] = (struct raft_fetch){
        .replica_id = progress->replica_id,
        .first = progress->next,
        .last = last,
        .max_bytes =
            room < raft->limits.fetch_bytes_max ? room : raft->limits.fetch_bytes_max};
}

void raft_progress_send(struct raft *raft, struct raft_progress *progress)
{
    while (progress_may_send(raft, progress)) {
        if (progress->next <= raft->log.base_index ||
            (progress->next == raft->log.base_index + 1 && progress->next > 1 &&
             raft->log.base_term == 0)) {
            raft_snapshot_want(raft, progress);
            return;
        }
        bool empty = progress->rejected || progress->next > raft->log.last_index;
        if (!empty && progress->next < raft->log.memory_first) {
            progress_fetch(raft, progress);
            return;
        }
        struct raft_message *message = progress_append(raft, progress);
        size_t bytes = empty ? 0 : progress_gather(raft, message);
        progress_sent(progress, message->index + message->entry_count, bytes);
    }
}

/* --- Entries from the log ------------------------------------------------------------- */

static bool progress_fetch_fits(struct raft *raft, const struct raft_progress *progress,
                                const struct raft_fetched *fetched)
{
    if (raft->role != RAFT_LEADER || progress == NULL || !progress->fetching ||
        progress->fetch_first != fetched->first) {
        return false;
    }
    for (uint32_t i = 0; i < fetched->count && fetched->status == STATUS_OK; i++) {
        if (fetched->entries[i].index != fetched->first + i ||
            fetched->entries[i].term != raft_log_term(&raft->log, fetched->first + i)) {
            return false;
        }
    }
    return true;
}

/* Sends what was fetched, in messages of the usual size, while there is room in flight. */
void raft_progress_fetched(struct raft *raft, const struct raft_fetched *fetched)
{
    struct raft_progress *progress = raft_progress_find(raft, fetched->replica_id);
    if (!progress_fetch_fits(raft, progress, fetched)) {
        return;
    }
    progress->fetching = false;
    if (fetched->status == STATUS_NOT_FOUND) {
        raft_snapshot_want(raft, progress);
        return;
    }
    if (fetched->status != STATUS_OK || progress->next != fetched->first) {
        return;
    }
    uint32_t used = 0;
    while (used < fetched->count && progress_may_send(raft, progress)) {
        struct raft_message *message = progress_append(raft, progress);
        size_t bytes = 0;
        message->entries = &fetched->entries[used];
        while (used < fetched->count && message->entry_count < RAFT_MESSAGE_ENTRIES_MAX) {
            size_t cost = progress_cost(fetched->entries[used].payload);
            if (message->entry_count > 0 &&
                bytes + cost > raft->limits.message_bytes_max) {
                break;
            }
            bytes += cost;
            message->entry_count++;
            used++;
        }
        progress_sent(progress, message->index + message->entry_count, bytes);
    }
}
