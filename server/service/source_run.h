/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives one stream of stock updates. Its messages are taken on the stream's rpc worker; the
 * flow lives on one loop (its home), where everything comes together as tasks: messages,
 * answers of shards, what happens to the stream. Memory goes once the stream has ended and
 * every shard has answered.
 */
#ifndef SOUK_SERVER_SERVICE_SOURCE_RUN_H
#define SOUK_SERVER_SERVICE_SOURCE_RUN_H

#include "server/service/source_message.h"

struct source_run;

/* For struct souk__v1__stock_service__stream_stock_updates__handler. */
void source_run_open(struct rpc_stream *stream, void *context);
void source_run_message(struct rpc_stream *stream,
                        const Souk__V1__StreamStockUpdatesRequest *request, void *user);
void source_run_half_close(struct rpc_stream *stream, void *user);
void source_run_writable(struct rpc_stream *stream, void *user);
void source_run_draining(struct rpc_stream *stream, void *user);
void source_run_done(struct rpc_stream *stream, const struct rpc_status *status,
                     void *user);

#endif
