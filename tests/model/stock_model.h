/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain reference for shard/inventory: arrays, loops and the rules of the design, no code
 * in common (of the shard only the command and outcome structs are known here). It knows a
 * small world: SKUs "S0".., locations "L0".., owners "O0".., imports by number.
 *
 * It predicts every answer; what only the shard can mint (hold ids, etags) it learns from
 * the answer and judges from then on.
 */
#ifndef SOUK_TESTS_MODEL_STOCK_MODEL_H
#define SOUK_TESTS_MODEL_STOCK_MODEL_H

#include "shard/inventory/command.h"
#include "shard/inventory/outcome.h"

enum {
    MODEL_SKUS = 6,
    MODEL_LOCATIONS = 3,
    MODEL_OWNERS = 3,
    MODEL_IMPORTS = 3,
    MODEL_LINES = 100000, /* above any line of a run */
    MODEL_LINES_MAX = 4,
    MODEL_HOLDS_MAX = 100000,
    MODEL_REQUESTS_MAX = 200000,
    MODEL_ENDED_KEEP_MS = 86400000,
    MODEL_COUNTS = 2, /* "C0".. */
};

__extension__ typedef __int128 model_wide;

struct model_level {
    bool exists;
    bool changed; /* since the last model_level_seen */
    int64_t buckets[STOCK_BUCKET_COUNT];
    uint64_t etag;
};

struct model_sku {
    bool exists;
    enum sku_state state;
    uint64_t etag;
    struct model_level levels[MODEL_LOCATIONS];
};

struct model_line {
    int sku, location; /* location -1: none */
    int64_t quantity, granted;
};

struct model_hold {
    struct inventory_hold_id id;
    enum hold_state state;
    int owner; /* -1: none */
    int64_t create_ms, expire_ms, end_ms;
    int line_count;
    struct model_line lines[MODEL_LINES_MAX];
};

/* An open count, with a copy of everything that was on hand at its start. */
struct model_count {
    bool open, at_submit;
    int location;
    int64_t baseline[MODEL_SKUS];
    int64_t counted[MODEL_SKUS];
    bool submitted[MODEL_SKUS];
};

/* What the shard should answer. */
struct model_answer {
    enum status status;
    bool replayed, duplicate, created;
    uint64_t expected_line;
    bool has_level;
    int64_t level[STOCK_BUCKET_COUNT];
    bool has_count;
    uint64_t count_lines, count_changed, count_missing, count_cut;
    model_wide count_found, count_lost;
    bool has_level_to;
    int64_t level_to[STOCK_BUCKET_COUNT];
    bool has_hold;
    struct model_hold hold; /* without id when it was just made */
    int hold_number;        /* -1: none */
    uint32_t shortage_count;
    struct inventory_shortage shortages[MODEL_LINES_MAX];
};

struct model_request {
    struct hash128 id;
    uint64_t payload; /* the generator's number of what was asked */
    int64_t request_ms;
    struct model_answer answer;
};

struct model {
    bool locations[MODEL_LOCATIONS];
    uint64_t location_etags[MODEL_LOCATIONS];
    struct model_sku skus[MODEL_SKUS];
    struct model_hold *holds;
    int hold_count;
    int *open; /* numbers of the holds that have not ended */
    int open_count;
    struct model_request *requests;
    int request_count;
    uint64_t lanes[MODEL_IMPORTS];
    bool refused[MODEL_IMPORTS][MODEL_LINES]; /* by line */
    struct model_count counts[MODEL_COUNTS];
    int64_t log_ms;
    int64_t tidied_ms; /* old holds are forgotten at the end of an entry */
};

struct model *model_new(void);
void model_free(struct model *model);
void model_entry(struct model *model, int64_t log_ms);
/* `payload` is equal for equal payloads. */
void model_apply(struct model *model, const struct inventory_command *command,
                 uint64_t payload, struct model_answer *answer);
void model_entry_end(struct model *model);
/* NULL when the outcome is as predicted, else what differs. Learns ids and etags. A request
 * older than ten minutes may also have been forgotten (REQUEST_ID_EXPIRED). */
const char *model_agrees(struct model *model, const struct inventory_command *command,
                         const struct model_answer *answer,
                         const struct inventory_outcome *outcome);
/* NULL when the level is as it should be and its etag changed exactly if it did. */
const char *model_level_seen(struct model *model, int sku, int location,
                             const int64_t buckets[STOCK_BUCKET_COUNT], uint64_t etag);
/* The number in "S3"; -1 for anything unknown. */
int model_number(struct slice id, char letter, int count);
/* False: the SKU or the location is not there. Ends the SKU's holds that are due. */
bool model_level_find(struct model *model, struct slice sku_id, struct slice location_id,
                      struct model_level **level);
/* level_model.c: what is neither a hold nor of the catalogue. */
enum status model_stock_move(struct model *model,
                             const struct inventory_stock_move *command,
                             struct model_answer *answer);
enum status model_count_command(struct model *model,
                                const struct inventory_command *command,
                                struct model_answer *answer);
model_wide model_available(const struct model_level *level);
model_wide model_shortfall(const struct model_level *level);

#endif
