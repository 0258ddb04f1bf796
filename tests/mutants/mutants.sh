#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: mutants
# timeout: 400
# Each planted fault that touches stock, storage or replication is caught by an invariant
# within 2,000 seeds, and without one the same build is sound. Faults in what
# recommendations show are the tour's (tests/demo/mutants.sh). Of five in replication the
# worlds do not see the effect yet; the tests of shard/raft and shard/replica do.
set -u
build=${SOUK_BUILD_ROOT:-$(dirname "$1")}/mutants
sim=$build/bin/souk-sim
others=" clicks_ignored erase_incomplete "
others+="raft_vote_unpersisted raft_non_voter_counted raft_older_term_counted "
others+="snapshot_no_members ingest_no_marker "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ ! -x "$sim" ]; then
    echo "probe failed: no souk-sim in $build (preset mutants)"
    exit 77
fi

failed=0
most=100
for mutant in $("$sim" --list-mutants | cut -d' ' -f1); do
    case $others in *" $mutant "*) continue ;; esac
    nodes=3
    [ "$mutant" = read_without_tick ] && nodes=1 # a leader alone has no excuse
    "$sim" --seeds 1-2000 --nodes $nodes --mutant "$mutant" --json > "$work/out" 2> /dev/null
    caught=$(sed -n 's/.*"caught_at_seed":\([0-9]*\).*/\1/p' "$work/out")
    invariant=$(sed -n 's/.*"invariant":"\([a-z_]*\)".*/\1/p' "$work/out")
    if [ -n "$caught" ] && [ -n "$invariant" ]; then
        printf 'ok - %s\n' "$mutant"
        printf '%-20s seed %-5s %s\n' "$mutant" "$caught" "$invariant"
        [ "$caught" -gt "$most" ] && most=$caught
    else
        failed=1
        printf 'not ok - %s\n' "$mutant"
    fi
done

if "$sim" --seeds 1-"$most" --failures "$work" > "$work/out" 2>&1; then
    echo "ok - sound_without_a_fault_on_the_same_$most seeds"
else
    failed=1
    echo "not ok - sound_without_a_fault"
    cat "$work/out" >&2
fi
exit $failed
