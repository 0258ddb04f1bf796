# SPDX-License-Identifier: Apache-2.0
"""The command line as people type it: exit codes, what it prints, what it advises."""
import json
import signal
import subprocess
import time

from world import *


def souk(server, *words, code=0, stdin=""):
    """One run: its JSON (None when it printed none), and what it said on stderr."""
    done = subprocess.run(
        [SOUK, "--address", server.address, "-o", "json", *words], input=stdin,
        capture_output=True, text=True, timeout=3 * CALL_SECONDS)
    same((words, done.returncode, done.stderr if done.returncode != code else ""),
         (words, code, ""))
    return json.loads(done.stdout) if done.stdout else None, done.stderr


def test_a_write_is_repeated_under_an_id_of_ones_own(world):
    server, sku, order = world.shared, world.name("cli"), world.name("order")
    server.sku(sku, on_hand=5)
    first, _ = souk(server, "stock", "adjust", sku, "main", "+1", "--request-id", order)
    again, _ = souk(server, "stock", "adjust", sku, "main", "+1", "--request-id", order,
                    "--request-time", "2026-01-01T00:00:00Z")
    same((first["on_hand"], again["on_hand"], again.get("replayed")), (6, 6, True))
    uuid, _ = souk(server, "stock", "adjust", sku, "main", "+1", "--request-id", uuid7())
    same(uuid["on_hand"], 7)
    refusal, _ = souk(server, "stock", "adjust", sku, "main", "+2", "--request-id", order, code=1)
    same(refusal["error"]["reason"], "REQUEST_ID_REUSED")
    souk(server, "stock", "adjust", sku, "main", "+2", "--request-time", "2026-01-01", code=2)
    souk(server, "stock", "adjust", sku, "main", "+2", "--request-id", "a",
         "--request-time", "soon", code=2)


def test_every_refusal_says_what_to_try(world):
    server, sku = world.shared, world.name("cli")
    server.sku(sku, on_hand=1)
    for words, code, step in (
            (("hold", "create", f"{sku}:2"), 1, f"souk stock list --sku {sku}"),
            (("stock", "adjust", sku, "main", "-2"), 1, f"souk stock list --sku {sku}"),
            (("hold", "create", f"{sku}:1@nowhere"), 1, "souk location list"),
            (("hold", "get", uuid7()), 1, "souk hold list --owner"),
            (("hold", "commit", uuid7()), 1, "souk hold list --owner"),
            (("stock", "get", "a b"), 1, "souk stock get --help"),
            (("stock", "set", sku, "main", "5", "--expect", "4"), 1,
             f"souk stock get {sku} main"),
            (("sku", "get", "nosuch"), 1, "souk sku list")):
        _, said = souk(server, *words, code=code)
        assert f"  try: {step}" in said, (words, said)


def test_an_empty_id_is_refused(world):
    server = world.shared
    for words in (("stock", "get", ""), ("sku", "get", "a", ""), ("hold", "create", ""),
                  ("stock", "list", "--sku", ""), ("stock", "list", "--location", "")):
        _, said = souk(server, *words, code=2)
        assert "empty" in said and "try: souk" in said, (words, said)


def test_unknown_skus_among_known_ones_fail_behind_them(world):
    server, sku = world.shared, world.name("known")
    server.sku(sku)
    found, said = souk(server, "sku", "get", sku, "nosuch", code=1)
    same(([row["sku_id"] for row in found["skus"]], found["missing"]), ([sku], ["nosuch"]))
    assert "no SKU 'nosuch'" in said and "try: souk sku list" in said, said


def test_a_sku_is_put_with_attributes(world):
    server, sku = world.shared, world.name("put")
    made, _ = souk(server, "sku", "put", sku, "colour=red", "size=42", "--name", "Mug")
    same(made["attributes"], {"colour": "red", "size": "42"})
    kept, _ = souk(server, "sku", "put", sku, "--brand", "acme")
    same((kept["attributes"], kept["name"], kept["brand"]), (made["attributes"], "Mug", "acme"))
    whole, _ = souk(server, "sku", "put", sku, "colour=blue")
    same((whole["attributes"], whole["name"]), ({"colour": "blue"}, "Mug"))
    souk(server, "sku", "put", sku, "colour", code=2)
    souk(server, "sku", "put", sku, "=red", code=2)


