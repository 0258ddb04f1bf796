/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals that name what they are about. A shard decides by field and line alone; here
 * the ids and paths of the request are put back in. Plain functions, for any thread;
 * everything borrows from the request.
 */
#ifndef SOUK_SERVER_SERVICE_REFUSAL_H
#define SOUK_SERVER_SERVICE_REFUSAL_H

#include <stdbool.h>

#include "proto/souk/v1/hold.pb-c.h"
#include "proto/souk/v1/import.pb-c.h"
#include "proto/souk/v1/stock.pb-c.h"
#include "shard/base/status.h"
#include "shard/inventory/command.h"
#include "shard/inventory/outcome.h"

/* What a request named, and where in it. */
struct refusal_names {
    const char *prefix;  /* of the paths, e.g. "adjustment."; "" when they have none */
    bool plain;          /* fields stand at the top of the request: a move */
    bool of_line;        /* sku_id, location_id and quantity stand in lines[i] */
    struct slice sku_id; /* of the line the outcome is about, for a hold */
    struct slice location_id;
    struct slice to_location_id; /* of a move */
    struct slice hold_id;
};

/* An outcome's refusal: the path as the request has it, and NOT_FOUND with the id. */
void refusal_of_outcome(const struct inventory_outcome *outcome,
                        const struct refusal_names *names, struct problem *out);

/* NOT_FOUND of a thing ("SKU") by its id, escaped and cut to 128 bytes. `create` is the
 * call that makes one, or NULL. */
enum status refusal_missing(struct problem *problem, const char *field, const char *thing,
                            struct slice id, const char *create);

/* The names of a command or message; `line` is the one that the outcome is about. */
void refusal_names_of_command(const struct inventory_command *command, uint32_t line,
                              struct refusal_names *out);
void refusal_names_of_hold(const Souk__V1__CreateHoldRequest *request, uint32_t line,
                           struct refusal_names *out);
void refusal_names_of_adjust(const Souk__V1__AdjustStockRequest *request,
                             struct refusal_names *out);
void refusal_names_of_row(const Souk__V1__ImportRow *row, struct refusal_names *out);

#endif
