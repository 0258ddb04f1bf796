/* SPDX-License-Identifier: Apache-2.0 */
/* libsouk: the C client of Souk. Link with `pkg-config --cflags --libs souk`. */
#ifndef SOUK_SOUK_H
#define SOUK_SOUK_H

#include <souk/catalog.h>
#include <souk/client.h>
#include <souk/cluster.h>
#include <souk/common.h>
#include <souk/customer.h>
#include <souk/event.h>
#include <souk/hold.h>
#include <souk/import.h>
#include <souk/location.h>
#include <souk/outcome.h>
#include <souk/recommend.h>
#include <souk/stock.h>
#include <souk/stock_stream.h>
#include <souk/stock_watch.h>

#endif
