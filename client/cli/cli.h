/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of souk: the line that was typed, the client (opened when first needed), where
 * output goes. Main thread only.
 */
#ifndef SOUK_CLIENT_CLI_CLI_H
#define SOUK_CLIENT_CLI_CLI_H

#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/include/souk/souk.h"

enum {
    CLI_PAGE_ROWS = 1000,
    CLI_DEADLINE_MS = 10000,
    CLI_SKU_MASK_MAX = 16,
    CLI_LOCATION_MASK_MAX = 8,
    CLI_LIST_MAX = 1000,
};

struct cli {
    struct command_line line;
    struct output output;
    const char *address;
    int64_t deadline_ms;
    int64_t request_time_ms; /* beside --request-id; 0: it needs none */
    const char *program;     /* argv[0] */
    struct souk_client *client;
    struct souk_error error; /* of the last call */
};

/* The open client. NULL when the address cannot be right: the exit code is USAGE and it
 * has been said. */
struct souk_client *cli_client(struct cli *cli);

const char *cli_argument(const struct cli *cli, size_t index);
const char *cli_option(const struct cli *cli, const char *name);
bool cli_switch(const struct cli *cli, const char *name);

/* Options of a kind; false: said what is wrong, end with COMMAND_USAGE. Absent options
 * leave *out as it is. */
bool cli_option_number(struct cli *cli, const char *name, int64_t least, int64_t most,
                       int64_t *out);
bool cli_option_duration(struct cli *cli, const char *name, int64_t *out_ms);
bool cli_option_money(struct cli *cli, const char *name, struct souk_money *out);

/* What an option lists with commas between; `copy` is to be freed, whatever was said. */
struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
    char *copy;
};
/* `least` (0 or 1) to `most` (up to CLI_LIST_MAX) of them; '' lists none, and so does an
 * absent option. */
bool cli_option_list(struct cli *cli, const char *name, size_t least, size_t most,
                     struct cli_list *list);

/* --request-id and --request-time; a time that is not given is `now_ms`. */
bool cli_request_options(struct cli *cli, int64_t now_ms);

/* From here on Ctrl-C, or a wish to end, ends nothing but is told; any thread may ask. A
 * read or a wait that it meets ends with EINTR. */
void cli_catch_interrupts(void);
bool cli_interrupted(void);

/* Says what is wrong with the command line, and how to get help. */
enum command_exit cli_usage(struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says why cli->error happened and what to do next; the exit code that fits. */
enum command_exit cli_failed(struct cli *cli);
/* A failure without a server. */
enum command_exit cli_problem(struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The fields of Sku that the options of `sku put` name, and its id; how many. */
size_t cli_sku_mask(const struct command_line *line, const char *mask[CLI_SKU_MASK_MAX]);
/* The same of `location put`. */
size_t cli_location_mask(const struct command_line *line,
                         const char *mask[CLI_LOCATION_MASK_MAX]);

/* `rec --session` leaves its newest item out, `rec --seed` its first, unless
 * --include-current. */
bool cli_rec_excludes_current(const struct command_line *line);

/* What is asked for: for-you of somebody of whom nothing more is said; NULL: as the server
 * has it. */
const char *cli_rec_placement(const struct souk_recommend_request *request);

/* Asks on `talk` and takes y, Y or yes from `in` for a yes; anything else, and the end of
 * the input, is a no. */
bool cli_confirms(FILE *in, FILE *talk, const char *question);

/* The commands, one per leaf of the table. */
enum command_exit cli_bench(struct cli *cli);
enum command_exit cli_cluster_init(struct cli *cli);
enum command_exit cli_cluster_remove_node(struct cli *cli);
enum command_exit cli_completion(struct cli *cli);
enum command_exit cli_customer_erase(struct cli *cli);
enum command_exit cli_customer_export(struct cli *cli);
enum command_exit cli_customer_get(struct cli *cli);
enum command_exit cli_customer_put(struct cli *cli);
enum command_exit cli_demo(struct cli *cli);
enum command_exit cli_demo_store(struct cli *cli);
enum command_exit cli_events_record(struct cli *cli);
enum command_exit cli_help(struct cli *cli);
enum command_exit cli_hold_cancel(struct cli *cli);
enum command_exit cli_hold_commit(struct cli *cli);
enum command_exit cli_hold_create(struct cli *cli);
enum command_exit cli_hold_extend(struct cli *cli);
enum command_exit cli_hold_fulfil(struct cli *cli);
enum command_exit cli_hold_get(struct cli *cli);
enum command_exit cli_hold_list(struct cli *cli);
enum command_exit cli_hold_release(struct cli *cli);
enum command_exit cli_import(struct cli *cli);
enum command_exit cli_location_get(struct cli *cli);
enum command_exit cli_location_list(struct cli *cli);
enum command_exit cli_location_put(struct cli *cli);
enum command_exit cli_manual(struct cli *cli);
enum command_exit cli_rec(struct cli *cli);
enum command_exit cli_rec_explain(struct cli *cli);
enum command_exit cli_rec_rank(struct cli *cli);
enum command_exit cli_shard_add_replica(struct cli *cli);
enum command_exit cli_shard_remove_replica(struct cli *cli);
enum command_exit cli_shard_transfer(struct cli *cli);
enum command_exit cli_shard_verify(struct cli *cli);
enum command_exit cli_sku_delete(struct cli *cli);
enum command_exit cli_sku_get(struct cli *cli);
enum command_exit cli_sku_list(struct cli *cli);
enum command_exit cli_sku_put(struct cli *cli);
enum command_exit cli_sku_resolve(struct cli *cli);
enum command_exit cli_status(struct cli *cli);
enum command_exit cli_stock_adjust(struct cli *cli);
enum command_exit cli_stock_audit(struct cli *cli);
enum command_exit cli_stock_check(struct cli *cli);
enum command_exit cli_stock_count_close(struct cli *cli);
enum command_exit cli_stock_count_start(struct cli *cli);
enum command_exit cli_stock_count_submit(struct cli *cli);
enum command_exit cli_stock_get(struct cli *cli);
enum command_exit cli_stock_list(struct cli *cli);
enum command_exit cli_stock_move(struct cli *cli);
enum command_exit cli_stock_movements(struct cli *cli);
enum command_exit cli_stock_set(struct cli *cli);
enum command_exit cli_stock_stream(struct cli *cli);
enum command_exit cli_stock_watch(struct cli *cli);
enum command_exit cli_version(struct cli *cli);

#endif
