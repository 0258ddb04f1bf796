/* SPDX-License-Identifier: Apache-2.0 */
#include "server/admin/admin.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"

static bool admin_yes(void *user)
{
    return *(const bool *)user;
}

/* The answer to raw bytes, up to the end of the connection. */
static size_t ask_raw(uint16_t port, const char *request, char *answer, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t length = 0;
    ssize_t part;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    EXPECT(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    while (length + 1 < size &&
           (part = recv(fd, answer + length, size - 1 - length, 0)) > 0) {
        length += (size_t)part;
    }
    answer[length] = '\0';
    close(fd);
    return length;
}

static int ask(uint16_t port, const char *method, const char *path, const char *host)
{
    char request[512], answer[65536];
    int code = 0;
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path,
             host);
    ask_raw(port, request, answer, sizeof answer);
    EXPECT_EQ(sscanf(answer, "HTTP/1.1 %d", &code), 1);
    return code;
}

static struct admin *start(bool *ready)
{
    const struct admin_options options = {
        .live = admin_yes, .ready = admin_yes, .user = ready};
    struct admin *admin = NULL;
    struct problem problem;
    EXPECT_OK(admin_start(&options, &problem, &admin));
    EXPECT(admin_port(admin) != 0);
    return admin;
}

TEST(admin, metrics_and_health_are_read)
{
    bool ready = true;
    struct admin *admin = start(&ready);
    uint16_t port = admin_port(admin);
    EXPECT_EQ(ask(port, "GET", "/metrics", "localhost"), 200);
    EXPECT_EQ(ask(port, "HEAD", "/metrics", "127.0.0.1:80"), 200);
    EXPECT_EQ(ask(port, "GET", "/health/ready", "[::1]"), 200);
    EXPECT_EQ(ask(port, "GET", "/health", "localhost"), 200);
    EXPECT_EQ(ask(port, "GET", "/health/live", "localhost:9090"), 200);
    EXPECT_EQ(ask(port, "GET", "/nothing", "localhost"), 404);
    admin_stop(admin);
}

TEST(admin, not_ready_is_503)
{
    bool ready = false;
    struct admin *admin = start(&ready);
    EXPECT_EQ(ask(admin_port(admin), "GET", "/health/ready", "localhost"), 503);
    EXPECT_EQ(ask(admin_port(admin), "GET", "/health", "localhost"), 503);
    admin_stop(admin);
}

TEST(admin, nothing_can_be_changed)
{
    static const char *const methods[] = {"POST",  "PUT",     "DELETE",
                                          "PATCH", "OPTIONS", "X"};
    bool ready = true;
    struct admin *admin = start(&ready);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        EXPECT_EQ(ask(admin_port(admin), methods[i], "/metrics", "localhost"), 405);
    }
    admin_stop(admin);
}

TEST(admin, another_host_name_is_refused)
{
    static const char *const hosts[] = {"evil.example", "127.0.0.1.evil.example",
                                        "localhost.evil", "localhost:80x", "127.0.0.2"};
    bool ready = true;
    struct admin *admin = start(&ready);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        EXPECT_EQ(ask(admin_port(admin), "GET", "/metrics", hosts[i]), 403);
    }
    admin_stop(admin);
}

TEST(admin, a_port_in_use_is_named)
{
    bool ready = true;
    struct admin *admin = start(&ready), *second = NULL;
    const struct admin_options options = {
        .port = admin_port(admin), .live = admin_yes, .ready = admin_yes, .user = &ready};
    struct problem problem;
    EXPECT_STATUS(admin_start(&options, &problem, &second), STATUS_UNREACHABLE);
    EXPECT(strstr(problem.message, "--admin-port") != NULL);
    admin_stop(admin);
}
