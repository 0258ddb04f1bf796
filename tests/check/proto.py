#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses protos that `buf lint` refuses, or that break the landed contract.

What has landed is kept as descriptors in tests/golden/proto/landed.binpb, so that a fresh
or shallow clone can compare. The check also refuses when that file lags behind, since what
it lacks is unprotected. `tests/check/proto.py --land` renews it, unless that would break
the old one. buf comes from npm, pinned, into build/tools.
"""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import common

BUF_VERSION = "1.75.0"
TRIES = 2
FAILURE_KEPT_S = 300
LANDED = "tests/golden/proto/landed.binpb"
RULES = """version: v1
lint:
  use:
    - STANDARD
  ignore:
    - google
    - grpc
breaking:
  use:
    - FILE
"""


def install(folder, program):
    """Why npm could not install it, or an empty string."""
    answer = ""
    for number in range(TRIES):
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1",
             "--fetch-timeout=30000", "--prefix", str(folder), f"@bufbuild/buf@{BUF_VERSION}"],
            capture_output=True, text=True, check=False)
        if done.returncode == 0 and program.exists():
            return ""
        answer = (done.stderr.strip().splitlines() or ["no answer"])[0]
        time.sleep(number)
    return answer


def buf():
    """The path of the pinned buf, installed on first use."""
    root = pathlib.Path(os.environ.get("SOUK_BUILD_ROOT") or common.TOP / "build")
    folder = root / "tools" / f"buf-{BUF_VERSION}"
    program = folder / "node_modules" / ".bin" / "buf"
    failure = folder / "failure"
    if shutil.which("npm") is None:
        raise common.Skip("probe failed: no npm on the PATH, so no buf")
    folder.mkdir(parents=True, exist_ok=True)
    # The check and its self-test run side by side, and ask an absent registry only once.
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        if not failure.exists() or time.time() - failure.stat().st_mtime > FAILURE_KEPT_S:
            failure.write_text(install(folder, program), encoding="utf-8")
        answer = failure.read_text(encoding="utf-8")
    if answer:
        raise common.Skip(f"probe failed: npm install @bufbuild/buf@{BUF_VERSION}: {answer}")
    return program


def call(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return [] if done.returncode == 0 else lines or [f"buf ended with {done.returncode}"]


def describe(tree, out):
    """Descriptors of every souk proto; answers protoc's complaints."""
    files = [path[len("proto/"):] for path in tree.files()
             if path.startswith("proto/souk/") and path.endswith(".proto")]
    done = subprocess.run(
        ["protoc", "-I", "proto", "-I", "/usr/include", "--include_imports",
         f"--descriptor_set_out={out}", *sorted(files)],
        cwd=tree.root, capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines() if done.returncode != 0 else []


def lint(program, tree):
    rules = tree.root / "proto" / "buf.yaml"
    arguments = [] if rules.exists() else ["--config", RULES]
    return call(program, "lint", tree.root / "proto", *arguments)


def breaking(program, now, landed):
    config = "version: v1\nbreaking:\n  use:\n    - FILE\n"
    return [f"breaks what has landed: {line}" for line in
            call(program, "breaking", now, "--against", landed, "--config", config)]


def violations(tree):
    program = buf()
    found = lint(program, tree)
    landed = tree.root / LANDED
    with tempfile.TemporaryDirectory() as folder:
        now = pathlib.Path(folder, "now.binpb")
        complaints = describe(tree, now)
        if complaints:
            return found + complaints
        if tree.planted and (tree.root / "old").exists():
            describe(common.Tree(tree.root / "old", planted=True), landed)
        if not landed.exists():
            return found
        broken = breaking(program, now, landed)
        if not broken and now.read_bytes() != landed.read_bytes():
            broken = [f"{LANDED} lags behind the protos; tests/check/proto.py --land renews it"]
    return found + broken


def land():
    tree = common.Tree(common.TOP)
    landed = common.TOP / LANDED
    landed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        now = pathlib.Path(folder, "now.binpb")
        found = describe(tree, now)
        if not found and landed.exists():
            found = breaking(buf(), now, landed)
        if not found:
            shutil.copy(now, landed)
    print("\n".join(found) or f"{LANDED} is up to date")
    return 1 if found else 0


def proto_of(field, package="souk.v1"):
    return (f'syntax = "proto3";\n\npackage {package};\n\nmessage Level {{\n'
            f"  {field}\n}}\n")


PLANTED = {
    "lint": ({"proto/souk/v1/a.proto": proto_of("int64 onHand = 1;")}, "onHand"),
    "breaking": ({"proto/souk/v1/a.proto": proto_of("string on_hand = 1;"),
                  "old/proto/souk/v1/a.proto": proto_of("int64 on_hand = 1;"),
                  "tests/golden/proto/here": ""}, "breaks what has landed"),
    "lagging": ({"proto/souk/v1/a.proto": proto_of("int64 on_hand = 1;\n  int64 held = 2;"),
                 "old/proto/souk/v1/a.proto": proto_of("int64 on_hand = 1;"),
                 "tests/golden/proto/here": ""}, "lags behind"),
}
CLEAN = {"proto/souk/v1/a.proto": proto_of("int64 on_hand = 1;")}

if __name__ == "__main__":
    if "--land" in sys.argv[1:]:
        sys.exit(land())
    common.main(violations, PLANTED, CLEAN)
