# SPDX-License-Identifier: Apache-2.0
"""Each documented refusal of one node, with its details."""
from world import *


def test_insufficient_stock_names_what_was_asked_and_what_there_is(world):
    server, first, second = world.shared, world.name(), world.name()
    server.sku(first, on_hand=3)
    server.sku(second, on_hand=1)
    lines = [hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=quantity)
             for sku, quantity in ((first, 5), (second, 1))]
    with world.unchanged(first, second):
        refusal = refused(lambda: server.create_hold(None, lines=lines),
                          "FAILED_PRECONDITION", "INSUFFICIENT_STOCK")
    same(refusal.metadata, {"lines[0].requested": "5", "lines[0].available": "3"})


def test_a_long_shortage_names_twenty_lines_and_counts_the_rest(world):
    with world.server("--sku-shards", "1") as server:  # several tell of their own lines
        server.location_id()
        skus = [server.sku(world.name("x" * 60), on_hand=1) for _ in range(30)]
        lines = [hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=2**60)
                 for sku in skus]
        refusal = refused(lambda: server.create_hold(None, lines=lines),
                          "FAILED_PRECONDITION", "INSUFFICIENT_STOCK")
        same(refusal.metadata.get("lines_omitted"), "10")
        same(sum(key.endswith(".available") for key in refusal.metadata), 20)


def test_an_old_etag_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    etag = server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=sku_id)).sku.etag
    server.sku(sku_id, brand="other")
    refused(lambda: server.sku(sku_id, etag=etag), "ABORTED", "ETAG_MISMATCH")
    refused(lambda: server.sku(sku_id, etag="no etag at all"), "ABORTED", "ETAG_MISMATCH")


def test_a_failed_compare_tells_the_present_value(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=4)
    with world.unchanged(sku_id):
        refusal = refused(lambda: server.stock.SetStock(stock_pb2.SetStockRequest(
            request_id=uuid7(), sku_id=sku_id, location_id="main", on_hand=9,
            expected_on_hand=5)), "ABORTED", "STOCK_COMPARE_FAILED")
    same(refusal.metadata["on_hand"], "4")
    assert refusal.metadata["etag"] == server.level(sku_id).etag


def test_a_sku_with_stock_is_not_deleted(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    with world.unchanged(sku_id):
        refused(lambda: server.catalog.DeleteSku(catalog_pb2.DeleteSkuRequest(
            request_id=uuid7(), sku_id=sku_id)), "FAILED_PRECONDITION", "SKU_IN_USE")


def test_a_retired_sku_is_not_held(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    server.sku(sku_id, state=catalog_pb2.SKU_STATE_RETIRED)
    with world.unchanged(sku_id):
        refused(lambda: server.create_hold(sku_id), "FAILED_PRECONDITION", "SKU_NOT_ACTIVE")


def test_what_is_not_there_is_not_found(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id)
    nobody = "0123456789abcdef-0123456789abcdef"
    for call in (
            lambda: server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id="none")),
            lambda: server.location.GetLocation(location_pb2.GetLocationRequest(location_id="no")),
            lambda: server.level("none"),
            lambda: server.level(sku_id, "nowhere"),
            lambda: server.adjust("none", 1),
            lambda: server.adjust(sku_id, 1, "nowhere"),
            lambda: server.create_hold("none"),
            lambda: server.hold.GetHold(hold_pb2.GetHoldRequest(hold_id=nobody)),
            lambda: server.hold.GetHold(hold_pb2.GetHoldRequest(hold_id="not-a-hold")),
            lambda: server.hold.CommitHold(hold_pb2.CommitHoldRequest(
                request_id=uuid7(), hold_id=nobody)),
            lambda: server.customer.GetCustomer(customer_pb2.GetCustomerRequest(
                customer_id="nobody")),
            lambda: server.recommend.Recommend(recommend_pb2.RecommendRequest(
                placement="no-such"))):
        refused(call, "NOT_FOUND", "NOT_FOUND")


