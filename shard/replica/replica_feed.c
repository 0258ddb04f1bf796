/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a replica and from there into the log: proposals, reads, ticks. */
#include "shard/base/assert.h"
#include "shard/base/mutant.h"
#include "shard/replica/entry.h"
#include "shard/replica/replica_private.h"

static struct replica_proposal *proposal_of(struct list *link)
{
    return LIST_ENTRY(link, struct replica_proposal, link);
}

static bool past(uint64_t deadline_us, struct moment now)
{
    return deadline_us != 0 && now.monotonic_us > deadline_us;
}

void replica_step(struct replica *replica, struct moment now,
                  const struct replica_message *messages, size_t message_count)
{
    /* A group of one has nobody to hear from; what comes anyway is stale and dropped. */
    (void)replica;
    (void)now;
    (void)messages;
    (void)message_count;
}

void replica_set_pressure(struct replica *replica, struct replica_pressure pressure)
{
    replica->pressure = pressure;
}

/* --- Proposals --------------------------------------------------------------------- */

static enum status replica_admit(const struct replica *replica,
                                 const struct replica_proposal *proposal)
{
    size_t size_max = (size_t)replica->options.settings->log_entry_max_bytes;
    if (replica->pressure.store_stall) {
        return STATUS_OVERLOADED;
    }
    for (size_t i = 0; i < proposal->command_count; i++) {
        struct slice command = proposal->commands[i];
        struct command_peek peek;
        if (command.size + ENTRY_HEADER_BYTES + ENTRY_COMMAND_OVERHEAD_BYTES > size_max) {
            return STATUS_TOO_LARGE;
        }
        if (command_peek(command, &peek) != STATUS_OK) {
            return STATUS_VERSION;
        }
        if (peek.has_anchor && !key_range_contains(replica->options.range, peek.anchor)) {
            return STATUS_EPOCH_CHANGED;
        }
        TRY(replica->machine->ops->admit(replica->machine, &peek,
                                         replica->pressure.disk_full));
    }
    return STATUS_OK;
}

enum status replica_propose(struct replica *replica, struct replica_proposal *proposal)
{
    ASSERT(proposal->command_count > 0);
    proposal->appended_count = 0;
    proposal->decided_count = 0;
    proposal->stamp = replica_stamp(replica);
    proposal->status = replica_admit(replica, proposal);
    if (proposal->status != STATUS_OK) {
        return proposal->status;
    }
    for (size_t i = 0; i < proposal->command_count; i++) {
        replica->waiting_bytes += proposal->commands[i].size;
    }
    list_append(&replica->proposals, &proposal->link);
    if (replica->next_append == &replica->proposals) {
        replica->next_append = &proposal->link;
    }
    replica->proposal_count++;
    return STATUS_OK;
}

void replica_end_proposal(struct replica *replica, struct replica_proposal *proposal,
                          enum status status)
{
    if (replica->next_append == &proposal->link) {
        replica->next_append = proposal->link.next;
    }
    for (size_t i = proposal->appended_count; i < proposal->command_count; i++) {
        replica->waiting_bytes -= proposal->commands[i].size;
    }
    list_remove(&proposal->link);
    proposal->status = status;
    list_append(&replica->done_proposals, &proposal->link);
}

struct replica_proposal *replica_done_proposal(struct replica *replica)
{
    struct list *link = list_pop(&replica->done_proposals);
    if (link == NULL) {
        return NULL;
    }
    replica->proposal_count--;
    return proposal_of(link);
}

/* --- Reads ------------------------------------------------------------------------- */

void replica_end_read(struct replica *replica, struct replica_read *read,
                      enum status status)
{
    read->status = status;
    read->stamp = replica_stamp(replica);
    list_append(&replica->done_reads, &read->link);
}

void replica_serve_read(struct replica *replica, struct moment now,
                        struct replica_read *read)
{
    memset(read->answer, 0, sizeof *read->answer);
    if (read->query->kind == REPLICA_QUERY_STATUS) {
        replica_status(replica, &read->answer->replica);
    } else {
        replica->machine->ops->read(replica->machine, read,
                                    log_time_bounded(&replica->clock, now));
    }
    replica_end_read(replica, read, read->answer->status);
}

