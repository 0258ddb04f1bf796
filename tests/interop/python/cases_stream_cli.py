# SPDX-License-Identifier: Apache-2.0
"""souk stock stream: files and pipes, stopped, killed and taken up again."""
from world import *

HEADER = "sku_id,location_id,delta,quantity,reason,reference,time\n"


def run(world, server, *words, text=None, code=0):
    """(summary, stderr) of a stream that has to end with this exit code."""
    process = start_souk(server, "stock", "stream", *map(str, words), "-o", "json",
                         stdin=subprocess.PIPE)
    out, err = process.communicate(text, timeout=60)
    assert process.returncode == code, f"{process.returncode}: {out} {err}"
    return json.loads(out) if out else {}, err


def rows(sku, count, start=0):
    return "".join(f"{sku},main,+1,,receipt,row {start + i + 1},\n" for i in range(count))


def eventually(wanted, read):
    deadline = time.monotonic() + CALL_SECONDS
    while read() != wanted:
        assert time.monotonic() < deadline, f"{read()!r} is not {wanted!r}"
        time.sleep(0.02)


def test_a_file_is_streamed_once_and_goes_on_as_it_grows(world):
    server, source = world.shared, world.name("wms")
    sku, file = server.sku(world.name(), 0), world.work / world.name("rows")
    file.write_text(HEADER + rows(sku, 1200))
    summary, _ = run(world, server, file, "--source", source)
    same((summary["applied"], summary["through"], summary["complete"]), (1200, 1200, True))
    summary, err = run(world, server, file, "--source", source)
    same((summary["sent"], summary["known_before"]), (0, 1200))
    assert "nothing new" in err, err
    with open(file, "a") as more:
        more.write(rows(sku, 30, 1200))
    summary, err = run(world, server, file, "--source", source)
    same((summary["sent"], summary["applied"], summary["through"]), (30, 30, 1230))
    assert f"{source} is known up to row 1200" in err, err
    same(server.level(sku).on_hand, 1230)


def test_a_followed_file_is_taken_row_by_row_until_it_is_interrupted(world):
    server, source = world.shared, world.name("wms")
    sku, file = server.sku(world.name(), 0), world.work / world.name("rows")
    file.write_text(HEADER + rows(sku, 3))
    process = start_souk(server, "stock", "stream", str(file), "--source", source,
                         "--follow", "-o", "json")
    eventually(3, lambda: server.level(sku).on_hand)
    with open(file, "a") as more:
        more.write(rows(sku, 2, 3) + f"{sku},ma")
        more.flush()
        eventually(5, lambda: server.level(sku).on_hand)
        more.write("in,+10,,,,\n")
        more.flush()
        eventually(15, lambda: server.level(sku).on_hand)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    same((process.returncode, json.loads(out)["through"]), (0, 6))


def test_a_pipe_is_taken_as_it_comes_and_a_killed_one_is_taken_up_again(world):
    server, source = world.shared, world.name("wms")
    sku, lines = server.sku(world.name(), 0), HEADER + rows(server.sku(world.name()), 0)
    process = start_souk(server, "stock", "stream", "-", "--source", source,
                         stdin=subprocess.PIPE, cwd=world.work)
    process.stdin.write(lines + rows(sku, 700))
    process.stdin.flush()
    eventually(700, lambda: server.level(sku).on_hand)  # though the pipe is open
    process.kill()
    process.communicate()
    summary, _ = run(world, server, "-", "--source", source, "--rejects",
                     world.work / "rejects.csv", text=lines + rows(sku, 1000))
    same((server.level(sku).on_hand, summary["through"]), (1000, 1000))
    same(summary["applied"], 300)