def test_what_is_not_there_is_named(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    lines = [hold_pb2.HoldLine(sku_id=sku_id, location_id="main", quantity=1),
             hold_pb2.HoldLine(sku_id="NOPE", location_id="main", quantity=1)]
    for call, field, message in (
            (lambda: server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id="NOPE")),
             "sku_id", "no SKU 'NOPE'; create it with UpsertSku"),
            (lambda: server.location.GetLocation(location_pb2.GetLocationRequest(
                location_id="far")), "location_id",
             "no location 'far'; create it with UpsertLocation"),
            (lambda: server.level("NOPE"), "sku_id", "no SKU 'NOPE'; create it with UpsertSku"),
            (lambda: server.level(sku_id, "far"), "location_id",
             "no location 'far'; create it with UpsertLocation"),
            (lambda: server.customer.GetCustomer(customer_pb2.GetCustomerRequest(
                customer_id="Ann")), "customer_id",
             "no customer 'Ann'; create it with UpsertCustomer"),
            (lambda: server.hold.GetHold(hold_pb2.GetHoldRequest(hold_id="H1")),
             "hold_id", "no hold 'H1'"),
            (lambda: server.adjust("NOPE", 1), "adjustment.sku_id",
             "no SKU 'NOPE'; create it with UpsertSku"),
            (lambda: server.adjust(sku_id, 1, "far"), "adjustment.location_id",
             "no location 'far'; create it with UpsertLocation"),
            (lambda: server.set_stock("NOPE", 1), "sku_id",
             "no SKU 'NOPE'; create it with UpsertSku"),
            (lambda: server.create_hold("NOPE"), "lines[0].sku_id",
             "no SKU 'NOPE'; create it with UpsertSku"),
            (lambda: server.create_hold(None, lines=lines), "lines[1].sku_id",
             "no SKU 'NOPE'; create it with UpsertSku")):
        refusal = refused(call, "NOT_FOUND", "NOT_FOUND")
        same((message, refusal.message, refusal.fields), (message, message, [field]))
    log = server.log_path.read_text()
    assert "NOPE" in log and "Ann" not in log


def test_an_adjustment_below_0_names_its_quantity(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=3)
    refusal = refused(lambda: server.adjust(sku_id, -5), "FAILED_PRECONDITION",
                      "INSUFFICIENT_STOCK", "adjustment.quantity")
    same(refusal.metadata, {"adjustment.requested": "5", "adjustment.available": "3"})


def test_control_characters_are_refused_at_every_door(world):
    server, sku_id = world.shared, world.name()
    for call, field in (
            (lambda: server.sku(sku_id, name="a\nb"), "sku.name"),
            (lambda: server.create_hold(sku_id, reference="a\x7f"), "reference"),
            (lambda: server.adjust(sku_id, 1, reference="\x01"), "adjustment.reference")):
        refused(call, "INVALID_ARGUMENT", "INVALID", field)


def test_foreign_page_tokens_are_refused(world):
    server = world.shared
    skus = [server.sku(world.name(), on_hand=1) for _ in range(3)]
    token = server.catalog.ListSkus(catalog_pb2.ListSkusRequest(page_size=1)).next_page_token
    assert token
    flipped = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for call in (
            lambda: server.catalog.ListSkus(catalog_pb2.ListSkusRequest(page_token="nonsense")),
            lambda: server.catalog.ListSkus(catalog_pb2.ListSkusRequest(page_token=flipped)),
            lambda: server.catalog.ListSkus(catalog_pb2.ListSkusRequest(page_token="A" * 5000)),
            lambda: server.location.ListLocations(location_pb2.ListLocationsRequest(
                page_token=token)),
            lambda: server.stock.ListStockLevels(stock_pb2.ListStockLevelsRequest(
                sku_id=skus[0], page_token=token)),
            lambda: server.hold.ListHolds(hold_pb2.ListHoldsRequest(owner="o", page_token=token)),
            lambda: server.stock.ListMovements(stock_pb2.ListMovementsRequest(
                sku_id=skus[0], page_token=token))):
        refused(call, "INVALID_ARGUMENT", "BAD_TOKEN", "page_token")


def test_foreign_session_tokens_are_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    with world.server() as other:
        _, trailer = trailers(other.cluster.GetCluster, cluster_pb2.GetClusterRequest())
        other.location_id()
        _, trailer = trailers(other.location.GetLocation, location_pb2.GetLocationRequest(
            location_id="main"))
        foreign = trailer["souk-session-bin"]
    for token in (b"nonsense", foreign, foreign[:-1], b"\x00" * 2000):
        refused(lambda: server.stock.GetStockLevel(stock_pb2.GetStockLevelRequest(
            sku_id=sku_id, location_id="main",
            read=common_pb2.ReadOptions(session_token=token))), "INVALID_ARGUMENT", "BAD_TOKEN",
            "read.session_token")


def test_a_token_ahead_of_the_store_is_refused(world):
    # The same folder as it was before the write that the token names.
    import shutil
    server = world.start()
    server.location_id()
    server.sku("a", on_hand=1)
    same(server.end(), 0)
    copy = world.work / world.name("copy")
    shutil.copytree(server.folder, copy)
    server = world.start(folder=server.folder)
    _, trailer = trailers(server.stock.SetStock, stock_pb2.SetStockRequest(
        request_id=uuid7(), sku_id="a", location_id="main", on_hand=2))
    server.end()
    older = world.start(folder=copy)
    refused(lambda: older.stock.GetStockLevel(stock_pb2.GetStockLevelRequest(
        sku_id="a", location_id="main", read=common_pb2.ReadOptions(
            session_token=trailer["souk-session-bin"]))), "INVALID_ARGUMENT", "BAD_TOKEN")
    same(older.level("a").on_hand, 1)
    older.end()


