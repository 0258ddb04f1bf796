# SPDX-License-Identifier: Apache-2.0
"""Drives all four call kinds, error details, health and reflection of the echo server."""
import subprocess
import sys
import traceback

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2, status_pb2
from standard.health.v1 import health_pb2, health_pb2_grpc
from standard.reflection.v1 import reflection_pb2, reflection_pb2_grpc
from standard.reflection.v1alpha import reflection_pb2 as alpha_pb2
from standard.reflection.v1alpha import reflection_pb2_grpc as alpha_pb2_grpc
from tests.unit.rpc import echo_pb2, echo_pb2_grpc

ECHO = "souk.test.v1.EchoService"
TIMEOUT_S = 10
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call was not refused")


def details_of(error):
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    raise AssertionError("no grpc-status-details-bin")


@test
def a_unary_call_is_answered(world):
    answer = world.stub.Echo(echo_pb2.EchoRequest(text="grüße", repeat=0), timeout=TIMEOUT_S)
    assert answer.text == "grüße" and answer.count == 1
    assert answer.HasField("deadline_left_us")


@test
def a_deadline_is_never_longer_than_the_servers(world):
    answer = world.stub.Echo(echo_pb2.EchoRequest())
    assert 0 < answer.deadline_left_us <= 2_000_000


@test
def a_refusal_carries_its_details(world):
    error = refused(lambda: world.stub.Echo(
        echo_pb2.EchoRequest(command="COMMAND_FAIL"), timeout=TIMEOUT_S))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "3 requested, 2 available"
    status = details_of(error)
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    failure = error_details_pb2.PreconditionFailure()
    assert status.details[0].Unpack(info) and status.details[1].Unpack(retry)
    assert status.details[2].Unpack(failure)
    assert info.domain == "souk.dev" and info.reason == "INSUFFICIENT_STOCK"
    assert dict(info.metadata) == {"requested": "3", "available": "2"}
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert [v.subject for v in failure.violations] == ["lines[0].quantity", "lines[1].quantity"]


@test
def a_malformed_field_is_named(world):
    raw = world.channel.unary_unary(f"/{ECHO}/Echo")
    error = refused(lambda: raw(b"\x0a\x02\xc3\x28", timeout=TIMEOUT_S))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    assert details_of(error).details[1].Unpack(bad)
    assert bad.field_violations[0].field == "text"


@test
def trailers_and_headers_travel(world):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, call = world.stub.Echo.with_call(
        echo_pb2.EchoRequest(command="COMMAND_TRAILERS"), timeout=TIMEOUT_S,
        metadata=(("traceparent", parent),))
    trailers = dict(call.trailing_metadata())
    assert trailers["souk-replayed"] == "1"
    assert trailers["souk-session-bin"] == b"\x00\x01\xff"
    assert trailers["traceparent"] == parent


@test
def an_unknown_method_is_unimplemented(world):
    for path in (f"/{ECHO}/Missing", f"/{ECHO}/Unserved", "/absent.Service/Call"):
        raw = world.channel.unary_unary(path)
        error = refused(lambda: raw(b"", timeout=TIMEOUT_S))
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, path


@test
def five_megabytes_are_resource_exhausted(world):
    error = refused(lambda: world.stub.Echo(
        echo_pb2.EchoRequest(payload=bytes(5 << 20)), timeout=TIMEOUT_S))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert world.stub.Echo(echo_pb2.EchoRequest(), timeout=TIMEOUT_S).count == 1


@test
def a_compressed_message_is_unimplemented(world):
    error = refused(lambda: world.stub.Echo(
        echo_pb2.EchoRequest(payload=bytes(100000)), timeout=TIMEOUT_S,
        compression=grpc.Compression.Gzip))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


@test
def a_server_stream_is_read_to_its_end(world):
    answers = list(world.stub.Count(echo_pb2.EchoRequest(text="n", repeat=500),
                                    timeout=TIMEOUT_S))
    assert [answer.count for answer in answers] == list(range(500))


@test
def a_server_stream_may_be_left(world):
    call = world.stub.Count(echo_pb2.EchoRequest(repeat=-1), timeout=TIMEOUT_S)
    next(call)
    call.cancel()
    assert refused(lambda: list(call)).code() == grpc.StatusCode.CANCELLED


@test
def a_client_stream_gets_one_answer(world):
    requests = (echo_pb2.EchoRequest(text=str(n)) for n in range(10))
    answer = world.stub.Collect(requests, timeout=TIMEOUT_S)
    assert answer.count == 10 and answer.text == "0123456789"


