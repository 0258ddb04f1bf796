# SPDX-License-Identifier: Apache-2.0
"""Recommendations beyond the session: placements, seeds, filters, given items, batches, why."""
import collections
import threading

from cases_recommend import ask, record, shop
from world import *

PLACEMENTS = ("for-you", "session", "also-bought", "bought-together", "similar", "buy-again",
              "trending", "recently-viewed", "new")
PURCHASE, VIEW = event_pb2.EVENT_KIND_PURCHASE, event_pb2.EVENT_KIND_VIEW
Kind = recommend_pb2.ReasonKind
Stock = recommend_pb2.StockFilter


def shown(answer):
    return [item.sku_id for item in answer.items]


def reasons(answer, sku, kind):
    return [reason for item in answer.items if item.sku_id == sku
            for reason in item.reasons if reason.kind == kind]


def attribute(name, value):
    field = {bool: "flag", int: "number", str: "text"}[type(value)]
    return catalog_pb2.Attribute(name=name, **{field: value})


def rank(server, **fields):
    return server.recommend.RankItems(recommend_pb2.RankItemsRequest(**fields),
                                      timeout=CALL_SECONDS)


def explain(server, answer_id):
    return server.recommend.ExplainAnswer(
        recommend_pb2.ExplainAnswerRequest(answer_id=answer_id), timeout=CALL_SECONDS)


def batch(server, *messages):
    """The results of each message, one list per message."""
    requests = (recommend_pb2.BatchRecommendRequest(requests=message) for message in messages)
    return [list(answer.results) for answer in
            server.recommend.BatchRecommend(requests, timeout=5 * CALL_SECONDS)]


def question(**fields):
    return recommend_pb2.RecommendRequest(**fields)


# --- Placements ---


def test_every_placement_answers_while_something_is_in_stock(world):
    server, (a, *_) = world.shared, shop(world, "any")
    for placement in PLACEMENTS:
        for fields in ({}, {"seeds": [a]}, {"customer_id": world.name("nobody")},
                       {"visitor_id": world.name("nobody"), "session_items": [a]}):
            answer = ask(server, placement=placement, count=3, **fields)
            same((placement, len(answer.items)), (placement, 3))
            assert all(item.reasons and item.stock.available > 0 for item in answer.items)
            same(answer.coverage.fraction, 1.0)


def test_customers_who_bought_the_seed_also_bought(world):
    server, (a, b, c, *_) = world.shared, shop(world, "also")
    for item, people in ((b, 4), (c, 2)):
        for _ in range(people):
            record(server, world.name("person"), a, item, kind=PURCHASE)
    answer = ask(server, placement="also-bought", seeds=[a], count=2)
    same(shown(answer), [b, c])
    for item, people in ((b, 4), (c, 2)):
        found, = reasons(answer, item, Kind.REASON_KIND_ALSO_BOUGHT)
        same((found.related_sku_id, found.evidence_count, found.fallback), (a, people, False))
    assert not answer.consent_used


def test_one_more_purchase_counts_by_exactly_one_in_the_next_answer(world):
    server, (a, b, *_) = world.shared, shop(world, "one")
    record(server, world.name("person"), a, b, kind=PURCHASE)
    for wanted in range(1, 8):
        for placement, kind in (("also-bought", Kind.REASON_KIND_ALSO_BOUGHT),
                                ("bought-together", Kind.REASON_KIND_THEN_BOUGHT),
                                ("session", Kind.REASON_KIND_SESSION_NEIGHBOURS)):
            fields = {"session_items": [a]} if placement == "session" else {"seeds": [a]}
            answer = ask(server, placement=placement, count=5, exclude_seen=True, **fields)
            found, = reasons(answer, b, kind)
            same((placement, found.evidence_count), (placement, wanted))
        record(server, world.name("person"), a, b, kind=PURCHASE)


