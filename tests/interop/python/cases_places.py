# SPDX-License-Identifier: Apache-2.0
"""Where something happened: what trends and is popular at a location, and what that leaves."""
from cases_erase import canonical, erase, export
from cases_placements import Kind, PURCHASE, Stock, batch, explain, question, rank, reasons, shown
from cases_recommend import ask, shop
from world import *

TRENDING, POPULAR = Kind.REASON_KIND_TRENDING, Kind.REASON_KIND_POPULAR


def happen(server, who, sku, location="", kind=PURCHASE):
    """Somebody does something somewhere."""
    return server.event.RecordEvents(event_pb2.RecordEventsRequest(events=[event_pb2.Event(
        event_id=uuid7(), customer_id=who, kind=kind, sku_id=sku, location_id=location)]),
        timeout=CALL_SECONDS)


def places(world, *names):
    """Locations of this case alone; every SKU of the case is to lie in all of them."""
    return [world.shared.location_id(world.name(name)) for name in names]


def soon(server, wanted, **fields):
    """The answer once it shows these first. What trends is summed on every loop of the node,
    and an event reaches the sums of the others a moment after its acknowledgement."""
    for _ in range(1000):
        answer = ask(server, placement="trending", **fields)
        if shown(answer)[:len(wanted)] == wanted:
            break
    same(shown(answer)[:len(wanted)], wanted)
    return answer


def there(*locations, mode=recommend_pb2.STOCK_MODE_NONE):
    return Stock(location_ids=list(locations), mode=mode)


def test_what_trends_at_a_location_comes_before_what_trends_anywhere(world):
    server, (a, b, c, *_) = world.shared, shop(world, "trend")
    here, away, empty = places(world, "rotterdam", "berlin", "empty")
    for sku, location, people in ((a, here, 3), (b, here, 1), (b, away, 4), (c, "", 5)):
        for _ in range(people):
            assert not happen(server, world.name("person"), sku, location).failures
    for _ in range(8):  # by then every loop has them
        answer = soon(server, [a, b], stock=there(here), count=5)
        soon(server, [b], stock=there(away), count=1)
    for sku, people in ((a, 3), (b, 1)):
        found, = reasons(answer, sku, TRENDING)
        same((found.evidence_count, found.location_id, found.fallback), (people, here, False))
    assert all(reason.location_id == "" for item in answer.items[2:] for reason in item.reasons)
    assert all(left.score >= right.score for left, right in zip(answer.items, answer.items[1:]))
    # Of several, the one that says most is named; twice the same location counts once.
    found, = reasons(ask(server, placement="trending", stock=there(here, away, here), count=2),
                     b, TRENDING)
    same((found.evidence_count, found.location_id), (5, away))
    # Where nothing happened it is the trend of the whole shop, and does not say otherwise.
    anywhere = ask(server, placement="trending", stock=Stock(mode=Stock().mode), count=5)
    nowhere = ask(server, placement="trending", stock=there(empty), count=5)
    assert all(r.location_id == "" for item in nowhere.items for r in item.reasons)
    assert anywhere.items and nowhere.items
    # So many at once are the whole shop.
    many = places(world, *["many"] * 17)
    same(shown(ask(server, placement="trending", stock=there(here, *many), count=5)),
         shown(nowhere))
    # The record of the answer, a batch and given items say the same.
    kept = explain(server, answer.answer_id)
    same([list(item.reasons) for item in kept.items], [list(i.reasons) for i in answer.items])
    (result,), = batch(server, [question(placement="trending", stock=there(here), count=5)])
    same([list(item.reasons) for item in result.answer.items],
         [list(item.reasons) for item in answer.items])
    ranked = rank(server, placement="trending", stock=there(here), sku_ids=[c, b, a])
    same([item.item.sku_id for item in ranked.items][:2], [a, b])
    same(ranked.items[0].item.reasons[0].location_id, here)


def test_what_is_popular_at_a_location_fills_what_trends_nowhere(world):
    server, (old, *_) = world.shared, shop(world, "popular")
    here, = places(world, "old-town")
    server.event.RecordEvents(event_pb2.RecordEventsRequest(events=[event_pb2.Event(
        event_id=uuid7(), customer_id=world.name("person"), kind=PURCHASE, sku_id=old,
        location_id=here, occurred_time=timestamp(now() - 200 * 24 * 3600))]))
    for _ in range(1000):
        answer = ask(server, placement="trending", stock=there(here), count=200)
        found = [why for why in reasons(answer, old, POPULAR) if why.location_id]
        if found:
            break
    found, = found
    same((found.evidence_count, found.location_id, found.fallback), (1, here, True))


def test_only_what_is_in_stock_there_is_shown(world):
    server, (a, b, *_) = world.shared, shop(world, "stocked")
    here, = places(world, "shelf")
    for sku in (a, b):
        happen(server, world.name("person"), sku, here)
    server.set_stock(b, 2, here)
    verified = there(here, mode=recommend_pb2.STOCK_MODE_VERIFIED)
    answer = soon(server, [b], stock=verified, count=5)
    same(shown(answer), [b])
    same(answer.items[0].reasons[0].location_id, here)


def test_an_event_may_name_a_location_that_comes_later(world):
    server, (a, *_) = world.shared, shop(world, "early")
    later = world.name("later")
    same(happen(server, world.name("person"), a, later).stored, 1)
    server.location_id(later)
    answer = soon(server, [a], stock=there(later), count=1)
    same(answer.items[0].reasons[0].location_id, later)


def test_a_location_id_that_cannot_be_one_is_refused_by_its_field(world):
    server, (a, *_) = world.shared, shop(world, "badplace")
    for bad in ("no blanks", "x" * 129, "tab\t", "ä"):
        failure, = happen(server, world.name("person"), a, bad).failures
        same((failure.status.reason, failure.status.field), ("INVALID", "location_id"))


def test_an_export_says_where_and_an_erasure_takes_it_away(world):
    server, (a, b, *_) = world.shared, shop(world, "gone")
    here, = places(world, "small-town")
    who = world.name("leaver")
    happen(server, world.name("stayer"), b, here)
    questions = [dict(placement=placement, stock=there(here), count=20)
                 for placement in ("trending", "for-you", "session")]
    soon(server, [b], stock=there(here), count=1)
    before = [canonical(ask(server, **fields)) for fields in questions]
    for _ in range(3):
        happen(server, who, a, here)
        happen(server, who, b, here)
    soon(server, [b, a], stock=there(here), count=2)
    _, events = export(server, who)
    same([event.event.location_id for event in events], [here] * 6)
    same(erase(server, who).events_removed, 6)
    same([canonical(ask(server, **fields)) for fields in questions], before)


def test_a_restart_changes_no_trend(world):
    server = world.start()
    server.location_id(), server.location_id("berlin")
    for number in range(6):
        server.sku(f"s{number}", on_hand=5)
        for person in range(number + 1):
            happen(server, f"c{person}", f"s{number}", ("main", "berlin", "")[number % 3])

    def seen(server):
        return [canonical(ask(server, placement=placement, count=10, stock=there(*at)))
                for placement in ("trending", "new", "for-you")
                for at in ((), ("main",), ("berlin",), ("main", "berlin"))]
    for _ in range(1000):
        wanted = seen(server)
        if all(answer == wanted for answer in (seen(server) for _ in range(4))):
            break
    folder = server.folder
    server.end(signal.SIGKILL)
    again = world.start(folder=folder)
    same(seen(again), wanted)
    again.end()
