# SPDX-License-Identifier: Apache-2.0
"""The life of a hold at its edges."""
import time

from world import *


def change(server, what, hold_id, request_id=None):
    request = getattr(hold_pb2, f"{what}HoldRequest")
    return getattr(server.hold, f"{what}Hold")(
        request(request_id=request_id or uuid7(), hold_id=hold_id), timeout=CALL_SECONDS).hold


def test_an_expired_hold_is_sold_again(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    hold = server.create_hold(sku_id, ttl=duration(0.2)).hold
    refused(lambda: server.create_hold(sku_id), "FAILED_PRECONDITION", "INSUFFICIENT_STOCK")
    deadline = time.monotonic() + 10
    while server.level(sku_id).available == 0:
        assert time.monotonic() < deadline, "the hold did not expire"
        time.sleep(0.02)
    server.create_hold(sku_id)
    same(server.hold.GetHold(hold_pb2.GetHoldRequest(hold_id=hold.hold_id)).hold.state,
         hold_pb2.HOLD_STATE_EXPIRED)
    refused(lambda: change(server, "Commit", hold.hold_id), "FAILED_PRECONDITION", "HOLD_EXPIRED")


def test_case_21_a_commit_at_expiry_has_exactly_one_outcome(world):
    server, sku_id, rounds = world.shared, world.name(), 12
    server.sku(sku_id, on_hand=rounds)
    committed = expired = 0
    for number in range(rounds):
        hold = server.create_hold(sku_id, ttl=duration(0.1)).hold
        due = hold.expire_time.seconds + hold.expire_time.nanos / 1e9
        wait = due - now() + (number - rounds / 2) * 0.001
        time.sleep(max(0, wait))
        try:
            same(change(server, "Commit", hold.hold_id).state, hold_pb2.HOLD_STATE_COMMITTED)
            committed += 1
        except grpc.RpcError as error:
            same(Refusal(error).reason, "HOLD_EXPIRED")
            expired += 1
        level = server.level(sku_id)
        same((level.committed, level.held, level.available), (committed, 0, rounds - committed))
    same(committed + expired, rounds)


def test_case_22_a_second_commit_gets_the_same_answer(world):
    server, sku_id, request_id = world.shared, world.name(), uuid7()
    server.sku(sku_id, on_hand=2)
    hold_id = server.create_hold(sku_id, 2).hold.hold_id
    first = change(server, "Commit", hold_id, request_id)
    with world.unchanged(sku_id):
        same(change(server, "Commit", hold_id, request_id), first)
        again = change(server, "Commit", hold_id)
        same((again.state, again.hold_id), (hold_pb2.HOLD_STATE_COMMITTED, hold_id))


def test_case_23_a_release_after_fulfilment_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=2)
    hold_id = server.create_hold(sku_id).hold.hold_id
    change(server, "Commit", hold_id)
    change(server, "Fulfil", hold_id)
    with world.unchanged(sku_id):
        refused(lambda: change(server, "Release", hold_id), "FAILED_PRECONDITION",
                "HOLD_ALREADY_FULFILLED")
        refused(lambda: change(server, "Cancel", hold_id), "FAILED_PRECONDITION",
                "HOLD_ALREADY_FULFILLED")


def test_a_change_that_comes_too_early_or_too_late_is_refused(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=5)
    held = server.create_hold(sku_id).hold.hold_id
    committed = server.create_hold(sku_id).hold.hold_id
    released = server.create_hold(sku_id).hold.hold_id
    cancelled = server.create_hold(sku_id).hold.hold_id
    change(server, "Commit", committed)
    change(server, "Release", released)
    change(server, "Commit", cancelled)
    change(server, "Cancel", cancelled)
    with world.unchanged(sku_id):
        for what, hold_id, reason in (
                ("Fulfil", held, "HOLD_NOT_COMMITTED"), ("Cancel", held, "HOLD_NOT_COMMITTED"),
                ("Release", committed, "HOLD_ALREADY_COMMITTED"),
                ("Extend", committed, "HOLD_ALREADY_COMMITTED"),
                ("Commit", released, "HOLD_ALREADY_RELEASED"),
                ("Extend", released, "HOLD_ALREADY_RELEASED"),
                ("Commit", cancelled, "HOLD_ALREADY_CANCELLED"),
                ("Fulfil", cancelled, "HOLD_ALREADY_CANCELLED")):
            refused(lambda: change(server, what, hold_id), "FAILED_PRECONDITION", reason)


def test_a_hold_lives_no_longer_than_its_longest_life(world):
    with world.server("--hold-ttl-max-s", "60", "--hold-ttl-default-s", "60") as server:
        server.location_id()
        server.sku("a", on_hand=2)
        hold = server.create_hold("a").hold
        assert hold.expire_time.seconds - hold.create_time.seconds <= 60
        refused(lambda: server.create_hold("a", ttl=duration(61)), "INVALID_ARGUMENT", "INVALID",
                "ttl")
        refused(lambda: server.hold.ExtendHold(hold_pb2.ExtendHoldRequest(
            request_id=uuid7(), hold_id=hold.hold_id, ttl=duration(60))), "FAILED_PRECONDITION",
            "QUANTITY_LIMIT")


def test_the_last_unit_is_sold_once(world):
    server, sku_id = world.shared, world.name()
    server.sku(sku_id, on_hand=1)
    futures = [server.hold.CreateHold.future(hold_pb2.CreateHoldRequest(
        request_id=uuid7(), lines=[hold_pb2.HoldLine(sku_id=sku_id, quantity=1)]),
        timeout=CALL_SECONDS) for _ in range(100)]
    won = [future for future in futures if future.exception() is None]
    lost = {Refusal(future.exception()).reason for future in futures if future.exception()}
    same((len(won), lost), (1, {"INSUFFICIENT_STOCK"}))
    same(server.level(sku_id).available, 0)
