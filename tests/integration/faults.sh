#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: release
# timeout: 280
# Writers go on while the node that leads is killed, frozen, or all are; a node whose folder is
# lost is replaced. No acknowledged write is lost, none is applied twice, and none fails for good.
. "$(dirname "$0")/cluster.bash"
cluster_begin "$1"
cluster_form
addresses() { echo "$(address 1),$(address 2),$(address 3)"; }
"$bin/kill_writers" prepare "$(address 2)"
await_settled 1 "1, 2, 3"

# Writes for SECONDS through all nodes but the one that is about to fail; then a second later
# COMMAND; afterwards every call is sent again and must come back as it was.
under_writes() { # NAME THROUGH MILLISECONDS COMMAND...
  local name=$1 through=$2 life=$3
  shift 3
  "$bin/kill_writers" write "$through" "$folder/history.$name" $((RANDOM + 1)) "$life" > "$folder/$name.out" 2>&1 &
  local writers=$!
  sleep 1 # somewhere in the middle
  "$@"
  kill -0 $writers 2> /dev/null || fail "$name: the writers ended too soon"
  wait $writers || { cat "$folder/$name.out" >&2; fail "$name: writes failed for good"; }
  echo "# $name: $(cat "$folder/$name.out")"
}

checked() { # NAME NODE
  "$bin/kill_writers" check "$(address "$2")" "$folder/history.$1" || fail "$1: an acknowledged write is lost"
}

leader=$(leader_of 1 1)
others="$(address $((leader % 3 + 1))),$(address $(((leader + 1) % 3 + 1)))"
under_writes kill "$others" 6000 node_kill "$leader"
checked kill $((leader % 3 + 1))
node_start "$leader"
await "the killed node to answer" 30 node_answers "$leader"
await_settled "$leader" "1, 2, 3"
checked kill "$leader"
echo "ok - the leader is killed under writes: nothing lost, nothing twice, nobody notices"

leader=$(leader_of 1 1)
others="$(address $((leader % 3 + 1))),$(address $(((leader + 1) % 3 + 1)))"
freeze() { kill -STOP "${node_pid[$leader]}"; }
under_writes freeze "$others" 6000 freeze
kill -CONT "${node_pid[$leader]}"
await_settled "$leader" "1, 2, 3"
checked freeze "$leader"
echo "ok - the leader is frozen under writes, and thaws as a follower"

for node in 1 2 3; do node_kill "$node"; done
for node in 1 2 3; do node_start "$node"; done
for node in 1 2 3; do await "node $node to answer" 30 node_answers "$node"; done
await_settled 2 "1, 2, 3"
checked freeze 3
"$bin/kill_writers" write "$(addresses)" "$folder/history.verify" 9 2000 > "$folder/verify.out" 2>&1 &
writers=$!
souk_at 3 shard verify 1 > "$folder/verify.txt" 2>&1 || fail "replicas differ under writes: $(cat "$folder/verify.txt")"
wait $writers || fail "writes failed while replicas were compared"
echo "ok - all are killed at once and come back"

node_kill 3
rm -rf "$folder/node3"
"$bin/kill_writers" write "$(address 1),$(address 2)" "$folder/history.replace" 5 2000 > "$folder/replace.out" 2>&1 ||
  { cat "$folder/replace.out" >&2; fail "two of three do not go on"; }
mkdir -p "$folder/node4"
node_start 4 --join "127.0.0.1:$(port 1 peer)"
await "the new node to answer" 30 node_answers 4
souk_at 1 cluster remove-node 3 > /dev/null || fail "cluster remove-node"
await_settled 4 "1, 2, 4"
checked replace 4
node_kill 1
await "the others to go on" 20 souk_at 4 stock list
"$bin/kill_writers" total "$(address 4)" "$folder"/history.* || fail "a level is not what the history says"
echo "ok - a node that lost its folder is replaced, and its replacement counts"
