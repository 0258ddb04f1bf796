# SPDX-License-Identifier: Apache-2.0
"""Hostile values: exactly the answer documented, and no trace of the call."""
import time
import urllib.error
import urllib.request

from world import *

BAD_IDS = ("", "x" * 10240, "a\nb", "a\r\nb", "../etc/passwd", "..", "a b", "a/b", "é", "a" * 129)
TEN_YEARS = 10 * 365 * 86400


def test_case_9_a_quantity_of_0_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    with world.unchanged(sku_id):
        refused(lambda: server.create_hold(sku_id, 0), "INVALID_ARGUMENT", "INVALID",
                "lines[0].quantity")
        refused(lambda: server.adjust(sku_id, 0), "INVALID_ARGUMENT", "INVALID",
                "adjustment.quantity")


def test_case_10_a_negative_quantity_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    with world.unchanged(sku_id):
        for quantity in (-1, -2**63):
            refused(lambda: server.create_hold(sku_id, quantity), "INVALID_ARGUMENT", "INVALID",
                    "lines[0].quantity")
            refused(lambda: server.set_stock(sku_id, quantity), "INVALID_ARGUMENT", "INVALID",
                    "on_hand")


def test_case_11_an_overflow_is_out_of_range_and_changes_nothing(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    server.set_stock(sku_id, 2**63 - 1)
    with world.unchanged(sku_id):
        for quantity in (1, 2**63 - 1):
            refused(lambda: server.adjust(sku_id, quantity), "OUT_OF_RANGE",
                    "QUANTITY_OVERFLOW")
    server.set_stock(sku_id, 0)


def bad_id_calls(server, sku_id):
    """Every kind of id at every place it is taken."""
    def with_sku(bad):
        return [
            lambda: server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=bad)),
            lambda: server.sku(bad, name="n"),
            lambda: server.level(bad),
            lambda: server.level(sku_id, bad),
            lambda: server.adjust(bad, 1),
            lambda: server.adjust(sku_id, 1, bad),
            lambda: server.create_hold(bad),
            lambda: server.location.GetLocation(location_pb2.GetLocationRequest(location_id=bad)),
            lambda: server.location_id(bad),
            lambda: server.hold.GetHold(hold_pb2.GetHoldRequest(hold_id=bad)),
            lambda: server.hold.CommitHold(hold_pb2.CommitHoldRequest(request_id=uuid7(),
                                                                      hold_id=bad)),
            lambda: server.customer.GetCustomer(customer_pb2.GetCustomerRequest(customer_id=bad)),
            lambda: server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
                request_id=uuid7(), customer=customer_pb2.Customer(customer_id=bad))),
            lambda: server.catalog.BatchGetSkus(catalog_pb2.BatchGetSkusRequest(sku_ids=[bad])),
            lambda: server.catalog.DeleteSku(catalog_pb2.DeleteSkuRequest(request_id=uuid7(),
                                                                          sku_id=bad)),
            lambda: server.recommend.Recommend(recommend_pb2.RecommendRequest(
                session_items=[bad])),
        ] + ([  # without a SKU it lists those of all
            lambda: server.stock.ListMovements(stock_pb2.ListMovementsRequest(sku_id=bad)),
        ] if bad else [])
    return with_sku


def test_cases_12_to_14_malformed_ids_are_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    calls = bad_id_calls(server, sku_id)
    with world.unchanged(sku_id):
        for bad in BAD_IDS:
            for call in calls(bad):
                refusal = refused(call, "INVALID_ARGUMENT", "INVALID")
                assert refusal.fields, (bad, refusal)


