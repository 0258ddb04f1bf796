/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/install.h"

#include "shard/base/assert.h"
#include "shard/base/mutant.h"
#include "shard/raft/members.h"
#include "shard/storage/meta_row.h"

enum {
    MICROSECONDS = 1000000,
};

#define STAGE(stage) (1u << INSTALL_##stage)

/* Where each stage may lead. */
static const uint8_t install_moves[] = {
    [INSTALL_IDLE] = STAGE(RECEIVING) | STAGE(LOADING), /* LOADING: at start */
    [INSTALL_RECEIVING] = STAGE(IDLE) | STAGE(RECEIVING) | STAGE(SETTLED),
    [INSTALL_SETTLED] = STAGE(MARKING) | STAGE(IDLE),
    [INSTALL_MARKING] = STAGE(LOADING),
    [INSTALL_LOADING] = STAGE(LOADED),
    [INSTALL_LOADED] = STAGE(CLEARING),
    [INSTALL_CLEARING] = STAGE(IDLE),
};

static void install_move(struct install *install, enum install_stage stage)
{
    ASSERT(install_moves[install->stage] & 1u << stage);
    install->stage = stage;
}

void install_init(struct install *install, const struct install_options *options)
{
    *install = (struct install){.options = *options, .leftovers = true};
    store_batch_init(&install->pending);
    buffer_init(&install->manifest_bytes);
}

void install_close(struct install *install)
{
    snapshot_receiver_free(install->receiver);
    install->receiver = NULL;
    store_batch_close(&install->pending);
    buffer_close(&install->manifest_bytes);
    snapshot_manifest_close(&install->manifest);
}

bool install_freezes(const struct install *install)
{
    return install->stage >= INSTALL_SETTLED;
}

/* --- The manifest ----------------------------------------------------------------------- */

static void install_meta_key(const struct install *install, enum meta_kind kind,
                             struct buffer *key)
{
    const struct key_meta parts = {.shard_id = install->options.shard_id,
                                   .kind = (uint8_t)kind};
    buffer_clear(key);
    key_append_meta(key, &parts);
}

/* Is it of this shard, as it stands here? A snapshot of another range may overlap another
 * replica's; ranges do not change yet. */
static bool install_fits(const struct install *install,
                         const struct snapshot_manifest *manifest)
{
    struct raft_members members;
    return manifest->feature_level <= install->options.feature_level &&
           raft_members_decode(manifest->members, &members) == STATUS_OK &&
           manifest->shard_id == install->options.shard_id &&
           manifest->table == install->options.table &&
           manifest->range.start == install->options.range.start &&
           manifest->range.end == install->options.range.end;
}

static enum status install_read_manifest(struct install *install,
                                         const struct snapshot_head *head)
{
    struct slice bytes = buffer_slice(&install->manifest_bytes);
    struct hash128 checksum = hash128(bytes, 0);
    if (bytes.size != head->manifest_bytes ||
        checksum.high != head->manifest_checksum.high ||
        checksum.low != head->manifest_checksum.low) {
        return STATUS_CHECKSUM;
    }
    snapshot_manifest_close(&install->manifest);
    return snapshot_manifest_decode(bytes, &install->manifest);
}

enum status install_resume(struct install *install, struct slice note)
{
    struct snapshot_head head;
    struct buffer key;
    TRY(snapshot_head_decode(note, &head));
    buffer_init(&key);
    install_meta_key(install, META_INSTALL, &key);
    enum status status = store_get(install->options.store, NULL, buffer_slice(&key),
                                   &install->manifest_bytes);
    buffer_close(&key);
    /* It was flushed before the marker was written. */
    TRY(status == STATUS_NOT_FOUND ? STATUS_CHECKSUM : status);
    TRY(install_read_manifest(install, &head));
    if (!install_fits(install, &install->manifest)) {
        return STATUS_CHECKSUM;
    }
    install_move(install, INSTALL_LOADING);
    return STATUS_OK;
}

/* --- Receiving -------------------------------------------------------------------------- */

static void install_leave(struct install *install, struct moment now)
{
    snapshot_receiver_free(install->receiver);
    install->receiver = NULL;
    install->sweep_us = now.monotonic_us + INSTALL_SWEEP_US;
}

