/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/import_message.h"

#include "server/service/check.h"
#include "server/service/import_row.h"
#include "server/service/intake.h"
#include "server/service/refusal.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/replica/command.h"

enum status import_message_begin(struct import_message *message, struct problem *problem)
{
    const Souk__V1__ImportBatch *batch = message->batch;
    TRY(check_count("batch.rows", batch->n_rows, 0,
                    (size_t)message->service->settings->batch_max_items, problem));
    message->refused =
        arena_zalloc(message->arena, (batch->n_rows + 1) * sizeof *message->refused);
    message->locations =
        arena_alloc(message->arena, (batch->n_rows + 1) * sizeof *message->locations);
    if (message->refused == NULL || message->locations == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "batch", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < batch->n_rows; i++) {
        TRY(import_flow_line(message->flow, (unsigned)i, batch->rows[i]->line, problem));
    }
    message->through_line = message->flow->last_line;
    return STATUS_OK;
}

/* --- Rows to parts ----------------------------------------------------------------- */

static bool import_part_add(struct import_part *part, struct slice bytes, uint32_t *rows,
                            uint32_t row_count)
{
    struct import_command *command = arena_zalloc(part->message->arena, sizeof *command);
    if (command == NULL) {
        return false;
    }
    command->bytes = bytes;
    command->rows = rows;
    command->row_count = row_count;
    *part->last = command;
    part->last = &command->next;
    part->command_count++;
    return true;
}

/* Ends a run of events: they become one command. */
static bool import_part_flush(struct import_part *part)
{
    struct import_message *message = part->message;
    struct customer_command command = {
        .kind = CUSTOMER_RECORD,
        .identity = {.kind = CUSTOMER_IDENTITY_IMPORT,
                     .import_id = message->import_id,
                     .imports_max = (uint32_t)message->service->settings->imports_max,
                     .imports_refused_max =
                         (uint32_t)message->service->settings->imports_refused_max},
        .record = {.events = part->events, .event_count = part->event_count}};
    struct slice bytes;
    if (part->event_count == 0) {
        return true;
    }
    if (command_encode_customer(&command, message->arena, &bytes) != STATUS_OK ||
        !import_part_add(part, bytes, part->event_rows, part->event_count)) {
        return false;
    }
    part->events = NULL;
    part->event_count = 0;
    return true;
}

static bool import_part_event(struct import_part *part,
                              const struct customer_event *event, uint32_t row)
{
    struct import_message *message = part->message;
    size_t room = message->batch->n_rows - row;
    if (part->events == NULL) {
        part->events = arena_alloc(message->arena, room * sizeof *part->events);
        part->event_rows = arena_alloc(message->arena, room * sizeof *part->event_rows);
    }
    if (part->events == NULL || part->event_rows == NULL) {
        return false;
    }
    part->events[part->event_count] = *event;
    part->event_rows[part->event_count] = row;
    part->event_count++;
    return true;
}

/* Which part a row goes to: SKU shards come first. */
static struct import_part *import_part_of(struct import_message *message,
                                          enum shard_map_table table, uint64_t hash)
{
    const struct shard_map *map = message->service->map;
    unsigned shard = shard_map_find(map, table, hash);
    if (table == SHARD_MAP_CUSTOMER) {
        shard += shard_map_count(map, SHARD_MAP_SKU);
    }
    return &message->parts[shard];
}

/* False past the arena's limit. */
static bool import_take_row(struct import_message *message, uint32_t place)
{
    struct import_row row;
    struct problem problem;
    struct import_part *part;
    uint32_t *rows;
    struct slice bytes;
    if (import_row_take(message, message->batch->rows[place], &row, &problem) !=
        STATUS_OK) {
        message->refused[place] = arena_copy(message->arena, &problem, sizeof problem);
        return message->refused[place] != NULL;
    }
    part = import_part_of(message, row.table, row.hash);
    import_row_chain(&row,
                     import_flow_chain(message->flow, (unsigned)(part - message->parts),
                                       message->batch->rows[place]->line));
    if (row.is_event) {
        return import_part_event(part, &row.event, place);
    }
    rows = arena_alloc(message->arena, sizeof *rows);
    if (rows == NULL || !import_part_flush(part) ||
        import_row_encode(&row, message->arena, &bytes) != STATUS_OK) {
        return false;
    }
    *rows = place;
    if (row.is_location && shard_map_count(message->service->map, SHARD_MAP_SKU) > 1) {
        message->locations[message->location_count++] = place;
    }
    return import_part_add(part, bytes, rows, 1);
}