void replica_read(struct replica *replica, struct moment now, struct replica_read *read)
{
    replica->read_count++;
    enum machine_due due = replica->machine->ops->query_due(
        replica->machine, read->query, log_time_bounded(&replica->clock, now), false,
        &replica->scratch);
    arena_reset(&replica->scratch);
    if (due == MACHINE_DUE_NOTHING || MUTANT(read_without_tick)) {
        replica_serve_read(replica, now, read);
    } else {
        list_append(&replica->untold_reads, &read->link);
    }
}

/* --- Searches beside the replica's thread --------------------------------------------- */

static struct evidence *replica_evidence(const struct replica *replica,
                                         const struct replica_query *query,
                                         struct recommend_query *out_search)
{
    if (query->kind != REPLICA_QUERY_SEARCH || replica->machine->ops->evidence == NULL ||
        query->customer_search->sources != 1u << RECOMMEND_SOURCE_NEIGHBOURS) {
        return NULL; /* histories are read by their own thread alone */
    }
    *out_search = query->customer_search->neighbours;
    return replica->machine->ops->evidence(replica->machine, out_search);
}

uint64_t replica_search_work(const struct replica *replica,
                             const struct replica_query *query)
{
    struct recommend_query search;
    const struct evidence *evidence = replica_evidence(replica, query, &search);
    return evidence != NULL ? recommend_search_work(evidence, &search) : 0;
}

bool replica_search_begin(const struct replica *replica,
                          const struct replica_query *query,
                          struct replica_search *out_search)
{
    struct evidence *evidence = replica_evidence(replica, query, &out_search->query);
    out_search->stamp = replica_stamp(replica);
    return evidence != NULL && evidence_read_begin(evidence, &out_search->view);
}

void replica_search_run(const struct replica_search *search, struct arena *arena,
                        struct replica_answer *out_answer)
{
    struct recommend_customer_found *found = arena_zalloc(arena, sizeof *found);
    memset(out_answer, 0, sizeof *out_answer);
    out_answer->status = STATUS_TOO_LARGE;
    if (found != NULL) {
        out_answer->status = recommend_search_view(&search->view, &search->query, arena,
                                                   &found->neighbours);
        found->neighbours.version = search->stamp.log_index;
        found->sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS;
        out_answer->customer_found = found;
    }
    replica_search_drop(search);
}

void replica_search_drop(const struct replica_search *search)
{
    evidence_read_end(&search->view);
}

struct replica_read *replica_done_read(struct replica *replica)
{
    struct list *link = list_pop(&replica->done_reads);
    if (link == NULL) {
        return NULL;
    }
    replica->read_count--;
    return LIST_ENTRY(link, struct replica_read, link);
}

/* --- Time -------------------------------------------------------------------------- */

static void replica_drop_late_reads(struct replica *replica, struct list *reads,
                                    struct moment now)
{
    for (struct list *link = reads->next, *next; link != reads; link = next) {
        next = link->next;
        struct replica_read *read = LIST_ENTRY(link, struct replica_read, link);
        if (past(read->deadline_us, now)) {
            list_remove(link);
            replica_end_read(replica, read, STATUS_OUTCOME_UNKNOWN);
        }
    }
}

static bool replica_tick_on_its_way(const struct replica *replica)
{
    return replica->tick_index > replica->applied_index;
}

void replica_tick(struct replica *replica, struct moment now)
{
    replica_drop_late_reads(replica, &replica->untold_reads, now);
    replica_drop_late_reads(replica, &replica->ticked_reads, now);
    if (!replica_tick_on_its_way(replica)) {
        replica->tick_due = replica->machine->ops->tick_wanted(
            replica->machine, log_time_bounded(&replica->clock, now));
    }
}

uint64_t replica_next_tick_us(const struct replica *replica, struct moment now)
{
    uint64_t idle_us = now.monotonic_us + REPLICA_TICK_IDLE_US;
    int64_t due_ms = replica->machine->ops->next_due(replica->machine);
    if (due_ms == INT64_MAX || replica_tick_on_its_way(replica)) {
        return idle_us;
    }
    uint64_t due_us = log_time_reaches_us(&replica->clock, now, due_ms);
    return due_us < idle_us ? due_us : idle_us;
}

/* --- Collect ----------------------------------------------------------------------- */

bool replica_ready(const struct replica *replica)
{
    bool waits = replica->next_append != &replica->proposals || replica->tick_due ||
                 !list_empty(&replica->untold_reads);
    return waits && solo_log_has_room(&replica->log);
}

