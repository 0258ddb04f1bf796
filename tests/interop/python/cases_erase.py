# SPDX-License-Identifier: Apache-2.0
"""A copy of everything, and then nothing: ExportCustomer and EraseCustomer."""
from cases_import import Import
from cases_placements import explain
from cases_recommend import ask, record, shop
from world import *


def actor(who, visitor=False):
    return {"visitor_id" if visitor else "customer_id": who}


def erase(server, who, visitor=False, request_id=None):
    return server.customer.EraseCustomer(customer_pb2.EraseCustomerRequest(
        request_id=request_id or uuid7(), **actor(who, visitor)), timeout=CALL_SECONDS).proof


def export(server, who, visitor=False, pause=0):
    """(first message, events) of an export."""
    first, events = None, []
    for message in server.customer.ExportCustomer(customer_pb2.ExportCustomerRequest(
            **actor(who, visitor)), timeout=CALL_SECONDS):
        time.sleep(pause)
        if first is None:
            first = message
            assert not message.events
        else:
            assert not message.HasField("customer")
            events += message.events
    return first, events


def profile(server, who):
    return server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
        request_id=uuid7(), customer=customer_pb2.Customer(
            customer_id=who, attributes=[catalog_pb2.Attribute(name="city", text="Jena")])),
        timeout=CALL_SECONDS).customer


def get(server, who):
    return server.customer.GetCustomer(customer_pb2.GetCustomerRequest(customer_id=who),
                                       timeout=CALL_SECONDS).customer


def canonical(answer):
    """A recommendation without what differs between two equal ones."""
    answer = recommend_pb2.RecommendResponse.FromString(answer.SerializeToString())
    answer.answer_id = ""
    answer.ClearField("answer_time")
    for item in answer.items:
        item.stock.ClearField("stamp")
    for part in answer.coverage.ranges:
        for field in ("applied_index", "lag", "elapsed"):
            part.ClearField(field)
    return answer.SerializeToString(deterministic=True)


def answers(server, skus, people):
    """What everybody is recommended, as bytes."""
    seen = [canonical(ask(server, session_items=list(pair), count=20))
            for pair in zip(skus, skus[1:] + skus[:1])]
    seen += [canonical(ask(server, customer_id=person, count=20)) for person in people]
    return seen + [canonical(ask(server, count=50))]


def test_an_export_has_the_profile_and_every_event_newest_first(world):
    server, (a, b, *_) = world.shared, shop(world, "export")
    who = world.name("exported")
    stored = profile(server, who)
    sent = []
    for part in range(4):
        events = [event_pb2.Event(
            event_id=f"{who}-{part}-{i}", customer_id=who, kind=event_pb2.EVENT_KIND_PURCHASE,
            sku_id=(a, b)[i % 2], quantity=i + 1, session_id=f"s{part}", detail="d" * (i % 50),
            price=common_pb2.Money(currency="EUR", units=i, nanos=5),
            occurred_time=timestamp(1_700_000_000 + i)) for i in range(900)]
        sent += events
        answer = server.event.RecordEvents(event_pb2.RecordEventsRequest(events=events),
                                           timeout=CALL_SECONDS)
        same(answer.stored, 900)
    begin = now()
    first, events = export(server, who)
    same((first.customer.customer_id, first.customer.etag), (who, stored.etag))
    same(first.customer.attributes[0].text, "Jena")
    same((first.event_count, first.customer.event_count), (3600, 3600))
    assert first.stamp.log_index > 0
    same([e.event.SerializeToString(deterministic=True) for e in reversed(events)],
         [e.SerializeToString(deterministic=True) for e in sent])
    times = [e.record_time.ToMilliseconds() for e in events]
    assert times == sorted(times, reverse=True) and times[0] / 1000 <= begin + 1
    assert all(e.import_line == 0 for e in events)
    same(len(export(server, who, pause=0.02)[1]), 3600)  # a reader that takes its time


def test_an_export_of_a_visitor_has_events_and_no_profile(world):
    server, (a, *_) = world.shared, shop(world, "export")
    who = world.name("cookie")
    record(server, who, a, a, visitor=True)
    first, events = export(server, who, visitor=True)
    assert not first.HasField("customer")
    same((first.event_count, [e.event.visitor_id for e in events]), (2, [who, who]))
    refused(lambda: export(server, who), "NOT_FOUND", "NOT_FOUND", "customer_id")


