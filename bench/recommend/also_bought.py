# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL asked what was also bought: a table of pairs, joined with what is in stock.

The pairs are those of the sessions, counted, and as many more of weight 1 as make the table
full. Unlike our side it does not learn: a pair table is computed by a nightly job.
"""
import collections
import itertools
import random

from lib import Peer, Sample, Unavailable, postgres

NAME = "PostgreSQL 15, a table of pairs"
SESSION_ITEMS_MAX = 50  # of longer sessions only the last ones make pairs
SEED = 1
SCHEMA = """
CREATE TABLE levels (sku int PRIMARY KEY, on_hand bigint NOT NULL, held bigint NOT NULL);
CREATE TABLE pairs (sku int NOT NULL, other int NOT NULL, weight int NOT NULL);
"""
INDEX = """
CREATE INDEX ON pairs (sku) INCLUDE (other, weight);
VACUUM ANALYZE pairs; VACUUM ANALYZE levels; CHECKPOINT;
"""


def pairs_of(sessions, total):
    counted = collections.Counter()
    skus = set()
    for items in sessions:
        distinct = dict.fromkeys(items[-SESSION_ITEMS_MAX:])
        skus.update(items)
        counted.update(itertools.permutations(distinct, 2))
    skus = sorted(skus)
    chance = random.Random(SEED)
    more = max(0, total - len(counted))
    fill = zip(chance.choices(skus, k=more), chance.choices(skus, k=more))
    rows = itertools.chain(((a, b, n) for (a, b), n in counted.most_common(total)),
                           ((a, b, 1) for a, b in fill))
    return skus, rows


class AlsoBought:
    """Started at its first run, so that a missing package costs only its own rows."""

    def __init__(self, context, sessions, pairs):
        self.context = context
        self.sessions = sessions
        self.pairs = pairs
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
                self.fill()
            except postgres.Missing as error:
                self.why = str(error)
                raise Unavailable(self.why) from error
        return program

    def fill(self):
        skus, rows = pairs_of(self.sessions.read(), self.pairs)
        text = ["COPY levels FROM STDIN;\n"]
        text += [f"{sku}\t1000000\t0\n" for sku in skus]
        text.append("\\.\nCOPY pairs FROM STDIN;\n")
        text += [f"{a}\t{b}\t{weight}\n" for a, b, weight in rows]
        text.append("\\.\n")
        self.server.sql("".join(text) + INDEX)

    def run(self, seconds, connections):
        program = self.start()
        self.runs += 1
        before = self.context.cpu_s(self.server.pids())
        seen, _ = self.context.run_json(
            [program, self.server.conninfo, "--connections", connections, "--sessions",
             self.sessions.queries, "--seconds", seconds, "--seed", self.runs],
            timeout_s=seconds + 120)
        if seen["shown_mean"] < 1:
            raise Unavailable("the answers are empty")
        spent = self.context.cpu_s(self.server.pids()) - before + seen["cpu_s"]
        return Sample(seen["ops_per_s"], spent * 1e6 / seen["ops"])

    def peer(self, connections, bar):
        return Peer(NAME, lambda seconds: self.run(seconds, connections), bar=bar)

    def stop(self):
        if self.server is not None:
            self.server.stop()
