#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: release
# timeout: 150
# A store of one node becomes a cluster with its data in place; every node takes every call;
# what does not belong is refused with a sentence that helps.
. "$(dirname "$0")/cluster.bash"
cluster_begin "$1"

node_start 1
await "node 1 to answer" 20 node_answers 1
[ "$(port 1 peer)" = None ] || fail "a store of one node has a peer port"
souk_at 1 location put berlin --name Berlin > /dev/null
souk_at 1 sku put MUG --name Mug > /dev/null
souk_at 1 stock set MUG berlin 100 > /dev/null
"$bin/soukd" --dir "$folder/node9" --port 0 --join "$(address 1)" > "$folder/node9.log" 2>&1 &&
  fail "joined through a client port"
grep -q 'cannot start' "$folder/node9.log" || fail "no word on why joining failed"
souk_at 1 cluster init > "$folder/init.out" 2>&1 || fail "cluster init: $(cat "$folder/init.out")"
souk_at 1 cluster init > /dev/null 2>&1 || fail "cluster init twice does harm"
node_start 2 --join "127.0.0.1:$(port 1 peer)"
await "node 2 to answer" 30 node_answers 2
mkdir -p "$folder/node3/identity.new" # in the way of the identity, not of the joining
"$bin/soukd" --dir "$folder/node3" --port 0 --join "127.0.0.1:$(port 2 peer)" > "$folder/node3.log" 2>&1 &&
  fail "an identity was written where there is no room for it"
rmdir "$folder/node3/identity.new"
cp "$folder/node3/joining" "$folder/joining"
node_start 3 --join "127.0.0.1:$(port 2 peer)"
await "node 3 to answer" 30 node_answers 3
await_settled 3 "1, 2, 3"
echo "ok - an empty folder joins through any node, learns, and votes"

[ ! -e "$folder/node3/joining" ] || fail "a nonce of joining is left"
node_kill 3
rm "$folder/node3/cluster"
mv "$folder/joining" "$folder/node3/joining"
"$bin/soukd" --dir "$folder/node3" --port 0 > "$folder/node3.log" 2>&1 && fail "a node that does not know its replicas starts"
grep -q -e '--join again' "$folder/node3.log" || fail "no next step for a joining that was not finished"
node_start 3 --join "127.0.0.1:$(port 2 peer)"
await "node 3 to answer" 30 node_answers 3
await_settled 3 "1, 2, 3"
echo "ok - a node that dies while it joins is the same one when it joins again"

[ "$(souk_at 3 stock get MUG berlin -o json | grep -c '"available": 100')" = 1 ] ||
  fail "the store's data is not what it was"
leader=$(leader_of 1 1)
follower=$((leader % 3 + 1))
souk_at "$follower" hold create MUG:2 --owner a -o json > "$folder/hold.json" || fail "a hold through a follower"
souk_at "$leader" stock get MUG berlin -o json | grep -q '"available": 98' || fail "the leader does not know of it"
hold=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["hold_id"])' "$folder/hold.json")
souk_at "$follower" hold commit "$hold" > /dev/null || fail "a commit through a follower"
souk_at "$follower" hold create MUG:1000 > "$folder/short.out" 2>&1 && fail "more than there is"
grep -q INSUFFICIENT_STOCK "$folder/short.out" || fail "a shortage through a follower: $(cat "$folder/short.out")"
souk_at "$follower" customer put C-1 country=DE > /dev/null || fail "a customer through a follower"
souk_at "$((follower % 3 + 1))" customer get C-1 -o json | grep -q DE || fail "the customer elsewhere"
souk_at "$follower" rec C-1 -o json | grep -q MUG || fail "a recommendation through a follower"
souk_at "$follower" stock list -o json | grep -q MUG || fail "a list through a follower"
souk_at "$follower" stock movements MUG -o json | grep -q MUG || fail "the ledger through a follower"
printf 'sku_id,location_id,delta\nMUG,berlin,5\nNOTHING,berlin,1\nMUG,berlin,-5\n' > "$folder/rows.csv"
souk_at "$follower" stock stream "$folder/rows.csv" --source till-9 -o json > "$folder/stream.out" 2>&1 || true
grep -q '"applied": 2' "$folder/stream.out" || fail "a stream through a follower: $(cat "$folder/stream.out")"
node_answers "$follower" || fail "the follower is gone after a stream"
echo "ok - a follower answers what its leader would"

