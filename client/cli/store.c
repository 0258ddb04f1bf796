/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/store.h"

#include <csv.h>
#include <stdbool.h>
#include <string.h>

#include "client/cli/text.h"
#include "shard/base/hash.h"
#include "shard/base/rng.h"

enum {
    STORE_ID_BYTES = 32,
    STORE_NAME_BYTES = 128,
    STORE_DAYS = 90,
    STORE_SESSION_ITEMS_MAX = 9,
    /* Out of a hundred. */
    STORE_INTEREST_PERCENT = 85,  /* sessions in a theme the customer likes */
    STORE_COMPANION_PERCENT = 65, /* items that go with the last one */
    STORE_CART_PERCENT = 35,
    STORE_PURCHASE_PERCENT = 60, /* of what was put into the cart */
    STORE_VISITOR_PERCENT = 12,
    STORE_VISIT_PERCENT = 40, /* of sessions: in a shop and not at home */
    STORE_EMPTY_PERCENT = 4,  /* levels with nothing on hand */
    STORE_COMPANIONS = 3,
};

/* The store closes its books on 30 November 2025: no date depends on the day of writing.
 */
#define STORE_END_MS INT64_C(1764547200000)

const struct store_file *store_files(void)
{
    static const struct store_file files[STORE_FILES] = {
        {"locations.csv", "locations"}, {"catalog.csv", "catalog"},
        {"stock.csv", "stock"},         {"customers.csv", "customers"},
        {"events.csv", "events"},
    };
    return files;
}

/* Chance for one thing of one purpose, whatever was drawn before. */
static struct rng store_rng(const struct store_options *options, const char *purpose,
                            uint64_t index)
{
    struct rng rng;
    rng_init(&rng, hash64(slice_from_string(purpose), options->seed) ^ hash_mix(index));
    return rng;
}

/* SKUs are numbered theme by theme in turn, so any count has all themes. */
struct store_sku {
    unsigned theme;
    unsigned noun;
    unsigned variant;
    unsigned edition; /* 0, and more once every variant is used up */
};

static struct store_sku store_sku(uint32_t index)
{
    struct store_sku sku;
    uint32_t within = index / STORE_THEMES;
    sku.theme = index % STORE_THEMES;
    sku.noun = within % STORE_NOUNS;
    sku.variant = within / STORE_NOUNS % STORE_VARIANTS;
    sku.edition = within / STORE_NOUNS / STORE_VARIANTS;
    return sku;
}

static void store_sku_id(uint32_t index, char out[STORE_ID_BYTES])
{
    snprintf(out, STORE_ID_BYTES, "%s-%04u", store_themes[index % STORE_THEMES].code,
             index / STORE_THEMES + 1);
}

static void store_cell(FILE *out, const char *text, char end)
{
    csv_fwrite(out, text, strlen(text));
    fputc(end, out);
}

static void store_write_locations(const struct store_options *options, FILE *out)
{
    (void)options;
    fputs("location_id,name,type,address,time_zone\n", out);
    for (unsigned i = 0; i < STORE_PLACES; i++) {
        const struct store_place *place = &store_places[i];
        fprintf(out, "%s,", place->location_id);
        store_cell(out, place->name, ',');
        fprintf(out, "%s,", place->type);
        store_cell(out, place->address, ',');
        fprintf(out, "%s\n", place->time_zone);
    }
}

/* About the noun's price, ending in .90 or .50 as prices do. */
static uint32_t store_cents(const struct store_options *options, uint32_t index)
{
    struct rng rng = store_rng(options, "price", index);
    struct store_sku sku = store_sku(index);
    uint32_t base = store_themes[sku.theme].nouns[sku.noun].cents;
    uint32_t cents = base * (80 + (uint32_t)rng_below(&rng, 50)) / 100;
    return cents < 100 ? 90 : cents / 100 * 100 + (rng_below(&rng, 3) ? 90 : 50);
}

