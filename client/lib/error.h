/* SPDX-License-Identifier: Apache-2.0 */
/* Filling struct souk_error. Any thread. */
#ifndef SOUK_CLIENT_LIB_ERROR_H
#define SOUK_CLIENT_LIB_ERROR_H

#include "client/include/souk/common.h"
#include "proto/rpc/rpc_status.h"

/* Copies all of `status`; the error then owns the copies (souk_error_clear). */
void error_from_status(const struct rpc_status *status, struct souk_error *out_error);
/* A refusal of the library's own, and its code. `error` may be NULL. */
enum souk_code error_set(struct souk_error *error, enum status status, const char *field,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
