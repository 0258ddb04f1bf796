# SPDX-License-Identifier: Apache-2.0
# Real nodes on loopback, on ports that the system chooses. Sourced by the scripts beside it:
#     cluster_begin BUILD     a temporary folder; everything ends with the script
#     node_start N [FLAG...]  starts node N; await "..." SECONDS node_answers N waits for it
#     cluster_form            nodes 1, 2, 3, all voting
#     await WHAT SECONDS COMMAND...   until the command succeeds, or the script fails
# Time never proves anything here: what is waited for is looked at.
set -eu
declare -A node_pid
folder=""

fail() {
  echo "FAIL: $*" >&2
  for log in "$folder"/*.log; do
    echo "--- $log" >&2
    tail -n 15 "$log" >&2
  done
  exit 1
}

cluster_end() {
  for pid in "${node_pid[@]}"; do
    kill -CONT "$pid" 2> /dev/null || true
    kill -9 "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  rm -rf "$folder"
}

cluster_begin() {
  bin=$1/bin
  folder=$(mktemp -d "${TMPDIR:-/tmp}/souk-cluster-XXXXXX")
  trap cluster_end EXIT
}

await() {
  local what=$1 end=$((SECONDS + $2))
  shift 2
  until "$@" > "$folder/await.out" 2>&1; do
    [ $SECONDS -lt $end ] || { cat "$folder/await.out" >&2; fail "waited in vain: $what"; }
    sleep 0.1
  done
}

port() { # NODE client|peer
  /usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
    "$folder/node$1/ports.json" "$2"
}

address() { echo "127.0.0.1:$(port "$1" client)"; }

# As node N sees it.
souk_at() {
  local node=$1
  shift
  "$bin/souk" --address "$(address "$node")" "$@"
}

node_answers() { [ -s "$folder/node$1/ports.json" ] && souk_at "$1" version && souk_at "$1" location list; }

node_start() {
  local node=$1
  shift
  rm -f "$folder/node$node/ports.json"
  "$bin/soukd" --dir "$folder/node$node" --port 0 "$@" >> "$folder/node$node.log" 2>&1 &
  node_pid[$node]=$!
}

node_kill() {
  kill -9 "${node_pid[$1]}"
  wait "${node_pid[$1]}" 2> /dev/null || true
}

# Asks GetCluster of a node: JQ-like by python, true when the expression over `c` is.
cluster_is() { # NODE EXPRESSION
  souk_at "$1" cluster status -o json > "$folder/status.json" || [ -s "$folder/status.json" ]
  /usr/bin/python3 -c '
import json, sys
c = json.load(open(sys.argv[1]))
print(json.dumps(c, indent=1))
sys.exit(0 if eval(sys.argv[2]) else 1)' "$folder/status.json" "$2"
}

# Every shard has exactly these nodes as voters, none is behind, all are heard from.
settled='all(s["from_leader"] and sorted(r["node_id"] for r in s["replicas"]) == NODES
  and all(r["role"] == "voter" and r["active"] and r["lag"] == 0 for r in s["replicas"])
  for s in c["shards"]) and len(c["shards"]) == 3'

await_settled() { # NODE "1, 2, 3"
  await "nodes $2 to hold every shard" 40 cluster_is "$1" "${settled//NODES/[$2]}"
}

leader_of() { # NODE SHARD
  souk_at "$1" cluster status -o json | /usr/bin/python3 -c '
import json, sys
print([s["leader_node_id"] for s in json.load(sys.stdin)["shards"] if s["shard_id"] == int(sys.argv[1])][0])' "$2"
}

cluster_form() {
  node_start 1
  await "node 1 to answer" 20 node_answers 1
  souk_at 1 cluster init > "$folder/init.out" 2>&1 || fail "cluster init: $(cat "$folder/init.out")"
  node_start 2 --join "127.0.0.1:$(port 1 peer)"
  node_start 3 --join "127.0.0.1:$(port 1 peer)"
  await "node 2 to answer" 30 node_answers 2
  await "node 3 to answer" 30 node_answers 3
  await_settled 1 "1, 2, 3"
}
