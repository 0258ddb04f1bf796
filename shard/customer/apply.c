/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/identifier.h"
#include "shard/customer/customer_private.h"

#define CLOCK_BEHIND_MS ((int64_t)CUSTOMER_CLOCK_BEHIND_DAYS * 24 * 60 * 60 * 1000)

void customer_entry_begin(struct customer_shard *shard, uint64_t index, int64_t log_ms)
{
    ASSERT(!shard->open);
    shard->open = true;
    shard->index = index;
    shard->etag_count = 0;
    if (log_ms > shard->log_ms) {
        shard->log_ms = log_ms;
        shard->shard_dirty = true;
    }
    customer_forget(shard);
}

void customer_entry_end(struct customer_shard *shard)
{
    struct list *node;
    ASSERT(shard->open);
    while ((node = list_pop(&shard->touched)) != NULL) {
        struct customer_row *row = LIST_ENTRY(node, struct customer_row, touched);
        customer_derive(shard, row);
        if (row->event_count == 0 && row->profile == NULL) {
            customer_row_drop(shard, row); /* erased, and nothing came since */
        }
    }
    shard->open = false;
}

int64_t customer_clamp_ms(int64_t occurred_ms, int64_t log_ms, bool imported)
{
    int64_t least = imported ? 0 : log_ms - CLOCK_BEHIND_MS;
    int64_t most = log_ms + CUSTOMER_CLOCK_AHEAD_MS;
    if (occurred_ms < least) {
        return least < most ? least : most;
    }
    return occurred_ms < most ? occurred_ms : most;
}

static bool range_has(const struct customer_shard *shard, uint64_t hash)
{
    return hash >= shard->options.range.first && hash <= shard->options.range.last;
}

static void touch(struct customer_shard *shard, struct customer_row *row)
{
    list_remove(&row->touched);
    list_append(&shard->touched, &row->touched);
}

/* --- Imports -------------------------------------------------------------------------- */

static struct import_line import_line(const struct customer_identity *identity,
                                      uint64_t line, uint64_t prev_line)
{
    return (struct import_line){.import_id = identity->import_id,
                                .line = line,
                                .prev_line = prev_line,
                                .imports_max = identity->imports_max,
                                .refused_max = identity->imports_refused_max};
}

/* --- Events ----------------------------------------------------------------------------- */

/* Whether this event_id came before, or may have. */
static enum status event_id_judge(const struct customer_shard *shard,
                                  const struct customer_event *event, struct hash128 id,
                                  bool *out_duplicate)
{
    int64_t id_ms;
    *out_duplicate = event_ids_has(&shard->ids, id);
    if (*out_duplicate) {
        return STATUS_OK;
    }
    /* An id whose clock was ahead of log time says nothing about when it was used. */
    if (uuid7_time_ms(event->event_id, &id_ms) && id_ms <= shard->event_floor_ms) {
        return STATUS_REQUEST_ID_EXPIRED;
    }
    return shard->ids.living < shard->options.event_ids_max ? STATUS_OK
                                                            : STATUS_OVERLOADED;
}

static void event_store(struct customer_shard *shard, const struct customer_event *event)
{
    struct customer_row *row = customer_find_or_add(shard, event->customer);
    struct row_event stored = {.event = *event, .log_ms = shard->log_ms};
    stored.event.occurred_ms =
        customer_clamp_ms(event->occurred_ms, shard->log_ms, event->line != 0);
    customer_block_add(shard, row, &stored);
    shard->events++;
    if (event->sku_hash != 0) {
        customer_name_sku(shard, event->sku_hash, event->sku_id);
        if (session_event_counts((uint8_t)event->kind)) {
            customer_keep_event(shard, row, &stored.event);
            touch(shard, row);
        }
    }
}

static enum status event_room(const struct customer_shard *shard,
                              const struct customer_event *event)
{
    return session_event_counts((uint8_t)event->kind) &&
                   shard->memory_events >= shard->options.memory_events_max
               ? STATUS_OVERLOADED
               : STATUS_OK;
}

