# SPDX-License-Identifier: Apache-2.0
# What the scripts of this folder that work with one real node share: sourced, not run, with
# the build folder as $1. Sets `work`, a folder of the script's own; whatever server the script
# has noted in `node` ends with it.
build=$1
work=$(mktemp -d)
node=
PATH=$build/bin:$PATH
finish()
{
    [ -z "$node" ] || kill -9 "$node" 2> /dev/null || true
    wait 2> /dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail()
{
    echo "FAIL: $*" >&2
    tail -n 5 "$work"/*.err >&2 || true
    exit 1
}

field() # NAME < JSON
{
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

expect_exit() # CODE COMMAND...
{
    local wanted=$1 code=0
    shift
    "$@" > "$work/out" 2> "$work/last.err" || code=$?
    [ "$code" = "$wanted" ] || fail "'$*' ended with $code, not $wanted"
}

start_node() # PORT [OPTION...]; sets node, port and SOUK_ADDRESS
{
    rm -f "$work/node/ports.json"
    soukd --dir "$work/node" --port "$@" > "$work/node.err" 2>&1 &
    node=$!
    for _ in $(seq 600); do
        [ -s "$work/node/ports.json" ] && break
        kill -0 "$node" || fail "soukd ended"
        sleep 0.05
    done
    port=$(field client < "$work/node/ports.json")
    export SOUK_ADDRESS=127.0.0.1:$port
}
