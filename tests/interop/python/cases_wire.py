# SPDX-License-Identifier: Apache-2.0
"""What no generated client sends."""
import socket

from google.protobuf import message

from cases_values import field, raw
from world import *


def test_case_33_a_message_above_the_limit_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    with world.unchanged(sku_id):
        refused(lambda: server.sku(sku_id, name="x" * (5 << 20)), "RESOURCE_EXHAUSTED")
        refused(lambda: raw(server, "CatalogService/GetSku", b"\0" * (5 << 20)),
                "RESOURCE_EXHAUSTED")


def test_case_36_a_truncated_message_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    whole = hold_pb2.CreateHoldRequest(request_id=uuid7(), owner="o", lines=[
        hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=1)]).SerializeToString()
    with world.unchanged(sku_id):
        for size in range(1, len(whole)):
            try:  # cut between two fields, it is another message and a whole one
                hold_pb2.CreateHoldRequest.FromString(whole[:size])
                continue
            except message.DecodeError:
                pass
            refused(lambda: raw(server, "HoldService/CreateHold", whole[:size]),
                    "INVALID_ARGUMENT")
        for payload in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\x00"):
            refused(lambda: raw(server, "HoldService/CreateHold", payload), "INVALID_ARGUMENT")


def test_case_35_deep_nesting_is_refused(world):
    payload = b""
    for _ in range(1000):
        size = len(payload)
        varint = b""
        while True:
            byte, size = size & 0x7f, size >> 7
            varint += bytes([byte | (0x80 if size else 0)])
            if not size:
                break
        payload = b"\x1a" + varint + payload
    with world.unchanged():
        refused(lambda: raw(world.shared, "CatalogService/UpsertSku", payload),
                "INVALID_ARGUMENT")


def test_an_unknown_method_is_unimplemented(world):
    for method in ("CatalogService/NoSuch", "NoSuchService/Get"):
        refused(lambda: raw(world.shared, method, b"", timeout=5), "UNIMPLEMENTED")


def test_bytes_that_are_no_http2_close_their_own_connection_only(world):
    port = world.shared.ports["client"]
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100,
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100):
        with socket.create_connection(("127.0.0.1", port), timeout=CALL_SECONDS) as peer:
            peer.sendall(junk)
            peer.shutdown(socket.SHUT_WR)
            while True:
                try:
                    if not peer.recv(4096):
                        break
                except ConnectionResetError:
                    break
        world.must_be_alive()


def test_a_call_without_a_deadline_is_answered(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    same(server.stock.GetStockLevel(stock_pb2.GetStockLevelRequest(
        sku_id=sku_id, location_id="main")).level.on_hand, 1)


def test_a_stream_that_is_cancelled_leaves_the_server_well(world):
    server = world.shared
    for _ in range(20):
        def messages():
            while True:
                yield event_pb2.StreamEventsRequest(events=[event_pb2.Event(
                    event_id=uuid7(), visitor_id="v", kind=event_pb2.EVENT_KIND_SEARCH)])
        call = server.event.StreamEvents(messages())
        next(call)
        call.cancel()
        world.must_be_alive()


def test_a_stream_that_is_never_read_is_bounded(world):
    server = world.shared
    sent = []

    def messages():
        for number in range(2000):
            sent.append(number)
            yield event_pb2.StreamEventsRequest(events=[event_pb2.Event(
                event_id="", visitor_id="v", kind=event_pb2.EVENT_KIND_SEARCH)] * 100)

    call = server.event.StreamEvents(messages(), timeout=3)
    try:
        call.result()
    except grpc.RpcError:
        pass
    except (AttributeError, TypeError):
        call.cancel()
    with open(f"/proc/{server.process.pid}/statm") as statm:
        resident_mib = int(statm.read().split()[1]) * 4096 >> 20
    assert resident_mib < 1024, f"{resident_mib} MiB after {len(sent)} messages"


def test_an_invalid_message_ends_its_stream_with_the_reason(world):
    server = world.shared
    call = server.event.StreamEvents(iter([event_pb2.StreamEventsRequest()]),
                                     timeout=CALL_SECONDS)
    refused(lambda: list(call), "INVALID_ARGUMENT", "INVALID", "events")
    assert field and raw