static void event_apply_import(struct customer_shard *shard,
                               const struct customer_identity *identity,
                               const struct customer_event *event,
                               struct customer_event_outcome *out)
{
    const struct import_line line = import_line(identity, event->line, event->prev_line);
    switch (import_lanes_judge(&shard->lanes, &line, &out->expected_line)) {
    case IMPORT_DUPLICATE:
        out->duplicate = true;
        return;
    case IMPORT_GAP:
        out->status = STATUS_SEQUENCE_GAP;
        return;
    case IMPORT_TOO_MANY:
        out->status = STATUS_QUANTITY_LIMIT;
        return;
    case IMPORT_APPLY:
        break;
    }
    /* A row that is refused has had its turn; one for lack of room has not. */
    out->status = customer_event_check(event, NULL);
    if (out->status == STATUS_OK) {
        out->status = event_room(shard, event);
        if (out->status != STATUS_OK) {
            return;
        }
        event_store(shard, event);
    }
    if (!import_lanes_settle(&shard->lanes, &line, out->status == STATUS_OK)) {
        out->status = STATUS_QUANTITY_LIMIT;
    }
}

static void event_apply(struct customer_shard *shard,
                        const struct customer_identity *identity,
                        const struct customer_event *event,
                        struct customer_event_outcome *out)
{
    *out = (struct customer_event_outcome){.status = STATUS_OK};
    if (!range_has(shard, customer_hash(event->customer))) {
        out->status = STATUS_EPOCH_CHANGED;
        return;
    }
    if (identity->kind == CUSTOMER_IDENTITY_IMPORT && event->line != 0) {
        event_apply_import(shard, identity, event, out);
        return;
    }
    out->status = event->line != 0 ? STATUS_INVALID : customer_event_check(event, NULL);
    if (out->status != STATUS_OK) {
        return;
    }
    struct hash128 id = customer_event_identity(event->customer, event->event_id);
    out->status = event_id_judge(shard, event, id, &out->duplicate);
    if (out->status != STATUS_OK || out->duplicate) {
        return;
    }
    out->status = event_room(shard, event);
    if (out->status == STATUS_OK) {
        struct customer_row *row = customer_find_or_add(shard, event->customer);
        customer_remember_event(shard, row, id, shard->log_ms);
        event_store(shard, event);
    }
}

static void record_apply(struct customer_shard *shard,
                         const struct customer_command *command, struct arena *arena,
                         struct customer_outcome *out)
{
    const struct customer_record *record = &command->record;
    out->events = arena_alloc(arena, record->event_count * sizeof *out->events);
    ASSERT(out->events != NULL); /* the arena of apply has no limit */
    out->event_count = record->event_count;
    for (uint32_t i = 0; i < record->event_count; i++) {
        event_apply(shard, &command->identity, &record->events[i], &out->events[i]);
        out->duplicates += out->events[i].duplicate;
        out->stored += out->events[i].status == STATUS_OK && !out->events[i].duplicate;
    }
}

/* --- Profiles ------------------------------------------------------------------------------ */

static uint64_t etag_mint(struct customer_shard *shard)
{
    uint64_t etag = hash_mix(shard->index << 20 ^ shard->etag_count++);
    return etag ? etag : 1;
}

static enum status profile_read(const struct customer_row *row, struct arena *arena,
                                struct customer_profile *out_profile)
{
    struct slice bytes = arena_slice(arena, slice_of(row->profile, row->profile_size));
    if (bytes.data == NULL) {
        return STATUS_TOO_LARGE;
    }
    TRY(row_profile_decode(bytes, arena, out_profile));
    out_profile->event_count = row->event_count;
    return STATUS_OK;
}

static void profile_copy_out(const struct customer_row *row, struct arena *arena,
                             struct customer_profile *out_profile)
{
    enum status status = profile_read(row, arena, out_profile);
    ASSERT(status == STATUS_OK); /* the arena of apply has no limit */
}

