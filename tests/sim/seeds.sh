#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# Worlds of every profile from the first seeds, and every schedule that failed once.
set -u
build=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sim=$build/bin/souk-sim
if [ ! -x "$sim" ]; then
    echo "probe failed: no souk-sim in $build"
    exit 77
fi

failed=0
report()
{
    local name=$1
    shift
    if "$sim" "$@" > "$work/out" 2> "$work/err"; then
        echo "ok - $name"
    else
        failed=1
        echo "not ok - $name"
        cat "$work/out" "$work/err" >&2
    fi
}

seeds=1-100
other=1-20
[ -n "${SOUK_TEST_LONG:-}" ] && seeds=1-3000 && other=1-600
report "all_faults_at_once" --seeds $seeds --profile all --failures "$work"
for profile in calm crash net disk; do
    report "profile_$profile" --seeds $other --profile $profile --failures "$work"
done
report "one_node_alone" --seeds $other --profile all --nodes 1 --failures "$work"
report "five_nodes" --seeds $other --profile all --nodes 5 --failures "$work"

# The same seed makes the same history, to the last byte.
"$sim" --seeds 7-7 --history "$work/first" > /dev/null 2>&1
"$sim" --seeds 7-7 --history "$work/second" > /dev/null 2>&1
if [ -s "$work/first" ] && cmp -s "$work/first" "$work/second"; then
    echo "ok - a_seed_makes_one_history"
else
    failed=1
    echo "not ok - a_seed_makes_one_history"
fi

# The file says the same to whoever reads it.
if "$build/bin/souk-check" "$work/first" > "$work/out" 2>&1 &&
    sed '0,/"type":"ok".*"f":"level"/s/\("type":"ok".*"f":"level".*"buckets":\[0,\)/\19/' \
        "$work/first" > "$work/spoilt" && ! cmp -s "$work/first" "$work/spoilt" &&
    ! "$build/bin/souk-check" "$work/spoilt" >> "$work/out" 2>&1; then
    echo "ok - a_history_file_is_judged_alike_and_shows_what_was_planted"
else
    failed=1
    echo "not ok - a_history_file_is_judged_alike_and_shows_what_was_planted"
    cat "$work/out" >&2
fi

for schedule in "$top"/tests/sim/regressions/*.txt; do
    [ -e "$schedule" ] || continue
    report "regression_$(basename "$schedule" .txt)" --replay "$schedule"
done
exit $failed
