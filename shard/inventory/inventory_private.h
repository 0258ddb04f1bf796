/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state behind inventory.h, as its own files see it. Rows point at each other; rows of
 * SKUs, levels and holds are stable in memory until they are freed. Lists called `dirty`
 * hold what the next flush batch writes.
 *
 * A hold's life (anything else is refused with the status of hold_change.c's table):
 *
 *     create -> HELD -> COMMITTED -> FULFILLED
 *                 |         +------> CANCELLED
 *                 +-> RELEASED | EXPIRED          ended: kept for INVENTORY_ENDED_KEEP_MS
 *
 * A hold over several shards begins TENTATIVE and becomes HELD or ABORTED; hold_home.c has
 * its record at the home, hold_part.c what stands for it where its other lines lie.
 */
#ifndef SOUK_SHARD_INVENTORY_INVENTORY_PRIVATE_H
#define SOUK_SHARD_INVENTORY_INVENTORY_PRIVATE_H

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/encode.h"
#include "shard/base/heap.h"
#include "shard/base/import_lane.h"
#include "shard/base/list.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"
#include "shard/inventory/inventory.h"
#include "shard/inventory/source_lane.h"
#include "shard/inventory/table.h"

/* Wide enough for every sum of int64 buckets. */
__extension__ typedef __int128 wide;

/* Kinds of rows under KEY_TABLE_SKU; the hash they lie under stands behind each. Rows of
 * the shard as a whole lie under the first hash of its range. */
enum row_kind {
    ROW_SKU = 1,           /* the SKU; id = sku_id */
    ROW_LEVEL = 2,         /* the SKU; id = sku_id NUL location_id */
    ROW_HOLD = 3,          /* the anchor; id = be64(unique) */
    ROW_LOCATION = 4,      /* the location at its home; id = location_id */
    ROW_LOCATION_COPY = 5, /* the shard; id = location_id */
    ROW_LANE = 6,          /* the shard; id = import id, 16 bytes */
    ROW_REQUESTS = 7,      /* the shard; id = be64(chunk) be32(part) */
    ROW_SHARD = 8,         /* the shard; no id: log time, floor, counters */
    ROW_REFUSED = 9,       /* the shard; id = import id, be64(base): refused lines */
    ROW_COUNT = 12,        /* the shard; id = count_id: an open count */
    ROW_COUNT_LINE = 13, /* the SKU; id = count_id NUL sku_id: what a count knows of it */
    ROW_HOLD_PART = 60,  /* the SKU; id = be64(anchor) be64(unique) of the hold */
    ROW_ALIAS = 70,      /* the identifier; id = it */
    ROW_SOURCE = 80,     /* the shard; id = source id, 16 bytes: its lane */
};

enum {
    ROW_VERSION = 1,
    ROW_VERSION_HOME = 2,     /* of a hold: with what its home knows of other shards */
    LEDGER_SUB_MOVEMENTS = 0, /* key_order.sub of the block of movements */
    REQUEST_CHUNK_RECORDS_MAX = 16384,
    REQUEST_CHUNK_SPAN_MS = 10 * 60 * 1000,
    REQUEST_SLAB_BYTES = 64 * 1024,
};

struct location_row {
    struct table_node node;
    struct list dirty;
    struct inventory_location
        *view; /* one block of memory with everything it points at */
    bool copy;
    struct count_row *count; /* the open count of this location; NULL: none */
};

/* An open count, as far as this shard's SKUs go. */
struct count_row {
    struct table_node node;
    struct list dirty;
    struct location_row *location;
    bool at_submit;
    int64_t start_ms;
    uint32_t submitted; /* lines that were counted */
    struct table lines; /* of levels that were counted, or changed since the start */
};

struct count_line {
    struct table_node node; /* the SKU's hash and id */
    struct list dirty;
    struct count_row *count;
    int64_t baseline; /* on_hand that `counted` is compared with */
    int64_t counted;
    bool submitted;
};

/* When what a source told of a level last had happened. */
struct level_stamp {
    uint64_t source; /* the high half of its id */
    int64_t occurred_ms;
};
enum {
    LEVEL_STAMPS_MAX = 4, /* sources of one level; beyond, the one longest ago goes */
};
struct level_stamps {
    uint32_t count;
    struct level_stamp stamps[LEVEL_STAMPS_MAX];
};

struct alias_row {
    struct table_node node; /* its identifier */
    struct list dirty;
    struct slice sku_id; /* behind the struct */
    enum inventory_alias_state state;
    uint64_t by;
};