void install_begin(struct install *install, struct moment now, uint64_t from_replica_id,
                   const struct snapshot_head *head)
{
    if (install_freezes(install) || install->settling) {
        return;
    }
    if (install->stage == INSTALL_RECEIVING) {
        const struct snapshot_head *old = snapshot_receiver_head(install->receiver);
        bool same = old->index == head->index && old->term == head->term &&
                    old->manifest_checksum.low == head->manifest_checksum.low &&
                    old->manifest_checksum.high == head->manifest_checksum.high;
        if (same && install->from_replica_id == from_replica_id) {
            return; /* sent once more */
        }
        if (!same && head->index < old->index &&
            now.monotonic_us < install->heard_us + INSTALL_SILENCE_US) {
            return; /* late; the newer one goes on */
        }
        snapshot_receiver_free(install->receiver);
    }
    install_move(install, INSTALL_RECEIVING);
    install->receiver = snapshot_receiver_new(head, install->options.replica_id);
    install->from_replica_id = from_replica_id;
    install->asked = false;
    install->heard_us = now.monotonic_us;
}

void install_cancel(struct install *install, struct moment now)
{
    if (install->stage == INSTALL_RECEIVING && !install->settling) {
        install_leave(install, now);
        install_move(install, INSTALL_IDLE);
    }
}

/* Whether there is something to ask for at all. */
static bool install_may_ask(const struct install *install, struct snapshot_part *out_part)
{
    return install->stage == INSTALL_RECEIVING && !install->settling &&
           store_batch_bytes(&install->pending) < INSTALL_PENDING_BYTES_MAX &&
           snapshot_receiver_wants(install->receiver, out_part);
}

bool install_asks(struct install *install, struct moment now,
                  struct peer_message *out_ask)
{
    struct snapshot_part part;
    if (install->stage == INSTALL_RECEIVING &&
        now.monotonic_us >= install->heard_us + INSTALL_SILENCE_US &&
        install_may_ask(install, &part)) {
        install_cancel(install, now);
    }
    if (!install_may_ask(install, &part) || now.monotonic_us < install_next_us(install)) {
        return false;
    }
    const struct snapshot_head *head = snapshot_receiver_head(install->receiver);
    *out_ask = (struct peer_message){
        .shard_id = install->options.shard_id,
        .from_replica_id = install->options.replica_id,
        .to_replica_id = install->from_replica_id,
        .kind = PEER_SNAPSHOT_ASK,
        .index = head->index,
        .term = head->term,
        .part = part,
    };
    install->asked = true;
    install->asked_us = now.monotonic_us;
    return true;
}

uint64_t install_next_us(const struct install *install)
{
    struct snapshot_part part;
    if (!install_may_ask(install, &part)) {
        bool sweeps = install->stage == INSTALL_IDLE && install->leftovers;
        return sweeps ? install->sweep_us : UINT64_MAX;
    }
    uint64_t again_us = install->asked ? install->asked_us + INSTALL_ASK_AGAIN_US : 0;
    return again_us > install->next_ask_us ? again_us : install->next_ask_us;
}

/* Chunks into the batch that waits. */
static void install_keep_chunk(struct install *install)
{
    uint32_t chunk;
    struct slice rows;
    char name[SNAPSHOT_NAME_BYTES + 1];
    if (!snapshot_receiver_chunk(install->receiver, &chunk, &rows)) {
        return;
    }
    const struct snapshot_manifest *manifest =
        snapshot_receiver_manifest(install->receiver);
    struct hash128 checksum = manifest->chunks[chunk].checksum;
    store_batch_file_put(&install->pending,
                         snapshot_chunk_name(install->options.replica_id, checksum, name),
                         rows);
    snapshot_receiver_kept(install->receiver);
}

static bool install_visit_file(void *context, struct slice name)
{
    struct install *install = context;
    struct hash128 checksum;
    bool own = snapshot_name_read(install->options.replica_id, name, &checksum);
    if (own && (install->receiver == NULL ||
                !snapshot_receiver_has_file(install->receiver, name))) {
        store_batch_file_delete(&install->pending, name);
    }
    return true;
}

/* The manifest is here: does it fit, and what of it is here already? What is on its way
 * into the store is not listed yet, and is received once more. */
