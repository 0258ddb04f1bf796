#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Moves, checks, counts, the ledger's filters and the audit, as a person does them with souk
# on a node of three SKU shards.
set -eu
. "$(dirname "$0")/demo_lib.bash"

# refused CODE WORD COMMAND...: ends with that exit code and says the word.
refused()
{
    expect_exit "$1" souk "${@:3}"
    grep -q "$2" "$work/last.err" "$work/out" || fail "souk ${*:3} does not say $2"
}

# level SKU LOCATION BUCKET
level()
{
    souk stock get "$1" "$2" -o json | field "$3"
}

expect()
{
    [ "$1" = "$2" ] || fail "$3: $1, not $2"
}

start_node 0 --sku-shards 3 --log-level warn
for location in berlin hamburg; do
    souk location put "$location" > /dev/null || fail "location put"
done
for sku in MUG TEA POT PAN; do
    souk sku put "$sku" > /dev/null || fail "sku put"
    souk stock set "$sku" berlin 10 --reference opening > /dev/null || fail "stock set"
done

# Moves.
souk stock move MUG 4 berlin hamburg/incoming --reference van-4 > /dev/null || fail "move"
souk stock move MUG 4 hamburg/incoming hamburg > /dev/null || fail "arrival"
souk stock move MUG 1 hamburg hamburg/damaged --reason damage > /dev/null || fail "damage"
expect "$(level MUG berlin on_hand)" 6 "berlin after the move"
expect "$(level MUG hamburg available)" 3 "hamburg after the damage"
refused 1 INSUFFICIENT_STOCK stock move MUG 7 berlin hamburg
refused 1 to_location_id stock move MUG 1 berlin oslo
refused 2 LOCATION/BUCKET stock move MUG 1 berlin berlin/lost
refused 1 INVALID stock move MUG 1 berlin berlin
expect "$(level MUG berlin on_hand)" 6 "berlin after refusals"

# What a hold would find.
souk stock check MUG:6 TEA:10@berlin POT PAN:2 -o json | grep -q '"all_available": true' ||
    fail "all is there"
refused 1 INSUFFICIENT_STOCK stock check MUG:7 TEA
refused 1 NOT_FOUND stock check NOTHING
refused 2 QTY stock check MUG:0
souk stock check MUG:5 --location hamburg,berlin > /dev/null || fail "check at two locations"
refused 2 '1 to 256' stock check MUG --location berlin,,hamburg
souk stock check MUG --near 52.5200066,-13.4 > /dev/null || fail "check near"
for place in 52.52 91,0 0,-180.1 0x34,13.4 52.52,1e1 52.52,13.4,0 ,13.4; do
    refused 2 LATITUDE,LONGITUDE stock check MUG --near "$place"
done

# A count, with a sale in the middle.
souk stock count start INV-1 berlin > /dev/null || fail "count start"
refused 1 ALREADY_EXISTS stock count start INV-2 berlin
souk stock adjust MUG berlin -2 --reason sale > /dev/null || fail "sale"
souk stock count submit INV-1 MUG=5 TEA=12 > /dev/null || fail "count submit"
printf 'sku_id,counted\nPOT,10\nPAN,9\n' > "$work/counted.csv"
souk stock count submit INV-1 --file "$work/counted.csv" > /dev/null || fail "count submit file"
# A counted file is CSV: quoted fields, and lines as long as they are.
printf '"POT","10"\r\nPAN,%5000s9\n' '' | souk stock count submit INV-1 --file - \
    > "$work/out" || fail "count submit of quoted and long lines"
grep -q '^submitted *2$' "$work/out" || fail "two lines were counted: $(cat "$work/out")"
printf 'POT,10\n%5000s,9\n' '' | tr ' ' P > "$work/counted.csv"
refused 1 'line 2 is not SKU,UNITS' stock count submit INV-1 --file "$work/counted.csv"
printf 'POT,10\n"PAN,9\n' > "$work/counted.csv"
refused 1 'line 2 is not SKU,UNITS: .*quote' stock count submit INV-1 --file "$work/counted.csv"
printf 'POT,10,11\n' > "$work/counted.csv"
refused 1 'line 1 is not SKU,UNITS' stock count submit INV-1 --file "$work/counted.csv"
refused 1 'No such file' stock count submit INV-1 --file "$work/none.csv"
refused 1 'lines\[1\].sku_id' stock count submit INV-1 MUG=1 NOTHING=1
refused 1 NOT_FOUND stock count submit INV-9 MUG=1
souk stock count close INV-1 -o json > "$work/out" || fail "count close"
grep -q '"lines": 4, "changed": 3, "units_found": 2, "units_lost": 2' "$work/out" ||
    fail "the count's totals: $(cat "$work/out")"
expect "$(level MUG berlin on_hand)" 3 "the count keeps the sale"
expect "$(level TEA berlin on_hand)" 12 "what was found"
refused 1 NOT_FOUND stock count close INV-1

# The ledger.
expect "$(souk stock movements --reference INV-1 -o jsonl | wc -l)" 3 "movements of the count"
expect "$(souk stock movements --reference opening -o jsonl | wc -l)" 4 "of the opening"
expect "$(souk stock movements --location hamburg -o jsonl | wc -l)" 3 "of hamburg"
expect "$(souk stock movements MUG hamburg -o jsonl | wc -l)" 3 "of one level"
expect "$(souk stock movements --until 2020-01-01 -o jsonl | wc -l)" 0 "before there was any"
refused 1 end_time stock movements --since 2026-01-01 --until 2025-01-01
souk stock audit -o json > "$work/out" || fail "the audit ends with $?"
grep -q '"drift": \[\]' "$work/out" || fail "the audit finds drift"
echo "moved, checked, counted and audited"
