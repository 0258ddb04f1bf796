/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/cli.h"
#include "client/cli/text.h"

static const char *outcome_name(enum souk_request_outcome outcome)
{
    switch (outcome) {
    case SOUK_REQUEST_APPLIED:
        return "applied";
    case SOUK_REQUEST_REFUSED:
        return "refused";
    case SOUK_REQUEST_NOT_APPLIED:
        return "not_applied";
    case SOUK_REQUEST_OUTCOME_UNSPECIFIED:
        break;
    }
    return "unspecified";
}

enum command_exit cli_outcome(struct cli *cli)
{
    struct souk_outcome_get_request request = {
        .request_id = cli_argument(cli, 0),
        .sku_id = cli_option(cli, "sku"),
        .location_id = cli_option(cli, "location"),
        .hold_id = cli_option(cli, "hold"),
    };
    struct souk_outcome_reply *reply = NULL;
    int anchors = (request.sku_id != NULL) + (request.location_id != NULL) +
                  (request.hold_id != NULL);
    json_t *object;
    if (anchors != 1) {
        return cli_usage(cli,
                         "what was the call about? --sku SKU, --location LOCATION or "
                         "--hold HOLD, one of them");
    }
    if (cli_client(cli) == NULL) {
        return COMMAND_USAGE;
    }
    if (souk_outcome_get(cli->client, &request, NULL, &reply, &cli->error) != SOUK_OK) {
        return cli_failed(cli);
    }
    object = json_object();
    output_text(object, "outcome", outcome_name(reply->outcome));
    if (reply->outcome == SOUK_REQUEST_REFUSED) {
        output_text(object, "reason", reply->status.reason);
        output_text(object, "message", reply->status.message);
    }
    output_text(object, "hold_id", reply->hold_id);
    output_object(&cli->output, object);
    souk_reply_free(reply);
    return COMMAND_OK;
}
