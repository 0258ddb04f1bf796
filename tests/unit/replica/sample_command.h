/* SPDX-License-Identifier: Apache-2.0 */
/* One command of every kind, each field set to a value of its own. */
#ifndef SOUK_TESTS_UNIT_REPLICA_SAMPLE_COMMAND_H
#define SOUK_TESTS_UNIT_REPLICA_SAMPLE_COMMAND_H

#include "shard/replica/command.h"

enum {
    SAMPLE_SKU_COMMANDS = 14,
    SAMPLE_CUSTOMER_COMMANDS = 5,
};

/* Kinds 1 to SAMPLE_SKU_COMMANDS. What it points at is static. */
struct inventory_command sample_sku(unsigned kind);
struct customer_command sample_customer(unsigned kind);

#endif
