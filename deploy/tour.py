# SPDX-License-Identifier: Apache-2.0
"""The walk of deploy/demo: a node, a store, and steps that check every answer."""
import argparse
import concurrent.futures
import contextlib
import ctypes
import datetime
import hashlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

START_LIMIT_S = 60
STOP_LIMIT_S = 20
CALL_LIMIT_S = 60
IMPORT_LIMIT_S = 900
EXPIRY_TTL_S = 2
EXPIRY_LIMIT_S = 20
PURCHASES_MAX = 20
EVENTS_MAX = 50000000
SEED_MAX = 2**63 - 1
STREAM_PAIRS = 500
POLL_S = 0.05
PR_SET_PDEATHSIG = 1


class StepFailed(Exception):
    """What the server answered is not what the step promises."""


def check(condition, message):
    if not condition:
        raise StepFailed(message)


def moment(text):
    """A time of an answer, whose fraction is left out when it is 0."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Souk:
    """Runs the souk command line against the node and reads its JSON."""

    def __init__(self, folder):
        self.program = str(folder / "souk")
        self.address = None

    def run(self, *words, limit_s=CALL_LIMIT_S, output="json"):
        command = [self.program, *map(str, words), "-o", output]
        environment = dict(os.environ, SOUK_ADDRESS=self.address or "")
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              timeout=limit_s, check=False)
        return done.returncode, done.stdout, done.stderr

    @contextlib.contextmanager
    def begin(self, *words):
        """next_line() of a command that shows line after line while others run; ends it."""
        shows = subprocess.Popen([self.program, *map(str, words), "-o", "jsonl"], bufsize=0,
                                 env=dict(os.environ, SOUK_ADDRESS=self.address or ""),
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wait = select.poll()  # sees all there is, as nothing is read ahead
        wait.register(shows.stdout, select.POLLIN)

        def next_line():
            check(wait.poll(CALL_LIMIT_S * 1000), f"souk {' '.join(map(str, words))} shows nothing")
            return json.loads(shows.stdout.readline())
        try:
            yield next_line
        finally:
            shows.kill()
            shows.wait()
            shows.stdout.close()

    def ask(self, *words, limit_s=CALL_LIMIT_S):
        """The answer of a command that must succeed."""
        code, out, talk = self.run(*words, limit_s=limit_s)
        check(code == 0, f"souk {' '.join(map(str, words))} ended with {code}: {talk.strip()}")
        return json.loads(out)

    def attempt(self, *words):
        """(answer, None), or (None, reason) when the server refuses."""
        code, out, talk = self.run(*words)
        if code == 0:
            return json.loads(out), None
        check(code == 1 and out, f"souk {' '.join(map(str, words))} ended with {code}: {talk}")
        return None, json.loads(out)["error"].get("reason", "")


class Node:
    """One soukd, always ended when the tour ends."""

    def __init__(self, folder, data, souk):
        self.program, self.data, self.souk = str(folder / "soukd"), data, souk
        self.process, self.log = None, data.with_name(data.name + ".log")

    @staticmethod
    def _die_with_the_tour():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def _ports(self):
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.data / "ports.json").read_text())["client"]
        return None

    def start(self):
        """On the port of before, if there was one and it is still free: what was told stands."""
        port = self.souk.address.rpartition(":")[2] if self.souk.address else "0"
        try:
            self.start_on(port)
        except StepFailed:
            self.stop()
            if port == "0":
                raise
            self.start_on("0")

    def start_on(self, wanted):
        with contextlib.suppress(FileNotFoundError):
            (self.data / "ports.json").unlink()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "--dir", str(self.data), "--port", wanted], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=self._die_with_the_tour)
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            check(self.process.poll() is None,
                  f"soukd ended with {self.process.returncode}: {self.log_end()}")
            port = self._ports()
            if port:
                self.souk.address = f"127.0.0.1:{port}"
                code, out, _ = self.souk.run("status")
                if code == 0 and all(node["ready"] for node in json.loads(out)["nodes"]):
                    return
            time.sleep(POLL_S)
        raise StepFailed(f"soukd was not ready within {START_LIMIT_S} s: {self.log_end()}")

    def log_end(self):
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
        return "no log"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()


class Tour:
    """The steps, in order; each is told before it is checked."""

    def __init__(self, options, node, souk, work):
        self.options, self.node, self.souk, self.work = options, node, souk, work
        self.holds = []
        self.seed = None
        self.clicked = []  # by the newcomer, oldest first
        self.explained = None  # their last answer
        self.lamp, self.bought = None, 0
        self.place = None  # where something trends

    # --- Telling -------------------------------------------------------------------------

    @staticmethod
    def say(text=""):
        print(text, flush=True)

    def show(self, *words):
        """What a person would type, with the words that matter."""
        self.say("   $ souk " + " ".join(map(str, words)))

    # --- Small helpers -------------------------------------------------------------------

    def level(self, sku, location):
        return self.souk.ask("stock", "get", sku, location)

    def levels(self, sku):
        return self.souk.ask("stock", "get", sku)["levels"]

    def in_stock(self, sku):
        return sum(max(0, level["available"]) for level in self.levels(sku))

    def free_levels(self, count):
        """Levels of different SKUs that nobody holds anything of."""
        found = {}
        for level in self.souk.ask("stock", "list", "--limit", 500)["levels"]:
            if level["held"] == 0 and level["committed"] == 0 and level["available"] > 0:
                found.setdefault(level["sku_id"], level)
        check(len(found) >= count, "the store has too few free SKUs")
        return list(found.values())[:count]

    def name(self, sku):
        return self.souk.ask("sku", "get", sku).get("name", sku)

    # --- Steps ---------------------------------------------------------------------------

    def step_start(self):
        """A node starts"""
        self.node.start()
        self.say(f"   soukd serves gRPC on {self.souk.address}; its data lies in {self.node.data}")

    def step_import(self):
        """A store comes in, each row once"""
        if self.options.data:
            files = [("online-retail", pathlib.Path(self.options.data))]
        else:
            wanted = ("demo", "store", self.work / "store", "--seed", self.options.seed,
                      "--events", self.options.events)
            files = [(entry["kind"], pathlib.Path(entry["path"]))
                     for entry in self.souk.ask(*wanted)["files"]]
        for kind, path in files:
            rejects = ("--rejects", self.work / f"{kind}.rejects.csv")
            self.show("import", kind, path.name)
            done = self.souk.ask("import", kind, path, *rejects, limit_s=IMPORT_LIMIT_S)
            check(done["rejected"] == 0, f"{path}: {done['rejected']} rows were refused")
            check(done["applied"] + done["duplicates"] + done["skipped_rows"] == done["rows"],
                  f"{path}: {done['rows']} rows, {done['applied']} applied, "
                  f"{done['duplicates']} known, {done['skipped_rows']} skipped")
            self.say(f"     {done['rows']} rows in {done['seconds']:.1f} s")
        kind, path = files[0]
        again = self.souk.ask("import", kind, path, "--rejects", self.work / "again.rejects.csv",
                              limit_s=IMPORT_LIMIT_S)
        changed = sum(part["applied"] for part in again["passes"])
        check(changed == 0, f"a second import of {path} changed {changed} rows")
        status = self.souk.ask("status")
        check(status["skus"] > 0 and status["levels"] > 0 and status["events"] > 0,
              f"the cluster holds too little: {status}")
        self.say(f"   The same file again changes nothing. Now: {status['skus']} SKUs, "
                 f"{status['units_on_hand']} units, {status['customers']} customers and visitors, "
                 f"{status['events']} events.")

    def step_last_unit(self):
        """Two customers reserve the last unit: one wins"""
        level = self.free_levels(1)[0]
        sku, place = level["sku_id"], level["location_id"]
        self.souk.ask("stock", "set", sku, place, 1, "--reason", "count")
        self.say(f"   One {self.name(sku)} is left in {place}. Anna and Ben both click.")
        self.show("hold create", f"{sku}:1@{place}", "--owner anna   (and --owner ben, at once)")
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            asked = [threads.submit(self.souk.attempt, "hold", "create", f"{sku}:1@{place}",
                                    "--owner", owner, "--ttl", "15m") for owner in ("anna", "ben")]
            answers = [answer.result() for answer in asked]
        won = [answer for answer, _ in answers if answer is not None]
        lost = [reason for answer, reason in answers if answer is None]
        check(len(won) == 1, f"{len(won)} of two got the last unit")
        check(lost == ["INSUFFICIENT_STOCK"], f"the other was told {lost}")
        now = self.level(sku, place)
        check(now["held"] == 1 and now["available"] == 0 and now["on_hand"] == 1,
              f"the level is {now}")
        self.holds.append(won[0]["hold_id"])
        self.say(f"   {won[0]['owner']} has it; the other was told INSUFFICIENT_STOCK.")

    def step_expiry(self):
        """A hold expires by itself, and its unit is sold"""
        level = self.free_levels(1)[0]
        sku, place = level["sku_id"], level["location_id"]
        line = f"{sku}:1@{place}"
        self.souk.ask("stock", "set", sku, place, 1, "--reason", "count")
        self.show("hold create", line, f"--ttl {EXPIRY_TTL_S}s")
        first = self.souk.ask("hold", "create", line, "--owner", "cart-1", "--ttl",
                              f"{EXPIRY_TTL_S}s")
        second, reason, refused = None, "", 0
        deadline = time.monotonic() + EXPIRY_LIMIT_S
        while second is None and time.monotonic() < deadline:
            second, reason = self.souk.attempt("hold", "create", line, "--owner", "cart-2")
            refused += second is None
            check(second is not None or reason == "INSUFFICIENT_STOCK", f"refused with {reason}")
            time.sleep(POLL_S)
        check(second is not None,
              f"the unit was not free {EXPIRY_LIMIT_S} s after a hold of {EXPIRY_TTL_S} s")
        check(refused > 0, "the second hold was never refused: the first withheld nothing")
        check(moment(second["create_time"]) >= moment(first["expire_time"]),
              f"granted at {second['create_time']}, before {first['expire_time']}")
        ended = self.souk.ask("hold", "get", first["hold_id"])
        check(ended["state"] == "expired", f"the first hold is {ended['state']}")
        self.show("hold commit", second["hold_id"], "&& souk hold fulfil", second["hold_id"])
        self.souk.ask("hold", "commit", second["hold_id"])
        self.souk.ask("hold", "fulfil", second["hold_id"])
        now = self.level(sku, place)
        check(now["on_hand"] == 0 and now["held"] == 0 and now["committed"] == 0,
              f"after the sale the level is {now}")
        self.holds.append(second["hold_id"])
        self.say(f"   Refused {refused} times while it was held; sold after it had expired.")

    def step_stream(self):
        """A warehouse streams its movements, twice, and somebody watches"""
        level = self.free_levels(1)[0]
        sku, place = level["sku_id"], level["location_id"]
        before, rows = self.level(sku, place)["on_hand"], 2 * STREAM_PAIRS
        source = f"warehouse-{os.getpid()}-{int(time.time())}"  # rows count once per source
        file = self.work / "movements.csv"
        file.write_text("sku_id,location_id,delta,reason\n" + STREAM_PAIRS *
                        f"{sku},{place},+3,receipt\n{sku},{place},-1,damage\n")
        self.show("stock watch", sku, f"--location {place}   (in another window)")
        with self.souk.begin("stock", "watch", sku, "--location", place, "--limit", 1) as watched:
            shown = watched()
            self.show(f"stock stream movements.csv --source {source}   (twice)")
            first, again = (self.souk.ask("stock", "stream", file, "--source", source)
                            for _ in range(2))
            check(first["applied"] == rows and first["complete"], f"the stream ended {first}")
            change = watched()
        check(again["sent"] == 0 and again["known_before"] == rows, f"the second: {again}")
        now = self.level(sku, place)["on_hand"]
        check(now == before + rows, f"{now} are there, not {before + rows}")
        check(shown["on_hand"] == before and change["on_hand"] == before + 3,
              f"the watch showed {shown}, then {change}")
        self.say(f"   {rows} movements of {self.name(sku)}: {before} became {now}. The second time "
                 "nothing changed: a row's number\n   is its place in the stream. The watch saw the "
                 "first movement as it happened.")

    def recommended(self, *words):
        answer = self.souk.ask("rec", *words)
        check(answer["coverage"] == 1.0, f"coverage is {answer['coverage']}")
        return answer["items"]

    def step_recommendation(self):
        """A recommendation with reasons, and stock as it is"""
        popular = self.recommended("--visitor", "tour-newcomer", "--count", 20)
        check(popular, "nothing is recommended to a newcomer")
        self.seed = popular[0]["sku_id"]
        self.say(f"   Somebody looks at {self.name(self.seed)}.")
        self.show("rec --session", self.seed, "--count 5")
        items = self.recommended("--session", self.seed, "--count", 5)
        check(len(items) == 5, f"5 items wanted, {len(items)} came")
        check(self.seed not in [item["sku_id"] for item in items],
              f"{self.seed} is looked at already, and recommended")
        for item in items:
            check(item["reasons"] and all(r["evidence_count"] > 0 for r in item["reasons"]),
                  f"{item['sku_id']} has no reason with evidence")
            check(item["available"] > 0, f"{item['sku_id']} is shown with nothing in stock")
            check(item["available"] == self.in_stock(item["sku_id"]),
                  f"{item['sku_id']}: {item['available']} shown, "
                  f"{self.in_stock(item['sku_id'])} there")
            self.say(f"     {item['rank']}. {item.get('name', item['sku_id'])} - "
                     f"{item['because']}; {item['available']} in stock")

    def step_clicks(self):
        """Somebody new clicks three times: each click changes the answer"""
        who = ("--visitor", f"tour-new-{os.getpid()}-{int(time.time())}")
        asked = (*who, "--placement", "for-you", "--exclude-seen", "--count", 5)
        self.show("rec", *asked)
        answer = self.souk.ask("rec", *asked)
        check(answer["items"], "nothing is shown to somebody new")
        check(all(reason["fallback"] for item in answer["items"] for reason in item["reasons"]),
              "somebody new was shown something with a personal reason")
        self.say(f"     nothing is known yet: {answer['items'][0]['because']}")
        self.clicked = []
        for number in range(1, 4):
            before = [item["sku_id"] for item in answer["items"]]
            self.clicked.append(before[0])
            self.souk.ask("events", "record", "view", before[0], *who)
            answer = self.souk.ask("rec", *asked)
            after = [item["sku_id"] for item in answer["items"]]
            check(after and after != before, f"click {number} changed nothing")
            first = answer["items"][0]
            check(not first["reasons"][0]["fallback"],
                  f"after {number} clicks still only what others like: {first['because']}")
            self.say(f"     click {number}, {self.name(before[0])}: now "
                     f"{first.get('name', first['sku_id'])} - {first['because']}")
        self.explained = answer

    def step_why(self):
        """Why this?"""
        answer = self.explained
        self.show("rec explain", answer["answer_id"])
        why = self.souk.ask("rec", "explain", answer["answer_id"])
        check([seed["sku_id"] for seed in why["seeds"]] == self.clicked[::-1],
              f"found from {why['seeds']}, clicked was {self.clicked}")
        check(why["personal"] == "used" and why["consent_used"] == ["personalization"],
              f"personal history was {why['personal']}")
        asked = [source["source"] for source in why["sources"] if source["asked"]]
        check("neighbours" in asked, f"asked were {asked}")
        check(all(source["tier"] > 0 for source in why["sources"] if not source["asked"]),
              f"a source of the first tier was not asked: {why['sources']}")
        self.say("     found from " + ", ".join(self.name(sku) for sku in self.clicked[::-1]))
        self.say(f"     asked {', '.join(asked)}; fallbacks were not needed"
                 if len(asked) < len(why["sources"]) else f"     asked {', '.join(asked)}")
        for reason in answer["items"][0]["reasons"]:
            related = reason.get("related_sku_id")
            self.say(f"     {reason['weight']:4.0%} of the first item: {reason['kind']}"
                     + (f" of {self.name(related)}" if related else "")
                     + f", {reason['evidence_count']} counted")

    def step_sold_out(self):
        """The best item sells out: the next answer lacks it"""
        items = self.recommended("--session", self.seed, "--count", 5)
        best = items[0]["sku_id"]
        self.say(f"   Rank 1 is {self.name(best)}. Somebody buys all there is.")
        for level in self.levels(best):
            if level["available"] > 0:
                line = f"{best}:{level['available']}@{level['location_id']}"
                self.show("hold create", line, "&& souk hold commit ...")
                hold = self.souk.ask("hold", "create", line, "--owner", "wholesale")
                self.souk.ask("hold", "commit", hold["hold_id"])
                self.holds.append(hold["hold_id"])
        check(self.in_stock(best) == 0, f"{best} still has units")
        after = [item["sku_id"] for item in self.recommended("--session", self.seed, "--count", 200)]
        check(best not in after, f"{best} is sold out and still recommended")
        check(after, "nothing is recommended any more")
        self.say(f"   {self.name(best)} is gone from the shelf, and from the answer.")

    def step_purchase(self):
        """A purchase counts at once"""
        sku = f"TOUR-LAMP-{os.getpid()}-{int(time.time())}"
        place = self.souk.ask("location", "list")["locations"][0]["location_id"]
        self.souk.ask("sku", "put", sku, "--name", "A lamp that is new today", "--price",
                      "39.90 EUR")
        self.souk.ask("stock", "adjust", sku, place, "+5", "--reason", "receipt")
        asked = ("--session", self.seed, "--count", 200)
        before = [item["sku_id"] for item in self.recommended(*asked)]
        check(sku not in before, "the new lamp is recommended before anybody bought it")
        self.show("events record purchase", self.seed, sku, "--visitor somebody")
        item, bought = None, 0
        while item is None and bought < PURCHASES_MAX:
            bought += 1
            stored = self.souk.ask("events", "record", "purchase", self.seed, sku, "--visitor",
                                   f"{sku}-{bought}", "--session", f"{sku}-{bought}")
            check(stored["stored"] == 2, f"stored {stored}")
            # In a store whose baskets are large, one purchase may rank below the first 200.
            found = {item["sku_id"]: item for item in self.recommended(*asked)}
            item = found.get(sku)
        check(item is not None, f"{bought} purchases together did not change the next answer")
        reasons = [r for r in item["reasons"] if r.get("related_sku_id") == self.seed]
        check(reasons and reasons[0]["evidence_count"] == bought,
              f"bought {bought} times, the reasons are {item['reasons']}")
        self.lamp, self.bought = sku, bought
        self.say(f"   Bought with it {bought} time{'s' if bought > 1 else ''}, the lamp is in the "
                 f"very next answer: \"{item['because']}\".")

    def lamp_evidence(self):
        """How many sessions with the seed speak for the lamp now."""
        items = self.recommended("--session", self.seed, "--count", 200)
        reasons = [reason for item in items if item["sku_id"] == self.lamp
                   for reason in item["reasons"] if reason.get("related_sku_id") == self.seed]
        return max((reason["evidence_count"] for reason in reasons), default=0)

    def step_erase(self):
        """A customer is erased: nobody is recommended anything by them any more"""
        who = f"cleo-{self.lamp}"
        self.souk.ask("events", "record", "purchase", self.seed, self.lamp, "--visitor", who,
                      "--session", who)
        with_cleo = self.lamp_evidence()
        check(with_cleo == self.bought + 1,
              f"Cleo bought, too, and {with_cleo} speak for the lamp instead of {self.bought + 1}")
        answer = self.souk.ask("rec", "--visitor", who, "--placement", "for-you", "--count", 5)
        self.souk.ask("rec", "explain", answer["answer_id"])
        self.show("customer erase", who, "--visitor --yes")
        proof = self.souk.ask("customer", "erase", who, "--visitor", "--yes")
        check(proof["events_removed"] == 2 and proof["sessions_removed"] == 1,
              f"the proof is {proof}")
        without = self.lamp_evidence()
        check(without == self.bought, f"{without} speak for the lamp after Cleo has gone, "
              f"{self.bought} did before")
        again = self.souk.ask("customer", "erase", who, "--visitor", "--yes")
        check(again["events_removed"] == 0 and again["sessions_removed"] == 0,
              f"a second erasure found {again}")
        old, reason = self.souk.attempt("rec", "explain", answer["answer_id"])
        check(old is None and reason == "NOT_FOUND",
              "an answer given to Cleo can still be explained")
        self.say(f"   {with_cleo} sessions spoke for the lamp, now {without}: the proof names log "
                 f"entry {proof['log_index']} of shard {proof['shard_id']}. A second erasure finds "
                 "nothing, and what Cleo was shown is forgotten.")

    def step_place(self):
        """Three people look at one thing in one place: it trends there"""
        places = [entry["location_id"] for entry in sorted(
            self.souk.ask("location", "list")["locations"],
            key=lambda entry: entry["type"] != "store")]
        place, others = places[0], places[1:2]
        sku = self.recommended("--placement", "trending", "--location", place)[-1]["sku_id"]
        self.show("events record view", sku, "--location", place, "--visitor ...   (three visitors)")
        for number in range(3):
            self.souk.ask("events", "record", "view", sku, "--location", place, "--visitor",
                          f"tour-shop-{os.getpid()}-{int(time.time())}-{number}")
        asked = ("--placement", "trending", "--count", 5, "--location")
        self.show("rec", *asked, place)
        here = [reason for item in self.recommended(*asked, place) if item["sku_id"] == sku
                for reason in item["reasons"] if reason["kind"] == "trending"]
        check(here and here[0].get("location_id") == place and here[0]["evidence_count"] >= 3,
              f"{sku} was looked at in {place}, its reasons there are {here}")
        for other in others:
            check(all(reason.get("location_id") != place
                      for item in self.recommended(*asked, other) for reason in item["reasons"]),
                  f"what is counted in {place} is shown at {other}")
        self.say(f"     {self.name(sku)} - trending at {place} "
                 f"({here[0]['evidence_count']} sessions)")
        self.place = place

    def rows(self, *words):
        code, out, talk = self.souk.run(*words, output="jsonl")
        check(code == 0, f"souk {' '.join(words)}: {talk}")
        return out.splitlines()

    def everything(self, but):
        """Digests of all that was acknowledged, levels of the SKU `but` left out."""
        digests = {}
        for words in (("stock", "list"), ("sku", "list"), ("location", "list")):
            rows = [row for row in self.rows(*words) if words[0] != "stock"
                    or json.loads(row)["sku_id"] != but]
            digests[" ".join(words)] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        for hold in self.holds:
            digests[f"hold {hold}"] = self.souk.ask("hold", "get", hold)
        status = self.souk.ask("status")
        for key in ("skus", "levels", "customers", "events", "movements", "units_on_hand",
                    "holds_open"):
            digests[key] = status[key]
        return digests

    def step_kill(self):
        """kill -9, start again: nothing is lost"""
        level = self.free_levels(1)[0]
        sku, place = level["sku_id"], level["location_id"]
        before = self.everything(sku)
        self.show("stock adjust", sku, place, "+7 --reason receipt   (and kill -9 on its answer)")
        last = self.souk.ask("stock", "adjust", sku, place, "+7", "--reason", "receipt")
        self.node.kill()
        self.node.start()
        now = self.level(sku, place)
        check(now == last, f"acknowledged was {last}, there is {now}")
        before["movements"] += 1
        before["units_on_hand"] += 7
        after = self.everything(sku)
        lost = [f"{key} was {before[key]}, is {after[key]}"
                for key in before if before[key] != after[key]]
        check(not lost, "; ".join(lost))
        self.say(f"   {len(before)} answers and digests compared: levels, holds, catalogue, "
                 "totals are what they were.")

    STEPS = (
        ("start", step_start), ("import", step_import), ("last unit", step_last_unit),
        ("hold expires", step_expiry), ("stream", step_stream),
        ("recommendation", step_recommendation),
        ("clicks", step_clicks), ("why this", step_why), ("sold out", step_sold_out),
        ("purchase", step_purchase), ("erased", step_erase), ("trending", step_place),
        ("kill -9", step_kill),
    )

    def walk(self):
        for number, (name, step) in enumerate(self.STEPS, 1):
            self.say(f"\n{number}. {step.__doc__}")
            try:
                step(self)
            except StepFailed as failure:
                print(f"demo: step '{name}' failed: {failure}", file=sys.stderr)
                return 1
            except (subprocess.TimeoutExpired, KeyError, ValueError, StopIteration) as failure:
                print(f"demo: step '{name}' failed: {type(failure).__name__}: {failure}\n"
                      f"{self.node.log_end()}", file=sys.stderr)
                return 1
        if self.options.once:
            self.say(f"\nAll {len(self.STEPS)} steps went as told; the node stops. Without "
                     "--once it stays up to be played with.")
            return 0
        self.say(f"\nAll {len(self.STEPS)} steps went as told. The node serves {self.souk.address}. "
                 "Things to try:")
        self.say(f"   export SOUK_ADDRESS={self.souk.address} PATH=$PATH:{self.options.bin}")
        self.say(f"   souk rec --session {self.seed} --count 5 --explain")
        self.say(f"   souk rec --placement also-bought --seed {self.seed} --count 5")
        self.say(f"   souk rec --placement trending --location {self.place} --count 5")
        self.say(f"   souk hold create {self.seed}:2 --owner me --ttl 1m")
        self.say("   souk status")
        return 0


def stay(node):
    """Until Ctrl-C, which is the way out and no failure."""
    try:
        print("\nThe node stays up until Ctrl-C.", flush=True)
        while node.process.poll() is None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("\ndemo: stopping", file=sys.stderr)
        return 0
    print(f"demo: soukd ended with {node.process.returncode}\n{node.log_end()}", file=sys.stderr)
    return 1


def interrupted(number, _frame):
    raise KeyboardInterrupt(number)


class Parser(argparse.ArgumentParser):
    """deploy/demo tells the usage; this is how it hands its arguments on."""

    def error(self, message):
        print(f"demo: {message}; see deploy/demo --help", file=sys.stderr)
        sys.exit(2)


def number_within(least, most):
    def number(text):
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"a whole number from {least} to {most}, not '{text}'")
        return int(text)
    return number


def main():
    parser = Parser(prog="demo")
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--data")
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--events", type=number_within(1, EVENTS_MAX), default=100000)
    parser.add_argument("--seed", type=number_within(0, SEED_MAX), default=1)
    options = parser.parse_args()
    for program in ("soukd", "souk"):
        if not os.access(options.bin / program, os.X_OK):
            print(f"demo: no {program} in {options.bin}", file=sys.stderr)
            return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    work = pathlib.Path(tempfile.mkdtemp(prefix="souk-demo-"))
    data = (options.dir or work / "node").absolute()
    data.parent.mkdir(parents=True, exist_ok=True)
    souk = Souk(options.bin.absolute())
    node = Node(options.bin.absolute(), data, souk)
    try:
        code = Tour(options, node, souk, work).walk()
        if code == 0 and not options.once:
            code = stay(node)
        return code
    except KeyboardInterrupt as stopped:
        print("\ndemo: stopping", file=sys.stderr)
        return 128 + (stopped.args[0] if stopped.args else signal.SIGINT)
    finally:
        node.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
