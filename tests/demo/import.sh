#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Imports against a real node: bad rows, a second run, another packing, a server that is
# killed in the middle, and the exit codes that scripts rely on.
set -eu
. "$(dirname "$0")/demo_lib.bash"

# Nobody serves: 4. Not a command: 2. Not a file: 1.
expect_exit 4 souk --address 127.0.0.1:1 status
expect_exit 4 souk --address 127.0.0.1:1 status -o json
[ "$(field error < "$work/out" | cut -c 1)" = "{" ] || fail "no JSON for a failure"
expect_exit 2 souk stock frobnicate
expect_exit 2 souk stock adjust A B many
expect_exit 2 souk -o yaml status
start_node 0
# A node that cannot start leaves nothing behind, and says what is wrong.
expect_exit 1 soukd --dir "$work/second" --port "$port"
[ ! -e "$work/second" ] || fail "a start that failed left its folder"
mkdir "$work/second"
expect_exit 1 soukd --dir "$work/second" --port "$port"
[ -z "$(ls -A "$work/second")" ] || fail "a start that failed left files"
expect_exit 1 soukd --dir "$work/node" --port 0
[ -s "$work/node/identity" ] || fail "the folder of another node was touched"
: > "$work/plain"
expect_exit 1 soukd --dir "$work/plain" --port 0
grep -q 'this is a file' "$work/last.err" || fail "a file instead of a folder is not called so"
expect_exit 1 souk import stock "$work/nothing.csv"
expect_exit 1 souk stock get NOTHING nowhere
expect_exit 0 souk status -o json

# Bad rows are counted and kept, the others come in.
cat > "$work/places.csv" << 'END'
location_id,name,type
hall,Hall,warehouse
shop,"Shop, front",store
bad place,Nowhere,store
odd,Odd,castle
END
expect_exit 1 souk import locations "$work/places.csv" -o json
[ "$(field applied < "$work/out")" = 2 ] || fail "2 locations should have been applied"
[ "$(field rejected < "$work/out")" = 2 ] || fail "2 locations should have been rejected"
grep -q '^4,' "$work/places.csv.rejects.csv" || fail "line 4 is not in the rejects"
grep -q '^5,' "$work/places.csv.rejects.csv" || fail "line 5 is not in the rejects"
[ "$(field rows < "$work/out")" = 4 ] || fail "the file has 4 rows"
# A file of another kind sends nothing, and older rejects stay as they are.
expect_exit 1 souk import stock "$work/places.csv"
grep -q '^5,' "$work/places.csv.rejects.csv" || fail "the older rejects are gone"
# Where no file of rejects can be made, nothing is sent.
expect_exit 2 souk import locations "$work/places.csv" --rejects "$work/nodir/x.csv"
grep -q 'nothing was sent' "$work/last.err" || fail "it does not say that nothing was sent"
: > "$work/empty.csv"
expect_exit 1 souk import stock "$work/empty.csv"
grep -q 'no rows' "$work/last.err" || fail "an empty file is not called so"
expect_exit 1 souk import stock "$work/nothing.csv"
[ "$(grep -o nothing.csv "$work/last.err" | wc -l)" = 1 ] || fail "a path is told twice"
printf 'sku_id,\033[31mred\377\n' > "$work/odd.csv"
expect_exit 1 souk import stock "$work/odd.csv"
grep -qF "'\\x1b[31mred\\xff'" "$work/last.err" || fail "bytes that do not print are printed"
# A refused row is refused by each run, until its cause is gone; then it comes in, once.
expect_exit 0 souk sku put KNOWN --name Known
printf 'sku_id,location_id,on_hand\nKNOWN,mars,5\nKNOWN,hall,5\nLATE,hall,7\n' > "$work/refused.csv"
for run in 1 2 3; do
    expect_exit 1 souk import stock "$work/refused.csv" -o json
    [ "$(field rejected < "$work/out")" = 2 ] || fail "run $run should refuse 2 rows"
    grep -q '^2,"NOT_FOUND"' "$work/refused.csv.rejects.csv" || fail "run $run lost a reject"
    grep -q 'run the same command again' "$work/last.err" || fail "refused, and no next step"
