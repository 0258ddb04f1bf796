/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch of stock: levels as they are, then every change of them. A part of it per shard
 * lives on that shard's loop; it asks for a page of the ledger whenever the shard has
 * applied something, and sends it from there. Nothing is kept for a watcher: a page that
 * finds no room is asked for again once there is some, and who makes none is sent away.
 *
 *     SNAPSHOT --last level--> \
 *     TAIL --where it ends-->   (all parts) --> CHANGES
 *     a token's place ------>  /
 */
#ifndef SOUK_SERVER_SERVICE_WATCH_RUN_H
#define SOUK_SERVER_SERVICE_WATCH_RUN_H

#include "proto/rpc/rpc_stream.h"
#include "proto/souk/v1/stock.pb-c.h"

/* For struct souk__v1__stock_service__watch_stock__handler. */
void watch_run_open(struct rpc_stream *stream, const Souk__V1__WatchStockRequest *request,
                    void *context);
void watch_run_writable(struct rpc_stream *stream, void *user);
void watch_run_draining(struct rpc_stream *stream, void *user);
void watch_run_done(struct rpc_stream *stream, const struct rpc_status *status,
                    void *user);

#endif