def test_an_export_of_nobody_or_of_nothing_is_refused_with_the_field(world):
    server = world.shared
    refused(lambda: export(server, world.name("nobody")), "NOT_FOUND", "NOT_FOUND", "customer_id")
    refused(lambda: export(server, world.name("nobody"), visitor=True), "NOT_FOUND", "NOT_FOUND",
            "visitor_id")
    refused(lambda: list(server.customer.ExportCustomer(customer_pb2.ExportCustomerRequest())),
            "INVALID_ARGUMENT", "INVALID", "customer_id")
    refused(lambda: export(server, "not an id"), "INVALID_ARGUMENT", "INVALID", "customer_id")


def test_an_erasure_proves_what_it_took(world):
    server, (a, b, *_) = world.shared, shop(world, "erase")
    who = world.name("leaving")
    profile(server, who)
    record(server, who, a, b, a)
    record(server, who, b, start=now() - 9000)
    request = customer_pb2.EraseCustomerRequest(request_id=uuid7(), customer_id=who)
    answer, trailer = trailers(server.customer.EraseCustomer, request)
    proof = answer.proof
    same((proof.events_removed, proof.sessions_removed, proof.profile_removed), (4, 2, True))
    assert proof.stamp.log_index > 0 and abs(proof.stamp.log_time.seconds - now()) < 60
    assert "souk-session-bin" in trailer and "souk-replayed" not in trailer
    same([c.log_index for c in proof.confirmations], [proof.stamp.log_index])
    assert proof.confirmations[0].node_id > 0
    refused(lambda: get(server, who), "NOT_FOUND", "NOT_FOUND", "customer_id")
    refused(lambda: export(server, who), "NOT_FOUND")
    again, trailer = trailers(server.customer.EraseCustomer, request)
    same(trailer["souk-replayed"], "1")
    assert again.proof.confirmations[0].log_index >= proof.stamp.log_index
    again.proof.confirmations[0].log_index = proof.stamp.log_index
    same(again.proof, proof)


def test_erasing_somebody_unknown_or_twice_is_done_and_proves_that_nothing_was_there(world):
    server, (a, *_) = world.shared, shop(world, "erase")
    for visitor in (False, True):
        who = world.name("nobody")
        for _ in range(2):
            proof = erase(server, who, visitor)
            same((proof.events_removed, proof.sessions_removed, proof.profile_removed),
                 (0, 0, False))
        record(server, who, a, visitor=visitor)
        same(erase(server, who, not visitor).events_removed, 0)
        same(erase(server, who, visitor).events_removed, 1)


def test_an_erasure_that_is_asked_for_badly_changes_nothing(world):
    server, (a, *_) = world.shared, shop(world, "erase")
    who, request_id = world.name("staying"), uuid7()
    record(server, who, a)
    call = server.customer.EraseCustomer
    with world.unchanged():
        refused(lambda: call(customer_pb2.EraseCustomerRequest(customer_id=who)),
                "INVALID_ARGUMENT", "REQUEST_ID_REQUIRED")
        refused(lambda: call(customer_pb2.EraseCustomerRequest(request_id=uuid7())),
                "INVALID_ARGUMENT", "INVALID", "customer_id")
        refused(lambda: call(customer_pb2.EraseCustomerRequest(
            request_id=uuid7(), visitor_id="a b")), "INVALID_ARGUMENT", "INVALID", "visitor_id")
    erase(server, world.name("other"), request_id=request_id)
    refused(lambda: call(customer_pb2.EraseCustomerRequest(
        request_id=request_id, customer_id=who)), "INVALID_ARGUMENT",
        "REQUEST_ID_REUSED")
    same(len(export(server, who)[1]), 1)