static void profile_write(struct customer_shard *shard,
                          const struct customer_upsert *upsert, struct arena *arena,
                          struct customer_outcome *out)
{
    struct customer_row *row = customer_find(shard, upsert->customer);
    bool exists = row != NULL && row->profile != NULL;
    if (upsert->etag != 0 && (!exists || row->etag != upsert->etag)) {
        out->status = STATUS_ETAG_MISMATCH;
        if (exists) {
            profile_copy_out(row, arena, &out->profile);
        }
        return;
    }
    struct customer_profile profile = upsert->profile, before = {0};
    row = customer_find_or_add(shard, upsert->customer);
    if (exists) {
        profile_copy_out(row, arena, &before);
    }
    if (upsert->consent_kept) {
        profile.personalization_withdrawn = before.personalization_withdrawn;
        profile.evidence_withdrawn = before.evidence_withdrawn;
    }
    profile.create_ms = exists ? before.create_ms : shard->log_ms;
    profile.update_ms = shard->log_ms;
    profile.etag = etag_mint(shard);
    struct buffer bytes;
    buffer_init(&bytes);
    row_profile_encode(&bytes, &profile);
    free(row->profile);
    row->profile = buffer_release(&bytes, &row->profile_size);
    row->profile_dirty = true;
    row->etag = profile.etag;
    row->personalization_withdrawn = profile.personalization_withdrawn;
    if (row->evidence_withdrawn != profile.evidence_withdrawn) {
        row->evidence_withdrawn = profile.evidence_withdrawn;
        touch(shard, row);
    }
    shard->profiles += !exists;
    shard->dirty_bytes += row->profile_size;
    customer_mark_dirty(shard, row);
    out->created = !exists;
    profile_copy_out(row, arena, &out->profile);
}

static void upsert_decide(struct customer_shard *shard,
                          const struct customer_upsert *upsert, struct arena *arena,
                          struct customer_outcome *out)
{
    out->status = customer_upsert_check(upsert, NULL);
    if (out->status == STATUS_OK) {
        profile_write(shard, upsert, arena, out);
    }
}

static void upsert_import(struct customer_shard *shard,
                          const struct customer_command *command, struct arena *arena,
                          struct customer_outcome *out)
{
    const struct customer_identity *identity = &command->identity;
    const struct import_line line =
        import_line(identity, identity->line, identity->prev_line);
    switch (import_lanes_judge(&shard->lanes, &line, &out->expected_line)) {
    case IMPORT_DUPLICATE:
        out->duplicate = true;
        return;
    case IMPORT_GAP:
        out->status = STATUS_SEQUENCE_GAP;
        return;
    case IMPORT_TOO_MANY:
        out->status = STATUS_QUANTITY_LIMIT;
        return;
    case IMPORT_APPLY:
        break;
    }
    upsert_decide(shard, &command->upsert, arena, out);
    if (!import_lanes_settle(&shard->lanes, &line, out->status == STATUS_OK)) {
        out->status = STATUS_QUANTITY_LIMIT;
    }
}

/* --- Erasure ------------------------------------------------------------------------------- */

static void erase_decide(struct customer_shard *shard, const struct customer_erase *erase,
                         struct customer_outcome *out)
{
    struct customer_row *row = customer_find(shard, erase->customer);
    out->erased =
        (struct customer_erasure){.log_index = shard->index, .log_ms = shard->log_ms};
    if (row != NULL) {
        out->erased.events = row->event_count;
        out->erased.sessions = row->told_count;
        out->erased.profile = row->profile != NULL;
        customer_erase_row(shard, row);
        touch(shard, row);
    }
}

/* --- Requests -------------------------------------------------------------------------------- */

static void request_remember(struct customer_shard *shard,
                             const struct customer_identity *identity, uint64_t anchor,
                             const struct customer_outcome *outcome)
{
    const struct row_request row = {.fingerprint = identity->fingerprint,
                                    .request_ms = identity->request_ms,
                                    .log_ms = shard->log_ms,
                                    .attempt = identity->attempt,
                                    .status = outcome->status,
                                    .created = outcome->created,
                                    .etag = outcome->profile.etag,
                                    .erased = outcome->erased};
    struct request_row *request =
        customer_request_add(shard, identity->request_id, anchor, &row);
    list_append(&shard->dirty_requests, &request->dirty);
}