struct level_row {
    struct list dirty;
    struct sku_row *sku;
    struct location_row *location;
    int64_t buckets[STOCK_BUCKET_COUNT];
    uint64_t etag;
    int64_t update_ms;
    uint64_t movement_sequence; /* of its last movement; 0: none yet */
    struct ledger_position movement;
    int64_t tentative;           /* of held: in holds that are not decided yet */
    int64_t claim;               /* scratch of one command; 0 between commands */
    struct level_stamps *stamps; /* NULL: no source has told of it with a time */
};

struct sku_row {
    struct table_node node;
    struct list dirty;
    uint8_t *document; /* as stored */
    size_t document_size;
    enum sku_state state;
    uint64_t etag;
    struct level_row **levels; /* by location id */
    uint32_t level_count;
    uint32_t level_capacity;
    uint32_t hold_refs; /* lines of remembered holds; a deleted row waits for 0 */
    bool deleted;
    struct heap *due;   /* lines of HELD holds; NULL while there are none */
    struct heap *parts; /* HELD ones of holds whose home is another shard, by expiry */
    uint64_t movement_sequence;
    struct ledger_position movement; /* its last */
};

struct hold_line_row {
    struct heap_node due;
    struct hold_row *hold;
    struct sku_row *sku;
    struct level_row *level; /* NULL when nothing was granted anywhere, or remote */
    bool remote;             /* on another shard: its SKU is a ghost here */
    struct slice location;   /* remote: owned; empty until it is known */
    int64_t quantity;
    int64_t granted;
};

/* A request that waits for what its hold becomes. */
struct hold_waiter {
    enum inventory_command_kind kind;
    struct hash128 request_id;
    uint64_t fingerprint;
    int64_t request_ms;
    uint32_t attempt;
};

/* One SKU of a hold on another shard, as the home knows it. */
struct hold_share {
    uint64_t sku_hash;
    bool voted;          /* it is TENTATIVE there */
    uint64_t acked;      /* the version that is applied there */
    uint8_t report;      /* enum hold_report, of the version acked */
    uint32_t first_line; /* of the hold */
};

/* What a hold's home knows of its lines elsewhere, and the outbox to them. */
struct hold_home {
    struct heap_node outbox; /* while something is to be sent; not of the state */
    struct hold_row *hold;
    uint64_t send_us;
    uint32_t sends;
    uint32_t cursor;
    uint64_t version;
    int64_t due_ms;         /* not decided by then: ABORTED */
    bool fulfilling;        /* a FULFIL is out, of this version */
    bool cancelling;        /* a Cancel came meanwhile */
    bool own_fulfilled;     /* the lines here have left */
    struct hold_waiter ask; /* the request that made it */
    struct hold_waiter *waiters;
    uint32_t waiter_count;
    struct inventory_shortage *shortages; /* reported in this round of FULFIL */
    uint32_t shortage_count;
    uint32_t share_count;
    struct hold_share shares[];
};

struct part_line {
    struct level_row *level;
    uint32_t place; /* in the request */
    int64_t quantity;
};

/* One SKU of a hold whose home is another shard. */
struct part_row {
    struct map_node node;         /* by hold and SKU */
    struct map_node request_node; /* by request and SKU */
    struct heap_node ask;         /* when to ask the home; not of the state */
    struct heap_node of_sku;      /* while HELD */
    struct list dirty;
    struct sku_row *sku;
    struct inventory_hold_id id;
    enum hold_state state; /* TENTATIVE, HELD, COMMITTED */
    bool fulfilled;        /* its units have left; the final version is still to come */
    uint8_t report;
    uint64_t version;
    int64_t create_ms;
    int64_t expire_ms;
    int64_t ask_ms;
    uint32_t asked; /* so often, for the pause before the next time */
    struct hash128 request_id;
    int64_t request_ms;
    uint32_t attempt;
    uint32_t line_count;
    struct slice reference; /* behind the lines */
    struct part_line lines[];
};

/* Something to tell another shard once; whoever waits for it asks again. */
struct hold_mail {
    struct list mail;
    enum inventory_command_kind kind;
    uint64_t to_hash;
    struct inventory_hold_message message;
};

struct owner_row {
    struct map_node node;
    struct list holds; /* by sequence; ended ones too */
    uint32_t open_count;
    struct slice id;
};

