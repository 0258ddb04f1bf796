# SPDX-License-Identifier: Apache-2.0
"""Recommendations through the server: verified stock, k 20, m 500, k 100, L 9.

Beside Serenade, PostgreSQL and a call that does nothing; what is equal on both sides, and
what is not, stands in the README.
"""
from lib import Case, Peer, Unavailable, no_op

import also_bought
import serenade
import session_files
import souk_node

TITLE = "recommendations from live sessions, one by one and in batches, Serenade beside it"

CLIENTS = 64
BATCH = 50  # questions in a message of BatchRecommend
BATCH_MESSAGES = 8  # under way on the one stream
OPEN_RATE = 3000
EVENTS_PER_S = 5000
EVENTS_PER_MESSAGE = 50
SOLD_OUT_PERCENT = 20
PAIRS = 5_000_000

CURVE_RATE = 1000
CURVE_CUSTOMERS = (10_000, 100_000, 1_000_000)
CURVE_STEPS = 5  # clicks of a customer
CURVE_CUSTOMERS_PER_ITEM = 10
# A node's customer shards have to divide its virtual buckets, a power of two.
CURVE_SHARDS = (4, 8)
CURVE_SHARDS_CUSTOMERS = 1  # which of the sizes is cut
# Of the whole run, bringing in one size of the curve may take so long in proportion.
CURVE_IMPORT_SHARE = 10

# A run of a second shows that everything works; nothing that big is worth loading for it.
SHORT_S = 1
SHORT_PAIRS = 50_000
SHORT_CUSTOMERS = (1_000, 5_000)

STATE = {}


def is_short(context):
    return context.seconds * context.rounds <= SHORT_S


def evidence(context):
    if is_short(context):
        return session_files.made_up(context, "small", 3_000, 600, 4, popular=0.8)
    return (session_files.yoochoose(context) or
            session_files.made_up(context, "made-up", 110_000, 17_000, 4, popular=0.8))


def curve(context, imported_per_s):
    """The same question asked of stores of different sizes. An item's evidence is the same in
    all of them, so the cost should be, too."""
    sizes = SHORT_CUSTOMERS if is_short(context) else CURVE_CUSTOMERS
    budget_s = CURVE_IMPORT_SHARE * context.seconds * context.rounds
    cases = []

    def one(customers, shards, peer):
        name = f"{customers:,} customers" + (f", {shards} shards" if shards > 1 else "")
        expected_s = customers * CURVE_STEPS / imported_per_s
        if expected_s > budget_s:
            context.say(f"{name} left out: to bring them in takes {expected_s:.0f} s, more than "
                        f"{CURVE_IMPORT_SHARE} times the {context.seconds * context.rounds:g} s "
                        f"measured")
            return
        sessions = session_files.made_up(context, f"{customers}-{shards}", customers,
                                         customers // CURVE_CUSTOMERS_PER_ITEM, CURVE_STEPS)
        node = souk_node.Node(context, f"{customers}-customers-{shards}", sessions, shards)
        cases.append(Case(name, "answers/s", node.open(CURVE_RATE),
                          [Peer(f"souk, {peer}", of=peer, bar="cpu_ratio <= 1.5")] if peer else []))

    smallest = f"{sizes[0]:,} customers"
    for customers in sizes:
        one(customers, 1, smallest if customers != sizes[0] else None)
    cut = sizes[CURVE_SHARDS_CUSTOMERS]
    for shards in CURVE_SHARDS:
        one(cut, shards, f"{cut:,} customers")
    return cases


def also_bought_cases(context, sessions):
    """The same sessions, as purchases. Left out where a node knows no such placement."""
    node = souk_node.Node(context, "bought", sessions, kind="purchase")
    arguments = ("--placement", "also-bought")
    try:
        node.closed(1, *arguments)(0.1)
    except Unavailable as error:
        context.say(f"also-bought left out: {error}")
        return []
    peer = also_bought.AlsoBought(context, sessions, SHORT_PAIRS if is_short(context) else PAIRS)
    STATE["also_bought"] = peer
    return [Case("also-bought", "answers/s", node.closed(CLIENTS, *arguments),
                 [peer.peer(CLIENTS, bar="ratio >= 10")])]


def start(context):
    sessions = evidence(context)
    node = souk_node.Node(context, "main", sessions)
    sold_out = souk_node.Node(context, "sold-out", sessions, sold_out_percent=SOLD_OUT_PERCENT)
    written = souk_node.Node(context, "written", sessions)
    peer = serenade.Serenade(context, sessions, sessions.queries)
    alone = f"open loop, {OPEN_RATE}/s"
    return [
        Case("unary", "answers/s", node.closed(CLIENTS),
             [peer.closed(CLIENTS, bar="ratio >= 0.5"),
              no_op.peer(context, CLIENTS, bar="ratio >= 0.7")]),
        Case("batch", "answers/s", node.closed(BATCH_MESSAGES, "--batch", BATCH),
             [peer.closed(CLIENTS, bar="ratio >= 1"),
              Peer("souk, unary", of="unary")]),
        Case(f"unary, {SOLD_OUT_PERCENT}% sold out", "answers/s", sold_out.closed(CLIENTS),
             [Peer("souk, unary", of="unary"),
              Peer(serenade.NAME, of="unary", of_peer=serenade.NAME, bar="ratio >= 0.5")]),
        Case(alone, "answers/s", node.open(OPEN_RATE), [peer.open(OPEN_RATE, "p90_ratio <= 2")]),
        Case(f"{alone}, {EVENTS_PER_S} events/s", "answers/s",
             written.open_beside_writers(OPEN_RATE, EVENTS_PER_S, EVENTS_PER_MESSAGE),
             [Peer("souk, without events", of=alone, bar="p99_ratio <= 2")]),
        *also_bought_cases(context, sessions),
        *curve(context, sessions.clicks / node.import_s),
    ]


def stop(_context):
    if STATE.get("also_bought"):
        STATE["also_bought"].stop()
