/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that does not exist, written as Souk CSV. Everything follows from the seed, byte
 * for byte. Its customers have interests and tastes: who looks at a kettle goes on to
 * filters, and prefers the colour of the last thing, so that recommendations have
 * something to find.
 */
#ifndef SOUK_CLIENT_CLI_STORE_H
#define SOUK_CLIENT_CLI_STORE_H

#include <stdint.h>
#include <stdio.h>

enum {
    STORE_SKUS_DEFAULT = 2000,
    STORE_CUSTOMERS_DEFAULT = 5000,
    STORE_EVENTS_DEFAULT = 100000,
    STORE_SKUS_MAX = 100000,
    STORE_CUSTOMERS_MAX = 1000000,
    STORE_EVENTS_MAX = 50000000,
    STORE_FILES = 5,
};

struct store_options {
    uint64_t seed;
    uint32_t skus;
    uint32_t customers;
    uint32_t events;
};

/* What lies in each file; the order in which they are imported. */
struct store_file {
    const char *name; /* "catalog.csv" */
    const char *kind; /* of souk import */
};
const struct store_file *store_files(void); /* STORE_FILES of them */

/* Writes one file; the caller looks at ferror. */
void store_write(const struct store_options *options, unsigned file, FILE *out);

/* --- The words (store_words.c) ---------------------------------------------------------
 */

enum {
    STORE_THEMES = 16,
    STORE_NOUNS = 8,  /* per theme */
    STORE_BRANDS = 3, /* per theme */
    STORE_VARIANTS = 16,
    STORE_PLACES = 3,
    STORE_CITIES = 12,
};

struct store_noun {
    const char *name;
    const char *category;        /* below the theme's */
    const char *const *variants; /* STORE_VARIANTS of them */
    uint32_t cents;              /* about what it costs */
};

struct store_theme {
    const char *code; /* of SKU ids */
    const char *category;
    const char *brands[STORE_BRANDS];
    struct store_noun nouns[STORE_NOUNS];
};

struct store_place {
    const char *location_id;
    const char *name;
    const char *type;
    const char *address;
    const char *time_zone;
};

extern const struct store_theme store_themes[STORE_THEMES];
extern const struct store_place store_places[STORE_PLACES];
extern const char *const store_cities[STORE_CITIES];

#endif