static void store_write_catalog(const struct store_options *options, FILE *out)
{
    fputs("sku_id,name,state,brand,category,price,currency,variant\n", out);
    for (uint32_t i = 0; i < options->skus; i++) {
        struct rng rng = store_rng(options, "brand", i % (STORE_THEMES * STORE_NOUNS));
        struct store_sku sku = store_sku(i);
        const struct store_theme *theme = &store_themes[sku.theme];
        const struct store_noun *noun = &theme->nouns[sku.noun];
        const char *brand = theme->brands[rng_below(&rng, STORE_BRANDS)];
        char id[STORE_ID_BYTES], name[STORE_NAME_BYTES], edition[16] = "";
        uint32_t cents = store_cents(options, i);
        if (sku.edition > 0) {
            snprintf(edition, sizeof edition, ", no. %u", sku.edition + 1);
        }
        store_sku_id(i, id);
        snprintf(name, sizeof name, "%s %s, %s%s", brand, noun->name,
                 noun->variants[sku.variant], edition);
        fprintf(out, "%s,", id);
        store_cell(out, name, ',');
        fputs("active,", out);
        store_cell(out, brand, ',');
        snprintf(name, sizeof name, "%s/%s", theme->category, noun->category);
        store_cell(out, name, ',');
        fprintf(out, "%u.%02u,EUR,", cents / 100, cents % 100);
        store_cell(out, noun->variants[sku.variant], '\n');
    }
}

static void store_write_stock(const struct store_options *options, FILE *out)
{
    fputs("sku_id,location_id,on_hand,reference\n", out);
    for (uint32_t i = 0; i < options->skus; i++) {
        struct rng rng = store_rng(options, "stock", i);
        char id[STORE_ID_BYTES];
        store_sku_id(i, id);
        for (unsigned place = 0; place < STORE_PLACES; place++) {
            bool warehouse = place == STORE_PLACES - 1;
            uint64_t units = 1 + rng_below(&rng, warehouse ? 120 : 24);
            bool kept = warehouse || rng_below(&rng, 100) < 70;
            bool empty = rng_below(&rng, 100) < STORE_EMPTY_PERCENT;
            if (kept) {
                fprintf(out, "%s,%s,%llu,opening stock\n", id,
                        store_places[place].location_id,
                        (unsigned long long)(empty ? 0 : units));
            }
        }
    }
}

static unsigned store_interest(const struct store_options *options, uint32_t customer,
                               unsigned which)
{
    struct rng rng = store_rng(options, "interest", (uint64_t)customer * 4 + which);
    return (unsigned)rng_below(&rng, STORE_THEMES);
}

static void store_write_customers(const struct store_options *options, FILE *out)
{
    fputs("customer_id,country,city,club\n", out);
    for (uint32_t i = 0; i < options->customers; i++) {
        struct rng rng = store_rng(options, "customer", i);
        const char *city = store_cities[rng_below(&rng, STORE_CITIES)];
        const char *club = rng_below(&rng, 5) == 0 ? "gold" : "";
        fprintf(out, "C-%05u,DE,", i + 1);
        store_cell(out, city, ',');
        fprintf(out, "%s\n", club);
    }
}

/* Small numbers more often: the least of two draws. */
static uint64_t store_skewed(struct rng *rng, uint64_t bound)
{
    uint64_t a = rng_below(rng, bound), b = rng_below(rng, bound);
    return a < b ? a : b;
}

/* An item of a theme; few of them are popular, and not only those numbered first. */
static uint32_t store_pick(const struct store_options *options, struct rng *rng,
                           unsigned theme)
{
    uint32_t count = (options->skus - theme + STORE_THEMES - 1) / STORE_THEMES;
    uint32_t rank = (uint32_t)store_skewed(rng, store_skewed(rng, count) + 1);
    uint32_t within = (uint32_t)(((uint64_t)rank * 37 + theme * 11) % count);
    return within * STORE_THEMES + theme;
}

/* One of the few things that go with an item: another noun of the theme, in its colour. */
static uint32_t store_companion(const struct store_options *options, struct rng *rng,
                                uint32_t index)
{
    uint64_t which = store_skewed(rng, STORE_COMPANIONS);
    struct rng fixed = store_rng(options, "companion", (uint64_t)index * 8 + which);
    uint32_t within = index / STORE_THEMES;
    uint32_t noun =
        (within + 1 + (uint32_t)rng_below(&fixed, STORE_NOUNS - 1)) % STORE_NOUNS;
    uint32_t other = within / STORE_NOUNS * STORE_NOUNS + noun;
    uint32_t companion = other * STORE_THEMES + index % STORE_THEMES;
    return companion < options->skus ? companion : index;
}

struct store_session {
    const struct store_options *options;
    FILE *out;
    struct rng rng;
    char actor[STORE_ID_BYTES * 2]; /* "C-00017," or ",V-00003" */
    uint32_t number;
    int64_t time_ms;
    const char *location_id; /* "" at home */
    uint32_t *left;          /* events still to write */
    uint32_t *event;
};

