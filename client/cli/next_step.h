/* SPDX-License-Identifier: Apache-2.0 */
/* What to type next after a refusal, with what was typed filled in. Pure. */
#ifndef SOUK_CLIENT_CLI_NEXT_STEP_H
#define SOUK_CLIENT_CLI_NEXT_STEP_H

#include "client/cli/command.h"
#include "client/include/souk/common.h"

enum {
    NEXT_STEP_BYTES = 512,
};

/* Every failure has one. */
void next_step(const struct command_line *line, const struct souk_error *error,
               char out[NEXT_STEP_BYTES]);

#endif
