/* SPDX-License-Identifier: Apache-2.0 */
/* The replica and its consensus core: events in, and what an update asks for. */
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "shard/replica/replica_private.h"

bool replica_leads(const struct replica *replica)
{
    /* The only voter of several members may have been led by one that votes no more, which
     * knows of commits that are not applied here: it asks like anybody else. */
    return replica->role == RAFT_LEADER || replica->single;
}

uint32_t replica_level_supported(const struct replica *replica)
{
    return replica->options.feature_level_supported != 0
               ? replica->options.feature_level_supported
               : (uint32_t)REPLICA_FEATURE_LEVEL;
}

void replica_raft_note_members(struct replica *replica)
{
    const struct raft_members *members = raft_members(replica->raft);
    replica->single = members->count == 1 &&
                      members->member[0].replica_id == replica->options.replica_id;
    replica->lone = raft_members_voter_count(members) == 1 &&
                    raft_members_is_voter(members, replica->options.replica_id);
}

/* --- Messages ------------------------------------------------------------------------ */

void replica_mail_put(struct replica *replica, struct peer_message *message)
{
    struct replica_mail *mail = &replica->mail;
    if (mail->taken == mail->letter_count) {
        mail->taken = 0;
        mail->letter_count = 0;
        buffer_clear(&mail->bytes);
    }
    if (mail->bytes.size > REPLICA_MAIL_BYTES_MAX) {
        return;
    }
    message->cluster_id = replica->options.cluster_id;
    message->shard_id = replica->options.shard_id;
    message->from_replica_id = replica->options.replica_id;
    message->level = replica_level_supported(replica);
    memory_reserve((void **)&mail->letters, &mail->letter_capacity,
                   mail->letter_count + 1, sizeof *mail->letters);
    struct replica_letter *letter = &mail->letters[mail->letter_count++];
    letter->to_replica_id = message->to_replica_id;
    letter->offset = mail->bytes.size;
    peer_encode(&mail->bytes, message);
    letter->size = mail->bytes.size - letter->offset;
}

bool replica_take_message(struct replica *replica, struct replica_outgoing *out_message)
{
    struct replica_mail *mail = &replica->mail;
    if (mail->taken == mail->letter_count) {
        return false;
    }
    const struct replica_letter *letter = &mail->letters[mail->taken++];
    out_message->to_replica_id = letter->to_replica_id;
    out_message->bytes = slice_of(mail->bytes.data + letter->offset, letter->size);
    return true;
}

bool replica_has_message(const struct replica *replica)
{
    return replica->mail.taken < replica->mail.letter_count;
}

static void raft_send(struct replica *replica, const struct raft_update *update)
{
    struct buffer *bytes = &replica->value;
    for (size_t i = 0; i < update->message_count; i++) {
        buffer_clear(bytes);
        raft_message_encode(&update->messages[i], bytes);
        struct peer_message message = {.to_replica_id = update->messages[i].to,
                                       .kind = PEER_RAFT,
                                       .bytes = buffer_slice(bytes)};
        replica_mail_put(replica, &message);
    }
}

/* --- The log ------------------------------------------------------------------------- */

/* Both were asked for in this order and none is on the disk: one write instead. */
static void raft_merge_write(struct raft_write *all, const struct raft_write *next)
{
    if (next->sequence == 0) {
        return;
    }
    if (all->sequence == 0) {
        *all = *next;
        return;
    }
    all->sequence = next->sequence;
    if (next->has_state) {
        all->has_state = true;
        all->state = next->state;
    }
    bool had = all->first_index <= all->last_index;
    bool has = next->first_index <= next->last_index;
    if (next->has_reset) {
        all->has_reset = true;
        all->reset_index = next->reset_index;
        all->reset_term = next->reset_term;
        had = false;
    }
    if (has) {
        all->first_index = had && all->first_index < next->first_index
                               ? all->first_index
                               : next->first_index;
        all->last_index = next->last_index;
    } else if (!had) {
        all->first_index = 1;
        all->last_index = 0;
    }
}

