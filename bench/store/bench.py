# SPDX-License-Identifier: Apache-2.0
"""Durable reservations on one node, beside PostgreSQL and beside a call that does nothing."""
import json
import time

from lib import Case, Peer, Sample, Unavailable, no_op, postgres

TITLE = "durable reserve on one node: 64 clients, 100,000 SKUs, PostgreSQL beside it"

CLIENTS = 64
KEYS = 100_000
BATCH = 50
CHANNELS = 1  # as the no-op has
OPEN_RATE = 2000
WARMUP_S = 0.5
SETTLE_S = 2
START_S = 60

# One row that is both the hold and its idempotency record, one server-side function per
# reserve.
SCHEMA = """
CREATE TABLE levels (sku int PRIMARY KEY, on_hand bigint NOT NULL, held bigint NOT NULL)
    WITH (fillfactor = 50);
CREATE TABLE holds (request_id uuid PRIMARY KEY, sku int NOT NULL, quantity bigint NOT NULL,
                    granted boolean NOT NULL, expire_time timestamptz NOT NULL);
-- 0: held, now or at the first try; 1: refused.
CREATE FUNCTION reserve(rid uuid, s int, q bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE earlier boolean;
BEGIN
    SELECT granted INTO earlier FROM holds WHERE request_id = rid;
    IF FOUND THEN RETURN CASE WHEN earlier THEN 0 ELSE 1 END; END IF;
    UPDATE levels SET held = held + q WHERE sku = s AND on_hand - held >= q;
    earlier := FOUND;
    INSERT INTO holds VALUES (rid, s, q, earlier, now() + interval '15 minutes');
    RETURN CASE WHEN earlier THEN 0 ELSE 1 END;
END $$;
-- The number of refusals. Rows are taken in SKU order, so that batches never deadlock.
CREATE FUNCTION reserve_many(rids uuid[], skus int[], q bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE refused bigint := 0; one record;
BEGIN
    FOR one IN SELECT * FROM unnest(rids, skus) AS t(rid, s) ORDER BY s LOOP
        refused := refused + reserve(one.rid, one.s, q);
    END LOOP;
    RETURN refused;
END $$;
"""


def fill(server, keys):
    """Every SKU with more units than a run can take, and no hold."""
    server.sql(f"TRUNCATE levels, holds; INSERT INTO levels SELECT g, 1000000000, 0 FROM "
               f"generate_series(0, {keys} - 1) g; VACUUM ANALYZE levels; CHECKPOINT;")


class Souk:
    """One soukd with the store in it."""

    def __init__(self, context):
        program = context.build / "bin" / "soukd"
        self.load = context.build / "bin" / "souk-load"
        for needed in (program, self.load):
            if not needed.exists():
                raise Unavailable(f"{needed} is not built")
        self.context = context
        folder = context.folder / "souk"
        folder.mkdir()
        self.process = context.spawn([program, "--dir", folder, "--port", "0"])
        self.address = f"127.0.0.1:{self.port_of(folder / 'ports.json')}"
        started = time.monotonic()
        context.run_json([self.load, "--address", self.address, "--setup", "--keys", KEYS,
                          "--seconds", "0.1", "--warmup", "0"], timeout_s=300)
        context.say(f"{KEYS} SKUs imported in {time.monotonic() - started:.1f} s")
        self.runs = 0
        # What the import left to write out is not part of the first case.
        self.run(SETTLE_S)

    def port_of(self, path):
        for _ in range(START_S * 20):
            if self.process.poll() is not None:
                raise Unavailable(f"soukd ended with {self.process.returncode} at start")
            try:
                return json.loads(path.read_text())["client"]
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        raise Unavailable(f"soukd wrote no ports.json within {START_S} s")

    def run(self, seconds, *arguments):
        self.runs += 1
        seen, _ = self.context.run_json(
            [self.load, "--address", self.address, "--keys", KEYS, "--seconds", seconds,
             "--warmup", WARMUP_S, "--server", self.process.pid, "--seed", self.runs,
             *arguments], timeout_s=seconds + 120)
        if seen["failed"]:
            raise Unavailable(f"{seen['failed']} reservations failed: {seen['reasons']}")
        return Sample(seen["ops_per_s"], seen["cpu_us"], seen["p50_us"], seen["p90_us"],
                      seen["p99_us"], {"late_us_max": seen["late_us_max"]})

    def closed(self, choice, batch=1):
        return lambda seconds: self.run(seconds, "--clients", CLIENTS, "--choice", choice,
                                        "--batch", batch, "--channels", CHANNELS)

    def open(self, rate):
        return lambda seconds: self.run(seconds, "--rate", rate, "--clients", 1024)


class PostgresPeer:
    """Started at its first run, so that a missing package costs only its own rows."""

    def __init__(self, context):
        self.context = context
        self.server = None
        self.why = ""
        self.runs = 0

    def start(self):
        if self.why:
            raise Unavailable(self.why)
        program = self.context.build / "bin" / "peer_postgres"
        if self.server is None:
            try:
                if not program.exists():
                    raise postgres.Missing("peer_postgres is not built (package libpq-dev)")
                self.server = postgres.Postgres(self.context.folder, SCHEMA)
            except postgres.Missing as error:
                self.why = str(error)
                raise Unavailable(self.why) from error
        return program

    def closed(self, choice, batch=1):
        def run(seconds):
            program = self.start()
            fill(self.server, KEYS)
            self.runs += 1
            before = self.context.cpu_s(self.server.pids())
            seen, _ = self.context.run_json(
                [program, self.server.conninfo, "--connections", CLIENTS, "--keys", KEYS,
                 "--choice", choice, "--seconds", seconds, "--batch", batch,
                 "--seed", self.runs], timeout_s=seconds + 120)
            if seen["refused"]:
                raise Unavailable(f"PostgreSQL refused {seen['refused']} reservations")
            spent = self.context.cpu_s(self.server.pids()) - before + seen["cpu_s"]
            return Sample(seen["ops_per_s"], spent * 1e6 / seen["ops"])
        return run

    def stop(self):
        if self.server is not None:
            self.server.stop()


STATE = {}


def start(context):
    STATE["peer"] = peer = PostgresPeer(context)
    ours = Souk(context)
    name = "PostgreSQL 15, durable"
    return [
        Case("uniform", "reserve/s", ours.closed("uniform"),
             [Peer(name, peer.closed("uniform"), bar="ratio >= 2"), no_op.peer(context, CLIENTS, bar="ratio >= 0.65")]),
        Case("zipf 0.99", "reserve/s", ours.closed("zipf"),
             [Peer(name, peer.closed("zipf"), bar="ratio >= 2"),
              Peer("souk, uniform", of="uniform", bar="ratio >= 1")]),
        Case("hot", "reserve/s", ours.closed("hot"),
             [Peer("souk, uniform", of="uniform", bar="ratio >= 1")]),
        Case(f"uniform, {BATCH} per message", "reserve/s", ours.closed("uniform", BATCH),
             [Peer(f"{name}, {BATCH} per call", peer.closed("uniform", BATCH)),
              Peer(f"{name}, one per call", of="uniform", of_peer=name,
                   bar="ratio >= 7")]),
        Case(f"open loop, {OPEN_RATE}/s", "reserve/s", ours.open(OPEN_RATE)),
    ]


def stop(_context):
    if STATE.get("peer"):
        STATE["peer"].stop()
