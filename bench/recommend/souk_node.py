# SPDX-License-Identifier: Apache-2.0
"""One soukd with sessions as its evidence and stock for their items."""
import json
import subprocess
import time
import zlib

from lib import Sample, Unavailable

START_S = 60
SETTLE_S = 2
LOAD_PATIENCE_S = 120
END = "2026-01-01"  # of the made-up times of the evidence
LOOPS = 2  # threads that own shards: as many as the peer has workers
CHANNELS = 1  # connections, as the no-op has
OPEN_CLIENTS = 256  # calls under way at most in an open loop
SOLD_OUT_OF = 100


class Node:
    def __init__(self, context, name, sessions, customer_shards=1, sold_out_percent=0,
                 kind="view"):
        self.context = context
        self.sessions = sessions
        self.bin = context.build / "bin"
        self.runs = 0
        for program in ("soukd", "souk", "souk-load"):
            if not (self.bin / program).exists():
                raise Unavailable(f"{self.bin / program} is not built")
        folder = context.folder / f"souk-{name}"
        folder.mkdir()
        self.process = context.spawn(
            [self.bin / "soukd", "--dir", folder, "--port", "0", "--neighbours_candidates", 500,
             "--neighbours_kept", 100, "--customer_shards", customer_shards,
             "--shard_loops", LOOPS])
        self.address = f"127.0.0.1:{self.port_of(folder / 'ports.json')}"
        started = time.monotonic()
        self.bring_in("sessions", sessions.evidence, "--end", END, "--kind", kind)
        if sold_out_percent > 0:
            self.bring_in("stock", self.sold_out(sold_out_percent))
        self.import_s = time.monotonic() - started
        context.say(f"{name}: {sessions.clicks} clicks imported in {self.import_s:.1f} s")
        # What the import left to write out is no part of the first case.
        time.sleep(min(SETTLE_S, context.seconds))

    def port_of(self, path):
        for _ in range(START_S * 20):
            if self.process.poll() is not None:
                raise Unavailable(f"soukd ended with {self.process.returncode} at start")
            try:
                return json.loads(path.read_text())["client"]
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        raise Unavailable(f"soukd wrote no ports.json within {START_S} s")

    def bring_in(self, kind, path, *options):
        seen, _ = self.context.run_json(
            [self.bin / "souk", "--address", self.address, "-o", "json", "import", kind, path,
             *options], timeout_s=1800)
        if seen["rejected"]:
            raise Unavailable(f"souk import {kind} refused {seen['rejected']} rows")

    def sold_out(self, percent):
        """A stock file of that part of the SKUs, chosen by their ids, with nothing left."""
        path = self.sessions.evidence.with_suffix(".stock.csv")
        skus = sorted({item for items in self.sessions.read() for item in items})
        with open(path, "w", encoding="ascii") as out:
            out.write("sku_id,location_id,on_hand,reference\n")
            out.writelines(f"{sku},main,0,sold-out\n" for sku in skus
                           if zlib.crc32(sku.encode()) % SOLD_OUT_OF < percent)
        return path

    def command(self, seconds, *arguments):
        self.runs += 1
        return [self.bin / "souk-load", "--address", self.address,
                "--sessions", self.sessions.queries, "--seconds", seconds,
                "--warmup", self.warmup_s(), "--seed", self.runs, "--channels", CHANNELS,
                *arguments]

    def warmup_s(self):
        return min(0.5, self.context.seconds / 5)

    def sample(self, seconds, *arguments):
        """Recommendations; the CPU is that of server and loader, per answer."""
        seen, _ = self.context.run_json(
            self.command(seconds, "--mix", "recommend", "--server", self.process.pid, *arguments),
            timeout_s=seconds + LOAD_PATIENCE_S)
        if seen["failed"] or not seen["ops"]:
            raise Unavailable(f"{seen['failed']} of {seen['ops']} recommendations failed: "
                              f"{seen['reasons']}")
        shown = seen["kinds"]["recommend"]["shown_mean"]
        if shown < 1:
            raise Unavailable("the recommendations are empty")
        return Sample(seen["ops_per_s"], seen["cpu_us"], seen["p50_us"], seen["p90_us"],
                      seen["p99_us"], {"server_cpu_us": seen["server_cpu_s"] * 1e6 / seen["ops"],
                                       "shown_mean": shown, "late_us_max": seen["late_us_max"]})

    def closed(self, clients, *arguments):
        return lambda seconds: self.sample(seconds, "--clients", clients, *arguments)

    def open(self, rate, *arguments):
        return lambda seconds: self.sample(seconds, "--rate", rate, "--clients", OPEN_CLIENTS,
                                           *arguments)

    def open_beside_writers(self, rate, events_per_s, batch):
        """The same, while visitors' clicks are recorded."""
        def run(seconds):
            # As long as the other one, its warm-up included, and a little more at both ends.
            command = self.command(seconds + 2 * self.warmup_s() + 0.2, "--mix", "event", "--batch",
                                   batch, "--rate", events_per_s / batch, "--clients",
                                   OPEN_CLIENTS, "--warmup", 0)
            with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True) as writers:
                try:
                    sample = self.open(rate)(seconds)
                finally:
                    text, _ = writers.communicate(timeout=LOAD_PATIENCE_S)
            seen = json.loads(text) if writers.returncode == 0 else {}
            if seen.get("failed") or not seen.get("ops"):
                raise Unavailable(f"events were not recorded: {seen.get('reasons')}")
            sample.extra["events_per_s"] = seen["ops_per_s"]
            return sample
        return run