uint64_t replica_raft_collect(struct replica *replica, struct log_batch *batch)
{
    const struct raft_write *write = &replica->write;
    uint64_t sequence = write->sequence;
    uint64_t id = replica->options.replica_id;
    if (sequence == 0) {
        return 0;
    }
    if (write->has_reset) {
        log_batch_add_reset(batch, id, write->reset_index, write->reset_term);
    }
    if (write->has_state) {
        log_batch_add_state(batch, id, write->state.term, write->state.vote,
                            write->state.commit);
    }
    for (uint64_t i = write->first_index; i <= write->last_index; i++) {
        struct raft_entry entry;
        bool here = raft_entry(replica->raft, i, &entry);
        ASSERT(here);
        log_batch_add_entry(batch, id, entry.index, entry.term, entry.payload);
    }
    replica->write = (struct raft_write){.first_index = 1};
    return sequence;
}

/* What the log may let go: what the store has, less what somebody is about to need. */
void replica_raft_release(struct replica *replica, struct moment now)
{
    uint64_t through = replica->flushed_index;
    uint64_t pinned = sending_index(&replica->sending);
    struct raft_follower followers[RAFT_MEMBERS_MAX];
    uint32_t count = raft_followers(replica->raft, followers);
    for (uint32_t i = 0; i < count; i++) {
        bool near = followers[i].match + REPLICA_LOG_KEEP_ENTRIES >= through;
        if (followers[i].active && near && followers[i].match < through) {
            through = followers[i].match;
        }
    }
    through = pinned < through ? pinned : through;
    if (through > replica->released) {
        replica->released = through;
        log_store_release(replica->options.log, replica->options.replica_id, through);
    }
    struct log_bounds bounds;
    if (log_store_bounds(replica->options.log, replica->options.replica_id, &bounds) ==
            STATUS_OK &&
        bounds.first_index > replica->compacted + 1 &&
        bounds.first_index - 1 <= replica->applied_index) {
        replica->compacted = bounds.first_index - 1;
        struct raft_event event = {.kind = RAFT_EVENT_COMPACTED,
                                   .through_index = replica->compacted};
        replica_raft_step(replica, now, &event, 1);
    }
}

/* --- Reading back ---------------------------------------------------------------------- */

struct raft_read_back {
    struct arena *arena;
    struct raft_entry *entries;
    uint32_t count;
    uint32_t room;
};

static bool raft_visit_entry(void *context, const struct log_entry *entry)
{
    struct raft_read_back *back = context;
    if (back->count == back->room) {
        return false;
    }
    uint8_t *bytes = arena_alloc(back->arena, entry->payload.size + 1);
    memcpy(bytes, entry->payload.size > 0 ? entry->payload.data : (const uint8_t *)"",
           entry->payload.size);
    back->entries[back->count++] =
        (struct raft_entry){.index = entry->index,
                            .term = entry->term,
                            .payload = slice_of(bytes, entry->payload.size)};
    return true;
}

/* The answer lives in the arena of the step. */
static void raft_fetch(struct replica *replica, const struct raft_fetch *fetch,
                       struct raft_event *out_event)
{
    uint64_t wanted = fetch->last - fetch->first + 1;
    struct raft_read_back back = {
        .arena = &replica->messages,
        .room = wanted < RAFT_MESSAGE_ENTRIES_MAX ? (uint32_t)wanted
                                                  : (uint32_t)RAFT_MESSAGE_ENTRIES_MAX,
    };
    back.entries = arena_alloc(back.arena, back.room * sizeof(struct raft_entry));
    const struct log_read read = {.replica_id = replica->options.replica_id,
                                  .from_index = fetch->first,
                                  .through_index = fetch->last,
                                  .max_bytes = fetch->max_bytes};
    enum status status =
        log_store_read(replica->options.log, &read, raft_visit_entry, &back);
    if (status == STATUS_OK && back.count == 0) {
        status = STATUS_NOT_FOUND;
    }
    *out_event = (struct raft_event){.kind = RAFT_EVENT_FETCHED,
                                     .fetched = {.replica_id = fetch->replica_id,
                                                 .first = fetch->first,
                                                 .status = status,
                                                 .entries = back.entries,
                                                 .count = back.count}};
}

/* --- Applying -------------------------------------------------------------------------- */

struct raft_one_entry {
    struct replica *replica;
    enum status status;
};

