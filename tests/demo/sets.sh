#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Sets of sessions, histories and baskets against a real node: what a file's own faults
# cost, a second run, another packing, stock that is there already, an import that is
# killed in the middle and begun again.
set -eu
. "$(dirname "$0")/demo_lib.bash"

counted() # ROWS APPLIED DUPLICATES REJECTED SKIPPED
{
    local wanted="$*" got
    got=$(for name in rows applied duplicates rejected skipped_rows; do
        field $name < "$work/out"
    done | tr '\n' ' ')
    [ "$got" = "$wanted " ] || fail "rows, applied, duplicates, rejected, skipped: $got, not $wanted"
}

start_node 0

# Sessions: empty lines, CRLF, ids that are none, a negative one, no newline at the end.
printf '9 10\r\n\n11 a/b 12\n-1 11\n9 12' > "$work/lines.txt"
expect_exit 1 souk import sessions "$work/lines.txt" -o json
counted 10 7 0 2 1
grep -q '^3,' "$work/lines.txt.rejects.csv" || fail "line 3 is not in the rejects"
grep -q '^4,.*negative' "$work/lines.txt.rejects.csv" || fail "line 4 is not in the rejects"
expect_exit 0 souk stock get 12 main
expect_exit 1 souk sku get a/b
# What a session went on to is known at once, and in stock.
souk rec --visitor sess-5 --stock verified -o json > "$work/out"
grep -q '"11"' "$work/out" || fail "nobody who had 12 had 11"
# The same again, packed, changes nothing.
xz -k "$work/lines.txt"
expect_exit 1 souk import sessions "$work/lines.txt.xz" -o json
counted 10 0 7 2 1
grep -q 'nothing changed' "$work/last.err" || fail "the second run does not say so"

# Clicks with their own times and sessions, told by the first line.
printf 'SessionId\tItemId\tTime\n7\t9\t1592337718.0\n7\t20\t1592337765.5\n7\t20\tnoon\n8\t20\n' \
    > "$work/clicks.tsv"
expect_exit 1 souk import sessions "$work/clicks.tsv" -o json --kind click
counted 4 2 0 2 0
printf 'Session\tItem\n1\t2\n' > "$work/wrong.tsv"
expect_exit 1 souk import sessions "$work/wrong.tsv" --format clicks
grep -q 'names no SessionId' "$work/last.err" || fail "other columns are not told"
expect_exit 2 souk import sessions "$work/clicks.tsv" --format rows
expect_exit 2 souk import sessions "$work/clicks.tsv" --kind return
expect_exit 2 souk import sessions "$work/clicks.tsv" --no-stock --stock 5
expect_exit 1 souk import sessions "$work/absent.txt"

# Histories: attributes, what is held out, stock that is there stays as it is.
souk sku put 30 --name 'Known' > /dev/null
expect_exit 0 souk location put shop --name Shop
expect_exit 0 souk stock set 30 shop 3
printf '1 30 31 32\n2 31 32 33\nx/y 30\n3\n' > "$work/histories.txt"
printf '{"30": [1], "31": [1, 2], "99": [3]}' > "$work/attributes.json"
expect_exit 1 souk import histories "$work/histories.txt" --hold-out 1 --stock 5 \
    --location shop --attributes "$work/attributes.json" -o json
counted 8 4 0 1 3
souk sku get 31 -o json | grep -q attribute-2 || fail "31 has no attributes"
souk sku get 30 -o json | grep -q Known || fail "a SKU that was there got another name"
souk stock get 30 shop -o json | grep -q '"on_hand": 3' || fail "stock that was there changed"
souk stock get 33 shop -o json | grep -q '"on_hand": 5' || fail "33 has no stock"
printf '{"30": [1], "31": {}}' > "$work/attributes.json"
expect_exit 1 souk import histories "$work/histories.txt" --attributes "$work/attributes.json"
grep -q 'entry 2' "$work/last.err" || fail "a wrong entry of the attributes is not told"
printf 'nothing' > "$work/attributes.json"
expect_exit 1 souk import histories "$work/histories.txt" --attributes "$work/attributes.json"

# Baskets: names become ids, a second name of one id is refused.
printf 'rolls/buns,cream cheese ,milk\nrolls buns,milk\n\n,milk\n' > "$work/names.csv"
expect_exit 1 souk import baskets "$work/names.csv" --no-stock -o json
counted 8 5 0 2 1
[ "$(souk sku get rolls-buns -o json | field name)" = "rolls/buns" ] || fail "a name is lost"
# Baskets of customers in JSON; one broken entry costs itself alone.
printf '{"1":[[-1],[40,41],[42],[-1]], "2":[[40,tru]], "3":[[40],[-5],[41]]}' > "$work/baskets.json"
expect_exit 1 souk import baskets "$work/baskets.json" -o json --hold-out 1
counted 7 3 0 2 2
grep -q '^2,' "$work/baskets.json.rejects.csv" || fail "entry 2 is not in the rejects"
printf '{"1":[[1]' > "$work/early.json"
expect_exit 1 souk import baskets "$work/early.json"
grep -q 'ends early' "$work/last.err" || fail "half a file is not told"
: > "$work/empty.txt"
expect_exit 0 souk import sessions "$work/empty.txt"
grep -q 'no rows' "$work/last.err" || fail "an empty file is not called so"

# A session of 100,000 items is one more visitor, not the end.
/usr/bin/python3 -c 'print(*(i % 50 for i in range(100000)))' > "$work/long.txt"
expect_exit 0 souk import sessions "$work/long.txt" --prefix long- -o json
counted 100000 100000 0 0 0

# The import is killed in the middle; the next run brings the rest, and nothing twice.
before=$(souk status -o json | field events)
/usr/bin/python3 -c 'for i in range(60000): print(i % 997, i % 641, i % 401, i % 211, i % 97)' \
    > "$work/many.txt"
souk import sessions "$work/many.txt" --prefix many- -o json > /dev/null 2> "$work/killed.err" &
import=$!
for _ in $(seq 2400); do
    [ "$(souk status -o json | field events)" -gt $((before + 5000)) ] && break
    kill -0 "$import" 2> /dev/null || fail "the import ended before the kill"
done
kill -9 "$import"
wait "$import" 2> /dev/null || true
expect_exit 0 souk import sessions "$work/many.txt" --prefix many- -o json
[ "$(field duplicates < "$work/out")" -gt 5000 ] || fail "the first run left nothing behind"
[ $(($(field applied < "$work/out") + $(field duplicates < "$work/out"))) = 300000 ] ||
    fail "rows are missing"
[ "$(souk status -o json | field events)" = $((before + 300000)) ] ||
    fail "events are missing, or there twice"
kill -TERM "$node"
code=0
wait "$node" || code=$?
node=
[ "$code" = 0 ] || fail "soukd ended with $code on SIGTERM"
