# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged is still there, however the node went down."""
from world import *


def everything(server, owner):
    """All that a caller can read, in one value."""
    def pages(call, request, field, **fields):
        items, token = [], ""
        while True:
            answer = call(request(page_size=50, page_token=token, **fields), timeout=CALL_SECONDS)
            items += [item.SerializeToString(deterministic=True)
                      for item in getattr(answer, field)]
            token = answer.next_page_token
            if not token:
                return items
    totals = server.totals()
    return {
        "skus": pages(server.catalog.ListSkus, catalog_pb2.ListSkusRequest, "skus"),
        "locations": pages(server.location.ListLocations, location_pb2.ListLocationsRequest,
                           "locations"),
        "levels": pages(server.stock.ListStockLevels, stock_pb2.ListStockLevelsRequest, "levels"),
        "holds": pages(server.hold.ListHolds, hold_pb2.ListHoldsRequest, "holds", owner=owner),
        "movements": pages(server.stock.ListMovements, stock_pb2.ListMovementsRequest,
                           "movements", sku_id="s1"),
        "customer": server.customer.GetCustomer(customer_pb2.GetCustomerRequest(
            customer_id="c1")).customer.SerializeToString(deterministic=True),
        "totals": totals.SerializeToString(deterministic=True),
        "recommended": [item.sku_id for item in server.recommend.Recommend(
            recommend_pb2.RecommendRequest(session_items=["s1"])).items],
    }


def fill(server):
    server.location_id()
    server.location_id("annex")
    for number in range(20):
        server.sku(f"s{number}", on_hand=number + 1)
    requests = []
    for number in range(15):
        request = hold_pb2.CreateHoldRequest(request_id=uuid7(), owner="o", lines=[
            hold_pb2.HoldLine(sku_id=f"s{number}", location_id="main", quantity=1)])
        requests.append((request, server.hold.CreateHold(request)))
    for number, (_, answer) in enumerate(requests):
        what = ("Commit", "Release", "Extend")[number % 3]
        getattr(server.hold, f"{what}Hold")(getattr(hold_pb2, f"{what}HoldRequest")(
            request_id=uuid7(), hold_id=answer.hold.hold_id))
    server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
        request_id=uuid7(), customer=customer_pb2.Customer(customer_id="c1")))
    for person in range(10):
        server.event.RecordEvents(event_pb2.RecordEventsRequest(events=[
            event_pb2.Event(event_id=uuid7(), customer_id=f"c{person}", sku_id=sku,
                            kind=event_pb2.EVENT_KIND_VIEW) for sku in ("s1", f"s{person + 2}")]))
    return requests


def check(world, how, code, rounds=3):
    server = world.start()
    requests = fill(server)
    for _ in range(rounds):
        before = everything(server, "o")
        same(server.end(how), code)
        server = world.start(folder=server.folder)
        after = everything(server, "o")
        for key, value in before.items():
            assert value == after[key], f"{key} differ after a restart"
        for request, answer in requests[:5]:
            again, trailer = trailers(server.hold.CreateHold, request)
            same((again.hold.hold_id, trailer.get("souk-replayed")),
                 (answer.hold.hold_id, "1"))
        server.adjust("s1", 1)
    same(server.end(), 0)


def test_sigterm_exits_0_and_keeps_everything(world):
    check(world, signal.SIGTERM, 0)


def test_sigint_exits_0_too(world):
    server = world.start()
    same(server.end(signal.SIGINT), 0)


def test_kill_9_keeps_everything(world):
    check(world, signal.SIGKILL, -signal.SIGKILL)


def test_holds_over_several_shards_are_whole_after_kill_9(world):
    server = world.start("--sku-shards", "4")
    server.location_id()
    skus = [server.sku(f"s{number}", on_hand=1000) for number in range(8)]
    requests = []
    for _ in range(3):
        done = threading.Semaphore(0)
        futures = []
        for number in range(100):
            lines = [hold_pb2.HoldLine(sku_id=sku, location_id="main", quantity=1)
                     for sku in skus[number % 8:] + skus[:number % 8]]
            request = hold_pb2.CreateHoldRequest(request_id=uuid7(), lines=lines)
            requests.append(request)
            futures.append(server.hold.CreateHold.future(request, timeout=CALL_SECONDS))
            futures[-1].add_done_callback(lambda _: done.release())
        for _ in range(20):
            done.acquire()
        server.end(signal.SIGKILL)
        server = world.start(folder=server.folder)
    outcomes = outcome_pb2_grpc.OutcomeServiceStub(server.channel)
    held = 0
    for request in requests:
        told = outcomes.GetOutcome(outcome_pb2.GetOutcomeRequest(
            request_id=request.request_id, sku_id=request.lines[0].sku_id),
            timeout=CALL_SECONDS)
        held += told.outcome == outcome_pb2.REQUEST_OUTCOME_APPLIED
    assert held >= 60, held
    deadline = time.monotonic() + START_SECONDS
    while [server.level(sku).held for sku in skus] != [held] * len(skus):
        # what was not decided comes back when its home says so
        assert time.monotonic() < deadline, ([server.level(sku).held for sku in skus], held)
        time.sleep(0.1)
    same(server.end(), 0)