def test_what_was_taken_after_the_seed_is_not_what_came_before_it(world):
    server, (before, seed, after, *_) = world.shared, shop(world, "then")
    for _ in range(3):
        record(server, world.name("person"), before, seed, after, kind=PURCHASE)
    answer = ask(server, placement="bought-together", seeds=[seed], count=5)
    same(shown(answer)[0], after)
    assert reasons(answer, after, Kind.REASON_KIND_THEN_BOUGHT)
    assert not reasons(answer, before, Kind.REASON_KIND_THEN_BOUGHT)


def test_similar_items_share_rare_attributes(world):
    server, theme = world.shared, world.name("theme")
    a, b, c = (server.sku(world.name("like"), on_hand=5, attributes=[
        attribute("theme", theme), attribute("shape", shape)]) for shape in ("x", "x", "y"))
    answer = ask(server, placement="similar", seeds=[a], count=2)
    same(shown(answer), [b, c])
    found, = reasons(answer, c, Kind.REASON_KIND_SIMILAR)
    same((found.related_sku_id, found.evidence_count), (a, 1))


def test_a_customer_buys_again_and_sees_again(world):
    server, (a, b, c, *_) = world.shared, shop(world, "again")
    customer = world.name("customer")
    for days in (90, 60, 30):
        record(server, customer, a, kind=PURCHASE, start=now() - days * 86400)
    record(server, customer, b, kind=PURCHASE, start=now() - 29 * 86400)
    record(server, customer, c, kind=VIEW, start=now() - 3600)
    answer = ask(server, placement="buy-again", customer_id=customer, count=2)
    same(shown(answer), [a, b])
    found, = reasons(answer, a, Kind.REASON_KIND_BUY_AGAIN)
    same(found.evidence_count, 3)
    same(list(answer.consent_used), ["personalization"])
    answer = ask(server, placement="recently-viewed", customer_id=customer, count=1)
    assert reasons(answer, c, Kind.REASON_KIND_RECENTLY_VIEWED), answer


def test_new_arrivals_say_so(world):
    server = world.shared
    fresh = [server.sku(world.name("fresh"), on_hand=1) for _ in range(5)]
    answer = ask(server, placement="new", count=200)
    assert any(reasons(answer, sku, Kind.REASON_KIND_NEW) for sku in fresh)
    same(shown(answer), shown(ask(server, placement="new", count=200)))


def test_unknown_seeds_and_customers_get_an_honest_fallback(world):
    server = world.shared
    shop(world, "fallback")
    for fields in ({"seeds": ["no-such-sku"]}, {"customer_id": "no-such-customer"},
                   {"session_items": ["no-such-sku"], "seeds": ["nor-this"]}):
        answer = ask(server, placement="also-bought", count=3, **fields)
        same(len(answer.items), 3)
        assert all(reason.fallback for item in answer.items for reason in item.reasons), answer
        assert not answer.consent_used


# --- Consent ---


def test_a_call_may_refuse_personalization(world):
    server, (a, b, *_) = world.shared, shop(world, "refuse")
    customer = world.name("customer")
    for _ in range(3):
        record(server, world.name("person"), a, b)
    record(server, customer, a, start=now() - 5)
    personal = ask(server, customer_id=customer, count=1, exclude_seen=True)
    same((shown(personal), list(personal.consent_used)), ([b], ["personalization"]))
    same(explain(server, personal.answer_id).personal, recommend_pb2.ANSWER_PERSONAL_USED)
    refused_one = ask(server, customer_id=customer, no_personalization=True)
    anonymous = ask(server)
    same([(item.sku_id, item.score) for item in refused_one.items],
         [(item.sku_id, item.score) for item in anonymous.items])
    assert not refused_one.consent_used
    why = explain(server, refused_one.answer_id)
    same((why.personal, len(why.seeds)), (recommend_pb2.ANSWER_PERSONAL_REFUSED, 0))


