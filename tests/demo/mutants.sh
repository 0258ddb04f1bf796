#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: mutants
# timeout: 400
# The walk can fail: with one planted fault at a time it ends with 1 and names the step.
set -eu
build=${SOUK_BUILD_ROOT:-$(dirname "$1")}/mutants
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -x "$build/bin/soukd" ]; then
    echo "probe failed: no soukd in $build (preset mutants)"
    exit 77
fi

failures=0
expect_caught()
{
    local mutant=$1 step=$2 code=0
    SOUK_MUTANT=$mutant "$top/deploy/demo" --bin "$build/bin" --once --events 10000 \
        > "$work/out" 2> "$work/err" || code=$?
    if [ "$code" = 1 ] && grep -q "^demo: step '$step' failed:" "$work/err"; then
        echo "caught $mutant: $(head -c 200 "$work/err" | head -n 1)"
    else
        echo "FAIL: $mutant ended with $code, step '$step' expected" >&2
        tail -n 5 "$work/out" "$work/err" >&2
        failures=$((failures + 1))
    fi
}

expect_caught no_decrement 'last unit'
expect_caught no_expiry 'hold expires'
expect_caught stock_unchecked 'sold out'
expect_caught clicks_ignored 'why this'
expect_caught erase_incomplete erased
expect_caught lost_after_kill 'kill -9'

# And without a fault the same build passes.
"$top/deploy/demo" --bin "$build/bin" --once --events 10000 > "$work/out" 2> "$work/err" ||
    { cat "$work/out" "$work/err" >&2 && failures=$((failures + 1)); }
[ "$failures" = 0 ]