struct hold_row {
    struct map_node node;
    struct heap_node due; /* while HELD or TENTATIVE */
    struct list owned;
    struct list ended;
    struct list dirty;
    struct owner_row *owner;
    struct inventory_hold_id id;
    uint64_t sequence;     /* order of creation in the shard */
    uint64_t end_sequence; /* order of ending */
    int64_t create_ms;
    int64_t expire_ms;
    int64_t due_ms; /* when it ends by itself: expire_ms, sooner while TENTATIVE */
    int64_t end_ms;
    enum hold_state state;
    bool allow_backorder;
    uint32_t line_count;
    struct hold_home *home; /* NULL: all lines are here */
    struct slice reference; /* behind the lines */
    struct hold_line_row lines[];
};

/* A remembered outcome; lives in a slab of its chunk. */
struct request_record {
    struct map_node node; /* hash = low half of the id */
    struct request_record *next_in_chunk;
    uint64_t id_high;
    uint64_t anchor;
    uint64_t fingerprint;
    int64_t request_ms;
    uint32_t attempt;
    uint32_t result_size;
    bool replaced; /* by a higher attempt: no longer in the map */
    uint8_t result[];
};

struct request_slab {
    struct request_slab *next;
    size_t size;
    size_t used;
    uint8_t bytes[];
};

struct request_chunk {
    struct list chunks;
    uint64_t sequence;
    int64_t start_ms; /* log time of its first record */
    int64_t max_ms;   /* highest request time inside */
    uint32_t count;
    uint32_t part_next; /* row of the next flush */
    struct request_record *first;
    struct request_record *last;
    struct request_record *unwritten; /* first not yet collected */
    struct request_slab *slabs;
};

/* The movements of one entry, encoded as their row. */
struct ledger_block {
    struct map_node node; /* hash_mix(index) */
    struct list blocks;
    uint64_t index;
    bool collected;
    struct buffer bytes;
};

/* What the command being applied is, for movements and etags. */
struct apply_context {
    struct apply_position position;
    bool open;             /* between entry_begin and entry_end */
    uint32_t movement_sub; /* of the next movement */
    uint32_t etag_count;   /* etags minted in this entry */
    struct hash128 request_id;
    const struct inventory_identity *identity; /* of the request; NULL: none */
    struct ledger_block *block;                /* NULL until the first movement */
};

struct inventory {
    struct inventory_options options;
    struct table skus;
    struct table locations;
    struct table aliases;
    struct map holds;
    struct map owners;
    struct table counts;
    struct heap due; /* HELD holds by expire_ms */
    struct map parts;
    struct map part_requests;
    uint64_t parts_undecided; /* TENTATIVE */
    /* What to tell other shards; not of the state, and empty unless it leads. */
    struct heap outbox; /* homes by send_us */
    struct heap asks;   /* parts by ask_ms */
    struct list mail;
    uint32_t mail_count;
    bool leads;
    struct list ended;
    uint64_t ended_count;
    struct import_lanes lanes;
    struct source_lanes sources;
    struct map requests;
    struct list chunks;      /* oldest first */
    int64_t chunks_least_ms; /* at most the least max_ms of all chunks */
    uint64_t chunk_next;
    uint64_t request_bytes;
    int64_t floor_ms;
    int64_t log_ms;
    uint64_t hold_sequence;
    uint64_t end_sequence;
    /* counters */
    uint64_t level_count;
    uint64_t holds_open;
    uint64_t holds_expired;
    uint64_t movement_count;
    uint64_t row_bytes;
    wide units_on_hand;
    /* flush */
    struct list dirty_skus;
    struct list dirty_levels;
    struct list dirty_holds;
    struct list dirty_parts;
    struct list dirty_locations;
    struct list dirty_counts;
    struct list dirty_count_lines;
    struct list dirty_aliases;
    struct buffer deletions; /* le32 size, key; before all puts of the batch */
    uint64_t dirty_bytes;
    bool dirty_shard;
    struct list blocks; /* not yet known to be in the store */
    struct map block_map;
    struct apply_context apply;
};

/* --- state.c ------------------------------------------------------------------------ */
uint64_t state_hash(const struct inventory *inventory, struct slice id);
bool state_owns(const struct inventory *inventory, uint64_t hash);
struct sku_row *state_sku_find(const struct inventory *inventory, struct slice sku_id);
struct location_row *state_location_find(const struct inventory *inventory,
                                         struct slice location_id);