def test_nobody_is_shown_anything_by_an_erased_customer(world):
    """All answers are the same bytes as before the customer came; also after kill -9."""
    server = world.start("--customer-shards", "8", "--shard-loops", "4")
    server.location_id()
    skus = [server.sku(f"item-{i}", on_hand=9) for i in range(12)]
    lonely = server.sku("lonely", on_hand=9)  # nobody but those who leave ever sees it
    people = [f"person-{i}" for i in range(20)]
    long_ago = now() - 40 * 86400
    for number, person in enumerate(people):
        record(server, person, *(skus[(number + i) % len(skus)] for i in range(4)),
               start=long_ago + number * 100)
    skus.append(lonely)
    before = answers(server, skus, people)
    for number in range(6):
        who = f"leaving-{number}"
        profile(server, who)
        for visit in range(3):
            record(server, who, lonely, *skus[number::3], start=long_ago + visit * 9000,
                   kind=event_pb2.EVENT_KIND_PURCHASE)
    assert answers(server, skus, people) != before
    for number in range(6):
        same(erase(server, f"leaving-{number}").sessions_removed, 3)
    same(answers(server, skus, people), before)
    same(server.end(signal.SIGKILL), -signal.SIGKILL)
    server = world.start(folder=server.folder)
    same(answers(server, skus, people), before)
    for number in range(6):
        refused(lambda: export(server, f"leaving-{number}"), "NOT_FOUND")
    same(server.end(), 0)
    server = world.start(folder=server.folder)
    same(answers(server, skus, people), before)
    same(server.end(), 0)


def test_events_after_an_erasure_are_those_of_somebody_new(world):
    server, (a, b, *_) = world.shared, shop(world, "erase")
    who = world.name("returning")
    event = event_pb2.Event(event_id=f"{who}-1", customer_id=who, sku_id=a,
                            kind=event_pb2.EVENT_KIND_VIEW)
    send = lambda: server.event.RecordEvents(event_pb2.RecordEventsRequest(events=[event]))
    same((send().stored, send().duplicates), (1, 1))
    erase(server, who)
    same((send().stored, send().duplicates), (1, 1))
    first, events = export(server, who)
    assert not first.HasField("customer")
    same([e.event.event_id for e in events], [event.event_id])


def test_a_profile_write_from_before_brings_nobody_back(world):
    server = world.shared
    who = world.name("written")
    request = customer_pb2.UpsertCustomerRequest(
        request_id=uuid7(), customer=customer_pb2.Customer(customer_id=who))
    server.customer.UpsertCustomer(request, timeout=CALL_SECONDS)
    erase(server, who)
    answer, trailer = trailers(server.customer.UpsertCustomer, request)
    same((trailer["souk-replayed"], answer.HasField("customer")), ("1", False))
    refused(lambda: get(server, who), "NOT_FOUND")


def test_an_erasure_in_the_middle_of_an_import_keeps_only_what_comes_later(world):
    server, (a, *_) = world.shared, shop(world, "erase")
    who = world.name("imported")
    rows = [import_pb2.ImportRow(line=i + 1, event=event_pb2.Event(
        customer_id=who, kind=event_pb2.EVENT_KIND_PURCHASE, sku_id=a, quantity=1,
        occurred_time=timestamp(1_300_000_000 + i))) for i in range(30)]
    stream = Import(server, f"sha256:{who}")
    stream.send(rows[:10])
    same(stream.ack().applied, 10)
    stream.send(rows[10:20])
    same(stream.ack().applied, 10)
    same(erase(server, who).events_removed, 20)
    stream.send(rows[20:])
    same(stream.ack().applied, 10)
    stream.close()
    same([e.import_line for e in export(server, who)[1]], list(range(30, 20, -1)))
    stream = Import(server, f"sha256:{who}")
    stream.send(rows)
    same(stream.ack().duplicates, 30)
    stream.close()
    same(len(export(server, who)[1]), 10)


def test_an_answer_to_somebody_erased_can_no_longer_be_explained(world):
    server, skus, who = world.shared, shop(world, "why"), world.name("why")
    record(server, who, *skus[:2])
    answer = ask(server, customer_id=who)
    anonymous = ask(server, session_items=skus[:1])
    same(explain(server, answer.answer_id).personal, recommend_pb2.ANSWER_PERSONAL_USED)
    erase(server, who)
    refused(lambda: explain(server, answer.answer_id), "NOT_FOUND")
    same(explain(server, anonymous.answer_id).answer_id, anonymous.answer_id)
