/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C names that protobuf-c 1.4.1 derives from .proto names (its
 * compiler/c_helpers.cc), so that our code and its code meet. One thread: the
 * generator's.
 */
#ifndef SOUK_PROTO_GENERATOR_NAMES_H
#define SOUK_PROTO_GENERATOR_NAMES_H

enum {
    NAME_BYTES_MAX = 512, /* of a C name; longer ones end the generator */
};

struct name {
    char text[NAME_BYTES_MAX];
};

/* ".souk.v1.GetSkuRequest" -> "Souk__V1__GetSkuRequest" (the leading dot is optional). */
struct name name_of_type(const char *full_name);
/* "souk.v1.StockService" -> "souk__v1__stock_service"; "AdjustStock" -> "adjust_stock".
 */
struct name name_lower(const char *full_name);
/* "souk/v1/stock.proto" -> "souk_v1_stock_proto" */
struct name name_of_file(const char *path);
/* "souk/v1/stock.proto", ".pb-c.h" -> "souk/v1/stock.pb-c.h" */
struct name name_of_output(const char *path, const char *suffix);

#endif