struct level_row *state_level_find(const struct sku_row *sku, struct slice location_id);
/* All zero, in the SKU's array, not dirty. */
struct level_row *state_level_add(struct inventory *inventory, struct sku_row *sku,
                                  struct location_row *location);
struct sku_row *state_sku_add(struct inventory *inventory, uint64_t hash,
                              struct slice sku_id);
/* A row that only remembered holds still point at. */
struct sku_row *state_sku_ghost(struct slice sku_id);
void state_sku_free(struct inventory *inventory, struct sku_row *sku);
void state_sku_unref(struct inventory *inventory, struct sku_row *sku);
struct location_row *state_location_add(struct inventory *inventory,
                                        struct slice location_id);
void state_location_set(struct location_row *row, const struct inventory_location *value);
struct owner_row *state_owner_find(const struct inventory *inventory, struct slice id);
struct owner_row *state_owner_get(struct inventory *inventory, struct slice id);
struct hold_row *state_hold_find(const struct inventory *inventory,
                                 struct inventory_hold_id id);
struct hold_row *state_hold_alloc(uint32_t line_count, struct slice reference);
/* Into the map, the owner's list and, if HELD, the heaps. */
void state_hold_link(struct inventory *inventory, struct hold_row *hold);
/* Moves it within the heaps. */
void state_hold_due_set(struct inventory *inventory, struct hold_row *hold,
                        int64_t due_ms);
void state_hold_undue(struct inventory *inventory, struct hold_row *hold);
/* Out of everything, and freed. */
void state_hold_forget(struct inventory *inventory, struct hold_row *hold);
/* Nobody is told of it: not decided yet, or decided against. */
static inline bool state_hold_hidden(const struct hold_row *hold)
{
    return hold->state >= HOLD_STATE_TENTATIVE;
}
struct part_row *state_part_find(const struct inventory *inventory,
                                 struct inventory_hold_id id, uint64_t sku_hash);
struct part_row *state_part_of_request(const struct inventory *inventory,
                                       struct hash128 request_id, uint64_t sku_hash);
struct part_row *state_part_alloc(uint32_t line_count, struct slice reference);
void state_part_link(struct inventory *inventory, struct part_row *part);
/* To be called after its state or expiry changed. */
void state_part_due(struct part_row *part);
void state_part_forget(struct inventory *inventory, struct part_row *part);
/* Tells the sink, if there is one. */
void state_tell_put(const struct inventory *inventory, const struct sku_row *row,
                    const struct inventory_sku *sku);
void state_tell_remove(const struct inventory *inventory, const struct sku_row *row);
void state_dirty(struct inventory *inventory, struct list *list, struct list *node,
                 size_t bytes);
/* A new etag: a hash of where the write stands in the log. */
uint64_t state_etag_mint(struct inventory *inventory);

/* --- level.c -------------------------------------------------------------------------- */
int64_t level_clip(wide value);
wide level_available(const int64_t buckets[STOCK_BUCKET_COUNT]);
/* Units that may still be granted, claims of this command taken off. */
wide level_room(const struct level_row *level, bool allow_backorder);
struct level_change {
    enum stock_reason reason;
    struct slice reference;
    struct inventory_hold_id hold_id;
};
/* Sets the buckets, writes the movement, marks dirty; nothing if they are as before. */
void level_write(struct inventory *inventory, struct level_row *level,
                 const int64_t buckets[STOCK_BUCKET_COUNT],
                 const struct level_change *change);
/* The same for two levels of one SKU in one movement. Both must change. */
struct level_target {
    struct level_row *level;
    int64_t buckets[STOCK_BUCKET_COUNT];
};
void level_write_pair(struct inventory *inventory, const struct level_target *from,
                      const struct level_target *to, const struct level_change *change);

/* --- count.c -------------------------------------------------------------------------- */
struct count_row *count_find(const struct inventory *inventory, struct slice count_id);
struct count_row *count_add(struct inventory *inventory, struct slice count_id,
                            struct location_row *location);
struct count_line *count_line_add(struct inventory *inventory, struct count_row *count,
                                  struct slice sku_id);
void count_capture(struct inventory *inventory, const struct level_row *level);
void count_free_all(struct inventory *inventory);
void count_start(struct inventory *inventory, const struct inventory_count_start *command,
                 struct arena *arena, struct inventory_outcome *out);
void count_submit(struct inventory *inventory,
                  const struct inventory_count_submit *command, struct arena *arena,
                  struct inventory_outcome *out);
void count_close(struct inventory *inventory, const struct inventory_count_close *command,
                 struct arena *arena, struct inventory_outcome *out);