def test_withdrawn_consent_leaves_the_seeds_of_the_call(world):
    server, (a, b, c, *_) = world.shared, shop(world, "seeds")
    customer = world.name("customer")
    for _ in range(2):
        record(server, world.name("person"), a, b, kind=PURCHASE)
    record(server, customer, c, kind=PURCHASE)
    server.customer.UpsertCustomer(customer_pb2.UpsertCustomerRequest(
        request_id=uuid7(), customer=customer_pb2.Customer(
            customer_id=customer, consent=customer_pb2.Consent(personalization_withdrawn=True))))
    answer = ask(server, placement="also-bought", customer_id=customer, seeds=[a], count=1)
    same((shown(answer), list(answer.consent_used)), ([b], []))
    why = explain(server, answer.answer_id)
    same([(seed.sku_id, seed.origin) for seed in why.seeds],
         [(a, recommend_pb2.ANSWER_SEED_ORIGIN_REQUEST)])
    same(why.personal, recommend_pb2.ANSWER_PERSONAL_WITHDRAWN)


# --- Filters and diversity ---


def test_a_filter_leaves_only_what_it_says(world):
    server, mark = world.shared, world.name("mark")
    skus = {}
    for number in range(12):
        skus[number] = server.sku(
            world.name("filter"), on_hand=5, brand="acme" if number % 2 else "other",
            price=common_pb2.Money(currency="EUR", units=number),
            attributes=[attribute("mark", mark), attribute("number", number),
                        attribute("third", number % 3 == 0)])
    for text, wanted in (
            ("price < 4", range(4)), ("attributes.number >= 10", (10, 11)),
            ("attributes.third = true AND price > 0", (3, 6, 9)),
            ("brand = acme AND (price < 3 OR price >= 9.00)", (1, 9, 11)),
            ("NOT brand:acm AND NOT attributes.third = true", (2, 4, 8, 10)),
            (f'sku_id = "{skus[5]}"', (5,)), ("attributes.none:*", ())):
        full = f'attributes.mark = "{mark}" AND ({text})'
        answer = ask(server, placement="new", filter=full, count=200)
        same((text, set(shown(answer))), (text, {skus[number] for number in wanted}))
        assert explain(server, answer.answer_id).dropped.filtered > 0


def test_malformed_filters_name_the_column(world):
    server = world.shared
    for text, said in (("price <", "column 8"), ("colour = 1", "column 1: expected one of sku_id"),
                       ("price = 'x'", "expected a number"), ("(" * 17, "at most 16"),
                       ("price = 1 price = 2", "column 11: expected AND, OR or the end"),
                       ("name = \"x" + "y" * 2048, "at most 2048 bytes")):
        refusal = refused(lambda: ask(server, filter=text), "INVALID_ARGUMENT", "BAD_FILTER",
                          "filter")
        assert said in refusal.message, refusal


def test_diversity_shows_no_more_of_one_kind(world):
    server, mark = world.shared, world.name("mark")
    for number in range(9):
        server.sku(world.name("diverse"), on_hand=5, attributes=[
            attribute("mark", mark), *([attribute("kind", number % 3)] if number < 8 else [])])
    fields = {"placement": "new", "count": 100, "filter": f'attributes.mark = "{mark}"'}
    same(len(ask(server, **fields).items), 9)
    answer = ask(server, diversity=recommend_pb2.Diversity(attribute="kind", group_items_max=2),
                 **fields)
    same(len(answer.items), 7)  # two of each of three kinds, and the one without
    same(explain(server, answer.answer_id).dropped.not_diverse, 2)


