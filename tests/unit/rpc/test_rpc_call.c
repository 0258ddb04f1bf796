/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo_world.h"

typedef Souk__Test__V1__EchoRequest echo_request;
typedef Souk__Test__V1__EchoResponse echo_response;

TEST(rpc_call, a_unary_call_is_answered)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    echo_world_open(&world);
    request.text = (char[]){"hello"};
    EXPECT_OK(echo_call(&world, &request, 0, &response, &call));
    EXPECT_STRING(response->text, "hello");
    EXPECT_EQ(response->count, 1);
    EXPECT(response->deadline_left_us > 9000000 &&
           response->deadline_left_us <= 10000000);
    rpc_client_call_unref(call);
    echo_world_close(&world);
}