/* What this source told of last had happened then; 0: it never said. */
int64_t level_occurred_ms(const struct level_row *level, uint64_t source);
/* Remembers the later of both; the level is marked dirty by its own write. */
void level_occurred(struct inventory *inventory, struct level_row *level, uint64_t source,
                    int64_t occurred_ms);

/* --- ledger.c ------------------------------------------------------------------------- */
void ledger_append(struct inventory *inventory,
                   const struct inventory_movement *movement);
void ledger_block_close(struct inventory *inventory);
struct ledger_reader {
    struct reader reader;
    uint64_t shard_id;
    uint64_t index;
    int64_t log_ms;
    uint32_t count;
    uint32_t next_sub;
};
MUST_USE enum status ledger_reader_init(struct ledger_reader *reader,
                                        const struct key_order *key, struct slice block);
/* NOT_FOUND behind the last; the movement borrows from the block. */
MUST_USE enum status ledger_reader_next(struct ledger_reader *reader,
                                        struct inventory_movement *out_movement);

/* --- requests.c ----------------------------------------------------------------------- */
struct request_record *requests_find(const struct inventory *inventory,
                                     struct hash128 id);
void requests_remember(struct inventory *inventory, const struct inventory_identity *id,
                       struct slice result);
/* Forgets every chunk that is older than the aim. */
void requests_advance(struct inventory *inventory);
/* Forgets chunks whose request times lie at or below `floor_ms`, never too young ones. */
void requests_drop(struct inventory *inventory, int64_t floor_ms);
bool requests_droppable(const struct inventory *inventory, int64_t log_ms,
                        int64_t *out_floor_ms);
void requests_free(struct inventory *inventory);
void requests_encode(struct buffer *out, const struct request_record *record);
MUST_USE enum status requests_part_load(struct inventory *inventory, uint64_t chunk,
                                        uint32_t part, struct slice value);
/* Encodes what a chunk has not yet written; false when there is nothing. */
bool requests_part_take(struct request_chunk *chunk, struct buffer *out);

/* --- result.c: the small remembered form of an outcome --------------------------------- */
/* Numbers of statuses in stored rows; one without a number is told as INTERNAL. */
uint8_t result_code(enum status status);
bool result_status(uint8_t code, enum status *out_status);
void result_encode(struct buffer *out, const struct inventory_command *command,
                   const struct inventory_outcome *outcome);
MUST_USE enum status result_decode(const struct inventory *inventory, struct slice result,
                                   const struct inventory_command *command,
                                   struct arena *arena, struct inventory_outcome *out);

/* --- rows.c: stored forms --------------------------------------------------------------- */
void rows_sku_encode(struct buffer *out, const struct inventory_sku *sku);
/* Arrays live in the arena, slices borrow from `value`. sku_id comes from the key. */
MUST_USE enum status rows_sku_decode(struct slice value, struct arena *arena,
                                     struct inventory_sku *out_sku);
/* identifier comes from the key; the SKU's id borrows from `value`. */
void rows_alias_encode(struct buffer *out, const struct inventory_alias *alias);
MUST_USE enum status rows_alias_decode(struct slice value,
                                       struct inventory_alias *out_alias);
void rows_location_encode(struct buffer *out, const struct inventory_location *location);
MUST_USE enum status rows_location_decode(struct slice value, struct arena *arena,
                                          struct inventory_location *out_location);
/* A level without ids and derived numbers, and its last movement. */
struct stored_level {
    int64_t buckets[STOCK_BUCKET_COUNT];
    uint64_t etag;
    int64_t update_ms;
    uint64_t movement_sequence;
    struct ledger_position movement;
    struct level_stamps stamps;
};
void rows_level_encode(struct buffer *out, const struct stored_level *level);
MUST_USE enum status rows_level_decode(struct slice value,
                                       struct stored_level *out_level);
/* The hold with its place in the orders; hold_id comes from the key. */
struct stored_hold {
    struct inventory_hold hold;
    uint64_t sequence;
    uint64_t end_sequence;
    struct hold_home *home; /* NULL: none; decoded, it is the caller's to free */
    const bool *remote;     /* with a home: for each line */
};
void rows_hold_encode(struct buffer *out, const struct stored_hold *hold);
MUST_USE enum status rows_hold_decode(struct slice value, struct arena *arena,
                                      struct stored_hold *out_hold);
