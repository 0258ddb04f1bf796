# SPDX-License-Identifier: Apache-2.0
"""The same request id: one effect, one answer."""
import concurrent.futures
import time

from world import *

OLD_SECONDS = 3600


def test_case_15_a_thousand_at_once_have_one_effect_and_one_answer(world):
    server, sku_id, request_id = world.shared, world.name(), uuid7()
    server.sku(sku_id, on_hand=100)
    request = hold_pb2.CreateHoldRequest(request_id=request_id, lines=[
        hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=3)])
    futures = [server.hold.CreateHold.future(request, timeout=60) for _ in range(1000)]
    answers = [future.result() for future in futures]
    same({answer.hold.hold_id for answer in answers}, {answers[0].hold.hold_id})
    replays = [dict(future.trailing_metadata()).get("souk-replayed") for future in futures]
    same((replays.count(None), replays.count("1")), (1, 999))
    level = server.level(sku_id)
    same((level.held, level.available), (3, 97))


def test_a_refusal_is_remembered_too(world):
    server, sku_id, request_id = world.shared, world.name(), uuid7()
    server.sku(sku_id, on_hand=1)
    refused(lambda: server.create_hold(sku_id, 5, request_id=request_id), "FAILED_PRECONDITION",
            "INSUFFICIENT_STOCK")
    server.set_stock(sku_id, 100)
    refusal = refused(lambda: server.create_hold(sku_id, 5, request_id=request_id),
                      "FAILED_PRECONDITION", "INSUFFICIENT_STOCK")
    same(refusal.metadata, {"lines[0].requested": "5", "lines[0].available": "1"})
    same(refusal.trailers.get("souk-replayed"), "1")


def test_case_16_the_same_id_with_another_payload_is_refused(world):
    server, sku_id, request_id = world.shared, world.name(), uuid7()
    server.sku(sku_id, on_hand=10)
    server.create_hold(sku_id, 2, request_id=request_id)
    with world.unchanged(sku_id):
        refused(lambda: server.create_hold(sku_id, 3, request_id=request_id), "INVALID_ARGUMENT",
                "REQUEST_ID_REUSED")
        refused(lambda: server.adjust(sku_id, 1, request_id=request_id), "INVALID_ARGUMENT",
                "REQUEST_ID_REUSED")


def test_case_17_an_id_below_the_floor_is_never_applied(world):
    """Requests that say they are an hour old fill the memory of outcomes; what is older than
    ten minutes may be forgotten, and then nothing as old is taken any more."""
    with world.server("--request-id-memory-max-bytes", "1048576") as server:
        def old(seconds=0):
            return uuid7(now() - OLD_SECONDS - seconds)
        server.location.UpsertLocation(location_pb2.UpsertLocationRequest(
            request_id=old(), location=location_pb2.Location(location_id="main")))
        server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
            request_id=old(), sku=catalog_pb2.Sku(sku_id="a")))
        remembered = old(100)
        server.adjust("a", 1, request_id=remembered)
        deadline, reasons = time.monotonic() + CALL_SECONDS, set()
        while "REQUEST_ID_EXPIRED" not in reasons:
            assert time.monotonic() < deadline, f"nothing was forgotten: {reasons}"
            results = server.stock.BatchAdjustStock(stock_pb2.BatchAdjustStockRequest(requests=[
                stock_pb2.AdjustStockRequest(request_id=old(10), adjustment=(
                    stock_pb2.StockAdjustment(sku_id="a", location_id="main", quantity=1)))
                for _ in range(1000)]), timeout=CALL_SECONDS).results
            reasons = {result.status.reason for result in results}
        before = server.level("a")
        refused(lambda: server.adjust("a", 1, request_id=remembered), "INVALID_ARGUMENT",
                "REQUEST_ID_EXPIRED")
        refused(lambda: server.adjust("a", 1, request_id=old(5000)), "INVALID_ARGUMENT",
                "REQUEST_ID_EXPIRED")
        same(server.level("a"), before)
        server.adjust("a", 1)


