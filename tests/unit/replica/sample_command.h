/* SPDX-License-Identifier: Apache-2.0 */
/* One command of every kind, each field set to a value of its own. */
#ifndef SOUK_TESTS_UNIT_REPLICA_SAMPLE_COMMAND_H
#define SOUK_TESTS_UNIT_REPLICA_SAMPLE_COMMAND_H

#include "shard/replica/command.h"

enum {
    SAMPLE_SKU_COMMANDS = 14,
    /* Those of stock that are numbered apart. */
    SAMPLE_SKU_APART_FIRST = INVENTORY_STOCK_MOVE,
    SAMPLE_SKU_APART_LAST = INVENTORY_COUNT_CLOSE,
    SAMPLE_CUSTOMER_COMMANDS = 5,
};

/* Kinds 1 to SAMPLE_SKU_COMMANDS, and those apart. What it points at is static. */
struct inventory_command sample_sku(unsigned kind);
struct customer_command sample_customer(unsigned kind);

#endif