def test_an_owner_has_a_limit_of_open_holds(world):
    with world.server("--owner-holds-max", "3") as server:
        server.location_id()
        server.sku("a", on_hand=10)
        for _ in range(3):
            server.create_hold("a", owner="one")
        refused(lambda: server.create_hold("a", owner="one"), "RESOURCE_EXHAUSTED", "QUOTA")
        server.create_hold("a", owner="two")
        same(server.level("a").held, 4)


def test_a_hold_over_several_shards_holds_all_or_nothing(world):
    with world.server("--sku-shards", "3", "--customer-shards", "4") as server:
        server.location_id()
        skus = [server.sku(f"sku{i}", on_hand=2) for i in range(60)]
        shards = {sku: server.catalog.GetSku(
            catalog_pb2.GetSkuRequest(sku_id=sku)).stamp.shard_id for sku in skus}
        assert len(set(shards.values())) == 3, shards
        chosen = [next(sku for sku in skus if shards[sku] == shard)
                  for shard in sorted(set(shards.values()))]

        def lines(quantity):
            return [hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=quantity)
                    for sku in chosen]

        def levels():
            return [(server.level(sku).held, server.level(sku).committed,
                     server.level(sku).on_hand) for sku in chosen]

        short = refused(lambda: server.create_hold(
            None, lines=lines(2)[:2] + lines(3)[2:]), "FAILED_PRECONDITION",
            "INSUFFICIENT_STOCK")
        same(short.metadata["lines[2].requested"], "3")
        deadline = time.monotonic() + CALL_SECONDS
        while levels() != [(0, 0, 2)] * 3:  # the other shards hear of it after the answer
            assert time.monotonic() < deadline, levels()
        request_id = uuid7()
        hold = server.create_hold(None, lines=lines(2), request_id=request_id).hold
        same([line.granted for line in hold.lines], [2, 2, 2])
        same(server.create_hold(None, lines=lines(2), request_id=request_id).hold, hold)
        same(levels(), [(2, 0, 2)] * 3)
        done = server.hold.CommitHold(hold_pb2.CommitHoldRequest(
            request_id=uuid7(), hold_id=hold.hold_id))
        same(list(done.pending_shards), [])
        same(levels(), [(0, 2, 2)] * 3)
        done = server.hold.FulfilHold(hold_pb2.FulfilHoldRequest(
            request_id=uuid7(), hold_id=hold.hold_id))
        same(done.hold.state, hold_pb2.HOLD_STATE_FULFILLED)
        same(levels(), [(0, 0, 0)] * 3)
        refused(lambda: server.create_hold(
            None, lines=lines(1), mode=hold_pb2.HOLD_MODE_BEST_EFFORT), "UNIMPLEMENTED",
            "MULTI_SHARD_HOLD")


def test_a_batch_of_holds_over_several_shards_answers_one_by_one(world):
    with world.server("--sku-shards", "4") as server:
        server.location_id()
        skus = [server.sku(f"sku{i}", on_hand=3) for i in range(8)]
        requests = [hold_pb2.CreateHoldRequest(
            request_id=uuid7(), lines=[hold_pb2.HoldLine(
                sku_id=sku, location_id="main", quantity=quantity) for sku in skus])
            for quantity in (1, 1, 9, 1, 1)]
        answer = server.hold.BatchCreateHolds(
            hold_pb2.BatchCreateHoldsRequest(requests=requests))
        codes = [result.status.code for result in answer.results]
        same(sorted(codes.count(code) for code in set(codes)), [2, 3])
        same(codes[2] != 0, True)
        same([server.level(sku).held for sku in skus], [3] * 8)


