#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# The walk of deploy/demo passes, leaves no process behind, and answers bad arguments.
set -eu
build=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
    echo "FAIL: $*" >&2
    exit 1
}

# What a tour started is known by its data folder.
left_over()
{
    local process
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2> /dev/null) in
        */soukd) grep -qza -- "$1" "$process/cmdline" 2> /dev/null && echo "$process" ;;
        esac
    done
    return 0
}

code=0
"$top/deploy/demo" --bin "$build/bin" --once --dir "$work/node" > "$work/out" 2> "$work/err" ||
    code=$?
[ "$code" = 0 ] || { cat "$work/out" "$work/err" && fail "the tour ended with $code"; }
grep -q 'All 13 steps went as told' "$work/out" || fail "the tour did not say that all went well"
! grep -q 'SOUK_ADDRESS' "$work/out" || fail "the tour tells the address of a node that is gone"
[ -z "$(left_over "$work/node")" ] || fail "soukd still runs"

grep -Eq 'trending at [a-z]+-store' "$work/out" || fail "nothing trends in a shop"

# By souk demo, on the same folder: rows are known, the walk goes on with what is there.
SOUK_DEMO=$top/deploy/demo "$build/bin/souk" demo --once --dir "$work/node" > "$work/out" \
    2> "$work/err" || code=$?
[ "$code" = 0 ] || { cat "$work/out" "$work/err" && fail "souk demo ended with $code"; }

# The address that is told at first and at the end is that of the node that stays.
"$top/deploy/demo" --bin "$build/bin" --events 5000 > "$work/out" 2>&1 &
tour=$!
for _ in $(seq 1200); do
    grep -q 'stays up until' "$work/out" && break
    sleep 0.1
done
first=$(sed -n 's/.*serves gRPC on \([0-9.:]*\);.*/\1/p' "$work/out")
last=$(sed -n 's/.*SOUK_ADDRESS=\([0-9.:]*\) .*/\1/p' "$work/out")
"$build/bin/souk" --address "$last" status > "$work/status" 2>&1 ||
    fail "nobody serves the address that the demo tells: $(cat "$work/status" "$work/out")"
[ "$first" = "$last" ] || fail "the demo told $first first, and is at $last"
kill -INT "$tour"
code=0
wait "$tour" || code=$?
[ "$code" = 0 ] || fail "a demo ended by Ctrl-C ended with $code"

# A tour that is interrupted takes its node along.
"$top/deploy/demo" --bin "$build/bin" --events 1000 --dir "$work/stopped" > "$work/out" 2>&1 &
tour=$!
for _ in $(seq 600); do
    grep -q 'soukd serves' "$work/out" && break
    sleep 0.1
done
kill -TERM "$tour"
code=0
wait "$tour" || code=$?
[ "$code" = 143 ] || fail "a tour ended by SIGTERM in the middle ended with $code"
[ -z "$(left_over "$work/stopped")" ] || fail "an interrupted tour left soukd running"

code=0
"$top/deploy/demo" --bin "$build/bin" --nodes 3 > "$work/out" 2> "$work/err" || code=$?
[ "$code" = 2 ] && grep -q 'the demo starts one node' "$work/err" ||
    fail "--nodes 3 ended with $code: $(cat "$work/err")"
code=0
"$top/deploy/demo" --colour > "$work/out" 2> "$work/err" || code=$?
[ "$code" = 2 ] || fail "an unknown argument ended with $code"
code=0
"$top/deploy/demo" --bin "$build/bin" --events abc > "$work/out" 2> "$work/err" || code=$?
[ "$code" = 2 ] && ! grep -q -e --bin "$work/err" || fail "--events abc: $code, $(cat "$work/err")"

# Ctrl-C: in the middle 130, after the tour 0. By way of Python, since a shell's background ignores it.
interrupt_when() # TEXT CODE
{
    /usr/bin/python3 - "$top/deploy/demo" "$build/bin" "$work/stopped" "$1" "$2" << 'END'
import signal
import subprocess
import sys
demo, programs, folder, text, wanted = sys.argv[1:]
tour = subprocess.Popen([demo, "--bin", programs, "--events", "5000", "--dir", folder],
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
for line in tour.stdout:
    if text in line:
        break
tour.send_signal(signal.SIGINT)
tour.stdout.read()
sys.exit(tour.wait(60) != int(wanted))
END
}
interrupt_when 'soukd serves' 130 || fail "Ctrl-C in the middle of a tour does not end with 130"
interrupt_when 'stays up until' 0 || fail "Ctrl-C after the tour does not end with 0"
[ -z "$(left_over "$work/stopped")" ] || fail "Ctrl-C left soukd running"
