/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands under `souk rec` share; for the cmd_rec*.c alone. */
#ifndef SOUK_CLIENT_CLI_REC_H
#define SOUK_CLIENT_CLI_REC_H

#include "client/cli/cli.h"
#include "client/cli/rec_words.h"
#include "client/cli/text.h"

/* What a question may hold, for the checks and for what help says of them. */
#define REC_ITEMS_MAX       200 /* items of one answer */
#define REC_SEEDS_MAX       64
#define REC_IDS_MAX         1000 /* session, cart, locations */
#define REC_RANK_MAX        500
#define REC_TEXT_OF(number) #number
#define REC_TEXT(limit)     REC_TEXT_OF(limit)

/* Whether each location is known; false: said which is not, end with cli_failed. */
bool rec_locations_known(struct cli *cli, const struct cli_list *locations);
bool rec_stock_option(struct cli *cli, enum souk_stock_mode *out_mode);
/* At most one of the two. */
bool rec_actor_option(struct cli *cli, const char **customer, const char **visitor);

/* Names of the SKUs that reasons mention, asked of the server. */
struct rec_named {
    struct rec_names names;
    const char *wanted[REC_ITEMS_MAX];
    const char *ids[REC_ITEMS_MAX];
    const char *texts[REC_ITEMS_MAX];
    struct souk_sku_batch_get_reply *reply;
};
void rec_names_read(struct cli *cli, const struct souk_recommended_item *const *items,
                    size_t count, struct rec_named *out);
void rec_names_free(struct rec_named *named);

/* The table, object or lines of items; takes `extra` as output_rows does. `instead` (may be
 * NULL): why fallbacks stand in, see rec_words.h. */
void rec_show(struct cli *cli, const struct souk_recommended_item *items, size_t count,
              const char *instead, json_t *extra);
/* An explanation under a table, or as the last line of -o jsonl; in -o json it is part of
 * the object already. */
void rec_why_show(struct cli *cli, const struct souk_recommend_explain_reply *why);

#endif