static void store_event(struct store_session *session, const char *kind, uint32_t sku)
{
    char id[STORE_ID_BYTES], time[TEXT_TIME_BYTES];
    uint32_t cents = store_cents(session->options, sku);
    if (*session->left == 0) {
        return;
    }
    --*session->left;
    session->time_ms += 4000 + (int64_t)rng_below(&session->rng, 70000);
    store_sku_id(sku, id);
    text_time_format(session->time_ms / 1000 * 1000, time);
    fprintf(session->out, "E-%llu-%07u,%s,%s,%s,S-%06u,1,%u.%02u,EUR,%s,%s\n",
            (unsigned long long)session->options->seed, ++*session->event, session->actor,
            kind, id, session->number, cents / 100, cents % 100, time,
            session->location_id);
}

/* Many go to a shop: customers to the same one each time, others to any. */
static const char *store_session_place(const struct store_options *options,
                                       uint32_t number, uint64_t regular)
{
    struct rng rng = store_rng(options, "visit", number);
    struct rng home = store_rng(options, "shop", regular);
    unsigned place = (unsigned)rng_below(regular == 0 ? &rng : &home, STORE_PLACES);
    while (strcmp(store_places[place].type, "store") != 0) {
        place = (place + 1) % STORE_PLACES;
    }
    return rng_below(&rng, 100) < STORE_VISIT_PERCENT ? store_places[place].location_id
                                                      : "";
}

static void store_session_write(struct store_session *session)
{
    const struct store_options *options = session->options;
    struct rng *rng = &session->rng;
    uint32_t customer = (uint32_t)store_skewed(rng, options->customers);
    bool visitor = rng_below(rng, 100) < STORE_VISITOR_PERCENT;
    bool interested = !visitor && rng_below(rng, 100) < STORE_INTEREST_PERCENT;
    unsigned theme =
        interested ? store_interest(options, customer, (unsigned)store_skewed(rng, 3))
                   : (unsigned)rng_below(rng, STORE_THEMES);
    uint64_t items = 2 + store_skewed(rng, STORE_SESSION_ITEMS_MAX - 1);
    uint32_t sku;
    if (theme >= options->skus) {
        theme = 0;
    }
    sku = store_pick(options, rng, theme);
    session->location_id = store_session_place(options, session->number,
                                               visitor ? 0 : (uint64_t)customer + 1);
    if (visitor) {
        snprintf(session->actor, sizeof session->actor, ",V-%06u", session->number);
    } else {
        snprintf(session->actor, sizeof session->actor, "C-%05u,", customer + 1);
    }
    for (uint64_t i = 0; i < items; i++) {
        store_event(session, "view", sku);
        if (rng_below(rng, 100) < STORE_CART_PERCENT) {
            store_event(session, "cart_add", sku);
            if (rng_below(rng, 100) < STORE_PURCHASE_PERCENT) {
                store_event(session, "purchase", sku);
            }
        }
        sku = rng_below(rng, 100) < STORE_COMPANION_PERCENT
                  ? store_companion(options, rng, sku)
                  : store_pick(options, rng, theme);
    }
}

static void store_write_events(const struct store_options *options, FILE *out)
{
    uint32_t left = options->events, event = 0, number = 0;
    int64_t start_ms = STORE_END_MS - INT64_C(86400000) * STORE_DAYS;
    fputs("event_id,customer_id,visitor_id,kind,sku_id,session_id,quantity,price,"
          "currency,time,location_id\n",
          out);
    while (left > 0) {
        uint64_t done = options->events - left;
        struct store_session session = {
            .options = options,
            .out = out,
            .rng = store_rng(options, "session", number),
            .number = number + 1,
            /* Sessions spread evenly, in order; the last begins an hour before the end. */
            .time_ms =
                start_ms +
                (int64_t)(done * (STORE_DAYS * 24 - 1) / options->events * 3600000) +
                number % 60 * 60000,
            .left = &left,
            .event = &event,
        };
        store_session_write(&session);
        number++;
    }
}

void store_write(const struct store_options *options, unsigned file, FILE *out)
{
    static void (*const writers[STORE_FILES])(const struct store_options *, FILE *) = {
        store_write_locations, store_write_catalog, store_write_stock,
        store_write_customers, store_write_events};
    writers[file](options, out);
}
