/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All metrics of a node in one table. Counting is one relaxed atomic add from any thread;
 * reading is the admin edge's business. Names carry no personal data and labels are few:
 * a metric is a line here, and its documentation is generated from the line.
 *     X(identifier, kind, "prometheus_name", "help")
 * Histograms count microseconds in the buckets of METRIC_BUCKETS_US.
 */
#ifndef SOUK_SHARD_BASE_METRIC_H
#define SOUK_SHARD_BASE_METRIC_H

#include <stdint.h>

#include "shard/base/buffer.h"

/* clang-format off */
#define METRIC_TABLE(X)                                                                        \
    X(RPC_STARTED,          COUNTER,   "souk_rpc_started_total",           "Calls taken from the wire")               \
    X(RPC_OK,               COUNTER,   "souk_rpc_ok_total",                "Calls answered OK")                       \
    X(RPC_REFUSED,          COUNTER,   "souk_rpc_refused_total",           "Calls answered with a status other than OK") \
    X(RPC_OPEN,             GAUGE,     "souk_rpc_open",                    "Calls in progress")                       \
    X(RPC_LATENCY,          HISTOGRAM, "souk_rpc_latency_us",              "Microseconds from arrival to answer of unary calls") \
    X(LOG_BATCHES,          COUNTER,   "souk_log_batches_total",           "Batches synced to the log")               \
    X(LOG_BYTES,            COUNTER,   "souk_log_bytes_total",             "Bytes written to the log")                \
    X(LOG_SYNC_LATENCY,     HISTOGRAM, "souk_log_sync_latency_us",         "Microseconds of one write and sync of the log") \
    X(ENTRIES_APPLIED,      COUNTER,   "souk_entries_applied_total",       "Log entries applied")                     \
    X(COMMANDS_APPLIED,     COUNTER,   "souk_commands_applied_total",      "Commands applied")                        \
    X(COMMANDS_REPLAYED,    COUNTER,   "souk_commands_replayed_total",     "Commands answered from the memory of request ids") \
    X(PROPOSALS_OVERLOADED, COUNTER,   "souk_proposals_overloaded_total",  "Proposals refused because a queue was full") \
    X(FLUSHES,              COUNTER,   "souk_flushes_total",               "State batches written")                   \
    X(FLUSH_LATENCY,        HISTOGRAM, "souk_flush_latency_us",            "Microseconds of one state batch")         \
    X(PEER_MESSAGES_DROPPED, COUNTER,  "souk_peer_messages_dropped_total", "Messages of other replicas that were damaged, foreign, or of a removed or unknown one") \
    X(PROPOSALS_DROPPED,    COUNTER,   "souk_proposals_dropped_total",     "Proposals whose entries were in the log of a leader that lost its place") \
    X(SNAPSHOTS_INSTALLED,  COUNTER,   "souk_snapshots_installed_total",   "Snapshots of a shard taken over from another replica") \
    X(SNAPSHOTS_FAILED,     COUNTER,   "souk_snapshots_failed_total",      "Snapshots that could not be made or read for another replica") \
    X(PEER_FRAMES,          COUNTER,   "souk_peer_frames_total",           "Frames sent to other nodes")              \
    X(PEER_BYTES,           COUNTER,   "souk_peer_bytes_total",            "Bytes in frames sent to other nodes")     \
    X(PEER_MESSAGES_SHED,   COUNTER,   "souk_peer_messages_shed_total",    "Messages to other nodes dropped because the queue was full, or the node not known or not connected") \
    X(PEERS_CONNECTED,      GAUGE,     "souk_peers_connected",             "Other nodes that are connected")          \
    X(CALLS_FORWARDED,      COUNTER,   "souk_calls_forwarded_total",       "Calls sent to the node that leads their shard") \
    X(CALLS_FROM_ELSEWHERE, COUNTER,   "souk_calls_from_elsewhere_total",  "Calls that other nodes sent here")        \
    X(HOLDS_OPEN,           GAUGE,     "souk_holds_open",                  "Holds neither ended nor expired")         \
    X(HOLDS_EXPIRED,        COUNTER,   "souk_holds_expired_total",         "Holds that expired by themselves")        \
    X(STOCK_UPDATES,        COUNTER,   "souk_stock_updates_total",         "Updates of stock streams applied, known ones not counted") \
    X(WATCHES_OPEN,         GAUGE,     "souk_watches_open",                "Open watches of stock")                  \
    X(WATCHES_SLOW,         COUNTER,   "souk_watches_slow_total",          "Watchers sent away because they read too slowly") \
    X(EVENTS_STORED,        COUNTER,   "souk_events_stored_total",         "Customer events stored, duplicates not counted") \
    X(RECOMMENDATIONS,      COUNTER,   "souk_recommendations_total",       "Recommendations answered")                \
    X(RECOMMEND_LATENCY,    HISTOGRAM, "souk_recommend_latency_us",        "Microseconds of one recommendation")      \
    X(RECOMMEND_PARTIAL,    COUNTER,   "souk_recommendations_partial_total", "Recommendations answered with coverage below 1") \
    X(SEARCHES_HANDED_OVER, COUNTER,   "souk_searches_handed_over_total",  "Searches run by a search worker, not on their loop") \
    X(SEARCHES_SHED,        COUNTER,   "souk_searches_shed_total",         "Searches refused because the search workers were busy")
/* clang-format on */

enum metric {
#define METRIC_ENUM(identifier, kind, name, help) METRIC_##identifier,
    METRIC_TABLE(METRIC_ENUM)
#undef METRIC_ENUM
    METRIC_COUNT,
};

enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_HISTOGRAM,
};

void metric_add(enum metric metric, uint64_t amount); /* counters */
void metric_gauge_add(enum metric metric, int64_t change);
void metric_gauge_set(enum metric metric, int64_t value);
void metric_observe_us(enum metric metric, uint64_t microseconds);
/* A counter's or a gauge's value, or a histogram's count. */
int64_t metric_value(enum metric metric);
/* Appends the Prometheus text exposition of every metric. */
void metric_render(struct buffer *out);

#endif
