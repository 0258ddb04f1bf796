# SPDX-License-Identifier: Apache-2.0
"""What every check shares: the tree of sources, and the proof that a check can fail.

A check is an executable beside this file that calls main() with a function from a Tree to
a list of violations, small trees planted with one violation each, and a clean one. With
--self-test the function must find every planted violation and nothing in the clean tree.
"""
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
SHOWN_MAX = 50


class Skip(Exception):
    """The check cannot run here; the text is the probe that failed."""


class Tree:
    """Files by their path from the top; of the project, or planted ones."""

    def __init__(self, root, planted=False):
        self.root = pathlib.Path(root)
        self.planted = planted
        self._files = None

    def files(self):
        if self._files is None:
            self._files = self._walk() if self.planted else self._listed()
        return self._files

    def _listed(self):
        """What git tracks or would track; everything but build/ without git."""
        done = subprocess.run(["git", "-C", str(self.root), "ls-files", "-co",
                               "--exclude-standard"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return [path for path in self._walk() if not path.startswith("build/")]
        return sorted({path for path in done.stdout.splitlines() if (self.root / path).is_file()})

    def _walk(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*")
                      if path.is_file() and ".git" not in path.parts)

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def sources(self, *endings):
        return [path for path in self.files() if path.endswith(endings)]


def plant(files):
    folder = tempfile.TemporaryDirectory(prefix="souk-check-")
    for name, text in files.items():
        path = pathlib.Path(folder.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def self_test(violations, planted, clean):
    failures = []
    for name, (files, expected) in planted.items():
        with plant(files) as root:
            found = violations(Tree(root, planted=True))
        if not any(expected in line for line in found):
            failures.append(f"{name}: planted, not found (found {found})")
    with plant(clean) as root:
        found = violations(Tree(root, planted=True))
    if found:
        failures.append(f"the clean tree: {found}")
    return failures


def main(violations, planted, clean):
    try:
        if "--self-test" in sys.argv[1:]:
            found = self_test(violations, planted, clean)
        else:
            found = violations(Tree(TOP))
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)
    for line in found[:SHOWN_MAX]:
        print(line)
    if len(found) > SHOWN_MAX:
        print(f"... and {len(found) - SHOWN_MAX} more")
    sys.exit(1 if found else 0)
