# SPDX-License-Identifier: Apache-2.0
"""Warehouse streams: each update exactly once, whatever breaks, repeats or resumes."""
import queue

from world import *

CONTINUE, STOP = stock_pb2.STREAM_ERROR_MODE_CONTINUE, stock_pb2.STREAM_ERROR_MODE_STOP


class Stream:
    """One StreamStockUpdates, message by message."""

    def __init__(self, server, source_id, timeout=CALL_SECONDS, **options):
        self.outgoing = queue.Queue()
        self.answers = server.stock.StreamStockUpdates(iter(self.outgoing.get, None),
                                                       timeout=timeout)
        self.credits = []
        self.outgoing.put(stock_pb2.StreamStockUpdatesRequest(
            open=stock_pb2.StockStreamOpen(source_id=source_id, **options)))

    def opened(self):
        opened = next(self.answers).opened
        self.credit, self.last = opened.credit, opened.last_sequence
        return self

    def send(self, first, updates):
        self.outgoing.put(stock_pb2.StreamStockUpdatesRequest(
            batch=stock_pb2.StockUpdateBatch(first_sequence=first, updates=updates)))

    def barrier(self, number):
        self.outgoing.put(stock_pb2.StreamStockUpdatesRequest(
            barrier=stock_pb2.StockStreamBarrier(barrier_id=number)))

    def answer(self):
        return next(self.answers)

    def ack(self):
        """The next Ack; what the server says of credit is kept beside."""
        while True:
            answer = next(self.answers)
            if answer.WhichOneof("message") != "credit":
                same(answer.WhichOneof("message"), "ack")
                return answer.ack
            self.credits.append(answer.credit.credit)

    def acked(self, through):
        """Acks up to this sequence, summed."""
        total = stock_pb2.StockStreamAck()
        while total.through_sequence < through:
            ack = self.ack()
            total.through_sequence = ack.through_sequence
            total.applied += ack.applied
            total.duplicates += ack.duplicates
            total.superseded += ack.superseded
            total.skipped += ack.skipped
            total.failures.extend(ack.failures)
        same(total.through_sequence, through)
        return total

    def close(self):
        self.outgoing.put(None)
        return list(self.answers)


def delta(sku, quantity, location="main", **fields):
    return stock_pb2.StockUpdate(sku_id=sku, location_id=location, delta=quantity, **fields)


def absolute(sku, quantity, location="main", **fields):
    return stock_pb2.StockUpdate(sku_id=sku, location_id=location, quantity=quantity, **fields)


def ends(stream, code, reason):
    """Whatever was still to come, then the stream ends so; returns the refusal."""
    return refused(lambda: list(stream.answers), code, reason)


def test_every_update_changes_its_level_and_stands_in_the_ledger(world):
    server, source = world.shared, world.name("wms")
    a, b = server.sku(world.name(), 10), server.sku(world.name(), 0)
    stream = Stream(server, source).opened()
    same(stream.last, 0)
    stream.send(1, [delta(a, 5, reference="po-1", reason=stock_pb2.STOCK_REASON_RECEIPT),
                    absolute(b, 7), delta(a, -2),
                    delta(b, 3, bucket=stock_pb2.STOCK_BUCKET_INCOMING)])
    same(stream.ack(), stock_pb2.StockStreamAck(through_sequence=4, applied=4))
    same(stream.close(), [])
    same((server.level(a).on_hand, server.level(b).on_hand, server.level(b).incoming),
         (13, 7, 3))
    movements = server.stock.ListMovements(stock_pb2.ListMovementsRequest(sku_id=a),
                                           timeout=CALL_SECONDS).movements
    same([m.after.on_hand for m in movements], [13, 15, 10])
    same((movements[1].reference, movements[1].reason), ("po-1", stock_pb2.STOCK_REASON_RECEIPT))