def raw(server, method, payload, timeout=CALL_SECONDS):
    """A call of bytes that no generated class would make."""
    return server.channel.unary_unary(
        f"/souk.v1.{method}", request_serializer=lambda data: data,
        response_deserializer=lambda data: data)(payload, timeout=timeout)


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def test_cases_12_to_14_nul_and_invalid_utf8_are_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    with world.unchanged(sku_id):
        for bad in (b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"):
            for method in ("CatalogService/GetSku", "HoldService/GetHold",
                           "LocationService/GetLocation", "CustomerService/GetCustomer"):
                refused(lambda: raw(server, method, field(1, bad)), "INVALID_ARGUMENT")
            refused(lambda: raw(server, "CatalogService/UpsertSku",
                                field(1, uuid7().encode()) + field(3, field(1, b"ok") +
                                                                   field(3, bad))),
                    "INVALID_ARGUMENT")


def test_cases_19_and_20_a_ttl_of_0_below_or_ten_years_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    hold_id = server.create_hold(sku_id).hold.hold_id
    with world.unchanged(sku_id):
        for ttl in (duration(0), duration(-1), duration(1e-9), duration(TEN_YEARS),
                    duration_pb2.Duration(seconds=1, nanos=-1),
                    duration_pb2.Duration(nanos=-1), duration_pb2.Duration(seconds=2**62),
                    duration_pb2.Duration(seconds=1, nanos=2**31 - 1)):
            refused(lambda: server.create_hold(sku_id, ttl=ttl), "INVALID_ARGUMENT", "INVALID",
                    "ttl")
            refused(lambda: server.hold.ExtendHold(hold_pb2.ExtendHoldRequest(
                request_id=uuid7(), hold_id=hold_id, ttl=ttl)), "INVALID_ARGUMENT", "INVALID",
                "ttl")


def test_case_24_a_sku_that_stands_twice_is_summed(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    lines = [hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=3)] * 2
    with world.unchanged(sku_id):
        refusal = refused(lambda: server.create_hold(None, lines=lines), "FAILED_PRECONDITION",
                          "INSUFFICIENT_STOCK")
        same(refusal.metadata["lines[0].requested"], "6")
        overflow = [hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=2**63 - 1)] * 2
        refused(lambda: server.create_hold(None, lines=overflow), "OUT_OF_RANGE",
                "QUANTITY_OVERFLOW")
    server.set_stock(sku_id, 6)
    server.create_hold(None, lines=lines)
    same(server.level(sku_id).available, 0)


def test_case_25_ten_thousand_lines_are_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=20000)
    line = hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=1)
    with world.unchanged(sku_id):
        for count in (201, 10000):
            refused(lambda: server.create_hold(None, lines=[line] * count), "INVALID_ARGUMENT",
                    "INVALID", "lines")
        refused(lambda: server.hold.CreateHold(hold_pb2.CreateHoldRequest(request_id=uuid7())),
                "INVALID_ARGUMENT", "INVALID", "lines")
    server.create_hold(None, lines=[line] * 200)


def test_a_batch_above_its_limit_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    with world.unchanged(sku_id):
        requests = [hold_pb2.CreateHoldRequest(request_id=uuid7())] * 1001
        refused(lambda: server.hold.BatchCreateHolds(
            hold_pb2.BatchCreateHoldsRequest(requests=requests)), "INVALID_ARGUMENT", "INVALID",
            "requests")
        refused(lambda: server.hold.BatchCreateHolds(hold_pb2.BatchCreateHoldsRequest()),
                "INVALID_ARGUMENT", "INVALID", "requests")
        refused(lambda: server.catalog.BatchGetSkus(catalog_pb2.BatchGetSkusRequest(
            sku_ids=[sku_id] * 1001)), "INVALID_ARGUMENT", "INVALID", "sku_ids")
        refused(lambda: server.event.RecordEvents(event_pb2.RecordEventsRequest(
            events=[event_pb2.Event()] * 1001)), "INVALID_ARGUMENT", "INVALID", "events")


def test_page_sizes_outside_1_to_1000_are_refused(world):
    for size in (-1, 1001, 2**31 - 1, -2**31):
        refused(lambda: world.shared.catalog.ListSkus(catalog_pb2.ListSkusRequest(
            page_size=size)), "INVALID_ARGUMENT", "INVALID", "page_size")


def test_malformed_money_is_refused(world):
    server = world.shared
    with world.unchanged():
        for money, field_name in (
                (common_pb2.Money(currency="eur", units=1), "sku.price.currency"),
                (common_pb2.Money(currency="EURO", units=1), "sku.price.currency"),
                (common_pb2.Money(units=1), "sku.price.currency"),
                (common_pb2.Money(currency="EUR", units=1, nanos=-1), "sku.price.nanos"),
                (common_pb2.Money(currency="EUR", nanos=10**9), "sku.price.nanos"),
                (common_pb2.Money(currency="EUR", units=-1), "sku.price.units")):
            refused(lambda: server.sku("a", price=money), "INVALID_ARGUMENT", "INVALID",
                    field_name)