done
[ "$(field duplicates < "$work/out")" = 1 ] || fail "the row that came in is not known"
expect_exit 0 souk location put mars --name Mars
expect_exit 1 souk import stock "$work/refused.csv" -o json
[ "$(field applied < "$work/out")" = 1 ] || fail "the row of the new location did not come in"
expect_exit 0 souk stock adjust KNOWN mars -- -2
kill -9 "$node"
wait "$node" 2> /dev/null || true
start_node 0
expect_exit 0 souk sku put LATE --name Late
expect_exit 0 souk import stock "$work/refused.csv" -o json
[ "$(field applied < "$work/out")" = 1 ] || fail "the row of the new SKU did not come in"
[ "$(field duplicates < "$work/out")" = 2 ] || fail "the other rows are not known"
[ ! -e "$work/refused.csv.rejects.csv" ] || fail "rejects of a run that refused none"
expect_exit 0 souk import stock "$work/refused.csv"
grep -q 'nothing changed' "$work/last.err" || fail "the last run does not say so"
expect_exit 0 souk stock get KNOWN mars -o json
[ "$(field on_hand < "$work/out")" = 3 ] || fail "a row was taken twice: $(cat "$work/out")"
# What a file has no column for stays, consent too.
printf 'sku_id,name,brand,price,currency,colour,state\nFIG,Fig,Acme,2.00,EUR,blue,retired\n' > "$work/whole.csv"
printf 'sku_id,name\nFIG,Fig again\nPLUM,Plum\n' > "$work/names.csv"
expect_exit 0 souk import catalog "$work/whole.csv"
expect_exit 0 souk import catalog "$work/names.csv"
expect_exit 0 souk sku get FIG -o json
[ "$(field name < "$work/out")" = "Fig again" ] || fail "the second catalog did not rename"
[ "$(field brand < "$work/out")" = Acme ] || fail "a catalog of names took the brand away"
[ "$(field state < "$work/out")" = retired ] || fail "a catalog of names put a retired SKU on sale"
expect_exit 0 souk sku get PLUM -o json
[ "$(field state < "$work/out")" = active ] || fail "a new SKU is not active"
expect_exit 0 souk customer put C-70 --no-personalization --no-evidence
printf 'customer_id,tier\nC-70,silver\n' > "$work/tiers.csv"
expect_exit 0 souk import customers "$work/tiers.csv"
expect_exit 0 souk customer put C-70 tier=gold
expect_exit 0 souk customer get C-70 -o json
[ "$(field consent < "$work/out")" = "{'personalization': False, 'evidence': False}" ] ||
    fail "a write without consent gave it: $(cat "$work/out")"
expect_exit 0 souk customer put C-70 --consent --no-evidence -o json
expect_exit 0 souk customer get C-70 -o json
[ "$(field consent < "$work/out")" = "{'personalization': True, 'evidence': False}" ] ||
    fail "--consent did not give it back: $(cat "$work/out")"
# What sku put does not name stays.
expect_exit 0 souk sku put KEPT --name Kept --price 3.50
expect_exit 0 souk sku put KEPT
expect_exit 0 souk sku get KEPT -o json
[ "$(field name < "$work/out")" = Kept ] || fail "sku put without options took the name away"
expect_exit 1 souk stock get NOPE
grep -q 'souk sku list' "$work/last.err" || fail "an unknown SKU has no next step"
grep -q "no SKU 'NOPE'; create it with souk sku put" "$work/last.err" || fail "NOPE is not named"
expect_exit 1 souk stock movements NOPE
grep -q "no SKU 'NOPE'" "$work/last.err" || fail "NOPE is not named by its movements"
expect_exit 1 souk hold create KEPT:x
grep -q 'digits' "$work/last.err" || fail "a wrong quantity is not called so"
expect_exit 2 souk hold create KEPT:0
expect_exit 2 souk hold extend H
expect_exit 0 souk stock set KEPT hall 2
expect_exit 0 souk hold create KEPT -o json
held=$(field hold_id < "$work/out")
expect_exit 0 souk hold extend "$held" --ttl 30m
expect_exit 0 souk hold extend "$held" 40m
expect_exit 2 souk hold extend "$held" 40m --ttl 30m
expect_exit 0 souk hold release "$held"
expect_exit 0 souk sku put EMPTY
expect_exit 0 souk stock get EMPTY
grep -q 'nowhere' "$work/last.err" || fail "a SKU without stock is not called so"
# What the catalog lacks is called in a reason as it was asked with.
for who in 1 2 3; do
    expect_exit 0 souk events record purchase GHOST KEPT --customer "G-$who"
done
expect_exit 0 souk rec --session GHOST
grep -q 'with GHOST' "$work/out" || fail "a reason does not name GHOST"
for who in 1 2 3; do
    expect_exit 0 souk customer erase "G-$who" --yes
done
expect_exit 1 souk customer get nope
grep -q 'souk status' "$work/last.err" || fail "an unknown customer has no next step"
# Where something happened: in a file, by hand, in a copy, and in what trends there.
printf '%s\n' kind,sku_id,customer_id,location_id purchase,KEPT,C-7,hall purchase,KEPT,C-8, \
    'purchase,KEPT,C-8,no such' > "$work/where.csv"
