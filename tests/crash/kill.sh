#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: release
# timeout: 240
# Sixty-four writers, the server killed with -9 in the middle, twenty times over one data
# folder: no acknowledged write is lost, none is applied twice.
set -eu
bin=$1/bin
rounds=${SOUK_CRASH_ROUNDS:-20}
folder=$(mktemp -d "${TMPDIR:-/tmp}/souk-crash-XXXXXX")
server=""

finish() {
  if [ -n "$server" ]; then
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

# Starts soukd and waits, at most 20 s, until it answers.
start() {
  rm -f "$folder/data/ports.json"
  "$bin/soukd" --dir "$folder/data" --port 0 --log-level warn 2>>"$folder/soukd.log" &
  server=$!
  for _ in $(seq 400); do
    if [ -s "$folder/data/ports.json" ]; then
      address=127.0.0.1:$(/usr/bin/python3 -c \
        'import json, sys; print(json.load(open(sys.argv[1]))["client"])' \
        "$folder/data/ports.json")
      if "$bin/souk" --address "$address" status >/dev/null 2>&1; then
        return 0
      fi
    fi
    if ! kill -0 "$server" 2>/dev/null; then
      break
    fi
    sleep 0.05
  done
  echo "soukd did not come up; its log:" >&2
  tail -20 "$folder/soukd.log" >&2
  return 1
}

start
"$bin/kill_writers" prepare "$address"
for round in $(seq "$rounds"); do
  "$bin/kill_writers" write "$address" "$folder/history.$round" "$round" &
  writers=$!
  # Somewhere between 0.1 and 1.1 s into the round, a different place each time.
  sleep "$(awk -v r="$round" 'BEGIN { printf "%.3f", 0.1 + (r * 0.6180339887) % 1 }')"
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  wait "$writers"
  start
  "$bin/kill_writers" check "$address" "$folder/history.$round"
  echo "ok - round $round: nothing acknowledged was lost"
done
"$bin/kill_writers" total "$address" "$folder"/history.*
echo "ok - after $rounds kills every level is what the history says, to the unit"