def test_case_27_a_gap_names_the_sequence_expected(world):
    server, source = world.shared, world.name("wms")
    sku = server.sku(world.name(), 0)
    stream = Stream(server, source).opened()
    stream.send(1, [delta(sku, 1)] * 3)
    stream.send(5, [delta(sku, 1)])
    same(stream.ack().through_sequence, 3)  # what came before is answered
    refusal = ends(stream, "FAILED_PRECONDITION", "SEQUENCE_GAP")
    same(refusal.metadata["expected_sequence"], "4")
    assert "4 is expected" in refusal.message, refusal
    same(server.level(sku).on_hand, 3)
    stream = Stream(server, source).opened()
    same(stream.last, 3)
    stream.send(4, [delta(sku, 1)] * 2)
    same(stream.ack().through_sequence, 5)


def test_case_28_a_replay_from_the_start_is_acknowledged_and_ignored(world):
    server, source = world.shared, world.name("wms")
    sku = server.sku(world.name(), 0)
    stream = Stream(server, source).opened()
    stream.send(1, [delta(sku, 1)] * 50)
    stream.barrier(7)
    same(stream.acked(50).applied, 50)
    same(stream.answer().barrier,
         stock_pb2.StockStreamBarrierReached(barrier_id=7, through_sequence=50))
    stream.close()
    with world.unchanged(sku):
        again = Stream(server, source).opened()
        same(again.last, 50)
        again.send(1, [delta(sku, 1)] * 30)
        ack = again.ack()
        same((ack.through_sequence, ack.applied, ack.duplicates), (50, 0, 30))
        again.send(21, [delta(sku, 1)] * 30)
        ack = again.ack()
        same((ack.through_sequence, ack.applied, ack.duplicates), (50, 0, 30))
        again.close()


def test_who_threw_away_what_was_acknowledged_says_how_far_it_was(world):
    server, source = world.shared, world.name("wms")
    sku = server.sku(world.name(), 0)
    stream = Stream(server, source).opened()
    stream.send(1, [delta(sku, 1)])
    stream.ack()
    stream.send(2, [delta(sku, 1)] * 9)
    stream.acked(10)
    stream.answers.cancel()  # before the cluster has noted it down, mostly
    stream = Stream(server, source, acked_sequence=10).opened()
    same(stream.last, 10)
    stream.send(11, [delta(sku, 1)])
    same((stream.ack().through_sequence, server.level(sku).on_hand), (11, 11))
    ends(Stream(server, source, acked_sequence=2**63), "INVALID_ARGUMENT", "INVALID")


def test_case_29_a_stream_that_stays_silent_is_closed(world):
    with world.server("--stream-idle-max-s", "1") as server:
        server.location_id("main")
        sku = server.sku("a", 0)
        mute = Stream(server, "mute")
        mute.outgoing.queue.clear()
        stream = Stream(server, "wms").opened()
        stream.send(1, [delta(sku, 1)])
        same(stream.ack().through_sequence, 1)
        ends(stream, "UNAVAILABLE", "STREAM_IDLE")
        same(Stream(server, "wms").opened().last, 1)


def test_case_30_a_reader_that_never_reads_is_bounded_and_cancelled(world):
    with world.server() as server:
        server.location_id("main")
        server.sku("a", 0)
        sent = []

        def messages():
            yield stock_pb2.StreamStockUpdatesRequest(
                open=stock_pb2.StockStreamOpen(source_id="deaf"))
            time.sleep(0.2)
            for number in range(3000):
                sent.append(number)
                yield stock_pb2.StreamStockUpdatesRequest(batch=stock_pb2.StockUpdateBatch(
                    first_sequence=number * 1000 + 1,
                    updates=[delta("none", 1, reference="r" * 100)] * 1000))

        def resident_mib():
            with open(f"/proc/{server.process.pid}/statm") as statm:
                return int(statm.read().split()[1]) * 4096 >> 20

        before = resident_mib()
        call = server.stock.StreamStockUpdates(messages(), timeout=3)
        time.sleep(3.2)
        assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED, call.code()
        assert len(sent) < 3000, "all of it was read"
        assert resident_mib() < before + 128, f"{before} MiB became {resident_mib()}"
        # Whoever takes over finds every update decided once.
        stream = Stream(server, "deaf").opened()
        stream.send(stream.last + 1, [absolute("a", 1)])
        stream.ack()


