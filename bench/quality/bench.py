# SPDX-License-Identifier: Apache-2.0
"""How good the answers are: public splits, all items ranked, asked of a running node.

`bench/run quality SET` starts a node, brings the set in with souk import, asks every question
over the public API and judges the answers; README.md has the figures and the files' formats.
"""
import dataclasses
import os
import pathlib
import random

import sets
import split
from lib import Case, Sample, Unavailable

TITLE = "quality of recommendations on public sets (quality SET; --help)"
ROUNDS = 1  # unless --rounds says more: each round is a fresh node

SEED = 1
TINY_THEMES, TINY_ITEMS, TINY_SESSIONS = 20, 12, 600
IMPORT_S, EVALUATE_S = 900, 1800


def arguments(parser):
    parser.add_argument("sets", nargs="*", metavar="SET",
                        help="all, or " + ", ".join(each.name for each in sets.ALL))
    parser.add_argument("--train", type=pathlib.Path, help="another training file of SET's kind")
    parser.add_argument("--test", type=pathlib.Path, help="another test file, with --train")
    parser.add_argument("--validation", action="store_true",
                        help="hold back the tail of the training file, look at nothing else")
    parser.add_argument("--stock", choices=("none", "verified"), default="verified")
    parser.add_argument("--window", type=int, default=64, help="questions open at a time")
    parser.add_argument("--placement", help="instead of the set's own")
    parser.add_argument("--clicks", type=int, help="newest clicks of a session that are sent")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE",
                        help="of the node, beside the set's own")
    parser.add_argument("--places", type=pathlib.Path, help="a file for the place of each target")


def data_folder(context):
    return pathlib.Path(os.environ.get("SOUK_DATA") or context.source / ".." / "shared" / "data")


def make_tiny(path):
    """Sessions that walk around rings of items, with some wandering."""
    chance = random.Random(SEED)
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(TINY_SESSIONS):
            theme, place = chance.randrange(TINY_THEMES), chance.randrange(TINY_ITEMS)
            items = []
            for _ in range(2 + chance.randrange(5)):
                items.append(f"t{theme}-{place}")
                place = (place + 1 + (chance.random() < 0.1)) % TINY_ITEMS
            out.write(" ".join(items) + "\n")


@dataclasses.dataclass
class Work:
    """What a node is given and asked."""
    train: pathlib.Path
    options: list  # of souk import
    questions: pathlib.Path
    count: int
    label: str  # "", or "validation"