def test_levels_are_listed_of_one_location(world):
    server, (a, b), place = world.shared, (world.name("at"), world.name("at")), world.name("place")
    server.location_id(place)
    for sku in (a, b):
        server.sku(sku, on_hand=1)
        server.set_stock(sku, 2, place)
    levels = souk(server, "stock", "list", "--location", place)[0]["levels"]
    same(sorted((row["sku_id"], row["on_hand"]) for row in levels), [(a, 2), (b, 2)])
    same(len(souk(server, "stock", "list", "--location", place, "--limit", "1")[0]["levels"]), 1)
    same(len(souk(server, "stock", "list", "--location", place, "--sku", a)[0]["levels"]), 1)
    refusal, said = souk(server, "stock", "list", "--location", "nowhere", code=1)
    same(refusal["error"]["code"], "NOT_FOUND")
    assert "try: souk location list" in said, said


def test_holds_are_listed_by_state(world):
    server, sku, owner = world.shared, world.name("held"), world.name("cart")
    server.sku(sku, on_hand=9)
    holds = [souk(server, "hold", "create", f"{sku}:1", "--owner", owner)[0]["hold_id"]
             for _ in range(3)]
    souk(server, "hold", "commit", holds[1])
    souk(server, "hold", "release", holds[2])

    def listed(*options):
        rows = souk(server, "hold", "list", "--owner", owner, *options)[0]["holds"]
        return sorted(row["state"] for row in rows)
    same(listed(), ["committed", "held"])
    same(listed("--state", "released"), ["released"])
    same(listed("--state", "held,released"), ["held", "released"])
    same(listed("--state", "all"), ["committed", "held", "released"])
    same(len(listed("--state", "all", "--limit", "2")), 2)
    souk(server, "hold", "list", "--owner", owner, "--state", "open", code=2)


def test_an_erasure_without_a_terminal_says_how(world):
    _, said = souk(world.shared, "customer", "erase", "C-1", code=2)
    assert "nothing was erased" in said and "--yes" in said, said


def test_somebody_alone_is_asked_for_by_for_you(world):
    server, who = world.shared, world.name("who")
    skus = [server.sku(world.name("rec"), on_hand=5) for _ in range(3)]
    souk(server, "events", "record", "purchase", skus[0], "--customer", who)
    for words, placement in (((who,), "for-you"), (("--visitor", who), "for-you"),
                             ((who, "--session", skus[0]), "session"),
                             ((who, "--placement", "new"), "new"),
                             (("--seed", skus[0]), "session")):
        answer, _ = souk(server, "rec", *words, "--explain")
        same((words, answer["why"]["placement"]), (words, placement))


def test_withdrawn_consent_is_the_reason_that_is_given(world):
    server, who = world.shared, world.name("who")
    sku = server.sku(world.name("rec"), on_hand=5)
    souk(server, "events", "record", "purchase", sku, "--customer", who)
    souk(server, "customer", "put", who, "--no-personalization")
    for item in souk(server, "rec", who, "--placement", "buy-again")[0]["items"]:
        assert "consented" in item["because"], item
        assert "nothing closer" not in item["because"], item


def test_limits_of_a_question_are_those_that_are_named(world):
    server = world.shared
    server.sku(world.name("rec"), on_hand=5)
    ids = [f"id-{number}" for number in range(1001)]
    for option, most in (("--seed", 64), ("--session", 1000)):
        souk(server, "rec", option, ",".join(ids[:most]))
        _, said = souk(server, "rec", option, ",".join(ids[:most + 1]), code=2)
        assert f"1 to {most} ids" in said, said
        text = subprocess.run([SOUK, "rec", "--help"], capture_output=True, text=True).stdout
        line, = [line for line in text.splitlines() if line.startswith(f"  {option} SKU")]
        assert f"up to {most}" in line, line


