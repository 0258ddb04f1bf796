/* SPDX-License-Identifier: Apache-2.0 */
/* Committed entries into the state machine, and the answers out of it. */
#include "shard/base/assert.h"
#include "shard/base/metric.h"
#include "shard/replica/entry.h"
#include "shard/replica/replica_private.h"

static bool replica_outcome_replayed(const struct replica_outcome *outcome)
{
    switch (outcome->kind) {
    case REPLICA_SKU:
        return outcome->inventory.replayed || outcome->inventory.duplicate;
    case REPLICA_CUSTOMER:
        return outcome->customer.replayed || outcome->customer.duplicate;
    case REPLICA_DIRECTORY:
        return false;
    }
    return false;
}

static enum status replica_apply_command(struct replica *replica, struct slice command,
                                         struct arena *answers,
                                         struct replica_outcome *out)
{
    enum status status = replica->machine->ops->apply(replica->machine, command,
                                                      &replica->scratch, answers, out);
    if (status == STATUS_OK) {
        replica->commands_applied++;
        replica->commands_replayed += replica_outcome_replayed(out);
    }
    return status;
}

/* A command that somebody waits for: the oldest proposal's next. */
static enum status replica_decide(struct replica *replica, struct slice command)
{
    ASSERT(!list_empty(&replica->proposals));
    struct replica_proposal *proposal =
        LIST_ENTRY(replica->proposals.next, struct replica_proposal, link);
    ASSERT(proposal->decided_count < proposal->appended_count);
    struct arena *answers = proposal->arena != NULL ? proposal->arena : &replica->scratch;
    TRY(replica_apply_command(replica, command, answers,
                              &proposal->outcomes[proposal->decided_count]));
    proposal->decided_count++;
    proposal->stamp = replica_stamp(replica);
    if (proposal->decided_count == proposal->command_count) {
        replica_end_proposal(replica, proposal, STATUS_OK);
    }
    return STATUS_OK;
}

/* The entry's place among those that somebody waits for; NULL when it is none of them. */
static const struct replica_entry *replica_awaited(const struct replica *replica,
                                                   const struct log_entry *entry)
{
    const struct replica_entry *known = &replica->entries[replica->entry_first];
    if (replica->entry_count == 0 || known->index != entry->index ||
        known->term != entry->term) {
        return NULL;
    }
    return known;
}

static enum status replica_apply_commands(struct replica *replica,
                                          const struct log_entry *entry)
{
    const struct replica_entry *known = replica_awaited(replica, entry);
    struct entry_reader reader;
    struct slice command;
    TRY(entry_open(&reader, entry->payload));
    for (uint32_t i = 0; entry_next(&reader, &command); i++) {
        bool awaited = known != NULL && i >= known->own_count;
        struct replica_outcome unwanted;
        TRY(awaited
                ? replica_decide(replica, command)
                : replica_apply_command(replica, command, &replica->scratch, &unwanted));
        arena_reset(&replica->scratch);
    }
    TRY(entry_finish(&reader));
    if (known != NULL) {
        replica->entry_first = (replica->entry_first + 1) % REPLICA_ENTRIES_IN_FLIGHT_MAX;
        replica->entry_count--;
    }
    return STATUS_OK;
}

static enum status replica_apply_level(struct replica *replica,
                                       const struct log_entry *entry)
{
    int64_t log_time_ms;
    uint32_t level;
    TRY(entry_read_level(entry->payload, &log_time_ms, &level));
    if (level > replica_level_supported(replica)) {
        return STATUS_VERSION;
    }
    if (level > replica->feature_level) {
        replica->feature_level = level;
        replica->descriptor_written = false;
    }
    return STATUS_OK;
}

static enum status replica_apply_members(struct replica *replica,
                                         const struct log_entry *entry)
{
    TRY(raft_members_decode(entry->payload, &replica->members));
    replica->members_dirty = true;
    replica->descriptor_written = false;
    return STATUS_OK;
}

/* Log time of the core's own entries is that of the entry before. */
static enum status replica_entry_time(const struct replica *replica,
                                      const struct log_entry *entry, int64_t *out_ms)
{
    struct entry_reader reader;
    uint32_t level;
    *out_ms = replica->applied_log_ms;
    if (raft_payload_kind(entry->payload) != RAFT_ENTRY_COMMAND) {
        return STATUS_OK;
    }
    if (entry_is_level(entry->payload)) {
        return entry_read_level(entry->payload, out_ms, &level);
    }
    TRY(entry_open(&reader, entry->payload));
    *out_ms = reader.log_time_ms;
    return STATUS_OK;
}