def test_case_31_a_stream_cut_off_by_its_deadline_tells_on_the_next_one(world):
    server, source = world.shared, world.name("wms")
    sku = server.sku(world.name(), 0)
    stream = Stream(server, source, timeout=0.001)
    refused(lambda: list(stream.answers), "DEADLINE_EXCEEDED")
    stream = Stream(server, source, timeout=0.5).opened()
    for number in range(100):
        stream.send(stream.last + 1 + number * 100, [delta(sku, 1)] * 100)
    refused(lambda: list(stream.answers), "DEADLINE_EXCEEDED")
    again = Stream(server, source).opened()
    for first in range(again.last + 1, 10000, 100):
        again.send(first, [delta(sku, 1)] * min(100, 10001 - first))
    again.acked(10000)
    same(server.level(sku).on_hand, 10000)


def test_case_32_a_stream_without_a_deadline_lasts_as_long_as_its_two_ends_like(world):
    with world.server("--deadline-max-ms", "300") as server:
        server.location_id("main")
        sku = server.sku("a", 0)
        stream = Stream(server, "wms", timeout=None).opened()
        time.sleep(0.8)
        stream.send(1, [delta(sku, 1)])
        same(stream.ack().through_sequence, 1)
        stream.close()


def test_case_42_one_owner_with_very_many_holds_meets_a_quota(world):
    with world.server("--owner-holds-max", "100") as server:
        server.location_id("main")
        server.sku("a", 100000)
        requests = [hold_pb2.CreateHoldRequest(
            request_id=uuid7(), owner="one",
            lines=[hold_pb2.HoldLine(sku_id="a", location_id="main", quantity=1)])
            for _ in range(1000)]
        results = server.hold.BatchCreateHolds(
            hold_pb2.BatchCreateHoldsRequest(requests=requests), timeout=CALL_SECONDS).results
        same(sum(r.status.reason == "QUOTA" for r in results), 900)
        same(server.level("a").held, 100)
        refused(lambda: server.create_hold("a", owner="one"), "RESOURCE_EXHAUSTED", "QUOTA")
        server.create_hold("a", owner="another")


def test_a_second_stream_of_the_source_takes_over(world):
    server, source = world.shared, world.name("wms")
    sku = server.sku(world.name(), 0)
    first = Stream(server, source).opened()
    first.send(1, [delta(sku, 1)] * 2)
    first.acked(2)
    second = Stream(server, source).opened()
    first.send(3, [delta(sku, 1)])
    ends(first, "ABORTED", "SOURCE_SUPERSEDED")
    second.send(max(second.last, 0) + 1, [delta(sku, 1)] * (4 - second.last))
    second.acked(4)
    same(server.level(sku).on_hand, 4)


def test_a_new_epoch_starts_anew_and_an_old_one_is_refused(world):
    server, source = world.shared, world.name("wms")
    sku = server.sku(world.name(), 0)
    stream = Stream(server, source, source_epoch=2).opened()
    stream.send(1, [delta(sku, 1)] * 5)
    stream.acked(5)
    stream.close()
    ends(Stream(server, source, source_epoch=1), "ABORTED", "SOURCE_SUPERSEDED")
    restored = Stream(server, source, source_epoch=3).opened()
    same(restored.last, 0)
    restored.send(1, [delta(sku, 1)])
    same(restored.ack().applied, 1)
    same(server.level(sku).on_hand, 6)


