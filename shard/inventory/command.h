/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a SKU shard through its log: one struct per command, filled by the
 * service edge, carried by the replica's codec, decided by inventory_apply.
 *
 * A command is borrowed: its slices and arrays live until the call returns. Every limit
 * that decides something is in the command itself (never in a replica's settings), so all
 * replicas decide alike. Apply checks everything again that the edge has checked: an old
 * log may hold anything.
 */
#ifndef SOUK_SHARD_INVENTORY_COMMAND_H
#define SOUK_SHARD_INVENTORY_COMMAND_H

#include "shard/base/hash.h"
#include "shard/inventory/types.h"
#include "shard/storage/key.h"

enum inventory_command_kind {
    INVENTORY_SKU_UPSERT = 1,
    INVENTORY_SKU_DELETE = 2,
    INVENTORY_LOCATION_UPSERT = 3, /* at the shard that owns hash(location_id) */
    INVENTORY_LOCATION_COPY =
        4, /* at all other SKU shards; takes a higher version only */
    INVENTORY_STOCK_ADJUST = 5,
    INVENTORY_STOCK_SET = 6,
    INVENTORY_HOLD_CREATE = 7,
    INVENTORY_HOLD_EXTEND = 8,
    INVENTORY_HOLD_COMMIT = 9,
    INVENTORY_HOLD_RELEASE = 10,
    INVENTORY_HOLD_FULFIL = 11,
    INVENTORY_HOLD_CANCEL = 12,
    INVENTORY_TICK = 13,         /* by the leader; carries no identity */
    INVENTORY_REQUEST_SEAL = 14, /* GetOutcome: an unknown request becomes CANCELLED */
    INVENTORY_STOCK_MOVE = 40,   /* within one SKU */
    INVENTORY_COUNT_START = 41,  /* at every SKU shard; its anchor is given */
    INVENTORY_COUNT_SUBMIT = 42, /* at the shards that own the SKUs counted */
    INVENTORY_COUNT_CLOSE = 43,  /* at every SKU shard; its anchor is given */
    /* What shards tell each other of a hold over several of them (hold_message); they
     * carry no identity but the anchor, which is the key that they go to. */
    INVENTORY_HOLD_PREPARE = 60,  /* to a line: be TENTATIVE */
    INVENTORY_HOLD_VOTE = 61,     /* to the home: it is, or why not */
    INVENTORY_HOLD_STATE = 62,    /* to a line: the whole state to be in */
    INVENTORY_HOLD_ACK = 63,      /* to the home: this version is applied */
    INVENTORY_HOLD_QUESTION = 64, /* to the home: what became of it? */
    /* At the shard that owns the hash of the identifier; by the server, without identity:
     * repeating them changes nothing. */
    INVENTORY_ALIAS_RESERVE = 70, /* before the SKU is written with it */
    INVENTORY_ALIAS_SETTLE = 71,  /* after: it was, or was refused */
    /* Streams of warehouse systems: no identity, their lanes make them exactly once. */
    INVENTORY_SOURCE_OPEN = 80,    /* first at the source's home, then everywhere else */
    INVENTORY_SOURCE_UPDATE = 81,  /* a batch, cut for this shard */
    INVENTORY_SOURCE_THROUGH = 82, /* at the home: every shard has decided up to here */
};

/* What makes a command exactly-once. */
enum inventory_identity_kind {
    INVENTORY_IDENTITY_NONE = 0, /* TICK, LOCATION_COPY and ALIAS_* only */
    INVENTORY_IDENTITY_REQUEST =
        1, /* a request id, remembered until the floor passes it */
    INVENTORY_IDENTITY_IMPORT = 2, /* a line of an import, remembered without expiry */
};

struct inventory_identity {
    enum inventory_identity_kind kind;
    /* REQUEST */
    uint64_t anchor; /* inventory_command_anchor; must lie in the shard's range */
    struct hash128 request_id; /* hash128(request id, 0) */
    uint64_t fingerprint;      /* inventory_command_fingerprint */
    int64_t request_ms;        /* from the UUIDv7, or request_time */
    uint32_t
        attempt; /* 0 first; a higher one replaces what inventory_outcome_again says */
    /* IMPORT: line > prev_line >= 0 are the place of this item, and of the import's item
     * before it that went to the same key range (0: none) */
    struct hash128 import_id;
    uint64_t line;
    uint64_t prev_line;
    /* Lanes of this shard, and refused lines in them, from the settings of these names;
     * see import_lane.h. */
    uint32_t imports_max;
    uint32_t imports_refused_max;
};

/* Fields of inventory_sku for update_mask. */
enum {
    SKU_FIELD_PRODUCT_ID = 1u << 0,
    SKU_FIELD_NAME = 1u << 1,
    SKU_FIELD_STATE = 1u << 2,
    SKU_FIELD_ATTRIBUTES = 1u << 3,
    SKU_FIELD_CATEGORIES = 1u << 4,
    SKU_FIELD_BRAND = 1u << 5,
    SKU_FIELD_PRICE = 1u << 6,
    SKU_FIELD_COST = 1u << 7,
    SKU_FIELD_UNIT = 1u << 8,
    SKU_FIELD_UNIT_EXPONENT = 1u << 9,
    SKU_FIELD_OPTIONS = 1u << 10,
    SKU_FIELD_GTINS = 1u << 11,
    SKU_FIELDS_NONE =
        1u << 12, /* alone: the caller gave a mask that names none of them */
    SKU_FIELD_ALIASES = 1u << 13,
    SKU_FIELDS_ALL = ((1u << 12) - 1) | SKU_FIELD_ALIASES,
};

struct inventory_sku_upsert {
    struct inventory_sku sku; /* its etag and times are ignored */
    uint32_t update_mask; /* SKU_FIELD_*, or SKU_FIELDS_NONE; 0: no mask, so all fields */
    uint64_t etag;        /* 0: unconditional; else the SKU must exist with this etag */
    uint32_t attributes_max;
    /* An alias or GTIN of it that is another SKU's, as its own shard said: refused with
     * ALREADY_EXISTS, so that this, too, is remembered. No part of what was asked. */
    struct slice taken;
    /* Binds its GTINs and aliases in the same step: those in this shard's range by itself,
     * those in `reserved` (canonical) were reserved at their own. One that is neither is of
     * a range that has moved: EPOCH_CHANGED. Logs from before it list them unbound. */
    bool claim;
    const struct slice *reserved;
    uint32_t reserved_count;
};

struct inventory_alias_reserve {
    struct slice identifier; /* canonical */
    struct slice sku_id;
    uint64_t by; /* see inventory_alias_by */
};

struct inventory_alias_settle {
    struct slice identifier;
    struct slice sku_id;
    uint64_t by;
    bool bound; /* the SKU was written with it; false: the request was refused, so what it
                   alone has reserved is free again */
};

struct inventory_sku_delete {
    struct slice sku_id;
    uint64_t etag;
};

/* Fields of inventory_location for update_mask. */
enum {
    LOCATION_FIELD_NAME = 1u << 0,
    LOCATION_FIELD_TYPE = 1u << 1,
    LOCATION_FIELD_ADDRESS = 1u << 2,
    LOCATION_FIELD_COORDINATES = 1u << 3,
    LOCATION_FIELD_TIME_ZONE = 1u << 4,
    LOCATION_FIELD_CHANNELS = 1u << 5,
    LOCATION_FIELDS_ALL = (1u << 6) - 1,
    LOCATION_FIELDS_NONE = 1u << 6, /* alone: as SKU_FIELDS_NONE; a new one is a WAREHOUSE
                                     * unless its type is named */
};

struct inventory_location_upsert {
    struct inventory_location
        location; /* LOCATION_COPY: its version, etag, times count */
    uint64_t etag;
    uint32_t update_mask; /* LOCATION_FIELD_*, or LOCATION_FIELDS_NONE; 0: all. A copy
                             is whole. */
};

struct inventory_stock_adjust {
    struct slice sku_id;
    struct slice location_id;
    enum stock_bucket bucket; /* all but HELD and COMMITTED */
    int64_t delta;            /* not 0 */
    enum stock_reason reason; /* below HOLD */
    struct slice reference;
    uint64_t etag; /* of the level; 0: unconditional */
};

/* Absolute values of the buckets named in `mask` (1u << bucket). */
struct inventory_stock_set {
    struct slice sku_id;
    struct slice location_id;
    uint32_t mask;                       /* not 0; never HELD or COMMITTED */
    int64_t buckets[STOCK_BUCKET_COUNT]; /* >= 0 where masked */
    bool has_expected_on_hand;           /* an absent level has 0 */
    int64_t expected_on_hand;
    uint64_t etag;
    enum stock_reason reason;
    struct slice reference;
};

/*
 * Units change their place, none is made or lost: on_hand + incoming, summed over the
 * SKU's locations, stays. What a bucket names here are the units in that condition:
 * ON_HAND the sound ones, DAMAGED and QUALITY_CONTROL those set apart of the units on hand
 * (so both buckets change when such units come or go), INCOMING those on their way.
 *
 * Sound units that are promised do not leave, except into DAMAGED and QUALITY_CONTROL of
 * their own level: things break whether or not they are promised.
 */
struct inventory_stock_move {
    struct slice sku_id;
    struct slice location_id;
    enum stock_bucket bucket; /* of the four above */
    struct slice to_location_id;
    enum stock_bucket to_bucket; /* another place than the source */
    int64_t quantity;            /* above 0 */
    enum stock_reason reason;    /* below HOLD; none is recorded as MOVE */
    struct slice reference;
};

struct inventory_count_start {
    struct slice count_id;
    struct slice location_id;
    bool at_submit; /* freeze a level when it is counted, not when the count begins */
};

struct inventory_count_line {
    struct slice sku_id;
    int64_t counted; /* >= 0 */
};

/* All lines or none; what is submitted again replaces what was. */
struct inventory_count_submit {
    struct slice count_id;
    const struct inventory_count_line *lines; /* all of the shard's range */
    uint32_t line_count;                      /* 1 to INVENTORY_COUNT_SUBMIT_MAX */
};

struct inventory_count_close {
    struct slice count_id;
    bool discard; /* post nothing */
};

enum hold_ttl_kind {
    HOLD_TTL_DEFAULT = 0,  /* the caller named none: ttl_ms is the edge's default */
    HOLD_TTL_DURATION = 1, /* ttl_ms from the log time of apply */
    HOLD_TTL_TIME = 2,     /* expire_ms */
};

struct inventory_hold_create {
    const struct inventory_hold_line *lines;
    uint32_t line_count;
    enum hold_mode mode;
    struct slice owner;
    struct slice reference;
    bool allow_backorder;
    enum hold_ttl_kind ttl_kind;
    int64_t ttl_ms;
    int64_t expire_ms;
    int64_t life_max_ms;      /* setting hold_ttl_max_s */
    uint32_t owner_holds_max; /* an empty owner has no limit */
    uint32_t lines_max;
    uint64_t nonce; /* random, from the edge, so that hold ids cannot be guessed */
    /* How long lines of other shards may take to answer; 0: no line may lie on another
     * (commands of earlier releases). */
    int64_t prepare_ms;
};

/* EXTEND, COMMIT, RELEASE, FULFIL, CANCEL. */
struct inventory_hold_change {
    struct inventory_hold_id hold_id;
    struct slice owner; /* when not empty: another owner's hold is NOT_FOUND */
    /* EXTEND only: never shortens, cut at create + life_max, QUANTITY_LIMIT once there */
    enum hold_ttl_kind ttl_kind;
    int64_t ttl_ms;
    int64_t expire_ms;
    int64_t life_max_ms;
};

enum hold_report {
    HOLD_REPORT_NONE = 0,
    HOLD_REPORT_FULFILLED = 1,
    HOLD_REPORT_SHORT = 2,
};

struct inventory_message_line {
    uint32_t place;           /* of the line in the request */
    struct slice location_id; /* empty in PREPARE: the shard picks; VOTE: where it is */
    int64_t quantity;
};

/* HOLD_PREPARE and so on: the home of a hold and one SKU of it on another shard. */
struct inventory_hold_message {
    struct inventory_hold_id hold_id;
    uint64_t sku_hash;
    uint64_t version;      /* PREPARE, STATE: the home's; ACK: the line's */
    enum hold_state state; /* STATE */
    int64_t expire_ms;     /* PREPARE, STATE */
    bool fulfil;           /* STATE: fulfil it and report */
    uint32_t code;         /* VOTE: 1 it is TENTATIVE; else as in a remembered outcome */
    uint32_t field;        /* VOTE: enum inventory_field of a refusal */
    uint32_t line;         /* VOTE: place of the line refused */
    enum hold_report report;                    /* ACK */
    const struct inventory_shortage *shortages; /* VOTE, ACK; lines are places */
    uint32_t shortage_count;
    const struct inventory_message_line *lines; /* PREPARE, VOTE */
    uint32_t line_count;
    /* PREPARE */
    struct slice sku_id;
    struct slice reference;
    bool allow_backorder;
    struct hash128 request_id;
    int64_t request_ms;
    uint32_t attempt;
};

/* What waiting reads touch, and what the shard's memory needs. Due holds on the SKUs and
 * the due holds named are expired first, then at most 1,000 others. */
struct inventory_tick {
    const uint64_t *sku_hashes;
    uint32_t sku_count;
    const struct inventory_hold_id *holds;
    uint32_t hold_count;
    int64_t floor_ms; /* 0, or forget request ids up to here if the rules allow it */
};

/* A stream of a warehouse system, as all its commands name it. */
struct inventory_source {
    struct hash128 id; /* hash128(source_id, 0) */
    uint64_t epoch;    /* above 0; a higher one starts the sequences anew */
    uint64_t
        incarnation; /* counts the openings; 0 in OPEN: the home gives the next one */
};

struct inventory_source_open {
    struct inventory_source source;
    uint64_t home_hash;   /* key_hash(source_id): whoever owns it is the home */
    uint32_t sources_max; /* lanes of one shard */
};

/* What becomes of an update whose SKU is not there. */
enum inventory_missing {
    INVENTORY_MISSING_REFUSE = 1,
    INVENTORY_MISSING_SKIP = 2,   /* taken and counted, nothing is done */
    INVENTORY_MISSING_CREATE = 3, /* the SKU is made, as a DRAFT */
};

struct inventory_source_item {
    uint64_t sequence; /* above 0, growing within the command */
    struct slice sku_id;
    struct slice location_id;
    bool absolute; /* `quantity` is the bucket's new value, else a difference */
    enum stock_bucket bucket;
    int64_t quantity;
    enum stock_reason reason;
    struct slice reference;
    int64_t occurred_ms; /* 0: not said */
};

/*
 * The items of a stream that lie in one key range, in order. `prev` is the item before the
 * first of them that the stream has cut for this range, 0 for none above what was through
 * as it opened. The shard takes them only behind that one.
 */
struct inventory_source_update {
    struct inventory_source source;
    struct key_range range; /* it was cut for; contains the shard's own */
    uint64_t prev;
    uint64_t through; /* what the home has logged: refusals up to here may be forgotten */
    enum inventory_missing on_missing;
    bool stop; /* at the first refusal, which is not settled: it may come again */
    uint32_t attributes_max; /* of a SKU made */
    const struct inventory_source_item *items;
    uint32_t item_count;
};

struct inventory_source_through {
    struct inventory_source source;
    uint64_t home_hash;
    uint64_t through;
};

struct inventory_command {
    enum inventory_command_kind kind;
    struct inventory_identity identity;
    union {
        struct inventory_sku_upsert sku_upsert;
        struct inventory_sku_delete sku_delete;
        struct inventory_location_upsert location_upsert; /* and LOCATION_COPY */
        struct inventory_stock_adjust stock_adjust;
        struct inventory_stock_set stock_set;
        struct inventory_stock_move stock_move;
        struct inventory_count_start count_start;
        struct inventory_count_submit count_submit;
        struct inventory_count_close count_close;
        struct inventory_hold_create hold_create;
        struct inventory_hold_change hold_change; /* all five */
        struct inventory_tick tick;
        struct inventory_source_open source_open;
        struct inventory_source_update source_update;
        struct inventory_source_through source_through;
        struct inventory_hold_message hold_message; /* all five */
        struct inventory_alias_reserve alias_reserve;
        struct inventory_alias_settle alias_settle;
    };
};

/* Is this the number of a kind that apply decides? */
bool inventory_command_known(uint32_t kind);

/* SOURCE_OPEN, _UPDATE, _THROUGH. */
static inline bool inventory_command_of_source(enum inventory_command_kind kind)
{
    return kind >= INVENTORY_SOURCE_OPEN && kind <= INVENTORY_SOURCE_THROUGH;
}
/* What the movements of an item carry in place of a request id. */
struct hash128 inventory_source_request(const struct inventory_source *source,
                                        uint64_t sequence);

/* Is it one of those that shards tell each other? */
static inline bool inventory_command_is_message(enum inventory_command_kind kind)
{
    return kind >= INVENTORY_HOLD_PREPARE && kind <= INVENTORY_HOLD_QUESTION;
}

/* The hash that routes the command and under which its request id is remembered: of the
 * SKU, of the location, of the first line's SKU, or the hold's anchor. `seed` is the
 * cluster's hash seed. Not for TICK, REQUEST_SEAL,
 * COUNT_START and COUNT_CLOSE (identity.anchor is given). */
uint64_t inventory_command_anchor(const struct inventory_command *command, uint64_t seed);

/* 64 bits over what the caller asked for, in canonical form: kind and payload, but
 * neither limits, nor defaults filled in, nor the nonce, nor the identity. */
uint64_t inventory_command_fingerprint(const struct inventory_command *command);

/* What stands for a request among reservations: its id and its payload. Not 0. */
uint64_t inventory_alias_by(const struct inventory_command *upsert);

/* OK, or INVALID (QUANTITY_LIMIT for numbers above a setting) with field and message:
 * what apply refuses without looking at its state. For the edge, before append; apply
 * runs it again. `problem` may be NULL. */
MUST_USE enum status inventory_command_check(const struct inventory_command *command,
                                             struct problem *problem);

#endif
