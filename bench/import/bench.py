# SPDX-License-Identifier: Apache-2.0
"""A file of invoices brought in, each row durable, on a fresh node each time.

SOUK_ONLINE_RETAIL names the real UCI file (.csv or .csv.xz); without it the invoices are made
up from a seed in the same columns: as many lines per invoice, the same share of returns, of
lines without a customer and of descriptions that differ.
"""
import csv
import itertools
import os
import pathlib
import random
import subprocess
import time

from lib import Case, Sample, Unavailable

TITLE = "souk import online-retail: rows of the file per second, durable"

ROWS_PER_S = 60_000  # of the made-up file, for each second asked for
ROWS_MAX = 370_000
STOCK_CODES = 3_900
CUSTOMERS = 4_300
SEED = 1


def make_up(path, rows):
    """Popularity falls with the rank, as it does in shops."""
    chance = random.Random(SEED)
    codes = [f"{20000 + i}{'' if i % 3 else 'A'}" for i in range(STOCK_CODES)]
    weights = list(itertools.accumulate(1 / (i + 3) ** 0.7 for i in range(STOCK_CODES)))
    with open(path, "w", newline="", encoding="utf-8") as out:
        write = csv.writer(out).writerow
        write(["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
               "CustomerID", "Country"])
        invoice, written, at = 536365, 0, 1291190760
        while written < rows:
            back = chance.random() < 0.02
            customer = "" if chance.random() < 0.25 else f"{12346 + chance.randrange(CUSTOMERS)}.0"
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
            for code in chance.choices(codes, cum_weights=weights,
                                       k=min(rows - written, 1 + int(chance.expovariate(1 / 20)))):
                write([f"C{invoice}" if back else invoice, code, f"ITEM NUMBER {code}",
                       -1 if back else 1 + int(chance.expovariate(0.2)), when,
                       f"{1 + int(code[:5]) % 1000 / 100:.2f}", customer, "United Kingdom"])
                written += 1
            invoice += 1
            at += chance.randrange(1200)


def count_rows(path):
    """Records, not lines: descriptions may be quoted."""
    if path.suffix == ".xz":
        with subprocess.Popen(["xzcat", str(path)], stdout=subprocess.PIPE, text=True,
                              errors="replace") as opened:
            return sum(1 for _ in csv.reader(opened.stdout)) - 1
    with open(path, newline="", encoding="utf-8", errors="replace") as opened:
        return sum(1 for _ in csv.reader(opened)) - 1


class Import:
    def __init__(self, context):
        self.context = context
        self.bin = context.build / "bin"
        for name in ("soukd", "souk"):
            if not (self.bin / name).exists():
                raise Unavailable(f"{self.bin / name} is not built")
        self.files = {}
        self.turn = 0

    def file_for(self, seconds):
        real = os.environ.get("SOUK_ONLINE_RETAIL")
        rows = min(ROWS_MAX, int(ROWS_PER_S * seconds))
        key = real or rows
        if key not in self.files:
            path = pathlib.Path(real) if real else self.context.folder / f"retail-{rows}.csv"
            if not real:
                make_up(path, rows)
            self.files[key] = (path, count_rows(path))
        return self.files[key]

    def run(self, seconds):
        path, rows = self.file_for(seconds)
        self.turn += 1
        process, port = self.context.node(self.context.folder / f"node-{self.turn}")
        rejects = self.context.folder / "rejects.csv"
        started = time.monotonic()
        seen, client_cpu_s = self.context.run_json(
            [self.bin / "souk", "--address", f"127.0.0.1:{port}", "-o", "json", "import",
             "online-retail", path, "--rejects", rejects], timeout_s=600)
        took = time.monotonic() - started
        cpu_s = client_cpu_s + self.context.cpu_s([process.pid])
        process.terminate()
        process.wait(60)
        return Sample(rows / took, cpu_s * 1e6 / rows,
                      extra={"rows_of_file": rows, "records_applied": seen["applied"],
                             "rejected": seen["rejected"]})


def start(context):
    return [Case("online retail", "rows/s", Import(context).run, bar="ours >= 50000")]
