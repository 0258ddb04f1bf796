/* SPDX-License-Identifier: Apache-2.0 */
/* Serves the echo of tests/unit/rpc until standard input ends; prints its port first. */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/rpc/echo_service.h"

int main(void)
{
    struct rpc_server_options options;
    struct echo_service echo;
    struct rpc_server *server;
    struct problem problem;
    char ignored;
    rpc_server_options_init(&options);
    options.deadline_max_ms = 2000;
    echo_service_init(&echo);
    server = rpc_server_new(&options);
    echo_service_register(&echo, server);
    if (rpc_server_start(server, &problem) != STATUS_OK) {
        fprintf(stderr, "echo_server: %s\n", problem.message);
        rpc_server_free(server);
        return 1;
    }
    printf("%u\n", (unsigned)rpc_server_port(server));
    fflush(stdout);
    while (read(STDIN_FILENO, &ignored, 1) > 0) {
    }
    rpc_server_stop(server, 1000);
    rpc_server_free(server);
    echo_service_close(&echo);
    return 0;
}