def test_diversity_knows_the_fields_of_skus(world):
    server, mark = world.shared, world.name("mark")
    for number in range(8):
        group = f"{number % 2}"
        server.sku(world.name("field"), on_hand=5, brand=mark + group, product_id=mark + group,
                   category_path=[mark, group], attributes=[
                       attribute("mark", mark), attribute("brand", number % 4)])
    fields = {"placement": "new", "count": 100, "filter": f'attributes.mark = "{mark}"'}
    for name, groups in (("brand", 2), ("category", 2), ("product_id", 2),
                         ("attributes.brand", 4), ("attributes.mark", 1), ("mark", 1)):
        answer = ask(server, diversity=recommend_pb2.Diversity(attribute=name, group_items_max=1),
                     **fields)
        same((name, len(answer.items)), (name, groups))
    for name in ("sku_id", "name", "price", "price.currency"):
        refusal = refused(lambda: ask(server, diversity=recommend_pb2.Diversity(
            attribute=name, group_items_max=1)), "INVALID_ARGUMENT", "INVALID",
            "diversity.attribute")
        assert "brand, category, product_id" in refusal.message, refusal


def test_indexed_stock_is_shown_as_it_stands(world):
    server, (a, b, c, *_) = world.shared, shop(world, "indexed")
    for item in (b, c):
        record(server, world.name("person"), a, item, kind=PURCHASE)
    server.create_hold(b, 5)
    stock = Stock(mode=recommend_pb2.STOCK_MODE_INDEXED)
    answer = ask(server, placement="also-bought", seeds=[a], stock=stock, count=5)
    assert c in shown(answer) and b not in shown(answer)
    assert all(item.stock.stamp.log_index > 0 for item in answer.items)
    stock = Stock(mode=recommend_pb2.STOCK_MODE_NONE)
    assert b in shown(ask(server, placement="also-bought", seeds=[a], stock=stock, count=5))


# --- Given items ---


def test_given_items_are_ordered_and_none_is_dropped(world):
    server, (a, b, c, d, e, *_) = world.shared, shop(world, "rank")
    for item, people in ((b, 1), (c, 3)):
        for _ in range(people):
            record(server, world.name("person"), a, item, kind=PURCHASE)
    server.create_hold(c, 5)
    given = [e, "no-such-sku", b, d, c]
    answer = rank(server, placement="also-bought", seeds=[a], sku_ids=given)
    got = [ranked.item.sku_id for ranked in answer.items]
    same((got[:2], sorted(got)), ([c, b], sorted(given)))
    same([ranked.item.rank for ranked in answer.items], [1, 2, 3, 4, 5])
    by_id = {ranked.item.sku_id: ranked for ranked in answer.items}
    same({sku: (by_id[sku].found, by_id[sku].sellable) for sku in given},
         {e: (True, True), "no-such-sku": (False, False), b: (True, True), d: (True, True),
          c: (True, False)})
    same((by_id["no-such-sku"].item.name, by_id["no-such-sku"].item.HasField("stock")),
         ("", False))
    last = [sku for sku in got if by_id[sku].item.score == 0]
    same(last, [sku for sku in given if sku in last])
    same([item.sku_id for item in explain(server, answer.answer_id).items], got)


def test_500_items_are_ranked_and_more_or_none_refused(world):
    server = world.shared
    answer = rank(server, sku_ids=[f"absent-{number}" for number in range(500)])
    same([ranked.item.sku_id for ranked in answer.items],
         [f"absent-{number}" for number in range(500)])
    for given, field in (([], "sku_ids"), ([f"absent-{n}" for n in range(501)], "sku_ids"),
                         (["a", "b", "a"], "sku_ids[2]"), (["a b"], "sku_ids[0]")):
        refused(lambda: rank(server, sku_ids=given), "INVALID_ARGUMENT", "INVALID", field)
    refused(lambda: rank(server, sku_ids=["a"], placement="x"), "NOT_FOUND", "NOT_FOUND",
            "placement")
    refused(lambda: rank(server, sku_ids=["a"], customer_id=" "), "INVALID_ARGUMENT", "INVALID",
            "customer_id")


# --- Batches ---


