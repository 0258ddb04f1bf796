/* SPDX-License-Identifier: Apache-2.0 */
#include "server/admin/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/buffer.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

struct admin {
    struct MHD_Daemon *daemon;
    struct admin_options options;
    uint16_t port;
};

static enum MHD_Result admin_answer(struct MHD_Connection *connection, unsigned code,
                                    const char *type, struct buffer *body)
{
    size_t size = 0;
    void *bytes = buffer_release(body, &size);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;
    if (response == NULL) {
        free(bytes);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    }
    result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result admin_answer_text(struct MHD_Connection *connection, unsigned code,
                                         const char *text)
{
    struct buffer body;
    buffer_init(&body);
    buffer_append_slice(&body, slice_from_string(text));
    return admin_answer(connection, code, "text/plain; charset=utf-8", &body);
}

/* "127.0.0.1", "localhost" or "[::1]", with or without a port. Programs that send no Host
 * are not browsers, and pass. */
static bool admin_host_own(const char *host)
{
    static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
    if (host == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        size_t size = strlen(own[i]);
        if (strncmp(host, own[i], size) == 0 &&
            (host[size] == '\0' ||
             (host[size] == ':' &&
              strspn(host + size + 1, "0123456789") == strlen(host + size + 1)))) {
            return true;
        }
    }
    return false;
}

static enum MHD_Result admin_answer_path(const struct admin *admin,
                                         struct MHD_Connection *connection,
                                         const char *path)
{
    const struct admin_options *options = &admin->options;
    if (strcmp(path, "/metrics") == 0) {
        struct buffer body;
        buffer_init(&body);
        metric_render(&body);
        return admin_answer(connection, MHD_HTTP_OK,
                            "text/plain; version=0.0.4; charset=utf-8", &body);
    }
    if (strcmp(path, "/health/live") == 0) {
        return options->live(options->user)
                   ? admin_answer_text(connection, MHD_HTTP_OK, "live\n")
                   : admin_answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                                       "a loop of this node stands still\n");
    }
    if (strcmp(path, "/health/ready") == 0 || strcmp(path, "/health") == 0) {
        return options->ready(options->user)
                   ? admin_answer_text(connection, MHD_HTTP_OK, "ready\n")
                   : admin_answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                                       "this node does not serve calls now\n");
    }
    return admin_answer_text(connection, MHD_HTTP_NOT_FOUND,
                             "try /metrics, /health/live or /health/ready\n");
}

static enum MHD_Result admin_handle(void *user, struct MHD_Connection *connection,
                                    const char *path, const char *method,
                                    const char *version, const char *upload,
                                    size_t *upload_size, void **state)
{
    static char seen;
    const char *host;
    (void)version;
    (void)upload;
    /* The first call brings the headers; a body is read and dropped before the answer. */
    if (*state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    if (!admin_host_own(host)) {
        return admin_answer_text(connection, MHD_HTTP_FORBIDDEN,
                                 "ask by 127.0.0.1 or localhost\n");
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return admin_answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                                 "this door only reads: GET\n");
    }
    return admin_answer_path(user, connection, path);
}

enum status admin_start(const struct admin_options *options, struct problem *problem,
                        struct admin **out_admin)
{
    struct admin *admin = memory_zalloc(sizeof *admin);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(options->port)};
    const union MHD_DaemonInfo *info;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    admin->options = *options;
    errno = 0;
    admin->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, options->port, NULL, NULL,
        admin_handle, admin, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)ADMIN_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)ADMIN_CONNECTION_BYTES_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)ADMIN_IDLE_S, MHD_OPTION_END);
    if (admin->daemon == NULL) {
        int error = errno;
        free(admin);
        return problem_set(problem, STATUS_UNREACHABLE, "admin_port",
                           "cannot listen on 127.0.0.1:%u (%s); choose another with "
                           "--admin-port, or 0 for any",
                           options->port, error ? strerror(error) : "unknown");
    }
    info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_BIND_PORT);
    admin->port = info ? info->port : options->port;
    *out_admin = admin;
    return STATUS_OK;
}

uint16_t admin_port(const struct admin *admin)
{
    return admin->port;
}

void admin_stop(struct admin *admin)
{
    if (admin != NULL) {
        MHD_stop_daemon(admin->daemon);
        free(admin);
    }
}