void rows_home_encode(struct buffer *out, const struct hold_home *home);
/* NULL when the reader fails. */
struct hold_home *rows_home_decode(struct reader *reader, uint32_t line_count);
/* A part and where its lines are. */
struct stored_part {
    struct part_row *part; /* the caller's to free; its lines have no levels yet */
    const struct inventory_message_line *lines;
    uint32_t line_count;
};
void rows_part_encode(struct buffer *out, const struct part_row *part);
MUST_USE enum status rows_part_decode(struct slice value, struct arena *arena,
                                      struct stored_part *out_part);
struct stored_shard {
    int64_t log_ms;
    int64_t floor_ms;
    uint64_t hold_sequence;
    uint64_t end_sequence;
    uint64_t holds_expired;
    uint64_t movement_count;
    uint64_t chunk_next;
};
struct stored_count {
    struct slice location_id;
    bool at_submit;
    int64_t start_ms;
};
void rows_count_encode(struct buffer *out, const struct stored_count *count);
MUST_USE enum status rows_count_decode(struct slice value,
                                       struct stored_count *out_count);
struct stored_count_line {
    int64_t baseline;
    int64_t counted; /* 0 unless submitted */
    bool submitted;
};
void rows_count_line_encode(struct buffer *out, const struct stored_count_line *line);
MUST_USE enum status rows_count_line_decode(struct slice value,
                                            struct stored_count_line *out_line);
void rows_shard_encode(struct buffer *out, const struct stored_shard *shard);
MUST_USE enum status rows_shard_decode(struct slice value,
                                       struct stored_shard *out_shard);

/* --- view.c: rows as answers, copied into an arena --------------------------------------- */
enum status view_sku(const struct sku_row *sku, struct arena *arena,
                     struct inventory_sku *out);
void view_location(const struct location_row *row, struct arena *arena,
                   struct inventory_location *out);
wide view_shortfall(const int64_t buckets[STOCK_BUCKET_COUNT]);
void view_level(const struct level_row *level, struct arena *arena,
                struct inventory_level *out);
void view_hold(const struct hold_row *hold, struct arena *arena,
               struct inventory_hold *out);

/* Borrows from the row. */
struct inventory_alias view_alias(const struct alias_row *row);

/* --- alias.c ---------------------------------------------------------------------------- */
struct alias_row *alias_find(const struct inventory *inventory, struct slice identifier);
struct alias_row *alias_add(struct inventory *inventory, struct slice identifier,
                            struct slice sku_id);
/* May the SKU list what the command names? Refuses what is another's. */
bool alias_claimable(const struct inventory *inventory,
                     const struct inventory_sku_upsert *command, struct arena *arena,
                     struct inventory_outcome *out);
/* After alias_claimable: all that lie in this range are its own for ever. */
void alias_claim(struct inventory *inventory, const struct inventory_sku_upsert *command,
                 struct arena *arena);
void alias_reserve(struct inventory *inventory,
                   const struct inventory_alias_reserve *command, struct arena *arena,
                   struct inventory_outcome *out);
void alias_settle(struct inventory *inventory,
                  const struct inventory_alias_settle *command,
                  struct inventory_outcome *out);

/* --- token.c: page tokens ----------------------------------------------------------------- */
struct page_token {
    enum inventory_query_kind kind;
    uint64_t first;
    uint64_t second;
    struct slice id;
    struct slice sub_id;
};
struct slice token_encode(const struct inventory *inventory, struct arena *arena,
                          const struct page_token *token);
/* Borrows from the bytes. BAD_TOKEN unless it was made here for this kind of query. */
MUST_USE enum status token_decode(const struct inventory *inventory, struct slice bytes,
                                  enum inventory_query_kind kind,
                                  struct page_token *out_token);

/* --- feed.c ------------------------------------------------------------------------------------- */
enum status read_feed(const struct inventory *inventory,
                      const struct inventory_query *query, struct arena *arena,
                      struct inventory_answer *out);

/* --- read_ledger.c -------------------------------------------------------------------------- */
/* One block, decoded. */
struct ledger_page {
    bool loaded;
    uint64_t shard_id;
    uint64_t index;
    struct buffer bytes;
    struct inventory_movement *movements;
    size_t count;
    size_t capacity;
};
/* Called for every block in order; anything but OK ends the walk. */
typedef enum status ledger_visit(void *context, struct ledger_page *page);
enum status ledger_walk(const struct inventory *inventory, uint64_t from,
                        ledger_visit *visit, void *context);
