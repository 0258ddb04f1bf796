# SPDX-License-Identifier: Apache-2.0
"""One benchmark for one second: does it run, and is its JSON what scripts rely on?"""
import json
import subprocess
import sys

from . import places

ROW_KEYS = {"case", "ours", "ours_min", "ours_max", "ours_cpu_us", "peer", "peer_name",
            "peer_cpu_us", "unit", "ratio", "p50_us", "p90_us", "p99_us", "bar", "met"}


def problems_of(document, name):
    found = []
    if document.get("bench") != name:
        found.append(f"bench is {document.get('bench')!r}")
    if not document.get("commit") or document.get("rounds") != 1:
        found.append("commit or rounds is missing")
    if not {"cores", "mem_gib"} <= set(document.get("machine", {})):
        found.append("machine lacks cores or mem_gib")
    rows = document.get("rows", [])
    if not rows:
        found.append("no rows")
    for row in rows:
        missing = ROW_KEYS - set(row)
        if missing:
            found.append(f"{row.get('case')}: lacks {', '.join(sorted(missing))}")
        elif not isinstance(row["ours"], (int, float)) or row["ours"] <= 0:
            found.append(f"{row['case']}: ours is {row['ours']!r}")
        elif row["peer"] is None and not row.get("why"):
            found.append(f"{row['case']}: no peer and no reason")
    return found


def main(name):
    command = [str(places.TOP / "bench" / "run"), name, "--json", "--rounds", "1",
               "--seconds", "1", "--no-install", "--build", str(places.folder_of("release"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr[-4000:])
        return 1
    try:
        document = json.loads(done.stdout)
    except ValueError as error:
        print(f"stdout is not one JSON object: {error}")
        return 1
    found = problems_of(document, name)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