def test_a_batch_answers_each_question_as_a_call_would(world):
    server, skus = world.shared, shop(world, "batch", count=8)
    for sku in skus[1:]:
        record(server, world.name("person"), skus[0], sku, kind=PURCHASE)
    questions = [question(placement=placement, seeds=[sku], count=4)
                 for placement in ("also-bought", "similar", "trending") for sku in skus]
    questions.insert(3, question(count=-1))
    questions.insert(9, question(placement="none"))
    questions.insert(12, question(filter="price <"))
    results, = batch(server, questions)
    same(len(results), len(questions))
    for place, wanted in ((3, (3, "INVALID", "count")), (9, (5, "NOT_FOUND", "placement")),
                          (12, (3, "BAD_FILTER", "filter"))):
        status = results[place].status
        same((status.code, status.reason, status.field), wanted)
        assert not results[place].HasField("answer")
    for asked, result in zip(questions, results):
        if result.status.code == 0:
            alone = server.recommend.Recommend(asked, timeout=CALL_SECONDS)
            same([(item.sku_id, item.score) for item in result.answer.items],
                 [(item.sku_id, item.score) for item in alone.items])
    ids = {result.answer.answer_id for result in results if result.status.code == 0}
    same(len(ids), len(questions) - 3)
    same({explain(server, answer_id).placement for answer_id in ids},
         {"also-bought", "similar", "trending"})


def test_a_batch_of_1000_and_several_messages_keep_their_order(world):
    server, skus = world.shared, shop(world, "large", count=5)
    message = [question(placement="also-bought", seeds=[skus[n % 5]], count=n % 3 + 1)
               for n in range(1000)]
    for results in batch(server, message, message[:1], message[:70]):
        for number, result in enumerate(results):
            same((result.status.code, len(result.answer.items)), (0, number % 3 + 1))
            assert skus[number % 5] not in shown(result.answer)


def test_batches_of_none_and_of_too_many_end_the_stream(world):
    server = world.shared
    for message in ([], [question()] * 1001):
        refused(lambda: batch(server, message), "INVALID_ARGUMENT", "INVALID", "requests")


def test_answers_too_large_for_one_message_are_refused_one_by_one(world):
    with world.server("--message-max-bytes", "65536") as server:
        server.location_id()
        for number in range(200):
            server.sku(f"{'long-' * 20}{number}", on_hand=1)
        results, = batch(server, [question(count=200, placement="new")] * 10)
        codes = collections.Counter((r.status.code, r.status.reason) for r in results)
        same(set(codes), {(0, ""), (8, "TOO_LARGE")})
        same(results[0].status.code, 0)


def ended_batch(server, messages):
    """Reads while raw messages are sent: the sizes of the answers, and how the stream ended."""
    call = server.channel.stream_stream(
        "/souk.v1.RecommendService/BatchRecommend", request_serializer=bytes,
        response_deserializer=recommend_pb2.BatchRecommendResponse.FromString)
    sizes = []
    try:
        for answer in call(iter(messages), timeout=5 * CALL_SECONDS):
            sizes.append(len(answer.results))
    except grpc.RpcError as error:
        return sizes, Refusal(error)
    return sizes, None


def test_a_bad_message_ends_a_batch_behind_the_answers_before_it(world):
    server, (a, *_) = world.shared, shop(world, "behind")
    good = recommend_pb2.BatchRecommendRequest(
        requests=[question(count=20, seeds=[a])] * 50).SerializeToString()
    empty = recommend_pb2.BatchRecommendRequest().SerializeToString()
    for bad in (empty, b"\xff\xff\xff"):
        for _ in range(20):
            sizes, refusal = ended_batch(server, [good, bad, good])
            same((sizes, refusal.code), ([50], "INVALID_ARGUMENT"))