static bool raft_visit_apply(void *context, const struct log_entry *entry)
{
    struct raft_one_entry *one = context;
    one->status = replica_apply_entry(one->replica, entry);
    return false;
}

/* One that a restart did not keep in memory. */
static enum status raft_apply_from_log(struct replica *replica, uint64_t index)
{
    struct raft_one_entry one = {.replica = replica, .status = STATUS_CHECKSUM};
    const struct log_read read = {.replica_id = replica->options.replica_id,
                                  .from_index = index,
                                  .through_index = index,
                                  .max_bytes = 1};
    TRY(log_store_read(replica->options.log, &read, raft_visit_apply, &one));
    return one.status;
}

static void raft_apply(struct replica *replica, const struct raft_update *update)
{
    for (uint64_t i = update->apply_first; i <= update->apply_last; i++) {
        struct raft_entry entry;
        enum status status;
        ASSERT(i == replica->applied_index + 1);
        if (raft_entry(replica->raft, i, &entry)) {
            const struct log_entry known = {
                .index = entry.index, .term = entry.term, .payload = entry.payload};
            status = replica_apply_entry(replica, &known);
        } else {
            status = raft_apply_from_log(replica, i);
        }
        if (status != STATUS_OK) {
            replica->failed = status;
            replica_step_down(replica);
            return;
        }
    }
}

/* --- Snapshots ------------------------------------------------------------------------- */

static struct replica_peer *raft_peer(struct replica *replica, uint64_t replica_id)
{
    const struct raft_members *members = raft_members(replica->raft);
    for (uint32_t i = 0; i < replica->peer_count; i++) {
        if (replica->peers[i].replica_id == replica_id) {
            return &replica->peers[i];
        }
    }
    if (raft_members_find(members, replica_id) == NULL) {
        return NULL;
    }
    if (replica->peer_count == RAFT_MEMBERS_MAX) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < replica->peer_count; i++) {
            if (raft_members_find(members, replica->peers[i].replica_id) != NULL) {
                replica->peers[kept++] = replica->peers[i];
            }
        }
        replica->peer_count = kept;
    }
    ASSERT(replica->peer_count < RAFT_MEMBERS_MAX);
    struct replica_peer *peer = &replica->peers[replica->peer_count++];
    *peer = (struct replica_peer){.replica_id = replica_id};
    return peer;
}

static void raft_want_snapshots(struct replica *replica, struct moment now,
                                const struct raft_update *update)
{
    for (size_t i = 0; i < update->snapshot_count; i++) {
        struct replica_peer *peer = raft_peer(replica, update->snapshots_wanted[i]);
        if (peer != NULL) {
            peer->snapshot_wanted = true;
            sending_want(&replica->sending, now);
        }
    }
}

/* Offers what is ready to all who wait for it. A snapshot that ends before the log begins
 * would leave its receiver where it was: then another one is made. */
static size_t raft_offer_snapshots(struct replica *replica, struct moment now,
                                   struct raft_event *events, size_t room,
                                   struct raft_members *members, struct buffer *manifest)
{
    struct snapshot_head head;
    size_t count = 0;
    bool wanted = false;
    for (uint32_t i = 0; i < replica->peer_count; i++) {
        wanted = wanted || replica->peers[i].snapshot_wanted;
    }
    if (!wanted || !sending_head(&replica->sending, &head)) {
        return 0;
    }
    if (head.index < replica->compacted) {
        sending_renew(&replica->sending, now);
        return 0;
    }
    snapshot_head_encode(manifest, &head);
    if (raft_members_decode(sending_members(&replica->sending), members) != STATUS_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < replica->peer_count && count < room; i++) {
        struct replica_peer *peer = &replica->peers[i];
        if (peer->snapshot_wanted) {
            peer->snapshot_wanted = false;
            events[count++] = (struct raft_event){
                .kind = RAFT_EVENT_SNAPSHOT_READY,
                .snapshot_ready = {.replica_id = peer->replica_id,
                                   .index = head.index,
                                   .term = head.term,
                                   .members = members,
                                   .manifest = buffer_slice(manifest)}};
        }
    }
    return count;
}