void ledger_copy(const struct inventory_movement *movement, struct arena *arena,
                 struct inventory_movement *out);
enum status read_movements(const struct inventory *inventory,
                           const struct inventory_query *query, struct arena *arena,
                           struct inventory_answer *out);
enum status read_ledger(const struct inventory *inventory,
                        const struct inventory_query *query, struct arena *arena,
                        struct inventory_answer *out);

/* --- read.c ---------------------------------------------------------------------------------- */
enum {
    READ_ANSWER_BYTES_MAX = 3 << 20, /* a page ends here; below message_max_bytes */
};
uint32_t read_page_size(const struct inventory_query *query);
/* Does the query's list of locations name the level's, or none? */
bool read_location_wanted(const struct inventory_query *query,
                          const struct level_row *level);
bool read_channel_served(const struct inventory_location *location, struct slice channel);

/* --- read_check.c ---------------------------------------------------------------------------- */
enum status read_check(const struct inventory *inventory,
                       const struct inventory_query *query, struct arena *arena,
                       struct inventory_answer *out);

/* --- flush.c ------------------------------------------------------------------------------ */
void flush_delete_sku(struct inventory *inventory, const struct sku_row *sku);
void flush_delete_alias(struct inventory *inventory, const struct alias_row *row);
void flush_delete_hold(struct inventory *inventory, const struct hold_row *hold);
void flush_delete_count(struct inventory *inventory, const struct count_row *count);
void flush_count_stored(const struct count_row *count, struct stored_count *out);
void flush_count_line_stored(const struct count_line *line,
                             struct stored_count_line *out);
void flush_delete_part(struct inventory *inventory, const struct part_row *part);
void flush_delete_chunk(struct inventory *inventory, const struct request_chunk *chunk);
void flush_sku_stored(const struct sku_row *sku, struct buffer *out);
void flush_hold_stored(const struct hold_row *hold, struct buffer *out);
void flush_shard_stored(const struct inventory *inventory, struct stored_shard *out);
void flush_level_stored(const struct level_row *level, struct stored_level *out);

/* --- the commands --------------------------------------------------------------------------- */
void catalog_sku_upsert(struct inventory *inventory,
                        const struct inventory_sku_upsert *command, struct arena *arena,
                        struct inventory_outcome *out);
void catalog_sku_delete(struct inventory *inventory,
                        const struct inventory_sku_delete *command,
                        struct inventory_outcome *out);
/* A level that a command names; stock.c finds, writes and shows it. */
struct stock_target {
    struct sku_row *sku;
    struct location_row *location;
    struct level_row *level; /* NULL: never written, so all 0 */
};
/* False: refused. Expires what is due on the SKU. */
bool stock_find(struct inventory *inventory, struct slice sku_id,
                struct slice location_id, struct stock_target *target,
                struct inventory_outcome *out);
/* Makes the row if it was never written. */
void stock_level_make(struct inventory *inventory, struct stock_target *target);
void stock_view(const struct stock_target *target, struct arena *arena,
                struct inventory_level *out);
void location_upsert(struct inventory *inventory,
                     const struct inventory_location_upsert *command, struct arena *arena,
                     struct inventory_outcome *out);
void location_copy(struct inventory *inventory,
                   const struct inventory_location_upsert *command, struct arena *arena,
                   struct inventory_outcome *out);
void stock_adjust(struct inventory *inventory,
                  const struct inventory_stock_adjust *command, struct arena *arena,
                  struct inventory_outcome *out);
void stock_set(struct inventory *inventory, const struct inventory_stock_set *command,
               struct arena *arena, struct inventory_outcome *out);
void stock_move(struct inventory *inventory, const struct inventory_stock_move *command,
                struct arena *arena, struct inventory_outcome *out);
void source_open(struct inventory *inventory, const struct inventory_source_open *command,
                 struct inventory_outcome *out);
void source_update(struct inventory *inventory,
                   const struct inventory_source_update *command, struct arena *arena,
                   struct inventory_outcome *out);
void source_through(struct inventory *inventory,
                    const struct inventory_source_through *command,
                    struct inventory_outcome *out);
void hold_create(struct inventory *inventory, const struct inventory_hold_create *command,
                 struct arena *arena, struct inventory_outcome *out);
void hold_change(struct inventory *inventory, enum inventory_command_kind kind,
                 const struct inventory_hold_change *command, struct arena *arena,
                 struct inventory_outcome *out);