def test_a_batch_whose_reader_sleeps_or_leaves_is_bounded(world):
    """Nothing is read: the server works on a few messages, then waits; others are served."""
    server = world.shared
    shop(world, "slow")
    seeds = [f"{'long-' * 20}{number}" for number in range(64)]
    message = recommend_pb2.BatchRecommendRequest(requests=[question(count=200, seeds=seeds)] * 20)
    sent = [0]

    def messages():
        for _ in range(1000):
            sent[0] += 1
            yield message

    stream = server.recommend.BatchRecommend(messages(), timeout=5 * CALL_SECONDS)
    next(stream)
    before = -1
    while before != sent[0]:  # until it takes no more
        before = sent[0]
        threading.Event().wait(0.3)
        same(len(ask(server, count=1).items), 1)
    assert sent[0] < 1000, "a reader that sleeps did not stop the sender"
    stream.cancel()
    for _ in range(20):
        same(len(ask(server, count=1).items), 1)
    results, = batch(server, [question(count=1)] * 100)
    assert all(result.status.code == 0 for result in results)


# --- Why ---


def test_an_answer_is_explained(world):
    server, (a, b, c, *_) = world.shared, shop(world, "why")
    for _ in range(3):
        record(server, world.name("person"), a, b, kind=PURCHASE)
    record(server, world.name("person"), a, c, kind=PURCHASE)
    server.create_hold(b, 5)
    answer = ask(server, placement="also-bought", seeds=[a], count=1)
    same(shown(answer), [c])
    why = explain(server, answer.answer_id)
    same(list(why.items), list(answer.items))
    same(list(why.coverage.ranges), list(answer.coverage.ranges))
    same((why.answer_id, why.answer_time, why.placement, why.coverage.fraction),
         (answer.answer_id, answer.answer_time, "also-bought", 1.0))
    same([(source.source, source.tier) for source in why.sources],
         [("walk", 0), ("neighbours", 1), ("content", 2), ("popular", 3)])
    walk = why.sources[0]
    same((walk.asked, walk.candidates), (True, 2))
    same(why.dropped.not_sellable, 1)
    same([(seed.sku_id, seed.origin) for seed in why.seeds],
         [(a, recommend_pb2.ANSWER_SEED_ORIGIN_REQUEST)])
    stages = [stage.stage for stage in why.stages]
    assert "search" in stages and "rank" in stages, stages
    assert all(stage.rounds > 0 for stage in why.stages)
    same(why.personal, recommend_pb2.ANSWER_PERSONAL_ANONYMOUS)


def test_a_forgotten_answer_says_how_long_answers_are_kept(world):
    with world.server("--answers-kept", "5", "--shard-loops", "2") as server:
        server.location_id()
        server.sku("only", on_hand=1)
        answers = [ask(server).answer_id for _ in range(20)]
        known = []
        for answer_id in answers:
            try:
                explain(server, answer_id)
                known.append(answer_id)
            except grpc.RpcError as error:
                same(error.code(), grpc.StatusCode.NOT_FOUND)
        # Each loop keeps its share, and calls take loops in turn.
        same(len(known), 5)
        assert answers[-1] in known and set(known) < set(answers[-8:]), (known, answers)
        refusal = refused(lambda: explain(server, answers[0]), "NOT_FOUND", "NOT_FOUND",
                          "answer_id")
        assert "its last 5 answers" in refusal.message, refusal
        refused(lambda: explain(server, str(uuid.uuid4())), "NOT_FOUND", "NOT_FOUND",
                "answer_id")
    for text in ("", "x", "a" * 36, "é" * 18):
        refused(lambda: explain(world.shared, text), "INVALID_ARGUMENT", "INVALID", "answer_id")


# --- Bad input ---


