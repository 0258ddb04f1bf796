# SPDX-License-Identifier: Apache-2.0
"""souk stock watch."""
from world import *


def watch(world, server, *words):
    return start_souk(server, "stock", "watch", *words)


def lines(process, count):
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def test_a_watch_shows_levels_then_changes_and_goes_on_from_its_token(world):
    server = world.shared
    sku = server.sku(world.name(), 5)
    process = watch(world, server, sku, "-o", "jsonl")
    level, = lines(process, 1)
    same((level["event"], level["sku_id"], level["on_hand"]), ("level", sku, 5))
    server.adjust(sku, 2, reference="po-7")
    change, = lines(process, 1)
    same((change["event"], change["on_hand"], change["on_hand_change"], change["reference"]),
         ("change", 7, 2, "po-7"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    same(process.returncode, 0)
    token = err.split("--token ")[1].split()[0]
    server.adjust(sku, 1)
    out, err = watch(world, server, sku, "--token", token, "--limit", "1", "-o",
                     "json").communicate(timeout=20)
    same([event["on_hand"] for event in json.loads(out)["events"]], [8])


def test_a_watch_outlives_its_server(world):
    folder = world.work / f"node{next(world.numbers)}"
    server = world.start("--sku-shards", "2", folder=folder)
    server.location_id("main")
    skus = [server.sku(f"s{i}", 0) for i in range(4)]
    process = watch(world, server, "-o", "jsonl", "--limit", "12")
    same(sorted(level["sku_id"] for level in lines(process, 4)), skus)
    for sku in skus:
        server.adjust(sku, 1)
    same(sorted(change["sku_id"] for change in lines(process, 4)), skus)
    port = server.ports["client"]
    server.end(signal.SIGKILL)
    server = Server(world.soukd, folder, "--port", str(port))
    for sku in skus:
        server.adjust(sku, 1)
        server.adjust(sku, 1)
    out, err = process.communicate(timeout=40)
    same(process.returncode, 0)
    told = [json.loads(line) for line in out.splitlines()]
    same(sorted((change["sku_id"], change["on_hand"]) for change in told),
         [(sku, units) for sku in skus for units in (2, 3)])
    same(server.end(), 0)


def test_a_watch_of_alerts_is_a_table_that_grows(world):
    server = world.shared
    sku = server.sku(world.name(), 5)
    process = watch(world, server, sku, "--changes-only", "--alerts", "low_stock,back_in_stock",
                    "--low-stock", "2", "--limit", "2")
    time.sleep(0.3)
    for quantity in (-1, -2, -2, 1):
        server.adjust(sku, quantity)
    out, err = process.communicate(timeout=20)
    same(process.returncode, 0)
    rows = out.splitlines()
    assert rows[0].split()[:3] == ["TIME", "SKU", "LOCATION"], out
    same([row.split()[-1] for row in rows[1:]], ["low_stock", "back_in_stock"])


def test_what_is_no_watch_is_said_so(world):
    server = world.shared
    for words, code, told in ((["--alerts", "fire"], 2, "low_stock"),
                              (["--token", "x"], 1, "resume_token"),
                              (["no id!"], 1, "sku_ids")):
        process = watch(world, server, *words)
        _, err = process.communicate(timeout=20)
        assert process.returncode == code and told in err, (words, process.returncode, err)
    with world.server("--watch-keep-s", "1") as short:
        short.location_id("main")
        sku = short.sku("a", 1)
        process = watch(world, short, "-o", "jsonl")
        lines(process, 1)
        short.adjust(sku, 1)
        lines(process, 1)
        process.send_signal(signal.SIGINT)
        token = process.communicate(timeout=20)[1].split("--token ")[1].split()[0]
        short.adjust(sku, 1)
        time.sleep(1.3)
        short.adjust(sku, 1)
        process = watch(world, short, "--token", token)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 1 and "try: souk stock watch --token" in err, err
