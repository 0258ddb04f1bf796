# SPDX-License-Identifier: Apache-2.0
"""Every RPC of every service does what its .proto says."""
import queue
import threading

from google.protobuf import field_mask_pb2
from grpc.reflection.v1 import reflection_pb2 as reflection1
from grpc.reflection.v1 import reflection_pb2_grpc as reflection1_grpc
from grpc.reflection.v1alpha import reflection_pb2 as reflection0
from grpc.reflection.v1alpha import reflection_pb2_grpc as reflection0_grpc

from world import *


# --- CatalogService ---

def test_a_sku_is_created_read_and_changed(world):
    server, sku_id = world.shared, world.name()
    made = server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
        request_id=uuid7(), sku=catalog_pb2.Sku(
            sku_id=sku_id, product_id="mug", name="Mug, größe M",
            attributes=[catalog_pb2.Attribute(name="colour", text="blue"),
                        catalog_pb2.Attribute(name="weight", number=350),
                        catalog_pb2.Attribute(name="fragile", flag=True)],
            category_path=["Home", "Kitchen"], brand="Clay", unit="piece",
            price=common_pb2.Money(currency="EUR", units=7, nanos=990000000),
            options=[catalog_pb2.Attribute(name="size", text="M")], gtins=["4006381333931"])))
    assert made.created and made.sku.state == catalog_pb2.SKU_STATE_ACTIVE
    assert made.sku.etag and made.stamp.log_index > 0 and made.stamp.leader
    read = server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=sku_id))
    same(read.sku, made.sku)
    assert [a.WhichOneof("value") for a in read.sku.attributes] == ["text", "number", "flag"]
    changed = server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
        request_id=uuid7(), sku=catalog_pb2.Sku(sku_id=sku_id, brand="Stone", etag=made.sku.etag),
        update_mask=field_mask_pb2.FieldMask(paths=["brand"])))
    assert not changed.created
    same((changed.sku.brand, changed.sku.name), ("Stone", made.sku.name))
    assert changed.sku.etag != made.sku.etag


def test_a_mask_that_names_no_field_wipes_nothing(world):
    server, sku_id = world.shared, world.name()
    made = server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
        request_id=uuid7(), sku=catalog_pb2.Sku(
            sku_id=sku_id, name="Mug", brand="Clay",
            price=common_pb2.Money(currency="EUR", units=7)))).sku
    for paths in (["sku_id"], []):
        answer = server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
            request_id=uuid7(), sku=catalog_pb2.Sku(sku_id=sku_id),
            update_mask=field_mask_pb2.FieldMask(paths=paths)))
        same(answer.sku, made)
        same(server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=sku_id)).sku, made)
    fresh = world.name()
    answer = server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
        request_id=uuid7(), sku=catalog_pb2.Sku(sku_id=fresh, name="Mug", brand="Clay"),
        update_mask=field_mask_pb2.FieldMask(paths=["sku_id", "brand"])))
    same((answer.created, answer.sku.name, answer.sku.brand), (True, "", "Clay"))


def test_validate_only_writes_nothing(world):
    server, sku_id = world.shared, world.name()
    with world.unchanged():
        answer = server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
            request_id=uuid7(), validate_only=True, sku=catalog_pb2.Sku(sku_id=sku_id)))
        same(answer.sku.sku_id, sku_id)
        place = server.location.UpsertLocation(location_pb2.UpsertLocationRequest(
            request_id=uuid7(), validate_only=True,
            location=location_pb2.Location(location_id=world.name("place"))))
        assert place.location.location_id
    refused(lambda: server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=sku_id)),
            "NOT_FOUND", "NOT_FOUND")


def test_many_skus_are_read_at_once(world):
    server = world.shared
    ids = [server.sku(world.name()) for _ in range(5)]
    answer = server.catalog.BatchGetSkus(catalog_pb2.BatchGetSkusRequest(
        sku_ids=ids[:3] + ["nobody-has-it"] + ids[3:]))
    same(sorted(sku.sku_id for sku in answer.skus), sorted(ids))
    same(list(answer.missing_sku_ids), ["nobody-has-it"])
    same(len(answer.stamps), 1)