def test_too_many_or_repeated_attributes_are_refused(world):
    server = world.shared
    many = [catalog_pb2.Attribute(name=f"n{i}", flag=True) for i in range(65)]
    twice = [catalog_pb2.Attribute(name="n", flag=True)] * 2
    with world.unchanged():
        refused(lambda: server.sku("a", attributes=many), "INVALID_ARGUMENT", "INVALID",
                "sku.attributes")
        refused(lambda: server.sku("a", attributes=twice), "INVALID_ARGUMENT", "INVALID",
                "sku.attributes[1]")
        refused(lambda: server.sku("a", attributes=[catalog_pb2.Attribute(name="n")]),
                "INVALID_ARGUMENT", "INVALID", "sku.attributes[0]")


def test_impossible_times_are_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    with world.unchanged(sku_id):
        for when in (timestamp_pb2.Timestamp(seconds=2**62), timestamp_pb2.Timestamp(nanos=-1),
                     timestamp_pb2.Timestamp(nanos=10**9)):
            refused(lambda: server.adjust(sku_id, 1, occurred_time=when), "INVALID_ARGUMENT",
                    "INVALID", "adjustment.occurred_time")


def test_unknown_enum_numbers_are_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    with world.unchanged(sku_id):
        refused(lambda: server.adjust(sku_id, 1, bucket=77), "INVALID_ARGUMENT")
        refused(lambda: server.create_hold(sku_id, mode=9), "INVALID_ARGUMENT")
        refused(lambda: server.adjust(sku_id, 1, reason=stock_pb2.STOCK_REASON_HOLD),
                "INVALID_ARGUMENT", "INVALID", "adjustment.reason")


def test_case_43_a_clock_one_day_ahead_does_not_lengthen_a_hold(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    hold = server.create_hold(sku_id, request_id=uuid7(now() + 86400), ttl=duration(60)).hold
    assert abs(hold.expire_time.seconds - now() - 60) < 5
    refused(lambda: server.create_hold(sku_id, request_id=uuid7(now() + 30 * 86400)),
            "INVALID_ARGUMENT", "INVALID", "request_time")


def test_case_49_line_breaks_in_an_id_are_escaped_in_the_log(world):
    server, mark = world.shared, world.name("mark")
    before = len(server.log_path.read_bytes())
    refused(lambda: server.create_hold("a", request_id=f"{mark}\r\nlevel=error"),
            "INVALID_ARGUMENT")
    deadline = time.monotonic() + 10
    while mark.encode() not in server.log_path.read_bytes()[before:]:
        assert time.monotonic() < deadline, "the refusal was not logged"
        time.sleep(0.01)
    lines = server.log_path.read_bytes()[before:].splitlines()
    assert any(mark.encode() in line and b'msg="call refused"' in line for line in lines)
    assert not any(line.startswith(b"level=error") for line in lines)


def http(server, method="GET", path="/metrics", **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{server.ports['admin']}{path}",
                                     method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_case_47_the_admin_door_only_reads_and_only_for_its_own_name(world):
    server = world.shared
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        same(http(server, method)[0], 405)
    same(http(server, Host="evil.example")[0], 403)
    same(http(server, Host="127.0.0.1.evil.example")[0], 403)
    same(http(server, Host="localhost:80x")[0], 403)
    same(http(server, path="/nothing")[0], 404)
    same(http(server, path="/health/ready"), (200, b"ready\n"))
    same(http(server, path="/health/live"), (200, b"live\n"))
    same(http(server, "HEAD")[0], 200)


def test_case_48_metrics_carry_no_personal_data(world):
    server, secret = world.shared, world.name("jane.doe")
    server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
        request_id=uuid7(), customer=customer_pb2.Customer(customer_id=secret)))
    status, body = http(server)
    assert status == 200 and secret.encode() not in body
    assert b"souk_rpc_ok_total" in body and b"souk_commands_applied_total" in body


def test_the_metric_of_open_holds_follows_them(world):
    with world.server("--sku-shards", "3") as server:
        server.location_id()
        for number in range(6):
            server.sku(f"s{number}", on_hand=1)
            server.create_hold(f"s{number}")
        deadline = time.monotonic() + 10
        while b"\nsouk_holds_open 6\n" not in http(server)[1]:
            assert time.monotonic() < deadline, "the gauge does not show 6"
            time.sleep(0.05)