void replica_snapshot_tick(struct replica *replica, struct moment now)
{
    struct raft_event events[RAFT_MEMBERS_MAX];
    struct raft_members members;
    struct buffer manifest;
    struct peer_message ask;
    buffer_init(&manifest);
    (void)sending_step(&replica->sending, now);
    size_t count =
        raft_offer_snapshots(replica, now, events, RAFT_MEMBERS_MAX, &members, &manifest);
    if (count > 0) {
        replica_raft_step(replica, now, events, count);
    }
    buffer_close(&manifest);
    install_tick(&replica->install, now);
    if (install_asks(&replica->install, now, &ask)) {
        replica_mail_put(replica, &ask);
    }
}

/* False: nothing that can be fetched. */
static bool raft_begin_install(struct replica *replica, struct moment now,
                               const struct raft_install *install)
{
    struct snapshot_head head;
    if (snapshot_head_decode(install->manifest, &head) != STATUS_OK ||
        head.index != install->index || head.term != install->term) {
        return false;
    }
    install_begin(&replica->install, now, install->from, &head);
    return true;
}

/* --- Updates --------------------------------------------------------------------------- */

static void raft_confirm_reads(struct replica *replica, const struct raft_update *update)
{
    for (size_t i = 0; i < update->read_count; i++) {
        const struct raft_read *answer = &update->reads[i];
        struct list *link = replica->confirming_reads.next;
        struct replica_read *read = NULL;
        for (; link != &replica->confirming_reads && read == NULL; link = link->next) {
            struct replica_read *one = LIST_ENTRY(link, struct replica_read, link);
            read = one->wait_index == answer->context ? one : NULL;
        }
        if (read == NULL) {
            continue; /* its deadline has passed */
        }
        list_remove(&read->link);
        if (answer->status != STATUS_OK) {
            replica_end_read(replica, read, answer->status);
        } else {
            read->wait_index = answer->index;
            list_append(&replica->confirmed_reads, &read->link);
        }
    }
}

static void raft_note_role(struct replica *replica, const struct raft_update *update)
{
    struct raft_status status;
    if (update->changed & RAFT_CHANGED_MEMBERS) {
        replica_raft_note_members(replica);
    }
    if (!(update->changed & (RAFT_CHANGED_ROLE | RAFT_CHANGED_TERM))) {
        return;
    }
    raft_status(replica->raft, &status);
    bool led = replica->role == RAFT_LEADER;
    bool lost = led && (status.role != RAFT_LEADER || status.term != replica->term);
    replica->role = status.role;
    replica->term = status.term;
    replica->level_proposed = false;
    if (lost) {
        replica_step_down(replica);
    }
}

/* Returns how many events follow from the update. */
static size_t raft_do(struct replica *replica, struct moment now,
                      const struct raft_update *update, struct raft_event *events)
{
    size_t count = 0;
    raft_merge_write(&replica->write, &update->write);
    raft_send(replica, update);
    if (update->dropped_from != 0 && replica->entry_count > 0) {
        replica_step_down(replica);
    }
    raft_note_role(replica, update);
    raft_confirm_reads(replica, update);
    raft_want_snapshots(replica, now, update);
    if (update->install != NULL && !raft_begin_install(replica, now, update->install)) {
        events[count++] = (struct raft_event){.kind = RAFT_EVENT_INSTALL_FAILED};
    }
    arena_reset(&replica->messages);
    for (size_t i = 0; i < update->fetch_count && count < REPLICA_EVENTS_MAX - 1; i++) {
        raft_fetch(replica, &update->fetches[i], &events[count++]);
    }
    if (update->apply_first <= update->apply_last) {
        raft_apply(replica, update);
        /* Whoever leads next goes on from the newest time, whosever clock it was. */
        log_time_observe(&replica->clock, replica->applied_log_ms, now);
        events[count++] = (struct raft_event){.kind = RAFT_EVENT_APPLIED,
                                              .through_index = replica->applied_index};
    }
    return count;
}