def test_skus_are_listed_page_by_page(world):
    server = world.shared
    wanted = {server.sku(world.name("page")) for _ in range(25)}
    seen, token, pages = [], "", 0
    while True:
        answer = server.catalog.ListSkus(catalog_pb2.ListSkusRequest(page_size=7,
                                                                     page_token=token))
        assert len(answer.skus) <= 7
        seen += [sku.sku_id for sku in answer.skus]
        token, pages = answer.next_page_token, pages + 1
        if not token:
            break
    assert pages > 3 and wanted <= set(seen)
    same(len(seen), len(set(seen)))


def test_a_sku_without_stock_is_deleted(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    server.catalog.DeleteSku(catalog_pb2.DeleteSkuRequest(request_id=uuid7(), sku_id=sku_id))
    refused(lambda: server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=sku_id)), "NOT_FOUND")


# --- LocationService ---

def test_locations_are_written_read_and_listed(world):
    server, name = world.shared, world.name("shop")
    made = server.location.UpsertLocation(location_pb2.UpsertLocationRequest(
        request_id=uuid7(), location=location_pb2.Location(
            location_id=name, name="Shop", type=location_pb2.LOCATION_TYPE_STORE,
            address="1 Square", latitude_e7=525200000, longitude_e7=-134050000,
            time_zone="Europe/Berlin", channels=["web", "till"])))
    assert made.created and made.location.etag
    read = server.location.GetLocation(location_pb2.GetLocationRequest(location_id=name))
    same(read.location, made.location)
    listed, token = [], ""
    while True:
        answer = server.location.ListLocations(location_pb2.ListLocationsRequest(
            page_size=2, page_token=token))
        listed += [place.location_id for place in answer.locations]
        token = answer.next_page_token
        if not token:
            break
    assert {"main", "annex", name} <= set(listed) and len(listed) == len(set(listed))


# --- StockService ---

