/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do the loops turn? Each loop stamps the time once a second; a loop that has not for ten
 * seconds means that the node is not live. The stamps are atomic: any thread asks.
 */
#ifndef SOUK_SERVER_NODE_LIVENESS_H
#define SOUK_SERVER_NODE_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

struct liveness;
struct runtime;

struct liveness *liveness_start(struct runtime *runtime);
/* From here on silence is no fault. Before runtime_stop. NULL is fine. */
void liveness_stop(struct liveness *liveness);
/* After runtime_stop. NULL is fine. */
void liveness_free(struct liveness *liveness);
bool liveness_good(const struct liveness *liveness, uint64_t now_us);

#endif