def test_an_unknown_location_is_said(world):
    server = world.shared
    server.sku(world.name("rec"), on_hand=5)
    for words in (("rec", "--placement", "trending", "--location", "main,nowhere"),
                  ("rec", "rank", "a,b", "--location", "nowhere")):
        refusal, said = souk(server, *words, code=1)
        same(refusal["error"]["code"], "NOT_FOUND")
        assert "try: souk location list" in said, said
    assert souk(server, "rec", "--placement", "trending", "--location", "main")[0]["items"]
    _, said = souk(server, "rec", "--placement", "new", "--filter", "name = nosuch")
    assert "--explain" in said, said


# --- Imports ---


def import_file(world, text, kind, server=None, code=0, **options):
    path = world.work / f"{world.name('import')}.csv"
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    return souk(server or world.shared, "import", kind, str(path), code=code, **options)


def test_a_file_that_is_wrong_as_a_whole_says_how(world):
    for text, kind, said in (
            ("sku_id,name,sku_id\nA,B,C\n", "catalog", "names the column 'sku_id' twice"),
            ("sku_id,name,hue,hue\nA,B,C,D\n", "catalog", "names the column 'hue' twice"),
            ("sku_id,name\nA,B\n".encode("utf-16"), "catalog", "iconv"),
            ("sku_id,name\nA,B\n".encode("utf-16-be"), "catalog", "iconv")):
        assert said in import_file(world, text, kind, code=1)[1], said
    _, said = souk(world.shared, "import", "catalog", str(world.work), code=1)
    assert "folder" in said, said


def test_a_row_that_is_wrong_names_field_and_range(world):
    row = world.name("bad")
    for text, kind, wanted in (
            (f"sku_id,name\n{row},\n", "catalog", "name: is missing"),
            (f"sku_id,name,state\n{row},x,gone\n", "catalog",
             "state: one of active draft retired, not 'gone'"),
            (f"kind,sku_id,customer_id,quantity\nview,{row},{row},0\n", "events",
             "quantity: a whole number from 1 to 9223372036854775807, not '0'"),
            (f"sku_id,location_id,on_hand\n{row},main,-1\n", "stock",
             "on_hand: a whole number from 0 to 9223372036854775807, not '-1'")):
        done, said = import_file(world, text, kind, code=1)
        same((done["rows"], done["rejected"]), (1, 1))
        assert wanted in said and "1 row = " in said and "1 row was refused; it is in" in said, said


def test_an_import_counts_every_line(world):
    text = "location_id,name\n\na-1,A\n  \na-2,B\n\n" + "a b,C\n" * 7
    done, said = import_file(world, text, "locations", code=1)
    same((done["rows"], done["applied"], done["rejected"], done["skipped"]),
         (12, 2, 7, {"empty lines": 3}))
    assert "and 2 more" in said, said


def events_file(world, rows):
    path = world.work / f"{world.name('events')}.csv"
    path.write_text("kind,sku_id,customer_id\n" + f"view,A,{world.name('who')}\n" * rows)
    return path


def begin_import(world, server, rows, *options):
    """An import that is under way."""
    path, before = events_file(world, rows), server.totals().events
    running = start_souk(
        server, "import", "events", str(path), "--batch", "20", *options,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    deadline = time.monotonic() + START_SECONDS
    while server.totals().events == before and time.monotonic() < deadline:
        time.sleep(0.002)
    return path, running


def test_ctrl_c_says_how_far_an_import_came_and_how_it_goes_on(world):
    server = world.shared
    path, running = begin_import(world, server, 200000)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=CALL_SECONDS)
    same(running.returncode, 130)
    assert "of 200000 rows of 'events' are done" in said, said
    assert "rows already taken are not taken twice" in said and "interrupted" in said, said
    assert not list(path.parent.glob(path.name + ".*")), "rejects of an import without any"


def test_an_import_whose_server_goes_away_says_how_it_goes_on(world):
    server = world.start()
    _, running = begin_import(world, server, 200000, "--outage", "200ms")
    server.end(signal.SIGKILL)
    _, said = running.communicate(timeout=3 * CALL_SECONDS)
    same(running.returncode in (4, 5), True)
    assert "rows of 'events' are done" in said and "--outage" in said, said
    assert "rows already taken are not taken twice" in said, said
