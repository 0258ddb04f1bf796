# SPDX-License-Identifier: Apache-2.0
"""Watches of stock: levels, then every change, from a token, or not at all."""
from world import *


class Watch:
    """One WatchStock, message by message."""

    def __init__(self, server, timeout=CALL_SECONDS, **options):
        self.answers = server.stock.WatchStock(stock_pb2.WatchStockRequest(**options),
                                               timeout=timeout)
        self.token = ""

    def message(self):
        answer = next(self.answers)
        self.token = answer.resume_token or self.token
        return answer

    def snapshot(self):
        """All levels of the snapshot by SKU and location, up to its end."""
        levels = {}
        while True:
            answer = self.message()
            same(answer.WhichOneof("message"), "snapshot")
            levels.update({(l.sku_id, l.location_id): l for l in answer.snapshot.levels})
            if answer.snapshot.complete:
                assert answer.resume_token, answer
                return levels

    def changes(self, count):
        """So many changes; heartbeats are passed over."""
        changes = []
        while len(changes) < count:
            answer = self.message()
            changes.extend(answer.changes.changes)
        same(len(changes), count)
        return changes

    def close(self):
        self.answers.cancel()


def on_hand(change):
    return change.movement.after.on_hand


def position(change):
    return change.movement.shard_id, change.movement.log_index, change.movement.log_sub


def test_a_watch_tells_levels_as_they_are_then_every_change_in_order(world):
    server = world.shared
    a, b, other = (server.sku(world.name(), units) for units in (5, 7, 9))
    watch = Watch(server, sku_ids=[a, b, world.name("none")])
    same({key: level.on_hand for key, level in watch.snapshot().items()},
         {(a, "main"): 5, (b, "main"): 7})
    for step in range(3):
        server.adjust(a, 1)
        server.adjust(other, 1)
    server.set_stock(b, 1)
    # Of one level in order; the two may lie on two shards.
    changes = sorted(watch.changes(4), key=lambda change: change.movement.sku_id == b)
    same([(c.movement.sku_id, on_hand(c)) for c in changes], [(a, 6), (a, 7), (a, 8), (b, 1)])
    same([c.movement.before.on_hand for c in changes], [5, 6, 7, 7])
    same(sorted(map(position, changes[:3])), list(map(position, changes[:3])))
    watch.close()


def test_a_watch_goes_on_from_its_token_with_nothing_missing(world):
    server = world.shared
    sku = server.sku(world.name(), 0)
    watch = Watch(server, sku_ids=[sku])
    watch.snapshot()
    server.adjust(sku, 1)
    same([on_hand(c) for c in watch.changes(1)], [1])
    watch.close()
    for _ in range(5):
        server.adjust(sku, 1)
    again = Watch(server, sku_ids=[sku], resume_token=watch.token)
    same([on_hand(c) for c in again.changes(5)], [2, 3, 4, 5, 6])
    again.close()
    # A token of a wider watch serves for a narrower one, and not the other way round.
    everything = Watch(server, changes_only=True)
    same(everything.message().WhichOneof("message"), "heartbeat")
    server.adjust(sku, 1)
    narrow = Watch(server, sku_ids=[sku], resume_token=everything.token)
    same([on_hand(c) for c in narrow.changes(1)], [7])
    everything.close()
    narrow.close()


def test_a_watch_of_locations_hears_of_these_alone(world):
    server = world.shared
    sku, place = server.sku(world.name(), 3), server.location_id(world.name("place"))
    server.set_stock(sku, 4, place)
    watch = Watch(server, location_ids=[place])
    same({key: level.on_hand for key, level in watch.snapshot().items()}, {(sku, place): 4})
    server.adjust(sku, 1)
    server.adjust(sku, 2, place)
    changes = watch.changes(1)
    same((changes[0].movement.location_id, on_hand(changes[0])), (place, 6))
    watch.close()