void replica_raft_step(struct replica *replica, struct moment now,
                       struct raft_event *events, size_t event_count)
{
    struct raft_event follow[REPLICA_EVENTS_MAX];
    while (replica->failed == STATUS_OK) {
        struct raft_update update;
        raft_step(replica->raft, now, events, event_count, &update);
        event_count = raft_do(replica, now, &update, follow);
        events = follow;
        if (event_count == 0) {
            break;
        }
    }
    replica_serve_waiting(replica, now);
    if (replica->outcomes_index != replica->applied_index) {
        replica->outcomes_index = replica->applied_index;
        replica_serve_outcomes(replica, now);
    }
}

/* --- What comes from others ------------------------------------------------------------ */

static void raft_take_snapshot_message(struct replica *replica, struct moment now,
                                       const struct peer_message *message)
{
    if (message->kind == PEER_SNAPSHOT_ASK) {
        struct peer_message answer;
        sending_answer(&replica->sending, now, message, &answer);
        replica_mail_put(replica, &answer);
        return;
    }
    install_take(&replica->install, now, message);
    struct peer_message ask;
    if (install_asks(&replica->install, now, &ask)) {
        replica_mail_put(replica, &ask);
    }
}

/* Is it for this replica, and from somebody who may speak? */
static bool raft_admit(struct replica *replica, const struct replica_message *message,
                       struct peer_message *out)
{
    const struct replica_options *options = &replica->options;
    if (peer_decode(message->bytes, out) != STATUS_OK ||
        out->cluster_id.high != options->cluster_id.high ||
        out->cluster_id.low != options->cluster_id.low ||
        out->shard_id != options->shard_id || out->to_replica_id != options->replica_id ||
        out->from_replica_id != message->from_replica_id) {
        return false;
    }
    struct replica_peer *peer = raft_peer(replica, out->from_replica_id);
    if (peer != NULL) {
        peer->level = out->level;
    }
    /* A replica that joins knows nobody yet, but asks its sender for parts. */
    return out->kind == PEER_RAFT || peer != NULL ||
           out->from_replica_id == replica->install.from_replica_id;
}

void replica_step(struct replica *replica, struct moment now,
                  const struct replica_message *messages, size_t message_count)
{
    for (size_t i = 0; i < message_count; i++) {
        struct peer_message peer;
        struct raft_message message;
        if (replica->failed != STATUS_OK || !raft_admit(replica, &messages[i], &peer)) {
            replica->messages_dropped++;
            metric_add(METRIC_PEER_MESSAGES_DROPPED, 1);
            continue;
        }
        if (install_freezes(&replica->install)) {
            continue;
        }
        if (peer.kind != PEER_RAFT) {
            raft_take_snapshot_message(replica, now, &peer);
            continue;
        }
        struct arena arena;
        arena_init(&arena, NULL, 0, 0);
        if (raft_message_decode(peer.bytes, &arena, &message) == STATUS_OK &&
            message.from == peer.from_replica_id) {
            struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &message};
            struct raft_counters before, after;
            raft_counters(replica->raft, &before);
            replica_raft_step(replica, now, &event, 1);
            raft_counters(replica->raft, &after);
            uint64_t dropped = after.foreign_group + after.wrong_replica +
                               after.stranger + after.impossible - before.foreign_group -
                               before.wrong_replica - before.stranger - before.impossible;
            replica->messages_dropped += dropped;
            metric_add(METRIC_PEER_MESSAGES_DROPPED, dropped);
        } else {
            replica->messages_dropped++;
            metric_add(METRIC_PEER_MESSAGES_DROPPED, 1);
        }
        arena_close(&arena);
    }
}

/* --- Operators ------------------------------------------------------------------------- */

static enum status raft_ask(struct replica *replica, struct moment now,
                            struct raft_event *event)
{
    if (replica->failed != STATUS_OK || install_freezes(&replica->install)) {
        return STATUS_NOT_LEADER;
    }
    replica_raft_step(replica, now, event, 1);
    return event->status;
}

enum status replica_change_members(struct replica *replica, struct moment now,
                                   const struct raft_change *change)
{
    struct raft_event event = {.kind = RAFT_EVENT_CHANGE_MEMBERS,
                               .change_members = {.change = *change}};
    return raft_ask(replica, now, &event);
}

enum status replica_transfer(struct replica *replica, struct moment now,
                             uint64_t replica_id)
{
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER,
                               .transfer = {.replica_id = replica_id}};
    return raft_ask(replica, now, &event);
}
