/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomerService.ExportCustomer: the profile, then the events page by page, as the reader
 * takes them. One page is in memory at a time, beside what the stream has queued.
 */
#ifndef SOUK_SERVER_SERVICE_CUSTOMER_EXPORT_H
#define SOUK_SERVER_SERVICE_CUSTOMER_EXPORT_H

#include "proto/rpc/rpc_stream.h"
#include "proto/souk/v1/customer.pb-c.h"

/* Of the generated handler; the context is the service. */
void customer_export_open(struct rpc_stream *stream,
                          const Souk__V1__ExportCustomerRequest *request, void *context);
void customer_export_writable(struct rpc_stream *stream, void *user);
void customer_export_draining(struct rpc_stream *stream, void *user);
void customer_export_done(struct rpc_stream *stream, const struct rpc_status *status,
                          void *user);

#endif
