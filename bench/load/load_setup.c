/* SPDX-License-Identifier: Apache-2.0 */
/* The store that a load runs against, brought in as an import: durable, and repeatable. */
#include "bench/load/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    SETUP_UNITS = 1000000000, /* more than a run can take */
    SETUP_ROWS = 500,
    SETUP_SESSION_ITEMS = 5,  /* purchases of one visitor */
    SETUP_NEIGHBOURHOOD = 50, /* visitors buy SKUs that lie close together */
    SETUP_TEXT_BYTES = 48,
};

struct setup {
    struct load *load;
    struct souk_import *import;
    struct souk_error error;
    struct rng rng;
    uint64_t line;
    unsigned rows_used;
    struct souk_import_row rows[SETUP_ROWS];
    char texts[SETUP_ROWS][2][SETUP_TEXT_BYTES];
    uint64_t refused;
};

static void setup_ack(void *context, const struct souk_import_ack *ack)
{
    struct setup *setup = context;
    if (ack->failure_count > 0 && setup->refused == 0) {
        fprintf(stderr, "souk-load: setup, line %" PRIu64 ": %s: %s\n",
                ack->failures[0].line, ack->failures[0].status.reason,
                ack->failures[0].status.message);
    }
    setup->refused += ack->failure_count;
}

static bool setup_flush(struct setup *setup)
{
    enum souk_code code =
        souk_import_send(setup->import, setup->rows, setup->rows_used, &setup->error);
    setup->rows_used = 0;
    return code == SOUK_OK;
}

/* The next row, or NULL when the import has failed. */
static struct souk_import_row *setup_row(struct setup *setup, enum souk_import_kind kind)
{
    struct souk_import_row *row;
    if (setup->rows_used == SETUP_ROWS && !setup_flush(setup)) {
        return NULL;
    }
    row = &setup->rows[setup->rows_used++];
    *row = (struct souk_import_row){.line = ++setup->line, .kind = kind};
    return row;
}

static char *setup_text(struct setup *setup, unsigned which)
{
    return setup->texts[setup->rows_used - 1][which];
}

static bool setup_stock(struct setup *setup)
{
    const struct load_options *options = &setup->load->options;
    struct souk_import_row *row = setup_row(setup, SOUK_IMPORT_LOCATION);
    row->record.location.location_id = options->location;
    row->record.location.type = SOUK_LOCATION_WAREHOUSE;
    for (uint64_t key = 0; key < options->keys; key++) {
        row = setup_row(setup, SOUK_IMPORT_SKU);
        if (row == NULL) {
            return false;
        }
        load_sku_id(key, setup_text(setup, 0));
        row->record.sku.sku_id = setup_text(setup, 0);
        row->record.sku.name = setup_text(setup, 0);
        row->record.sku.state = SOUK_SKU_ACTIVE;
        row = setup_row(setup, SOUK_IMPORT_STOCK);
        if (row == NULL) {
            return false;
        }
        load_sku_id(key, setup_text(setup, 0));
        row->record.stock.sku_id = setup_text(setup, 0);
        row->record.stock.location_id = options->location;
        row->record.stock.on_hand = SETUP_UNITS;
    }
    return true;
}

static bool setup_events(struct setup *setup)
{
    const struct load_options *options = &setup->load->options;
    uint64_t base = 0;
    for (uint64_t i = 0; i < options->events; i++) {
        struct souk_import_row *row = setup_row(setup, SOUK_IMPORT_EVENT);
        uint64_t key;
        if (row == NULL) {
            return false;
        }
        if (i % SETUP_SESSION_ITEMS == 0) {
            base = key_choice_next(&setup->load->choice, &setup->rng);
        }
        key = (base + rng_below(&setup->rng, SETUP_NEIGHBOURHOOD)) % options->keys;
        load_sku_id(key, setup_text(setup, 0));
        snprintf(setup_text(setup, 1), SETUP_TEXT_BYTES, "visitor-%" PRIu64,
                 i / SETUP_SESSION_ITEMS);
        row->record.event.sku_id = setup_text(setup, 0);
        row->record.event.visitor_id = setup_text(setup, 1);
        row->record.event.session_id = setup_text(setup, 1);
        row->record.event.kind = SOUK_EVENT_PURCHASE;
        row->record.event.quantity = 1;
        row->record.event.occurred_time_ms = load_wall_ms();
    }
    return true;
}

bool load_setup(struct load *load)
{
    static struct setup setup;
    char import_id[64];
    struct souk_import_options options = {
        .import_id = import_id, .on_ack = setup_ack, .context = &setup};
    bool done;
    setup = (struct setup){.load = load};
    rng_init(&setup.rng, load->options.seed);
    key_choice_init(&load->choice, load->options.choice, load->options.keys,
                    load->options.theta);
    snprintf(import_id, sizeof import_id, "load-%" PRIu64 "-%" PRIu64 "-%" PRIu64,
             load->options.keys, load->options.events, load->options.seed);
    if (souk_import_open(load->client, &options, &setup.import, &setup.error) !=
        SOUK_OK) {
        fprintf(stderr, "souk-load: setup: %s %s\n", setup.error.reason,
                setup.error.message);
        souk_error_clear(&setup.error);
        return false;
    }
    done = setup_stock(&setup) && setup_events(&setup) && setup_flush(&setup) &&
           souk_import_drain(setup.import, &setup.error) == SOUK_OK;
    if (!done) {
        fprintf(stderr, "souk-load: setup: %s %s\n", setup.error.reason,
                setup.error.message);
    }
    souk_import_close(setup.import);
    souk_error_clear(&setup.error);
    return done && setup.refused == 0;
}
