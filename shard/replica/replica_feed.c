/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a replica and from there into the log: proposals, reads, ticks. */
#include "shard/base/assert.h"
#include "shard/base/metric.h"
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

struct moment replica_judged(const struct replica *replica, struct moment now)
{
    int64_t quorum_ms;
    if (replica->lone) {
        return now;
    }
    if (!raft_quorum_clock_ms(replica->raft, now, &quorum_ms)) {
        now.wall_ms = replica->clock.previous_ms; /* only the pace counts */
    } else if (now.wall_ms > quorum_ms + REPLICA_CLOCK_AHEAD_MS) {
        now.wall_ms = quorum_ms + REPLICA_CLOCK_AHEAD_MS;
    }
    return now;
}

static int64_t replica_bounded_ms(const struct replica *replica, struct moment now)
{
    return log_time_bounded(&replica->clock, replica_judged(replica, now));
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
    proposal->status = replica_leads(replica) && replica->failed == STATUS_OK
                           ? replica_admit(replica, proposal)
                           : STATUS_NOT_LEADER;
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

static void replica_end_reads(struct replica *replica, struct list *reads)
{
    struct list *link;
    while ((link = list_pop(reads)) != NULL) {
        replica_end_read(replica, LIST_ENTRY(link, struct replica_read, link),
                         STATUS_NOT_LEADER);
    }
}

void replica_step_down(struct replica *replica)
{
    uint64_t dropped = 0;
    while (!list_empty(&replica->proposals)) {
        struct replica_proposal *proposal = proposal_of(replica->proposals.next);
        bool appended = proposal->appended_count > 0;
        dropped += appended;
        replica_end_proposal(replica, proposal,
                             appended ? STATUS_OUTCOME_UNKNOWN : STATUS_NOT_LEADER);
    }
    metric_add(METRIC_PROPOSALS_DROPPED, dropped);
    replica->entry_count = 0;
    replica->tick_due = false;
    replica->tick_index = 0;
    replica_end_reads(replica, &replica->untold_reads);
    replica_end_reads(replica, &replica->ticked_reads);
    replica_end_reads(replica, &replica->asking_reads);
    replica_end_reads(replica, &replica->outcome_reads);
    if (replica->machine->ops->set_leads != NULL) {
        replica->machine->ops->set_leads(replica->machine, false);
    }
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
                                    replica_bounded_ms(replica, now));
    }
    replica_end_read(replica, read, read->answer->status);
}

static bool replica_read_waits(const struct replica *replica,
                               const struct replica_read *read)
{
    return replica->machine->ops->query_waits != NULL &&
           replica->machine->ops->query_waits(replica->machine, read->query);
}

void replica_serve_outcomes(struct replica *replica, struct moment now)
{
    for (struct list *link = replica->outcome_reads.next, *next;
         link != &replica->outcome_reads; link = next) {
        struct replica_read *read = LIST_ENTRY(link, struct replica_read, link);
        next = link->next;
        /* An outcome that was applied is committed and never another one: nobody has to be
         * asked whether it still stands. At its deadline it is told as far as it is known. */
        if (!replica_read_waits(replica, read) || past(read->deadline_us, now)) {
            list_remove(link);
            replica_serve_read(replica, now, read);
        }
    }
}

bool replica_read_due(struct replica *replica, struct moment now,
                      const struct replica_read *read)
{
    enum machine_due due = replica->machine->ops->query_due(
        replica->machine, read->query, replica_bounded_ms(replica, now), false,
        &replica->scratch);
    arena_reset(&replica->scratch);
    return due != MACHINE_DUE_NOTHING && !MUTANT(read_without_tick);
}

void replica_read(struct replica *replica, struct moment now, struct replica_read *read)
{
    replica->read_count++;
    if (read->query->kind == REPLICA_QUERY_STATUS) {
        replica_serve_read(replica, now, read);
        return;
    }
    if (!replica_leads(replica) || replica->failed != STATUS_OK) {
        replica_end_read(replica, read, STATUS_NOT_LEADER);
        return;
    }
    if (replica_read_waits(replica, read)) {
        list_append(&replica->outcome_reads, &read->link);
    } else if (replica_read_due(replica, now, read)) {
        list_append(&replica->untold_reads, &read->link);
    } else if (replica->single) {
        /* All that was ever acknowledged is applied here, and nobody else can do so. */
        replica_serve_read(replica, now, read);
    } else {
        list_append(&replica->asking_reads, &read->link);
    }
}