def test_calls_in_progress_are_finished_on_sigterm(world):
    server = world.start()
    server.location_id()
    server.sku("a", on_hand=100000)
    futures = [server.hold.CreateHold.future(hold_pb2.CreateHoldRequest(
        request_id=uuid7(), lines=[hold_pb2.HoldLine(sku_id="a", location_id="main",
                                                     quantity=1)]), timeout=CALL_SECONDS)
        for _ in range(500)]
    futures[0].result()
    server.process.send_signal(signal.SIGTERM)
    granted = unknown = 0
    for future in futures:
        error = future.exception()
        if error is None:
            granted += 1
        else:
            assert error.code().name == "UNAVAILABLE", error
            unknown += Refusal(error).reason != "DRAINING"
    same(server.process.wait(START_SECONDS), 0)
    server.channel.close()
    server.log.close()
    server = world.start(folder=server.folder)
    held = server.level("a").held
    assert granted <= held <= granted + unknown, (granted, held, unknown)
    server.end()


def test_a_second_node_on_the_folder_is_told_so(world):
    result = subprocess.run([world.soukd, "--dir", str(world.shared.folder), "--port", "0"],
                            capture_output=True, text=True, timeout=START_SECONDS)
    same(result.returncode, 1)
    assert "cannot start" in result.stderr and str(world.shared.folder) in result.stderr


def test_a_port_in_use_is_named(world):
    folder = world.work / world.name("port")
    result = subprocess.run([world.soukd, "--dir", str(folder), "--port",
                             str(world.shared.ports["client"])], capture_output=True, text=True,
                            timeout=START_SECONDS)
    same(result.returncode, 1)
    assert str(world.shared.ports["client"]) in result.stderr and "--port" in result.stderr


def test_a_bad_configuration_names_its_place(world):
    path = world.work / "bad.yaml"
    for text, wanted in (("port: 0\nlog_levle: info\n", ":2:1: unknown key 'log_levle'; did you "
                          "mean 'log_level'?"),
                         ("port: 0\nport: 1\n", ":2:1: 'port' stands here a second time"),
                         ("port: many\n", ":1:7: port must be a whole number"),
                         ("port: [1]\n", ":1:7: port takes one whole number"),
                         ("- a\n", ":1:1: expected lines of the form 'name: value'"),
                         ("port: 'a\n", ":")):
        path.write_text(text)
        result = subprocess.run([world.soukd, "--config", str(path)], capture_output=True,
                                text=True, timeout=START_SECONDS)
        same(result.returncode, 2)
        assert f"{path}{wanted}" in result.stderr, (wanted, result.stderr)
    result = subprocess.run([world.soukd, "--lgo-level", "debug"], capture_output=True, text=True,
                            timeout=START_SECONDS)
    same(result.returncode, 2)
    assert "did you mean '--log_level'" in result.stderr or "--log-level" in result.stderr


def test_a_printed_configuration_is_read_back(world):
    printed = subprocess.run([world.soukd, "--port", "0", "--log-level", "warn",
                              "--print-config"], capture_output=True, text=True, check=True)
    path = world.work / "printed.yaml"
    path.write_text(printed.stdout)
    again = subprocess.run([world.soukd, "--config", str(path), "--print-config"],
                           capture_output=True, text=True, check=True)
    same(again.stdout, printed.stdout)
    for flag in ("--help", "--version"):
        result = subprocess.run([world.soukd, flag], capture_output=True, text=True, check=True)
        assert "soukd" in result.stdout


def test_the_example_configuration_is_up_to_date(world):
    printed = subprocess.run([world.soukd, "--dir", "/var/lib/souk", "--print-config"],
                             capture_output=True, text=True, check=True).stdout
    example = pathlib.Path(__file__).parents[3] / "deploy" / "soukd.yaml"
    assert example.read_text() == printed, (
        "renew it: soukd --dir /var/lib/souk --print-config > deploy/soukd.yaml")


def test_state_reaches_the_disk_by_itself_and_status_says_so(world):
    with world.server("--persist-interval-ms", "50") as server:
        server.location_id()
        server.sku("s1", on_hand=5)
        server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
            request_id=uuid7(), customer=customer_pb2.Customer(customer_id="c1")))
        deadline = time.monotonic() + START_SECONDS
        late = [None]
        while late and time.monotonic() < deadline:
            shards = server.cluster.GetCluster(cluster_pb2.GetClusterRequest()).shards
            late = [(shard.shard_id, shard.flushed_index, shard.applied_index)
                    for shard in shards if shard.flushed_index < shard.applied_index]
            time.sleep(0.05)
        same(late, [])