def test_alerts_come_with_the_changes_that_cause_them(world):
    server = world.shared
    sku = server.sku(world.name(), 20)
    watch = Watch(server, sku_ids=[sku], changes_only=True, low_stock=3, reorder_point=10)
    alert = Watch(server, sku_ids=[sku], changes_only=True, low_stock=3,
                  alerts=[stock_pb2.STOCK_ALERT_LOW_STOCK, stock_pb2.STOCK_ALERT_HOLD_EXPIRED])
    watch.message(), alert.message()
    server.adjust(sku, -10)
    server.adjust(sku, -7)
    hold = server.create_hold(sku, 3, ttl=duration(0.3)).hold
    changes = watch.changes(4)
    low, reorder, back, short, expired = (getattr(stock_pb2, f"STOCK_ALERT_{name}") for name in (
        "LOW_STOCK", "REORDER_POINT", "BACK_IN_STOCK", "SHORTFALL", "HOLD_EXPIRED"))
    same([list(c.alerts) for c in changes], [[reorder], [low], [], [back, expired]])
    same(changes[3].movement.hold_id, hold.hold_id)
    same([list(c.alerts) for c in alert.changes(2)], [[low], [back, expired]])
    server.create_hold(sku, 3)
    server.set_stock(sku, 1)
    same([list(c.alerts) for c in watch.changes(2)], [[], [short]])
    watch.close(), alert.close()


def test_a_move_is_told_to_watchers_of_both_its_locations(world):
    server = world.shared
    there, elsewhere = (server.location_id(world.name("place")) for _ in range(2))
    sku = server.sku(world.name(), 10)
    options = dict(sku_ids=[sku], changes_only=True, low_stock=3)
    main, to, other = (Watch(server, location_ids=[place], **options)
                       for place in ("main", there, elsewhere))
    back = Watch(server, alerts=[stock_pb2.STOCK_ALERT_BACK_IN_STOCK], **options)
    for watch in (main, to, other, back):
        watch.message()
    server.stock.MoveStock(stock_pb2.MoveStockRequest(
        request_id=uuid7(), sku_id=sku, from_location_id="main",
        from_bucket=stock_pb2.STOCK_BUCKET_ON_HAND, to_location_id=there,
        to_bucket=stock_pb2.STOCK_BUCKET_ON_HAND, quantity=8), timeout=CALL_SECONDS)
    server.adjust(sku, 1, elsewhere)
    low, back_in = stock_pb2.STOCK_ALERT_LOW_STOCK, stock_pb2.STOCK_ALERT_BACK_IN_STOCK
    told = [watch.changes(1)[0] for watch in (main, to, back)]
    for change in told:
        same((change.movement.to_location_id, on_hand(change),
              change.movement.to_after.on_hand), (there, 2, 8))
    same([(list(c.alerts), list(c.to_alerts)) for c in told],
         [([low], []), ([], [back_in]), ([low], [back_in])])
    same(other.changes(1)[0].movement.location_id, elsewhere)
    for watch in (main, to, other, back):
        watch.close()


def test_heartbeats_carry_a_token_that_goes_on(world):
    with world.server("--watch-heartbeat-ms", "50", "--sku-shards", "2",
                      "--shard-loops", "2") as server:
        server.location_id("main")
        skus = [server.sku(f"s{i}", 0) for i in range(8)]
        quiet = Watch(server, sku_ids=[server.sku("quiet", 0)])
        quiet.snapshot()
        watch = Watch(server)
        same(len(watch.snapshot()), 9)
        for sku in skus:
            server.adjust(sku, 1)
        same(sorted(c.movement.sku_id for c in watch.changes(8)), skus)
        first = watch.token
        while watch.message().WhichOneof("message") != "heartbeat":
            pass
        while quiet.message().WhichOneof("message") != "heartbeat":
            pass
        quiet.close(), watch.close()
        again = Watch(server, resume_token=watch.token)
        server.adjust("quiet", 1)
        same([c.movement.sku_id for c in again.changes(1)], ["quiet"])
        again.close()
        assert first, "changes carry a token, too"


def test_many_shards_tell_each_levels_changes_in_order_over_restarts(world):
    folder = world.work / f"node{next(world.numbers)}"
    flags = ("--sku-shards", "3", "--shard-loops", "2")
    server = world.start(*flags, folder=folder)
    server.location_id("main")
    skus = [server.sku(f"s{i}", 0) for i in range(12)]
    watch = Watch(server)
    watch.snapshot()
    seen = {sku: [] for sku in skus}

    def take(watch, count):
        for change in watch.changes(count):
            seen[change.movement.sku_id].append(on_hand(change))

    for step in range(4):
        for _ in range(5):
            for sku in skus:
                server.adjust(sku, 1)
        if step == 1:
            take(watch, 120)
            server.end(signal.SIGKILL)
            server = world.start(*flags, folder=folder)
            watch = Watch(server, resume_token=watch.token)
    take(watch, 120)
    same(seen, {sku: list(range(1, 21)) for sku in skus})
    watch.close()
    same(server.end(), 0)