@test
def a_chat_echoes_in_order(world):
    requests = (echo_pb2.EchoRequest(text=str(n)) for n in range(300))
    answers = world.stub.Chat(requests, timeout=TIMEOUT_S)
    assert [answer.text for answer in answers] == [str(n) for n in range(300)]


@test
def a_chat_may_end_with_a_refusal(world):
    requests = iter([echo_pb2.EchoRequest(text="a"),
                     echo_pb2.EchoRequest(command="COMMAND_FAIL")])
    error = refused(lambda: list(world.stub.Chat(requests, timeout=TIMEOUT_S)))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    info = error_details_pb2.ErrorInfo()
    assert details_of(error).details[0].Unpack(info) and info.reason == "SEQUENCE_GAP"


@test
def health_is_checked_and_watched(world):
    health = health_pb2_grpc.HealthStub(world.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for name in ("", ECHO):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT_S)
        assert answer.status == serving
    error = refused(lambda: health.Check(
        health_pb2.HealthCheckRequest(service="absent"), timeout=TIMEOUT_S))
    assert error.code() == grpc.StatusCode.NOT_FOUND
    watch = health.Watch(health_pb2.HealthCheckRequest(service=ECHO), timeout=TIMEOUT_S)
    assert next(watch).status == serving
    watch.cancel()


def reflect(world, module, stubs):
    """A pool built from nothing but what reflection answers."""
    stub = stubs.ServerReflectionStub(world.channel)
    ask = lambda **what: next(stub.ServerReflectionInfo(
        iter([module.ServerReflectionRequest(**what)]), timeout=TIMEOUT_S))
    listed = {service.name for service in ask(list_services="").list_services_response.service}
    assert {ECHO, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"} <= listed, listed
    pool = descriptor_pool.DescriptorPool()
    files = ask(file_containing_symbol=ECHO).file_descriptor_response.file_descriptor_proto
    parsed = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in files]
    assert parsed[0].name == "tests/unit/rpc/echo.proto"
    for file in reversed(parsed):
        pool.Add(file)
    methods = pool.FindServiceByName(ECHO).methods_by_name
    assert set(methods) == {"Echo", "Unserved", "Count", "Collect", "Chat"}
    assert methods["Chat"].input_type.fields_by_name["repeat"].has_presence
    for symbol in (f"{ECHO}.Echo", "souk.test.v1.Node", "souk.test.v1.EchoRequest.Command",
                   "souk.test.v1.Node.child", "google.protobuf.Timestamp"):
        answer = ask(file_containing_symbol=symbol)
        assert answer.HasField("file_descriptor_response"), symbol
    named = ask(file_by_filename="google/protobuf/timestamp.proto")
    assert named.HasField("file_descriptor_response")
    assert named.original_request.file_by_filename == "google/protobuf/timestamp.proto"
    for what in ({"file_by_filename": "absent.proto"}, {"file_containing_symbol": "souk.Absent"},
                 {"all_extension_numbers_of_type": "souk.Absent"},
                 {"file_containing_extension": module.ExtensionRequest(
                     containing_type="souk.test.v1.Node", extension_number=100)}):
        assert ask(**what).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0], what
    numbers = ask(all_extension_numbers_of_type="souk.test.v1.Node")
    assert list(numbers.all_extension_numbers_response.extension_number) == []


@test
def reflection_v1_describes_everything(world):
    reflect(world, reflection_pb2, reflection_pb2_grpc)


@test
def reflection_v1alpha_describes_everything(world):
    reflect(world, alpha_pb2, alpha_pb2_grpc)


class World:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[
            ("grpc.max_send_message_length", -1)])
        self.stub = echo_pb2_grpc.EchoServiceStub(self.channel)

    def close(self):
        self.channel.close()
        self.process.stdin.close()
        return self.process.wait(TIMEOUT_S)


def main():
    world = World(sys.argv[1])
    failed = 0
    for function in TESTS:
        try:
            function(world)
            print(f"ok - {function.__name__}")
        except Exception:  # noqa: BLE001 - each test is reported
            traceback.print_exc()
            print(f"not ok - {function.__name__}")
            failed += 1
    code = world.close()
    name = "the_server_exits_0_when_told_to_stop"
    print(f"ok - {name}" if code == 0 else f"not ok - {name}: {code}")
    failed += code != 0
    print(f"{len(TESTS) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
