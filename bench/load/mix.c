/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/mix.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"

static const char *const load_kind_names[LOAD_KINDS] = {"reserve", "adjust", "read",
                                                        "recommend", "event"};

const char *load_kind_name(enum load_kind kind)
{
    ASSERT((unsigned)kind < LOAD_KINDS);
    return load_kind_names[kind];
}

/* "reserve=9" up to a comma or the end; answers what follows it, or NULL. */
static const char *mix_parse_part(const char *text, struct mix *mix)
{
    size_t name_size = strcspn(text, "=,");
    unsigned long weight = 1;
    char *end;
    for (unsigned i = 0; i < LOAD_KINDS; i++) {
        if (strlen(load_kind_names[i]) != name_size ||
            strncmp(load_kind_names[i], text, name_size) != 0) {
            continue;
        }
        text += name_size;
        if (*text == '=') {
            weight = strtoul(text + 1, &end, 10);
            if (end == text + 1 || text[1] < '0' || text[1] > '9') {
                return NULL;
            }
            text = end;
        }
        if (mix->weights[i] != 0 || weight > MIX_WEIGHT_MAX) {
            return NULL;
        }
        mix->weights[i] = (uint32_t)weight;
        mix->total += (uint32_t)weight;
        return text;
    }
    return NULL;
}

bool mix_parse(const char *text, struct mix *out_mix)
{
    struct mix mix = {0};
    for (;;) {
        text = mix_parse_part(text, &mix);
        if (text == NULL || (*text != '\0' && *text != ',')) {
            return false;
        }
        if (*text++ == '\0') {
            break;
        }
    }
    if (mix.total == 0) {
        return false;
    }
    *out_mix = mix;
    return true;
}

enum load_kind mix_next(const struct mix *mix, struct rng *rng)
{
    uint64_t place = rng_below(rng, mix->total);
    for (unsigned i = 0; i < LOAD_KINDS; i++) {
        if (place < mix->weights[i]) {
            return (enum load_kind)i;
        }
        place -= mix->weights[i];
    }
    UNREACHABLE();
}