def test_crossed_carts_never_take_more_than_there_is(world):
    with world.server("--sku-shards", "2") as server:
        server.location_id()
        skus = [server.sku(f"sku{i}", on_hand=20) for i in range(40)]
        first = skus[0]
        shards = {sku: server.catalog.GetSku(
            catalog_pb2.GetSkuRequest(sku_id=sku)).stamp.shard_id for sku in skus}
        other = next(sku for sku in skus if shards[sku] != shards[first])
        futures = [server.hold.CreateHold.future(hold_pb2.CreateHoldRequest(
            request_id=uuid7(), lines=[
                hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=2)
                for sku in ((first, other) if number % 2 else (other, first))]),
            timeout=CALL_SECONDS) for number in range(60)]
        granted, reasons = 0, set()
        for future in futures:
            error = future.exception()
            granted += error is None
            if error is not None:
                reasons.add(Refusal(error).reason)
        assert reasons <= {"INSUFFICIENT_STOCK", "STOCK_CONTENDED"}, reasons
        for _ in range(10 - granted):  # whoever was told to try again finds the rest
            server.create_hold(None, lines=[
                hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=2)
                for sku in (first, other)])
        same([server.level(sku).held for sku in (first, other)], [20, 20])
        refused(lambda: server.create_hold(None, lines=[
            hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=1)
            for sku in (first, other)]), "FAILED_PRECONDITION", "INSUFFICIENT_STOCK")


def test_what_became_of_a_call_is_told_and_settled(world):
    server, sku_id, request_id = world.shared, world.name(), uuid7()
    server.sku(sku_id, on_hand=2)
    outcomes = outcome_pb2_grpc.OutcomeServiceStub(server.channel)

    def outcome(request_id):
        return outcomes.GetOutcome(outcome_pb2.GetOutcomeRequest(
            request_id=request_id, sku_id=sku_id))

    hold = server.create_hold(sku_id, request_id=request_id).hold
    told = outcome(request_id)
    same((told.outcome, told.hold_id), (outcome_pb2.REQUEST_OUTCOME_APPLIED, hold.hold_id))
    short = uuid7()
    refused(lambda: server.create_hold(sku_id, quantity=9, request_id=short),
            "FAILED_PRECONDITION", "INSUFFICIENT_STOCK")
    told = outcome(short)
    same((told.outcome, told.status.reason),
         (outcome_pb2.REQUEST_OUTCOME_REFUSED, "INSUFFICIENT_STOCK"))
    lost = uuid7()
    for _ in range(2):
        same(outcome(lost).outcome, outcome_pb2.REQUEST_OUTCOME_NOT_APPLIED)
        refused(lambda: server.create_hold(sku_id, request_id=lost), "CANCELLED")
    same(server.level(sku_id).held, 1)
    refused(lambda: outcomes.GetOutcome(outcome_pb2.GetOutcomeRequest(request_id=lost)),
            "INVALID_ARGUMENT", field="anchor")


def test_lists_and_batches_over_several_shards_lose_nothing(world):
    with world.server("--sku-shards", "5", "--customer-shards", "8") as server:
        for name in ("main", "annex", "north", "south"):
            server.location_id(name)
        skus = [server.sku(f"sku{i}", on_hand=1) for i in range(40)]
        seen, token = [], ""
        while True:
            answer = server.catalog.ListSkus(catalog_pb2.ListSkusRequest(page_size=7,
                                                                         page_token=token))
            seen += [sku.sku_id for sku in answer.skus]
            token = answer.next_page_token
            if not token:
                break
        same(sorted(seen), sorted(skus))
        places = server.location.ListLocations(location_pb2.ListLocationsRequest())
        same(sorted(p.location_id for p in places.locations), ["annex", "main", "north", "south"])
        levels = server.stock.BatchGetStockLevels(stock_pb2.BatchGetStockLevelsRequest(
            sku_ids=skus + ["nobody-has-it"]))
        same(sorted({level.sku_id for level in levels.levels}), sorted(skus))
        same(len(levels.stamps), 5)
        results = server.hold.BatchCreateHolds(hold_pb2.BatchCreateHoldsRequest(requests=[
            hold_pb2.CreateHoldRequest(request_id=uuid7(), owner="all", lines=[hold_pb2.HoldLine(
                sku_id=sku, location_id="main", quantity=1 + number % 2)])
            for number, sku in enumerate(skus)])).results
        same([result.status.reason for result in results], ["", "INSUFFICIENT_STOCK"] * 20)
        held, token = [], ""
        while True:
            answer = server.hold.ListHolds(hold_pb2.ListHoldsRequest(
                owner="all", page_size=6, page_token=token))
            held += [hold.hold_id for hold in answer.holds]
            token = answer.next_page_token
            if not token:
                break
        same(sorted(held), sorted(r.hold_id for r in results if not r.status.code))


def test_a_wrong_update_mask_names_the_field(world):
    from google.protobuf import field_mask_pb2
    with world.unchanged():
        refused(lambda: world.shared.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
            request_id=uuid7(), sku=catalog_pb2.Sku(sku_id="a"),
            update_mask=field_mask_pb2.FieldMask(paths=["colour"]))),
            "INVALID_ARGUMENT", "INVALID", "update_mask")