def test_a_token_too_old_is_refused_with_the_oldest_one(world):
    with world.server("--watch-keep-s", "1") as server:
        server.location_id("main")
        sku = server.sku("a", 0)
        watch = Watch(server, changes_only=True)
        watch.message()
        server.adjust(sku, 1)
        watch.close()
        time.sleep(1.3)
        server.adjust(sku, 1)
        refusal = refused(lambda: Watch(server, resume_token=watch.token).changes(1),
                          "OUT_OF_RANGE", "RESUME_POINT_COMPACTED", "resume_token")
        again = Watch(server, resume_token=refusal.metadata["oldest_token"])
        same([on_hand(c) for c in again.changes(1)], [2])
        again.close()


def test_bad_tokens_and_questions_are_refused(world):
    server = world.shared
    sku = server.sku(world.name(), 0)
    watch = Watch(server, sku_ids=[sku], changes_only=True)
    watch.message()
    watch.close()
    token = watch.token
    for bad in ("x", token[:-1], token[:-2] + "AA", "A" * 70000):
        refused(lambda: Watch(server, resume_token=bad).message(), "INVALID_ARGUMENT",
                "BAD_TOKEN", "resume_token")
    with world.server() as foreign:
        refused(lambda: Watch(foreign, resume_token=token).message(), "INVALID_ARGUMENT",
                "BAD_TOKEN")
    for options, field in (({"sku_ids": ["no id!"]}, "sku_ids"),
                           ({"sku_ids": ["a"] * 1001}, "sku_ids"),
                           ({"location_ids": ["a"] * 101}, "location_ids"),
                           ({"reorder_point": -1}, "reorder_point")):
        refused(lambda: Watch(server, **options).message(), "INVALID_ARGUMENT", "INVALID",
                field)


def test_a_watcher_that_reads_too_slowly_is_sent_away_with_its_token(world):
    with world.server("--watch-slow-max-ms", "300") as server:
        server.location_id("main")
        skus = [server.sku(f"s{i}", 0) for i in range(4)]

        def resident_mib():
            with open(f"/proc/{server.process.pid}/statm") as statm:
                return int(statm.read().split()[1]) * 4096 >> 20

        watch = Watch(server, timeout=60)
        watch.snapshot()
        updates = [stock_pb2.StockUpdate(sku_id=skus[i % 4], location_id="main", delta=1,
                                         reference="r" * 100) for i in range(1000)]

        def messages():
            yield stock_pb2.StreamStockUpdatesRequest(
                open=stock_pb2.StockStreamOpen(source_id="wms"))
            for number in range(200):
                yield stock_pb2.StreamStockUpdatesRequest(batch=stock_pb2.StockUpdateBatch(
                    first_sequence=number * 1000 + 1, updates=updates))

        through = 0
        for answer in server.stock.StreamStockUpdates(messages(), timeout=60):
            through = max(through, answer.ack.through_sequence)
        same(through, 200000)
        time.sleep(1)
        assert resident_mib() < 700, f"{resident_mib()} MiB"
        seen = {sku: 0 for sku in skus}

        def take(watch, most):
            for answer in watch.answers:
                watch.token = answer.resume_token or watch.token
                for change in answer.changes.changes:
                    movement = change.movement
                    same(movement.before.on_hand, seen[movement.sku_id])
                    seen[movement.sku_id] = movement.after.on_hand
                if sum(seen.values()) == most:
                    return

        refusal = refused(lambda: take(watch, 200000), "RESOURCE_EXHAUSTED", "WATCH_TOO_SLOW")
        assert 0 < sum(seen.values()) < 200000, seen
        same(refusal.metadata["resume_token"], watch.token)
        again = Watch(server, timeout=60, resume_token=watch.token)
        take(again, 200000)
        same(set(seen.values()), {50000})
        again.close()


def test_a_server_that_stops_sends_its_watchers_elsewhere(world):
    folder = world.work / f"node{next(world.numbers)}"
    server = world.start(folder=folder)
    server.location_id("main")
    sku = server.sku("a", 1)
    watch = Watch(server)
    watch.snapshot()
    server.process.send_signal(signal.SIGTERM)
    refusal = refused(lambda: watch.changes(1), "UNAVAILABLE", "DRAINING")
    same(server.process.wait(START_SECONDS), 0)
    server = world.start(folder=folder)
    again = Watch(server, resume_token=refusal.metadata["resume_token"])
    server.adjust(sku, 1)
    same([on_hand(c) for c in again.changes(1)], [2])
    again.close()
    same(server.end(), 0)
