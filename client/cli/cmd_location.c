/* SPDX-License-Identifier: Apache-2.0 */
/* souk location. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/text.h"

enum {
    LOCATION_CHANNELS_MAX = 64,
};

enum command_exit cli_location_get(struct cli *cli)
{
    struct souk_location_get_request request = {.location_id = cli_argument(cli, 0)};
    struct souk_location_get_reply *reply = NULL;
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_location_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    output_object(&cli->output, output_location(&reply->location));
    souk_reply_free(reply);
    return COMMAND_OK;
}

enum command_exit cli_location_list(struct cli *cli)
{
    static const struct output_column columns[] = {
        {"LOCATION", "location_id", false},
        {"NAME", "name", false},
        {"TYPE", "type", false},
        {"ADDRESS", "address", false},
        {"TIME ZONE", "time_zone", false},
        {"CHANNELS", "channels", false},
        {NULL, NULL, false},
    };
    int64_t limit = INT64_MAX;
    char token[1024] = "";
    json_t *rows;
    if (!cli_option_number(cli, "limit", 1, INT64_MAX, &limit) ||
        cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    rows = json_array();
    do {
        struct souk_location_list_request request = {.page_size = CLI_PAGE_ROWS,
                                                     .page_token = token};
        struct souk_location_list_reply *reply = NULL;
        if (souk_location_list(cli->client, &request, NULL, &reply, &cli->error) !=
            SOUK_OK) {
            json_decref(rows);
            return cli_failed(cli);
        }
        for (size_t i = 0; i < reply->location_count; i++) {
            if ((int64_t)json_array_size(rows) < limit) {
                json_array_append_new(rows, output_location(&reply->locations[i]));
            }
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
        souk_reply_free(reply);
    } while (token[0] != '\0' && (int64_t)json_array_size(rows) < limit);
    output_rows(&cli->output, "locations", columns, rows, NULL);
    return COMMAND_OK;
}

static bool location_type(struct cli *cli, enum souk_location_type *out_type)
{
    static const char *const names[] = {"warehouse", "store", "supplier", "transit"};
    const char *type = cli_option(cli, "type");
    for (unsigned i = 0; type != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(type, names[i]) == 0) {
            *out_type = (enum souk_location_type)(SOUK_LOCATION_WAREHOUSE + i);
            return true;
        }
    }
    if (type != NULL) {
        cli_usage(cli, "--type is warehouse, store, supplier or transit, not '%s'", type);
    }
    return type == NULL;
}

static bool location_coordinates(struct cli *cli, struct souk_location *location)
{
    const char *latitude = cli_option(cli, "latitude");
    const char *longitude = cli_option(cli, "longitude");
    if ((latitude == NULL) != (longitude == NULL)) {
        cli_usage(cli, "--latitude and --longitude go together");
        return false;
    }
    if (latitude != NULL &&
        (!text_degrees(latitude, TEXT_LATITUDE_MAX, &location->latitude_e7) ||
         !text_degrees(longitude, TEXT_LONGITUDE_MAX, &location->longitude_e7))) {
        cli_usage(cli, "degrees are decimal, within -90..90 and -180..180, with at most "
                       "seven decimals: --latitude 52.5208 --longitude 13.4094");
        return false;
    }
    return true;
}

size_t cli_location_mask(const struct command_line *line,
                         const char *mask[CLI_LOCATION_MASK_MAX])
{
    static const char *const fields[][2] = {
        {"name", "name"},           {"type", "type"},
        {"place", "address"},       {"latitude", "latitude_e7"},
        {"time-zone", "time_zone"}, {"channels", "channels"}};
    size_t count = 0;
    mask[count++] = "location_id";
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (command_option(line, fields[i][0]) != NULL) {
            mask[count++] = fields[i][1];
        }
    }
    return count;
}

enum command_exit cli_location_put(struct cli *cli)
{
    struct cli_list channels = {.count = 0};
    const char *mask[CLI_LOCATION_MASK_MAX];
    struct souk_location_upsert_request request = {
        .request_id = cli_option(cli, "request-id"),
        .request_time_ms = cli->request_time_ms,
        .update_mask = mask,
        .location = {.location_id = cli_argument(cli, 0),
                     .name = cli_option(cli, "name"),
                     .address = cli_option(cli, "place"),
                     .time_zone = cli_option(cli, "time-zone"),
                     .etag = cli_option(cli, "etag")}};
    struct souk_location_upsert_reply *reply = NULL;
    enum command_exit result = COMMAND_USAGE;
    request.update_mask_count = cli_location_mask(&cli->line, mask);
    if (location_type(cli, &request.location.type) &&
        location_coordinates(cli, &request.location) &&
        cli_option_list(cli, "channels", 0, LOCATION_CHANNELS_MAX, &channels) &&
        cli_client(cli) != NULL) {
        request.location.channels = channels.items;
        request.location.channel_count = channels.count;
        result = souk_location_upsert(cli->client, &request, NULL, &reply, &cli->error) ==
                         SOUK_OK
                     ? COMMAND_OK
                     : cli_failed(cli);
    }
    free(channels.copy);
    if (result == COMMAND_OK) {
        output_object(&cli->output, output_location(&reply->location));
        souk_reply_free(reply);
    }
    return result;
}
