#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: coverage
# timeout: 300
# How many lines of the consensus core and of the replica the worlds reach: sixty of `all`
# with three nodes, and ten each with one and with five.
set -u
build=${SOUK_BUILD_ROOT:-$(dirname "$1")}/coverage
sim=$build/bin/souk-sim
least=80 # percent, of either folder
if [ ! -x "$sim" ]; then
    echo "probe failed: no souk-sim in $build (preset coverage)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find "$build/shard" -name '*.gcda' -delete
"$sim" --seeds 1-60 --failures "$work" > /dev/null 2>&1 || exit 1
"$sim" --seeds 1-10 --nodes 1 --failures "$work" > /dev/null 2>&1 || exit 1
"$sim" --seeds 1-10 --nodes 5 --failures "$work" > /dev/null 2>&1 || exit 1

failed=0
for folder in shard/raft shard/replica; do
    (cd "$work" && find "$build/$folder" -name '*.gcda' -exec gcov -n {} + 2> /dev/null) |
        awk -v folder="/$folder/" '
            /^File / { ours = index($0, folder) && /\.c.$/; name = $2 }
            /^Lines executed:/ && ours {
                split($2, part, /[:%]/)
                printf "    %6.2f%% of %4d  %s\n", part[2], $4, name
                lines += $4; reached += $4 * part[2] / 100; ours = 0
            }
            END { if (lines) printf "%.1f %d\n", 100 * reached / lines, lines }' > "$work/out"
    grep '^ ' "$work/out" | sed "s|'.*/|'|" | sort -n
    read -r percent lines <<< "$(tail -n 1 "$work/out")"
    printf '%s: %s%% of %s lines\n' "$folder" "$percent" "$lines"
    name=worlds_reach_most_lines_of_${folder//\//_}
    if awk "BEGIN { exit !(${percent:-0} >= $least) }"; then
        echo "ok - $name"
    else
        failed=1
        echo "not ok - $name"
    fi
done
exit $failed