def test_a_server_killed_on_the_way_costs_nothing(world):
    folder = world.work / f"node{next(world.numbers)}"
    server = world.start("--sku-shards", "3", folder=folder)
    server.location_id("main")
    skus = [server.sku(f"s{i}", 0) for i in range(6)]
    file = world.work / world.name("rows")
    file.write_text(HEADER + "".join(f"{skus[i % 6]},main,+1,,,,\n" for i in range(120000)))
    port = server.ports["client"]
    process = start_souk(server, "stock", "stream", str(file), "--source", "wms", "-o", "json")
    eventually(True, lambda: server.level("s0").on_hand > 1000)
    server.end(signal.SIGKILL)
    server = Server(world.soukd, folder, "--port", str(port))
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert "the connection is lost" in err, err
    same([server.level(sku).on_hand for sku in skus], [20000] * 6)
    same(json.loads(out)["through"], 120000)
    same(server.end(), 0)


def test_refused_rows_are_told_by_their_number_and_passed(world):
    server, source = world.shared, world.name("wms")
    sku, file = server.sku(world.name(), 0), world.work / world.name("rows")
    file.write_text(HEADER + f"{sku},main,+5,,,,\n{sku},main,x,,,,\nnone-such,main,1,,,,\n"
                    f"{sku},main,-9,,,,\n{sku},main,,7,count,,\n")
    summary, err = run(world, server, file, "--source", source, code=1)
    same((summary["applied"], summary["refused"], server.level(sku).on_hand), (2, 3, 7))
    rejects = (file.parent / (file.name + ".rejects.csv")).read_text().splitlines()
    same([line.split(",")[:2] for line in rejects[1:]],
         [["2", '"INVALID"'], ["3", '"NOT_FOUND"'], ["4", '"INSUFFICIENT_STOCK"']])
    assert "whole number other than 0" in rejects[1] and "none-such" in rejects[2], rejects


def test_a_refused_row_stops_the_stream_by_choice_and_is_taken_once_mended(world):
    server, source = world.shared, world.name("wms")
    sku, late = server.sku(world.name(), 0), world.name("late")
    file = world.work / world.name("rows")
    file.write_text(HEADER + rows(sku, 2) + f"{late},main,4,,,,\n" + rows(sku, 2))
    words = (file, "--source", source, "--stop-on-error")
    _, err = run(world, server, *words, code=1)
    assert "update 3: no SKU" in err and late in err, err
    server.sku(late)
    summary, _ = run(world, server, *words)
    same((summary["known_before"], summary["through"]), (2, 5))
    same((server.level(sku).on_hand, server.level(late).on_hand), (4, 4))
    file.write_text(file.read_text() + f"{sku},main,much,,,,\n")
    _, err = run(world, server, *words, code=1)
    assert "row 6: delta" in err, err


def test_late_values_and_unknown_skus_are_counted(world):
    server, source = world.shared, world.name("wms")
    sku, new = server.sku(world.name(), 0), world.name("new")
    text = (HEADER + f"{sku},main,,9,,,2026-01-02T00:00:00Z\n"
            f"{sku},main,,5,,,2026-01-01T00:00:00Z\n{new},main,+3,,,,\n")
    summary, _ = run(world, server, "-", "--source", source, "--on-missing", "create",
                     "--rejects", world.work / "rejects.csv", text=text)
    same((summary["applied"], summary["superseded"]), (2, 1))
    same((server.level(sku).on_hand, server.level(new).on_hand), (9, 3))


def test_what_is_no_stream_is_said_so(world):
    server = world.shared
    for words, text, code, told in (
            (["-"], HEADER, 2, "--source"),
            (["-", "--source", "s", "--on-missing", "x"], HEADER, 2, "refuse, skip or create"),
            (["nowhere.csv", "--source", "s"], "", 1, "nowhere.csv"),
            (["-", "--source", world.name()], "sku_id,colour\n", 1, "'colour'"),
            (["-", "--source", world.name()], "sku_id,location_id\n", 1, "delta or quantity"),
            (["-", "--source", "no id!"], HEADER, 1, "open.source_id")):
        process = start_souk(server, "stock", "stream", *words, stdin=subprocess.PIPE,
                             cwd=world.work)
        _, err = process.communicate(text, timeout=30)
        assert process.returncode == code and told in err, (words, process.returncode, err)
