/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All settings and limits of a node in one table: defaults, bounds, flags (--log-level),
 * YAML keys (log_level) and documentation follow from a line.
 *     N(name, "default", minimum, maximum, unit, "help")   an integer
 *     S(name, "default", "choices or empty", "help")       a string
 */
#ifndef SOUK_SHARD_BASE_SETTING_H
#define SOUK_SHARD_BASE_SETTING_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

/* clang-format off */
#define SETTING_TABLE(N, S)                                                                          \
    S(dir,                  "",             "",                     "data folder; made if missing")  \
    S(listen,               "127.0.0.1",    "",                     "address of the client port")    \
    N(port,                 7400, 0, 65535, "",                     "client port; 0 lets the system choose and writes <dir>/ports.json") \
    N(admin_port,           0, 0, 65535,    "",                     "HTTP port for /metrics, /health/live and /health/ready, loopback only; 0 lets the system choose") \
    S(log_level,            "info",         "debug|info|warn|error", "least level written")          \
    S(log_format,           "logfmt",       "logfmt|json",          "form of the log lines")         \
    N(rpc_workers,          1, 1, 64,       "",                     "threads that decode and validate calls") \
    N(shard_loops,          1, 1, 64,       "",                     "threads that own replicas")     \
    N(sku_shards,           4, 1, 1024,     "",                     "SKU shards of a new data folder") \
    N(customer_shards,      1, 1, 64,       "",                     "customer shards of a new data folder; divides virtual_buckets") \
    N(message_max_bytes,    4194304, 65536, 67108864, "bytes",      "largest message taken")         \
    N(deadline_max_ms,      60000, 10, 3600000, "ms",               "deadline given to calls that bring none, and the longest honoured") \
    N(stop_grace_ms,        5000, 0, 600000, "ms",                  "time for calls in progress after SIGTERM") \
    N(batch_max_items,      1000, 1, 100000, "",                    "items in one batch call")       \
    N(hold_lines_max,       200, 1, 10000,  "",                     "lines in one hold")             \
    N(hold_ttl_max_s,       86400, 1, 2592000, "s",                 "longest life of a hold, extensions included") \
    N(hold_prepare_ms,      2000, 100, 60000, "ms",                "a hold over several shards that is not decided by then holds nothing") \
    N(hold_ttl_default_s,   900, 1, 86400,  "s",                    "life of a hold that names none") \
    N(owner_holds_max,      10000, 1, 10000000, "",                 "open holds of one owner")       \
    N(attributes_max,       64, 0, 1024,    "",                     "attributes of one SKU")         \
    N(proposal_queue_max_bytes, 16777216, 65536, 1073741824, "bytes", "proposals waiting on one loop before OVERLOADED") \
    N(apply_queue_max_bytes, 67108864, 1048576, 1073741824, "bytes", "state writes waiting for RocksDB before OVERLOADED") \
    N(request_id_memory_max_bytes, 1073741824, 65536, 68719476736, "bytes", "remembered outcomes of one shard") \
    N(flush_interval_ms,    200, 1, 60000,  "ms",                   "longest time a change stays out of RocksDB (the log has it)") \
    N(persist_interval_ms,  30000, 1, 3600000, "ms",               "longest time changes lie in RocksDB's memory only: so much a restart replays from the log") \
    N(log_segment_bytes,    67108864, 1048576, 1073741824, "bytes", "size of one log segment file")  \
    N(log_entry_max_bytes,  1048576, 4096, 16777216, "bytes",       "commands of one turn in one log entry") \
    N(raft_tick_ms,         100, 1, 10000,  "ms",                   "heartbeats of a shard of several members; without one for 10 to 20 of these a new leader is elected") \
    N(snapshot_bytes_per_s, 67108864, 65536, 17179869184, "bytes/s", "pace at which one replica asks for the parts of a snapshot") \
    N(event_batch_max,      1000, 1, 100000, "",                    "events in one call")            \
    N(stream_credit_max,    64, 1, 65536,   "",                     "unanswered messages on one client stream") \
    N(stream_idle_max_s,    900, 1, 86400, "s",                     "silence after which a stock stream that is owed nothing is closed") \
    N(watch_keep_s,         604800, 0, 315360000, "s",              "how far back a watch may go on from; 0: as far as the ledger") \
    N(watch_heartbeat_ms,   5000, 10, 600000, "ms",                 "silence on a watch after which its token is told") \
    N(watch_slow_max_ms,    10000, 10, 600000, "ms",                "a watcher that makes no room for so long is sent away") \
    N(sources_max,          1024, 1, 1000000, "",                   "warehouse systems that stream their movements") \
    N(imports_max,          10000, 1, 1000000, "",                  "imports whose rows are remembered") \
    N(imports_refused_max,  4000000, 1, 1000000000, "rows",         "refused rows of imports that one shard remembers, so that they are taken once their cause is gone") \
    N(neighbours_candidates, 1500, 1, 100000, "sessions",           "m: sessions considered, over all buckets") \
    N(neighbours_kept,      300, 1, 100000, "sessions",             "k: sessions that vote, over all buckets") \
    N(neighbours_clicks,    9, 1, 9,        "clicks",               "L: newest clicks of a session that are looked at") \
    S(walk_kinds,           "purchases",    "purchases|intents|all", "actions that make two customers alike: purchases; carts and wishes, too; or views and clicks, too") \
    N(walk_customers,       2000, 1, 100000, "customers",           "m of the walk: customers visited per seed, over all buckets") \
    N(walk_nearest,         1000, 1, 1000,  "items",                "N of the walk: items that one seed speaks for") \
    N(walk_power_quarters,  1, 0, 4,        "quarters",             "4a of the walk: how little a long history counts") \
    N(walk_power_hundredths, 15, 0, 100,    "hundredths",           "100b of the walk: how little a popular item counts") \
    N(walk_then_window,     3, 1, 8,        "steps",                "how soon an item follows another to count as taken next") \
    N(walk_seeds,           20, 1, 64,      "items",                "newest items of a customer's history that are walked from") \
    N(walk_seed_decay_percent, 100, 1, 100, "%",                    "what an item walked from counts, of the newer one before it") \
    N(walk_then_seed_decay_percent, 100, 1, 100, "%",               "the same, for what was taken next") \
    N(buy_again_basket_hours, 24, 1, 8760,  "hours",                "purchases of one such stretch are one basket") \
    N(buy_again_group,      7, 1, 1000,     "baskets",              "baskets of one group, which age together") \
    N(buy_again_within_percent, 95, 1, 100, "%",                    "what a basket keeps per newer one of its group") \
    N(buy_again_across_percent, 90, 1, 100, "%",                    "what a group keeps per newer one") \
    N(buy_again_due_percent, 50, 0, 1000,    "%",                    "added to an item whose repeat interval is nearly over") \
    N(content_reach,        5000, 1, 1000000, "SKUs",               "an attribute that more SKUs have is weighed, but brings none by itself") \
    N(arrivals_days,        30, 1, 3650,    "days",                 "a SKU is new for so long")       \
    N(arrivals_explored_percent, 10, 0, 100, "%",                   "of new items shown: drawn from all that are new, not the newest") \
    N(virtual_buckets,      64, 1, 64,      "",                     "V: parts in which evidence is cut; a power of two that customer_shards divides") \
    S(placements,           "",             "",                     "overrides of placements: name=source:weight,.../fallback:weight;...") \
    N(answers_kept,         10000, 0, 1000000, "answers",           "newest answers that ExplainAnswer can still explain; 0: none") \
    N(answers_kept_max_bytes, 67108864, 0, 17179869184, "bytes",    "what they may take; the oldest go first") \
    N(search_workers,       1, 0, 64,       "",                     "threads that run long searches; 0: every search runs on its shard loop") \
    N(search_hand_over_postings, 4000, 0, 1000000000, "postings",   "estimated work of a search from which on a search worker runs it") \
    N(bucket_sessions_max,  1000000, 1, 100000000, "sessions",      "sessions of one virtual bucket (of 64) that are evidence: the newest") \
    N(session_items_max,    200, 1, 10000,  "",                     "items of a session beyond which it is no evidence") \
    N(session_gap_s,        1800, 1, 86400, "s",                    "pause that ends a session")     \
    N(slow_call_ms,         1000, 1, 3600000, "ms",                 "calls that take longer are logged") \
    N(disk_full_percent,    90, 10, 100,    "%",                    "use of the disk above which new work is refused")
/* clang-format on */

enum {
    SETTING_STRING_BYTES_MAX = 1023,
};

struct settings {
#define SETTING_NUMBER_MEMBER(name, value, least, most, unit, help) int64_t name;
#define SETTING_STRING_MEMBER(name, value, choices, help)                                \
    char name[SETTING_STRING_BYTES_MAX + 1];
    SETTING_TABLE(SETTING_NUMBER_MEMBER, SETTING_STRING_MEMBER)
#undef SETTING_NUMBER_MEMBER
#undef SETTING_STRING_MEMBER
};

struct setting_info {
    const char *name;
    bool is_string;
    const char *default_text;
    int64_t least;
    int64_t most;
    const char *unit;
    const char *choices; /* "a|b", or empty */
    const char *help;
};

void settings_init(struct settings *settings); /* the defaults */
unsigned setting_count(void);
const struct setting_info *setting_info(unsigned index); /* static storage */
/* Sets one by its name ('-' counts as '_'); the problem names what is allowed. */
MUST_USE enum status settings_set(struct settings *settings, struct slice name,
                                  struct slice value, struct problem *problem);

#endif