for shard in 1 2 1000000; do
  souk_at "$follower" shard verify $shard -o json > "$folder/verify.json" 2>&1 || fail "shard verify: $(cat "$folder/verify.json")"
  [ "$(grep -o '"digest": "' "$folder/verify.json" | wc -l)" = 3 ] || fail "not three digests: $(cat "$folder/verify.json")"
done
echo "ok - the replicas of every shard agree, and say so"

souk_at 1 shard transfer 1 "$follower" > /dev/null || fail "shard transfer"
await "node $follower to lead" 20 cluster_is 1 \
  "[s['leader_node_id'] for s in c['shards'] if s['shard_id'] == 1] == [$follower]"
souk_at "$leader" stock get MUG berlin > /dev/null || fail "a read after the transfer"
souk_at 1 shard transfer 1 77 > "$folder/no.out" 2>&1 && fail "led by a node that is not there"
grep -q 'cluster status' "$folder/no.out" || fail "no next step: $(cat "$folder/no.out")"
echo "ok - leadership goes where it is told"

"$bin/soukd" --dir "$folder/other" --port 0 > "$folder/other.log" 2>&1 &
node_pid[8]=$!
await "another store" 20 test -s "$folder/other/ports.json"
kill "${node_pid[8]}" && wait "${node_pid[8]}" || fail "the other store did not stop"
"$bin/soukd" --dir "$folder/other" --port 0 --join "127.0.0.1:$(port 1 peer)" > "$folder/other.log" 2>&1 &&
  fail "a store of its own joined"
grep -q 'empty folder' "$folder/other.log" || fail "no word on the folder"
"$bin/soukd" --dir "$folder/node9" --port 0 --session-gap-s 77 --join "127.0.0.1:$(port 1 peer)" \
  > "$folder/node9.log" 2>&1 && fail "joined with settings that store otherwise"
grep -q session_gap_s "$folder/node9.log" || fail "no word on the setting"
"$bin/soukd" --dir "$folder/node9" --port 0 --peer-listen 0.0.0.0 --join "127.0.0.1:$(port 1 peer)" \
  > "$folder/node9.log" 2>&1 && fail "plain text beyond loopback"
grep -q loopback "$folder/node9.log" || fail "no word on loopback"
echo "ok - what does not belong is refused"

souk_at 1 cluster remove-node 3 > /dev/null || fail "cluster remove-node 3"
await_settled 1 "1, 2"
for shard in 1 2 1000000; do
  souk_at 1 shard transfer $shard 2 > /dev/null || fail "shard transfer $shard 2"
  await "node 2 to lead shard $shard" 20 cluster_is 1 \
    "[s['leader_node_id'] for s in c['shards'] if s['shard_id'] == $shard] == [2]"
done
souk_at 1 cluster remove-node 2 > /dev/null || fail "cluster remove-node 2"
souk_at 1 cluster remove-node 2 > /dev/null || fail "remove-node twice does harm"
await_settled 1 "1"
kill "${node_pid[2]}" && wait "${node_pid[2]}" || fail "node 2 did not stop in order"
souk_at 1 stock set MUG berlin 200 > /dev/null || fail "a write with one node left"
echo "ok - the leader of everything is removed from two nodes, and hands all over first"

for node in 1 3; do kill "${node_pid[$node]}"; done
for node in 1 3; do wait "${node_pid[$node]}" || fail "node $node did not stop in order"; done
echo "ok - all stop in order at once"