static enum status install_greet_manifest(struct install *install)
{
    const struct snapshot_manifest *manifest =
        snapshot_receiver_manifest(install->receiver);
    if (!install_fits(install, manifest)) {
        return STATUS_INVALID;
    }
    /* Chunks of an older one that wait, and files of it that were to go: of the former
     * little is lost, of the latter some may be wanted now. */
    store_batch_clear(&install->pending);
    if (install->on_its_way) {
        return STATUS_OK;
    }
    return store_file_list(install->options.store, install_visit_file, install);
}

void install_take(struct install *install, struct moment now,
                  const struct peer_message *message)
{
    if (install->stage != INSTALL_RECEIVING || install->settling ||
        message->from_replica_id != install->from_replica_id) {
        return;
    }
    const struct snapshot_head *head = snapshot_receiver_head(install->receiver);
    struct snapshot_part wanted;
    if (message->index != head->index || message->term != head->term) {
        return;
    }
    if (message->bytes.size == 0) {
        install_cancel(install, now); /* the sender has it no more */
        return;
    }
    if (!snapshot_receiver_wants(install->receiver, &wanted) ||
        wanted.item != message->part.item || wanted.offset != message->part.offset) {
        return;
    }
    bool knew = snapshot_receiver_manifest(install->receiver) != NULL;
    enum status status =
        snapshot_receiver_take(install->receiver, message->part, message->bytes);
    if (status == STATUS_OK && !knew &&
        snapshot_receiver_manifest(install->receiver) != NULL) {
        status = install_greet_manifest(install);
    }
    if (status != STATUS_OK) {
        install->refused++;
    }
    if (status == STATUS_OK || status == STATUS_CHECKSUM) {
        install_keep_chunk(install);
    } else {
        install_cancel(install, now); /* not ours, or of a later version */
        return;
    }
    uint64_t pause_us =
        message->bytes.size * (uint64_t)MICROSECONDS / install->options.bytes_per_s;
    uint64_t from_us = install->next_ask_us > install->asked_us ? install->next_ask_us
                                                                : install->asked_us;
    install->next_ask_us = from_us + pause_us;
    install->heard_us = status == STATUS_OK ? now.monotonic_us : install->heard_us;
    install->asked = false;
}

void install_tick(struct install *install, struct moment now)
{
    if (install->stage != INSTALL_IDLE || !install->leftovers || install->on_its_way) {
        return;
    }
    if (install->sweep_us == 0) {
        install->sweep_us = now.monotonic_us + INSTALL_SWEEP_US;
    }
    if (now.monotonic_us >= install->sweep_us &&
        store_file_list(install->options.store, install_visit_file, install) ==
            STATUS_OK) {
        install->leftovers = false;
    }
}

/* --- State batches ---------------------------------------------------------------------- */

static bool install_complete(const struct install *install)
{
    return install->stage == INSTALL_RECEIVING && !install->settling &&
           snapshot_receiver_complete(install->receiver);
}

bool install_state_ready(const struct install *install)
{
    return !install->on_its_way &&
           (install->pending.change_count > 0 || install_complete(install) ||
            install->stage == INSTALL_LOADING);
}

static void install_put_meta(const struct install *install, struct store_batch *batch,
                             enum meta_kind kind, struct slice value)
{
    struct buffer key;
    buffer_init(&key);
    install_meta_key(install, kind, &key);
    store_batch_put(batch, buffer_slice(&key), value);
    buffer_close(&key);
}

static void install_add_rows(const struct install *install, struct store_batch *batch)
{
    const struct snapshot_manifest *manifest = &install->manifest;
    struct meta_descriptor descriptor = {
        .shard_id = manifest->shard_id,
        .replica_id = install->options.replica_id,
        .table = manifest->table,
        .feature_level = manifest->feature_level,
        .range = manifest->range,
        .range_version = manifest->range_version,
        .member_version = manifest->member_version,
    };
    struct meta_applied applied = {.index = manifest->index,
                                   .term = manifest->term,
                                   .log_time_ms = manifest->log_time_ms};
    struct buffer value;
    buffer_init(&value);
    meta_descriptor_encode(&value, &descriptor);
    install_put_meta(install, batch, META_DESCRIPTOR, buffer_slice(&value));
    if (!MUTANT(snapshot_no_members)) {
        install_put_meta(install, batch, META_MEMBERS, manifest->members);
    }
    buffer_clear(&value);
    meta_applied_encode(&value, &applied);
    install_put_meta(install, batch, META_APPLIED, buffer_slice(&value));
    buffer_close(&value);
}