/* Asks the core for all of them at once: one round of messages serves them. */
static void replica_ask_reads(struct replica *replica, struct moment now)
{
    struct raft_event events[REPLICA_EVENTS_MAX];
    struct list asked;
    size_t count = 0;
    list_init(&asked);
    while (count < REPLICA_EVENTS_MAX && !list_empty(&replica->asking_reads)) {
        struct list *link = list_pop(&replica->asking_reads);
        struct replica_read *read = LIST_ENTRY(link, struct replica_read, link);
        read->wait_index = ++replica->read_id;
        events[count++] = (struct raft_event){.kind = RAFT_EVENT_READ,
                                              .read = {.context = read->wait_index}};
        list_append(&replica->confirming_reads, link);
    }
    if (count == 0) {
        return;
    }
    uint64_t first_id = replica->read_id - count + 1;
    replica_raft_step(replica, now, events, count);
    for (struct list *link = replica->confirming_reads.next, *next;
         link != &replica->confirming_reads; link = next) {
        struct replica_read *read = LIST_ENTRY(link, struct replica_read, link);
        next = link->next;
        if (read->wait_index >= first_id &&
            events[read->wait_index - first_id].status != STATUS_OK) {
            list_remove(link);
            replica_end_read(replica, read, events[read->wait_index - first_id].status);
        }
    }
}

/* --- Searches beside the replica's thread --------------------------------------------- */

