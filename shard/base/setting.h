/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All settings and limits of a node in one table: defaults, bounds, flags (--log-level),
 * YAML keys (log_level) and documentation follow from a line.
 *     N(name, "default", minimum, maximum, unit, "help")   an integer
 *     S(name, "default", "choices or empty", "help")       a string
 */
#ifndef SOUK_SHARD_BASE_SETTING_H
#define SOUK_SHARD_BASE_SETTING_H

#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

/* clang-format off */
#define SETTING_TABLE(N, S)                                                                          \
    S(dir,                  "",             "",                     "data folder; made if missing")  \
    S(listen,               "127.0.0.1",    "",                     "address of the client port")    \
    N(port,                 7400, 0, 65535, "",                     "client port; 0 lets the system choose and writes <dir>/ports.json") \
    N(admin_port,           0, 0, 65535,    "",                     "HTTP port for /metrics and /health, loopback only; 0 lets the system choose") \
    S(log_level,            "info",         "debug|info|warn|error", "least level written")          \
    S(log_format,           "logfmt",       "logfmt|json",          "form of the log lines")         \
    N(rpc_workers,          1, 1, 64,       "",                     "threads that decode and validate calls") \
    N(shard_loops,          1, 1, 64,       "",                     "threads that own replicas")     \
    N(sku_shards,           1, 1, 1024,     "",                     "SKU shards of a new data folder") \
    N(customer_shards,      1, 1, 64,       "",                     "customer shards of a new data folder; divides 64") \
    N(message_max_bytes,    4194304, 65536, 67108864, "bytes",      "largest message taken")         \
    N(deadline_max_ms,      60000, 10, 3600000, "ms",               "deadline given to calls that bring none, and the longest honoured") \
    N(stop_grace_ms,        5000, 0, 600000, "ms",                  "time for calls in progress after SIGTERM") \
    N(batch_max_items,      1000, 1, 100000, "",                    "items in one batch call")       \
    N(hold_lines_max,       200, 1, 10000,  "",                     "lines in one hold")             \
    N(hold_ttl_max_s,       86400, 1, 2592000, "s",                 "longest life of a hold, extensions included") \
    N(hold_ttl_default_s,   900, 1, 86400,  "s",                    "life of a hold that names none") \
    N(owner_holds_max,      10000, 1, 10000000, "",                 "open holds of one owner")       \
    N(attributes_max,       64, 0, 1024,    "",                     "attributes of one SKU")         \
    N(proposal_queue_max_bytes, 16777216, 65536, 1073741824, "bytes", "proposals waiting on one loop before OVERLOADED") \
    N(apply_queue_max_bytes, 67108864, 1048576, 1073741824, "bytes", "state writes waiting for RocksDB before OVERLOADED") \
    N(request_id_memory_max_bytes, 1073741824, 65536, 68719476736, "bytes", "remembered outcomes of one shard") \
    N(flush_interval_ms,    200, 1, 60000,  "ms",                   "longest time a change stays out of RocksDB (the log has it)") \
    N(log_segment_bytes,    67108864, 1048576, 1073741824, "bytes", "size of one log segment file")  \
    N(log_entry_max_bytes,  1048576, 4096, 16777216, "bytes",       "commands of one turn in one log entry") \
    N(event_batch_max,      1000, 1, 100000, "",                    "events in one call")            \
    N(stream_credit_max,    64, 1, 65536,   "",                     "unanswered messages on one client stream") \
    N(imports_max,          10000, 1, 1000000, "",                  "imports whose rows are remembered") \
    N(neighbours_candidates, 1500, 1, 100000, "sessions",           "m: sessions considered, over all buckets") \
    N(neighbours_kept,      300, 1, 100000, "sessions",             "k: sessions that vote, over all buckets") \
    N(search_workers,       1, 0, 64,       "",                     "threads that run long searches; 0: every search runs on its shard loop") \
    N(search_hand_over_postings, 4000, 0, 1000000000, "postings",   "estimated work of a search from which on a search worker runs it") \
    N(bucket_sessions_max,  1000000, 1, 100000000, "sessions",      "sessions of one virtual bucket (of 64) that are evidence: the newest") \
    N(session_items_max,    200, 1, 10000,  "",                     "items of a session beyond which it is no evidence") \
    N(session_gap_s,        1800, 1, 86400, "s",                    "pause that ends a session")     \
    N(slow_call_ms,         1000, 1, 3600000, "ms",                 "calls that take longer are logged") \
    N(disk_full_percent,    90, 10, 100,    "%",                    "use of the disk above which new work is refused")
/* clang-format on */

struct settings {
#define SETTING_NUMBER_MEMBER(name, value, least, most, unit, help) int64_t name;
#define SETTING_STRING_MEMBER(name, value, choices, help)           char name[256];
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