def test_a_refused_update_is_told_and_passed_and_told_again(world):
    server, source = world.shared, world.name("wms")
    sku, missing = server.sku(world.name(), 1), world.name("none")
    updates = [delta(sku, 1), delta(missing, 1), delta(sku, -9), delta("no id!", 1),
               delta(sku, 1, location="nowhere"), stock_pb2.StockUpdate(
                   sku_id=sku, location_id="main"), delta(sku, 1)]
    stream = Stream(server, source, error_mode=CONTINUE).opened()
    stream.send(1, updates[:1])
    same(stream.ack().applied, 1)
    stream.send(2, updates[1:])
    told = stream.acked(7)
    same((told.applied, len(told.failures)), (1, 5))
    same([(f.sequence, f.status.reason, f.status.field) for f in told.failures],
         [(2, "NOT_FOUND", "sku_id"), (3, "INSUFFICIENT_STOCK", "quantity"),
          (4, "INVALID", "sku_id"), (5, "NOT_FOUND", "location_id"), (6, "INVALID", "change")])
    assert missing in told.failures[0].status.message, told.failures[0]
    # A stream that broke off before it was remembered as through hears of them again.
    stream.answers.cancel()
    again = Stream(server, source).opened()
    if again.last < 7:  # a second has not gone by
        again.send(again.last + 1, updates[again.last:])
        told = again.acked(7)
        same((told.applied, [f.sequence for f in told.failures]), (0, [2, 3, 4, 5, 6]))
    same(server.level(sku).on_hand, 3)


def test_a_refused_update_ends_the_stream_by_choice_and_is_taken_once_mended(world):
    server, source = world.shared, world.name("wms")
    sku, late = server.sku(world.name(), 0), world.name("late")
    updates = [delta(sku, 1), delta(late, 5), delta(sku, 1)]
    stream = Stream(server, source, error_mode=STOP).opened()
    stream.send(1, updates)
    ack = stream.ack()
    same((ack.through_sequence, [f.sequence for f in ack.failures]), (1, [2]))
    refusal = ends(stream, "NOT_FOUND", "NOT_FOUND")
    same(refusal.metadata["sequence"], "2")
    server.sku(late)
    again = Stream(server, source, error_mode=STOP).opened()
    same(again.last, 1)
    again.send(2, updates[1:])
    again.acked(3)
    same((server.level(sku).on_hand, server.level(late).on_hand), (2, 5))


def test_an_unknown_sku_is_skipped_or_made_as_a_draft(world):
    server = world.shared
    new, other = world.name("new"), world.name("new")
    stream = Stream(server, world.name("wms"), on_missing=stock_pb2.ON_MISSING_SKIP).opened()
    stream.send(1, [delta(new, 1)])
    same(stream.ack(), stock_pb2.StockStreamAck(through_sequence=1, skipped=1))
    stream = Stream(server, world.name("wms"),
                    on_missing=stock_pb2.ON_MISSING_CREATE).opened()
    stream.send(1, [absolute(other, 4)])
    same(stream.ack().applied, 1)
    sku = server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=other),
                                timeout=CALL_SECONDS).sku
    same((sku.state, server.level(other).on_hand), (catalog_pb2.SKU_STATE_DRAFT, 4))


def test_a_late_absolute_value_is_superseded(world):
    server = world.shared
    sku = server.sku(world.name(), 0)
    stream = Stream(server, world.name("wms")).opened()
    stream.send(1, [absolute(sku, 9, occurred_time=timestamp(1000)),
                    absolute(sku, 5, occurred_time=timestamp(999)),
                    delta(sku, -1, occurred_time=timestamp(2000)),
                    absolute(sku, 7, occurred_time=timestamp(1500))])
    same(stream.ack(), stock_pb2.StockStreamAck(through_sequence=4, applied=2, superseded=2))
    same(server.level(sku).on_hand, 8)
    # Another source is not bound by it.
    other = Stream(server, world.name("wms")).opened()
    other.send(1, [absolute(sku, 3, occurred_time=timestamp(1))])
    same((other.ack().applied, server.level(sku).on_hand), (1, 3))
    other.send(2, [absolute(sku, 3, occurred_time=timestamp(now() + 86400))])
    same([f.status.field for f in other.ack().failures], ["occurred_time"])