static enum status replica_apply_payload(struct replica *replica,
                                         const struct log_entry *entry)
{
    switch (raft_payload_kind(entry->payload)) {
    case RAFT_ENTRY_NO_OP:
        return STATUS_OK;
    case RAFT_ENTRY_MEMBERS:
        return replica_apply_members(replica, entry);
    case RAFT_ENTRY_COMMAND:
        break;
    }
    return entry_is_level(entry->payload) ? replica_apply_level(replica, entry)
                                          : replica_apply_commands(replica, entry);
}

enum status replica_apply_entry(struct replica *replica, const struct log_entry *entry)
{
    int64_t log_time_ms;
    TRY(replica_entry_time(replica, entry, &log_time_ms));
    struct apply_position position = {
        .index = entry->index,
        .term = entry->term,
        .log_ms =
            log_time_ms > replica->applied_log_ms ? log_time_ms : replica->applied_log_ms,
    };
    uint64_t applied = replica->commands_applied;
    uint64_t replayed = replica->commands_replayed;
    /* Nobody looks in between, and the stamps of what is decided now want these. */
    replica->applied_index = entry->index;
    replica->applied_term = entry->term;
    replica->applied_log_ms = position.log_ms;
    replica->machine->ops->entry_begin(replica->machine, &position);
    TRY(replica_apply_payload(replica, entry));
    replica->machine->ops->entry_end(replica->machine);
    replica_serve_digests(replica);
    metric_add(METRIC_ENTRIES_APPLIED, 1);
    metric_add(METRIC_COMMANDS_APPLIED, replica->commands_applied - applied);
    metric_add(METRIC_COMMANDS_REPLAYED, replica->commands_replayed - replayed);
    return STATUS_OK;
}

void replica_serve_digests(struct replica *replica)
{
    for (struct list *link = replica->digest_reads.next, *next;
         link != &replica->digest_reads; link = next) {
        struct replica_read *read = LIST_ENTRY(link, struct replica_read, link);
        next = link->next;
        if (read->wait_index > replica->applied_index) {
            continue;
        }
        list_remove(link);
        memset(read->answer, 0, sizeof *read->answer);
        if (read->wait_index < replica->applied_index) {
            read->answer->status = STATUS_NOT_FOUND;
        } else {
            read->answer->digest = replica_digest(replica);
        }
        replica_end_read(replica, read, read->answer->status);
    }
}

/* The first read that waits for nothing more, taken off; NULL when there is none. They
 * stand in the order of what they wait for. */
static struct replica_read *replica_ripe_read(const struct replica *replica,
                                              const struct list *reads)
{
    if (list_empty(reads)) {
        return NULL;
    }
    struct replica_read *read = LIST_ENTRY(reads->next, struct replica_read, link);
    if (read->wait_index > replica->applied_index) {
        return NULL;
    }
    list_remove(&read->link);
    return read;
}

void replica_serve_waiting(struct replica *replica, struct moment now)
{
    struct replica_read *read;
    while ((read = replica_ripe_read(replica, &replica->ticked_reads)) != NULL) {
        replica_serve_read(replica, now, read);
    }
    while ((read = replica_ripe_read(replica, &replica->confirmed_reads)) != NULL) {
        /* The round that confirmed it brought the clocks of a quorum: what a new leader
         * could not know to be due when the read came may be known to be due now. Who
         * leads no more cannot end it. */
        if (!replica_read_due(replica, now, read)) {
            replica_serve_read(replica, now, read);
        } else if (replica_leads(replica)) {
            list_append(&replica->untold_reads, &read->link);
        } else {
            replica_end_read(replica, read, STATUS_NOT_LEADER);
        }
    }
}

/* The install's part of a batch is durable. */
static void replica_install_written(struct replica *replica, struct moment now)
{
    if (install_log_written(&replica->install)) {
        metric_add(METRIC_SNAPSHOTS_INSTALLED, 1);
    } else {
        struct raft_event event = {.kind = RAFT_EVENT_INSTALL_BEGUN};
        replica_raft_step(replica, now, &event, 1);
    }
}

enum status replica_written(struct replica *replica, struct moment now, uint64_t number)
{
    ASSERT(number <= replica->ticket_collected);
    while (replica->ticket_written < number && replica->failed == STATUS_OK) {
        const struct replica_ticket *ticket =
            &replica->tickets[++replica->ticket_written % REPLICA_TICKETS_MAX];
        ASSERT(ticket->number == replica->ticket_written);
        bool install = ticket->install;
        if (ticket->sequence != 0) {
            struct raft_event event = {.kind = RAFT_EVENT_WRITTEN,
                                       .written_sequence = ticket->sequence};
            replica_raft_step(replica, now, &event, 1);
        }
        if (install) {
            replica_install_written(replica, now);
        }
    }
    return replica->failed;
}