static struct evidence *replica_evidence(const struct replica *replica,
                                         const struct replica_query *query,
                                         struct recommend_query *out_search)
{
    if (query->kind != REPLICA_QUERY_SEARCH || !replica->single ||
        replica->machine->ops->evidence == NULL ||
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
    out_search->readers = &replica->machine->readers;
    if (evidence == NULL || !evidence_read_begin(evidence, &out_search->view)) {
        return false;
    }
    atomic_fetch_add(out_search->readers, 1);
    return true;
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
    atomic_fetch_sub(search->readers, 1);
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

static bool replica_install_only(const struct replica *replica)
{
    return replica->failed != STATUS_OK || install_freezes(&replica->install);
}

/* The core's own time. A lone member needs none once it leads. */
static void replica_tick_core(struct replica *replica, struct moment now)
{
    struct raft_event events[REPLICA_TICKS_MAX];
    uint64_t tick_us = (uint64_t)replica->options.settings->raft_tick_ms * 1000;
    size_t count = 0;
    if (replica->single && replica->role == RAFT_LEADER) {
        return;
    }
    while (count < REPLICA_TICKS_MAX && replica->next_raft_tick_us <= now.monotonic_us) {
        events[count++] = (struct raft_event){.kind = RAFT_EVENT_TICK};
        replica->next_raft_tick_us += tick_us;
    }
    if (replica->next_raft_tick_us <= now.monotonic_us) {
        replica->next_raft_tick_us = now.monotonic_us + tick_us; /* it slept */
    }
    if (count > 0) {
        replica_raft_step(replica, now, events, count);
    }
}

void replica_tick(struct replica *replica, struct moment now)
{
    replica_drop_late_reads(replica, &replica->untold_reads, now);
    replica_drop_late_reads(replica, &replica->ticked_reads, now);
    replica_drop_late_reads(replica, &replica->asking_reads, now);
    replica_drop_late_reads(replica, &replica->confirming_reads, now);
    replica_drop_late_reads(replica, &replica->confirmed_reads, now);
    replica_serve_outcomes(replica, now);
    replica_free_retired(replica);
    if (replica_install_only(replica)) {
        return;
    }
    replica_tick_core(replica, now);
    replica_snapshot_tick(replica, now);
    if (replica->role == RAFT_LEADER && !replica_tick_on_its_way(replica)) {
        replica->tick_due = replica->machine->ops->tick_wanted(
            replica->machine, replica_bounded_ms(replica, now));
    }
}

/* --- Other shards -------------------------------------------------------------------- */

static bool replica_tells(const struct replica *replica)
{
    return replica->machine->ops->take_parcel != NULL && replica_leads(replica) &&
           replica->failed == STATUS_OK && !replica_install_only(replica);
}

bool replica_take_parcel(struct replica *replica, struct moment now,
                         struct replica_parcel *out_parcel)
{
    if (!replica_tells(replica)) {
        return false;
    }
    arena_reset(&replica->scratch);
    replica->machine->ops->set_leads(replica->machine, true);
    return replica->machine->ops->take_parcel(replica->machine, now,
                                              replica_bounded_ms(replica, now),
                                              &replica->scratch, out_parcel);
}

static uint64_t replica_parcel_due_us(const struct replica *replica, struct moment now)
{
    return replica_tells(replica)
               ? replica->machine->ops->parcel_due_us(replica->machine, now,
                                                      replica_bounded_ms(replica, now))
               : UINT64_MAX;
}

/* The first deadline of who waits for an outcome. */
static uint64_t replica_outcome_due_us(const struct replica *replica)
{
    uint64_t due_us = UINT64_MAX;
    for (const struct list *link = replica->outcome_reads.next;
         link != &replica->outcome_reads; link = link->next) {
        const struct replica_read *read =
            LIST_ENTRY(link, const struct replica_read, link);
        if (read->deadline_us != 0 && read->deadline_us < due_us) {
            due_us = read->deadline_us;
        }
    }
    return due_us;
}

uint64_t replica_next_tick_us(const struct replica *replica, struct moment now)
{
    uint64_t next_us = now.monotonic_us + REPLICA_TICK_IDLE_US;
    if (replica_install_only(replica)) {
        return next_us;
    }
    if (!(replica->single && replica->role == RAFT_LEADER) &&
        replica->next_raft_tick_us < next_us) {
        next_us = replica->next_raft_tick_us;
    }
    uint64_t install_us = install_next_us(&replica->install);
    next_us = install_us < next_us ? install_us : next_us;
    if (replica->sending.stage == SENDING_CUTTING) {
        return now.monotonic_us;
    }
    uint64_t outcome_us = replica_outcome_due_us(replica);
    next_us = outcome_us < next_us ? outcome_us : next_us;
    uint64_t parcel_us = replica_parcel_due_us(replica, now);
    next_us = parcel_us < next_us ? parcel_us : next_us;
    int64_t due_ms = replica->machine->ops->next_due(replica->machine);
    if (replica->role != RAFT_LEADER || due_ms == INT64_MAX ||
        replica_tick_on_its_way(replica)) {
        return next_us;
    }
    uint64_t due_us =
        log_time_reaches_us(&replica->clock, replica_judged(replica, now), due_ms);
    return due_us < next_us ? due_us : next_us;
}

/* --- Collect ----------------------------------------------------------------------- */

/* Is there something for an entry, and may there be one more? */
static bool replica_entry_ready(const struct replica *replica)
{
    bool waits = replica->next_append != &replica->proposals || replica->tick_due ||
                 !list_empty(&replica->untold_reads);
    return waits && replica->role == RAFT_LEADER &&
           replica->entry_count < REPLICA_ENTRIES_IN_FLIGHT_MAX;
}

/* The marker stands alone behind all that the core had written before: so nothing that
 * was acknowledged can be in the log that the install empties. */
static bool replica_install_ready(const struct replica *replica)
{
    bool drained = replica->write.sequence == 0 &&
                   replica->ticket_collected == replica->ticket_written;
    return install_log_ready(&replica->install) &&
           (drained || replica->install.stage != INSTALL_SETTLED);
}

bool replica_ready(const struct replica *replica)
{
    if (replica->failed != STATUS_OK ||
        replica->ticket_collected - replica->ticket_written == REPLICA_TICKETS_MAX) {
        return false;
    }
    if (install_freezes(&replica->install)) {
        return replica->write.sequence != 0 || replica_install_ready(replica);
    }
    return replica->write.sequence != 0 || replica->forget_replica_id != 0 ||
           !list_empty(&replica->asking_reads) || replica_entry_ready(replica);
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
    int64_t bounded_ms = replica_bounded_ms(replica, now);
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
        if (due == MACHINE_DUE_NOTHING && replica->single) {
            replica_serve_read(replica, now, read);
            continue;
        }
        if (due == MACHINE_DUE_NOTHING) {
            list_append(&replica->asking_reads, link);
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
        replica->machine, replica_bounded_ms(replica, now), &replica->scratch, &tick);
    ASSERT(status == STATUS_OK); /* our own command, into an arena without a limit */
    entry_add(payload, tick);
    arena_reset(&replica->scratch);
    return 1;
}

/* Adds commands of the proposals that wait while they fit, and changes none of them: the
 * core may refuse the entry. */
static uint32_t replica_add_proposed(struct replica *replica, struct moment now,
                                     struct buffer *payload)
{
    size_t size_max = (size_t)replica->options.settings->log_entry_max_bytes;
    uint32_t count = 0;
    for (struct list *link = replica->next_append, *next; link != &replica->proposals;
         link = next) {
        struct replica_proposal *proposal = proposal_of(link);
        next = link->next;
        if (proposal->appended_count == 0 && past(proposal->deadline_us, now)) {
            replica_end_proposal(replica, proposal, STATUS_OUTCOME_UNKNOWN);
            continue;
        }
        for (size_t i = proposal->appended_count; i < proposal->command_count; i++) {
            struct slice command = proposal->commands[i];
            if (payload->size + command.size + ENTRY_COMMAND_OVERHEAD_BYTES > size_max &&
                count > 0) {
                return count;
            }
            entry_add(payload, command);
            count++;
        }
    }
    return count;
}

/* The entry with the first `count` commands that waited is in the log. */
static void replica_note_appended(struct replica *replica, uint32_t count)
{
    while (count > 0) {
        struct replica_proposal *proposal = proposal_of(replica->next_append);
        replica->waiting_bytes -= proposal->commands[proposal->appended_count].size;
        count--;
        if (++proposal->appended_count == proposal->command_count) {
            replica->next_append = proposal->link.next;
        }
    }
}

/* Reads that waited for a TICK which the core did not take. */
static void replica_untell_reads(struct replica *replica, uint64_t index)
{
    for (struct list *link = replica->ticked_reads.next, *next;
         link != &replica->ticked_reads; link = next) {
        next = link->next;
        if (LIST_ENTRY(link, struct replica_read, link)->wait_index == index) {
            list_remove(link);
            list_append(&replica->untold_reads, link);
        }
    }
}

static void replica_append_entry(struct replica *replica, struct moment now)
{
    struct raft_status core;
    struct moment judged = replica_judged(replica, now);
    raft_status(replica->raft, &core);
    struct replica_entry entry = {.index = core.last_index + 1, .term = core.term};
    entry_begin(&replica->payload, log_time_bounded(&replica->clock, judged));
    entry.own_count = replica_add_tick(replica, now, &replica->payload, entry.index);
    entry.proposed_count = replica_add_proposed(replica, now, &replica->payload);
    if (entry.own_count + entry.proposed_count == 0) {
        return; /* everything had passed its deadline */
    }
    struct slice payload = buffer_slice(&replica->payload);
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE,
                               .propose = {.payloads = &payload, .count = 1}};
    replica_raft_step(replica, now, &event, 1);
    if (event.status != STATUS_OK) {
        replica->tick_due = replica->role == RAFT_LEADER && entry.own_count > 0;
        replica_untell_reads(replica, entry.index);
        return;
    }
    ASSERT(event.index == entry.index); /* not durable yet, so not applied either */
    size_t place =
        (replica->entry_first + replica->entry_count) % REPLICA_ENTRIES_IN_FLIGHT_MAX;
    replica->entries[place] = entry;
    replica->entry_count++;
    (void)log_time_stamp(&replica->clock, judged); /* the time written above */
    if (entry.own_count > 0) {
        replica->tick_index = entry.index;
    }
    replica_note_appended(replica, entry.proposed_count);
}

/* Raises the feature level once all members are known to support a higher one. */
static void replica_raise_level(struct replica *replica, struct moment now)
{
    uint32_t level = replica_level_supported(replica);
    const struct raft_members *members = raft_members(replica->raft);
    if (replica->role != RAFT_LEADER || replica->level_proposed ||
        level <= replica->feature_level) {
        return;
    }
    for (uint32_t i = 0; i < members->count; i++) {
        uint32_t known = 0;
        for (uint32_t k = 0; k < replica->peer_count; k++) {
            known = replica->peers[k].replica_id == members->member[i].replica_id
                        ? replica->peers[k].level
                        : known;
        }
        known =
            members->member[i].replica_id == replica->options.replica_id ? level : known;
        level = known < level ? known : level;
    }
    if (level <= replica->feature_level) {
        return;
    }
    entry_make_level(&replica->payload, replica_bounded_ms(replica, now), level);
    struct slice payload = buffer_slice(&replica->payload);
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE,
                               .propose = {.payloads = &payload, .count = 1}};
    replica_raft_step(replica, now, &event, 1);
    replica->level_proposed = event.status == STATUS_OK;
}