expect_exit 1 souk import events "$work/where.csv" -o json
[ "$(field applied < "$work/out")" = 2 ] || fail "two of three events should have been applied"
grep -q '^4,.*location_id' "$work/where.csv.rejects.csv" || fail "the bad location is not named"
expect_exit 0 souk events record purchase KEPT --customer C-9 --location hall
expect_exit 0 souk rec --placement trending --location hall --stock none
grep -q 'trending at hall (2 sessions)' "$work/out" || fail "it does not trend at the hall"
expect_exit 0 souk customer export C-9 -o json
grep -q '"location_id": "hall"' "$work/out" || fail "the export does not say where"
for who in C-7 C-8 C-9; do
    expect_exit 0 souk customer erase "$who" --yes
done
# A copy of a customer, and the end of one.
expect_exit 0 souk customer put C-9 city=Jena
expect_exit 0 souk events record purchase KEPT KEPT --customer C-9
expect_exit 0 souk customer export C-9 -o json
[ "$(field event_count < "$work/out")" = 2 ] || fail "the export has not both events"
expect_exit 0 souk customer export C-9 -o jsonl
[ "$(wc -l < "$work/out")" = 3 ] || fail "the export has not a line for each thing"
expect_exit 1 souk customer export C-9 --visitor
grep -q 'leave --visitor out' "$work/last.err" || fail "a wrong --visitor has no next step"
expect_exit 2 souk customer erase C-9 < /dev/null
grep -q -- '--yes' "$work/last.err" || fail "it does not say how to erase without a terminal"
expect_exit 0 souk customer get C-9
expect_exit 0 souk customer erase C-9 --yes -o json
[ "$(field events_removed < "$work/out")" = 2 ] || fail "the proof does not count the events"
expect_exit 1 souk customer get C-9
expect_exit 1 souk customer export C-9
grep -q -- '--visitor' "$work/last.err" || fail "nobody to export, and no next step"
expect_exit 0 souk customer erase C-9 --yes
grep -q 'nothing was stored' "$work/last.err" || fail "an empty erasure does not say so"
printf 'sku_id,name,price,currency\nA,"Left open,1.00,EUR\nB,Bee,2.00,EUR\nC,See,3.0.0,EUR\n' \
    > "$work/skus.csv"
expect_exit 1 souk import catalog "$work/skus.csv" -o json --rejects "$work/mine.csv"
[ "$(field applied < "$work/out")" = 1 ] || fail "one SKU should have been applied"
[ "$(wc -l < "$work/mine.csv")" = 3 ] || fail "two rows belong into the file of --rejects"
expect_exit 0 souk sku get B
printf 'wrong,columns\n1,2\n' > "$work/wrong.csv"
expect_exit 1 souk import stock "$work/wrong.csv"
# Rows that only the server can judge: a level of a SKU that does not exist.
printf 'sku_id,location_id,on_hand\nB,hall,5\nNONE,hall,5\nB,nowhere,5\n' > "$work/levels.csv"
expect_exit 1 souk import stock "$work/levels.csv" -o json
[ "$(field applied < "$work/out")" = 1 ] || fail "one level should have been applied"
grep -q '^3,"NOT_FOUND"' "$work/levels.csv.rejects.csv" || fail "line 3 is not NOT_FOUND"

# The server dies in the middle, comes back, and nothing is missing or there twice.
souk demo store "$work/store" --events 300000 -o json > /dev/null
for kind in locations catalog stock customers; do
    expect_exit 0 souk import "$kind" "$work/store/$kind.csv" -o json
done
souk import events "$work/store/events.csv" -o json > "$work/import.out" 2> "$work/import.err" &
import=$!
for _ in $(seq 1200); do
    [ "$(souk status -o json | field events)" -gt 20000 ] && break
    kill -0 "$import" 2> /dev/null || fail "the import ended before the kill"
done
kill -9 "$node"
wait "$node" 2> /dev/null || true
start_node "$port"
wait "$import" || fail "the import ended with $?: $(cat "$work/import.err")"
grep -q 'connection is lost' "$work/import.err" || fail "nobody noticed the kill"
[ "$(souk status -o json | field events)" = 300000 ] ||
    fail "$(souk status -o json | field events) events, not 300000"

# The same content again, packed another way: nothing changes, and it says so.
xz -0 -k "$work/store/events.csv"
expect_exit 0 souk import events "$work/store/events.csv.xz" -o json
[ "$(field applied < "$work/out")" = 0 ] || fail "the second run changed something"
[ "$(field duplicates < "$work/out")" = 300000 ] || fail "the second run knows too few"
grep -q 'nothing changed' "$work/last.err" || fail "the second run does not say so"
# A truncated file brings nothing in.
head -c 100000 "$work/store/events.csv.xz" > "$work/half.csv.xz"
expect_exit 1 souk import events "$work/half.csv.xz"
grep -q 'ends early' "$work/last.err" || fail "a truncated file is not called so"
kill -TERM "$node"
code=0
wait "$node" || code=$?
node=
[ "$code" = 0 ] || fail "soukd ended with $code on SIGTERM"
