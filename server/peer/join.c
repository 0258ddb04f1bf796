/* SPDX-License-Identifier: Apache-2.0 */
/* An empty node asks to be taken into a cluster. */
#include <stdio.h>
#include <string.h>

#include "proto/souk/internal/v1/peer.grpc-c.h"
#include "server/peer/peers.h"

#define PB(name) Souk__Internal__V1__##name

static enum status join_take(const PB(JoinResponse) * response,
                             const struct peers_joining *joining,
                             struct peers_identity *out_identity,
                             struct directory *out_directory, struct problem *problem)
{
    if (response->cluster_id.len != PEERS_CLUSTER_ID_BYTES || response->node_id == 0) {
        return problem_set(problem, STATUS_INVALID, "join",
                           "%.100s did not answer as a node of a cluster does",
                           joining->address);
    }
    enum status status = directory_decode(
        slice_of(response->directory.data, response->directory.len), out_directory);
    if (status != STATUS_OK) {
        return problem_set(problem, status, "join",
                           "the cluster's directory cannot be read here: %s",
                           status_text(status));
    }
    *out_identity = (struct peers_identity){
        .hash_seed = response->hash_seed,
        .node_id = response->node_id,
        .sku_shards = response->sku_shards,
        .customer_shards = response->customer_shards,
        .settings_digest = joining->settings_digest,
    };
    memcpy(out_identity->cluster_id, response->cluster_id.data, PEERS_CLUSTER_ID_BYTES);
    return STATUS_OK;
}

enum status peers_join(const struct peers_joining *joining,
                       struct peers_identity *out_identity,
                       struct directory *out_directory, struct problem *problem)
{
    const struct rpc_call_options options = {.timeout_ms = PEERS_JOIN_TRY_MS};
    struct rpc_client *client = rpc_client_new();
    struct rpc_channel *channel = rpc_channel_open(client, joining->address, NULL);
    PB(JoinRequest) request = SOUK__INTERNAL__V1__JOIN_REQUEST__INIT;
    const PB(JoinResponse) *response = NULL;
    struct rpc_client_call *call = NULL;
    char peer_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    char client_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    snprintf(peer_address, sizeof peer_address, "%s", joining->peer_address);
    snprintf(client_address, sizeof client_address, "%s", joining->client_address);
    request.version = PEERS_VERSION;
    request.nonce_high = joining->nonce.high;
    request.nonce_low = joining->nonce.low;
    request.peer_address = peer_address;
    request.client_address = client_address;
    request.settings_digest = joining->settings_digest;
    enum status status = souk__internal__v1__peer_service__join__wait(
        channel, &request, &options, &response, &call);
    if (status == STATUS_OK) {
        status = join_take(response, joining, out_identity, out_directory, problem);
    } else {
        const struct rpc_status *why = rpc_client_call_status(call);
        problem_set(problem, status, "join", "%.100s: %.300s", joining->address,
                    why->message != NULL ? why->message : status_text(status));
    }
    rpc_client_call_unref(call);
    rpc_channel_close(channel);
    rpc_client_free(client);
    return status;
}
