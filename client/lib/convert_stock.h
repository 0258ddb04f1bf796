/* SPDX-License-Identifier: Apache-2.0 */
/* Levels and movements as the public structs have them; texts stay borrowed. */
#ifndef SOUK_CLIENT_LIB_CONVERT_STOCK_H
#define SOUK_CLIENT_LIB_CONVERT_STOCK_H

#include "client/include/souk/stock.h"
#include "proto/souk/v1/stock.pb-c.h"

void stock_level_back(const Souk__V1__StockLevel *level, struct souk_stock_level *out);
void stock_movement_back(const Souk__V1__Movement *movement, struct souk_movement *out);

#endif