def test_stock_is_adjusted_set_and_read(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    level = server.adjust(sku_id, 10, reason=stock_pb2.STOCK_REASON_RECEIPT, reference="PO 1").level
    same((level.on_hand, level.available), (10, 10))
    server.adjust(sku_id, 2, bucket=stock_pb2.STOCK_BUCKET_DAMAGED)
    same(server.level(sku_id).available, 8)
    level = server.stock.SetStock(stock_pb2.SetStockRequest(
        request_id=uuid7(), sku_id=sku_id, location_id="main", keep_on_hand=True,
        safety_stock=3, backorder_limit=4)).level
    same((level.on_hand, level.safety_stock, level.backorder_limit, level.available),
         (10, 3, 4, 5))
    server.set_stock(sku_id, 20, "annex")
    listed = server.stock.ListStockLevels(stock_pb2.ListStockLevelsRequest(sku_id=sku_id))
    same({(l.location_id, l.on_hand) for l in listed.levels}, {("main", 10), ("annex", 20)})


def test_stock_of_many_skus_is_read_at_once(world):
    server = world.shared
    ids = [server.sku(world.name(), on_hand=i + 1) for i in range(3)]
    answer = server.stock.BatchGetStockLevels(stock_pb2.BatchGetStockLevelsRequest(
        sku_ids=ids + ["nobody-has-it"], location_ids=["main"]))
    same(sorted((l.sku_id, l.on_hand) for l in answer.levels),
         sorted((sku, i + 1) for i, sku in enumerate(ids)))
    same(list(answer.missing_sku_ids), ["nobody-has-it"])


def test_all_levels_are_listed_page_by_page(world):
    server = world.shared
    wanted = {server.sku(world.name(), on_hand=1) for _ in range(12)}
    seen, token = set(), ""
    while True:
        answer = server.stock.ListStockLevels(stock_pb2.ListStockLevelsRequest(
            page_size=5, page_token=token))
        seen |= {level.sku_id for level in answer.levels}
        token = answer.next_page_token
        if not token:
            break
    assert wanted <= seen


def test_a_batch_of_adjustments_answers_each_by_itself(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    request = stock_pb2.BatchAdjustStockRequest(requests=[
        stock_pb2.AdjustStockRequest(request_id=uuid7(), adjustment=stock_pb2.StockAdjustment(
            sku_id=sku_id, location_id="main", quantity=quantity))
        for quantity in (3, 0, -100, -2)])
    results = server.stock.BatchAdjustStock(request).results
    same([result.status.code for result in results], [0, 3, 9, 0])
    same(results[1].status.field, "adjustment.quantity")
    same(results[2].status.reason, "INSUFFICIENT_STOCK")
    same([result.level.on_hand for result in (results[0], results[3])], [8, 6])
    again = server.stock.BatchAdjustStock(request).results
    same([result.replayed for result in again], [True, False, True, True])
    same(server.level(sku_id).on_hand, 6)


def test_the_ledger_tells_every_change_newest_first(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    for quantity in (5, 6, -1):
        server.adjust(sku_id, quantity, reference=f"note {quantity}")
    seen, token = [], ""
    while True:
        answer = server.stock.ListMovements(stock_pb2.ListMovementsRequest(
            sku_id=sku_id, page_size=2, page_token=token))
        seen += list(answer.movements)
        token = answer.next_page_token
        if not token:
            break
    same([m.after.on_hand - m.before.on_hand for m in seen], [-1, 6, 5])
    same([m.reference for m in seen], ["note -1", "note 6", "note 5"])
    assert all(m.log_index > 0 for m in seen)


# --- HoldService ---

def test_a_hold_goes_its_whole_way(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=10)
    made = server.create_hold(sku_id, 4, owner="cart:1", reference="r")
    assert made.hold.state == hold_pb2.HOLD_STATE_HELD and made.hold.lines[0].granted == 4
    same(server.level(sku_id).available, 6)
    hold_id = made.hold.hold_id
    same(server.hold.GetHold(hold_pb2.GetHoldRequest(hold_id=hold_id)).hold, made.hold)
    extended = server.hold.ExtendHold(hold_pb2.ExtendHoldRequest(
        request_id=uuid7(), hold_id=hold_id, ttl=duration(3600)))
    assert extended.hold.expire_time.seconds > made.hold.expire_time.seconds
    committed = server.hold.CommitHold(hold_pb2.CommitHoldRequest(request_id=uuid7(),
                                                                  hold_id=hold_id))
    same(committed.hold.state, hold_pb2.HOLD_STATE_COMMITTED)
    same(server.level(sku_id).committed, 4)
    done = server.hold.FulfilHold(hold_pb2.FulfilHoldRequest(request_id=uuid7(),
                                                             hold_id=hold_id))
    same(done.hold.state, hold_pb2.HOLD_STATE_FULFILLED)
    level = server.level(sku_id)
    same((level.on_hand, level.committed, level.available), (6, 0, 6))


def test_holds_are_released_and_cancelled(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=3)
    first = server.create_hold(sku_id, 3).hold.hold_id
    same(server.hold.ReleaseHold(hold_pb2.ReleaseHoldRequest(
        request_id=uuid7(), hold_id=first)).hold.state, hold_pb2.HOLD_STATE_RELEASED)
    second = server.create_hold(sku_id, 3).hold.hold_id
    server.hold.CommitHold(hold_pb2.CommitHoldRequest(request_id=uuid7(), hold_id=second))
    same(server.hold.CancelHold(hold_pb2.CancelHoldRequest(
        request_id=uuid7(), hold_id=second)).hold.state, hold_pb2.HOLD_STATE_CANCELLED)
    same(server.level(sku_id).available, 3)


def test_holds_of_an_owner_are_listed(world):
    server, sku_id, owner = world.shared, world.name(), world.name("cart")
    server.sku(sku_id, on_hand=10)
    wanted = [server.create_hold(sku_id, 1, owner=owner).hold.hold_id for _ in range(5)]
    seen, token = [], ""
    while True:
        answer = server.hold.ListHolds(hold_pb2.ListHoldsRequest(
            owner=owner, page_size=2, page_token=token))
        seen += [hold.hold_id for hold in answer.holds]
        token = answer.next_page_token
        if not token:
            break
    same(sorted(seen), sorted(wanted))


def test_a_batch_of_holds_answers_each_by_itself(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=3)
    results = server.hold.BatchCreateHolds(hold_pb2.BatchCreateHoldsRequest(requests=[
        hold_pb2.CreateHoldRequest(request_id=uuid7(), lines=[hold_pb2.HoldLine(
            sku_id=sku_id, location_id="main", quantity=quantity)])
        for quantity in (2, 5, -1, 1)])).results
    same([result.status.reason for result in results],
         ["", "INSUFFICIENT_STOCK", "INVALID", ""])
    same(results[2].status.field, "lines[0].quantity")
    assert results[0].hold_id and results[0].expire_time.seconds > now()
    same(server.level(sku_id).available, 0)


def test_best_effort_grants_what_there_is(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=3)
    hold = server.create_hold(sku_id, 5, mode=hold_pb2.HOLD_MODE_BEST_EFFORT).hold
    same((hold.lines[0].quantity, hold.lines[0].granted), (5, 3))


def test_a_hold_without_a_location_takes_the_fullest(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=2)
    server.set_stock(sku_id, 9, "annex")
    hold = server.create_hold(sku_id, lines=[hold_pb2.HoldLine(sku_id=sku_id, quantity=3)]).hold
    same(hold.lines[0].location_id, "annex")


# --- CustomerService, EventService ---

def test_a_customer_is_written_and_read(world):
    server, customer_id = world.shared, world.name("customer")
    made = server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
        request_id=uuid7(), customer=customer_pb2.Customer(
            customer_id=customer_id,
            attributes=[catalog_pb2.Attribute(name="tier", text="gold")],
            consent=customer_pb2.Consent(evidence_withdrawn=True))))
    assert made.created and made.customer.etag
    read = server.customer.GetCustomer(customer_pb2.GetCustomerRequest(customer_id=customer_id))
    same(read.customer, made.customer)
    assert read.customer.consent.evidence_withdrawn


def event(customer, sku_id, kind=event_pb2.EVENT_KIND_VIEW, **fields):
    fields.setdefault("event_id", uuid7())
    return event_pb2.Event(customer_id=customer, kind=kind, sku_id=sku_id, **fields)


def test_events_are_recorded_once(world):
    server, customer_id = world.shared, world.name("customer")
    events = [event(customer_id, "a-sku"), event(customer_id, "b-sku")]
    answer = server.event.RecordEvents(event_pb2.RecordEventsRequest(events=events))
    same((answer.stored, answer.duplicates, len(answer.failures)), (2, 0, 0))
    bad = event("", "a-sku")
    again = server.event.RecordEvents(event_pb2.RecordEventsRequest(events=events + [bad]))
    same((again.stored, again.duplicates), (0, 2))
    same([(f.index, f.status.reason, f.status.field) for f in again.failures],
         [(2, "INVALID", "customer_id")])


def test_a_stream_of_events_answers_every_message_in_order(world):
    server, customer_id = world.shared, world.name("visitor")

    def messages():
        for number in range(200):
            yield event_pb2.StreamEventsRequest(events=[
                event_pb2.Event(event_id=uuid7(), visitor_id=customer_id, sku_id=f"s{number % 7}",
                                kind=event_pb2.EVENT_KIND_VIEW) for _ in range(number % 5 + 1)])

    before = server.totals().events
    answers = list(server.event.StreamEvents(messages(), timeout=CALL_SECONDS))
    same([answer.sequence for answer in answers], list(range(1, 201)))
    same([answer.stored for answer in answers], [n % 5 + 1 for n in range(200)])
    same(server.totals().events, before + sum(n % 5 + 1 for n in range(200)))


# --- ClusterService, health, reflection ---

def test_the_cluster_tells_nodes_shards_and_totals(world):
    answer = world.shared.cluster.GetCluster(cluster_pb2.GetClusterRequest())
    same(len(answer.nodes), 1)
    assert answer.nodes[0].ready and answer.nodes[0].address == world.shared.address
    assert answer.nodes[0].version and len(answer.cluster_id) == 32
    for table in (common_pb2.SHARD_TABLE_SKU, common_pb2.SHARD_TABLE_CUSTOMER):
        ranges = sorted((s.start_key, s.end_key) for s in answer.shards if s.table == table)
        assert ranges[0][0] == 0 and ranges[-1][1] == 0
        assert all(a[1] == b[0] for a, b in zip(ranges, ranges[1:]))
    assert answer.totals.skus > 0


def test_the_cluster_tells_what_evidence_holds_and_leaves_the_oldest_behind_the_limit(world):
    with world.server("--bucket-sessions-max", "1") as server:
        def evidence():
            answer = server.cluster.GetCluster(cluster_pb2.GetClusterRequest())
            shard = next(s for s in answer.shards if s.table == common_pb2.SHARD_TABLE_CUSTOMER)
            assert 0 < shard.evidence.memory_bytes < shard.memory_bytes or not shard.totals.events
            found = shard.evidence
            return found.sessions, found.sessions_waiting, found.postings

        same(evidence(), (0, 0, 0))
        # Both sessions are of one customer, so of one bucket; the second is a minute newer.
        for age, session, items in ((60, "s1", ("a-sku", "b-sku", "c-sku")), (0, "s2", ("a-sku",))):
            server.event.RecordEvents(event_pb2.RecordEventsRequest(events=[
                event("somebody", item, session_id=session, occurred_time=timestamp(now() - age))
                for item in items]))
        same(evidence(), (1, 1, 1))


def test_health_is_told_for_the_server_and_each_service(world):
    health = world.shared.health
    for service in ("", "souk.v1.HoldService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service))
        same(answer.status, health_pb2.HealthCheckResponse.SERVING)
    refused(lambda: health.Check(health_pb2.HealthCheckRequest(service="nobody")), "NOT_FOUND")


def test_a_health_watch_sees_the_server_stop(world):
    server = world.start("--stop-grace-ms", "2000")
    watch = server.health.Watch(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
    seen = queue.Queue()

    def read():  # all the time, as whoever watches does
        for answer in watch:
            seen.put(answer.status)
        seen.put("the end")

    threading.Thread(target=read, daemon=True).start()
    same(seen.get(timeout=CALL_SECONDS), health_pb2.HealthCheckResponse.SERVING)
    server.process.send_signal(signal.SIGTERM)
    same(seen.get(timeout=CALL_SECONDS), health_pb2.HealthCheckResponse.NOT_SERVING)
    same(seen.get(timeout=CALL_SECONDS), "the end")
    same(server.process.wait(START_SECONDS), 0)
    server.channel.close()


def list_services(module, stub):
    answers = stub.ServerReflectionInfo(iter([module.ServerReflectionRequest(list_services="")]))
    return {service.name for service in next(answers).list_services_response.service}


def test_reflection_names_all_services_in_both_versions(world):
    wanted = {f"souk.v1.{name}Service" for name in (
        "Catalog", "Location", "Stock", "Hold", "Customer", "Event", "Recommend", "Import",
        "Cluster")}
    channel = world.shared.channel
    for module, grpc_module in ((reflection1, reflection1_grpc), (reflection0, reflection0_grpc)):
        assert wanted <= list_services(module, grpc_module.ServerReflectionStub(channel))
    stub = reflection1_grpc.ServerReflectionStub(channel)
    answer = next(stub.ServerReflectionInfo(iter([reflection1.ServerReflectionRequest(
        file_containing_symbol="souk.v1.HoldService")])))
    assert answer.file_descriptor_response.file_descriptor_proto


# --- Sessions ---

def test_a_session_token_is_issued_and_honoured(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    _, trailer = trailers(server.stock.SetStock, stock_pb2.SetStockRequest(
        request_id=uuid7(), sku_id=sku_id, location_id="main", on_hand=7))
    token = trailer["souk-session-bin"]
    answer, trailer = trailers(server.stock.GetStockLevel, stock_pb2.GetStockLevelRequest(
        sku_id=sku_id, location_id="main", read=common_pb2.ReadOptions(session_token=token)))
    same(answer.level.on_hand, 7)
    assert trailer["souk-session-bin"]
    _, merged = trailers(server.event.RecordEvents, event_pb2.RecordEventsRequest(
        events=[event("somebody", sku_id)]), metadata=(("souk-session-bin", token),))
    assert len(merged["souk-session-bin"]) > len(token)