def test_case_18_a_missing_request_id_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    hold_id = server.create_hold(sku_id).hold.hold_id
    with world.unchanged(sku_id):
        for call in (
                lambda: server.create_hold(sku_id, request_id=""),
                lambda: server.hold.CommitHold(hold_pb2.CommitHoldRequest(hold_id=hold_id)),
                lambda: server.hold.ReleaseHold(hold_pb2.ReleaseHoldRequest(hold_id=hold_id)),
                lambda: server.hold.ExtendHold(hold_pb2.ExtendHoldRequest(hold_id=hold_id)),
                lambda: server.hold.FulfilHold(hold_pb2.FulfilHoldRequest(hold_id=hold_id)),
                lambda: server.hold.CancelHold(hold_pb2.CancelHoldRequest(hold_id=hold_id)),
                lambda: server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
                    sku=catalog_pb2.Sku(sku_id=sku_id))),
                lambda: server.catalog.DeleteSku(catalog_pb2.DeleteSkuRequest(sku_id=sku_id)),
                lambda: server.location.UpsertLocation(location_pb2.UpsertLocationRequest(
                    location=location_pb2.Location(location_id="x"))),
                lambda: server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
                    customer=customer_pb2.Customer(customer_id="x"))),
                lambda: server.stock.SetStock(stock_pb2.SetStockRequest(
                    sku_id=sku_id, location_id="main", on_hand=5)),
                lambda: server.stock.AdjustStock(stock_pb2.AdjustStockRequest(
                    adjustment=stock_pb2.StockAdjustment(sku_id=sku_id, location_id="main",
                                                         quantity=1)))):
            refused(call, "INVALID_ARGUMENT", "REQUEST_ID_REQUIRED", "request_id")


def test_a_request_id_that_is_no_uuid7_needs_its_time(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=10)
    with world.unchanged(sku_id):
        refused(lambda: server.create_hold(sku_id, request_id="order-17"), "INVALID_ARGUMENT",
                "REQUEST_ID_REQUIRED", "request_time")
        refused(lambda: server.create_hold(sku_id, request_id="two words"), "INVALID_ARGUMENT",
                "INVALID", "request_id")
        refused(lambda: server.create_hold(sku_id, request_id="x" * 65), "INVALID_ARGUMENT",
                "INVALID", "request_id")
    when = timestamp(now())
    request_id = world.name("order")
    first = server.create_hold(sku_id, request_id=request_id, request_time=when)
    again = server.create_hold(sku_id, request_id=request_id, request_time=when)
    same(first.hold.hold_id, again.hold.hold_id)


def test_every_kind_of_write_is_replayed(world):
    server, sku_id, name = world.shared, world.name(), world.name("name")
    server.sku(sku_id, on_hand=10)
    hold_id = server.create_hold(sku_id).hold.hold_id
    requests = (
        (server.catalog.UpsertSku, catalog_pb2.UpsertSkuRequest(
            request_id=uuid7(), sku=catalog_pb2.Sku(sku_id=name, name="n")), "sku.etag"),
        (server.location.UpsertLocation, location_pb2.UpsertLocationRequest(
            request_id=uuid7(), location=location_pb2.Location(location_id=name)),
         "location.etag"),
        (server.customer.UpsertCustomer, customer_pb2.UpsertCustomerRequest(
            request_id=uuid7(), customer=customer_pb2.Customer(customer_id=name)),
         "customer.etag"),
        (server.stock.SetStock, stock_pb2.SetStockRequest(
            request_id=uuid7(), sku_id=sku_id, location_id="main", on_hand=50), "level.on_hand"),
        (server.hold.ExtendHold, hold_pb2.ExtendHoldRequest(
            request_id=uuid7(), hold_id=hold_id, ttl=duration(1000)), "hold.expire_time"),
        (server.hold.CommitHold, hold_pb2.CommitHoldRequest(
            request_id=uuid7(), hold_id=hold_id), "hold.state"),
    )
    for call, request, path in requests:
        first, trailer = trailers(call, request)
        assert "souk-replayed" not in trailer
        again, trailer = trailers(call, request)
        same(trailer.get("souk-replayed"), "1")
        for answer in (first, again):
            assert answer
        left, right = first, again
        for part in path.split("."):
            left, right = getattr(left, part), getattr(right, part)
        same(left, right)


def test_case_31_a_deadline_of_1_ms_leaves_an_outcome_that_a_retry_tells(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1000)
    ids = [uuid7() for _ in range(50)]

    def hurry(request_id):
        try:
            server.hold.CreateHold(hold_pb2.CreateHoldRequest(request_id=request_id, lines=[
                hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=1)]),
                timeout=0.001)
            return "OK"
        except grpc.RpcError as error:
            return error.code().name

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = list(pool.map(hurry, ids))
    assert set(first) <= {"OK", "DEADLINE_EXCEEDED"}, set(first)
    assert "DEADLINE_EXCEEDED" in first
    holds = {server.create_hold(sku_id, request_id=request_id).hold.hold_id
             for request_id in ids}
    same(len(holds), len(ids))
    same(server.level(sku_id).held, len(ids))