class Quality:
    """One set. Its measures share the nodes: a round evaluates once."""

    def __init__(self, context, each):
        self.context = context
        self.set = each
        self.given = context.options
        self.folder = context.folder / each.name
        self.folder.mkdir()
        self.work = None
        self.rounds = []
        self.failed = None  # why; the other measures fail alike

    def file(self, name):
        path = data_folder(self.context) / name
        if not path.exists():
            raise Unavailable(f"no {name} in the data folder (SOUK_DATA names it)")
        return path

    def training_file(self):
        if self.given.train:
            return self.given.train
        if self.set.train:
            return self.file(self.set.train)
        path = self.folder / "sessions.txt"
        make_tiny(path)
        return path

    def test_file(self):
        if self.given.train or self.given.test:
            return self.given.test
        return self.file(self.set.test) if self.set.test else None

    def clicks(self):
        return self.given.clicks or self.set.clicks

    def held_back(self, train):
        """The tail of the training file: questions, and what is left of it."""
        head = self.folder / "head.txt"
        if self.set.kind == sets.SESSIONS:
            tail = split.write_sessions_head(train, head)
            return split.ask_prefixes(tail, self.clicks()), head, []
        if self.set.kind == sets.BASKETS:
            return split.ask_held_out_baskets(train, 1), train, ["--hold-out", "1"]
        if self.set.hold_out:
            back = self.set.hold_out + 1
            return (split.ask_held_out(train, back, self.set.exclude_history), train,
                    ["--hold-out", str(back)])
        return split.write_histories_head(train, head, self.set.exclude_history), head, []

    def ask_test(self, train, test):
        if self.set.kind == sets.SESSIONS:
            return split.ask_sessions(test, self.clicks()), train, []
        had = split.histories_of(train) if self.set.exclude_history else {}
        return split.ask_histories(test, had), train, []

    def prepare(self):
        train, test = self.training_file(), self.test_file()
        label = ""
        if self.given.train and not test and not self.given.validation:
            raise Unavailable("--train wants --test, or --validation")
        if test and not self.given.validation:
            asked, train, options = self.ask_test(train, test)
        elif self.set.hold_out and not self.given.validation and not self.given.train:
            back = self.set.hold_out
            asked = split.ask_held_out(train, back, self.set.exclude_history)
            options = ["--hold-out", str(back)]
        else:
            label = "validation"
            asked, train, options = self.held_back(train)
        if self.set.attributes and not self.given.train:
            options = options + ["--attributes", str(self.file(self.set.attributes))]
        questions = self.folder / "questions.tsv"
        count = split.write_questions(asked, questions)
        self.work = Work(train, options + self.set.options, questions, count, label)

    def start_node(self, number):
        settings = dict(self.set.settings)
        settings.update(pair.split("=", 1) for pair in self.given.setting)
        options = [part for name, value in settings.items()
                   for part in (f"--{name.replace('_', '-')}", str(value))]
        return self.context.node(self.folder / f"node-{number}", options)

    def evaluate(self, number):
        """One fresh node: its hash seeds, and so the virtual buckets, are its own."""
        process, port = self.start_node(number)
        try:
            return self.ask(process, f"127.0.0.1:{port}", number)
        finally:
            process.terminate()
            process.wait(60)

    def ask(self, process, address, number):
        seen, _ = self.context.run_json(
            [self.context.build / "bin" / "souk", "--address", address, "-o", "json", "import",
             self.set.kind, self.work.train, *self.work.options,
             "--rejects", self.folder / "rejects.csv"], timeout_s=IMPORT_S)
        before_s = self.context.cpu_s([process.pid])
        command = [self.context.build / "bin" / "bench_evaluate", "--address", address,
                   "--placement", self.given.placement or self.set.placement,
                   "--count", str(self.set.count), "--window", str(self.given.window),
                   "--stock", self.given.stock, self.work.questions]
        command += ["--exclude-current"] if self.set.exclude_current else []
        command += ["--exclude-seen"] if self.set.exclude_seen else []
        command += ["--places", self.given.places] if self.given.places else []
        found, _ = self.context.run_json(command, timeout_s=EVALUATE_S)
        found["cpu_us"] = (self.context.cpu_s([process.pid]) - before_s) * 1e6 / self.work.count
        found["rows_per_s"] = seen["rows_per_s"]
        self.context.say(f"{self.set.name}, node {number}: {found}")
        return found

    def round(self, number):
        if self.failed:
            raise self.failed
        try:
            return self.found_in(number)
        except Unavailable as error:
            self.failed = error
            raise

    def found_in(self, number):
        if self.work is None:
            self.prepare()
        while len(self.rounds) <= number:
            first = len(self.rounds) * self.set.seeds
            self.rounds.append([self.evaluate(first + i) for i in range(self.set.seeds)])
        return self.rounds[number]

    def case(self, label, key):
        done = []

        def run(_seconds):
            found = self.round(len(done))
            done.append(label)
            values = [each[key] for each in found]
            extra = {name: found[0][name] for name in
                     ("evaluations", "answers_per_s", "short_lists", "rows_per_s")}
            extra["label"] = self.work.label or "test"
            if self.set.seeds > 1:
                extra["seeds"] = values
            return Sample(min(values), cpu_us=found[0]["cpu_us"], extra=extra)

        own = not (self.given.train or self.given.validation)
        bar = self.set.bars.get(label) if own else None
        kind = "" if own and (self.set.test or self.set.hold_out) or not self.set.train else \
            " (given)" if self.given.test else " (validation)"
        worst = f", worst of {self.set.seeds} seeds" if self.set.seeds > 1 else ""
        return Case(f"{self.set.name} {label}{kind}{worst}", "", run,
                    bar=f"ours >= {bar:g}" if bar else "", optional=self.set.name != "tiny")


def start(context):
    for name in ("soukd", "souk", "bench_evaluate"):
        if not (context.build / "bin" / name).exists():
            raise Unavailable(f"{context.build / 'bin' / name} is not built")
    names = context.options.sets or ["tiny"]
    if names == ["all"]:
        names = [each.name for each in sets.ALL]
    unknown = [name for name in names if name not in sets.BY_NAME]
    if unknown:
        raise Unavailable(f"there is no set {unknown[0]}; there are {', '.join(sets.BY_NAME)}")
    if (context.options.train or context.options.test) and len(names) != 1:
        raise Unavailable("--train and --test go with one SET")
    return [quality.case(label, key)
            for quality in (Quality(context, sets.BY_NAME[name]) for name in names)
            for label, key in quality.set.measures.items()]