/* Expires all that is due on the SKU. */
void hold_expire_sku(struct inventory *inventory, struct sku_row *sku);
void hold_expire_due(struct inventory *inventory, uint32_t count_max);
void hold_expire_named(struct inventory *inventory, struct inventory_hold_id id);
void hold_forget_old(struct inventory *inventory);

/* hold_create.c */
struct hold_plan;
struct hold_placed { /* where a line of the command goes */
    struct sku_row *sku;
    struct level_row *level; /* NULL: nothing was granted, or the line is remote */
    int64_t granted;
    bool remote;
};
/* Finds a place for every line that lies here; all lines or, BEST_EFFORT, some. NULL: it
 * is refused in `out`. Nothing is written. */
struct hold_placed *hold_place(struct inventory *inventory,
                               const struct inventory_hold_create *command,
                               struct arena *arena, struct inventory_outcome *out);
/* hold_change.c: moves units of one line for a reason of holds. */
struct hold_moved {
    struct inventory_hold_id id;
    struct slice reference;
    struct level_row *level;
    int64_t quantity;
};
void hold_move(struct inventory *inventory, const struct hold_moved *moved,
               enum stock_reason reason);
void hold_turn(struct inventory *inventory, struct hold_row *hold, enum hold_state state,
               enum stock_reason reason);
bool hold_may_fulfil(struct hold_row *hold, struct inventory_outcome *out);
void hold_dirty(struct inventory *inventory, struct hold_row *hold);
/* hold_home.c */
struct hold_home *hold_home_new(uint32_t share_count);
void hold_home_free(struct hold_home *home);
/* Makes the record of a hold just built, with those of its lines that are remote. */
void hold_home_begin(struct inventory *inventory, struct hold_row *hold,
                     int64_t prepare_ms);
/* The state has changed: the next version goes to everybody. */
void hold_home_changed(struct inventory *inventory, struct hold_row *hold);
bool hold_home_settled(const struct hold_row *hold);
void hold_home_abort(struct inventory *inventory, struct hold_row *hold,
                     const struct inventory_outcome *why);
/* Not decided in time. */
void hold_home_overdue(struct inventory *inventory, struct hold_row *hold);
/* FULFIL and CANCEL of a COMMITTED hold with remote lines. */
void hold_home_carry_out(struct inventory *inventory, enum inventory_command_kind kind,
                         struct hold_row *hold, struct inventory_outcome *out);
void hold_home_take(struct inventory *inventory, enum inventory_command_kind kind,
                    const struct inventory_hold_message *message,
                    struct inventory_outcome *out);
/* The request being applied waits for the hold. OVERLOADED when too many do. */
enum status hold_home_wait(struct inventory *inventory, struct hold_row *hold,
                           enum inventory_command_kind kind);
/* hold_part.c */
void hold_part_take(struct inventory *inventory, enum inventory_command_kind kind,
                    const struct inventory_hold_message *message, struct arena *arena,
                    struct inventory_outcome *out);
void hold_part_mutant(struct inventory *inventory);
/* Units at the level that may come back, since their hold is undecided here. */
wide hold_part_undecided(const struct inventory *inventory,
                         const struct level_row *level);
/* hold_outbox.c */
void hold_outbox_put(struct inventory *inventory, struct hold_row *hold);
void hold_outbox_drop(struct inventory *inventory, struct hold_row *hold);
void hold_ask_plan(struct inventory *inventory, struct part_row *part);
/* Deep copy of what the message points at, but for its lines. */
void hold_mail_put(struct inventory *inventory, enum inventory_command_kind kind,
                   uint64_t to_hash, const struct inventory_hold_message *message);
void hold_mail_clear(struct inventory *inventory);
void hold_heaps_init(struct inventory *inventory);
/* requests.c: the tombstone of a part; its bytes are nobody's outcome. */
struct hash128 requests_tombstone_id(struct inventory_hold_id id, uint64_t sku_hash);

/* Refuses: status, field, line. */
static inline void outcome_refuse(struct inventory_outcome *out, enum status status,
                                  enum inventory_field field)
{
    out->status = status;
    out->field = field;
}

/* For commands whose first fault is found without state; the field's path is a literal. */
struct check_fault {
    enum status status;
    enum inventory_field field;
    uint32_t line;
    const char *path;
    const char *message;
};
/* --- check.c ---------------------------------------------------------------------------------- */
bool check_command(const struct inventory_command *command,
                   struct check_fault *out_fault);
const char *check_field_path(enum inventory_field field);

#endif