def test_questions_out_of_bounds_are_refused_with_the_field(world):
    server = world.shared
    many = [f"sku-{number}" for number in range(10000)]
    for fields, name in (
            ({"seeds": many[:65]}, "seeds"), ({"seeds": many}, "seeds"),
            ({"seeds": ["a", "b c"]}, "seeds[1]"), ({"session_items": many}, "session_items"),
            ({"cart": many}, "cart"), ({"count": 10000}, "count"), ({"count": -1}, "count"),
            ({"visitor_id": "\t"}, "visitor_id"), ({"stock": Stock(mode=9)}, "stock.mode"),
            ({"stock": Stock(location_ids=["x y"])}, "stock.location_ids[0]"),
            ({"stock": Stock(channel="\x01")}, "stock.channel"),
            ({"diversity": recommend_pb2.Diversity(group_items_max=1)}, "diversity.attribute"),
            ({"budget": common_pb2.Budget(soft=duration(0))}, "budget.soft"),
            ({"budget": common_pb2.Budget(soft=duration(3600))}, "budget.soft"),
            ({"budget": common_pb2.Budget(grace=duration(-1))}, "budget.grace")):
        refused(lambda: ask(server, **fields), "INVALID_ARGUMENT", "INVALID", name)
    refusal = refused(lambda: ask(server, placement="none"), "NOT_FOUND", "NOT_FOUND",
                      "placement")
    assert all(placement in refusal.message for placement in PLACEMENTS), refusal
    same(len(ask(server, count=0).items) <= 20, True)
    same(len(ask(server, seeds=many[:64], session_items=many[:1000], count=1).items), 1)


def test_a_budget_of_a_millisecond_gets_an_answer_or_says_that_it_is_short(world):
    server = world.shared
    shop(world, "short")
    for _ in range(50):
        answer = ask(server, budget=common_pb2.Budget(soft=duration(0.001)), count=3)
        assert 0 <= answer.coverage.fraction <= 1
        try:
            answer = ask(server, budget=common_pb2.Budget(soft=duration(0.001),
                                                          min_coverage=1.0), count=3)
            same(answer.coverage.fraction, 1.0)
        except grpc.RpcError as error:
            same(Refusal(error).reason, "COVERAGE_BELOW_MINIMUM")


def test_a_restart_changes_no_answer(world):
    folder = world.work / "restart-placements"
    server = world.start("--customer-shards", "2", folder=folder)
    server.location_id()
    random.seed(11)
    for number in range(30):
        server.sku(f"s{number}", on_hand=number % 4, attributes=[
            attribute("kind", number % 5), attribute("colour", str(number % 7))])
    start = now() - 40 * 86400
    for person in range(60):
        items = [f"s{random.randrange(30)}" for _ in range(random.randrange(2, 6))]
        record(server, f"p{person}", *items, start=start + person * 50000,
               kind=random.choice((PURCHASE, VIEW)))

    def answers(server):
        return [[(item.sku_id, item.score, [str(reason) for reason in item.reasons])
                 for item in ask(server, placement=placement, count=30, **fields).items]
                for placement in PLACEMENTS
                for fields in ({"seeds": ["s1"]}, {"customer_id": "p7"}, {})]

    before = answers(server)
    for how in (signal.SIGTERM, signal.SIGKILL):
        server.end(how)
        server = world.start("--customer-shards", "2", folder=folder)
        after = answers(server)
        for one, other in zip(before, after):
            same(other, one)
    same(server.end(), 0)


def test_placements_follow_their_setting(world):
    with world.server("--placements", "session=popular;trending=!seen,content:3/arrivals") as server:
        server.location_id()
        server.sku("only", on_hand=1)
        answer = ask(server, placement="trending")
        why = explain(server, answer.answer_id)
        same([(source.source, source.weight, source.tier) for source in why.sources],
             [("content", 3, 0), ("arrivals", 1, 1), ("popular", 1, 2)])
        same([source.source for source in explain(server, ask(server).answer_id).sources],
             ["popular"])
    try:
        world.start("--placements", "session=nothing-known")
    except AssertionError as error:
        assert "nothing-known" in str(error) or "placements" in str(error), error
    else:
        raise AssertionError("a node started with a placement that is none")
