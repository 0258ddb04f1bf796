#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: mutants
# timeout: 400
# Each planted fault that touches stock, storage or replication is caught by an invariant
# within 2,000 seeds, and without one the same build is sound on the seed that showed it.
# Faults in what recommendations show are the tour's (tests/demo/mutants.sh).
set -u
build=${SOUK_BUILD_ROOT:-$(dirname "$1")}/mutants
sim=$build/bin/souk-sim
others=" clicks_ignored erase_incomplete "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ ! -x "$sim" ]; then
    echo "probe failed: no souk-sim in $build (preset mutants)"
    exit 77
fi

# Where the first seed that shows it is known to lie; --all looks from 1.
declare -A from=([raft_older_term_counted]=90 [raft_read_without_quorum]=60 [snapshot_no_members]=50
    [hold_no_tombstone]=380)
[ -n "${SOUK_TEST_LONG:-}" ] && from=()

failed=0
seeds=
for mutant in $("$sim" --list-mutants | cut -d' ' -f1); do
    case $others in *" $mutant "*) continue ;; esac
    nodes=3
    [ "$mutant" = read_without_tick ] && nodes=1      # a leader alone has no excuse
    [ "$mutant" = raft_non_voter_counted ] && nodes=5 # with two, quorums still meet
    "$sim" --seeds "${from[$mutant]:-1}-2000" --nodes $nodes --mutant "$mutant" --json > "$work/out" 2> /dev/null
    caught=$(sed -n 's/.*"caught_at_seed":\([0-9]*\).*/\1/p' "$work/out")
    invariant=$(sed -n 's/.*"invariant":"\([a-z_]*\)".*/\1/p' "$work/out")
    if [ -n "$caught" ] && [ -n "$invariant" ]; then
        printf 'ok - %s\n' "$mutant"
        printf '%-20s seed %-5s %s\n' "$mutant" "$caught" "$invariant"
        seeds="$seeds $nodes:$caught"
    else
        failed=1
        printf 'not ok - %s\n' "$mutant"
    fi
done

# The same build without a fault, on each seed that showed one, and on the first forty.
sound() # NODES SEEDS
{
    if ! "$sim" --nodes "$1" --seeds "$2" --failures "$work" > "$work/out" 2>&1; then
        failed=1
        echo "not ok - sound_without_a_fault_on_$2"
        cat "$work/out" >&2
    fi
}
for pair in $(printf '%s\n' $seeds | sort -u); do
    sound "${pair%%:*}" "${pair##*:}-${pair##*:}"
done
sound 3 1-40
[ "$failed" = 1 ] || echo "ok - sound_without_a_fault_on_the_same_seeds"
exit $failed