def test_many_shards_take_each_update_once_over_restarts_and_broken_streams(world):
    folder = world.work / f"node{next(world.numbers)}"
    flags = ("--sku-shards", "4", "--shard-loops", "2", "--rpc-workers", "2")
    server = world.start(*flags, folder=folder)
    server.location_id("main")
    skus = [server.sku(f"s{i}", 0) for i in range(40)]
    updates = [delta(skus[i % 40], 1 + i % 3) for i in range(20000)]
    wanted = {}
    for update in updates:
        wanted[update.sku_id] = wanted.get(update.sku_id, 0) + update.delta
    applied = 0
    for cut, how in ((4000, None), (9000, signal.SIGKILL), (15000, signal.SIGTERM),
                     (20000, None)):
        stream = Stream(server, "wms").opened()
        at = stream.last
        while at < cut:
            stream.send(at + 1, updates[at:at + 500])
            at = min(at + 500, len(updates))
        if how is None:
            applied += stream.acked(at).applied
        else:
            stream.ack()
            server.end(how)
            server = world.start(*flags, folder=folder)
    for sku, quantity in wanted.items():
        same((sku, server.level(sku).on_hand), (sku, quantity))
    movements = server.totals().movements
    same(movements, len(updates))
    same(server.end(), 0)


def test_a_server_that_stops_says_so_and_loses_nothing(world):
    folder = world.work / f"node{next(world.numbers)}"
    server = world.start(folder=folder)
    server.location_id("main")
    sku = server.sku("a", 0)
    stream = Stream(server, "wms").opened()
    stream.send(1, [delta(sku, 1)] * 10)
    stream.acked(10)
    server.process.send_signal(signal.SIGTERM)
    same(stream.answer().go_away.through_sequence, 10)
    ends(stream, "UNAVAILABLE", "DRAINING")
    stream.answers.cancel()
    same(server.process.wait(START_SECONDS), 0)
    server = world.start(folder=folder)
    same(Stream(server, "wms").opened().last, 10)
    same(server.end(), 0)


def test_acks_cover_many_batches_by_choice(world):
    server = world.shared
    sku = server.sku(world.name(), 0)
    stream = Stream(server, world.name("wms"), ack_window=1000).opened()
    for number in range(40):
        stream.send(1 + number * 50, [delta(sku, 1)] * 50)
    acks, through = 0, 0
    while through < 2000:
        through, acks = stream.ack().through_sequence, acks + 1
    assert acks <= 40, acks
    same(server.level(sku).on_hand, 2000)


def test_messages_out_of_place_are_invalid(world):
    server, source = world.shared, world.name("wms")
    for message, field in (
            (stock_pb2.StreamStockUpdatesRequest(), "open"),
            (stock_pb2.StreamStockUpdatesRequest(
                batch=stock_pb2.StockUpdateBatch(first_sequence=1)), "open"),
            (stock_pb2.StreamStockUpdatesRequest(
                open=stock_pb2.StockStreamOpen(source_id="")), "open.source_id"),
            (stock_pb2.StreamStockUpdatesRequest(
                open=stock_pb2.StockStreamOpen(source_id="no id!")), "open.source_id")):
        refused(lambda: list(server.stock.StreamStockUpdates(
            iter([message]), timeout=CALL_SECONDS)), "INVALID_ARGUMENT", "INVALID", field)
    for first, updates, field in ((1, [], "batch.updates"),
                                  (1, [delta("a", 1)] * 1001, "batch.updates"),
                                  (0, [delta("a", 1)], "batch.first_sequence")):
        stream = Stream(server, source).opened()
        stream.send(first, updates)
        same(ends(stream, "INVALID_ARGUMENT", "INVALID").fields, [field])
    stream = Stream(server, source).opened()
    stream.outgoing.put(stock_pb2.StreamStockUpdatesRequest(
        open=stock_pb2.StockStreamOpen(source_id=source)))
    same(ends(stream, "INVALID_ARGUMENT", "INVALID").fields, ["open"])


def test_sources_have_a_limit_and_known_ones_go_on(world):
    with world.server("--sources-max", "2") as server:
        for source in ("one", "two", "one"):
            Stream(server, source).opened().close()
        refusal = ends(Stream(server, "three"), "FAILED_PRECONDITION", "QUANTITY_LIMIT")
        assert "sources_max" in refusal.message, refusal