static void request_replay(const struct customer_shard *shard,
                           const struct customer_command *command,
                           const struct request_row *request, struct arena *arena,
                           struct customer_outcome *out)
{
    bool upsert = command->kind == CUSTOMER_UPSERT;
    bool seal = command->kind == CUSTOMER_REQUEST_SEAL;
    if (!seal && request->row.status != STATUS_CANCELLED &&
        request->row.fingerprint != command->identity.fingerprint) {
        out->status = STATUS_REQUEST_ID_REUSED;
        return;
    }
    out->status = request->row.status;
    out->replayed = true;
    out->created = request->row.created;
    out->erased = request->row.erased;
    if (upsert && (out->status == STATUS_OK || out->status == STATUS_ETAG_MISMATCH)) {
        const struct customer_row *row = customer_find(shard, command->upsert.customer);
        if (row != NULL && row->profile != NULL) {
            profile_copy_out(row, arena, &out->profile);
            out->profile.etag = request->row.etag;
        }
    }
}

static void request_apply(struct customer_shard *shard,
                          const struct customer_command *command, uint64_t anchor,
                          struct arena *arena, struct customer_outcome *out)
{
    const struct customer_identity *identity = &command->identity;
    const struct request_row *request =
        customer_request_find(shard, identity->request_id);
    if (request != NULL) {
        request_replay(shard, command, request, arena, out);
        return;
    }
    if (identity->request_ms <= shard->request_floor_ms) {
        out->status = STATUS_REQUEST_ID_EXPIRED;
        return;
    }
    if (shard->requests.count >= shard->options.requests_max) {
        out->status = STATUS_OVERLOADED;
        return;
    }
    if (command->kind == CUSTOMER_UPSERT) {
        upsert_decide(shard, &command->upsert, arena, out);
    } else if (command->kind == CUSTOMER_ERASE) {
        erase_decide(shard, &command->erase, out);
    } else {
        out->status = STATUS_CANCELLED;
    }
    request_remember(shard, identity, anchor, out);
}

/* The hash that says whose command this is; false when it is the shard's own. */
static bool command_anchor(const struct customer_command *command, uint64_t *out_anchor)
{
    if (command->kind == CUSTOMER_UPSERT) {
        *out_anchor = customer_hash(command->upsert.customer);
        return true;
    }
    if (command->kind == CUSTOMER_ERASE) {
        *out_anchor = customer_hash(command->erase.customer);
        return true;
    }
    *out_anchor = command->identity.anchor;
    return command->kind == CUSTOMER_REQUEST_SEAL;
}

void customer_apply(struct customer_shard *shard, const struct customer_command *command,
                    struct arena *arena, struct customer_outcome *out)
{
    uint64_t anchor;
    ASSERT(shard->open);
    *out = (struct customer_outcome){.status = STATUS_OK};
    if (command_anchor(command, &anchor) && !range_has(shard, anchor)) {
        out->status = STATUS_EPOCH_CHANGED;
        return;
    }
    switch (command->kind) {
    case CUSTOMER_RECORD:
        record_apply(shard, command, arena, out);
        return;
    case CUSTOMER_UPSERT:
        if (command->identity.kind == CUSTOMER_IDENTITY_IMPORT) {
            upsert_import(shard, command, arena, out);
            return;
        }
        break;
    case CUSTOMER_REQUEST_SEAL:
    case CUSTOMER_ERASE:
        break;
    case CUSTOMER_TICK:
        return;
    default:
        out->status = STATUS_INVALID; /* an old log may hold anything */
        return;
    }
    if (command->identity.kind != CUSTOMER_IDENTITY_REQUEST) {
        out->status = STATUS_REQUEST_ID_REQUIRED;
        return;
    }
    request_apply(shard, command, anchor, arena, out);
}

enum status customer_room(const struct customer_shard *shard, uint32_t event_count)
{
    const struct customer_options *options = &shard->options;
    if (event_count == 0) {
        return shard->requests.count < options->requests_max ? STATUS_OK
                                                             : STATUS_OVERLOADED;
    }
    return shard->ids.living + event_count <= options->event_ids_max &&
                   shard->memory_events + event_count <= options->memory_events_max
               ? STATUS_OK
               : STATUS_OVERLOADED;
}

enum status customer_get(const struct customer_shard *shard, struct hash128 customer,
                         struct arena *arena, struct customer_profile *out_profile)
{
    const struct customer_row *row = customer_find(shard, customer);
    if (row == NULL || row->profile == NULL) {
        return STATUS_NOT_FOUND;
    }
    return profile_read(row, arena, out_profile);
}