/* The marker, or the end of an install, with the core's reset of the log before it. */
static bool replica_collect_install(struct replica *replica, struct moment now,
                                    struct log_batch *batch)
{
    const struct install *install = &replica->install;
    if (install->stage == INSTALL_SETTLED &&
        !raft_install_wanted(replica->raft, install->manifest.index,
                             install->manifest.term)) {
        struct raft_event event = {.kind = RAFT_EVENT_INSTALL_FAILED};
        install_abandon(&replica->install, now);
        replica_raft_step(replica, now, &event, 1);
        return false;
    }
    install_collect_log(&replica->install, batch);
    return true;
}

uint64_t replica_collect(struct replica *replica, struct moment now,
                         struct log_batch *batch)
{
    if (!replica_ready(replica)) {
        return 0;
    }
    if (!install_freezes(&replica->install)) {
        replica_raise_level(replica, now);
        if (replica_entry_ready(replica)) {
            replica_append_entry(replica, now);
        }
        replica_ask_reads(replica, now);
    }
    bool installs = replica_install_ready(replica);
    struct replica_ticket ticket = {.sequence = replica_raft_collect(replica, batch)};
    bool forgets = replica->forget_replica_id != 0;
    if (forgets) {
        log_batch_add_forget(batch, replica->forget_replica_id);
        replica->forget_replica_id = 0;
    }
    ticket.install = installs && replica_collect_install(replica, now, batch);
    if (ticket.sequence == 0 && !ticket.install && !forgets) {
        return 0;
    }
    ticket.number = ++replica->ticket_collected;
    replica->tickets[ticket.number % REPLICA_TICKETS_MAX] = ticket;
    return ticket.number;
}