static void install_add_load(const struct install *install, struct store_batch *batch)
{
    struct buffer start, end;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_range(install->options.table, install->options.range, &start, &end);
    store_batch_delete_range(batch, buffer_slice(&start), buffer_slice(&end));
    key_bounds_order(install->options.shard_id, 0, 0, &start, &end);
    store_batch_delete_range(batch, buffer_slice(&start), buffer_slice(&end));
    buffer_close(&start);
    buffer_close(&end);
    for (uint32_t i = 0; i < install->manifest.chunk_count; i++) {
        char name[SNAPSHOT_NAME_BYTES + 1];
        store_batch_file_ingest(
            batch, snapshot_chunk_name(install->options.replica_id,
                                       install->manifest.chunks[i].checksum, name));
    }
    install_add_rows(install, batch);
    batch->flush = true;
}

void install_collect_state(struct install *install, struct store_batch *batch)
{
    ASSERT(!install->on_its_way);
    install->on_its_way = true;
    if (install->stage == INSTALL_LOADING) {
        install_add_load(install, batch);
        return;
    }
    store_batch_append(batch, &install->pending);
    store_batch_clear(&install->pending);
    if (install_complete(install)) {
        install_put_meta(install, batch, META_INSTALL,
                         snapshot_receiver_manifest_bytes(install->receiver));
        batch->flush = true;
        install->settling = true;
    }
}

bool install_state_written(struct install *install)
{
    ASSERT(install->on_its_way);
    install->on_its_way = false;
    if (install->settling) {
        const struct snapshot_head head = *snapshot_receiver_head(install->receiver);
        install->settling = false;
        buffer_clear(&install->manifest_bytes);
        buffer_append_slice(&install->manifest_bytes,
                            snapshot_receiver_manifest_bytes(install->receiver));
        enum status status = install_read_manifest(install, &head);
        ASSERT(status == STATUS_OK); /* the receiver has decoded these bytes */
        snapshot_receiver_free(install->receiver);
        install->receiver = NULL;
        install_move(install, INSTALL_SETTLED);
    } else if (install->stage == INSTALL_LOADING) {
        install_move(install, INSTALL_LOADED);
        return true;
    }
    return false;
}

/* --- Log batches ------------------------------------------------------------------------ */

bool install_log_ready(const struct install *install)
{
    return install->stage == INSTALL_SETTLED || install->stage == INSTALL_LOADED;
}

static void install_add_marker(const struct install *install, struct log_batch *batch)
{
    struct snapshot_head head = {
        .index = install->manifest.index,
        .term = install->manifest.term,
        .manifest_bytes = install->manifest_bytes.size,
        .manifest_checksum = hash128(buffer_slice(&install->manifest_bytes), 0),
    };
    struct buffer note;
    buffer_init(&note);
    snapshot_head_encode(&note, &head);
    if (!MUTANT(ingest_no_marker)) {
        log_batch_add_note(batch, install->options.replica_id, buffer_slice(&note));
    }
    buffer_close(&note);
}

void install_collect_log(struct install *install, struct log_batch *batch)
{
    ASSERT(install_log_ready(install));
    if (install->stage == INSTALL_SETTLED) {
        install_add_marker(install, batch);
        install_move(install, INSTALL_MARKING);
        return;
    }
    log_batch_add_note(batch, install->options.replica_id, slice_of(NULL, 0));
    install_move(install, INSTALL_CLEARING);
}

void install_abandon(struct install *install, struct moment now)
{
    ASSERT(install->stage == INSTALL_SETTLED);
    install->sweep_us = now.monotonic_us;
    install->leftovers = true;
    install_move(install, INSTALL_IDLE);
}

bool install_log_written(struct install *install)
{
    if (install->stage == INSTALL_MARKING) {
        install_move(install, INSTALL_LOADING);
        return false;
    }
    ASSERT(install->stage == INSTALL_CLEARING);
    install_move(install, INSTALL_IDLE);
    install->leftovers = true; /* the files have done their work */
    install->sweep_us = 1;
    return true;
}
