/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store with any rows, and commands on whatever was loaded from it. Input: rows of
 * (kind, hash choice, size of the id, id, size of the value, value). Load may refuse; if it
 * does not, apply, reads and the audit must hold, whatever the rows said.
 */
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/inventory/inventory.h"
#include "shard/storage/store.h"
#include "tests/lib/memory_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FUZZ_SEED = 42,
};

static void fill(struct store *store, struct slice input)
{
    struct store_batch batch;
    struct reader reader;
    struct buffer key;
    store_batch_init(&batch);
    buffer_init(&key);
    reader_init(&reader, input);
    while (!reader.failed && reader_left(&reader) > 0) {
        uint8_t kind = read_u8(&reader);
        uint8_t place = read_u8(&reader);
        struct slice id = read_raw(&reader, read_u8(&reader));
        struct slice value = read_raw(&reader, read_u8(&reader));
        const struct key_state parts = {
            .table = KEY_TABLE_SKU,
            .kind = kind,
            .hash = place == 0   ? 0
                    : place == 1 ? key_hash(id, FUZZ_SEED)
                                 : key_hash(slice_of("A", 1), FUZZ_SEED),
            .id = id,
        };
        if (reader.failed) {
            break;
        }
        buffer_clear(&key);
        key_append_state(&key, &parts);
        store_batch_put(&batch, buffer_slice(&key), value);
    }
    ASSERT(store_write(store, &batch) == STATUS_OK);
    buffer_close(&key);
    store_batch_close(&batch);
}

static void apply(struct inventory *inventory, struct inventory_command *command,
                  struct arena *arena)
{
    static uint64_t number;
    struct inventory_outcome outcome;
    number++;
    command->identity = (struct inventory_identity){
        .kind = INVENTORY_IDENTITY_REQUEST,
        .anchor = inventory_command_anchor(command, FUZZ_SEED),
        .request_id = {number, number},
        .fingerprint = inventory_command_fingerprint(command),
        .request_ms = inventory_log_ms(inventory) + 1,
    };
    inventory_apply(inventory, command, arena, &outcome);
}

static void use(struct inventory *inventory, struct arena *arena)
{
    const struct inventory_query query = {.kind = INVENTORY_QUERY_HOLD_LIST};
    const struct inventory_hold_line line = {.sku_id = slice_of("A", 1), .quantity = 1};
    struct inventory_command command = {.kind = INVENTORY_HOLD_CREATE};
    struct inventory_answer answer;
    struct store_batch batch;
    inventory_entry_begin(inventory, &(struct apply_position){1000000, 1, 0});
    command.hold_create = (struct inventory_hold_create){.lines = &line,
                                                         .line_count = 1,
                                                         .mode = HOLD_MODE_BEST_EFFORT,
                                                         .ttl_ms = 1000,
                                                         .life_max_ms = 1000,
                                                         .lines_max = 1};
    apply(inventory, &command, arena);
    if (inventory_read(inventory, &query, arena, &answer) == STATUS_OK) {
        for (uint32_t i = 0; i < answer.hold_count; i++) {
            for (int kind = INVENTORY_HOLD_EXTEND; kind <= INVENTORY_HOLD_CANCEL;
                 kind++) {
                command.kind = (enum inventory_command_kind)kind;
                command.hold_change = (struct inventory_hold_change){
                    .hold_id = answer.holds[i].hold_id, .ttl_ms = 1, .life_max_ms = 1};
                apply(inventory, &command, arena);
            }
        }
    }
    command.kind = INVENTORY_SKU_DELETE;
    command.sku_delete = (struct inventory_sku_delete){.sku_id = slice_of("A", 1)};
    apply(inventory, &command, arena);
    inventory_entry_end(inventory);
    inventory_entry_begin(inventory,
                          &(struct apply_position){1000001, 1, (int64_t)1 << 60});
    inventory_entry_end(inventory);
    store_batch_init(&batch);
    inventory_collect(inventory, &batch);
    store_batch_close(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store *store = memory_store_new();
    const struct inventory_options options = {
        .shard_id = 7, .hash_seed = FUZZ_SEED, .store = store};
    struct inventory *inventory = inventory_new(&options);
    struct inventory_audit_report report;
    enum status status;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    fill(store, slice_of(data, size));
    status = inventory_load(inventory);
    ASSERT(status == STATUS_OK || status == STATUS_CHECKSUM || status == STATUS_VERSION);
    if (status == STATUS_OK) {
        uint64_t digest = inventory_digest(inventory);
        ASSERT(digest == inventory_digest(inventory));
        ASSERT(inventory_audit(inventory, &arena, &report) == STATUS_OK);
        use(inventory, &arena);
    }
    inventory_free(inventory);
    store_close(store);
    arena_close(&arena);
    return 0;
}