static bool import_parts_begin(struct import_message *message)
{
    const struct shard_map *map = message->service->map;
    unsigned skus = shard_map_count(map, SHARD_MAP_SKU);
    message->part_count = skus + shard_map_count(map, SHARD_MAP_CUSTOMER);
    message->parts =
        arena_zalloc(message->arena, message->part_count * sizeof *message->parts);
    message->location_count = 0;
    for (unsigned p = 0; message->parts != NULL && p < message->part_count; p++) {
        struct import_part *part = &message->parts[p];
        part->message = message;
        part->last = &part->first;
        part->call.shard_id =
            p < skus ? shard_map_range(map, SHARD_MAP_SKU, p)->shard_id
                     : shard_map_range(map, SHARD_MAP_CUSTOMER, p - skus)->shard_id;
    }
    return message->parts != NULL;
}

/* Rows up to the end of the segment; false past the arena's limit. */
static bool import_take_segment(struct import_message *message)
{
    const Souk__V1__ImportBatch *batch = message->batch;
    if (!import_parts_begin(message)) {
        return false;
    }
    while (message->next_row < batch->n_rows) {
        bool location = batch->rows[message->next_row]->record_case ==
                        SOUK__V1__IMPORT_ROW__RECORD_LOCATION;
        if (message->location_count > 0 && !location) {
            break;
        }
        if (!import_take_row(message, message->next_row)) {
            return false;
        }
        message->next_row++;
    }
    for (unsigned p = 0; p < message->part_count; p++) {
        struct import_part *part = &message->parts[p];
        struct import_command *command;
        size_t i = 0;
        if (!import_part_flush(part)) {
            return false;
        }
        part->bytes =
            arena_alloc(message->arena, (part->command_count + 1) * sizeof *part->bytes);
        part->outcomes = arena_alloc(message->arena,
                                     (part->command_count + 1) * sizeof *part->outcomes);
        if (part->bytes == NULL || part->outcomes == NULL) {
            return false;
        }
        for (command = part->first; command != NULL; command = command->next) {
            part->bytes[i++] = command->bytes;
        }
    }
    return true;
}

/* --- Outcomes ---------------------------------------------------------------------- */

/* Refusals that would come again for every row, or that a later try may cure: the stream
 * ends, and what follows is sent again on a new one. QUANTITY_LIMIT is of the shard's lanes
 * alone: no row that an import may hold is refused so. */
static bool import_status_ends(enum status status)
{
    return status_retry(status) == STATUS_RETRY_SAME || status == STATUS_SEQUENCE_GAP ||
           status == STATUS_TOO_LARGE || status == STATUS_INTERNAL ||
           status == STATUS_QUANTITY_LIMIT;
}

static void import_refuse(struct import_message *message, uint32_t row,
                          const struct problem *problem)
{
    if (import_status_ends(problem->status)) {
        message->failed =
            message->failed == STATUS_OK ? problem->status : message->failed;
        return;
    }
    message->refused[row] = arena_copy(message->arena, problem, sizeof *problem);
    if (message->refused[row] == NULL) {
        message->failed = STATUS_TOO_LARGE;
    }
}

static void import_count_row(struct import_message *message, uint32_t row,
                             enum status status, bool duplicate)
{
    struct problem problem;
    if (status != STATUS_OK) {
        problem_set(&problem, status, "", "%s", status_text(status));
        import_refuse(message, row, &problem);
    } else if (duplicate) {
        message->duplicates++;
    } else {
        message->applied++;
    }
}

static void import_count_command(struct import_message *message,
                                 const struct import_command *command,
                                 const struct replica_outcome *outcome)
{
    struct problem problem;
    struct refusal_names names;
    if (outcome->kind == REPLICA_SKU) {
        if (outcome->status != STATUS_OK) {
            refusal_names_of_row(message->batch->rows[command->rows[0]], &names);
            refusal_of_outcome(&outcome->inventory, &names, &problem);
            import_refuse(message, command->rows[0], &problem);
            return;
        }
        import_count_row(message, command->rows[0], STATUS_OK,
                         outcome->inventory.duplicate);
        return;
    }
    if (outcome->status != STATUS_OK || outcome->customer.events == NULL) {
        for (uint32_t i = 0; i < command->row_count; i++) {
            import_count_row(message, command->rows[i], outcome->status,
                             outcome->customer.duplicate);
        }
        return;
    }
    for (uint32_t i = 0; i < command->row_count; i++) {
        import_count_row(message, command->rows[i], outcome->customer.events[i].status,
                         outcome->customer.events[i].duplicate);
    }
}

static void import_count_part(struct import_message *message,
                              const struct import_part *part)
{
    const struct import_command *command = part->first;
    if (part->command_count == 0) {
        return;
    }
    if (part->call.status != STATUS_OK) {
        message->failed =
            message->failed == STATUS_OK ? part->call.status : message->failed;
        return;
    }
    for (uint32_t i = 0; command != NULL; i++, command = command->next) {
        import_count_command(message, command, &part->outcomes[i]);
    }
}