size_t replica_waiting_bytes(const struct replica *replica)
{
    return replica->waiting_bytes;
}

/* Lets the reads that wait name what they touch, and serves those that need not wait any
 * more. Returns whether any of them needs the TICK that is being made. */
static bool replica_name_reads(struct replica *replica, struct moment now, uint64_t index)
{
    bool needed = false;
    int64_t bounded_ms = log_time_bounded(&replica->clock, now);
    struct list *link;
    while ((link = list_pop(&replica->untold_reads)) != NULL) {
        struct replica_read *read = LIST_ENTRY(link, struct replica_read, link);
        enum machine_due due = replica->machine->ops->query_due(
            replica->machine, read->query, bounded_ms, true, &replica->scratch);
        if (due == MACHINE_DUE_FULL) {
            /* The first of the next TICK; the order among reads means nothing. */
            list_append(&replica->untold_reads, link);
            break;
        }
        if (due == MACHINE_DUE_NOTHING) {
            replica_serve_read(replica, now, read);
            continue;
        }
        needed = true;
        read->wait_index = index;
        list_append(&replica->ticked_reads, link);
    }
    arena_reset(&replica->scratch);
    return needed;
}

static uint32_t replica_add_tick(struct replica *replica, struct moment now,
                                 struct buffer *payload, uint64_t index)
{
    bool needed = replica_name_reads(replica, now, index) || replica->tick_due;
    replica->tick_due = false;
    if (!needed) {
        return 0;
    }
    struct slice tick;
    enum status status = replica->machine->ops->tick_make(
        replica->machine, log_time_bounded(&replica->clock, now), &replica->scratch,
        &tick);
    ASSERT(status == STATUS_OK); /* our own command, into an arena without a limit */
    entry_add(payload, tick);
    arena_reset(&replica->scratch);
    replica->tick_index = index;
    return 1;
}

/* Appends commands of one proposal while they fit; false when the entry is full. */
static bool replica_add_commands(struct replica *replica,
                                 struct replica_proposal *proposal,
                                 struct buffer *payload, uint32_t *count)
{
    size_t size_max = (size_t)replica->options.settings->log_entry_max_bytes;
    while (proposal->appended_count < proposal->command_count) {
        struct slice command = proposal->commands[proposal->appended_count];
        size_t needed = command.size + ENTRY_COMMAND_OVERHEAD_BYTES;
        if (payload->size + needed > size_max && *count > 0) {
            return false;
        }
        entry_add(payload, command);
        replica->waiting_bytes -= command.size;
        proposal->appended_count++;
        ++*count;
    }
    return true;
}

static uint32_t replica_add_proposed(struct replica *replica, struct moment now,
                                     struct buffer *payload)
{
    uint32_t count = 0;
    while (replica->next_append != &replica->proposals) {
        struct replica_proposal *proposal = proposal_of(replica->next_append);
        if (proposal->appended_count == 0 && past(proposal->deadline_us, now)) {
            replica_end_proposal(replica, proposal, STATUS_OUTCOME_UNKNOWN);
            continue;
        }
        if (!replica_add_commands(replica, proposal, payload, &count)) {
            break;
        }
        replica->next_append = proposal->link.next;
    }
    return count;
}

uint64_t replica_collect(struct replica *replica, struct moment now,
                         struct log_batch *batch, struct replica_outbox *out_outbox)
{
    *out_outbox = (struct replica_outbox){0};
    if (!replica_ready(replica)) {
        return 0;
    }
    struct buffer *payload = solo_log_payload(&replica->log);
    uint64_t index = replica->log.last_index + 1;
    entry_begin(payload, log_time_bounded(&replica->clock, now));
    struct replica_entry entry = {.index = index};
    entry.own_count = replica_add_tick(replica, now, payload, index);
    entry.proposed_count = replica_add_proposed(replica, now, payload);
    if (entry.own_count + entry.proposed_count == 0) {
        return 0; /* everything had passed its deadline */
    }
    (void)log_time_stamp(&replica->clock, now); /* the time written above */
    uint64_t appended = solo_log_append(&replica->log);
    ASSERT(appended == index);
    replica->entries[index % SOLO_LOG_RING] = entry;
    return solo_log_collect(&replica->log, batch);
}
