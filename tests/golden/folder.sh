#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: release
# timeout: 60
# Data folders written by an earlier version have to open, and to say what they said then:
# killed.tar.xz was left by kill -9, so that most of it stands in the log alone;
# stopped.tar.xz is the same store after SIGTERM.
#     folder.sh BUILD            the test
#     folder.sh BUILD --write    writes both, and expected.txt; only with a new format
set -eu
bin=$1/bin
golden=$(cd "$(dirname "$0")/folder" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/souk-folder-XXXXXX")
server=""

finish() {
  if [ -n "$server" ]; then
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

# Starts soukd on the folder and waits, at most 20 s, until it answers.
start() {
  rm -f "$1/ports.json"
  "$bin/soukd" --dir "$1" --port 0 --log-segment-bytes 1048576 --log-level warn \
    2>>"$work/soukd.log" &
  server=$!
  for _ in $(seq 400); do
    if [ -s "$1/ports.json" ]; then
      SOUK_ADDRESS=127.0.0.1:$(/usr/bin/python3 -c \
        'import json, sys; print(json.load(open(sys.argv[1]))["client"])' "$1/ports.json")
      export SOUK_ADDRESS
      "$bin/souk" status >/dev/null 2>&1 && return 0
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  echo "soukd did not open the folder; its log:" >&2
  tail -20 "$work/soukd.log" >&2
  return 1
}

# stop SIGNAL: ends the server and forgets it.
stop() {
  kill "-$1" "$server"
  wait "$server" 2>/dev/null || true
  server=""
}

fill() {
  local souk="$bin/souk"
  {
    "$souk" location put berlin --name Berlin --type store --time-zone Europe/Berlin
    "$souk" location put leipzig --name Leipzig
    "$souk" sku put MUG-RED --name "Red mug" --price "7.90 EUR" --category Home/Mugs
    "$souk" sku put TEA-GREEN --name "Green tea" --price "4.20 EUR" --brand Souk
    "$souk" sku put SPOON-OAK --name "Oak spoon"
    "$souk" sku put OLD-LAMP --name "Old lamp" --state retired
    "$souk" stock adjust MUG-RED berlin +12 --reason receipt --reference PO-771
    "$souk" stock adjust MUG-RED leipzig +5
    "$souk" stock adjust MUG-RED berlin -1 --reason damage
    "$souk" stock set TEA-GREEN berlin 40 --safety-stock 2 --reason count
    "$souk" stock set SPOON-OAK leipzig 3 --backorder-limit 2
    "$souk" customer put C-1 country=DE club=gold
    "$souk" customer put C-2 --no-evidence
    "$souk" import events "$golden/events.csv" --rejects "$work/rejects.csv"
    local id
    for end in fulfil cancel; do
      id=$("$souk" hold create MUG-RED:2@berlin --owner "cart-$end" -o json | hold_id)
      "$souk" hold commit "$id"
      "$souk" hold "$end" "$id"
    done
    id=$("$souk" hold create TEA-GREEN:3 --owner cart-7 -o json | hold_id)
    "$souk" hold release "$id"
    id=$("$souk" hold create MUG-RED:4 TEA-GREEN:1@berlin --owner cart-8 -o json | hold_id)
    "$souk" hold commit "$id"
    echo "$id" >"$work/committed"
    # Expires while the server is down.
    "$souk" hold create SPOON-OAK:2 --owner cart-9 --ttl 1s
  } >/dev/null
}

hold_id() {
  /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["hold_id"])'
}

# Everything that a client can see and that time does not change; of a recommendation its
# evidence, since how sources are weighed is no part of what is stored.
look() {
  local souk="$bin/souk"
  "$souk" sku list -o json
  "$souk" location list -o json
  # Without times and etags: the hold that expires now touches its level now.
  "$souk" stock list -o json | /usr/bin/python3 -c '
import json, sys
for level in json.load(sys.stdin)["levels"]:
    print({key: value for key, value in level.items() if key not in ("update_time", "etag")})'
  for sku in MUG-RED TEA-GREEN; do
    "$souk" stock movements "$sku" -o json
  done
  "$souk" hold list --owner cart-8 -o json
  "$souk" customer get C-1 -o json
  "$souk" customer get C-2 -o json
  "$souk" rec --session MUG-RED --include-current --count 2 --stock none -o json |
    /usr/bin/python3 -c '
import json, sys
for item in json.load(sys.stdin)["items"]:
    print(item["sku_id"], [(reason["kind"], reason["related_sku_id"], reason["evidence_count"])
                           for reason in item["reasons"]])'
  "$souk" import events "$golden/events.csv" --rejects "$work/rejects.csv" -o json |
    /usr/bin/python3 -c '
import json, sys
seen = json.load(sys.stdin)
print("imported again: applied", seen["applied"], "duplicates", seen["duplicates"])'
}

# Waits, at most 10 s, until the short hold has expired.
expired() {
  for _ in $(seq 200); do
    "$bin/souk" stock get SPOON-OAK leipzig -o json | grep -q '"held": *0' && return 0
    sleep 0.05
  done
  echo "the hold that had to expire still holds its units" >&2
  return 1
}

# pack FOLDER NAME: without RocksDB's own logs and options, which name folders.
pack() {
  rm -f "$1/ports.json"
  find "$1" \( -name 'LOG' -o -name 'LOG.old.*' -o -name 'OPTIONS-*' \) -delete
  tar -C "$1" --owner 0 --group 0 --numeric-owner -cJf "$golden/$2.tar.xz" .
}

if [ "${2:-}" = --write ]; then
  mkdir "$work/data"
  start "$work/data"
  fill
  stop KILL
  pack "$work/data" killed
  start "$work/data"
  stop TERM
  pack "$work/data" stopped
  start "$work/data"
  expired
  look >"$golden/expected.txt" 2>>"$work/talk"
  stop TERM
  ls -l "$golden"
  exit 0
fi

for name in killed stopped; do
  mkdir "$work/$name"
  tar -C "$work/$name" -xJf "$golden/$name.tar.xz"
  start "$work/$name"
  expired
  look >"$work/$name.txt" 2>>"$work/talk"
  if ! diff -u "$golden/expected.txt" "$work/$name.txt" >&2; then
    echo "not ok - the folder that was $name says something else now"
    exit 1
  fi
  echo "ok - the folder that was $name opens and says what it said"
  stop TERM
done