/* --- Running ----------------------------------------------------------------------- */

static void import_next_segment(struct import_message *message);

static void import_copied(struct import_message *message)
{
    for (unsigned p = 0; p < message->copy_count; p++) {
        const struct import_part *part = &message->copies[p];
        if (part->command_count > 0 && part->call.status != STATUS_OK &&
            message->failed == STATUS_OK) {
            message->failed = part->call.status;
        }
        arena_close(&message->copies[p].own_arena);
    }
    import_next_segment(message);
}

static void import_copy_done(struct shard_call *call)
{
    struct import_part *part = CONTAINER_OF(call, struct import_part, call);
    if (atomic_fetch_sub_explicit(&part->message->open, 1, memory_order_acq_rel) == 1) {
        import_copied(part->message);
    }
}

static void import_submit(struct import_message *message, struct import_part *parts,
                          unsigned count, shard_call_done *done)
{
    for (unsigned p = 0; p < count; p++) {
        struct import_part *part = &parts[p];
        uint64_t shard_id = part->call.shard_id;
        enum status status;
        arena_init(&part->own_arena, NULL, 0, 0);
        if (part->command_count == 0) {
            continue;
        }
        shard_call_init_propose(&part->call, shard_id, part->bytes, part->command_count,
                                part->outcomes);
        part->call.arena = &part->own_arena;
        part->call.done = done;
        atomic_fetch_add_explicit(&message->open, 1, memory_order_relaxed);
        status = runtime_submit(message->service->runtime, &part->call);
        if (status != STATUS_OK) {
            part->call.status = status;
            done(&part->call);
        }
    }
}

/* Encodes the locations of the segment for all other SKU shards. */
static bool import_make_copies(struct import_message *message)
{
    unsigned skus = shard_map_count(message->service->map, SHARD_MAP_SKU);
    message->copy_count = 0;
    if (message->failed != STATUS_OK || message->location_count == 0) {
        return false;
    }
    message->copies = arena_zalloc(message->arena, skus * sizeof *message->copies);
    if (message->copies == NULL || !import_copies_fill(message, message->copies, skus)) {
        message->failed = STATUS_TOO_LARGE;
        return false;
    }
    message->copy_count = skus;
    return true;
}

static void import_answered(struct import_message *message)
{
    bool copy;
    for (unsigned p = 0; p < message->part_count; p++) {
        import_count_part(message, &message->parts[p]);
    }
    copy = import_make_copies(message);
    for (unsigned p = 0; p < message->part_count; p++) {
        arena_close(&message->parts[p].own_arena);
    }
    if (!copy) {
        import_next_segment(message);
        return;
    }
    atomic_store_explicit(&message->open, 1, memory_order_relaxed);
    import_submit(message, message->copies, message->copy_count, import_copy_done);
    if (atomic_fetch_sub_explicit(&message->open, 1, memory_order_acq_rel) == 1) {
        import_copied(message);
    }
}

static void import_part_done(struct shard_call *call)
{
    struct import_part *part = CONTAINER_OF(call, struct import_part, call);
    if (atomic_fetch_sub_explicit(&part->message->open, 1, memory_order_acq_rel) == 1) {
        import_answered(part->message);
    }
}

static void import_next_segment(struct import_message *message)
{
    if (message->failed != STATUS_OK || message->next_row == message->batch->n_rows) {
        message->finish(message);
        return;
    }
    if (!import_take_segment(message)) {
        message->failed = STATUS_TOO_LARGE;
        message->finish(message);
        return;
    }
    atomic_store_explicit(&message->open, 1, memory_order_relaxed);
    import_submit(message, message->parts, message->part_count, import_part_done);
    if (atomic_fetch_sub_explicit(&message->open, 1, memory_order_acq_rel) == 1) {
        import_answered(message);
    }
}

void import_message_run(struct import_message *message,
                        void (*finish)(struct import_message *message))
{
    message->finish = finish;
    import_next_segment(message);
}

void import_message_ack(const struct import_message *message, struct reply *reply,
                        Souk__V1__ImportAck *ack)
{
    size_t rows = message->batch->n_rows;
    ack->through_line = message->through_line;
    ack->applied = message->applied;
    ack->duplicates = message->duplicates;
    ack->failures = reply_alloc(reply, (rows + 1) * sizeof *ack->failures);
    for (size_t i = 0; i < rows && !reply->failed; i++) {
        Souk__V1__ImportFailure *failure;
        if (message->refused[i] == NULL) {
            continue;
        }
        failure = reply_alloc(reply, sizeof *failure);
        if (failure != NULL) {
            souk__v1__import_failure__init(failure);
            failure->line = message->batch->rows[i]->line;
            failure->status = reply_item_status(reply, message->refused[i]);
            ack->failures[ack->n_failures++] = failure;
        }
    }
}
