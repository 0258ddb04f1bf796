/* SPDX-License-Identifier: Apache-2.0 */
/* Committed entries into the state machine, and the answers out of it. */
#include "shard/base/assert.h"
#include "shard/base/metric.h"
#include "shard/replica/entry.h"
#include "shard/replica/replica_private.h"

static bool replica_outcome_replayed(const struct replica_outcome *outcome)
{
    return outcome->kind == REPLICA_SKU
               ? outcome->inventory.replayed || outcome->inventory.duplicate
               : outcome->customer.replayed || outcome->customer.duplicate;
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

enum status replica_apply_entry(struct replica *replica, const struct log_entry *entry,
                                const struct replica_entry *known)
{
    struct entry_reader reader;
    TRY(entry_open(&reader, entry->payload));
    struct apply_position position = {
        .index = entry->index,
        .term = entry->term,
        .log_ms = reader.log_time_ms > replica->applied_log_ms ? reader.log_time_ms
                                                               : replica->applied_log_ms,
    };
    uint64_t applied = replica->commands_applied;
    uint64_t replayed = replica->commands_replayed;
    /* Nobody looks in between, and the stamps of what is decided now want these. */
    replica->applied_index = entry->index;
    replica->applied_term = entry->term;
    replica->applied_log_ms = position.log_ms;
    replica->machine->ops->entry_begin(replica->machine, &position);
    struct slice command;
    for (uint32_t i = 0; entry_next(&reader, &command); i++) {
        bool awaited = known != NULL && i >= known->own_count;
        struct replica_outcome unwanted;
        TRY(awaited
                ? replica_decide(replica, command)
                : replica_apply_command(replica, command, &replica->scratch, &unwanted));
        arena_reset(&replica->scratch);
    }
    replica->machine->ops->entry_end(replica->machine);
    TRY(entry_finish(&reader));
    metric_add(METRIC_ENTRIES_APPLIED, 1);
    metric_add(METRIC_COMMANDS_APPLIED, replica->commands_applied - applied);
    metric_add(METRIC_COMMANDS_REPLAYED, replica->commands_replayed - replayed);
    return STATUS_OK;
}

static void replica_serve_ticked(struct replica *replica, struct moment now)
{
    while (!list_empty(&replica->ticked_reads)) {
        struct replica_read *read =
            LIST_ENTRY(replica->ticked_reads.next, struct replica_read, link);
        if (read->wait_index > replica->applied_index) {
            return; /* they stand in the order of their TICKs */
        }
        list_remove(&read->link);
        replica_serve_read(replica, now, read);
    }
}

enum status replica_written(struct replica *replica, struct moment now, uint64_t index)
{
    solo_log_written(&replica->log, index);
    struct log_entry entry;
    while (solo_log_next(&replica->log, &entry)) {
        const struct replica_entry *known =
            &replica->entries[entry.index % SOLO_LOG_RING];
        ASSERT(known->index == entry.index);
        TRY(replica_apply_entry(replica, &entry, known));
        solo_log_applied(&replica->log);
    }
    replica_serve_ticked(replica, now);
    return STATUS_OK;
}
